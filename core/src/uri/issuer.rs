//! Which authorization server is meant?

use super::address::Reach;
use super::fault::UrlFault;
use super::http_url::HttpUrl;
use serde::{Serialize, Serializer};
use std::fmt;

/// An issuer identifier (RFC 8414 §2): a URL without query and fragment, compared character for
/// character (RFC 3986 §6.2.1) and never normalised.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Issuer(HttpUrl);

impl Issuer {
    /// Parses an issuer identifier whose metadata a request of the given reach will ask for.
    ///
    /// # Errors
    ///
    /// As [`HttpUrl::parse`]; [`UrlFault::Query`] for a query, even an empty one. An unfilled
    /// template such as `{tenantid}` is a [`UrlFault::Character`].
    pub fn parse(raw: &str, reach: Reach) -> Result<Self, UrlFault> {
        let url = HttpUrl::parse(raw, reach)?;
        match url.query() {
            Some(_) => Err(UrlFault::Query),
            None => Ok(Self(url)),
        }
    }

    /// The identifier as a URL.
    pub fn url(&self) -> &HttpUrl {
        &self.0
    }

    /// The exact bytes received.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the two differ by exactly one slash at the end and neither has a path beside it:
    /// the one difference that is excused between an issuer asked for and one found. False when
    /// they are equal.
    pub fn same_but_root_slash(&self, other: &str) -> bool {
        let one = self.as_str();
        match self.0.path() {
            "" => other.strip_suffix('/') == Some(one),
            "/" => one.strip_suffix('/') == Some(other),
            _ => false,
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({self})")
    }
}

/// As the exact bytes.
impl Serialize for Issuer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
