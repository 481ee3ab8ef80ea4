//! Are tokens bound to a key, and is each use of them proven (RFC 9449)?

use std::sync::Arc;

use futures::future::join_all;
use mcp_oauth_core::{Code, DpopUse, Settings};
use mcp_oauth_host::Error;
use mcp_oauth_host::store::MemoryStore;
use mcp_oauth_testbed::{Behaviour, Endpoint, Nonce, Testbed};

use super::key::{ALGORITHMS, Key};
use crate::scene::{Host, Trouble, requests, settings, start};

fn behaviour() -> Behaviour {
    let mut behaviour = Behaviour::default();
    behaviour.dpop.offered = true;
    behaviour
}

fn bound(bed: &Testbed, key: &Key, dpop: DpopUse) -> Settings {
    Settings {
        dpop,
        dpop_keys: key.to_bind(),
        ..settings(bed)
    }
}

fn host(bed: &Testbed, key: &Key) -> Host {
    Host::with(bound(bed, key, DpopUse::Always), |builder| {
        builder.signer(key.signer.clone())
    })
}

/// Every request with a token had a proof, and no token was shown otherwise.
fn all_are_proven(bed: &Testbed) {
    assert_eq!(bed.breaches(), []);
    for request in requests(bed, Endpoint::Token) {
        assert!(request.proof);
    }
    for request in requests(bed, Endpoint::Mcp) {
        let scheme = request.authorization.as_deref();
        assert_eq!(request.proof, scheme.is_some());
        assert!(matches!(scheme, None | Some("DPoP")), "{scheme:?}");
    }
}

#[tokio::test]
async fn each_request_is_proven_with_each_kind_of_key_and_with_nonces_of_both_servers() {
    for algorithm in ALGORITHMS {
        for nonce in [Nonce::Never, Nonce::Required, Nonce::Rotating] {
            let key = Key::new(algorithm);
            let mut behaviour = behaviour();
            behaviour.dpop.required = true;
            behaviour.dpop.server_nonce = nonce;
            behaviour.dpop.resource_nonce = nonce;
            let bed = start(behaviour).await;
            let host = host(&bed, &key);
            let session = host.connect().await.unwrap();
            for _ in 0..3 {
                session.call("whoami").await.unwrap();
            }
            bed.expire_access_tokens();
            session.call("whoami").await.unwrap();
            let counts = bed.counts();
            assert_eq!((counts.authorizations, counts.refreshes), (1, 1));
            assert!(counts.nonce_challenges <= 2, "{nonce:?} {counts:?}");
            all_are_proven(&bed);
        }
    }
}

#[tokio::test]
async fn requests_side_by_side_have_a_proof_each() {
    for nonce in [Nonce::Never, Nonce::Required, Nonce::Rotating] {
        let key = Key::es256();
        let mut behaviour = behaviour();
        behaviour.dpop.resource_nonce = nonce;
        let bed = start(behaviour).await;
        let host = host(&bed, &key);
        let session = host.connect().await.unwrap();
        let calls = join_all((0..16).map(|_| session.call("whoami"))).await;
        // A nonce that each answer replaces lets nobody else through: that a server does so is its own fault.
        if nonce != Nonce::Rotating {
            assert!(calls.iter().all(Result::is_ok), "{calls:?}");
        }
        assert_eq!(bed.counts().authorizations, 1, "{nonce:?}");
        all_are_proven(&bed);
    }
}

#[tokio::test]
async fn what_is_supported_decides_unless_it_is_demanded() {
    for (offered, dpop, scheme) in [
        (true, DpopUse::WhenSupported, "DPoP"),
        (false, DpopUse::WhenSupported, "Bearer"),
        (true, DpopUse::Never, "Bearer"),
    ] {
        let key = Key::es256();
        let mut behaviour = behaviour();
        behaviour.dpop.offered = offered;
        let bed = start(behaviour).await;
        let host = Host::with(bound(&bed, &key, dpop), |builder| {
            builder.signer(key.signer.clone())
        });
        host.call("whoami").await.unwrap();
        let last = requests(&bed, Endpoint::Mcp).pop().unwrap();
        assert_eq!(last.authorization.as_deref(), Some(scheme));
        assert_eq!(bed.breaches(), []);
    }
}

#[tokio::test]
async fn a_token_that_is_not_bound_is_refused_where_it_must_be() {
    let key = Key::es256();
    let mut behaviour = behaviour();
    behaviour.dpop.downgraded = true;
    let bed = start(behaviour).await;
    let error = host(&bed, &key).call("whoami").await.unwrap_err();
    assert_eq!(error.code(), Some(Code::DpopDowngrade), "{error:?}");
}

#[tokio::test]
async fn a_bound_token_outlives_its_process_and_is_of_no_use_without_the_key() {
    let key = Key::es256();
    let bed = start(behaviour()).await;
    let store = Arc::new(MemoryStore::new());
    for _ in 0..2 {
        let store = Arc::clone(&store);
        let host = Host::with(bound(&bed, &key, DpopUse::Always), |builder| {
            builder.signer(key.signer.clone()).store(store)
        });
        host.call("whoami").await.unwrap();
    }
    assert_eq!(bed.counts().authorizations, 1);
    let another = Key::es256();
    let host = Host::with(bound(&bed, &key, DpopUse::Always), |builder| {
        builder.signer(another.signer.clone()).store(store)
    });
    let error = host.call("whoami").await.unwrap_err();
    assert!(
        matches!(error, Trouble::Authorization(Error::Unsigned)),
        "{error:?}"
    );
    all_are_proven(&bed);
}

#[tokio::test]
async fn a_server_whose_nonces_cannot_be_sent_back_is_given_up() {
    for at_resource in [true, false] {
        let key = Key::es256();
        let mut behaviour = behaviour();
        match at_resource {
            true => behaviour.dpop.resource_nonce = Nonce::Malformed,
            false => behaviour.dpop.server_nonce = Nonce::Malformed,
        }
        let bed = start(behaviour).await;
        let error = host(&bed, &key).call("whoami").await.unwrap_err();
        assert_eq!(error.code(), Some(Code::ProofRejected));
        assert_eq!(bed.counts().nonce_challenges, 1, "{at_resource}");
        assert_eq!(bed.breaches(), []);
    }
}
