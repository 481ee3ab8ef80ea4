//! What do the scenarios of the extensions need beside a server?

use std::error::Error;

use mcp_oauth_core::{
    Algorithm, AssertionKind, AssertionRequest, DpopKey, DpopUse, GrantType, HttpUrl,
    IdentityProvider, Limits, ProvidedAssertion, PublicKey, Reach, Secret,
};
use mcp_oauth_host::agent::AgentFuture;
use mcp_oauth_host::signer::PrivateKey;
use mcp_oauth_host::{AssertionSource, Network};
use serde::Deserialize;

use crate::task::{Context, Task};

/// An assertion that the suite has handed over.
pub(crate) struct Given(pub(crate) ProvidedAssertion);

impl AssertionSource for Given {
    fn fetch<'a>(&'a self, _: &'a AssertionRequest) -> AgentFuture<'a, ProvidedAssertion> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

const LIMITS: Limits = Limits {
    max_body_bytes: 64 * 1024,
    timeout_ms: 5_000,
};

/// Puts into the task what the scenario is about.
pub(crate) fn prepare(
    scenario: &str,
    context: &Context,
    task: &mut Task,
) -> Result<(), Box<dyn Error>> {
    let settings = &mut task.settings;
    let given = |token: &Option<Secret>, kind| {
        let token = token.clone().ok_or("no assertion was handed over")?;
        Ok::<_, &str>(Given(ProvidedAssertion { token, kind }))
    };
    match scenario {
        "auth/client-credentials-jwt" | "auth/client-credentials-basic" => {
            settings.grant = GrantType::ClientCredentials;
            if let Some(pem) = &context.private_key_pem {
                let key = PrivateKey::read(pem.expose())?;
                settings.client_key = Some(PublicKey::from_jwk(&key.public_jwk())?);
                task.key = Some(key);
            }
        }
        "auth/wif-jwt-bearer" => {
            settings.grant = GrantType::WorkloadIdentity;
            task.assertion = Some(given(&context.valid_jwt, AssertionKind::Jwt)?);
        }
        "auth/enterprise-managed-authorization" => {
            settings.grant = GrantType::EnterpriseManaged;
            // The suite's server does not list the profile.
            settings.deviations.assume_id_jag = true;
            let text = |text: &Option<String>| {
                text.clone().ok_or("the identity provider is not described")
            };
            settings.identity_provider = Some(IdentityProvider {
                issuer: text(&context.idp_issuer)?,
                token_endpoint: text(&context.idp_token_endpoint)?,
                client_id: text(&context.idp_client_id)?,
                client_secret: None,
                auth_method: None,
            });
            task.assertion = Some(given(&context.idp_id_token, AssertionKind::IdToken)?);
        }
        "auth/dpop" | "auth/dpop-nonce" => {
            let key = PrivateKey::generate(Algorithm::Es256)?;
            settings.dpop = DpopUse::Always;
            settings.dpop_keys = vec![DpopKey {
                issuer: None,
                key: PublicKey::from_jwk(&key.public_jwk())?,
            }];
            task.key = Some(key);
        }
        _ => {}
    }
    Ok(())
}

/// The authorization server that the resource at this URL names.
pub(crate) async fn named_issuer(server_url: &str) -> Result<String, Box<dyn Error>> {
    #[derive(Deserialize)]
    struct Metadata {
        authorization_servers: Vec<String>,
    }
    let url = server_url.replacen("/mcp", "/.well-known/oauth-protected-resource/mcp", 1);
    let url = HttpUrl::parse(&url, Reach::Loopback)?;
    let reply = Network::new(Reach::Loopback).get(&url, LIMITS).await;
    let reply = reply.map_err(|_| "the resource's metadata cannot be read")?;
    let metadata: Metadata = serde_json::from_slice(&reply.body)?;
    let first = metadata.authorization_servers.into_iter().next();
    Ok(first.ok_or("the resource names no authorization server")?)
}
