//! Can programs in other languages run and control a testbed?

use reqwest::StatusCode;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

fn start(arguments: &[&str]) -> (Child, Value) {
    start_with_input(arguments, "")
}

fn start_with_input(arguments: &[&str], input: &str) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mcp-oauth-testbed"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

#[tokio::test]
async fn it_is_controlled_over_http_and_ends_with_its_input() {
    let (mut child, urls) = start(&[]);
    let admin = urls["admin_url"].as_str().unwrap();
    let http = crate::http().build().expect("an HTTP client");
    let get = async |name: &str| -> Value {
        http.get(format!("{admin}/{name}"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let answer = http
        .post(urls["mcp_url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get("counts").await["challenges"], 1);
    assert_eq!(get("log").await[0]["endpoint"], "mcp");
    assert_eq!(get("breaches").await, json!([]));

    let mut behaviour = get("behaviour").await;
    behaviour["challenge"]["status"] = 403.into();
    let put = http.put(format!("{admin}/behaviour"));
    let answer = put
        .try_clone()
        .unwrap()
        .json(&behaviour)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let answer = http
        .post(urls["mcp_url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let answer = put.json(&json!({"nothing": 1})).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);

    let mint = http.post(format!(
        "{admin}/workload_assertion?audience=a&flaw=expired"
    ));
    let minted: Value = mint.send().await.unwrap().json().await.unwrap();
    assert_eq!(minted["token"].as_str().unwrap().split('.').count(), 3);
    for (control, status) in [
        ("id_token", StatusCode::OK),
        ("identity_refresh_token", StatusCode::OK),
        ("id_token?flaw=none", StatusCode::BAD_REQUEST),
        ("decide_device?user_code=BCDF-GHJK", StatusCode::NOT_FOUND),
    ] {
        let answer = http.post(format!("{admin}/{control}")).send().await;
        assert_eq!(answer.unwrap().status(), status, "{control}");
    }
    for control in [
        "expire_access_tokens",
        "revoke_grants",
        "forget_clients",
        "migrate_to_second_issuer",
    ] {
        let answer = http
            .post(format!("{admin}/{control}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{control}");
    }
    let answer = http.post(format!("{admin}/nothing")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);

    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn it_starts_with_a_behaviour() {
    let behaviour = "{\"mcp\": {\"path\": \"/notes\"}}\n";
    let (mut child, urls) = start_with_input(&["--behaviour", "-"], behaviour);
    assert!(urls["mcp_url"].as_str().unwrap().ends_with("/notes"));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());

    let (mut child, urls) = start(&["--quirk", "challenge.not-401:403"]);
    let answer = crate::http()
        .build()
        .expect("an HTTP client")
        .post(urls["mcp_url"].as_str().unwrap())
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), StatusCode::FORBIDDEN);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn wrong_arguments_are_refused() {
    for arguments in [&["--quirk", "nothing"][..], &["--quirk"], &["--port", "1"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-oauth-testbed"));
        let output = command
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage"));
    }
}
