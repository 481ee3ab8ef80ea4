//! What does a person or a program write down, in Python or Swift?

use std::fmt;

use mcp_oauth_core as core;
use mcp_oauth_core::Secret;

use super::{
    ClientDocument, ConfigError, DpopKey, DpopUse, IdentityProvider, Preregistered, Reach,
};
use crate::key::public_key;

/// Plain settings; `Config` checks them.
///
/// Everything but `server_url` has a default that is right for a desktop program with a loopback listener.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct Settings {
    /// The MCP server's URL, as the user gave it.
    pub server_url: String,
    /// Which addresses requests may reach. Default: what the server URL itself is.
    #[uniffi(default)]
    pub reach: Option<Reach>,
    /// How tokens are got. Default: a user signs in, in a browser.
    #[uniffi(default)]
    pub grant: Option<GrantType>,
    /// `client_name` of a dynamic registration: plain, and without the brand of any server.
    #[uniffi(default = "MCP client")]
    pub client_name: String,
    /// `client_uri` of a dynamic registration.
    #[uniffi(default)]
    pub client_uri: Option<String>,
    /// `logo_uri` of a dynamic registration.
    #[uniffi(default)]
    pub logo_uri: Option<String>,
    /// `software_id` of a dynamic registration.
    #[uniffi(default)]
    pub software_id: Option<String>,
    /// `software_version` of a dynamic registration.
    #[uniffi(default)]
    pub software_version: Option<String>,
    /// Signed statement about the client software, sent with a dynamic registration (RFC 7591 §2.3). Needs
    /// `authorization_server`. Secret.
    #[uniffi(default)]
    pub software_statement: Option<String>,
    /// Bearer token for a protected registration endpoint (RFC 7591 §1.2). Needs `authorization_server`. Secret.
    #[uniffi(default)]
    pub initial_access_token: Option<String>,
    /// A client registered beforehand. Used before anything else, and only with its issuer.
    #[uniffi(default)]
    pub preregistered: Option<Preregistered>,
    /// A client ID metadata document that the host publishes. Used where the server supports such documents.
    #[uniffi(default)]
    pub client_document: Option<ClientDocument>,
    /// The public half of the key that signs client assertions (`private_key_jwt`), as a JWK. The private one stays with the
    /// host.
    #[uniffi(default)]
    pub client_key: Option<String>,
    /// `typ` of client assertions: `JWT`, or `client-authentication+jwt` where the server is known to want that.
    #[uniffi(default = "JWT")]
    pub assertion_typ: String,
    /// Whether to register dynamically where the server offers it.
    #[uniffi(default = true)]
    pub dynamic_registration: bool,
    /// Whether to ask the host for a client when nothing else is left.
    #[uniffi(default = false)]
    pub ask_for_client: bool,
    /// The redirect URI to listen on; port 0 stands for any free port.
    #[uniffi(default = "http://127.0.0.1:0/callback")]
    pub redirect_uri: String,
    /// Whether a private-use URI scheme (`com.example.app:/callback`) may be the redirect URI (RFC 8252 §7.1).
    #[uniffi(default = false)]
    pub private_scheme_redirect: bool,
    /// Scopes to ask for instead of those that the server names.
    #[uniffi(default)]
    pub scopes: Option<Vec<String>>,
    /// Whether to add `offline_access` where the authorization server lists it.
    #[uniffi(default = true)]
    pub offline_access: bool,
    /// Further parameters of the authorization request; those of the flow itself are refused.
    #[uniffi(default)]
    pub authorize_parameters: Vec<Parameter>,
    /// Further parameters of token requests; those of the flow itself are refused.
    #[uniffi(default)]
    pub token_parameters: Vec<Parameter>,
    /// Whether to hand the authorization request over beforehand where the server offers that (RFC 9126). Where it demands
    /// that, it is done in any case.
    #[uniffi(default = false)]
    pub pushed_authorization: bool,
    /// Whether tokens are bound to a key of the host (RFC 9449). Default: never.
    #[uniffi(default)]
    pub dpop: Option<DpopUse>,
    /// The public halves of the keys that tokens are bound to.
    #[uniffi(default)]
    pub dpop_keys: Vec<DpopKey>,
    /// For the grant `EnterpriseManaged`: who knows the user.
    #[uniffi(default)]
    pub identity_provider: Option<IdentityProvider>,
    /// For the grant `WorkloadIdentity`: the audience of the assertion. Default: the token endpoint.
    #[uniffi(default)]
    pub workload_audience: Option<String>,
    /// Whether a sign-out tells the authorization server (RFC 7009).
    #[uniffi(default = true)]
    pub revoke_on_sign_out: bool,
    /// Which of several authorization servers to use.
    #[uniffi(default)]
    pub authorization_server: Option<String>,
    /// Whether to refuse authorization servers that do not identify themselves in responses (RFC 9207).
    #[uniffi(default = false)]
    pub require_issuer_identification: bool,
    /// Named deviations from the specification, each off unless said.
    #[uniffi(default)]
    pub deviations: Deviations,
    /// How long before expiry a token counts as due for refresh, in milliseconds.
    #[uniffi(default = 60000)]
    pub refresh_skew_ms: u64,
    /// How long a sign-in may take before it is given up, in milliseconds.
    #[uniffi(default = 600000)]
    pub sign_in_timeout_ms: u64,
    /// `MCP-Protocol-Version` to send with discovery requests.
    #[uniffi(default = "2026-07-28")]
    pub protocol_version: String,
    /// `User-Agent` to send. Default: the name and version of this library.
    #[uniffi(default)]
    pub user_agent: Option<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The core's own knows what is secret, and is asked rather than repeated. It has no place for a key that is none, which
        // may well be a private one.
        match core::Settings::try_from(self.clone()) {
            Ok(settings) => settings.fmt(f),
            Err(error) => write!(f, "Settings({error})"),
        }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl TryFrom<Settings> for core::Settings {
    type Error = ConfigError;

    /// Reads the keys; all else is checked by the core.
    fn try_from(settings: Settings) -> Result<Self, ConfigError> {
        let defaults = Self::default();
        let client_key = settings.client_key.as_deref();
        let dpop_keys = settings.dpop_keys.into_iter().map(TryInto::try_into);
        Ok(Self {
            server_url: settings.server_url,
            reach: settings.reach.map(Into::into),
            grant: settings.grant.map_or(defaults.grant, Into::into),
            client_name: settings.client_name,
            client_uri: settings.client_uri,
            logo_uri: settings.logo_uri,
            software_id: settings.software_id,
            software_version: settings.software_version,
            software_statement: settings.software_statement.map(Secret::new),
            initial_access_token: settings.initial_access_token.map(Secret::new),
            preregistered: settings.preregistered.map(Into::into),
            client_document: settings.client_document.map(Into::into),
            client_key: client_key
                .map(|jwk| public_key("client_key", jwk))
                .transpose()?,
            assertion_typ: settings.assertion_typ,
            dynamic_registration: settings.dynamic_registration,
            ask_for_client: settings.ask_for_client,
            redirect_uri: settings.redirect_uri,
            private_scheme_redirect: settings.private_scheme_redirect,
            scopes: settings.scopes,
            offline_access: settings.offline_access,
            authorize_parameters: pairs(settings.authorize_parameters),
            token_parameters: pairs(settings.token_parameters),
            pushed_authorization: settings.pushed_authorization,
            dpop: settings.dpop.map_or(defaults.dpop, Into::into),
            dpop_keys: dpop_keys.collect::<Result<_, ConfigError>>()?,
            identity_provider: settings.identity_provider.map(Into::into),
            workload_audience: settings.workload_audience,
            revoke_on_sign_out: settings.revoke_on_sign_out,
            authorization_server: settings.authorization_server,
            require_issuer_identification: settings.require_issuer_identification,
            deviations: settings.deviations.into(),
            refresh_skew_ms: settings.refresh_skew_ms,
            sign_in_timeout_ms: settings.sign_in_timeout_ms,
            protocol_version: settings.protocol_version,
            user_agent: settings.user_agent.unwrap_or(defaults.user_agent),
        })
    }
}

fn pairs(parameters: Vec<Parameter>) -> Vec<(String, String)> {
    parameters
        .into_iter()
        .map(|parameter| (parameter.name, parameter.value))
        .collect()
}

/// A parameter of a request.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// How tokens are got (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum GrantType {
    /// A user signs in, in a browser (RFC 6749 §4.1).
    AuthorizationCode,
    /// A user signs in, in the browser of another device (RFC 8628).
    DeviceCode,
    /// The client itself is authorized (SEP-1046, RFC 6749 §4.4). Needs `preregistered`, with a secret or `client_key`.
    ClientCredentials,
    /// The workload is known to its platform (SEP-1933, RFC 7523 §2.1). Needs `authorization_server` or `preregistered`.
    WorkloadIdentity,
    /// The user is known to the identity provider of their enterprise (SEP-990, RFC 8693). Needs `identity_provider`, and
    /// `preregistered` or `client_document`.
    EnterpriseManaged,
}

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

/// Deviations from the specification that a server may need: each is named, off unless said, and shown in the trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Deviations {
    /// The issuer asked for, and the issuer that its metadata publishes instead.
    #[uniffi(default)]
    pub pinned_issuer: Option<IssuerPair>,
    /// A `resource` value of the protected resource metadata to accept although it does not cover the server URL.
    #[uniffi(default)]
    pub allow_resource: Option<String>,
    /// Ignore a challenge's metadata URL on another origin (stricter than the specification).
    #[uniffi(default = false)]
    pub same_origin_metadata: bool,
    /// Go on where the server does not say which PKCE methods it supports; S256 is sent all the same.
    #[uniffi(default = false)]
    pub assume_s256: bool,
    /// Send no `resource` parameter at all.
    #[uniffi(default = false)]
    pub omit_resource: bool,
    /// When a refresh is refused with `invalid_request` or `invalid_target`, try once more without `resource`.
    #[uniffi(default = false)]
    pub retry_refresh_without_resource: bool,
    /// Use `/authorize`, `/token` and `/register` of a server that publishes no metadata whatever (2025-03-26).
    #[uniffi(default = false)]
    pub default_endpoints: bool,
    /// Use the grant `EnterpriseManaged` though the server does not list the profile of it.
    #[uniffi(default = false)]
    pub assume_id_jag: bool,
    /// A further `iss` value to accept in the authorization response: exact.
    #[uniffi(default)]
    pub extra_iss: Option<String>,
    /// Refuse endpoints on another origin than the issuer (stricter than the specification).
    #[uniffi(default = false)]
    pub same_origin_endpoints: bool,
}

/// An exact pair of issuers.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct IssuerPair {
    /// The issuer asked for.
    pub asked: String,
    /// The issuer that its metadata publishes instead.
    pub published: String,
}

impl From<Deviations> for core::Deviations {
    fn from(deviations: Deviations) -> Self {
        Self {
            pinned_issuer: deviations
                .pinned_issuer
                .map(|pair| (pair.asked, pair.published)),
            allow_resource: deviations.allow_resource,
            same_origin_metadata: deviations.same_origin_metadata,
            assume_s256: deviations.assume_s256,
            omit_resource: deviations.omit_resource,
            retry_refresh_without_resource: deviations.retry_refresh_without_resource,
            default_endpoints: deviations.default_endpoints,
            assume_id_jag: deviations.assume_id_jag,
            extra_iss: deviations.extra_iss,
            same_origin_endpoints: deviations.same_origin_endpoints,
        }
    }
}
