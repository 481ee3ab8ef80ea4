//! Which registrations are held against the client?

use crate::scene::{Scene, registration};
use mcp_oauth_testbed::{Endpoint, Rule};
use reqwest::Method;
use serde_json::{Value, json};

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
