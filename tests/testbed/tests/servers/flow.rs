//! Does a client that follows the specifications get through, whatever happens on the way?

use crate::honest::{self, Client, encoded, pairs};
use mcp_oauth_testbed::{
    Behaviour, Consent, Counts, Endpoint, Fault, RedirectError, Rule, Server, Testbed, Verdict,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn start(behaviour: Behaviour) -> (Testbed, Client) {
    let bed = Testbed::start(behaviour).await.unwrap();
    let client = Client::new(&bed.mcp_url());
    (bed, client)
}

#[tokio::test]
async fn signing_in_and_calling_tools() {
    let (bed, mut client) = start(Behaviour::default()).await;
    let sum = client.call("add", json!({"a": 2, "b": 3})).await;
    assert_eq!(sum, Ok("5".into()));
    let who: Value =
        serde_json::from_str(&client.call("whoami", json!({})).await.unwrap()).unwrap();
    assert_eq!(who["subject"], "user-1");
    assert_eq!(who["scopes"], json!(["notes:read", "offline_access"]));
    // The second tool needs more scope, and the client keeps what it had.
    assert_eq!(
        client.call("write_note", json!({"text": "milk"})).await,
        Ok("written".into())
    );
    assert_eq!(client.call("read_note", json!({})).await, Ok("milk".into()));
    assert_eq!(bed.breaches(), []);
    let expected = Counts {
        registrations: 1,
        authorizations: 2,
        code_exchanges: 2,
        challenges: 1,
        scope_challenges: 1,
        mcp_requests: 4,
        tool_calls: 4,
        ..Counts::default()
    };
    // The client refreshes nothing on a 403.
    assert_eq!(bed.counts(), expected);
}

#[tokio::test]
async fn the_log_tells_everything_but_secrets() {
    let (bed, mut client) = start(Behaviour::default()).await;
    client.call("whoami", json!({})).await.unwrap();
    let log = bed.log();
    let path: Vec<_> = log
        .iter()
        .map(|e| (e.server, e.endpoint, e.status.unwrap()))
        .collect();
    assert_eq!(
        path,
        [
            (Server::Resource, Endpoint::Mcp, 401),
            (Server::Resource, Endpoint::ResourceMetadata, 200),
            (Server::Authorization1, Endpoint::ServerMetadata, 200),
            (Server::Authorization1, Endpoint::Registration, 201),
            (Server::Authorization1, Endpoint::Authorization, 302),
            (Server::Authorization1, Endpoint::Token, 200),
            (Server::Resource, Endpoint::Mcp, 200),
        ]
    );
    assert_eq!(log[5].values["resource"], bed.mcp_url());
    assert!(log[5].body.contains(&"code_verifier".to_owned()));
    assert_eq!(log[6].authorization.as_deref(), Some("Bearer"));
    let text = serde_json::to_string(&log).unwrap();
    let grant = client.grant.unwrap();
    for secret in [grant.access_token, grant.refresh_token.unwrap()] {
        assert!(!text.contains(&secret));
    }
    assert!(!text.contains("Bearer "));
}

#[tokio::test]
async fn expiry_revocation_and_forgotten_clients() {
    let (bed, mut client) = start(Behaviour::default()).await;
    client.call("whoami", json!({})).await.unwrap();
    bed.expire_access_tokens();
    client.call("whoami", json!({})).await.unwrap();
    assert_eq!(
        (bed.counts().refreshes, bed.counts().authorizations),
        (1, 1)
    );
    bed.revoke_grants();
    client.call("whoami", json!({})).await.unwrap();
    assert_eq!(
        (bed.counts().refreshes, bed.counts().authorizations),
        (1, 2)
    );
    bed.forget_clients();
    bed.expire_access_tokens();
    client.call("whoami", json!({})).await.unwrap();
    assert_eq!(
        (bed.counts().registrations, bed.counts().authorizations),
        (2, 3)
    );
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn migration_to_the_second_server() {
    let (bed, mut client) = start(Behaviour::default()).await;
    client.call("whoami", json!({})).await.unwrap();
    assert_eq!(bed.issuer(), bed.issuers()[0]);
    bed.migrate_to_second_issuer();
    assert_eq!(bed.issuer(), bed.issuers()[1]);
    client.call("whoami", json!({})).await.unwrap();
    assert_eq!(client.grant.unwrap().issuer, bed.issuers()[1]);
    assert_eq!(bed.counts().registrations, 2);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn revoking_a_token() {
    let (bed, mut client) = start(Behaviour::default()).await;
    client.call("whoami", json!({})).await.unwrap();
    let grant = client.grant.clone().unwrap();
    let registered = client.registered[&grant.issuer].clone();
    let form = pairs(&[
        ("token", grant.refresh_token.as_deref().unwrap()),
        ("token_type_hint", "refresh_token"),
    ]);
    let url = grant.metadata["revocation_endpoint"].as_str().unwrap();
    let response = client
        .authenticated(url, &grant.metadata, &registered, form)
        .await
        .unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(bed.counts().revocations, 1);
    assert_eq!(client.refresh().await, Ok(false));
    let unknown = pairs(&[("token", "never issued")]);
    let response = client
        .authenticated(url, &grant.metadata, &registered, unknown)
        .await
        .unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_client_with_a_metadata_document() {
    let url = "https://client.example.com/metadata.json";
    let mut behaviour = Behaviour::default();
    let document = json!({
        "client_id": url,
        "client_name": "Documented client",
        "redirect_uris": ["http://127.0.0.1:49152/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    });
    behaviour
        .registration
        .client_documents
        .insert(url.into(), document);
    behaviour.registration.offered = false;
    let (bed, mut client) = start(behaviour).await;
    let metadata = client.discover("").await.unwrap().metadata;
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
    client.known = Some(honest::Registered {
        id: url.into(),
        secret: None,
        method: None,
    });
    client.call("whoami", json!({})).await.unwrap();
    bed.set(|b| {
        b.registration
            .client_documents
            .values_mut()
            .for_each(|d| d["client_id"] = "".into())
    });
    client.grant = None;
    assert!(client.call("whoami", json!({})).await.is_err());
    assert_eq!(bed.breaches()[0].rule, Rule::ClientIssuer);
}

#[tokio::test]
async fn a_person_consents_or_does_not() {
    let mut behaviour = Behaviour::default();
    behaviour.authorization.consent = Consent::Page;
    let (bed, mut client) = start(behaviour).await;
    assert_eq!(
        client.call("whoami", json!({})).await,
        Err("the browser never comes back".into())
    );
    let registered = client.registered.values().next().unwrap().clone();
    let servers = client.discover("").await.unwrap();
    let http = crate::http()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    for (decision, answer) in [("allow", "code="), ("deny", "error=access_denied&")] {
        let query = pairs(&[
            ("response_type", "code"),
            ("client_id", &registered.id),
            ("redirect_uri", &client.redirect_uri),
            ("state", &honest::random()),
            ("code_challenge", &honest::random()),
            ("code_challenge_method", "S256"),
            ("scope", "notes:read"),
            ("resource", &servers.resource),
        ]);
        let endpoint = servers.metadata["authorization_endpoint"].as_str().unwrap();
        let page = http
            .get(format!("{endpoint}?{}", encoded(&query)))
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), 200);
        let page = page.text().await.unwrap();
        assert!(page.contains("Allow") && page.contains("Deny") && page.contains("notes:read"));
        let ticket = page.split("name=\"ticket\" value=\"").nth(1).unwrap();
        let ticket = ticket.split('"').next().unwrap();
        let form = pairs(&[("ticket", ticket), ("decision", decision)]);
        let consent = endpoint.replace("/authorize", "/consent");
        let response = http.post(&consent).form(&form).send().await.unwrap();
        assert_eq!(response.status(), 302);
        let location = response.headers()["location"].to_str().unwrap();
        assert!(
            location.starts_with(&format!("{}?{answer}", client.redirect_uri)),
            "{location}"
        );
        assert!(
            location.contains("&state=") && location.contains("&iss=http"),
            "{location}"
        );
        let again = http.post(&consent).form(&form).send().await.unwrap();
        assert_eq!(again.status(), 400);
    }
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn error_redirects() {
    let mut behaviour = Behaviour::default();
    let error = RedirectError {
        error: "access_denied".into(),
        error_description: Some("no".into()),
    };
    behaviour.authorization.error = Some(error);
    let (bed, mut client) = start(behaviour).await;
    assert_eq!(
        client.call("whoami", json!({})).await,
        Err("access_denied".into())
    );
    bed.set(|b| b.authorization.iss_on_errors = false);
    assert_eq!(
        client.call("whoami", json!({})).await,
        Err("iss is advertised but missing".into())
    );
}

#[tokio::test]
async fn endpoints_with_a_query_of_their_own() {
    let mut behaviour = Behaviour::default();
    behaviour.server_metadata.endpoint_query = Some("tenant=1".into());
    let (bed, mut client) = start(behaviour).await;
    client.call("whoami", json!({})).await.unwrap();
    assert_eq!(bed.breaches(), []);
    client.grant.as_mut().unwrap().metadata["token_endpoint"] = bed.expand("{as1}/token").into();
    assert_eq!(client.refresh().await, Err("invalid_request".into()));
    assert_eq!(bed.breaches()[0].rule, Rule::Url);
}

#[tokio::test]
async fn servers_that_never_yield() {
    let mut behaviour = Behaviour::default();
    behaviour.mcp.verdict = Verdict::Unauthorized;
    let (bed, mut client) = start(behaviour).await;
    assert_eq!(
        client.call("add", json!({})).await,
        Err("the new token gets 401".into())
    );
    bed.set(|b| b.mcp.verdict = Verdict::Forbidden("notes:write".into()));
    assert_eq!(
        client.call("add", json!({})).await,
        Err("the new token gets 401".into())
    );
    assert!(bed.counts().scope_challenges >= 2);
    assert_eq!(
        bed.breaches()
            .iter()
            .filter(|b| b.rule != Rule::Scope)
            .count(),
        0
    );
}

#[tokio::test]
async fn an_expired_secret() {
    let mut behaviour = Behaviour::default();
    behaviour.token.auth_methods = vec!["client_secret_basic".into()];
    behaviour.registration.secret_lifetime = -1;
    let (bed, mut client) = start(behaviour).await;
    assert_eq!(
        client.call("add", json!({})).await,
        Err("invalid_client".into())
    );
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn an_expired_code() {
    let mut behaviour = Behaviour::default();
    behaviour.authorization.code_lifetime = 0;
    let (bed, mut client) = start(behaviour).await;
    assert_eq!(
        client.call("add", json!({})).await,
        Err("invalid_grant".into())
    );
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn faults_of_the_token_endpoint() {
    let (bed, mut client) = start(Behaviour::default()).await;
    client.call("whoami", json!({})).await.unwrap();
    let busy = Fault::answer(429, "text/plain", "slow down");
    bed.set(|b| b.fault(Endpoint::Refresh, busy, Some(1)));
    assert_eq!(
        client.refresh().await,
        Err("token request failed with 429".into())
    );
    assert_eq!(client.refresh().await, Ok(true));

    bed.set(|b| b.faults[0].fault = Fault::Slow { milliseconds: 120 });
    let before = Instant::now();
    assert_eq!(client.refresh().await, Ok(true));
    assert!(before.elapsed() >= Duration::from_millis(120));

    bed.set(|b| b.faults[0].fault = Fault::Oversized { bytes: 3 << 20 });
    assert_eq!(client.refresh().await, Ok(true));

    bed.set(|b| b.faults[0].fault = Fault::redirect(307, "{as2}/token"));
    assert_eq!(
        client.refresh().await,
        Err("the token endpoint redirects".into())
    );

    bed.set(|b| b.faults[0].fault = Fault::DropBefore);
    assert!(client.refresh().await.is_err());
    assert_eq!(bed.log().last().unwrap().status, None);
    assert_eq!(client.refresh().await, Ok(true));

    // The answer with the new refresh token gets lost: the old one is spent, and nobody is to blame.
    for fault in [Fault::DropAfter, Fault::Truncated] {
        let (bed, mut client) = start(Behaviour::default()).await;
        client.call("whoami", json!({})).await.unwrap();
        bed.set(|b| b.fault(Endpoint::Refresh, fault, Some(1)));
        assert!(client.refresh().await.is_err());
        assert_eq!(client.refresh().await, Ok(false));
        assert_eq!(
            (bed.counts().refreshes, bed.counts().reuse_detections),
            (1, 1)
        );
        assert_eq!(bed.breaches(), []);
    }
}

#[tokio::test]
async fn a_truncated_answer_has_a_beginning() {
    let (bed, _) = start(Behaviour::default()).await;
    bed.set(|b| b.fault(Endpoint::ResourceMetadata, Fault::Truncated, None));
    let mut response = reqwest::get(bed.expand("{prm}")).await.unwrap();
    assert_eq!(response.status(), 200);
    let announced = response.content_length().unwrap() as usize;
    let first = response.chunk().await.unwrap().unwrap();
    assert_eq!(first.len(), announced / 2);
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn both_lifecycles() {
    let (bed, mut client) = start(Behaviour::default()).await;
    client.call("whoami", json!({})).await.unwrap();
    let token = client.grant.unwrap().access_token;
    let http = crate::http().build().expect("an HTTP client");
    let post = async |version: Option<&str>, method: &str, id: bool, params: Value| {
        let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        if id {
            message["id"] = 7.into();
        }
        let mut request = http
            .post(bed.mcp_url())
            .header("Authorization", format!("Bearer {token}"))
            .header("Accept", "application/json, text/event-stream")
            .json(&message);
        if let Some(version) = version {
            request = request
                .header("MCP-Protocol-Version", version)
                .header("Mcp-Method", method);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap_or_default())
    };
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let client = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client});
        let (status, answer) = post(None, "initialize", true, params).await;
        assert_eq!(
            (status, &answer["result"]["protocolVersion"]),
            (200, &json!(version))
        );
        let (status, _) = post(Some(version), "notifications/initialized", false, json!({})).await;
        assert_eq!(status, 202);
        let (_, answer) = post(Some(version), "tools/list", true, json!({})).await;
        assert_eq!(answer["result"]["tools"].as_array().unwrap().len(), 4);
        assert_eq!(answer["result"].get("resultType"), None);
        let call = json!({"name": "add", "arguments": {"a": 1, "b": 1}});
        let (_, answer) = post(Some(version), "tools/call", true, call).await;
        assert_eq!(answer["result"]["content"][0]["text"], "2");
    }
    let meta = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    for method in ["server/discover", "tools/list"] {
        let (status, answer) = post(Some("2026-07-28"), method, true, meta.clone()).await;
        assert_eq!(
            (status, &answer["result"]["resultType"]),
            (200, &json!("complete"))
        );
    }
    assert_eq!(bed.breaches(), []);
    let newer = post(Some("2027-01-01"), "tools/list", true, meta).await;
    assert_eq!((newer.0, &newer.1["error"]["code"]), (400, &json!(-32022)));
    let (_, answer) = post(
        None,
        "initialize",
        true,
        json!({"protocolVersion": "1999-01-01"}),
    )
    .await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn dropping_a_testbed_stops_it() {
    let (bed, _) = start(Behaviour::default()).await;
    let url = bed.expand("{prm}");
    assert!(reqwest::get(&url).await.is_ok());
    drop(bed);
    tokio::task::yield_now().await;
    assert!(reqwest::get(&url).await.is_err());
}
