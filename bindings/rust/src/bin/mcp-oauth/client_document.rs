//! How is a client ID metadata document written, and is a written one good? (draft-ietf-oauth-client-id-metadata-document)

use std::path::Path;

use mcp_oauth_core::wire::client_document;
use mcp_oauth_core::{AuthMethod, Config, HttpUrl, Limits, PublicKey, Reach, Settings};
use mcp_oauth_host::Network;
use mcp_oauth_host::signer::PrivateKey;
use serde_json::{Value, json};

use crate::arguments::{CheckDocument, ClientDocument, WriteDocument};
use crate::exit::Fault;
use crate::keys;
use crate::report::Report;

/// What the listener makes of the default redirect URI, on either loopback address; without a port it stands for any
/// (RFC 8252 §7.3).
const REDIRECTS: [&str; 2] = ["http://127.0.0.1/callback", "http://[::1]/callback"];

/// Servers need not read more (draft-ietf-oauth-client-id-metadata-document §6.6).
const LIMITS: Limits = Limits {
    max_body_bytes: 5 * 1024,
    timeout_ms: 20_000,
};

pub(crate) async fn run(command: ClientDocument, report: &Report) -> Result<(), Fault> {
    match command {
        ClientDocument::Write(write) => self::write(&write, report),
        ClientDocument::Check(check) => self::check(&check, report).await,
    }
}

fn write(arguments: &WriteDocument, report: &Report) -> Result<(), Fault> {
    let key = arguments
        .client_key
        .as_deref()
        .map(keys::read)
        .transpose()?;
    let redirect_uris = match arguments.redirect_uris.as_slice() {
        [] => REDIRECTS.map(str::to_owned).to_vec(),
        given => given.to_vec(),
    };
    let mut document = json!({
        "client_id": arguments.url,
        "client_name": arguments.name,
        "redirect_uris": redirect_uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": AuthMethod::None.as_str(),
    });
    if let Some(key) = &key {
        document["token_endpoint_auth_method"] = AuthMethod::PrivateKeyJwt.as_str().into();
        document["token_endpoint_auth_signing_alg"] = key.algorithm().as_str().into();
        match &arguments.jwks_uri {
            Some(uri) => document["jwks_uri"] = uri.as_str().into(),
            None => document["jwks"] = json!({ "keys": [public(key)?] }),
        }
    }
    let text = format!("{document:#}\n");
    for redirect_uri in &redirect_uris {
        judge(text.as_bytes(), &arguments.url, redirect_uri)?;
    }
    match &arguments.output {
        None => report.result(text.trim_end(), || document),
        Some(file) => {
            std::fs::write(file, text).map_err(|error| unreadable(file, &error))?;
            let said = format!(
                "Written to {}: publish it at {}",
                file.display(),
                arguments.url
            );
            report.result(&said, || json!({ "ok": true, "client_id": arguments.url }));
        }
    }
    Ok(())
}

async fn check(arguments: &CheckDocument, report: &Report) -> Result<(), Fault> {
    let key = arguments
        .client_key
        .as_deref()
        .map(keys::read)
        .transpose()?;
    let network = Network::new(reach(arguments));
    let document = match &arguments.file {
        Some(file) => std::fs::read(file).map_err(|error| unreadable(file, &error))?,
        None => fetch(&network, &arguments.url).await?,
    };
    let text = document;
    let document: Value = serde_json::from_slice(&text).unwrap_or_default();
    // Before anything else: that a private key is in it must be told as such.
    public_keys(&document["jwks"])?;
    judge(&text, &arguments.url, &arguments.redirect_uri)?;
    let published = match document["jwks_uri"].as_str() {
        Some(uri) => serde_json::from_slice(&fetch(&network, uri).await?).unwrap_or_default(),
        None => document["jwks"].clone(),
    };
    let published = public_keys(&published)?;
    let uses_key = document["token_endpoint_auth_method"] == AuthMethod::PrivateKeyJwt.as_str();
    if uses_key && published.is_empty() {
        return Err(bad("it says private_key_jwt and names no key"));
    }
    if let Some(key) = &key {
        if !uses_key {
            return Err(bad("token_endpoint_auth_method is not private_key_jwt"));
        }
        if !published
            .iter()
            .any(|known| **known.thumbprint() == *key.thumbprint())
        {
            return Err(bad(
                "the key of the client is not among those that it names",
            ));
        }
    }
    let said = format!("{} is what an authorization server wants", arguments.url);
    report.result(&said, || {
        json!({
            "ok": true,
            "client_id": arguments.url,
            "redirect_uris": document["redirect_uris"],
            "keys": published.iter().map(|key| &**key.thumbprint()).collect::<Vec<_>>(),
        })
    });
    Ok(())
}

/// A document on this machine is looked at where it is.
fn reach(arguments: &CheckDocument) -> Reach {
    let here = HttpUrl::parse(&arguments.url, Reach::Loopback).is_ok_and(|url| url.is_loopback());
    match (here, arguments.allow_private_network) {
        (true, _) => Reach::Loopback,
        (false, true) => Reach::Private,
        (false, false) => Reach::Public,
    }
}

/// Whether the document is good in itself, and for a client that listens on this redirect URI.
fn judge(document: &[u8], url: &str, redirect_uri: &str) -> Result<(), Fault> {
    let mut read =
        client_document::check(document, url).map_err(|fault| bad(&fault.to_string()))?;
    if !HttpUrl::parse(url, Reach::Loopback).is_ok_and(|url| url.is_https()) {
        return Err(bad("its URL is not an https URL"));
    }
    // Of the settings only what concerns the document: which key it names is looked at where there is one.
    read.auth_method = None;
    let settings = Settings {
        server_url: url.into(),
        redirect_uri: redirect_uri.into(),
        client_document: Some(read),
        ..Settings::default()
    };
    Config::new(settings)
        .map(drop)
        .map_err(|error| bad(&error.to_string()))
}

/// The keys of a JWK set, all of which everybody can read.
fn public_keys(set: &Value) -> Result<Vec<PublicKey>, Fault> {
    let keys = match &set["keys"] {
        Value::Array(keys) => keys.as_slice(),
        _ => &[],
    };
    let read = |key: &Value| PublicKey::from_jwk(&key.to_string());
    let keys: Result<_, _> = keys.iter().map(read).collect();
    keys.map_err(|fault| bad(&format!("a key in it: {fault}")))
}

fn public(key: &PrivateKey) -> Result<Value, Fault> {
    serde_json::from_str(&key.public_jwk()).map_err(|_| Fault::other("the key cannot be written"))
}

async fn fetch(network: &Network, url: &str) -> Result<Vec<u8>, Fault> {
    let target =
        HttpUrl::parse(url, network.reach()).map_err(|fault| bad(&format!("{url}: {fault}")))?;
    let reply = network
        .get(&target, LIMITS)
        .await
        .map_err(|cause| bad(&format!("{url} could not be read: {}", cause.as_str())))?;
    if reply.status != 200 {
        return Err(bad(&format!("{url} answers {}, not 200", reply.status)));
    }
    let is_json = reply.headers.iter().any(|(name, value)| {
        let value = String::from_utf8_lossy(value).to_ascii_lowercase();
        let media = value.split(';').next().unwrap_or_default().trim();
        &**name == "content-type" && (media == "application/json" || media.ends_with("+json"))
    });
    match is_json {
        true => Ok(reply.body.to_vec()),
        false => Err(bad(&format!("{url} is not served as application/json"))),
    }
}

fn bad(what: &str) -> Fault {
    Fault::misconfigured(format!("the client ID metadata document: {what}"))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Fault {
    Fault::usage(format!("{}: {error}", file.display()))
}
