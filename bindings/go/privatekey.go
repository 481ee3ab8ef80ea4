package mcpoauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// PrivateKey is a key to sign with, and what its public half looks like. It shows its thumbprint and nothing else. Go may have
// copied its bytes where nobody can wipe them; what must not be in memory belongs behind a [crypto.Signer] of its own.
type PrivateKey struct {
	// held is behind a pointer, so that a struct with a key in it shows an address at most.
	held       *heldKey
	algorithm  Algorithm
	public     publicJWK
	thumbprint string
}

type heldKey struct{ crypto.Signer }

const (
	// minRSABits are the fewest that RFC 7518 §3.3 allows.
	minRSABits = 2048
	// newRSABits last beyond 2030 (NIST SP 800-57 part 1).
	newRSABits = 3072
	// p256Bytes are those of R, S and a coordinate.
	p256Bytes = 32
)

var (
	errKeyKind      = errors.New("mcpoauth: a key is EC on P-256, RSA or Ed25519")
	errShortRSA     = errors.New("mcpoauth: an RSA key has 2048 bits or more")
	errKeyAlgorithm = errors.New("mcpoauth: the kind of key and the algorithm do not belong together")
	errNoPEM        = errors.New("mcpoauth: there is no private key in this PEM")
	errEncryptedPEM = errors.New("mcpoauth: the private key is encrypted: decrypt it first")
	errNotAtHand    = errors.New("mcpoauth: the private key stays where it is: it cannot be written out")
	errSignature    = errors.New("mcpoauth: the key gave a signature that is none of ECDSA")
)

// GenerateKey makes a new key.
func GenerateKey(algorithm Algorithm) (*PrivateKey, error) {
	var key crypto.Signer
	var err error
	switch algorithm {
	case ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256, PS256:
		key, err = rsa.GenerateKey(rand.Reader, newRSABits)
	case EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, errKeyAlgorithm
	}
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	return NewPrivateKey(key, algorithm)
}

// NewPrivateKey signs with a key of the standard library, or with one in hardware or in a key service, of which nothing is known
// but its public half. It is used by several goroutines at once. An empty algorithm stands for ES256, RS256 or EdDSA,
// whichever fits.
func NewPrivateKey(key crypto.Signer, algorithm Algorithm) (*PrivateKey, error) {
	if key == nil {
		return nil, errKeyKind
	}
	public, usual, err := jwkOf(key.Public())
	if err != nil {
		return nil, err
	}
	switch {
	case algorithm == "":
		algorithm = usual
	case algorithm != usual && (usual != RS256 || algorithm != PS256):
		return nil, errKeyAlgorithm
	}
	public.Algorithm = string(algorithm)
	return &PrivateKey{&heldKey{key}, algorithm, public, public.thumbprint()}, nil
}

// ParsePrivateKeyPEM reads the first private key of a PEM text: PKCS#8, SEC1 or PKCS#1, not encrypted. An empty algorithm stands
// for ES256, RS256 or EdDSA, whichever fits.
func ParsePrivateKeyPEM(text []byte, algorithm Algorithm) (*PrivateKey, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, errNoPEM
		}
		key, err := parseBlock(block)
		clear(block.Bytes)
		switch {
		case err != nil:
			return nil, err
		case key != nil:
			return NewPrivateKey(key, algorithm)
		}
		text = rest
	}
}

// parseBlock gives the key in a block, or nil if it holds something else.
func parseBlock(block *pem.Block) (crypto.Signer, error) {
	var parsed any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errEncryptedPEM
	default:
		return nil, nil
	}
	if block.Headers["DEK-Info"] != "" {
		return nil, errEncryptedPEM
	}
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: the private key cannot be read: %w", err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errKeyKind
	}
	return key, nil
}

// WithID gives the same key a kid (RFC 7517 §4.5), by which a server finds it among several.
func (k *PrivateKey) WithID(id string) *PrivateKey {
	named := *k
	named.public.ID = id
	return &named
}

// Algorithm is what it signs with.
func (k *PrivateKey) Algorithm() Algorithm { return k.algorithm }

// Thumbprint is the SHA-256 of its public half (RFC 7638), in base64url.
func (k *PrivateKey) Thumbprint() string { return k.thumbprint }

// PublicJWK is its public half as a JWK (RFC 7517), for the settings and for a client ID metadata document.
func (k *PrivateKey) PublicJWK() string { return k.public.text() }

// MarshalPEM gives the private key as a PEM of PKCS#8, to keep it where nobody else reads it. A key of which nothing but the
// public half is known is an error.
func (k *PrivateKey) MarshalPEM() ([]byte, error) {
	switch k.held.Signer.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey:
	default:
		return nil, errNotAtHand
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.held.Signer)
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	defer clear(der)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// sign gives the signature of a JWS (RFC 7518 §3, RFC 8037 §3.1).
func (k *PrivateKey) sign(input []byte) ([]byte, error) {
	var options crypto.SignerOpts = crypto.SHA256
	switch k.algorithm {
	case PS256:
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	case EdDSA:
		// The message itself is signed.
		options = crypto.Hash(0)
	}
	signature, err := crypto.SignMessage(k.held.Signer, rand.Reader, input, options)
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: the key could not sign: %w", err)
	}
	if k.algorithm == ES256 {
		return withoutDER(signature)
	}
	return signature, nil
}

// withoutDER makes R‖S of what a [crypto.Signer] gives for ECDSA (RFC 7518 §3.4).
func withoutDER(signature []byte) ([]byte, error) {
	var pair struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &pair)
	if err != nil || len(rest) > 0 {
		return nil, errSignature
	}
	raw := make([]byte, 2*p256Bytes)
	for i, number := range []*big.Int{pair.R, pair.S} {
		if number.Sign() <= 0 || number.BitLen() > 8*p256Bytes {
			return nil, errSignature
		}
		number.FillBytes(raw[i*p256Bytes : (i+1)*p256Bytes])
	}
	return raw, nil
}

// String shows the algorithm and the thumbprint.
func (k PrivateKey) String() string {
	return fmt.Sprintf("PrivateKey(%s, %s)", k.algorithm, k.thumbprint)
}

// Format implements [fmt.Formatter]: the same in every form.
func (k PrivateKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (k PrivateKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
