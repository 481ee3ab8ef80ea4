//! What can a host tell a machine?

use mcp_oauth_core as core;
use mcp_oauth_core::{
    ActionId, CallbackText, Challenge, Context, Event, HttpResponse, Misuse, Outcome,
    ProvidedClient, Secret, Timestamp,
};

use super::boundary::{guard, numbered, pointer};
use super::describe;
use super::machine::{Inner, MachineHandle};
use super::setting::AuthMethod;
use super::slice::Slice;
use super::status::Status;
use super::step::{Header, Step};

/// Why a request got no answer.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum Cause {
    /// The name did not resolve.
    Dns = 1,
    /// No connection.
    Connect = 2,
    /// The TLS handshake or the certificate failed.
    Tls = 3,
    /// The resolved address lies outside the request's reach.
    Blocked = 4,
    /// The time limit passed; the server may have acted.
    Timeout = 5,
    /// The connection broke after the request went out; the server may have acted.
    Interrupted = 6,
    /// The answer was larger than the limit; the server has acted.
    TooLarge = 7,
}

numbered!(Cause: Dns Connect Tls Blocked Timeout Interrupted TooLarge);

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

/// How a callback reached the host.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum CallbackForm {
    /// What a listener that already checked the path received after the `?`.
    Query = 1,
    /// The whole URL that the browser or the operating system handed over.
    Url = 2,
}

numbered!(CallbackForm: Query Url);

impl CallbackForm {
    pub(super) fn of(number: i32, text: &str) -> Result<CallbackText<'_>, Status> {
        Ok(match Self::read(number)? {
            Self::Query => CallbackText::Query(text),
            Self::Url => CallbackText::Url(text),
        })
    }
}

/// Why a host declined an action.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum Refusal {
    /// A person is needed and none is there (headless host).
    NeedsUser = 1,
    /// The person said no.
    Denied = 2,
    /// The host tried and could not.
    Unable = 3,
}

numbered!(Refusal: NeedsUser Denied Unable);

impl From<Refusal> for core::Refusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NeedsUser => Self::NeedsUser,
            Refusal::Denied => Self::Denied,
            Refusal::Unable => Self::Unable,
        }
    }
}

/// What the host's store did.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum StoreResult {
    /// Answer to LOAD: the record's bytes as they were saved.
    Loaded = 1,
    /// Answer to LOAD: there is no record.
    Nothing = 2,
    /// Answer to Save and DELETE: done, durably.
    Done = 3,
    /// Answer to Save and DELETE: the store holds another generation than expected; nothing was changed.
    Conflict = 4,
    /// The store could not be read or written.
    Failed = 5,
}

numbered!(StoreResult: Loaded Nothing Done Conflict Failed);

impl Inner {
    pub(super) fn give(&mut self, event: Event<'_>, now_ms: u64) -> Result<Outcome, Status> {
        Ok(self.handle(event, now_ms)?)
    }

    pub(super) fn handle(&mut self, event: Event<'_>, now_ms: u64) -> Result<Outcome, Misuse> {
        let mut context = Context {
            now: Timestamp::from_millis(now_ms),
            rng: &mut self.random,
        };
        let outcome = self.machine.handle(event, &mut context)?;
        if outcome == Outcome::Advanced {
            self.notes.take(&self.machine);
        }
        Ok(outcome)
    }
}

/// One event, from entering the machine to the step that it leads to.
pub(super) unsafe fn event(
    machine: *mut MachineHandle,
    out: *mut Step,
    give: impl FnOnce(&mut Inner) -> Result<Outcome, Status>,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, machine) = unsafe { (pointer::out(out)?, pointer::shared(machine)?) };
        let mut inner = machine.0.enter()?;
        let outcome = give(&mut inner)?;
        *out = inner.notes.step(&inner.machine);
        describe::outcome(outcome, out);
        Ok(())
    })
}

/// You want a token now, without waiting for a 401. At rest: refreshes or begins a sign-in if no usable token is held.
/// During a flow: joins it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_connect(
    machine: *mut MachineHandle,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    // SAFETY: the head of the header.
    unsafe { event(machine, out, |inner| inner.give(Event::Connect, now_ms)) }
}

/// The MCP server answered a request with 401 or 403; all other statuses are ignored. `www_authenticate` points to the
/// values of all `WWW-Authenticate` lines as received, `generation` is that of the token that the request carried, or 0 if
/// it carried none. At rest: refreshes, steps up or begins a sign-in. During a flow: joins it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_challenge(
    machine: *mut MachineHandle,
    status: u32,
    www_authenticate: *const Slice,
    count: usize,
    generation: u64,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        // SAFETY: the head of the header.
        let lines = unsafe { pointer::array(www_authenticate, count)? };
        let lines: Vec<&[u8]> = lines
            .iter()
            // SAFETY: the head of the header.
            .map(|line| unsafe { line.bytes() })
            .collect::<Result<_, _>>()?;
        let challenge = Challenge {
            status: u16::try_from(status).map_err(|_| Status::BadArgument)?,
            www_authenticate: &lines,
            generation: (generation != 0).then_some(generation),
        };
        inner.give(Event::Challenge(challenge), now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}

/// The answer to `MCP_OAUTH_KIND_HTTP`: what the server sent, whatever it is. Of the header fields, the machine reads
/// `location`, `retry-after` and `dpop-nonce`; giving more does no harm. The body is decoded from any content encoding.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_reply(
    machine: *mut MachineHandle,
    id: u64,
    status: u32,
    headers: *const Header,
    header_count: usize,
    body: Slice,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        // SAFETY: the head of the header.
        let (fields, body) = unsafe { (pointer::array(headers, header_count)?, body.bytes()?) };
        let mut headers = Vec::with_capacity(fields.len());
        for field in fields {
            // SAFETY: the head of the header.
            let (name, value) = unsafe { (field.name.bytes()?, field.value.bytes()?) };
            // The server chose the name: one that is no text is none that the machine reads, and no misuse of the host's.
            if let Ok(name) = std::str::from_utf8(name) {
                headers.push((name, value));
            }
        }
        let response = HttpResponse {
            status: u16::try_from(status).map_err(|_| Status::BadArgument)?,
            headers: &headers,
            body,
        };
        let id = ActionId::from_number(id);
        inner.give(Event::Reply { id, response }, now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}

/// The answer to `MCP_OAUTH_KIND_HTTP`: there is none, for a `mcp_oauth_cause`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_unreachable(
    machine: *mut MachineHandle,
    id: u64,
    cause: i32,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        let (id, cause) = (ActionId::from_number(id), Cause::read(cause)?.into());
        inner.give(Event::Unreachable { id, cause }, now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}

/// The answer to `MCP_OAUTH_KIND_BIND_REDIRECT`: the redirect URI, exactly as it is listened on, port included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_redirect_bound(
    machine: *mut MachineHandle,
    id: u64,
    uri: Slice,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        // Copied, since a fixed URI may come back as the very slice of the step that asked for it.
        // SAFETY: the head of the header.
        let uri = unsafe { uri.utf8()? }.to_owned();
        let id = ActionId::from_number(id);
        inner.give(Event::RedirectBound { id, uri: &uri }, now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}

/// The user's browser came back, with a whole URL or its query as the `mcp_oauth_callback_form` says. Acts only while
/// `MCP_OAUTH_KIND_OPEN_URL` is outstanding. Anybody can send anything here: the machine checks it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_callback(
    machine: *mut MachineHandle,
    form: i32,
    text: Slice,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        // SAFETY: the head of the header.
        let text = unsafe { text.utf8()? };
        inner.give(Event::Callback(CallbackForm::of(form, text)?), now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}

/// The answer to `MCP_OAUTH_KIND_ASK_FOR_CLIENT`: a client registered with the issuer that was named. `client_secret` is
/// absent (NULL) if there is none; `auth_method` is a `mcp_oauth_auth_method`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_client_provided(
    machine: *mut MachineHandle,
    id: u64,
    client_id: Slice,
    client_secret: Slice,
    auth_method: i32,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        // SAFETY: the head of the header.
        let (client_id, secret) = unsafe { (client_id.utf8()?, client_secret.optional_utf8()?) };
        let client = ProvidedClient {
            client_id: client_id.into(),
            client_secret: secret.map(Secret::new),
            auth_method: AuthMethod::read(auth_method)?.into(),
        };
        let id = ActionId::from_number(id);
        inner.give(Event::ClientProvided { id, client }, now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}

/// You cannot or will not do what you were asked, for a `mcp_oauth_refusal`. Answers `MCP_OAUTH_KIND_BIND_REDIRECT`,
/// `_OPEN_URL`, `_ASK_FOR_CLIENT`, `_SIGN`, `_FETCH_ASSERTION` and `_SHOW_CODE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_declined(
    machine: *mut MachineHandle,
    id: u64,
    refusal: i32,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        let (id, reason) = (ActionId::from_number(id), Refusal::read(refusal)?.into());
        inner.give(Event::Declined { id, reason }, now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}

/// The answer to `MCP_OAUTH_KIND_LOAD`, `_SAVE` and `_DELETE`: a `mcp_oauth_store_result`, with the record if it is
/// `MCP_OAUTH_STORE_RESULT_LOADED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_stored(
    machine: *mut MachineHandle,
    id: u64,
    result: i32,
    record: Slice,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        let result = match StoreResult::read(result)? {
            // SAFETY: the head of the header.
            StoreResult::Loaded => core::StoreResult::Loaded(Some(unsafe { record.bytes()? })),
            StoreResult::Nothing => core::StoreResult::Loaded(None),
            StoreResult::Done => core::StoreResult::Done,
            StoreResult::Conflict => core::StoreResult::Conflict,
            StoreResult::Failed => core::StoreResult::Failed,
        };
        let id = ActionId::from_number(id);
        inner.give(Event::Stored { id, result }, now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}

/// The store holds another grant than the machine knows of: another process has signed in, refreshed or signed out. `record`
/// is that of `mcp_oauth_machine_grant_key` as you read it just now, absent if there is none. At rest and during
/// `MCP_OAUTH_KIND_WAIT`: adopts it. While a sign-in waits for its user: adopts tokens that serve it, so that the user need not
/// finish. Otherwise ignored: the next access to the store finds out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_store_changed(
    machine: *mut MachineHandle,
    record: Slice,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        // SAFETY: the head of the header.
        let record = unsafe { record.optional_bytes()? };
        inner.give(Event::StoreChanged { record }, now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}

/// `mcp_oauth_machine_request_headers` said that a refresh is due. At rest with a refresh token: refreshes, if that still is
/// so. Otherwise: joins or ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_refresh(
    machine: *mut MachineHandle,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    // SAFETY: the head of the header.
    unsafe { event(machine, out, |inner| inner.give(Event::Refresh, now_ms)) }
}

/// Time has passed: at or after `deadline_ms` it ends a sign-in that nobody finished or a `MCP_OAUTH_KIND_WAIT`, asks whether a
/// `MCP_OAUTH_KIND_SHOW_CODE` has led to a sign-in, or refreshes ahead of expiry. Before it: ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_tick(
    machine: *mut MachineHandle,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    // SAFETY: the head of the header.
    unsafe { event(machine, out, |inner| inner.give(Event::Tick, now_ms)) }
}

/// The person changed their mind: ends the flow under way. At rest: ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_cancel(
    machine: *mut MachineHandle,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    // SAFETY: the head of the header.
    unsafe { event(machine, out, |inner| inner.give(Event::Cancel, now_ms)) }
}

/// Forget the tokens of this account at this server, and unless `forget_client` is 0 the registrations too, so that the
/// next sign-in registers anew. Acts in every phase.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_sign_out(
    machine: *mut MachineHandle,
    forget_client: i32,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let forget_client = forget_client != 0;
    // SAFETY: the head of the header.
    unsafe {
        event(machine, out, |inner| {
            inner.give(Event::SignOut { forget_client }, now_ms)
        })
    }
}
