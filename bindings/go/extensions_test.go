package mcpoauth_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
)

// someKey is made anew for each test.
func someKey(t *testing.T, algorithm mcpoauth.Algorithm) *mcpoauth.PrivateKey {
	t.Helper()
	key, err := mcpoauth.GenerateKey(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// knownClient is a behaviour with one client that is registered beforehand.
func knownClient(members map[string]any) testbed.Behaviour {
	members["client_id"] = "batch"
	return testbed.Behaviour{
		"registration":       map[string]any{"offered": false, "clients": []any{members}},
		"client_credentials": map[string]any{"offered": true},
		"workload":           map[string]any{"offered": true},
	}
}

// keysOf are the public keys of a set, as the testbed takes them.
func keysOf(keys ...*mcpoauth.PrivateKey) json.RawMessage {
	return json.RawMessage(mcpoauth.KeySet(keys).PublicJWKS())
}

// handlerOf makes a handler that keeps everything in memory and shows nobody anything.
func handlerOf(t *testing.T, settings mcpoauth.Settings, options mcpoauth.Options) *mcpoauth.Handler {
	t.Helper()
	if options.Store == nil {
		options.Store = &mcpoauth.MemoryStore{}
	}
	if options.UserAgent == nil {
		options.UserAgent = mcpoauth.NoUserAgent{}
	}
	handler, err := mcpoauth.New(settings, &options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handler.Close() })
	return handler
}

// calls a tool through the official SDK, and gives the answer.
func calls(t *testing.T, transport mcp.Transport, revision string) string {
	t.Helper()
	session := connect(t, transport, revision)
	var answer string
	for range 2 {
		var err error
		if answer, err = call(t.Context(), session, "whoami", nil); err != nil || !strings.Contains(answer, "subject") {
			t.Fatalf("%q %v", answer, err)
		}
	}
	return answer
}

// callsAcrossExpiry does that with a token that expires meanwhile.
func callsAcrossExpiry(t *testing.T, bed *testbed.Bed, transport mcp.Transport, revision string) {
	t.Helper()
	session := connect(t, transport, revision)
	for range 2 {
		if _, err := call(t.Context(), session, "whoami", nil); err != nil {
			t.Fatal(err)
		}
	}
	bed.ExpireAccessTokens()
	if _, err := call(t.Context(), session, "whoami", nil); err != nil {
		t.Fatal(err)
	}
	if counts := bed.Counts(); counts.CodeExchanges != 1 || counts.Refreshes != 1 {
		t.Errorf("%+v", counts)
	}
}

func TestAProgramGetsInWithItsSecret(t *testing.T) {
	for way, transport := range ways {
		for _, method := range []mcpoauth.AuthMethod{mcpoauth.ClientSecretBasic, mcpoauth.ClientSecretPost} {
			t.Run(way+" "+string(method), func(t *testing.T) {
				bed := testbed.Start(t, knownClient(map[string]any{
					"client_secret": "s3cret/%&=", "token_endpoint_auth_method": method, "grant_types": []string{"client_credentials"},
				}))
				handler := handlerOf(t, mcpoauth.Settings{
					ServerURL: bed.MCPURL,
					Grant:     mcpoauth.ClientCredentials,
					Preregistered: &mcpoauth.Preregistered{
						Issuer: bed.Issuer, ClientID: "batch", ClientSecret: "s3cret/%&=", AuthMethod: method,
					},
				}, mcpoauth.Options{})
				calls(t, transport(handler, bed.MCPURL), "2026-07-28")
				if asked := bed.Asked("token"); asked != 1 || bed.Asked("authorization") != 0 {
					t.Errorf("%d requests for tokens", asked)
				}
			})
		}
	}
}

func TestAProgramGetsInWithItsKey(t *testing.T) {
	for _, algorithm := range []mcpoauth.Algorithm{mcpoauth.ES256, mcpoauth.EdDSA, mcpoauth.RS256, mcpoauth.PS256} {
		t.Run(string(algorithm), func(t *testing.T) {
			key := someKey(t, algorithm).WithID("2026-1")
			bed := testbed.Start(t, knownClient(map[string]any{
				"token_endpoint_auth_method": "private_key_jwt", "jwks": keysOf(someKey(t, mcpoauth.ES256), key),
			}))
			handler := handlerOf(t, batchSettings(bed, key), mcpoauth.Options{Signer: mcpoauth.KeySet{key}})
			calls(t, ways["handler"](handler, bed.MCPURL), "2026-07-28")
		})
	}
}

func TestAProgramGetsItsNextTokenLikeTheFirst(t *testing.T) {
	key := someKey(t, mcpoauth.ES256)
	behaviour := knownClient(map[string]any{"token_endpoint_auth_method": "private_key_jwt", "jwks": keysOf(key)})
	behaviour["token"] = map[string]any{"lifetime": 1}
	bed := testbed.Start(t, behaviour)
	settings := batchSettings(bed, key)
	settings.RefreshSkew = time.Millisecond
	handler := handlerOf(t, settings, mcpoauth.Options{Signer: mcpoauth.KeySet{key}})
	session := connect(t, ways["handler"](handler, bed.MCPURL), "2026-07-28")
	for range 2 {
		if _, err := call(t.Context(), session, "whoami", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1100 * time.Millisecond)
	}
	if asked := bed.Asked("token"); asked < 2 || bed.Asked("refresh") != 0 {
		t.Errorf("%d requests for tokens", asked)
	}
}

// batchSettings are those of a client with a key.
func batchSettings(bed *testbed.Bed, key *mcpoauth.PrivateKey) mcpoauth.Settings {
	return mcpoauth.Settings{
		ServerURL:     bed.MCPURL,
		Grant:         mcpoauth.ClientCredentials,
		Preregistered: &mcpoauth.Preregistered{Issuer: bed.Issuer, ClientID: "batch"},
		ClientKey:     key.PublicJWK(),
	}
}

func TestAUserOfAProgramWithAKeySignsInAndIsRefreshed(t *testing.T) {
	bed := testbed.Start(t, nil)
	key := someKey(t, mcpoauth.ES256)
	handler := handlerOf(t, mcpoauth.Settings{
		ServerURL: bed.MCPURL, ClientKey: key.PublicJWK(), ClientName: "Notes",
	}, mcpoauth.Options{Signer: mcpoauth.KeySet{key}, UserAgent: mcpoauth.Headless{}})
	callsAcrossExpiry(t, bed, ways["handler"](handler, bed.MCPURL), "2026-07-28")
}

func TestAUserOfAProgramWithADocumentSignsIn(t *testing.T) {
	const document, redirect = "https://notes.example.com/client.json", "http://127.0.0.1/callback"
	key := someKey(t, mcpoauth.ES256).WithID("2026-1")
	bed := testbed.Start(t, testbed.Behaviour{
		"authorization": map[string]any{"loopback_port": "any"},
		"registration": map[string]any{"offered": false, "client_documents": map[string]any{document: map[string]any{
			"client_id": document, "client_name": "Notes", "redirect_uris": []string{redirect},
			"grant_types":                []string{"authorization_code", "refresh_token"},
			"token_endpoint_auth_method": "private_key_jwt", "jwks": keysOf(key),
		}}},
	})
	handler := handlerOf(t, mcpoauth.Settings{
		ServerURL: bed.MCPURL,
		ClientDocument: &mcpoauth.ClientDocument{
			URL: document, RedirectURIs: []string{redirect}, AuthMethod: mcpoauth.PrivateKeyJWT,
		},
		ClientKey: key.PublicJWK(),
	}, mcpoauth.Options{Signer: mcpoauth.KeySet{key}, UserAgent: mcpoauth.Headless{}})
	callsAcrossExpiry(t, bed, ways["handler"](handler, bed.MCPURL), "2026-07-28")
}

func TestARequestIsHandedOverBeforehand(t *testing.T) {
	for name, row := range map[string]struct {
		server string
		wanted bool
		asked  int
	}{
		"demanded":            {"required", false, 1},
		"offered and wanted":  {"offered", true, 1},
		"offered, not wanted": {"offered", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bed := testbed.Start(t, testbed.Behaviour{"pushed": map[string]any{"offered": true, row.server: true}})
			handler := handlerOf(t, mcpoauth.Settings{ServerURL: bed.MCPURL, PushedAuthorization: row.wanted},
				mcpoauth.Options{UserAgent: mcpoauth.Headless{}})
			calls(t, ways["handler"](handler, bed.MCPURL), "2026-07-28")
			if asked := bed.Asked("pushed_authorization"); asked != row.asked {
				t.Errorf("%d requests", asked)
			}
		})
	}
}

func TestWithoutTheKeyNobodyGetsIn(t *testing.T) {
	key, other := someKey(t, mcpoauth.ES256), someKey(t, mcpoauth.ES256)
	for name, signer := range map[string]mcpoauth.Signer{"no signer": nil, "another key": mcpoauth.KeySet{other}} {
		t.Run(name, func(t *testing.T) {
			bed := testbed.Start(t, knownClient(map[string]any{
				"token_endpoint_auth_method": "private_key_jwt", "jwks": keysOf(key),
			}))
			handler := handlerOf(t, batchSettings(bed, key), mcpoauth.Options{Signer: signer})
			err := handler.SignIn(t.Context())
			var failure *mcpoauth.Error
			if !errors.As(err, &failure) || failure.Code != "signing_failed" {
				t.Fatal(err)
			}
			if signer != nil && !errors.Is(err, mcpoauth.ErrUnknownKey) {
				t.Error(err)
			}
		})
	}
}

// bound makes tokens that are bound to a key, with nonces of both servers.
func bound(nonce string) testbed.Behaviour {
	return testbed.Behaviour{"dpop": map[string]any{
		"offered": true, "required": true, "server_nonce": nonce, "resource_nonce": nonce,
	}}
}

func boundHandler(t *testing.T, bed *testbed.Bed, algorithm mcpoauth.Algorithm) *mcpoauth.Handler {
	t.Helper()
	key := someKey(t, algorithm)
	return handlerOf(t, mcpoauth.Settings{
		ServerURL: bed.MCPURL, ClientName: "Notes",
		DPoP: mcpoauth.DPoPWhenSupported, DPoPKeys: []mcpoauth.DPoPKey{{JWK: key.PublicJWK()}},
	}, mcpoauth.Options{Signer: mcpoauth.KeySet{key}, UserAgent: mcpoauth.Headless{}})
}

func TestRequestsProveThatTheKeyIsHeld(t *testing.T) {
	for _, revision := range []string{"2025-11-25", "2026-07-28"} {
		for nonce, algorithm := range map[string]mcpoauth.Algorithm{
			"never": mcpoauth.EdDSA, "required": mcpoauth.ES256, "rotating": mcpoauth.ES256,
		} {
			t.Run(revision+" "+nonce, func(t *testing.T) {
				bed := testbed.Start(t, bound(nonce))
				handler := boundHandler(t, bed, algorithm)
				callsAcrossExpiry(t, bed, ways["round tripper"](handler, bed.MCPURL), revision)
			})
		}
	}
}

func TestManyRequestsAtOnceProveIt(t *testing.T) {
	bed := testbed.Start(t, bound("required"))
	handler := boundHandler(t, bed, mcpoauth.ES256)
	session := connect(t, ways["round tripper"](handler, bed.MCPURL), "2026-07-28")
	var together sync.WaitGroup
	for range 16 {
		together.Go(func() {
			for range 4 {
				if answer, err := call(t.Context(), session, "whoami", nil); err != nil || !strings.Contains(answer, "user-1") {
					t.Errorf("%q %v", answer, err)
				}
			}
		})
	}
	together.Wait()
}

func TestATokenThatIsBoundIsNotGivenOut(t *testing.T) {
	bed := testbed.Start(t, bound("never"))
	handler := boundHandler(t, bed, mcpoauth.ES256)
	if _, err := handler.Token(); !errors.Is(err, mcpoauth.ErrBound) {
		t.Error(err)
	}
	// The SDK could send it as a Bearer token alone.
	source, err := handler.TokenSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if token, err := source.Token(); token != nil || err != nil {
		t.Errorf("%v %v", token != nil, err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, nil)
	if _, err := client.Connect(t.Context(), ways["handler"](handler, bed.MCPURL), nil); !errors.Is(err, mcpoauth.ErrBound) {
		t.Error(err)
	}
	// Beside the transport, the handler of the SDK does no harm.
	both := ways["handler"](handler, bed.MCPURL)
	both.HTTPClient = &http.Client{Transport: handler.Transport(nil)}
	session := connect(t, both, "2026-07-28")
	if _, err := call(t.Context(), session, "whoami", nil); err != nil {
		t.Error(err)
	}
}
