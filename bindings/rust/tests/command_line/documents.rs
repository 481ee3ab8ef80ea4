//! Is a client ID metadata document written that servers take and the listener fits, and is a bad one refused?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_oauth_core::{Algorithm, RedirectUri};
use mcp_oauth_host::signer::PrivateKey;
use mcp_oauth_host::{SystemBrowser, UserAgent as _};
use mcp_oauth_testbed::LoopbackPort;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use crate::person::{Ended, Person, bed, ended};

const URL: &str = "https://app.example.com/client.json";

fn key_file(person: &Person, name: &str) -> String {
    let key = PrivateKey::generate(Algorithm::Es256).unwrap();
    person.file(name, key.to_pem().unwrap().expose())
}

async fn written(person: &Person, more: &[&str]) -> Value {
    let write = ["client-document", "write", URL, "--name", "Notes", "--json"];
    let ended = person.runs(&[&write[..], more].concat()).await;
    assert_eq!(ended.exit, 0, "{}", ended.err);
    ended.json()
}

async fn checked(person: &Person, document: &Value, more: &[&str]) -> Ended {
    let file = person.file("client.json", &document.to_string());
    let check = ["client-document", "check", URL, "--file", &file];
    person.runs(&[&check[..], more].concat()).await
}

#[tokio::test]
async fn a_document_that_is_written_is_good_and_gets_its_client_in() {
    for keyed in [false, true] {
        let (bed, person) = (bed().await, Person::new());
        let key = key_file(&person, "key.pem");
        let with_key: &[&str] = match keyed {
            true => &["--client-key", &key],
            false => &[],
        };
        let document = written(&person, with_key).await;
        let check = checked(&person, &document, with_key).await;
        assert_eq!(check.exit, 0, "{}", check.err);

        bed.set(|behaviour| {
            behaviour.registration.offered = false;
            behaviour.authorization.loopback_port = LoopbackPort::Any;
            let documents = &mut behaviour.registration.client_documents;
            documents.insert(URL.into(), document.clone());
        });
        for (account, redirect_uri) in [
            ("4", "http://127.0.0.1:0/callback"),
            ("6", "http://[::1]:0/callback"),
        ] {
            let flags = [
                "--account",
                account,
                "--client-document",
                URL,
                "--redirect-uri",
                redirect_uri,
            ];
            let login = person.logs_in(&bed, &[&flags[..], with_key].concat()).await;
            assert_eq!(login.exit, 0, "{}", login.err);
        }
        assert_eq!(bed.counts().authorizations, 2);
        assert_eq!(bed.breaches(), []);
    }
}

#[tokio::test]
async fn where_the_listener_listens_the_document_says() {
    let document = written(&Person::new(), &[]).await;
    let listed = document["redirect_uris"].as_array().unwrap();
    for wish in ["http://127.0.0.1:0/callback", "http://[::1]:0/callback"] {
        let bound = SystemBrowser::new().bind(wish).await.unwrap();
        let bound = RedirectUri::parse(bound.uri(), false).unwrap();
        let stands_for = |uri: &Value| bound.matches_registered(uri.as_str().unwrap());
        assert!(listed.iter().any(stands_for), "{wish}");
    }
}

#[tokio::test]
async fn a_document_that_is_no_good_is_refused_with_the_reason() {
    let person = Person::new();
    let key = key_file(&person, "key.pem");
    let other = key_file(&person, "other.pem");
    let keyed = written(&person, &["--client-key", &key]).await;
    let public = written(&person, &[]).await;
    let changed = |document: &Value, name: &str, value: Value| {
        let mut document = document.clone();
        document[name] = value;
        document
    };
    let mut private = keyed.clone();
    private["jwks"]["keys"][0]["d"] = "AAAA".into();
    let redirect = ["--redirect-uri", "http://127.0.0.1:0/elsewhere"];
    let cases: [(Value, &[&str], &str); 7] = [
        (
            changed(&public, "client_id", "https://app.example.com/".into()),
            &[],
            "client_id",
        ),
        (
            changed(
                &public,
                "token_endpoint_auth_method",
                "client_secret_basic".into(),
            ),
            &[],
            "shared secret",
        ),
        (changed(&keyed, "jwks", json!({"keys": []})), &[], "jwks"),
        (private, &[], "private members"),
        (keyed.clone(), &["--client-key", &other], "not among"),
        (public.clone(), &["--client-key", &key], "private_key_jwt"),
        (public, &redirect, "redirect URI"),
    ];
    for (document, flags, reason) in cases {
        let check = checked(&person, &document, flags).await;
        assert_eq!(check.exit, 5, "{reason}: {}", check.err);
        assert!(check.err.contains(reason), "{reason}: {}", check.err);
    }
    let insecure = "http://app.example.com/client.json";
    let write = ["client-document", "write", insecure, "--name", "Notes"];
    assert_eq!(person.runs(&write).await.exit, 5);
}

/// A web server with a certificate of its own for `localhost`, that has one document and says so with this head.
async fn published(
    person: &Person,
    head: &'static str,
) -> (String, String, tokio::task::JoinHandle<()>) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let body = STANDARD.encode(own.cert.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    let certificate = person.file("own.pem", &pem);
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let ring = tokio_rustls::rustls::crypto::ring::default_provider();
    let config = ServerConfig::builder_with_provider(ring.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://localhost:{port}/client.json");
    let document = json!({
        "client_id": url,
        "client_name": "Notes",
        "redirect_uris": ["http://127.0.0.1/callback"],
    });
    let answer = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{document}");
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, certificate, serving)
}

#[tokio::test]
async fn a_published_document_is_looked_at_where_it_is() {
    for (head, exit) in [
        ("200 OK\r\nContent-Type: application/json", 0),
        ("200 OK\r\nContent-Type: text/html", 5),
        ("302 Found\r\nLocation: /elsewhere", 5),
    ] {
        let person = Person::new();
        let (url, certificate, serving) = published(&person, head).await;
        let check = person
            .command(&["client-document", "check", &url])
            .env("SSL_CERT_FILE", certificate)
            .spawn()
            .unwrap();
        let check = ended(check).await;
        assert_eq!(check.exit, exit, "{head}: {}", check.err);
        serving.abort();
    }
}
