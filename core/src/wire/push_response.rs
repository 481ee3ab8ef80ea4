//! Under which name does the server keep the authorization request? (RFC 9126 §2.2)

use serde::Deserialize;

use crate::arc_str::ArcStr;
use crate::wire::json::{self, Text};

/// The most bytes of a request URI.
const MAX_REQUEST_URI: usize = 2048;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    request_uri: Option<Text<'a>>,
}

/// Reads the `request_uri` of an answer; `None` if there is none that can stand in a URL.
pub(crate) fn request_uri(body: &[u8]) -> Option<ArcStr> {
    let document: Document<'_> = json::object(body)?;
    let uri = json::present(document.request_uri.as_ref())?;
    let fits = uri.len() <= MAX_REQUEST_URI && uri.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| uri.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_name_or_none() {
        let good = br#"{"request_uri":"urn:example:bwc4JK-ESC0w8acc191e-Y1LTC2","expires_in":60}"#;
        assert!(request_uri(good).is_some());
        for body in [
            "{}",
            r#"{"request_uri":""}"#,
            r#"{"request_uri":"a b"}"#,
            "<html>",
        ] {
            assert!(request_uri(body.as_bytes()).is_none(), "{body}");
        }
    }
}
