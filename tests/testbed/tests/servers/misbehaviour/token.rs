//! Which token and revocation requests are held against the client?

use crate::honest::{Form, pairs};
use crate::scene::{METHODS, Scene, registration, with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_oauth_testbed::{Behaviour, Endpoint, Rule};
use reqwest::{Method, Request};
use serde_json::{Value, json};
use std::collections::HashMap;
use url::form_urlencoded::parse;

#[tokio::test]
async fn wrong_code_exchanges() {
    let other = Scene::verifier();
    let cases: [(&str, &str, &str, Rule); 16] = [
        ("grant_type", "", "invalid_request", Rule::Missing),
        (
            "grant_type",
            "password",
            "unsupported_grant_type",
            Rule::Form,
        ),
        ("code", "", "invalid_request", Rule::Missing),
        ("code", "made-up", "invalid_grant", Rule::Code),
        ("code_verifier", "", "invalid_request", Rule::Missing),
        ("code_verifier", &other, "invalid_grant", Rule::Pkce),
        ("code_verifier", "short", "invalid_grant", Rule::Pkce),
        ("redirect_uri", "", "invalid_request", Rule::Missing),
        (
            "redirect_uri",
            "http://127.0.0.1:49152/callback/",
            "invalid_grant",
            Rule::RedirectUri,
        ),
        ("resource", "", "invalid_target", Rule::Resource),
        (
            "resource",
            "https://mcp.example.com/mcp",
            "invalid_target",
            Rule::Resource,
        ),
        (
            "client_id",
            "",
            "invalid_client",
            Rule::ClientAuthentication,
        ),
        ("client_id", "made-up", "invalid_client", Rule::ClientIssuer),
        (
            "client_secret",
            "none-was-issued",
            "invalid_client",
            Rule::ClientAuthentication,
        ),
        ("scope", "notes:read", "invalid_request", Rule::Unknown),
        ("state", "something", "invalid_request", Rule::Unknown),
    ];
    for (name, value, error, rule) in cases {
        let scene = Scene::new().await;
        let form = with(&scene.exchange().await, "client_id", &scene.registered.id);
        let response = scene.post("token", &with(&form, name, value)).await;
        let status = if error == "invalid_client" { 401 } else { 400 };
        scene
            .held(response, status, error, Endpoint::Token, rule)
            .await;
        assert_eq!(scene.bed.counts().code_exchanges, 0);
    }
}

#[tokio::test]
async fn token_requests_sent_the_wrong_way() {
    type Change = fn(&mut Request);
    fn text(request: &Request) -> String {
        String::from_utf8(request.body().unwrap().as_bytes().unwrap().to_vec()).unwrap()
    }
    let cases: [(Change, u16, Rule); 7] = [
        (|r| *r.method_mut() = Method::GET, 405, Rule::Method),
        (|r| *r.method_mut() = Method::PUT, 405, Rule::Method),
        (|r| r.url_mut().set_query(Some("tenant=1")), 400, Rule::Url),
        (
            |r| {
                r.headers_mut()
                    .insert("content-type", "application/json".parse().unwrap());
                let form = text(r);
                let json: HashMap<_, _> = parse(form.as_bytes()).into_owned().collect();
                *r.body_mut() = Some(json!(json).to_string().into());
            },
            400,
            Rule::ContentType,
        ),
        (
            |r| *r.body_mut() = Some((text(r) + "&resource=again").into()),
            400,
            Rule::Duplicate,
        ),
        (
            |r| *r.body_mut() = Some((text(r) + "&client_secret=").into()),
            400,
            Rule::Empty,
        ),
        (
            |r| {
                r.headers_mut()
                    .append("content-type", "text/plain".parse().unwrap());
            },
            400,
            Rule::ContentType,
        ),
    ];
    for (change, status, rule) in cases {
        let scene = Scene::new().await;
        let form = with(&scene.exchange().await, "client_id", &scene.registered.id);
        let mut request = scene
            .http
            .post(scene.url("token"))
            .form(&form)
            .build()
            .unwrap();
        change(&mut request);
        let response = scene.http.execute(request).await.unwrap();
        scene
            .held(response, status, "invalid_request", Endpoint::Token, rule)
            .await;
    }
}

#[tokio::test]
async fn wrong_client_authentication() {
    enum Send {
        Nothing,
        Post,
        Basic,
        RawBasic,
        Both,
        IdBesides,
        WrongSecret,
        Bearer,
    }
    use Send::*;
    let multiple = "multiple authentication methods";
    let cases = [
        ("client_secret_basic", Nothing, 401, "invalid_client"),
        ("client_secret_basic", Post, 401, "invalid_client"),
        ("client_secret_basic", RawBasic, 401, "invalid_client"),
        ("client_secret_basic", Both, 400, multiple),
        ("client_secret_basic", IdBesides, 400, multiple),
        ("client_secret_basic", WrongSecret, 401, "invalid_client"),
        ("client_secret_basic", Bearer, 401, "invalid_client"),
        ("client_secret_post", Basic, 401, "invalid_client"),
        ("client_secret_post", Both, 400, multiple),
        ("none", Basic, 401, "invalid_client"),
    ];
    for (method, send, status, error) in cases {
        let mut behaviour = Behaviour::default();
        behaviour.registration.reserved_characters_in_secret = true;
        let scene = Scene::with(behaviour, method).await;
        let mut form = scene.exchange().await;
        let (id, secret) = (
            &scene.registered.id,
            scene.registered.secret.clone().unwrap_or_default(),
        );
        let half =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let (authorization, body) = match send {
            Nothing => (None, vec![("client_id", id.as_str())]),
            Post => (
                None,
                vec![("client_id", id.as_str()), ("client_secret", &secret)],
            ),
            Basic => (Some(basic(&half(&secret))), vec![]),
            RawBasic => (Some(basic(&secret)), vec![]),
            Both => (
                Some(basic(&half(&secret))),
                vec![("client_id", id.as_str()), ("client_secret", &secret)],
            ),
            IdBesides => (
                Some(basic(&half(&secret))),
                vec![("client_id", id.as_str())],
            ),
            WrongSecret => (Some(basic("wrong")), vec![]),
            Bearer => (Some(format!("Bearer {secret}")), vec![]),
        };
        form.extend(pairs(&body));
        let mut request = scene.http.post(scene.url("token")).form(&form);
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        let response = request.send().await.unwrap();
        let rule = Rule::ClientAuthentication;
        scene
            .held(response, status, error, Endpoint::Token, rule)
            .await;
    }
    for method in METHODS {
        let scene = Scene::with(Behaviour::default(), method).await;
        scene.tokens().await;
        assert_eq!(scene.bed.breaches(), []);
    }
}

#[tokio::test]
async fn a_code_that_comes_twice_costs_the_tokens() {
    let scene = Scene::new().await;
    let form = scene.exchange().await;
    let (metadata, client) = (&scene.servers.metadata, &scene.registered);
    let tokens = scene
        .client
        .token(metadata, client, form.clone())
        .await
        .unwrap();
    let response = scene
        .post("token", &with(&form, "client_id", &client.id))
        .await;
    scene
        .held(response, 400, "invalid_grant", Endpoint::Token, Rule::Code)
        .await;
    let refused = scene
        .client
        .token(metadata, client, scene.refresh(&tokens))
        .await;
    assert_eq!(refused, Err("invalid_grant".into()));
}

#[tokio::test]
async fn a_code_of_another_client() {
    let scene = Scene::new().await;
    let form = scene.exchange().await;
    let request = scene
        .http
        .post(scene.url("registration"))
        .json(&registration());
    let other: Value = request.send().await.unwrap().json().await.unwrap();
    let form = with(&form, "client_id", other["client_id"].as_str().unwrap());
    let response = scene.post("token", &form).await;
    scene
        .held(response, 400, "invalid_grant", Endpoint::Token, Rule::Code)
        .await;
}

#[tokio::test]
async fn wrong_refreshes() {
    let cases: [(&str, &str, &str, Rule); 6] = [
        ("refresh_token", "", "invalid_request", Rule::Missing),
        ("refresh_token", "made-up", "invalid_grant", Rule::Token),
        ("resource", "", "invalid_target", Rule::Resource),
        (
            "resource",
            "https://mcp.example.com/mcp",
            "invalid_target",
            Rule::Resource,
        ),
        (
            "scope",
            "notes:read notes:write",
            "invalid_scope",
            Rule::Scope,
        ),
        (
            "redirect_uri",
            "http://127.0.0.1:49152/callback",
            "invalid_request",
            Rule::Unknown,
        ),
    ];
    for (name, value, error, rule) in cases {
        let scene = Scene::new().await;
        let form = scene.refresh(&scene.tokens().await);
        let form = with(&form, "client_id", &scene.registered.id);
        let response = scene.post("token", &with(&form, name, value)).await;
        scene
            .held(response, 400, error, Endpoint::Refresh, rule)
            .await;
        assert_eq!(scene.bed.counts().refreshes, 0);
    }
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_costs_the_grant() {
    let scene = Scene::new().await;
    let (metadata, client) = (&scene.servers.metadata, &scene.registered);
    let old = scene.refresh(&scene.tokens().await);
    let new = scene
        .client
        .token(metadata, client, old.clone())
        .await
        .unwrap();
    let form = with(&old, "client_id", &client.id);
    let response = scene.post("token", &form).await;
    scene
        .held(
            response,
            400,
            "invalid_grant",
            Endpoint::Refresh,
            Rule::RefreshReuse,
        )
        .await;
    assert_eq!(scene.bed.counts().reuse_detections, 1);
    let refused = scene
        .client
        .token(metadata, client, scene.refresh(&new))
        .await;
    assert_eq!(refused, Err("invalid_grant".into()));
    // The newest token was good until then, so using it is nothing to hold against the client.
    assert_eq!(scene.bed.breaches().len(), 1);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_taken_again_while_nobody_has_used_its_successor() {
    let mut behaviour = Behaviour::default();
    behaviour.refresh.grace = 60;
    let scene = Scene::with(behaviour, "none").await;
    let (metadata, client) = (&scene.servers.metadata, &scene.registered);
    let token = async |form: Form| scene.client.token(metadata, client, form).await;
    let old = scene.refresh(&scene.tokens().await);
    token(old.clone()).await.unwrap();
    let again = scene.refresh(&token(old.clone()).await.unwrap());
    assert_eq!(scene.bed.counts().grace_refreshes, 1);

    token(again).await.unwrap();
    assert_eq!(scene.bed.breaches(), []);
    assert_eq!(token(old).await, Err("invalid_grant".into()));
    let counts = scene.bed.counts();
    assert_eq!((counts.refreshes, counts.grace_refreshes), (3, 1));
    assert_eq!(counts.reuse_detections, 1);
    assert_eq!(scene.bed.breaches().len(), 1);
}

#[tokio::test]
async fn wrong_revocations() {
    let cases: [(&str, &str, u16, &str, Rule); 4] = [
        ("token", "", 400, "invalid_request", Rule::Missing),
        (
            "client_id",
            "",
            401,
            "invalid_client",
            Rule::ClientAuthentication,
        ),
        (
            "token_type_hint",
            "id_token",
            400,
            "unsupported_token_type",
            Rule::Form,
        ),
        (
            "resource",
            "https://mcp.example.com",
            400,
            "invalid_request",
            Rule::Unknown,
        ),
    ];
    for (name, value, status, error, rule) in cases {
        let scene = Scene::new().await;
        let tokens = scene.tokens().await;
        let token = tokens["refresh_token"].as_str().unwrap();
        let form = pairs(&[("token", token), ("client_id", &scene.registered.id)]);
        let response = scene.post("revocation", &with(&form, name, value)).await;
        scene
            .held(response, status, error, Endpoint::Revocation, rule)
            .await;
        assert_eq!(scene.bed.counts().revocations, 0);
    }
}
