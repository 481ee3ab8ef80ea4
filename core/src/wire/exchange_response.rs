//! What did the identity provider give for the user's identity? (RFC 8693 §2.2)

use serde::Deserialize;

use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::wire::json::{self, Loose};
use crate::wire::token_response::{OAuthError, TokenAnswer, is_token, seconds};

/// The type of an identity assertion authorization grant (draft-ietf-oauth-identity-assertion-authz-grant §4.3).
pub(crate) const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    access_token: Option<Loose<'a>>,
    #[serde(borrow, default)]
    issued_token_type: Option<Loose<'a>>,
    #[serde(borrow, default)]
    token_type: Option<Loose<'a>>,
    #[serde(borrow, default)]
    expires_in: Option<Loose<'a>>,
    #[serde(borrow, default)]
    scope: Option<Loose<'a>>,
}

/// An answer, read once.
#[derive(Debug)]
pub(crate) enum ExchangeAnswer {
    Issued(IdJag),
    /// An error of the provider, whatever the status was.
    Refused(OAuthError),
    /// A 2xx that carries no such assertion: what is wrong with it.
    Unusable(&'static str),
    /// No answer of a token endpoint.
    NotOAuth,
}

/// An identity assertion for one authorization server.
#[derive(Debug)]
pub(crate) struct IdJag {
    pub(crate) token: Secret,
    /// Seconds from now; `None` if the provider does not say.
    pub(crate) expires_in: Option<u64>,
    /// `None`: as asked for.
    pub(crate) scope: Option<ScopeSet>,
}

impl ExchangeAnswer {
    pub(crate) fn parse(status: u16, body: &[u8]) -> Self {
        if let Some(error) = TokenAnswer::error(body) {
            return Self::Refused(error);
        }
        if !matches!(status, 200..=299) {
            return Self::NotOAuth;
        }
        match json::object::<Document<'_>>(body) {
            Some(document) => document.read().map_or_else(Self::Unusable, Self::Issued),
            None => Self::Unusable("the body is no JSON object"),
        }
    }
}

impl Document<'_> {
    fn read(&self) -> Result<IdJag, &'static str> {
        fn text<'a>(member: &'a Option<Loose<'_>>) -> &'a str {
            member.as_ref().and_then(Loose::text).unwrap_or("")
        }
        if text(&self.issued_token_type) != ID_JAG {
            return Err("issued_token_type is not that of an identity assertion");
        }
        // What cannot be used as an access token must not look like one (RFC 8693 §2.2.1).
        if !text(&self.token_type).eq_ignore_ascii_case("n_a") {
            return Err("token_type is not N_A");
        }
        let token = text(&self.access_token);
        if token.is_empty() || !is_token(token) {
            return Err("there is no access_token, or none that can be sent");
        }
        let scope = match &self.scope {
            Some(Loose::Text(list)) => {
                ScopeSet::parse(list).map_err(|_| "there are too many scopes")?
            }
            _ => ScopeSet::default(),
        };
        Ok(IdJag {
            token: Secret::new(token),
            expires_in: self.expires_in.as_ref().and_then(seconds),
            scope: (!scope.is_empty()).then_some(scope),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // EMA-05
    #[test]
    fn an_answer_is_an_identity_assertion_or_nothing() {
        let good = r#"{"access_token":"a.b.c","issued_token_type":"urn:ietf:params:oauth:token-type:id-jag","token_type":"n_a","expires_in":300,"scope":"x"}"#;
        match ExchangeAnswer::parse(200, good.as_bytes()) {
            ExchangeAnswer::Issued(id_jag) => {
                assert_eq!(id_jag.token.expose(), "a.b.c");
                assert_eq!(id_jag.expires_in, Some(300));
                assert_eq!(id_jag.scope.unwrap().as_str(), "x");
            }
            other => panic!("{other:?}"),
        }
        for (from, to) in [
            ("id-jag", "jwt"),
            ("n_a", "Bearer"),
            ("a.b.c", ""),
            ("\"a.b.c\"", "7"),
            ("a.b.c", "a b"),
            ("issued_token_type", "issued"),
        ] {
            let body = good.replace(from, to);
            let answer = ExchangeAnswer::parse(200, body.as_bytes());
            assert!(matches!(answer, ExchangeAnswer::Unusable(_)), "{body}");
        }
        let refused = ExchangeAnswer::parse(400, br#"{"error":"invalid_target"}"#);
        assert!(matches!(refused, ExchangeAnswer::Refused(_)));
        assert!(matches!(
            ExchangeAnswer::parse(502, b"<html>"),
            ExchangeAnswer::NotOAuth
        ));
    }
}
