package mcpoauth

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// UserAgent brings the user to the authorization server and their answer back (RFC 8252).
//
// An error that is [ErrNeedsUser] leaves the sign-in pending, so that [Handler.Finish] can end it; one that is [ErrDenied]
// ends it as denied, and any other ends it as one that could not be shown. A [CodeUserAgent] can show codes as well.
type UserAgent interface {
	// Bind makes ready to receive the redirect, at preferred or, where its port is 0, at a free port.
	Bind(ctx context.Context, preferred string) (*Redirect, error)
	// Open shows the page to the user. It must not wait for them: the callback arrives at the Redirect. Where the server
	// asked for nobody and answered at once, callback is the whole URL that it sent us to.
	Open(ctx context.Context, page *Page) (callback string, err error)
}

// Redirect is a redirect URI at which callbacks can arrive for as long as it is not closed.
type Redirect struct {
	// URI is the redirect URI, exactly as it is listened on.
	URI string
	// Callbacks carries each callback as a whole URL, unchecked. Nil if none can arrive here.
	Callbacks <-chan string
	// Close ends the listening. It is called once. Nil if there is nothing to close.
	Close func()
}

// Page is what the user is to see.
type Page struct {
	// Issuer is the authorization server whose page it is.
	Issuer string
	// RedirectURI is where the callback will arrive.
	RedirectURI string
	// Scopes are all scopes asked for.
	Scopes []string
	// NewScopes are those of them that no earlier grant covered: what the user should be told before the page opens.
	NewScopes []string
	// ExpiresAt is when the sign-in is given up.
	ExpiresAt time.Time

	url   Secret
	state Secret
	hops  hopper
}

// hopper asks for one page on the way.
type hopper func(ctx context.Context, url string) (status int, location string, err error)

// URL is the page's URL. It carries the state of the sign-in: it belongs on the user's screen, not into a log.
func (p *Page) URL() string { return string(p.url) }

// State is what the callback will carry as state. It is secret like the URL.
func (p *Page) State() string { return string(p.state) }

// Format shows the issuer and the scopes.
func (p Page) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "Page(%s, scopes %q)", p.Issuer, strings.Join(p.Scopes, " "))
}

// NoUserAgent shows no page: a sign-in that comes so far stays pending, and ends with a *[NeedsUserError] that names the
// page. Right for web back ends, whose redirect URI leads to a handler that calls [Handler.Finish].
type NoUserAgent struct{}

// Bind implements [UserAgent]. A port that is to be chosen is chosen, and kept from others until the page is known.
func (NoUserAgent) Bind(_ context.Context, preferred string) (*Redirect, error) {
	return reserve(preferred)
}

// Open implements [UserAgent].
func (NoUserAgent) Open(context.Context, *Page) (string, error) { return "", ErrNeedsUser }

// String names the user agent.
func (NoUserAgent) String() string { return "NoUserAgent" }

// reserve gives a redirect URI at which nothing arrives.
func reserve(preferred string) (*Redirect, error) {
	place, err := parsePlace(preferred)
	if err != nil || place.port != 0 {
		return &Redirect{URI: preferred}, nil
	}
	sockets, uri, err := place.bind()
	if err != nil {
		return nil, err
	}
	return &Redirect{URI: uri, Close: func() { closeAll(sockets) }}, nil
}

func closeAll[C io.Closer](closers []C) {
	for _, closer := range closers {
		_ = closer.Close()
	}
}
