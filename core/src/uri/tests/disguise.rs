//! Is an address known in every spelling that some parser takes for it?

use super::super::address::{AddressClass, classify};
use super::address::SPECIAL_V4;
use super::{HttpUrl, Random, Reach, UrlFault, public, url};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Spellings of one number of an IPv4 address (WHATWG URL, IPv4 number parser).
fn numbers(value: u32) -> Vec<String> {
    vec![
        format!("{value}"),
        format!("0{value:o}"),
        format!("000{value:o}"),
        format!("0x{value:x}"),
        format!("0X{value:X}"),
        format!("0x0000{value:x}"),
    ]
}

/// One to four numbers, each in several bases.
fn ipv4_spellings(address: Ipv4Addr) -> BTreeSet<String> {
    let bits = address.to_bits();
    let [a, b, c, d] = address.octets().map(u32::from);
    let mut spellings = BTreeSet::new();
    for parts in [
        vec![bits],
        vec![a, bits & 0xff_ffff],
        vec![a, b, bits & 0xffff],
        vec![a, b, c, d],
    ] {
        let forms: Vec<_> = parts.iter().map(|part| numbers(*part)).collect();
        for base in 0..forms[0].len() {
            spellings.insert(
                forms
                    .iter()
                    .map(|form| form[base].clone())
                    .collect::<Vec<_>>()
                    .join("."),
            );
            spellings.insert(
                forms
                    .iter()
                    .enumerate()
                    .map(|(place, form)| form[(base + place) % form.len()].clone())
                    .collect::<Vec<_>>()
                    .join("."),
            );
        }
    }
    spellings
}

/// Spellings of a host that a decoding parser reads the same.
fn encoded_spellings(host: &str) -> Vec<String> {
    let escape = |text: &str| {
        text.bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect::<String>()
    };
    // Digits and letters have full-width forms that IDNA maps back (UTS #46).
    let wide: String = host
        .chars()
        .map(|letter| match letter {
            '!'..='~' if letter != '.' => char::from_u32(letter as u32 - 0x21 + 0xff01).unwrap(),
            _ => letter,
        })
        .collect();
    vec![
        format!("{host}."),
        escape(host),
        format!("{}{}", escape(&host[..1]), &host[1..]),
        host.replace('.', "%2e"),
        host.replace('.', "%E3%80%82"),
        escape(&wide),
        escape(&format!("{host}.")),
    ]
}

// URL-01, URL-02
#[test]
fn every_spelling_of_a_blocked_ipv4_address_is_blocked() {
    let mut tried = 0;
    for (first, last, class) in SPECIAL_V4 {
        for address in [first, last] {
            for plain in ipv4_spellings(address.parse().unwrap()) {
                for host in encoded_spellings(&plain).into_iter().chain([plain]) {
                    for raw in [
                        format!("https://{host}"),
                        format!("https://{host}:8443/x?y"),
                        format!("http://{host}/"),
                    ] {
                        assert_eq!(
                            public(&raw).map(drop),
                            Err(UrlFault::BlockedAddress(*class)),
                            "{raw}"
                        );
                        tried += 1;
                    }
                }
            }
        }
    }
    assert!(tried > 300 * SPECIAL_V4.len(), "{tried}");
}

// URL-02
#[test]
fn spellings_that_parsers_read_differently_are_refused_within_reach_too() {
    for host in ["127.0.0.1", "10.0.0.1", "8.8.8.8"] {
        for plain in ipv4_spellings(host.parse().unwrap()) {
            for spelling in encoded_spellings(&plain).into_iter().chain([plain]) {
                let found = HttpUrl::parse(&format!("https://{spelling}/"), Reach::Loopback);
                if spelling == host {
                    assert!(found.is_ok(), "{spelling}");
                } else {
                    assert_eq!(found, Err(UrlFault::Host), "{spelling}");
                }
            }
        }
    }
    // Public as octal, private as decimal.
    assert_eq!(public("https://010.0.0.1/"), Err(UrlFault::Host));
}

/// Spellings of an IPv6 address within brackets (RFC 4291 §2.2).
fn ipv6_spellings(address: Ipv6Addr) -> BTreeSet<String> {
    let segments = address.segments();
    let [.., a, b, c, d] = address.octets();
    let long: Vec<_> = segments.iter().map(|part| format!("{part:04x}")).collect();
    let short: Vec<_> = segments.iter().map(|part| format!("{part:x}")).collect();
    let mut spellings = BTreeSet::from([
        address.to_string(),
        long.join(":"),
        short.join(":"),
        format!("{}:{a}.{b}.{c}.{d}", long[..6].join(":")),
    ]);
    for start in 0..8 {
        for end in start + 1..=8 {
            if segments[start..end].iter().all(|part| *part == 0) {
                spellings.insert(format!(
                    "{}::{}",
                    short[..start].join(":"),
                    long[end..].join(":")
                ));
            }
        }
    }
    let upper: Vec<_> = spellings
        .iter()
        .map(|spelling| spelling.to_uppercase())
        .collect();
    spellings.extend(upper);
    spellings
}

// URL-02
#[test]
fn every_spelling_of_an_ipv6_address_has_its_class() {
    let mut tried = 0;
    for (first, last, _) in SPECIAL_V4 {
        for v4 in [first, last] {
            let address: Ipv4Addr = v4.parse().unwrap();
            let [a, b, c, d] = address.octets();
            for text in [
                format!("::ffff:{v4}"),
                format!("::{v4}"),
                format!("64:ff9b::{v4}"),
                format!("64:ff9b:1::{v4}"),
                format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::"),
                format!("2001:0:808:808:0:0:{v4}"),
                format!("2606:4700::5efe:{v4}"),
                format!("fe80::{v4}"),
                format!("fc00::{v4}"),
                format!("ff02::{v4}"),
            ] {
                let address: Ipv6Addr = text.parse().unwrap();
                for spelling in ipv6_spellings(address) {
                    // The standard library is the second parser.
                    let parsed: Ipv6Addr = spelling.parse().unwrap();
                    assert_eq!(parsed, address, "{spelling}");
                    let class = classify(IpAddr::V6(parsed));
                    assert_ne!(class, AddressClass::Public, "{spelling}");
                    assert_eq!(
                        public(&format!("https://[{spelling}]:443/x")).map(drop),
                        Err(UrlFault::BlockedAddress(class)),
                        "{spelling}"
                    );
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 3000, "{tried}");
}

#[test]
fn zones_and_malformed_literals_are_no_hosts() {
    for host in [
        "[::1%25lo]",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[::1%2525]",
        "[::1",
        "::1",
        "[::1]x",
        "[]",
        "[1.2.3.4]",
        "[v1.fe80]",
        "[::ffff:0x7f.1]",
        "[::ffff:127.1]",
        "[::127.0.0.01]",
        "[1::2::3]",
        "[12345::]",
        "%5b::1%5d",
        "1.2.3.4.5",
        "256.1.1.1",
        "4294967296",
        "1.2.3.08",
        "0x100000000",
        "1.0x",
        "%00",
        "%",
    ] {
        let raw = format!("https://{host}/");
        for reach in [Reach::Public, Reach::Loopback] {
            assert!(
                matches!(
                    HttpUrl::parse(&raw, reach),
                    Err(UrlFault::Host
                        | UrlFault::Port
                        | UrlFault::PercentEscape
                        | UrlFault::BlockedAddress(_))
                ),
                "{raw}"
            );
        }
    }
}

#[test]
fn localhost_is_loopback_in_every_spelling() {
    for host in [
        "localhost",
        "LOCALHOST",
        "a.localhost",
        "a.b.LocalHost",
        "localhost.",
        "a.localhost.",
        "%6cocalhost",
        "local%68ost",
        "%EF%BD%8Cocalhost",
        "localhost%2e",
        "localhost%E3%80%82",
    ] {
        for scheme in ["http", "https"] {
            for reach in [Reach::Public, Reach::Private] {
                assert_eq!(
                    HttpUrl::parse(&format!("{scheme}://{host}/"), reach),
                    Err(UrlFault::BlockedAddress(AddressClass::Loopback)),
                    "{host}"
                );
            }
        }
    }
    for host in ["localhost", "LOCALHOST", "a.b.localhost"] {
        assert!(url(&format!("http://{host}:3000/")).is_loopback());
    }
    for host in ["localhost.example.com", "notlocalhost", "localhost-x"] {
        assert!(!url(&format!("https://{host}/")).is_loopback());
    }
}

#[test]
fn punycode_must_be_valid_and_in_its_own_spelling() {
    assert!(public("https://xn--bcher-kva.example/").is_ok());
    assert!(public("https://XN--bcher-kva.example/").is_ok());
    for host in [
        "xn--.example",
        "xn--a.example",
        "xn--localhost-.example",
        "xn--zzzzzzzzzzzz99999.example",
        "b%C3%BCcher.example",
    ] {
        assert_eq!(
            public(&format!("https://{host}/")),
            Err(UrlFault::Host),
            "{host}"
        );
    }
}

// URL-02: what is let through is read by the WHATWG parser as it was classified.
#[test]
fn hosts_let_through_agree_with_a_second_parser() {
    let pieces = [
        "127",
        "0",
        "1",
        "0x7f",
        "017",
        ".",
        ".",
        "localhost",
        "a",
        "example",
        "com",
        "%31",
        "%2e",
        "xn--",
        "-",
        "_",
        "[",
        "]",
        "::",
        ":",
        "ffff",
        "10",
        "2130706433",
        "e",
        "1e1",
        "0x",
        "5",
        "%EF%BC%91",
    ];
    let mut random = Random(3);
    let (mut passed, mut refused) = (0, 0);
    for _ in 0..200_000 {
        let mut host = String::new();
        for _ in 0..1 + random.below(7) {
            host.push_str(random.pick(&pieces));
        }
        let raw = format!("https://{host}/x");
        let Ok(found) = public(&raw) else {
            refused += 1;
            continue;
        };
        passed += 1;
        let second = url::Url::parse(&raw).unwrap();
        let public = match second.host().unwrap() {
            url::Host::Domain(name) => {
                assert_eq!(name, found.host().to_lowercase(), "{raw}");
                !name.ends_with("localhost") || !(".".to_owned() + name).ends_with(".localhost")
            }
            url::Host::Ipv4(address) => {
                assert_eq!(found.host().parse(), Ok(address), "{raw}");
                Reach::Public.allows_address(IpAddr::V4(address))
            }
            url::Host::Ipv6(address) => {
                let inner = found.host().trim_matches(['[', ']']);
                assert_eq!(inner.parse(), Ok(address), "{raw}");
                Reach::Public.allows_address(IpAddr::V6(address))
            }
        };
        assert!(public, "{raw}");
        assert_eq!(second.port_or_known_default(), Some(found.port()), "{raw}");
    }
    assert!(passed > 1000 && refused > 1000, "{passed} {refused}");
}
