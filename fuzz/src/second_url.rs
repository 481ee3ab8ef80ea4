//! What does another reader of URLs say?
//!
//! The WHATWG parser reads what browsers and HTTP clients read: a URL that it takes for something else than the core does
//! leads requests astray.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mcp_oauth_core::Reach;
use url::{Host, Url};

/// Holds a URL that is about to be asked or opened against the URL policy.
pub(crate) fn check_outgoing(raw: &str, reach: Reach) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&()*+,;=%".contains(&byte);
    assert!(raw.bytes().all(fits), "characters of a URL: {raw:?}");
    let lower = raw.to_ascii_lowercase();
    assert!(
        lower.starts_with("https://") || (reach == Reach::Loopback && lower.starts_with("http://")),
        "scheme of a URL: {raw:?}"
    );
    // A host that the second reader refuses is reached by nobody.
    let Ok(url) = Url::parse(raw) else { return };
    assert!(
        url.username().is_empty() && url.password().is_none(),
        "user information: {raw:?}"
    );
    let class = url.host().map(class_of).expect("a host");
    assert!(
        class <= reach_rank(reach),
        "a URL out of reach ({reach:?}): {raw:?}"
    );
    if url.scheme() == "http" {
        assert_eq!(class, 2, "plain http off loopback: {raw:?}");
    }
}

/// Whether one URL has the origin of the other and a path below its path, once both are normalised.
pub(crate) fn lies_within(inner: &str, outer: &str) -> bool {
    let (Ok(inner), Ok(outer)) = (Url::parse(inner), Url::parse(outer)) else {
        return false;
    };
    let prefix = outer.path().strip_suffix('/').unwrap_or(outer.path());
    let below = inner.path().strip_prefix(prefix);
    inner.origin() == outer.origin()
        && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether both have one origin. `None` if one of them is none for the second reader.
pub(crate) fn same_origin(one: &str, other: &str) -> Option<bool> {
    let (one, other) = (Url::parse(one).ok()?, Url::parse(other).ok()?);
    Some(one.origin() == other.origin())
}

fn reach_rank(reach: Reach) -> u8 {
    match reach {
        Reach::Public => 0,
        Reach::Private => 1,
        Reach::Loopback => 2,
    }
}

/// 0 public, 1 private, 2 loopback, 3 never to be reached.
fn class_of(host: Host<&str>) -> u8 {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            if name == "localhost" || name.ends_with(".localhost") {
                2
            } else {
                0
            }
        }
        Host::Ipv4(address) => class_of_v4(address),
        Host::Ipv6(address) => class_of_v6(address),
    }
}

fn class_of_v4(address: Ipv4Addr) -> u8 {
    let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
    if address.is_loopback() {
        2
    } else if address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_unspecified()
        || address.octets()[0] == 0
    {
        3
    } else {
        u8::from(address.is_private() || shared)
    }
}

fn class_of_v6(address: Ipv6Addr) -> u8 {
    match address.to_canonical() {
        IpAddr::V4(mapped) => class_of_v4(mapped),
        IpAddr::V6(address) if address.is_loopback() => 2,
        IpAddr::V6(address)
            if address.is_unspecified()
                || address.is_multicast()
                || address.is_unicast_link_local() =>
        {
            3
        }
        IpAddr::V6(address) => u8::from(address.is_unique_local()),
    }
}
