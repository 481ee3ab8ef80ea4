//! When does a client get tokens of its own (RFC 6749 §4.4)?

use super::{Asking, Grant, Issue};
use crate::asked::{resource, scope};
use crate::bench::Bench;
use crate::breach::Rule;
use crate::refusal::Refusal;

pub(super) const NAME: &str = "client_credentials";

pub(super) const GRANT: Grant = Grant {
    name: NAME,
    parameters: &["resource", "scope"],
    issue,
};

fn issue(bench: &mut Bench, asking: &Asking) -> Result<Issue, Refusal> {
    if asking.client.is_public() {
        let what = "a client that does not authenticate has no credentials";
        let rule = Rule::ClientAuthentication;
        return Err(Refusal::breach(rule, "unauthorized_client", what));
    }
    let resource = resource(bench, bench.behaviour.token.resource, &asking.form)?;
    let scope = scope(bench, &asking.client, &asking.form)?;
    let family = asking.family(&asking.client.id, resource, &scope);
    let family = bench.state.new_family(family);
    bench.counts.client_credentials += 1;
    // None as a rule (RFC 6749 §4.4.3).
    let refresh_token = bench.behaviour.client_credentials.refresh_token;
    Ok(Issue {
        family,
        scope,
        refresh_token: refresh_token.then(|| bench.state.issue_refresh(family)),
    })
}
