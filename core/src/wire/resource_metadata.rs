//! What does a protected resource say about itself? (RFC 9728)

use serde::{Deserialize, Serialize};

use crate::arc_str::ArcStr;
use crate::config::Config;
use crate::jose::Algorithms;
use crate::limits::MAX_AUTHORIZATION_SERVERS;
use crate::scope::ScopeSet;
use crate::uri::HttpUrl;
use crate::wire::json::{self, FromTexts, Loose, Text, Texts};

/// The registered well-known suffix (RFC 9728 §3).
pub(crate) const WELL_KNOWN: &str = "oauth-protected-resource";

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    resource: Option<Text<'a>>,
    #[serde(default)]
    authorization_servers: Option<Texts<Servers>>,
    #[serde(borrow, default)]
    scopes_supported: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    dpop_bound_access_tokens_required: Option<Loose<'a>>,
    #[serde(borrow, default)]
    dpop_signing_alg_values_supported: Option<Loose<'a>>,
}

/// Identifiers of authorization servers, each once and within the bound.
#[derive(Default)]
struct Servers {
    names: Vec<Box<str>>,
    too_many: bool,
}

impl FromTexts for Servers {
    fn take(&mut self, name: &str) {
        if self.names.iter().any(|known| **known == *name) {
            return;
        }
        self.too_many |= self.names.len() >= MAX_AUTHORIZATION_SERVERS;
        if !self.too_many {
            self.names.push(name.into());
        }
    }
}

/// A document whose `resource` covers the MCP server.
#[derive(Debug)]
pub(crate) struct ResourceMetadata {
    pub(crate) resource: Resource,
    /// Identifiers as published: nothing about them has been checked.
    pub(crate) authorization_servers: Vec<Box<str>>,
    /// `None`: more than are accepted.
    pub(crate) scopes_supported: Option<ScopeSet>,
    /// Whether tokens must be bound to a key (RFC 9449, RFC 9728 §2).
    pub(crate) demands_binding: bool,
    /// What proofs may be signed with.
    pub(crate) proof_algorithms: Algorithms,
}

/// The resource that tokens are asked for: proof that it covers the MCP server, or was allowed by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resource {
    /// Exactly as published: this is what is sent as `resource` (RFC 8707 §2).
    pub(crate) identifier: ArcStr,
    /// Where its tokens may be used.
    pub(crate) covers: HttpUrl,
}

/// Why a document cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not a document of this kind: the next place may have one.
    NotADocument,
    /// It names a resource, but has members of the wrong type: the next place may have a better one.
    Malformed,
    /// It describes another resource. Nothing else of it may be used (RFC 9728 §3.3).
    OtherResource(Box<str>),
    NoAuthorizationServer,
    TooManyServers,
}

impl Resource {
    /// Accepts a `resource` value of the same origin whose path is a segment prefix of the server URL's, or exactly the
    /// value that the configuration allows.
    pub(crate) fn accept(identifier: &str, config: &Config) -> Option<Self> {
        // The usual one is the server URL itself, which was parsed and is held already.
        let url = if identifier == config.server.as_str() {
            Ok(config.server.clone())
        } else {
            HttpUrl::parse(identifier, config.reach)
        };
        if let Ok(url) = url
            && url.contains(&config.server)
        {
            return Some(Self {
                identifier: url.text(),
                covers: url,
            });
        }
        let allowed = config.deviations().allow_resource.as_deref() == Some(identifier);
        allowed.then(|| Self {
            identifier: identifier.into(),
            covers: config.server.clone(),
        })
    }

    /// The resource that the host names together with the endpoints.
    pub(crate) fn vouched_for(url: &HttpUrl, config: &Config) -> Self {
        Self {
            identifier: url.text(),
            covers: if url.contains(&config.server) {
                url.clone()
            } else {
                config.server.clone()
            },
        }
    }

    /// Whether only the configuration's word makes it acceptable.
    pub(crate) fn is_allowed_by_name(&self) -> bool {
        *self.identifier != *self.covers.as_str()
    }

    /// The resource of a server that publishes no metadata: its own URL, without the query.
    pub(crate) fn of_server(config: &Config) -> Self {
        let url = config.server.as_str();
        let identifier = url.split_once('?').map_or(url, |(path, _)| path);
        Self {
            identifier: identifier.into(),
            covers: config.server.clone(),
        }
    }
}

impl ResourceMetadata {
    /// Reads a document; `resource` is checked before anything else of it is looked at.
    pub(crate) fn parse(body: &[u8], config: &Config) -> Result<Self, Fault> {
        let document: Document<'_> = json::object(body).ok_or_else(|| unreadable(body))?;
        let identifier = json::present(document.resource.as_ref()).ok_or(Fault::NotADocument)?;
        let resource = Resource::accept(identifier, config)
            .ok_or_else(|| Fault::OtherResource(identifier.into()))?;
        let scopes = document.scopes_supported.iter().flatten();
        let scopes_supported = ScopeSet::collect(scopes.map(|scope| &*scope.0)).ok();
        let servers = json::taken(document.authorization_servers);
        if servers.too_many {
            return Err(Fault::TooManyServers);
        }
        if servers.names.is_empty() {
            return Err(Fault::NoAuthorizationServer);
        }
        Ok(Self {
            resource,
            authorization_servers: servers.names,
            scopes_supported,
            demands_binding: json::says_yes(document.dpop_bound_access_tokens_required.as_ref()),
            proof_algorithms: json::listed(document.dpop_signing_alg_values_supported.as_ref()),
        })
    }
}

/// What is wrong with a body that does not read as a document: whether it names a resource all the same.
fn unreadable(body: &[u8]) -> Fault {
    #[derive(Deserialize)]
    struct Identity<'a> {
        #[serde(borrow, default)]
        resource: Option<Loose<'a>>,
    }
    let identity: Option<Identity<'_>> = json::object(body);
    let names_one = identity.is_some_and(|document| {
        document
            .resource
            .is_some_and(|resource| resource.text().is_some())
    });
    if names_one {
        Fault::Malformed
    } else {
        Fault::NotADocument
    }
}
