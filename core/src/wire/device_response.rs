//! Which code does the person enter, and where? (RFC 8628 §3.2)

use serde::Deserialize;

use crate::secret::Secret;
use crate::uri::{HttpUrl, Reach};
use crate::wire::json::{self, Loose, Text};
use crate::wire::token_response::{is_token, seconds};

/// The most characters of a code that a person is shown.
const MAX_USER_CODE: usize = 64;

/// Seconds between two polls where the server does not say (RFC 8628 §3.2).
const DEFAULT_INTERVAL: u64 = 5;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    device_code: Option<Text<'a>>,
    #[serde(borrow, default)]
    user_code: Option<Text<'a>>,
    #[serde(borrow, default)]
    verification_uri: Option<Text<'a>>,
    /// The name in an early draft, which some servers still use.
    #[serde(borrow, default)]
    verification_url: Option<Text<'a>>,
    #[serde(borrow, default)]
    verification_uri_complete: Option<Text<'a>>,
    #[serde(borrow, default)]
    expires_in: Option<Loose<'a>>,
    #[serde(borrow, default)]
    interval: Option<Loose<'a>>,
}

/// What a server answers to a device authorization request.
#[derive(Debug)]
pub(crate) struct DeviceResponse {
    pub(crate) device_code: Secret,
    pub(crate) user_code: Box<str>,
    pub(crate) verification_uri: HttpUrl,
    /// Left out where it is on another origin than the one above, or may not be opened.
    pub(crate) verification_uri_complete: Option<HttpUrl>,
    /// Seconds from now.
    pub(crate) expires_in: u64,
    /// Seconds between two polls.
    pub(crate) interval: u64,
}

impl DeviceResponse {
    /// Reads an answer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(body: &[u8], reach: Reach) -> Result<Self, &'static str> {
        let document: Document<'_> = json::object(body).ok_or("the body is no JSON object")?;
        let device_code = json::present(document.device_code.as_ref())
            .filter(|code| is_token(code))
            .ok_or("there is no device_code, or none that can be sent")?;
        let user_code = json::present(document.user_code.as_ref())
            .filter(|code| is_shown(code))
            .ok_or("there is no user_code, or none that can be shown")?;
        let uri = json::present(document.verification_uri.as_ref())
            .or_else(|| json::present(document.verification_url.as_ref()));
        let verification_uri = uri
            .and_then(|uri| HttpUrl::parse(uri, reach).ok())
            .ok_or("there is no verification_uri, or none that may be opened")?;
        let verification_uri_complete = json::present(document.verification_uri_complete.as_ref())
            .and_then(|uri| HttpUrl::parse(uri, reach).ok())
            .filter(|uri| uri.same_origin(&verification_uri));
        Ok(Self {
            device_code: Secret::new(device_code),
            user_code: user_code.into(),
            verification_uri,
            verification_uri_complete,
            expires_in: document
                .expires_in
                .as_ref()
                .and_then(seconds)
                .ok_or("there is no expires_in")?,
            interval: document
                .interval
                .as_ref()
                .and_then(seconds)
                .unwrap_or(DEFAULT_INTERVAL),
        })
    }
}

/// Whether a code can stand on a terminal as it is.
fn is_shown(code: &str) -> bool {
    code.len() <= MAX_USER_CODE && code.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"device_code":"d","user_code":"WDJB-MJHT","verification_uri":"https://as.example/device","verification_uri_complete":"https://as.example/device?c=1","expires_in":1800}"#;

    #[test]
    fn what_a_person_needs_is_there_and_safe_to_show() {
        let read = |body: &str| DeviceResponse::parse(body.as_bytes(), Reach::Public);
        let response = read(GOOD).unwrap();
        assert_eq!(response.interval, 5);
        assert_eq!(response.expires_in, 1800);
        assert!(response.verification_uri_complete.is_some());
        assert_eq!(
            read(&GOOD.replace("1800", "1800,\"interval\":\"7\""))
                .unwrap()
                .interval,
            7
        );
        assert!(read(&GOOD.replace("verification_uri\"", "verification_url\"")).is_ok());
        let elsewhere = GOOD.replace("as.example/device?", "evil.example/device?");
        assert!(
            read(&elsewhere)
                .unwrap()
                .verification_uri_complete
                .is_none()
        );
        for (from, to) in [
            ("\"d\"", "\"\""),
            ("WDJB", "\\u001b[2J"),
            ("WDJB", &*"W".repeat(MAX_USER_CODE)),
            ("https://as.example/device\"", "http://as.example/device\""),
            ("https://as.example/device\"", "javascript:alert(1)\""),
            ("1800", "0"),
            ("1800", "null"),
        ] {
            assert!(read(&GOOD.replacen(from, to, 1)).is_err(), "{from} {to}");
        }
        assert!(read("<html>").is_err());
    }
}
