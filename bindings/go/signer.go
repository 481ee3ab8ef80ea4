package mcpoauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// Who signs client assertions (RFC 7523) and DPoP proofs (RFC 9449), and with which key?

// Signer signs with private keys that the state machine never sees. [KeySet] is one, over keys at hand or whatever is a
// [crypto.Signer]; another may ask a key service. It is used by several goroutines at once.
type Signer interface {
	// Sign gives the signature of a JWS over request.Input with the key of request.Thumbprint, as RFC 7518 §3 has it: for
	// ES256 that is R‖S in 64 bytes, not DER. An error ends what needs the signature.
	Sign(ctx context.Context, request *SignRequest) ([]byte, error)
}

type (
	// SignRequest is what is to be signed, and with which key.
	SignRequest = machine.SignRequest
	// SignPurpose is what a signature is for.
	SignPurpose = machine.SignPurpose
	// Algorithm is how something is signed, by its name in JOSE.
	Algorithm = machine.Algorithm
)

// How something is signed, and what for.
const (
	// ES256 is ECDSA over P-256 with SHA-256. Every server that knows any of them knows it.
	ES256 = machine.ES256
	// RS256 is RSASSA-PKCS1-v1_5 with SHA-256.
	RS256 = machine.RS256
	// PS256 is RSASSA-PSS with SHA-256.
	PS256 = machine.PS256
	// EdDSA is Ed25519.
	EdDSA = machine.EdDSA

	// ClientAssertion proves to an authorization server who the client is.
	ClientAssertion = machine.ClientAssertion
	// DPoPProof proves that whoever uses a token holds its key.
	DPoPProof = machine.DPoPProof
)

// ErrUnknownKey is what a [KeySet] returns for a key that it does not hold.
var ErrUnknownKey = errors.New("mcpoauth: the signer holds no such key")

var errOtherAlgorithm = errors.New("mcpoauth: the key is for another algorithm")

// KeySet is a [Signer] with some keys, found by their thumbprints.
type KeySet []*PrivateKey

var _ Signer = KeySet(nil)

// Sign implements [Signer].
func (s KeySet) Sign(ctx context.Context, request *SignRequest) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, abandoned(ctx)
	}
	failure := ErrUnknownKey
	for _, key := range s {
		switch {
		case key.thumbprint != request.Thumbprint:
		case key.algorithm != request.Algorithm:
			// An RSA key may be there once for each.
			failure = errOtherAlgorithm
		default:
			return key.sign([]byte(request.Input))
		}
	}
	return nil, failure
}

// PublicJWKS is the public halves as a JWK Set (RFC 7517 §5), for the jwks of a client ID metadata document or the page of its
// jwks_uri.
func (s KeySet) PublicJWKS() string {
	set := struct {
		Keys []*publicJWK `json:"keys"`
	}{make([]*publicJWK, len(s))}
	for i, key := range s {
		set.Keys[i] = &key.public
	}
	text, err := json.Marshal(set)
	if err != nil {
		panic(fmt.Errorf("mcpoauth: plain texts cannot be written as JSON: %w", err))
	}
	return string(text)
}
