//! What can a host tell the machine?

use crate::action::ActionId;
use crate::client::ProvidedClient;
use crate::provided::ProvidedTokens;
use crate::secret::Secret;

/// Something that happened. Answers carry the id of the action that they answer; the others come from outside.
///
/// Events borrow what they carry: the machine copies only what it keeps.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The host wants a token now, without waiting for a 401 (some servers never challenge `initialize`).
    /// At rest: refreshes or begins a sign-in if no usable token is held. During a flow: joins it.
    Connect,
    /// The MCP server answered a request with 401 or 403. At rest: refreshes, steps up or begins a sign-in.
    /// During a flow: joins it.
    Challenge(Challenge<'a>),
    /// The answer to [`Task::Http`](crate::Task::Http).
    Reply {
        /// Of the action answered.
        id: ActionId,
        /// What the server sent.
        response: HttpResponse<'a>,
    },
    /// [`Task::Http`](crate::Task::Http) got no answer.
    Unreachable {
        /// Of the action answered.
        id: ActionId,
        /// Why not.
        cause: Cause,
    },
    /// The answer to [`Task::BindRedirect`](crate::Task::BindRedirect).
    RedirectBound {
        /// Of the action answered.
        id: ActionId,
        /// The redirect URI, exactly as it will be listened on, port included.
        uri: &'a str,
    },
    /// The user's browser came back: a whole URL or its query string. Acts only while
    /// [`Task::OpenUrl`](crate::Task::OpenUrl) is outstanding.
    Callback(CallbackText<'a>),
    /// The answer to [`Task::AskForClient`](crate::Task::AskForClient).
    ClientProvided {
        /// Of the action answered.
        id: ActionId,
        /// The client, for the issuer that was named.
        client: ProvidedClient,
    },
    /// The answer to [`Task::Sign`](crate::Task::Sign).
    Signed {
        /// Of the action answered.
        id: ActionId,
        /// The signature as RFC 7518 §3 has it: for ES256 R and S, 32 bytes each, and no DER.
        signature: &'a [u8],
    },
    /// The answer to [`Task::FetchAssertion`](crate::Task::FetchAssertion).
    AssertionProvided {
        /// Of the action answered.
        id: ActionId,
        /// The assertion.
        assertion: ProvidedAssertion,
    },
    /// The host cannot or will not do what it was asked: no listener, no browser, no client, no key, no assertion, no person.
    /// Answers `BindRedirect`, `OpenUrl`, `AskForClient`, `Sign`, `FetchAssertion` and `ShowCode`.
    Declined {
        /// Of the action answered.
        id: ActionId,
        /// Why not.
        reason: Refusal,
    },
    /// The answer to [`Task::Store`](crate::Task::Store).
    Stored {
        /// Of the action answered.
        id: ActionId,
        /// What the store did.
        result: StoreResult<'a>,
    },
    /// The host has tokens that it got elsewhere. At rest: writes and uses them. During a flow: ignored, so cancel it first.
    TokensProvided(Box<ProvidedTokens>),
    /// The store holds another grant than the machine knows of: another process has signed in, refreshed, or signed out. At rest
    /// and while another process's refresh is waited for: adopts it. While a sign-in waits for its user: adopts tokens that serve
    /// it, so that the user need not finish. Otherwise ignored: the next access to the store finds out.
    StoreChanged {
        /// The record of [`Machine::grant_key`](crate::Machine::grant_key) as it was read just now; `None` if there is none.
        record: Option<&'a [u8]>,
    },
    /// `request_headers` said that a refresh is due. At rest with a refresh token: refreshes, if that still is so. Otherwise:
    /// joins or ignored.
    Refresh,
    /// Time has passed: at or after [`Machine::deadline`](crate::Machine::deadline) it ends a sign-in that nobody
    /// finished or a [`Task::Wait`](crate::Task::Wait), asks whether a [`Task::ShowCode`](crate::Task::ShowCode) has led to a
    /// sign-in, or refreshes ahead of expiry. Before it: ignored.
    Tick,
    /// The person changed their mind: ends the flow under way. At rest: ignored.
    Cancel,
    /// Forget the tokens of this account at this server, and with `forget_client` the registrations too. Acts in every phase.
    SignOut {
        /// Whether the client registrations go as well, so that the next sign-in registers anew.
        forget_client: bool,
    },
}

/// A 401 or 403 of the MCP server.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// The status: 401 and 403 can mean something, all others are ignored.
    pub status: u16,
    /// The values of all `WWW-Authenticate` lines, as received; empty if there was none.
    pub www_authenticate: &'a [&'a [u8]],
    /// The generation of the token that the request carried ([`RequestHeaders::generation`](crate::RequestHeaders));
    /// `None` if it carried none.
    pub generation: Option<u64>,
}

/// An assertion that the host got from whoever issues it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvidedAssertion {
    /// The assertion itself.
    pub token: Secret,
    /// What it is.
    pub kind: AssertionKind,
}

/// What an assertion is (RFC 8693 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// An HTTP answer.
#[derive(Clone, Copy)]
pub struct HttpResponse<'a> {
    /// The status code.
    pub status: u16,
    /// Header fields as received; names in any case. Those that the machine reads are `location`, `retry-after` and `dpop-nonce`;
    /// giving more does no harm.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, decoded from any content encoding, at most the limit that the request named.
    pub body: &'a [u8],
}

impl<'a> HttpResponse<'a> {
    /// The first value of a header field, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }
}

impl std::fmt::Debug for HttpResponse<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Bodies and headers of authorization servers carry tokens.
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why a request got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

impl Cause {
    /// Whether the server may have received and acted on the request.
    pub const fn may_have_acted(self) -> bool {
        matches!(self, Self::Timeout | Self::Interrupted | Self::TooLarge)
    }

    /// A stable name, for logs and other languages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Blocked => "blocked",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::TooLarge => "too_large",
        }
    }
}

/// How the callback reached the host.
#[derive(Clone, Copy)]
pub enum CallbackText<'a> {
    /// The whole URL that the browser or the operating system handed over.
    Url(&'a str),
    /// What a listener that already checked the path received after the `?`.
    Query(&'a str),
}

impl std::fmt::Debug for CallbackText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallbackText(…)")
    }
}

/// Why a host declined an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// A person is needed and none is there (headless host).
    NeedsUser,
    /// The person said no.
    Denied,
    /// The host tried and could not.
    Unable,
}

/// What the host's store did.
#[derive(Clone, Copy)]
pub enum StoreResult<'a> {
    /// Answer to `Load`: the record's bytes as they were saved, or `None`.
    Loaded(Option<&'a [u8]>),
    /// Answer to `Save` and `Delete`: done, durably.
    Done,
    /// Answer to `Save` and `Delete`: the store holds another generation than expected; nothing was changed.
    Conflict,
    /// The store could not be read or written.
    Failed,
}

impl std::fmt::Debug for StoreResult<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Loaded(None) => "Loaded(nothing)",
            Self::Loaded(Some(_)) => "Loaded(…)",
            Self::Done => "Done",
            Self::Conflict => "Conflict",
            Self::Failed => "Failed",
        })
    }
}
