//! What do hostile servers get out of one request?

use std::time::{Duration, Instant};

use mcp_oauth_core::Purpose;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;

const LIMITS: Limits = Limits {
    max_body_bytes: 1000,
    timeout_ms: 2_000,
};

/// A server that says `answer` to each connection, whatever it hears, and tells what it heard.
async fn server(answer: &'static [u8]) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/path", listener.local_addr().unwrap());
    let (heard, hearing) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = heard.send(read_request(&mut stream).await);
            let _ = stream.write_all(answer).await;
        }
    });
    (url, hearing)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        text.extend_from_slice(&buffer[..count]);
        let whole = String::from_utf8_lossy(&text).into_owned();
        let ended =
            whole.contains("\r\n\r\n") && (!whole.starts_with("POST") || whole.ends_with("END"));
        if count == 0 || ended {
            return whole;
        }
    }
}

fn url(text: &str) -> HttpUrl {
    HttpUrl::parse(text, Reach::Loopback).unwrap()
}

async fn ask(address: &str) -> Result<NetworkReply, Cause> {
    Network::new(Reach::Loopback)
        .get(&url(address), LIMITS)
        .await
}

async fn fault(answer: &'static [u8]) -> Option<Cause> {
    let (address, _hearing) = server(answer).await;
    ask(&address).await.err()
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let (address, _hearing) = server(
        b"HTTP/1.1 404 No\r\nContent-Length: 4\r\nX-Odd: \xff\r\nRetry-After: 7\r\n\r\nbody",
    )
    .await;
    let reply = ask(&address).await.unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (404, &b"body"[..]));
    let header = |name| reply.headers.iter().find(|(known, _)| &**known == name);
    assert_eq!(&*header("retry-after").unwrap().1, b"7");
    assert_eq!(&*header("x-odd").unwrap().1, b"\xff");
}

#[tokio::test]
async fn only_the_headers_of_the_action_are_sent_and_the_body_as_it_is() {
    let (address, mut hearing) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let text = |name, value| Header {
        name,
        value: HeaderValue::Static(value),
    };
    let request = HttpRequest {
        method: Method::Post,
        url: url(&address),
        headers: vec![
            text("accept", "application/json"),
            text("content-type", "application/x-www-form-urlencoded"),
        ],
        body: Some(Secret::new("code=secret&END")),
        limits: LIMITS,
        reach: Reach::Loopback,
        redirects: RedirectRule::HandBack,
        purpose: Purpose::CodeExchange,
    };
    Network::new(Reach::Loopback).send(&request).await.unwrap();
    let heard = hearing.recv().await.unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let mut names: Vec<_> = head
        .lines()
        .skip(1)
        .map(|line| line.split(':').next().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "content-length", "content-type", "host"]);
    assert_eq!(body, "code=secret&END");
}

// URL-04, URL-05
#[tokio::test]
async fn a_redirect_is_handed_back_and_not_followed() {
    let (elsewhere, mut visits) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let answer =
        format!("HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n");
    let (address, _hearing) = server(answer.leak().as_bytes()).await;
    let reply = ask(&address).await.unwrap();
    assert_eq!(reply.status, 302);
    assert!(visits.try_recv().is_err());
}

#[tokio::test]
async fn no_connection_and_no_cookie_is_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let (heard, mut hearing) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n";
        for connection in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let heard = heard.clone();
            tokio::spawn(async move {
                loop {
                    let request = read_request(&mut stream).await;
                    if request.is_empty() {
                        return;
                    }
                    let _ = heard.send((connection, request));
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    let network = Network::new(Reach::Loopback);
    for expected in 0..2 {
        network.get(&url(&address), LIMITS).await.unwrap();
        let (connection, request) = hearing.recv().await.unwrap();
        assert_eq!(connection, expected);
        assert!(!request.to_lowercase().contains("cookie"), "{request}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read() {
    assert_eq!(
        fault(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx").await,
        Some(Cause::TooLarge)
    );
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..11 {
        chunked.extend_from_slice(b"64\r\n");
        chunked.extend_from_slice(&[b'x'; 100]);
        chunked.extend_from_slice(b"\r\n");
    }
    assert_eq!(fault(chunked.leak()).await, Some(Cause::TooLarge));
    let mut exact = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".to_vec();
    exact.extend_from_slice(&[b'x'; 1000]);
    assert_eq!(fault(exact.leak()).await, None);
}

#[tokio::test]
async fn a_server_that_drips_is_left_when_the_time_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
            .await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let limits = Limits {
        timeout_ms: 200,
        ..LIMITS
    };
    let start = Instant::now();
    let answer = Network::new(Reach::Loopback)
        .get(&url(&address), limits)
        .await;
    assert_eq!(answer.err(), Some(Cause::Timeout));
    assert!(start.elapsed() < Duration::from_millis(1_500));
}

#[tokio::test]
async fn what_went_wrong_is_told_apart() {
    assert_eq!(fault(b"").await, Some(Cause::Interrupted));
    assert_eq!(
        fault(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx").await,
        Some(Cause::Interrupted)
    );
    assert_eq!(fault(b"nonsense\r\n\r\n").await, Some(Cause::Interrupted));
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(
        ask(&format!("http://{free}/")).await.err(),
        Some(Cause::Connect)
    );
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = format!("https://{}/", plain.local_addr().unwrap());
    let answer = tokio::spawn(async move { ask(&secure).await });
    let (mut stream, _) = plain.accept().await.unwrap();
    stream
        .write_all(b"HTTP/1.1 400 Not TLS\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(answer.await.unwrap().err(), Some(Cause::Tls));
    let nowhere = url("https://does-not-exist.invalid/");
    let answer = Network::new(Reach::Public).get(&nowhere, LIMITS).await;
    assert_eq!(answer.err(), Some(Cause::Dns));
}

// URL-10
#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    use tokio_rustls::rustls::ServerConfig;
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let config =
        ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let handshake = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.map(drop)
    });
    let answer = ask(&format!("https://localhost:{port}/")).await;
    assert_eq!(answer.err(), Some(Cause::Tls));
    assert!(handshake.await.unwrap().is_err());
}

// URL-01, URL-03
#[tokio::test]
async fn an_address_outside_the_reach_is_not_connected_to() {
    let (address, mut visits) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let port = url(&address).port();
    for host in ["127.0.0.1", "localhost"] {
        // As if the core had let it through.
        let target = url(&format!("http://{host}:{port}/"));
        for reach in [Reach::Public, Reach::Private] {
            let answer = Network::new(reach).get(&target, LIMITS).await;
            assert_eq!(answer.err(), Some(Cause::Blocked), "{host}");
        }
    }
    assert!(visits.try_recv().is_err());
}
