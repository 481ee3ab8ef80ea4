//! Is a client authorized for itself, without a person (RFC 6749 §4.4, SEP-1046)?

use std::sync::Arc;
use std::time::Duration;

use mcp_oauth_core::{AuthMethod, Code, GrantType, Settings};
use mcp_oauth_host::NeedsUser;
use mcp_oauth_testbed::{Behaviour, Endpoint, PreRegistered, Testbed};

use super::key::{ALGORITHMS, Key};
use super::{knowing, known};
use crate::scene::{Host, requests, settings, start};

fn behaviour(client: PreRegistered) -> Behaviour {
    let mut behaviour = knowing(client);
    behaviour.client_credentials.offered = true;
    behaviour
}

fn with_secret(bed: &Testbed, method: Option<AuthMethod>) -> Settings {
    Settings {
        grant: GrantType::ClientCredentials,
        preregistered: Some(known(bed, Some("a/secret="), method)),
        refresh_skew_ms: 0,
        ..settings(bed)
    }
}

fn with_key(bed: &Testbed, key: &Key) -> Host {
    let settings = Settings {
        preregistered: Some(known(bed, None, Some(AuthMethod::PrivateKeyJwt))),
        client_key: Some(key.public.clone()),
        ..with_secret(bed, None)
    };
    Host::with(settings, |builder| {
        builder
            .user_agent(Arc::new(NeedsUser))
            .signer(key.signer.clone())
    })
}

fn keyed(key: &Key) -> PreRegistered {
    PreRegistered {
        token_endpoint_auth_method: Some("private_key_jwt".into()),
        jwks: Some(key.jwks()),
        ..PreRegistered::default()
    }
}

#[tokio::test]
async fn a_secret_is_enough_whichever_way_it_is_shown() {
    for (registered, configured) in [
        ("client_secret_basic", None),
        ("client_secret_basic", Some(AuthMethod::ClientSecretBasic)),
        ("client_secret_post", Some(AuthMethod::ClientSecretPost)),
    ] {
        let mut behaviour = behaviour(PreRegistered {
            client_secret: Some("a/secret=".into()),
            token_endpoint_auth_method: Some(registered.into()),
            ..PreRegistered::default()
        });
        if configured.is_none() {
            behaviour.token.auth_methods = vec![registered.into()];
        }
        let bed = start(behaviour).await;
        let host = Host::with(with_secret(&bed, configured), |builder| {
            builder.user_agent(Arc::new(NeedsUser))
        });
        host.call("whoami").await.unwrap();
        assert_eq!(bed.counts().client_credentials, 1, "{registered}");
        assert_eq!(bed.counts().authorizations, 0);
        assert_eq!(bed.breaches(), [], "{registered}");
        let request = &requests(&bed, Endpoint::Token)[0];
        assert_eq!(request.values["resource"], bed.mcp_url());
        assert_eq!(request.values["scope"], "notes:read");
    }
}

#[tokio::test]
async fn a_key_of_each_kind_is_enough() {
    for algorithm in ALGORITHMS {
        let key = Key::new(algorithm);
        let bed = start(behaviour(keyed(&key))).await;
        with_key(&bed, &key).call("whoami").await.unwrap();
        assert_eq!(bed.counts().client_credentials, 1, "{algorithm:?}");
        assert_eq!(bed.breaches(), [], "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_token_that_has_expired_is_replaced_and_not_refreshed() {
    let key = Key::es256();
    let mut behaviour = behaviour(keyed(&key));
    // RFC 6749 §4.4.3: there should be none, but there is.
    behaviour.client_credentials.refresh_token = true;
    behaviour.token.lifetime = 1;
    let bed = start(behaviour).await;
    let host = with_key(&bed, &key);
    let session = host.connect().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    bed.set(|behaviour| behaviour.token.lifetime = 3600);
    session.call("whoami").await.unwrap();
    session.call("whoami").await.unwrap();
    let counts = bed.counts();
    assert_eq!((counts.client_credentials, counts.refreshes), (2, 0));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn more_scopes_are_asked_for_in_the_same_way() {
    let key = Key::es256();
    let bed = start(behaviour(keyed(&key))).await;
    let host = with_key(&bed, &key);
    assert_eq!(host.call("write_note").await.unwrap(), "written");
    assert_eq!(bed.counts().client_credentials, 2);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_told_as_such() {
    let bed = start(behaviour(keyed(&Key::es256()))).await;
    let error = with_key(&bed, &Key::es256()).call("whoami").await;
    assert_eq!(error.unwrap_err().code(), Some(Code::ClientRejected));
    assert_eq!(bed.counts().client_credentials, 0);
}
