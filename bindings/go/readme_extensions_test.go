package mcpoauth_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
)

// What the README shows of keys, and of grants beyond the browser.

// keptKey reads a key, or makes one and keeps it where only this user can read it.
func keptKey(path string) (*mcpoauth.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, err
		}
		return mcpoauth.ParsePrivateKeyPEM(text, mcpoauth.ES256)
	}
	key, err := mcpoauth.GenerateKey(mcpoauth.ES256)
	if err != nil {
		return nil, err
	}
	if text, err = key.MarshalPEM(); err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, text, 0o600)
}

// boundTransport connects with tokens that are worth nothing without the key. Keep the key for as long as the tokens.
func boundTransport(server string, key *mcpoauth.PrivateKey) (*mcp.StreamableClientTransport, *mcpoauth.Handler, error) {
	handler, err := mcpoauth.New(mcpoauth.Settings{
		ServerURL: server,
		DPoP:      mcpoauth.DPoPWhenSupported,
		DPoPKeys:  []mcpoauth.DPoPKey{{JWK: key.PublicJWK()}},
	}, &mcpoauth.Options{Signer: mcpoauth.KeySet{key}})
	if err != nil {
		return nil, nil, err
	}
	client := &http.Client{Transport: handler.Transport(nil)}
	return &mcp.StreamableClientTransport{Endpoint: server, HTTPClient: client}, handler, nil
}

// batch is a program that is authorized itself, by its key or with a ClientSecret.
func batch(server, issuer string, key *mcpoauth.PrivateKey) (*mcpoauth.Handler, error) {
	return mcpoauth.New(mcpoauth.Settings{
		ServerURL:     server,
		Grant:         mcpoauth.ClientCredentials,
		Preregistered: &mcpoauth.Preregistered{Issuer: issuer, ClientID: "batch"},
		ClientKey:     key.PublicJWK(),
	}, &mcpoauth.Options{Signer: mcpoauth.KeySet{key}})
}

// workload is known to its platform, which keeps a fresh JWT in a file: in Kubernetes, a projected service account token.
func workload(server, issuer, path string) (*mcpoauth.Handler, error) {
	return mcpoauth.New(mcpoauth.Settings{
		ServerURL:           server,
		Grant:               mcpoauth.WorkloadIdentity,
		AuthorizationServer: issuer,
	}, &mcpoauth.Options{Assertions: mcpoauth.AssertionFile(path)})
}

// employee is signed in at the identity provider of their enterprise, which says what they may do. idToken gives what they got
// there, and a newer one if that was refused.
func employee(server string, provider mcpoauth.IdentityProvider, client mcpoauth.Preregistered,
	idToken func(ctx context.Context, renew bool) (string, error),
) (*mcpoauth.Handler, error) {
	return mcpoauth.New(mcpoauth.Settings{
		ServerURL:        server,
		Grant:            mcpoauth.EnterpriseManaged,
		IdentityProvider: &provider,
		Preregistered:    &client,
	}, &mcpoauth.Options{
		Assertions: func(ctx context.Context, request *mcpoauth.AssertionRequest) (mcpoauth.Assertion, error) {
			token, err := idToken(ctx, request.Renew)
			return mcpoauth.Assertion{Token: mcpoauth.Secret(token), Kind: mcpoauth.IDToken}, err
		},
	})
}

// onScreen shows the code on a screen of its own.
func onScreen(server string, show func(code, where string)) (*mcpoauth.Handler, error) {
	return mcpoauth.New(mcpoauth.Settings{ServerURL: server, Grant: mcpoauth.DeviceCode}, &mcpoauth.Options{
		UserAgent: mcpoauth.SystemBrowser{CodeShown: func(code *mcpoauth.UserCode) {
			show(code.Code(), code.VerificationURI)
		}},
	})
}

func TestREADMEKeys(t *testing.T) {
	t.Setenv("MCP_OAUTH_HOME", t.TempDir())
	path := filepath.Join(t.TempDir(), "key.pem")
	key, err := keptKey(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := keptKey(path)
	if err != nil || again.Thumbprint() != key.Thumbprint() {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(err)
	}
	bed := testbed.Start(t, knownClient(map[string]any{
		"token_endpoint_auth_method": "private_key_jwt", "jwks": keysOf(key),
	}))
	handler, err := batch(bed.MCPURL, bed.Issuer, key)
	if err != nil {
		t.Fatal(err)
	}
	defer handler.Close()
	if token, err := handler.Token(); err != nil || token.AccessToken == "" {
		t.Fatal(err)
	}
}

func TestREADMEBoundTokens(t *testing.T) {
	t.Setenv("MCP_OAUTH_HOME", t.TempDir())
	throughOurselves(t)
	bed := testbed.Start(t, bound("required"))
	transport, handler, err := boundTransport(bed.MCPURL, someKey(t, mcpoauth.ES256))
	if err != nil {
		t.Fatal(err)
	}
	defer handler.Close()
	session := connect(t, transport, "2026-07-28")
	if answer, err := call(t.Context(), session, "whoami", nil); err != nil || !strings.Contains(answer, "user-1") {
		t.Fatalf("%q %v", answer, err)
	}
}

func TestREADMENobodyAtTheKeyboard(t *testing.T) {
	t.Setenv("MCP_OAUTH_HOME", t.TempDir())
	bed := testbed.Start(t, workloads("token_endpoint"))
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(bed.WorkloadAssertion(bed.Issuer+"/token", "")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	handler, err := workload(bed.MCPURL, bed.Issuer, path)
	if err != nil {
		t.Fatal(err)
	}
	defer handler.Close()
	if err := handler.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	bed = testbed.Start(t, enterprise())
	idToken := func(context.Context, bool) (string, error) { return bed.IDToken(""), nil }
	if handler, err = employee(bed.MCPURL, providerOf(bed), clientAtServer(bed), idToken); err != nil {
		t.Fatal(err)
	}
	defer handler.Close()
	if err := handler.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestREADMEAnotherDevice(t *testing.T) {
	t.Setenv("MCP_OAUTH_HOME", t.TempDir())
	bed := testbed.Start(t, devices())
	handler, err := onScreen(bed.MCPURL, func(code, where string) {
		if !strings.HasPrefix(where, bed.Issuer) {
			t.Error(where)
		}
		bed.DecideDevice(code, "allow")
	})
	if err != nil {
		t.Fatal(err)
	}
	defer handler.Close()
	if err := handler.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
}
