package machine

import (
	"fmt"
	"io"
	"time"
)

// Kind says what the machine wants, or where it rests.
type Kind uint8

const (
	// HTTP: send one request within its limits. Answer with Reply or Unreachable.
	HTTP Kind = 1
	// BindRedirect: make ready to receive the redirect. Answer with RedirectBound or Declined.
	BindRedirect Kind = 2
	// OpenURL: open a page in the user's browser. Answer with Callback or Declined.
	OpenURL Kind = 3
	// Load: read a record. Answer with Stored.
	Load Kind = 4
	// Save: write a record, compare-and-swap. Answer with Stored.
	Save Kind = 5
	// Delete: remove a record, compare-and-swap. Answer with Stored.
	Delete Kind = 6
	// AskForClient: find a client registered with an issuer. Answer with ClientProvided or Declined.
	AskForClient Kind = 7
	// Wait: do nothing until then, since another process is refreshing the tokens. Answer with Tick, not before; or with
	// StoreChanged, if you learn of it earlier.
	Wait Kind = 8
	// Sign: sign, with a key that you keep. Answer with Signed or Declined.
	Sign Kind = 9
	// FetchAssertion: give an assertion that somebody else has issued. Answer with AssertionProvided or Declined.
	FetchAssertion Kind = 10
	// ShowCode: show the person a code, and where to enter it. Answer with Tick, not before Until; or with Declined. It comes
	// again after each look whether they have finished, and is to be shown again only if the code is another.
	ShowCode Kind = 11

	// Idle: no tokens are held, and nobody has asked for any.
	Idle Kind = 32
	// Authorized: tokens are held.
	Authorized Kind = 33
	// SignedOut: the credentials were forgotten.
	SignedOut Kind = 34
	// Failed: the last flow ended without new tokens; Failure says why. Tokens held before may still be good.
	Failed Kind = 35
)

// Rests tells whether the machine wants nothing.
func (k Kind) Rests() bool { return k >= Idle }

var kinds = map[Kind]string{
	HTTP: "http", BindRedirect: "bind_redirect", OpenURL: "open_url", Load: "load", Save: "save", Delete: "delete",
	AskForClient: "ask_for_client", Wait: "wait", Sign: "sign", FetchAssertion: "fetch_assertion", ShowCode: "show_code", Idle: "idle", Authorized: "authorized", SignedOut: "signed_out", Failed: "failed",
}

// String names the kind.
func (k Kind) String() string {
	if name, known := kinds[k]; known {
		return name
	}
	return "unknown"
}

// Next is what the machine wants now, or where it rests. Fields that do not belong to its kind are zero.
type Next struct {
	Kind Kind
	// ID names the action; an answer carries it.
	ID uint64
	// Request belongs to HTTP.
	Request *Request
	// RedirectURI belongs to BindRedirect (the preferred one; port 0 stands for any free port), OpenURL and AskForClient.
	RedirectURI string
	// Issuer belongs to OpenURL, AskForClient and ShowCode: the authorization server.
	Issuer string
	// Page belongs to OpenURL.
	Page *Page
	// Access belongs to Load, Save and Delete.
	Access *Access
	// Signing belongs to Sign.
	Signing *SignRequest
	// Assertion belongs to FetchAssertion.
	Assertion *AssertionRequest
	// Code belongs to ShowCode.
	Code *Code
	// Until belongs to Wait and ShowCode.
	Until time.Time
	// Failure belongs to Failed.
	Failure *Failure
}

// String shows what is wanted, without the data.
func (n Next) String() string { return fmt.Sprintf("Next(%s, %d)", n.Kind, n.ID) }

// Format implements [fmt.Formatter]: the same in every form.
func (n Next) Format(f fmt.State, _ rune) { io.WriteString(f, n.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (n Next) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// Request is one HTTP request, complete, with the limits that the host must keep.
type Request struct {
	Method  string
	URL     string
	Headers []Header
	// Body may carry a code, a verifier or a client secret. Nil for none.
	Body []byte
	// Timeout is for the whole exchange, name resolution to last byte.
	Timeout time.Duration
	// MaxBodyBytes is how much of an answer to read; answer Unreachable with TooLarge when there is more.
	MaxBodyBytes int64
	// Reach says to which addresses the request may go.
	Reach Reach
	// Purpose says what the request is for, for logs.
	Purpose string
}

// String shows what the request is for.
func (r Request) String() string { return "Request(" + r.Purpose + ", " + r.Method + ")" }

// Format implements [fmt.Formatter]: the same in every form.
func (r Request) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (r Request) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Header is a header field of a request.
type Header struct {
	// Name is in lower case.
	Name string
	// Value may be a credential.
	Value string
}

// String shows the name.
func (h Header) String() string { return h.Name + ": …" }

// Format implements [fmt.Formatter]: the same in every form.
func (h Header) Format(f fmt.State, _ rune) { io.WriteString(f, h.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (h Header) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Page is what the user is to see.
type Page struct {
	// URL is the authorization request. It carries the state of the sign-in.
	URL string
	// State is what the callback will carry as state.
	State string
	// Scopes are all scopes asked for, separated by blanks.
	Scopes string
	// NewScopes are those that no earlier grant covered.
	NewScopes string
}

// String shows the scopes.
func (p Page) String() string { return fmt.Sprintf("Page(%q)", p.Scopes) }

// Format implements [fmt.Formatter]: the same in every form.
func (p Page) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (p Page) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Slot is one of the two kinds of record.
type Slot uint8

const (
	// FlowSlot: a half-finished sign-in, found by the state of its callback.
	FlowSlot Slot = 1
	// GrantSlot: client credentials, tokens and scopes of one account at one server.
	GrantSlot Slot = 2
)

// Access is one access to the store.
type Access struct {
	// Key names the record: printable ASCII with one slash, and nothing secret.
	Key  string
	Slot Slot
	// Expected is the generation that the store must hold now. Generations count from 1; 0 stands for no record.
	Expected uint64
	// Generation is the generation of the new record.
	Generation uint64
	// Record is what to keep, and secret.
	Record []byte
	// ExpiresAt is when the record is worth nothing any more; zero: never.
	ExpiresAt time.Time
}

// String shows the key.
func (a Access) String() string { return "Access(" + a.Key + ")" }

// Format implements [fmt.Formatter]: the same in every form.
func (a Access) Format(f fmt.State, _ rune) { io.WriteString(f, a.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (a Access) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Failure says why a flow ended without tokens. It is safe to print in every form. As an error, it is the same to errors.Is
// as another with the same code.
type Failure struct {
	// Code is the stable name of what happened.
	Code string
	// Stage is the part of the flow in which it happened: resource_discovery, server_discovery, registration,
	// authorization, token_exchange, refresh, use or store.
	Stage string
	// Fault is whose fault it is: server, configuration, user, network or host.
	Fault string
	// Advice is what to do about it.
	Advice Advice
	// RetryAfter is how long to wait, where the advice is to wait.
	RetryAfter time.Duration
	// Status is the HTTP status that the server answered with, if that matters; or 0.
	Status int
	// Text says what happened in a sentence.
	Text string
	// Clause is the clause of a specification that it rests on.
	Clause string
	// ServerCode and ServerText are the server's own words: untrusted, to be shown at most.
	ServerCode, ServerText string
	// Subject is what it is about: an issuer, a member of a document, a cause.
	Subject string
	// Expected and Received are what was compared, where two values were.
	Expected, Received string
}

// Error says what happened.
func (f *Failure) Error() string { return "machine: " + f.Text }

// Is tells whether target is a Failure with the same code.
func (f *Failure) Is(target error) bool {
	other, ok := target.(*Failure)
	return ok && other.Code == f.Code
}

// Advice is what to do about a failure.
type Advice string

const (
	// RetryAfter: try again, not before some time has passed.
	RetryAfter Advice = "retry_after"
	// Restart: begin a new sign-in; nothing else is lost.
	Restart Advice = "restart"
	// Reconfigure: trying again with the same configuration will fail again.
	Reconfigure Advice = "reconfigure"
	// AskUser: bring a person.
	AskUser Advice = "ask_user"
	// Stop: the server is wrong or hostile.
	Stop Advice = "stop"
)

// Decision is one thing that the machine decided. Without secrets.
type Decision struct {
	At time.Time
	// Name is stable.
	Name string
	// Clause is what the decision rests on.
	Clause string
	// Deviation names the check that was relaxed, if one was.
	Deviation string
	// Text says it in a sentence.
	Text string
}

// String says what was decided, and why.
func (d Decision) String() string { return d.Text + " [" + d.Clause + "]" }
