package mcpoauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"
)

const (
	// rfcECKey and rfcECJWS are those of RFC 7515 appendix A.3.
	rfcECKey = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",` +
		`"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"` + rfcECSecret + `"}`
	rfcECSecret = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
	rfcECJWS    = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290" +
		"Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

	// rfcEdKey, its thumbprint and rfcEdJWS are those of RFC 8037 appendices A.1, A.3 and A.4.
	rfcEdKey = `{"kty":"OKP","crv":"Ed25519","d":"` + rfcEdSecret + `","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	// rfcEdSecret is a seed.
	rfcEdSecret     = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
	rfcEdThumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
	rfcEdJWS        = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." +
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

	// rfcRSAModulus and its thumbprint are those of RFC 7638 §3.1.
	rfcRSAModulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3o" +
		"knjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5haj" +
		"rn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	rfcRSAThumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
)

// anRSAKey is made once, since that takes a while.
var anRSAKey = sync.OnceValue(func() *PrivateKey {
	key, err := GenerateKey(RS256)
	if err != nil {
		panic(err)
	}
	return key
})

// must gives a key that there is.
func must(key *PrivateKey, err error) *PrivateKey {
	if err != nil {
		panic(err)
	}
	return key
}

func generated(t *testing.T, algorithm Algorithm) *PrivateKey {
	t.Helper()
	switch algorithm {
	case RS256:
		return anRSAKey()
	case PS256:
		return must(NewPrivateKey(anRSAKey().held.Signer, PS256))
	default:
		return must(GenerateKey(algorithm))
	}
}

var algorithms = []Algorithm{ES256, RS256, PS256, EdDSA}

func requestFor(key *PrivateKey, input string) *SignRequest {
	return &SignRequest{
		Purpose: ClientAssertion, Algorithm: key.Algorithm(), Thumbprint: key.Thumbprint(),
		Issuer: "https://auth.example.com", Input: Secret(input),
	}
}

// verified tells whether a signature is what RFC 7518 §3 wants.
func verified(key *PrivateKey, input string, signature []byte) bool {
	digest := sha256.Sum256([]byte(input))
	switch public := key.held.Public().(type) {
	case *ecdsa.PublicKey:
		return len(signature) == 64 &&
			ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case *rsa.PublicKey:
		if key.Algorithm() == PS256 {
			return rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, &rsa.PSSOptions{SaltLength: 32}) == nil
		}
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(public, []byte(input), signature)
	default:
		return false
	}
}

func TestAKeySetSignsWithTheKeyThatIsAskedFor(t *testing.T) {
	var set KeySet
	for _, algorithm := range algorithms {
		set = append(set, generated(t, algorithm))
	}
	for _, key := range set {
		for _, input := range []string{"", "header.payload", strings.Repeat("long.", 1000)} {
			signature, err := set.Sign(t.Context(), requestFor(key, input))
			if err != nil || !verified(key, input, signature) || verified(key, input+".", signature) {
				t.Errorf("%s: %x %v", key, signature, err)
			}
		}
	}
}

// One in 256 values of R is shorter than 32 bytes in DER.
func TestSignaturesOfES256AreAsLongAsEver(t *testing.T) {
	key := generated(t, ES256)
	for range 600 {
		signature, err := KeySet{key}.Sign(t.Context(), requestFor(key, "header.payload"))
		if err != nil || !verified(key, "header.payload", signature) {
			t.Fatalf("%x %v", signature, err)
		}
	}
}

func TestAKeySetRefusesWhatItCannotSign(t *testing.T) {
	key, other := generated(t, ES256), generated(t, ES256)
	set := KeySet{other, anRSAKey()}
	if _, err := set.Sign(t.Context(), requestFor(key, "x")); !errors.Is(err, ErrUnknownKey) {
		t.Error(err)
	}
	if _, err := (KeySet)(nil).Sign(t.Context(), requestFor(key, "x")); !errors.Is(err, ErrUnknownKey) {
		t.Error(err)
	}
	request := requestFor(anRSAKey(), "x")
	request.Algorithm = PS256
	if _, err := set.Sign(t.Context(), request); !errors.Is(err, errOtherAlgorithm) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := set.Sign(ended, requestFor(other, "x")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSignaturesAreThoseOfTheStandards(t *testing.T) {
	for text, want := range map[string]string{rfcECKey: rfcECJWS, rfcEdKey: rfcEdJWS} {
		key := must(ParsePrivateJWK([]byte(text)))
		cut := strings.LastIndex(want, ".")
		input, known := want[:cut], octets(want[cut+1:])
		if !verified(key, input, known) {
			t.Errorf("%s: the known signature does not verify", key)
		}
		signature, err := KeySet{key}.Sign(t.Context(), requestFor(key, input))
		if err != nil || !verified(key, input, signature) {
			t.Errorf("%s: %x %v", key, signature, err)
		}
		// Ed25519 knows one signature of each message.
		if key.Algorithm() == EdDSA && string(signature) != string(known) {
			t.Errorf("%x", signature)
		}
	}
}

func TestThumbprintsAreThoseOfTheStandards(t *testing.T) {
	modulus := new(big.Int).SetBytes(octets(rfcRSAModulus))
	rsaKey, _, err := jwkOf(&rsa.PublicKey{N: modulus, E: 65537})
	if err != nil || rsaKey.thumbprint() != rfcRSAThumbprint {
		t.Errorf("%s %v", rsaKey.thumbprint(), err)
	}
	if key := must(ParsePrivateJWK([]byte(rfcEdKey))); key.Thumbprint() != rfcEdThumbprint || key.WithID("k").Thumbprint() != rfcEdThumbprint {
		t.Error(key)
	}
}

func TestKeysAreKeptAsPEM(t *testing.T) {
	for _, algorithm := range algorithms {
		key := generated(t, algorithm)
		text, err := key.MarshalPEM()
		if err != nil {
			t.Fatal(err)
		}
		again := must(ParsePrivateKeyPEM(text, algorithm))
		if again.Thumbprint() != key.Thumbprint() || again.Algorithm() != algorithm {
			t.Errorf("%s became %s", key, again)
		}
	}
}

func TestEveryUsualPEMIsRead(t *testing.T) {
	ec := generated(t, ES256).held.Signer.(*ecdsa.PrivateKey)
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(anRSAKey().held.Signer.(*rsa.PrivateKey))
	block := func(name string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der}))
	}
	// As `openssl ecparam -genkey` writes it, and with a certificate before it.
	for text, want := range map[string]Algorithm{
		block("EC PARAMETERS", []byte{6, 0}) + block("EC PRIVATE KEY", sec1):    ES256,
		"A key\n" + block("CERTIFICATE", nil) + block("RSA PRIVATE KEY", pkcs1): RS256,
	} {
		if key, err := ParsePrivateKeyPEM([]byte(text), ""); err != nil || key.Algorithm() != want {
			t.Errorf("%v %v", key, err)
		}
	}
	protected := &pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1[8:], Headers: map[string]string{
		"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00",
	}}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := x509.MarshalPKCS8PrivateKey(p384)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]error{
		"":                               errNoPEM,
		block("PUBLIC KEY", []byte("x")): errNoPEM,
		block("ENCRYPTED PRIVATE KEY", []byte("x")): errEncryptedPEM,
		string(pem.EncodeToMemory(protected)):       errEncryptedPEM,
		block("PRIVATE KEY", wide):                  errKeyKind,
	} {
		if _, err := ParsePrivateKeyPEM([]byte(text), ""); !errors.Is(err, want) {
			t.Errorf("%v instead of %v", err, want)
		}
	}
	for name, der := range map[string][]byte{"PRIVATE KEY": sec1, "EC PRIVATE KEY": pkcs1, "RSA PRIVATE KEY": nil} {
		if _, err := ParsePrivateKeyPEM([]byte(block(name, der)), ""); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	if _, err := ParsePrivateKeyPEM([]byte(block("EC PRIVATE KEY", sec1)), EdDSA); !errors.Is(err, errKeyAlgorithm) {
		t.Error(err)
	}
}

// jwkOfWhole writes a whole RSA key down, as other programs do.
func jwkOfWhole(key *rsa.PrivateKey) map[string]string {
	return map[string]string{
		"kty": "RSA", "alg": "PS256", "kid": "2026", "n": encode64(key.N.Bytes()), "e": "AQAB", "d": encode64(key.D.Bytes()),
		"p": encode64(key.Primes[0].Bytes()), "q": encode64(key.Primes[1].Bytes()),
	}
}

func TestEveryPrivateJWKIsRead(t *testing.T) {
	whole := jwkOfWhole(anRSAKey().held.Signer.(*rsa.PrivateKey))
	text := func(change map[string]string) []byte {
		changed := map[string]string{}
		for _, members := range []map[string]string{whole, change} {
			for name, value := range members {
				changed[name] = value
			}
		}
		text, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	key := must(ParsePrivateJWK(text(nil)))
	if key.Algorithm() != PS256 || key.Thumbprint() != anRSAKey().Thumbprint() || !strings.Contains(key.PublicJWK(), `"kid":"2026"`) {
		t.Error(key)
	}
	for name, change := range map[string]map[string]string{
		"another half":      {"d": "AQAB"},
		"another modulus":   {"n": rfcRSAModulus},
		"a short modulus":   {"n": "AQAB"},
		"a vast exponent":   {"e": encode64([]byte("123456789"))},
		"one prime":         {"q": ""},
		"no private half":   {"d": ""},
		"another algorithm": {"alg": "ES256"},
		"no algorithm":      {"alg": "HS256"},
		"another kind":      {"kty": "oct"},
		"another use":       {"use": "enc"},
	} {
		if key, err := ParsePrivateJWK(text(change)); err == nil {
			t.Errorf("%s: %v", name, key)
		}
	}
	for _, wrong := range []string{
		"", "{}", "[]", `{"d":"` + rfcEdSecret + `"}`,
		strings.Replace(rfcEdKey, "11qY", "22qY", 1),
		strings.Replace(rfcEdKey, rfcEdSecret, rfcEdSecret[1:], 1),
		strings.Replace(rfcECKey, "x_FE", "y_FE", 1),
		strings.Replace(rfcECKey, rfcECSecret, "not base64url!", 1),
		strings.Replace(rfcECKey, rfcECSecret, "", 1),
		strings.Replace(rfcECKey, "P-256", "P-384", 1),
	} {
		if key, err := ParsePrivateJWK([]byte(wrong)); err == nil {
			t.Errorf("%s: %v", wrong, key)
		}
	}
}

func TestPublicKeysAreWrittenWithoutTheOtherHalf(t *testing.T) {
	key := must(ParsePrivateJWK([]byte(rfcECKey))).WithID("<1>")
	want := `{"alg":"ES256","crv":"P-256","kid":"\u003c1\u003e","kty":"EC","use":"sig",` +
		`"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	if got := key.PublicJWK(); got != want {
		t.Error(got)
	}
	if got := (KeySet{key}).PublicJWKS(); got != `{"keys":[`+want+`]}` {
		t.Error(got)
	}
	if got := (KeySet)(nil).PublicJWKS(); got != `{"keys":[]}` {
		t.Error(got)
	}
	for _, algorithm := range algorithms {
		var members map[string]string
		if err := json.Unmarshal([]byte(generated(t, algorithm).PublicJWK()), &members); err != nil {
			t.Fatal(err)
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if _, there := members[private]; there {
				t.Errorf("%s: %s", algorithm, private)
			}
		}
		if members["alg"] != string(algorithm) || members["use"] != "sig" {
			t.Errorf("%v", members)
		}
	}
}

// faraway is a key of which nobody has more than the public half.
type faraway struct {
	crypto.Signer
	signature []byte
}

func (f *faraway) Sign(random io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	if f.signature != nil {
		return f.signature, nil
	}
	return f.Signer.Sign(random, digest, options)
}

func TestAKeyMayBeElsewhere(t *testing.T) {
	for _, algorithm := range algorithms {
		key := must(NewPrivateKey(&faraway{Signer: generated(t, algorithm).held.Signer}, algorithm))
		signature, err := KeySet{key}.Sign(t.Context(), requestFor(key, "header.payload"))
		if err != nil || !verified(key, "header.payload", signature) {
			t.Errorf("%s: %x %v", key, signature, err)
		}
		if _, err := key.MarshalPEM(); !errors.Is(err, errNotAtHand) {
			t.Error(err)
		}
	}
}

func TestAKeyElsewhereThatSignsWronglyIsFoundOut(t *testing.T) {
	der := func(r, s *big.Int) []byte {
		signature, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	one := big.NewInt(1)
	for _, wrong := range [][]byte{
		{}, make([]byte, 64), append(der(one, one), 0), der(one, big.NewInt(0)), der(big.NewInt(-1), one),
		der(one, new(big.Int).Lsh(one, 256)),
	} {
		key := must(NewPrivateKey(&faraway{generated(t, ES256).held.Signer, wrong}, ES256))
		if signature, err := (KeySet{key}).Sign(t.Context(), requestFor(key, "x")); !errors.Is(err, errSignature) {
			t.Errorf("%x %v", signature, err)
		}
	}
}

func TestKeysThatServersRefuseAreNone(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, attempt := range map[string]func() (*PrivateKey, error){
		"1024 bits":     func() (*PrivateKey, error) { return NewPrivateKey(short, RS256) },
		"P-384":         func() (*PrivateKey, error) { return NewPrivateKey(p384, "") },
		"nothing":       func() (*PrivateKey, error) { return NewPrivateKey(nil, "") },
		"for another":   func() (*PrivateKey, error) { return NewPrivateKey(p256(t), RS256) },
		"for no other":  func() (*PrivateKey, error) { return NewPrivateKey(p256(t), PS256) },
		"for nothing":   func() (*PrivateKey, error) { return GenerateKey("none") },
		"for a default": func() (*PrivateKey, error) { return GenerateKey("") },
	} {
		if key, err := attempt(); err == nil {
			t.Errorf("%s: %v", name, key)
		}
	}
}

func p256(t *testing.T) crypto.Signer {
	t.Helper()
	return generated(t, ES256).held.Signer
}

func TestNoKeyIsShown(t *testing.T) {
	key := must(ParsePrivateJWK([]byte(rfcEdKey)))
	ec := must(ParsePrivateJWK([]byte(rfcECKey)))
	request := requestFor(key, "marked-secret")
	_, wrongJWK := ParsePrivateJWK([]byte(strings.Replace(rfcEdKey, "11qY", "22qY", 1)))
	_, wrongPEM := ParsePrivateKeyPEM(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: octets(rfcEdSecret)}), "")
	_, unknown := KeySet{ec}.Sign(t.Context(), request)
	// A key inside of a struct that says nothing of how to show it.
	type holder struct {
		key  *PrivateKey
		keys KeySet
		copy PrivateKey
	}
	seed := string(octets(rfcEdSecret))
	secrets := []string{
		rfcEdSecret, seed, rfcECSecret, string(octets(rfcECSecret)), "marked-secret",
		ec.held.Signer.(*ecdsa.PrivateKey).D.String(),
		strings.Join(decimals(seed), " "),
	}
	wantNoSecret(t, secrets, map[string]any{
		"key": key, "its value": *key, "set": KeySet{key, ec}, "EC": ec, "request": request, "its copy": *request,
		"options": Options{}, "holder": holder{key, KeySet{key, ec}, *ec}, "wrong JWK": wrongJWK, "wrong PEM": wrongPEM,
		"unknown": unknown,
	})
	if shown := shown(key); !strings.Contains(shown, "PrivateKey(EdDSA, "+rfcEdThumbprint+")") {
		t.Error(shown)
	}
}

// decimals are how %v shows bytes.
func decimals(text string) []string {
	var shown []string
	for _, octet := range []byte(text) {
		shown = append(shown, big.NewInt(int64(octet)).String())
	}
	return shown
}
