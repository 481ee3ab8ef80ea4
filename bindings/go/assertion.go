package mcpoauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// Who provides what somebody else has issued, to say who the workload or the user is?

// AssertionSource gives an assertion: fresh each time, and newer than the last one if request.Renew says so. An error ends the
// flow. It is asked by [WorkloadIdentity] and [EnterpriseManaged].
type AssertionSource func(ctx context.Context, request *AssertionRequest) (Assertion, error)

type (
	// AssertionRequest is what an assertion is wanted for: it is a secret that goes there and nowhere else.
	AssertionRequest = machine.AssertionRequest
	// AssertionPurpose is whom an assertion speaks of.
	AssertionPurpose = machine.AssertionPurpose
	// Assertion is what an [AssertionSource] gives.
	Assertion = machine.Assertion
	// AssertionKind is what an assertion is.
	AssertionKind = machine.AssertionKind
)

// Whom assertions speak of, and what they are.
const (
	// WorkloadAssertion is a JWT of the platform that this process runs on, never used before.
	WorkloadAssertion = machine.WorkloadAssertion
	// IdentityAssertion speaks of the user, as signed in at the identity provider of their enterprise.
	IdentityAssertion = machine.IdentityAssertion

	// JWT is one of a workload's platform.
	JWT = machine.JWT
	// IDToken is one of OpenID Connect.
	IDToken = machine.IDToken
	// RefreshToken is one of the identity provider, to be taken in place of an ID token.
	RefreshToken = machine.RefreshToken
	// SAML2 is an assertion of SAML 2.0, in base64url.
	SAML2 = machine.SAML2
)

// maxAssertion is more than any server takes.
const maxAssertion = 64 << 10

var errAssertionFile = errors.New("mcpoauth: the file of the assertion is empty or too large")

// AssertionFile reads an assertion from a file that somebody else keeps fresh, as Kubernetes does with the token of a service
// account that is projected into a volume. The file is read each time: [JWT] for a workload, [IDToken] for a user.
func AssertionFile(path string) AssertionSource {
	return func(_ context.Context, request *AssertionRequest) (Assertion, error) {
		file, err := os.Open(path)
		if err != nil {
			return Assertion{}, fmt.Errorf("mcpoauth: no assertion: %w", err)
		}
		defer file.Close()
		text, err := io.ReadAll(io.LimitReader(file, maxAssertion+1))
		if err != nil {
			return Assertion{}, fmt.Errorf("mcpoauth: no assertion: %w", err)
		}
		token := strings.TrimSpace(string(text))
		if token == "" || len(text) > maxAssertion {
			return Assertion{}, errAssertionFile
		}
		kind := JWT
		if request.Purpose == IdentityAssertion {
			kind = IDToken
		}
		return Assertion{Token: Secret(token), Kind: kind}, nil
	}
}
