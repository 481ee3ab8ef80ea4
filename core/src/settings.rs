//! What does a person or a program write down, to be checked by [`Config::new`](crate::Config::new)?

use serde::Deserialize;

use crate::client::AuthMethod;
use crate::jose::PublicKey;
use crate::secret::Secret;
use crate::uri::Reach;

/// Plain settings, as a host reads them from its own configuration. [`Config::new`](crate::Config::new) checks them.
///
/// Everything but `server_url` has a default that is right for a desktop program with a loopback listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The MCP server's URL, as the user gave it.
    pub server_url: String,
    /// Which addresses requests may reach. Default: what the server URL itself is (a loopback URL allows loopback,
    /// a private address private ones, anything else only public ones).
    pub reach: Option<Reach>,
    /// How tokens are got.
    pub grant: GrantType,

    /// `client_name` of a dynamic registration: plain, and without the brand of any server.
    pub client_name: String,
    /// `client_uri` of a dynamic registration.
    pub client_uri: Option<String>,
    /// `logo_uri` of a dynamic registration.
    pub logo_uri: Option<String>,
    /// `software_id` of a dynamic registration.
    pub software_id: Option<String>,
    /// `software_version` of a dynamic registration.
    pub software_version: Option<String>,
    /// Signed statement about the client software, sent with a dynamic registration (RFC 7591 §2.3). Needs
    /// `authorization_server`.
    pub software_statement: Option<Secret>,
    /// Bearer token for a protected registration endpoint (RFC 7591 §1.2). Needs `authorization_server`.
    pub initial_access_token: Option<Secret>,
    /// A client registered beforehand. Used before anything else, and only with its issuer.
    pub preregistered: Option<Preregistered>,
    /// A client ID metadata document that the host publishes. Used where the server supports such documents.
    pub client_document: Option<ClientDocument>,
    /// The public half of the key that signs client assertions (`private_key_jwt`). The private one stays with the host.
    pub client_key: Option<PublicKey>,
    /// `typ` of client assertions: `JWT`, or `client-authentication+jwt` where the server is known to follow
    /// draft-ietf-oauth-rfc7523bis.
    pub assertion_typ: String,
    /// Whether to register dynamically where the server offers it.
    pub dynamic_registration: bool,
    /// Whether to ask the host for a client when nothing else is left.
    pub ask_for_client: bool,

    /// The redirect URI to listen on; port 0 stands for any free port.
    pub redirect_uri: String,
    /// Whether a private-use URI scheme (`com.example.app:/callback`) may be the redirect URI (RFC 8252 §7.1).
    pub private_scheme_redirect: bool,

    /// Scopes to ask for instead of those that the server names.
    pub scopes: Option<Vec<String>>,
    /// Whether to add `offline_access` where the authorization server lists it.
    pub offline_access: bool,
    /// Further parameters of the authorization request; those of the flow itself are refused.
    pub authorize_parameters: Vec<(String, String)>,
    /// Further parameters of token requests; those of the flow itself are refused.
    pub token_parameters: Vec<(String, String)>,

    /// Whether to hand the authorization request over beforehand where the server offers that (RFC 9126). Where it demands
    /// that, it is done in any case.
    pub pushed_authorization: bool,
    /// Whether tokens are bound to a key of the host (RFC 9449).
    pub dpop: DpopUse,
    /// The public halves of the keys that tokens are bound to.
    pub dpop_keys: Vec<DpopKey>,
    /// For [`GrantType::EnterpriseManaged`]: who knows the user.
    pub identity_provider: Option<IdentityProvider>,
    /// For [`GrantType::WorkloadIdentity`]: the audience of the assertion. Default: the token endpoint.
    pub workload_audience: Option<String>,
    /// Whether a sign-out tells the authorization server (RFC 7009).
    pub revoke_on_sign_out: bool,

    /// Which of several authorization servers to use.
    pub authorization_server: Option<String>,
    /// Whether to refuse authorization servers that do not identify themselves in responses (RFC 9207).
    pub require_issuer_identification: bool,
    /// Named deviations from the specification, each off unless said.
    pub deviations: Deviations,

    /// How long before expiry a token counts as due for refresh, in milliseconds.
    pub refresh_skew_ms: u64,
    /// How long a sign-in may take before it is given up, in milliseconds.
    pub sign_in_timeout_ms: u64,
    /// `MCP-Protocol-Version` to send with discovery requests.
    pub protocol_version: String,
    /// `User-Agent` to send: some servers refuse requests without one.
    pub user_agent: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_url: String::new(),
            reach: None,
            grant: GrantType::default(),
            client_name: "MCP client".into(),
            client_uri: None,
            logo_uri: None,
            software_id: None,
            software_version: None,
            software_statement: None,
            initial_access_token: None,
            preregistered: None,
            client_document: None,
            client_key: None,
            assertion_typ: "JWT".into(),
            dynamic_registration: true,
            ask_for_client: false,
            redirect_uri: "http://127.0.0.1:0/callback".into(),
            private_scheme_redirect: false,
            scopes: None,
            offline_access: true,
            authorize_parameters: Vec::new(),
            token_parameters: Vec::new(),
            pushed_authorization: false,
            dpop: DpopUse::default(),
            dpop_keys: Vec::new(),
            identity_provider: None,
            workload_audience: None,
            revoke_on_sign_out: true,
            authorization_server: None,
            require_issuer_identification: false,
            deviations: Deviations::default(),
            refresh_skew_ms: 60_000,
            sign_in_timeout_ms: 600_000,
            protocol_version: "2026-07-28".into(),
            user_agent: concat!("mcp-oauth-core/", env!("CARGO_PKG_VERSION")).into(),
        }
    }
}

/// How tokens are got (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A user signs in, in a browser (RFC 6749 §4.1).
    #[default]
    AuthorizationCode,
    /// A user signs in, in the browser of another device (RFC 8628).
    DeviceCode,
    /// The client itself is authorized (SEP-1046, RFC 6749 §4.4). Needs `preregistered`, with a secret or `client_key`.
    ClientCredentials,
    /// The workload is known to its platform (SEP-1933, RFC 7523 §2.1). Needs `authorization_server` or `preregistered`,
    /// since its assertions go to a server that the host names and no other.
    WorkloadIdentity,
    /// The user is known to the identity provider of their enterprise (SEP-990, RFC 8693). Needs `identity_provider`, and
    /// `preregistered` or `client_document`.
    EnterpriseManaged,
}

impl GrantType {
    /// A stable name, for scripts and other languages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::DeviceCode => "device_code",
            Self::ClientCredentials => "client_credentials",
            Self::WorkloadIdentity => "workload_identity",
            Self::EnterpriseManaged => "enterprise_managed",
        }
    }

    /// Whether it can be used again without asking anybody: so are tokens renewed, and never by a refresh token.
    pub(crate) const fn needs_no_user(self) -> bool {
        matches!(
            self,
            Self::ClientCredentials | Self::WorkloadIdentity | Self::EnterpriseManaged
        )
    }
}

/// Whether tokens are bound to a key of the host, so that a thief cannot use them (RFC 9449).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DpopUse {
    /// No.
    #[default]
    Never,
    /// Where the authorization server says that it can, or the resource demands it.
    WhenSupported,
    /// Always: a token that is not bound is refused.
    Always,
}

/// The public half of a key that tokens are bound to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DpopKey {
    /// The authorization server that the key is for; `None`: all for which no other key is.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The key.
    pub key: PublicKey,
}

/// Who knows the user, and as which client we are known there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityProvider {
    /// Its identifier: exact.
    pub issuer: String,
    /// Where an identity is exchanged.
    pub token_endpoint: String,
    /// The client that the user has signed in to there.
    pub client_id: String,
    /// That client's secret, if there is one.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// How that client authenticates, if known; otherwise by its secret, if there is one.
    #[serde(default)]
    pub auth_method: Option<AuthMethod>,
}

/// A client registered beforehand, bound to the issuer that it is registered with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preregistered {
    /// The authorization server's identifier: exact.
    pub issuer: String,
    /// The client identifier.
    pub client_id: String,
    /// The client secret, if there is one.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// The authentication method, if known; otherwise chosen by what the server supports.
    #[serde(default)]
    pub auth_method: Option<AuthMethod>,
    /// The server's endpoints, if known: then no discovery happens.
    #[serde(default)]
    pub endpoints: Option<GivenEndpoints>,
}

/// Endpoints that the host vouches for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenEndpoints {
    /// Where the user signs in. Only the grant `authorization_code` does without discovery.
    pub authorization: String,
    /// Where codes and refresh tokens are redeemed.
    pub token: String,
    /// The resource identifier to ask tokens for; default: the server URL without its query.
    #[serde(default)]
    pub resource: Option<String>,
}

/// A client ID metadata document published by the host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientDocument {
    /// Its URL, which is the client identifier.
    pub url: String,
    /// The redirect URIs that it lists; the one in use must be among them, loopback ports aside.
    pub redirect_uris: Vec<String>,
    /// How the client authenticates: `none`, or `private_key_jwt` with the configured key, which the document names too.
    /// Default: `none`.
    #[serde(default)]
    pub auth_method: Option<AuthMethod>,
}

/// Deviations from the specification that a server may need: each is named, off unless said, and shown in the trace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deviations {
    /// An exact pair: the issuer asked for, and the issuer that its metadata publishes instead.
    pub pinned_issuer: Option<(String, String)>,
    /// A `resource` value of the protected resource metadata to accept although it does not cover the server URL.
    pub allow_resource: Option<String>,
    /// Ignore a challenge's metadata URL on another origin (stricter than the specification).
    pub same_origin_metadata: bool,
    /// Go on where the server does not say which PKCE methods it supports; S256 is sent all the same.
    pub assume_s256: bool,
    /// Send no `resource` parameter at all.
    pub omit_resource: bool,
    /// When a refresh is refused with `invalid_request` or `invalid_target`, try once more without `resource`.
    pub retry_refresh_without_resource: bool,
    /// Use `/authorize`, `/token` and `/register` of a server that publishes no metadata whatever (2025-03-26).
    pub default_endpoints: bool,
    /// Use the grant `enterprise_managed` though the server does not list the profile of it.
    pub assume_id_jag: bool,
    /// A further `iss` value to accept in the authorization response: exact.
    pub extra_iss: Option<String>,
    /// Refuse endpoints on another origin than the issuer (stricter than the specification).
    pub same_origin_endpoints: bool,
}
