//! Does a sign-out reach the authorization server, and does it end well if not (RFC 7009)?

use mcp_oauth_core::Settings;
use mcp_oauth_testbed::{Behaviour, Endpoint, Fault};

use super::key::Key;
use crate::scene::{Host, requests, settings, start};

async fn signed_in(settings: Settings) -> Host {
    let host = Host::with(settings, |builder| builder);
    host.call("whoami").await.unwrap();
    host
}

#[tokio::test]
async fn both_tokens_are_revoked_the_refresh_token_first() {
    let bed = start(Behaviour::default()).await;
    let host = signed_in(settings(&bed)).await;
    host.authorizer.sign_out(false).await.unwrap();
    let hints = requests(&bed, Endpoint::Revocation).into_iter();
    let hints: Vec<_> = hints
        .map(|request| request.values["token_type_hint"].clone())
        .collect();
    assert_eq!(hints, ["refresh_token", "access_token"]);
    assert!(host.token().await.unwrap().is_none());
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_client_that_has_a_key_proves_itself_to_revoke() {
    let key = Key::es256();
    let mut behaviour = Behaviour::default();
    behaviour.token.auth_methods = vec!["private_key_jwt".into()];
    let bed = start(behaviour).await;
    let settings = Settings {
        client_key: Some(key.public.clone()),
        ..settings(&bed)
    };
    let host = Host::with(settings, |builder| builder.signer(key.signer.clone()));
    host.call("whoami").await.unwrap();
    host.authorizer.sign_out(true).await.unwrap();
    assert_eq!(bed.counts().revocations, 2);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn whoever_does_not_want_it_told_is_not() {
    let bed = start(Behaviour::default()).await;
    let settings = Settings {
        revoke_on_sign_out: false,
        ..settings(&bed)
    };
    let host = signed_in(settings).await;
    host.authorizer.sign_out(false).await.unwrap();
    assert!(requests(&bed, Endpoint::Revocation).is_empty());
    assert!(host.token().await.unwrap().is_none());
}

#[tokio::test]
async fn a_server_that_fails_keeps_nobody_signed_in() {
    for fault in [Fault::answer(503, "text/plain", "later"), Fault::DropBefore] {
        let mut behaviour = Behaviour::default();
        behaviour.fault(Endpoint::Revocation, fault, None);
        let bed = start(behaviour).await;
        let host = signed_in(settings(&bed)).await;
        host.authorizer.sign_out(false).await.unwrap();
        assert!(host.token().await.unwrap().is_none());
    }
}
