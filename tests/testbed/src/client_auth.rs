//! Which client sent this request (RFC 6749 §2.3)?

use crate::bench::Bench;
use crate::breach::Rule;
use crate::client_assertion;
use crate::clients::{Client, PRIVATE_KEY_JWT};
use crate::http::Request;
use crate::jws::Jws;
use crate::pairs::Pairs;
use crate::refusal::Refusal;
use crate::state::now;

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a request says about its client.
pub(crate) struct Shown {
    pub(crate) id: String,
    credential: Credential,
}

enum Credential {
    None,
    Secret(&'static str, String),
    Assertion(Jws),
}

impl Credential {
    fn method(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Secret(method, _) => method,
            Self::Assertion(_) => PRIVATE_KEY_JWT,
        }
    }
}

fn breach<T>(what: impl Into<String>) -> Result<T, Refusal> {
    let rule = Rule::ClientAuthentication;
    Err(Refusal::breach(rule, "invalid_client", what))
}

/// Authenticates the client by exactly one method, the registered one.
pub(crate) fn authenticate(
    bench: &mut Bench,
    issuer: usize,
    request: &Request,
    form: &Pairs,
) -> Result<Client, Refusal> {
    let shown = shown(bench, request, form)?;
    let Some(client) = bench.client(issuer, &shown.id) else {
        let what = format!("client {} is not known here", shown.id);
        return Err(
            match bench.state.known_ids.get(&shown.id) == Some(&issuer) {
                true => Refusal::declined(&bench.behaviour.token.unknown_client_error, what),
                false => Refusal::breach(Rule::ClientIssuer, "invalid_client", what),
            },
        );
    };
    let audience = bench.published_issuer(issuer);
    prove(bench, &audience, &client, shown)?;
    Ok(client)
}

/// Reads who the client says it is, by at most one method.
pub(crate) fn shown(bench: &Bench, request: &Request, form: &Pairs) -> Result<Shown, Refusal> {
    if request.repeats("authorization") {
        let what = "Authorization twice";
        return Err(Refusal::breach(Rule::Duplicate, "invalid_request", what));
    }
    let id = form.get("client_id").map(str::to_owned);
    let secret = form.get("client_secret");
    let in_header = request.header("authorization").is_some();
    let assertion = form.get("client_assertion");
    let methods = [in_header, secret.is_some(), assertion.is_some()];
    if methods.iter().filter(|used| **used).count() > 1 || (in_header && id.is_some()) {
        let what = "Client must not use multiple authentication methods";
        let rule = Rule::ClientAuthentication;
        return Err(Refusal::breach(rule, "invalid_request", what));
    }
    if in_header {
        return basic(bench, request);
    }
    if let Some(assertion) = assertion {
        return by_assertion(form, id, assertion);
    }
    if form.get("client_assertion_type").is_some() {
        return breach("client_assertion_type without an assertion");
    }
    let Some(id) = id else {
        return breach("client_id is missing");
    };
    let credential = match secret {
        Some(secret) => Credential::Secret("client_secret_post", secret.to_owned()),
        None => Credential::None,
    };
    Ok(Shown { id, credential })
}

fn basic(bench: &Bench, request: &Request) -> Result<Shown, Refusal> {
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
    let credential = Credential::Secret("client_secret_basic", secret);
    Ok(Shown { id, credential })
}

/// `client_id` is optional beside an assertion, and then the same as its subject (RFC 7521 §4.2).
fn by_assertion(form: &Pairs, id: Option<String>, assertion: &str) -> Result<Shown, Refusal> {
    if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
        return breach(format!("client_assertion_type is {ASSERTION_TYPE}"));
    }
    let assertion = Jws::read(assertion).map_err(|what| {
        let what = format!("the client assertion is no JWT: {what}");
        Refusal::breach(Rule::ClientAssertion, "invalid_client", what)
    })?;
    let subject = assertion.claim("sub").unwrap_or_default().to_owned();
    if id.is_some_and(|id| id != subject) {
        return breach("client_id is not the subject of the assertion");
    }
    Ok(Shown {
        id: subject,
        credential: Credential::Assertion(assertion),
    })
}

/// Checks the credential against what is known of the client. Its assertions are for `audience`.
pub(crate) fn prove(
    bench: &mut Bench,
    audience: &str,
    client: &Client,
    shown: Shown,
) -> Result<(), Refusal> {
    let method = shown.credential.method();
    let Some(expected) = &client.secret else {
        return match (shown.credential, client.is_public()) {
            (Credential::None, true) => Ok(()),
            (Credential::Assertion(assertion), false) => {
                client_assertion::check(bench, audience, client, &assertion)
            }
            (Credential::Secret(..), _) => breach("a secret, although none was issued"),
            _ => breach(format!("{method} instead of the registered method")),
        };
    };
    // A client with a secret uses the method it registered; if that is `none` or was left out, the
    // issued secret counts, by any method that the server has.
    let accepted = &bench.behaviour.token.auth_methods;
    let right = match client.method.as_deref() {
        Some(registered) if registered.starts_with("client_secret_") => registered == method,
        _ => method.starts_with("client_secret_") && accepted.iter().any(|m| m == method),
    };
    let Credential::Secret(_, secret) = shown.credential else {
        return breach(format!("{method} instead of the registered method"));
    };
    if !right {
        return breach(format!("{method} instead of the registered method"));
    }
    if secret != *expected {
        // A server that reads Basic in its own way is to blame itself.
        return match bench.behaviour.token.raw_basic && method == "client_secret_basic" {
            true => Err(Refusal::declined("invalid_client", "wrong secret")),
            false => breach("wrong secret"),
        };
    }
    if client.secret_expires_at != 0 && client.secret_expires_at <= now() {
        let what = "the secret has expired";
        return Err(Refusal::declined("invalid_client", what));
    }
    Ok(())
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
