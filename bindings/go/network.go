package mcpoauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

var discardLog = log.New(io.Discard, "", 0)

// network sends requests of the machine within their limits: to addresses within reach alone, without redirects, cookies,
// proxies (behind one nobody could tell which address is reached) or content encodings. No connection is used twice, so that
// nothing is ever sent a second time.
type network struct {
	// transports are one for each reach.
	transports map[machine.Reach]http.RoundTripper
}

// answer of a server, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

const (
	connectPause       = 300 * time.Millisecond
	maxResponseHeaders = 256 << 10
	hopTimeout         = 20 * time.Second
)

// errBlocked: the address lies outside the reach of the request.
var errBlocked = errors.New("mcpoauth: the address is out of reach for this request")

// theNetwork serves all handlers: it keeps nothing.
var theNetwork = sync.OnceValue(func() *network {
	transports := make(map[machine.Reach]http.RoundTripper, 3)
	for _, reach := range []machine.Reach{machine.Public, machine.Private, machine.Loopback} {
		transports[reach] = transportWithin(reach)
	}
	return &network{transports}
})

func transportWithin(reach machine.Reach) *http.Transport {
	dialer := &net.Dialer{
		FallbackDelay: connectPause,
		// Sees each address just before it is connected to, so that no second resolution leads elsewhere (MCP security
		// best practices, SSRF).
		Control: func(_, address string, _ syscall.RawConn) error {
			checked, err := netip.ParseAddrPort(address)
			if err != nil || !reach.Allows(checked.Addr()) {
				return errBlocked
			}
			return nil
		},
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, &dialError{dialCause(err), err}
		}
		return conn, nil
	}
	return &http.Transport{
		DialContext: dial,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return shakeHands(ctx, conn, address)
		},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxResponseHeaders,
	}
}

func shakeHands(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	secured := tls.Client(conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
	if err == nil {
		err = secured.HandshakeContext(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, &dialError{machine.TLS, err}
	}
	return secured, nil
}

// dialError says why there is no connection.
type dialError struct {
	cause machine.Cause
	err   error
}

func (e *dialError) Error() string { return e.err.Error() }

func (e *dialError) Unwrap() error { return e.err }

func dialCause(err error) machine.Cause {
	var unresolved *net.DNSError
	switch {
	case errors.Is(err, errBlocked):
		return machine.Blocked
	case errors.As(err, &unresolved):
		return machine.DNS
	default:
		return machine.Connect
	}
}

// causeOf tells how far a request came.
func causeOf(ctx context.Context, err error) machine.Cause {
	var dialing *dialError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return machine.Timeout
	case errors.As(err, &dialing):
		return dialing.cause
	default:
		return machine.Interrupted
	}
}

// send gives the answer to a request of the machine, or why there is none.
func (n *network) send(ctx context.Context, request *machine.Request) (*answer, machine.Cause, error) {
	ctx, cancel := context.WithTimeout(ctx, request.Timeout)
	defer cancel()
	outgoing, err := http.NewRequestWithContext(ctx, request.Method, request.URL, nil)
	if err != nil {
		return nil, machine.Connect, err
	}
	values := make([]string, len(request.Headers))
	for i, field := range request.Headers {
		values[i] = field.Value
		outgoing.Header[canonical(field.Name)] = values[i : i+1 : i+1]
	}
	if request.Body != nil {
		outgoing.Body = io.NopCloser(bytes.NewReader(request.Body))
		outgoing.ContentLength = int64(len(request.Body))
	}
	response, err := n.transports[request.Reach].RoundTrip(outgoing)
	if err != nil {
		return nil, causeOf(ctx, err), err
	}
	defer response.Body.Close()
	if response.ContentLength > request.MaxBodyBytes {
		return nil, machine.TooLarge, nil
	}
	body, err := read(response, request.MaxBodyBytes)
	switch {
	case err != nil:
		return nil, causeOf(ctx, err), err
	case int64(len(body)) > request.MaxBodyBytes:
		return nil, machine.TooLarge, nil
	}
	return &answer{response.StatusCode, response.Header, body}, 0, nil
}

// canonical spares the writing anew of the names that the machine uses.
func canonical(name string) string {
	switch name {
	case "accept":
		return "Accept"
	case "authorization":
		return "Authorization"
	case "content-type":
		return "Content-Type"
	case "mcp-protocol-version":
		return "Mcp-Protocol-Version"
	case "user-agent":
		return "User-Agent"
	default:
		return http.CanonicalHeaderKey(name)
	}
}

// read gives a body, or one byte more than the most that it may be.
func read(response *http.Response, most int64) ([]byte, error) {
	if response.ContentLength < 0 {
		return io.ReadAll(io.LimitReader(response.Body, most+1))
	}
	body := make([]byte, response.ContentLength)
	_, err := io.ReadFull(response.Body, body)
	return body, err
}

// hop asks for a page with nothing in the request that identifies anyone. A redirect is handed back.
func (n *network) hop(ctx context.Context, reach machine.Reach, page string) (int, string, error) {
	const maxPage = 1 << 20
	target, err := url.Parse(page)
	if err != nil || target.Host == "" || target.User != nil {
		return 0, "", errLocation
	}
	if target.Scheme != "https" && (target.Scheme != "http" || reach != machine.Loopback) {
		// Somebody else's application, which is not here.
		return 0, "", ErrNeedsUser
	}
	request := &machine.Request{
		Method: http.MethodGet,
		URL:    page,
		Headers: []machine.Header{
			{Name: "accept", Value: "text/html, */*;q=0.1"},
			{Name: "user-agent", Value: "mcpoauth-go/" + machine.Version()},
		},
		Timeout:      hopTimeout,
		MaxBodyBytes: maxPage,
		Reach:        reach,
	}
	answer, cause, err := n.send(ctx, request)
	if answer == nil {
		return 0, "", errors.Join(errors.New("mcpoauth: no answer: "+cause.String()), err)
	}
	return answer.status, answer.header.Get("Location"), nil
}
