//! What may be asked about records, without a machine?

use mcp_oauth_core as core;
use mcp_oauth_core::StoreKey;

use super::boundary::{guard, pointer};
use super::events::CallbackForm;
use super::slice::{Buffer, Slice, array};
use super::status::Status;

/// A stored grant without its secrets. Yours: give it back with `mcp_oauth_grant_free`; its slices go with it.
#[repr(C)]
pub struct Grant {
    /// The MCP server's URL, as configured when the grant was stored.
    pub server_url: Slice,
    /// The account; empty for the only one.
    pub account: Slice,
    /// What each authorization server gave; the one in use first.
    pub issuers: *const GrantIssuer,
    /// How many authorization servers there are.
    pub issuer_count: usize,
}

/// What one authorization server gave.
#[repr(C)]
pub struct GrantIssuer {
    /// When the access token expires, in milliseconds since the Unix epoch; 0 if the server did not say.
    pub expires_at_ms: u64,
    /// Its identifier.
    pub issuer: Slice,
    /// How the client came by its identifier: `preregistered`, `document` or `dynamic`; absent if there is none.
    pub client_kind: Slice,
    /// The scopes granted, separated by spaces.
    pub scopes: Slice,
    /// Whether tokens are held: 1, or 0.
    pub has_tokens: u32,
    /// Whether a refresh token is among them: 1, or 0.
    pub has_refresh_token: u32,
    /// Whether this is the authorization server in use: 1, or 0.
    pub current: u32,
    /// Always 0.
    pub reserved: u32,
}

/// A pending sign-in without its secrets: what a process that receives a callback needs to know to resume it. Yours: give it
/// back with `mcp_oauth_flow_free`; its slices go with it.
#[repr(C)]
pub struct Flow {
    /// When the sign-in is given up, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
    /// The MCP server's URL, as configured when the sign-in began.
    pub server_url: Slice,
    /// The account; empty for the only one.
    pub account: Slice,
}

/// A pending sign-in and what its slices point to, as for a grant.
#[repr(C)]
struct OwnedFlow {
    flow: Flow,
    summary: core::FlowSummary,
}

/// A grant and what its slices point to. The grant comes first: the caller's pointer to it is one to all of this.
#[repr(C)]
struct Owned {
    grant: Grant,
    issuers: Vec<GrantIssuer>,
    summary: core::GrantSummary,
}

/// The key of the pending sign-in that a callback claims to belong to: load its record, and make the machine that takes the
/// callback with `mcp_oauth_machine_resume`, in whatever process it arrives. Yours: free the buffer, which stays empty if
/// the callback carries no `state`. Proves nothing: that machine checks the whole callback. Not secret.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_key_of_callback(
    form: i32,
    text: Slice,
    out: *mut Buffer,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, text) = unsafe { (pointer::out(out)?, text.utf8()?) };
        if let Some(key) = StoreKey::of_callback(CallbackForm::of(form, text)?) {
            *out = Buffer::of(key.as_str().as_bytes());
        }
        Ok(())
    })
}

/// The key of the grant of an account (empty for the only one) at a server URL. Yours: free the buffer. Not secret.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_key_of_grant(
    account: Slice,
    server_url: Slice,
    out: *mut Buffer,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, account, url) =
            unsafe { (pointer::out(out)?, account.utf8()?, server_url.utf8()?) };
        *out = Buffer::of(StoreKey::grant(account, url).as_str().as_bytes());
        Ok(())
    })
}

/// The generation inside a record, for stores that keep nothing but the bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_generation_of(record: Slice, out: *mut u64) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, record) = unsafe { (pointer::out(out)?, record.bytes()?) };
        *out = core::store::generation_of(record)?;
        Ok(())
    })
}

/// Describes a grant record, as a store holds it. Give the description back with `mcp_oauth_grant_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_describe_grant(record: Slice, out: *mut *mut Grant) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, record) = unsafe { (pointer::out(out)?, record.bytes()?) };
        let summary = core::describe_grant(record)?;
        let issuers: Vec<_> = summary.issuers.iter().map(issuer).collect();
        let grant = Grant {
            server_url: Slice::text(&summary.server_url),
            account: Slice::text(&summary.account),
            issuers: array(&issuers),
            issuer_count: issuers.len(),
        };
        let owned = Owned {
            grant,
            issuers,
            summary,
        };
        *out = Box::into_raw(Box::new(owned)).cast();
        Ok(())
    })
}

fn issuer(summary: &core::IssuerSummary) -> GrantIssuer {
    GrantIssuer {
        expires_at_ms: summary.expires_at.map_or(0, core::Timestamp::as_millis),
        issuer: Slice::text(&summary.issuer),
        client_kind: Slice::optional(summary.client_kind),
        scopes: Slice::text(summary.scopes.as_str()),
        has_tokens: summary.has_tokens.into(),
        has_refresh_token: summary.has_refresh_token.into(),
        current: summary.current.into(),
        reserved: 0,
    }
}

/// Frees a description and sets `*grant` to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_grant_free(grant: *mut *mut Grant) -> Status {
    // SAFETY: `mcp_oauth_describe_grant` made it, as the first member of an `Owned`.
    guard(|| unsafe { pointer::free(grant.cast::<*mut Owned>(), |_| Ok(())) })
}

/// Describes the record of a pending sign-in, as a store holds it. Give the description back with `mcp_oauth_flow_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_describe_flow(record: Slice, out: *mut *mut Flow) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, record) = unsafe { (pointer::out(out)?, record.bytes()?) };
        let summary = core::describe_flow(record)?;
        let flow = Flow {
            expires_at_ms: summary.expires_at.as_millis(),
            server_url: Slice::text(&summary.server_url),
            account: Slice::text(&summary.account),
        };
        *out = Box::into_raw(Box::new(OwnedFlow { flow, summary })).cast();
        Ok(())
    })
}

/// Frees a description and sets `*flow` to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_flow_free(flow: *mut *mut Flow) -> Status {
    // SAFETY: `mcp_oauth_describe_flow` made it, as the first member of an `OwnedFlow`.
    guard(|| unsafe { pointer::free(flow.cast::<*mut OwnedFlow>(), |_| Ok(())) })
}
