//! When is an assertion worth a token (RFC 7523 §2.1)?

use super::{Asking, Grant, Issue};
use crate::asked::{resource, scope};
use crate::behaviour::Audience;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::client_auth::authenticate;
use crate::clients::Client;
use crate::fallback::Refused;
use crate::http::Request;
use crate::identity_provider::ID_JAG;
use crate::jws::Jws;
use crate::mint::{WORKLOAD, WORKLOAD_ISSUER, believed};
use crate::pairs::Pairs;
use crate::refusal::Refusal;
use crate::state::scopes;
use serde_json::Value;

/// The name of this grant.
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(super) const GRANT: Grant = Grant {
    name: JWT_BEARER,
    parameters: &["assertion", "resource", "scope"],
    issue,
};

/// The client of such a request. A workload need not be one: its assertion says who it is (RFC 7521 §4.1).
pub(super) fn client(
    bench: &mut Bench,
    issuer: usize,
    request: &Request,
    form: &Pairs,
) -> Result<Client, Refusal> {
    let shown = ["client_id", "client_secret", "client_assertion"];
    let anonymous = request.header("authorization").is_none()
        && !shown.iter().any(|name| form.get(name).is_some());
    if !anonymous || is_identity(form.get("assertion").unwrap_or_default()) {
        return authenticate(bench, issuer, request, form);
    }
    Ok(Client {
        id: WORKLOAD.to_owned(),
        secret: None,
        secret_expires_at: 0,
        method: None,
        keys: Vec::new(),
        redirect_uris: Vec::new(),
        scope: None,
        grants: Some(vec![JWT_BEARER.to_owned()]),
    })
}

/// Whether an assertion says that an identity provider issued it for this purpose.
fn is_identity(assertion: &str) -> bool {
    Jws::read(assertion).is_ok_and(|jws| jws.parameter("typ") == Some(ID_JAG))
}

fn issue(bench: &mut Bench, asking: &Asking) -> Result<Issue, Refusal> {
    let assertion = asking.form.needed("assertion")?;
    let identity = is_identity(assertion);
    let issued = match identity {
        true => by_identity(bench, asking, assertion),
        false => by_workload(bench, asking, assertion),
    };
    if issued.is_err() {
        bench.state.refused = Some(match identity {
            true => Refused::Identity,
            false => Refused::Workload,
        });
    }
    issued
}

/// Each assertion counts once (RFC 7523 §3, 7).
fn take(bench: &mut Bench, jws: &Jws) -> Result<(), Refusal> {
    let id = jws.claim("jti").unwrap_or_default();
    if bench.state.is_fresh(&format!("assertion {id}")) {
        return Ok(());
    }
    let what = "the assertion was used before";
    Err(Refusal::breach(Rule::AssertionReuse, "invalid_grant", what))
}

/// A workload's own JWT. The client hands it on as it is, so that nothing in it is the client's fault.
fn by_workload(bench: &mut Bench, asking: &Asking, assertion: &str) -> Result<Issue, Refusal> {
    let declined = |what: String| Err(Refusal::declined("invalid_grant", what));
    if !bench.behaviour.workload.offered {
        return declined("there are no workloads here".into());
    }
    let jws = match believed(assertion, &bench.workload_issuer, WORKLOAD_ISSUER) {
        Ok(jws) => jws,
        Err(what) => return declined(format!("the assertion is no good: {what}")),
    };
    take(bench, &jws)?;
    let audience = match bench.behaviour.workload.audience {
        Audience::TokenEndpoint => bench.endpoint_with_query(asking.issuer, "token"),
        Audience::Issuer => bench.published_issuer(asking.issuer),
    };
    if jws.claims.get("aud") != Some(&Value::from(audience.as_str())) {
        return declined(format!("the assertion is no good: aud is not {audience}"));
    }
    let resource = resource(bench, bench.behaviour.token.resource, &asking.form)?;
    let scope = scope(bench, &asking.client, &asking.form)?;
    let subject = jws.claim("sub").unwrap_or_default();
    let family = asking.family(subject, resource, &scope);
    let family = bench.state.new_family(family);
    bench.counts.workload_grants += 1;
    Ok(Issue {
        family,
        scope,
        refresh_token: None,
    })
}

/// An assertion that the client got from the identity provider for this very request.
fn by_identity(bench: &mut Bench, asking: &Asking, assertion: &str) -> Result<Issue, Refusal> {
    let wrong = |what: &str| {
        let what = format!("the assertion is no good: {what}");
        Err(Refusal::breach(Rule::Assertion, "invalid_grant", what))
    };
    if !bench.behaviour.enterprise.offered {
        let what = "there is no identity provider here";
        return Err(Refusal::declined("invalid_grant", what));
    }
    let name = bench.addresses.identity_provider.clone();
    let jws = match believed(assertion, &bench.identity_provider, &name) {
        Ok(jws) => jws,
        Err(what) => return wrong(what),
    };
    take(bench, &jws)?;
    let server = bench.published_issuer(asking.issuer);
    if jws.claims.get("aud") != Some(&Value::from(server)) {
        return wrong("it is for another authorization server");
    }
    if jws.claim("client_id") != Some(&asking.client.id) {
        return wrong("it is for another client");
    }
    let audience = jws.claim("resource").map(str::to_owned);
    if audience.is_some() && audience != Some(bench.resource()) {
        return wrong("it is for another resource");
    }
    // The assertion has said it, so that the request need not.
    if asking.form.get("resource").is_some() {
        resource(bench, bench.behaviour.token.resource, &asking.form)?;
    }
    let granted = jws.claim("scope").map(scopes).unwrap_or_default();
    let scope = match asking.form.get("scope").map(scopes) {
        None => granted,
        Some(asked) if asked.iter().all(|scope| granted.contains(scope)) => asked,
        Some(_) => {
            let what = "more scope than the identity provider granted";
            return Err(Refusal::breach(Rule::Scope, "invalid_scope", what));
        }
    };
    let subject = jws.claim("sub").unwrap_or_default();
    let family = asking.family(subject, audience, &scope);
    let family = bench.state.new_family(family);
    bench.counts.enterprise_grants += 1;
    let refresh_token = bench.behaviour.enterprise.refresh_token;
    Ok(Issue {
        family,
        scope,
        refresh_token: refresh_token.then(|| bench.state.issue_refresh(family)),
    })
}
