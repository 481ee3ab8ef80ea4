//! Is each wrong request refused and held against the client?

use crate::honest::{encoded, pairs};
use crate::scene::{METHODS, Scene, registration, url, with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_oauth_testbed::{Behaviour, Endpoint, Issued, Rule};
use reqwest::{Method, Request};
use serde_json::{Value, json};
use std::collections::HashMap;
use url::form_urlencoded::parse;

#[tokio::test]
async fn wrong_registrations() {
    let bad = "invalid_client_metadata";
    let redirect = "invalid_redirect_uri";
    let cases: [(&str, Value, &str, Rule); 18] = [
        ("application_type", json!("absent"), bad, Rule::Missing),
        ("application_type", json!("mobile"), bad, Rule::Form),
        ("application_type", json!("web"), bad, Rule::Registration),
        ("redirect_uris", json!("absent"), bad, Rule::Missing),
        ("redirect_uris", json!([]), bad, Rule::Empty),
        ("redirect_uris", json!("http://127.0.0.1/"), bad, Rule::Form),
        (
            "redirect_uris",
            json!(["http://app.example.com/"]),
            redirect,
            Rule::RedirectUri,
        ),
        (
            "redirect_uris",
            json!(["http://127.0.0.1/#here"]),
            redirect,
            Rule::RedirectUri,
        ),
        (
            "redirect_uris",
            json!(["javascript:alert(1)"]),
            redirect,
            Rule::RedirectUri,
        ),
        (
            "resource",
            json!("https://mcp.example.com"),
            bad,
            Rule::Unknown,
        ),
        ("client_uri", Value::Null, bad, Rule::Empty),
        ("logo_uri", json!(""), bad, Rule::Empty),
        ("scope", json!(["notes:read"]), bad, Rule::Form),
        ("scope", json!("notes:read openid"), bad, Rule::Scope),
        (
            "grant_types",
            json!(["refresh_token"]),
            bad,
            Rule::Registration,
        ),
        (
            "grant_types",
            json!(["authorization_code", "implicit"]),
            bad,
            Rule::Registration,
        ),
        ("response_types", json!(["token"]), bad, Rule::Registration),
        (
            "token_endpoint_auth_method",
            json!("tls_client_auth"),
            bad,
            Rule::Registration,
        ),
    ];
    for (name, value, error, rule) in cases {
        let scene = Scene::new().await;
        let mut body = registration();
        body[name] = value.clone();
        if value == "absent" {
            body.as_object_mut().unwrap().remove(name);
        }
        let request = scene.http.post(scene.url("registration")).json(&body);
        let response = request.send().await.unwrap();
        scene
            .held(response, 400, error, Endpoint::Registration, rule)
            .await;
        assert_eq!(scene.bed.counts().registrations, 1);
    }
}

#[tokio::test]
async fn registrations_sent_the_wrong_way() {
    let body = registration().to_string();
    let twice = body.replacen('{', "{\"client_name\": \"Other\",", 1);
    let json = "application/json";
    let cases: [(Method, &str, &str, &str, &str, u16, Rule); 7] = [
        (Method::GET, "", json, "", "", 405, Rule::Method),
        (
            Method::POST,
            "",
            "application/x-www-form-urlencoded",
            "",
            &body,
            400,
            Rule::ContentType,
        ),
        (Method::POST, "", json, "", "[]", 400, Rule::Body),
        (Method::POST, "", json, "", "{", 400, Rule::Body),
        (Method::POST, "", json, "", &twice, 400, Rule::Duplicate),
        (Method::POST, "?a=1", json, "", &body, 400, Rule::Unknown),
        (
            Method::POST,
            "",
            json,
            "Bearer stray",
            &body,
            400,
            Rule::Credentials,
        ),
    ];
    for (method, query, kind, authorization, body, status, rule) in cases {
        let scene = Scene::new().await;
        let url = scene.url("registration") + query;
        let mut request = scene.http.request(method, url).header("Content-Type", kind);
        if !authorization.is_empty() {
            request = request.header("Authorization", authorization);
        }
        let response = request.body(body.to_owned()).send().await.unwrap();
        scene
            .held(
                response,
                status,
                "invalid_client_metadata",
                Endpoint::Registration,
                rule,
            )
            .await;
    }
}

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

#[tokio::test]
async fn tokens_shown_the_wrong_way() {
    let cases: [(&str, &str, u16, &str, Rule); 5] = [
        ("bearer ", "", 401, "invalid_token", Rule::BearerScheme),
        ("BEARER ", "", 401, "invalid_token", Rule::BearerScheme),
        ("", "", 401, "invalid_token", Rule::BearerScheme),
        ("Bearer made-up", "", 401, "invalid_token", Rule::Token),
        (
            "",
            "?access_token=",
            400,
            "invalid_request",
            Rule::SecretInUrl,
        ),
    ];
    for (scheme, query, status, error, rule) in cases {
        let scene = Scene::new().await;
        let tokens = scene.tokens().await;
        let token = tokens["access_token"].as_str().unwrap();
        let url = scene.bed.mcp_url();
        let request = match query {
            "" => scene
                .http
                .post(url)
                .header("Authorization", format!("{scheme}{token}")),
            _ => scene.http.post(format!("{url}{query}{token}")),
        };
        let response = request
            .json(&json!({"jsonrpc": "2.0"}))
            .send()
            .await
            .unwrap();
        scene
            .held(response, status, error, Endpoint::Mcp, rule)
            .await;
    }
}

#[tokio::test]
async fn wrong_messages() {
    let json = "application/json";
    let both = "application/json, text/event-stream";
    let version = "2026-07-28";
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let mut stateless = ping.clone();
    stateless["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let mut other = stateless.clone();
    other["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2025-11-25".into();
    let ping_to = [("mcp-protocol-version", version), ("mcp-method", "ping")];
    let cases: [(&str, &str, &Value, &[(&str, &str)], u16, Rule); 7] = [
        ("text/plain", both, &ping, &[], 415, Rule::ContentType),
        (json, json, &ping, &[], 406, Rule::Accept),
        (json, both, &json!([]), &[], 400, Rule::Message),
        (json, both, &stateless, &ping_to[1..], 400, Rule::Message),
        (json, both, &stateless, &ping_to[..1], 400, Rule::Message),
        (json, both, &ping, &ping_to, 400, Rule::Message),
        (json, both, &other, &ping_to, 400, Rule::Message),
    ];
    for (kind, accept, message, headers, status, rule) in cases {
        let scene = Scene::new().await;
        let tokens = scene.tokens().await;
        let token = tokens["access_token"].as_str().unwrap();
        let mut request = scene
            .http
            .post(scene.bed.mcp_url())
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", kind)
            .header("Accept", accept);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(message.to_string()).send().await.unwrap();
        scene
            .held(response, status, "error", Endpoint::Mcp, rule)
            .await;
    }
}

#[tokio::test]
async fn wrong_places() {
    let cases = [
        (
            "{as1}/.well-known/oauth-authorization-server",
            "authorization",
            Endpoint::ServerMetadata,
            400,
            Rule::Credentials,
        ),
        (
            "{prm}",
            "cookie",
            Endpoint::ResourceMetadata,
            400,
            Rule::Credentials,
        ),
        ("{rs}/authorize", "", Endpoint::Elsewhere, 404, Rule::Url),
        (
            "{rs}/.well-known/oauth-authorization-server",
            "",
            Endpoint::WellKnown,
            404,
            Rule::Url,
        ),
        (
            "{as1}/.well-known/oauth-authorization-server/mcp",
            "",
            Endpoint::WellKnown,
            404,
            Rule::Url,
        ),
    ];
    for (place, header, endpoint, status, rule) in cases {
        let scene = Scene::new().await;
        let mut request = scene.http.get(scene.bed.expand(place));
        if !header.is_empty() {
            request = request.header(header, "a=b");
        }
        let response = request.send().await.unwrap();
        scene.held(response, status, "", endpoint, rule).await;
    }
    let mut behaviour = Behaviour::default();
    behaviour.refresh.issued = Issued::Never;
    let scene = Scene::with(behaviour, "none").await;
    scene.bed.set(|b| b.registration.offered = false);
    let request = scene
        .http
        .post(scene.url("registration"))
        .json(&registration());
    let response = request.send().await.unwrap();
    scene
        .held(response, 404, "", Endpoint::Elsewhere, Rule::Url)
        .await;
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
