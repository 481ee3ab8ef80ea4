package mcpoauth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// carryOut does what one action says and tells the machine what came of it. An answer to an action that the machine has given
// up meanwhile is ignored there. An error ends the flow, and with it the machine.
func (d *driver) carryOut(ctx context.Context, f *flow, step *machine.Step) error {
	next := &step.Next
	switch next.Kind {
	case machine.HTTP:
		return d.request(ctx, f, next)
	case machine.BindRedirect:
		return d.bind(ctx, f, next)
	case machine.OpenURL:
		return d.visit(ctx, f, step)
	case machine.Load:
		return d.loadRecord(ctx, f, next)
	case machine.Save:
		return d.saveRecord(ctx, f, next)
	case machine.Delete:
		return d.stored(f, next.ID, d.store.Delete(ctx, next.Access.Key, next.Access.Expected))
	case machine.AskForClient:
		return d.provide(ctx, f, next)
	case machine.Wait:
		return d.wait(ctx, next)
	case machine.Sign:
		return d.sign(ctx, f, next)
	case machine.FetchAssertion:
		return d.fetchAssertion(ctx, f, next)
	case machine.ShowCode:
		return d.showCode(ctx, f, next)
	default:
		return errUnknownAction
	}
}

var errUnknownAction = errors.New("mcpoauth: the machine wants what this version cannot do")

func (d *driver) request(ctx context.Context, f *flow, next *machine.Next) error {
	f.reach = next.Request.Reach
	answer, cause, _ := d.network.send(ctx, next.Request)
	_, err := d.answer(func(m *machine.Machine, now time.Time) (machine.Step, error) {
		if answer == nil {
			return m.Unreachable(next.ID, cause, now)
		}
		return m.Reply(next.ID, answer.status, answer.header, answer.body, now)
	})
	return err
}

func (d *driver) bind(ctx context.Context, f *flow, next *machine.Next) error {
	redirect, err := d.agent.Bind(ctx, next.RedirectURI)
	if err != nil {
		return d.decline(f, next.ID, err)
	}
	f.closeRedirect()
	f.redirect = redirect
	_, err = d.answer(func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.RedirectBound(next.ID, redirect.URI, now)
	})
	return d.taken(f, next.ID, err)
}

// visit shows a page and waits for the user to come back.
func (d *driver) visit(ctx context.Context, f *flow, step *machine.Step) error {
	next := &step.Next
	d.mu.Lock()
	left := d.left
	d.mu.Unlock()
	if left != nil && left.action == next.ID {
		return d.revisit(ctx, left)
	}
	page := &Page{
		Issuer:      next.Issuer,
		RedirectURI: next.RedirectURI,
		Scopes:      strings.Fields(next.Page.Scopes),
		NewScopes:   strings.Fields(next.Page.NewScopes),
		ExpiresAt:   step.Deadline,
		state:       Secret(next.Page.State),
		url:         Secret(next.Page.URL),
		hops: func(ctx context.Context, url string) (int, string, error) {
			return d.network.hop(ctx, f.reach, url)
		},
	}
	callback, err := d.agent.Open(ctx, page)
	switch {
	case ctx.Err() != nil:
		// Given up meanwhile.
		return nil
	case errors.Is(err, ErrNeedsUser):
		// Left pending in the store, for whoever gets the callback.
		return &NeedsUserError{page}
	case err != nil:
		return d.decline(f, next.ID, err)
	case callback != "":
		came, err := d.cameBack(callback)
		if err == nil && came.Next.ID == next.ID {
			// No other callback will come, since nobody was sent anywhere.
			err = d.decline(f, next.ID, errOtherCallback)
		}
		return d.taken(f, next.ID, err)
	case f.redirect == nil || f.redirect.Callbacks == nil:
		return d.decline(f, next.ID, errNoCallback)
	}
	return d.awaitCallback(ctx, f, step)
}

// revisit looks whether a sign-in that was left pending has ended: on the clock, and in the store, where another process may have
// taken its callback, or signed in otherwise. If not, the page that is needed is still the same, and no server is asked.
func (d *driver) revisit(ctx context.Context, left *leftPending) error {
	step, err := d.answer(tick)
	if err == nil && step.Next.ID == left.action {
		if d.isTaken(ctx, left.needed.page) {
			d.restart()
			return nil
		}
		record, failure := d.store.Load(ctx, d.key)
		if failure != nil || record.Generation == 0 {
			return left.needed
		}
		step, err = d.answer(func(m *machine.Machine, now time.Time) (machine.Step, error) {
			return m.StoreChanged(record.Body, now)
		})
	}
	if err == nil && step.Next.ID == left.action {
		return left.needed
	}
	return err
}

// isTaken tells whether the callback of a pending sign-in has come already.
func (d *driver) isTaken(ctx context.Context, page *Page) bool {
	key, err := machine.KeyOfCallback(page.URL())
	if err != nil {
		return false
	}
	record, err := d.store.Load(ctx, key)
	return err == nil && record.Generation == 0
}

var (
	errOtherCallback = errors.New("mcpoauth: the authorization server answered with what is no answer to our request")
	errNoCallback    = errors.New("mcpoauth: the user agent shows pages but receives no callbacks")
)

// clockPause is how often the clock is looked at: a machine that slept for the night wakes up late.
const clockPause = 20 * time.Second

func (d *driver) awaitCallback(ctx context.Context, f *flow, step *machine.Step) error {
	clock := time.NewTimer(d.until(step.Deadline))
	defer clock.Stop()
	for {
		var came machine.Step
		var err error
		select {
		case <-ctx.Done():
			return nil
		case callback, open := <-f.redirect.Callbacks:
			if !open {
				return d.decline(f, step.Next.ID, errNoCallback)
			}
			came, err = d.cameBack(callback)
		case <-clock.C:
			came, err = d.answer(tick)
			clock.Reset(max(d.until(step.Deadline), time.Second))
		}
		if err != nil || came.Next.ID != step.Next.ID {
			return d.taken(f, step.Next.ID, err)
		}
	}
}

func (d *driver) until(deadline time.Time) time.Duration {
	if deadline.IsZero() {
		return clockPause
	}
	// Round strips the monotonic reading, which stands still while the machine sleeps.
	return min(deadline.Sub(d.now().Round(0)), clockPause)
}

func (d *driver) cameBack(callback string) (machine.Step, error) {
	return d.answer(func(m *machine.Machine, now time.Time) (machine.Step, error) { return m.Callback(callback, now) })
}

func (d *driver) loadRecord(ctx context.Context, f *flow, next *machine.Next) error {
	record, err := d.store.Load(ctx, next.Access.Key)
	result := machine.Loaded
	switch {
	case err != nil:
		return d.stored(f, next.ID, err)
	case record.Generation == 0:
		result = machine.Nothing
	}
	_, err = d.answer(func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.Stored(next.ID, result, record.Body, now)
	})
	return err
}

func (d *driver) saveRecord(ctx context.Context, f *flow, next *machine.Next) error {
	access := next.Access
	record := Record{access.Generation, access.Record, access.ExpiresAt}
	return d.stored(f, next.ID, d.store.Save(ctx, access.Key, access.Expected, record))
}

// stored tells the machine what became of an access.
func (d *driver) stored(f *flow, id uint64, failure error) error {
	result := machine.Done
	switch {
	case errors.Is(failure, ErrConflict):
		result = machine.Conflict
	case failure != nil:
		result = machine.StoreFailed
		f.trouble = failure
	}
	_, err := d.answer(func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.Stored(id, result, nil, now)
	})
	return err
}

// wait does nothing until then: another process refreshes the tokens, or a person signs in on another device.
func (d *driver) wait(ctx context.Context, next *machine.Next) error {
	clock := time.NewTimer(d.until(next.Until))
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-clock.C:
		}
		step, err := d.answer(tick)
		if err != nil || step.Next.ID != next.ID {
			return err
		}
		clock.Reset(max(d.until(next.Until), waitPause))
	}
}

// waitPause is how soon the clock is looked at again when it has not come as far as the timer.
const waitPause = 10 * time.Millisecond

func (d *driver) provide(ctx context.Context, f *flow, next *machine.Next) error {
	if d.client == nil {
		return d.decline(f, next.ID, nil)
	}
	client, err := d.client(ctx, next.Issuer, next.RedirectURI)
	if err != nil {
		return d.decline(f, next.ID, err)
	}
	_, err = d.answer(func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.ClientProvided(next.ID, client, now)
	})
	return d.taken(f, next.ID, err)
}

var (
	errNoSigner     = errors.New("mcpoauth: there is a key in the settings, and no signer in the options")
	errNoAssertions = errors.New("mcpoauth: the grant needs a source of assertions in the options")
	errShowsNoCode  = errors.New("mcpoauth: the user agent shows no codes")
)

func (d *driver) sign(ctx context.Context, f *flow, next *machine.Next) error {
	if d.signer == nil {
		return d.decline(f, next.ID, errNoSigner)
	}
	signature, err := d.signer.Sign(ctx, next.Signing)
	if err != nil {
		return d.decline(f, next.ID, err)
	}
	_, err = d.answer(func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.Signed(next.ID, signature, now)
	})
	return d.taken(f, next.ID, err)
}

func (d *driver) fetchAssertion(ctx context.Context, f *flow, next *machine.Next) error {
	if d.assertions == nil {
		return d.decline(f, next.ID, errNoAssertions)
	}
	assertion, err := d.assertions(ctx, next.Assertion)
	if err != nil {
		return d.decline(f, next.ID, err)
	}
	_, err = d.answer(func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.AssertionProvided(next.ID, assertion, now)
	})
	return d.taken(f, next.ID, err)
}

// showCode shows a code once, and waits until the machine looks whether the person has entered it.
func (d *driver) showCode(ctx context.Context, f *flow, next *machine.Next) error {
	agent, ok := d.agent.(CodeUserAgent)
	if !ok {
		return d.decline(f, next.ID, errShowsNoCode)
	}
	if f.code != next.Code.UserCode {
		if err := agent.ShowCode(ctx, userCode(next)); err != nil {
			return d.decline(f, next.ID, err)
		}
		f.code = next.Code.UserCode
	}
	return d.wait(ctx, next)
}

// decline tells the machine that an action was not carried out, and why.
func (d *driver) decline(f *flow, id uint64, cause error) error {
	refusal := machine.Unable
	switch {
	case errors.Is(cause, ErrNeedsUser):
		refusal = machine.NeedsUser
	case errors.Is(cause, ErrDenied):
		refusal = machine.Denied
	}
	f.trouble = cause
	_, err := d.answer(func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.Declined(id, refusal, now)
	})
	return err
}

// taken declines an action whose answer the machine did not take: the user agent or the client source is wrong, and there is
// no other answer.
func (d *driver) taken(f *flow, id uint64, err error) error {
	if errors.Is(err, ErrMisuse) {
		return d.decline(f, id, err)
	}
	return err
}
