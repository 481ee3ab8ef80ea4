//! What does the machine want its host to do?

use std::fmt;
use std::sync::Arc;

use crate::jose::SignRequest;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::store::StoreOp;
use crate::time::Timestamp;
use crate::uri::{HttpUrl, Issuer, Reach};

/// Names one action. Ids strictly increase, survive a resume and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(pub(crate) u64);

impl ActionId {
    /// The id as a number, for logs and other languages.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The id with this number, as an earlier [`get`](Self::get) gave it.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// The one thing that the machine waits for: carry out [`task`](Self::task), then answer with the event that it names,
/// carrying [`id`](Self::id).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// To be given back in the answer.
    pub id: ActionId,
    /// What to do.
    pub task: Task,
}

/// What a host is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Send one HTTP request, within its limits. Answer: `Reply` or `Unreachable`.
    Http(HttpRequest),
    /// Make ready to receive the redirect (start a loopback listener, say) and tell its exact URI. The listener is needed
    /// while [`Machine::awaits_redirect`](crate::Machine::awaits_redirect) holds, and not a moment longer
    /// (RFC 8252 §8.3). Answer: `RedirectBound` or `Declined`.
    BindRedirect {
        /// The redirect URI that would be best: the one last registered, or else the configured one, where port 0 stands
        /// for any free port.
        preferred: Box<str>,
    },
    /// Open a URL in the user's own browser, never through a shell and never in an embedded view (RFC 8252 §8.12).
    /// Answer: `Callback`, when the user comes back; or `Declined`.
    OpenUrl(OpenUrl),
    /// Read or write the host's store. Answer: `Stored`.
    Store(StoreOp),
    /// Do nothing until then, since another process is refreshing the tokens. Answer: `Tick`, not before `until`; or
    /// `StoreChanged`, if the host learns of it earlier.
    Wait {
        /// When to give the tick.
        until: Timestamp,
    },
    /// Ask the person or the configuration for a client registered with this issuer. Answer: `ClientProvided` or `Declined`.
    AskForClient {
        /// The authorization server that the client must be registered with; its credentials are sent to no other.
        issuer: Issuer,
        /// The redirect URI that the client must have been registered with; empty for a grant that has none.
        redirect_uri: Box<str>,
    },
    /// Sign, with a key that the host keeps. Answer: `Signed` or `Declined`.
    Sign(SignRequest),
    /// Give an assertion that somebody else has issued: what says who the workload or the user is. Answer:
    /// `AssertionProvided` or `Declined`.
    FetchAssertion(AssertionRequest),
    /// Show the person a code and where to enter it, on any device (RFC 8628 §3.3). Answer: `Tick`, not before
    /// [`until`](ShowCode::until); or `Declined`. The same code may be shown again: the person needs no new one.
    ShowCode(ShowCode),
}

/// What an assertion is wanted for: it is a secret that goes there and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionRequest {
    /// Whom it must speak of.
    pub purpose: AssertionPurpose,
    /// Who will get it: the authorization server; for an identity, the identity provider, who alone may have issued it.
    pub issuer: Issuer,
    /// The audience (`aud`) that it must name. For an identity: the client that the user has signed in to.
    pub audience: Box<str>,
    /// Whether the last one was refused, or has expired: only a newer one helps.
    pub renew: bool,
}

/// Whom an assertion speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionPurpose {
    /// The workload that this process is: a JWT of its platform, never used before (SEP-1933).
    Workload,
    /// The user, as signed in at the identity provider of their enterprise (SEP-990).
    Identity,
}

impl AssertionPurpose {
    /// A stable name, for logs and other languages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Identity => "identity",
        }
    }
}

/// What a person must be shown to sign in on another device (RFC 8628 §3.3).
#[derive(Clone, PartialEq, Eq)]
pub struct ShowCode {
    /// What they enter: visible characters.
    pub user_code: Box<str>,
    /// Where they enter it: https, or http on loopback.
    pub verification_uri: HttpUrl,
    /// The same with the code in it, to be opened by a click or shown as a QR code; the code is shown beside it all the
    /// same, so that the person can compare.
    pub verification_uri_complete: Option<HttpUrl>,
    /// The authorization server whose page it is.
    pub issuer: Issuer,
    /// All scopes asked for.
    pub scopes: ScopeSet,
    /// When the code is worth nothing any more.
    pub expires_at: Timestamp,
    /// When to give the tick, for the machine to look whether the person has finished.
    pub until: Timestamp,
}

impl fmt::Debug for ShowCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever reads the code in a log could finish the sign-in as somebody else.
        f.debug_struct("ShowCode")
            .field("verification_uri", &self.verification_uri)
            .field("issuer", &self.issuer)
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// One HTTP request, complete, with the limits that the host must keep.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET` or `POST`.
    pub method: Method,
    /// Where to; already checked against the URL policy.
    pub url: HttpUrl,
    /// All header fields to send: add none that identify the user (no cookies, no credentials of your own).
    pub headers: Vec<Header>,
    /// The body, if any: secret, since it may carry a code, verifier or client secret.
    pub body: Option<Secret>,
    /// How much and how long.
    pub limits: Limits,
    /// Which addresses the name may resolve to. Check the resolved address with
    /// [`Reach::allows_address`] and connect to that very address (MCP security best practices, SSRF).
    pub reach: Reach,
    /// What to do with a redirect.
    pub redirects: RedirectRule,
    /// What the request is for, for logs.
    pub purpose: Purpose,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &self.headers)
            .field("body", &self.body.as_ref().map(|_| "…"))
            .field("reach", &self.reach)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`: safe to repeat.
    Get,
    /// `POST`: never repeat on your own.
    Post,
}

impl Method {
    /// The method's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A header field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Field name, in lower case.
    pub name: &'static str,
    /// Field value.
    pub value: HeaderValue,
}

/// The value of a header field: visible ASCII, without CR or LF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderValue {
    /// Fixed text.
    Static(&'static str),
    /// Text of the configuration.
    Shared(Arc<str>),
    /// A credential.
    Secret(Secret),
}

impl HeaderValue {
    /// The value to send; a secret if [`is_secret`](Self::is_secret) says so.
    pub fn expose(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }

    /// Whether the value must not be shown.
    pub const fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }
}

/// What a host spends on a request at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of body to read; answer `Unreachable` with `TooLarge` when there are more.
    pub max_body_bytes: usize,
    /// Milliseconds for the whole exchange, name resolution to last byte.
    pub timeout_ms: u64,
}

/// What to do when the answer is a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectRule {
    /// Do not follow: hand the 3xx back as the `Reply`, `Location` included. The machine decides (RFC 9700 §4.12).
    HandBack,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Protected resource metadata (RFC 9728).
    ResourceMetadata,
    /// Authorization server metadata (RFC 8414, OpenID Connect Discovery).
    ServerMetadata,
    /// Dynamic client registration (RFC 7591).
    Registration,
    /// Exchange of the authorization code (RFC 6749 §4.1.3). The answer must not be cached.
    CodeExchange,
    /// Refresh of the tokens (RFC 6749 §6). The answer must not be cached.
    Refresh,
    /// Tokens without a user present: client credentials (RFC 6749 §4.4) or an assertion (RFC 7523 §2.1). The answer must
    /// not be cached.
    Grant,
    /// Exchange of the user's identity for an assertion, at the identity provider (RFC 8693). The answer must not be cached.
    TokenExchange,
    /// Beginning of a sign-in on another device (RFC 8628 §3.1).
    DeviceAuthorization,
    /// The question whether that sign-in is finished (RFC 8628 §3.4). The answer must not be cached.
    DevicePoll,
    /// Handing over the authorization request beforehand (RFC 9126).
    PushedAuthorization,
    /// Revocation of a token (RFC 7009).
    Revocation,
}

impl Purpose {
    /// A stable name, for logs and other languages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResourceMetadata => "resource_metadata",
            Self::ServerMetadata => "server_metadata",
            Self::Registration => "registration",
            Self::CodeExchange => "code_exchange",
            Self::Refresh => "refresh",
            Self::Grant => "grant",
            Self::TokenExchange => "token_exchange",
            Self::DeviceAuthorization => "device_authorization",
            Self::DevicePoll => "device_poll",
            Self::PushedAuthorization => "pushed_authorization",
            Self::Revocation => "revocation",
        }
    }
}

/// The authorization request, ready for the user's browser, and what the user is about to be asked.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenUrl {
    /// The URL to open: https (or http on loopback), only characters of RFC 3986, never starting with `-`.
    pub url: Secret,
    /// The value that the callback will carry as `state`, to route it to this machine. A secret of this sign-in.
    pub state: Secret,
    /// The redirect URI at which the callback will arrive.
    pub redirect_uri: Arc<str>,
    /// The authorization server whose page the user will see.
    pub issuer: Issuer,
    /// All scopes asked for.
    pub scopes: ScopeSet,
    /// Those of them that no earlier grant covered: what the user should be told before the page opens. Answer `Cancel`
    /// to refuse them (MCP security best practices, scope minimization).
    pub new_scopes: ScopeSet,
}

impl fmt::Debug for OpenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenUrl")
            .field("redirect_uri", &self.redirect_uri)
            .field("issuer", &self.issuer)
            .field("scopes", &self.scopes)
            .field("new_scopes", &self.new_scopes)
            .finish_non_exhaustive()
    }
}
