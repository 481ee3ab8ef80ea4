//! What does a stored grant hold, for a person to read?

use crate::client::ClientOrigin;
use crate::error::RecordError;
use crate::grant;
use crate::scope::ScopeSet;
use crate::snapshot;
use crate::time::Timestamp;

/// A stored grant without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantSummary {
    /// The MCP server's URL, as configured when the grant was stored.
    pub server_url: Box<str>,
    /// The account; empty for the only one.
    pub account: Box<str>,
    /// What each authorization server gave; the one in use first.
    pub issuers: Vec<IssuerSummary>,
}

/// What one authorization server gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSummary {
    /// Its identifier.
    pub issuer: Box<str>,
    /// How the client came by its identifier: `preregistered`, `document` or `dynamic`; `None` if there is none.
    pub client_kind: Option<&'static str>,
    /// Whether tokens are held.
    pub has_tokens: bool,
    /// Whether a refresh token is among them.
    pub has_refresh_token: bool,
    /// The scopes granted.
    pub scopes: ScopeSet,
    /// When the access token expires, if the server said so.
    pub expires_at: Option<Timestamp>,
    /// Whether this is the authorization server in use.
    pub current: bool,
}

/// A pending sign-in without its secrets: what a process that receives a callback needs to know to resume it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowSummary {
    /// The MCP server's URL, as configured when the sign-in began.
    pub server_url: Box<str>,
    /// The account; empty for the only one.
    pub account: Box<str>,
    /// When the sign-in is given up.
    pub expires_at: Timestamp,
}

/// Describes the record of a pending sign-in, as a store holds it.
///
/// # Errors
/// [`RecordError`] if the bytes are no such record, or one of a newer version.
pub fn describe_flow(record: &[u8]) -> Result<FlowSummary, RecordError> {
    snapshot::describe(record)
}

/// Describes a grant record, as a store holds it.
///
/// # Errors
/// [`RecordError`] if the bytes are no grant record, or one of a newer version.
pub fn describe_grant(record: &[u8]) -> Result<GrantSummary, RecordError> {
    let body = grant::open(record)?;
    let issuers = body
        .entries
        .into_iter()
        .enumerate()
        .map(|(position, entry)| {
            let tokens = entry.tokens.as_ref();
            let origin = tokens
                .map(|tokens| tokens.client.origin)
                .or_else(|| entry.client.as_ref().map(|client| client.origin));
            IssuerSummary {
                issuer: entry.issuer.as_str().into(),
                client_kind: origin.map(|origin| match origin {
                    ClientOrigin::Preregistered => "preregistered",
                    ClientOrigin::Document => "document",
                    ClientOrigin::Dynamic => "dynamic",
                }),
                has_tokens: tokens.is_some(),
                has_refresh_token: tokens.is_some_and(|tokens| tokens.refresh_token.is_some()),
                scopes: tokens.map_or_else(ScopeSet::default, |tokens| tokens.granted.clone()),
                expires_at: tokens.and_then(|tokens| tokens.expires_at),
                current: position == 0,
            }
        });
    Ok(GrantSummary {
        server_url: body.server_url.0.into(),
        account: body.account.0.into(),
        issuers: issuers.collect(),
    })
}
