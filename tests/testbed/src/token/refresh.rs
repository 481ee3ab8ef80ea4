//! When is a refresh token worth another access token (RFC 6749 §6, RFC 9700 §4.14, RFC 9449 §5)?

use super::{Asking, Grant, Issue};
use crate::asked::resource;
use crate::behaviour::Rotation;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::refusal::Refusal;
use crate::state::{Family, scopes};
use std::time::Instant;

pub(super) const GRANT: Grant = Grant {
    name: "refresh_token",
    parameters: &["refresh_token", "resource", "scope"],
    issue: refresh,
};

fn refresh(bench: &mut Bench, asking: &Asking) -> Result<Issue, Refusal> {
    let value = asking.form.needed("refresh_token")?;
    let invalid = |rule, what: &str| Err(Refusal::breach(rule, "invalid_grant", what));
    let Some(token) = bench.state.refresh.get(value).cloned() else {
        return invalid(Rule::Token, "the refresh token was never issued");
    };
    let family = bench.state.families[token.family].clone();
    if family.client_id != asking.client.id || family.issuer != asking.issuer {
        return invalid(Rule::Token, "the refresh token belongs to somebody else");
    }
    bound(asking, &family)?;
    let grace = bench.behaviour.refresh.grace;
    let reused = token.spent.as_ref();
    if reused.is_some_and(|spent| !bench.state.in_grace(spent, grace)) {
        // One of two holders is a thief, so both lose it (RFC 9700 §4.14.2).
        bench.counts.reuse_detections += 1;
        bench.state.families[token.family].revoked = true;
        let what = "OAuth grant revoked: the refresh token was used before";
        return match family.answer_lost {
            true => Err(Refusal::declined("invalid_grant", what)),
            false => invalid(Rule::RefreshReuse, what),
        };
    }
    if family.revoked {
        return Err(Refusal::declined("invalid_grant", "the grant was revoked"));
    }
    resource(bench, bench.behaviour.refresh.resource, &asking.form)?;
    let scope = match asking.form.get("scope").map(scopes) {
        None => family.scope,
        Some(asked) if asked.iter().all(|s| family.scope.contains(s)) => asked,
        Some(_) => {
            let what = "more scope than was granted";
            return Err(Refusal::breach(Rule::Scope, "invalid_scope", what));
        }
    };
    bench.counts.refreshes += 1;
    let early = family.fresh_until.is_some_and(|end| end > Instant::now());
    bench.counts.early_refreshes += u32::from(early);
    bench.counts.grace_refreshes += u32::from(reused.is_some());
    let mut refresh_token = None;
    if bench.behaviour.refresh.rotation == Rotation::Rotate {
        refresh_token = Some(bench.state.rotate(value, token.family));
    }
    Ok(Issue {
        family: token.family,
        scope,
        refresh_token,
    })
}

/// Refresh tokens of public clients are bound to the key of their first proof; those of others to the client's
/// authentication, so that the new access token alone is bound to the key of this one (RFC 9449 §5).
fn bound(asking: &Asking, family: &Family) -> Result<(), Refusal> {
    let what = match (&family.key, &asking.key) {
        (Some(_), None) => "the tokens are bound to a key, and there is no proof",
        (Some(first), Some(key)) if first != key && asking.client.is_public() => {
            "the refresh token is bound to another key"
        }
        _ => return Ok(()),
    };
    Err(Refusal::breach(Rule::Binding, "invalid_grant", what))
}
