package machine

/*
#cgo pkg-config: mcp-oauth-go
#include <stdlib.h>
#include <mcp_oauth.h>

#if MCP_OAUTH_ABI_VERSION != 2
#error "this package was written for version 2 of the interface"
#endif

#cgo noescape mcp_oauth_reach_allows_address
#cgo nocallback mcp_oauth_reach_allows_address
#cgo noescape mcp_oauth_generation_of
#cgo nocallback mcp_oauth_generation_of
#cgo noescape mcp_oauth_key_of_callback
#cgo nocallback mcp_oauth_key_of_callback
#cgo noescape mcp_oauth_key_of_grant
#cgo nocallback mcp_oauth_key_of_grant
*/
import "C"

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"
	"unsafe"
)

// Version is the version of the library, as 1.2.3.
func Version() string { return text(C.mcp_oauth_version()) }

// Reach says which addresses requests may go to, from narrow to wide.
type Reach uint8

const (
	// Public: public addresses only.
	Public Reach = C.MCP_OAUTH_REACH_PUBLIC
	// Private: private networks and shared (carrier-grade NAT) space too.
	Private Reach = C.MCP_OAUTH_REACH_PRIVATE
	// Loopback: this machine too; the only reach at which plain http is possible.
	Loopback Reach = C.MCP_OAUTH_REACH_LOOPBACK
)

var reaches = map[Reach]string{Public: "public", Private: "private", Loopback: "loopback"}

// String names the reach.
func (r Reach) String() string { return reaches[r] }

// Allows tells whether a request of this reach may connect to an address.
func (r Reach) Allows(address netip.Addr) bool {
	var allowed C.bool
	status := C.mcp_oauth_reach_allows_address(C.int32_t(r), bytesIn(address.AsSlice()), &allowed)
	return status == C.MCP_OAUTH_STATUS_OK && bool(allowed)
}

// KeyOfCallback is the key of the pending sign-in that a callback URL claims to belong to: the record that [Resume] makes the
// machine of that takes it, in whatever process it arrives. Empty if the URL carries no state. Proves nothing: that machine
// checks the whole callback.
func KeyOfCallback(url string) (string, error) {
	var out C.mcp_oauth_buffer
	defer C.mcp_oauth_buffer_free(&out)
	if err := errorOf(C.mcp_oauth_key_of_callback(C.MCP_OAUTH_CALLBACK_FORM_URL, textIn(url), &out)); err != nil {
		return "", err
	}
	return string(unsafe.Slice((*byte)(out.data), int(out.len))), nil
}

// KeyOfGrant is the key of the grant of an account (empty for the only one) at a server URL.
func KeyOfGrant(account, serverURL string) (string, error) {
	var out C.mcp_oauth_buffer
	defer C.mcp_oauth_buffer_free(&out)
	if err := errorOf(C.mcp_oauth_key_of_grant(textIn(account), textIn(serverURL), &out)); err != nil {
		return "", err
	}
	return string(unsafe.Slice((*byte)(out.data), int(out.len))), nil
}

// GenerationOf is the generation inside a record, for stores that keep nothing but the bytes.
func GenerationOf(record []byte) (uint64, error) {
	var generation C.uint64_t
	err := errorOf(C.mcp_oauth_generation_of(bytesIn(record), &generation))
	return uint64(generation), err
}

// Grant is a stored grant without its secrets.
type Grant struct {
	// ServerURL is the MCP server's URL, as configured when the grant was stored.
	ServerURL string
	// Account is empty for the only one.
	Account string
	// Issuers are what each authorization server gave; the one in use first.
	Issuers []Issuer
}

// Issuer is what one authorization server gave.
type Issuer struct {
	// Issuer is its identifier.
	Issuer string
	// ClientKind is how the client came by its identifier: preregistered, document or dynamic; empty if there is none.
	ClientKind string
	// Scopes are those granted.
	Scopes []string
	// ExpiresAt is when the access token expires; zero if the server did not say.
	ExpiresAt time.Time
	// HasTokens tells whether tokens are held, and HasRefreshToken whether a refresh token is among them.
	HasTokens, HasRefreshToken bool
	// Current tells whether this is the authorization server in use.
	Current bool
}

// DescribeGrant describes a grant record, as a store holds it.
func DescribeGrant(record []byte) (*Grant, error) {
	var described *C.mcp_oauth_grant
	if err := errorOf(C.mcp_oauth_describe_grant(bytesIn(record), &described)); err != nil {
		return nil, err
	}
	defer C.mcp_oauth_grant_free(&described)
	grant := &Grant{ServerURL: text(described.server_url), Account: text(described.account)}
	for _, issuer := range unsafe.Slice(described.issuers, int(described.issuer_count)) {
		grant.Issuers = append(grant.Issuers, Issuer{
			Issuer:          text(issuer.issuer),
			ClientKind:      text(issuer.client_kind),
			Scopes:          strings.Fields(text(issuer.scopes)),
			ExpiresAt:       timeOf(issuer.expires_at_ms),
			HasTokens:       issuer.has_tokens != 0,
			HasRefreshToken: issuer.has_refresh_token != 0,
			Current:         issuer.current != 0,
		})
	}
	return grant, nil
}

// Flow is a pending sign-in without its secrets: what a process that receives a callback needs to know to resume it.
type Flow struct {
	// ServerURL is the MCP server's URL, as configured when the sign-in began.
	ServerURL string
	// Account is empty for the only one.
	Account string
	// ExpiresAt is when the sign-in is given up.
	ExpiresAt time.Time
}

// DescribeFlow describes the record of a pending sign-in, as a store holds it.
func DescribeFlow(record []byte) (*Flow, error) {
	var described *C.mcp_oauth_flow
	if err := errorOf(C.mcp_oauth_describe_flow(bytesIn(record), &described)); err != nil {
		return nil, err
	}
	defer C.mcp_oauth_flow_free(&described)
	return &Flow{
		ServerURL: text(described.server_url),
		Account:   text(described.account),
		ExpiresAt: timeOf(described.expires_at_ms),
	}, nil
}

var (
	misuses = map[C.mcp_oauth_status]string{
		C.MCP_OAUTH_STATUS_MISUSE_UNKNOWN_ACTION:           "unknown_action",
		C.MCP_OAUTH_STATUS_MISUSE_WRONG_ANSWER:             "wrong_answer",
		C.MCP_OAUTH_STATUS_MISUSE_REDIRECT_URI:             "redirect_uri",
		C.MCP_OAUTH_STATUS_MISUSE_REDIRECT_NOT_IN_DOCUMENT: "redirect_not_in_document",
		C.MCP_OAUTH_STATUS_MISUSE_CLIENT_ID:                "client_id",
		C.MCP_OAUTH_STATUS_MISUSE_CLIENT_SECRET:            "client_secret",
		C.MCP_OAUTH_STATUS_MISUSE_TOKENS:                   "tokens",
		C.MCP_OAUTH_STATUS_MISUSE_SIGNATURE:                "signature",
		C.MCP_OAUTH_STATUS_MISUSE_ASSERTION:                "assertion",
		C.MCP_OAUTH_STATUS_BAD_ARGUMENT:                    "bad_argument",
	}
	recordErrors = map[C.mcp_oauth_status]string{
		C.MCP_OAUTH_STATUS_RECORD_MALFORMED: "malformed",
		C.MCP_OAUTH_STATUS_RECORD_TOO_NEW:   "too_new",
		C.MCP_OAUTH_STATUS_RECORD_FOREIGN:   "foreign",
	}
)

// errorOf is what Go says for a status.
func errorOf(status C.mcp_oauth_status) error {
	switch status {
	case C.MCP_OAUTH_STATUS_OK:
		return nil
	case C.MCP_OAUTH_STATUS_NULL:
		return ErrClosed
	case C.MCP_OAUTH_STATUS_PANICKED:
		return ErrPanicked
	}
	said := text(C.mcp_oauth_status_text(C.int32_t(status)))
	if name, known := misuses[status]; known {
		return &Misuse{Name: name, Text: said}
	}
	if name, known := recordErrors[status]; known {
		return &RecordError{name, said}
	}
	return fmt.Errorf("machine: %s", said)
}

// What goes in is read during the call alone, so that pointers to Go memory may go in.

func textIn(text string) C.mcp_oauth_slice {
	return C.mcp_oauth_slice{data: (*C.uint8_t)(unsafe.StringData(text)), len: C.size_t(len(text))}
}

func bytesIn(content []byte) C.mcp_oauth_slice {
	return C.mcp_oauth_slice{data: (*C.uint8_t)(unsafe.SliceData(content)), len: C.size_t(len(content))}
}

func chars(text string) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.StringData(text)), C.size_t(len(text))
}

func octets(content []byte) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.SliceData(content)), C.size_t(len(content))
}

// What comes out is borrowed, and copied at once.

func borrowed(slice C.mcp_oauth_slice) []byte {
	return unsafe.Slice((*byte)(slice.data), int(slice.len))
}

func text(slice C.mcp_oauth_slice) string { return string(borrowed(slice)) }

// known spares a copy where the text is one of few.
func known(slice C.mcp_oauth_slice, texts map[string]string) string {
	given := borrowed(slice)
	if text, known := texts[string(given)]; known {
		return text
	}
	return string(given)
}

// Times are whole seconds and a rest: of all that fits into 64 bits, UnixMilli knows the half.

func milliseconds(at time.Time) C.uint64_t {
	seconds := at.Unix()
	switch {
	case seconds < 0:
		return 0
	case seconds > math.MaxUint64/1000:
		return math.MaxUint64
	default:
		return C.uint64_t(uint64(seconds)*1000 + uint64(at.Nanosecond()/1e6))
	}
}

func timeOf(milliseconds C.uint64_t) time.Time {
	if milliseconds == 0 {
		return time.Time{}
	}
	return time.Unix(int64(milliseconds/1000), int64(milliseconds%1000)*1e6)
}
