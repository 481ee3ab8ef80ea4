//! Which client sent this request to the token or revocation endpoint (RFC 6749 §2.3)?

use crate::bench::Bench;
use crate::breach::Rule;
use crate::http::Request;
use crate::pairs::Pairs;
use crate::state::now;

/// Why a request of a client is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The breach, unless the server or the course of events is to blame.
    pub(crate) rule: Option<Rule>,
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) what: String,
}

impl Refusal {
    /// The client did something wrong.
    pub(crate) fn breach(rule: Rule, error: &str, what: impl Into<String>) -> Self {
        Self {
            rule: Some(rule),
            ..Self::declined(error, what)
        }
    }

    /// The client did nothing wrong, or cannot know.
    pub(crate) fn declined(error: &str, what: impl Into<String>) -> Self {
        let status = if error == "invalid_client" { 401 } else { 400 };
        Self {
            rule: None,
            status,
            error: error.to_owned(),
            what: what.into(),
        }
    }
}

/// Reads the form of a request to the token or revocation endpoint.
pub(crate) fn form(bench: &Bench, request: &Request, known: &[&str]) -> Result<Pairs, Refusal> {
    let invalid = |rule, what: String| Err(Refusal::breach(rule, "invalid_request", what));
    if request.method != "POST" {
        let mut refusal = Refusal::breach(Rule::Method, "invalid_request", "only POST");
        refusal.status = 405;
        return Err(refusal);
    }
    let own = bench
        .behaviour
        .server_metadata
        .endpoint_query
        .as_deref()
        .unwrap_or_default();
    let query = if request.path.ends_with("/token") {
        own
    } else {
        ""
    };
    if request.query != query {
        return invalid(Rule::Url, "the query is not the endpoint's own".into());
    }
    let form_type = "application/x-www-form-urlencoded";
    if request.content_type().as_deref() != Some(form_type) || request.repeats("content-type") {
        return invalid(Rule::ContentType, format!("the body is {form_type}"));
    }
    let form = Pairs::form(&request.body);
    if let Some(name) = form.duplicate() {
        return invalid(Rule::Duplicate, format!("{name} twice"));
    }
    if let Some((name, _)) = form.0.iter().find(|(_, value)| value.is_empty()) {
        return invalid(Rule::Empty, format!("{name} is empty"));
    }
    if let Some(name) = form.unknown(known) {
        return invalid(Rule::Unknown, format!("{name} is not a parameter here"));
    }
    Ok(form)
}

/// Authenticates the client by exactly one method, the registered one, and gives its identifier.
pub(crate) fn authenticate(
    bench: &Bench,
    issuer: usize,
    request: &Request,
    form: &Pairs,
) -> Result<String, Refusal> {
    let breach = |what: &str| {
        Err(Refusal::breach(
            Rule::ClientAuthentication,
            "invalid_client",
            what.to_owned(),
        ))
    };
    if request.repeats("authorization") {
        let what = "Authorization twice";
        return Err(Refusal::breach(Rule::Duplicate, "invalid_request", what));
    }
    let (id, secret, method) = if request.header("authorization").is_some() {
        if form.get("client_id").is_some() || form.get("client_secret").is_some() {
            let what = "Client must not use multiple authentication methods";
            return Err(Refusal::breach(
                Rule::ClientAuthentication,
                "invalid_request",
                what,
            ));
        }
        let Some((id, secret)) = request.basic() else {
            return breach("the Authorization header is not Basic");
        };
        let decoded = |value: String| match bench.behaviour.token.raw_basic {
            true => Some(value),
            false => form_decoded(&value),
        };
        let (Some(id), Some(secret)) = (decoded(id), decoded(secret)) else {
            return breach("the Basic credential is not form-encoded");
        };
        (id, Some(secret), "client_secret_basic")
    } else {
        let Some(id) = form.get("client_id") else {
            return breach("client_id is missing");
        };
        match form.get("client_secret") {
            Some(secret) => (id.to_owned(), Some(secret.to_owned()), "client_secret_post"),
            None => (id.to_owned(), None, "none"),
        }
    };
    let Some(client) = bench.client(issuer, &id) else {
        let what = format!("client {id} is not known here");
        return Err(match bench.state.known_ids.get(&id) == Some(&issuer) {
            true => Refusal::declined(&bench.behaviour.token.unknown_client_error, what),
            false => Refusal::breach(Rule::ClientIssuer, "invalid_client", what),
        });
    };
    let accepted = &bench.behaviour.token.auth_methods;
    let Some(expected) = client.secret else {
        return match secret {
            None => Ok(id),
            Some(_) => breach("a secret, although none was issued"),
        };
    };
    // A client with a secret uses the method it registered; if that is `none` or was left out, the
    // issued secret counts, by any method that the server has.
    let right = match client.method.as_deref() {
        Some(registered) if registered.starts_with("client_secret_") => registered == method,
        _ => method != "none" && accepted.iter().any(|m| m == method),
    };
    if !right {
        let what = format!("{method} instead of the registered method");
        return breach(&what);
    }
    if secret.as_deref() != Some(&expected) {
        // A server that reads Basic in its own way is to blame itself.
        return match bench.behaviour.token.raw_basic && method == "client_secret_basic" {
            true => Err(Refusal::declined("invalid_client", "wrong secret")),
            false => breach("wrong secret"),
        };
    }
    if client.secret_expires_at != 0 && client.secret_expires_at <= now() {
        return Err(Refusal::declined(
            "invalid_client",
            "the secret has expired",
        ));
    }
    Ok(id)
}

/// Decodes one half of a Basic credential (RFC 6749 §2.3.1). Characters that form encoding would
/// have replaced show that it was not applied.
fn form_decoded(value: &str) -> Option<String> {
    let encoded = |c: char| c.is_ascii_alphanumeric() || "-._~*+%".contains(c);
    if !value.chars().all(encoded) {
        return None;
    }
    let pairs = Pairs::form(format!("v={value}").as_bytes());
    pairs.get("v").map(str::to_owned)
}
