//! Where may the authorization server send the user back to?

use super::address::Reach;
use super::fault::UrlFault;
use super::http_url::{HttpUrl, MAX_URL, check_characters, split_scheme};
use crate::arc_str::ArcStr;
use serde::{Serialize, Serializer};
use std::fmt;

/// A redirect URI of the client (RFC 8252 §7), in its exact bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RedirectUri(Target);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Target {
    Http(HttpUrl),
    PrivateUse(ArcStr),
}

/// What receives the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RedirectKind {
    /// A listener on this machine (RFC 8252 §7.3).
    Loopback,
    /// A web server, or an application that claims the URL (RFC 8252 §7.2).
    Https,
    /// An application that claims the scheme (RFC 8252 §7.1).
    PrivateUse,
}

impl RedirectUri {
    /// Parses an https URL, or an http URL on `127.0.0.1`, `[::1]` or `localhost`. A private-use
    /// scheme, such as `com.example.app:/callback`, is outside of what MCP allows and has to be
    /// asked for.
    ///
    /// # Errors
    ///
    /// As [`HttpUrl::parse`]. A private-use scheme that is not a reverse domain name is a
    /// [`UrlFault::Scheme`], and one that names a host a [`UrlFault::Host`].
    pub fn parse(raw: &str, allow_private_scheme: bool) -> Result<Self, UrlFault> {
        let (scheme, rest) = split_scheme(raw)?;
        if !["https", "http"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            if !allow_private_scheme {
                return Err(UrlFault::Scheme);
            }
            check_private_use(raw, scheme, rest)?;
            return Ok(Self(Target::PrivateUse(raw.into())));
        }
        let url = HttpUrl::parse(raw, Reach::Loopback)?;
        if !url.is_https() && !is_listener_host(url.host()) {
            return Err(UrlFault::Insecure);
        }
        Ok(Self(Target::Http(url)))
    }

    /// The exact bytes.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Target::Http(url) => url.as_str(),
            Target::PrivateUse(raw) => raw,
        }
    }

    /// As [`as_str`](Self::as_str), to be kept.
    pub(crate) fn text(&self) -> ArcStr {
        match &self.0 {
            Target::Http(url) => url.text(),
            Target::PrivateUse(raw) => raw.clone(),
        }
    }

    /// What receives the response.
    pub fn kind(&self) -> RedirectKind {
        match &self.0 {
            Target::Http(url) if url.is_loopback() => RedirectKind::Loopback,
            Target::Http(_) => RedirectKind::Https,
            Target::PrivateUse(_) => RedirectKind::PrivateUse,
        }
    }

    /// The `application_type` to register with (OpenID Connect Registration 1.0 §2).
    pub fn application_type(&self) -> &'static str {
        match self.kind() {
            RedirectKind::Loopback | RedirectKind::PrivateUse => "native",
            RedirectKind::Https => "web",
        }
    }

    /// Whether a registered redirect URI stands for this one: equal byte for byte, or, for an http
    /// URL on loopback, equal but for the port (RFC 8252 §7.3).
    pub fn matches_registered(&self, registered: &str) -> bool {
        if self.as_str() == registered {
            return true;
        }
        match (&self.0, RedirectUri::parse(registered, false)) {
            (Target::Http(own), Ok(Self(Target::Http(registered)))) => {
                !own.is_https()
                    && own.before_port() == registered.before_port()
                    && own.path_and_query() == registered.path_and_query()
            }
            _ => false,
        }
    }

    /// Whether this is what a configuration wishes for: equal byte for byte, or, where the wish has port 0, equal but for the
    /// port.
    pub(crate) fn fulfils(&self, wish: &str) -> bool {
        let any_port =
            |url: &HttpUrl| [url.before_port(), ":0", url.path_and_query()].concat() == wish;
        self.as_str() == wish || matches!(&self.0, Target::Http(url) if any_port(url))
    }

    /// The query of a callback URL, empty if it has none, provided that the URL has this URI's
    /// scheme, authority and path. A fragment is left out: a response is read from the query alone
    /// (OAuth 2.1 §4.1.2).
    pub fn accepts_callback<'a>(&self, url: &'a str) -> Option<&'a str> {
        let url = url.split('#').next()?;
        let (target, query) = url.split_once('?').unwrap_or((url, ""));
        let here = match &self.0 {
            Target::Http(own) => HttpUrl::parse(target, Reach::Loopback).is_ok_and(|target| {
                own.same_origin(&target) && request_path(own) == request_path(&target)
            }),
            Target::PrivateUse(own) => {
                let (own_scheme, own_path) = own.split('?').next()?.split_once(':')?;
                let (scheme, path) = target.split_once(':')?;
                own_scheme.eq_ignore_ascii_case(scheme) && own_path == path
            }
        };
        here.then_some(query)
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.as_str().split('?').next().unwrap_or_default();
        f.write_str(shown)
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedirectUri({self})")
    }
}

/// As the exact bytes.
impl Serialize for RedirectUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a browser asks for: an empty path is a slash there (RFC 9110 §4.2.3).
fn request_path(url: &HttpUrl) -> &str {
    if url.path().is_empty() {
        "/"
    } else {
        url.path()
    }
}

fn is_listener_host(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "[::1]") || host.eq_ignore_ascii_case("localhost")
}

/// RFC 8252 §7.1: a reverse domain name, then one slash, since no authority names the receiver.
fn check_private_use(raw: &str, scheme: &str, rest: &str) -> Result<(), UrlFault> {
    if raw.len() > MAX_URL {
        return Err(UrlFault::TooLong);
    }
    if !scheme.contains('.') || scheme.split('.').any(str::is_empty) {
        return Err(UrlFault::Scheme);
    }
    check_characters(rest)?;
    if rest.contains(['[', ']']) {
        return Err(UrlFault::Character);
    }
    if !rest.starts_with('/') {
        return Err(UrlFault::NotAbsolute);
    }
    if rest.starts_with("//") {
        return Err(UrlFault::Host);
    }
    Ok(())
}
