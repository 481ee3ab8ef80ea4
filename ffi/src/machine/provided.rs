//! How does a host bring tokens that it got elsewhere?

use std::fmt;

use mcp_oauth_core as core;
use mcp_oauth_core::{Secret, Timestamp};

use super::AuthMethod;

/// Tokens that the host got by itself, with everything that they must not be parted from: the host vouches for it.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct ProvidedTokens {
    /// Who issued them.
    pub issuer: String,
    /// Where they are refreshed.
    pub token_endpoint: String,
    /// The client that they were issued to.
    pub client_id: String,
    /// The access token, of type Bearer. Secret.
    pub access_token: String,
    /// The refresh token, if there is one. Secret.
    #[uniffi(default)]
    pub refresh_token: Option<String>,
    /// When the access token expires, in milliseconds since the Unix epoch, if that is known.
    #[uniffi(default)]
    pub expires_at_ms: Option<u64>,
    /// The scopes granted, with blanks between them.
    #[uniffi(default = "")]
    pub scope: String,
    /// The resource that they are for; default: the MCP server's own URL.
    #[uniffi(default)]
    pub resource: Option<String>,
    /// The client's secret, if there is one. Secret.
    #[uniffi(default)]
    pub client_secret: Option<String>,
    /// How the client authenticates, if known.
    #[uniffi(default)]
    pub auth_method: Option<AuthMethod>,
}

impl From<ProvidedTokens> for core::ProvidedTokens {
    fn from(tokens: ProvidedTokens) -> Self {
        Self {
            issuer: tokens.issuer.into(),
            token_endpoint: tokens.token_endpoint.into(),
            client: core::ProvidedClient {
                client_id: tokens.client_id.into(),
                client_secret: tokens.client_secret.map(Secret::new),
                auth_method: tokens.auth_method.map(Into::into),
            },
            access_token: Secret::new(tokens.access_token),
            refresh_token: tokens.refresh_token.map(Secret::new),
            expires_at: tokens.expires_at_ms.map(Timestamp::from_millis),
            scope: tokens.scope.into(),
            resource: tokens.resource.map(Into::into),
        }
    }
}

impl fmt::Debug for ProvidedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::ProvidedTokens::from(self.clone()).fmt(f)
    }
}

impl fmt::Display for ProvidedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
