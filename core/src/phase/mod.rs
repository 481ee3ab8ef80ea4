//! What is the machine doing? One struct per phase, with just the data that the phase needs.

mod authorize;
mod http;
mod probe;
mod refresh;
mod registration;
mod resource;
mod saving;
mod scopes;
mod server;
mod sign_out;
mod start;
mod store;
mod token;

use serde::{Deserialize, Serialize};

use crate::action::{ActionId, Task};
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Stage};
use crate::event::Refusal;
use crate::machine::{Ignored, Outcome};
use crate::scope::ScopeSet;
use crate::shared::Shared;
use crate::trace::Decision;
use crate::transition::PhaseKind;
use crate::uri::{HttpUrl, RedirectUri};
use crate::wire::resource_metadata::Resource;
use crate::wire::server_metadata::ServerMetadata;

pub(crate) use authorize::{Pending, Taken, TakingFlow};
pub(crate) use refresh::{AwaitingRefresh, Refreshing};
pub(crate) use registration::{AskingClient, BindingRedirect, Registering};
pub(crate) use resource::ResourceDiscovery;
pub(crate) use saving::SavingGrant;
pub(crate) use server::ServerDiscovery;
pub(crate) use sign_out::SigningOut;
pub(crate) use start::{Hint, Need, Trigger, refresh_deadline};
pub(crate) use store::Loading;
pub(crate) use token::Exchanging;

use crate::input::Input;

/// The phase, with its data.
#[derive(Serialize, Deserialize)]
pub(crate) enum Phase {
    Idle,
    Authorized,
    SignedOut,
    Failed(Failure),
    Loading(Box<Loading>),
    ResourceDiscovery(Box<ResourceDiscovery>),
    ServerDiscovery(Box<ServerDiscovery>),
    BindingRedirect(BindingRedirect),
    Registering(Box<Registering>),
    AskingClient(Box<AskingClient>),
    SavingFlow(Box<Pending>),
    AwaitingCallback(Box<Pending>),
    TakingFlow(Box<TakingFlow>),
    Exchanging(Box<Exchanging>),
    AwaitingRefresh(Box<AwaitingRefresh>),
    Refreshing(Box<Refreshing>),
    SavingGrant(Box<SavingGrant>),
    SigningOut(SigningOut),
}

/// What a phase makes of an event.
pub(crate) enum Step {
    /// On to this phase (or into the same one again, with another action).
    Go(Phase),
    /// Nothing: the phase as it was.
    Stay(Phase, Ignored),
}

/// Why a flow runs, and what it has used up.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) reason: Reason,
    /// The scopes that the challenge names.
    pub(crate) demanded: Option<ScopeSet>,
    /// The metadata URL that the challenge names, if it may be asked.
    pub(crate) metadata_url: Option<HttpUrl>,
    /// For a step-up: what was asked for before.
    pub(crate) earlier: ScopeSet,
    /// For a step-up: what it is remembered by.
    pub(crate) step_up: Option<u64>,
    /// Whether a client that the server had forgotten was already registered anew.
    pub(crate) reregistered: bool,
    /// How often it was looked whether another process has refreshed, since the last claim ran out.
    #[serde(default)]
    pub(crate) looks: u8,
    /// How many claims have run out while they were waited for.
    #[serde(default)]
    pub(crate) outwaited: u8,
}

/// What made a flow begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reason {
    /// The host asked, or the server did and no usable token was held.
    #[default]
    NoToken,
    /// The tokens are about to expire.
    Renewal,
    /// The server refused a token that should have been good.
    TokenRefused,
    /// The server demands more scopes.
    StepUp,
    /// The authorization server refused the refresh token.
    RefreshRejected,
}

/// What still matters of an [`Attempt`] once its server and scopes are known.
#[derive(Serialize, Deserialize)]
pub(crate) struct Occasion {
    pub(crate) reason: Reason,
    pub(crate) step_up: Option<u64>,
    pub(crate) reregistered: bool,
}

/// A sign-in whose authorization server is known.
#[derive(Serialize, Deserialize)]
pub(crate) struct SignIn {
    /// Records hold it under the name of the whole attempt.
    #[serde(rename = "attempt")]
    pub(crate) occasion: Occasion,
    pub(crate) resource: Resource,
    /// The final set: what is registered and what is asked for.
    pub(crate) scopes: ScopeSet,
    pub(crate) server: ServerMetadata,
}

impl Attempt {
    /// A flow that nobody waits for: the tokens are about to expire.
    pub(crate) fn renewal() -> Self {
        Self {
            reason: Reason::Renewal,
            ..Self::default()
        }
    }
}

impl Phase {
    pub(crate) const fn kind(&self) -> PhaseKind {
        match self {
            Self::Idle => PhaseKind::Idle,
            Self::Authorized => PhaseKind::Authorized,
            Self::SignedOut => PhaseKind::SignedOut,
            Self::Failed(_) => PhaseKind::Failed,
            Self::Loading(_) => PhaseKind::Loading,
            Self::ResourceDiscovery(_) => PhaseKind::ResourceDiscovery,
            Self::ServerDiscovery(_) => PhaseKind::ServerDiscovery,
            Self::BindingRedirect(_) => PhaseKind::BindingRedirect,
            Self::Registering(_) => PhaseKind::Registering,
            Self::AskingClient(_) => PhaseKind::AskingClient,
            Self::SavingFlow(_) => PhaseKind::SavingFlow,
            Self::AwaitingCallback(_) => PhaseKind::AwaitingCallback,
            Self::TakingFlow(_) => PhaseKind::TakingFlow,
            Self::Exchanging(_) => PhaseKind::Exchanging,
            Self::AwaitingRefresh(_) => PhaseKind::AwaitingRefresh,
            Self::Refreshing(_) => PhaseKind::Refreshing,
            Self::SavingGrant(_) => PhaseKind::SavingGrant,
            Self::SigningOut(_) => PhaseKind::SigningOut,
        }
    }

    /// What the host must do in this phase: a pure function of the phase's data, so that a resumed machine asks for the
    /// same. `id` is the action's own.
    pub(crate) fn task(&self, shared: &Shared, id: ActionId) -> Option<Task> {
        Some(match self {
            Self::Idle | Self::Authorized | Self::SignedOut | Self::Failed(_) => return None,
            Self::Loading(_) => store::load(shared),
            Self::ResourceDiscovery(phase) => phase.task(shared),
            Self::ServerDiscovery(phase) => phase.task(shared),
            Self::BindingRedirect(phase) => phase.task(shared),
            Self::Registering(phase) => phase.task(shared),
            Self::AskingClient(phase) => phase.task(),
            Self::SavingFlow(pending) => pending.save(shared, id),
            Self::AwaitingCallback(pending) => pending.open(shared),
            Self::TakingFlow(phase) => phase.task(),
            Self::Exchanging(phase) => phase.task(shared),
            Self::AwaitingRefresh(phase) => phase.task(),
            Self::Refreshing(phase) => phase.task(shared),
            Self::SavingGrant(phase) => phase.task(shared),
            Self::SigningOut(phase) => phase.task(shared),
        })
    }

    /// Takes an input that the transition table lets through.
    pub(crate) fn handle(
        self,
        input: Input<'_>,
        shared: &mut Shared,
        rng: &mut dyn Entropy,
    ) -> Step {
        match (self, input) {
            (phase, Input::SignOut { forget_client }) => {
                Step::Go(phase.sign_out(forget_client, shared))
            }
            (Self::AwaitingCallback(pending), Input::Cancel) => {
                shared.note(Decision::Cancelled);
                shared.refuse_step_up(pending.sign_in.occasion.step_up);
                Step::Go(pending.give_up(Failure::new(Code::Cancelled, Stage::Authorization)))
            }
            (phase, Input::Cancel) => Step::Go(phase.cancelled(shared)),

            (
                phase @ (Self::Idle | Self::Authorized | Self::SignedOut | Self::Failed(_)),
                Input::Trigger(trigger),
            ) => start::from_rest(phase, trigger, shared),
            (phase @ Self::Authorized, Input::Tick) => start::tick(phase, shared),

            (
                phase @ (Self::Idle | Self::Authorized | Self::SignedOut | Self::Failed(_)),
                Input::StoreChanged(record),
            ) => start::changed(phase, record, shared),
            (
                Self::Idle | Self::Authorized | Self::SignedOut | Self::Failed(_),
                Input::Provided(change),
            ) => Step::Go(start::provided(change, shared)),

            (Self::Loading(phase), Input::Stored(result)) => {
                Step::Go(phase.stored(result, shared, rng))
            }
            (Self::AwaitingRefresh(phase), Input::Tick) => phase.tick(shared),
            (Self::AwaitingRefresh(phase), Input::StoreChanged(record)) => {
                phase.changed(record, shared, rng)
            }
            (Self::ResourceDiscovery(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
            }
            (Self::ServerDiscovery(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
            }
            (Self::BindingRedirect(phase), Input::RedirectBound(uri)) => {
                Step::Go(phase.bound(uri, shared, rng))
            }
            (Self::BindingRedirect(phase), Input::Declined(reason)) => {
                phase.sign_in.remember(reason, shared);
                Step::Go(shared.fail(declined(reason)))
            }
            (Self::Registering(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
            }
            (Self::AskingClient(phase), Input::ClientProvided(client)) => {
                Step::Go(phase.provided(client, shared))
            }
            (Self::AskingClient(_), Input::Declined(reason)) => {
                Step::Go(shared.fail(registration::no_client(reason)))
            }
            (Self::SavingFlow(pending), Input::Stored(result)) => {
                Step::Go(pending.saved(result, shared))
            }
            (Self::AwaitingCallback(pending), Input::Callback(text)) => {
                pending.called_back(text, shared)
            }
            (Self::AwaitingCallback(pending), Input::Declined(reason)) => {
                pending.sign_in.remember(reason, shared);
                Step::Go(pending.give_up(declined(reason)))
            }
            (Self::AwaitingCallback(pending), Input::StoreChanged(record)) => {
                pending.changed(record, shared)
            }
            (Self::AwaitingCallback(pending), Input::Tick) => pending.tick(shared),
            (Self::TakingFlow(phase), Input::Stored(result)) => {
                Step::Go(phase.stored(result, shared))
            }
            (Self::Exchanging(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
            }
            (Self::Refreshing(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
            }
            (Self::SavingGrant(phase), Input::Stored(result)) => {
                Step::Go(phase.stored(result, shared, rng))
            }
            (Self::SigningOut(phase), Input::Stored(result)) => {
                Step::Go(phase.stored(result, shared))
            }
            // The table lets nothing else through.
            (phase, _) => Step::Stay(phase, Ignored::NothingToDo),
        }
    }

    fn sign_out(self, forget_client: bool, shared: &mut Shared) -> Self {
        match self {
            Self::AwaitingCallback(pending) => Self::TakingFlow(Box::new(TakingFlow {
                pending,
                then: Taken::SignOut { forget_client },
            })),
            _ => SigningOut::begin(forget_client, shared),
        }
    }

    fn cancelled(self, shared: &mut Shared) -> Self {
        let (stage, step_up) = match &self {
            Self::ResourceDiscovery(phase) => (Stage::ResourceDiscovery, phase.attempt.step_up),
            Self::ServerDiscovery(phase) => {
                (Stage::ServerDiscovery, phase.candidates.attempt.step_up)
            }
            Self::BindingRedirect(phase) => (Stage::Registration, phase.sign_in.occasion.step_up),
            Self::Registering(phase) => (Stage::Registration, phase.sign_in.occasion.step_up),
            Self::AskingClient(phase) => (Stage::Registration, phase.sign_in.occasion.step_up),
            Self::SavingFlow(pending) => (Stage::Authorization, pending.sign_in.occasion.step_up),
            Self::TakingFlow(phase) => {
                (Stage::Authorization, phase.pending.sign_in.occasion.step_up)
            }
            Self::Exchanging(phase) => {
                (Stage::TokenExchange, phase.pending.sign_in.occasion.step_up)
            }
            Self::AwaitingRefresh(_) => (Stage::Refresh, None),
            _ => (Stage::Store, None),
        };
        shared.note(Decision::Cancelled);
        shared.refuse_step_up(step_up);
        shared.fail(Failure::new(Code::Cancelled, stage))
    }

    /// Whether the values could have come from here, whoever stored them (LOG-07).
    pub(crate) fn is_plausible(&self, shared: &Shared) -> bool {
        let config = &shared.config;
        let reachable = |url: &HttpUrl| url.may_be_reached(config.reach);
        let redirect = self.redirect_uri();
        self.urls().into_iter().all(reachable)
            && redirect.is_none_or(|uri| config.allows_redirect(uri))
            && match self {
                Self::Authorized | Self::SignedOut => shared.grant.is_some(),
                Self::SavingGrant(phase) => phase.is_plausible(config),
                Self::ServerDiscovery(phase) => phase.is_plausible(config),
                phase => phase
                    .sign_in()
                    .is_none_or(|sign_in| sign_in.resource.covers.contains(&config.server)),
            }
    }

    fn sign_in(&self) -> Option<&SignIn> {
        match self {
            Self::BindingRedirect(phase) => Some(&phase.sign_in),
            Self::Registering(phase) => Some(&phase.sign_in),
            Self::AskingClient(phase) => Some(&phase.sign_in),
            Self::SavingFlow(pending) | Self::AwaitingCallback(pending) => Some(&pending.sign_in),
            Self::TakingFlow(phase) => Some(&phase.pending.sign_in),
            _ => None,
        }
    }

    fn redirect_uri(&self) -> Option<&RedirectUri> {
        match self {
            Self::Registering(phase) => Some(&phase.redirect_uri),
            Self::AskingClient(phase) => Some(&phase.redirect_uri),
            Self::SavingFlow(pending) | Self::AwaitingCallback(pending) => {
                Some(&pending.redirect_uri)
            }
            Self::TakingFlow(phase) => Some(&phase.pending.redirect_uri),
            Self::SavingGrant(phase) => phase.redirect_uri(),
            _ => None,
        }
    }

    /// Every URL that something may still be sent to.
    fn urls(&self) -> Vec<&HttpUrl> {
        match self {
            Self::ResourceDiscovery(phase) => vec![&phase.url],
            Self::ServerDiscovery(phase) => vec![&phase.url, phase.issuer.url()],
            Self::SavingGrant(phase) => phase.urls(),
            phase => phase.sign_in().map_or_else(Vec::new, SignIn::urls),
        }
    }
}

impl SignIn {
    /// Only a person's no is an answer to what was asked; a host that cannot ask may be able to later.
    fn remember(&self, reason: Refusal, shared: &mut Shared) {
        if reason == Refusal::Denied {
            shared.refuse_step_up(self.occasion.step_up);
        }
    }

    pub(crate) fn urls(&self) -> Vec<&HttpUrl> {
        let server = &self.server;
        [
            server.issuer.url(),
            &server.authorization_endpoint,
            &server.token_endpoint,
        ]
        .into_iter()
        .chain(&server.registration_endpoint)
        .collect()
    }
}

/// The failure for a host that declined to send the user anywhere.
fn declined(reason: Refusal) -> Failure {
    let code = match reason {
        Refusal::NeedsUser => Code::NeedsUser,
        Refusal::Denied => Code::Cancelled,
        Refusal::Unable => Code::Declined,
    };
    Failure::new(code, Stage::Authorization)
}

impl From<Phase> for Step {
    fn from(phase: Phase) -> Self {
        Self::Go(phase)
    }
}

impl Step {
    /// The phase, and what to tell the host.
    pub(crate) fn into_parts(self) -> (Phase, Outcome) {
        match self {
            Self::Go(phase) => (phase, Outcome::Advanced),
            Self::Stay(phase, why) => (phase, Outcome::Ignored(why)),
        }
    }
}
