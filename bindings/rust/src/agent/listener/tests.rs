use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn any(uri: &str) -> Redirect {
    listen(&Place::read(uri).unwrap()).unwrap()
}

fn authority_of(redirect: &Redirect) -> String {
    let rest = redirect.uri().strip_prefix("http://").unwrap();
    rest.split(['/', '?']).next().unwrap().to_owned()
}

async fn say(authority: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

async fn get(authority: &str, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    say(authority, &request).await
}

async fn next(redirect: &mut Redirect) -> Option<String> {
    next_within(redirect, 2_000).await
}

async fn next_within(redirect: &mut Redirect, millis: u64) -> Option<String> {
    let waited = tokio::time::timeout(Duration::from_millis(millis), redirect.next()).await;
    match waited.ok()?? {
        Callback::Query(query) => Some(query.expose().to_owned()),
        Callback::Url(_) => None,
    }
}

#[test]
fn a_place_to_listen_is_http_on_loopback() {
    for uri in [
        "https://127.0.0.1:1/cb",
        "http://192.0.2.1:1/cb",
        "http://localhost.example.com/cb",
        "http://127.0.0.1.example.com/cb",
        "http://127.0.0.1:x/cb",
        "http://127.0.0.1:70000/cb",
        "http://user@127.0.0.1/cb",
        "com.example.app:/cb",
    ] {
        assert!(Place::read(uri).is_none(), "{uri}");
    }
    let place = Place::read("http://localhost/cb?x=1").unwrap();
    assert_eq!((place.port, place.request_path()), (80, "/cb".into()));
}

// RDR-05
#[test]
fn only_this_machine_can_reach_the_sockets() {
    for uri in ["http://127.0.0.1:0/cb", "http://localhost:0/cb"] {
        let (sockets, _) = Place::read(uri).unwrap().bind().unwrap();
        for socket in sockets.0 {
            assert!(socket.local_addr().unwrap().ip().is_loopback(), "{uri}");
        }
    }
}

// RDR-04
#[tokio::test]
async fn the_uri_names_the_port_and_ends_with_the_listening() {
    let redirect = any("http://127.0.0.1:0/callback");
    let authority = authority_of(&redirect);
    assert_eq!(redirect.uri(), format!("http://{authority}/callback"));
    assert_ne!(authority, "127.0.0.1:0");
    assert!(TcpStream::connect(&authority).await.is_ok());
    drop(redirect);
    tokio::task::yield_now().await;
    assert!(TcpStream::connect(&authority).await.is_err());
}

// RDR-06, RDR-08, RDR-09
#[tokio::test]
async fn every_callback_gets_the_same_page_and_none_ends_the_listening() {
    let mut redirect = any("http://127.0.0.1:0/callback");
    let authority = authority_of(&redirect);
    let mut pages = Vec::new();
    for query in [
        "code=a&state=b",
        "error=access_denied",
        "%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let page = get(&authority, &format!("/callback?{query}")).await;
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert_eq!(next(&mut redirect).await.as_deref(), Some(query));
        let undated = page.lines().filter(|line| !line.starts_with("date:"));
        pages.push(undated.collect::<Vec<_>>().join("\n"));
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(pages[0], pages[2]);
    for header in [
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
    ] {
        assert!(pages[0].contains(header), "{}", pages[0]);
    }
    let bare = get(&authority, "/callback").await;
    assert!(bare.starts_with("HTTP/1.1 200"));
    assert_eq!(next(&mut redirect).await.as_deref(), Some(""));
}

// RDR-06, RDR-07
#[tokio::test]
async fn nothing_but_a_get_of_the_path_at_this_authority_is_a_callback() {
    let mut redirect = any("http://127.0.0.1:0/callback");
    let authority = authority_of(&redirect);
    let port = authority.split(':').nth(1).unwrap();
    let request = |line: &str, host: &str| format!("{line} HTTP/1.1\r\n{host}\r\n\r\n");
    let here = format!("Host: {authority}");
    let cases = [
        (request("POST /callback?code=x", &here), "405"),
        (request("HEAD /callback?code=x", &here), "405"),
        (request("OPTIONS /callback?code=x", &here), "405"),
        (request("GET /callback/?code=x", &here), "404"),
        (request("GET /Callback?code=x", &here), "404"),
        (request("GET /favicon.ico", &here), "404"),
        (
            request(
                "GET /callback?code=x",
                &format!("Host: rebound.example.com:{port}"),
            ),
            "421",
        ),
        (request("GET /callback?code=x", "Host: 127.0.0.1"), "421"),
        (
            request("GET /callback?code=x", &format!("Host: localhost:{port}")),
            "421",
        ),
        (request("GET /callback?code=x", "Accept: */*"), "421"),
        (
            request(
                "GET /callback?code=x",
                &format!("{here}\r\nHost: evil.example.com"),
            ),
            "421",
        ),
        (
            request(&format!("GET http://{authority}/callback?code=x"), &here),
            "421",
        ),
        (
            request(
                "GET /callback?code=x",
                &format!("{here}\r\nX: {}", "x".repeat(64 * 1024)),
            ),
            "431",
        ),
        ("nonsense\r\n\r\n".to_owned(), "400"),
    ];
    for (request, status) in cases {
        let answer = say(&authority, &request).await;
        let got = answer.split(' ').nth(1).unwrap_or_default();
        let shown = &request[..request.len().min(80)];
        assert_eq!(got, status, "{shown:?}: {answer}");
        assert_eq!(next_within(&mut redirect, 30).await, None, "{shown:?}");
    }
    let answer = get(&authority, "/callback?code=good").await;
    assert!(answer.starts_with("HTTP/1.1 200"));
    assert_eq!(next(&mut redirect).await.as_deref(), Some("code=good"));
}

#[tokio::test]
async fn connections_that_say_nothing_do_not_keep_the_callback_out() {
    let mut redirect = any("http://127.0.0.1:0/callback");
    let authority = authority_of(&redirect);
    let mut silent = Vec::new();
    for _ in 0..MAX_CONNECTIONS - 1 {
        silent.push(TcpStream::connect(&authority).await.unwrap());
    }
    let answer = get(&authority, "/callback?code=x").await;
    assert!(answer.starts_with("HTTP/1.1 200"));
    assert_eq!(next(&mut redirect).await.as_deref(), Some("code=x"));
}

#[tokio::test]
async fn the_page_comes_even_when_the_listening_has_ended_meanwhile() {
    let redirect = any("http://127.0.0.1:0/callback");
    let authority = authority_of(&redirect);
    let mut stream = TcpStream::connect(&authority).await.unwrap();
    stream
        .write_all(b"GET /callback?code=x HTTP/1.1\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(redirect);
    let rest = format!("Host: {authority}\r\n\r\n");
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn localhost_is_both_families_and_the_literals_are_one() {
    let mut redirect = any("http://localhost:0/callback");
    let authority = authority_of(&redirect);
    let port = authority.strip_prefix("localhost:").unwrap();
    let request = format!("GET /callback?v4 HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    say(&format!("127.0.0.1:{port}"), &request).await;
    assert_eq!(next(&mut redirect).await.as_deref(), Some("v4"));
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        let request = request.replace("v4", "v6");
        say(&format!("[::1]:{port}"), &request).await;
        assert_eq!(next(&mut redirect).await.as_deref(), Some("v6"));
        let mut redirect = any("http://[::1]:0/callback");
        let authority = authority_of(&redirect);
        get(&authority, "/callback?literal").await;
        assert_eq!(next(&mut redirect).await.as_deref(), Some("literal"));
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_not_shared() {
    let redirect = any("http://127.0.0.1:0/callback");
    let taken = Place::read(redirect.uri()).unwrap();
    assert!(listen(&taken).is_err());
    let other = listen(&taken.at_any_port()).unwrap();
    assert_ne!(other.uri(), redirect.uri());
}
