//! What did the authorization server send back with the user? (RFC 6749 §4.1.2, RFC 9207)

use std::borrow::Cow;

use crate::limits::MAX_CALLBACK_BYTES;
use crate::secret::Secret;
use crate::wire::form;
use crate::wire::text::ServerText;

/// What a callback is compared with.
pub(crate) struct Expected<'a> {
    pub(crate) state: &'a Secret,
    /// The issuer, as its metadata publishes it.
    pub(crate) issuer: &'a str,
    /// A further value that the configuration accepts.
    pub(crate) extra_issuer: Option<&'a str>,
    /// Whether the metadata says that responses carry `iss`.
    pub(crate) sends_iss: bool,
}

/// What a callback turned out to be.
#[derive(Debug)]
pub(crate) enum Reading {
    /// Not for this sign-in: nobody's business here (RDR-09).
    NotOurs,
    /// For this sign-in.
    Ours(Result<Response, Fault>),
}

/// A response of the issuer that was asked, as far as can be told.
#[derive(Debug)]
pub(crate) enum Response {
    Code {
        code: Secret,
        voucher: Voucher,
    },
    Error {
        code: ServerText,
        text: Option<ServerText>,
    },
}

/// What vouches for the issuer of a response (RFC 9207 §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voucher {
    /// `iss` is the issuer that was asked.
    Issuer,
    /// `iss` is the further value that the configuration accepts.
    Configuration,
    /// There is no `iss`, and there need not be.
    Nothing,
}

/// Why a response for this sign-in must not be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    IssuerMismatch(Box<str>),
    IssuerMissing,
    /// Repeated or unexpected parameters, or both or neither of code and error.
    Malformed(&'static str),
}

/// Reads the query of a callback. The order of the checks is the point: state, then `iss`, and only then a look at code
/// or error (MCP authorization, Authorization Response Validation).
pub(crate) fn read(query: &str, expected: &Expected<'_>) -> Reading {
    if query.len() > MAX_CALLBACK_BYTES {
        return Reading::NotOurs;
    }
    let mut parameters = Parameters::default();
    let mut well_formed = true;
    for pair in form::pairs(query) {
        match pair {
            Ok((name, value)) => parameters.take(&name, value, expected.state),
            Err(_) => well_formed = false,
        }
    }
    if !parameters.ours {
        return Reading::NotOurs;
    }
    Reading::Ours(if well_formed {
        parameters.response(expected)
    } else {
        Err(Fault::Malformed("its encoding is broken"))
    })
}

/// The first `state` of a callback's query, of whatever sign-in it may be.
pub(crate) fn state(query: &str) -> Option<Cow<'_, str>> {
    if query.len() > MAX_CALLBACK_BYTES {
        return None;
    }
    form::pairs(query)
        .flatten()
        .find(|(name, value)| name == "state" && !value.is_empty())
        .map(|(_, state)| state)
}

#[derive(Default)]
struct Parameters<'a> {
    /// Values of `state`.
    states: u8,
    /// Whether one of them is that of this sign-in.
    ours: bool,
    issuer: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
    error: Option<Cow<'a, str>>,
    error_description: Option<Cow<'a, str>>,
    repeated: bool,
    /// A token or a JWT response in the front channel.
    unexpected: bool,
}

impl<'a> Parameters<'a> {
    fn take(&mut self, name: &str, value: Cow<'a, str>, state: &Secret) {
        let member = match name {
            "state" => {
                // The first few are compared, each in constant time: a second `state` must not hide the first.
                if self.states < 4 {
                    self.ours |= state.matches(&value);
                }
                self.repeated |= self.states > 0;
                self.states = self.states.saturating_add(1);
                return;
            }
            "iss" => &mut self.issuer,
            "code" => &mut self.code,
            "error" => &mut self.error,
            "error_description" => &mut self.error_description,
            // RFC 9700 §2.1.2 forbids tokens here; `response` is JARM, which was not asked for.
            "access_token" | "token" | "id_token" | "refresh_token" | "response" => {
                self.unexpected = true;
                return;
            }
            // RFC 6749 §4.1.2: unrecognised parameters are ignored.
            _ => return,
        };
        self.repeated |= member.replace(value).is_some();
    }

    fn response(&self, expected: &Expected<'_>) -> Result<Response, Fault> {
        if self.repeated {
            return Err(Fault::Malformed("it repeats a parameter"));
        }
        // The four rows of the specification: plain string comparison, nothing normalised.
        let voucher = match (self.issuer.as_deref(), expected.sends_iss) {
            (Some(issuer), _) if issuer == expected.issuer => Voucher::Issuer,
            (Some(issuer), _) if Some(issuer) == expected.extra_issuer => Voucher::Configuration,
            (Some(issuer), _) => return Err(Fault::IssuerMismatch(issuer.into())),
            (None, true) => return Err(Fault::IssuerMissing),
            (None, false) => Voucher::Nothing,
        };
        if self.unexpected {
            return Err(Fault::Malformed("it carries a token"));
        }
        let code = self.code.as_deref().filter(|code| !code.is_empty());
        let error = self.error.as_deref().filter(|error| !error.is_empty());
        match (code, error) {
            (Some(code), None) => Ok(Response::Code {
                code: Secret::new(code),
                voucher,
            }),
            (None, Some(error)) => Ok(Response::Error {
                code: ServerText::new(error),
                text: self.error_description.as_deref().map(ServerText::new),
            }),
            (Some(_), Some(_)) => Err(Fault::Malformed("it carries both a code and an error")),
            (None, None) => Err(Fault::Malformed("it carries neither a code nor an error")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://as.example";

    fn read_with(query: &str, sends_iss: bool) -> Reading {
        read(
            query,
            &Expected {
                state: &Secret::new("S"),
                issuer: ISSUER,
                extra_issuer: None,
                sends_iss,
            },
        )
    }

    fn fault(query: &str, sends_iss: bool) -> Fault {
        match read_with(query, sends_iss) {
            Reading::Ours(Err(fault)) => fault,
            other => panic!("{query}: {other:?}"),
        }
    }

    #[test]
    fn the_state_leads_to_the_pending_sign_in() {
        use crate::event::CallbackText::{Query, Url};
        use crate::store::StoreKey;
        let key = Some(StoreKey::flow("S T"));
        for callback in [
            Query("code=c&state=S%20T"),
            Query("?state=S+T&state=U"),
            Url("com.example.app:/callback?code=%ff&state=S%20T&iss=x#_=_"),
        ] {
            assert_eq!(StoreKey::of_callback(callback), key, "{callback:?}");
        }
        let long = format!("state=S&x={}", "a".repeat(MAX_CALLBACK_BYTES));
        for callback in [
            Query(""),
            Query("code=c&state="),
            Query(&long),
            Url("https://client.example/callback"),
            Url("https://client.example/callback?code=c#state=S"),
        ] {
            assert_eq!(StoreKey::of_callback(callback), None);
        }
    }

    // RSP-01, RSP-11, RDR-09
    #[test]
    fn a_callback_without_our_state_is_not_ours() {
        for query in [
            "",
            "code=c",
            "code=c&state=",
            "code=c&state=T",
            "code=c&state=SS",
            "code=c&State=S",
        ] {
            assert!(
                matches!(read_with(query, false), Reading::NotOurs),
                "{query}"
            );
        }
        let long = format!("code={}&state=S", "x".repeat(MAX_CALLBACK_BYTES));
        assert!(matches!(read_with(&long, false), Reading::NotOurs));
    }

    // RSP-03, RSP-04, RSP-05, RSP-06, RSP-07, RSP-08
    #[test]
    fn the_four_rows_of_iss() {
        let code = |query: &str, sends_iss| match read_with(query, sends_iss) {
            Reading::Ours(Ok(Response::Code { voucher, .. })) => voucher,
            other => panic!("{query}: {other:?}"),
        };
        let right = "code=c&state=S&iss=https%3A%2F%2Fas.example";
        assert_eq!(code(right, true), Voucher::Issuer);
        assert_eq!(code(right, false), Voucher::Issuer);
        assert_eq!(code("code=c&state=S", false), Voucher::Nothing);
        assert_eq!(fault("code=c&state=S", true), Fault::IssuerMissing);
        for other in [
            "https%3A%2F%2Fas.example%2F",
            "https%3A%2F%2FAS.example",
            "HTTPS%3A%2F%2Fas.example",
            "https%3A%2F%2Fas.example%3A443",
            "https%253A%252F%252Fas.example",
            "https%3A%2F%2Fevil.example",
            "+https%3A%2F%2Fas.example",
            "",
        ] {
            for sends_iss in [true, false] {
                let query = format!("code=c&state=S&iss={other}");
                assert!(
                    matches!(fault(&query, sends_iss), Fault::IssuerMismatch(_)),
                    "{query}"
                );
            }
        }
    }

    // RSP-09, RSP-10
    #[test]
    fn an_error_of_another_issuer_is_not_looked_at() {
        let fault = fault(
            "error=access_denied&error_description=X&state=S&iss=https://e.example",
            true,
        );
        assert_eq!(fault, Fault::IssuerMismatch("https://e.example".into()));
    }

    // RSP-11, RSP-13, RSP-14
    #[test]
    fn malformed_responses_are_refused() {
        for query in [
            "state=S",
            "code=&state=S",
            "code=c&error=e&state=S",
            "code=a&code=b&state=S",
            "code=c&state=S&state=S",
            "code=c&state=S&state=T",
            "code=c&state=S&iss=https://as.example&iss=https://as.example",
            "code=c&state=S&access_token=t",
            "code=c&state=S&response=jwt",
            "code=c&state=S&x=%zz",
        ] {
            assert!(
                matches!(fault(query, false), Fault::Malformed(_)),
                "{query}"
            );
        }
    }

    // RSP-12
    #[test]
    fn unknown_parameters_are_ignored() {
        assert!(matches!(
            read_with("foo=bar&session_state=1&code=c&state=S", false),
            Reading::Ours(Ok(Response::Code { .. }))
        ));
    }
}
