package mcpoauth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// Begin begins a sign-in that [Handler.Finish] ends, in this or another process: the form for web back ends, whose redirect
// URI is a page of theirs. It returns the page to send the user to, or nil if there is a usable token already. The sign-in
// is pending in the store until then, and opens nothing here, whatever the user agent.
func (h *Handler) Begin(ctx context.Context) (*Page, error) {
	if h.get().isClosed() {
		return nil, ErrClosed
	}
	aside, err := newDriver(h.get().showingNothing(), nil)
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	defer aside.close()
	_, err = aside.settle(ctx, connect)
	var needed *NeedsUserError
	if errors.As(err, &needed) {
		return needed.Page(), nil
	}
	if err == nil {
		h.get().adopt(ctx, aside)
	}
	return nil, err
}

// Finish ends the sign-in to which a callback belongs: one of [Handler.Begin], or one that ended with a *[NeedsUserError], for
// the same account and with the same settings. It takes the whole URL that the user came back with. Of two processes that
// get the same callback, one alone finishes; the other is told [ErrUnknownSignIn], or code flow_taken.
//
// Whose callback it is, the caller must know by a session of its own: the account is not in the URL.
func (h *Handler) Finish(ctx context.Context, callbackURL string) error {
	if h.get().isClosed() {
		return ErrClosed
	}
	record, err := pendingRecord(ctx, h.get().store, callbackURL)
	if err != nil {
		return err
	}
	pending, err := machine.Resume(h.get().config, h.get().account, record)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknownSignIn, err)
	}
	aside, err := newDriver(h.get().showingNothing(), pending)
	if err != nil {
		return fmt.Errorf("mcpoauth: %w", err)
	}
	defer aside.close()
	taken, err := aside.resume(ctx, func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.Callback(callbackURL, now)
	})
	if err != nil {
		return err
	}
	if !taken {
		return ErrUnknownSignIn
	}
	h.get().adopt(ctx, aside)
	return nil
}
