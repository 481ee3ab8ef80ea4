//! Is a client refused, and nothing held against it, where the server alone is peculiar?

use crate::honest::{Client, Form, encoded};
use crate::scene::{Scene, registration, with};
use mcp_oauth_testbed::{Behaviour, GrantTypes, LoopbackPort, Miss, ResourceRule, Secret, Testbed};
use reqwest::Response;
use serde_json::{Value, json};

async fn register(scene: &Scene, name: &str, value: Value) -> (u16, String) {
    let mut body = registration();
    body[name] = value;
    let request = scene.http.post(scene.url("registration")).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn registrations() {
    type Bend = fn(&mut Behaviour);
    let codes = json!(["authorization_code"]);
    let bad = "invalid_client_metadata";
    let cases: [(Bend, &str, Value, u16, &str); 9] = [
        (
            |b| b.registration.grant_types = GrantTypes::ExactlyCodeAndRefresh,
            "grant_types",
            codes,
            400,
            bad,
        ),
        (
            |b| b.registration.refused_members = vec!["application_type".into()],
            "application_type",
            json!("native"),
            400,
            bad,
        ),
        (
            |b| b.registration.refused_name_part = Some("notes inc".into()),
            "client_name",
            json!("The Notes Inc client"),
            400,
            bad,
        ),
        (
            |b| b.registration.allowed_names = Some(vec!["Another client".into()]),
            "client_name",
            json!("Another Client"),
            403,
            "Forbidden",
        ),
        (
            |b| b.registration.allowed_redirect_hosts = Some(vec!["localhost".into()]),
            "application_type",
            json!("native"),
            400,
            "invalid_redirect_uri",
        ),
        (
            |b| b.registration.allowed_scopes = Some(vec!["notes:read".into()]),
            "scope",
            json!("notes:read offline_access"),
            403,
            "insufficient_scope",
        ),
        (
            |b| b.registration.initial_access_token = Some("initial".into()),
            "client_name",
            json!("Another client"),
            401,
            "invalid_token",
        ),
        (
            |b| b.registration.status = 200,
            "client_name",
            json!("Another client"),
            200,
            "client_id",
        ),
        (
            |b| b.registration.secret = Secret::Always,
            "client_name",
            json!("Another client"),
            201,
            "\"client_secret\"",
        ),
    ];
    for (bend, name, value, status, part) in cases {
        let scene = Scene::new().await;
        scene.bed.set(bend);
        let (answered, body) = register(&scene, name, value).await;
        assert_eq!(answered, status, "{part}: {body}");
        assert!(body.contains(part), "{body} lacks {part}");
        assert_eq!(scene.bed.breaches(), []);
    }
}

#[tokio::test]
async fn a_registration_without_a_name_or_with_an_initial_access_token() {
    let scene = Scene::new().await;
    let mut body = registration();
    body.as_object_mut().unwrap().remove("client_name");
    let request = scene.http.post(scene.url("registration")).json(&body);
    assert_eq!(
        request.try_clone().unwrap().send().await.unwrap().status(),
        201
    );
    scene.bed.set(|b| b.registration.name_required = true);
    assert_eq!(request.send().await.unwrap().status(), 400);

    scene
        .bed
        .set(|b| b.registration.initial_access_token = Some("initial".into()));
    let request = scene
        .http
        .post(scene.url("registration"))
        .json(&registration());
    let request = request.header("Authorization", "Bearer initial");
    assert_eq!(request.send().await.unwrap().status(), 201);
    assert_eq!(scene.bed.breaches(), []);
}

async fn ask(scene: &Scene, query: &Form) -> (Response, String) {
    let url = format!("{}?{}", scene.url("authorization"), encoded(query));
    let response = scene.http.get(url).send().await.unwrap();
    let location = response.headers().get("location");
    let location = location
        .map(|l| l.to_str().unwrap().to_owned())
        .unwrap_or_default();
    (response, location)
}

#[tokio::test]
async fn authorization_requests() {
    type Bend = fn(&mut Behaviour);
    let cases: [(Bend, &str, &str, &str); 6] = [
        (
            |b| b.authorization.refused_scopes = vec!["notes:write".into()],
            "scope",
            "notes:read notes:write",
            "error=invalid_scope",
        ),
        (
            |b| b.authorization.scope_required = true,
            "scope",
            "",
            "error=invalid_scope",
        ),
        (
            |b| b.authorization.refused_parameters = vec!["prompt".into()],
            "prompt",
            "consent",
            "error=invalid_request",
        ),
        (
            |b| b.authorization.extra_parameters = vec!["access_type".into()],
            "access_type",
            "offline",
            "?code=",
        ),
        (
            |b| b.authorization.resource = ResourceRule::Rejected,
            "prompt",
            "",
            "error=invalid_target",
        ),
        (
            |b| b.authorization.resource = ResourceRule::Ignored,
            "resource",
            "",
            "?code=",
        ),
    ];
    for (bend, name, value, part) in cases {
        let scene = Scene::new().await;
        scene.bed.set(bend);
        let query = with(&scene.authorization(&Scene::verifier()), name, value);
        let (_, location) = ask(&scene, &query).await;
        assert!(location.contains(part), "{location} lacks {part}");
        assert_eq!(scene.bed.breaches(), []);
    }
}

#[tokio::test]
async fn whoever_the_browser_is_signed_in_as_consents() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    for (subject, expected) in [(Some("ada".to_owned()), "ada"), (None, "user-1")] {
        let mut client = Client::new(&bed.mcp_url());
        client.subject = subject;
        let who: Value =
            serde_json::from_str(&client.call("whoami", json!({})).await.unwrap()).unwrap();
        assert_eq!(who["subject"], expected);
    }
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn the_port_of_a_loopback_redirect() {
    let scene = Scene::new().await;
    scene
        .bed
        .set(|b| b.authorization.loopback_port = LoopbackPort::Any);
    for (uri, status) in [
        ("http://127.0.0.1:50000/callback", 302),
        ("http://127.0.0.1:50000/other", 400),
        ("http://localhost:50000/callback", 400),
    ] {
        let query = with(
            &scene.authorization(&Scene::verifier()),
            "redirect_uri",
            uri,
        );
        let (response, _) = ask(&scene, &query).await;
        assert_eq!(response.status(), status, "{uri}");
    }
}

#[tokio::test]
async fn registered_scopes_need_not_be_a_limit() {
    let mut behaviour = Behaviour::default();
    behaviour.registration.scope_when_absent = Some("notes:read".into());
    behaviour.registration.scope_limits = false;
    let scene = Scene::with(behaviour, "none").await;
    let query = with(
        &scene.authorization(&Scene::verifier()),
        "scope",
        "notes:write",
    );
    let (_, location) = ask(&scene, &query).await;
    assert!(location.contains("?code="), "{location}");
    assert_eq!(scene.bed.breaches(), []);
}

#[tokio::test]
async fn a_secret_that_came_although_the_method_is_none() {
    let mut behaviour = Behaviour::default();
    behaviour.registration.secret = Secret::Always;
    let mut scene = Scene::with(behaviour, "none").await;
    let form = scene.exchange().await;
    let metadata = &scene.servers.metadata;
    assert!(
        scene
            .client
            .token(metadata, &scene.registered, form.clone())
            .await
            .is_ok()
    );
    scene.registered.secret = None;
    let form = scene.exchange().await;
    let refused = scene
        .client
        .token(&scene.servers.metadata, &scene.registered, form)
        .await;
    assert_eq!(refused, Err("invalid_client".into()));
}

#[tokio::test]
async fn a_redirect_uri_that_registration_dropped() {
    let scene = Scene::new().await;
    scene.bed.set(|b| {
        b.registration
            .answer
            .set("redirect_uris", json!(["{rs}/elsewhere"]))
    });
    let (status, body) = register(&scene, "client_name", json!("Another client")).await;
    assert_eq!(status, 201);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body["redirect_uris"],
        json!([scene.bed.expand("{rs}/elsewhere")])
    );
    let id = body["client_id"].as_str().unwrap();
    let query = with(&scene.authorization(&Scene::verifier()), "client_id", id);
    assert_eq!(ask(&scene, &query).await.0.status(), 400);
}

#[tokio::test]
async fn metadata_with_a_byte_order_mark() {
    let mut behaviour = Behaviour::default();
    behaviour.resource_metadata.byte_order_mark = true;
    behaviour.server_metadata.byte_order_mark = true;
    let bed = Testbed::start(behaviour).await.unwrap();
    for url in ["{prm}", "{as1}/.well-known/openid-configuration"] {
        let response = reqwest::get(bed.expand(url)).await.unwrap();
        assert!(
            response
                .bytes()
                .await
                .unwrap()
                .starts_with("\u{feff}{".as_bytes()),
            "{url}"
        );
    }
}

#[tokio::test]
async fn other_methods_of_the_mcp_endpoint() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    let http = crate::http().build().expect("an HTTP client");
    for request in [http.get(bed.mcp_url()), http.delete(bed.mcp_url())] {
        assert_eq!(request.send().await.unwrap().status(), 405);
    }
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn misses_of_each_kind() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    let http = crate::http()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    for (miss, status, part) in [
        (Miss::Status(404), 404, ""),
        (Miss::Status(401), 401, ""),
        (Miss::HtmlPage, 200, "<!doctype html>"),
        (Miss::RedirectToPage, 302, ""),
        (Miss::EmptyObject, 200, "{}"),
    ] {
        bed.set(|b| b.resource_metadata.elsewhere = miss);
        let url = bed.expand("{rs}/.well-known/oauth-protected-resource");
        let response = http.get(url).send().await.unwrap();
        assert_eq!(response.status(), status, "{miss:?}");
        assert!(response.text().await.unwrap().contains(part), "{miss:?}");
    }
    assert_eq!(bed.breaches(), []);
}
