//! Does a URL pass exactly if the policy lets it?

use super::{HttpUrl, Random, Reach, UrlFault, public, url};
use crate::uri::MAX_URL;
use crate::uri::address::AddressClass;

#[test]
fn parts_are_slices_of_the_exact_bytes() {
    for (raw, scheme, host, port, path, query) in [
        ("https://h.example", "https", "h.example", 443, "", None),
        (
            "HTTPS://H.Example:443/",
            "https",
            "H.Example",
            443,
            "/",
            None,
        ),
        (
            "https://h.example:8443/a/b?x=1?y",
            "https",
            "h.example",
            8443,
            "/a/b",
            Some("x=1?y"),
        ),
        (
            "https://h.example?",
            "https",
            "h.example",
            443,
            "",
            Some(""),
        ),
        (
            "https://h.example?a/b@c:d",
            "https",
            "h.example",
            443,
            "",
            Some("a/b@c:d"),
        ),
        (
            "http://127.0.0.1:3000/cb",
            "http",
            "127.0.0.1",
            3000,
            "/cb",
            None,
        ),
        ("Http://[::1]/", "http", "[::1]", 80, "/", None),
        (
            "https://h.example/a:b@c;d=%2F",
            "https",
            "h.example",
            443,
            "/a:b@c;d=%2F",
            None,
        ),
        (
            "https://h.example:65535/",
            "https",
            "h.example",
            65535,
            "/",
            None,
        ),
        (
            "https://_under.score.example/",
            "https",
            "_under.score.example",
            443,
            "/",
            None,
        ),
        (
            "https://r3---sn-x.example/",
            "https",
            "r3---sn-x.example",
            443,
            "/",
            None,
        ),
        (
            "https://3com.example/",
            "https",
            "3com.example",
            443,
            "/",
            None,
        ),
        ("https://a.b.3x/", "https", "a.b.3x", 443, "/", None),
        ("https://8.8.8.8/", "https", "8.8.8.8", 443, "/", None),
        (
            "https://[2606:4700::1111]/",
            "https",
            "[2606:4700::1111]",
            443,
            "/",
            None,
        ),
    ] {
        let url = url(raw);
        assert_eq!(url.as_str(), raw);
        assert_eq!(
            (
                url.scheme(),
                url.host(),
                url.port(),
                url.path(),
                url.query()
            ),
            (scheme, host, port, path, query),
            "{raw}"
        );
        assert_eq!(url.is_https(), scheme == "https");
    }
}

// ASM-11, ASM-12, ASM-13, PRM-15, URL-09
#[test]
fn each_broken_rule_has_its_fault() {
    let long = format!("https://h.example/{}", "x".repeat(MAX_URL));
    let huge = "x".repeat(1 << 20);
    for (raw, fault) in [
        (long.as_str(), UrlFault::TooLong),
        (&huge, UrlFault::TooLong),
        ("", UrlFault::NotAbsolute),
        ("/x", UrlFault::NotAbsolute),
        ("//evil.example/x", UrlFault::NotAbsolute),
        ("/a:b", UrlFault::NotAbsolute),
        ("h.example", UrlFault::NotAbsolute),
        ("https", UrlFault::NotAbsolute),
        ("https:", UrlFault::NotAbsolute),
        ("https:h.example", UrlFault::NotAbsolute),
        ("https:/h.example", UrlFault::NotAbsolute),
        ("-https://h.example", UrlFault::NotAbsolute),
        ("://h.example", UrlFault::NotAbsolute),
        ("\\\\evil.example\\x", UrlFault::Character),
        (" https://h.example", UrlFault::Character),
        ("h.example:443", UrlFault::Scheme),
        ("http://h.example/", UrlFault::Insecure),
        ("http://8.8.8.8/", UrlFault::Insecure),
        ("https://u@h.example/", UrlFault::UserInfo),
        ("https://u:p@h.example/", UrlFault::UserInfo),
        ("https://@h.example/", UrlFault::UserInfo),
        ("https://h.example@evil.example/", UrlFault::UserInfo),
        ("https://h.example/#", UrlFault::Fragment),
        ("https://h.example#f", UrlFault::Fragment),
        ("https://h.example/{tenantid}/v2.0", UrlFault::Character),
        ("https://h.example/[x]", UrlFault::Character),
        ("https://h.example/?x[]=1", UrlFault::Character),
        ("https://h.example/$(x)", UrlFault::Character),
        ("https://bücher.example/", UrlFault::Character),
        ("https://h.example/é", UrlFault::Character),
        ("https://h.example\\@evil.example/", UrlFault::Character),
        ("https://h.example/%", UrlFault::PercentEscape),
        ("https://h.example/%4", UrlFault::PercentEscape),
        ("https://h.example/%4g", UrlFault::PercentEscape),
        ("https://h.example/?%zz", UrlFault::PercentEscape),
        ("https://", UrlFault::Host),
        ("https:///h.example", UrlFault::Host),
        ("https://:443/", UrlFault::Host),
        ("https://?x", UrlFault::Host),
        ("https://a..b/", UrlFault::Host),
        ("https://.h.example/", UrlFault::Host),
        ("https://h.example./", UrlFault::Host),
        ("https://-h.example/", UrlFault::Host),
        ("https://h-.example/", UrlFault::Host),
        ("https://a!b.example/", UrlFault::Host),
        ("https://h%2eexample/", UrlFault::Host),
        ("https://h%00.example/", UrlFault::Host),
        ("https://h%2f@.example/", UrlFault::UserInfo),
        ("https://h.example:/", UrlFault::Port),
        ("https://h.example:0/", UrlFault::Port),
        ("https://h.example:080/", UrlFault::Port),
        ("https://h.example:65536/", UrlFault::Port),
        ("https://h.example:99999999999/", UrlFault::Port),
        ("https://h.example:8a/", UrlFault::Port),
        ("https://h.example:+8/", UrlFault::Port),
        ("https://h.example:-8/", UrlFault::Port),
        ("https://h.example:80:90/", UrlFault::Port),
    ] {
        assert_eq!(public(raw), Err(fault), "{:.80}", raw);
    }
    let at_limit = format!("https://h.example/{}", "x".repeat(MAX_URL - 18));
    assert_eq!(at_limit.len(), MAX_URL);
    assert_eq!(public(&at_limit).unwrap().as_str(), at_limit);
    assert_eq!(public(&format!("{at_limit}x")), Err(UrlFault::TooLong));
    let label = "x".repeat(63);
    assert!(public(&format!("https://{label}.example/")).is_ok());
    assert!(public(&format!("https://{label}x.example/")).is_err());
    let name = [label.as_str(); 4].join(".");
    assert_eq!(public(&format!("https://{name}/")), Err(UrlFault::Host));
}

// ASM-12
#[test]
fn no_scheme_but_https_and_loopback_http_passes() {
    let mut payloads = Vec::new();
    for scheme in [
        "javascript",
        "data",
        "file",
        "vbscript",
        "ms-word",
        "ms-settings",
        "ms-msdt",
        "ftp",
        "ftps",
        "ws",
        "wss",
        "blob",
        "about",
        "chrome",
        "view-source",
        "jar",
        "mailto",
        "tel",
        "smb",
        "ssh",
        "git",
        "ldap",
        "gopher",
        "dict",
        "telnet",
        "httpss",
        "htt",
        "http+unix",
        "https+x",
        "x-https",
        "search-ms",
        "itms-services",
        "intent",
        "cursor",
        "vscode",
        "com.example.app",
        "res",
        "mhtml",
        "steam",
        "zoommtg",
    ] {
        for rest in [
            "alert(1)",
            "//h.example/",
            "///etc/passwd",
            "",
            "//127.0.0.1/",
            "/",
        ] {
            payloads.push(format!("{scheme}:{rest}"));
            payloads.push(format!("{}:{rest}", scheme.to_uppercase()));
        }
    }
    assert!(payloads.len() > 200);
    for payload in payloads {
        for reach in [Reach::Public, Reach::Private, Reach::Loopback] {
            assert_eq!(
                HttpUrl::parse(&payload, reach),
                Err(UrlFault::Scheme),
                "{payload}"
            );
        }
    }
    for payload in [
        "java\nscript:x",
        "\u{1}https://h.example",
        "ht\ttps://h.example",
    ] {
        assert_eq!(public(payload), Err(UrlFault::Character));
    }
}

// ASM-13, URL-07
#[test]
fn only_characters_of_the_grammar_pass_and_no_quotes() {
    for code in (0..0x180).chain([0x202e, 0x2028, 0xff0f, 0x1f600]) {
        let letter = char::from_u32(code).unwrap();
        let allowed = letter.is_ascii_alphanumeric() || "-._~:/?@!$&()*+,;=".contains(letter);
        for raw in [
            format!("https://h.example/a{letter}b"),
            format!("https://h.example/?a{letter}b"),
            format!("https://h.example/{letter}"),
        ] {
            assert_eq!(public(&raw).is_ok(), allowed, "{raw:?}");
        }
    }
}

// URL-01, USE-05
#[test]
fn plain_http_needs_a_loopback_host_and_loopback_reach() {
    for (raw, reach, fault) in [
        ("http://10.0.0.1/", Reach::Private, Some(UrlFault::Insecure)),
        (
            "http://10.0.0.1/",
            Reach::Loopback,
            Some(UrlFault::Insecure),
        ),
        (
            "http://[::ffff:10.0.0.1]/",
            Reach::Loopback,
            Some(UrlFault::Insecure),
        ),
        (
            "http://h.example/",
            Reach::Loopback,
            Some(UrlFault::Insecure),
        ),
        (
            "http://127.0.0.1/",
            Reach::Private,
            Some(UrlFault::BlockedAddress(AddressClass::Loopback)),
        ),
        (
            "http://169.254.169.254/",
            Reach::Loopback,
            Some(UrlFault::BlockedAddress(AddressClass::LinkLocal)),
        ),
        (
            "http://0.0.0.0/",
            Reach::Loopback,
            Some(UrlFault::BlockedAddress(AddressClass::Unspecified)),
        ),
        (
            "https://10.0.0.1/",
            Reach::Public,
            Some(UrlFault::BlockedAddress(AddressClass::Private)),
        ),
        ("https://10.0.0.1/", Reach::Private, None),
        ("https://100.64.0.1/", Reach::Private, None),
        ("https://[fd00::1]/", Reach::Private, None),
        ("https://127.0.0.1/", Reach::Loopback, None),
        ("http://127.0.0.1/", Reach::Loopback, None),
        ("http://127.9.9.9:1/", Reach::Loopback, None),
        ("http://[::1]:1/", Reach::Loopback, None),
        ("http://[::ffff:127.0.0.1]/", Reach::Loopback, None),
        ("http://LOCALHOST:1/", Reach::Loopback, None),
    ] {
        assert_eq!(HttpUrl::parse(raw, reach).err(), fault, "{raw} {reach:?}");
    }
}

// LOG-03
#[test]
fn printed_forms_leave_the_query_out() {
    let url = url("https://h.example:8443/path?code=CANARY");
    assert_eq!(url.to_string(), "https://h.example:8443/path");
    assert_eq!(format!("{url:?}"), "HttpUrl(https://h.example:8443/path)");
}

#[test]
fn a_url_stays_small_and_serialises_as_its_bytes() {
    assert!(size_of::<HttpUrl>() <= 32);
    assert!(size_of::<UrlFault>() <= 2);
    assert_eq!(
        serde_json::to_string(&url("HTTPS://H.example:443/?a")).unwrap(),
        "\"HTTPS://H.example:443/?a\""
    );
}

#[test]
fn faults_repeat_nothing_of_the_url() {
    for raw in [
        "https://h.example/CANARY\n",
        "CANARY",
        "CANARY://h",
        "https://CANARY@h.example",
        "https://h.example:CANARY",
        "https://CANARY..x/",
        "http://CANARY.example/",
        "https://10.0.0.1/CANARY",
        "https://h.example/%zCANARY",
        "https://h.example/#CANARY",
    ] {
        let fault = public(raw).unwrap_err();
        assert!(
            !fault.to_string().to_uppercase().contains("CANARY"),
            "{fault}"
        );
        assert!(!format!("{fault:?}").contains("CANARY"));
    }
    assert!(UrlFault::Insecure.to_string().contains("proxy"));
}

// URL-07: whatever is let through, a second parser finds the same parts in it.
#[test]
fn urls_let_through_agree_with_a_second_parser() {
    let pieces = [
        "https",
        "http",
        ":",
        "//",
        "/",
        "/",
        "?",
        "#",
        "@",
        "h.example",
        "example",
        "%2f",
        "%",
        "a",
        ".",
        "..",
        "%2e",
        "\\",
        "\t",
        "\n",
        " ",
        "[",
        "]",
        ":8443",
        "127.0.0.1",
        "[::1]",
        "localhost",
        "'",
        "\"",
        "`",
        "$",
        "(",
        "-",
        "é",
        "\u{202e}",
        "&",
        "=",
        ";",
        "{",
    ];
    let mut random = Random(4);
    let mut passed = 0;
    for _ in 0..300_000 {
        let mut raw = String::from(random.pick(&["https://h.example", "https://", "http://", ""]));
        for _ in 0..random.below(8) {
            raw.push_str(random.pick(&pieces));
        }
        let Ok(found) = HttpUrl::parse(&raw, Reach::Loopback) else {
            continue;
        };
        passed += 1;
        let second = url::Url::parse(&raw).unwrap();
        assert_eq!(found.as_str(), raw);
        assert_eq!(second.scheme(), found.scheme(), "{raw}");
        assert_eq!(second.host_str(), Some(found.host()), "{raw}");
        assert_eq!(second.port_or_known_default(), Some(found.port()), "{raw}");
        assert_eq!(second.query(), found.query(), "{raw}");
        assert_eq!((second.username(), second.password()), ("", None), "{raw}");
        assert!(second.path().len() <= found.path().len().max(1), "{raw}");
        assert_eq!(
            second.origin().ascii_serialization(),
            found.origin(),
            "{raw}"
        );
        assert!(!raw.contains(['\'', '"', '`', '|', '^', '\\', '<', '>', '{', '}', '#']));
        assert!(raw.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!raw.contains("$("));
        assert!(raw.starts_with("https://") || found.is_loopback() && raw.starts_with("http://"));
    }
    assert!(passed > 10_000, "{passed}");
}
