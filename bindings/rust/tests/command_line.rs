//! Does the command line do what it says, with the exit code that it says, and without a secret?
#![cfg(feature = "cli")]

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use mcp_oauth_testbed::{
    Behaviour, Consent, Endpoint, Fault, Guards, LoopbackPort, PreRegistered, Testbed,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

struct Ended {
    exit: i32,
    out: String,
    err: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("not one object: {}", self.out))
    }
}

/// A user with an own home folder.
struct Person {
    home: TempDir,
}

impl Person {
    fn new() -> Self {
        Self {
            home: TempDir::new().unwrap(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-oauth"));
        command
            .args(arguments)
            .env("MCP_OAUTH_HOME", self.home.path())
            // No keyring, and whatever a log level might bring out.
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env("XDG_RUNTIME_DIR", self.home.path())
            .env("RUST_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn runs(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments).spawn().unwrap()).await
    }

    async fn logs_in(&self, bed: &Testbed, more: &[&str]) -> Ended {
        let url = bed.mcp_url();
        let mut arguments = vec!["login", &url, "--headless"];
        arguments.extend(more);
        self.runs(&arguments).await
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Every secret that is kept.
    fn secrets(&self) -> Vec<String> {
        let mut secrets = Vec::new();
        let folder = self.home.path().join("credentials");
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            if let Some((_, record)) = text.split_once('\n') {
                collect(&serde_json::from_str(record).unwrap(), "", &mut secrets);
            }
        }
        secrets
    }
}

fn collect(value: &Value, name: &str, secrets: &mut Vec<String>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| collect(value, name, secrets)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, secrets)),
        Value::String(text) if ["authorization", "refresh_token", "secret"].contains(&name) => {
            secrets.push(text.trim_start_matches("Bearer ").to_owned());
        }
        _ => {}
    }
}

async fn ended(child: tokio::process::Child) -> Ended {
    let output = child.wait_with_output();
    let output = tokio::time::timeout(Duration::from_secs(30), output).await;
    let output = output.expect("ends").unwrap();
    Ended {
        exit: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn bed() -> Testbed {
    Testbed::start(Behaviour::default()).await.unwrap()
}

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
async fn a_registered_client_needs_its_issuer_only_if_it_has_a_secret() {
    let (bed, person) = (bed().await, Person::new());
    let client = |id: &str, secret: Option<&str>| PreRegistered {
        client_id: id.into(),
        client_secret: secret.map(str::to_owned),
        token_endpoint_auth_method: None,
        redirect_uris: vec!["http://127.0.0.1:1/callback".into()],
        scope: None,
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
    let cases: [(i32, &str, fn(&mut Behaviour)); 5] = [
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

/// A browser that writes down what it was asked to show.
#[cfg(unix)]
fn browser(folder: &Path) -> (String, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let (program, shown) = (folder.join("browser"), folder.join("shown"));
    let script = format!(
        "#!/bin/sh\nprintf %s \"$2\" > '{0}.part' && mv '{0}.part' '{0}'\n",
        shown.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    (
        format!("no-such-browser:{} --new-window %s", program.display()),
        shown,
    )
}

#[cfg(unix)]
async fn visit(url: &str) -> reqwest::Response {
    let ring = rustls::crypto::ring::default_provider();
    let tls = rustls::ClientConfig::builder_with_provider(ring.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy();
    http.build().unwrap().get(url).send().await.unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn the_users_browser_is_sent_there_and_comes_back() {
    let (bed, person) = (bed().await, Person::new());
    let (browser, shown) = browser(person.home.path());
    let login = person
        .command(&["login", &bed.mcp_url()])
        .env("BROWSER", browser)
        .spawn()
        .unwrap();
    let page = loop {
        match std::fs::read_to_string(&shown) {
            Ok(page) => break page,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let answer = visit(&page).await;
    assert_eq!(answer.url().host_str(), Some("127.0.0.1"));
    assert_eq!(answer.status(), 200);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("You can close this window")
    );
    let login = ended(login).await;
    assert_eq!(login.exit, 0, "{}", login.err);
    assert!(login.err.contains("Opening the page of"), "{}", login.err);
    assert!(!login.err.contains("state="), "{}", login.err);
}

#[cfg(unix)]
#[tokio::test]
async fn without_a_browser_the_page_is_shown_and_ctrl_c_ends_the_waiting() {
    let (bed, person) = (bed().await, Person::new());
    let login = person
        .command(&["login", &bed.mcp_url(), "--json", "--quiet"])
        .env("BROWSER", "/does/not/exist")
        .env("PATH", "")
        .spawn()
        .unwrap();
    let id = login.id().unwrap().to_string();
    // Long enough to have come to the page, however slow the machine.
    while bed.counts().registrations == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let kill = Command::new("kill")
        .args([OsStr::new("-INT"), OsStr::new(&id)])
        .status();
    assert!(kill.await.unwrap().success());
    let login = ended(login).await;
    assert_eq!(login.exit, 3, "{}", login.err);
    assert!(login.err.contains("Open this page"), "{}", login.err);
    assert_eq!(login.json()["code"], "cancelled");
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
