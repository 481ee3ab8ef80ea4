//! Is this client ID metadata document what it must be? (draft-ietf-oauth-client-id-metadata-document)
//!
//! For hosts that publish one: check the file before it is put on the web, and configure the machine from it.

use serde::Deserialize;

use crate::client::AuthMethod;
use crate::jose::PublicKey;
use crate::settings::ClientDocument;
use crate::uri::{HttpUrl, Reach};
use crate::wire::json::{self, Loose, Text};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    client_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    client_name: Option<Text<'a>>,
    #[serde(default)]
    redirect_uris: Option<Vec<String>>,
    #[serde(borrow, default)]
    token_endpoint_auth_method: Option<Text<'a>>,
    #[serde(borrow, default)]
    client_secret: Option<Loose<'a>>,
    #[serde(default)]
    jwks: Option<Keys>,
    #[serde(borrow, default)]
    jwks_uri: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<PublicKey>,
}

/// Why a client ID metadata document would be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentFault {
    /// Not a JSON object, or a member occurs twice or is of the wrong type.
    #[error("not a JSON object with members of the right types")]
    NotADocument,
    /// `client_id` is not, character for character, the URL of the document.
    #[error("client_id is not exactly the URL of the document")]
    ClientId,
    /// `client_name` is missing.
    #[error("client_name is missing")]
    ClientName,
    /// `redirect_uris` is missing or empty.
    #[error("redirect_uris is missing or empty")]
    RedirectUris,
    /// It names a shared secret, or a method that needs one: everybody can read the document.
    #[error("a public document cannot go with a shared secret")]
    SharedSecret,
    /// `private_key_jwt` without exactly one of `jwks`, with a key in it, and an https `jwks_uri`.
    #[error("private_key_jwt needs either jwks, with a public key in it, or an https jwks_uri")]
    Keys,
}

/// Checks the document that will be found at `url`, and gives what [`Settings::client_document`](crate::Settings) needs.
///
/// # Errors
/// The first [`DocumentFault`] found.
pub fn check(document: &[u8], url: &str) -> Result<ClientDocument, DocumentFault> {
    let document: Document<'_> = json::object(document).ok_or(DocumentFault::NotADocument)?;
    if json::present(document.client_id.as_ref()) != Some(url) {
        return Err(DocumentFault::ClientId);
    }
    if json::present(document.client_name.as_ref()).is_none() {
        return Err(DocumentFault::ClientName);
    }
    let redirect_uris = document.redirect_uris.unwrap_or_default();
    if redirect_uris.is_empty() {
        return Err(DocumentFault::RedirectUris);
    }
    let method = json::present(document.token_endpoint_auth_method.as_ref());
    if document.client_secret.is_some()
        || method.is_some_and(|name| name.starts_with("client_secret"))
    {
        return Err(DocumentFault::SharedSecret);
    }
    let auth_method = method.and_then(AuthMethod::from_name);
    if auth_method == Some(AuthMethod::PrivateKeyJwt) {
        let inline = document.jwks.as_ref().map(|jwks| !jwks.keys.is_empty());
        let elsewhere = json::present(document.jwks_uri.as_ref())
            .map(|uri| HttpUrl::parse(uri, Reach::Private).is_ok_and(|uri| uri.is_https()));
        if !matches!((inline, elsewhere), (Some(true), None) | (None, Some(true))) {
            return Err(DocumentFault::Keys);
        }
    }
    Ok(ClientDocument {
        url: url.into(),
        redirect_uris,
        auth_method,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://app.example/client.json";

    fn fault(document: &str) -> Option<DocumentFault> {
        check(document.as_bytes(), URL).err()
    }

    // REG-04, REG-05
    #[test]
    fn a_document_names_itself_its_client_and_its_redirect_uris() {
        let good = r#"{"client_id":"https://app.example/client.json","client_name":"Notes",
            "redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none"}"#;
        let document = check(good.as_bytes(), URL).unwrap();
        assert_eq!(document.url, URL);
        assert_eq!(document.redirect_uris, ["http://127.0.0.1/callback"]);
        for (from, to, expected) in [
            ("client.json\"", "client.json/\"", DocumentFault::ClientId),
            ("app.example", "App.example", DocumentFault::ClientId),
            ("\"client_id\"", "\"client-id\"", DocumentFault::ClientId),
            ("\"Notes\"", "\"\"", DocumentFault::ClientName),
            (
                "[\"http://127.0.0.1/callback\"]",
                "[]",
                DocumentFault::RedirectUris,
            ),
            ("redirect_uris", "redirects", DocumentFault::RedirectUris),
            (
                "\"none\"",
                "\"client_secret_post\"",
                DocumentFault::SharedSecret,
            ),
            (
                "\"none\"",
                "\"none\",\"client_secret\":\"s\"",
                DocumentFault::SharedSecret,
            ),
            ("\"Notes\"", "7", DocumentFault::NotADocument),
            ("}", "", DocumentFault::NotADocument),
        ] {
            assert_eq!(fault(&good.replacen(from, to, 1)), Some(expected), "{to}");
        }
    }
}
