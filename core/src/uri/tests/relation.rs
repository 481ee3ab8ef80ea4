//! Which URLs belong together, and which are made from others?

use super::{Random, Reach, UrlFault, url};
use crate::uri::address::AddressClass;

// URL-08
#[test]
fn origins_compare_and_print_normalised() {
    for (one, other, same) in [
        ("https://h.example", "https://h.example/x?y", true),
        ("HTTPS://H.Example:443", "https://h.example/", true),
        ("https://h.example:8443", "https://h.example", false),
        ("https://h.example", "https://sub.h.example", false),
        ("http://127.0.0.1", "https://127.0.0.1", false),
        ("http://127.0.0.1:443", "https://127.0.0.1", false),
        ("http://localhost", "http://127.0.0.1", false),
        ("http://[::1]:80", "http://[0:0:0:0:0:0:0:1]", true),
        ("https://[2606:4700::A]", "https://[2606:4700:0::a]", true),
        ("https://[2606:4700::a]", "https://[2606:4700::b]", false),
    ] {
        assert_eq!(url(one).same_origin(&url(other)), same, "{one} {other}");
        assert_eq!(url(other).same_origin(&url(one)), same, "{one} {other}");
        assert_eq!(url(one).origin() == url(other).origin(), same);
    }
    for (raw, origin) in [
        ("HTTPS://H.Example:443/x", "https://h.example"),
        ("https://h.example:8443?x", "https://h.example:8443"),
        ("http://localhost:80", "http://localhost"),
        ("http://[0::1]:3000/", "http://[::1]:3000"),
    ] {
        assert_eq!(url(raw).origin(), origin);
    }
    assert_ne!(url("https://h.example"), url("https://h.example/"));
    assert_ne!(url("https://h.example"), url("HTTPS://h.example"));
}

// PRM-09, USE-03
#[test]
fn containment_goes_by_whole_segments() {
    for (outer, inner, contained) in [
        ("https://h.example", "https://h.example", true),
        ("https://h.example", "https://h.example/", true),
        ("https://h.example/", "https://h.example", true),
        ("https://h.example", "https://h.example/mcp?x", true),
        ("https://h.example?a", "https://H.EXAMPLE:443/mcp", true),
        ("https://h.example/api", "https://h.example/api", true),
        ("https://h.example/api", "https://h.example/api/", true),
        ("https://h.example/api/", "https://h.example/api", true),
        ("https://h.example/api/", "https://h.example/api/x/y", true),
        ("https://h.example/api", "https://h.example/api//x", true),
        (
            "https://h.example/api",
            "https://h.example/api?x=/../",
            true,
        ),
        (
            "https://h.example/api",
            "https://h.example/api/arn%3Aaws%2Fx",
            true,
        ),
        (
            "https://h.example/api",
            "https://h.example/api/v1.0/...",
            true,
        ),
        (
            "https://h.example/api",
            "https://h.example/api/.well-known",
            true,
        ),
        ("https://h.example/api", "https://h.example/api123", false),
        ("https://h.example/mcp", "https://h.example/mcp2", false),
        ("https://h.example/api", "https://h.example/API", false),
        ("https://h.example/api", "https://h.example/", false),
        ("https://h.example/api", "https://h.example", false),
        ("https://h.example/api", "https://h.example//api", false),
        ("https://h.example/api//", "https://h.example/api", false),
        ("https://h.example/api", "https://h.example/api%2Fx", false),
        ("https://h.example/a%2fb", "https://h.example/a/b", false),
        ("https://h.example/api", "https://other.example/api", false),
        ("https://h.example/api", "https://h.example:8443/api", false),
        (
            "https://h.example",
            "https://h.example.evil.example/",
            false,
        ),
        ("http://127.0.0.1/api", "https://127.0.0.1/api", false),
        (
            "https://h.example/api/../x",
            "https://h.example/api/../x",
            false,
        ),
        ("https://h.example/%2e", "https://h.example/%2e", false),
    ] {
        assert_eq!(
            url(outer).contains(&url(inner)),
            contained,
            "{outer} {inner}"
        );
    }
}

// USE-03
#[test]
fn no_spelling_of_a_dot_segment_is_contained() {
    let dots = [".", "%2e", "%2E", "%252e", "%25252E"];
    let slashes = ["/", "%2f", "%2F", "%252f", "%5c", "%255C"];
    let trailers = ["", ";x", "%3bx", ";", "%00", "%20", "%09", "%2500"];
    let mut tried = 0;
    for outer in [
        "https://h.example",
        "https://h.example/",
        "https://h.example/api",
    ] {
        let outer = url(outer);
        for slash in slashes {
            for first in dots {
                for second in dots.iter().copied().chain([""]) {
                    for trailer in trailers {
                        for after in ["", "/", "/admin", "%2fadmin", "%5cadmin"] {
                            let inner = format!(
                                "https://h.example/api/x{slash}{first}{second}{trailer}{after}"
                            );
                            assert!(!outer.contains(&url(&inner)), "{inner}");
                            tried += 1;
                        }
                    }
                }
            }
        }
        assert!(!outer.contains(&url("https://h.example/api/%c0%ae%c0%ae/admin")));
        assert!(!outer.contains(&url("https://h.example/api/..")));
    }
    assert!(tried > 1000);
}

#[test]
fn what_is_contained_stays_inside_after_resolving() {
    let pieces = [
        "/", "/", "api", ".", "..", "%2e", "%2f", "x", ";", "%5c", "%25", "2e", "%", "//",
    ];
    let outer = url("https://h.example/api");
    let mut random = Random(5);
    let mut contained = 0;
    for _ in 0..200_000 {
        let mut raw = String::from("https://h.example/api");
        for _ in 0..random.below(8) {
            raw.push_str(random.pick(&pieces));
        }
        let Ok(inner) = crate::uri::HttpUrl::parse(&raw, Reach::Public) else {
            continue;
        };
        if !outer.contains(&inner) {
            continue;
        }
        contained += 1;
        let resolved = url::Url::parse(&raw).unwrap();
        assert_eq!(resolved.path(), inner.path(), "{raw}");
        // A server that decodes first, and takes a backslash for a slash.
        let decoded = inner
            .path()
            .replace("%2f", "/")
            .replace("%5c", "/")
            .replace("%2e", ".");
        let resolved = url::Url::parse(&format!("https://h.example{decoded}")).unwrap();
        let path = resolved.path();
        assert!(path == "/api" || path.starts_with("/api/"), "{raw}");
    }
    assert!(contained > 1000, "{contained}");
}

// PRM-03
#[test]
fn resource_metadata_is_found_by_inserting() {
    let suffix = "oauth-protected-resource";
    for (resource, inserted, root) in [
        (
            "https://h.example",
            "https://h.example/.well-known/oauth-protected-resource",
            "https://h.example",
        ),
        (
            "https://h.example/",
            "https://h.example/.well-known/oauth-protected-resource",
            "https://h.example",
        ),
        (
            "https://h.example/a/b",
            "https://h.example/.well-known/oauth-protected-resource/a/b",
            "https://h.example",
        ),
        (
            "https://h.example/a/",
            "https://h.example/.well-known/oauth-protected-resource/a/",
            "https://h.example",
        ),
        (
            "https://h.example:8443/a?x=1",
            "https://h.example:8443/.well-known/oauth-protected-resource/a?x=1",
            "https://h.example:8443",
        ),
        (
            "https://h.example/?x=1",
            "https://h.example/.well-known/oauth-protected-resource?x=1",
            "https://h.example",
        ),
        (
            "https://h.example?x=1",
            "https://h.example/.well-known/oauth-protected-resource?x=1",
            "https://h.example",
        ),
        (
            "https://h.example//a",
            "https://h.example/.well-known/oauth-protected-resource//a",
            "https://h.example",
        ),
        (
            "HTTPS://H.Example/a",
            "HTTPS://H.Example/.well-known/oauth-protected-resource/a",
            "HTTPS://H.Example",
        ),
    ] {
        assert_eq!(url(resource).well_known_inserted(suffix), inserted);
        assert_eq!(
            url(resource).well_known_root(suffix),
            format!("{root}/.well-known/{suffix}")
        );
    }
}

// URL-04
#[test]
fn redirects_stay_on_their_origin() {
    let base = url("https://h.example/a/b?q");
    for (location, target) in [
        ("/x", Ok("https://h.example/x")),
        ("c", Ok("https://h.example/a/c")),
        ("../c?d", Ok("https://h.example/c?d")),
        ("?r", Ok("https://h.example/a/b?r")),
        ("/x#frag'ment", Ok("https://h.example/x")),
        ("//h.example/x", Ok("https://h.example/x")),
        ("https://h.example/x", Ok("https://h.example/x")),
        ("HTTPS://H.EXAMPLE:443/x#f", Ok("HTTPS://H.EXAMPLE:443/x")),
        ("https://evil.example/x", Err(UrlFault::CrossOrigin)),
        ("//evil.example/x", Err(UrlFault::CrossOrigin)),
        ("https://h.example:8443/x", Err(UrlFault::CrossOrigin)),
        ("http://h.example/x", Err(UrlFault::Insecure)),
        ("\\\\evil.example/x", Err(UrlFault::Character)),
        ("/\\evil.example/x", Err(UrlFault::Character)),
        ("/x y", Err(UrlFault::Character)),
        ("https:/x", Err(UrlFault::NotAbsolute)),
        ("https:evil.example", Err(UrlFault::NotAbsolute)),
        ("javascript:x", Err(UrlFault::Scheme)),
        ("https://u@h.example/", Err(UrlFault::UserInfo)),
        ("//u@h.example/", Err(UrlFault::UserInfo)),
        (
            "http://169.254.169.254/",
            Err(UrlFault::BlockedAddress(AddressClass::LinkLocal)),
        ),
        (
            "//169.254.169.254/",
            Err(UrlFault::BlockedAddress(AddressClass::LinkLocal)),
        ),
        (
            "//2852039166/",
            Err(UrlFault::BlockedAddress(AddressClass::LinkLocal)),
        ),
    ] {
        let found = base.resolve_redirect(location, Reach::Public);
        assert_eq!(
            found.as_ref().map(|target| target.as_str()),
            target.as_ref().copied(),
            "{location}"
        );
    }
    for huge in ["x".repeat(1 << 20), "x/../".repeat(1 << 18)] {
        assert_eq!(
            base.resolve_redirect(&huge, Reach::Public),
            Err(UrlFault::TooLong)
        );
    }
}

// ASM-14
#[test]
fn a_query_that_is_there_is_kept_as_it_is() {
    for (raw, joined) in [
        ("https://a.example/z", "https://a.example/z?x=1"),
        ("https://a.example", "https://a.example?x=1"),
        ("https://a.example/z?", "https://a.example/z?x=1"),
        (
            "https://a.example/z?t=%20+1",
            "https://a.example/z?t=%20+1&x=1",
        ),
        ("https://a.example/z?t&", "https://a.example/z?t&x=1"),
    ] {
        assert_eq!(url(raw).with_query([("x", "1")].into_iter()), joined);
        assert_eq!(url(raw).with_query([].into_iter()), raw);
    }
    let endpoint = url("https://a.example/z?tenant=1&a%20b=c+d");
    let pairs: Vec<_> = endpoint.query_pairs().map(Result::unwrap).collect();
    assert_eq!(
        pairs,
        [("tenant".into(), "1".into()), ("a b".into(), "c d".into())]
    );
    assert_eq!(url("https://a.example/z").query_pairs().count(), 0);
}
