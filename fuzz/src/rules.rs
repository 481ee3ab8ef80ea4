//! May this action be asked for, and this token be used?

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mcp_oauth_core::limits::REQUEST_TIMEOUT_MS;
use mcp_oauth_core::wire::form;
use mcp_oauth_core::*;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::ledger::Endpoint;
use super::profile::{ISSUER, PROVIDER, PROVIDER_TOKEN};
use super::second_url::{self, check_outgoing};
use super::trial::Trial;

/// The sign-in under way, as its authorization URL tells.
#[derive(Default)]
pub(crate) struct Flow {
    pub(crate) opened: Option<Opened>,
    pub(crate) code: Option<String>,
    /// The parameters that were handed over beforehand.
    pub(crate) pushed: Option<BTreeMap<String, String>>,
    /// Whether they were handed over in an earlier life of the machine.
    pub(crate) unseen: bool,
    /// State, verifier and code of sign-ins that are over.
    dead: BTreeSet<String>,
    verifier: Option<String>,
    /// Whether the metadata accepted last says that responses carry `iss`, and the issuer that it names.
    pub(crate) metadata: Option<(bool, String)>,
}

/// An authorization request, as its URL says.
pub(crate) struct Opened {
    pub(crate) state: String,
    challenge: String,
    issuer: String,
    redirect_uri: String,
    resource: Option<String>,
}

impl Flow {
    /// The code may have been redeemed.
    pub(crate) fn spend_code(&mut self) {
        self.dead
            .extend(self.code.clone().filter(|it| it.len() >= 16));
    }

    /// At rest nothing of a sign-in is of use any more.
    pub(crate) fn end(&mut self) {
        let state = self.opened.take().map(|opened| opened.state);
        let over = [state, self.verifier.take(), self.code.take()];
        self.dead
            .extend(over.into_iter().flatten().filter(|it| it.len() >= 16));
        self.metadata = None;
        self.pushed = None;
        self.unseen = false;
    }
}

/// Holds an action against the rules, and tells it whole.
pub(crate) fn action(trial: &mut Trial, action: &Action) -> String {
    match &action.task {
        Task::Http(request) => http(trial, action.id, request),
        Task::OpenUrl(open) => open_url(trial, open),
        Task::Store(op) => store(trial, op),
        Task::Wait { until } => format!("{until:?}"),
        Task::Sign(request) => sign(trial, request),
        Task::FetchAssertion(request) => {
            let issuer = request.issuer.as_str();
            let provider = request.purpose == AssertionPurpose::Identity;
            assert_eq!(provider, issuer == PROVIDER, "an assertion for {issuer}");
            format!("{request:?}")
        }
        Task::ShowCode(code) => {
            check_outgoing(code.verification_uri.as_str(), trial.reach);
            trial.check_shown(&code.user_code);
            assert!(code.until <= code.expires_at);
            format!("{code:?} {}", code.user_code)
        }
        Task::BindRedirect { preferred } => {
            redirect(trial, &preferred.replacen(":0/", ":1/", 1));
            preferred.to_string()
        }
        Task::AskForClient {
            issuer,
            redirect_uri,
        } => {
            check_outgoing(issuer.as_str(), trial.reach);
            if trial.settings.grant == GrantType::AuthorizationCode {
                redirect(trial, redirect_uri);
            }
            format!("{} {redirect_uri}", issuer.as_str())
        }
    }
}

fn redirect(trial: &Trial, uri: &str) {
    let allowed = RedirectUri::parse(uri, trial.settings.private_scheme_redirect);
    assert!(allowed.is_ok(), "no redirect URI: {uri:?}");
}

/// The pairs of a form, none of which occurs twice.
fn form_of(text: &str) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let before = pairs.insert(name.clone().into_owned(), value.into_owned());
        assert!(before.is_none(), "{name} occurs twice");
    }
    pairs
}

/// What is signed names whom it is for and nobody else.
fn sign(trial: &mut Trial, request: &SignRequest) -> String {
    let input = request.input.expose();
    trial.check_shown(input);
    let issuer = request.issuer.as_str();
    let claims = claims_of(input);
    match request.purpose {
        SigningPurpose::ClientAssertion => {
            assert_eq!(claims["aud"], issuer, "another audience");
            assert_eq!(claims["iss"], claims["sub"]);
        }
        SigningPurpose::DpopProof => {
            let url = claims["htu"].as_str().expect("a URL");
            assert_eq!(claims["htm"], "POST");
            assert!(claims.get("ath").is_none(), "a token where none is sent");
            assert!(!url.contains(['?', '#']), "{url}");
        }
    }
    format!("{request:?} {input}")
}

fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&payload).expect("JSON")
}

/// What was signed is sent once, to whom it names.
fn spend(trial: &mut Trial, id: ActionId, proof: &str) {
    let before = *trial.proofs.entry(proof.to_owned()).or_insert(id);
    assert_eq!(before, id, "a proof is sent twice");
}

fn http(trial: &mut Trial, id: ActionId, request: &HttpRequest) -> String {
    let url = request.url.as_str();
    check_outgoing(url, trial.reach);
    assert_eq!(request.reach, trial.reach);
    trial.check_shown(url);
    let body = request.body.as_ref().map_or("", |body| body.expose());
    let spent = &trial.seat.flow.dead;
    assert!(
        !url::form_urlencoded::parse(body.as_bytes()).any(|(_, value)| spent.contains(&*value)),
        "a secret of an earlier flow"
    );
    let mut authorization = None;
    let mut proof = None;
    for header in &request.headers {
        let value = header.value.expose();
        assert!(
            value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)),
            "a header value: {value:?}"
        );
        match header.name {
            "authorization" => {
                assert!(header.value.is_secret(), "a credential that can be shown");
                authorization = Some(value);
            }
            "dpop" => {
                assert!(header.value.is_secret(), "a proof that can be shown");
                proof = Some(value);
            }
            "accept" | "content-type" | "user-agent" | "mcp-protocol-version" => {
                trial.check_shown(value);
            }
            other => panic!("a header that nobody expects: {other}"),
        }
    }
    if let Some(proof) = proof {
        spend(trial, id, proof);
        let claims = claims_of(proof);
        let (bare, _) = url.split_once('?').unwrap_or((url, ""));
        assert_eq!(claims["htu"], bare, "a proof for another URL");
        assert!(trial.ledger.knows(Endpoint::Token, url), "{url}");
    }
    match request.purpose {
        Purpose::ResourceMetadata | Purpose::ServerMetadata => {
            assert_eq!(request.method, Method::Get);
            assert!(request.body.is_none() && authorization.is_none());
        }
        Purpose::Registration => {
            assert!(trial.ledger.knows(Endpoint::Registration, url), "{url}");
            let initial = trial.settings.initial_access_token.as_ref();
            let expected = initial.map(|token| format!("Bearer {}", token.expose()));
            assert_eq!(authorization, expected.as_deref(), "a registration");
            if let Some(issuer) = &trial.settings.authorization_server {
                assert!(
                    trial.ledger.has(issuer, Endpoint::Registration, url),
                    "{url}"
                );
            }
            trial.check_shown(body);
            let document: Value = serde_json::from_str(body).expect("a registration is JSON");
            let in_browser = trial.settings.grant == GrantType::AuthorizationCode;
            assert_eq!(document["redirect_uris"][0].is_string(), in_browser);
        }
        Purpose::CodeExchange => exchange(trial, url, body, authorization),
        Purpose::Refresh => {
            let form = form_of(body);
            assert_eq!(form["grant_type"], "refresh_token");
            assert!(!form.contains_key("code") && !form.contains_key("code_verifier"));
            let token = &form["refresh_token"];
            assert!(
                trial.ledger.may_receive(token, url),
                "a refresh token goes to {url}"
            );
            client_secret(trial, url, &form, authorization);
        }
        Purpose::Grant => {
            let form = form_of(body);
            assert!(trial.ledger.knows(Endpoint::Token, url), "{url}");
            assert!(!form.contains_key("code") && !form.contains_key("refresh_token"));
            match form.get("assertion") {
                None => assert_eq!(form["grant_type"], "client_credentials"),
                Some(assertion) => {
                    assert!(form["grant_type"].ends_with(":jwt-bearer"));
                    let may = trial.ledger.may_receive(assertion, url);
                    assert!(may, "an assertion goes to {url}");
                    // A poll that a nonce was missing from has not been read.
                    if proof.is_none() {
                        spend(trial, id, assertion);
                    }
                }
            }
            client_secret(trial, url, &form, authorization);
        }
        Purpose::TokenExchange => {
            let form = form_of(body);
            assert_eq!(url, PROVIDER_TOKEN);
            let may = trial.ledger.may_receive(&form["subject_token"], url);
            assert!(may, "an identity goes to {url}");
            client_secret(trial, url, &form, authorization);
        }
        Purpose::DeviceAuthorization => {
            assert!(trial.ledger.knows(Endpoint::Device, url), "{url}");
            client_secret(trial, url, &form_of(body), authorization);
        }
        Purpose::DevicePoll => {
            let form = form_of(body);
            let may = trial.ledger.may_receive(&form["device_code"], url);
            assert!(may, "a device code goes to {url}");
            client_secret(trial, url, &form, authorization);
        }
        Purpose::PushedAuthorization => {
            assert!(trial.ledger.knows(Endpoint::Pushed, url), "{url}");
            let form = form_of(body);
            client_secret(trial, url, &form, authorization);
            trial.seat.flow.pushed = Some(form);
        }
        Purpose::Revocation => {
            assert!(trial.ledger.knows(Endpoint::Revocation, url), "{url}");
            let form = form_of(body);
            let may = trial.ledger.may_receive(&form["token"], url);
            assert!(may, "a token goes to {url}");
            client_secret(trial, url, &form, authorization);
        }
    }
    if request.purpose != Purpose::Registration
        && let Some(assertion) = form_of(body).get("client_assertion")
    {
        spend(trial, id, assertion);
        let claims = claims_of(assertion);
        let audience = claims["aud"].as_str().expect("one audience");
        assert!(
            trial.ledger.is_of(audience, url),
            "an assertion for {audience} goes to {url}"
        );
    }
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|header| (header.name, header.value.expose()))
        .collect();
    format!("{} {url} {headers:?} {body}", request.method.as_str())
}

/// The tokens in a grant record.
fn tokens_of(record: &Value) -> impl Iterator<Item = &Value> {
    let entries = record["body"]["entries"].as_array();
    entries.into_iter().flatten().map(|entry| &entry["tokens"])
}

/// A refresh token is sent under a claim of this machine that is in the store, by the store's own word, and that outlives
/// the request.
pub(crate) fn claimed(trial: &Trial, request: &HttpRequest) {
    let body = request.body.as_ref().map_or("", |body| body.expose());
    let form = form_of(body);
    let token = &form["refresh_token"];
    let tokens = tokens_of(&trial.seat.stored)
        .find(|tokens| tokens["refresh_token"] == **token)
        .expect("a refresh token that is not stored");
    let claim = &tokens["claim"];
    let ours = trial.seat.claims.contains(&claim.to_string());
    assert!(ours, "a refresh that this machine has not claimed");
    let until = claim["until"].as_u64().expect("an end");
    let end = trial.now.after(REQUEST_TIMEOUT_MS).as_millis();
    assert!(end <= until, "a claim that may run out");
}

fn exchange(trial: &Trial, url: &str, body: &str, authorization: Option<&str>) {
    let form = form_of(body);
    assert_eq!(form["grant_type"], "authorization_code");
    assert!(!form.contains_key("refresh_token"));
    assert!(trial.ledger.knows(Endpoint::Token, url), "{url}");
    client_secret(trial, url, &form, authorization);
    let flow = &trial.seat.flow;
    let Some(opened) = &flow.opened else {
        // A machine that was resumed with the code in hand.
        return;
    };
    assert!(
        trial.ledger.has(&opened.issuer, Endpoint::Token, url),
        "the code of {} goes to {url}",
        opened.issuer
    );
    if let Some(code) = &flow.code {
        assert_eq!(&form["code"], code, "another code");
    }
    let digest = Sha256::digest(form["code_verifier"].as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(digest), opened.challenge);
    assert_eq!(form["redirect_uri"], opened.redirect_uri);
    assert_eq!(form.get("resource"), opened.resource.as_ref());
}

/// The secret goes to its own issuer, in one way.
fn client_secret(
    trial: &Trial,
    url: &str,
    form: &BTreeMap<String, String>,
    authorization: Option<&str>,
) {
    let in_header = authorization.map(|value| {
        let encoded = value.strip_prefix("Basic ").expect("Basic");
        let pair = STANDARD.decode(encoded).expect("base64");
        let pair = String::from_utf8(pair).expect("text");
        let (_, secret) = pair.split_once(':').expect("id and secret");
        secret.to_owned()
    });
    let in_body = form.get("client_secret").cloned();
    assert!(in_header.is_none() || in_body.is_none(), "sent twice");
    if let Some(secret) = in_body {
        assert!(
            trial.ledger.may_receive(&secret, url),
            "a client secret goes to {url}"
        );
    }
    if let Some(secret) = in_header {
        let decoded = form::pairs(&secret)
            .next()
            .and_then(Result::ok)
            .map(|(name, _)| name.into_owned());
        let known = [Some(secret), decoded]
            .into_iter()
            .flatten()
            .any(|secret| secret.is_empty() || trial.ledger.may_receive(&secret, url));
        assert!(known, "a client secret goes to {url}");
    }
}

fn open_url(trial: &mut Trial, open: &OpenUrl) -> String {
    let url = open.url.expose();
    check_outgoing(url, trial.reach);
    check_outgoing(open.issuer.as_str(), trial.reach);
    redirect(trial, &open.redirect_uri);
    if let Some(mark) = trial.ledger.mark_in(url) {
        panic!("a secret ({mark}) in the authorization URL {url}");
    }
    let flow = &trial.seat.flow;
    for dead in flow.dead.iter().chain(&flow.verifier) {
        assert!(!url.contains(dead.as_str()), "{dead} in {url}");
    }
    let issuer = open.issuer.as_str();
    assert!(
        trial
            .ledger
            .urls(issuer)
            .any(|known| url.starts_with(known)),
        "{url} is none of {issuer}"
    );
    let (_, query) = url.split_once('?').expect("a query");
    let mut form = form_of(query);
    if form.contains_key("request_uri") {
        let names: Vec<_> = form.keys().map(String::as_str).collect();
        assert!(
            !names.contains(&"state") && names.contains(&"client_id"),
            "{url}"
        );
        match trial.seat.flow.pushed.take() {
            Some(pushed) => form = pushed,
            // A machine that was resumed after the request was handed over.
            None => {
                trial.seat.flow.unseen = true;
                return url.into();
            }
        }
    }
    assert_eq!(form["response_type"], "code");
    assert_eq!(form["code_challenge_method"], "S256");
    assert_eq!(form["code_challenge"].len(), 43);
    assert_eq!(form["state"], open.state.expose());
    assert_eq!(form["redirect_uri"], *open.redirect_uri);
    let omitted = trial.settings.deviations.omit_resource;
    assert_eq!(form.contains_key("resource"), !omitted);
    trial.seat.flow.opened = Some(Opened {
        state: open.state.expose().into(),
        challenge: form["code_challenge"].clone(),
        issuer: issuer.into(),
        redirect_uri: open.redirect_uri.to_string(),
        resource: form.get("resource").cloned(),
    });
    url.into()
}

fn store(trial: &mut Trial, op: &StoreOp) -> String {
    let key = op.key();
    trial.check_shown(key.as_str());
    let StoreOp::Save {
        expected,
        generation,
        record,
        ..
    } = op
    else {
        return format!("{op:?}");
    };
    let text = std::str::from_utf8(record.expose()).expect("a record is text");
    let json: Value = serde_json::from_str(text).expect("a record is JSON");
    assert_eq!(json["generation"].as_u64(), Some(*generation));
    match key.slot() {
        Slot::Flow => {
            let marks = &trial.world.marks;
            for mark in [&marks.access, &marks.refresh, &marks.code] {
                assert!(!text.contains(mark.as_str()), "{mark} in a flow record");
            }
            let pending = &json["body"]["phase"]["AwaitingCallback"];
            let verifier = pending["verifier"].as_str().expect("a verifier");
            trial.ledger.learn_drawn(verifier);
            trial.seat.flow.verifier = Some(verifier.into());
            if let Some(state) = pending["state"].as_str() {
                trial.ledger.learn_drawn(state);
                assert_eq!(key, &StoreKey::flow(state));
            }
        }
        Slot::Grant => {
            assert_eq!(key, &StoreKey::grant("", &trial.settings.server_url));
            assert_eq!(*generation, expected.unwrap_or(0) + 1);
            let entries = json["body"]["entries"].as_array().expect("entries");
            for entry in entries {
                let issuer = entry["issuer"].as_str().expect("an issuer");
                let claim = &entry["tokens"]["claim"];
                let known = tokens_of(&trial.seat.stored).any(|tokens| tokens["claim"] == *claim);
                if !known {
                    trial.seat.claims.insert(claim.to_string());
                }
                if let Some(url) = entry["tokens"]["token_endpoint"].as_str() {
                    assert!(
                        trial.ledger.has(issuer, Endpoint::Token, url),
                        "{url} is no token endpoint of {issuer}"
                    );
                }
            }
            let flow = &trial.seat.flow;
            let drawn = flow.opened.as_ref().map(|opened| &opened.state);
            for secret in drawn.into_iter().chain(&flow.verifier).chain(&flow.dead) {
                assert!(!text.contains(secret.as_str()), "{secret} in a grant");
            }
        }
    }
    trial.ledger.learn_record(&json);
    format!("{op:?} {text}")
}

/// Tokens are given out only where they are for.
pub(crate) fn use_of_tokens(trial: &Trial) {
    let server = trial.settings.server_url.as_str();
    let machine = &trial.seat.machine;
    if machine.request_headers("POST", server, trial.now) == RequestHeaders::Absent {
        return;
    }
    let host = if trial.reach == Reach::Loopback {
        "127.0.0.1:8080"
    } else {
        "mcp.example"
    };
    let near = [
        server.to_owned(),
        format!("{server}/below?x=1"),
        format!("{server}/../above"),
        format!("{server}/%2e%2e/above"),
        format!("{server}-beside"),
        server.replace("/mcp", ""),
        server.replace("/mcp", "/"),
        server.replace(host, &format!("{host}.evil.example")),
        server.replace(host, &format!("{host}@evil.example")),
        server.replace(host, &format!("evil.example/{host}")),
        server.replace("example/", "example:8443/"),
        ISSUER.to_owned(),
        "https://evil.example/mcp".to_owned(),
    ];
    let held = trial.held();
    let tokens = &held["body"]["grant"]["entries"][0]["tokens"];
    for url in &near {
        let authorization = match machine.request_headers("POST", url, trial.now) {
            RequestHeaders::Ready(authorization) => authorization,
            RequestHeaders::Sign(proof) => proof.authorization(),
            RequestHeaders::RefreshDue | RequestHeaders::Absent => continue,
        };
        let covers = tokens["resource"]["covers"].as_str().expect("a resource");
        assert!(
            second_url::lies_within(url, covers),
            "the token for {covers} goes to {url}"
        );
        let value = authorization.expose();
        assert_eq!(tokens["authorization"], value);
        assert!(value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
        assert_eq!(tokens["generation"], authorization.generation());
    }
}
