//! What can be told about records without a machine?

use mcp_oauth_core as core;
use mcp_oauth_core::{CallbackText, StoreKey, Timestamp};

use super::RecordError;

/// The version of this library.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The name of the record of the pending sign-in that a callback claims to belong to: what `resume` makes the machine from
/// that takes it, in whatever process it arrives. `None` if it carries no `state`. Proves nothing: that machine checks the
/// whole callback.
#[uniffi::export]
pub fn flow_key_of_callback(query: &str) -> Option<String> {
    flow_key(CallbackText::Query(query))
}

/// As `flow_key_of_callback`, for the whole URL.
#[uniffi::export]
pub fn flow_key_of_callback_url(url: &str) -> Option<String> {
    flow_key(CallbackText::Url(url))
}

fn flow_key(callback: CallbackText<'_>) -> Option<String> {
    StoreKey::of_callback(callback).map(|key| key.as_str().to_owned())
}

/// The generation inside a record, for stores that keep nothing but the bytes.
#[uniffi::export]
pub fn generation_of(record: &[u8]) -> Result<u64, RecordError> {
    Ok(core::store::generation_of(record)?)
}

/// A stored grant without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct GrantSummary {
    /// The MCP server's URL, as configured when the grant was stored.
    pub server_url: String,
    /// The account; empty for the only one.
    pub account: String,
    /// What each authorization server gave; the one in use first.
    pub issuers: Vec<IssuerSummary>,
}

/// What one authorization server gave.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct IssuerSummary {
    /// Its identifier.
    pub issuer: String,
    /// How the client came by its identifier: `preregistered`, `document` or `dynamic`; `None` if there is none.
    pub client_kind: Option<String>,
    /// Whether tokens are held.
    pub has_tokens: bool,
    /// Whether a refresh token is among them.
    pub has_refresh_token: bool,
    /// The scopes granted, with blanks between them.
    pub scopes: String,
    /// When the access token expires, in milliseconds since the Unix epoch, if the server said so.
    pub expires_at_ms: Option<u64>,
    /// Whether this is the authorization server in use.
    pub current: bool,
}

/// Describes a grant record, as a store holds it.
#[uniffi::export]
pub fn describe_grant(record: &[u8]) -> Result<GrantSummary, RecordError> {
    let summary = core::describe_grant(record)?;
    Ok(GrantSummary {
        server_url: summary.server_url.into(),
        account: summary.account.into(),
        issuers: summary.issuers.into_iter().map(Into::into).collect(),
    })
}

/// A pending sign-in without its secrets: what a process that receives a callback needs to know to resume it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct FlowSummary {
    /// The MCP server's URL, as configured when the sign-in began.
    pub server_url: String,
    /// The account; empty for the only one.
    pub account: String,
    /// When the sign-in is given up, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
}

/// Describes the record of a pending sign-in, as a store holds it.
#[uniffi::export]
pub fn describe_flow(record: &[u8]) -> Result<FlowSummary, RecordError> {
    let summary = core::describe_flow(record)?;
    Ok(FlowSummary {
        server_url: summary.server_url.into(),
        account: summary.account.into(),
        expires_at_ms: summary.expires_at.as_millis(),
    })
}

impl From<core::IssuerSummary> for IssuerSummary {
    fn from(summary: core::IssuerSummary) -> Self {
        Self {
            issuer: summary.issuer.into(),
            client_kind: summary.client_kind.map(str::to_owned),
            has_tokens: summary.has_tokens,
            has_refresh_token: summary.has_refresh_token,
            scopes: summary.scopes.as_str().to_owned(),
            expires_at_ms: summary.expires_at.map(Timestamp::as_millis),
            current: summary.current,
        }
    }
}
