// Package machine drives the state machine of mcp-oauth-core by hand: events in, one action out, no input and no output.
//
// Package mcpoauth does that for you. Use this one where it does not fit: with another network, another event loop, or a
// flow of which you want to see each step.
package machine

/*
#include <mcp_oauth.h>

// The two header fields that the machine reads, as an array.
static mcp_oauth_status reply(mcp_oauth_machine *machine, uint64_t id, uint32_t status, mcp_oauth_slice location,
                              mcp_oauth_slice retry_after, mcp_oauth_slice body, uint64_t now_ms, mcp_oauth_step *out) {
	const mcp_oauth_header headers[] = {
		{{(const uint8_t *)"location", 8}, location},
		{{(const uint8_t *)"retry-after", 11}, retry_after},
	};
	size_t first = location.len ? 0 : 1;
	size_t end = retry_after.len ? 2 : 1;
	return mcp_oauth_machine_reply(machine, id, status, headers + first, end - first, body, now_ms, out);
}

#cgo noescape reply
#cgo nocallback reply
#cgo noescape mcp_oauth_machine_next
#cgo nocallback mcp_oauth_machine_next
#cgo noescape mcp_oauth_machine_request_headers
#cgo nocallback mcp_oauth_machine_request_headers
#cgo noescape mcp_oauth_machine_take_trace
#cgo nocallback mcp_oauth_machine_take_trace
#cgo noescape mcp_oauth_machine_connect
#cgo nocallback mcp_oauth_machine_connect
#cgo noescape mcp_oauth_machine_challenge
#cgo nocallback mcp_oauth_machine_challenge
#cgo noescape mcp_oauth_machine_unreachable
#cgo nocallback mcp_oauth_machine_unreachable
#cgo noescape mcp_oauth_machine_redirect_bound
#cgo nocallback mcp_oauth_machine_redirect_bound
#cgo noescape mcp_oauth_machine_callback
#cgo nocallback mcp_oauth_machine_callback
#cgo noescape mcp_oauth_machine_client_provided
#cgo nocallback mcp_oauth_machine_client_provided
#cgo noescape mcp_oauth_machine_declined
#cgo nocallback mcp_oauth_machine_declined
#cgo noescape mcp_oauth_machine_stored
#cgo nocallback mcp_oauth_machine_stored
#cgo noescape mcp_oauth_machine_refresh
#cgo nocallback mcp_oauth_machine_refresh
#cgo noescape mcp_oauth_machine_tick
#cgo nocallback mcp_oauth_machine_tick
#cgo noescape mcp_oauth_machine_cancel
#cgo nocallback mcp_oauth_machine_cancel
#cgo noescape mcp_oauth_machine_sign_out
#cgo nocallback mcp_oauth_machine_sign_out
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
	handle  *C.mcp_oauth_machine
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
	if err := errorOf(C.mcp_oauth_machine_new(config.handle, textIn(account), &handle)); err != nil {
		return nil, err
	}
	return owning(handle), nil
}

// Resume gives the machine that a snapshot describes, or the pending sign-in of a flow record. What cannot be used is a
// *[RecordError].
func Resume(config *Config, account string, snapshot []byte) (*Machine, error) {
	defer runtime.KeepAlive(config)
	var handle *C.mcp_oauth_machine
	status := C.mcp_oauth_machine_resume(config.handle, textIn(account), bytesIn(snapshot), &handle)
	if err := errorOf(status); err != nil {
		return nil, err
	}
	return owning(handle), nil
}

func owning(handle *C.mcp_oauth_machine) *Machine {
	m := &Machine{handle: handle}
	m.cleanup = runtime.AddCleanup(m, func(handle *C.mcp_oauth_machine) { C.mcp_oauth_machine_free(&handle) }, handle)
	return m
}

// Close frees the machine; its secrets are overwritten. Closing again does nothing.
func (m *Machine) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.handle != nil {
		m.cleanup.Stop()
		C.mcp_oauth_machine_free(&m.handle)
		m.authorization = ""
	}
}

// Next is what to do now: the same until an event advances the machine.
func (m *Machine) Next() (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	return step(C.mcp_oauth_machine_next(m.handle, &out), &out)
}

// Connect: you want a token now, without waiting for a 401. At rest it refreshes or begins a sign-in if no usable token is
// held; during a flow it joins.
func (m *Machine) Connect(now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	return step(C.mcp_oauth_machine_connect(m.handle, milliseconds(now), &out), &out)
}

// Challenge: the MCP server answered with 401 or 403, with these WWW-Authenticate lines. The generation is that of the token
// that the request carried, or 0 if it carried none.
func (m *Machine) Challenge(status int, lines []string, generation uint64, now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	slices := make([]C.mcp_oauth_slice, len(lines))
	var pinner runtime.Pinner
	defer pinner.Unpin()
	for i, line := range lines {
		slices[i] = textIn(line)
		pinner.Pin(unsafe.StringData(line))
	}
	var out C.mcp_oauth_step
	return step(C.mcp_oauth_machine_challenge(m.handle, C.uint32_t(status), unsafe.SliceData(slices),
		C.size_t(len(slices)), C.uint64_t(generation), milliseconds(now), &out), &out)
}

// Reply answers HTTP: what the server sent, whatever it is. The body is decoded from any content encoding.
func (m *Machine) Reply(id uint64, status int, header http.Header, body []byte, now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	return step(C.reply(m.handle, C.uint64_t(id), C.uint32_t(status), textIn(header.Get("Location")),
		textIn(header.Get("Retry-After")), bytesIn(body), milliseconds(now), &out), &out)
}

// Unreachable answers HTTP: there is no answer.
func (m *Machine) Unreachable(id uint64, cause Cause, now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	status := C.mcp_oauth_machine_unreachable(m.handle, C.uint64_t(id), C.int32_t(cause), milliseconds(now), &out)
	return step(status, &out)
}

// RedirectBound answers BindRedirect: the redirect URI, exactly as it is listened on, port included.
func (m *Machine) RedirectBound(id uint64, uri string, now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	status := C.mcp_oauth_machine_redirect_bound(m.handle, C.uint64_t(id), textIn(uri), milliseconds(now), &out)
	return step(status, &out)
}

// Callback: the user's browser came back with this URL. Acts only while OpenURL is outstanding.
func (m *Machine) Callback(url string, now time.Time) (Step, error) {
	return m.callback(C.MCP_OAUTH_CALLBACK_FORM_URL, url, now)
}

// CallbackQuery is Callback for a listener that has checked the path: what it received after the "?".
func (m *Machine) CallbackQuery(query string, now time.Time) (Step, error) {
	return m.callback(C.MCP_OAUTH_CALLBACK_FORM_QUERY, query, now)
}

func (m *Machine) callback(form C.int32_t, text string, now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	return step(C.mcp_oauth_machine_callback(m.handle, form, textIn(text), milliseconds(now), &out), &out)
}

// ClientProvided answers AskForClient: a client registered with the issuer that was named.
func (m *Machine) ClientProvided(id uint64, client Client, now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var secret C.mcp_oauth_slice
	if client.Secret != "" {
		secret = textIn(string(client.Secret))
	}
	var out C.mcp_oauth_step
	return step(C.mcp_oauth_machine_client_provided(m.handle, C.uint64_t(id), textIn(client.ID), secret,
		C.int32_t(authMethod(client.AuthMethod)), milliseconds(now), &out), &out)
}

// Declined: you cannot or will not do what you were asked. Answers BindRedirect, OpenURL and AskForClient.
func (m *Machine) Declined(id uint64, refusal Refusal, now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	status := C.mcp_oauth_machine_declined(m.handle, C.uint64_t(id), C.int32_t(refusal), milliseconds(now), &out)
	return step(status, &out)
}

// Stored answers Load, Save and Delete; the record belongs to Loaded.
func (m *Machine) Stored(id uint64, result StoreResult, record []byte, now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	return step(C.mcp_oauth_machine_stored(m.handle, C.uint64_t(id), C.int32_t(result), bytesIn(record),
		milliseconds(now), &out), &out)
}

// Refresh: Authorization said that a refresh is due.
func (m *Machine) Refresh(now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	return step(C.mcp_oauth_machine_refresh(m.handle, milliseconds(now), &out), &out)
}

// Tick: time has passed. At or after the deadline it ends a sign-in that nobody finished, or refreshes ahead of expiry.
func (m *Machine) Tick(now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	return step(C.mcp_oauth_machine_tick(m.handle, milliseconds(now), &out), &out)
}

// Cancel: the person changed their mind. Ends the flow under way; ignored at rest.
func (m *Machine) Cancel(now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_step
	return step(C.mcp_oauth_machine_cancel(m.handle, milliseconds(now), &out), &out)
}

// SignOut forgets the tokens, and with forgetClient the client registrations too. Acts in every phase.
func (m *Machine) SignOut(forgetClient bool, now time.Time) (Step, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	forget := C.int32_t(0)
	if forgetClient {
		forget = 1
	}
	var out C.mcp_oauth_step
	return step(C.mcp_oauth_machine_sign_out(m.handle, forget, milliseconds(now), &out), &out)
}

// Authorization is what a request to the MCP server with this method and URL should carry: the value of the Authorization
// header, a secret, and its generation, to be given back with Challenge. Both are zero unless the credentials are Ready.
func (m *Machine) Authorization(method, url string, now time.Time) (Credentials, string, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_request_headers
	status := C.mcp_oauth_machine_request_headers(m.handle, textIn(method), textIn(url), milliseconds(now), &out)
	if err := errorOf(status); err != nil {
		return 0, "", 0, err
	}
	if out.credentials != C.MCP_OAUTH_CREDENTIALS_READY {
		return Credentials(out.credentials), "", 0, nil
	}
	if authorization := borrowed(out.authorization); m.authorization != string(authorization) {
		m.authorization = string(authorization)
	}
	return Ready, m.authorization, uint64(out.generation), nil
}

// Snapshot is everything, for [Resume] in this or another process. Secret.
func (m *Machine) Snapshot() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out C.mcp_oauth_buffer
	defer C.mcp_oauth_buffer_free(&out)
	if err := errorOf(C.mcp_oauth_machine_snapshot(m.handle, &out)); err != nil {
		return nil, err
	}
	return append([]byte(nil), unsafe.Slice((*byte)(out.data), int(out.len))...), nil
}

// TakeTrace takes the decisions made since the last call, oldest first.
func (m *Machine) TakeTrace() ([]Decision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries *C.mcp_oauth_trace_entry
	var count C.size_t
	if err := errorOf(C.mcp_oauth_machine_take_trace(m.handle, &entries, &count)); err != nil {
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
