//! How is the user sent away, and how do they come back?

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::action::{ActionId, OpenUrl, Task};
use crate::arc_str::ArcStr;
use crate::client::Client;
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Stage};
use crate::event::{CallbackText, StoreResult};
use crate::machine::Ignored;
use crate::phase::store::{self, NotAdopted};
use crate::phase::token;
use crate::phase::{Exchanging, Phase, PushingRequest, Reason, SignIn, SigningOut, Step};
use crate::secret::{self, Secret};
use crate::shared::{Shared, store_failed};
use crate::snapshot;
use crate::store::{StoreKey, StoreOp};
use crate::time::Timestamp;
use crate::tokens::Tokens;
use crate::trace::Decision;
use crate::uri::RedirectUri;
use crate::wire::callback::{self, Expected, Fault, Reading, Response, Voucher};
use crate::wire::text::ServerText;

/// Random bytes of a verifier (RFC 7636 §7.1).
const VERIFIER_BYTES: usize = 32;

/// Parameters of most authorization requests.
const USUAL_PARAMETERS: usize = 12;

/// Random bytes of a `state`.
const STATE_BYTES: usize = 24;

/// Everything that a callback will be held against, recorded before the user is sent away (AZR-18).
#[derive(Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) sign_in: Box<SignIn>,
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) client: Arc<Client>,
    #[serde(serialize_with = "secret::exposed")]
    pub(crate) state: Secret,
    #[serde(serialize_with = "secret::exposed")]
    pub(crate) verifier: Secret,
    /// Under which the server keeps the request, if it was handed over beforehand (RFC 9126 §2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_uri: Option<ArcStr>,
    pub(crate) expires_at: Timestamp,
}

/// Begins an authorization request: a new verifier and state for each (AZR-04).
pub(super) fn begin(
    sign_in: Box<SignIn>,
    redirect_uri: RedirectUri,
    client: Arc<Client>,
    shared: &mut Shared,
    rng: &mut dyn Entropy,
) -> Phase {
    let Some((verifier, state)) = draw(shared, rng) else {
        return shared.fail(Failure::new(Code::EntropyFault, Stage::Authorization));
    };
    token::note_parameters(shared);
    let timeout = shared.config.settings.sign_in_timeout_ms;
    let pending = Box::new(Pending {
        sign_in,
        redirect_uri,
        client,
        state,
        verifier,
        request_uri: None,
        expires_at: shared.now().after(timeout),
    });
    PushingRequest::or_save(pending, shared)
}

/// Draws verifier and state at once. A source that fails, gives nothing but one value, or repeats its last output is
/// not used (LOG-05).
fn draw(shared: &mut Shared, rng: &mut dyn Entropy) -> Option<(Secret, Secret)> {
    let mut bytes = Zeroizing::new([0_u8; VERIFIER_BYTES + STATE_BYTES]);
    rng.fill(&mut *bytes).ok()?;
    let digest = digest_of(&*bytes);
    let (verifier, state) = bytes.split_at_checked(VERIFIER_BYTES)?;
    let constant = bytes.windows(2).all(|pair| pair.first() == pair.last());
    if constant || verifier.starts_with(state) || digest == shared.memory.last_draw {
        return None;
    }
    shared.memory.last_draw = digest;
    Some((
        Secret::new(URL_SAFE_NO_PAD.encode(verifier)),
        Secret::new(URL_SAFE_NO_PAD.encode(state)),
    ))
}

fn digest_of(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .take(8)
        .fold(0, |sum: u64, byte| sum.wrapping_shl(8) | u64::from(*byte))
}

impl Pending {
    fn key(&self) -> StoreKey {
        StoreKey::flow(self.state.expose())
    }

    /// The action that writes the pending sign-in: the record is the machine as it will be once that is done.
    pub(super) fn save(&self, shared: &Shared, id: ActionId) -> Task {
        Task::Store(StoreOp::Save {
            key: self.key(),
            expected: None,
            generation: snapshot::GENERATION,
            record: snapshot::write_pending(shared, self, ActionId(id.0.saturating_add(1))),
            expires_at: Some(self.expires_at),
        })
    }

    pub(super) fn saved(self: Box<Self>, result: StoreResult<'_>, shared: &mut Shared) -> Phase {
        match result {
            StoreResult::Done => {
                shared.note(Decision::UserSent);
                Phase::AwaitingCallback(self)
            }
            _ => shared.fail(store_failed()),
        }
    }

    /// The action that sends the user away.
    pub(super) fn open(&self, shared: &Shared) -> Task {
        let sign_in = &self.sign_in;
        let granted = shared
            .tokens()
            .filter(|_| sign_in.occasion.reason == Reason::StepUp);
        let new_scopes = match granted {
            Some(tokens) => sign_in.scopes.without(&tokens.requested),
            None => sign_in.scopes.clone(),
        };
        Task::OpenUrl(OpenUrl {
            url: self.authorization_url(shared),
            state: self.state.clone(),
            redirect_uri: self.redirect_uri.text().into_arc(),
            issuer: sign_in.server.issuer.clone(),
            scopes: sign_in.scopes.clone(),
            new_scopes,
        })
    }

    /// The authorization request: its parameters in the URL, or the name under which the server keeps them
    /// (RFC 9126 §4); the endpoint's own query stays.
    fn authorization_url(&self, shared: &Shared) -> Secret {
        let server = &self.sign_in.server;
        // The code flow is begun only where there is such an endpoint.
        let page = server
            .authorization_endpoint
            .as_ref()
            .unwrap_or(&server.token_endpoint);
        match &self.request_uri {
            Some(request_uri) => {
                let pairs = [
                    ("client_id", &*self.client.id),
                    ("request_uri", request_uri),
                ];
                Secret::new(page.with_query(pairs.into_iter()))
            }
            None => self.with_parameters(shared, |pairs| {
                Secret::new(page.with_query(pairs.iter().copied()))
            }),
        }
    }

    /// The parameters of the authorization request, each once (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1).
    pub(super) fn with_parameters<T>(
        &self,
        shared: &Shared,
        take: impl FnOnce(&[(&str, &str)]) -> T,
    ) -> T {
        let settings = &shared.config.settings;
        let sign_in = &self.sign_in;
        let scopes = &sign_in.scopes;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose().as_bytes()));
        let always = [
            ("response_type", "code"),
            ("client_id", &*self.client.id),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("state", self.state.expose()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let scope = (!scopes.is_empty()).then_some(("scope", scopes.as_str()));
        let resource = (!shared.config.deviations().omit_resource)
            .then_some(("resource", &*sign_in.resource.identifier));
        let own = |name: &str| {
            settings
                .authorize_parameters
                .iter()
                .any(|(ours, _)| ours == name)
        };
        // OpenID Connect Core §11 asks for it, of OpenID requests; the host may say otherwise.
        let prompt =
            (scopes.contains("openid") && scopes.contains("offline_access") && !own("prompt"))
                .then_some(("prompt", "consent"));
        // A code that is bound to the key as well is worth nothing to a thief (RFC 9449 §10).
        let key = sign_in.bind.as_ref().map(|bind| ("dpop_jkt", &*bind.key));
        let further = settings.authorize_parameters.iter();
        let mut pairs = Vec::with_capacity(USUAL_PARAMETERS);
        pairs.extend(always);
        pairs.extend(scope);
        pairs.extend(resource);
        pairs.extend(prompt);
        pairs.extend(key);
        pairs.extend(further.map(|(name, value)| (&**name, &**value)));
        take(&pairs)
    }

    /// The user came back, perhaps.
    pub(super) fn called_back(
        self: Box<Self>,
        text: CallbackText<'_>,
        shared: &mut Shared,
    ) -> Step {
        let Some(query) = self.query_of(text) else {
            return Step::Stay(Phase::AwaitingCallback(self), Ignored::OtherState);
        };
        let config = shared.config.clone();
        let server = &self.sign_in.server;
        let extra_issuer = config.deviations().extra_iss.as_deref();
        let reading = callback::read(
            query,
            &Expected {
                state: &self.state,
                issuer: &server.published,
                extra_issuer,
                sends_iss: server.sends_iss,
            },
        );
        let response = match reading {
            Reading::NotOurs => {
                return Step::Stay(Phase::AwaitingCallback(self), Ignored::OtherState);
            }
            Reading::Ours(response) => response,
        };
        // A host that gives no tick in time must not make a sign-in live longer (AZR-19).
        if shared.now() >= self.expires_at {
            return Step::Go(self.expire());
        }
        Step::Go(match response {
            Ok(Response::Code { code, voucher }) => {
                shared.note(match voucher {
                    Voucher::Issuer => Decision::IssuerConfirmed,
                    Voucher::Configuration => Decision::ExtraIssuer,
                    Voucher::Nothing => Decision::WeakMixUpDefence,
                });
                shared.note(Decision::CodeReceived);
                self.take(Taken::Exchange { code })
            }
            Ok(Response::Error { code, text }) => {
                let failure = authorization_error(code, text);
                if failure.code() == Code::AccessDenied {
                    shared.refuse_step_up(self.sign_in.occasion.step_up);
                }
                self.give_up(failure)
            }
            Err(fault) => {
                let failure = |code| Failure::new(code, Stage::Authorization);
                let failure = match fault {
                    Fault::IssuerMismatch(received) => failure(Code::CallbackIssuerMismatch)
                        .comparing(&self.sign_in.server.published, &received),
                    Fault::IssuerMissing => failure(Code::CallbackIssuerMissing),
                    Fault::Malformed(why) => failure(Code::MalformedCallback).about(why),
                };
                self.give_up(failure)
            }
        })
    }

    /// The query of a callback, if it arrived at our redirect URI. A response in the fragment is refused with the rest
    /// of what is not ours (RSP-19).
    fn query_of<'a>(&self, text: CallbackText<'a>) -> Option<&'a str> {
        match text {
            CallbackText::Query(query) => Some(query.strip_prefix('?').unwrap_or(query)),
            CallbackText::Url(url) => self.redirect_uri.accepts_callback(url),
        }
    }

    /// Another process has written the grant: tokens that serve this sign-in end it.
    pub(super) fn changed(self: Box<Self>, record: Option<&[u8]>, shared: &mut Shared) -> Step {
        let step_up = self.sign_in.occasion.reason == Reason::StepUp;
        let serves = |tokens: &Tokens| {
            tokens.generation > shared.memory.seen
                && tokens.is_good(shared.now(), 0)
                && (!step_up || tokens.requested.contains_all(&self.sign_in.scopes))
        };
        let why = match store::news(record, shared) {
            Ok(Some(grant)) if grant.tokens().is_some_and(serves) => {
                shared.hold(grant);
                shared.note(Decision::NewerGrantAdopted);
                return Step::Go(self.take(Taken::Adopt));
            }
            Err(NotAdopted::Ignored(why)) => why,
            Ok(_) | Err(NotAdopted::Failed(_)) => Ignored::NothingToDo,
        };
        Step::Stay(Phase::AwaitingCallback(self), why)
    }

    /// Time has passed.
    pub(super) fn tick(self: Box<Self>, shared: &mut Shared) -> Step {
        if shared.now() < self.expires_at {
            return Step::Stay(Phase::AwaitingCallback(self), Ignored::NotDue);
        }
        Step::Go(self.expire())
    }

    fn expire(self: Box<Self>) -> Phase {
        self.give_up(Failure::new(Code::Expired, Stage::Authorization))
    }

    /// Ends the sign-in: the record goes first, so that nobody else takes it up.
    pub(super) fn give_up(self: Box<Self>, failure: Failure) -> Phase {
        self.take(Taken::Fail(failure))
    }

    fn take(self: Box<Self>, then: Taken) -> Phase {
        Phase::TakingFlow(Box::new(TakingFlow {
            pending: self,
            then,
        }))
    }
}

/// The failure for an error response of the issuer that was asked: in its own words, and without another try (RSP-18).
fn authorization_error(code: ServerText, text: Option<ServerText>) -> Failure {
    let kind = match code.as_str() {
        "access_denied" => Code::AccessDenied,
        "temporarily_unavailable" | "server_error" => Code::AuthorizationUnavailable,
        _ => Code::AuthorizationRejected,
    };
    Failure::new(kind, Stage::Authorization).with_server_words(Some(code), text)
}

/// Removing the pending sign-in. Whoever removes it finishes it: a callback is used once, by one process.
#[derive(Serialize, Deserialize)]
pub(crate) struct TakingFlow {
    pub(crate) pending: Box<Pending>,
    pub(crate) then: Taken,
}

/// What a sign-in is taken for.
#[derive(Serialize, Deserialize)]
pub(crate) enum Taken {
    Exchange {
        #[serde(serialize_with = "secret::exposed")]
        code: Secret,
    },
    Fail(Failure),
    /// Another process has signed in.
    Adopt,
    SignOut {
        forget_client: bool,
    },
}

impl TakingFlow {
    pub(super) fn task(&self) -> Task {
        Task::Store(StoreOp::Delete {
            key: self.pending.key(),
            expected: snapshot::GENERATION,
        })
    }

    pub(super) fn stored(self, result: StoreResult<'_>, shared: &mut Shared) -> Phase {
        let taken = matches!(result, StoreResult::Done);
        match self.then {
            Taken::Exchange { code } if taken => Exchanging::begin(self.pending, code),
            Taken::Exchange { .. } if matches!(result, StoreResult::Conflict) => {
                shared.fail(Failure::new(Code::FlowTaken, Stage::Authorization))
            }
            Taken::Exchange { .. } => shared.fail(store_failed()),
            // The sign-in is over in any case; a record that stays behind expires.
            Taken::Fail(failure) => shared.fail(failure),
            Taken::Adopt => store::at_rest(shared),
            Taken::SignOut { forget_client } => SigningOut::begin(forget_client, shared),
        }
    }
}
