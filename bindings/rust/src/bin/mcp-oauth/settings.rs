//! How do arguments become settings of the core?

use std::path::Path;
use std::str::FromStr;

use mcp_oauth_core::{
    ClientDocument, Deviations, GivenEndpoints, HttpUrl, Preregistered, ProvidedClient, Reach,
    Secret, Settings,
};
use zeroize::Zeroizing;

use crate::arguments::{Client, Server};
use crate::exit::Fault;

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
pub(crate) fn settings(server: &Server) -> Result<(Settings, Option<ProvidedClient>), Fault> {
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
    let document = server.client.client_document.as_ref();
    let settings = Settings {
        server_url: server.url.clone(),
        reach: reach(server),
        client_name: "mcp-oauth".into(),
        initial_access_token: match &server.client.initial_access_token_file {
            Some(file) => Some(secret_file(file)?),
            None => None,
        },
        preregistered,
        client_document: document.map(|url| ClientDocument {
            url: url.clone(),
            redirect_uris: match server.client.client_document_redirects.as_slice() {
                [] => vec![redirect_uri.clone()],
                listed => listed.to_vec(),
            },
        }),
        ask_for_client: on_request.is_some(),
        redirect_uri,
        scopes: (!server.scopes.is_empty()).then(|| server.scopes.clone()),
        authorize_parameters: server.extras.clone(),
        authorization_server: server.authorization_server.clone(),
        deviations,
        user_agent: concat!("mcp-oauth/", env!("CARGO_PKG_VERSION")).into(),
        ..defaults
    };
    Ok((settings, on_request))
}

/// What a loopback server reaches is wide enough already.
fn reach(server: &Server) -> Option<Reach> {
    let private = HttpUrl::parse(&server.url, Reach::Private).is_ok();
    (server.allow_private_network && private).then_some(Reach::Private)
}

fn client(client: &Client) -> Result<(Option<Preregistered>, Option<ProvidedClient>), Fault> {
    let Some(client_id) = &client.client_id else {
        return Ok((None, None));
    };
    let secret = match &client.client_secret_file {
        Some(file) => Some(secret_file(file)?),
        None => None,
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
                auth_method: client.auth_method,
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
                auth_method: client.auth_method,
            };
            Ok((None, Some(client)))
        }
    }
}

/// A secret from a file: on the command line every process could read it. One newline at the end belongs to the editor.
fn secret_file(file: &Path) -> Result<Secret, Fault> {
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
