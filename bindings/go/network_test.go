package mcpoauth

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

func visit(url string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func get(url string) *machine.Request {
	return &machine.Request{
		Method: http.MethodGet, URL: url, Timeout: 2 * time.Second, MaxBodyBytes: 1000, Reach: machine.Loopback,
	}
}

// What hostile servers get out of one request.

func TestAnAnswerComesBackWhole(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "body")
	}))
	defer server.Close()
	answer, cause, err := theNetwork().send(t.Context(), get(server.URL))
	if err != nil || cause != 0 || answer.status != http.StatusNotFound || string(answer.body) != "body" ||
		answer.header.Get("Retry-After") != "7" {
		t.Fatalf("%+v %v %v", answer, cause, err)
	}
}

// URL-04, URL-05
func TestARedirectIsHandedBackAndNotFollowed(t *testing.T) {
	followed := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if followed = r.URL.Path != "/"; !followed {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	}))
	defer server.Close()
	answer, _, err := theNetwork().send(t.Context(), get(server.URL+"/"))
	if err != nil || answer.status != http.StatusFound || followed {
		t.Fatalf("%+v %v", answer, err)
	}
}

func TestOnlyWhatTheMachineSaysIsSentAndOnAConnectionOfItsOwn(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:9")
	t.Setenv("http_proxy", "http://127.0.0.1:9")
	connections := 0
	var names []string
	var body []byte
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names = nil
		for name := range r.Header {
			names = append(names, name)
		}
		body, _ = io.ReadAll(r.Body)
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections++
		}
	}
	server.Start()
	defer server.Close()
	request := get(server.URL)
	request.Method = http.MethodPost
	request.Headers = []machine.Header{{Name: "accept", Value: "application/json"}, {Name: "user-agent", Value: "test"}}
	request.Body = []byte("code=secret")
	network := theNetwork()
	for range 2 {
		if _, _, err := network.send(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(names)
	if want := []string{"Accept", "Connection", "Content-Length", "User-Agent"}; !slices.Equal(names, want) {
		t.Fatal(names)
	}
	if string(body) != "code=secret" || connections != 2 {
		t.Fatalf("%s %d", body, connections)
	}
}

func TestEachFaultHasItsCause(t *testing.T) {
	large := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/told" {
			w.Header().Set("Content-Length", "5000")
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 1001))
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, strings.Repeat("x", 3999))
	}))
	defer large.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}))
	defer broken.Close()
	untrusted := httptest.NewTLSServer(nil)
	untrusted.Config.ErrorLog = discardLog
	defer untrusted.Close()
	plain := httptest.NewServer(nil)
	defer plain.Close()
	dead := httptest.NewServer(nil)
	dead.Close()
	network := theNetwork()
	for url, want := range map[string]machine.Cause{
		large.URL + "/told":   machine.TooLarge,
		large.URL + "/untold": machine.TooLarge,
		silent.URL:            machine.Timeout,
		broken.URL:            machine.Interrupted,
		broken.URL + "/body":  machine.Interrupted,
		untrusted.URL:         machine.TLS,
		"https" + strings.TrimPrefix(plain.URL, "http"): machine.TLS,
		dead.URL:                       machine.Connect,
		"http://nowhere.invalid/":      machine.DNS,
		"http://169.254.169.254/":      machine.Blocked,
		"http://[::ffff:169.254.1.1]/": machine.Blocked,
		"http://0.0.0.0/":              machine.Blocked,
	} {
		request := get(url)
		if want == machine.Timeout {
			request.Timeout = 100 * time.Millisecond
		}
		if answer, cause, err := network.send(t.Context(), request); answer != nil || cause != want {
			t.Errorf("%s: %v (%v) instead of %v", url, cause, err, want)
		}
	}
}

// A name that leads here is no way in, and neither is an address.
func TestAReachIsKept(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for _, reach := range []machine.Reach{machine.Public, machine.Private} {
		for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
			request := get("http://" + host + ":" + port + "/")
			request.Reach = reach
			if _, cause, _ := theNetwork().send(t.Context(), request); cause != machine.Blocked || reached {
				t.Errorf("%v %s: %v", reach, host, cause)
			}
			if _, _, err := theNetwork().hop(t.Context(), reach, request.URL); err == nil || reached {
				t.Errorf("%v %s: %v", reach, host, err)
			}
		}
	}
}

func TestTheContextEndsARequest(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if answer, _, err := theNetwork().send(ctx, get(silent.URL)); answer != nil || err == nil {
		t.Fatal(answer)
	}
}

func TestHeadlessFollowsToTheRedirectURIAndNoFurther(t *testing.T) {
	const home = "http://127.0.0.1:1/callback"
	var visited []string
	page := &Page{RedirectURI: home, url: "https://as.example.com/authorize?x", hops: func(_ context.Context, url string) (int, string, error) {
		visited = append(visited, url)
		switch url {
		case "https://as.example.com/authorize?x":
			return http.StatusFound, "../step?two", nil
		case "https://as.example.com/step?two":
			return http.StatusSeeOther, home + "?code=%20&state=y", nil
		default:
			return http.StatusOK, "", nil
		}
	}}
	callback, err := Headless{}.Open(t.Context(), page)
	if err != nil || callback != home+"?code=%20&state=y" || len(visited) != 2 {
		t.Fatalf("%s %v %q", callback, err, visited)
	}
	for name, hops := range map[string]hopper{
		"a page":      func(context.Context, string) (int, string, error) { return http.StatusOK, "", nil },
		"no location": func(context.Context, string) (int, string, error) { return http.StatusFound, "", nil },
	} {
		page.hops = hops
		if _, err := (Headless{}).Open(t.Context(), page); err != ErrNeedsUser {
			t.Errorf("%s: %v", name, err)
		}
	}
	page.hops = func(context.Context, string) (int, string, error) { return http.StatusFound, "/again", nil }
	if _, err := (Headless{}).Open(t.Context(), page); err != errManyHops {
		t.Error(err)
	}
	for _, elsewhere := range []string{"com.example.app:/x", "javascript:alert(1)", "http://as.example.com/", "file:///etc/passwd"} {
		if _, _, err := theNetwork().hop(t.Context(), machine.Public, elsewhere); err == nil {
			t.Error(elsewhere)
		}
	}
}
