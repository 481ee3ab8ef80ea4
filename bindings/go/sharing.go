package mcpoauth

import (
	"context"
	"fmt"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// What comes from elsewhere: tokens that the host has got, and changes of a store that others share?

// ProvidedTokens are tokens that you got by yourself, with everything that they must not be parted from: you vouch for it.
type ProvidedTokens = machine.ProvidedTokens

// ProvideTokens takes tokens that you got elsewhere: they are stored, used, refreshed and stepped up like those of a sign-in
// here. It ends a flow under way. A *[machine.Misuse] names the member that cannot be used.
func (h *Handler) ProvideTokens(ctx context.Context, tokens ProvidedTokens) error {
	return h.get().interrupt(ctx, func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.TokensProvided(tokens, now)
	})
}

// GrantKey is the key under which the store keeps the credentials: the one to watch for changes.
func (h *Handler) GrantKey() string { return h.get().key }

// StoreChanged tells that another process has changed what is stored under [Handler.GrantKey], or may have: it is read, and
// what others have signed in to, refreshed or signed out of holds here too. Whoever waits for their refresh waits no longer,
// and a sign-in that their tokens make unnecessary ends. Nothing is lost where nobody calls it: the next access to the store
// finds out.
func (h *Handler) StoreChanged(ctx context.Context) error { return h.get().storeChanged(ctx) }

func (d *driver) storeChanged(ctx context.Context) error {
	if d.isClosed() {
		return ErrClosed
	}
	record, err := d.store.Load(ctx, d.key)
	if err != nil {
		return fmt.Errorf("mcpoauth: the stored credentials could not be read: %w", err)
	}
	if record.Generation == 0 {
		record.Body = nil
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return ErrClosed
	}
	step, err := d.tell(func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.StoreChanged(record.Body, now)
	})
	f := d.flow
	if f != nil && err == nil && step.Outcome == machine.Advanced {
		f.turn()
	}
	if f == nil && err == nil && step.Outcome == machine.Advanced && !step.Next.Kind.Rests() {
		// A sign-in that was left pending is not needed any more.
		return d.await(ctx, d.begin(ctx))
	}
	d.mu.Unlock()
	if err != nil || f != nil || step.Outcome != machine.Advanced {
		return err
	}
	d.observe()
	return explain(step.Next.Failure, nil)
}

// interrupt ends the flow under way, if there is one, and tells the machine of an event that begins another.
func (d *driver) interrupt(ctx context.Context, event event) error {
	for ctx.Err() == nil {
		d.turnAway()
		d.mu.Lock()
		switch {
		case d.closed:
			d.mu.Unlock()
			return ErrClosed
		case d.flow != nil:
			d.cancel(d.flow)
			// What it came to is not our business.
			_ = d.await(ctx, d.flow)
			continue
		}
		step, err := d.tell(event)
		if err != nil {
			d.mu.Unlock()
			return err
		}
		err = d.await(ctx, d.begin(ctx))
		if step.Outcome == machine.Ignored && !step.Next.Kind.Rests() {
			// The stored credentials had not been read yet.
			continue
		}
		return err
	}
	return abandoned(ctx)
}
