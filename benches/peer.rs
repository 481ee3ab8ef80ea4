//! How does the authorization of the Rust MCP SDK go through the same flow?

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{Response, StatusCode};
use rmcp::transport::auth::{
    AuthorizationCallback, AuthorizationManager, OAuthHttpClient, OAuthHttpClientFuture,
    OAuthHttpRequest,
};

use crate::documents::*;

/// Answers from memory.
struct Canned;

impl OAuthHttpClient for Canned {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        let (status, body) = match request.request.uri().path() {
            "/.well-known/oauth-protected-resource/mcp" => (StatusCode::OK, RESOURCE_METADATA),
            "/.well-known/oauth-authorization-server" => (StatusCode::OK, SERVER_METADATA),
            "/oauth/register" => (StatusCode::CREATED, REGISTRATION),
            "/oauth/token" => (StatusCode::OK, TOKENS),
            other => panic!("not part of the flow: {other}"),
        };
        Box::pin(async move {
            let mut response = Response::new(body.as_bytes().to_vec());
            *response.status_mut() = status;
            Ok(response)
        })
    }
}

/// The client that all managers share.
pub(crate) fn client() -> Arc<dyn OAuthHttpClient> {
    Arc::new(Canned)
}

/// A manager whose user was sent away, and the URL.
pub(crate) fn waiting(client: &Arc<dyn OAuthHttpClient>) -> (AuthorizationManager, String) {
    ready(async {
        let mut manager =
            AuthorizationManager::new_with_oauth_http_client(SERVER, Arc::clone(client)).await?;
        assert!(!manager.initialize_from_store().await?);
        let found = manager
            .resolve_metadata_from_challenge(Some(CHALLENGE))
            .await?;
        manager.set_metadata(found.metadata);
        let scopes = manager.select_initial_scopes(&[]).await;
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        manager
            .register_client("MCP client", REDIRECT_URI, &scopes)
            .await?;
        let url = manager.get_authorization_url(&scopes).await?;
        Ok::<_, rmcp::transport::AuthError>((manager, url))
    })
    .expect("the flow goes through")
}

/// The whole flow.
pub(crate) fn flow(client: &Arc<dyn OAuthHttpClient>) -> AuthorizationManager {
    let (manager, url) = waiting(client);
    let state = url
        .split_once("state=")
        .and_then(|(_, rest)| rest.split('&').next())
        .expect("the URL has a state");
    let callback = format!("{REDIRECT_URI}?{CALLBACK}{state}");
    ready(async {
        let callback = AuthorizationCallback::from_redirect_url(&callback)?;
        manager
            .exchange_code_for_token_with_issuer(
                &callback.code,
                &callback.csrf_token,
                callback.issuer.as_deref(),
            )
            .await?;
        manager.refresh_token().await
    })
    .expect("the flow goes through");
    manager
}

/// The access token for one request.
pub(crate) fn token(manager: &AuthorizationManager) -> String {
    ready(manager.get_access_token()).expect("a token is held")
}

/// Nothing waits here, so that no runtime is needed.
fn ready<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the flow waits for something"),
    }
}
