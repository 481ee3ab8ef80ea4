package mcpoauth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// Servers that answer from memory, with documents of the size and shape of public ones.

const (
	cannedServer    = "https://mcp.example.com/mcp"
	cannedRedirect  = "http://127.0.0.1:49152/callback"
	cannedChallenge = `Bearer realm="OAuth", error="invalid_token", error_description="No token was sent", ` +
		`resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="notes:read notes:write"`
	cannedResourceMetadata = `{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://auth.example.com"],` +
		`"scopes_supported":["notes:read","notes:write","notes:share","folders:read","folders:write","members:read",` +
		`"members:invite","audit:read"],"bearer_methods_supported":["header"],"resource_name":"Example Notes",` +
		`"resource_documentation":"https://docs.example.com/notes/mcp","resource_policy_uri":"https://example.com/policy"}`
	cannedServerMetadata = `{"issuer":"https://auth.example.com",` +
		`"authorization_endpoint":"https://auth.example.com/oauth/authorize",` +
		`"token_endpoint":"https://auth.example.com/oauth/token",` +
		`"registration_endpoint":"https://auth.example.com/oauth/register",` +
		`"revocation_endpoint":"https://auth.example.com/oauth/token/revoke",` +
		`"introspection_endpoint":"https://auth.example.com/oauth/token/introspect",` +
		`"scopes_supported":["notes:read","notes:write","notes:share","openid","email","offline_access"],` +
		`"response_types_supported":["code"],"response_modes_supported":["query"],` +
		`"grant_types_supported":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:jwt-bearer"],` +
		`"authorization_grant_profiles_supported":["urn:ietf:params:oauth:grant-profile:id-jag"],` +
		`"token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post","none"],` +
		`"code_challenge_methods_supported":["plain","S256"],"authorization_response_iss_parameter_supported":true,` +
		`"client_id_metadata_document_supported":true,"service_documentation":"https://docs.example.com/notes/oauth"}`
	cannedRegistration = `{"client_id":"c2f6a1de-5b0f-4d6c-9a53-0b6f7f6f2f10","client_id_issued_at":1800000000,` +
		`"client_name":"MCP client","redirect_uris":["http://127.0.0.1:49152/callback"],` +
		`"grant_types":["authorization_code","refresh_token"],"response_types":["code"],` +
		`"token_endpoint_auth_method":"none","application_type":"native",` +
		`"scope":"notes:read notes:write offline_access"}`
	// cannedTokens are due for refresh at once, for those who believe it; cannedRefreshed are not.
	cannedTokens    = `{"access_token":"` + cannedAccess + `.1","expires_in":1` + cannedRest
	cannedRefreshed = `{"access_token":"` + cannedAccess + `.2","expires_in":3600` + cannedRest
	cannedAccess    = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20iLCJhdWQiOiJodHRw" +
		"czovL21jcC5leGFtcGxlLmNvbS9tY3AiLCJzdWIiOiI0MiIsImV4cCI6MTgwMDAwMzYwMH0.c2lnbmF0dXJl"
	cannedRest = `,"token_type":"Bearer","refresh_token":"` + cannedRefreshToken + `",` +
		`"scope":"notes:read notes:write offline_access"}`
	cannedRefreshToken = "rt_9f8e7d6c5b4a39281706f5e4d3c2b1a0"
	cannedCode         = "SplxlOBeZQQYbYS6WxSbIA-3k9"
)

var errNotCanned = errors.New("nothing is canned for this")

// canned is the round tripper to those servers.
type canned struct{}

func (canned) RoundTrip(request *http.Request) (*http.Response, error) {
	switch request.URL.Host + request.URL.Path {
	case "mcp.example.com/.well-known/oauth-protected-resource/mcp":
		return document(request, http.StatusOK, cannedResourceMetadata), nil
	case "auth.example.com/.well-known/oauth-authorization-server":
		return document(request, http.StatusOK, cannedServerMetadata), nil
	case "auth.example.com/oauth/register":
		_, err := io.Copy(io.Discard, request.Body)
		return document(request, http.StatusCreated, cannedRegistration), err
	case "auth.example.com/oauth/token":
		form, err := io.ReadAll(request.Body)
		if bytes.Contains(form, []byte("grant_type=refresh_token")) {
			return document(request, http.StatusOK, cannedRefreshed), err
		}
		return document(request, http.StatusOK, cannedTokens), err
	default:
		return nil, errNotCanned
	}
}

var documentHeader = http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}}

func document(request *http.Request, status int, body string) *http.Response {
	return &http.Response{
		Status:        http.StatusText(status),
		StatusCode:    status,
		Header:        documentHeader.Clone(),
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       request,
	}
}

// cannedUser consents to everything.
type cannedUser struct{}

func (cannedUser) Bind(context.Context, string) (*Redirect, error) {
	return &Redirect{URI: cannedRedirect}, nil
}

func (cannedUser) Open(_ context.Context, page *Page) (string, error) {
	asked, err := url.Parse(page.URL())
	if err != nil {
		return "", err
	}
	answer := url.Values{
		"code": {cannedCode}, "iss": {"https://auth.example.com"}, "state": {asked.Query().Get("state")},
	}
	return cannedRedirect + "?" + answer.Encode(), nil
}

func cannedHandler(tb testing.TB, transport http.RoundTripper, options Options) *Handler {
	tb.Helper()
	options.Store = &MemoryStore{}
	options.UserAgent = cannedUser{}
	handler, err := New(Settings{ServerURL: cannedServer}, &options)
	if err != nil {
		tb.Fatal(err)
	}
	handler.driver.network = &network{map[machine.Reach]http.RoundTripper{machine.Public: transport}}
	return handler
}

// cannedRefusal is what the server says to a request without a token.
func cannedRefusal(tb testing.TB) (*http.Request, *http.Response) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, cannedServer, nil)
	if err != nil {
		tb.Fatal(err)
	}
	response := document(request, http.StatusUnauthorized, "")
	response.Header.Set("WWW-Authenticate", cannedChallenge)
	return request, response
}

// signedIn carries a handler through a whole flow, to a token that the server then refuses, which is refreshed.
func signedIn(tb testing.TB, handler *Handler) {
	request, refusal := cannedRefusal(tb)
	if err := handler.Authorize(context.Background(), request, refusal); err != nil {
		tb.Fatal(err)
	}
	token, err := handler.Token()
	if err != nil {
		tb.Fatal(err)
	}
	request, refusal = cannedRefusal(tb)
	token.SetAuthHeader(request)
	if err := handler.Authorize(context.Background(), request, refusal); err != nil {
		tb.Fatal(err)
	}
}

// recorder keeps what goes over the network, to look for secrets in it.
type recorder struct {
	mu     sync.Mutex
	bodies []string
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		r.bodies = append(r.bodies, string(body))
		r.mu.Unlock()
		request.Body = io.NopCloser(bytes.NewReader(body))
	}
	return canned{}.RoundTrip(request)
}
