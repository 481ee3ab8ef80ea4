// Package machine drives the state machine of mcp-oauth-core by hand: events in, one action out, no input and no output.
//
// Package mcpoauth does that for you. Use this one where it does not fit: with another network, another event loop, or a
// flow of which you want to see each step.
package machine

/*
#include "lodging.h"

#cgo noescape next
#cgo nocallback next
#cgo noescape connect_
#cgo nocallback connect_
#cgo noescape challenge
#cgo nocallback challenge
#cgo noescape reply
#cgo nocallback reply
#cgo noescape unreachable
#cgo nocallback unreachable
#cgo noescape redirect_bound
#cgo nocallback redirect_bound
#cgo noescape callback
#cgo nocallback callback
#cgo noescape client_provided
#cgo nocallback client_provided
#cgo noescape declined
#cgo nocallback declined
#cgo noescape stored
#cgo nocallback stored
#cgo noescape refresh
#cgo nocallback refresh
#cgo noescape tick
#cgo nocallback tick
#cgo noescape cancel
#cgo nocallback cancel
#cgo noescape sign_out
#cgo nocallback sign_out
*/
import "C"

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// Machine is the client half of MCP authorization for one account at one MCP server.
//
// Give it events, carry out what the step says, answer, and go on until it rests. Safe for concurrent use. After
// [Machine.Close] every method returns [ErrClosed]; one that is forgotten is closed when it is collected.
type Machine struct {
	mu      sync.Mutex
	lodging *C.lodging
	cleanup runtime.Cleanup
	// authorization is the last one given out, so that giving it out again copies nothing.
	authorization string
}

// Step is what became of an event, and what to do now.
type Step struct {
	Outcome Outcome
	// Ignored says why, if it was.
	Ignored Reason
	// AwaitsRedirect tells whether the redirect URI that was bound must be listened on.
	AwaitsRedirect bool
	// Phase is what the machine is doing: a stable name.
	Phase string
	// Deadline is when Tick is due; zero for never.
	Deadline time.Time
	// Next is what to do now.
	Next Next
}

// New gives a machine that knows nothing yet: it first wants the stored grant to be read. The account tells apart several at
// one server, and is empty for the only one.
func New(config *Config, account string) (*Machine, error) {
	defer runtime.KeepAlive(config)
	var handle *C.mcp_oauth_machine
	if err := errorOf(C.mcp_oauth_machine_new(config.pointer(), textIn(account), &handle)); err != nil {
		return nil, err
	}
	return owning(handle), nil
}

// Resume gives the machine that a snapshot describes, or the pending sign-in of a flow record. What cannot be used is a
// *[RecordError].
func Resume(config *Config, account string, snapshot []byte) (*Machine, error) {
	defer runtime.KeepAlive(config)
	var handle *C.mcp_oauth_machine
	status := C.mcp_oauth_machine_resume(config.pointer(), textIn(account), bytesIn(snapshot), &handle)
	if err := errorOf(status); err != nil {
		return nil, err
	}
	return owning(handle), nil
}

func owning(handle *C.mcp_oauth_machine) *Machine {
	lodging := (*C.lodging)(C.calloc(1, C.sizeof_lodging))
	lodging.machine = handle
	m := &Machine{lodging: lodging}
	m.cleanup = runtime.AddCleanup(m, func(lodging *C.lodging) { C.evict(lodging) }, lodging)
	return m
}

// Close frees the machine; its secrets are overwritten. Closing again does nothing.
func (m *Machine) Close() {
	if !m.enter() {
		return
	}
	defer m.mu.Unlock()
	m.cleanup.Stop()
	C.evict(m.lodging)
	m.lodging, m.authorization = nil, ""
}

// Next is what to do now: the same until an event advances the machine.
func (m *Machine) Next() (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	return m.step(C.next(m.lodging))
}

// enter locks the machine, unless it is closed or was never made.
func (m *Machine) enter() bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	if m.lodging == nil {
		m.mu.Unlock()
		return false
	}
	return true
}

// Connect: you want a token now, without waiting for a 401. At rest it refreshes or begins a sign-in if no usable token is
// held; during a flow it joins.
func (m *Machine) Connect(now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	return m.step(C.connect_(m.lodging, milliseconds(now)))
}

// Challenge: the MCP server answered with 401 or 403, with these WWW-Authenticate lines. The generation is that of the token
// that the request carried, or 0 if it carried none.
func (m *Machine) Challenge(status int, lines []string, generation uint64, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	slices := make([]C.mcp_oauth_slice, len(lines))
	var pinner runtime.Pinner
	defer pinner.Unpin()
	for i, line := range lines {
		slices[i] = textIn(line)
		pinner.Pin(unsafe.StringData(line))
	}
	return m.step(C.challenge(m.lodging, C.uint32_t(status), unsafe.SliceData(slices), C.size_t(len(slices)),
		C.uint64_t(generation), milliseconds(now)))
}

// Reply answers HTTP: what the server sent, whatever it is. The body is decoded from any content encoding.
func (m *Machine) Reply(id uint64, status int, header http.Header, body []byte, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	location, locationLen := chars(header.Get("Location"))
	retryAfter, retryAfterLen := chars(header.Get("Retry-After"))
	nonce, nonceLen := chars(header.Get("DPoP-Nonce"))
	content, contentLen := octets(body)
	return m.step(C.reply(m.lodging, C.uint64_t(id), C.uint32_t(status), location, locationLen, retryAfter, retryAfterLen,
		nonce, nonceLen, content, contentLen, milliseconds(now)))
}

// Unreachable answers HTTP: there is no answer.
func (m *Machine) Unreachable(id uint64, cause Cause, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	return m.step(C.unreachable(m.lodging, C.uint64_t(id), C.int32_t(cause), milliseconds(now)))
}

// RedirectBound answers BindRedirect: the redirect URI, exactly as it is listened on, port included.
func (m *Machine) RedirectBound(id uint64, uri string, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	text, length := chars(uri)
	return m.step(C.redirect_bound(m.lodging, C.uint64_t(id), text, length, milliseconds(now)))
}

// Callback: the user's browser came back with this URL. Acts only while OpenURL is outstanding.
func (m *Machine) Callback(url string, now time.Time) (Step, error) {
	return m.callback(C.MCP_OAUTH_CALLBACK_FORM_URL, url, now)
}

// CallbackQuery is Callback for a listener that has checked the path: what it received after the "?".
func (m *Machine) CallbackQuery(query string, now time.Time) (Step, error) {
	return m.callback(C.MCP_OAUTH_CALLBACK_FORM_QUERY, query, now)
}

func (m *Machine) callback(form C.int32_t, callback string, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	text, length := chars(callback)
	return m.step(C.callback(m.lodging, form, text, length, milliseconds(now)))
}

// ClientProvided answers AskForClient: a client registered with the issuer that was named.
func (m *Machine) ClientProvided(id uint64, client Client, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	name, nameLen := chars(client.ID)
	secret, secretLen := chars(string(client.Secret))
	return m.step(C.client_provided(m.lodging, C.uint64_t(id), name, nameLen, secret, secretLen,
		C.int32_t(authMethods.number(client.AuthMethod)), milliseconds(now)))
}

// Declined: you cannot or will not do what you were asked. Answers BindRedirect, OpenURL, AskForClient, Sign,
// FetchAssertion and ShowCode.
func (m *Machine) Declined(id uint64, refusal Refusal, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	return m.step(C.declined(m.lodging, C.uint64_t(id), C.int32_t(refusal), milliseconds(now)))
}

// Stored answers Load, Save and Delete; the record belongs to Loaded.
func (m *Machine) Stored(id uint64, result StoreResult, record []byte, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	content, length := octets(record)
	return m.step(C.stored(m.lodging, C.uint64_t(id), C.int32_t(result), content, length, milliseconds(now)))
}

// Refresh: Authorization said that a refresh is due.
func (m *Machine) Refresh(now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	return m.step(C.refresh(m.lodging, milliseconds(now)))
}

// Tick: time has passed. At or after the deadline it ends a sign-in that nobody finished, or refreshes ahead of expiry.
func (m *Machine) Tick(now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	return m.step(C.tick(m.lodging, milliseconds(now)))
}

// Cancel: the person changed their mind. Ends the flow under way; ignored at rest.
func (m *Machine) Cancel(now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	return m.step(C.cancel(m.lodging, milliseconds(now)))
}

// SignOut forgets the tokens, and with forgetClient the client registrations too. Acts in every phase.
func (m *Machine) SignOut(forgetClient bool, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	forget := C.int32_t(0)
	if forgetClient {
		forget = 1
	}
	return m.step(C.sign_out(m.lodging, forget, milliseconds(now)))
}

// Snapshot is everything, for [Resume] in this or another process. Secret.
func (m *Machine) Snapshot() ([]byte, error) {
	if !m.enter() {
		return nil, ErrClosed
	}
	defer m.mu.Unlock()
	var out C.mcp_oauth_buffer
	defer C.mcp_oauth_buffer_free(&out)
	if err := errorOf(C.mcp_oauth_machine_snapshot(m.lodging.machine, &out)); err != nil {
		return nil, err
	}
	return append([]byte(nil), unsafe.Slice((*byte)(out.data), int(out.len))...), nil
}

// TakeTrace takes the decisions made since the last call, oldest first.
func (m *Machine) TakeTrace() ([]Decision, error) {
	if !m.enter() {
		return nil, ErrClosed
	}
	defer m.mu.Unlock()
	var entries *C.mcp_oauth_trace_entry
	var count C.size_t
	if err := errorOf(C.mcp_oauth_machine_take_trace(m.lodging.machine, &entries, &count)); err != nil {
		return nil, err
	}
	decisions := make([]Decision, 0, int(count))
	for _, entry := range unsafe.Slice(entries, int(count)) {
		decisions = append(decisions, Decision{
			At:        timeOf(entry.at_ms),
			Name:      text(entry.name),
			Clause:    text(entry.clause),
			Deviation: text(entry.deviation),
			Text:      text(entry.text),
		})
	}
	return decisions, nil
}

// Format shows nothing of what the machine holds.
func (m *Machine) Format(f fmt.State, _ rune) { io.WriteString(f, "Machine") }
