//! Which scopes does the sign-in ask for?

use crate::error::Failure;
use crate::phase::{Attempt, BindingRedirect, Occasion, Phase, Reason, SignIn, start};
use crate::scope::{ScopeSet, TooManyScopes};
use crate::shared::Shared;
use crate::trace::Decision;
use crate::wire::resource_metadata::Resource;
use crate::wire::server_metadata::ServerMetadata;

impl SignIn {
    /// Fixes the scopes, before anything is registered or asked for.
    pub(super) fn begin(
        attempt: Attempt,
        resource: Resource,
        scopes_supported: Option<ScopeSet>,
        server: ServerMetadata,
        shared: &mut Shared,
    ) -> Phase {
        match select_scopes(&attempt, scopes_supported, &server, shared) {
            Ok(scopes) => BindingRedirect::begin(
                Box::new(Self {
                    occasion: Occasion {
                        reason: attempt.reason,
                        step_up: attempt.step_up,
                        reregistered: attempt.reregistered,
                    },
                    resource,
                    scopes,
                    server,
                }),
                shared,
            ),
            Err(failure) => shared.fail(failure),
        }
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
    let wanted = config.settings.offline_access && server.lists_offline_access;
    if !wanted || scopes.is_empty() || scopes.contains("offline_access") {
        return Ok(scopes);
    }
    shared.note(Decision::OfflineAccess);
    ScopeSet::collect(scopes.iter().chain(["offline_access"])).map_err(start::too_many)
}
