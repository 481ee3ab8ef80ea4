//! What is to be done now?

use mcp_oauth_core as core;
use mcp_oauth_core::{StoreOp, Task, Timestamp, Verdict};

use super::{Failure, Reach, header};

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
    /// Sign, with a key that the host keeps. Answer: `signed` or `declined`.
    Sign {
        /// To be given back in the answer.
        id: u64,
        /// What the signature is for: `client_assertion` or `dpop_proof`.
        purpose: String,
        /// How to sign: `ES256`, `RS256`, `PS256` or `EdDSA` (RFC 7518 §3.1, RFC 8037 §3.1).
        algorithm: String,
        /// Which key: the SHA-256 thumbprint of the public one, in base64url (RFC 7638).
        thumbprint: String,
        /// The key's own name, if it has one.
        key_id: Option<String>,
        /// The authorization server that the key is used with.
        issuer: String,
        /// What to sign: the ASCII bytes of it. Secret.
        input: String,
    },
    /// Give an assertion that somebody else has issued. Answer: `assertion_provided` or `declined`.
    FetchAssertion {
        /// To be given back in the answer.
        id: u64,
        /// Whom it must speak of: `workload`, for this process, or `identity`, for the user.
        purpose: String,
        /// Who will get it: the authorization server; for an identity, the identity provider, who alone may have issued it.
        issuer: String,
        /// The audience that it must name; for an identity, the client that the user has signed in to.
        audience: String,
        /// Whether the last one was refused: only a newer one helps.
        renew: bool,
    },
    /// Show the person a code and where to enter it, on any device (RFC 8628 §3.3). Answer: `tick`, not before `until_ms`; or
    /// `declined`. The same code may be shown again: the person needs no new one.
    ShowCode {
        /// To be given back when declined.
        id: u64,
        /// What they enter. Nobody else may see it.
        user_code: String,
        /// Where they enter it: https, or http on loopback.
        verification_uri: String,
        /// The same with the code in it, if there is one, to be opened by a click or shown as a QR code; the code is shown
        /// beside it all the same, so that the person can compare. Nobody else may see it.
        verification_uri_complete: Option<String>,
        /// The authorization server whose page it is.
        issuer: String,
        /// All scopes asked for, with blanks between them.
        scopes: String,
        /// When the code is worth nothing any more, in milliseconds since the Unix epoch.
        expires_at_ms: u64,
        /// When to give the tick, in milliseconds since the Unix epoch.
        until_ms: u64,
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
                headers: header::lines(&request.headers),
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
            Task::Sign(request) => Self::Sign {
                id,
                purpose: request.purpose.as_str().to_owned(),
                algorithm: request.algorithm.as_str().to_owned(),
                thumbprint: request.thumbprint.to_string(),
                key_id: request.key_id.as_deref().map(str::to_owned),
                issuer: request.issuer.as_str().to_owned(),
                input: request.input.expose().to_owned(),
            },
            Task::FetchAssertion(request) => Self::FetchAssertion {
                id,
                purpose: request.purpose.as_str().to_owned(),
                issuer: request.issuer.as_str().to_owned(),
                audience: request.audience.to_string(),
                renew: request.renew,
            },
            Task::ShowCode(code) => Self::ShowCode {
                id,
                user_code: code.user_code.to_string(),
                verification_uri: code.verification_uri.as_str().to_owned(),
                verification_uri_complete: code
                    .verification_uri_complete
                    .as_ref()
                    .map(|url| url.as_str().to_owned()),
                issuer: code.issuer.as_str().to_owned(),
                scopes: code.scopes.as_str().to_owned(),
                expires_at_ms: code.expires_at.as_millis(),
                until_ms: code.until.as_millis(),
            },
            Task::Wait { until } => Self::Wait {
                id,
                until_ms: until.as_millis(),
            },
        }
    }
}
