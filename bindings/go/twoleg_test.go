package mcpoauth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
)

const webRedirect = "https://app.example.com/callback"

// web are the settings of a web back end.
func web(bed *testbed.Bed) Settings {
	return Settings{ServerURL: bed.MCPURL, RedirectURI: webRedirect}
}

func begun(t *testing.T, handler *Handler) *Page {
	t.Helper()
	page, err := handler.Begin(t.Context())
	if err != nil || page == nil {
		t.Fatalf("%v %v", page, err)
	}
	if page.RedirectURI != webRedirect || page.Issuer == "" {
		t.Fatalf("%+v", page)
	}
	return page
}

func TestASignInBegunHereIsFinishedInAnotherProcess(t *testing.T) {
	bed := testbed.Start(t, nil)
	store, err := OpenFileStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	options := Options{Store: store, Account: "alice", UserAgent: NoUserAgent{}}
	page := begun(t, handlerWith(t, web(bed), options))
	callback := consent(t, page)

	// Not for somebody else, and not with another state.
	somebody := handlerWith(t, web(bed), Options{Store: store, Account: "bob"})
	if err := somebody.Finish(t.Context(), callback); !errors.Is(err, ErrUnknownSignIn) {
		t.Fatal(err)
	}
	other := handlerWith(t, web(bed), options)
	for _, forged := range []string{webRedirect, webRedirect + "?code=x&state=y", "", "\xff", "://"} {
		if err := other.Finish(t.Context(), forged); !errors.Is(err, ErrUnknownSignIn) {
			t.Fatalf("%q: %v", forged, err)
		}
	}
	if err := other.Finish(t.Context(), strings.Replace(callback, "code=", "nothing=", 1)); err == nil {
		t.Fatal("without a code")
	}

	page = begun(t, other)
	callback = consent(t, page)
	if err := other.Finish(t.Context(), callback); err != nil {
		t.Fatal(err)
	}
	if err := other.Finish(t.Context(), callback); !errors.Is(err, ErrUnknownSignIn) {
		t.Fatalf("twice: %v", err)
	}
	if _, err := other.Token(); err != nil {
		t.Fatal(err)
	}
	if page, err := other.Begin(t.Context()); page != nil || err != nil {
		t.Fatalf("nobody is needed any more: %v %v", page, err)
	}
	if counts := bed.Counts(); counts.CodeExchanges != 1 {
		t.Fatalf("%+v", counts)
	}
}

func TestOfManyWhoGetTheSameCallbackOneFinishes(t *testing.T) {
	bed := testbed.Start(t, nil)
	store := &MemoryStore{}
	first := handlerWith(t, web(bed), Options{Store: store})
	callback := consent(t, begun(t, first))
	var waiting []<-chan error
	for range 6 {
		handler := handlerWith(t, web(bed), Options{Store: store})
		waiting = append(waiting, aside(func() error { return handler.Finish(t.Context(), callback) }))
	}
	finished := 0
	for _, one := range waiting {
		switch err := wait(t, one); {
		case err == nil:
			finished++
		case errors.Is(err, ErrUnknownSignIn), errors.Is(err, &Error{Code: "flow_taken"}):
		default:
			t.Error(err)
		}
	}
	if counts := bed.Counts(); finished != 1 || counts.CodeExchanges != 1 {
		t.Fatalf("%d finished, %+v", finished, counts)
	}
}

func TestAPageOfAnErrorIsAsGoodAsOneOfBegin(t *testing.T) {
	bed := testbed.Start(t, nil)
	handler := handlerWith(t, web(bed), Options{UserAgent: NoUserAgent{}})
	request, response := challenged(t, bed, "")
	response.Header.Set("WWW-Authenticate", `Bearer scope="notes:read"`)
	err := handler.Authorize(t.Context(), request, response)
	var needed *NeedsUserError
	if !errors.As(err, &needed) || !errors.Is(err, ErrNeedsUser) {
		t.Fatal(err)
	}
	failure := wantCode(t, err, "needs_user")
	if failure.Advice != AskUser || failure.Subject != bed.Issuer {
		t.Fatalf("%+v", failure)
	}
	if err := handler.Finish(t.Context(), consent(t, needed.Page())); err != nil {
		t.Fatal(err)
	}
	token, err := handler.Token()
	if err != nil {
		t.Fatal(err)
	}

	// A step-up asks for the page of another sign-in, and the token stays good meanwhile.
	request, response = challenged(t, bed, token.AccessToken)
	response.StatusCode = http.StatusForbidden
	response.Header.Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="notes:write"`)
	err = handler.Authorize(t.Context(), request, response)
	if !errors.As(err, &needed) || !slices.Equal(needed.Page().NewScopes, []string{"notes:write"}) {
		t.Fatalf("%v %+v", err, needed.Page())
	}
	held, err := handler.Token()
	if err != nil || held.AccessToken != token.AccessToken {
		t.Fatalf("%v", err)
	}
	if err := handler.Finish(t.Context(), consent(t, needed.Page())); err != nil {
		t.Fatal(err)
	}
	if held, err = handler.Token(); err != nil || held.AccessToken == token.AccessToken {
		t.Fatalf("%v", err)
	}
}

func TestADenialIsTold(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{"authorization": map[string]any{
		"error": map[string]any{"error": "access_denied"},
	}})
	handler := handlerWith(t, web(bed), Options{})
	err := handler.Finish(t.Context(), consent(t, begun(t, handler)))
	wantCode(t, err, "access_denied")
}

func TestAContextEndsTheFirstLegToo(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	handler := handlerWith(t, Settings{ServerURL: slow.URL + "/mcp", RedirectURI: webRedirect}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	waiting := aside(func() error {
		_, err := handler.Begin(ctx)
		return err
	})
	cancel()
	if err := wait(t, waiting); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// Each process has the keys, and the nonces of the servers are each one's own.
func TestASignInWithKeysIsFinishedInAnotherProcess(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{
		"dpop": map[string]any{
			"offered": true, "required": true, "server_nonce": "rotating", "resource_nonce": "rotating",
		},
		"pushed": map[string]any{"offered": true, "required": true},
		"token":  map[string]any{"auth_methods": []string{"private_key_jwt"}},
	})
	key := must(GenerateKey(ES256))
	settings := web(bed)
	settings.ClientKey, settings.DPoP, settings.DPoPKeys = key.PublicJWK(), DPoPAlways, []DPoPKey{{JWK: key.PublicJWK()}}
	options := Options{Store: &MemoryStore{}, UserAgent: NoUserAgent{}, Signer: KeySet{key}}
	callback := consent(t, begun(t, handlerWith(t, settings, options)))
	if err := handlerWith(t, settings, options).Finish(t.Context(), callback); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		wantPerson(t, bed, handlerWith(t, settings, options), "user-1")
		bed.ExpireAccessTokens()
	}
	if counts := bed.Counts(); counts.CodeExchanges != 1 || counts.Refreshes != 1 {
		t.Errorf("%+v", counts)
	}
}

func TestNobodyIsShownACodeByAWebBackEnd(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{"device": map[string]any{"offered": true}})
	settings := web(bed)
	settings.Grant = DeviceCode
	page, err := handlerWith(t, settings, Options{UserAgent: SystemBrowser{}}).Begin(t.Context())
	if page != nil {
		t.Errorf("%+v", page)
	}
	wantCode(t, err, "needs_user")
}
