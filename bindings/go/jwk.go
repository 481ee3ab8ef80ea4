package mcpoauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// How are keys written as JSON (RFC 7517, RFC 7518 §6, RFC 8037 §2)?

// publicJWK is the public half of a key.
type publicJWK struct {
	Algorithm string `json:"alg,omitempty"`
	Curve     string `json:"crv,omitempty"`
	E         string `json:"e,omitempty"`
	ID        string `json:"kid,omitempty"`
	Type      string `json:"kty"`
	N         string `json:"n,omitempty"`
	Use       string `json:"use,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
}

// privateJWK is a whole key.
type privateJWK struct {
	publicJWK
	D     string            `json:"d"`
	P     string            `json:"p"`
	Q     string            `json:"q"`
	Other []json.RawMessage `json:"oth"`
}

// strict64 knows one way to write each octet string.
var strict64 = base64.RawURLEncoding.Strict()

func encode64(octets []byte) string { return strict64.EncodeToString(octets) }

// jwkOf writes down a public key, and tells what it usually signs with.
func jwkOf(key crypto.PublicKey) (publicJWK, Algorithm, error) {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil || key.Curve != elliptic.P256() {
			return publicJWK{}, "", errKeyKind
		}
		// 4, X, Y (SEC 1 §2.3.3).
		x, y := point[1:1+p256Bytes], point[1+p256Bytes:]
		return publicJWK{Type: "EC", Curve: "P-256", X: encode64(x), Y: encode64(y), Use: "sig"}, ES256, nil
	case *rsa.PublicKey:
		if key.N == nil || key.N.BitLen() < minRSABits {
			return publicJWK{}, "", errShortRSA
		}
		e := big.NewInt(int64(key.E)).Bytes()
		return publicJWK{Type: "RSA", N: encode64(key.N.Bytes()), E: encode64(e), Use: "sig"}, RS256, nil
	case ed25519.PublicKey:
		return publicJWK{Type: "OKP", Curve: "Ed25519", X: encode64(key), Use: "sig"}, EdDSA, nil
	default:
		return publicJWK{}, "", errKeyKind
	}
}

func (j publicJWK) text() string {
	text, err := json.Marshal(j)
	if err != nil {
		panic(fmt.Errorf("mcpoauth: plain texts cannot be written as JSON: %w", err))
	}
	return string(text)
}

// thumbprint is that of RFC 7638 §3: the required members alone, in the order in which the struct has them.
func (j publicJWK) thumbprint() string {
	j.Algorithm, j.ID, j.Use = "", "", ""
	digest := sha256.Sum256([]byte(j.text()))
	return encode64(digest[:])
}

var (
	errNotJWK    = errors.New("mcpoauth: this is no private key in JSON (RFC 7517)")
	errJWKHalves = errors.New("mcpoauth: the public and the private half of the key do not belong together")
	errJWKPrimes = errors.New("mcpoauth: an RSA key needs its two primes, p and q")
)

// ParsePrivateJWK reads a private key in JSON, with its alg (which otherwise is ES256, RS256 or EdDSA, whichever fits) and kid.
func ParsePrivateJWK(text []byte) (*PrivateKey, error) {
	var given privateJWK
	if json.Unmarshal(text, &given) != nil || given.D == "" {
		return nil, errNotJWK
	}
	if given.Use != "" && given.Use != "sig" {
		return nil, errNotJWK
	}
	var held crypto.Signer
	var err error
	switch given.Type + " " + given.Curve {
	case "EC P-256":
		held, err = given.ec()
	case "RSA ":
		held, err = given.rsa()
	case "OKP Ed25519":
		held, err = given.ed25519()
	default:
		return nil, errKeyKind
	}
	if err != nil {
		return nil, err
	}
	key, err := NewPrivateKey(held, Algorithm(given.Algorithm))
	if err != nil {
		return nil, err
	}
	if key.thumbprint != given.thumbprint() {
		return nil, errJWKHalves
	}
	return key.WithID(given.ID), nil
}

// octets reads a member.
func octets(member string) []byte {
	octets, err := strict64.DecodeString(member)
	if err != nil {
		return nil
	}
	return octets
}

func (j *privateJWK) ec() (crypto.Signer, error) {
	d := octets(j.D)
	defer clear(d)
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		return nil, errNotJWK
	}
	return key, nil
}

func (j *privateJWK) ed25519() (crypto.Signer, error) {
	seed := octets(j.D)
	defer clear(seed)
	if len(seed) != ed25519.SeedSize {
		return nil, errNotJWK
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func (j *privateJWK) rsa() (crypto.Signer, error) {
	if j.P == "" || j.Q == "" || len(j.Other) > 0 {
		return nil, errJWKPrimes
	}
	number := func(member string) *big.Int {
		bytes := octets(member)
		defer clear(bytes)
		return new(big.Int).SetBytes(bytes)
	}
	e := number(j.E)
	if !e.IsInt64() || e.Int64() > maxExponent {
		return nil, errNotJWK
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: number(j.N), E: int(e.Int64())},
		D:         number(j.D),
		Primes:    []*big.Int{number(j.P), number(j.Q)},
	}
	if key.N.BitLen() < minRSABits {
		return nil, errShortRSA
	}
	if key.Validate() != nil {
		return nil, errJWKHalves
	}
	key.Precompute()
	return key, nil
}

// maxExponent is the largest that the standard library takes.
const maxExponent = 1<<31 - 1
