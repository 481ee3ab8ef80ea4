package mcpoauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How the redirect is received on this machine, and nothing else let in (RFC 8252 §7.3, §8.3).

const (
	// maxConnections at once; more have to wait.
	maxConnections = 32
	maxHeadBytes   = 32 << 10
	// connectionTime is how long a connection may take, all in all.
	connectionTime = 10 * time.Second
)

// callbackPage is the same for a good callback, a failed one and a forged one: it can tell nobody anything, and reflects
// nothing.
const callbackPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign-in</title>
<p>You can close this window and go back to the program that opened it.</p></html>
`

// place is a redirect URI that can be listened on: http on loopback. Port 0 stands for any free one.
type place struct {
	host         string
	port         uint16
	pathAndQuery string
}

const (
	hostV4   = "127.0.0.1"
	hostV6   = "[::1]"
	hostName = "localhost"
)

var errNotHere = errors.New("mcpoauth: the redirect URI is none that can be listened on here: http on loopback")

func parsePlace(uri string) (place, error) {
	rest, found := strings.CutPrefix(uri, "http://")
	if !found {
		return place{}, errNotHere
	}
	authority, pathAndQuery := rest, ""
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		authority, pathAndQuery = rest[:end], rest[end:]
	}
	for _, host := range []string{hostV4, hostV6, hostName} {
		port, found := strings.CutPrefix(authority, host)
		if !found {
			continue
		}
		if port == "" {
			return place{host, 80, pathAndQuery}, nil
		}
		number, err := strconv.ParseUint(strings.TrimPrefix(port, ":"), 10, 16)
		if err == nil && port[0] == ':' {
			return place{host, uint16(number), pathAndQuery}, nil
		}
	}
	return place{}, errNotHere
}

// authority is what browsers write into Host: without the port where it is the scheme's own (RFC 9110 §7.2).
func (p place) authority() string {
	if p.port == 80 {
		return p.host
	}
	return p.host + ":" + strconv.Itoa(int(p.port))
}

// requestPath is the path as a browser asks for it: an empty one is a slash there (RFC 9110 §4.2.3).
func (p place) requestPath() string {
	path, _, _ := strings.Cut(p.pathAndQuery, "?")
	if path == "" {
		return "/"
	}
	return path
}

// bind takes the port on loopback, and tells the redirect URI with it.
func (p place) bind() ([]net.Listener, string, error) {
	var sockets []net.Listener
	var err error
	switch p.host {
	case hostV4:
		sockets, err = listenAt(netip.AddrFrom4([4]byte{127, 0, 0, 1}), p.port)
	case hostV6:
		sockets, err = listenAt(netip.IPv6Loopback(), p.port)
	default:
		sockets, err = p.bindBoth()
	}
	if err != nil {
		return nil, "", fmt.Errorf("mcpoauth: the redirect URI cannot be listened on: %w", err)
	}
	p.port = portOf(sockets[0])
	return sockets, "http://" + p.authority() + p.pathAndQuery, nil
}

// bindBoth takes the port in either family, as the browser likes: nobody else may have the other one.
func (p place) bindBoth() ([]net.Listener, error) {
	const attempts = 8
	for attempt := 1; ; attempt++ {
		v4, err := listenAt(netip.AddrFrom4([4]byte{127, 0, 0, 1}), p.port)
		if err != nil {
			return nil, err
		}
		v6, err := listenAt(netip.IPv6Loopback(), portOf(v4[0]))
		if err == nil {
			return append(v4, v6...), nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return v4, nil
		}
		closeAll(v4)
		if p.port != 0 || attempt == attempts {
			return nil, err
		}
	}
}

func listenAt(address netip.Addr, port uint16) ([]net.Listener, error) {
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(address, port)))
	if err != nil {
		return nil, err
	}
	return []net.Listener{listener}, nil
}

func portOf(listener net.Listener) uint16 { return listener.Addr().(*net.TCPAddr).AddrPort().Port() }

// listen receives callbacks at a place until the Redirect is closed.
func (p place) listen() (*Redirect, error) {
	sockets, uri, err := p.bind()
	if err != nil {
		return nil, err
	}
	p.port = portOf(sockets[0])
	gate := &gate{
		authority: p.authority(),
		path:      p.requestPath(),
		base:      strings.SplitN(uri, "?", 2)[0],
		callbacks: make(chan string, 1),
		closed:    make(chan struct{}),
	}
	server := &http.Server{
		Handler:           gate,
		ReadTimeout:       connectionTime,
		ReadHeaderTimeout: connectionTime,
		WriteTimeout:      connectionTime,
		MaxHeaderBytes:    maxHeadBytes,
		// What strangers send is no news.
		ErrorLog: discardLog,
	}
	server.SetKeepAlivesEnabled(false)
	room := make(chan struct{}, maxConnections)
	for _, socket := range sockets {
		go func() { _ = server.Serve(&limited{socket, room}) }()
	}
	stop := func() {
		close(gate.closed)
		// Whether or not Serve has seen them yet.
		closeAll(sockets)
		// Who was let in gets an answer.
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), connectionTime)
			defer cancel()
			if server.Shutdown(ctx) != nil {
				_ = server.Close()
			}
		}()
	}
	return &Redirect{URI: uri, Callbacks: gate.callbacks, Close: stop}, nil
}

// limited is a listener that lets so many in at once.
type limited struct {
	net.Listener
	room chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.room <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &guest{Conn: conn, leave: sync.OnceFunc(func() { <-l.room })}, nil
}

type guest struct {
	net.Conn
	leave func()
}

func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}

// gate says what a request must be to count as a callback.
type gate struct {
	authority, path string
	// base is the redirect URI without its query.
	base      string
	callbacks chan string
	closed    chan struct{}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	path, _, _ := strings.Cut(r.RequestURI, "?")
	switch {
	case !strings.EqualFold(r.Host, g.authority) || !strings.HasPrefix(r.RequestURI, "/"):
		// Another name that resolves to loopback: DNS rebinding, or somebody's mistake.
		w.WriteHeader(http.StatusMisdirectedRequest)
		return
	case path != g.path:
		w.WriteHeader(http.StatusNotFound)
		return
	case r.Method != http.MethodGet:
		header.Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	header.Set("Content-Length", strconv.Itoa(len(callbackPage)))
	_, _ = w.Write([]byte(callbackPage))
	// The window is not left without its page when the program ends at once.
	_ = http.NewResponseController(w).Flush()
	timeout := time.NewTimer(connectionTime)
	defer timeout.Stop()
	select {
	case g.callbacks <- g.base + "?" + r.URL.RawQuery:
	case <-g.closed:
	case <-timeout.C:
	}
}
