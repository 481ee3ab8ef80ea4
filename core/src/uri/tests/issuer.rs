//! Is an issuer kept and compared as it was written?

use super::{Reach, UrlFault};
use crate::uri::Issuer;

fn issuer(raw: &str) -> Issuer {
    Issuer::parse(raw, Reach::Loopback).unwrap()
}

// ASM-06
#[test]
fn an_issuer_has_no_query_fragment_or_user() {
    for (raw, fault) in [
        ("https://a.example?x", UrlFault::Query),
        ("https://a.example/t?", UrlFault::Query),
        ("https://a.example#f", UrlFault::Fragment),
        ("https://u:p@a.example", UrlFault::UserInfo),
        ("http://a.example", UrlFault::Insecure),
        ("https://a.example/{tenantid}/v2.0", UrlFault::Character),
        ("a.example", UrlFault::NotAbsolute),
    ] {
        assert_eq!(Issuer::parse(raw, Reach::Public), Err(fault), "{raw}");
    }
}

// ASM-03, REG-07, RSP-07
#[test]
fn issuers_compare_character_for_character() {
    let own = issuer("https://a.example/t1");
    for other in [
        "https://a.example/t1/",
        "https://A.example/t1",
        "HTTPS://a.example/t1",
        "https://a.example:443/t1",
        "https://a.example/%741",
    ] {
        assert_ne!(own, issuer(other), "{other}");
        assert!(!own.same_but_root_slash(other), "{other}");
        assert_eq!(issuer(other).as_str(), other);
    }
    assert_eq!(own, issuer("https://a.example/t1"));
}

#[test]
fn only_one_slash_after_the_host_is_excused() {
    for (one, other, excused) in [
        ("https://a.example", "https://a.example/", true),
        ("https://a.example/", "https://a.example", true),
        ("https://a.example:8443", "https://a.example:8443/", true),
        ("https://a.example", "https://a.example", false),
        ("https://a.example", "https://a.example//", false),
        ("https://a.example//", "https://a.example/", false),
        ("https://a.example/t", "https://a.example/t/", false),
        ("https://a.example", "https://A.example/", false),
        ("https://a.example", "https://b.example/", false),
        ("https://a.example", "", false),
    ] {
        assert_eq!(
            issuer(one).same_but_root_slash(other),
            excused,
            "{one} {other}"
        );
    }
}

// ASM-01, ASM-02
#[test]
fn metadata_locations_drop_the_slash_at_the_end() {
    for (raw, inserted, appended) in [
        (
            "https://a.example",
            "https://a.example/.well-known/x",
            "https://a.example/.well-known/x",
        ),
        (
            "https://a.example/",
            "https://a.example/.well-known/x",
            "https://a.example/.well-known/x",
        ),
        (
            "https://a.example/t1",
            "https://a.example/.well-known/x/t1",
            "https://a.example/t1/.well-known/x",
        ),
        (
            "https://a.example/t1/",
            "https://a.example/.well-known/x/t1",
            "https://a.example/t1/.well-known/x",
        ),
        (
            "https://a.example:8443/t/u",
            "https://a.example:8443/.well-known/x/t/u",
            "https://a.example:8443/t/u/.well-known/x",
        ),
    ] {
        assert_eq!(issuer(raw).well_known_inserted("x"), inserted);
        assert_eq!(issuer(raw).well_known_appended("x"), appended);
        assert_eq!(
            issuer(raw).url().well_known_root("x"),
            format!("{}/.well-known/x", issuer(raw).url().origin())
        );
    }
}

#[test]
fn an_issuer_serialises_and_prints_as_its_bytes() {
    let own = issuer("https://A.example/");
    assert_eq!(
        serde_json::to_string(&own).unwrap(),
        "\"https://A.example/\""
    );
    assert_eq!(own.to_string(), "https://A.example/");
}
