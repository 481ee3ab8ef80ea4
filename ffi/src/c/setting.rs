//! What can C set, and to which numbers?

use mcp_oauth_core as core;

use super::boundary::numbered;
use super::status::Status;

/// Settings that are text. Each is described where the value goes; what is not set has the default said there.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum TextSetting {
    /// The MCP server's URL, as the user gave it. The one setting without a default.
    ServerUrl = 1,
    /// `client_name` of a dynamic registration: plain, and without the brand of any server. Default: `MCP client`.
    ClientName = 2,
    /// `client_uri` of a dynamic registration.
    ClientUri = 3,
    /// `logo_uri` of a dynamic registration.
    LogoUri = 4,
    /// `software_id` of a dynamic registration.
    SoftwareId = 5,
    /// `software_version` of a dynamic registration.
    SoftwareVersion = 6,
    /// Signed statement about the client software (RFC 7591 §2.3). Needs the authorization server. Secret.
    SoftwareStatement = 7,
    /// Bearer token for a protected registration endpoint (RFC 7591 §1.2). Needs the authorization server. Secret.
    InitialAccessToken = 8,
    /// The redirect URI to listen on; port 0 stands for any free port. Default: `http://127.0.0.1:0/callback`.
    RedirectUri = 9,
    /// Which of several authorization servers to use.
    AuthorizationServer = 10,
    /// `MCP-Protocol-Version` to send with discovery requests. Default: `2026-07-28`.
    ProtocolVersion = 11,
    /// `User-Agent` to send. Default: the name and version of this library.
    UserAgent = 12,
    /// A client registered beforehand: the issuer that it is registered with. Needs the client identifier too.
    PreregisteredIssuer = 13,
    /// A client registered beforehand: its identifier. Needs the issuer too.
    PreregisteredClientId = 14,
    /// A client registered beforehand: its secret, if there is one. Secret.
    PreregisteredClientSecret = 15,
    /// A client registered beforehand: where the user signs in, if known. Needs the token endpoint too; then no discovery
    /// happens.
    PreregisteredAuthorizationEndpoint = 16,
    /// A client registered beforehand: where codes and refresh tokens are redeemed, if known.
    PreregisteredTokenEndpoint = 17,
    /// With endpoints: the resource to ask tokens for. Default: the server URL without its query.
    PreregisteredResource = 18,
    /// The URL of a client ID metadata document that you publish, which is the client identifier. Needs its redirect URIs.
    ClientDocumentUrl = 19,
    /// Deviation `allow_resource`: a `resource` of the metadata to accept although it does not cover the server URL.
    AllowResource = 20,
    /// Deviation `extra_iss`: a further `iss` to accept in the authorization response.
    ExtraIss = 21,
    /// The public half of the key that signs client assertions (`private_key_jwt`), as a JWK; the private one stays with you.
    /// `mcp_oauth_config_new` tells of a key that it cannot use, and of one that should have stayed private.
    ClientKey = 22,
    /// `typ` of client assertions: `JWT`, or `client-authentication+jwt` where the server is known to want that. Default:
    /// `JWT`.
    AssertionTyp = 23,
    /// For `MCP_OAUTH_GRANT_TYPE_ENTERPRISE_MANAGED`, who knows the user: its identifier. Needs the next two as well.
    IdentityProviderIssuer = 24,
    /// Who knows the user: where an identity is exchanged.
    IdentityProviderTokenEndpoint = 25,
    /// Who knows the user: the client that the user has signed in to there.
    IdentityProviderClientId = 26,
    /// Who knows the user: that client's secret, if there is one. Secret.
    IdentityProviderClientSecret = 27,
    /// For `MCP_OAUTH_GRANT_TYPE_WORKLOAD_IDENTITY`: the audience of the assertion. Default: the token endpoint.
    WorkloadAudience = 28,
}

numbered!(TextSetting: ServerUrl ClientName ClientUri LogoUri SoftwareId SoftwareVersion SoftwareStatement
    InitialAccessToken RedirectUri AuthorizationServer ProtocolVersion UserAgent PreregisteredIssuer
    PreregisteredClientId PreregisteredClientSecret PreregisteredAuthorizationEndpoint PreregisteredTokenEndpoint
    PreregisteredResource ClientDocumentUrl AllowResource ExtraIss ClientKey AssertionTyp IdentityProviderIssuer
    IdentityProviderTokenEndpoint IdentityProviderClientId IdentityProviderClientSecret WorkloadAudience);

/// Settings that are on or off.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum FlagSetting {
    /// Whether to register dynamically where the server offers it. Default: on.
    DynamicRegistration = 1,
    /// Whether to ask the host for a client when nothing else is left. Default: off.
    AskForClient = 2,
    /// Whether a private-use URI scheme may be the redirect URI (RFC 8252 §7.1). Default: off.
    PrivateSchemeRedirect = 3,
    /// Whether to add `offline_access` where the authorization server lists it. Default: on.
    OfflineAccess = 4,
    /// Whether to refuse authorization servers that do not identify themselves in responses (RFC 9207). Default: off.
    RequireIssuerIdentification = 5,
    /// Deviation, stricter: ignore a challenge's metadata URL on another origin. Default: off, like the following ones.
    SameOriginMetadata = 6,
    /// Deviation: go on where the server does not say which PKCE methods it supports.
    AssumeS256 = 7,
    /// Deviation: send no `resource` parameter at all.
    OmitResource = 8,
    /// Deviation: when a refresh is refused with `invalid_request` or `invalid_target`, try once more without `resource`.
    RetryRefreshWithoutResource = 9,
    /// Deviation: use `/authorize`, `/token` and `/register` of a server that publishes no metadata (2025-03-26).
    DefaultEndpoints = 10,
    /// Deviation, stricter: refuse endpoints on another origin than the issuer.
    SameOriginEndpoints = 11,
    /// Deviation: use the grant `MCP_OAUTH_GRANT_TYPE_ENTERPRISE_MANAGED` though the server does not list the profile of it.
    AssumeIdJag = 12,
    /// Whether to hand the authorization request over beforehand where the server offers that (RFC 9126). Where it demands
    /// that, it is done in any case. Default: off.
    PushedAuthorization = 13,
    /// Whether a sign-out tells the authorization server (RFC 7009). Default: on.
    RevokeOnSignOut = 14,
}

numbered!(FlagSetting: DynamicRegistration AskForClient PrivateSchemeRedirect OfflineAccess RequireIssuerIdentification
    SameOriginMetadata AssumeS256 OmitResource RetryRefreshWithoutResource DefaultEndpoints SameOriginEndpoints
    AssumeIdJag PushedAuthorization RevokeOnSignOut);

/// Settings that are numbers.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum NumberSetting {
    /// A `mcp_oauth_reach`: which addresses requests may reach. Default: what the server URL itself is.
    Reach = 1,
    /// How long before expiry a token counts as due for refresh, in milliseconds. Default: 60000.
    RefreshSkewMs = 2,
    /// How long a sign-in may take before it is given up, in milliseconds. Default: 600000.
    SignInTimeoutMs = 3,
    /// A client registered beforehand: a `mcp_oauth_auth_method`. Default: what the server supports.
    PreregisteredAuthMethod = 4,
    /// A `mcp_oauth_grant_type`: how tokens are got. Default: a user signs in, in a browser.
    Grant = 5,
    /// A `mcp_oauth_dpop_use`: whether tokens are bound to a key of yours (RFC 9449). Default: never.
    Dpop = 6,
    /// The client ID metadata document: `MCP_OAUTH_AUTH_METHOD_NONE`, or `_PRIVATE_KEY_JWT` with the client key, which the
    /// document names too. Default: none.
    ClientDocumentAuthMethod = 7,
    /// Who knows the user: a `mcp_oauth_auth_method` of the client there. Default: its secret, if there is one.
    IdentityProviderAuthMethod = 8,
}

numbered!(NumberSetting: Reach RefreshSkewMs SignInTimeoutMs PreregisteredAuthMethod Grant Dpop ClientDocumentAuthMethod
    IdentityProviderAuthMethod);

/// Settings that are lists of text.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ListSetting {
    /// Scopes to ask for instead of those that the server names.
    Scopes = 1,
    /// The redirect URIs that the client ID metadata document lists.
    ClientDocumentRedirectUris = 2,
}

numbered!(ListSetting: Scopes ClientDocumentRedirectUris);

/// Settings that are pairs of texts.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum PairSetting {
    /// A further parameter of the authorization request: name and value. Each call adds one.
    AuthorizeParameter = 1,
    /// A further parameter of token requests: name and value. Each call adds one.
    TokenParameter = 2,
    /// Deviation `pinned_issuer`: the issuer asked for, and the issuer that its metadata publishes instead.
    PinnedIssuer = 3,
    /// The public half of a key that tokens are bound to: the authorization server that it is for, or empty for all for which
    /// no other key is; and the key as a JWK. The private one stays with you. Each call adds one. `mcp_oauth_config_new` tells
    /// of a key that it cannot use, and of one that should have stayed private.
    DpopKey = 4,
}

numbered!(PairSetting: AuthorizeParameter TokenParameter PinnedIssuer DpopKey);

/// Which addresses requests may reach, from narrow to wide.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum Reach {
    /// No request.
    None = 0,
    /// Public addresses only.
    Public = 1,
    /// Private networks and shared (carrier-grade NAT) space too.
    Private = 2,
    /// Loopback too; the only reach at which plain http is possible.
    Loopback = 3,
}

numbered!(Reach: None Public Private Loopback);

impl From<core::Reach> for Reach {
    fn from(reach: core::Reach) -> Self {
        match reach {
            core::Reach::Public => Self::Public,
            core::Reach::Private => Self::Private,
            core::Reach::Loopback => Self::Loopback,
        }
    }
}

impl Reach {
    /// The reach that a number names; no reach is none to ask for.
    pub(super) fn wanted(number: i32) -> Result<core::Reach, Status> {
        match Self::read(number)? {
            Self::None => Err(Status::BadArgument),
            Self::Public => Ok(core::Reach::Public),
            Self::Private => Ok(core::Reach::Private),
            Self::Loopback => Ok(core::Reach::Loopback),
        }
    }
}

/// A way to authenticate the client at the token endpoint (RFC 7591 §2 `token_endpoint_auth_method`).
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum AuthMethod {
    /// Chosen by what the server supports.
    Unsaid = 0,
    /// `none`: a public client.
    None = 1,
    /// `client_secret_basic`.
    ClientSecretBasic = 2,
    /// `client_secret_post`.
    ClientSecretPost = 3,
    /// `private_key_jwt`: an assertion signed with the client key (RFC 7523 §2.2).
    PrivateKeyJwt = 4,
}

numbered!(AuthMethod: Unsaid None ClientSecretBasic ClientSecretPost PrivateKeyJwt);

impl From<AuthMethod> for Option<core::AuthMethod> {
    fn from(method: AuthMethod) -> Self {
        match method {
            AuthMethod::Unsaid => None,
            AuthMethod::None => Some(core::AuthMethod::None),
            AuthMethod::ClientSecretBasic => Some(core::AuthMethod::ClientSecretBasic),
            AuthMethod::ClientSecretPost => Some(core::AuthMethod::ClientSecretPost),
            AuthMethod::PrivateKeyJwt => Some(core::AuthMethod::PrivateKeyJwt),
        }
    }
}

/// How tokens are got (RFC 6749 §1.3).
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum GrantType {
    /// A user signs in, in a browser (RFC 6749 §4.1).
    AuthorizationCode = 1,
    /// A user signs in, in the browser of another device (RFC 8628).
    DeviceCode = 2,
    /// The client itself is authorized (SEP-1046, RFC 6749 §4.4). Needs a client registered beforehand, with a secret or the
    /// client key.
    ClientCredentials = 3,
    /// The workload is known to its platform (SEP-1933, RFC 7523 §2.1). Needs the authorization server or a client registered
    /// beforehand.
    WorkloadIdentity = 4,
    /// The user is known to the identity provider of their enterprise (SEP-990, RFC 8693). Needs that, and a client registered
    /// beforehand or a client ID metadata document.
    EnterpriseManaged = 5,
}

numbered!(GrantType: AuthorizationCode DeviceCode ClientCredentials WorkloadIdentity EnterpriseManaged);

impl From<GrantType> for core::GrantType {
    fn from(grant: GrantType) -> Self {
        match grant {
            GrantType::AuthorizationCode => Self::AuthorizationCode,
            GrantType::DeviceCode => Self::DeviceCode,
            GrantType::ClientCredentials => Self::ClientCredentials,
            GrantType::WorkloadIdentity => Self::WorkloadIdentity,
            GrantType::EnterpriseManaged => Self::EnterpriseManaged,
        }
    }
}

/// Whether tokens are bound to a key of yours, so that a thief cannot use them (RFC 9449).
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum DpopUse {
    /// No.
    Never = 1,
    /// Where the authorization server says that it can, or the resource demands it.
    WhenSupported = 2,
    /// Always: a token that is not bound is refused.
    Always = 3,
}

numbered!(DpopUse: Never WhenSupported Always);

impl From<DpopUse> for core::DpopUse {
    fn from(wish: DpopUse) -> Self {
        match wish {
            DpopUse::Never => Self::Never,
            DpopUse::WhenSupported => Self::WhenSupported,
            DpopUse::Always => Self::Always,
        }
    }
}
