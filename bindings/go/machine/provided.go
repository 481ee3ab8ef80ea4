package machine

/*
#include <mcp_oauth.h>

static mcp_oauth_status tokens_provided(mcp_oauth_machine *machine, mcp_oauth_slice issuer, mcp_oauth_slice token_endpoint,
                                        mcp_oauth_slice client_id, mcp_oauth_slice client_secret,
                                        mcp_oauth_slice access_token, mcp_oauth_slice refresh_token, mcp_oauth_slice scope,
                                        mcp_oauth_slice resource, uint64_t expires_at_ms, int32_t auth_method,
                                        uint64_t now_ms, mcp_oauth_slice *member, mcp_oauth_step *step) {
	const mcp_oauth_provided_tokens tokens = {
		.expires_at_ms = expires_at_ms,
		.issuer = issuer,
		.token_endpoint = token_endpoint,
		.client_id = client_id,
		.client_secret = client_secret,
		.access_token = access_token,
		.refresh_token = refresh_token,
		.scope = scope,
		.resource = resource,
		.auth_method = auth_method,
	};
	return mcp_oauth_machine_tokens_provided(machine, &tokens, now_ms, member, step);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ProvidedTokens are tokens that you got by yourself, with everything that they must not be parted from: you vouch for it.
type ProvidedTokens struct {
	// Issuer is who issued them.
	Issuer string
	// TokenEndpoint is where they are refreshed.
	TokenEndpoint string
	// Client is the one that they were issued to.
	Client Client
	// AccessToken is of type Bearer.
	AccessToken Secret
	// RefreshToken is empty if there is none.
	RefreshToken Secret
	// ExpiresAt is when the access token expires; zero if that is not known.
	ExpiresAt time.Time
	// Scopes are those granted.
	Scopes []string
	// Resource is what they are for; empty: the MCP server's own URL.
	Resource string
}

// Format shows the issuer and the scopes.
func (t ProvidedTokens) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "ProvidedTokens(%s, scopes %q)", t.Issuer, strings.Join(t.Scopes, " "))
}

// MarshalText implements [encoding.TextMarshaler].
func (t ProvidedTokens) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(t)), nil }

// TokensProvided: you have tokens that you got elsewhere. At rest it writes and uses them; during a flow it is ignored, so
// cancel that first. A *[Misuse] named tokens tells in Member what cannot be used.
func (m *Machine) TokensProvided(tokens ProvidedTokens, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	var member C.mcp_oauth_slice
	status := C.tokens_provided(m.lodging.machine, textIn(tokens.Issuer), textIn(tokens.TokenEndpoint),
		textIn(tokens.Client.ID), optionalIn(string(tokens.Client.Secret)), textIn(string(tokens.AccessToken)),
		optionalIn(string(tokens.RefreshToken)), textIn(strings.Join(tokens.Scopes, " ")), optionalIn(tokens.Resource),
		milliseconds(tokens.ExpiresAt), C.int32_t(authMethods.number(tokens.Client.AuthMethod)), milliseconds(now), &member,
		&m.lodging.step)
	step, err := m.step(status)
	var misuse *Misuse
	if errors.As(err, &misuse) && member.len > 0 {
		misuse.Member = text(member)
		misuse.Text = "the " + misuse.Member + " of the tokens cannot be used"
	}
	return step, err
}

// optionalIn is absent for an empty text.
func optionalIn(text string) C.mcp_oauth_slice {
	if text == "" {
		return C.mcp_oauth_slice{}
	}
	return textIn(text)
}

// StoreChanged: the store holds another grant than the machine knows of, since another process has signed in, refreshed or
// signed out. The record is that of [Machine.GrantKey] as you read it just now; nil if there is none. At rest and during Wait
// it adopts it; while a sign-in waits for its user, it adopts tokens that serve it, so that the user need not finish. Otherwise
// it is ignored: the next access to the store finds out.
func (m *Machine) StoreChanged(record []byte, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	return m.step(C.mcp_oauth_machine_store_changed(m.lodging.machine, bytesIn(record), milliseconds(now), &m.lodging.step))
}

// GrantKey is where the grant is kept: the key to watch, to tell of a change with StoreChanged.
func (m *Machine) GrantKey() (string, error) {
	if !m.enter() {
		return "", ErrClosed
	}
	defer m.mu.Unlock()
	var key C.mcp_oauth_slice
	err := errorOf(C.mcp_oauth_machine_grant_key(m.lodging.machine, &key))
	return text(key), err
}
