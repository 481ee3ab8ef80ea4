//! Does each way to fail have its exit code, and an explanation?

use mcp_oauth_testbed::{Behaviour, Consent, Endpoint, Fault, LoopbackPort, PreRegistered};

use crate::person::{Person, bed};

#[tokio::test]
async fn a_registered_client_needs_its_issuer_only_if_it_has_a_secret() {
    let (bed, person) = (bed().await, Person::new());
    let client = |id: &str, secret: Option<&str>| PreRegistered {
        client_id: id.into(),
        client_secret: secret.map(str::to_owned),
        token_endpoint_auth_method: None,
        redirect_uris: vec!["http://127.0.0.1:1/callback".into()],
        ..PreRegistered::default()
    };
    bed.set(|behaviour| {
        behaviour.registration.offered = false;
        behaviour.authorization.loopback_port = LoopbackPort::Any;
        behaviour.registration.clients = vec![client("public", None), client("web", Some("hush"))];
    });
    let login = person.logs_in(&bed, &["--client-id", "public"]).await;
    assert_eq!(login.exit, 0, "{}", login.err);

    let file = person.file("secret", "hush\n");
    let confidential = [
        "--account",
        "b",
        "--client-id",
        "web",
        "--client-secret-file",
        &file,
    ];
    let login = person.logs_in(&bed, &confidential).await;
    assert_eq!(login.exit, 2);
    assert!(login.err.contains("--issuer"), "{}", login.err);

    let issuer = bed.issuer();
    let bound = [&confidential[..], &["--issuer", &issuer]].concat();
    let login = person.logs_in(&bed, &bound).await;
    assert_eq!(login.exit, 0, "{}", login.err);
    assert!(!login.out.contains("hush") && !login.err.contains("hush"));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn each_kind_of_failure_has_its_exit_code() {
    type Bend = fn(&mut Behaviour);
    let cases: [(i32, &str, Bend); 5] = [
        (3, "needs_user", |behaviour| {
            behaviour.authorization.consent = Consent::Page;
        }),
        (4, "resource_mismatch", |behaviour| {
            behaviour.resource_metadata.resource = "https://other.example.com/mcp".into();
        }),
        (5, "client_needed", |behaviour| {
            behaviour.registration.offered = false
        }),
        (5, "pkce_unsupported", |behaviour| {
            behaviour
                .server_metadata
                .members
                .unset("code_challenge_methods_supported");
        }),
        (6, "discovery_unavailable", |behaviour| {
            behaviour.fault(
                Endpoint::ServerMetadata,
                Fault::answer(503, "text/plain", "later"),
                None,
            );
        }),
    ];
    for (exit, code, bend) in cases {
        let (bed, person) = (bed().await, Person::new());
        bed.set(bend);
        let login = person.logs_in(&bed, &["--json"]).await;
        assert_eq!(login.exit, exit, "{code}: {}", login.err);
        let object = login.json();
        assert_eq!(
            (&object["code"], &object["exit"]),
            (&code.into(), &exit.into())
        );
        assert!(login.err.contains(code), "{}", login.err);
    }
}

#[tokio::test]
async fn a_named_deviation_is_shown_and_helps() {
    let (bed, person) = (bed().await, Person::new());
    bed.set(|behaviour| {
        behaviour
            .server_metadata
            .members
            .unset("code_challenge_methods_supported")
    });
    let login = person.logs_in(&bed, &["--deviation", "assume_s256"]).await;
    assert_eq!(login.exit, 0, "{}", login.err);
    assert!(
        login.err.contains("deviation: assume_s256"),
        "{}",
        login.err
    );
}

#[tokio::test]
async fn wrong_usage_is_told_before_anything_is_sent() {
    let person = Person::new();
    let url = "https://mcp.example.com/mcp";
    let empty = person.file("empty", "\n");
    let cases: &[(i32, &[&str])] = &[
        (2, &[]),
        (2, &["login"]),
        (2, &["login", url, "--deviation", "be_nice"]),
        (2, &["login", url, "--deviation", "extra_iss"]),
        (2, &["login", url, "--deviation", "assume_s256=yes"]),
        (
            2,
            &[
                "login",
                url,
                "--deviation",
                "pinned_issuer=https://one.example.com",
            ],
        ),
        (2, &["login", url, "--extra", "prompt"]),
        (2, &["login", url, "--issuer", "https://as.example.com"]),
        (
            2,
            &[
                "login",
                url,
                "--auth-method",
                "private_key_jwt",
                "--client-id",
                "x",
            ],
        ),
        (
            2,
            &[
                "login",
                url,
                "--client-id",
                "x",
                "--client-secret-file",
                "/does/not/exist",
            ],
        ),
        (2, &["login", url, "--initial-access-token-file", &empty]),
        (2, &["call", url, "tool", "[1]"]),
        (5, &["login", "http://mcp.example.com/mcp"]),
        (5, &["login", url, "--extra", "state=mine"]),
        (5, &["logout", "not a URL"]),
    ];
    for (exit, arguments) in cases {
        let ended = person.runs(arguments).await;
        assert_eq!(ended.exit, *exit, "{arguments:?}: {}", ended.err);
    }
    assert_eq!(person.runs(&["--help"]).await.exit, 0);
    assert!(person.runs(&["--help"]).await.out.contains("Exit codes"));
    let version = person.runs(&["--version"]).await;
    assert!(version.out.starts_with("mcp-oauth "), "{}", version.out);
}
