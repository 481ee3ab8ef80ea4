//! What is the machine doing? One struct per phase, with just the data that the phase needs.

mod assertion;
mod authorize;
mod claim;
mod client;
mod contents;
mod device;
mod granting;
mod http;
mod probe;
mod prove;
mod push;
mod refresh;
mod registration;
mod resource;
mod revoke;
mod saving;
mod scopes;
mod server;
mod sign_in;
mod sign_out;
mod start;
mod store;
mod token;

use serde::{Deserialize, Serialize};

use crate::action::{ActionId, Task};
use crate::arc_str::ArcStr;
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Stage};
use crate::event::Refusal;
use crate::machine::{Ignored, Outcome};
use crate::scope::ScopeSet;
use crate::shared::Shared;
use crate::trace::Decision;
use crate::transition::PhaseKind;
use crate::uri::HttpUrl;
use crate::wire::resource_metadata::Resource;
use crate::wire::server_metadata::ServerMetadata;

pub(crate) use assertion::{ExchangingIdentity, FetchingAssertion};
pub(crate) use authorize::{Pending, Taken, TakingFlow};
pub(crate) use claim::AwaitingRefresh;
pub(crate) use contents::Kept;
pub(crate) use device::{AwaitingDevice, Polling, RequestingCode};
pub(crate) use granting::Granting;
pub(crate) use prove::{Nonces, Sender, Signing};
pub(crate) use push::PushingRequest;
pub(crate) use refresh::Refreshing;
pub(crate) use registration::{AskingClient, BindingRedirect, Registering};
pub(crate) use resource::ResourceDiscovery;
pub(crate) use revoke::Revoking;
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
    Signing(Box<Signing>),
    PushingRequest(Box<PushingRequest>),
    FetchingAssertion(Box<FetchingAssertion>),
    ExchangingIdentity(Box<ExchangingIdentity>),
    Granting(Box<Granting>),
    RequestingCode(Box<RequestingCode>),
    AwaitingDevice(Box<AwaitingDevice>),
    Polling(Box<Polling>),
    SavingFlow(Box<Pending>),
    AwaitingCallback(Box<Pending>),
    TakingFlow(Box<TakingFlow>),
    Exchanging(Box<Exchanging>),
    AwaitingRefresh(Box<AwaitingRefresh>),
    Refreshing(Box<Refreshing>),
    SavingGrant(Box<SavingGrant>),
    SigningOut(SigningOut),
    Revoking(Box<Revoking>),
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
    /// The key that the tokens are to be bound to, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bind: Option<Bind>,
}

/// The key that tokens are to be bound to (RFC 9449 §5).
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Bind {
    /// Its thumbprint.
    pub(crate) key: ArcStr,
    /// Whether tokens that are not bound are refused.
    pub(crate) required: bool,
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
            Self::Signing(_) => PhaseKind::Signing,
            Self::PushingRequest(_) => PhaseKind::PushingRequest,
            Self::FetchingAssertion(_) => PhaseKind::FetchingAssertion,
            Self::ExchangingIdentity(_) => PhaseKind::ExchangingIdentity,
            Self::Granting(_) => PhaseKind::Granting,
            Self::RequestingCode(_) => PhaseKind::RequestingCode,
            Self::AwaitingDevice(_) => PhaseKind::AwaitingDevice,
            Self::Polling(_) => PhaseKind::Polling,
            Self::SavingFlow(_) => PhaseKind::SavingFlow,
            Self::AwaitingCallback(_) => PhaseKind::AwaitingCallback,
            Self::TakingFlow(_) => PhaseKind::TakingFlow,
            Self::Exchanging(_) => PhaseKind::Exchanging,
            Self::AwaitingRefresh(_) => PhaseKind::AwaitingRefresh,
            Self::Refreshing(_) => PhaseKind::Refreshing,
            Self::SavingGrant(_) => PhaseKind::SavingGrant,
            Self::SigningOut(_) => PhaseKind::SigningOut,
            Self::Revoking(_) => PhaseKind::Revoking,
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
            Self::Signing(phase) => phase.task(),
            Self::PushingRequest(phase) => phase.task(shared),
            Self::FetchingAssertion(phase) => phase.task(shared),
            Self::ExchangingIdentity(phase) => phase.task(shared),
            Self::Granting(phase) => phase.task(shared),
            Self::RequestingCode(phase) => phase.task(shared),
            Self::AwaitingDevice(phase) => phase.task(),
            Self::Polling(phase) => phase.task(shared),
            Self::SavingFlow(pending) => pending.save(shared, id),
            Self::AwaitingCallback(pending) => pending.open(shared),
            Self::TakingFlow(phase) => phase.task(),
            Self::Exchanging(phase) => phase.task(shared),
            Self::AwaitingRefresh(phase) => phase.task(),
            Self::Refreshing(phase) => phase.task(shared),
            Self::SavingGrant(phase) => phase.task(shared),
            Self::SigningOut(phase) => phase.task(shared),
            Self::Revoking(phase) => phase.task(shared),
        })
    }

    /// The phase as one that sends a request in the client's name, if it does.
    fn sender(&self) -> Option<&dyn Sender> {
        match self {
            Self::PushingRequest(phase) => Some(&**phase),
            Self::ExchangingIdentity(phase) => Some(&**phase),
            Self::Granting(phase) => Some(&**phase),
            Self::RequestingCode(phase) => Some(&**phase),
            Self::Polling(phase) => Some(&**phase),
            Self::Exchanging(phase) => Some(&**phase),
            Self::Refreshing(phase) => Some(&**phase),
            Self::Revoking(phase) => Some(&**phase),
            _ => None,
        }
    }

    fn sender_mut(&mut self) -> Option<&mut dyn Sender> {
        match self {
            Self::PushingRequest(phase) => Some(&mut **phase),
            Self::ExchangingIdentity(phase) => Some(&mut **phase),
            Self::Granting(phase) => Some(&mut **phase),
            Self::RequestingCode(phase) => Some(&mut **phase),
            Self::Polling(phase) => Some(&mut **phase),
            Self::Exchanging(phase) => Some(&mut **phase),
            Self::Refreshing(phase) => Some(&mut **phase),
            Self::Revoking(phase) => Some(&mut **phase),
            _ => None,
        }
    }

    /// Takes an input that the transition table lets through. Whatever request comes of it is signed first, if it must be.
    pub(crate) fn handle(
        mut self,
        input: Input<'_>,
        shared: &mut Shared,
        rng: &mut dyn Entropy,
    ) -> Step {
        let step = match &input {
            Input::Answer(answer) if self.spend_proofs(answer.as_ref().ok(), shared) => {
                Step::Go(self)
            }
            _ => self.take(input, shared, rng),
        };
        match step {
            Step::Go(phase) => Step::Go(phase.prove(shared, rng)),
            stay => stay,
        }
    }

    fn take(self, input: Input<'_>, shared: &mut Shared, rng: &mut dyn Entropy) -> Step {
        match (self, input) {
            (phase, Input::SignOut { forget_client }) => {
                Step::Go(phase.sign_out(forget_client, shared))
            }
            (Self::AwaitingCallback(pending), Input::Cancel) => {
                shared.note(Decision::Cancelled);
                shared.refuse_step_up(pending.sign_in.occasion.step_up);
                Step::Go(pending.give_up(Failure::new(Code::Cancelled, Stage::Authorization)))
            }
            (Self::Signing(phase), Input::Cancel) => Step::Go(phase.cancelled(shared)),
            (Self::Revoking(_), Input::Cancel) => {
                shared.note(Decision::Cancelled);
                Step::Go(Revoking::end())
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
            (Self::Signing(phase), Input::Signed(signature)) => {
                Step::Go(phase.signed(signature, shared))
            }
            (Self::Signing(phase), Input::Declined(_)) => Step::Go(phase.declined(shared)),
            (Self::PushingRequest(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
            }
            (Self::FetchingAssertion(phase), Input::AssertionProvided(assertion)) => {
                Step::Go(phase.provided(assertion, shared))
            }
            (Self::FetchingAssertion(phase), Input::Declined(reason)) => {
                Step::Go(phase.declined(reason, shared))
            }
            (Self::ExchangingIdentity(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
            }
            (Self::Granting(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
            }
            (Self::RequestingCode(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
            }
            (Self::AwaitingDevice(phase), Input::Tick) => phase.tick(shared),
            (Self::AwaitingDevice(phase), Input::Declined(reason)) => {
                phase.sign_in.remember(reason, shared);
                Step::Go(shared.fail(declined(reason)))
            }
            (Self::Polling(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
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
            (Self::Revoking(phase), Input::Answer(answer)) => {
                Step::Go(phase.answered(answer, shared))
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
            Self::Revoking(phase) => SigningOut::begin_with(phase.left(), forget_client, shared),
            Self::Signing(phase) => phase.then.sign_out(forget_client, shared),
            Self::SavingGrant(phase) => {
                let unsaved = phase.revocations(&shared.config);
                SigningOut::begin_with(unsaved, forget_client, shared)
            }
            _ => SigningOut::begin(forget_client, shared),
        }
    }

    fn cancelled(self, shared: &mut Shared) -> Self {
        let step_up = match &self {
            Self::ResourceDiscovery(phase) => phase.attempt.step_up,
            Self::ServerDiscovery(phase) => phase.candidates.attempt.step_up,
            phase => phase.sign_in().and_then(|sign_in| sign_in.occasion.step_up),
        };
        shared.note(Decision::Cancelled);
        shared.refuse_step_up(step_up);
        shared.fail(Failure::new(Code::Cancelled, self.stage()))
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
