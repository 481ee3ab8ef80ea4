package machine

import (
	"fmt"
	"io"
	"time"
)

// Settings are what a person or a program writes down. [NewConfig] checks them. Everything but ServerURL has a default that
// is right for a desktop program with a loopback listener, and zero stands for it.
type Settings struct {
	// ServerURL is the MCP server's URL, as the user gave it.
	ServerURL string
	// Reach is which addresses requests may reach. Default: what the server URL itself is (a loopback URL allows loopback,
	// a private address private ones, anything else only public ones).
	Reach Reach
	// Grant is how tokens are got. Default: [AuthorizationCode].
	Grant GrantType

	// ClientName is client_name of a dynamic registration: plain, and without the brand of any server. Default: "MCP client".
	ClientName string
	// ClientURI is client_uri of a dynamic registration.
	ClientURI string
	// LogoURI is logo_uri of a dynamic registration.
	LogoURI string
	// SoftwareID is software_id of a dynamic registration.
	SoftwareID string
	// SoftwareVersion is software_version of a dynamic registration.
	SoftwareVersion string
	// SoftwareStatement is a signed statement about the client software (RFC 7591 §2.3). Needs AuthorizationServer.
	SoftwareStatement Secret
	// InitialAccessToken is for a protected registration endpoint (RFC 7591 §1.2). Needs AuthorizationServer.
	InitialAccessToken Secret
	// Preregistered is a client registered beforehand. Used before anything else, and only with its issuer.
	Preregistered *Preregistered
	// ClientDocument is a client ID metadata document that you publish. Used where the server supports such documents.
	ClientDocument *ClientDocument
	// ClientKey is the public half of the key that signs client assertions ([PrivateKeyJWT]), as a JWK.
	ClientKey string
	// AssertionType is the typ of client assertions. Default: "JWT"; some servers want "client-authentication+jwt".
	AssertionType string
	// NoDynamicRegistration forbids to register where the server offers it.
	NoDynamicRegistration bool
	// AskForClient asks the host for a client when nothing else is left.
	AskForClient bool

	// RedirectURI is what to listen on; port 0 stands for any free port. Default: "http://127.0.0.1:0/callback".
	RedirectURI string
	// PrivateSchemeRedirect allows a private-use URI scheme as the redirect URI (RFC 8252 §7.1).
	PrivateSchemeRedirect bool

	// Scopes are asked for instead of those that the server names. Nil: those; empty: none.
	Scopes []string
	// NoOfflineAccess keeps from adding offline_access where the authorization server lists it.
	NoOfflineAccess bool
	// AuthorizeParameters are further parameters of the authorization request; those of the flow itself are refused.
	AuthorizeParameters []Parameter
	// TokenParameters are further parameters of token requests; those of the flow itself are refused.
	TokenParameters []Parameter

	// PushedAuthorization hands the authorization request over beforehand where the server offers that (RFC 9126). Where it
	// demands that, it is done in any case.
	PushedAuthorization bool
	// DPoP says whether tokens are bound to a key of yours (RFC 9449). Default: [DPoPNever].
	DPoP DPoPUse
	// DPoPKeys are the public halves of the keys that tokens are bound to.
	DPoPKeys []DPoPKey
	// IdentityProvider is who knows the user, for [EnterpriseManaged].
	IdentityProvider *IdentityProvider
	// WorkloadAudience is the audience of the assertion, for [WorkloadIdentity]. Default: the token endpoint.
	WorkloadAudience string
	// NoRevocation keeps from telling the authorization server of a sign-out (RFC 7009).
	NoRevocation bool

	// AuthorizationServer is which of several authorization servers to use.
	AuthorizationServer string
	// RequireIssuerIdentification refuses authorization servers that do not identify themselves in responses (RFC 9207).
	RequireIssuerIdentification bool
	// Deviations from the specification that the server needs.
	Deviations Deviations

	// RefreshSkew is how long before expiry a token counts as due for refresh. Default: a minute.
	RefreshSkew time.Duration
	// SignInTimeout is how long a sign-in may take before it is given up. Default: ten minutes.
	SignInTimeout time.Duration
	// ProtocolVersion is the MCP-Protocol-Version of discovery requests. Default: "2026-07-28".
	ProtocolVersion string
	// UserAgent is the User-Agent of requests. Default: the name and version of the library.
	UserAgent string
}

// Format shows the server URL: some forms of fmt look through pointers without asking what they point to.
func (s Settings) Format(f fmt.State, _ rune) { io.WriteString(f, "Settings("+s.ServerURL+")") }

// Parameter is a parameter of a request.
type Parameter struct{ Name, Value string }

// Preregistered is a client registered beforehand, bound to the issuer that it is registered with.
type Preregistered struct {
	// Issuer is the authorization server's identifier: exact.
	Issuer string
	// ClientID is the client identifier.
	ClientID string
	// ClientSecret is the client secret, if there is one.
	ClientSecret Secret
	// AuthMethod is the authentication method, if known; otherwise it is chosen by what the server supports.
	AuthMethod AuthMethod
	// Endpoints of the server, if known: then no discovery happens.
	Endpoints *Endpoints
}

// Endpoints that you vouch for.
type Endpoints struct {
	// Authorization is where the user signs in.
	Authorization string
	// Token is where codes and refresh tokens are redeemed.
	Token string
	// Resource is the resource to ask tokens for. Default: the server URL without its query.
	Resource string
}

// ClientDocument is a client ID metadata document that you publish.
type ClientDocument struct {
	// URL is the document's URL, which is the client identifier.
	URL string
	// RedirectURIs are those that it lists; the one in use must be among them, loopback ports aside.
	RedirectURIs []string
	// AuthMethod is [NoSecret], or [PrivateKeyJWT] with Settings.ClientKey, which the document names too. Default: NoSecret.
	AuthMethod AuthMethod
}

// GrantType is how tokens are got (RFC 6749 §1.3).
type GrantType string

const (
	// AuthorizationCode: a user signs in, in a browser (RFC 6749 §4.1).
	AuthorizationCode GrantType = "authorization_code"
	// DeviceCode: a user signs in, in the browser of another device (RFC 8628).
	DeviceCode GrantType = "device_code"
	// ClientCredentials: the client itself is authorized (SEP-1046, RFC 6749 §4.4). Needs Preregistered, with a secret or
	// ClientKey.
	ClientCredentials GrantType = "client_credentials"
	// WorkloadIdentity: the workload is known to its platform (SEP-1933, RFC 7523 §2.1). Needs AuthorizationServer or
	// Preregistered, since its assertions go to a server that you name and to no other.
	WorkloadIdentity GrantType = "workload_identity"
	// EnterpriseManaged: the user is known to the identity provider of their enterprise (SEP-990, RFC 8693). Needs
	// IdentityProvider, and Preregistered or ClientDocument.
	EnterpriseManaged GrantType = "enterprise_managed"
)

// DPoPUse says whether tokens are bound to a key, so that a thief cannot use them (RFC 9449).
type DPoPUse string

const (
	// DPoPNever: no.
	DPoPNever DPoPUse = "never"
	// DPoPWhenSupported: where the authorization server says that it can, or the resource demands it.
	DPoPWhenSupported DPoPUse = "when_supported"
	// DPoPAlways: a token that is not bound is refused.
	DPoPAlways DPoPUse = "always"
)

// DPoPKey is the public half of a key that tokens are bound to.
type DPoPKey struct {
	// Issuer is the authorization server that the key is for; empty: all for which no other key is.
	Issuer string
	// JWK is the key.
	JWK string
}

// IdentityProvider is who knows the user, and as which client we are known there.
type IdentityProvider struct {
	// Issuer is its identifier: exact.
	Issuer string
	// TokenEndpoint is where an identity is exchanged.
	TokenEndpoint string
	// ClientID is the client that the user has signed in to there.
	ClientID string
	// ClientSecret is that client's secret, if there is one.
	ClientSecret Secret
	// AuthMethod is how that client authenticates, if known; otherwise by its secret, if there is one.
	AuthMethod AuthMethod
}

// Deviations from the specification that a server may need: each is named, off unless said, and shown in the trace.
type Deviations struct {
	// PinnedIssuer accepts metadata that publishes another issuer than the one asked for.
	PinnedIssuer *PinnedIssuer
	// AllowResource is a resource of the protected resource metadata to accept although it does not cover the server URL.
	AllowResource string
	// SameOriginMetadata ignores a challenge's metadata URL on another origin (stricter than the specification).
	SameOriginMetadata bool
	// AssumeS256 goes on where the server does not say which PKCE methods it supports; S256 is sent all the same.
	AssumeS256 bool
	// OmitResource sends no resource parameter at all.
	OmitResource bool
	// RetryRefreshWithoutResource tries a refresh that was refused with invalid_request or invalid_target once more without
	// resource.
	RetryRefreshWithoutResource bool
	// DefaultEndpoints uses /authorize, /token and /register of a server that publishes no metadata whatever (2025-03-26).
	DefaultEndpoints bool
	// AssumeIDJAG uses [EnterpriseManaged] though the server does not list the profile of it.
	AssumeIDJAG bool
	// ExtraIss is a further iss to accept in the authorization response: exact.
	ExtraIss string
	// SameOriginEndpoints refuses endpoints on another origin than the issuer (stricter than the specification).
	SameOriginEndpoints bool
}

// PinnedIssuer is an exact pair.
type PinnedIssuer struct {
	// Asked is the issuer asked for.
	Asked string
	// Published is the issuer that its metadata publishes instead.
	Published string
}

// AuthMethod is a way to authenticate the client at the token endpoint, by its name in RFC 7591 §2.
type AuthMethod string

const (
	// NoSecret is for a public client.
	NoSecret AuthMethod = "none"
	// ClientSecretBasic sends the secret in the Authorization header.
	ClientSecretBasic AuthMethod = "client_secret_basic"
	// ClientSecretPost sends the secret in the body.
	ClientSecretPost AuthMethod = "client_secret_post"
	// PrivateKeyJWT signs an assertion with the key of Settings.ClientKey (RFC 7523 §2.2).
	PrivateKeyJWT AuthMethod = "private_key_jwt"
)

// Client is what a host provides when it is asked for a client.
type Client struct {
	// ID is the client identifier.
	ID string
	// Secret is the client secret, if there is one.
	Secret Secret
	// AuthMethod is the authentication method, if known.
	AuthMethod AuthMethod
}
