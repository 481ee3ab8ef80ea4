package mcpoauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
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
	host := &host{
		config:  config,
		account: options.Account,
		store:   options.Store,
		agent:   options.UserAgent,
		network: theNetwork(),
		trace:   options.Trace,
		client:  options.Client,
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
	return h.get().signOut(ctx, forgetClient)
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
// Authorize is called when the server minds. The context must live as long as the source.
func (h *Handler) TokenSource(ctx context.Context) (oauth2.TokenSource, error) {
	if err := h.get().load(ctx); err != nil && !isFailure(err) {
		return nil, err
	}
	if held, err := h.get().holdsTokens(); err != nil || !held {
		return nil, err
	}
	return tokenSource(func() (*oauth2.Token, error) {
		return h.get().token(ctx, http.MethodPost, h.get().config.ServerURL())
	}), nil
}

// isFailure tells that a flow ended without a token, which the next one need not.
func isFailure(err error) bool {
	var failure *Error
	return errors.As(err, &failure)
}

// Authorize implements OAuthHandler of the official SDK. It answers a 401 or 403 of the server: it refreshes, asks for more
// scopes or signs in, as the challenge demands. The request is to be repeated when it returns nil. Where authorization cannot
// mend the answer it returns nil too, so that the answer to the repeated request is what the caller sees.
func (h *Handler) Authorize(ctx context.Context, request *http.Request, response *http.Response) error {
	if request == nil || response == nil {
		return errNoAnswer
	}
	if response.Body != nil {
		// The connection can be used again.
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxDrained))
		_ = response.Body.Close()
	}
	_, err := h.get().recover(ctx, request, response)
	return err
}

const maxDrained = 64 << 10

var errNoAnswer = errors.New("mcpoauth: there is neither request nor response to authorize")

// Describe tells what is stored for this account at this server, without secrets; nil if nothing is.
func (h *Handler) Describe(ctx context.Context) (*Grant, error) {
	d := h.get()
	if d.isClosed() {
		return nil, ErrClosed
	}
	key, err := machine.KeyOfGrant(d.account, d.config.ServerURL())
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	record, err := d.store.Load(ctx, key)
	if err != nil || record == nil {
		return nil, err
	}
	grant, err := machine.DescribeGrant(record)
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	return grant, nil
}

// Format shows the server URL.
func (h Handler) Format(f fmt.State, _ rune) {
	io.WriteString(f, "Handler("+h.get().config.ServerURL()+")")
}

// holdsTokens tells whether there may be a token for the server. Those held before a failed flow may still be good.
func (d *driver) holdsTokens() (bool, error) {
	d.mu.Lock()
	kind := d.step.Next.Kind
	d.mu.Unlock()
	if kind != machine.Failed {
		return kind == machine.Authorized, nil
	}
	credentials, _, err := d.authorization(http.MethodPost, d.config.ServerURL())
	return credentials == machine.Ready || credentials == machine.RefreshDue, err
}

// authorization is what a request should carry, as far as that is known without doing anything.
func (d *driver) authorization(method, url string) (machine.Credentials, credential, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return 0, credential{}, ErrClosed
	}
	credentials, value, generation, err := d.machine.Authorization(method, url, time.Now())
	return credentials, credential{value, generation, d.step.Deadline}, err
}

// credential is a token as it goes into a request.
type credential struct {
	value      string
	generation uint64
	// renewal is when to ask again.
	renewal time.Time
}

func (c credential) token() *oauth2.Token {
	return &oauth2.Token{
		AccessToken: strings.TrimPrefix(c.value, "Bearer "),
		TokenType:   "Bearer",
		Expiry:      c.renewal,
	}
}

// credential is the one for a request, refreshed if that is due; zero if none is held, or none for this URL.
func (d *driver) credential(ctx context.Context, method, url string) (credential, error) {
	for {
		credentials, held, err := d.authorization(method, url)
		switch {
		case err != nil:
			return credential{}, err
		case credentials == machine.Ready:
			return held, nil
		}
		d.mu.Lock()
		idle := d.flow == nil && d.step.Next.Kind.Rests()
		d.mu.Unlock()
		switch {
		case credentials == machine.RefreshDue:
			if step, err := d.settle(ctx, refresh); err != nil || step.Outcome == machine.Ignored {
				return credential{}, err
			}
		case idle:
			return credential{}, nil
		default:
			if err := d.load(ctx); err != nil {
				return credential{}, err
			}
		}
	}
}

func (d *driver) token(ctx context.Context, method, url string) (*oauth2.Token, error) {
	held, err := d.credential(ctx, method, url)
	if err != nil || held.value == "" {
		return nil, err
	}
	return held.token(), nil
}

// recover answers a 401 or 403. It tells whether to repeat the request.
func (d *driver) recover(ctx context.Context, request *http.Request, response *http.Response) (bool, error) {
	var generation uint64
	_, held, err := d.authorization(request.Method, request.URL.String())
	if err != nil {
		return false, err
	}
	if carried := request.Header.Get("Authorization"); carried != "" && carried == held.value {
		// Any other token is an older one, which is as good as none: what is held now should be tried first.
		generation = held.generation
	}
	lines := response.Header.Values("WWW-Authenticate")
	step, err := d.settle(ctx, func(m *machine.Machine, now time.Time) (machine.Step, error) {
		return m.Challenge(response.StatusCode, lines, generation, now)
	})
	return err == nil && (step.Outcome != machine.Ignored || step.Ignored == machine.Superseded), err
}
