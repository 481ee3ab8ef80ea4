//! What does a host in a URL lead to, whoever reads it?

use super::address::{AddressClass, Reach, classify};
use super::fault::UrlFault;
use std::net::{IpAddr, Ipv6Addr};
use url::Host;

/// RFC 1035 §2.3.4, less the root label.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Checks a host as it stands in a URL (an IPv6 address in its brackets) and says whether it is
/// loopback.
///
/// What is classified is the WHATWG reading, as HTTP stacks would connect to it. What only some
/// stacks would read that way is refused even when the class would be allowed: another spelling of
/// an IPv4 address (octal for one is decimal for another), percent-encoding, a trailing dot.
pub(super) fn check(host: &str, reach: Reach) -> Result<bool, UrlFault> {
    if is_plain_name(host) {
        return check_name(host, reach);
    }
    let (class, written_plainly) = match Host::parse(host).map_err(|_| UrlFault::Host)? {
        Host::Ipv4(address) => {
            let plainly = host.parse() == Ok(address);
            (classify(IpAddr::V4(address)), plainly)
        }
        Host::Ipv6(address) => (classify(IpAddr::V6(address)), true),
        Host::Domain(name) => {
            let name_alone = name.strip_suffix('.').unwrap_or(&name);
            let loopback = check_name(name_alone, reach)?;
            // Punycode labels get here too, now that they are known to be valid.
            let plainly = name.eq_ignore_ascii_case(host) && is_name(host);
            return if plainly {
                Ok(loopback)
            } else {
                Err(UrlFault::Host)
            };
        }
    };
    if !reach.allows(class) {
        return Err(UrlFault::BlockedAddress(class));
    }
    if !written_plainly {
        return Err(UrlFault::Host);
    }
    Ok(class == AddressClass::Loopback)
}

/// Whether two hosts are the same without regard to case (RFC 3986 §6.2.2.1) and to the spelling
/// of an IPv6 address.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || ipv6(one).is_some_and(|address| ipv6(other) == Some(address))
}

/// The address within brackets.
pub(super) fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn check_name(name: &str, reach: Reach) -> Result<bool, UrlFault> {
    let loopback = is_localhost(name);
    if loopback && !reach.allows(AddressClass::Loopback) {
        return Err(UrlFault::BlockedAddress(AddressClass::Loopback));
    }
    Ok(loopback)
}

/// `localhost` and all below it are loopback (RFC 6761 §6.3).
fn is_localhost(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

/// A name that every parser reads as it stands: no IPv4 number can be made of its last label, and
/// no label is punycode, whose validity only IDNA processing can tell.
fn is_plain_name(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    is_name(host)
        && last.starts_with(|first: char| first.is_ascii_alphabetic())
        && !labels(host).any(|label| {
            label
                .get(..4)
                .is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"))
        })
}

/// Labels of letters, digits, hyphens and underscores.
fn is_name(host: &str) -> bool {
    host.len() <= MAX_NAME
        && labels(host).all(|label| {
            !label.is_empty()
                && label.len() <= MAX_LABEL
                && !label.starts_with(b"-")
                && !label.ends_with(b"-")
                && label
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

fn labels(host: &str) -> impl Iterator<Item = &[u8]> {
    host.as_bytes().split(|byte| *byte == b'.')
}
