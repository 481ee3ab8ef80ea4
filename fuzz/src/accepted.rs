//! May this document or callback be accepted?

use std::collections::BTreeMap;

use mcp_oauth_core::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ledger::Endpoint;
use super::second_url;
use super::trial::Trial;

/// The members of protected resource metadata that are looked at again.
#[derive(Deserialize)]
struct ResourceReading {
    resource: String,
}

/// The members of authorization server metadata that are looked at again.
#[derive(Deserialize, Serialize)]
struct ServerReading {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: String,
    registration_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    pushed_authorization_request_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

/// Holds what was accepted against a second reading of it.
pub(crate) fn documents(
    trial: &mut Trial,
    trace: &[TraceEntry],
    answered: Option<&Action>,
    body: &[u8],
    callback: Option<&str>,
) {
    let settings = trial.settings.clone();
    let deviations = &settings.deviations;
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let resource = || {
        let reading: ResourceReading =
            serde_json::from_slice(body).expect("what was accepted is a document");
        reading.resource
    };
    for entry in trace {
        match entry.decision {
            Decision::ResourceAccepted => {
                let resource = resource();
                assert!(
                    second_url::lies_within(&settings.server_url, &resource),
                    "the metadata is for another resource: {resource}"
                );
            }
            Decision::ResourceAllowed => {
                let allowed = deviations.allow_resource.as_deref();
                assert_eq!(Some(&*resource()), allowed);
            }
            Decision::ServerAccepted => {
                let document: ServerReading =
                    serde_json::from_slice(body).expect("what was accepted is a document");
                let Some(Task::Http(request)) = answered.map(|action| &action.task) else {
                    panic!("metadata that nobody asked for");
                };
                let published = document.issuer.as_str();
                let pinned = deviations
                    .pinned_issuer
                    .as_ref()
                    .filter(|(_, alias)| alias == published);
                let asked = pinned.map_or(published, |(asked, _)| asked);
                // The document was found where the issuer's documents are.
                assert_ne!(
                    second_url::same_origin(request.url.as_str(), asked),
                    Some(false),
                    "{} vouches for {published}",
                    request.url.as_str()
                );
                let methods = document
                    .code_challenge_methods_supported
                    .as_deref()
                    .unwrap_or_default();
                let in_browser = settings.grant == GrantType::AuthorizationCode;
                assert!(
                    !in_browser
                        || methods.iter().any(|method| method == "S256")
                        || (methods.is_empty() && deviations.assume_s256),
                    "a server without S256"
                );
                let sends_iss =
                    document.authorization_response_iss_parameter_supported == Some(true);
                assert!(
                    sends_iss
                        || !in_browser
                        || !settings.require_issuer_identification
                        || trial_fails(trial),
                    "a server that does not identify itself"
                );
                trial.seat.flow.metadata = Some((sends_iss, published.into()));
                let document = serde_json::to_value(&document).expect("strings and lists");
                let bare = asked.strip_suffix('/').unwrap_or(asked);
                for name in [published, asked, bare, &format!("{bare}/")] {
                    trial.ledger.learn_metadata(name, &document);
                }
            }
            Decision::DefaultEndpoints => {
                assert!(
                    deviations.default_endpoints,
                    "default endpoints, though nobody allowed them"
                );
                let origin = HttpUrl::parse(&settings.server_url, trial.reach)
                    .expect("the server's URL")
                    .origin();
                for (kind, path) in [
                    (Endpoint::Authorization, "/authorize"),
                    (Endpoint::Token, "/token"),
                    (Endpoint::Registration, "/register"),
                ] {
                    let url = format!("{origin}{path}");
                    trial.ledger.learn_endpoint(&origin, kind, &url);
                }
            }
            Decision::CodeReceived => code_received(trial, callback.expect("a callback")),
            _ => {}
        }
    }
}

/// What the answer to a request hands over, and to whom it may go.
pub(crate) fn secrets(trial: &mut Trial, request: &HttpRequest, body: &[u8]) {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    match request.purpose {
        Purpose::TokenExchange => {
            let asked = request.body.as_ref().map_or("", |body| body.expose());
            let audience = url::form_urlencoded::parse(asked.as_bytes())
                .find(|(name, _)| name == "audience")
                .expect("an audience");
            if let Some(token) = document["access_token"].as_str() {
                trial.ledger.learn_owner(token, &audience.1);
            }
        }
        Purpose::DeviceAuthorization => {
            if let Some(code) = document["device_code"].as_str() {
                let url = request.url.as_str();
                trial.ledger.learn_owner_at(code, Endpoint::Device, url);
            }
        }
        _ => {}
    }
}

fn trial_fails(trial: &Trial) -> bool {
    trial.seat.machine.phase() == PhaseKind::Failed
}

/// State and issuer are right wherever a code was taken.
fn code_received(trial: &mut Trial, query: &str) {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in url::form_urlencoded::parse(query.as_bytes()) {
        let values = parameters.entry(pair.0.into_owned()).or_default();
        values.push(pair.1.into_owned());
    }
    let one = |name: &str| match parameters.get(name).map(Vec::as_slice) {
        Some([one]) => Some(one.as_str()),
        None => None,
        Some(_) => panic!("{name} occurs twice"),
    };
    let Some(opened) = &trial.seat.flow.opened else {
        assert!(trial.seat.flow.unseen, "no URL was opened");
        return;
    };
    assert_eq!(one("state"), Some(opened.state.as_str()), "another state");
    assert!(
        one("error").is_none_or(str::is_empty),
        "an error and a code"
    );
    let code = one("code").expect("a code").to_owned();
    if let Some((sends_iss, published)) = &trial.seat.flow.metadata {
        let extra = trial.settings.deviations.extra_iss.as_deref();
        match one("iss") {
            Some(issuer) => assert!(
                issuer == published || Some(issuer) == extra,
                "a code of another issuer: {issuer}"
            ),
            None => assert!(!sends_iss, "the issuer is missing"),
        }
    }
    trial.seat.flow.code = Some(code);
}
