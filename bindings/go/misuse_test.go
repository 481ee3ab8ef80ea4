package mcpoauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/testbed"
)

var errDisk = errors.New("the disk is full")

func TestAStoreThatFailsIsNamed(t *testing.T) {
	bed := testbed.Start(t, nil)
	for _, at := range []string{"load", "save grant", "save flow"} {
		store := &stubborn{at: at, how: func() error { return errDisk }}
		handler := handlerFor(t, bed, Options{Store: store})
		err := handler.SignIn(t.Context())
		failure := wantCode(t, err, "store_failed")
		if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "the disk is full") || failure.Advice != RetryAfter {
			t.Fatalf("%s: %v", at, err)
		}
		if failure.RetryAfter <= 0 {
			t.Fatalf("%s: %v", at, failure.RetryAfter)
		}
		// It passes.
		store.at = ""
		if err := handler.SignIn(t.Context()); err != nil {
			t.Fatalf("%s: %v", at, err)
		}
	}
}

func TestACallbackThatPanicsOrEndsItsGoroutineGivesAnError(t *testing.T) {
	bed := testbed.Start(t, nil)
	hows := map[string]func() error{
		"panic": func() error { panic("marked-secret") },
		"goexit": func() error {
			runtime.Goexit()
			return nil
		},
	}
	for name, how := range hows {
		for _, at := range []string{"load", "save grant", "save flow", "delete"} {
			store := &stubborn{at: at, how: how}
			handler := handlerFor(t, bed, Options{Store: store})
			err := handler.SignIn(t.Context())
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "marked-secret") {
				t.Fatalf("%s at %s: %v", name, at, err)
			}
			var panicked *PanicError
			if errors.As(err, &panicked) != (name == "panic") || panicked != nil && panicked.Value() != "marked-secret" {
				t.Fatalf("%s at %s: %#v", name, at, err)
			}
			store.at = ""
			if err := handler.SignIn(t.Context()); err != nil {
				t.Fatalf("%s at %s: %v", name, at, err)
			}
		}
	}
	fragile := func(context.Context) { panic("marked-secret") }
	for name, options := range map[string]Options{
		"trace":      {Trace: func(Decision) { fragile(t.Context()) }},
		"user agent": {UserAgent: agent{open: func(*Page) (string, error) { panic("marked-secret") }}},
	} {
		var panicked *PanicError
		if err := handlerFor(t, bed, options).SignIn(t.Context()); !errors.As(err, &panicked) {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// agent is a user agent in pieces.
type agent struct {
	bind func(preferred string) (*Redirect, error)
	open func(*Page) (string, error)
}

func (a agent) Bind(_ context.Context, preferred string) (*Redirect, error) {
	if a.bind == nil {
		return reserve(preferred)
	}
	return a.bind(preferred)
}

func (a agent) Open(_ context.Context, page *Page) (string, error) { return a.open(page) }

func TestAUserAgentThatIsWrongIsNamed(t *testing.T) {
	bed := testbed.Start(t, nil)
	bound := func(uri string) func(string) (*Redirect, error) {
		return func(string) (*Redirect, error) { return &Redirect{URI: uri}, nil }
	}
	errWindow := errors.New("no window")
	closed := make(chan string)
	close(closed)
	for name, test := range map[string]struct {
		agent agent
		code  string
		cause error
	}{
		"a redirect URI that is none": {agent{bind: bound("http://mcp.example.com/")}, "declined", ErrMisuse},
		"no redirect URI":             {agent{bind: bound("")}, "declined", ErrMisuse},
		"what is not UTF-8":           {agent{bind: bound("http://127.0.0.1:1/\xff")}, "declined", ErrMisuse},
		"a failure to bind": {
			agent{bind: func(string) (*Redirect, error) { return nil, errWindow }}, "declined", errWindow,
		},
		"a failure to open": {
			agent{open: func(*Page) (string, error) { return "", errWindow }}, "declined", errWindow,
		},
		"a denial": {
			agent{open: func(*Page) (string, error) { return "", ErrDenied }}, "cancelled", ErrDenied,
		},
		"no callbacks": {
			agent{open: func(*Page) (string, error) { return "", nil }}, "declined", errNoCallback,
		},
		"callbacks that end": {
			agent{
				bind: func(string) (*Redirect, error) {
					return &Redirect{URI: "http://127.0.0.1:1/callback", Callbacks: closed}, nil
				},
				open: func(*Page) (string, error) { return "", nil },
			}, "declined", errNoCallback,
		},
		"somebody else's callback": {
			agent{open: func(page *Page) (string, error) { return page.RedirectURI + "?code=x&state=y", nil }},
			"declined", errOtherCallback,
		},
		"a callback that is no text": {
			agent{open: func(*Page) (string, error) { return "\xff", nil }}, "declined", ErrMisuse,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := handlerFor(t, bed, Options{UserAgent: test.agent}).SignIn(t.Context())
			wantCode(t, err, test.code)
			if !errors.Is(err, test.cause) {
				t.Fatal(err)
			}
		})
	}
}

func TestRequestsThatAreNotOursPassThrough(t *testing.T) {
	bed := testbed.Start(t, nil)
	handler := handlerFor(t, bed, Options{})
	var seen []string
	base := roundTripper(func(request *http.Request) (*http.Response, error) {
		seen = append(seen, request.Header.Get("Authorization"))
		return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{}, Body: http.NoBody}, nil
	})
	get := func(url, authorization string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			request.Header.Set("Authorization", authorization)
		}
		response, err := handler.Transport(base).RoundTrip(request)
		if err != nil || response.StatusCode != http.StatusUnauthorized {
			t.Fatal(err)
		}
	}
	get("https://elsewhere.example.com/mcp", "")
	get(bed.MCPURL, "Bearer of the caller")
	if counts := bed.Counts(); counts.Authorizations != 0 || strings.Join(seen, ",") != ",Bearer of the caller" {
		t.Fatalf("%q %+v", seen, counts)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

func TestARefusalThatNothingMendsIsTheAnswer(t *testing.T) {
	bed := testbed.Start(t, nil)
	handler := handlerFor(t, bed, Options{})
	requests := 0
	base := roundTripper(func(*http.Request) (*http.Response, error) {
		requests++
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody}, nil
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, bed.MCPURL, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := handler.Transport(base).RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusForbidden || requests != 1 {
		t.Fatalf("%d %v", requests, err)
	}
	// The official SDK repeats the request, and shows the answer to that.
	if err := handler.Authorize(t.Context(), request, response); err != nil {
		t.Fatal(err)
	}
}
