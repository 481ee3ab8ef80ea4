//! Which token requests get a token, and how does the answer look (RFC 6749 §4.1.3, §5, §6)?

use crate::behaviour::{Endpoint, ErrorForm, ResourceRule, Rotation, ScopeForm, TokenForm};
use crate::bench::Bench;
use crate::breach::Rule;
use crate::client_auth::{Refusal, authenticate, form};
use crate::http::{Reply, Request};
use crate::pairs::Pairs;
use crate::state::scopes;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::time::Instant;
use url::form_urlencoded;

const CODE_PARAMETERS: [&str; 7] = [
    "client_id",
    "client_secret",
    "code",
    "code_verifier",
    "grant_type",
    "redirect_uri",
    "resource",
];
const REFRESH_PARAMETERS: [&str; 6] = [
    "client_id",
    "client_secret",
    "grant_type",
    "refresh_token",
    "resource",
    "scope",
];

/// What a grant is worth.
struct Issue {
    family: usize,
    scope: Vec<String>,
    refresh_token: Option<String>,
}

/// Answers a token request.
pub(crate) fn token(
    bench: &mut Bench,
    endpoint: Endpoint,
    issuer: usize,
    request: &Request,
) -> Reply {
    let issued = match endpoint {
        Endpoint::Refresh => refresh(bench, issuer, request),
        _ => exchange(bench, issuer, request),
    };
    match issued {
        Ok(issue) => good(bench, issuer, request, issue),
        Err(refusal) => {
            if let Some(rule) = refusal.rule {
                bench.hold(endpoint, rule, refusal.what.as_str());
            }
            bad(bench, request, &refusal)
        }
    }
}

fn exchange(bench: &mut Bench, issuer: usize, request: &Request) -> Result<Issue, Refusal> {
    let form = form(bench, request, &CODE_PARAMETERS)?;
    let needed = |name: &str| {
        let missing = || Refusal::breach(Rule::Missing, "invalid_request", name);
        form.get(name).map(str::to_owned).ok_or_else(missing)
    };
    if needed("grant_type")? != "authorization_code" {
        let what = "only authorization_code and refresh_token";
        return Err(Refusal::breach(Rule::Form, "unsupported_grant_type", what));
    }
    let client_id = authenticate(bench, issuer, request, &form)?;
    refused(bench)?;
    let (value, verifier) = (needed("code")?, needed("code_verifier")?);
    let redirect_uri = needed("redirect_uri")?;
    let invalid = |rule, what: &str| Err(Refusal::breach(rule, "invalid_grant", what));
    let Some(code) = bench.state.codes.get(&value).cloned() else {
        return invalid(Rule::Code, "the code was never issued");
    };
    if code.client_id != client_id || code.issuer != issuer {
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
    resource(bench, bench.behaviour.token.resource, &form)?;
    let family = bench.state.new_family(&code);
    if let Some(code) = bench.state.codes.get_mut(&value) {
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

fn refresh(bench: &mut Bench, issuer: usize, request: &Request) -> Result<Issue, Refusal> {
    let form = form(bench, request, &REFRESH_PARAMETERS)?;
    let client_id = authenticate(bench, issuer, request, &form)?;
    refused(bench)?;
    let invalid = |rule, what: &str| Err(Refusal::breach(rule, "invalid_grant", what));
    let Some(value) = form.get("refresh_token") else {
        return Err(Refusal::breach(
            Rule::Missing,
            "invalid_request",
            "refresh_token",
        ));
    };
    let Some(token) = bench.state.refresh.get(value).cloned() else {
        return invalid(Rule::Token, "the refresh token was never issued");
    };
    let family = bench.state.families[token.family].clone();
    if family.client_id != client_id || family.issuer != issuer {
        return invalid(Rule::Token, "the refresh token belongs to somebody else");
    }
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
    resource(bench, bench.behaviour.refresh.resource, &form)?;
    let scope = match form.get("scope").map(scopes) {
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

fn refused(bench: &Bench) -> Result<(), Refusal> {
    match &bench.behaviour.token.refused {
        None => Ok(()),
        Some(error) => Err(Refusal::declined(error, "refused in any case")),
    }
}

/// The same resource in each request (RFC 8707 §2.2).
fn resource(bench: &Bench, rule: ResourceRule, form: &Pairs) -> Result<(), Refusal> {
    let asked = form.get("resource");
    match (rule, asked) {
        (ResourceRule::Ignored, _) | (ResourceRule::Rejected, None) => Ok(()),
        (ResourceRule::Rejected, Some(_)) => Err(Refusal::declined(
            "invalid_target",
            "the resource parameter is not supported",
        )),
        (ResourceRule::Required, Some(asked)) if asked == bench.resource() => Ok(()),
        (ResourceRule::Required, asked) => {
            let what = match asked {
                None => "resource is missing".to_owned(),
                Some(asked) => format!("{asked} is not {}", bench.resource()),
            };
            Err(Refusal::breach(Rule::Resource, "invalid_target", what))
        }
    }
}

fn good(bench: &mut Bench, issuer: usize, request: &Request, issue: Issue) -> Reply {
    let rules = bench.behaviour.token.clone();
    let access_token = bench
        .state
        .issue_access(issue.family, &issue.scope, rules.lifetime);
    let mut answer = Map::new();
    answer.insert("access_token".into(), access_token.into());
    answer.insert("token_type".into(), "Bearer".into());
    answer.insert("expires_in".into(), rules.lifetime.into());
    if let Some(token) = issue.refresh_token {
        answer.insert("refresh_token".into(), token.into());
    }
    if !issue.scope.is_empty() {
        match rules.scope_form {
            ScopeForm::Spaces => answer.insert("scope".into(), issue.scope.join(" ").into()),
            ScopeForm::Commas => answer.insert("scope".into(), issue.scope.join(",").into()),
            ScopeForm::Array => answer.insert("scope".into(), issue.scope.into()),
            ScopeForm::Absent => None,
        };
    }
    let set = &rules.answer.set;
    answer.extend(
        bench
            .addresses
            .expand_members(&bench.behaviour, issuer, set),
    );
    answer.retain(|name, _| !rules.answer.unset.contains(name));
    let accepts_json = request
        .header("accept")
        .is_some_and(|a| a.contains("application/json"));
    let reply = match rules.form {
        TokenForm::Form => encoded(rules.status, &answer),
        TokenForm::FormUnlessJsonAccepted if !accepts_json => encoded(rules.status, &answer),
        TokenForm::Nested => Reply::json(rules.status, &json!({"ok": true, "authed_user": answer})),
        TokenForm::Json | TokenForm::FormUnlessJsonAccepted => {
            Reply::json(rules.status, &answer.into())
        }
    };
    reply.uncached()
}

fn encoded(status: u16, answer: &Map<String, Value>) -> Reply {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in answer {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        form.append_pair(name, &text);
    }
    let mut reply = Reply::empty(status).with("Content-Type", "application/x-www-form-urlencoded");
    reply.body = form.finish().into_bytes();
    reply
}

fn bad(bench: &Bench, request: &Request, refusal: &Refusal) -> Reply {
    let Refusal { error, what, .. } = refusal;
    let oauth = json!({"error": error, "error_description": what});
    let reply = match bench.behaviour.token.errors {
        ErrorForm::Oauth => Reply::json(refusal.status, &oauth),
        ErrorForm::StatusOk => Reply::json(200, &oauth),
        ErrorForm::OkFalse => Reply::json(200, &json!({"ok": false, "error": error})),
        ErrorForm::Message(status) => Reply::json(status, &json!({"message": what})),
        ErrorForm::Text(status) => Reply::text(status, what),
    };
    // The scheme that was tried is named in the answer (RFC 6749 §5.2).
    match reply.status == 401 && request.header("authorization").is_some() {
        true => reply.with("WWW-Authenticate", "Basic").uncached(),
        false => reply.uncached(),
    }
}
