//! Where are the metadata documents of a resource or an issuer?

use super::http_url::HttpUrl;
use super::issuer::Issuer;

impl HttpUrl {
    /// `/.well-known/{suffix}` inserted between host and path (RFC 9728 §3.1): path and query are
    /// kept, only a slash that is the whole path is dropped.
    pub fn well_known_inserted(&self, suffix: &str) -> String {
        let tail = self.path_and_query();
        let tail = match self.path() {
            "/" => tail.strip_prefix('/').unwrap_or(tail),
            _ => tail,
        };
        [self.before_path(), "/.well-known/", suffix, tail].concat()
    }

    /// `/.well-known/{suffix}` at the origin, without path and query.
    pub fn well_known_root(&self, suffix: &str) -> String {
        [self.before_path(), "/.well-known/", suffix].concat()
    }
}

impl Issuer {
    /// `/.well-known/{suffix}` inserted between host and path, a slash at the end of the issuer
    /// dropped first (RFC 8414 §3.1).
    pub fn well_known_inserted(&self, suffix: &str) -> String {
        let path = self.url().path();
        let path = path.strip_suffix('/').unwrap_or(path);
        [self.url().before_path(), "/.well-known/", suffix, path].concat()
    }

    /// `/.well-known/{suffix}` appended, a slash at the end of the issuer dropped first (OpenID
    /// Connect Discovery 1.0 §4.1).
    pub fn well_known_appended(&self, suffix: &str) -> String {
        let issuer = self.as_str();
        let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
        [issuer, "/.well-known/", suffix].concat()
    }
}
