package machine

import (
	"errors"
	"fmt"
)

// Outcome is what became of an event.
type Outcome uint8

const (
	// Advanced: the machine moved on.
	Advanced Outcome = 1
	// Joined: a flow that serves the same need is under way: wait for it.
	Joined Outcome = 2
	// Ignored: nothing changed; Step.Ignored says why.
	Ignored Outcome = 3
)

// Reason is why an event changed nothing.
type Reason uint8

const (
	// Stale: an answer to an action that was already answered or given up.
	Stale Reason = 1
	// NoPendingSignIn: no sign-in waits for a callback.
	NoPendingSignIn Reason = 2
	// OtherState: the callback belongs to another sign-in, or is forged.
	OtherState Reason = 3
	// Superseded: the request carried an older token, or none: repeat it with the current one.
	Superseded Reason = 4
	// NotAuthorization: the answer of the MCP server is nothing that authorization could mend.
	NotAuthorization Reason = 5
	// NotDue: it is not time yet.
	NotDue Reason = 6
	// NothingToDo: there is nothing to refresh or cancel.
	NothingToDo Reason = 7
	// TooLate: credentials are being written or exchanged: finishing is quick and loses nothing.
	TooLate Reason = 8
	// FlowUnderWay: cancel it first, or wait for its end.
	FlowUnderWay Reason = 9
	// Outdated: the machine knows a newer grant than the one it is told of.
	Outdated Reason = 10
)

var reasons = map[Reason]string{
	Stale: "stale", NoPendingSignIn: "no_pending_sign_in", OtherState: "other_state", Superseded: "superseded",
	NotAuthorization: "not_authorization", NotDue: "not_due", NothingToDo: "nothing_to_do", TooLate: "too_late",
	FlowUnderWay: "flow_under_way", Outdated: "outdated",
}

// String names the reason.
func (r Reason) String() string {
	if name, known := reasons[r]; known {
		return name
	}
	return "unknown"
}

// Cause is why a request got no answer.
type Cause uint8

const (
	// DNS: the name did not resolve.
	DNS Cause = 1
	// Connect: no connection.
	Connect Cause = 2
	// TLS: the handshake or the certificate failed.
	TLS Cause = 3
	// Blocked: the address lies outside the request's reach.
	Blocked Cause = 4
	// Timeout: the time limit passed; the server may have acted.
	Timeout Cause = 5
	// Interrupted: the connection broke after the request went out; the server may have acted.
	Interrupted Cause = 6
	// TooLarge: the answer was larger than the limit; the server has acted.
	TooLarge Cause = 7
)

var causes = map[Cause]string{
	DNS: "dns", Connect: "connect", TLS: "tls", Blocked: "blocked", Timeout: "timeout", Interrupted: "interrupted",
	TooLarge: "too_large",
}

// String names the cause.
func (c Cause) String() string {
	if name, known := causes[c]; known {
		return name
	}
	return "unknown"
}

// Refusal is why a host declined an action.
type Refusal uint8

const (
	// NeedsUser: a person is needed and none is there.
	NeedsUser Refusal = 1
	// Denied: the person said no.
	Denied Refusal = 2
	// Unable: the host tried and could not.
	Unable Refusal = 3
)

// StoreResult is what the host's store did.
type StoreResult uint8

const (
	// Loaded answers Load: the record's bytes as they were saved.
	Loaded StoreResult = 1
	// Nothing answers Load: there is no record.
	Nothing StoreResult = 2
	// Done answers Save and Delete: it happened, durably.
	Done StoreResult = 3
	// Conflict answers Save and Delete: the store holds another generation than expected; nothing was changed.
	Conflict StoreResult = 4
	// StoreFailed: the store could not be read or written.
	StoreFailed StoreResult = 5
)

var (
	// ErrMisuse: an event that the host should not have given; nothing changed. Every *[Misuse] is one.
	ErrMisuse = errors.New("machine: a call that the host should not have made")
	// ErrClosed: the machine was closed, or it or the configuration was never made.
	ErrClosed = errors.New("machine: closed, or never made")
	// ErrPanicked: a defect of the library; the machine can only be closed now.
	ErrPanicked = errors.New("machine: a defect of the library")
)

// Misuse is an event that the host should not have given.
type Misuse struct {
	// Name is the stable name of the mistake.
	Name string
	// Text says it in a sentence.
	Text string
	// Member is which member of the tokens that were provided cannot be used; empty for every other mistake.
	Member string
}

// Error says what was wrong.
func (m *Misuse) Error() string { return "machine: " + m.Text }

// Is tells whether target is [ErrMisuse], or a Misuse of the same name.
func (m *Misuse) Is(target error) bool {
	other, ok := target.(*Misuse)
	return target == ErrMisuse || ok && other.Name == m.Name
}

// SettingsError is a configuration that cannot work.
type SettingsError struct {
	// Field is the setting at fault, by the name that all languages share: server_url, redirect_uri …
	Field string
	// Problem is what is wrong with it.
	Problem string
}

// Error says what is wrong.
func (e *SettingsError) Error() string { return fmt.Sprintf("machine: %s: %s", e.Field, e.Problem) }

// RecordError is bytes that are no record of this library, or none that it can use. Never a reason to overwrite them.
type RecordError struct {
	// Name is malformed, too_new, foreign or unusable.
	Name string
	// Text says it in a sentence.
	Text string
}

// Error says what is wrong.
func (e *RecordError) Error() string { return "machine: " + e.Text }
