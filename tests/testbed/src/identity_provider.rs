//! Which assertions does the enterprise's identity provider exchange an identity for (RFC 8693, Identity Assertion JWT
//! Authorization Grant §4.3)?

use crate::asked::resource;
use crate::behaviour::Endpoint;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::client_auth::{prove, shown};
use crate::clients::Client;
use crate::fallback::Refused;
use crate::form::form;
use crate::http::{Reply, Request};
use crate::mint::{PERSON, believed};
use crate::pairs::Pairs;
use crate::refusal::Refusal;
use crate::state::{now, scopes};
use serde_json::{Value, json};

/// The `typ` of the assertions that it issues.
pub(crate) const ID_JAG: &str = "oauth-id-jag+jwt";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_JAG_TYPE: &str = "urn:ietf:params:oauth:token-type:id-jag";
const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";
const REFRESH_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:refresh_token";

const PARAMETERS: [&str; 7] = [
    "audience",
    "grant_type",
    "requested_token_type",
    "resource",
    "scope",
    "subject_token",
    "subject_token_type",
];

/// Answers a token request to the identity provider.
pub(crate) fn exchange(bench: &mut Bench, request: &Request) -> Reply {
    match exchanged(bench, request) {
        Ok(answer) => {
            bench.counts.token_exchanges += 1;
            bench.state.refused = None;
            Reply::json(200, &answer).uncached()
        }
        Err(refusal) => {
            bench.state.refused = Some(Refused::Identity);
            refusal.told(bench, Endpoint::TokenExchange)
        }
    }
}

fn exchanged(bench: &mut Bench, request: &Request) -> Result<Value, Refusal> {
    let form = form(bench, request, &PARAMETERS)?;
    let rules = bench.behaviour.enterprise.clone();
    let shown = shown(bench, request, &form)?;
    let client = Client::configured(&rules.client);
    if shown.id != client.id {
        let what = format!("client {} is not known here", shown.id);
        return Err(Refusal::breach(Rule::ClientIssuer, "invalid_client", what));
    }
    let issuer = bench.addresses.identity_provider.clone();
    prove(bench, &issuer, &client, shown)?;
    for (name, expected) in [
        ("grant_type", EXCHANGE),
        ("requested_token_type", ID_JAG_TYPE),
    ] {
        if form.needed(name)? != expected {
            let what = format!("{name} is not {expected}");
            return Err(Refusal::breach(Rule::Exchange, "invalid_request", what));
        }
    }
    let audience = form.needed("audience")?.to_owned();
    if !(0..2).any(|server| bench.published_issuer(server) == audience) {
        let what = format!("{audience} is no authorization server that is known here");
        return Err(Refusal::breach(Rule::Exchange, "invalid_target", what));
    }
    let resource = resource(bench, rules.resource, &form)?;
    let scope = scope(bench, &form)?;
    subject(bench, &form)?;
    if let Some(error) = &rules.refused {
        return Err(Refusal::declined(error, "the policy says no"));
    }
    let scope = rules.scope.or(scope);
    let claims = json!({
        "iss": issuer,
        "sub": PERSON,
        "aud": audience,
        "client_id": rules.client_id_at_server,
        "resource": resource,
        "scope": scope,
        "exp": now() + rules.lifetime,
    });
    let mut answer = json!({
        "access_token": bench.identity_provider.sign(ID_JAG, claims),
        "issued_token_type": rules.issued_token_type.unwrap_or_else(|| ID_JAG_TYPE.into()),
        "token_type": rules.token_type,
        "expires_in": rules.lifetime,
    });
    if let Some(scope) = scope {
        answer["scope"] = scope.into();
    }
    Ok(answer)
}

fn scope(bench: &Bench, form: &Pairs) -> Result<Option<String>, Refusal> {
    let asked = form.get("scope");
    let known = bench.behaviour.known_scopes();
    let unknown = asked.map(scopes).unwrap_or_default();
    match unknown.iter().find(|scope| !known.contains(scope)) {
        None => Ok(asked.map(str::to_owned)),
        Some(scope) => {
            let what = format!("{scope:?} is not offered");
            Err(Refusal::breach(Rule::Scope, "invalid_scope", what))
        }
    }
}

/// The person's ID token for this client, or the refresh token of the session. One that was refused is not shown again:
/// the host has a newer one.
fn subject(bench: &mut Bench, form: &Pairs) -> Result<(), Refusal> {
    let token = form.needed("subject_token")?;
    if bench.state.refused_subjects.contains(token) {
        let what = "the subject token was refused before";
        return Err(Refusal::breach(Rule::AssertionReuse, "invalid_grant", what));
    }
    let wrong = match form.needed("subject_token_type")? {
        ID_TOKEN_TYPE => {
            let name = &bench.addresses.identity_provider;
            let expected = Value::from(bench.behaviour.enterprise.client.client_id.as_str());
            match believed(token, &bench.identity_provider, name) {
                Ok(jws) if jws.claims.get("aud") == Some(&expected) => None,
                Ok(_) => Some("it is for another client"),
                Err(what) => Some(what),
            }
        }
        REFRESH_TOKEN_TYPE => {
            let known = bench.state.identity_sessions.contains(token);
            (!known).then_some("there is no such session")
        }
        other => {
            let what = format!("{other} is no type of subject token that is taken");
            return Err(Refusal::breach(Rule::Exchange, "invalid_request", what));
        }
    };
    let Some(what) = wrong else {
        return Ok(());
    };
    bench.state.refused_subjects.insert(token.to_owned());
    let what = format!("the subject token is no good: {what}");
    Err(Refusal::declined("invalid_grant", what))
}
