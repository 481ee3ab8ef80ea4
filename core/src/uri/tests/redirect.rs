//! Is a redirect URI one that a client may listen on, and a callback one that came there?

use super::UrlFault;
use crate::uri::{MAX_URL, RedirectKind, RedirectUri};

fn redirect(raw: &str) -> RedirectUri {
    RedirectUri::parse(raw, true).unwrap_or_else(|fault| panic!("{raw}: {fault}"))
}

// RDR-02, REG-14
#[test]
fn kind_and_application_type_follow_from_the_uri() {
    for (raw, kind, application) in [
        (
            "http://127.0.0.1:49152/cb",
            RedirectKind::Loopback,
            "native",
        ),
        ("http://[::1]:49152/cb", RedirectKind::Loopback, "native"),
        ("http://localhost:3000", RedirectKind::Loopback, "native"),
        ("http://LOCALHOST/", RedirectKind::Loopback, "native"),
        (
            "https://localhost:3000/cb",
            RedirectKind::Loopback,
            "native",
        ),
        (
            "https://app.example.com/cb?tenant=1",
            RedirectKind::Https,
            "web",
        ),
        ("https://10.0.0.1/cb", RedirectKind::Https, "web"),
        ("com.example.app:/cb", RedirectKind::PrivateUse, "native"),
        ("com.example.app:/", RedirectKind::PrivateUse, "native"),
    ] {
        let uri = redirect(raw);
        assert_eq!(uri.as_str(), raw);
        assert_eq!(
            (uri.kind(), uri.application_type()),
            (kind, application),
            "{raw}"
        );
    }
}

// RDR-01, RDR-02, RDR-03
#[test]
fn other_redirect_uris_are_refused() {
    let long = format!("com.example.app:/{}", "x".repeat(MAX_URL));
    for (raw, fault) in [
        ("http://h.example/cb", UrlFault::Insecure),
        ("http://10.0.0.1/cb", UrlFault::Insecure),
        ("http://127.0.0.2/cb", UrlFault::Insecure),
        ("http://a.localhost/cb", UrlFault::Insecure),
        ("http://[0:0::1]/cb", UrlFault::Insecure),
        ("http://127.1/cb", UrlFault::Host),
        ("http://127.0.0.1:0/cb", UrlFault::Port),
        ("http://127.0.0.1/cb#", UrlFault::Fragment),
        ("https://app.example.com/cb#f", UrlFault::Fragment),
        ("com.example.app:/cb#f", UrlFault::Fragment),
        ("myapp:/cb", UrlFault::Scheme),
        ("myapp://cb", UrlFault::Scheme),
        ("javascript:/x", UrlFault::Scheme),
        ("com..app:/cb", UrlFault::Scheme),
        ("com.app.:/cb", UrlFault::Scheme),
        ("com.example.app://cb", UrlFault::Host),
        ("com.example.app:cb", UrlFault::NotAbsolute),
        ("com.example.app:", UrlFault::NotAbsolute),
        ("com.example.app:/c b", UrlFault::Character),
        ("com.example.app:/[", UrlFault::Character),
        ("/cb", UrlFault::NotAbsolute),
        ("", UrlFault::NotAbsolute),
        (&long, UrlFault::TooLong),
    ] {
        assert_eq!(RedirectUri::parse(raw, true), Err(fault), "{:.80}", raw);
    }
    assert_eq!(
        RedirectUri::parse("com.example.app:/cb", false),
        Err(UrlFault::Scheme)
    );
}

// REG-06, REG-22
#[test]
fn only_the_port_of_plain_loopback_may_differ_from_what_is_registered() {
    for (own, registered, matches) in [
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:1/cb", true),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb", true),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1/cb", true),
        ("http://[::1]:1/cb?a=b", "http://[::1]:2/cb?a=b", true),
        ("http://localhost:1/cb", "http://localhost:2/cb", true),
        ("http://127.0.0.1:1/cb", "http://localhost:1/cb", false),
        ("http://127.0.0.1:1/cb", "http://[::1]:1/cb", false),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb/", false),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/CB", false),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb?x", false),
        ("http://127.0.0.1:1", "http://127.0.0.1:1/", false),
        ("http://127.0.0.1:1/cb", "https://127.0.0.1:1/cb", false),
        ("https://127.0.0.1:1/cb", "https://127.0.0.1:2/cb", false),
        (
            "https://app.example.com/cb",
            "https://app.example.com:8443/cb",
            false,
        ),
        (
            "https://app.example.com/cb",
            "https://app.example.com:443/cb",
            false,
        ),
        (
            "https://app.example.com/cb",
            "https://APP.example.com/cb",
            false,
        ),
        ("com.example.app:/cb", "com.example.app:/cb", true),
        ("com.example.app:/cb", "com.example.app:/cb2", false),
        ("http://127.0.0.1:1/cb", "", false),
    ] {
        assert_eq!(
            redirect(own).matches_registered(registered),
            matches,
            "{own} {registered}"
        );
    }
}

// RSP-19, RDR-06
#[test]
fn a_callback_counts_only_at_its_own_address() {
    for (own, callback, query) in [
        (
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:1/cb?code=a&state=b",
            Some("code=a&state=b"),
        ),
        (
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:1/cb?code=a#_=_",
            Some("code=a"),
        ),
        (
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:1/cb#code=a",
            Some(""),
        ),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:1/cb", Some("")),
        (
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:1/cb?a={'b'}?c",
            Some("a={'b'}?c"),
        ),
        (
            "http://localhost:1",
            "http://LOCALHOST:1/?code=a",
            Some("code=a"),
        ),
        (
            "https://app.example.com/cb?t=1",
            "https://app.example.com:443/cb?t=1&code=a",
            Some("t=1&code=a"),
        ),
        (
            "com.example.app:/cb",
            "COM.example.app:/cb?code=a",
            Some("code=a"),
        ),
        (
            "com.example.app:/cb?x",
            "com.example.app:/cb?x&code=a#f",
            Some("x&code=a"),
        ),
        (
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:2/cb?code=a",
            None,
        ),
        (
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:1/cb/?code=a",
            None,
        ),
        (
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:1/favicon.ico",
            None,
        ),
        (
            "http://127.0.0.1:1/cb",
            "http://localhost:1/cb?code=a",
            None,
        ),
        (
            "http://127.0.0.1:1/cb",
            "https://127.0.0.1:1/cb?code=a",
            None,
        ),
        (
            "http://127.0.0.1:1/cb",
            "http://u@127.0.0.1:1/cb?code=a",
            None,
        ),
        ("http://127.0.0.1:1/cb", "/cb?code=a", None),
        (
            "http://127.0.0.1:1/cb",
            "http://evil.example/?http://127.0.0.1:1/cb?code=a",
            None,
        ),
        ("http://127.0.0.1:1/cb", "", None),
        ("com.example.app:/cb", "com.example.app:/cb2?code=a", None),
        ("com.example.app:/cb", "com.example.other:/cb?code=a", None),
        ("com.example.app:/cb", "com.example.app://cb?code=a", None),
    ] {
        assert_eq!(
            redirect(own).accepts_callback(callback),
            query,
            "{own} {callback}"
        );
    }
}

#[test]
fn a_redirect_uri_prints_without_query_and_serialises_as_its_bytes() {
    for raw in [
        "com.example.app:/cb?x=CANARY",
        "https://app.example.com/cb?x=CANARY",
    ] {
        let uri = redirect(raw);
        assert!(!format!("{uri} {uri:?}").contains("CANARY"));
        assert_eq!(serde_json::to_string(&uri).unwrap(), format!("\"{raw}\""));
    }
}
