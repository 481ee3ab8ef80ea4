package mcpoauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// Handler gets the requests of one account to one MCP server authorized.
//
// It is safe for concurrent use. One flow runs at a time: whoever asks during one waits for it and shares what comes of it.
// A flow goes on for as long as anybody waits for it; when the last context ends, it is cancelled, unless credentials are just
// being exchanged or written.
type Handler struct {
	driver *driver
}

var _ oauth2.TokenSource = (*Handler)(nil)

// New checks the settings and gives a handler. Nothing is read or sent yet. Options may be nil.
func New(settings Settings, options *Options) (*Handler, error) {
	if options == nil {
		options = &Options{}
	}
	config, err := machine.NewConfig(settings)
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	key, err := machine.KeyOfGrant(options.Account, settings.ServerURL)
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	host := &host{
		config:     config,
		account:    options.Account,
		key:        key,
		store:      options.Store,
		agent:      options.UserAgent,
		network:    theNetwork(),
		trace:      options.Trace,
		client:     options.Client,
		signer:     options.Signer,
		assertions: options.Assertions,
		now:        time.Now,
	}
	if host.store == nil {
		if host.store, err = DefaultStore(); err != nil {
			return nil, err
		}
	}
	if host.agent == nil {
		host.agent = SystemBrowser{}
	}
	driver, err := newDriver(host, nil)
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	return &Handler{driver}, nil
}

// neverMade stands in for the driver of a handler that New has not made.
var neverMade = &driver{host: &host{config: new(machine.Config)}, closed: true}

func (h *Handler) get() *driver {
	if h == nil || h.driver == nil {
		return neverMade
	}
	return h.driver
}

// Close ends the flow under way, waits for it, and forgets what is in memory; what is in the store stays. Closing again does
// nothing, and a handler that is forgotten is closed when it is collected. Not to be called by a callback of the flow itself.
func (h *Handler) Close() error {
	h.get().close()
	return nil
}

// SignIn makes sure that there is a token: it uses the stored one, refreshes it, or signs in.
func (h *Handler) SignIn(ctx context.Context) error {
	_, err := h.get().settle(ctx, connect)
	return err
}

// SignOut forgets the tokens, and with forgetClient the client registrations too. It ends a flow under way.
func (h *Handler) SignOut(ctx context.Context, forgetClient bool) error {
	return h.get().interrupt(ctx, func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.SignOut(forgetClient, now)
	})
}

// Cancel ends the flow under way, which then fails with code cancelled; one that is about to be done anyway is let be.
func (h *Handler) Cancel() {
	d := h.get()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.flow != nil {
		d.cancel(d.flow)
	}
}

// Token implements [oauth2.TokenSource]: it gives the token for the server, refreshes it when that is due, and signs in when
// there is none. It waits for as long as that takes, and ends with the handler; [Handler.WithContext] does with a context.
func (h *Handler) Token() (*oauth2.Token, error) { return h.token(context.Background()) }

// WithContext gives Token a context, which must live as long as the source.
func (h *Handler) WithContext(ctx context.Context) oauth2.TokenSource {
	return tokenSource(func() (*oauth2.Token, error) { return h.token(ctx) })
}

type tokenSource func() (*oauth2.Token, error)

func (s tokenSource) Token() (*oauth2.Token, error) { return s() }

func (h *Handler) token(ctx context.Context) (*oauth2.Token, error) {
	url := h.get().config.ServerURL()
	token, err := h.get().token(ctx, http.MethodPost, url)
	if err != nil && !errors.Is(err, &Error{Code: codeRefreshRejected}) || token != nil {
		return token, err
	}
	if err := h.SignIn(ctx); err != nil {
		return nil, err
	}
	token, err = h.get().token(ctx, http.MethodPost, url)
	if err == nil && token == nil {
		err = errNoToken
	}
	return token, err
}

var errNoToken = errors.New("mcpoauth: the token expired at once")

// TokenSource implements OAuthHandler of the official SDK. It is nil where no token is held: the request goes without, and
// Authorize is called when the server minds. It gives no token that is bound to a key, which [Handler.Transport] alone can use.
// The context must live as long as the source.
func (h *Handler) TokenSource(ctx context.Context) (oauth2.TokenSource, error) {
	if held, err := h.get().holdsTokens(ctx); err != nil || !held {
		return nil, err
	}
	return tokenSource(func() (*oauth2.Token, error) {
		token, err := h.get().token(ctx, http.MethodPost, h.get().config.ServerURL())
		if errors.Is(err, ErrBound) {
			return nil, nil
		}
		return token, err
	}), nil
}

// isFailure tells that a flow ended without a token, which the next one need not.
func isFailure(err error) bool {
	var failure *Error
	return errors.As(err, &failure)
}

// Authorize implements OAuthHandler of the official SDK. It answers a 401 or 403 of the server: it refreshes, asks for more
// scopes or signs in, as the challenge demands. The request is to be repeated when it returns nil. Where authorization cannot
// mend the answer it returns nil too, so that the answer to the repeated request is what the caller sees. Where the token is
// bound to a key and the request did not go through [Handler.Transport], no repetition could help, and the error is [ErrBound].
func (h *Handler) Authorize(ctx context.Context, request *http.Request, response *http.Response) error {
	if request == nil || response == nil {
		return errNoAnswer
	}
	if response.Body != nil {
		// The connection can be used again.
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxDrained))
		_ = response.Body.Close()
	}
	h.get().takeNonce(response)
	if _, err := h.get().recover(ctx, request, response); err != nil || hasProof(request) || hasProof(response.Request) {
		return err
	}
	credentials, _, err := h.get().authorization(request.Method, request.URL.String())
	if err == nil && credentials == machine.ProofDue {
		return ErrBound
	}
	return err
}

func hasProof(request *http.Request) bool { return request != nil && request.Header.Get("DPoP") != "" }

const maxDrained = 64 << 10

var errNoAnswer = errors.New("mcpoauth: there is neither request nor response to authorize")

// Describe tells what is stored for this account at this server, without secrets; nil if nothing is.
func (h *Handler) Describe(ctx context.Context) (*Grant, error) {
	d := h.get()
	if d.isClosed() {
		return nil, ErrClosed
	}
	return d.describe(ctx)
}

// Format shows the server URL.
func (h Handler) Format(f fmt.State, _ rune) {
	io.WriteString(f, "Handler("+h.get().config.ServerURL()+")")
}
