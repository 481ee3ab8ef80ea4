//! How does a host bring tokens or an assertion that it got elsewhere?

use mcp_oauth_core as core;
use mcp_oauth_core::{
    ActionId, Event, Misuse, ProvidedAssertion, ProvidedClient, Secret, Timestamp,
};

use super::boundary::{numbered, pointer};
use super::events::event;
use super::machine::{Inner, MachineHandle};
use super::setting::AuthMethod;
use super::slice::Slice;
use super::status::Status;
use super::step::Step;

/// Tokens that you got by yourself, with everything that they must not be parted from: you vouch for it. Its slices are read
/// during the call alone.
#[repr(C)]
pub struct ProvidedTokens {
    /// When the access token expires, in milliseconds since the Unix epoch; 0 if that is not known.
    pub expires_at_ms: u64,
    /// Who issued them.
    pub issuer: Slice,
    /// Where they are refreshed.
    pub token_endpoint: Slice,
    /// The client that they were issued to.
    pub client_id: Slice,
    /// Its secret; absent if there is none. Secret.
    pub client_secret: Slice,
    /// The access token, of type Bearer. Secret.
    pub access_token: Slice,
    /// The refresh token; absent if there is none. Secret.
    pub refresh_token: Slice,
    /// The scopes granted, separated by spaces.
    pub scope: Slice,
    /// The resource that they are for; absent: the MCP server's own URL.
    pub resource: Slice,
    /// How the client authenticates: a `mcp_oauth_auth_method`.
    pub auth_method: i32,
    /// Always 0.
    pub reserved: u32,
}

impl ProvidedTokens {
    unsafe fn read(&self) -> Result<core::ProvidedTokens, Status> {
        // SAFETY: the head of the header.
        unsafe {
            Ok(core::ProvidedTokens {
                issuer: self.issuer.utf8()?.into(),
                token_endpoint: self.token_endpoint.utf8()?.into(),
                client: ProvidedClient {
                    client_id: self.client_id.utf8()?.into(),
                    client_secret: self.client_secret.optional_utf8()?.map(Secret::new),
                    auth_method: AuthMethod::read(self.auth_method)?.into(),
                },
                access_token: Secret::new(self.access_token.utf8()?),
                refresh_token: self.refresh_token.optional_utf8()?.map(Secret::new),
                expires_at: match self.expires_at_ms {
                    0 => None,
                    at => Some(Timestamp::from_millis(at)),
                },
                scope: self.scope.utf8()?.into(),
                resource: self.resource.optional_utf8()?.map(Into::into),
            })
        }
    }
}

/// You have tokens that you got elsewhere. At rest: writes and uses them. During a flow: ignored, so cancel it first. On
/// `MCP_OAUTH_STATUS_MISUSE_TOKENS`, `member` (which may be NULL) names the member of `tokens` that cannot be used: static
/// text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_tokens_provided(
    machine: *mut MachineHandle,
    tokens: *const ProvidedTokens,
    now_ms: u64,
    member: *mut Slice,
    out: *mut Step,
) -> Status {
    let mut unnamed = Slice::ABSENT;
    let member = if member.is_null() {
        &mut unnamed
    } else {
        // SAFETY: the head of the header.
        match unsafe { pointer::out(member) } {
            Ok(member) => member,
            Err(status) => return status,
        }
    };
    let give = |inner: &mut Inner| {
        // SAFETY: the head of the header.
        let tokens = unsafe { pointer::shared(tokens)?.read()? };
        let event = Event::TokensProvided(Box::new(tokens));
        inner.handle(event, now_ms).map_err(|misuse| {
            if let Misuse::Tokens { member: name } = misuse {
                *member = Slice::text(name);
            }
            misuse.into()
        })
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}

/// What an assertion is (RFC 8693 §3).
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum AssertionKind {
    /// A JWT of a workload's platform.
    Jwt = 1,
    /// An OpenID Connect ID token.
    IdToken = 2,
    /// A refresh token of the identity provider, to be taken in place of an ID token.
    RefreshToken = 3,
    /// A SAML 2.0 assertion, in base64url.
    Saml2 = 4,
}

numbered!(AssertionKind: Jwt IdToken RefreshToken Saml2);

impl From<AssertionKind> for core::AssertionKind {
    fn from(kind: AssertionKind) -> Self {
        match kind {
            AssertionKind::Jwt => Self::Jwt,
            AssertionKind::IdToken => Self::IdToken,
            AssertionKind::RefreshToken => Self::RefreshToken,
            AssertionKind::Saml2 => Self::Saml2,
        }
    }
}

/// The answer to `MCP_OAUTH_KIND_FETCH_ASSERTION`: an assertion, fresh each time, and which `mcp_oauth_assertion_kind` it is.
/// `MCP_OAUTH_STATUS_MISUSE_ASSERTION` if it is empty, too long or not printable ASCII.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_assertion_provided(
    machine: *mut MachineHandle,
    id: u64,
    kind: i32,
    assertion: Slice,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        let kind = AssertionKind::read(kind)?.into();
        // SAFETY: the head of the header.
        let token = Secret::new(unsafe { assertion.utf8()? });
        let id = ActionId::from_number(id);
        let assertion = ProvidedAssertion { token, kind };
        inner.give(Event::AssertionProvided { id, assertion }, now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}
