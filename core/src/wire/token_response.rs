//! What did the token endpoint answer? (RFC 6749 §5)

use serde::Deserialize;

use crate::limits::{MAX_EXPIRES_IN, MAX_TOKEN_BYTES};
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::wire::form;
use crate::wire::json::{self, Loose};
use crate::wire::text::ServerText;

#[derive(Default, Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    access_token: Option<Loose<'a>>,
    #[serde(borrow, default)]
    token_type: Option<Loose<'a>>,
    #[serde(borrow, default)]
    expires_in: Option<Loose<'a>>,
    #[serde(borrow, default)]
    refresh_token: Option<Loose<'a>>,
    #[serde(borrow, default)]
    scope: Option<Loose<'a>>,
    #[serde(borrow, default)]
    error: Option<Loose<'a>>,
    #[serde(borrow, default)]
    error_description: Option<Loose<'a>>,
    #[serde(borrow, default)]
    message: Option<Loose<'a>>,
    #[serde(borrow, default)]
    ok: Option<Loose<'a>>,
}

/// An answer, read once.
#[derive(Debug)]
pub(crate) enum TokenAnswer {
    Tokens(IssuedTokens),
    /// An error of the server, whatever the status was.
    Refused(OAuthError),
    /// A 2xx that carries no usable token: what is wrong with it.
    Unusable(&'static str),
    /// No answer of a token endpoint: HTML, an empty body, a proxy's words.
    NotOAuth,
    /// A bearer token, where only one bound to a key will do.
    Downgrade,
}

/// Whether a token is to be bound to a key (RFC 9449 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// It is not.
    None,
    /// A proof was sent; a bearer token will do as well.
    Wanted,
    /// A proof was sent, and a bearer token is a downgrade.
    Required,
}

/// Tokens as issued.
#[derive(Debug)]
pub(crate) struct IssuedTokens {
    /// The header value that carries the access token. The scheme is spelt like this whatever `token_type` says: some
    /// servers compare it so.
    pub(crate) authorization: Secret,
    pub(crate) refresh_token: Option<Secret>,
    /// Seconds from now; `None` if the server does not say or says nonsense.
    pub(crate) expires_in: Option<u64>,
    /// `None`: as asked for (RFC 6749 §5.1).
    pub(crate) scope: Option<ScopeSet>,
    /// `token_type` was missing or is not a type that exists, and was taken as bearer.
    pub(crate) odd_type: bool,
    /// Whether the token is bound to the key of the proof.
    pub(crate) bound: bool,
}

/// An error of the server, in its own words made safe to show.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OAuthError {
    pub(crate) code: ServerText,
    pub(crate) text: Option<ServerText>,
}

impl TokenAnswer {
    /// The error in an answer, if it is one.
    pub(crate) fn error(body: &[u8]) -> Option<OAuthError> {
        let document: Document<'_> = json::object(body).or_else(|| form_document(body))?;
        document.error()
    }

    /// Reads an answer of any media type: JSON first, then a form, as some servers send either whatever was accepted.
    /// `binding` is what was asked for.
    pub(crate) fn parse(status: u16, body: &[u8], binding: Binding) -> Self {
        let success = matches!(status, 200..=299);
        let Some(document) = json::object(body).or_else(|| form_document(body)) else {
            return if success {
                Self::Unusable("the body is neither a JSON object nor a form")
            } else {
                Self::NotOAuth
            };
        };
        // Before the status: some servers say 200 and mean an error.
        if let Some(error) = document.error() {
            return Self::Refused(error);
        }
        if success {
            document.tokens(binding)
        } else {
            Self::NotOAuth
        }
    }
}

fn form_document(body: &[u8]) -> Option<Document<'_>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let mut document = Document::default();
    let mut any = false;
    for pair in form::pairs(text) {
        let (name, value) = pair.ok()?;
        let member = match &*name {
            "access_token" => &mut document.access_token,
            "token_type" => &mut document.token_type,
            "expires_in" => &mut document.expires_in,
            "refresh_token" => &mut document.refresh_token,
            "scope" => &mut document.scope,
            "error" => &mut document.error,
            "error_description" => &mut document.error_description,
            _ => continue,
        };
        // RFC 6749 §3.2: a parameter occurs once.
        if member.replace(Loose::Text(value)).is_some() {
            return None;
        }
        any = true;
    }
    any.then_some(document)
}

impl Document<'_> {
    fn error(&self) -> Option<OAuthError> {
        let refused = matches!(self.ok, Some(Loose::Bool(false)));
        let words = |member: &Option<Loose<'_>>| member.as_ref()?.text().map(ServerText::new);
        let code = words(&self.error);
        if code.is_none() && !refused {
            return None;
        }
        Some(OAuthError {
            code: code.unwrap_or_else(|| ServerText::new("unknown")),
            text: words(&self.error_description).or_else(|| words(&self.message)),
        })
    }

    fn tokens(&self, binding: Binding) -> TokenAnswer {
        let Some(access_token) = self.access_token.as_ref().and_then(Loose::text) else {
            return TokenAnswer::Unusable("there is no access_token");
        };
        if !is_token(access_token) {
            return TokenAnswer::Unusable(
                "the access_token is too long or holds characters that no header may",
            );
        }
        let kind = self.token_type.as_ref().and_then(Loose::text).unwrap_or("");
        // Types with rules of their own that we do not follow (RFC 6749 §7.1); an unknown word is taken as bearer.
        let bound = binding != Binding::None && kind.eq_ignore_ascii_case("dpop");
        let foreign = || {
            ["mac", "dpop", "pop", "n_a"]
                .iter()
                .any(|known| kind.eq_ignore_ascii_case(known))
        };
        if !bound && foreign() {
            return TokenAnswer::Unusable("the token_type is one that this client does not do");
        }
        if binding == Binding::Required && !bound {
            return TokenAnswer::Downgrade;
        }
        let scheme = if bound { "DPoP " } else { "Bearer " };
        let refresh_token = match self.refresh_token.as_ref().and_then(Loose::text) {
            Some(token) if !is_token(token) => {
                return TokenAnswer::Unusable(
                    "the refresh_token is too long or holds unprintable characters",
                );
            }
            other => other.map(Secret::new),
        };
        let Ok(scope) = self.scope() else {
            return TokenAnswer::Unusable("there are too many scopes");
        };
        TokenAnswer::Tokens(IssuedTokens {
            authorization: Secret::new([scheme, access_token].concat()),
            refresh_token,
            expires_in: self.expires_in.as_ref().and_then(seconds),
            scope,
            odd_type: !bound && !kind.eq_ignore_ascii_case("bearer"),
            bound,
        })
    }

    /// Spaces, commas or an array: servers do not agree. Empty is absent.
    fn scope(&self) -> Result<Option<ScopeSet>, crate::scope::TooManyScopes> {
        let set = match &self.scope {
            Some(Loose::Text(list)) => ScopeSet::collect(list.split([' ', ',']))?,
            Some(Loose::List(list)) => ScopeSet::collect(list.iter().map(|scope| &**scope))?,
            _ => return Ok(None),
        };
        Ok((!set.is_empty()).then_some(set))
    }
}

/// Visible ASCII: what can stand in a header (RFC 6750 §2.1 is narrower, RFC 6749 App. A.12 wider).
pub(crate) fn is_token(token: &str) -> bool {
    token.len() <= MAX_TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A positive number of seconds, as a number or in a string; anything else is as if absent (RFC 6749 App. A.14). So is
/// zero: whoever says that means a token that does not expire, and one that has no life would be refreshed without end.
pub(crate) fn seconds(value: &Loose<'_>) -> Option<u64> {
    let number = match value {
        Loose::Number(number) => *number,
        Loose::Text(text) => json::number(text)?,
        _ => return None,
    };
    // A float turns into the nearest integer within range; NaN fails the comparison.
    (number >= 1.0).then(|| (number as u64).min(MAX_EXPIRES_IN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(body: &str) -> IssuedTokens {
        match TokenAnswer::parse(200, body.as_bytes(), Binding::None) {
            TokenAnswer::Tokens(tokens) => tokens,
            other => panic!("{body}: {other:?}"),
        }
    }

    // TOK-07, TOK-08, TOK-10, TOK-11, TOK-17
    #[test]
    fn answers_of_the_real_world_are_read() {
        for (body, expires_in, scope, odd) in [
            (
                r#"{"access_token":"a","token_type":"Bearer","expires_in":3600}"#,
                Some(3600),
                None,
                false,
            ),
            (
                r#"{"access_token":"a","token_type":"bEaReR","expires_in":"3600"}"#,
                Some(3600),
                None,
                false,
            ),
            (
                r#"{"access_token":"a","token_type":"user","scope":"x,y"}"#,
                None,
                Some("x y"),
                true,
            ),
            (
                r#"{"access_token":"a","scope":["x","y"],"expires_in":null}"#,
                None,
                Some("x y"),
                true,
            ),
            (
                r#"{"access_token":"a","token_type":"bearer","scope":null,"refresh_token":null}"#,
                None,
                None,
                false,
            ),
            (
                r#"{"ok":true,"access_token":"a","token_type":"bearer","scope":""}"#,
                None,
                None,
                false,
            ),
            (r#"{"access_token":"a","expires_in":-1}"#, None, None, true),
            (r#"{"access_token":"a","expires_in":0}"#, None, None, true),
            (
                r#"{"access_token":"a","expires_in":18446744073709551616}"#,
                Some(MAX_EXPIRES_IN),
                None,
                true,
            ),
            (
                r#"{"access_token":"a","expires_in":"NaN"}"#,
                None,
                None,
                true,
            ),
            (
                "access_token=a&scope=x+y&token_type=bearer&expires_in=28800",
                Some(28800),
                Some("x y"),
                false,
            ),
        ] {
            let got = tokens(body);
            assert_eq!(got.authorization.expose(), "Bearer a", "{body}");
            assert_eq!(got.expires_in, expires_in, "{body}");
            assert_eq!(got.scope.as_ref().map(ScopeSet::as_str), scope, "{body}");
            assert_eq!(got.odd_type, odd, "{body}");
            assert!(got.refresh_token.is_none(), "{body}");
        }
        assert!(matches!(
            TokenAnswer::parse(201, br#"{"access_token":"a"}"#, Binding::None),
            TokenAnswer::Tokens(_)
        ));
    }

    // TOK-07, TOK-08, TOK-09, TOK-18
    #[test]
    fn answers_without_a_usable_token_are_refused() {
        for body in [
            "",
            "[]",
            "{}",
            "<html>",
            r#"{"access_token":""}"#,
            r#"{"access_token":7,"token_type":"bearer"}"#,
            r#"{"access_token":"a","access_token":"b","token_type":"bearer"}"#,
            r#"{"ACCESS_TOKEN":"a","token_type":"bearer"}"#,
            r#"{"access_token":"a\r\nX: y","token_type":"bearer"}"#,
            r#"{"access_token":"a\u0000","token_type":"bearer"}"#,
            r#"{"access_token":"ä","token_type":"bearer"}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            r#"{"authed_user":{"access_token":"a"}}"#,
            "access_token=a&access_token=b",
        ] {
            let answer = TokenAnswer::parse(200, body.as_bytes(), Binding::None);
            assert!(
                matches!(answer, TokenAnswer::Unusable(_)),
                "{body}: {answer:?}"
            );
        }
        let long = format!(
            r#"{{"access_token":"{}"}}"#,
            "x".repeat(MAX_TOKEN_BYTES + 1)
        );
        let answer = TokenAnswer::parse(200, long.as_bytes(), Binding::None);
        assert!(matches!(answer, TokenAnswer::Unusable(_)), "{answer:?}");
    }

    // DPP-06, DPP-10
    #[test]
    fn a_token_is_bound_as_far_as_it_was_asked_to_be() {
        let bound = br#"{"access_token":"a","token_type":"dpop"}"#;
        let bearer = br#"{"access_token":"a","token_type":"Bearer"}"#;
        for binding in [Binding::Wanted, Binding::Required] {
            match TokenAnswer::parse(200, bound, binding) {
                TokenAnswer::Tokens(tokens) => {
                    assert_eq!(tokens.authorization.expose(), "DPoP a");
                    assert!(tokens.bound && !tokens.odd_type);
                }
                other => panic!("{other:?}"),
            }
        }
        match TokenAnswer::parse(200, bearer, Binding::Wanted) {
            TokenAnswer::Tokens(tokens) => assert!(!tokens.bound),
            other => panic!("{other:?}"),
        }
        let answer = TokenAnswer::parse(200, bearer, Binding::Required);
        assert!(matches!(answer, TokenAnswer::Downgrade), "{answer:?}");
    }

    // TOK-12
    #[test]
    fn errors_are_found_whatever_the_status() {
        for (status, body, code) in [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"x"}"#,
                "invalid_grant",
            ),
            (
                200,
                r#"{"error":"bad_verification_code"}"#,
                "bad_verification_code",
            ),
            (
                200,
                r#"{"ok":false,"error":"invalid_code"}"#,
                "invalid_code",
            ),
            (200, r#"{"ok":false}"#, "unknown"),
            (
                200,
                "error=invalid_grant&error_description=x",
                "invalid_grant",
            ),
            (
                401,
                r#"{"data":null,"error":"invalid_client","code":null,"success":false}"#,
                "invalid_client",
            ),
        ] {
            match TokenAnswer::parse(status, body.as_bytes(), Binding::None) {
                TokenAnswer::Refused(error) => assert_eq!(error.code.as_str(), code),
                other => panic!("{body}: {other:?}"),
            }
        }
        for (status, body) in [
            (500, ""),
            (502, "<html>"),
            (422, r#"{"message":"Required parameter: client_secret"}"#),
        ] {
            let answer = TokenAnswer::parse(status, body.as_bytes(), Binding::None);
            assert!(
                matches!(answer, TokenAnswer::NotOAuth),
                "{body}: {answer:?}"
            );
        }
    }
}
