package machine

/*
#include <mcp_oauth.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"
)

// ErrFull: as many sign-ins wait as may.
var ErrFull = errors.New("machine: there are as many sign-ins as may wait at once")

// Pending is the sign-ins that wait for a callback in this process, each found by its state, once. With each it keeps a number
// of yours. What it answers to a state that it does not know, to one that was used before and to one that has expired is the
// same: nothing. Safe for concurrent use.
type Pending struct {
	mu     sync.Mutex
	handle *C.mcp_oauth_pending
}

// NewPending is for at most capacity sign-ins at once.
func NewPending(capacity int) *Pending {
	p := &Pending{}
	C.mcp_oauth_pending_new(C.size_t(max(capacity, 0)), &p.handle)
	runtime.AddCleanup(p, func(handle *C.mcp_oauth_pending) { C.mcp_oauth_pending_free(&handle) }, p.handle)
	return p
}

// Insert remembers a sign-in by the state of its page, until it expires. What was remembered by the same state before is
// handed out. Those that have expired are dropped: ask for them first, with [Pending.TakeExpired].
func (p *Pending) Insert(state string, expiresAt time.Time, value uint64, now time.Time) (before uint64, found bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out C.mcp_oauth_waiting
	status := C.mcp_oauth_pending_insert(p.handle, textIn(state), milliseconds(expiresAt), C.uint64_t(value),
		milliseconds(now), &out)
	runtime.KeepAlive(p)
	if status == C.MCP_OAUTH_STATUS_FULL {
		return 0, false, ErrFull
	}
	return uint64(out.value), out.found != 0, errorOf(status)
}

// Take takes the sign-in that a callback URL belongs to; the same callback finds nothing afterwards. Proves nothing but that
// the state is known: the machine checks the whole callback.
func (p *Pending) Take(url string, now time.Time) (value uint64, found bool) {
	return p.take(C.MCP_OAUTH_CALLBACK_FORM_URL, url, now)
}

// TakeQuery is Take for what a listener received after the "?".
func (p *Pending) TakeQuery(query string, now time.Time) (value uint64, found bool) {
	return p.take(C.MCP_OAUTH_CALLBACK_FORM_QUERY, query, now)
}

func (p *Pending) take(form C.int32_t, callback string, now time.Time) (uint64, bool) {
	return p.find(func(out *C.mcp_oauth_waiting) C.mcp_oauth_status {
		return C.mcp_oauth_pending_take(p.handle, form, textIn(callback), milliseconds(now), out)
	})
}

// TakeExpired takes one that has expired: call it until it finds none.
func (p *Pending) TakeExpired(now time.Time) (value uint64, found bool) {
	return p.find(func(out *C.mcp_oauth_waiting) C.mcp_oauth_status {
		return C.mcp_oauth_pending_take_expired(p.handle, milliseconds(now), out)
	})
}

// Forget forgets a sign-in that has ended otherwise, and hands it out.
func (p *Pending) Forget(state string) (value uint64, found bool) {
	return p.find(func(out *C.mcp_oauth_waiting) C.mcp_oauth_status {
		return C.mcp_oauth_pending_forget(p.handle, textIn(state), out)
	})
}

func (p *Pending) find(find func(*C.mcp_oauth_waiting) C.mcp_oauth_status) (uint64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out C.mcp_oauth_waiting
	find(&out)
	runtime.KeepAlive(p)
	return uint64(out.value), out.found != 0
}

// Len is how many wait, those that have expired since the last call included.
func (p *Pending) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var count C.size_t
	C.mcp_oauth_pending_len(p.handle, &count)
	runtime.KeepAlive(p)
	return int(count)
}

// Format shows nothing of what waits.
func (p *Pending) Format(f fmt.State, _ rune) { io.WriteString(f, "Pending") }
