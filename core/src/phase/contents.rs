//! What is in a phase, whichever it is: for snapshots, for checks of what was stored, and for the end of a flow?

use crate::error::{Code, Failure, Stage};
use crate::phase::prove::Sender as _;
use crate::phase::{AwaitingDevice, Phase, SignIn};
use crate::shared::Shared;
use crate::uri::{HttpUrl, RedirectUri};

/// What a snapshot keeps of a phase.
pub(crate) enum Kept<'a> {
    /// All of it.
    Whole,
    /// What it looks again for.
    Waiting(&'a AwaitingDevice),
    /// That nothing is held any more.
    SignedOut,
    /// That it has failed.
    Nothing(Failure),
}

impl Phase {
    /// What of the phase another process may take up: no code, assertion or proof that may have been sent (TOK-15, CCR-09,
    /// DPP-05), and no assertion at all.
    pub(crate) fn without_proofs(&self) -> Kept<'_> {
        let lost = |code| Kept::Nothing(Failure::new(code, self.stage()));
        match self {
            Self::Exchanging(_) => lost(Code::OutcomeUnknown),
            // A lost poll is repeated.
            Self::Polling(phase) => Kept::Waiting(&phase.waiting),
            Self::ExchangingIdentity(_) => lost(Code::GrantUnavailable),
            Self::Granting(phase) if phase.is_fleeting() => lost(Code::GrantUnavailable),
            // Whether this process goes on to send it nobody else can know.
            Self::Signing(phase) => phase.then.without_proofs(),
            Self::Revoking(phase) if phase.proofs().are_there() => Kept::SignedOut,
            // Signed for this process alone.
            Self::PushingRequest(phase) if phase.proofs().are_there() => {
                lost(Code::AuthorizationUnavailable)
            }
            Self::RequestingCode(phase) if phase.proofs().are_there() => {
                lost(Code::AuthorizationUnavailable)
            }
            _ => Kept::Whole,
        }
    }

    /// The part of the flow.
    pub(super) fn stage(&self) -> Stage {
        match self {
            Self::ResourceDiscovery(_) => Stage::ResourceDiscovery,
            Self::ServerDiscovery(_) => Stage::ServerDiscovery,
            Self::BindingRedirect(_) | Self::Registering(_) | Self::AskingClient(_) => {
                Stage::Registration
            }
            Self::PushingRequest(_)
            | Self::RequestingCode(_)
            | Self::AwaitingDevice(_)
            | Self::SavingFlow(_)
            | Self::AwaitingCallback(_)
            | Self::TakingFlow(_) => Stage::Authorization,
            Self::FetchingAssertion(_) | Self::Granting(_) => Stage::Grant,
            Self::ExchangingIdentity(_) => Stage::IdentityExchange,
            Self::Polling(_) | Self::Exchanging(_) => Stage::TokenExchange,
            Self::AwaitingRefresh(_) | Self::Refreshing(_) => Stage::Refresh,
            Self::Signing(phase) => phase.then.stage(),
            Self::Idle
            | Self::Authorized
            | Self::SignedOut
            | Self::Failed(_)
            | Self::Loading(_)
            | Self::SavingGrant(_)
            | Self::SigningOut(_)
            | Self::Revoking(_) => Stage::Store,
        }
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
                // Only what sends something is signed for.
                Self::Signing(phase) if phase.then.sender().is_none() => false,
                Self::ServerDiscovery(phase) => phase.is_plausible(config),
                phase => phase
                    .sign_in()
                    .is_none_or(|sign_in| sign_in.resource.covers.contains(&config.server)),
            }
    }

    pub(super) fn sign_in(&self) -> Option<&SignIn> {
        match self {
            Self::BindingRedirect(phase) => Some(&phase.sign_in),
            Self::Registering(phase) => Some(&phase.sign_in),
            Self::AskingClient(phase) => Some(&phase.sign_in),
            Self::SavingFlow(pending) | Self::AwaitingCallback(pending) => Some(&pending.sign_in),
            Self::TakingFlow(phase) => Some(&phase.pending.sign_in),
            Self::Exchanging(phase) => Some(&phase.pending.sign_in),
            Self::PushingRequest(phase) => Some(&phase.pending.sign_in),
            Self::FetchingAssertion(phase) => Some(&phase.sign_in),
            Self::ExchangingIdentity(phase) => Some(&phase.sign_in),
            Self::Granting(phase) => Some(&phase.sign_in),
            Self::RequestingCode(phase) => Some(&phase.sign_in),
            Self::AwaitingDevice(phase) => Some(&phase.sign_in),
            Self::Polling(phase) => Some(&phase.waiting.sign_in),
            Self::Signing(phase) => phase.then.sign_in(),
            _ => None,
        }
    }

    pub(crate) fn redirect_uri(&self) -> Option<&RedirectUri> {
        match self {
            Self::Signing(phase) => phase.then.redirect_uri(),
            Self::PushingRequest(phase) => Some(&phase.pending.redirect_uri),
            Self::Registering(phase) => phase.redirect_uri.as_ref(),
            Self::AskingClient(phase) => phase.redirect_uri.as_ref(),
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
            Self::SigningOut(phase) => phase.urls(),
            Self::PushingRequest(phase) => {
                let mut urls = phase.pending.sign_in.urls();
                urls.push(&phase.url);
                urls
            }
            Self::Revoking(phase) => phase.urls(),
            Self::AwaitingDevice(phase) => phase.urls(),
            Self::Polling(phase) => phase.waiting.urls(),
            Self::Signing(phase) => phase.then.urls(),
            phase => phase.sign_in().map_or_else(Vec::new, SignIn::urls),
        }
    }
}
