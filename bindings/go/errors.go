package mcpoauth

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/oauth2"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

var (
	// ErrNeedsUser: a person must sign in, and none is at hand. errors.As finds the *[NeedsUserError] with the page.
	ErrNeedsUser = errors.New("mcpoauth: a person must sign in")
	// ErrDenied is what a [UserAgent] returns when the person said no.
	ErrDenied = errors.New("mcpoauth: the person said no")
	// ErrClosed: the handler was closed.
	ErrClosed = errors.New("mcpoauth: the handler is closed")
	// ErrConflict is what a [Store] returns when it holds another generation than expected.
	ErrConflict = errors.New("mcpoauth: the store holds another generation of the record")
	// ErrUnknownSignIn: no pending sign-in belongs to the callback: it is forged, too late, or was taken already.
	ErrUnknownSignIn = errors.New("mcpoauth: no pending sign-in belongs to this callback")
	// ErrMisuse: the machine did not take what a user agent or a client source gave it. errors.As finds the *[machine.Misuse].
	ErrMisuse = machine.ErrMisuse
)

// Advice is what to do about an [Error].
type Advice = machine.Advice

// What to do about an [Error].
const (
	// RetryAfter: try again once Error.RetryAfter has passed.
	RetryAfter = machine.RetryAfter
	// Restart: begin a new sign-in; nothing else is lost.
	Restart = machine.Restart
	// Reconfigure: trying again with the same configuration will fail again.
	Reconfigure = machine.Reconfigure
	// AskUser: bring a person: they must sign in, or decide.
	AskUser = machine.AskUser
	// Stop: give up on this server: it is wrong or hostile.
	Stop = machine.Stop
)

// The codes that the driver itself looks at.
const (
	codeCancelled       = "cancelled"
	codeExpired         = "expired"
	codeNeedsUser       = "needs_user"
	codeRefreshRejected = "refresh_rejected"
)

// flowError is what a caller gets for a flow that failed.
type flowError struct {
	failure *Error
	// cause is what went wrong on our side behind it, if anything did.
	cause error
}

// Error says what happened.
func (e *flowError) Error() string {
	text := "mcpoauth: " + e.failure.Text
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap gives the *[Error], and what the store or the user agent said. A refused refresh is also an *[oauth2.RetrieveError],
// by which other libraries recognise that only a new sign-in helps.
func (e *flowError) Unwrap() []error {
	causes := []error{e.failure}
	if e.cause != nil {
		causes = append(causes, e.cause)
	}
	if e.failure.Code == codeRefreshRejected {
		causes = append(causes, &oauth2.RetrieveError{ErrorCode: "invalid_grant", ErrorDescription: e.failure.ServerText})
	}
	return causes
}

// NeedsUserError says that a person must sign in, and where. The sign-in is pending in the store until it expires: send the
// person to the page, and give the URL with which they come back to [Handler.Finish], in this or another process.
// It is [ErrNeedsUser] to errors.Is.
type NeedsUserError struct {
	page *Page
}

// URL is the page for the person. It carries the state of the sign-in: it belongs on their screen, not into a log.
func (e *NeedsUserError) URL() string { return e.page.URL() }

// Page tells more about what the person will be asked.
func (e *NeedsUserError) Page() *Page { return e.page }

// Error says that a person is needed, and by which authorization server.
func (e *NeedsUserError) Error() string {
	return ErrNeedsUser.Error() + " at " + e.page.Issuer
}

// Unwrap gives [ErrNeedsUser], and the *[Error] that says the same.
func (e *NeedsUserError) Unwrap() []error {
	return []error{ErrNeedsUser, &Error{
		Code: codeNeedsUser, Stage: "authorization", Fault: "user", Advice: AskUser,
		Text: "a person must sign in", Clause: "MCP authorization", Subject: e.page.Issuer,
	}}
}

// Format keeps the page out of every form.
func (e NeedsUserError) Format(f fmt.State, _ rune) { io.WriteString(f, e.Error()) }

// PanicError is what becomes of a panic in a store, a user agent or a callback of the configuration.
type PanicError struct {
	value any
	stack []byte
}

// Value is what was given to panic. It is not part of the message, since nobody knows what it holds.
func (e *PanicError) Value() any { return e.value }

// Stack is the stack of the goroutine that panicked.
func (e *PanicError) Stack() []byte { return e.stack }

// Error says that there was a panic.
func (e *PanicError) Error() string { return "mcpoauth: a panic ended the flow" }

// Format keeps the value out of every form.
func (e PanicError) Format(f fmt.State, _ rune) { io.WriteString(f, e.Error()) }

// abandoned says that a caller lost interest.
func abandoned(ctx context.Context) error {
	return fmt.Errorf("mcpoauth: %w", context.Cause(ctx))
}
