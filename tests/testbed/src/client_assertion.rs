//! Does a client's assertion prove who sent it (RFC 7523 §3, with the audience of its successor)?

use crate::bench::Bench;
use crate::breach::Rule;
use crate::clients::Client;
use crate::jws::Jws;
use crate::refusal::Refusal;
use crate::state::now;
use serde_json::Value;

/// Seconds by which clocks may differ.
const SKEW: i64 = 10;
/// Seconds that an assertion may live.
const LIFETIME: i64 = 600;
/// Characters of a `jti` that nobody else comes up with: 96 bits in base64url.
const UNIQUE: usize = 16;

/// Checks the assertion of a client that has registered keys, and takes it once.
pub(crate) fn check(
    bench: &mut Bench,
    audience: &str,
    client: &Client,
    assertion: &Jws,
) -> Result<(), Refusal> {
    let kind = assertion.parameter("typ");
    if let Some(expected) = bench.behaviour.token.assertion_typ.as_deref()
        && kind != Some(expected)
    {
        let what = format!("the type of client assertions here is {expected}");
        return Err(Refusal::declined("invalid_client", what));
    }
    if let Err(what) = well_formed(bench, audience, client, assertion) {
        let what = format!("the client assertion is not good: {what}");
        return Err(Refusal::breach(
            Rule::ClientAssertion,
            "invalid_client",
            what,
        ));
    }
    let id = assertion.claim("jti").unwrap_or_default();
    if !bench.state.is_fresh(&format!("{} {id}", client.id)) {
        let what = "the client assertion was used before";
        return Err(Refusal::breach(
            Rule::AssertionReuse,
            "invalid_client",
            what,
        ));
    }
    Ok(())
}

fn well_formed(bench: &Bench, audience: &str, client: &Client, jws: &Jws) -> Result<(), String> {
    let wrong = |what: &str| Err(what.to_owned());
    if let Some(name) = jws.unknown_parameter(&["alg", "kid", "typ"]) {
        return Err(format!("its header has {name}"));
    }
    let kinds = [None, Some("JWT"), Some("client-authentication+jwt")];
    if !kinds.contains(&jws.parameter("typ")) {
        return wrong("its typ is not that of a client assertion");
    }
    let listed = &bench.behaviour.token.assertion_algorithms;
    let algorithm = jws.parameter("alg").unwrap_or_default();
    if !listed.iter().any(|one| one == algorithm) {
        return Err(format!("{algorithm} is not listed"));
    }
    let named = jws.parameter("kid");
    let mut keys = client.keys.iter();
    let key = match named {
        Some(named) => keys.find(|key| key.id.as_deref() == Some(named)),
        None => keys.find(|key| jws.signed_by(key)),
    };
    if !key.is_some_and(|key| jws.signed_by(key)) {
        return wrong("no registered key made its signature");
    }
    if jws.claim("iss") != Some(&client.id) {
        return wrong("iss is not the client");
    }
    // One string: a second audience could show the assertion elsewhere (RFC 7523bis §4).
    if jws.claims.get("aud") != Some(&Value::from(audience)) {
        return Err(format!("aud is not {audience:?} alone"));
    }
    let now = now();
    match jws.time("exp") {
        None => return wrong("exp is missing"),
        Some(end) if end <= now - SKEW => return wrong("it has expired"),
        Some(end) if end > now + LIFETIME + SKEW => return wrong("it lives too long"),
        Some(_) => {}
    }
    let in_future = |name: &str| jws.time(name).is_some_and(|time| time > now + SKEW);
    if in_future("iat") || in_future("nbf") {
        return wrong("it is from the future");
    }
    if jws.time("iat").is_some_and(|time| time < now - LIFETIME) {
        return wrong("it is old");
    }
    if jws.claim("jti").is_none_or(|id| id.len() < UNIQUE) {
        return wrong("jti is missing or short");
    }
    Ok(())
}
