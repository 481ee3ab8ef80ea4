//! What became of an event, and what is to be done now?

use std::fmt;

use mcp_oauth_core as core;
use mcp_oauth_core::{StoreOp, Task, Timestamp, Verdict};

use super::{Failure, Reach};

/// What one event led to.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct Step {
    /// What became of the event.
    pub outcome: Outcome,
    /// What to do now.
    pub next: Next,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What became of an event: it advanced the machine, joined a flow, or was ignored, for the reason that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Outcome {
    /// The machine moved on.
    Advanced,
    /// A flow that serves the same need is under way: wait for it.
    Joined,
    /// Ignored: an answer to an action that was already answered or given up.
    Stale,
    /// Ignored: no sign-in waits for a callback.
    NoPendingSignIn,
    /// Ignored: the callback belongs to another sign-in, or is forged.
    OtherState,
    /// Ignored: the request carried an older token, or none. Repeat it with the current one.
    Superseded,
    /// Ignored: the answer of the MCP server is nothing that authorization could mend. Hand it to the caller.
    NotAuthorization,
    /// Ignored: it is not time yet.
    NotDue,
    /// Ignored: there is nothing to refresh or cancel.
    NothingToDo,
    /// Ignored: credentials are being written or exchanged. Finishing is quick and loses nothing.
    TooLate,
    /// Ignored: a flow is under way. Cancel it first, or wait for its end.
    FlowUnderWay,
    /// Ignored: the machine knows a newer grant than the one it is told of.
    Outdated,
}

impl From<core::Outcome> for Outcome {
    fn from(outcome: core::Outcome) -> Self {
        match outcome {
            core::Outcome::Advanced => Self::Advanced,
            core::Outcome::Joined => Self::Joined,
            core::Outcome::Ignored(why) => match why {
                core::Ignored::Stale => Self::Stale,
                core::Ignored::NoPendingSignIn => Self::NoPendingSignIn,
                core::Ignored::OtherState => Self::OtherState,
                core::Ignored::Superseded => Self::Superseded,
                core::Ignored::NotAuthorization => Self::NotAuthorization,
                core::Ignored::NotDue => Self::NotDue,
                core::Ignored::NothingToDo => Self::NothingToDo,
                core::Ignored::TooLate => Self::TooLate,
                core::Ignored::FlowUnderWay => Self::FlowUnderWay,
                core::Ignored::Outdated => Self::Outdated,
            },
        }
    }
}

/// What to do now: carry out one action and answer it with its `id`, or nothing until something happens.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
#[uniffi::export(Debug, Display)]
pub enum Next {
    /// Send one HTTP request, within its limits, and follow no redirect. Answer: `reply` or `unreachable`.
    Http {
        /// To be given back in the answer.
        id: u64,
        /// `GET`, which may be repeated, or `POST`, which must not.
        method: String,
        /// Where to; already checked against the URL policy.
        url: String,
        /// All header fields to send, each as a line `name: value`. Secret, since one may be a credential.
        headers: String,
        /// The body, if any. Secret.
        body: Option<Vec<u8>>,
        /// Bytes of body to read at most.
        max_body_bytes: u64,
        /// Milliseconds for the whole exchange, name resolution to last byte.
        timeout_ms: u64,
        /// Which addresses the name may resolve to: connect to one that this allows.
        reach: Reach,
        /// What the request is for, for logs: a stable name.
        purpose: String,
    },
    /// Make ready to receive the redirect. Answer: `redirect_bound` or `declined`.
    BindRedirect {
        /// To be given back in the answer.
        id: u64,
        /// The redirect URI that would be best; port 0 stands for any free port.
        preferred: String,
    },
    /// Open a URL in the user's own browser. Answer: `callback`, `callback_url` or `declined`.
    OpenUrl {
        /// To be given back in the answer.
        id: u64,
        /// The URL to open. Secret: it carries `state`.
        url: String,
        /// The value that the callback will carry as `state`. Secret.
        state: String,
        /// The redirect URI at which the callback will arrive.
        redirect_uri: String,
        /// The authorization server whose page the user will see.
        issuer: String,
        /// All scopes asked for, with blanks between them.
        scopes: String,
        /// Those of them that no earlier grant covered: what the user should be told before the page opens.
        new_scopes: String,
    },
    /// Read a record. Answer: `loaded`, `nothing_stored` or `store_failed`.
    Load {
        /// To be given back in the answer.
        id: u64,
        /// The name of the record: `grant/…` or `flow/…`.
        key: String,
    },
    /// Write a record, completely and durably, if the store holds the generation that is expected. Answer: `stored`,
    /// `store_conflict` or `store_failed`.
    Save {
        /// To be given back in the answer.
        id: u64,
        /// The name of the record.
        key: String,
        /// The generation that the store must hold now; none: no record.
        expected: Option<u64>,
        /// The generation of the new record.
        generation: u64,
        /// The bytes to keep. Secret.
        record: Vec<u8>,
        /// When the record is worth nothing any more, in milliseconds since the Unix epoch, if ever.
        expires_at_ms: Option<u64>,
    },
    /// Remove a record, if the store holds the generation that is expected. Answer: `stored`, `store_conflict` or
    /// `store_failed`.
    Delete {
        /// To be given back in the answer.
        id: u64,
        /// The name of the record.
        key: String,
        /// The generation that the store must hold now.
        expected: u64,
    },
    /// Ask the person or the configuration for a client. Answer: `client_provided` or `declined`.
    AskForClient {
        /// To be given back in the answer.
        id: u64,
        /// The authorization server that the client must be registered with; its credentials are sent to no other.
        issuer: String,
        /// The redirect URI that the client must have been registered with.
        redirect_uri: String,
    },
    /// Do nothing until then, since another process is refreshing the tokens. Answer: `tick`, not before; or `store_changed`,
    /// if the host learns of it earlier.
    Wait {
        /// By which a wait is told from the one before.
        id: u64,
        /// When to give the tick, in milliseconds since the Unix epoch.
        until_ms: u64,
    },
    /// At rest: no tokens are held, and nobody has asked for any.
    Idle,
    /// At rest: tokens are held.
    Authorized,
    /// At rest: the credentials were forgotten.
    SignedOut,
    /// At rest: the last flow ended without new tokens. Tokens held before may still be good: `request_headers` knows.
    Failed {
        /// Why.
        failure: Failure,
    },
}

impl From<core::Next<'_>> for Next {
    fn from(next: core::Next<'_>) -> Self {
        match next {
            core::Next::Do(action) => Self::action(action.id.get(), &action.task),
            core::Next::Rest(Verdict::Idle) => Self::Idle,
            core::Next::Rest(Verdict::Authorized) => Self::Authorized,
            core::Next::Rest(Verdict::SignedOut) => Self::SignedOut,
            core::Next::Rest(Verdict::Failed(failure)) => Self::Failed {
                failure: failure.into(),
            },
        }
    }
}

impl Next {
    fn action(id: u64, task: &Task) -> Self {
        match task {
            Task::Http(request) => Self::Http {
                id,
                method: request.method.as_str().to_owned(),
                url: request.url.as_str().to_owned(),
                headers: header_lines(&request.headers),
                body: request
                    .body
                    .as_ref()
                    .map(|body| body.expose().as_bytes().to_vec()),
                max_body_bytes: request.limits.max_body_bytes as u64,
                timeout_ms: request.limits.timeout_ms,
                reach: request.reach.into(),
                purpose: request.purpose.as_str().to_owned(),
            },
            Task::BindRedirect { preferred } => Self::BindRedirect {
                id,
                preferred: preferred.to_string(),
            },
            Task::OpenUrl(open) => Self::OpenUrl {
                id,
                url: open.url.expose().to_owned(),
                state: open.state.expose().to_owned(),
                redirect_uri: open.redirect_uri.to_string(),
                issuer: open.issuer.as_str().to_owned(),
                scopes: open.scopes.as_str().to_owned(),
                new_scopes: open.new_scopes.as_str().to_owned(),
            },
            Task::Store(StoreOp::Load { key }) => Self::Load {
                id,
                key: key.as_str().to_owned(),
            },
            Task::Store(StoreOp::Save {
                key,
                expected,
                generation,
                record,
                expires_at,
            }) => Self::Save {
                id,
                key: key.as_str().to_owned(),
                expected: *expected,
                generation: *generation,
                record: record.expose().to_vec(),
                expires_at_ms: expires_at.map(Timestamp::as_millis),
            },
            Task::Store(StoreOp::Delete { key, expected }) => Self::Delete {
                id,
                key: key.as_str().to_owned(),
                expected: *expected,
            },
            Task::AskForClient {
                issuer,
                redirect_uri,
            } => Self::AskForClient {
                id,
                issuer: issuer.as_str().to_owned(),
                redirect_uri: redirect_uri.to_string(),
            },
            Task::Wait { until } => Self::Wait {
                id,
                until_ms: until.as_millis(),
            },
        }
    }
}

fn header_lines(headers: &[core::Header]) -> String {
    let length = headers
        .iter()
        .map(|header| header.name.len() + header.value.expose().len() + 3)
        .sum();
    // Grown by hand, or a copy of a credential stays behind.
    let mut lines = String::with_capacity(length);
    for header in headers {
        lines.push_str(header.name);
        lines.push_str(": ");
        lines.push_str(header.value.expose());
        lines.push('\n');
    }
    lines
}

/// The fields of `name: value` lines, their values trimmed (RFC 9110 §5.5); a line that is none is left out.
pub(super) fn header_fields(lines: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let name = str::from_utf8(name).ok()?;
        Some((name, value.get(1..)?.trim_ascii()))
    })
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http {
                id,
                method,
                url,
                reach,
                purpose,
                ..
            } => f
                .debug_struct("Http")
                .field("id", id)
                .field("method", method)
                .field("url", url)
                .field("reach", reach)
                .field("purpose", purpose)
                .finish_non_exhaustive(),
            Self::BindRedirect { id, preferred } => f
                .debug_struct("BindRedirect")
                .field("id", id)
                .field("preferred", preferred)
                .finish(),
            Self::OpenUrl {
                id,
                redirect_uri,
                issuer,
                scopes,
                new_scopes,
                ..
            } => f
                .debug_struct("OpenUrl")
                .field("id", id)
                .field("redirect_uri", redirect_uri)
                .field("issuer", issuer)
                .field("scopes", scopes)
                .field("new_scopes", new_scopes)
                .finish_non_exhaustive(),
            Self::Load { id, key } => f
                .debug_struct("Load")
                .field("id", id)
                .field("key", key)
                .finish(),
            Self::Save {
                id,
                key,
                expected,
                generation,
                expires_at_ms,
                ..
            } => f
                .debug_struct("Save")
                .field("id", id)
                .field("key", key)
                .field("expected", expected)
                .field("generation", generation)
                .field("expires_at_ms", expires_at_ms)
                .finish_non_exhaustive(),
            Self::Delete { id, key, expected } => f
                .debug_struct("Delete")
                .field("id", id)
                .field("key", key)
                .field("expected", expected)
                .finish(),
            Self::AskForClient {
                id,
                issuer,
                redirect_uri,
            } => f
                .debug_struct("AskForClient")
                .field("id", id)
                .field("issuer", issuer)
                .field("redirect_uri", redirect_uri)
                .finish(),
            Self::Wait { id, until_ms } => f
                .debug_struct("Wait")
                .field("id", id)
                .field("until_ms", until_ms)
                .finish(),
            Self::Idle => f.write_str("Idle"),
            Self::Authorized => f.write_str("Authorized"),
            Self::SignedOut => f.write_str("SignedOut"),
            Self::Failed { failure } => f.debug_tuple("Failed").field(failure).finish(),
        }
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a request to the MCP server should carry.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
#[uniffi::export(Debug, Display)]
pub enum RequestHeaders {
    /// Send this.
    Ready {
        /// The value of the `Authorization` header, `Bearer …`. Secret.
        authorization: String,
        /// The token's generation, to be given back with a `challenge`.
        generation: u64,
    },
    /// The token has expired or soon will: `refresh`, and ask again.
    RefreshDue,
    /// Nothing: no token is held, or none for this URL. Send the request without.
    Absent,
}

impl From<core::RequestHeaders<'_>> for RequestHeaders {
    fn from(headers: core::RequestHeaders<'_>) -> Self {
        match headers {
            core::RequestHeaders::Ready(authorization) => Self::Ready {
                authorization: authorization.expose().to_owned(),
                generation: authorization.generation(),
            },
            core::RequestHeaders::RefreshDue => Self::RefreshDue,
            core::RequestHeaders::Absent => Self::Absent,
        }
    }
}

impl fmt::Debug for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { generation, .. } => f
                .debug_struct("Ready")
                .field("generation", generation)
                .finish_non_exhaustive(),
            Self::RefreshDue => f.write_str("RefreshDue"),
            Self::Absent => f.write_str("Absent"),
        }
    }
}

impl fmt::Display for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
