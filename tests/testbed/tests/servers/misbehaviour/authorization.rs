//! Which authorization requests are held against the client?

use crate::honest::encoded;
use crate::scene::{Scene, url, with};
use mcp_oauth_testbed::{Behaviour, Endpoint, Rule};

#[tokio::test]
async fn wrong_authorization_requests() {
    let long = "a".repeat(43) + "=";
    let cases: [(&str, &str, u16, &str, Rule); 20] = [
        ("client_id", "", 400, "client_id", Rule::Missing),
        ("client_id", "made-up", 400, "not known", Rule::ClientIssuer),
        ("redirect_uri", "", 400, "redirect_uri", Rule::Missing),
        (
            "redirect_uri",
            "http://127.0.0.1:1/callback",
            400,
            "not registered",
            Rule::RedirectUri,
        ),
        (
            "redirect_uri",
            "http://127.0.0.1:49152/callback/",
            400,
            "",
            Rule::RedirectUri,
        ),
        ("response_type", "", 302, "invalid_request", Rule::Missing),
        (
            "response_type",
            "token",
            302,
            "unsupported_response_type",
            Rule::Form,
        ),
        ("state", "", 302, "invalid_request", Rule::State),
        ("state", "12345678", 302, "invalid_request", Rule::State),
        ("code_challenge", "", 302, "invalid_request", Rule::Pkce),
        (
            "code_challenge",
            "short",
            302,
            "invalid_request",
            Rule::Pkce,
        ),
        ("code_challenge", &long, 302, "invalid_request", Rule::Pkce),
        (
            "code_challenge_method",
            "",
            302,
            "invalid_request",
            Rule::Pkce,
        ),
        (
            "code_challenge_method",
            "plain",
            302,
            "invalid_request",
            Rule::Pkce,
        ),
        ("resource", "", 302, "invalid_target", Rule::Resource),
        (
            "resource",
            "https://mcp.example.com/mcp",
            302,
            "invalid_target",
            Rule::Resource,
        ),
        (
            "scope",
            "notes:read notes:read",
            302,
            "invalid_scope",
            Rule::Scope,
        ),
        (
            "scope",
            "notes:read admin",
            302,
            "invalid_scope",
            Rule::Scope,
        ),
        (
            "scope",
            "notes:read  notes:write",
            302,
            "invalid_scope",
            Rule::Scope,
        ),
        ("audience", "notes", 302, "invalid_request", Rule::Unknown),
    ];
    for (name, value, status, error, rule) in cases {
        let scene = Scene::new().await;
        let query = with(&scene.authorization(&Scene::verifier()), name, value);
        let url = format!("{}?{}", scene.url("authorization"), encoded(&query));
        let response = scene.http.get(url).send().await.unwrap();
        scene
            .held(response, status, error, Endpoint::Authorization, rule)
            .await;
        assert_eq!(scene.bed.counts().authorizations, 0);
    }
}

#[tokio::test]
async fn authorization_requests_that_repeat_something() {
    for (name, status, error) in [
        ("state", 302, "invalid_request"),
        ("resource", 302, "invalid_request"),
        ("redirect_uri", 400, "redirect_uri"),
    ] {
        let scene = Scene::new().await;
        let mut query = scene.authorization(&Scene::verifier());
        query.extend(query.clone().into_iter().filter(|(n, _)| n == name));
        let url = format!("{}?{}", scene.url("authorization"), encoded(&query));
        let response = scene.http.get(url).send().await.unwrap();
        scene
            .held(
                response,
                status,
                error,
                Endpoint::Authorization,
                Rule::Duplicate,
            )
            .await;
    }
    // Values of an earlier request.
    for (name, rule) in [("state", Rule::State), ("code_challenge", Rule::Pkce)] {
        let scene = Scene::new().await;
        let first = scene.authorization(&Scene::verifier());
        scene
            .client
            .browse(&scene.url("authorization"), &first)
            .await
            .unwrap();
        let old = first.iter().find(|(n, _)| n == name).unwrap();
        let second = with(&scene.authorization(&Scene::verifier()), name, &old.1);
        let url = format!("{}?{}", scene.url("authorization"), encoded(&second));
        let response = scene.http.get(url).send().await.unwrap();
        scene
            .held(
                response,
                302,
                "invalid_request",
                Endpoint::Authorization,
                rule,
            )
            .await;
    }
}

#[tokio::test]
async fn a_scope_beyond_the_registered_one() {
    let mut behaviour = Behaviour::default();
    behaviour.registration.scope_when_absent = Some("notes:read".into());
    let scene = Scene::with(behaviour, "none").await;
    let query = with(
        &scene.authorization(&Scene::verifier()),
        "scope",
        "notes:read offline_access",
    );
    let url = format!("{}?{}", scene.url("authorization"), encoded(&query));
    let response = scene.http.get(url).send().await.unwrap();
    scene
        .held(
            response,
            302,
            "invalid_scope",
            Endpoint::Authorization,
            Rule::Scope,
        )
        .await;
}

#[tokio::test]
async fn an_authorization_request_by_post_or_with_a_secret() {
    let scene = Scene::new().await;
    let response = scene
        .post("authorization", &scene.authorization(&Scene::verifier()))
        .await;
    scene
        .held(response, 405, "", Endpoint::Authorization, Rule::Method)
        .await;

    let scene = Scene::new().await;
    let query = with(
        &scene.authorization(&Scene::verifier()),
        "code_verifier",
        &Scene::verifier(),
    );
    scene
        .client
        .browse(&scene.url("authorization"), &query)
        .await
        .unwrap();
    let rules: Vec<_> = scene.bed.breaches().iter().map(|b| b.rule).collect();
    assert_eq!(rules, [Rule::SecretInUrl, Rule::Unknown]);
}

#[tokio::test]
async fn a_client_identifier_at_another_server() {
    let scene = Scene::new().await;
    scene.bed.migrate_to_second_issuer();
    let second = scene.client.discover("").await.unwrap();
    assert_ne!(second.issuer, scene.servers.issuer);
    let query = scene.authorization(&Scene::verifier());
    let url = format!("{}?{}", url(&second, "authorization"), encoded(&query));
    let response = scene.http.get(url).send().await.unwrap();
    scene
        .held(
            response,
            400,
            "not known",
            Endpoint::Authorization,
            Rule::ClientIssuer,
        )
        .await;
}
