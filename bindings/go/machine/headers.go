package machine

/*
#include "lodging.h"

#cgo noescape request_headers
#cgo nocallback request_headers
*/
import "C"

import (
	"fmt"
	"io"
	"time"
	"unsafe"
)

// Credentials say what a request to the MCP server should carry.
type Credentials uint8

const (
	// Ready: send the authorization.
	Ready Credentials = 1
	// RefreshDue: the token has expired or soon will: give the machine Refresh and ask again.
	RefreshDue Credentials = 2
	// Absent: no token is held, or none for this URL. Send the request without.
	Absent Credentials = 3
	// ProofDue: send the authorization, and in the header DPoP a proof that the token's key is held: sign the draft first.
	ProofDue Credentials = 4
)

// Headers are what a request to the MCP server should carry. Fields that do not belong to its credentials are zero.
type Headers struct {
	Credentials Credentials
	// Authorization belongs to Ready and ProofDue: the value of that header, `Bearer …` or `DPoP …`. Secret.
	Authorization string
	// Generation belongs to Ready and ProofDue: that of the token, to be given back with Challenge.
	Generation uint64
	// Draft belongs to ProofDue: with a signature, [SignRequest.Compact] makes of it the value of the header DPoP (RFC 9449).
	// It is for this request alone: ask again for a repetition.
	Draft *SignRequest
}

// String shows the generation.
func (h Headers) String() string { return fmt.Sprintf("Headers(generation %d)", h.Generation) }

// Format implements [fmt.Formatter]: the same in every form.
func (h Headers) Format(f fmt.State, _ rune) { io.WriteString(f, h.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (h Headers) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// RequestHeaders is what a request to the MCP server with this method and URL should carry: the call to make before each one, and
// before each repetition of it.
func (m *Machine) RequestHeaders(method, url string, now time.Time) (Headers, error) {
	if !m.enter() {
		return Headers{}, ErrClosed
	}
	defer m.mu.Unlock()
	methodText, methodLen := chars(method)
	urlText, urlLen := chars(url)
	status := C.request_headers(m.lodging, methodText, methodLen, urlText, urlLen, milliseconds(now))
	if err := errorOf(status); err != nil {
		return Headers{}, err
	}
	out := &m.lodging.headers
	headers := Headers{Credentials: Credentials(out.credentials)}
	switch headers.Credentials {
	case Ready, ProofDue:
	default:
		return headers, nil
	}
	if authorization := borrowed(out.authorization); m.authorization != string(authorization) {
		m.authorization = string(authorization)
	}
	headers.Authorization, headers.Generation = m.authorization, uint64(out.generation)
	if headers.Credentials == ProofDue {
		headers.Draft = &SignRequest{
			Purpose:    DPoPProof,
			Algorithm:  algorithms[out.algorithm],
			Thumbprint: text(out.thumbprint),
			KeyID:      text(out.key_id),
			Issuer:     text(out.issuer),
			Input:      Secret(text(out.input)),
		}
	}
	return headers, nil
}

// Compact is the JWS of what was signed and its signature (RFC 7515 §7.1): the value of the header DPoP. A signature that the
// algorithm cannot give is a *[Misuse].
func (r *SignRequest) Compact(signature []byte) (Secret, error) {
	var out C.mcp_oauth_buffer
	defer C.mcp_oauth_buffer_free(&out)
	status := C.mcp_oauth_dpop_proof(numberOf(r.Algorithm), textIn(string(r.Input)), bytesIn(signature), &out)
	if err := errorOf(status); err != nil {
		return "", err
	}
	return Secret(unsafe.Slice((*byte)(out.data), int(out.len))), nil
}

// TakeNonce takes the value of the header DPoP-Nonce of an answer of the MCP server, whatever its status: the next proofs name it
// (RFC 9449 §9). Give it before the challenge that it came with. One that is malformed is left out.
func (m *Machine) TakeNonce(value string) error {
	if !m.enter() {
		return ErrClosed
	}
	defer m.mu.Unlock()
	return errorOf(C.mcp_oauth_machine_take_nonce(m.lodging.machine, textIn(value)))
}
