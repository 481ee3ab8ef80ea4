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
}
