//! Is each way to a token reached by flags, and are keys and assertions told to nobody?

use std::time::Duration;

use mcp_oauth_core::Algorithm;
use mcp_oauth_host::signer::PrivateKey;
use mcp_oauth_testbed::{Endpoint, PreRegistered, Testbed};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::person::{Ended, Person, bed};

fn is_silent_about(ended: &Ended, secret: &str) {
    for line in secret.lines().filter(|line| !line.starts_with("-----")) {
        assert!(!ended.out.contains(line) && !ended.err.contains(line));
    }
}

async fn logs_in(person: &Person, bed: &Testbed, flags: &[&str]) -> Ended {
    let url = bed.mcp_url();
    let login = person.runs(&[&["login", &url][..], flags].concat()).await;
    assert_eq!(login.exit, 0, "{}", login.err);
    assert_eq!(bed.breaches(), []);
    login
}

#[tokio::test]
async fn a_client_signs_in_for_itself_with_a_secret_or_a_key() {
    let (bed, person) = (bed().await, Person::new());
    let key = PrivateKey::generate(Algorithm::EdDsa).unwrap();
    let jwk: serde_json::Value = serde_json::from_str(&key.public_jwk()).unwrap();
    let pem = key.to_pem().unwrap();
    bed.set(|behaviour| {
        behaviour.client_credentials.offered = true;
        behaviour.registration.clients = vec![
            PreRegistered {
                client_id: "with-secret".into(),
                client_secret: Some("hush".into()),
                ..PreRegistered::default()
            },
            PreRegistered {
                client_id: "with-key".into(),
                token_endpoint_auth_method: Some("private_key_jwt".into()),
                jwks: Some(json!({ "keys": [jwk] })),
                ..PreRegistered::default()
            },
        ];
    });
    let issuer = bed.issuer();
    let (secret, key) = (
        person.file("secret", "hush"),
        person.file("key", pem.expose()),
    );
    for (id, flag, file) in [
        ("with-secret", "--client-secret-file", &secret),
        ("with-key", "--client-key", &key),
    ] {
        let client = ["--issuer", &issuer, "--client-id", id, flag, file];
        let grant = ["--account", id, "--grant", "client-credentials"];
        let login = logs_in(&person, &bed, &[&grant[..], &client].concat()).await;
        is_silent_about(&login, pem.expose());
        is_silent_about(&login, "hush");
    }
    assert_eq!(bed.counts().client_credentials, 2);
    assert_eq!(bed.counts().authorizations, 0);
}

#[tokio::test]
async fn tokens_are_bound_to_a_key_that_is_kept() {
    let (bed, person) = (bed().await, Person::new());
    bed.set(|behaviour| {
        behaviour.dpop.offered = true;
        behaviour.dpop.required = true;
    });
    let url = bed.mcp_url();
    let login = person.logs_in(&bed, &["--dpop"]).await;
    assert_eq!(login.exit, 0, "{}", login.err);
    let kept = person.home.path().join("dpop-key.pem");
    let pem = std::fs::read_to_string(&kept).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = kept.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    bed.expire_access_tokens();
    let call = person.runs(&["call", &url, "whoami"]).await;
    assert_eq!(call.exit, 0, "{}", call.err);
    let logout = person.runs(&["logout", &url]).await;
    assert_eq!(logout.exit, 0, "{}", logout.err);
    for ended in [&login, &call, &logout] {
        is_silent_about(ended, &pem);
    }
    assert_eq!(std::fs::read_to_string(kept).unwrap(), pem);
    let counts = bed.counts();
    assert_eq!((counts.authorizations, counts.refreshes), (1, 1));
    assert_eq!(counts.revocations, 2);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_sign_out_need_not_be_told() {
    let (bed, person) = (bed().await, Person::new());
    person.logs_in(&bed, &[]).await;
    let logout = person
        .runs(&["logout", &bed.mcp_url(), "--no-revoke"])
        .await;
    assert_eq!(logout.exit, 0, "{}", logout.err);
    assert_eq!(bed.counts().revocations, 0);
}

#[tokio::test]
async fn a_workload_signs_in_with_the_file_that_its_platform_writes() {
    let (bed, person) = (bed().await, Person::new());
    bed.set(|behaviour| behaviour.workload.offered = true);
    let issuer = bed.issuer();
    let assertion = bed.workload_assertion(&format!("{issuer}/token"), None);
    let file = person.file("token", &assertion);
    let flags = [
        "--grant",
        "workload-identity",
        "--authorization-server",
        &issuer,
        "--assertion-file",
        &file,
    ];
    let login = logs_in(&person, &bed, &flags).await;
    is_silent_about(&login, &assertion);
    // The same one is refused, as it would be at any server.
    bed.expire_access_tokens();
    let again = person
        .runs(&[&["call", &bed.mcp_url(), "whoami"][..], &flags].concat())
        .await;
    is_silent_about(&again, &assertion);
}

#[tokio::test]
async fn an_employee_signs_in_with_their_identity() {
    let (bed, person) = (bed().await, Person::new());
    bed.set(|behaviour| {
        behaviour.enterprise.offered = true;
        behaviour.registration.clients = vec![PreRegistered {
            client_id: "client-at-server".into(),
            client_secret: Some("secret-at-server".into()),
            ..PreRegistered::default()
        }];
    });
    let (issuer, provider) = (bed.issuer(), bed.identity_provider());
    let endpoint = format!("{provider}/token");
    let identity = bed.id_token(None);
    let file = person.file("id-token", &identity);
    let at_server = person.file("at-server", "secret-at-server");
    let at_provider = person.file("at-provider", "secret-at-provider");
    let login = logs_in(
        &person,
        &bed,
        &[
            "--grant",
            "enterprise-managed",
            "--client-id",
            "client-at-server",
            "--client-secret-file",
            &at_server,
            "--issuer",
            &issuer,
            "--idp",
            &provider,
            "--idp-token-endpoint",
            &endpoint,
            "--idp-client-id",
            "client-at-provider",
            "--idp-client-secret-file",
            &at_provider,
            "--assertion-file",
            &file,
        ],
    )
    .await;
    assert_eq!(bed.counts().enterprise_grants, 1);
    for secret in [&*identity, "secret-at-server", "secret-at-provider"] {
        is_silent_about(&login, secret);
    }
}

#[tokio::test]
async fn a_person_on_another_device_is_shown_a_code_even_where_all_else_is_quiet() {
    let (bed, person) = (bed().await, Person::new());
    bed.set(|behaviour| {
        behaviour.device.offered = true;
        behaviour.device.interval = Some(1);
    });
    let mut login = person
        .command(&["login", &bed.mcp_url(), "--device", "--quiet"])
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(login.stderr.take().unwrap()).lines();
    let code = loop {
        let line = tokio::time::timeout(Duration::from_secs(20), shown.next_line()).await;
        let line = line.unwrap().unwrap().expect("a code");
        if let Some(code) = line.strip_prefix("and enter the code ") {
            break code.to_owned();
        }
    };
    assert!(bed.decide_device(&code, true));
    let status = tokio::time::timeout(Duration::from_secs(20), login.wait()).await;
    assert!(status.unwrap().unwrap().success());
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn what_else_is_asked_for_goes_along_and_may_be_handed_over_beforehand() {
    let (bed, person) = (bed().await, Person::new());
    bed.set(|behaviour| {
        behaviour.pushed.offered = true;
        behaviour.authorization.details_types = vec!["notes".into()];
    });
    let flags = [
        "--pushed",
        "--authorization-details",
        r#"[{"type": "notes"}]"#,
        "--extra",
        "prompt=consent",
    ];
    let login = person.logs_in(&bed, &flags).await;
    assert_eq!(login.exit, 0, "{}", login.err);
    let log = bed.log().into_iter();
    let mut pushed = log.filter(|entry| entry.endpoint == Endpoint::PushedAuthorization);
    let pushed = pushed.next().unwrap();
    assert_eq!(pushed.values["prompt"], "consent");
    assert!(pushed.body.contains(&"authorization_details".to_owned()));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_wrong_key_or_half_a_grant_is_told_before_anything_is_sent() {
    let person = Person::new();
    let url = "https://mcp.example.com/mcp";
    let broken = person.file("broken", "-----BEGIN PRIVATE KEY-----\n");
    let cases: [(i32, &[&str]); 7] = [
        (2, &["--client-key", &broken]),
        (2, &["--client-key", "/does/not/exist"]),
        (2, &["--dpop=/does/not/exist"]),
        (2, &["--device", "--grant", "client-credentials"]),
        (2, &["--idp", "https://idp.example.com"]),
        (5, &["--grant", "client-credentials"]),
        (5, &["--authorization-details", "{}"]),
    ];
    for (exit, flags) in cases {
        let login = person.runs(&[&["login", url][..], flags].concat()).await;
        assert_eq!(login.exit, exit, "{flags:?}: {}", login.err);
    }
}
