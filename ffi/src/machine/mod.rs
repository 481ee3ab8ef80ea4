//! What do Python and Swift see of the machine?
//!
//! A [`Machine`] takes one event in each call and hands back what to do next in the same call. Values are flat, since in
//! Python every field costs more to carry across than the machine needs to decide: header fields are one text of
//! `name: value` lines, scopes one text with blanks between them, and answers of the store are a method each.

mod answer;
mod client;
mod config;
mod failure;
mod grant;
mod header;
mod next;
mod pending;
mod proof;
mod provided;
mod redacted;
mod request;
#[cfg(feature = "seeded")]
mod seeded;
mod settings;
mod step;
mod trace;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_oauth_core as core;
use mcp_oauth_core::{ActionId, CallbackText, Event, StoreResult, Timestamp};

use crate::entropy::Source;

pub use answer::{AssertionKind, Cause, Refusal};
pub use client::{AuthMethod, ClientDocument, GivenEndpoints, IdentityProvider, Preregistered};
pub use config::{Config, Reach};
pub use failure::{Advice, ConfigError, Failure, Fault, Misuse, NoRandomness, RecordError, Stage};
pub use grant::{
    FlowSummary, GrantSummary, IssuerSummary, describe_flow, describe_grant, flow_key_of_callback,
    flow_key_of_callback_url, generation_of, version,
};
pub use next::Next;
pub use pending::{NoRoom, PendingSignIns};
pub use proof::{DpopKey, DpopUse, dpop_proof};
pub use provided::ProvidedTokens;
pub use request::RequestHeaders;
pub use settings::{Deviations, GrantType, IssuerPair, Parameter, Settings};
pub use step::{Outcome, Step};
pub use trace::TraceEntry;

/// The client half of MCP authorization for one account at one MCP server.
///
/// Each event takes the time as milliseconds since the Unix epoch, and hands back what became of it together with what to
/// do next. May be used from any thread; calls wait for one another, never for anything else.
#[derive(uniffi::Object)]
#[uniffi::export(Debug)]
pub struct Machine(Mutex<Inner>);

struct Inner {
    machine: core::Machine,
    random: Source,
}

#[uniffi::export]
impl Machine {
    /// A machine that knows nothing yet: `next` says that the stored grant is to be read. `account` tells apart several
    /// accounts at one server; empty for the only one.
    #[uniffi::constructor]
    pub fn new(config: Arc<Config>, account: &str) -> Self {
        Self::over(core::Machine::new(config.shared(), account))
    }

    /// The machine that `snapshot` described, or the pending sign-in of a flow record.
    #[uniffi::constructor]
    pub fn resume(
        config: Arc<Config>,
        account: &str,
        snapshot: &[u8],
    ) -> Result<Self, RecordError> {
        Ok(Self::over(core::Machine::resume(
            config.shared(),
            account,
            snapshot,
        )?))
    }

    /// A token is wanted now, without waiting for a 401. At rest: refreshes, or begins a sign-in, if no usable token is
    /// held. During a flow: joins it.
    pub fn connect(&self, now_ms: u64) -> Result<Step, Misuse> {
        self.handle(Event::Connect, now_ms)
    }

    /// The MCP server answered a request with 401 or 403. `www_authenticate` holds the values of all lines of that name,
    /// as received; `generation` is that of the token that the request carried, if it carried one. At rest: refreshes,
    /// steps up or begins a sign-in. During a flow: joins it.
    pub fn challenge(
        &self,
        status: u16,
        www_authenticate: Vec<Vec<u8>>,
        generation: Option<u64>,
        now_ms: u64,
    ) -> Result<Step, Misuse> {
        let lines: Vec<&[u8]> = www_authenticate.iter().map(Vec::as_slice).collect();
        let challenge = core::Challenge {
            status,
            www_authenticate: &lines,
            generation,
        };
        self.handle(Event::Challenge(challenge), now_ms)
    }

    /// The answer to `Http`: the status, the header fields as `name: value` lines (all, or at least `location`,
    /// `retry-after` and `dpop-nonce`), and the body, decoded from any content encoding.
    pub fn reply(
        &self,
        id: u64,
        status: u16,
        headers: &[u8],
        body: &[u8],
        now_ms: u64,
    ) -> Result<Step, Misuse> {
        let headers: Vec<_> = header::fields(headers).collect();
        let response = core::HttpResponse {
            status,
            headers: &headers,
            body,
        };
        let id = ActionId::from_number(id);
        self.handle(Event::Reply { id, response }, now_ms)
    }

    /// `Http` got no answer.
    pub fn unreachable(&self, id: u64, cause: Cause, now_ms: u64) -> Result<Step, Misuse> {
        let id = ActionId::from_number(id);
        let cause = cause.into();
        self.handle(Event::Unreachable { id, cause }, now_ms)
    }

    /// The answer to `BindRedirect`: the redirect URI, exactly as it will be listened on, port included.
    pub fn redirect_bound(&self, id: u64, uri: &str, now_ms: u64) -> Result<Step, Misuse> {
        let id = ActionId::from_number(id);
        self.handle(Event::RedirectBound { id, uri }, now_ms)
    }

    /// The user's browser came back, to a listener that has checked the path: what stood after the `?`.
    pub fn callback(&self, query: &str, now_ms: u64) -> Result<Step, Misuse> {
        self.handle(Event::Callback(CallbackText::Query(query)), now_ms)
    }

    /// The user's browser came back: the whole URL.
    pub fn callback_url(&self, url: &str, now_ms: u64) -> Result<Step, Misuse> {
        self.handle(Event::Callback(CallbackText::Url(url)), now_ms)
    }

    /// The answer to `AskForClient`: a client registered with the issuer that was named.
    pub fn client_provided(
        &self,
        id: u64,
        client_id: &str,
        client_secret: Option<String>,
        auth_method: Option<AuthMethod>,
        now_ms: u64,
    ) -> Result<Step, Misuse> {
        let id = ActionId::from_number(id);
        let client = core::ProvidedClient {
            client_id: client_id.into(),
            client_secret: client_secret.map(core::Secret::new),
            auth_method: auth_method.map(Into::into),
        };
        self.handle(Event::ClientProvided { id, client }, now_ms)
    }

    /// The answer to `Sign`: the signature as RFC 7518 §3 has it, for ES256 R and S, 32 bytes each, and no DER.
    pub fn signed(&self, id: u64, signature: &[u8], now_ms: u64) -> Result<Step, Misuse> {
        let id = ActionId::from_number(id);
        self.handle(Event::Signed { id, signature }, now_ms)
    }

    /// The answer to `FetchAssertion`: the assertion, and what it is.
    pub fn assertion_provided(
        &self,
        id: u64,
        token: String,
        kind: AssertionKind,
        now_ms: u64,
    ) -> Result<Step, Misuse> {
        let id = ActionId::from_number(id);
        let assertion = core::ProvidedAssertion {
            token: core::Secret::new(token),
            kind: kind.into(),
        };
        self.handle(Event::AssertionProvided { id, assertion }, now_ms)
    }

    /// The host cannot or will not do what it was asked. Answers `BindRedirect`, `OpenUrl`, `AskForClient`, `Sign`,
    /// `FetchAssertion` and `ShowCode`.
    pub fn declined(&self, id: u64, reason: Refusal, now_ms: u64) -> Result<Step, Misuse> {
        let id = ActionId::from_number(id);
        let reason = reason.into();
        self.handle(Event::Declined { id, reason }, now_ms)
    }

    /// The answer to `Load`: the bytes of the record, as they were saved.
    pub fn loaded(&self, id: u64, record: &[u8], now_ms: u64) -> Result<Step, Misuse> {
        self.store_answered(id, StoreResult::Loaded(Some(record)), now_ms)
    }

    /// The answer to `Load`: there is no such record.
    pub fn nothing_stored(&self, id: u64, now_ms: u64) -> Result<Step, Misuse> {
        self.store_answered(id, StoreResult::Loaded(None), now_ms)
    }

    /// The answer to `Save` and `Delete`: done, durably.
    pub fn stored(&self, id: u64, now_ms: u64) -> Result<Step, Misuse> {
        self.store_answered(id, StoreResult::Done, now_ms)
    }

    /// The answer to `Save` and `Delete`: the store holds another generation than expected, and nothing was changed.
    pub fn store_conflict(&self, id: u64, now_ms: u64) -> Result<Step, Misuse> {
        self.store_answered(id, StoreResult::Conflict, now_ms)
    }

    /// The answer to `Load`, `Save` and `Delete`: the store could not be read or written.
    pub fn store_failed(&self, id: u64, now_ms: u64) -> Result<Step, Misuse> {
        self.store_answered(id, StoreResult::Failed, now_ms)
    }

    /// The host has tokens that it got elsewhere. At rest: writes and uses them. During a flow: ignored, so cancel it first.
    pub fn tokens_provided(&self, tokens: ProvidedTokens, now_ms: u64) -> Result<Step, Misuse> {
        self.handle(Event::TokensProvided(Box::new(tokens.into())), now_ms)
    }

    /// The store holds another grant than the machine knows of: another process has signed in, refreshed or signed out.
    /// `record` is that of `grant_key` as it was read just now. At rest and during `Wait`: adopts it. While a sign-in waits
    /// for its user: adopts tokens that serve it, so that the user need not finish. Otherwise ignored: the next access to the
    /// store finds out.
    pub fn store_changed(&self, record: Option<Vec<u8>>, now_ms: u64) -> Result<Step, Misuse> {
        let record = record.as_deref();
        self.handle(Event::StoreChanged { record }, now_ms)
    }

    /// `request_headers` said that a refresh is due.
    pub fn refresh(&self, now_ms: u64) -> Result<Step, Misuse> {
        self.handle(Event::Refresh, now_ms)
    }

    /// Time has passed. Does something at or after `deadline`.
    pub fn tick(&self, now_ms: u64) -> Result<Step, Misuse> {
        self.handle(Event::Tick, now_ms)
    }

    /// The person changed their mind: ends the flow under way.
    pub fn cancel(&self, now_ms: u64) -> Result<Step, Misuse> {
        self.handle(Event::Cancel, now_ms)
    }

    /// Forget the tokens, and with `forget_client` the client registrations too.
    pub fn sign_out(&self, forget_client: bool, now_ms: u64) -> Result<Step, Misuse> {
        self.handle(Event::SignOut { forget_client }, now_ms)
    }

    /// What to do now: the same until an event advances the machine.
    pub fn next(&self) -> Next {
        self.inner().machine.next().into()
    }

    /// What a request to the MCP server with this method and URL should carry: to be asked for each one, and for each
    /// repetition of it.
    pub fn request_headers(
        &self,
        method: &str,
        url: &str,
        now_ms: u64,
    ) -> Result<RequestHeaders, NoRandomness> {
        let mut inner = self.inner();
        let Inner { machine, random } = &mut *inner;
        let now = Timestamp::from_millis(now_ms);
        RequestHeaders::of(machine.request_headers(method, url, now), random)
    }

    /// Takes the value of the `DPoP-Nonce` header field of an answer of the MCP server, whatever its status: the next proofs
    /// name it (RFC 9449 §9). To be given before the `challenge` that it came with. One that is malformed is left out.
    pub fn take_nonce(&self, value: &[u8]) {
        self.inner().machine.take_nonce(value);
    }

    /// When `tick` is due, in milliseconds since the Unix epoch, if ever: while a sign-in waits for its user, when it is
    /// given up, or looked whether it is finished elsewhere; while another process refreshes, when to look again; at rest, when the tokens should be refreshed.
    pub fn deadline(&self) -> Option<u64> {
        self.inner().machine.deadline().map(Timestamp::as_millis)
    }

    /// The name of the record in which the grant is kept: what a host watches, to tell of a change with `store_changed`.
    pub fn grant_key(&self) -> String {
        self.inner().machine.grant_key().as_str().to_owned()
    }

    /// Whether the redirect URI that was bound must be listened on.
    pub fn awaits_redirect(&self) -> bool {
        self.inner().machine.awaits_redirect()
    }

    /// What the machine is doing: the stable name of its phase.
    pub fn phase(&self) -> String {
        self.inner().machine.phase().name().to_owned()
    }

    /// Everything, to resume in this or another process. Secret.
    pub fn snapshot(&self) -> Vec<u8> {
        self.inner().machine.snapshot().expose().to_vec()
    }

    /// Takes the decisions made since the last call, oldest first.
    pub fn take_trace(&self) -> Vec<TraceEntry> {
        let trace = self.inner().machine.take_trace();
        trace.into_iter().map(Into::into).collect()
    }
}

impl Machine {
    fn over(machine: core::Machine) -> Self {
        Self(Mutex::new(Inner {
            machine,
            random: Source::default(),
        }))
    }

    fn store_answered(
        &self,
        id: u64,
        result: StoreResult<'_>,
        now_ms: u64,
    ) -> Result<Step, Misuse> {
        let id = ActionId::from_number(id);
        self.handle(Event::Stored { id, result }, now_ms)
    }

    fn handle(&self, event: Event<'_>, now_ms: u64) -> Result<Step, Misuse> {
        let mut inner = self.inner();
        let Inner { machine, random } = &mut *inner;
        let mut context = core::Context {
            now: Timestamp::from_millis(now_ms),
            rng: random,
        };
        let outcome = machine.handle(event, &mut context)?;
        Ok(Step {
            outcome: outcome.into(),
            next: machine.next().into(),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("phase", &self.inner().machine.phase())
            .finish_non_exhaustive()
    }
}
