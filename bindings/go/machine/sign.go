package machine

/*
#include <mcp_oauth.h>
*/
import "C"

import (
	"fmt"
	"io"
	"time"
)

// Algorithm is how something is signed, by its name in JOSE.
type Algorithm string

const (
	// ES256 is ECDSA over P-256 with SHA-256 (RFC 7518 §3.4).
	ES256 Algorithm = "ES256"
	// RS256 is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
	RS256 Algorithm = "RS256"
	// PS256 is RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 7518 §3.5).
	PS256 Algorithm = "PS256"
	// EdDSA is Ed25519 (RFC 8037 §3.1).
	EdDSA Algorithm = "EdDSA"
)

var algorithms = map[C.mcp_oauth_algorithm]Algorithm{
	C.MCP_OAUTH_ALGORITHM_ES256:  ES256,
	C.MCP_OAUTH_ALGORITHM_RS256:  RS256,
	C.MCP_OAUTH_ALGORITHM_PS256:  PS256,
	C.MCP_OAUTH_ALGORITHM_ED_DSA: EdDSA,
}

// numberOf is out of range for an algorithm that nobody knows.
func numberOf(algorithm Algorithm) C.int32_t {
	for number, known := range algorithms {
		if known == algorithm {
			return C.int32_t(number)
		}
	}
	return -1
}

// SignPurpose is what a signature is for.
type SignPurpose uint8

const (
	// ClientAssertion proves to an authorization server who the client is (RFC 7523 §2.2).
	ClientAssertion SignPurpose = 1
	// DPoPProof proves that whoever uses a token holds its key (RFC 9449 §4).
	DPoPProof SignPurpose = 2
)

var signPurposes = map[SignPurpose]string{ClientAssertion: "client_assertion", DPoPProof: "dpop_proof"}

// String names the purpose.
func (p SignPurpose) String() string {
	if name, known := signPurposes[p]; known {
		return name
	}
	return "unknown"
}

// SignRequest is what is to be signed, and with which key.
type SignRequest struct {
	// Purpose is what the signature is for.
	Purpose SignPurpose
	// Algorithm is the one to sign with.
	Algorithm Algorithm
	// Thumbprint tells which key: the SHA-256 of its public half (RFC 7638), in base64url.
	Thumbprint string
	// KeyID is the kid that the settings give the key; empty if they give none.
	KeyID string
	// Issuer is the authorization server that the signature has to do with.
	Issuer string
	// Input is the JWS signing input (RFC 7515 §5.1), in ASCII.
	Input Secret
}

// String shows the purpose and the key.
func (r SignRequest) String() string {
	return fmt.Sprintf("SignRequest(%s, %s, %s)", r.Purpose, r.Algorithm, r.Thumbprint)
}

// Format implements [fmt.Formatter]: the same in every form.
func (r SignRequest) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (r SignRequest) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Signed answers Sign: the signature as RFC 7518 §3 has it, which for ES256 is R‖S in 64 bytes, and no DER.
func (m *Machine) Signed(id uint64, signature []byte, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	return m.step(C.mcp_oauth_machine_signed(m.lodging.machine, C.uint64_t(id), bytesIn(signature), milliseconds(now),
		&m.lodging.step))
}
