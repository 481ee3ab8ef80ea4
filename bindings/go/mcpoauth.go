// Package mcpoauth gets the requests of an MCP client authorized: it signs in where a server demands it, refreshes and steps
// up tokens, and keeps them.
//
// A [Handler] plugs into the official Go SDK as its OAuthHandler, and into everything else as an [http.RoundTripper]
// ([Handler.Transport]) or an [oauth2.TokenSource]. What happens in between is decided by the state machine of
// mcp-oauth-core, which this package drives: it brings network, browser, redirect listener and store.
package mcpoauth

import (
	"context"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/machine"
)

// What the settings of a [Handler] are made of.
type (
	// Settings say which server, and with which client. Everything but ServerURL has a default.
	Settings = machine.Settings
	// Secret is a text that is never shown.
	Secret = machine.Secret
	// Preregistered is a client registered beforehand.
	Preregistered = machine.Preregistered
	// Endpoints are those of an authorization server that you vouch for.
	Endpoints = machine.Endpoints
	// ClientDocument is a client ID metadata document that you publish.
	ClientDocument = machine.ClientDocument
	// GrantType is how tokens are got.
	GrantType = machine.GrantType
	// DPoPUse says whether tokens are bound to a key.
	DPoPUse = machine.DPoPUse
	// DPoPKey is the public half of a key that tokens are bound to.
	DPoPKey = machine.DPoPKey
	// IdentityProvider is who knows the user, and as which client we are known there.
	IdentityProvider = machine.IdentityProvider
	// Deviations from the specification that a server may need.
	Deviations = machine.Deviations
	// PinnedIssuer is a pair of issuers.
	PinnedIssuer = machine.PinnedIssuer
	// Parameter is a parameter of a request.
	Parameter = machine.Parameter
	// AuthMethod is a way to authenticate the client.
	AuthMethod = machine.AuthMethod
	// SettingsError is what [New] says of settings that cannot work.
	SettingsError = machine.SettingsError
	// Error says why there is no token: errors.As finds it, and errors.Is tells whether one has the code of another,
	// as in errors.Is(err, &mcpoauth.Error{Code: "access_denied"}).
	Error = machine.Failure
	// Decision is one thing that the state machine decided.
	Decision = machine.Decision
	// Client is what [Options.Client] provides.
	Client = machine.Client
	// Grant is what is kept for a server, without its secrets.
	Grant = machine.Grant
)

// How tokens are got; see [machine.Settings] for what each needs.
const (
	// AuthorizationCode: a user signs in, in a browser.
	AuthorizationCode = machine.AuthorizationCode
	// DeviceCode: a user signs in, in the browser of another device. Options.UserAgent shows them a code.
	DeviceCode = machine.DeviceCode
	// ClientCredentials: the client itself is authorized.
	ClientCredentials = machine.ClientCredentials
	// WorkloadIdentity: the workload is known to its platform. Options.Assertions says who it is.
	WorkloadIdentity = machine.WorkloadIdentity
	// EnterpriseManaged: the user is known to the identity provider of their enterprise. Options.Assertions says who it is.
	EnterpriseManaged = machine.EnterpriseManaged
)

// Whether tokens are bound to a key, so that a thief cannot use them.
const (
	// DPoPNever: no.
	DPoPNever = machine.DPoPNever
	// DPoPWhenSupported: where the authorization server says that it can, or the resource demands it.
	DPoPWhenSupported = machine.DPoPWhenSupported
	// DPoPAlways: a token that is not bound is refused.
	DPoPAlways = machine.DPoPAlways
)

// How a client authenticates at the token endpoint.
const (
	// NoSecret is for a public client.
	NoSecret = machine.NoSecret
	// ClientSecretBasic sends the secret in the Authorization header.
	ClientSecretBasic = machine.ClientSecretBasic
	// ClientSecretPost sends the secret in the body.
	ClientSecretPost = machine.ClientSecretPost
	// PrivateKeyJWT signs an assertion with the key of Settings.ClientKey.
	PrivateKeyJWT = machine.PrivateKeyJWT
)

// Options say what a [Handler] works with. The zero value is right for a desktop program.
type Options struct {
	// Account tells apart several accounts at one server; empty for the only one.
	Account string
	// Store is where credentials are kept. Default: [DefaultStore].
	Store Store
	// UserAgent is how the user is brought to the authorization server. Default: [SystemBrowser].
	UserAgent UserAgent
	// Trace sees each decision as it is made. It should be quick; a flow beside [Handler.Begin], [Handler.Finish] or
	// [Handler.StoreChanged] calls it from another goroutine.
	Trace func(Decision)
	// Client has a client for an authorization server that registers none itself, registered with this very issuer and
	// redirect URI. Asked only if Settings.AskForClient says so.
	Client func(ctx context.Context, issuer, redirectURI string) (Client, error)
	// Signer signs with the private halves of Settings.ClientKey and Settings.DPoPKeys. Needed where there is one of these.
	Signer Signer
	// Assertions says who the workload or the user is, for the grants that need it.
	Assertions AssertionSource
}
