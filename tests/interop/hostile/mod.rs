//! What do hostile servers get out of a host, over real sockets?

mod redirects;
mod server;

use mcp_oauth_core::{Code, Decision, Settings};
use mcp_oauth_host::{Challenged, Error};
use serde_json::json;

use crate::scene::{Host, code};
use server::{
    Hostile, RESOURCE_METADATA, SERVER_METADATA, Says, answer, document, head, redirect,
    resource_metadata, server_metadata, way_back,
};

/// The most requests of one flow, whatever it meets.
const MOST_REQUESTS: usize = 24;

fn host(server: &Hostile) -> Host {
    let settings = Settings {
        server_url: server.mcp_url(),
        ..Settings::default()
    };
    Host::with(settings, |builder| builder)
}

/// How a sign-in fails there.
async fn sign_in(server: &Hostile) -> Error {
    let error = host(server).authorizer.sign_in().await.unwrap_err();
    let count = server.heard().len();
    assert!(count <= MOST_REQUESTS, "{count} requests");
    error
}

/// The code with which a sign-in fails at a server that answers so at one path.
async fn failing_at(path: &'static str, says: impl Fn() -> Says + Send + Sync + 'static) -> Code {
    let server = Hostile::start(move |request, _| {
        let here = request.target.starts_with(path);
        here.then(&says)
    })
    .await;
    let code = code(&sign_in(&server).await);
    if path == "/token" {
        assert_eq!(server.asked("/token"), 1, "a code is sent once");
    }
    code
}

/// All places at which metadata may be.
const WELL_KNOWN: &str = "/.well-known/";

#[tokio::test]
async fn without_hostility_a_sign_in_succeeds() {
    let server = Hostile::start(|_, _| None).await;
    let host = host(&server);
    host.authorizer.sign_in().await.unwrap();
    let token = host.token().await.unwrap().unwrap();
    assert_eq!(token.expose(), "Bearer at-1");
    assert_eq!(server.heard().len(), 5);
}

#[tokio::test]
async fn endless_bodies_are_left_early() {
    // Without a length the body ends with the connection, that is, never.
    for fields in [&[("Content-Length", "999999999999")][..], &[]] {
        for (path, expected) in [
            (WELL_KNOWN, Code::NoMetadata),
            ("/register", Code::RegistrationUnavailable),
            ("/token", Code::OutcomeUnknown),
        ] {
            let server = Hostile::start(move |request, _| {
                let here = request.target.starts_with(path);
                here.then(|| Says::Endless(head(200, fields)))
            })
            .await;
            let ended = sign_in(&server).await;
            assert_eq!(code(&ended), expected, "{path}");
            // What the kernels hold between the two is on top of what was read.
            let most = server.heard().len() * 16 * 1024 * 1024;
            assert!(server.taken() < most, "{} bytes", server.taken());
        }
    }
}

/// Runs until a sign-in has ended at a server that drips, without waiting for it: once the drip has begun, nothing else
/// happens but the passing of time.
async fn dripping_at(path: &'static str) -> (Error, Hostile) {
    let server = Hostile::start(move |request, _| {
        let here = request.target.starts_with(path);
        here.then(|| Says::Drips(head(200, &[("Content-Length", "900")])))
    })
    .await;
    let authorizer = host(&server).authorizer;
    let signing_in = tokio::spawn(async move { authorizer.sign_in().await });
    server.drips().await;
    tokio::time::pause();
    let error = signing_in.await.unwrap().unwrap_err();
    tokio::time::resume();
    (error, server)
}

#[tokio::test]
async fn dripping_bodies_are_left_when_time_is_up() {
    let (error, server) = dripping_at(WELL_KNOWN).await;
    assert_eq!(code(&error), Code::DiscoveryUnavailable);
    assert!(server.heard().len() <= MOST_REQUESTS);

    let (error, _) = dripping_at("/register").await;
    assert_eq!(code(&error), Code::RegistrationUnavailable);

    let (error, server) = dripping_at("/token").await;
    assert_eq!(code(&error), Code::OutcomeUnknown);
    assert_eq!(server.asked("/token"), 1);
}

#[tokio::test]
async fn connections_that_end_midway_are_passing_faults() {
    let cut = || {
        let mut bytes = head(200, &[("Content-Length", "1000")]);
        bytes.extend_from_slice(b"{\"access_token\": ");
        Says::Bytes(bytes)
    };
    for (path, expected) in [
        (WELL_KNOWN, Code::DiscoveryUnavailable),
        (RESOURCE_METADATA, Code::DiscoveryUnavailable),
        (SERVER_METADATA, Code::DiscoveryUnavailable),
        ("/register", Code::RegistrationUnavailable),
        ("/authorize", Code::Declined),
        ("/token", Code::OutcomeUnknown),
    ] {
        assert_eq!(failing_at(path, cut).await, expected, "{path}");
        let nothing = || Says::Bytes(Vec::new());
        assert_eq!(failing_at(path, nothing).await, expected, "{path}");
    }
}

#[tokio::test]
async fn pages_are_no_documents() {
    let page = || answer(200, "text/html", "<!doctype html><title>Welcome</title>");
    for (path, expected) in [
        (WELL_KNOWN, Code::NoMetadata),
        (SERVER_METADATA, Code::NoMetadata),
        ("/register", Code::BadRegistration),
        ("/authorize", Code::NeedsUser),
        ("/token", Code::BadTokenResponse),
    ] {
        assert_eq!(failing_at(path, page).await, expected, "{path}");
    }
}

#[tokio::test]
async fn compression_is_neither_asked_for_nor_undone() {
    for (path, expected) in [
        (WELL_KNOWN, Code::NoMetadata),
        ("/register", Code::BadRegistration),
        ("/token", Code::BadTokenResponse),
    ] {
        let server = Hostile::start(move |request, _| {
            let here = request.target.starts_with(path);
            here.then(|| {
                let fields = [("Content-Encoding", "gzip"), ("Content-Length", "10")];
                let mut bytes = head(200, &fields);
                bytes.extend_from_slice(b"\x1f\x8b\x08\0\0\0\0\0\0\xff");
                Says::Bytes(bytes)
            })
        })
        .await;
        assert_eq!(code(&sign_in(&server).await), expected, "{path}");
        for request in server.heard() {
            assert!(!request.head.contains("accept-encoding"), "{request:?}");
            assert!(!request.head.contains("cookie"), "{request:?}");
        }
    }
}

#[tokio::test]
async fn floods_of_header_fields_are_not_kept() {
    let many = || {
        let fields = vec![("X-Flood", "x"); 5_000];
        Says::Bytes(head(200, &fields))
    };
    let long = || {
        let value = "x".repeat(4 * 1024 * 1024);
        Says::Bytes(head(200, &[("X-Flood", &*value)]))
    };
    for (path, expected) in [
        (WELL_KNOWN, Code::DiscoveryUnavailable),
        ("/register", Code::RegistrationUnavailable),
        ("/token", Code::OutcomeUnknown),
    ] {
        assert_eq!(failing_at(path, many).await, expected, "{path}");
        assert_eq!(failing_at(path, long).await, expected, "{path}");
    }
}

#[tokio::test]
async fn floods_of_challenges_end_before_anything_is_asked() {
    let lines = [
        vec![b"Bearer realm=\"x\"".to_vec(); 10_000],
        vec![format!("Bearer realm=\"{}\"", "x".repeat(1 << 20)).into_bytes()],
        vec!["Bearer a=1, ".repeat(20_000).into_bytes()],
    ];
    for www_authenticate in lines {
        let server = Hostile::start(|_, _| None).await;
        let challenged = Challenged {
            status: 401,
            www_authenticate,
            generation: None,
        };
        let ended = host(&server).authorizer.recover(challenged).await;
        assert_eq!(code(&ended.unwrap_err()), Code::BadChallenge);
        assert!(server.heard().is_empty());
    }
}

#[tokio::test]
async fn a_challenge_cannot_send_the_host_to_a_metadata_service() {
    for target in [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1]/",
        "https://2852039166/",
        "https://0xa9.0xfe.0xa9.0xfe/",
        "https://user:password@127.0.0.1/",
        "file:///etc/passwd",
    ] {
        let server = Hostile::start(|_, _| None).await;
        let host = host(&server);
        let challenged = Challenged {
            status: 401,
            www_authenticate: vec![format!("Bearer resource_metadata=\"{target}\"").into_bytes()],
            generation: None,
        };
        // What was named is passed over, and the derived places serve.
        host.authorizer.recover(challenged).await.unwrap();
        let refused = |one: &Decision| matches!(one, Decision::MetadataUrlRefused(_));
        assert!(host.decisions().iter().any(refused), "{target}");
    }
}

#[tokio::test]
async fn metadata_cannot_send_the_host_to_a_metadata_service() {
    for target in [
        "http://169.254.169.254",
        "https://169.254.169.254",
        "https://[fe80::1]",
        "https://[::ffff:169.254.169.254]",
        "https://[fd00:ec2::254]",
        "https://100.100.100.200",
        "https://2852039166",
        "https://0.0.0.0",
        "http://10.0.0.1",
        "http://as.example.com",
    ] {
        let server = Hostile::start(move |request, origin| {
            let mut metadata = resource_metadata(origin);
            metadata["authorization_servers"] = json!([target]);
            (request.target == RESOURCE_METADATA).then(|| document(&metadata))
        })
        .await;
        assert_eq!(code(&sign_in(&server).await), Code::BadIssuer, "{target}");
        for endpoint in [
            "authorization_endpoint",
            "token_endpoint",
            "registration_endpoint",
        ] {
            let server = Hostile::start(move |request, origin| {
                let mut metadata = server_metadata(origin);
                metadata[endpoint] = format!("{target}/x").into();
                (request.target == SERVER_METADATA).then(|| document(&metadata))
            })
            .await;
            let ended = code(&sign_in(&server).await);
            assert_eq!(ended, Code::BadServerMetadata, "{endpoint} {target}");
        }
    }
}

#[tokio::test]
async fn nothing_but_a_web_page_is_opened() {
    for target in [
        "javascript:alert(1)",
        "JavaScript://127.0.0.1/%0aalert(1)",
        "file:///etc/passwd",
        "data:text/html,<script>alert(1)</script>",
        "vscode://open?x",
        "-private-window",
        "https://as.example.com/$(id)",
        "https://as.example.com/a\nb",
        "https://as.example.com/\"&calc&\"",
    ] {
        let server = Hostile::start(move |request, origin| {
            let mut metadata = server_metadata(origin);
            metadata["authorization_endpoint"] = target.into();
            (request.target == SERVER_METADATA).then(|| document(&metadata))
        })
        .await;
        let host = host(&server);
        let ended = host.authorizer.sign_in().await.unwrap_err();
        assert_eq!(code(&ended), Code::BadServerMetadata, "{target}");
        assert_eq!(host.decided("user_sent"), 0);
        assert_eq!(server.asked("/register"), 0, "nothing is registered for it");
    }
}

#[tokio::test]
async fn a_callback_that_is_not_ours_redeems_nothing() {
    for forged in ["code=c&state=guessed", "code=c", "error=access_denied", ""] {
        let server = Hostile::start(move |request, origin| {
            request.target.starts_with("/authorize").then(|| {
                let (redirect_uri, _) = way_back(request, origin);
                redirect(302, &format!("{redirect_uri}?{forged}"))
            })
        })
        .await;
        assert_eq!(code(&sign_in(&server).await), Code::Declined, "{forged}");
        assert_eq!(server.asked("/token"), 0);
    }
}

#[tokio::test]
async fn what_servers_say_cannot_write_on_the_terminal() {
    let words = json!({
        "error": "invalid_\u{1b}]0;owned\u{7}request",
        "error_description": "\u{1b}[2Jlook\r\nhere\u{202e}",
    })
    .to_string();
    let server = Hostile::start(move |request, _| {
        let here = request.target == "/token";
        here.then(|| answer(400, "application/json", &words))
    })
    .await;
    let shown = format!("{0} {0:?}", sign_in(&server).await);
    let forbidden = |c: char| c.is_control() || c == '\u{202e}';
    assert!(!shown.contains(forbidden), "{shown:?}");
}
