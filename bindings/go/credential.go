package mcpoauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// Which token does a request get, and what if the server refuses it?

// holdsTokens tells whether there may be a token for the server, once the stored credentials have been read. Those held before
// a failed flow may still be good.
func (d *driver) holdsTokens(ctx context.Context) (bool, error) {
	kind, err := d.load(ctx)
	if err != nil && !isFailure(err) {
		return false, err
	}
	if err == nil && kind != machine.Failed {
		return kind == machine.Authorized, nil
	}
	credentials, _, err := d.authorization(http.MethodPost, d.config.ServerURL())
	return err == nil && credentials != machine.Absent, err
}

// authorization is what a request should carry, as far as that is known without doing anything.
func (d *driver) authorization(method, url string) (machine.Credentials, credential, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return 0, credential{}, ErrClosed
	}
	headers, err := d.machine.RequestHeaders(method, url, d.now())
	return headers.Credentials, credential{headers.Authorization, headers.Generation, headers.Draft, d.step.Deadline}, err
}

// credential is a token as it goes into a request.
type credential struct {
	value      string
	generation uint64
	// draft is what this one request is to prove, for a token that is bound to a key; otherwise nil.
	draft *SignRequest
	// renewal is when to ask again.
	renewal time.Time
}

// ErrBound: the token is bound to a key (RFC 9449): it works in requests through [Handler.Transport] alone, which adds the proofs.
var ErrBound = errors.New("mcpoauth: the token is bound to a key, so that requests must go through Handler.Transport")

// prove signs what a request is to prove.
func (d *driver) prove(ctx context.Context, draft *SignRequest) (Secret, error) {
	if d.signer == nil {
		return "", errNoSigner
	}
	signature, err := d.signer.Sign(ctx, draft)
	if err != nil {
		return "", fmt.Errorf("mcpoauth: there is no proof for the request: %w", err)
	}
	return draft.Compact(signature)
}

// takeNonce hands over what the next proofs must name, if the server says so.
func (d *driver) takeNonce(response *http.Response) {
	nonce := response.Header.Get("DPoP-Nonce")
	if nonce == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// A machine that was closed needs none.
	_ = d.machine.TakeNonce(nonce)
}

// credential is the one for a request, refreshed if that is due; zero if none is held, or none for this URL.
func (d *driver) credential(ctx context.Context, method, url string) (credential, error) {
	for {
		credentials, held, err := d.authorization(method, url)
		switch {
		case err != nil:
			return credential{}, err
		case credentials == machine.Ready, credentials == machine.ProofDue:
			return held, nil
		}
		d.mu.Lock()
		idle := d.flow == nil && d.step.Next.Kind.Rests()
		d.mu.Unlock()
		switch {
		case credentials == machine.RefreshDue:
			d.turnAway()
			if step, err := d.settle(ctx, refresh); err != nil || step.Outcome == machine.Ignored {
				return credential{}, err
			}
		case idle:
			return credential{}, nil
		default:
			if _, err := d.load(ctx); err != nil {
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
	if held.draft != nil {
		return nil, ErrBound
	}
	if held.renewal.IsZero() {
		held.renewal = d.expiry(ctx, held.generation)
	}
	value := strings.TrimPrefix(held.value, "Bearer ")
	if given := d.given.Load(); given != nil && given.AccessToken == value && given.Expiry.Equal(held.renewal) {
		return given, nil
	}
	fresh := &oauth2.Token{AccessToken: value, TokenType: "Bearer", Expiry: held.renewal}
	d.given.Store(fresh)
	return fresh, nil
}

// lifetime is when the token of a generation expires.
type lifetime struct {
	generation uint64
	expiresAt  time.Time
}

// expiry is when a token that cannot be refreshed expires, for those who keep it until then; zero if nobody knows.
func (d *driver) expiry(ctx context.Context, generation uint64) time.Time {
	d.mu.Lock()
	known := d.lifetime
	d.mu.Unlock()
	if known.generation == generation {
		return known.expiresAt
	}
	grant, err := d.describe(ctx)
	if err != nil || grant == nil {
		return time.Time{}
	}
	known = lifetime{generation: generation}
	for _, issuer := range grant.Issuers {
		if issuer.Current {
			known.expiresAt = issuer.ExpiresAt
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lifetime = known
	return known.expiresAt
}

func (d *driver) describe(ctx context.Context) (*Grant, error) {
	record, err := d.store.Load(ctx, d.key)
	if err != nil || record.Generation == 0 {
		return nil, err
	}
	grant, err := machine.DescribeGrant(record.Body)
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	if len(grant.Issuers) == 0 {
		// Signed out, with all that there was.
		return nil, nil
	}
	return grant, nil
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
