package mcpoauth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/oauth2"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
)

var (
	_ auth.OAuthHandler  = (*mcpoauth.Handler)(nil)
	_ oauth2.TokenSource = (*mcpoauth.Handler)(nil)
)

func newHandler(t *testing.T, bed *testbed.Bed, options *mcpoauth.Options) *mcpoauth.Handler {
	t.Helper()
	if options == nil {
		options = &mcpoauth.Options{}
	}
	if options.Store == nil {
		options.Store = &mcpoauth.MemoryStore{}
	}
	if options.UserAgent == nil {
		options.UserAgent = mcpoauth.Headless{}
	}
	handler, err := mcpoauth.New(mcpoauth.Settings{ServerURL: bed.MCPURL, ClientName: "Test"}, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handler.Close() })
	return handler
}

// ways are the two ways in which the official SDK's transport gets authorized.
var ways = map[string]func(*mcpoauth.Handler, string) *mcp.StreamableClientTransport{
	"handler": func(handler *mcpoauth.Handler, url string) *mcp.StreamableClientTransport {
		return &mcp.StreamableClientTransport{Endpoint: url, OAuthHandler: handler}
	},
	"round tripper": func(handler *mcpoauth.Handler, url string) *mcp.StreamableClientTransport {
		return &mcp.StreamableClientTransport{
			Endpoint:   url,
			HTTPClient: &http.Client{Transport: handler.Transport(nil)},
		}
	},
}

func connect(t *testing.T, transport mcp.Transport, revision string) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, nil)
	session, err := client.Connect(t.Context(), transport, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func call(ctx context.Context, session *mcp.ClientSession, tool string, arguments map[string]any) (string, error) {
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return "", err
	}
	return result.Content[0].(*mcp.TextContent).Text, nil
}

func TestAnSDKClientSignsInRefreshesAndStepsUp(t *testing.T) {
	for way, transport := range ways {
		for _, revision := range []string{"2025-11-25", "2026-07-28"} {
			t.Run(way+" "+revision, func(t *testing.T) {
				bed := testbed.Start(t, nil)
				store := &mcpoauth.MemoryStore{}
				handler := newHandler(t, bed, &mcpoauth.Options{Store: store})
				session := connect(t, transport(handler, bed.MCPURL), revision)
				answer, err := call(t.Context(), session, "whoami", nil)
				if err != nil || !strings.Contains(answer, "user-1") {
					t.Fatalf("%q %v", answer, err)
				}
				bed.ExpireAccessTokens()
				if _, err := call(t.Context(), session, "whoami", nil); err != nil {
					t.Fatal(err)
				}
				if counts := bed.Counts(); counts.CodeExchanges != 1 || counts.Refreshes != 1 {
					t.Fatalf("%+v", counts)
				}
				if _, err := call(t.Context(), session, "write_note", map[string]any{"text": "hello"}); err != nil {
					t.Fatal(err)
				}
				answer, err = call(t.Context(), session, "read_note", nil)
				if err != nil || answer != "hello" {
					t.Fatalf("%q %v", answer, err)
				}

				// In another run of the program everything is still there, until the server takes it back.
				later := newHandler(t, bed, &mcpoauth.Options{Store: store})
				session = connect(t, transport(later, bed.MCPURL), revision)
				if counts := bed.Counts(); counts.CodeExchanges != 2 {
					t.Fatalf("%+v", counts)
				}
				bed.RevokeGrants()
				if _, err := call(t.Context(), session, "whoami", nil); err != nil {
					t.Fatal(err)
				}
				if counts := bed.Counts(); counts.CodeExchanges != 3 || counts.ReuseDetections != 0 {
					t.Fatalf("%+v", counts)
				}
			})
		}
	}
}

func TestAnSDKClientSeesWhyThereIsNoToken(t *testing.T) {
	for way, transport := range ways {
		t.Run(way, func(t *testing.T) {
			bed := testbed.Start(t, testbed.Behaviour{"authorization": map[string]any{"consent": "page"}})
			handler := newHandler(t, bed, nil)
			client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, nil)
			_, err := client.Connect(t.Context(), transport(handler, bed.MCPURL), nil)
			var needed *mcpoauth.NeedsUserError
			if !errors.Is(err, mcpoauth.ErrNeedsUser) || !errors.As(err, &needed) {
				t.Fatal(err)
			}
			if !strings.HasPrefix(needed.URL(), bed.Issuer) {
				t.Fatal(needed.URL())
			}
		})
	}
}

func TestAnOrdinaryOAuth2ClientIsAuthorized(t *testing.T) {
	bed := testbed.Start(t, nil)
	handler := newHandler(t, bed, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := oauth2.NewClient(ctx, handler)
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	for range 3 {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, bed.MCPURL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept", "application/json, text/event-stream")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusUnauthorized {
			t.Fatal(response.Status)
		}
	}
	token, err := handler.WithContext(ctx).Token()
	if err != nil || !token.Valid() || token.TokenType != "Bearer" {
		t.Fatalf("%v", err)
	}
	if counts := bed.Counts(); counts.CodeExchanges != 1 {
		t.Fatalf("%+v", counts)
	}
}

func TestATokenThatCannotBeRefreshedTellsWhenItExpires(t *testing.T) {
	bed := testbed.Start(t, testbed.Behaviour{"refresh": map[string]any{"issued": "never"}})
	handler := newHandler(t, bed, nil)
	for range 2 {
		token, err := handler.Token()
		if err != nil || !token.Valid() || time.Until(token.Expiry) <= 0 {
			t.Fatalf("%v %v", token.Expiry, err)
		}
	}
}
