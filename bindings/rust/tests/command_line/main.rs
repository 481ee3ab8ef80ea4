//! Does the command line do what it says, with the exit code that it says, and without a secret?
#![cfg(feature = "cli")]

#[cfg(unix)]
mod browser;
mod documents;
mod grants;
mod person;
mod refusals;

use std::time::Duration;

use mcp_oauth_testbed::Guards;

use person::{Person, bed, ended};

#[tokio::test]
async fn credentials_are_kept_shown_used_and_forgotten() {
    let (bed, person) = (bed().await, Person::new());
    let url = bed.mcp_url();

    let login = person.logs_in(&bed, &[]).await;
    assert_eq!(login.exit, 0, "{}", login.err);
    assert!(
        login.out.contains(&format!("Signed in to {url}")),
        "{}",
        login.out
    );
    assert!(
        login
            .err
            .contains("the client is registered [RFC 7591 §3.2.1]"),
        "{}",
        login.err
    );

    let again = person.runs(&["login", &url, "--quiet"]).await;
    assert_eq!((again.exit, again.err.as_str()), (0, ""));
    assert_eq!(bed.counts().authorizations, 1);

    let status = person.runs(&["status"]).await;
    assert!(
        status
            .out
            .contains("expires in 59 minutes, refreshed when needed"),
        "{}",
        status.out
    );
    assert!(
        status.out.contains("client: registered dynamically"),
        "{}",
        status.out
    );
    let status = person.runs(&["status", &url, "--json"]).await.json();
    assert_eq!(status["grants"][0]["issuers"][0]["issuer"], bed.issuer());

    let call = person
        .runs(&["call", &url, "add", r#"{"a": 2, "b": 3}"#])
        .await;
    assert_eq!((call.exit, call.out.as_str()), (0, "5\n"), "{}", call.err);

    let secrets = person.secrets();
    assert!(secrets.len() >= 2, "an access token and a refresh token");
    for ended in [&login, &again, &call] {
        for secret in &secrets {
            assert!(!ended.out.contains(secret) && !ended.err.contains(secret));
        }
    }

    let logout = person.runs(&["logout", &url, "--forget-client"]).await;
    assert_eq!(logout.exit, 0, "{}", logout.err);
    let status = person.runs(&["status"]).await;
    assert_eq!(status.out, "No credentials are kept.\n");
    let logout = person.runs(&["logout", &url, "--json"]).await;
    assert_eq!(logout.json()["held"], false);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_call_signs_in_when_challenged_and_again_for_more_scopes() {
    let (bed, person) = (bed().await, Person::new());
    let url = bed.mcp_url();
    let text = r#"{"text": "milk"}"#;
    let call = person
        .runs(&["call", &url, "write_note", text, "--headless", "--json"])
        .await;
    assert_eq!(call.exit, 0, "{}", call.err);
    assert_eq!(call.json()["result"]["content"][0]["text"], "written");
    assert_eq!(bed.counts().scope_challenges, 1);
    assert_eq!(bed.breaches(), []);
    let call = person
        .runs(&["call", &url, "no_such_tool", "--headless"])
        .await;
    assert_eq!(call.exit, 1);
}

#[tokio::test]
async fn older_servers_are_spoken_to_in_their_own_way() {
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let (bed, person) = (bed().await, Person::new());
        bed.set(|behaviour| {
            behaviour.mcp.protocol_versions = vec![revision.into()];
            behaviour.challenge.guards = Guards::ToolCalls;
        });
        let call = person
            .runs(&["call", &bed.mcp_url(), "read_note", "--headless"])
            .await;
        assert_eq!(call.exit, 0, "{revision}: {}", call.err);
    }
}

#[tokio::test]
async fn accounts_are_kept_apart() {
    let (bed, person) = (bed().await, Person::new());
    for account in ["work", "home"] {
        let login = person.logs_in(&bed, &["--account", account]).await;
        assert_eq!(login.exit, 0, "{}", login.err);
    }
    let all = person.runs(&["status", "--json"]).await.json();
    assert_eq!(all["grants"].as_array().unwrap().len(), 2);
    let logout = person
        .runs(&[
            "logout",
            &bed.mcp_url(),
            "--account",
            "work",
            "--forget-client",
        ])
        .await;
    assert_eq!(logout.exit, 0);
    let left = person.runs(&["status", "--json"]).await.json();
    assert_eq!(left["grants"][0]["account"], "home");
}

#[tokio::test]
async fn what_is_kept_nowhere_is_gone() {
    let (bed, person) = (bed().await, Person::new());
    let login = person.logs_in(&bed, &["--store", "memory"]).await;
    assert_eq!(login.exit, 0, "{}", login.err);
    assert_eq!(
        person.runs(&["status"]).await.out,
        "No credentials are kept.\n"
    );
}

#[tokio::test]
async fn the_demo_tells_its_story_quickly() {
    let person = Person::new();
    let start = std::time::Instant::now();
    let demo = person.runs(&["demo"]).await;
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!((demo.exit, demo.err.as_str()), (0, ""), "{}", demo.out);
    let told = [
        "POST /mcp -> 401",
        "/.well-known/oauth-protected-resource/mcp -> 200",
        "/.well-known/oauth-authorization-server -> 200",
        "POST /register -> 201",
        "GET /authorize -> 302",
        "POST /token -> 200",
        "whoami:",
        "POST /mcp -> 403",
        "refreshing the tokens",
        "read_note: buy milk",
        "the credentials are forgotten",
    ];
    let mut rest = demo.out.as_str();
    for what in told {
        rest = match rest.split_once(what) {
            Some((_, rest)) => rest,
            None => panic!("{what} is missing, or in the wrong place: {}", demo.out),
        };
    }
    let demo = person.runs(&["demo", "--json"]).await;
    assert_eq!(demo.json()["tool_calls"], 3);
}

#[tokio::test]
async fn neither_a_proxy_nor_missing_certificates_stand_between_this_machine_and_itself() {
    let person = Person::new();
    let nowhere = person.home.path().join("nowhere");
    let demo = person
        .command(&["demo", "--json"])
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9")
        .env("SSL_CERT_FILE", &nowhere)
        .env("SSL_CERT_DIR", &nowhere)
        .spawn()
        .unwrap();
    let demo = ended(demo).await;
    assert_eq!(demo.exit, 0, "{}", demo.err);
}
