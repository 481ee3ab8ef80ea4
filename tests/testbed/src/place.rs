//! What is served at this path of this listener?

use crate::behaviour::{Behaviour, Endpoint, WellKnown};
use crate::bench::Bench;
use serde::Serialize;
use url::Url;

/// A listener of the testbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// The MCP server.
    Resource,
    /// The first authorization server.
    Authorization1,
    /// The second authorization server.
    Authorization2,
    /// The identity provider of the enterprise.
    IdentityProvider,
}

/// What a request is for, and for which authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) issuer: usize,
}

pub(crate) const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";
const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

impl Place {
    /// Paths can change while the servers run, so each request looks anew.
    pub(crate) fn of(bench: &Bench, server: Server, path: &str) -> Self {
        let behaviour = &bench.behaviour;
        let origin = bench.origin(server);
        let at = |endpoint, issuer| Self { endpoint, issuer };
        if server == Server::Resource {
            if path == behaviour.mcp.path {
                return at(Endpoint::Mcp, bench.active);
            }
            if behaviour
                .resource_metadata
                .served_at
                .iter()
                .any(|p| p == path)
            {
                return at(Endpoint::ResourceMetadata, bench.active);
            }
        }
        if server == Server::IdentityProvider && path == "/token" {
            return at(Endpoint::TokenExchange, bench.active);
        }
        for issuer in 0..2 {
            if bench.addresses.issuer_origin(behaviour, issuer) == origin {
                let issuer_path = behaviour.server_metadata.issuer_path.trim_end_matches('/');
                let served = &behaviour.server_metadata.served_at;
                if served.iter().any(|form| form.path(issuer_path) == path) {
                    return at(Endpoint::ServerMetadata, issuer);
                }
            }
            if bench.addresses.endpoint_origin(behaviour, issuer) == origin {
                for (endpoint, name) in ENDPOINTS {
                    let here = endpoint_path(&behaviour.server_metadata.issuer_path, name);
                    if path == here && offered(behaviour, endpoint) {
                        return at(endpoint, issuer);
                    }
                }
            }
        }
        let issuer = usize::from(server == Server::Authorization2);
        match path.contains("/.well-known/") {
            true => at(Endpoint::WellKnown, issuer),
            false => at(Endpoint::Elsewhere, issuer),
        }
    }

    /// Whether a client that follows the specifications may ask for a path where nothing is served.
    pub(crate) fn may_be_probed(bench: &Bench, server: Server, path: &str) -> bool {
        let expanded = |text: &String| bench.expand(text);
        let origin = bench.origin(server);
        let named = [&bench.behaviour.challenge.resource_metadata]
            .into_iter()
            .flatten();
        let named = named.chain(bench.behaviour.challenge.fields.iter().flatten());
        if named
            .map(expanded)
            .any(|text| text.contains(&format!("{origin}{path}")))
        {
            return true;
        }
        if server == Server::Resource && path.starts_with(RESOURCE_METADATA) {
            let rest = &path[RESOURCE_METADATA.len()..];
            return rest.is_empty() || rest == bench.behaviour.mcp.path;
        }
        // Without protected resource metadata the MCP origin is the authorization server
        // (revision 2025-03-26).
        if server == Server::Resource
            && !bench.resource_metadata_read
            && [OAUTH, OPENID].contains(&path)
        {
            return true;
        }
        let listed = &bench.behaviour.resource_metadata.authorization_servers;
        let published = bench.expand(&bench.behaviour.server_metadata.issuer);
        let known = (0..2).map(|i| bench.addresses.issuer(&bench.behaviour, i));
        listed
            .iter()
            .map(expanded)
            .chain(known)
            .chain([published])
            .any(|issuer| {
                Url::parse(&issuer).is_ok_and(|url| {
                    url.origin().ascii_serialization() == origin
                        && candidates(url.path().trim_end_matches('/')).any(|c| c == path)
                })
            })
    }
}

/// The three places of RFC 8414 and OpenID Connect Discovery, which are two for an issuer without
/// a path.
fn candidates(issuer_path: &str) -> impl Iterator<Item = String> {
    [
        WellKnown::Oauth,
        WellKnown::OpenidInserted,
        WellKnown::OpenidAppended,
    ]
    .map(|form| form.path(issuer_path))
    .into_iter()
}

impl WellKnown {
    fn path(self, issuer_path: &str) -> String {
        match self {
            Self::Oauth => format!("{OAUTH}{issuer_path}"),
            Self::OpenidInserted => format!("{OPENID}{issuer_path}"),
            Self::OpenidAppended => format!("{issuer_path}{OPENID}"),
            Self::OauthRoot => OAUTH.to_owned(),
        }
    }
}

const ENDPOINTS: [(Endpoint, &str); 8] = [
    (Endpoint::Registration, "register"),
    (Endpoint::Authorization, "authorize"),
    (Endpoint::Consent, "consent"),
    (Endpoint::Token, "token"),
    (Endpoint::Revocation, "revoke"),
    (Endpoint::PushedAuthorization, "par"),
    (Endpoint::DeviceAuthorization, "device_authorization"),
    (Endpoint::DeviceVerification, "device"),
];

fn offered(behaviour: &Behaviour, endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Registration => behaviour.registration.offered,
        Endpoint::Revocation => behaviour.revocation.offered,
        Endpoint::PushedAuthorization => behaviour.pushed.offered,
        Endpoint::DeviceAuthorization | Endpoint::DeviceVerification => behaviour.device.offered,
        _ => true,
    }
}

/// The path of an endpoint below an issuer with the given path.
pub(crate) fn endpoint_path(issuer_path: &str, name: &str) -> String {
    format!("{}/{name}", issuer_path.trim_end_matches('/'))
}
