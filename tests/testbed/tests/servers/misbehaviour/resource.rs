//! Which requests to the MCP endpoint and to other places are held against the client?

use crate::scene::{Scene, registration};
use mcp_oauth_testbed::{Behaviour, Endpoint, Issued, Rule};
use serde_json::{Value, json};

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
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, &str, &Value, Headers<'_>, u16, Rule); 7] = [
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
