package mcpoauth

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// Which sign-in does a callback belong to?

// ErrFull is what [Pending.Add] returns when as many sign-ins wait as may.
var ErrFull = machine.ErrFull

// Pending is the sign-ins that wait for a callback in this process, each found by the state of its page, once: for a listener
// that serves several, a handler of deep links, a gateway. What it answers to a callback that it does not know, to one that
// came before and to one that comes too late is the same: nothing. Safe for concurrent use.
type Pending[T any] struct {
	mu     sync.Mutex
	states *machine.Pending
	values map[uint64]T
	last   uint64
}

// NewPending is for at most capacity sign-ins at once.
func NewPending[T any](capacity int) *Pending[T] {
	return &Pending[T]{states: machine.NewPending(capacity), values: make(map[uint64]T)}
}

// Add remembers the sign-in of a page until it expires, and with it a value of yours: a channel on which it waits, for
// instance. It is [ErrFull] when none of those that wait has expired.
func (p *Pending[T]) Add(page *Page, value T) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.expire()
	before, replaced, err := p.states.Insert(page.State(), page.ExpiresAt, p.last+1, now)
	if err != nil {
		return err
	}
	if replaced {
		delete(p.values, before)
	}
	p.last++
	p.values[p.last] = value
	return nil
}

// Take takes the sign-in that a callback belongs to, by the whole URL; the same callback finds nothing afterwards. Proves
// nothing but that its state is known: the handler checks the whole callback.
func (p *Pending[T]) Take(callbackURL string) (value T, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.remove(p.states.Take(callbackURL, p.expire()))
}

// Forget forgets a sign-in that has ended otherwise.
func (p *Pending[T]) Forget(page *Page) (value T, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.remove(p.states.Forget(page.State()))
}

// Len is how many wait.
func (p *Pending[T]) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
	return p.states.Len()
}

func (p *Pending[T]) remove(id uint64, found bool) (T, bool) {
	value := p.values[id]
	delete(p.values, id)
	return value, found
}

// expire drops what has expired by now.
func (p *Pending[T]) expire() (now time.Time) {
	now = time.Now()
	for {
		id, found := p.states.TakeExpired(now)
		if !found {
			return now
		}
		delete(p.values, id)
	}
}

// Format shows nothing of what waits.
func (p *Pending[T]) Format(f fmt.State, _ rune) { io.WriteString(f, "Pending") }

// SignIn is a sign-in that is pending in a store.
type SignIn = machine.Flow

// FindSignIn tells whose sign-in a callback claims to belong to, by what is stored: which account at which server it was begun
// for, and so whose handler is to finish it, in whatever process. It is [ErrUnknownSignIn] for one that nobody waits for. The
// callback proves nothing yet, and that it came from this account's user least of all: compare it with a session of your own.
func FindSignIn(ctx context.Context, store Store, callbackURL string) (*SignIn, error) {
	record, err := pendingRecord(ctx, store, callbackURL)
	if err != nil {
		return nil, err
	}
	found, err := machine.DescribeFlow(record)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownSignIn, err)
	}
	return found, nil
}

// pendingRecord is the record of the sign-in that a callback claims to belong to.
func pendingRecord(ctx context.Context, store Store, callbackURL string) ([]byte, error) {
	key, err := machine.KeyOfCallback(callbackURL)
	if err != nil || key == "" {
		return nil, ErrUnknownSignIn
	}
	record, err := store.Load(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: the sign-in could not be read: %w", err)
	}
	if record.Generation == 0 {
		return nil, ErrUnknownSignIn
	}
	return record.Body, nil
}
