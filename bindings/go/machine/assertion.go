package machine

/*
#include <mcp_oauth.h>
*/
import "C"

import (
	"fmt"
	"io"
	"time"
)

// AssertionPurpose is whom an assertion speaks of.
type AssertionPurpose uint8

const (
	// WorkloadAssertion is a JWT of the platform that this process runs on, never used before (SEP-1933).
	WorkloadAssertion AssertionPurpose = 1
	// IdentityAssertion speaks of the user, as signed in at the identity provider of their enterprise (SEP-990).
	IdentityAssertion AssertionPurpose = 2
)

var assertionPurposes = map[AssertionPurpose]string{WorkloadAssertion: "workload", IdentityAssertion: "identity"}

// String names the purpose.
func (p AssertionPurpose) String() string {
	if name, known := assertionPurposes[p]; known {
		return name
	}
	return "unknown"
}

// AssertionRequest is what an assertion is wanted for: it is a secret that goes there and nowhere else.
type AssertionRequest struct {
	// Purpose is whom it must speak of.
	Purpose AssertionPurpose
	// Issuer is who will get it: the authorization server; for an identity, the identity provider, who alone may have issued it.
	Issuer string
	// Audience is the aud that it must name. For an identity: the client that the user has signed in to.
	Audience string
	// Renew tells that the last one was refused: only a newer one helps.
	Renew bool
}

// AssertionKind is what an assertion is (RFC 8693 §3).
type AssertionKind uint8

const (
	// JWT is one of a workload's platform.
	JWT AssertionKind = 1
	// IDToken is one of OpenID Connect.
	IDToken AssertionKind = 2
	// RefreshToken is one of the identity provider, to be taken in place of an ID token.
	RefreshToken AssertionKind = 3
	// SAML2 is an assertion of SAML 2.0, in base64url.
	SAML2 AssertionKind = 4
)

// Assertion is what somebody else has issued, to say who the workload or the user is.
type Assertion struct {
	// Token is the assertion itself.
	Token Secret
	// Kind is what it is.
	Kind AssertionKind
}

// AssertionProvided answers FetchAssertion: an assertion, fresh each time.
func (m *Machine) AssertionProvided(id uint64, assertion Assertion, now time.Time) (Step, error) {
	if !m.enter() {
		return Step{}, ErrClosed
	}
	defer m.mu.Unlock()
	return m.step(C.mcp_oauth_machine_assertion_provided(m.lodging.machine, C.uint64_t(id), C.int32_t(assertion.Kind),
		textIn(string(assertion.Token)), milliseconds(now), &m.lodging.step))
}

// Code is what a person must be shown to sign in on another device (RFC 8628 §3.3).
type Code struct {
	// UserCode is what they enter: visible characters.
	UserCode string
	// VerificationURI is where they enter it.
	VerificationURI string
	// VerificationURIComplete is the same with the code in it, for a click or a QR code; empty if the server gave none. The code
	// is shown beside it all the same, so that the person can compare.
	VerificationURIComplete string
	// Scopes are all scopes asked for, separated by blanks.
	Scopes string
	// ExpiresAt is when the code is worth nothing any more.
	ExpiresAt time.Time
}

// String shows where the code is entered: whoever reads the code in a log could finish the sign-in as somebody else.
func (c Code) String() string { return "Code(" + c.VerificationURI + ")" }

// Format implements [fmt.Formatter]: the same in every form.
func (c Code) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
