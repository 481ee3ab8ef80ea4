package mcpoauth

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// host is what flows are carried out with.
type host struct {
	config  *machine.Config
	account string
	// key is that of the credentials in the store.
	key     string
	store   Store
	agent   UserAgent
	network sender
	trace   func(Decision)
	client  func(ctx context.Context, issuer, redirectURI string) (Client, error)
	// signer and assertions are nil if there is none.
	signer     Signer
	assertions AssertionSource
	now        func() time.Time
}

// sender sends requests within their limits.
type sender interface {
	send(ctx context.Context, request *machine.Request) (*answer, machine.Cause, error)
	hop(ctx context.Context, reach machine.Reach, page string) (status int, location string, err error)
}

// driver is a machine and the flow that it is in, if it is in one.
//
// One flow runs at a time, in a goroutine of its own: whoever asks during one waits for it and gets what came of it, and it
// goes on while anybody waits.
type driver struct {
	*host

	// mu is held for moments, never while something is carried out.
	mu      sync.Mutex
	machine *machine.Machine
	// step is what the machine wants now.
	step   machine.Step
	flow   *flow
	closed bool
	// left is the sign-in that the machine waits for, though nobody here can show its page.
	left *leftPending
	// lifetime is that of the token last asked about.
	lifetime lifetime
	// given is the token last given out. Nobody may change it (oauth2.TokenSource), and so all who get it share it.
	given atomic.Pointer[oauth2.Token]
}

// leftPending is a sign-in that goes on wherever its callback arrives.
type leftPending struct {
	// action is the id of the opening of its page.
	action uint64
	needed *NeedsUserError
}

// flow is the carrying out of actions until the machine rests.
type flow struct {
	// values are those of the context of whoever began the flow, without its end.
	values context.Context
	// resumed: it began with a sign-in that was left pending.
	resumed bool
	done    chan struct{}
	// err is what came of it, once done is closed.
	err error

	// The following belong to the driver's mutex.

	waiters int
	// abandoned: nobody waited any more, and so the flow was cancelled.
	abandoned bool
	// ctx is for what is being done, and giveUp ends it: what comes after gets another.
	ctx    context.Context
	giveUp context.CancelFunc

	// The following belong to the goroutine.

	redirect *Redirect
	reach    machine.Reach
	// code is the one that the person was shown.
	code string
	// trouble is what went wrong on our side, behind the failure of the flow.
	trouble error
}

// newDriver drives a machine, or one that knows nothing yet.
func newDriver(host *host, resumed *machine.Machine) (*driver, error) {
	d := &driver{host: host, machine: resumed}
	if resumed == nil {
		fresh, err := machine.New(host.config, host.account)
		if err != nil {
			return nil, err
		}
		d.machine = fresh
	}
	step, err := d.machine.Next()
	if err != nil {
		return nil, err
	}
	d.step = step
	return d, nil
}

// showingNothing is the same host without a user agent.
func (h *host) showingNothing() *host {
	other := *h
	other.agent = NoUserAgent{}
	return &other
}

// event is something that one of the machine's callers tells it.
type event func(*machine.Machine, time.Time) (machine.Step, error)

func connect(m *machine.Machine, now time.Time) (machine.Step, error) { return m.Connect(now) }

func refresh(m *machine.Machine, now time.Time) (machine.Step, error) { return m.Refresh(now) }

func tick(m *machine.Machine, now time.Time) (machine.Step, error) { return m.Tick(now) }

// settle waits for the flow under way, and tells the machine of an event if that has not served its purpose too. Where the
// event begins a flow, it waits for that one. A machine that has not read the stored credentials yet does so first.
func (d *driver) settle(ctx context.Context, event event) (machine.Step, error) {
	for {
		free, err := d.free(ctx)
		if err != nil {
			return machine.Step{}, err
		}
		if !free {
			continue
		}
		step, err := d.tell(event)
		if err != nil || step.Outcome == machine.Ignored {
			d.mu.Unlock()
			return step, err
		}
		return step, d.await(ctx, d.begin(ctx))
	}
}

// load waits for the flow under way, and reads the stored credentials if that was not done yet. It tells where the machine
// rests then.
func (d *driver) load(ctx context.Context) (machine.Kind, error) {
	for {
		free, err := d.free(ctx)
		if err != nil {
			return 0, err
		}
		if !free {
			continue
		}
		if kind := d.step.Next.Kind; kind.Rests() {
			d.mu.Unlock()
			return kind, nil
		}
		if err := d.await(ctx, d.begin(ctx)); err != nil {
			return 0, err
		}
	}
}

// free tells whether no flow is under way, nor a sign-in left pending; then the mutex is held. Otherwise it has waited for the one
// that was, and gives the error of that: theirs was ours, and a second try would ask the user the same again.
func (d *driver) free(ctx context.Context) (bool, error) {
	if ctx.Err() != nil {
		return false, abandoned(ctx)
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return false, ErrClosed
	}
	if d.flow == nil && d.left == nil {
		return true, nil
	}
	if d.flow == nil {
		return false, d.await(ctx, d.begin(ctx))
	}
	lost := d.flow.abandoned
	err := d.await(ctx, d.flow)
	if lost && ctx.Err() == nil {
		// That it was cancelled, when nobody waited for it, was not on our behalf.
		return false, nil
	}
	return false, err
}

// resume tells a machine that waits for it of an event, and waits for what comes of it. It tells whether the event was taken.
func (d *driver) resume(ctx context.Context, event event) (bool, error) {
	d.mu.Lock()
	step, err := d.tell(event)
	if err != nil || step.Outcome == machine.Ignored {
		d.mu.Unlock()
		return false, err
	}
	return true, d.await(ctx, d.begin(ctx))
}

// begin starts a flow. The mutex is held.
func (d *driver) begin(ctx context.Context) *flow {
	f := &flow{
		values:  context.WithoutCancel(ctx),
		resumed: d.left != nil,
		done:    make(chan struct{}),
		reach:   d.config.Reach(),
	}
	f.ctx, f.giveUp = context.WithCancel(f.values)
	d.flow = f
	go d.run(f)
	return f
}

// await waits for what comes of a flow. It gives the mutex back.
func (d *driver) await(ctx context.Context, f *flow) error {
	f.waiters++
	d.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f.waiters--
	if f.waiters == 0 && d.flow == f {
		f.abandoned = true
		d.cancel(f)
	}
	return abandoned(ctx)
}

// cancel ends a flow, unless finishing it is quick and loses nothing. The mutex is held.
func (d *driver) cancel(f *flow) {
	id := d.step.Next.ID
	_, _ = d.tell(func(m *machine.Machine, now time.Time) (machine.Step, error) { return m.Cancel(now) })
	if d.step.Next.ID != id {
		f.turn()
	}
}

// tell hands an event to the machine. The mutex is held.
func (d *driver) tell(event event) (machine.Step, error) {
	step, err := event(d.machine, d.now())
	if err == nil {
		d.step = step
		if d.left != nil && d.left.action != step.Next.ID {
			d.left = nil
		}
	}
	return step, err
}

// answer tells the machine of an event while the mutex is not held, and the observer of what it decided.
func (d *driver) answer(event event) (machine.Step, error) {
	d.mu.Lock()
	step, err := d.tell(event)
	d.mu.Unlock()
	d.observe()
	return step, err
}

func (d *driver) observe() {
	if d.trace == nil {
		return
	}
	decisions, _ := d.machine.TakeTrace()
	for _, decision := range decisions {
		d.trace(decision)
	}
}

// run carries out actions until the machine rests.
func (d *driver) run(f *flow) {
	// A stack is copied each time that it grows, and this one is small and will be deep.
	var room [8 << 10]byte
	grow(&room)
	// Should a callback end this goroutine.
	f.err = errEnded
	defer func() {
		f.closeRedirect()
		if f.err == errEnded {
			d.restart()
		}
		d.mu.Lock()
		if d.closed && f.err != nil {
			f.err = ErrClosed
		}
		d.flow = nil
		f.giveUp()
		d.mu.Unlock()
		close(f.done)
	}()
	f.err = d.carryOutAll(f)
}

//go:noinline
func grow(*[8 << 10]byte) {}

var errEnded = errors.New("mcpoauth: a callback of the configuration ended its goroutine")

// carryOutAll turns a panic of a callback into an error: nobody could recover from it in this goroutine.
func (d *driver) carryOutAll(f *flow) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{value, debug.Stack()}
			d.restart()
		}
	}()
	d.observe()
	for {
		d.mu.Lock()
		step := d.step
		if step.Next.Kind.Rests() {
			d.mu.Unlock()
			if failure := step.Next.Failure; f.resumed && failure != nil && failure.Code == codeExpired {
				// That nobody came in time is no reason not to ask again.
				return nil
			}
			return explain(step.Next.Failure, f.trouble)
		}
		ctx := f.ctx
		d.mu.Unlock()
		if !step.AwaitsRedirect {
			f.closeRedirect()
		}
		if err := d.carryOut(ctx, f, &step); err != nil {
			if needed, ok := err.(*NeedsUserError); !ok || !d.leave(step.Next.ID, needed) {
				d.restart()
			}
			return err
		}
	}
}

// leave lets the machine wait for a sign-in that goes on elsewhere, if it still does.
func (d *driver) leave(action uint64, needed *NeedsUserError) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.step.Next.ID == action {
		d.left = &leftPending{action, needed}
	}
	return d.left != nil
}

// turnAway gives up waiting for a sign-in that was left pending: what is to be done now cannot wait for a person. Whoever gets
// its callback finds it in the store.
func (d *driver) turnAway() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left != nil && d.flow == nil && !d.closed {
		d.beginAnew()
	}
}

// restart gives up a machine that is in the midst of something, for one that knows nothing yet. What it left in the store is
// as good as ever.
func (d *driver) restart() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.beginAnew()
}

// beginAnew is restart while the mutex is held.
func (d *driver) beginAnew() {
	fresh, err := machine.New(d.config, d.account)
	if err != nil {
		return
	}
	step, err := fresh.Next()
	if err != nil {
		return
	}
	d.machine.Close()
	d.machine, d.step, d.left = fresh, step, nil
}

func (d *driver) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// adopt takes over the machine of another driver, which is closed, unless a flow of its own is under way: that is told what
// the other has stored, lest it go on waiting for it.
func (d *driver) adopt(ctx context.Context, other *driver) {
	if !d.takeOver(other) {
		// What cannot be read now is found when it is needed.
		_ = d.storeChanged(ctx)
	}
}

func (d *driver) takeOver(other *driver) bool {
	defer other.close()
	other.mu.Lock()
	defer other.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.flow != nil {
		return false
	}
	d.machine, other.machine = other.machine, d.machine
	d.step, d.left = other.step, nil
	return true
}

// close ends the flow under way and frees the machine.
func (d *driver) close() {
	d.mu.Lock()
	f := d.flow
	d.closed = true
	if f != nil {
		d.cancel(f)
		d.mu.Unlock()
		<-f.done
		d.mu.Lock()
	}
	d.machine.Close()
	d.given.Store(nil)
	d.mu.Unlock()
}

// explain is the error for where the machine came to rest.
func explain(failure *machine.Failure, trouble error) error {
	if failure == nil {
		return nil
	}
	return &flowError{failure, trouble}
}

// turn ends what is being done, since the machine wants something else now. The driver's mutex is held.
func (f *flow) turn() {
	f.giveUp()
	f.ctx, f.giveUp = context.WithCancel(f.values)
}

func (f *flow) closeRedirect() {
	if f.redirect != nil && f.redirect.Close != nil {
		f.redirect.Close()
	}
	f.redirect = nil
}
