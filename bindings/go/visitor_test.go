package mcpoauth

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
)

// visitor is a user agent whose user does what the test says.
type visitor struct {
	pages     atomic.Int32
	listening atomic.Int32
	shown     chan *Page
	callbacks chan string
}

func newVisitor() *visitor {
	return &visitor{shown: make(chan *Page, 8), callbacks: make(chan string, 8)}
}

func (v *visitor) Bind(context.Context, string) (*Redirect, error) {
	v.listening.Add(1)
	return &Redirect{
		URI:       "http://127.0.0.1:61234/callback",
		Callbacks: v.callbacks,
		Close:     func() { v.listening.Add(-1) },
	}, nil
}

func (v *visitor) Open(_ context.Context, page *Page) (string, error) {
	v.pages.Add(1)
	v.shown <- page
	return "", nil
}

// page waits for the page that the user sees.
func (v *visitor) page(t *testing.T) *Page {
	t.Helper()
	select {
	case page := <-v.shown:
		return page
	case <-time.After(10 * time.Second):
		t.Fatal("no page was shown")
		return nil
	}
}

// consent is what a user's browser comes back with.
func consent(t *testing.T, page *Page) string {
	t.Helper()
	return consentOf(t, page, "user-1")
}

// consentOf is that of a person by this name.
func consentOf(t *testing.T, page *Page, person string) string {
	t.Helper()
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.AddCookie(&http.Cookie{Name: "subject", Value: person})
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	location := response.Header.Get("Location")
	if location == "" {
		t.Fatal(response.Status)
	}
	return location
}

func (v *visitor) comeBack(t *testing.T) {
	t.Helper()
	v.callbacks <- consent(t, v.page(t))
}

func handlerFor(t testing.TB, bed *testbed.Bed, options Options) *Handler {
	t.Helper()
	return handlerWith(t, Settings{ServerURL: bed.MCPURL, ClientName: "Test"}, options)
}

func handlerWith(t testing.TB, settings Settings, options Options) *Handler {
	t.Helper()
	if options.Store == nil {
		options.Store = &MemoryStore{}
	}
	if options.UserAgent == nil {
		options.UserAgent = Headless{}
	}
	handler, err := New(settings, &options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handler.Close() })
	return handler
}

// in runs something aside and gives its error later.
func aside(work func() error) <-chan error {
	result := make(chan error, 1)
	go func() { result <- work() }()
	return result
}

func wait(t *testing.T, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came of it")
		return nil
	}
}

func wantCode(t *testing.T, err error, code string) *Error {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != code {
		t.Fatalf("%v is not %s", err, code)
	}
	if !errors.Is(err, &Error{Code: code}) {
		t.Fatalf("%v is not itself", err)
	}
	return failure
}
