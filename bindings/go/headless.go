package mcpoauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Headless follows the redirects of the authorization server itself until one leads to the redirect URI: no cookies, no
// scripts, no forms. Where a page is shown, a person is needed, and the sign-in ends with a *[NeedsUserError].
type Headless struct{}

// maxHops is the most pages on the way.
const maxHops = 10

// Bind implements [UserAgent].
func (Headless) Bind(_ context.Context, preferred string) (*Redirect, error) {
	return reserve(preferred)
}

// Open implements [UserAgent].
func (Headless) Open(ctx context.Context, page *Page) (string, error) {
	home, _, _ := strings.Cut(page.RedirectURI, "?")
	next := page.URL()
	for range maxHops {
		status, location, err := page.hops(ctx, next)
		if err != nil {
			return "", err
		}
		switch status {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
			http.StatusPermanentRedirect:
		default:
			return "", ErrNeedsUser
		}
		if location == "" {
			return "", ErrNeedsUser
		}
		target, err := resolve(next, location)
		if err != nil {
			return "", err
		}
		if base, _, _ := strings.Cut(target, "?"); base == home {
			return target, nil
		}
		next = target
	}
	return "", errManyHops
}

// String names the user agent.
func (Headless) String() string { return "Headless" }

var (
	errManyHops = errors.New("mcpoauth: the authorization server redirects too often")
	errLocation = errors.New("mcpoauth: the authorization server redirects to what is no URL")
)

// resolve does as RFC 9110 §10.2.2 says. An absolute location is kept as it was sent: state and iss are compared byte for
// byte.
func resolve(base, location string) (string, error) {
	target, err := url.Parse(location)
	if err != nil {
		return "", errLocation
	}
	if target.IsAbs() {
		return location, nil
	}
	from, err := url.Parse(base)
	if err != nil {
		return "", errLocation
	}
	return from.ResolveReference(target).String(), nil
}
