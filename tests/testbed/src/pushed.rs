//! Which authorization requests were pushed, and who may refer to them (RFC 9126)?

use crate::authorize::{judge, trusted};
use crate::behaviour::Endpoint;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::client_auth::authenticate;
use crate::dpop::{USE_NONCE, Verifier, proven_key, with_nonce};
use crate::form::form;
use crate::http::{Reply, Request};
use crate::pairs::Pairs;
use crate::refusal::Refusal;
use crate::state::{Pending, random};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An authorization request that was pushed.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    pending: Pending,
    expires: Instant,
    used: bool,
}

/// Answers a pushed authorization request.
pub(crate) fn push(bench: &mut Bench, issuer: usize, request: &Request) -> Reply {
    let mut asks_for_nonce = false;
    let reply = match pushed(bench, issuer, request) {
        Ok(answer) => Reply::json(201, &answer).uncached(),
        Err(refusal) => {
            asks_for_nonce = refusal.error == USE_NONCE;
            refusal.told(bench, Endpoint::PushedAuthorization)
        }
    };
    with_nonce(bench, Verifier::Server(issuer), reply, asks_for_nonce)
}

fn pushed(bench: &mut Bench, issuer: usize, request: &Request) -> Result<Value, Refusal> {
    let breach = |rule, what: &str| Err(Refusal::breach(rule, "invalid_request", what));
    // Its parameters are judged as those of an authorization request.
    let sent = Pairs::form(&request.body);
    let names: Vec<_> = sent.names().collect();
    let form = form(bench, request, &names)?;
    let client = authenticate(bench, issuer, request, &form)?;
    let proven = proven_key(bench, Verifier::Server(issuer), request, None)?;
    if form.get("request_uri").is_some() {
        return breach(Rule::RequestUri, "request_uri in a request that is pushed");
    }
    let credentials = ["client_secret", "client_assertion", "client_assertion_type"];
    let mut query = form.clone();
    query
        .0
        .retain(|(name, _)| !credentials.contains(&name.as_str()));
    if query.get("client_id").is_none() {
        query.0.push(("client_id".into(), client.id));
    }
    let own = bench.behaviour.server_metadata.endpoint_query.as_deref();
    query
        .0
        .extend(Pairs::form(own.unwrap_or_default().as_bytes()).0);
    let (client, redirect_uri) = trusted(bench, issuer, &query)?;
    let mut code = judge(bench, issuer, &client, &query, &redirect_uri)?;
    if code.key.is_some() && proven.is_some() && code.key != proven {
        let what = "dpop_jkt is not of the key of the proof";
        return breach(Rule::Binding, what);
    }
    code.key = code.key.or(proven);
    let uri = format!("urn:ietf:params:oauth:request_uri:{}", random());
    let lifetime = bench.behaviour.pushed.lifetime;
    let state = query.get("state").unwrap_or_default().to_owned();
    let pushed = Pushed {
        pending: Pending { code, state },
        expires: Instant::now() + Duration::from_secs(lifetime),
        used: false,
    };
    bench.state.pushed.insert(uri.clone(), pushed);
    bench.counts.pushed_requests += 1;
    Ok(json!({"request_uri": uri, "expires_in": lifetime}))
}

/// The request that an authorization request refers to: once, by its client, and with nothing beside it
/// (RFC 9126 §4, §7.3).
pub(crate) fn taken(bench: &mut Bench, issuer: usize, query: &Pairs) -> Result<Pending, Refusal> {
    let breach = |what: String| {
        let rule = Rule::RequestUri;
        Err(Refusal::breach(rule, "invalid_request", what))
    };
    let own = bench.behaviour.server_metadata.endpoint_query.as_deref();
    let own = Pairs::form(own.unwrap_or_default().as_bytes());
    let known: Vec<_> = own.names().chain(["client_id", "request_uri"]).collect();
    if let Some(name) = query.unknown(&known).or(query.duplicate()) {
        return breach(format!("{name} beside request_uri"));
    }
    let uri = query.get("request_uri").unwrap_or_default();
    let Some(pushed) = bench.state.pushed.get_mut(uri) else {
        return breach("request_uri was never issued".into());
    };
    let code = &pushed.pending.code;
    if query.get("client_id") != Some(&code.client_id) || code.issuer != issuer {
        return breach("request_uri belongs to somebody else".into());
    }
    if std::mem::replace(&mut pushed.used, true) {
        return breach("request_uri was used before".into());
    }
    if pushed.expires <= Instant::now() {
        let what = "request_uri has expired";
        return Err(Refusal::declined("invalid_request", what));
    }
    Ok(pushed.pending.clone())
}
