//! As whom does a host speak to authorization servers, in Python or Swift?

use std::fmt;

use mcp_oauth_core as core;
use mcp_oauth_core::Secret;

/// A client registered beforehand, bound to the issuer that it is registered with.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct Preregistered {
    /// The authorization server's identifier: exact.
    pub issuer: String,
    /// The client identifier.
    pub client_id: String,
    /// The client secret, if there is one.
    #[uniffi(default)]
    pub client_secret: Option<String>,
    /// The authentication method, if known; otherwise chosen by what the server supports.
    #[uniffi(default)]
    pub auth_method: Option<AuthMethod>,
    /// The server's endpoints, if known: then no discovery happens.
    #[uniffi(default)]
    pub endpoints: Option<GivenEndpoints>,
}

impl fmt::Debug for Preregistered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::Preregistered::from(self.clone()).fmt(f)
    }
}

impl fmt::Display for Preregistered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl From<Preregistered> for core::Preregistered {
    fn from(client: Preregistered) -> Self {
        Self {
            issuer: client.issuer,
            client_id: client.client_id,
            client_secret: client.client_secret.map(Secret::new),
            auth_method: client.auth_method.map(Into::into),
            endpoints: client.endpoints.map(|given| core::GivenEndpoints {
                authorization: given.authorization,
                token: given.token,
                resource: given.resource,
            }),
        }
    }
}

/// Endpoints that the host vouches for.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct GivenEndpoints {
    /// Where the user signs in. Only the grant `AuthorizationCode` does without discovery.
    pub authorization: String,
    /// Where codes and refresh tokens are redeemed.
    pub token: String,
    /// The resource identifier to ask tokens for; default: the server URL without its query.
    #[uniffi(default)]
    pub resource: Option<String>,
}

/// A client ID metadata document published by the host.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct ClientDocument {
    /// Its URL, which is the client identifier.
    pub url: String,
    /// The redirect URIs that it lists; the one in use must be among them, loopback ports aside.
    pub redirect_uris: Vec<String>,
    /// How the client authenticates: `Public`, or `PrivateKeyJwt` with `client_key`, which the document names too. Default:
    /// `Public`.
    #[uniffi(default)]
    pub auth_method: Option<AuthMethod>,
}

impl From<ClientDocument> for core::ClientDocument {
    fn from(document: ClientDocument) -> Self {
        Self {
            url: document.url,
            redirect_uris: document.redirect_uris,
            auth_method: document.auth_method.map(Into::into),
        }
    }
}

/// Who knows the user of an enterprise, and as which client the host is known there.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct IdentityProvider {
    /// Its identifier: exact.
    pub issuer: String,
    /// Where an identity is exchanged.
    pub token_endpoint: String,
    /// The client that the user has signed in to there.
    pub client_id: String,
    /// That client's secret, if there is one. Secret.
    #[uniffi(default)]
    pub client_secret: Option<String>,
    /// How that client authenticates, if known; otherwise by its secret, if there is one.
    #[uniffi(default)]
    pub auth_method: Option<AuthMethod>,
}

impl fmt::Debug for IdentityProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::IdentityProvider::from(self.clone()).fmt(f)
    }
}

impl fmt::Display for IdentityProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl From<IdentityProvider> for core::IdentityProvider {
    fn from(provider: IdentityProvider) -> Self {
        Self {
            issuer: provider.issuer,
            token_endpoint: provider.token_endpoint,
            client_id: provider.client_id,
            client_secret: provider.client_secret.map(Secret::new),
            auth_method: provider.auth_method.map(Into::into),
        }
    }
}

/// A way to authenticate the client at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum AuthMethod {
    /// `none`, of a public client: `client_id` in the body, nothing else.
    Public,
    /// `client_secret_basic`: HTTP Basic with form-encoded id and secret (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// `client_secret_post`: `client_id` and `client_secret` in the body.
    ClientSecretPost,
    /// `private_key_jwt`: an assertion signed with `client_key` (RFC 7523 §2.2).
    PrivateKeyJwt,
}

impl From<AuthMethod> for core::AuthMethod {
    fn from(method: AuthMethod) -> Self {
        match method {
            AuthMethod::Public => Self::None,
            AuthMethod::ClientSecretBasic => Self::ClientSecretBasic,
            AuthMethod::ClientSecretPost => Self::ClientSecretPost,
            AuthMethod::PrivateKeyJwt => Self::PrivateKeyJwt,
        }
    }
}
