//go:build unix

package mcpoauth

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// What does it cost, beside the handler that users of the official SDK have today? The flow is the same for both: a 401, both
// metadata documents, registration, the user's consent, exchange, and one refresh, since the token soon expires. Ours also
// keeps its records.

func BenchmarkFlow(b *testing.B) {
	b.Run("ours", func(b *testing.B) {
		network := &network{map[machine.Reach]http.RoundTripper{machine.Public: canned{}}}
		measure(b, func() {
			handler, err := New(Settings{ServerURL: cannedServer}, &Options{Store: &MemoryStore{}, UserAgent: cannedUser{}})
			if err != nil {
				b.Fatal(err)
			}
			handler.driver.network = network
			wantFlow(b, handler, func() { handler.driver.now = afterExpiry })
			_ = handler.Close()
		})
	})
	b.Run("sdk", func(b *testing.B) {
		// To theirs, a token that lives for a second has expired already.
		measure(b, func() { wantFlow(b, sdkHandler(b), func() {}) })
	})
	b.Run("canned", func(b *testing.B) { measure(b, func() { cannedFlow(b) }) })
}

// measure is b.Loop with the time of the processors: what is done beside, the collecting of garbage for one, is not free, and
// what others do on the machine is not ours.
func measure(b *testing.B, operation func()) {
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		operation()
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "ns/op")
}

func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// afterExpiry is the time when the first tokens have expired, and those of their refresh have not.
func afterExpiry() time.Time { return time.Now().Add(2 * time.Second) }

// wantFlow signs a handler in, lets the token expire, and asks for one.
func wantFlow(b *testing.B, handler auth.OAuthHandler, expire func()) {
	request, refusal := cannedRefusal(b)
	if err := handler.Authorize(b.Context(), request, refusal); err != nil {
		b.Fatal(err)
	}
	expire()
	wantRefreshed(b, handler)
}

func wantRefreshed(b *testing.B, handler auth.OAuthHandler) {
	source, err := handler.TokenSource(b.Context())
	if err != nil || source == nil {
		b.Fatal(err)
	}
	token, err := source.Token()
	if err != nil || token.AccessToken != cannedAccess+".2" {
		b.Fatal(err)
	}
}

// cannedFlow is what the flow costs whoever goes through it: its requests and their answers, and the user.
func cannedFlow(b *testing.B) {
	cannedRefusal(b)
	for _, asked := range []struct{ method, url, body string }{
		{http.MethodGet, "https://mcp.example.com/.well-known/oauth-protected-resource/mcp", ""},
		{http.MethodGet, "https://auth.example.com/.well-known/oauth-authorization-server", ""},
		{http.MethodPost, "https://auth.example.com/oauth/register", cannedRegistration},
		{http.MethodPost, "https://auth.example.com/oauth/token", "grant_type=authorization_code&code=" + cannedCode},
		{http.MethodPost, "https://auth.example.com/oauth/token", "grant_type=refresh_token&refresh_token=" + cannedRefreshToken},
	} {
		request, err := http.NewRequestWithContext(b.Context(), asked.method, asked.url, strings.NewReader(asked.body))
		if err != nil {
			b.Fatal(err)
		}
		response, err := canned{}.RoundTrip(request)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadAll(response.Body); err != nil {
			b.Fatal(err)
		}
	}
	page := "https://auth.example.com/oauth/authorize?response_type=code&client_id=c2f6a1de-5b0f-4d6c-9a53-0b6f7f6f2f10" +
		"&redirect_uri=http%3A%2F%2F127.0.0.1%3A49152%2Fcallback&state=Gkyz1ABJSPqXpgcGjoKWNrKIbIpsvrJaIaR1Hhpqf0Q" +
		"&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256" +
		"&resource=https%3A%2F%2Fmcp.example.com%2Fmcp&scope=notes%3Aread+notes%3Awrite+offline_access"
	if _, err := (cannedUser{}).Open(b.Context(), &Page{url: Secret(page)}); err != nil {
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
	wantFlow(b, ours, func() { ours.driver.now = afterExpiry })
	ours.driver.now = time.Now
	wantFlow(b, sdk, func() {})
	b.Run("ours", func(b *testing.B) { measure(b, func() { wantRefreshed(b, ours) }) })
	b.Run("sdk", func(b *testing.B) { measure(b, func() { wantRefreshed(b, sdk) }) })
}

// BenchmarkCall is what it costs to cross the boundary.
func BenchmarkCall(b *testing.B) {
	b.Run("reach", func(b *testing.B) {
		address := netip.MustParseAddr("192.0.2.1")
		measure(b, func() { _ = machine.Public.Allows(address) })
	})
	b.Run("authorization", func(b *testing.B) {
		handler := cannedHandler(b, canned{}, Options{})
		defer handler.Close()
		signedIn(b, handler)
		now := time.Now()
		measure(b, func() {
			if headers, err := handler.driver.machine.RequestHeaders("POST", cannedServer, now); headers.Credentials != machine.Ready {
				b.Fatal(err)
			}
		})
	})
	b.Run("proof", func(b *testing.B) { benchmarkProof(b) })
	b.Run("document", func(b *testing.B) { benchmarkDocument(b) })
}

// benchmarkProof makes a proof for a request, with a key at hand.
func benchmarkProof(b *testing.B) {
	key := must(GenerateKey(ES256))
	signer := KeySet{key}
	request := requestFor(key, strings.Repeat("x", 400))
	measure(b, func() {
		signature, err := signer.Sign(b.Context(), request)
		if err == nil {
			_, err = request.Compact(signature)
		}
		if err != nil {
			b.Fatal(err)
		}
	})
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
