//! Which settings cannot work?

use crate::client::AuthMethod;
use crate::error::ConfigError;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::settings::{ClientDocument, DpopUse, GrantType, Preregistered, Settings};
use crate::uri::{HttpUrl, Issuer, Reach, RedirectUri};

/// How a client authenticates, as far as its settings say: with the key if there is nothing else.
pub(super) fn auth_method(
    secret: Option<&Secret>,
    named: Option<AuthMethod>,
    has_key: bool,
) -> Result<Option<AuthMethod>, &'static str> {
    match named {
        Some(AuthMethod::PrivateKeyJwt) if !has_key => Err("needs client_key"),
        Some(method) if method.needs_secret() && secret.is_none() => Err("needs a client secret"),
        None if secret.is_none() && has_key => Ok(Some(AuthMethod::PrivateKeyJwt)),
        named => Ok(named),
    }
}

/// What each grant needs, and what none can do without.
pub(super) fn grant(settings: &Settings) -> Result<(), ConfigError> {
    let problem = |problem| {
        let field = "grant";
        Err(ConfigError { field, problem })
    };
    let client = settings.preregistered.as_ref();
    let pinned = client.is_some() || settings.authorization_server.is_some();
    let confidential = |client: &Preregistered| {
        client.auth_method != Some(AuthMethod::None)
            && (client.client_secret.is_some() || settings.client_key.is_some())
    };
    if settings.grant != GrantType::AuthorizationCode
        && client.is_some_and(|client| client.endpoints.is_some())
    {
        return problem(
            "only authorization_code does without discovery: leave preregistered.endpoints out",
        );
    }
    match settings.grant {
        // CCR-01, CCR-10, CCR-11.
        GrantType::ClientCredentials if !client.is_some_and(confidential) => {
            problem("client_credentials needs preregistered with a secret or client_key")
        }
        // WIF-06.
        GrantType::WorkloadIdentity if !pinned => {
            problem("workload_identity needs authorization_server or preregistered")
        }
        GrantType::EnterpriseManaged if settings.identity_provider.is_none() => {
            problem("enterprise_managed needs identity_provider")
        }
        GrantType::EnterpriseManaged if client.is_none() && settings.client_document.is_none() => {
            problem("enterprise_managed needs preregistered or client_document")
        }
        _ => Ok(()),
    }
}

pub(super) fn keys(settings: &Settings, reach: Reach) -> Result<(), ConfigError> {
    let key = "dpop_keys";
    for issuer in settings
        .dpop_keys
        .iter()
        .filter_map(|key| key.issuer.as_deref())
    {
        Issuer::parse(issuer, reach).map_err(|_| ConfigError {
            field: key,
            problem: "not an issuer identifier",
        })?;
    }
    if settings.dpop != DpopUse::Never && settings.dpop_keys.is_empty() {
        let problem = "empty, but `dpop` is wanted";
        return Err(ConfigError {
            field: key,
            problem,
        });
    }
    let typ = &settings.assertion_typ;
    if typ.is_empty() || !typ.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError {
            field: "assertion_typ",
            problem: "not a media type",
        });
    }
    let document = settings.client_document.as_ref();
    match document.and_then(|document| document.auth_method) {
        Some(AuthMethod::PrivateKeyJwt) if settings.client_key.is_none() => Err(ConfigError {
            field: "client_document.auth_method",
            problem: "needs client_key",
        }),
        Some(method) if method.needs_secret() => Err(ConfigError {
            field: "client_document.auth_method",
            problem: "a public document cannot go with a shared secret",
        }),
        _ => Ok(()),
    }
}

/// The reach that a server URL by itself vouches for (URL-01: the producer of the URL is local).
pub(super) fn natural_reach(server_url: &str) -> Reach {
    [Reach::Public, Reach::Private]
        .into_iter()
        .find(|reach| HttpUrl::parse(server_url, *reach).is_ok())
        .unwrap_or(Reach::Loopback)
}

pub(super) fn redirect_uri(
    raw: &str,
    field: &'static str,
    private_scheme: bool,
) -> Result<RedirectUri, ConfigError> {
    RedirectUri::parse(raw, private_scheme).map_err(|_| ConfigError {
        field,
        problem: "not https, http on loopback, or an allowed private-use scheme",
    })
}

/// REG-03: an https URL with a path, without fragment, userinfo or dot segments; REG-06: its redirect URIs are the ones used.
pub(super) fn document(
    document: &ClientDocument,
    reach: Reach,
    redirect: &RedirectUri,
    private_scheme: bool,
) -> Result<(), ConfigError> {
    let problem = |problem| ConfigError {
        field: "client_document",
        problem,
    };
    let url = HttpUrl::parse(&document.url, reach).map_err(|_| problem("not an https URL"))?;
    let dotted = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    if !url.is_https() || matches!(url.path(), "" | "/") || url.path().split('/').any(dotted) {
        return Err(problem("not an https URL with a plain path"));
    }
    for uri in &document.redirect_uris {
        redirect_uri(uri, "client_document", private_scheme)?;
    }
    if !document
        .redirect_uris
        .iter()
        .any(|listed| redirect.matches_registered(listed))
    {
        return Err(problem("does not list the redirect URI"));
    }
    Ok(())
}

pub(super) fn scopes(list: &[String]) -> Result<ScopeSet, ConfigError> {
    let problem = ConfigError {
        field: "scopes",
        problem: "too many scopes, or one outside the grammar of RFC 6749 §3.3",
    };
    let set = ScopeSet::collect(list.iter().map(String::as_str)).map_err(|_| problem.clone())?;
    if list.iter().all(|scope| set.contains(scope)) {
        Ok(set)
    } else {
        Err(problem)
    }
}
