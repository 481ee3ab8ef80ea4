package mcpoauth

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Transport gives an HTTP transport that puts the token on each request to the server and, when the server answers 401 or
// 403, gets authorized and repeats the request. Where the token is bound to a key (RFC 9449), each request and each repetition
// has a proof of its own. Base carries the requests out; nil stands for [http.DefaultTransport].
//
// The token goes to URLs of the resource that it was issued for, and nowhere else. Requests to other origins, and those that
// bring an Authorization header of their own, pass through as they are. A request is repeated if it has no body or a GetBody,
// which those of net/http have for buffers, readers of bytes and of strings. Nobody is asked to sign in to close a session
// (DELETE).
//
// The context of a request, and with it the Timeout of an [http.Client], is for the sign-in too: a person may need minutes.
func (h *Handler) Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{h.get(), base}
}

type transport struct {
	driver *driver
	base   http.RoundTripper
}

// maxRepeats is for a server and a machine that disagree for ever: the machine gives up earlier by itself.
const maxRepeats = 8

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Header.Get("Authorization") != "" || !sameOrigin(request.URL, t.driver.config.ServerURL()) {
		return t.base.RoundTrip(request)
	}
	for repeats := 0; ; repeats++ {
		outgoing, err := t.authorized(request, repeats)
		if err != nil {
			if repeats == 0 && request.Body != nil {
				_ = request.Body.Close()
			}
			return nil, err
		}
		response, err := t.base.RoundTrip(outgoing)
		if err == nil {
			t.driver.takeNonce(response)
		}
		if err != nil || !refused(response) || request.Method == http.MethodDelete || repeats == maxRepeats {
			return response, err
		}
		again, err := t.driver.recover(request.Context(), outgoing, response)
		switch {
		case err != nil:
			_ = response.Body.Close()
			return nil, err
		case !again || !repeatable(request):
			return response, nil
		}
		// The connection can be used again.
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxDrained))
		_ = response.Body.Close()
	}
}

// authorized is the request with the token that there is for it.
func (t *transport) authorized(request *http.Request, repeats int) (*http.Request, error) {
	// A proof names the method, which may be empty for GET.
	held, err := t.driver.credential(request.Context(), cmp.Or(request.Method, http.MethodGet), request.URL.String())
	if err != nil && !errors.Is(err, &Error{Code: codeRefreshRejected}) {
		return nil, err
	}
	outgoing := request.Clone(request.Context())
	if held.value != "" {
		outgoing.Header.Set("Authorization", held.value)
	}
	if held.draft != nil {
		proof, err := t.driver.prove(request.Context(), held.draft)
		if err != nil {
			return nil, err
		}
		outgoing.Header.Set("DPoP", string(proof))
	}
	if repeats > 0 && request.GetBody != nil {
		if outgoing.Body, err = request.GetBody(); err != nil {
			return nil, err
		}
	}
	return outgoing, nil
}

// Format shows the server URL.
func (t transport) Format(f fmt.State, _ rune) {
	io.WriteString(f, "Transport("+t.driver.config.ServerURL()+")")
}

func refused(response *http.Response) bool {
	return response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden
}

func repeatable(request *http.Request) bool {
	return request.Body == nil || request.Body == http.NoBody || request.GetBody != nil
}

// sameOrigin keeps a challenge of somebody else from starting a sign-in here.
func sameOrigin(target *url.URL, server string) bool {
	home, err := url.Parse(server)
	return err == nil && strings.EqualFold(home.Scheme, target.Scheme) &&
		strings.EqualFold(home.Hostname(), target.Hostname()) && port(home) == port(target)
}

func port(target *url.URL) string {
	if port := target.Port(); port != "" {
		return port
	}
	if strings.EqualFold(target.Scheme, "https") {
		return "443"
	}
	return "80"
}
