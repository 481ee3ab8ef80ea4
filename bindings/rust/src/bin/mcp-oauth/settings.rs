//! How do arguments become settings of the core?

use std::path::Path;
use std::str::FromStr;

use mcp_oauth_core::{
    AssertionKind, AuthMethod, ClientDocument, Deviations, DpopUse, GivenEndpoints, GrantType,
    HttpUrl, IdentityProvider, Preregistered, ProvidedClient, Reach, Secret, Settings,
};
use mcp_oauth_host::FileAssertion;
use zeroize::Zeroizing;

use crate::arguments::{Client, Grant, Server};
use crate::exit::Fault;
use crate::keys::Keys;

/// As what this program makes itself known to servers.
pub(crate) const USER_AGENT: &str = concat!("mcp-oauth/", env!("CARGO_PKG_VERSION"));

/// `--deviation`, understood.
#[derive(Clone, Debug)]
pub(crate) struct Deviation(fn(&mut Deviations, &str), String);

/// A deviation that takes a value, or one that takes none.
enum Kind {
    Value(fn(&mut Deviations, &str)),
    Flag(fn(&mut Deviations, &str)),
}

impl FromStr for Deviation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let kind = match name {
            "pinned_issuer" => {
                if !value.is_some_and(|value| value.contains(',')) {
                    return Err("pinned_issuer needs =ASKED,PUBLISHED".into());
                }
                Kind::Value(|deviations, value| {
                    let pair = value.split_once(',');
                    deviations.pinned_issuer =
                        pair.map(|(asked, published)| (asked.into(), published.into()));
                })
            }
            "allow_resource" => {
                Kind::Value(|deviations, value| deviations.allow_resource = Some(value.into()))
            }
            "extra_iss" => {
                Kind::Value(|deviations, value| deviations.extra_iss = Some(value.into()))
            }
            "assume_s256" => Kind::Flag(|deviations, _| deviations.assume_s256 = true),
            "omit_resource" => Kind::Flag(|deviations, _| deviations.omit_resource = true),
            "retry_refresh_without_resource" => {
                Kind::Flag(|deviations, _| deviations.retry_refresh_without_resource = true)
            }
            "default_endpoints" => Kind::Flag(|deviations, _| deviations.default_endpoints = true),
            "assume_id_jag" => Kind::Flag(|deviations, _| deviations.assume_id_jag = true),
            "same_origin_metadata" => {
                Kind::Flag(|deviations, _| deviations.same_origin_metadata = true)
            }
            "same_origin_endpoints" => {
                Kind::Flag(|deviations, _| deviations.same_origin_endpoints = true)
            }
            _ => return Err("there is no such deviation: see --help".into()),
        };
        match (kind, value) {
            (Kind::Value(set), Some(value)) => Ok(Self(set, value.into())),
            (Kind::Value(_), None) => Err(format!("{name} needs a value: {name}=…")),
            (Kind::Flag(set), None) => Ok(Self(set, String::new())),
            (Kind::Flag(_), Some(_)) => Err(format!("{name} takes no value")),
        }
    }
}

/// The settings, and the client to give should the machine ask for one.
pub(crate) fn settings(
    server: &Server,
    keys: &Keys,
) -> Result<(Settings, Option<ProvidedClient>), Fault> {
    let defaults = Settings::default();
    let redirect_uri = server
        .redirect_uri
        .clone()
        .unwrap_or(defaults.redirect_uri.clone());
    let (preregistered, on_request) = client(&server.client)?;
    let mut deviations = Deviations::default();
    for Deviation(set, value) in &server.deviations {
        set(&mut deviations, value);
    }
    let grant = grant(&server.grant);
    let mut extras = server.extras.clone();
    if let Some(details) = &server.authorization_details {
        extras.push(("authorization_details".into(), details.clone()));
    }
    // Who is asked nothing has no authorization request to add to.
    let (authorize_parameters, token_parameters) = match grant {
        GrantType::AuthorizationCode | GrantType::DeviceCode => (extras, Vec::new()),
        _ => (Vec::new(), extras),
    };
    let document = server.client.client_document.as_ref();
    let assertion_typ = server.client.assertion_typ.clone();
    let settings = Settings {
        grant,
        client_key: keys.client_key()?,
        assertion_typ: assertion_typ.unwrap_or(defaults.assertion_typ.clone()),
        dpop: match server.grant.dpop {
            Some(_) => DpopUse::Always,
            None => DpopUse::Never,
        },
        dpop_keys: keys.dpop_keys()?,
        identity_provider: identity_provider(&server.grant)?,
        workload_audience: server.grant.assertion_audience.clone(),
        pushed_authorization: server.pushed,
        server_url: server.url.clone(),
        reach: reach(&server.url, server.allow_private_network),
        client_name: "mcp-oauth".into(),
        initial_access_token: match &server.client.initial_access_token_file {
            Some(file) => Some(secret_file(file)?),
            None => None,
        },
        preregistered,
        client_document: document.map(|url| ClientDocument {
            url: url.clone(),
            redirect_uris: match server.client.client_document_redirects.as_slice() {
                // Without a port it stands for any (RFC 8252 §7.3).
                [] => vec![redirect_uri.replacen(":0/", "/", 1)],
                listed => listed.to_vec(),
            },
            auth_method: keys.client.is_some().then_some(AuthMethod::PrivateKeyJwt),
        }),
        ask_for_client: on_request.is_some(),
        redirect_uri,
        scopes: (!server.scopes.is_empty()).then(|| server.scopes.clone()),
        authorize_parameters,
        token_parameters,
        authorization_server: server.authorization_server.clone(),
        deviations,
        user_agent: USER_AGENT.into(),
        ..defaults
    };
    Ok((settings, on_request))
}

/// What a loopback server reaches is wide enough already.
pub(crate) fn reach(url: &str, allow_private_network: bool) -> Option<Reach> {
    let private = HttpUrl::parse(url, Reach::Private).is_ok();
    (allow_private_network && private).then_some(Reach::Private)
}

fn grant(grant: &Grant) -> GrantType {
    match grant.device {
        true => GrantType::DeviceCode,
        false => grant.grant.into(),
    }
}

fn identity_provider(grant: &Grant) -> Result<Option<IdentityProvider>, Fault> {
    let (Some(issuer), Some(token_endpoint), Some(client_id)) =
        (&grant.idp, &grant.idp_token_endpoint, &grant.idp_client_id)
    else {
        return Ok(None);
    };
    let secret = grant.idp_client_secret_file.as_deref();
    Ok(Some(IdentityProvider {
        issuer: issuer.clone(),
        token_endpoint: token_endpoint.clone(),
        client_id: client_id.clone(),
        client_secret: secret.map(secret_file).transpose()?,
        auth_method: grant.idp_auth_method,
    }))
}

/// Where the assertions of this grant come from.
pub(crate) fn assertions(of: &Grant) -> Option<FileAssertion> {
    let kind = match (of.assertion_kind, grant(of)) {
        (Some(kind), _) => kind.into(),
        (None, GrantType::EnterpriseManaged) => AssertionKind::IdToken,
        (None, _) => AssertionKind::Jwt,
    };
    let file = of.assertion_file.as_ref()?;
    Some(FileAssertion::new(file, kind))
}

fn client(client: &Client) -> Result<(Option<Preregistered>, Option<ProvidedClient>), Fault> {
    let Some(client_id) = &client.client_id else {
        return Ok((None, None));
    };
    let secret = match &client.client_secret_file {
        Some(file) => Some(secret_file(file)?),
        None => None,
    };
    let auth_method = match (client.auth_method, &client.client_key) {
        (Some(AuthMethod::PrivateKeyJwt), None) => {
            return Err(Fault::usage("private_key_jwt needs --client-key"));
        }
        (None, Some(_)) if secret.is_none() => Some(AuthMethod::PrivateKeyJwt),
        (method, _) => method,
    };
    match &client.issuer {
        Some(issuer) => {
            let endpoints = client
                .authorization_endpoint
                .as_ref()
                .zip(client.token_endpoint.as_ref());
            let client = Preregistered {
                issuer: issuer.clone(),
                client_id: client_id.clone(),
                client_secret: secret,
                auth_method,
                endpoints: endpoints.map(|(authorization, token)| GivenEndpoints {
                    authorization: authorization.clone(),
                    token: token.clone(),
                    resource: None,
                }),
            };
            Ok((Some(client), None))
        }
        None if secret.is_some() => Err(Fault::usage(
            "a client secret must be bound to the authorization server that it is for, or else any server could ask for it: \
             name that server with --issuer",
        )),
        None => {
            let client = ProvidedClient {
                client_id: client_id.as_str().into(),
                client_secret: None,
                auth_method,
            };
            Ok((None, Some(client)))
        }
    }
}

/// A secret from a file: on the command line every process could read it. One newline at the end belongs to the editor.
pub(crate) fn secret_file(file: &Path) -> Result<Secret, Fault> {
    let failed = |what: &dyn std::fmt::Display| Fault::usage(format!("{}: {what}", file.display()));
    let bytes = Zeroizing::new(std::fs::read(file).map_err(|error| failed(&error))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| failed(&"not text"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(failed(&"empty"));
    }
    Ok(Secret::new(text))
}
