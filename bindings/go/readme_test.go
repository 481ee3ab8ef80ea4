package mcpoauth_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/storetest"
)

// What the README and docs/stores.md show stands here, word for word, and is run.

func TestThePagesShowWhatIsRunHere(t *testing.T) {
	read := func(paths ...string) (text []byte) {
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, content...)
		}
		return text
	}
	pages := read("README.md", "../../docs/stores.md")
	source := read("readme_test.go", "readme_extensions_test.go", "sqlstore/readme_test.go")
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(pages, -1)
	if len(snippets) < 9 {
		t.Fatalf("%d snippets", len(snippets))
	}
	for _, snippet := range snippets {
		if !strings.Contains(string(source), "\n"+string(snippet[1])) {
			t.Errorf("nobody runs\n%s", snippet[1])
		}
	}
}

func whoami(ctx context.Context, server string) (*mcp.CallToolResult, error) {
	handler, err := mcpoauth.New(mcpoauth.Settings{ServerURL: server, ClientName: "Notes"}, nil)
	if err != nil {
		return nil, err
	}
	defer handler.Close()
	transport := &mcp.StreamableClientTransport{Endpoint: server, OAuthHandler: handler}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "notes", Version: "1.0"}, nil).Connect(ctx, transport, nil)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	return session.CallTool(ctx, &mcp.CallToolParams{Name: "whoami"})
}

// throughOurselves makes this program the user's browser, for the test that calls it.
func throughOurselves(t *testing.T) {
	t.Helper()
	t.Setenv(browserMark, "this process")
	t.Setenv("BROWSER", os.Args[0]+" -test.run=^TestREADMESignIn$")
}

const browserMark = "MCPOAUTH_README_BROWSER"

func TestREADMESignIn(t *testing.T) {
	if os.Getenv(browserMark) != "" {
		if _, err := http.Get(flag.Arg(0)); err != nil {
			t.Fatal(err)
		}
		return
	}
	bed := testbed.Start(t, nil)
	throughOurselves(t)
	t.Setenv("MCP_OAUTH_HOME", t.TempDir())
	for range 2 {
		result, err := whoami(t.Context(), bed.MCPURL)
		if err != nil || !strings.Contains(result.Content[0].(*mcp.TextContent).Text, "user-1") {
			t.Fatalf("%+v %v", result, err)
		}
	}
	if counts := bed.Counts(); counts.CodeExchanges != 1 {
		t.Fatalf("%+v", counts)
	}
}

func get(ctx context.Context, handler *mcpoauth.Handler, url string) (*http.Response, error) {
	client := &http.Client{Transport: handler.Transport(nil)}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(request)
}

func explain(err error) string {
	var failure *mcpoauth.Error
	switch {
	case err == nil:
		return "signed in"
	case errors.Is(err, mcpoauth.ErrNeedsUser):
		return "send the user to the page of the *mcpoauth.NeedsUserError"
	case errors.As(err, &failure) && failure.Advice == mcpoauth.RetryAfter:
		return "try again in " + failure.RetryAfter.String()
	case errors.As(err, &failure):
		return failure.Code + " (" + string(failure.Advice) + "): " + failure.Text
	default:
		return err.Error()
	}
}

func TestREADMEOtherClientsAndErrors(t *testing.T) {
	bed := testbed.Start(t, nil)
	handler := newHandler(t, bed, nil)
	response, err := get(t.Context(), handler, bed.MCPURL)
	if err != nil || response.StatusCode == http.StatusUnauthorized {
		t.Fatalf("%v %v", response, err)
	}
	_ = response.Body.Close()
	if said := explain(handler.SignIn(t.Context())); said != "signed in" {
		t.Fatal(said)
	}
	retry := &mcpoauth.Error{Advice: mcpoauth.RetryAfter, RetryAfter: time.Second}
	denied := &mcpoauth.Error{Code: "access_denied", Advice: mcpoauth.AskUser, Text: "no"}
	for err, want := range map[error]string{
		retry:                 "try again in 1s",
		denied:                "access_denied (ask_user): no",
		mcpoauth.ErrNeedsUser: "send the user to the page of the *mcpoauth.NeedsUserError",
		mcpoauth.ErrClosed:    mcpoauth.ErrClosed.Error(),
	} {
		if said := explain(err); said != want {
			t.Error(said)
		}
	}
}

// sealed encrypts each record before another store keeps it.
func sealed(inner mcpoauth.Store, key []byte) (mcpoauth.Store, error) {
	sealer, err := mcpoauth.NewAESGCMSealer(key)
	if err != nil {
		return nil, err
	}
	return mcpoauth.NewSealedStore(inner, sealer), nil
}

func TestREADMESealedStore(t *testing.T) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	inner := &mcpoauth.MemoryStore{}
	bed := testbed.Start(t, nil)
	for range 2 {
		store, err := sealed(inner, secret)
		if err != nil {
			t.Fatal(err)
		}
		handler := newHandler(t, bed, &mcpoauth.Options{Store: store})
		if err := handler.SignIn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if counts := bed.Counts(); counts.CodeExchanges != 1 {
		t.Fatalf("%+v", counts)
	}
	key, err := machine.KeyOfGrant("", bed.MCPURL)
	if err != nil {
		t.Fatal(err)
	}
	if held, err := inner.Load(t.Context(), key); err != nil || held.Generation == 0 || strings.Contains(string(held.Body), "refresh") {
		t.Fatalf("%q %v", held.Body, err)
	}
}

func TestMyStore(t *testing.T) {
	storetest.Run(t, storetest.Subject{
		Open: func(tb testing.TB, folder string) mcpoauth.Store { return openMyStore(tb, folder) },
	})
}

// openMyStore stands in for the store of whoever reads the page.
var openMyStore = openFiles

// newAccount gives the handler of one user of a web back end. The settings and the store are the same in every process.
func newAccount(server, user string, store mcpoauth.Store) (*mcpoauth.Handler, error) {
	return mcpoauth.New(
		mcpoauth.Settings{ServerURL: server, ClientName: "Notes", RedirectURI: origin + "/callback"},
		&mcpoauth.Options{Account: user, Store: store, UserAgent: mcpoauth.NoUserAgent{}},
	)
}

// routes are the two legs. accountOf knows the user by a session of your own: it is not in the URL.
func routes(mux *http.ServeMux, accountOf func(*http.Request) *mcpoauth.Handler) {
	mux.HandleFunc("GET /connect", func(w http.ResponseWriter, r *http.Request) {
		page, err := accountOf(r).Begin(r.Context())
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadGateway)
		case page == nil:
			http.Redirect(w, r, "/", http.StatusSeeOther) // There is a usable token already.
		default:
			http.Redirect(w, r, page.URL(), http.StatusSeeOther)
		}
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		if err := accountOf(r).Finish(r.Context(), origin+r.URL.RequestURI()); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
}

// origin is where the web back end of the test is reached.
var origin string

func TestREADMEWebBackEnd(t *testing.T) {
	bed := testbed.Start(t, nil)
	store := &mcpoauth.MemoryStore{}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	origin = server.URL
	// As if each request came to another process.
	routes(mux, func(*http.Request) *mcpoauth.Handler {
		handler, err := newAccount(bed.MCPURL, "alice", store)
		if err != nil {
			panic(err)
		}
		return handler
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "home") })
	for range 2 {
		response, err := http.Get(server.URL + "/connect")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || string(body) != "home" {
			t.Fatalf("%s %q %v", response.Status, body, err)
		}
	}
	if counts := bed.Counts(); counts.CodeExchanges != 1 {
		t.Fatalf("%+v", counts)
	}
	response, err := http.Get(server.URL + "/callback?code=x&state=y")
	if err != nil || response.StatusCode != http.StatusBadRequest {
		t.Fatalf("%v %v", response, err)
	}
}

// tab is the user agent of one of many handlers that share one callback address.
type tab struct {
	pending   *mcpoauth.Pending[chan<- string]
	callbacks chan string
	show      func(url string)
}

func (t *tab) Bind(context.Context, string) (*mcpoauth.Redirect, error) {
	return &mcpoauth.Redirect{URI: origin + "/callback", Callbacks: t.callbacks}, nil
}

func (t *tab) Open(_ context.Context, page *mcpoauth.Page) (string, error) {
	if err := t.pending.Add(page, t.callbacks); err != nil {
		return "", err
	}
	t.show(page.URL())
	return "", nil
}

// callbacks gives each callback to the tab that waits for it.
func callbacks(pending *mcpoauth.Pending[chan<- string]) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		callback := origin + r.URL.RequestURI()
		waiting, found := pending.Take(callback)
		if !found {
			http.NotFound(w, r)
			return
		}
		waiting <- callback
		fmt.Fprintln(w, "You can close this page.")
	}
}

func TestREADMEOneCallbackAddress(t *testing.T) {
	bed := testbed.Start(t, nil)
	pending := mcpoauth.NewPending[chan<- string](8)
	server := httptest.NewServer(callbacks(pending))
	defer server.Close()
	origin = server.URL
	status := func(url string) int {
		response, err := http.Get(url)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	for _, account := range []string{"alice", "bob"} {
		handler, err := mcpoauth.New(mcpoauth.Settings{ServerURL: bed.MCPURL}, &mcpoauth.Options{
			Account: account,
			Store:   &mcpoauth.MemoryStore{},
			UserAgent: &tab{pending, make(chan string, 1), func(url string) {
				if code := status(url); code != http.StatusOK {
					t.Error(code)
				}
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer handler.Close()
		if err := handler.SignIn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if code := status(origin + "/callback?code=x&state=y"); code != http.StatusNotFound || pending.Len() != 0 {
		t.Fatalf("%d, %d wait", code, pending.Len())
	}
}
