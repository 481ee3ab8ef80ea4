//! May this URL be requested or opened?

use super::address::{AddressClass, Reach};
use super::fault::UrlFault;
use super::{containment, host};
use crate::arc_str::ArcStr;
use crate::wire::form;
use serde::{Serialize, Serializer};
use std::fmt;

/// Longest URL, in bytes.
pub const MAX_URL: usize = 8192;

/// An absolute http(s) URL that passed the policy. It keeps the exact bytes received: what is
/// compared, stored and sent is what the server wrote, never a normalised copy of it.
///
/// Equality is that of the bytes. `Debug` and `Display` leave the query out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    raw: ArcStr,
    host_end: u16,
    path_start: u16,
    path_end: u16,
    https: bool,
    leads_to: AddressClass,
}

impl HttpUrl {
    /// Parses a URL that a request of the given reach may go to.
    ///
    /// The URL is https (or http, if the host is loopback and the reach allows that), has a host,
    /// no user information and no fragment, and holds RFC 3986 characters only: no quotes, nor a
    /// `$(`, although the grammar has both, because openers hand URLs to shells. A host that is an
    /// address is within reach in any disguise.
    ///
    /// # Errors
    ///
    /// The first [`UrlFault`] found.
    pub fn parse(raw: &str, reach: Reach) -> Result<Self, UrlFault> {
        if raw.len() > MAX_URL {
            return Err(UrlFault::TooLong);
        }
        let (scheme, rest) = split_scheme(raw)?;
        let https = scheme.eq_ignore_ascii_case("https");
        if !https && !scheme.eq_ignore_ascii_case("http") {
            return Err(UrlFault::Scheme);
        }
        check_characters(rest)?;
        let rest = rest.strip_prefix("//").ok_or(UrlFault::NotAbsolute)?;
        let tail_at = position(rest, |byte| matches!(byte, b'/' | b'?'));
        let (authority, tail) = rest.split_at_checked(tail_at).ok_or(UrlFault::Host)?;
        if authority.as_bytes().contains(&b'@') {
            return Err(UrlFault::UserInfo);
        }
        // RFC 3986 §3.2.2: brackets are for an IPv6 address alone.
        if position(tail, |byte| matches!(byte, b'[' | b']')) < tail.len() {
            return Err(UrlFault::Character);
        }
        let (host, port) = split_port(authority)?;
        if host.is_empty() {
            return Err(UrlFault::Host);
        }
        if let Some(digits) = port {
            check_port(digits)?;
        }
        let leads_to = host::check(host, reach)?;
        if !https && leads_to != AddressClass::Loopback {
            return Err(UrlFault::Insecure);
        }
        let path_len = position(tail, |byte| byte == b'?');
        let query_len = tail.len().saturating_sub(path_len);
        let before = |length: usize| {
            u16::try_from(raw.len().saturating_sub(length)).map_err(|_| UrlFault::TooLong)
        };
        Ok(Self {
            host_end: before(rest.len().saturating_sub(host.len()))?,
            path_start: before(tail.len())?,
            path_end: before(query_len)?,
            https,
            leads_to,
            raw: raw.into(),
        })
    }

    /// The exact bytes received.
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// As [`as_str`](Self::as_str), to be kept.
    pub(crate) fn text(&self) -> ArcStr {
        self.raw.clone()
    }

    /// `https` or `http`, in lower case.
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// The host as written; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        let after_scheme = self.scheme().len().saturating_add("://".len());
        self.slice(after_scheme, self.host_end.into())
    }

    /// The port, or the default of the scheme.
    pub fn port(&self) -> u16 {
        let written = self.slice(self.host_end.into(), self.path_start.into());
        let digits = written
            .strip_prefix(':')
            .and_then(|digits| digits.parse().ok());
        digits.unwrap_or(self.default_port())
    }

    fn default_port(&self) -> u16 {
        if self.https { 443 } else { 80 }
    }

    /// The path as written: empty if there is none.
    pub fn path(&self) -> &str {
        self.slice(self.path_start.into(), self.path_end.into())
    }

    /// The query as written, without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.raw.get(self.path_end.into()..)?.strip_prefix('?')
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is a loopback address or a name for one.
    pub fn is_loopback(&self) -> bool {
        self.leads_to == AddressClass::Loopback
    }

    /// Whether a request of this reach may go here, as [`parse`](Self::parse) would say at that reach.
    pub(crate) fn may_be_reached(&self, reach: Reach) -> bool {
        reach.allows(self.leads_to)
    }

    /// The origin, normalised: scheme and host in lower case, no default port, no slash at the end
    /// (RFC 6454 §6.2). For comparing and showing only: never an issuer or a resource.
    pub fn origin(&self) -> String {
        let mut origin = format!("{}://", self.scheme());
        match host::ipv6(self.host()) {
            Some(address) => origin.push_str(&format!("[{address}]")),
            None => origin.extend(
                self.host()
                    .chars()
                    .map(|letter| letter.to_ascii_lowercase()),
            ),
        }
        let port = self.port();
        if port != self.default_port() {
            origin.push_str(&format!(":{port}"));
        }
        origin
    }

    /// Whether scheme, host and port are the same (RFC 6454 §5), once normalised.
    pub fn same_origin(&self, other: &HttpUrl) -> bool {
        self.https == other.https
            && self.port() == other.port()
            && host::same(self.host(), other.host())
    }

    /// Whether `other` lies within this URL: same origin, and this path is a prefix of the other's
    /// by whole segments. One slash at the end of this path, and both queries, are ignored.
    ///
    /// Paths compare byte by byte. Neither may hold a dot segment in any spelling, since what it
    /// leads to depends on who resolves it.
    pub fn contains(&self, other: &HttpUrl) -> bool {
        self.same_origin(other) && containment::path_contains(self.path(), other.path())
    }

    /// The pairs of the query, decoded.
    pub fn query_pairs(&self) -> form::Pairs<'_> {
        form::pairs(self.query().unwrap_or_default())
    }

    /// The URL with form pairs added; a query that is there already is kept as it is (RFC 6749
    /// §3.1).
    pub fn with_query<'p>(
        &self,
        pairs: impl Iterator<Item = (&'p str, &'p str)> + Clone,
    ) -> String {
        let joint = match self.query() {
            _ if pairs.clone().next().is_none() => "",
            None => "?",
            Some(query) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        form::encode(&[self.as_str(), joint], pairs)
    }

    /// Where a redirect of a discovery request leads (RFC 9110 §10.2.2). The fragment, if any, is
    /// dropped.
    ///
    /// # Errors
    ///
    /// As [`HttpUrl::parse`]; [`UrlFault::CrossOrigin`] when the origin is another one.
    pub fn resolve_redirect(&self, location: &str, reach: Reach) -> Result<HttpUrl, UrlFault> {
        let location = location.split('#').next().unwrap_or(location);
        if location.len() > MAX_URL {
            return Err(UrlFault::TooLong);
        }
        check_characters(location)?;
        let target = match split_scheme(location) {
            Ok(_) => HttpUrl::parse(location, reach)?,
            Err(_) => {
                let base = url::Url::parse(&self.raw).map_err(|_| UrlFault::Host)?;
                let joined = base.join(location).map_err(|_| UrlFault::Host)?;
                HttpUrl::parse(joined.as_str(), reach)?
            }
        };
        if self.same_origin(&target) {
            Ok(target)
        } else {
            Err(UrlFault::CrossOrigin)
        }
    }

    /// All before the path.
    pub(super) fn before_path(&self) -> &str {
        self.slice(0, self.path_start.into())
    }

    /// The path and the query.
    pub(super) fn path_and_query(&self) -> &str {
        self.slice(self.path_start.into(), self.raw.len())
    }

    /// All before the port, or before the path if no port is written.
    pub(super) fn before_port(&self) -> &str {
        self.slice(0, self.host_end.into())
    }

    fn slice(&self, from: usize, to: usize) -> &str {
        self.raw.get(from..to).unwrap_or_default()
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slice(0, self.path_end.into()))
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpUrl({self})")
    }
}

/// As the exact bytes, query included.
impl Serialize for HttpUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.raw)
    }
}

/// The scheme and what follows its colon (RFC 3986 §3.1).
pub(super) fn split_scheme(raw: &str) -> Result<(&str, &str), UrlFault> {
    raw.split_once(':')
        .filter(|(scheme, _)| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        })
        .ok_or_else(|| match check_characters(raw) {
            Err(fault) => fault,
            Ok(()) => UrlFault::NotAbsolute,
        })
}

/// RFC 3986 §2, less quotes, the fragment and what a shell would run.
pub(super) fn check_characters(text: &str) -> Result<(), UrlFault> {
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = skip_plain(rest).split_first() {
        rest = match (byte, after) {
            (b'$', [b'(', ..]) => return Err(UrlFault::Character),
            (b'$', _) => after,
            (b'%', [high, low, after @ ..]) if form::escaped(Some(*high), Some(*low)).is_some() => {
                after
            }
            (b'%', _) => return Err(UrlFault::PercentEscape),
            (b'#', _) => return Err(UrlFault::Fragment),
            _ => return Err(UrlFault::Character),
        };
    }
    Ok(())
}

/// All from the first character on that is not always allowed.
fn skip_plain(text: &[u8]) -> &[u8] {
    let special = text.iter().position(|byte| !is_plain(*byte));
    special.and_then(|at| text.get(at..)).unwrap_or_default()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?' | b'[' | b']' | b'@'
        )
        || matches!(
            byte,
            b'!' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}

/// Where the first such byte is, or the end.
fn position(text: &str, is_wanted: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(is_wanted).unwrap_or(text.len())
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlFault> {
    let host_len = if authority.starts_with('[') {
        authority.find(']').ok_or(UrlFault::Host)?.saturating_add(1)
    } else {
        position(authority, |byte| byte == b':')
    };
    let (host, port) = authority.split_at_checked(host_len).ok_or(UrlFault::Host)?;
    match port.strip_prefix(':') {
        Some(digits) => Ok((host, Some(digits))),
        None if port.is_empty() => Ok((host, None)),
        None => Err(UrlFault::Host),
    }
}

fn check_port(digits: &str) -> Result<(), UrlFault> {
    if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlFault::Port);
    }
    let port: Result<u16, _> = digits.parse();
    port.map(drop).map_err(|_| UrlFault::Port)
}
