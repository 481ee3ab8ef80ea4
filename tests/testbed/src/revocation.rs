//! Which tokens does a client give back (RFC 7009)?

use crate::behaviour::Endpoint;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::client_auth::authenticate;
use crate::form::form;
use crate::http::{Reply, Request};
use crate::pairs::Pairs;
use crate::refusal::Refusal;

const PARAMETERS: [&str; 2] = ["token", "token_type_hint"];

/// Revokes the grant that a token belongs to. A token that is not known is no error (RFC 7009 §2.2).
pub(crate) fn revoke(bench: &mut Bench, issuer: usize, request: &Request) -> Reply {
    match revoked(bench, issuer, request) {
        Ok(()) => Reply::empty(200).uncached(),
        Err(refusal) => refusal.told(bench, Endpoint::Revocation),
    }
}

/// Remembers what a client asks for, also where it will get no answer: it goes on to the next token all the same.
pub(crate) fn note(bench: &mut Bench, request: &Request) {
    if let Some(token) = Pairs::form(&request.body).get("token") {
        bench.state.given_back.insert(token.to_owned());
    }
}

fn revoked(bench: &mut Bench, issuer: usize, request: &Request) -> Result<(), Refusal> {
    let form = form(bench, request, &PARAMETERS)?;
    let client = authenticate(bench, issuer, request, &form)?;
    let token = form.needed("token")?;
    let hints = [None, Some("access_token"), Some("refresh_token")];
    if !hints.contains(&form.get("token_type_hint")) {
        let what = "token_type_hint is access_token or refresh_token";
        return Err(Refusal::breach(Rule::Form, "unsupported_token_type", what));
    }
    let state = &mut bench.state;
    let access = state.access.get(token).map(|t| t.family);
    let refresh = state.refresh.get(token).map(|t| t.family);
    let (index, kind) = match (access, refresh) {
        (Some(family), _) => (family, "access_token"),
        (None, Some(family)) => (family, "refresh_token"),
        (None, None) => return Ok(()),
    };
    if form.get("token_type_hint").is_some_and(|hint| hint != kind) {
        let what = format!("token_type_hint is wrong about the {kind}");
        return Err(Refusal::breach(Rule::Form, "invalid_request", what));
    }
    let too_early = state.keeps_refresh_token(index);
    let family = &mut state.families[index];
    if family.client_id != client.id || family.issuer != issuer {
        let what = "the token belongs to somebody else";
        return Err(Refusal::breach(Rule::Token, "invalid_grant", what));
    }
    if kind == "access_token" && !bench.behaviour.revocation.access_tokens {
        let what = "access tokens cannot be revoked here";
        return Err(Refusal::declined("unsupported_token_type", what));
    }
    if kind == "access_token" && !family.revoked && too_early {
        let what = "the access token before its refresh token";
        let rule = Rule::RevocationOrder;
        return Err(Refusal::breach(rule, "invalid_request", what));
    }
    family.revoked = true;
    bench.counts.revocations += 1;
    Ok(())
}
