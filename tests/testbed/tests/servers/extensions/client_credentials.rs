//! Does a client get tokens of its own, and only one that may?

use super::setting::{CLIENT, Setting, known_client, with_key};
use crate::honest::{Form, pairs};
use crate::keys::Key;
use crate::scene::with;
use mcp_oauth_testbed::{Behaviour, Endpoint, Rule};
use reqwest::RequestBuilder;

fn offered() -> Behaviour {
    let mut behaviour = Behaviour::default();
    behaviour.client_credentials.offered = true;
    behaviour
}

async fn with_secret(method: &str) -> Setting {
    let mut behaviour = offered();
    known_client(&mut behaviour, |client| {
        client.client_secret = Some("a-secret".into());
        client.token_endpoint_auth_method = Some(method.into());
    });
    Setting::new(behaviour).await
}

fn form(setting: &Setting) -> Form {
    pairs(&[
        ("grant_type", "client_credentials"),
        ("scope", "notes:read"),
        ("resource", &setting.bed.mcp_url()),
    ])
}

fn basic(setting: &Setting, form: &Form) -> RequestBuilder {
    let request = setting.post("token", form);
    request.basic_auth(CLIENT, Some("a-secret"))
}

#[tokio::test]
async fn by_secret_and_by_key() {
    let setting = with_secret("client_secret_basic").await;
    let grants = &setting.metadata().await["grant_types_supported"];
    assert!(grants.to_string().contains("client_credentials"));
    let tokens = setting.told(basic(&setting, &form(&setting))).await;
    assert_eq!(tokens.status, 200);
    assert_eq!(tokens.body.get("refresh_token"), None);
    let call = setting.call().bearer_auth(tokens.text("access_token"));
    let answer = setting.told(call).await.body.to_string();
    assert!(answer.contains(CLIENT), "{answer}");

    let setting = with_secret("client_secret_post").await;
    let secret = pairs(&[("client_id", CLIENT), ("client_secret", "a-secret")]);
    let form_with_secret = [form(&setting), secret].concat();
    let request = setting.post("token", &form_with_secret);
    assert_eq!(setting.told(request).await.status, 200);

    let key = Key::new();
    let mut behaviour = offered();
    behaviour.client_credentials.refresh_token = true;
    with_key(&mut behaviour, &key);
    let setting = Setting::new(behaviour).await;
    let assertion = setting.assertion(&key);
    let tokens = setting.asserted(&form(&setting), &assertion).await;
    assert!(!tokens.text("refresh_token").is_empty());
    assert_eq!(setting.bed.counts().client_credentials, 1);
    assert_eq!(setting.held(), []);
}

#[tokio::test]
async fn wrong_requests() {
    let cases: [(&str, &str, &str, Rule); 5] = [
        ("resource", "", "invalid_target", Rule::Resource),
        (
            "resource",
            "https://mcp.example.com",
            "invalid_target",
            Rule::Resource,
        ),
        ("scope", "admin", "invalid_scope", Rule::Scope),
        ("code", "code", "invalid_request", Rule::Unknown),
        (
            "grant_type",
            "password",
            "unsupported_grant_type",
            Rule::Form,
        ),
    ];
    for (name, value, error, rule) in cases {
        let setting = with_secret("client_secret_basic").await;
        let form = with(&form(&setting), name, value);
        let form = match name {
            "grant_type" => with(&form, "scope", ""),
            _ => form,
        };
        let told = setting.told(basic(&setting, &form)).await;
        assert_eq!((told.status, told.text("error")), (400, error));
        assert_eq!(setting.held(), [(Endpoint::Token, rule)]);
    }
}

#[tokio::test]
async fn clients_that_may_not() {
    // A public one, one that is registered for other grants, and any where the grant is not offered.
    let mut public = offered();
    known_client(&mut public, |_| {});
    let mut other = offered();
    known_client(&mut other, |client| {
        client.client_secret = Some("a-secret".into());
        client.grant_types = Some(vec!["authorization_code".into()]);
    });
    let mut none = other.clone();
    none.client_credentials.offered = false;
    let no_credentials = ("unauthorized_client", Rule::ClientAuthentication);
    let unauthorized = ("unauthorized_client", Rule::Registration);
    let unsupported = ("unsupported_grant_type", Rule::Form);
    for (behaviour, public, (error, rule)) in [
        (public, true, no_credentials),
        (other, false, unauthorized),
        (none, false, unsupported),
    ] {
        let setting = Setting::new(behaviour).await;
        let form = form(&setting);
        let request = match public {
            true => setting.post("token", &with(&form, "client_id", CLIENT)),
            false => basic(&setting, &form),
        };
        let told = setting.told(request).await;
        assert_eq!((told.status, told.text("error")), (400, error));
        assert_eq!(setting.held(), [(Endpoint::Token, rule)]);
    }
}
