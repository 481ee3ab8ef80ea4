//! Which other ways to a token are there, and how do they behave?

use super::{PreRegistered, ResourceRule};
use serde::{Deserialize, Serialize};

/// Workload identity federation: tokens for the JWT of a workload (RFC 7523 §2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Workload {
    /// The grant is offered to workloads, which need not be clients.
    pub offered: bool,
    /// The audience that their assertions need.
    pub audience: Audience,
}

/// What an authorization server takes for its own name in an assertion (RFC 7523 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The URL of its token endpoint.
    #[default]
    TokenEndpoint,
    /// Its issuer identifier.
    Issuer,
}

/// Enterprise-managed authorization: an identity provider says who may use the MCP server, and the authorization servers
/// believe it (Identity Assertion JWT Authorization Grant).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Enterprise {
    /// The grant is offered.
    pub offered: bool,
    /// The metadata lists its profile in `authorization_grant_profiles_supported`.
    pub listed: bool,
    /// The client, as the identity provider knows it.
    pub client: PreRegistered,
    /// The identifier that the same client has at the authorization servers.
    pub client_id_at_server: String,
    /// The `resource` parameter of the token exchange.
    pub resource: ResourceRule,
    /// The scope that assertions have, whatever was asked for.
    pub scope: Option<String>,
    /// Each exchange is refused with this error code, by policy.
    pub refused: Option<String>,
    /// The `issued_token_type` of the answer; absent for the right one.
    pub issued_token_type: Option<String>,
    /// The `token_type` of the answer.
    pub token_type: String,
    /// Seconds until assertions expire.
    pub lifetime: i64,
    /// A refresh token comes with the access token.
    pub refresh_token: bool,
}

impl Default for Enterprise {
    fn default() -> Self {
        Self {
            offered: false,
            listed: true,
            client: PreRegistered {
                client_id: "client-at-provider".into(),
                client_secret: Some("secret-at-provider".into()),
                ..PreRegistered::default()
            },
            client_id_at_server: "client-at-server".into(),
            resource: ResourceRule::Required,
            scope: None,
            refused: None,
            issued_token_type: None,
            token_type: "N_A".into(),
            lifetime: 300,
            refresh_token: false,
        }
    }
}

/// The device authorization grant (RFC 8628).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    /// The grant is offered.
    pub offered: bool,
    /// Seconds between two polls; absent to leave them to the client, which then waits five.
    pub interval: Option<u64>,
    /// Milliseconds that a second of the interval lasts, for clients whose clock runs faster.
    pub second: u64,
    /// Seconds until the codes expire.
    pub lifetime: u64,
    /// The answer has `verification_uri_complete`.
    pub complete: bool,
    /// Nobody needs to consent: it happens after this many polls.
    pub approved_after: Option<u32>,
    /// How many polls get `slow_down`, though they come in time.
    pub slow_downs: u32,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            offered: false,
            interval: Some(5),
            second: 1000,
            lifetime: 600,
            complete: true,
            approved_after: None,
            slow_downs: 0,
        }
    }
}

/// Pushed authorization requests (RFC 9126).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pushed {
    /// There is an endpoint for them.
    pub offered: bool,
    /// Others are refused, and the metadata says so.
    pub required: bool,
    /// Seconds until a `request_uri` expires.
    pub lifetime: u64,
}

impl Default for Pushed {
    fn default() -> Self {
        Self {
            offered: false,
            required: false,
            lifetime: 60,
        }
    }
}

/// Revocation (RFC 7009). What is slow, broken or in a bad mood there, a [`FaultRule`](super::FaultRule) says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Revocation {
    /// There is an endpoint for it.
    pub offered: bool,
    /// Access tokens can be revoked; else they are of an unsupported type (RFC 7009 §2.2.1).
    pub access_tokens: bool,
}

impl Default for Revocation {
    fn default() -> Self {
        Self {
            offered: true,
            access_tokens: true,
        }
    }
}
