package mcpoauth

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// What does it cost, beside the handler that users of the official SDK have today? The flow: a 401, both metadata documents,
// registration, the user's consent, exchange, and one refresh: ours after another 401, theirs since the token expires at once.
// Ours also keeps its records.

func BenchmarkFlow(b *testing.B) {
	ctx := b.Context()
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		network := &network{map[machine.Reach]http.RoundTripper{machine.Public: canned{}}}
		for b.Loop() {
			handler, err := New(Settings{ServerURL: cannedServer}, &Options{Store: &MemoryStore{}, UserAgent: cannedUser{}})
			if err != nil {
				b.Fatal(err)
			}
			handler.driver.network = network
			signedIn(b, handler)
			wantRefreshed(ctx, b, handler)
			_ = handler.Close()
		}
	})
	b.Run("sdk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			request, refusal := cannedRefusal(b)
			handler := sdkHandler(b)
			if err := handler.Authorize(ctx, request, refusal); err != nil {
				b.Fatal(err)
			}
			wantRefreshed(ctx, b, handler)
		}
	})
}

func wantRefreshed(ctx context.Context, b *testing.B, handler auth.OAuthHandler) {
	source, err := handler.TokenSource(ctx)
	if err != nil || source == nil {
		b.Fatal(err)
	}
	token, err := source.Token()
	if err != nil || token.AccessToken != cannedAccess+".2" {
		b.Fatal(err)
	}
}

func sdkHandler(b *testing.B) *auth.AuthorizationCodeHandler {
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{
			Metadata: &oauthex.ClientRegistrationMetadata{
				RedirectURIs: []string{cannedRedirect},
				ClientName:   "MCP client",
				GrantTypes:   []string{"authorization_code", "refresh_token"},
			},
		},
		RequestRefreshToken: true,
		Client:              &http.Client{Transport: canned{}},
		AuthorizationCodeFetcher: func(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			callback, err := cannedUser{}.Open(context.Background(), &Page{url: Secret(args.URL)})
			if err != nil {
				return nil, err
			}
			answer, err := url.Parse(callback)
			if err != nil {
				return nil, err
			}
			query := answer.Query()
			return &auth.AuthorizationResult{Code: query.Get("code"), State: query.Get("state"), Iss: query.Get("iss")}, nil
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return handler
}

// BenchmarkToken is what each request to the server costs while the token is good.
func BenchmarkToken(b *testing.B) {
	ours, sdk := cannedHandler(b, canned{}, Options{}), sdkHandler(b)
	defer ours.Close()
	signedIn(b, ours)
	request, refusal := cannedRefusal(b)
	if err := sdk.Authorize(b.Context(), request, refusal); err != nil {
		b.Fatal(err)
	}
	measure := func(handler auth.OAuthHandler) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				wantRefreshed(b.Context(), b, handler)
			}
		}
	}
	b.Run("ours", measure(ours))
	b.Run("sdk", measure(sdk))
}

// BenchmarkCall is what it costs to cross the boundary.
func BenchmarkCall(b *testing.B) {
	b.Run("reach", func(b *testing.B) {
		address := netip.MustParseAddr("192.0.2.1")
		b.ReportAllocs()
		for b.Loop() {
			_ = machine.Public.Allows(address)
		}
	})
	b.Run("authorization", func(b *testing.B) {
		handler := cannedHandler(b, canned{}, Options{})
		defer handler.Close()
		signedIn(b, handler)
		now := time.Now()
		b.ReportAllocs()
		for b.Loop() {
			if credentials, _, _, err := handler.driver.machine.Authorization("POST", cannedServer, now); credentials != machine.Ready {
				b.Fatal(err)
			}
		}
	})
	b.Run("document", func(b *testing.B) { benchmarkDocument(b) })
}

// benchmarkDocument gives the metadata of an authorization server and takes the next request.
func benchmarkDocument(b *testing.B) {
	config, err := machine.NewConfig(Settings{ServerURL: cannedServer})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	m, err := machine.New(config, "")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := m.Stored(1, machine.Nothing, nil, now); err != nil {
		b.Fatal(err)
	}
	if _, err := m.Challenge(http.StatusUnauthorized, []string{cannedChallenge}, 0, now); err != nil {
		b.Fatal(err)
	}
	snapshot, err := m.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(cannedResourceMetadata)
	header := http.Header{"Content-Type": {"application/json"}}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		m, err := machine.Resume(config, "", snapshot)
		if err != nil {
			b.Fatal(err)
		}
		step, err := m.Next()
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if step, err = m.Reply(step.Next.ID, http.StatusOK, header, body, now); err != nil || step.Next.Kind != machine.HTTP {
			b.Fatal(err, step)
		}
		b.StopTimer()
		m.Close()
		b.StartTimer()
	}
}
