//! How does a client introduce itself, and what does the server make of it? (RFC 7591)

use serde::{Deserialize, Serialize};

use crate::client::{AuthMethod, AuthMethods, Client, ClientAuth, ClientOrigin, is_client_id};
use crate::jose::PublicKey;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::time::Timestamp;
use crate::uri::RedirectUri;
use crate::wire::json::{self, Loose, Text};
use crate::wire::text::ServerText;

/// A registration request: unset members are left out, since strict servers refuse null and unknown ones.
#[derive(Serialize)]
struct Request<'a> {
    client_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uris: Option<[&'a str; 1]>,
    grant_types: [&'static str; 2],
    /// Empty for the device flow, and then said: left out it means `code` (RFC 7591 §2).
    response_types: &'static [&'static str],
    token_endpoint_auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_signing_alg: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<Keys<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_statement: Option<&'a str>,
}

/// What the server verifies the client's assertions with (RFC 7591 §2).
#[derive(Serialize)]
struct Keys<'a> {
    keys: [&'a PublicKey; 1],
}

/// Bytes that hold most requests, their software statement aside.
const USUAL_REQUEST: usize = 1024;

/// What a registration asks for, beyond the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) method: AuthMethod,
    pub(crate) with_scope: bool,
    pub(crate) with_application_type: bool,
}

impl Wish {
    pub(crate) const fn new(method: AuthMethod) -> Self {
        Self {
            method,
            with_scope: true,
            with_application_type: true,
        }
    }

    /// The scopes that the registration names: the final set, exactly, or none.
    pub(crate) fn scopes(self, scopes: &ScopeSet) -> Option<&ScopeSet> {
        (self.with_scope && !scopes.is_empty()).then_some(scopes)
    }

    /// The body of the request.
    pub(crate) fn body(
        self,
        settings: &Settings,
        redirect_uri: Option<&RedirectUri>,
        scopes: &ScopeSet,
    ) -> Secret {
        let key = settings
            .client_key
            .as_ref()
            .filter(|_| self.method == AuthMethod::PrivateKeyJwt);
        let request = Request {
            client_name: &settings.client_name,
            redirect_uris: redirect_uri.map(|uri| [uri.as_str()]),
            // Both, always: some servers insist, and refresh is wanted (SEP-2207).
            grant_types: match redirect_uri {
                Some(_) => ["authorization_code", "refresh_token"],
                None => [
                    "urn:ietf:params:oauth:grant-type:device_code",
                    "refresh_token",
                ],
            },
            response_types: match redirect_uri {
                Some(_) => &["code"],
                None => &[],
            },
            token_endpoint_auth_method: self.method.as_str(),
            token_endpoint_auth_signing_alg: key.map(|key| key.algorithm().as_str()),
            jwks: key.map(|key| Keys { keys: [key] }),
            application_type: self
                .with_application_type
                .then(|| redirect_uri.map_or("native", RedirectUri::application_type)),
            scope: self.scopes(scopes).map(ScopeSet::as_str),
            client_uri: settings.client_uri.as_deref(),
            logo_uri: settings.logo_uri.as_deref(),
            software_id: settings.software_id.as_deref(),
            software_version: settings.software_version.as_deref(),
            software_statement: settings.software_statement.as_ref().map(Secret::expose),
        };
        // A buffer that grows leaves copies of the statement behind.
        let statement = request.software_statement.map_or(0, str::len);
        let mut body = Vec::with_capacity(USUAL_REQUEST.saturating_add(statement));
        // Plain strings and arrays always serialise, and into UTF-8.
        let written = serde_json::to_writer(&mut body, &request);
        let body = written.ok().and_then(|()| String::from_utf8(body).ok());
        Secret::new(body.unwrap_or_default())
    }

    /// Another wish, where the server's refusal names the member that it stumbled over.
    pub(crate) fn adjusted(
        self,
        refusal: &Refusal,
        methods: AuthMethods,
        scopes: &ScopeSet,
    ) -> Option<Self> {
        let names = |word: &str| refusal.words.contains(word);
        if self.with_application_type && names("application_type") {
            return Some(Self {
                with_application_type: false,
                ..self
            });
        }
        if names("token_endpoint_auth_method") || names("auth method") {
            let other = [
                AuthMethod::None,
                AuthMethod::ClientSecretBasic,
                AuthMethod::ClientSecretPost,
            ]
            .into_iter()
            .find(|method| {
                *method != self.method && (!methods.listed || methods.contains(*method))
            })?;
            return Some(Self {
                method: other,
                ..self
            });
        }
        if self.scopes(scopes).is_some() && names("scope") {
            return Some(Self {
                with_scope: false,
                ..self
            });
        }
        None
    }
}

/// An error answer of the registration endpoint.
pub(crate) struct Refusal {
    pub(crate) code: Option<ServerText>,
    pub(crate) text: Option<ServerText>,
    /// Code and text in lower case, for [`Wish::adjusted`].
    words: String,
}

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow, default)]
    error: Option<Loose<'a>>,
    #[serde(borrow, default)]
    error_description: Option<Loose<'a>>,
    #[serde(borrow, default)]
    message: Option<Loose<'a>>,
}

impl Refusal {
    /// Reads an error body of any kind: an OAuth error, `{"message": …}`, plain text or HTML.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let (code, text) = match json::object::<ErrorBody<'_>>(body) {
            Some(error) => {
                let words =
                    |member: &Option<Loose<'_>>| member.as_ref()?.text().map(ServerText::new);
                (
                    words(&error.error),
                    words(&error.error_description).or_else(|| words(&error.message)),
                )
            }
            None => (None, quoted(body)),
        };
        let text = text.filter(|text| !text.is_empty());
        let mut words = String::new();
        for part in [&code, &text].into_iter().flatten() {
            words.push_str(&part.as_str().to_ascii_lowercase());
            words.push(' ');
        }
        Self { code, text, words }
    }

    /// As [`parse`](Self::parse); a body without any words that are known is shown as it stands. For endpoints whose
    /// refusals carry no token.
    pub(crate) fn parse_whole(body: &[u8]) -> Self {
        let refusal = Self::parse(body);
        if refusal.code.is_some() || refusal.text.is_some() {
            return refusal;
        }
        let text = quoted(body).filter(|text| !text.is_empty());
        Self { text, ..refusal }
    }
}

/// A body as it stands, unless it seems to hand over a secret: a document cut short, or our own request sent back.
fn quoted(body: &[u8]) -> Option<ServerText> {
    let assigned = |name: &str| {
        body.windows(name.len()).enumerate().any(|(at, window)| {
            let after = body.get(at.saturating_add(name.len())..);
            window.eq_ignore_ascii_case(name.as_bytes())
                && after
                    .unwrap_or_default()
                    .iter()
                    .find(|byte| !matches!(byte, b'"' | b'\'' | b'\\' | b' '))
                    .is_some_and(|byte| matches!(byte, b':' | b'='))
        })
    };
    let secret = ["_token", "_secret", "_verifier"].into_iter().any(assigned);
    (!secret).then(|| ServerText::from_bytes(body))
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    client_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    client_secret: Option<Text<'a>>,
    #[serde(borrow, default)]
    client_secret_expires_at: Option<Loose<'a>>,
    #[serde(borrow, default)]
    token_endpoint_auth_method: Option<Loose<'a>>,
    #[serde(borrow, default)]
    redirect_uris: Option<Loose<'a>>,
}

/// Why a registration answer cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No JSON object, or no usable `client_id`.
    Malformed,
    /// Our redirect URI is not among those registered.
    RedirectDropped,
    /// The server chose an authentication method that we cannot do, or one that needs a secret it did not give.
    Method(ServerText),
}

/// Reads a success answer. What the server returned counts, not what was asked (RFC 7591 §3.2.1); only members of the
/// list above are read, so nothing in it can name an issuer (REG-24).
pub(crate) fn registered(
    body: &[u8],
    redirect_uri: Option<&RedirectUri>,
    wish: Wish,
    supported: AuthMethods,
) -> Result<Client, Fault> {
    let response: Response<'_> = json::object(body).ok_or(Fault::Malformed)?;
    let id = json::present(response.client_id.as_ref())
        .filter(|id| is_client_id(id))
        .ok_or(Fault::Malformed)?;
    if let (Some(Loose::List(uris)), Some(redirect_uri)) = (&response.redirect_uris, redirect_uri)
        && !uris.is_empty()
        && !uris.iter().any(|uri| redirect_uri.matches_registered(uri))
    {
        return Err(Fault::RedirectDropped);
    }
    let secret = json::present(response.client_secret.as_ref()).map(Secret::new);
    let named = response
        .token_endpoint_auth_method
        .as_ref()
        .and_then(|method| method.text());
    let by_key = wish.method == AuthMethod::PrivateKeyJwt;
    let method = match named {
        None if by_key => Some(AuthMethod::PrivateKeyJwt),
        named => named.and_then(AuthMethod::from_name),
    };
    if let Some(name) = named {
        // A returned secret is used even if the method says otherwise; without one, only `none` is left, and the key that
        // was registered.
        let possible = match method {
            Some(AuthMethod::None) => true,
            Some(AuthMethod::PrivateKeyJwt) => by_key,
            _ => secret.is_some(),
        };
        if !possible {
            return Err(Fault::Method(ServerText::new(name)));
        }
    }
    let secret_expires_at = match &response.client_secret_expires_at {
        Some(Loose::Number(seconds)) if *seconds > 0.0 && secret.is_some() => {
            // A float turns into the nearest integer within range.
            Some(Timestamp::from_seconds(*seconds as u64))
        }
        _ => None,
    };
    Ok(Client {
        id: id.into(),
        auth: ClientAuth::choose(secret, method, supported),
        origin: ClientOrigin::Dynamic,
        redirect_uri: redirect_uri.map(RedirectUri::text),
        scopes: None,
        secret_expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // RSP-16, REG-20
    #[test]
    fn a_body_that_hands_over_a_secret_is_not_quoted() {
        let text = |body: &[u8]| Refusal::parse_whole(body).text;
        for body in [
            "{\"client_id\":\"c\",\"client_secret\":\"hunter2\"",
            "{\"client_id\":\"c\",\"client_secret\":\"hunter2\"}",
            "access_token=hunter2&x",
            "<pre>Refresh_Token : hunter2</pre>",
            "you sent: \\\"code_verifier\\\":\\\"hunter2\\\"",
        ] {
            assert_eq!(text(body.as_bytes()), None, "{body}");
        }
        let plain = "grant type refresh_token is not allowed";
        assert_eq!(text(plain.as_bytes()), Some(ServerText::new(plain)));
    }
}
