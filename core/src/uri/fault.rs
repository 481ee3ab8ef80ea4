//! Why was a URL refused?

use super::address::AddressClass;

/// Why a URL was refused. The text never repeats any of the URL, so it is safe to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// Longer than [`MAX_URL`](super::MAX_URL) bytes.
    #[error("the URL is longer than 8192 bytes")]
    TooLong,
    /// No `scheme://`.
    #[error("the URL is not absolute")]
    NotAbsolute,
    /// A scheme outside the allowlist.
    #[error("the scheme of the URL is not one that is allowed here")]
    Scheme,
    /// Plain http to a host that is not loopback.
    #[error(
        "the URL is plain http, which is allowed on loopback only (a server behind a proxy that \
         ends TLS often publishes its own URLs as http: its public URL must be set to https)"
    )]
    Insecure,
    /// `user@` or `user:password@`.
    #[error("the URL carries user information")]
    UserInfo,
    /// A `#`, even with nothing after it.
    #[error("the URL carries a fragment")]
    Fragment,
    /// A query where none may be (RFC 8414 §2).
    #[error("the URL carries a query where none may be")]
    Query,
    /// A character outside of RFC 3986, or a quote.
    #[error(
        "the URL holds a character that is not allowed in one: white space, a control, a quote, a \
         backslash, a brace such as in an unfilled template, or anything outside ASCII"
    )]
    Character,
    /// A `%` that two hexadecimal digits do not follow.
    #[error("the URL holds a percent sign that two hexadecimal digits do not follow")]
    PercentEscape,
    /// No host, a host that is neither a name nor an address, or one that parsers read differently.
    #[error("the host of the URL is missing, not valid or not written unambiguously")]
    Host,
    /// A port that is not a number from 1 to 65535 without leading zeros.
    #[error("the port of the URL is not valid")]
    Port,
    /// The host is an address, or a name for one, beyond the request's reach.
    #[error("the host of the URL is {0}, which this request may not reach")]
    BlockedAddress(AddressClass),
    /// A redirect that leads to another origin.
    #[error("the redirect leads to another origin")]
    CrossOrigin,
}
