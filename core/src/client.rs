//! As whom do we speak to an authorization server?

use serde::{Deserialize, Serialize};

use crate::arc_str::ArcStr;
use crate::error::Misuse;
use crate::scope::ScopeSet;
use crate::secret::{self, Secret};
use crate::time::Timestamp;
use crate::wire::json::FromTexts;

/// A way to authenticate the client at the token endpoint (RFC 7591 §2 `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A public client: `client_id` in the body, nothing else.
    None,
    /// HTTP Basic with form-encoded id and secret (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body.
    ClientSecretPost,
    /// An assertion signed with the client's key (RFC 7523 §2.2, OpenID Connect Core §9).
    PrivateKeyJwt,
}

impl AuthMethod {
    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The method of this registered name, if it is one that this client can do.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::None,
            Self::ClientSecretBasic,
            Self::ClientSecretPost,
            Self::PrivateKeyJwt,
        ]
        .into_iter()
        .find(|method| method.as_str() == name)
    }

    /// Whether it needs a secret that is shared with the server.
    pub(crate) const fn needs_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// The methods that a token endpoint lists (RFC 8414 §2 `token_endpoint_auth_methods_supported`), as far as we know them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuthMethods {
    /// Whether the server says anything at all.
    pub(crate) listed: bool,
    none: bool,
    basic: bool,
    post: bool,
    #[serde(default)]
    private_key_jwt: bool,
}

impl AuthMethods {
    /// What a list of registered names says; absent and empty are the same.
    pub(crate) fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut methods = Self::default();
        names.into_iter().for_each(|name| methods.take(name));
        methods
    }

    pub(crate) const fn contains(self, method: AuthMethod) -> bool {
        match method {
            AuthMethod::None => self.none,
            AuthMethod::ClientSecretBasic => self.basic,
            AuthMethod::ClientSecretPost => self.post,
            AuthMethod::PrivateKeyJwt => self.private_key_jwt,
        }
    }

    /// What to ask for in a registration: the key where there is one and it is taken; no secret where none is needed, and
    /// none in Basic, whose encoding servers disagree on, where the body will do. An absent list means Basic (RFC 8414 §2).
    pub(crate) const fn to_register(self, has_key: bool) -> Option<AuthMethod> {
        if has_key && self.private_key_jwt {
            Some(AuthMethod::PrivateKeyJwt)
        } else if self.none {
            Some(AuthMethod::None)
        } else if self.post {
            Some(AuthMethod::ClientSecretPost)
        } else if self.basic || !self.listed {
            Some(AuthMethod::ClientSecretBasic)
        } else {
            None
        }
    }
}

impl FromTexts for AuthMethods {
    fn take(&mut self, name: &str) {
        self.listed = true;
        match AuthMethod::from_name(name) {
            Some(AuthMethod::None) => self.none = true,
            Some(AuthMethod::ClientSecretBasic) => self.basic = true,
            Some(AuthMethod::ClientSecretPost) => self.post = true,
            Some(AuthMethod::PrivateKeyJwt) => self.private_key_jwt = true,
            None => {}
        }
    }
}

/// A client given by the host in answer to [`Task::AskForClient`](crate::Task::AskForClient).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvidedClient {
    /// The client identifier.
    pub client_id: Box<str>,
    /// The secret, if the client has one.
    pub client_secret: Option<Secret>,
    /// The method, if the host knows it; otherwise chosen by what the server supports.
    pub auth_method: Option<AuthMethod>,
}

impl ProvidedClient {
    /// What is wrong with it, if anything is.
    pub(crate) fn check(&self, has_key: bool) -> Result<(), Misuse> {
        if !is_client_id(&self.client_id) {
            return Err(Misuse::ClientId);
        }
        let lacks = |method: AuthMethod| match method {
            AuthMethod::PrivateKeyJwt => !has_key,
            method => method.needs_secret() && self.client_secret.is_none(),
        };
        if self.auth_method.is_some_and(lacks) {
            return Err(Misuse::ClientSecret);
        }
        Ok(())
    }
}

/// How a client authenticates: a secret exists only where a method uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "method",
    content = "secret",
    rename_all = "snake_case",
    try_from = "StoredAuth"
)]
pub(crate) enum ClientAuth {
    None,
    #[serde(serialize_with = "secret::exposed")]
    Basic(Secret),
    /// Basic with the bytes as they are: some servers skip the decoding that RFC 6749 §2.3.1 asks for.
    #[serde(serialize_with = "secret::exposed")]
    BasicUnencoded(Secret),
    #[serde(serialize_with = "secret::exposed")]
    Post(Secret),
    /// With the configured key: the host signs.
    PrivateKeyJwt,
}

/// [`ClientAuth`] as it is read: from its members, since serde would buffer whatever comes before the tag, secrets included.
#[derive(Deserialize)]
struct StoredAuth {
    method: AuthKind,
    secret: Option<Secret>,
}

impl TryFrom<StoredAuth> for ClientAuth {
    type Error = &'static str;

    fn try_from(stored: StoredAuth) -> Result<Self, Self::Error> {
        let auth = match stored.secret {
            Some(secret) => Self::Basic(secret).presented_as(stored.method),
            None if stored.method == AuthKind::PrivateKeyJwt => Self::PrivateKeyJwt,
            None => Self::None,
        };
        let fits = auth.kind() == stored.method;
        fits.then_some(auth).ok_or("a method without its secret")
    }
}

impl ClientAuth {
    /// The authentication for a secret and a method, where the method may be unknown; `supported` is what the server
    /// lists.
    pub(crate) fn choose(
        secret: Option<Secret>,
        method: Option<AuthMethod>,
        supported: AuthMethods,
    ) -> Self {
        if method == Some(AuthMethod::PrivateKeyJwt) {
            return Self::PrivateKeyJwt;
        }
        let Some(secret) = secret else {
            return Self::None;
        };
        match method {
            Some(AuthMethod::ClientSecretPost) => Self::Post(secret),
            Some(AuthMethod::ClientSecretBasic) => Self::Basic(secret),
            // A returned secret is used even if the method says otherwise.
            Some(AuthMethod::None | AuthMethod::PrivateKeyJwt) | None => {
                let post = supported.contains(AuthMethod::ClientSecretPost);
                let basic = supported.contains(AuthMethod::ClientSecretBasic);
                // Servers disagree on how Basic is encoded; the body has no such doubt.
                if post && (!basic || !is_plain(&secret)) {
                    Self::Post(secret)
                } else {
                    Self::Basic(secret)
                }
            }
        }
    }

    pub(crate) const fn kind(&self) -> AuthKind {
        match self {
            Self::None => AuthKind::None,
            Self::Basic(_) => AuthKind::Basic,
            Self::BasicUnencoded(_) => AuthKind::BasicUnencoded,
            Self::Post(_) => AuthKind::Post,
            Self::PrivateKeyJwt => AuthKind::PrivateKeyJwt,
        }
    }

    /// The same secret in the way that is known to work; without a secret there is only one way.
    pub(crate) fn presented_as(self, kind: AuthKind) -> Self {
        match (self, kind) {
            (Self::None, _) => Self::None,
            (Self::PrivateKeyJwt, _) => Self::PrivateKeyJwt,
            (auth, AuthKind::None | AuthKind::PrivateKeyJwt) => auth,
            (Self::Basic(secret) | Self::BasicUnencoded(secret) | Self::Post(secret), kind) => {
                match kind {
                    AuthKind::Post => Self::Post(secret),
                    AuthKind::BasicUnencoded => Self::BasicUnencoded(secret),
                    AuthKind::Basic | AuthKind::None | AuthKind::PrivateKeyJwt => {
                        Self::Basic(secret)
                    }
                }
            }
        }
    }

    /// Another way to present the same secret, for a server that refused this one and does not say what it wants.
    pub(crate) fn alternative(&self, supported: AuthMethods) -> Option<Self> {
        let Self::Basic(secret) = self else {
            return None;
        };
        if !supported.listed || supported.contains(AuthMethod::ClientSecretPost) {
            Some(Self::Post(secret.clone()))
        } else if is_plain(secret) {
            None
        } else {
            Some(Self::BasicUnencoded(secret.clone()))
        }
    }
}

/// A way to authenticate, without the secret: what worked, to be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthKind {
    None,
    Basic,
    BasicUnencoded,
    Post,
    PrivateKeyJwt,
}

/// Whether form encoding leaves the secret as it is.
fn is_plain(secret: &Secret) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    secret.expose().bytes().all(unreserved)
}

/// `client-id = *VSCHAR` (RFC 6749 Appendix A.1), and not empty.
pub(crate) fn is_client_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 4096 && id.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

/// Where a client identifier came from: decides what may be done when a server no longer knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientOrigin {
    /// Configured or given by the host; never replaced on our own.
    Preregistered,
    /// A client ID metadata document.
    Document,
    /// Registered dynamically; may be registered anew.
    Dynamic,
}

/// A client of one issuer. Lives only inside what is bound to that issuer (REG-10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) id: ArcStr,
    pub(crate) auth: ClientAuth,
    pub(crate) origin: ClientOrigin,
    /// The redirect URI registered, for a dynamic registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redirect_uri: Option<ArcStr>,
    /// The scopes that a dynamic registration named, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scopes: Option<ScopeSet>,
    /// When the secret expires (RFC 7591 §3.2.1); `None` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_expires_at: Option<Timestamp>,
}

impl Client {
    /// A client that was not registered by us: public, and without a name yet. The assertion of a workload can say enough
    /// to need none.
    pub(crate) fn preregistered() -> Self {
        Self {
            id: ArcStr::default(),
            auth: ClientAuth::None,
            origin: ClientOrigin::Preregistered,
            redirect_uri: None,
            scopes: None,
            secret_expires_at: None,
        }
    }

    /// Whether the registration covers these scopes: some servers refuse any that it did not name.
    pub(crate) fn may_ask_for(&self, scopes: &ScopeSet) -> bool {
        self.scopes
            .as_ref()
            .is_none_or(|registered| registered.contains_all(scopes))
    }

    /// Whether the secret has run out, which makes the registration none (RFC 7591 §3.2.1).
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.secret_expires_at.is_some_and(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("s3cret")
    }

    // ASM-17
    #[test]
    fn the_method_follows_the_registration_then_the_server() {
        use AuthMethod::{ClientSecretBasic as Basic, ClientSecretPost as Post, None as Public};
        let cases: &[(Option<AuthMethod>, &[&str], ClientAuth)] = &[
            (
                Some(Post),
                &["client_secret_basic"],
                ClientAuth::Post(secret()),
            ),
            (
                Some(Basic),
                &["client_secret_post"],
                ClientAuth::Basic(secret()),
            ),
            (
                Some(Public),
                &["client_secret_post"],
                ClientAuth::Post(secret()),
            ),
            (None, &[], ClientAuth::Basic(secret())),
            (None, &["none"], ClientAuth::Basic(secret())),
            (
                None,
                &["client_secret_basic", "client_secret_post"],
                ClientAuth::Basic(secret()),
            ),
            (
                None,
                &["client_secret_post", "none"],
                ClientAuth::Post(secret()),
            ),
        ];
        for (method, supported, expected) in cases {
            let supported = AuthMethods::from_names(supported.iter().copied());
            assert_eq!(
                &ClientAuth::choose(Some(secret()), *method, supported),
                expected
            );
        }
        let basic_only = AuthMethods::from_names(["client_secret_basic"]);
        assert_eq!(
            ClientAuth::choose(None, Some(Basic), basic_only),
            ClientAuth::None
        );
    }

    // ASM-17
    #[test]
    fn a_registration_asks_for_what_the_server_lists() {
        let cases: &[(&[&str], Option<AuthMethod>)] = &[
            (&[], Some(AuthMethod::ClientSecretBasic)),
            (&["none", "client_secret_basic"], Some(AuthMethod::None)),
            (&["client_secret_post"], Some(AuthMethod::ClientSecretPost)),
            (
                &["client_secret_basic", "client_secret_post"],
                Some(AuthMethod::ClientSecretPost),
            ),
            (&["private_key_jwt"], None),
        ];
        for (names, expected) in cases {
            let methods = AuthMethods::from_names(names.iter().copied());
            assert_eq!(methods.to_register(false), *expected, "{names:?}");
        }
        let methods = AuthMethods::from_names(["none", "private_key_jwt"]);
        assert_eq!(methods.to_register(true), Some(AuthMethod::PrivateKeyJwt));
        assert_eq!(methods.to_register(false), Some(AuthMethod::None));
    }

    #[test]
    fn a_secret_that_basic_would_have_to_encode_goes_into_the_body_where_it_may() {
        let odd = Secret::new("a/b=");
        let both = AuthMethods::from_names(["client_secret_basic", "client_secret_post"]);
        let auth = ClientAuth::choose(Some(odd.clone()), None, both);
        assert_eq!(auth, ClientAuth::Post(odd.clone()));
        let basic_only = AuthMethods::from_names(["client_secret_basic"]);
        assert_eq!(
            ClientAuth::Basic(odd.clone()).alternative(basic_only),
            Some(ClientAuth::BasicUnencoded(odd))
        );
        assert_eq!(ClientAuth::Basic(secret()).alternative(basic_only), None);
    }
}
