//! Which registration requests are taken, and what is answered (RFC 7591)?

use crate::behaviour::{Endpoint, GrantTypes, Registration, Secret};
use crate::bench::Bench;
use crate::breach::Rule;
use crate::clients::{Client, PRIVATE_KEY_JWT, published_keys};
use crate::http::{Reply, Request};
use crate::jwk::PublicKey;
use crate::pairs::Pairs;
use crate::state::{now, random, scopes};
use crate::token::DEVICE_CODE;
use serde_json::{Map, Value, json};
use url::{Host, Url};

/// Members that RFC 7591 §2 and OpenID Connect Registration §2 know and a client of this kind may
/// send.
const KNOWN: [&str; 18] = [
    "application_type",
    "client_name",
    "client_uri",
    "contacts",
    "grant_types",
    "jwks",
    "jwks_uri",
    "logo_uri",
    "policy_uri",
    "redirect_uris",
    "response_types",
    "scope",
    "software_id",
    "software_statement",
    "software_version",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "tos_uri",
];

/// The grants of which a person is part: clients for others are known beforehand.
const GRANTS: [&str; 3] = ["authorization_code", "refresh_token", DEVICE_CODE];

/// Registers a client.
pub(crate) fn register(bench: &mut Bench, issuer: usize, request: &Request) -> Reply {
    let checked = transport(bench, request)
        .and_then(|()| members(request))
        .and_then(|members| judge(bench, &members).map(|()| members));
    let members = match checked {
        Ok(members) => members,
        Err(Refusal::Breach(rule, what)) => {
            bench.hold(Endpoint::Registration, rule, what.as_str());
            let status = if rule == Rule::Method { 405 } else { 400 };
            let error = if rule == Rule::RedirectUri {
                "invalid_redirect_uri"
            } else {
                "invalid_client_metadata"
            };
            return refused(status, error, &what);
        }
        Err(Refusal::Answer(reply)) => return reply,
    };
    if let Some(refusal) = policy(bench, &members) {
        return refusal;
    }
    accept(bench, issuer, &members)
}

/// Why a request is not taken.
enum Refusal {
    /// The client did something wrong.
    Breach(Rule, String),
    /// The server is like that.
    Answer(Reply),
}

fn breach<T>(rule: Rule, what: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Breach(rule, what.into()))
}

fn refused(status: u16, error: &str, description: &str) -> Reply {
    let body = json!({"error": error, "error_description": description});
    Reply::json(status, &body).uncached()
}

fn transport(bench: &Bench, request: &Request) -> Result<(), Refusal> {
    if request.method != "POST" {
        return breach(Rule::Method, format!("{} to register", request.method));
    }
    if !request.query.is_empty() {
        return breach(Rule::Unknown, "a query at the registration endpoint");
    }
    if request.content_type().as_deref() != Some("application/json")
        || request.repeats("content-type")
    {
        return breach(Rule::ContentType, "registration is application/json");
    }
    let Some(token) = &bench.behaviour.registration.initial_access_token else {
        return match request.header("authorization") {
            Some(_) => breach(Rule::Credentials, "credentials although none are asked for"),
            None => Ok(()),
        };
    };
    if request.header("authorization") == Some(&format!("Bearer {token}")) {
        return Ok(());
    }
    let body =
        json!({"error": "invalid_token", "error_description": "initial access token needed"});
    Err(Refusal::Answer(
        Reply::json(401, &body).with("WWW-Authenticate", "Bearer"),
    ))
}

fn members(request: &Request) -> Result<Pairs<Value>, Refusal> {
    let Ok(members) = Pairs::json(&request.body) else {
        return breach(Rule::Body, "the body is not one JSON object");
    };
    if let Some(name) = members.duplicate() {
        return breach(Rule::Duplicate, format!("{name} twice"));
    }
    // `client_name#ja` and the like are human-readable members with a language (RFC 7591 §2.2).
    let plain = |name: &str| name.split('#').next().unwrap_or_default().to_owned();
    if let Some(name) = members
        .names()
        .find(|name| !KNOWN.contains(&plain(name).as_str()))
    {
        return breach(Rule::Unknown, format!("Unrecognized field \"{name}\""));
    }
    for (name, value) in &members.0 {
        // The only way to say that there is no redirect (RFC 7591 §2).
        let none = name == "response_types" && *value == json!([]);
        if is_empty(value) && !none {
            return breach(Rule::Empty, format!("{name} is empty or null"));
        }
    }
    Ok(members)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty() || items.iter().any(is_empty),
        Value::Object(members) => members.values().any(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What any client of the authorization code grant must say (RFC 7591 §2.1, MCP client registration).
fn judge(bench: &Bench, members: &Pairs<Value>) -> Result<(), Refusal> {
    for (name, value) in &members.0 {
        let right = match name.as_str() {
            "redirect_uris" | "grant_types" | "response_types" | "contacts" => {
                members.list(name).is_some()
            }
            "jwks" => value.is_object(),
            _ => value.is_string(),
        };
        if !right {
            return breach(Rule::Form, format!("{name} has the wrong type"));
        }
    }
    let grants = members
        .list("grant_types")
        .unwrap_or_else(|| vec!["authorization_code"]);
    let redirected = grants.contains(&"authorization_code");
    let redirect_uris = members.list("redirect_uris");
    if redirected && redirect_uris.is_none() {
        return breach(Rule::Missing, "redirect_uris");
    }
    let Some(application_type) = members.text("application_type") else {
        return breach(Rule::Missing, "application_type");
    };
    if !["native", "web"].contains(&application_type) {
        return breach(Rule::Form, "application_type is native or web");
    }
    for uri in redirect_uris.unwrap_or_default() {
        match application_type_of(uri) {
            None => return breach(Rule::RedirectUri, format!("{uri} is no redirect URI")),
            Some(kind) if kind != application_type => {
                return breach(
                    Rule::Registration,
                    format!("{uri} in a {application_type} client"),
                );
            }
            Some(_) => {}
        }
    }
    let by_device = bench.behaviour.device.offered && grants.contains(&DEVICE_CODE);
    if !redirected && !by_device {
        return breach(Rule::Registration, "grant_types lacks authorization_code");
    }
    let supported = |grant: &&str| {
        GRANTS.contains(grant) && (*grant != DEVICE_CODE || bench.behaviour.device.offered)
    };
    if let Some(grant) = grants.iter().find(|grant| !supported(grant)) {
        return breach(
            Rule::Registration,
            format!("grant type {grant} is not supported"),
        );
    }
    if members
        .list("response_types")
        .is_some_and(|types| types != ["code"][usize::from(!redirected)..])
    {
        return breach(
            Rule::Registration,
            "response_types is [code] for this grant",
        );
    }
    let method = method(members);
    if !bench
        .behaviour
        .token
        .auth_methods
        .iter()
        .any(|m| m == method)
    {
        return breach(
            Rule::Registration,
            format!("{method} is not a supported method"),
        );
    }
    if let Err(what) = keys(bench, members) {
        return breach(Rule::Registration, format!("the keys are no good: {what}"));
    }
    if let Some(scope) = members.text("scope") {
        let known = bench.behaviour.known_scopes();
        if let Some(scope) = scope.split(' ').find(|s| !known.iter().any(|k| k == s)) {
            return breach(Rule::Scope, format!("scope {scope:?} is not offered"));
        }
    }
    Ok(())
}

/// The requested authentication method (RFC 7591 §2: `client_secret_basic` when left out).
fn method(members: &Pairs<Value>) -> &str {
    members
        .text("token_endpoint_auth_method")
        .unwrap_or("client_secret_basic")
}

/// The keys of a client that authenticates with one.
fn keys(bench: &Bench, members: &Pairs<Value>) -> Result<Vec<PublicKey>, String> {
    match method(members) {
        PRIVATE_KEY_JWT => published_keys(&bench.behaviour.registration, |n| members.value(n)),
        _ => Ok(Vec::new()),
    }
}

/// The application type that a redirect URI belongs to, if it is one at all (RFC 8252 §7).
fn application_type_of(uri: &str) -> Option<&'static str> {
    let url = Url::parse(uri).ok()?;
    if url.fragment().is_some() {
        return None;
    }
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "http" if loopback => Some("native"),
        "https" if !loopback => Some("web"),
        scheme if scheme.contains('.') => Some("native"),
        _ => None,
    }
}

/// What this server does not take, though a client may ask for it.
fn policy(bench: &Bench, members: &Pairs<Value>) -> Option<Reply> {
    let Registration {
        grant_types,
        refused_members,
        name_required,
        refused_name_part,
        allowed_names,
        allowed_redirect_hosts,
        allowed_scopes,
        ..
    } = &bench.behaviour.registration;
    let invalid = |what: &str| Some(refused(400, "invalid_client_metadata", what));
    let name = members.text("client_name").unwrap_or_default();
    if allowed_names
        .as_ref()
        .is_some_and(|allowed| !allowed.iter().any(|n| n == name))
    {
        return Some(Reply::text(403, "Forbidden"));
    }
    if *name_required && name.is_empty() {
        return invalid("client_name is required");
    }
    let lower = name.to_lowercase();
    if refused_name_part
        .as_ref()
        .is_some_and(|part| lower.contains(&part.to_lowercase()))
    {
        return invalid("client_name must not contain our name");
    }
    if let Some(name) = members
        .names()
        .find(|n| refused_members.iter().any(|r| r == n))
    {
        return invalid(&format!("Unrecognized field \"{name}\""));
    }
    if *grant_types == GrantTypes::ExactlyCodeAndRefresh {
        let mut asked = members.list("grant_types").unwrap_or_default();
        asked.sort_unstable();
        if asked != ["authorization_code", "refresh_token"] {
            return invalid("grant_types must be authorization_code and refresh_token");
        }
    }
    if let Some(allowed) = allowed_redirect_hosts {
        let host = |uri: &str| {
            Url::parse(uri)
                .ok()
                .and_then(|u| u.host_str().map(str::to_owned))
        };
        for uri in members.list("redirect_uris").unwrap_or_default() {
            if !host(uri).is_some_and(|host| allowed.contains(&host)) {
                return Some(refused(
                    400,
                    "invalid_redirect_uri",
                    "redirect host is not allowed",
                ));
            }
        }
    }
    if let (Some(allowed), Some(asked)) = (allowed_scopes, members.text("scope"))
        && let Some(scope) = scopes(asked).iter().find(|s| !allowed.contains(s))
    {
        return Some(refused(
            403,
            "insufficient_scope",
            &format!("{scope} is not allowed"),
        ));
    }
    None
}

fn accept(bench: &mut Bench, issuer: usize, members: &Pairs<Value>) -> Reply {
    let registration = bench.behaviour.registration.clone();
    let client_id = format!("client-{}", &random()[..16]);
    let mut answer: Map<String, Value> = members.0.iter().cloned().collect();
    answer.insert("client_id".into(), client_id.clone().into());
    answer.insert("client_id_issued_at".into(), now().into());
    answer.insert("token_endpoint_auth_method".into(), method(members).into());
    answer
        .entry("grant_types")
        .or_insert_with(|| json!(["authorization_code"]));
    answer
        .entry("response_types")
        .or_insert_with(|| json!(["code"]));
    if let (None, Some(scope)) = (members.text("scope"), &registration.scope_when_absent) {
        answer.insert("scope".into(), scope.clone().into());
    }
    let uses_secret = |answer: &Map<String, Value>| {
        let method = answer
            .get("token_endpoint_auth_method")
            .and_then(Value::as_str);
        method.is_some_and(|method| method.starts_with("client_secret_"))
    };
    let set = bench
        .addresses
        .expand_members(&bench.behaviour, issuer, &registration.answer.set);
    let changed = |answer: Map<String, Value>| {
        let mut answer = answer;
        answer.extend(set.clone());
        answer.retain(|name, _| !registration.answer.unset.contains(name));
        answer
    };
    let mut secret = None;
    if registration.secret == Secret::Always || uses_secret(&changed(answer.clone())) {
        let reserved = if registration.reserved_characters_in_secret {
            "/+=%:&"
        } else {
            ""
        };
        let value = format!("{}{reserved}", random());
        let expires = match registration.secret_lifetime {
            0 => 0,
            seconds => now() + seconds,
        };
        answer.insert("client_secret".into(), value.clone().into());
        answer.insert("client_secret_expires_at".into(), expires.into());
        secret = Some((value, expires));
    }
    let answer = changed(answer);
    let list = |name: &str| -> Option<Vec<String>> {
        let items = answer.get(name)?.as_array()?.iter();
        items.map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    let (secret, secret_expires_at) = secret.unzip();
    let asked_grants = members.list("grant_types");
    let asked_grants = asked_grants.unwrap_or_else(|| vec!["authorization_code"]);
    let asked_grants = asked_grants.into_iter().map(str::to_owned).collect();
    let client = Client {
        id: client_id.clone(),
        secret,
        secret_expires_at: secret_expires_at.unwrap_or(0),
        method: text("token_endpoint_auth_method"),
        keys: keys(bench, members).unwrap_or_default(),
        redirect_uris: list("redirect_uris").unwrap_or_default(),
        scope: text("scope")
            .as_deref()
            .map(scopes)
            .filter(|_| registration.scope_limits),
        grants: Some(asked_grants),
    };
    bench.state.known_ids.insert(client_id.clone(), issuer);
    bench.state.clients.insert((issuer, client_id), client);
    bench.counts.registrations += 1;
    Reply::json(registration.status, &answer.into()).uncached()
}
