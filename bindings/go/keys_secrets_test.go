package mcpoauth

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// Are keys, assertions, proofs and codes never told: by an error, a decision, a log, a snapshot or what is stored?

// witness remembers what was secret, and whatever a program might have shown meanwhile.
type witness struct {
	mu      sync.Mutex
	keys    KeySet
	handler *Handler
	// secrets must be told nowhere, and drafts be kept nowhere but in a snapshot, until they are signed.
	secrets, drafts []string
	told, kept      strings.Builder
}

func (w *witness) Sign(ctx context.Context, request *SignRequest) ([]byte, error) {
	signature, err := w.keys.Sign(ctx, request)
	if err != nil {
		return nil, err
	}
	compact, err := request.Compact(signature)
	if err != nil {
		return nil, err
	}
	// Headers are the same each time, and no secret.
	_, claims, _ := strings.Cut(string(compact), ".")
	claims, signed, _ := strings.Cut(claims, ".")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told.WriteString(shown(request) + shown(*request) + shown(compact))
	w.look()
	w.secrets, w.drafts = append(w.secrets, signed), append(w.drafts, claims)
	return signature, nil
}

// look takes a snapshot, as a program may at any time.
func (w *witness) look() {
	snapshot, err := w.handler.driver.machine.Snapshot()
	if err != nil {
		panic(err)
	}
	w.kept.Write(snapshot)
}

func (w *witness) options(store Store) Options {
	return Options{Store: store, Signer: w, UserAgent: Headless{}, Trace: func(decision Decision) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told.WriteString(shown(decision))
	}}
}

// wantNothingTold looks for what was secret in whatever was told, and in what a store holds.
func (w *witness) wantNothingTold(t *testing.T, store *MemoryStore, fewest int, values ...any) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.look()
	for _, value := range append(values, w.handler, *w.handler, w.keys, w.handler.Transport(nil)) {
		w.told.WriteString(shown(value))
	}
	for key, record := range store.records {
		w.told.WriteString(key)
		w.kept.Write(record.Body)
	}
	if len(w.secrets) < fewest {
		t.Errorf("%d secrets alone", len(w.secrets))
	}
	for _, key := range w.keys {
		text, err := key.MarshalPEM()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		w.secrets = append(w.secrets, lines[1:len(lines)-1]...)
	}
	told, kept := w.told.String(), w.kept.String()
	for _, secret := range append(w.drafts, w.secrets...) {
		if len(secret) < 8 || strings.Contains(told, secret) {
			t.Errorf("%q is told", secret)
		}
	}
	for _, secret := range w.secrets {
		if strings.Contains(kept, secret) {
			t.Errorf("%q is kept", secret)
		}
	}
}

func TestWhatIsSignedIsToldToNobodyButTheServers(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{
		"dpop": map[string]any{
			"offered": true, "required": true, "server_nonce": "required", "resource_nonce": "required",
		},
		"token": map[string]any{"auth_methods": []string{"private_key_jwt"}},
	})
	ours, theirs := must(GenerateKey(ES256)), must(GenerateKey(EdDSA))
	w := &witness{keys: KeySet{ours, theirs}}
	store := &MemoryStore{}
	w.handler = handlerWith(t, Settings{
		ServerURL: bed.MCPURL, ClientKey: ours.PublicJWK(), DPoP: DPoPAlways, DPoPKeys: []DPoPKey{{JWK: theirs.PublicJWK()}},
	}, w.options(store))
	var trouble []any
	for range 2 {
		if _, err := called(t, bed, w.handler, "whoami"); err != nil {
			t.Fatal(err)
		}
		bed.ExpireAccessTokens()
	}
	grant, err := w.handler.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	headers, err := w.handler.driver.machine.RequestHeaders(http.MethodPost, bed.MCPURL, w.handler.driver.now())
	if err != nil || headers.Draft == nil {
		t.Fatalf("%v %v", headers, err)
	}
	token, _ := strings.CutPrefix(headers.Authorization, "DPoP ")
	if text := shown(headers) + shown(headers.Draft) + shown(grant); strings.Contains(text, token) {
		t.Errorf("the token is told: %s", text)
	}
	bed.Behave(testbed.Behaviour{"dpop": map[string]any{"offered": true}, "token": map[string]any{"refused": "invalid_client"}})
	_, err = called(t, bed, w.handler, "whoami")
	var failure *Error
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	trouble = append(trouble, err, failure, grant)
	w.wantNothingTold(t, store, 10, trouble...)
}

func TestAnAssertionIsToldToNobodyButWhoWantsIt(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{"workload": map[string]any{"offered": true}})
	w := &witness{}
	for _, flaw := range []string{"", "forged"} {
		store := &MemoryStore{}
		options := w.options(store)
		options.Assertions = func(_ context.Context, request *AssertionRequest) (Assertion, error) {
			assertion := Assertion{Token: Secret(bed.WorkloadAssertion(request.Audience, flaw)), Kind: JWT}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.secrets = append(w.secrets, strings.SplitN(string(assertion.Token), ".", 2)[1])
			w.told.WriteString(shown(request) + shown(assertion) + shown(&assertion))
			return assertion, nil
		}
		w.handler = handlerWith(t, Settings{
			ServerURL: bed.MCPURL, Grant: WorkloadIdentity, AuthorizationServer: bed.Issuer,
		}, options)
		err := w.handler.SignIn(t.Context())
		if (err == nil) != (flaw == "") {
			t.Fatal(err)
		}
		w.wantNothingTold(t, store, 1, err)
	}
}

// codeWatcher is shown codes, and denies them.
type codeWatcher struct {
	NoUserAgent
	*witness
}

func (c codeWatcher) ShowCode(_ context.Context, code *UserCode) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets = append(c.secrets, code.Code())
	step, err := c.handler.driver.machine.Next()
	if err != nil || step.Next.Code == nil {
		return errors.Join(errors.New("there is no code"), err)
	}
	c.told.WriteString(shown(code) + shown(*code) + shown(step) + shown(step.Next) + shown(step.Next.Code) + shown(*step.Next.Code))
	return ErrDenied
}

func TestACodeIsShownToThePersonAlone(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{"device": map[string]any{"offered": true}})
	w, store := &witness{}, &MemoryStore{}
	options := w.options(store)
	options.UserAgent = codeWatcher{witness: w}
	w.handler = handlerWith(t, Settings{ServerURL: bed.MCPURL, Grant: DeviceCode}, options)
	err := w.handler.SignIn(t.Context())
	wantCode(t, err, "cancelled")
	w.wantNothingTold(t, store, 1, err)
}

func TestASignatureInAnotherFormIsRefused(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{"dpop": map[string]any{"offered": true}})
	key := must(GenerateKey(ES256))
	settings := Settings{ServerURL: bed.MCPURL, DPoP: DPoPAlways, DPoPKeys: []DPoPKey{{JWK: key.PublicJWK()}}}
	inDER := signerFunc(func(ctx context.Context, request *SignRequest) ([]byte, error) {
		signature, err := KeySet{key}.Sign(ctx, request)
		return append([]byte{0x30, 0x44, 2, 32}, signature...), err
	})
	err := handlerWith(t, settings, Options{Signer: inDER}).SignIn(t.Context())
	if !errors.Is(err, ErrMisuse) {
		t.Error(err)
	}
	request := requestFor(key, "header.claims")
	for _, wrong := range [][]byte{nil, make([]byte, 63), make([]byte, 70)} {
		if proof, err := request.Compact(wrong); !errors.Is(err, ErrMisuse) || proof != "" {
			t.Errorf("%d bytes: %v", len(wrong), err)
		}
	}
	if proof, err := request.Compact(bytes.Repeat([]byte{1}, 64)); err != nil || !strings.HasPrefix(string(proof), "header.claims.AQEB") {
		t.Errorf("%q %v", string(proof), err)
	}
	request.Algorithm = "none"
	if _, err := request.Compact(make([]byte, 64)); !errors.Is(err, ErrMisuse) {
		t.Error(err)
	}
}

// signerFunc is a signer that is a function.
type signerFunc func(ctx context.Context, request *SignRequest) ([]byte, error)

func (f signerFunc) Sign(ctx context.Context, request *SignRequest) ([]byte, error) {
	return f(ctx, request)
}

func TestASignerThatIsSlowIsNotWaitedForInVain(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{"dpop": map[string]any{"offered": true}})
	key := must(GenerateKey(ES256))
	asked := make(chan struct{}, 1)
	slow := true
	signer := signerFunc(func(ctx context.Context, request *SignRequest) ([]byte, error) {
		if slow {
			asked <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return KeySet{key}.Sign(ctx, request)
	})
	handler := handlerWith(t, Settings{
		ServerURL: bed.MCPURL, DPoP: DPoPAlways, DPoPKeys: []DPoPKey{{JWK: key.PublicJWK()}},
	}, Options{Signer: signer})
	waiting := aside(func() error { return handler.SignIn(t.Context()) })
	<-asked
	handler.Cancel()
	if err := wait(t, waiting); err == nil {
		t.Fatal("it signed")
	}
	slow = false
	if err := handler.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What is asked for one request ends with that request.
	slow = true
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "", bed.MCPURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	waiting = aside(func() error {
		_, err := handler.Transport(nil).RoundTrip(request)
		return err
	})
	<-asked
	cancel()
	if err := wait(t, waiting); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAProofNamesTheMethodThatAnEmptyOneStandsFor(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{"dpop": map[string]any{"offered": true, "required": true}})
	key := must(GenerateKey(ES256))
	handler := handlerWith(t, Settings{
		ServerURL: bed.MCPURL, DPoP: DPoPAlways, DPoPKeys: []DPoPKey{{JWK: key.PublicJWK()}},
	}, Options{Signer: KeySet{key}})
	if err := handler.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, bed.MCPURL+"?page=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Method = ""
	response, err := handler.Transport(nil).RoundTrip(request)
	if err != nil || refused(response) {
		t.Fatalf("%v %v", response, err)
	}
	_ = response.Body.Close()
}

// Callbacks that panic end the flow, and not the program.
func TestASignerThatPanicsTakesNobodyDown(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{
		"dpop": map[string]any{"offered": true}, "workload": map[string]any{"offered": true},
	})
	key := must(GenerateKey(ES256))
	for name, handler := range map[string]*Handler{
		"signer": handlerWith(t, Settings{
			ServerURL: bed.MCPURL, DPoP: DPoPAlways, DPoPKeys: []DPoPKey{{JWK: key.PublicJWK()}},
		}, Options{Signer: signerFunc(func(context.Context, *SignRequest) ([]byte, error) { panic("marked-secret") })}),
		"source": handlerWith(t, Settings{
			ServerURL: bed.MCPURL, Grant: WorkloadIdentity, AuthorizationServer: bed.Issuer,
		}, Options{Assertions: func(context.Context, *machine.AssertionRequest) (Assertion, error) { panic("marked-secret") }}),
	} {
		var panicked *PanicError
		if err := handler.SignIn(t.Context()); !errors.As(err, &panicked) || strings.Contains(shown(err), "marked") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
