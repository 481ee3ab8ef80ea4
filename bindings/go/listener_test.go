package mcpoauth

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func listening(t *testing.T, uri string) *Redirect {
	t.Helper()
	redirect, err := SystemBrowser{}.Bind(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if redirect.Close != nil {
			redirect.Close()
		}
	})
	return redirect
}

// said is the answer to a request that is written by hand.
func said(t *testing.T, redirect *Redirect, request string) *http.Response {
	t.Helper()
	rest := strings.TrimPrefix(redirect.URI, "http://")
	authority, _, _ := strings.Cut(rest, "/")
	authority, _, _ = strings.Cut(authority, "?")
	conn, err := net.Dial("tcp", authority)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "{here}", authority)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	// Who sends too much is cut off.
	if err != nil && response.StatusCode != http.StatusRequestHeaderFieldsTooLarge || strings.Contains(string(body), "reflected") {
		t.Fatalf("%q %v", body, err)
	}
	return response
}

func TestACallbackArrivesWholeAndGetsAPage(t *testing.T) {
	for _, uri := range []string{
		"http://127.0.0.1:0/callback", "http://localhost:0/callback?a=b", "http://[::1]:0/callback", "http://127.0.0.1:0",
	} {
		redirect, err := SystemBrowser{}.Bind(t.Context(), uri)
		if err != nil && strings.Contains(uri, "[::1]") {
			t.Log(err) // There are machines without IPv6.
			continue
		}
		if err != nil || strings.Contains(redirect.URI, ":0") {
			t.Fatal(redirect, err)
		}
		base, _, _ := strings.Cut(redirect.URI, "?")
		response, err := http.Get(base + "?code=%20x&reflected=%2F&state=y")
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK || string(page) != callbackPage {
			t.Fatalf("%s %q %v", response.Status, page, err)
		}
		for name, value := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			"Cache-Control":           "no-store",
			"Referrer-Policy":         "no-referrer",
			"X-Content-Type-Options":  "nosniff",
			"Content-Type":            "text/html; charset=utf-8",
		} {
			if got := response.Header.Get(name); got != value {
				t.Errorf("%s: %s", name, got)
			}
		}
		if callback := <-redirect.Callbacks; callback != base+"?code=%20x&reflected=%2F&state=y" {
			t.Fatal(callback)
		}
		redirect.Close()
		if _, err := http.Get(base); err == nil {
			t.Fatal("somebody listens on")
		}
	}
}

// RFC 8252 §8.3, DNS rebinding
func TestNothingButACallbackGetsThrough(t *testing.T) {
	redirect := listening(t, "http://127.0.0.1:0/callback")
	get := "GET /callback?reflected=x HTTP/1.1\r\nHost: "
	for request, status := range map[string]int{
		get + "evil.example.com\r\n\r\n":                                                    http.StatusMisdirectedRequest,
		get + "localhost\r\n\r\n":                                                           http.StatusMisdirectedRequest,
		get + "{here}\r\nHost: {here}\r\n\r\n":                                              http.StatusBadRequest,
		"GET http://{here}/callback?reflected=x HTTP/1.1\r\nHost: {here}\r\n\r\n":           http.StatusMisdirectedRequest,
		"GET /callback/?reflected HTTP/1.1\r\nHost: {here}\r\n\r\n":                         http.StatusNotFound,
		"GET /%63allback?reflected HTTP/1.1\r\nHost: {here}\r\n\r\n":                        http.StatusNotFound,
		"GET /reflected/../callback HTTP/1.1\r\nHost: {here}\r\n\r\n":                       http.StatusNotFound,
		"GET / HTTP/1.1\r\nHost: {here}\r\n\r\n":                                            http.StatusNotFound,
		"POST /callback?reflected HTTP/1.1\r\nHost: {here}\r\nContent-Length: 0\r\n\r\n":    http.StatusMethodNotAllowed,
		"HEAD /callback?reflected HTTP/1.1\r\nHost: {here}\r\n\r\n":                         http.StatusMethodNotAllowed,
		"OPTIONS /callback?reflected HTTP/1.1\r\nHost: {here}\r\n\r\n":                      http.StatusMethodNotAllowed,
		"GET /callback HTTP/1.1\r\nHost: {here}\r\nX: " + strings.Repeat("x", 1<<17) + "\r": http.StatusRequestHeaderFieldsTooLarge,
	} {
		response := said(t, redirect, request)
		if response.StatusCode != status {
			t.Errorf("%.60q: %s", request, response.Status)
		}
		if status == http.StatusMethodNotAllowed && response.Header.Get("Allow") != http.MethodGet {
			t.Errorf("%.60q: %v", request, response.Header)
		}
	}
	select {
	case callback := <-redirect.Callbacks:
		t.Fatal(callback)
	default:
	}
}

func TestManyStrangersKeepNoCallbackOut(t *testing.T) {
	redirect := listening(t, "http://127.0.0.1:0/callback")
	for range 3 * maxConnections {
		response, err := http.Get(strings.TrimSuffix(redirect.URI, "callback"))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	response, err := http.Get(redirect.URI + "?state=x")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if callback := <-redirect.Callbacks; callback != redirect.URI+"?state=x" {
		t.Fatal(callback)
	}
}

func TestAPortThatIsTakenIsGivenUpUnlessItIsToBeKept(t *testing.T) {
	first := listening(t, "http://127.0.0.1:0/callback")
	second := listening(t, first.URI)
	if second.URI == first.URI {
		t.Fatal(second.URI)
	}
	if kept, err := (SystemBrowser{KeepPort: true}).Bind(t.Context(), first.URI); err == nil {
		t.Fatal(kept.URI)
	}
}

func TestNobodyCanListenElsewhereThanHere(t *testing.T) {
	for _, uri := range []string{
		"https://app.example.com/callback", "http://app.example.com/callback", "com.example.app:/callback",
		"http://127.0.0.1.example.com/", "http://127.0.0.1:x/", "http://127.0.0.1:99999/", "http://127.0.0.11/", "",
	} {
		if _, err := (SystemBrowser{}).Bind(t.Context(), uri); !errors.Is(err, errNotHere) {
			t.Errorf("%s: %v", uri, err)
		}
		// Without a listener any URI will do, and the machine checks it.
		if redirect, err := reserve(uri); err != nil || redirect.URI != uri {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestBrowserCommandsAreNoShellCommands(t *testing.T) {
	const url = "https://as.example.com/authorize?a=1&state=x;y"
	for browser, want := range map[string]string{
		"firefox --new-window:  lynx  :: open-it --url=%s --quiet": fmt.Sprint([][]string{
			{"firefox", "--new-window", url}, {"lynx", url}, {"open-it", "--url=" + url, "--quiet"},
		}),
		"sh-like $(id) ;rm": fmt.Sprint([][]string{{"sh-like", "$(id)", ";rm", url}}),
		" : ":               "[]",
		"":                  "[]",
	} {
		if got := fmt.Sprint(chosenBrowsers(browser, url)); got != want {
			t.Errorf("%q: %s", browser, got)
		}
	}
}
