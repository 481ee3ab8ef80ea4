//! With what does a host answer an action, beside text and bytes?

use mcp_oauth_core as core;

/// Why a request got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Cause {
    /// The name did not resolve.
    Dns,
    /// No connection.
    Connect,
    /// The TLS handshake or the certificate failed.
    Tls,
    /// The resolved address lies outside the request's reach.
    Blocked,
    /// The time limit passed; the server may have acted.
    Timeout,
    /// The connection broke after the request went out; the server may have acted.
    Interrupted,
    /// The answer was larger than the limit; the server has acted.
    TooLarge,
}

impl From<Cause> for core::Cause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Dns => Self::Dns,
            Cause::Connect => Self::Connect,
            Cause::Tls => Self::Tls,
            Cause::Blocked => Self::Blocked,
            Cause::Timeout => Self::Timeout,
            Cause::Interrupted => Self::Interrupted,
            Cause::TooLarge => Self::TooLarge,
        }
    }
}

/// Why a host declined an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Refusal {
    /// A person is needed and none is there.
    NeedsUser,
    /// The person said no.
    Denied,
    /// The host tried and could not.
    Unable,
}

impl From<Refusal> for core::Refusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NeedsUser => Self::NeedsUser,
            Refusal::Denied => Self::Denied,
            Refusal::Unable => Self::Unable,
        }
    }
}

/// What an assertion is (RFC 8693 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum AssertionKind {
    /// A JWT of a workload's platform.
    Jwt,
    /// An OpenID Connect ID token.
    IdToken,
    /// A refresh token of the identity provider, to be taken in place of an ID token.
    RefreshToken,
    /// A SAML 2.0 assertion, in base64url.
    Saml2,
}

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
