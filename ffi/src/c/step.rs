//! What does a host learn from a call: what became of its event, and what to do now?

use super::setting::Reach;
use super::sign::Algorithm;
use super::slice::Slice;

/// What became of an event.
#[repr(i32)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Outcome {
    /// There was no event.
    #[default]
    None = 0,
    /// The machine moved on: `kind` is news.
    Advanced = 1,
    /// A flow that serves the same need is under way: wait for it.
    Joined = 2,
    /// Nothing changed; `ignored` says why.
    Ignored = 3,
}

/// Why an event changed nothing.
#[repr(i32)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Ignored {
    /// It was not ignored.
    #[default]
    None = 0,
    /// An answer to an action that was already answered or given up.
    Stale = 1,
    /// No sign-in waits for a callback.
    NoPendingSignIn = 2,
    /// The callback belongs to another sign-in, or is forged.
    OtherState = 3,
    /// The request carried an older token, or none: repeat it with the current one.
    Superseded = 4,
    /// The answer of the MCP server is nothing that authorization could mend: hand it to the caller.
    NotAuthorization = 5,
    /// It is not time yet.
    NotDue = 6,
    /// There is nothing to refresh or cancel.
    NothingToDo = 7,
    /// Credentials are being written or exchanged: finishing is quick and loses nothing.
    TooLate = 8,
    /// A flow is under way: cancel it first, or wait for its end.
    FlowUnderWay = 9,
    /// The machine knows a newer grant than the one it is told of.
    Outdated = 10,
}

/// What to do now, or where the machine came to rest.
#[repr(i32)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// The call failed: look at its status.
    #[default]
    None = 0,
    /// Send one HTTP request, within its limits, and follow no redirect. Answer: `mcp_oauth_machine_reply` or
    /// `mcp_oauth_machine_unreachable`.
    Http = 1,
    /// Make ready to receive the redirect and tell its exact URI. Answer: `mcp_oauth_machine_redirect_bound` or
    /// `mcp_oauth_machine_declined`. Stop listening once `awaits_redirect` is 0.
    BindRedirect = 2,
    /// Open `url` in the user's own browser, never through a shell. Answer: `mcp_oauth_machine_callback` when the user
    /// comes back, or `mcp_oauth_machine_declined`.
    OpenUrl = 3,
    /// Read the record of `key`. Answer: `mcp_oauth_machine_stored`.
    Load = 4,
    /// Write `record` under `key`, if the store holds the generation `expected`. Answer: `mcp_oauth_machine_stored`, once
    /// it is durable.
    Save = 5,
    /// Remove the record of `key`, if the store holds the generation `expected`. Answer: `mcp_oauth_machine_stored`.
    Delete = 6,
    /// Ask the person or the configuration for a client registered with `issuer`. Answer:
    /// `mcp_oauth_machine_client_provided` or `mcp_oauth_machine_declined`.
    AskForClient = 7,
    /// Do nothing until `deadline_ms`, since another process is refreshing the tokens. Answer: `mcp_oauth_machine_tick`, not
    /// before then; or `mcp_oauth_machine_store_changed`, if you learn of it earlier.
    Wait = 8,
    /// Sign `input`, with a key that you keep. Answer: `mcp_oauth_machine_signed` or `mcp_oauth_machine_declined`.
    Sign = 9,
    /// Give an assertion that somebody else has issued. Answer: `mcp_oauth_machine_assertion_provided` or
    /// `mcp_oauth_machine_declined`.
    FetchAssertion = 10,
    /// Show the person `user_code` and where to enter it, on any device (RFC 8628 §3.3). Answer: `mcp_oauth_machine_tick`, not
    /// before `deadline_ms`; or `mcp_oauth_machine_declined`. The same code may be shown again: the person needs no new one.
    ShowCode = 11,
    /// At rest: no tokens are held, and nobody has asked for any. This number and all above are rests.
    Idle = 32,
    /// At rest: tokens are held.
    Authorized = 33,
    /// At rest: the credentials were forgotten.
    SignedOut = 34,
    /// At rest: the last flow ended without new tokens. Tokens held before may still be good:
    /// `mcp_oauth_machine_request_headers` knows.
    Failed = 35,
}

/// The two kinds of record.
#[repr(i32)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Slot {
    /// No record.
    #[default]
    None = 0,
    /// A half-finished sign-in, found by the `state` of its callback.
    Flow = 1,
    /// Client credentials, tokens and scopes of one account at one MCP server.
    Grant = 2,
}

/// Whose fault a failure is.
#[repr(i32)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// No failure.
    #[default]
    None = 0,
    /// The MCP server or its authorization server broke the rules, or refused.
    Server = 1,
    /// The configuration of this client does not fit the server.
    Configuration = 2,
    /// A person is needed, or said no.
    User = 3,
    /// The network, or a passing fault of a server.
    Network = 4,
    /// The host's store, randomness or clock.
    Host = 5,
}

/// What to do about a failure.
#[repr(i32)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Advice {
    /// No failure.
    #[default]
    None = 0,
    /// Try again, not before `retry_after_ms` milliseconds have passed.
    RetryAfter = 1,
    /// Begin a new sign-in; nothing else is lost.
    Restart = 2,
    /// Change the configuration: trying again as it is will fail again.
    Reconfigure = 3,
    /// Bring a person: they must sign in, or decide.
    AskUser = 4,
    /// Give up on this server: it is wrong or hostile.
    Stop = 5,
}

/// A header field. Values going out may be credentials: keep them out of logs.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Header {
    /// Field name: going out in lower case, coming in in any case.
    pub name: Slice,
    /// Field value.
    pub value: Slice,
}

/// What became of an event and what to do now. Every slice is borrowed from the machine and valid until its next event
/// function or its end. What does not apply is zero.
#[repr(C)]
pub struct Step {
    /// Of the action: goes back with its answer. 0 at rest.
    pub id: u64,
    /// When `mcp_oauth_machine_tick` is due, in milliseconds since the Unix epoch; 0 for never.
    pub deadline_ms: u64,
    /// HTTP: milliseconds for the whole exchange, name resolution to last byte.
    pub timeout_ms: u64,
    /// HTTP: bytes of body to read at most; more are `MCP_OAUTH_CAUSE_TOO_LARGE`.
    pub max_body_bytes: u64,
    /// SAVE, DELETE: the generation that the store must hold now; 0 for no record.
    pub expected: u64,
    /// SAVE: the generation of the new record, also inside `record`.
    pub generation: u64,
    /// SAVE, SHOW_CODE: when the record or the code is worth nothing any more, in milliseconds since the Unix epoch; 0 for
    /// never.
    pub expires_at_ms: u64,
    /// FAILED: how long to wait, where `advice` is to wait.
    pub retry_after_ms: u64,
    /// HTTP: all header fields to send. Add none that identify the user.
    pub headers: *const Header,
    /// HTTP: how many header fields there are.
    pub header_count: usize,
    /// What the machine is doing: a stable name.
    pub phase: Slice,
    /// HTTP: `GET` or `POST`.
    pub method: Slice,
    /// HTTP: where to. OPEN_URL: what to open; secret there, since it carries `state`.
    pub url: Slice,
    /// HTTP: what the request is for, a stable name. SIGN: what the signature is for, `client_assertion` or `dpop_proof`.
    /// FETCH_ASSERTION: whom it must speak of, `workload` for this process or `identity` for the user.
    pub purpose: Slice,
    /// HTTP: the body. Secret.
    pub body: Slice,
    /// BIND_REDIRECT: the URI that would be best, where port 0 stands for any. OPEN_URL: where the callback will arrive.
    /// ASK_FOR_CLIENT: what the client must have been registered with.
    pub redirect_uri: Slice,
    /// OPEN_URL, SHOW_CODE: whose page the user will see. ASK_FOR_CLIENT: whom the client must be registered with. SIGN: whom
    /// the key is used with. FETCH_ASSERTION: who will get the assertion, and alone may have issued one of an identity.
    pub issuer: Slice,
    /// OPEN_URL: what the callback will carry as `state`. Secret.
    pub state: Slice,
    /// OPEN_URL, SHOW_CODE: all scopes asked for, separated by spaces.
    pub scopes: Slice,
    /// OPEN_URL: those of them that no earlier grant covered.
    pub new_scopes: Slice,
    /// LOAD, SAVE, DELETE: the name of the record, printable ASCII.
    pub key: Slice,
    /// SAVE: the bytes to keep. Secret.
    pub record: Slice,
    /// SIGN: the bytes to sign, ASCII. Secret.
    pub input: Slice,
    /// SIGN: which key, by the SHA-256 thumbprint of its public half in base64url (RFC 7638).
    pub thumbprint: Slice,
    /// SIGN: the key's own name; absent if it has none.
    pub key_id: Slice,
    /// FETCH_ASSERTION: the audience that it must name; for an identity, the client that the user has signed in to.
    pub audience: Slice,
    /// SHOW_CODE: what the person enters. Nobody else may see it.
    pub user_code: Slice,
    /// SHOW_CODE: where the person enters it: https, or http on loopback.
    pub verification_uri: Slice,
    /// SHOW_CODE: the same with the code in it, to be opened by a click or shown as a QR code; absent if there is none. Show
    /// the code beside it all the same, so that the person can compare. Nobody else may see it.
    pub verification_uri_complete: Slice,
    /// FAILED: the stable name of what happened.
    pub code: Slice,
    /// FAILED: where in the flow it happened, a stable name.
    pub stage: Slice,
    /// FAILED: the clause that it rests on.
    pub clause: Slice,
    /// FAILED: all of it in words, safe to print.
    pub text: Slice,
    /// FAILED: the server's own error code, made safe to show.
    pub server_code: Slice,
    /// FAILED: the server's own words, made safe to show; untrusted.
    pub server_text: Slice,
    /// FAILED: what it is about, an issuer, a member of a document or a cause.
    pub subject: Slice,
    /// FAILED: what should have come, where two values were compared.
    pub wanted: Slice,
    /// FAILED: what came instead.
    pub received: Slice,
    /// What became of the event.
    pub outcome: Outcome,
    /// Why the event changed nothing.
    pub ignored: Ignored,
    /// What to do now, or where the machine came to rest.
    pub kind: Kind,
    /// Whether the redirect URI that was bound must be listened on: 1, or 0.
    pub awaits_redirect: u32,
    /// HTTP: which addresses the name may resolve to.
    pub reach: Reach,
    /// LOAD, SAVE, DELETE: which kind of record.
    pub slot: Slot,
    /// FAILED: whose fault it is.
    pub fault: Fault,
    /// FAILED: what to do about it.
    pub advice: Advice,
    /// FAILED: the HTTP status that the server answered with, if that matters.
    pub http_status: u32,
    /// SIGN: how to sign.
    pub algorithm: Algorithm,
    /// FETCH_ASSERTION: whether the last one was refused, so that only a newer one helps: 1, or 0.
    pub renew: u32,
    /// Always 0.
    pub reserved: u32,
}

impl Default for Step {
    fn default() -> Self {
        Self {
            id: 0,
            deadline_ms: 0,
            timeout_ms: 0,
            max_body_bytes: 0,
            expected: 0,
            generation: 0,
            expires_at_ms: 0,
            retry_after_ms: 0,
            headers: std::ptr::null(),
            header_count: 0,
            phase: Slice::ABSENT,
            method: Slice::ABSENT,
            url: Slice::ABSENT,
            purpose: Slice::ABSENT,
            body: Slice::ABSENT,
            redirect_uri: Slice::ABSENT,
            issuer: Slice::ABSENT,
            state: Slice::ABSENT,
            scopes: Slice::ABSENT,
            new_scopes: Slice::ABSENT,
            key: Slice::ABSENT,
            record: Slice::ABSENT,
            input: Slice::ABSENT,
            thumbprint: Slice::ABSENT,
            key_id: Slice::ABSENT,
            audience: Slice::ABSENT,
            user_code: Slice::ABSENT,
            verification_uri: Slice::ABSENT,
            verification_uri_complete: Slice::ABSENT,
            code: Slice::ABSENT,
            stage: Slice::ABSENT,
            clause: Slice::ABSENT,
            text: Slice::ABSENT,
            server_code: Slice::ABSENT,
            server_text: Slice::ABSENT,
            subject: Slice::ABSENT,
            wanted: Slice::ABSENT,
            received: Slice::ABSENT,
            outcome: Outcome::None,
            ignored: Ignored::None,
            kind: Kind::None,
            awaits_redirect: 0,
            reach: Reach::None,
            slot: Slot::None,
            fault: Fault::None,
            advice: Advice::None,
            http_status: 0,
            algorithm: Algorithm::None,
            renew: 0,
            reserved: 0,
        }
    }
}
