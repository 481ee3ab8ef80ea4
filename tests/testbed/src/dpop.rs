//! Does a request prove that its sender holds a key (RFC 9449)?

use crate::behaviour::Nonce;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::http::{Reply, Request};
use crate::jwk::PublicKey;
use crate::jws::Jws;
use crate::refusal::Refusal;
use crate::state::{now, random};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use url::Url;

/// The error that asks for a nonce (RFC 9449 §8).
pub(crate) const USE_NONCE: &str = "use_dpop_nonce";
/// The error for a proof that is no good (RFC 9449 §5).
pub(crate) const INVALID_PROOF: &str = "invalid_dpop_proof";
/// Characters of a `jti` that nobody else comes up with: 96 bits in base64url (RFC 9449 §4.2).
const UNIQUE: usize = 16;

/// Who asks for proofs. Nonces of one are of no use at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verifier {
    Server(usize),
    Resource,
}

/// The nonces that were given, the newest last.
pub(crate) type Nonces = HashMap<Verifier, Vec<String>>;

/// The thumbprint of the key that a request proves to hold; none if there is no proof, or none is looked at. With `token`,
/// the access token that comes along.
pub(crate) fn proven_key(
    bench: &mut Bench,
    verifier: Verifier,
    request: &Request,
    token: Option<&str>,
) -> Result<Option<String>, Refusal> {
    if !bench.behaviour.dpop.offered {
        return Ok(None);
    }
    let breach = |rule, what: String| Err(Refusal::breach(rule, INVALID_PROOF, what));
    if request.repeats("dpop") {
        return breach(Rule::Duplicate, "two DPoP proofs".into());
    }
    let Some(proof) = request.header("dpop") else {
        return Ok(None);
    };
    let (key, proof) = match good(bench, request, token, proof) {
        Ok(good) => good,
        Err(what) => return breach(Rule::Proof, format!("the DPoP proof is not good: {what}")),
    };
    let id = proof.claim("jti").unwrap_or_default();
    if !bench
        .state
        .is_fresh(&format!("proof {} {id}", key.thumbprint))
    {
        return breach(Rule::ProofReuse, "the DPoP proof was used before".into());
    }
    nonce(bench, verifier, proof.claim("nonce"))?;
    Ok(Some(key.thumbprint))
}

/// The checks of RFC 9449 §4.3, but for those that need a memory.
fn good(
    bench: &Bench,
    request: &Request,
    token: Option<&str>,
    proof: &str,
) -> Result<(PublicKey, Jws), String> {
    let rules = &bench.behaviour.dpop;
    let wrong = |what: &str| Err(what.to_owned());
    let proof = Jws::read(proof)?;
    if let Some(name) = proof.unknown_parameter(&["alg", "jwk", "typ"]) {
        return Err(format!("its header has {name}"));
    }
    let known = ["jti", "htm", "htu", "iat", "ath", "nonce"];
    if let Some(name) = proof.claims.keys().find(|n| !known.contains(&n.as_str())) {
        return Err(format!("it has the claim {name}"));
    }
    if proof.parameter("typ") != Some("dpop+jwt") {
        return wrong("typ is not dpop+jwt");
    }
    let algorithm = proof.parameter("alg").unwrap_or_default();
    if !rules.algorithms.iter().any(|one| one == algorithm) {
        return Err(format!("{algorithm} is not listed"));
    }
    let key = PublicKey::read(proof.header.get("jwk").unwrap_or(&Value::Null))?;
    if !proof.signed_by(&key) {
        return wrong("its key did not make its signature");
    }
    if proof.claim("htm") != Some(request.method.as_str()) {
        return wrong("htm is not the method");
    }
    let uri = proof.claim("htu").unwrap_or_default();
    if uri.contains(['?', '#']) {
        return wrong("htu has a query or a fragment");
    }
    let target = format!("{}{}", bench.origin(request.server), request.path);
    // Compared as RFC 3986 §6.2.2 and §6.2.3 allow (RFC 9449 §4.3).
    if Url::parse(uri).ok() != Url::parse(&target).ok() {
        return Err(format!("htu is not {target}"));
    }
    let window = i64::try_from(rules.window).unwrap_or(i64::MAX);
    match proof.time("iat") {
        None => return wrong("iat is missing"),
        Some(time) if time.abs_diff(now()) > window.unsigned_abs() => {
            return wrong("iat is not now");
        }
        Some(_) => {}
    }
    if proof.claim("jti").is_none_or(|id| id.len() < UNIQUE) {
        return wrong("jti is missing or short");
    }
    let digest = |token: &str| URL_SAFE_NO_PAD.encode(Sha256::digest(token));
    match (token, proof.claims.get("ath")) {
        (None, Some(_)) => wrong("ath, but no access token"),
        (Some(_), None) => wrong("ath is missing"),
        (Some(token), Some(ath)) if ath.as_str() != Some(&digest(token)) => {
            wrong("ath is not the digest of the access token")
        }
        _ => Ok((key, proof)),
    }
}

impl Bench {
    fn nonce_rule(&self, verifier: Verifier) -> Nonce {
        match verifier {
            Verifier::Server(_) => self.behaviour.dpop.server_nonce,
            Verifier::Resource => self.behaviour.dpop.resource_nonce,
        }
    }
}

fn nonce(bench: &mut Bench, verifier: Verifier, sent: Option<&str>) -> Result<(), Refusal> {
    let given = bench.state.nonces.get(&verifier);
    let known = |nonce: &str| given.is_some_and(|given| given.iter().any(|one| one == nonce));
    if sent.is_some_and(|sent| !known(sent)) {
        let what = "the nonce was never given here";
        return Err(Refusal::breach(Rule::Nonce, USE_NONCE, what));
    }
    let newest = given.and_then(|given| given.last());
    let right = match bench.nonce_rule(verifier) {
        Nonce::Never => true,
        // Servers take what they gave for a while.
        Nonce::Required => sent.is_some(),
        Nonce::Rotating => sent.is_some() && sent == newest.map(String::as_str),
        Nonce::Malformed => false,
    };
    if right {
        return Ok(());
    }
    bench.counts.nonce_challenges += 1;
    Err(Refusal::declined(USE_NONCE, "a nonce is needed"))
}

/// Gives the client a nonce with an answer, if this server does so with such an answer.
pub(crate) fn with_nonce(
    bench: &mut Bench,
    verifier: Verifier,
    reply: Reply,
    asked_for: bool,
) -> Reply {
    if !bench.behaviour.dpop.offered {
        return reply;
    }
    let rule = bench.nonce_rule(verifier);
    let value = match rule {
        Nonce::Malformed if asked_for => "not \"one\" nonce".to_owned(),
        Nonce::Rotating => bench.state.new_nonce(verifier),
        Nonce::Required if asked_for => {
            let given = bench.state.nonces.get(&verifier);
            let given = given.and_then(|given| given.last().cloned());
            given.unwrap_or_else(|| bench.state.new_nonce(verifier))
        }
        Nonce::Never | Nonce::Required | Nonce::Malformed => return reply,
    };
    reply.with("DPoP-Nonce", &value)
}

impl crate::state::State {
    fn new_nonce(&mut self, verifier: Verifier) -> String {
        let nonce = random();
        let given = self.nonces.entry(verifier).or_default();
        given.push(nonce.clone());
        nonce
    }
}
