//! What does a host in a URL lead to, whoever reads it?

use super::address::{AddressClass, Reach, classify};
use super::fault::UrlFault;
use std::net::{IpAddr, Ipv6Addr};
use url::Host;

/// RFC 1035 §2.3.4, less the root label.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Checks a host as it stands in a URL (an IPv6 address in its brackets) and says what it leads to, as far as that can be
/// told without resolving it: names are public, `localhost` and all below it aside.
///
/// What is classified is the WHATWG reading, as HTTP stacks would connect to it. What only some
/// stacks would read that way is refused even when the class would be allowed: another spelling of
/// an IPv4 address (octal for one is decimal for another), percent-encoding, a trailing dot.
pub(super) fn check(host: &str, reach: Reach) -> Result<AddressClass, UrlFault> {
    let name = Name::read(host);
    let (class, written_plainly) = if let Some(name) = name.as_ref().filter(|name| name.is_plain())
    {
        (class_below(name.last), true)
    } else if let Ok(address) = host.parse() {
        (classify(IpAddr::V4(address)), true)
    } else {
        match Host::parse(host).map_err(|_| UrlFault::Host)? {
            Host::Ipv4(address) => (classify(IpAddr::V4(address)), false),
            Host::Ipv6(address) => (classify(IpAddr::V6(address)), true),
            Host::Domain(read) => {
                let last = read.strip_suffix('.').unwrap_or(&read).rsplit('.').next();
                // Punycode labels get here too, now that they are known to be valid.
                let plainly = name.is_some() && read.eq_ignore_ascii_case(host);
                (class_below(last.unwrap_or_default().as_bytes()), plainly)
            }
        }
    };
    if !reach.allows(class) {
        return Err(UrlFault::BlockedAddress(class));
    }
    if !written_plainly {
        return Err(UrlFault::Host);
    }
    Ok(class)
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

/// What names with this last label lead to: `localhost` and all below it are loopback (RFC 6761 §6.3).
fn class_below(last: &[u8]) -> AddressClass {
    if last.eq_ignore_ascii_case(b"localhost") {
        AddressClass::Loopback
    } else {
        AddressClass::Public
    }
}

/// A host of labels of letters, digits, hyphens and underscores.
struct Name<'a> {
    last: &'a [u8],
    /// Whether there are punycode labels, whose validity only IDNA processing can tell.
    punycode: bool,
}

impl<'a> Name<'a> {
    fn read(host: &'a str) -> Option<Self> {
        let mut name = Self {
            last: b"",
            punycode: false,
        };
        for label in host.as_bytes().split(|byte| *byte == b'.') {
            if !is_label(label) {
                return None;
            }
            name.punycode |= label
                .get(..4)
                .is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"));
            name.last = label;
        }
        (host.len() <= MAX_NAME).then_some(name)
    }

    /// Whether every parser reads it as it stands: no IPv4 number can be made of its last label, and no label is punycode.
    fn is_plain(&self) -> bool {
        !self.punycode && self.last.first().is_some_and(u8::is_ascii_alphabetic)
    }
}

fn is_label(label: &[u8]) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && !label.starts_with(b"-")
        && !label.ends_with(b"-")
        && label
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
