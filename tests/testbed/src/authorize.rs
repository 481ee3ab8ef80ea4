//! Which authorization requests reach consent, and what is sent back (RFC 6749 §4.1)?

use crate::asked::{resource, scope};
use crate::behaviour::{Consent, Endpoint, Issued, LoopbackPort};
use crate::bench::Bench;
use crate::breach::Rule;
use crate::clients::Client;
use crate::http::{Reply, Request, escaped};
use crate::pairs::Pairs;
use crate::place::endpoint_path;
use crate::pushed::taken;
use crate::refusal::Refusal;
use crate::state::{Code, Pending, random};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::time::{Duration, Instant};
use url::{Host, Url, form_urlencoded};

/// RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2, RFC 9396 §2, RFC 9449 §10, and what OpenID Connect adds.
const KNOWN: [&str; 13] = [
    "authorization_details",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "login_hint",
    "nonce",
    "prompt",
    "redirect_uri",
    "resource",
    "response_type",
    "scope",
    "state",
];

fn breach<T>(rule: Rule, error: &str, what: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::breach(rule, error, what))
}

/// Looks at an authorization request and grants it, asks a person or refuses.
pub(crate) fn authorize(bench: &mut Bench, issuer: usize, request: &Request) -> Reply {
    if request.method != "GET" {
        let what = format!("{} for an authorization request", request.method);
        bench.hold(Endpoint::Authorization, Rule::Method, what);
        return Reply::text(405, "Method not allowed").with("Allow", "GET");
    }
    let query = Pairs::form(request.query.as_bytes());
    let subject = request.cookie("subject");
    if bench.behaviour.pushed.offered && query.get("request_uri").is_some() {
        return match taken(bench, issuer, &query) {
            Ok(pending) => ask(bench, issuer, pending, subject),
            Err(refusal) => not_valid(bench, &refusal),
        };
    }
    let (client, redirect_uri) = match trusted(bench, issuer, &query) {
        Ok(trusted) => trusted,
        Err(refusal) => return not_valid(bench, &refusal),
    };
    let state = query.get("state").unwrap_or_default().to_owned();
    let judged = match bench.behaviour.pushed.required {
        true => breach(
            Rule::RequestUri,
            "invalid_request",
            "requests are pushed here",
        ),
        false => judge(bench, issuer, &client, &query, &redirect_uri),
    };
    match judged {
        Ok(code) => ask(bench, issuer, Pending { code, state }, subject),
        Err(refusal) => {
            refusal.hold(bench, Endpoint::Authorization);
            let Refusal { error, what, .. } = refusal;
            failed(bench, issuer, &redirect_uri, &state, &error, Some(&what))
        }
    }
}

/// No redirect to an address that nobody vouches for (RFC 6749 §4.1.2.1).
fn not_valid(bench: &mut Bench, refusal: &Refusal) -> Reply {
    refusal.hold(bench, Endpoint::Authorization);
    let content = format!("<p>{}</p>", escaped(&refusal.what));
    Reply::html(400, "This request is not valid", &content)
}

/// The client and redirect URI, checked before anything is sent there.
pub(crate) fn trusted(
    bench: &Bench,
    issuer: usize,
    query: &Pairs,
) -> Result<(Client, String), Refusal> {
    let invalid = "invalid_request";
    for name in ["client_id", "redirect_uri"] {
        if query.names().filter(|n| *n == name).count() > 1 {
            return breach(Rule::Duplicate, invalid, name);
        }
        if query.get(name).is_none() {
            return breach(Rule::Missing, invalid, name);
        }
    }
    let (id, redirect_uri) = (
        query.get("client_id").unwrap_or_default(),
        query.get("redirect_uri"),
    );
    let Some(client) = bench.client(issuer, id) else {
        // A client cannot know that it was forgotten; using another server's identifier is its fault.
        let known = bench.state.known_ids.get(id);
        let what = format!("client {id} is not known here");
        return match known == Some(&issuer) {
            true => Err(Refusal::declined(invalid, what)),
            false => breach(Rule::ClientIssuer, invalid, what),
        };
    };
    let redirect_uri = redirect_uri.unwrap_or_default();
    let port = bench.behaviour.authorization.loopback_port;
    let registered = |uri: &String| {
        uri == redirect_uri || (port == LoopbackPort::Any && equal_but_for_port(uri, redirect_uri))
    };
    if !client.redirect_uris.iter().any(registered) {
        let what = format!("{redirect_uri} is not registered");
        return breach(Rule::RedirectUri, invalid, what);
    }
    Ok((client, redirect_uri.to_owned()))
}

/// Loopback redirect URIs may vary in the port (RFC 8252 §7.3).
fn equal_but_for_port(registered: &str, asked: &str) -> bool {
    let parsed = |uri: &str| {
        let mut url = Url::parse(uri).ok()?;
        let loopback = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        url.set_port(None).ok()?;
        (loopback && url.scheme() == "http").then_some(url)
    };
    parsed(registered).is_some_and(|url| parsed(asked) == Some(url))
}

/// Everything else about a request: pushed or in the browser.
pub(crate) fn judge(
    bench: &mut Bench,
    issuer: usize,
    client: &Client,
    query: &Pairs,
    redirect_uri: &str,
) -> Result<Code, Refusal> {
    let behaviour = bench.behaviour.clone();
    let rules = &behaviour.authorization;
    if let Some(name) = query.duplicate() {
        return breach(Rule::Duplicate, "invalid_request", format!("{name} twice"));
    }
    if let Some((name, _)) = query.0.iter().find(|(_, value)| value.is_empty()) {
        return breach(Rule::Empty, "invalid_request", format!("{name} is empty"));
    }
    let own = behaviour.server_metadata.endpoint_query.unwrap_or_default();
    let own = Pairs::form(own.as_bytes());
    if let Some((name, _)) = own
        .0
        .iter()
        .find(|(name, value)| query.get(name) != Some(value))
    {
        return breach(
            Rule::Url,
            "invalid_request",
            format!("the endpoint's own {name} got lost"),
        );
    }
    let mut known: Vec<_> = KNOWN.to_vec();
    known.extend(own.names());
    known.extend(rules.extra_parameters.iter().map(String::as_str));
    if let Some(name) = query.unknown(&known) {
        return breach(
            Rule::Unknown,
            "invalid_request",
            format!("{name} is not a parameter here"),
        );
    }
    match query.get("response_type") {
        Some("code") => {}
        None => return breach(Rule::Missing, "invalid_request", "response_type"),
        Some(_) => return breach(Rule::Form, "unsupported_response_type", "only code"),
    }
    client.registered_for("authorization_code")?;
    let challenge = pkce(bench, query)?;
    state(bench, query)?;
    let key = key(bench, query)?;
    let details = details(bench, query)?;
    if let Some(name) = rules
        .refused_parameters
        .iter()
        .find(|n| query.get(n).is_some())
    {
        let what = format!("{name} is not taken");
        return Err(Refusal::declined("invalid_request", what));
    }
    let resource = resource(bench, rules.resource, query)?;
    let scope = scope(bench, client, query)?;
    let refreshable = client.may("refresh_token")
        && match &behaviour.refresh.issued {
            Issued::Always => true,
            Issued::Never => false,
            Issued::WithOfflineAccess => scope.iter().any(|s| s == "offline_access"),
            Issued::WithParameters(needed) => needed
                .iter()
                .all(|(name, value)| query.get(name) == Some(value)),
        };
    Ok(Code {
        client_id: query.get("client_id").unwrap_or_default().to_owned(),
        issuer,
        redirect_uri: redirect_uri.to_owned(),
        challenge,
        key,
        resource,
        scope,
        details,
        subject: "user-1".to_owned(),
        refreshable,
        expires: Instant::now(),
        family: None,
    })
}

/// PKCE with S256 always (OAuth 2.1 §4.1.1): the challenge is 32 octets in base64url, never reused.
fn pkce(bench: &mut Bench, query: &Pairs) -> Result<String, Refusal> {
    let Some(challenge) = query.get("code_challenge") else {
        return breach(Rule::Pkce, "invalid_request", "code_challenge is missing");
    };
    if query.get("code_challenge_method") != Some("S256") {
        return breach(
            Rule::Pkce,
            "invalid_request",
            "code_challenge_method is not S256",
        );
    }
    let base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if challenge.len() != 43 || !challenge.chars().all(base64url) {
        return breach(
            Rule::Pkce,
            "invalid_request",
            "code_challenge is not a SHA-256 value",
        );
    }
    if !bench.state.is_fresh(challenge) {
        return breach(
            Rule::Pkce,
            "invalid_request",
            "code_challenge was used before",
        );
    }
    Ok(challenge.to_owned())
}

/// The thumbprint of the key that the code is bound to (RFC 9449 §10).
fn key(bench: &Bench, query: &Pairs) -> Result<Option<String>, Refusal> {
    let Some(key) = query.get("dpop_jkt") else {
        return Ok(None);
    };
    if !bench.behaviour.dpop.offered {
        return breach(Rule::Unknown, "invalid_request", "there is no DPoP here");
    }
    let octets = URL_SAFE_NO_PAD.decode(key);
    if !octets.is_ok_and(|octets| octets.len() == 32) {
        let what = "dpop_jkt is not a SHA-256 value";
        return breach(Rule::Form, "invalid_request", what);
    }
    Ok(Some(key.to_owned()))
}

/// A JSON array of objects of known types (RFC 9396 §2, §5).
fn details(bench: &Bench, query: &Pairs) -> Result<Option<Value>, Refusal> {
    let Some(text) = query.get("authorization_details") else {
        return Ok(None);
    };
    let types = &bench.behaviour.authorization.details_types;
    if types.is_empty() {
        let what = "authorization_details are not offered";
        return breach(Rule::Unknown, "invalid_request", what);
    }
    let known = |item: &Value| {
        let kind = item.get("type").and_then(Value::as_str);
        kind.is_some_and(|kind| types.iter().any(|one| one == kind))
    };
    match serde_json::from_str(text) {
        Ok(Value::Array(items)) if items.iter().all(known) => Ok(Some(items.into())),
        _ => {
            let what = "authorization_details are no array of known types";
            breach(Rule::Form, "invalid_authorization_details", what)
        }
    }
}

/// 128 bits in base64url take 22 characters.
fn state(bench: &mut Bench, query: &Pairs) -> Result<(), Refusal> {
    let Some(state) = query.get("state") else {
        return breach(Rule::State, "invalid_request", "state is missing");
    };
    if state.len() < 22 {
        return breach(Rule::State, "invalid_request", "state can be guessed");
    }
    if !bench.state.is_fresh(state) {
        return breach(Rule::State, "invalid_request", "state was used before");
    }
    Ok(())
}

fn ask(bench: &mut Bench, issuer: usize, mut pending: Pending, subject: Option<String>) -> Reply {
    bench.counts.authorizations += 1;
    if let Some(subject) = subject {
        pending.code.subject = subject;
    }
    if let Some(error) = bench.behaviour.authorization.error.clone() {
        let (uri, state) = (&pending.code.redirect_uri, &pending.state);
        return failed(
            bench,
            issuer,
            uri,
            state,
            &error.error,
            error.error_description.as_deref(),
        );
    }
    if bench.behaviour.authorization.consent == Consent::Auto {
        return granted(bench, pending);
    }
    let ticket = random();
    let client = escaped(&pending.code.client_id);
    let items: String = pending
        .code
        .scope
        .iter()
        .map(|scope| format!("<li>{}</li>", escaped(scope)))
        .collect();
    let action = endpoint_path(&bench.behaviour.server_metadata.issuer_path, "consent");
    bench.state.pending.insert(ticket.clone(), pending);
    let form = format!(
        "<p>{client} wants to use the notes in your name:</p><ul>{items}</ul>\
         <form method=\"post\" action=\"{action}\">\
         <input type=\"hidden\" name=\"ticket\" value=\"{ticket}\">\
         <button name=\"decision\" value=\"allow\">Allow</button> \
         <button name=\"decision\" value=\"deny\">Deny</button></form>"
    );
    // The page must not be framed by another site (RFC 6749 §10.13).
    Reply::html(200, "Allow access?", &form)
        .with("Content-Security-Policy", "frame-ancestors 'none'")
        .uncached()
}

/// Takes a person's decision from the consent page.
pub(crate) fn consent(bench: &mut Bench, request: &Request) -> Reply {
    let form = Pairs::form(&request.body);
    let pending = form
        .get("ticket")
        .and_then(|ticket| bench.state.pending.remove(ticket));
    match (request.method.as_str(), pending, form.get("decision")) {
        ("POST", Some(pending), Some("allow")) => granted(bench, pending),
        ("POST", Some(pending), Some("deny")) => {
            let Pending { code, state } = pending;
            failed(
                bench,
                code.issuer,
                &code.redirect_uri,
                &state,
                "access_denied",
                None,
            )
        }
        _ => Reply::html(
            400,
            "This request is not valid",
            "<p>Please start again.</p>",
        ),
    }
}

fn granted(bench: &mut Bench, pending: Pending) -> Reply {
    let Pending { mut code, state } = pending;
    let lifetime = bench.behaviour.authorization.code_lifetime;
    code.expires = Instant::now() + Duration::from_secs(lifetime);
    let value = random();
    let iss = bench.behaviour.authorization.iss.as_ref();
    let iss = iss.map(|iss| bench.expand_for(code.issuer, iss));
    let reply = redirect(
        &code.redirect_uri,
        &[
            ("code", Some(&value)),
            ("state", Some(&state)),
            ("iss", iss.as_deref()),
        ],
    );
    bench.state.codes.insert(value, code);
    reply
}

fn failed(
    bench: &Bench,
    issuer: usize,
    redirect_uri: &str,
    state: &str,
    error: &str,
    description: Option<&str>,
) -> Reply {
    let rules = &bench.behaviour.authorization;
    let iss = rules.iss.as_ref().filter(|_| rules.iss_on_errors);
    let iss = iss.map(|iss| bench.expand_for(issuer, iss));
    redirect(
        redirect_uri,
        &[
            ("error", Some(error)),
            ("error_description", description),
            ("state", Some(state).filter(|s| !s.is_empty())),
            ("iss", iss.as_deref()),
        ],
    )
}

fn redirect(uri: &str, parameters: &[(&str, Option<&str>)]) -> Reply {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let separator = if uri.contains('?') { '&' } else { '?' };
    let location = format!("{uri}{separator}{}", query.finish());
    Reply::empty(302).with("Location", &location).uncached()
}
