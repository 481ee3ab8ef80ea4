//! What does a token say that somebody else has signed? Read, not verified: whoever receives it does that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::time::Timestamp;
use crate::wire::json::{self, Loose};

/// The claims of a JWT that tell a mistake before it is sent (RFC 7519 §4.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) audiences: Vec<Box<str>>,
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    iss: Option<Loose<'a>>,
    #[serde(borrow, default)]
    aud: Option<Loose<'a>>,
    #[serde(borrow, default)]
    exp: Option<Loose<'a>>,
}

impl Claims {
    /// Reads the payload of a signed JWT in its compact form; `None` if it is none.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        if header.is_empty() || signature.is_empty() {
            return None;
        }
        let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
        let payload: Payload<'_> = json::object(&payload)?;
        let text = |member: &Option<Loose<'_>>| Some(member.as_ref()?.text()?.into());
        Some(Self {
            issuer: text(&payload.iss),
            audiences: match &payload.aud {
                Some(Loose::List(list)) => list.iter().map(|name| (**name).into()).collect(),
                _ => text(&payload.aud).into_iter().collect(),
            },
            expires_at: match payload.exp {
                // A float turns into the nearest integer within range.
                Some(Loose::Number(seconds)) => Some(Timestamp::from_seconds(seconds as u64)),
                _ => None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(payload: &str) -> Option<Claims> {
        Claims::of(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload)))
    }

    // EMA-16, WIF-05
    #[test]
    fn claims_are_read_or_the_token_is_none() {
        let read = claims(r#"{"iss":"https://idp.example","aud":["a","b"],"exp":1.7e9,"sub":"x"}"#);
        let read = read.unwrap();
        assert_eq!(read.issuer.as_deref(), Some("https://idp.example"));
        assert_eq!(read.audiences, ["a".into(), "b".into()]);
        assert_eq!(
            read.expires_at,
            Some(Timestamp::from_seconds(1_700_000_000))
        );
        assert_eq!(claims(r#"{"aud":"a"}"#).unwrap().audiences, ["a".into()]);
        for token in ["", "a.b", "a.b.c.d", "a.!.c", ".e30.c", "a.e30.", "a.W10.c"] {
            assert_eq!(Claims::of(token), None, "{token}");
        }
    }
}
