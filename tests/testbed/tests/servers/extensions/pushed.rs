//! Are authorization requests taken that were pushed before, once and as they were?

use super::proofs::offered as with_proofs;
use super::setting::{CLIENT, Setting, Told, known_client, proof, proof_claims, with_key};
use crate::honest::{Form, pairs, random};
use crate::keys::Key;
use crate::scene::with;
use mcp_oauth_testbed::{Behaviour, Endpoint, Nonce, Rule};
use serde_json::json;

async fn setting(change: impl FnOnce(&mut Behaviour)) -> Setting {
    let mut behaviour = Behaviour::default();
    behaviour.pushed.offered = true;
    known_client(&mut behaviour, |_| {});
    change(&mut behaviour);
    Setting::new(behaviour).await
}

impl Setting {
    async fn pushed(&self, form: &Form) -> Told {
        self.told(self.post("par", form)).await
    }
}

fn reference(client: &str, uri: &str) -> Form {
    pairs(&[("client_id", client), ("request_uri", uri)])
}

#[tokio::test]
async fn a_request_that_was_pushed() {
    let setting = setting(|b| b.pushed.required = true).await;
    let metadata = setting.metadata().await;
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    let verifier = random();
    let form = setting.authorization(&verifier);
    let answer = setting.pushed(&form).await;
    assert_eq!(
        (answer.status, &answer.body["expires_in"]),
        (201, &json!(60))
    );
    let uri = answer.text("request_uri");
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:"));
    let back = setting.redirected(&reference(CLIENT, uri)).await;
    assert!(form.contains(&("state".into(), back["state"].clone())));
    let form = setting.redemption(&back["code"], &verifier);
    let form = with(&form, "client_id", CLIENT);
    let tokens = setting.told(setting.post("token", &form)).await;
    assert_eq!(tokens.status, 200);
    assert_eq!(setting.bed.counts().pushed_requests, 1);
    assert_eq!(setting.held(), []);
    // Others are not taken, where the server says so.
    let back = setting.redirected(&setting.authorization(&random())).await;
    assert_eq!(back["error"], "invalid_request");
    assert_eq!(
        setting.held(),
        [(Endpoint::Authorization, Rule::RequestUri)]
    );
}

#[tokio::test]
async fn wrong_pushed_requests() {
    for (name, value, error, rule) in [
        ("request_uri", "urn:a", "invalid_request", Rule::RequestUri),
        ("redirect_uri", "", "invalid_request", Rule::Missing),
        (
            "redirect_uri",
            "https://evil.example.com",
            "invalid_request",
            Rule::RedirectUri,
        ),
        ("code_challenge", "", "invalid_request", Rule::Pkce),
        ("resource", "", "invalid_target", Rule::Resource),
        ("scope", "admin", "invalid_scope", Rule::Scope),
        ("audience", "notes", "invalid_request", Rule::Unknown),
        ("client_id", "made-up", "invalid_client", Rule::ClientIssuer),
    ] {
        let setting = setting(|_| {}).await;
        let form = with(&setting.authorization(&random()), name, value);
        let told = setting.pushed(&form).await;
        assert_eq!(told.text("error"), error, "{name}");
        assert_eq!(setting.held(), [(Endpoint::PushedAuthorization, rule)]);
    }
}

#[tokio::test]
async fn wrong_references() {
    let setting = setting(|b| known_client(b, |client| client.client_id = "another".into())).await;
    let refused = async |query: &Form| {
        let before = setting.held().len();
        let told = setting.told(setting.browse(query)).await;
        assert_eq!(told.status, 400);
        let held = setting.held().split_off(before);
        assert_eq!(held, [(Endpoint::Authorization, Rule::RequestUri)]);
    };
    let answer = setting.pushed(&setting.authorization(&random())).await;
    let uri = answer.text("request_uri");
    refused(&reference("another", uri)).await;
    refused(&reference(
        CLIENT,
        "urn:ietf:params:oauth:request_uri:made-up",
    ))
    .await;
    refused(&with(&reference(CLIENT, uri), "state", &random())).await;
    setting.redirected(&reference(CLIENT, uri)).await;
    refused(&reference(CLIENT, uri)).await;

    setting.bed.set(|b| b.pushed.lifetime = 0);
    let answer = setting.pushed(&setting.authorization(&random())).await;
    let before = setting.held().len();
    let query = reference(CLIENT, answer.text("request_uri"));
    assert_eq!(setting.told(setting.browse(&query)).await.status, 400);
    // A person may take longer, which is nobody's fault.
    assert_eq!(setting.held().len(), before);
}

#[tokio::test]
async fn a_client_shows_who_it_is_when_it_pushes() {
    let key = Key::new();
    let mut behaviour = Behaviour::default();
    behaviour.pushed.offered = true;
    behaviour.server_metadata.endpoint_query = Some("tenant=1".into());
    with_key(&mut behaviour, &key);
    let setting = Setting::new(behaviour).await;
    let form = setting.authorization(&random());
    assert_eq!(setting.pushed(&form).await.text("error"), "invalid_client");
    let assertion = super::setting::by_assertion(&setting.assertion(&key));
    let form = [with(&form, "client_id", ""), assertion].concat();
    let answer = setting.pushed(&form).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let query = reference(CLIENT, answer.text("request_uri"));
    let back = setting.redirected(&with(&query, "tenant", "1")).await;
    assert!(back.contains_key("code"));
    let held = setting.held();
    let rule = Rule::ClientAuthentication;
    assert_eq!(held, [(Endpoint::PushedAuthorization, rule)]);
}

#[tokio::test]
async fn a_proof_that_comes_with_a_pushed_request_binds_the_code() {
    let mut behaviour = with_proofs();
    behaviour.pushed.offered = true;
    behaviour.dpop.server_nonce = Nonce::Required;
    let (key, other, setting) = (Key::new(), Key::new(), Setting::new(behaviour).await);
    let push = async |verifier: &str, nonce: Option<&str>, also: &[(&str, &str)]| {
        let form = [setting.authorization(verifier), pairs(also)].concat();
        let mut claims = proof_claims("POST", &setting.url("par"));
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let request = setting.post("par", &form);
        setting
            .told(request.header("DPoP", proof(&key, &claims)))
            .await
    };
    let told = push(&random(), None, &[]).await;
    assert_eq!(told.text("error"), "use_dpop_nonce");
    let nonce = told.nonce.unwrap();
    let jkt = other.thumbprint();
    let told = push(&random(), Some(&nonce), &[("dpop_jkt", &jkt)]).await;
    assert_eq!(told.text("error"), "invalid_request");
    let held = setting.held();
    assert_eq!(held, [(Endpoint::PushedAuthorization, Rule::Binding)]);
    let verifier = random();
    let answer = push(&verifier, Some(&nonce), &[]).await;
    let query = reference(CLIENT, answer.text("request_uri"));
    let back = setting.redirected(&query).await;
    setting.bed.set(|b| b.dpop.server_nonce = Nonce::Never);
    let form = setting.redemption(&back["code"], &verifier);
    assert_eq!(setting.proven(&form, &other).await.status, 400);
    assert_eq!(setting.proven(&form, &key).await.status, 200);
    assert_eq!(setting.held()[1..], [(Endpoint::Token, Rule::Binding)]);
}

#[tokio::test]
async fn authorization_details() {
    let details = json!([{"type": "notes", "actions": ["read"]}]);
    let text = details.to_string();
    let types = vec!["notes".to_owned()];
    let setting = setting(|b| b.authorization.details_types = types).await;
    let listed = &setting.metadata().await["authorization_details_types_supported"];
    assert_eq!(listed, &json!(["notes"]));
    let form = setting.exchange(&[("authorization_details", &text)]).await;
    let form = with(&form, "client_id", CLIENT);
    let tokens = setting.told(setting.post("token", &form)).await;
    assert_eq!(tokens.body["authorization_details"], details);
    for wrong in [r#"[{"type": "mail"}]"#, r#"{"type": "notes"}"#, "notes"] {
        let query = setting.authorization(&random());
        let query = with(&query, "authorization_details", wrong);
        let back = setting.redirected(&query).await;
        assert_eq!(back["error"], "invalid_authorization_details");
    }
    setting.bed.set(|b| b.authorization.details_types.clear());
    let query = with(
        &setting.authorization(&random()),
        "authorization_details",
        &text,
    );
    let back = setting.redirected(&query).await;
    assert_eq!(back["error"], "invalid_request");
    let rules: Vec<_> = setting.held().into_iter().map(|(_, rule)| rule).collect();
    assert_eq!(rules, [Rule::Form, Rule::Form, Rule::Form, Rule::Unknown]);
}
