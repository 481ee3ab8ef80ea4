//! Which scopes does the sign-in ask for?

use crate::error::Failure;
use crate::error::{Code, Stage};
use crate::phase::server::Found;
use crate::phase::{Attempt, Bind, Occasion, Phase, Reason, SignIn, client, start};
use crate::scope::{ScopeSet, TooManyScopes};
use crate::settings::DpopUse;
use crate::shared::Shared;
use crate::trace::Decision;
use crate::wire::server_metadata::ServerMetadata;

impl SignIn {
    /// Fixes the scopes, before anything is registered or asked for.
    pub(super) fn begin(
        attempt: Attempt,
        found: Found,
        server: ServerMetadata,
        shared: &mut Shared,
    ) -> Phase {
        let bind = match choose_key(&found, &server, shared) {
            Ok(bind) => bind,
            Err(failure) => return shared.fail(failure),
        };
        let Found {
            resource,
            scopes_supported,
            ..
        } = found;
        match select_scopes(&attempt, scopes_supported, &server, shared) {
            Ok(scopes) => client::begin(
                Box::new(Self {
                    occasion: Occasion {
                        reason: attempt.reason,
                        step_up: attempt.step_up,
                        reregistered: attempt.reregistered,
                    },
                    resource,
                    scopes,
                    server,
                    bind,
                }),
                shared,
            ),
            Err(failure) => shared.fail(failure),
        }
    }
}

/// The key that tokens are to be bound to, if they are (RFC 9449 §5.1, RFC 9728 §2).
fn choose_key(
    found: &Found,
    server: &ServerMetadata,
    shared: &Shared,
) -> Result<Option<Bind>, Failure> {
    let config = &shared.config;
    let failure = |code| Failure::new(code, Stage::ServerDiscovery);
    let required = match config.settings.dpop {
        DpopUse::Never if found.demands_binding => return Err(failure(Code::DpopRequired)),
        DpopUse::Never => return Ok(None),
        DpopUse::WhenSupported => found.demands_binding,
        DpopUse::Always => true,
    };
    if !required && !server.proof_algorithms.listed {
        return Ok(None);
    }
    let key = config.dpop_key(&server.issuer).filter(|key| {
        let lists = [server.proof_algorithms, found.proof_algorithms];
        lists.into_iter().all(|list| list.allows(key.algorithm()))
    });
    match key {
        Some(key) => Ok(Some(Bind {
            key: key.thumbprint().clone().into(),
            required,
        })),
        None if required => Err(failure(Code::NoCommonAlgorithm)),
        None => Ok(None),
    }
}

/// The scope selection of the specification: what the challenge names, else what the resource lists, else none; for a
/// step-up, what was asked before and what is demanded now; and `offline_access` where it is wanted and listed. What the
/// resource lists beyond the bound matters only where it is what is asked for.
fn select_scopes(
    attempt: &Attempt,
    scopes_supported: Option<ScopeSet>,
    server: &ServerMetadata,
    shared: &mut Shared,
) -> Result<ScopeSet, Failure> {
    let config = shared.config.clone();
    if attempt.reason == Reason::StepUp {
        shared.note(Decision::ScopesWidened);
        return match &attempt.demanded {
            Some(demanded) => attempt.earlier.union(demanded).map_err(start::too_many),
            None => Ok(attempt.earlier.clone()),
        };
    }
    if attempt.reason == Reason::Renewal && !attempt.earlier.is_empty() {
        return Ok(attempt.earlier.clone());
    }
    if let Some(scopes) = &config.scopes {
        shared.note(Decision::ScopesConfigured);
        return Ok(scopes.clone());
    }
    let scopes = match &attempt.demanded {
        Some(demanded) => {
            shared.note(Decision::ScopesFromChallenge);
            demanded.clone()
        }
        None => {
            let listed = scopes_supported.ok_or_else(|| start::too_many(TooManyScopes))?;
            shared.note(if listed.is_empty() {
                Decision::ScopesOmitted
            } else {
                Decision::ScopesFromResource
            });
            listed
        }
    };
    // Alone it would turn a server's default scopes into none.
    let wanted = config.settings.offline_access
        && server.lists_offline_access
        && !config.settings.grant.needs_no_user();
    if !wanted || scopes.is_empty() || scopes.contains("offline_access") {
        return Ok(scopes);
    }
    shared.note(Decision::OfflineAccess);
    ScopeSet::collect(scopes.iter().chain(["offline_access"])).map_err(start::too_many)
}
