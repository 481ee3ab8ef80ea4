//! When is an authorization code worth tokens (RFC 6749 §4.1.3, RFC 7636 §4.6)?

use super::{Asking, Grant, Issue};
use crate::asked::resource;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::refusal::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::time::Instant;

pub(super) const GRANT: Grant = Grant {
    name: "authorization_code",
    parameters: &["code", "code_verifier", "redirect_uri", "resource"],
    issue: exchange,
};

fn exchange(bench: &mut Bench, asking: &Asking) -> Result<Issue, Refusal> {
    let form = &asking.form;
    let (value, verifier) = (form.needed("code")?, form.needed("code_verifier")?);
    let redirect_uri = form.needed("redirect_uri")?;
    let invalid = |rule, what: &str| Err(Refusal::breach(rule, "invalid_grant", what));
    let Some(code) = bench.state.codes.get(value).cloned() else {
        return invalid(Rule::Code, "the code was never issued");
    };
    if code.client_id != asking.client.id || code.issuer != asking.issuer {
        return invalid(Rule::Code, "the code belongs to somebody else");
    }
    if let Some(family) = code.family {
        // A code that comes twice may be stolen (RFC 6749 §4.1.2).
        bench.state.families[family].revoked = true;
        return invalid(Rule::Code, "the code was used before");
    }
    if code.expires <= Instant::now() {
        return Err(Refusal::declined("invalid_grant", "the code has expired"));
    }
    if code.redirect_uri != redirect_uri {
        return invalid(
            Rule::RedirectUri,
            "redirect_uri is not the one of the request",
        );
    }
    let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if !(43..=128).contains(&verifier.len()) || !verifier.chars().all(unreserved) {
        return invalid(Rule::Pkce, "code_verifier has the wrong form");
    }
    if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) != code.challenge {
        return invalid(Rule::Pkce, "code_verifier does not fit the challenge");
    }
    // RFC 9449 §10.
    if code.key.is_some() && code.key != asking.key {
        return invalid(Rule::Binding, "the proof is not of the code's dpop_jkt");
    }
    resource(bench, bench.behaviour.token.resource, form)?;
    let mut family = asking.family(&code.subject, code.resource, &code.scope);
    family.details = code.details;
    let family = bench.state.new_family(family);
    if let Some(code) = bench.state.codes.get_mut(value) {
        code.family = Some(family);
    }
    bench.counts.code_exchanges += 1;
    let refresh_token = code.refreshable.then(|| bench.state.issue_refresh(family));
    Ok(Issue {
        family,
        scope: code.scope,
        refresh_token,
    })
}
