//! How do the servers behave, and in what may they deviate?
//!
//! A [`Behaviour`] is plain data: build it in Rust or read it from JSON. Each member defaults to the
//! modern and correct behaviour, so that a test states only what it bends.
//!
//! Ports are known only while the servers run. URLs in a behaviour therefore use placeholders:
//!
//! | Placeholder | Becomes |
//! |---|---|
//! | `{mcp}` | the URL of the MCP endpoint, without a query |
//! | `{rs}`, `{rs_host}` | origin of the MCP server; its `host:port` |
//! | `{prm}` | URL of the first place where the protected resource metadata is served |
//! | `{issuer}` | identifier of the authorization server that answers, or is in use |
//! | `{issuer1}`, `{issuer2}` | identifiers of the two authorization servers |
//! | `{as1}`, `{as2}`, `{as1_host}`, `{as2_host}` | origins and `host:port` of their listeners |
//! | `{idp}` | origin and identifier of the identity provider |
//! | `{published}` | the `issuer` that the metadata document states |
//! | `{dead}` | an origin where nothing listens |

mod discovery;
mod extensions;
mod grants;
mod proofs;
mod registration;
mod resource;

use crate::state::scopes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub use discovery::{Challenge, Guards, Miss, ResourceMetadata, ServerMetadata, WellKnown};
pub use extensions::{Audience, Device, Enterprise, Pushed, Revocation, Workload};
pub use grants::{
    Authorization, ClientCredentials, Consent, ErrorForm, Issued, LoopbackPort, RedirectError,
    Refresh, ResourceRule, Rotation, ScopeForm, Token, TokenForm,
};
pub use proofs::{Dpop, Nonce};
pub use registration::{GrantTypes, PreRegistered, Registration, Secret};
pub use resource::{Mcp, Verdict};

/// The whole behaviour of a testbed, grouped by part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The answer to an MCP request without a usable token.
    pub challenge: Challenge,
    /// Protected resource metadata (RFC 9728).
    pub resource_metadata: ResourceMetadata,
    /// Authorization server metadata (RFC 8414, OpenID Connect Discovery).
    pub server_metadata: ServerMetadata,
    /// Clients: registered dynamically, beforehand or by a metadata document.
    pub registration: Registration,
    /// The authorization endpoint.
    pub authorization: Authorization,
    /// The token endpoint, for all grants.
    pub token: Token,
    /// Refresh tokens.
    pub refresh: Refresh,
    /// Tokens for clients themselves.
    pub client_credentials: ClientCredentials,
    /// Tokens for workloads.
    pub workload: Workload,
    /// Tokens by the word of the enterprise's identity provider.
    pub enterprise: Enterprise,
    /// Sign-in on another device.
    pub device: Device,
    /// Authorization requests that do not go through the browser.
    pub pushed: Pushed,
    /// Revocation.
    pub revocation: Revocation,
    /// Proofs of possession.
    pub dpop: Dpop,
    /// The MCP endpoint behind the token check.
    pub mcp: Mcp,
    /// Requests without a `User-Agent` get a bare 403 everywhere, as from a content delivery network.
    pub user_agent_required: bool,
    /// Answers that are replaced or disturbed, the first rule that matches and is not used up wins.
    pub faults: Vec<FaultRule>,
}

impl Behaviour {
    /// Adds a fault to an endpoint, for the given number of requests or for all of them.
    pub fn fault(&mut self, at: Endpoint, fault: Fault, times: Option<u32>) {
        self.faults.push(FaultRule { at, fault, times });
    }

    /// All scopes that the servers name somewhere.
    pub(crate) fn known_scopes(&self) -> Vec<String> {
        let mut known: Vec<String> = self.mcp.tool_scopes.values().cloned().collect();
        known.extend(
            self.challenge
                .scope
                .as_deref()
                .map(scopes)
                .unwrap_or_default(),
        );
        let documents = [
            &self.resource_metadata.scopes_supported,
            &self.server_metadata.scopes_supported,
        ];
        known.extend(documents.into_iter().flatten().flatten().cloned());
        if let Verdict::Forbidden(scope) = &self.mcp.verdict {
            known.extend(scopes(scope));
        }
        known
    }
}

/// What kind of request is meant, in logs, breaches and faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The MCP endpoint.
    Mcp,
    /// Protected resource metadata, wherever it is served.
    ResourceMetadata,
    /// Authorization server metadata, wherever it is served.
    ServerMetadata,
    /// A well-known URL where nothing is served.
    WellKnown,
    /// Dynamic client registration.
    Registration,
    /// The authorization endpoint, in the browser.
    Authorization,
    /// The consent page's form, in the browser.
    Consent,
    /// The token endpoint, except for refresh.
    Token,
    /// The token endpoint with `grant_type=refresh_token`.
    Refresh,
    /// A pushed authorization request.
    PushedAuthorization,
    /// A device authorization request.
    DeviceAuthorization,
    /// The page for the codes of devices, in the browser.
    DeviceVerification,
    /// The token endpoint of the identity provider.
    TokenExchange,
    /// Token revocation.
    Revocation,
    /// Anything else.
    Elsewhere,
}

/// A disturbance of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Which requests are disturbed.
    pub at: Endpoint,
    /// How.
    pub fault: Fault,
    /// For how many requests; absent for all.
    #[serde(default)]
    pub times: Option<u32>,
}

/// What happens instead of, or to, a good answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The request is not processed; this is the answer. Placeholders are expanded.
    Answer {
        /// HTTP status.
        status: u16,
        /// Header fields, `Content-Type` among them.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// The request is processed, and its answer comes late.
    Slow {
        /// How late.
        milliseconds: u64,
    },
    /// The request is processed, and half of the answer's body arrives before the connection ends.
    Truncated,
    /// The request is processed, and the answer's body is preceded by this many blanks.
    Oversized {
        /// How many octets come before the body.
        bytes: usize,
    },
    /// The connection ends without an answer and without effect.
    DropBefore,
    /// The connection ends without an answer, although the request took effect.
    DropAfter,
}

impl Fault {
    /// An answer with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::answer(status, "application/json", &body.to_string())
    }

    /// An answer with a body of any type.
    pub fn answer(status: u16, content_type: &str, body: &str) -> Self {
        Self::Answer {
            status,
            headers: BTreeMap::from([("Content-Type".into(), content_type.into())]),
            body: body.into(),
        }
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::Answer {
            status,
            headers: BTreeMap::from([("Location".into(), location.into())]),
            body: String::new(),
        }
    }
}

/// Members of a JSON document that are put in or left out. Strings have their placeholders expanded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Members {
    /// Members to put in, over what is there.
    pub set: Map<String, Value>,
    /// Members to leave out.
    pub unset: Vec<String>,
}

impl Members {
    /// Puts a member in.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.set.insert(name.into(), value.into());
    }

    /// Leaves a member out.
    pub fn unset(&mut self, name: &str) {
        self.unset.push(name.into());
    }
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}
