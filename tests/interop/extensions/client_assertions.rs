//! Does a client that has a key prove itself with it wherever it must (RFC 7523 §2.2)?

use mcp_oauth_core::{AuthMethod, ClientDocument, Settings};
use mcp_oauth_testbed::{Behaviour, Endpoint, LoopbackPort, PreRegistered, Testbed};
use serde_json::json;

use super::key::{ALGORITHMS, Key};
use super::{knowing, known};
use crate::scene::{Host, requests, settings, start};

const DOCUMENT: &str = "https://client.example.com/client.json";
const REDIRECT: &str = "http://127.0.0.1/callback";

/// A sign-in, a refresh, and what each of the two said of the client.
async fn signs_in_and_refreshes(bed: &Testbed, key: &Key, settings: Settings) {
    let settings = Settings {
        client_key: Some(key.public.clone()),
        ..settings
    };
    let host = Host::with(settings, |builder| builder.signer(key.signer.clone()));
    let session = host.connect().await.unwrap();
    session.call("whoami").await.unwrap();
    bed.expire_access_tokens();
    session.call("whoami").await.unwrap();
    assert_eq!(
        (bed.counts().authorizations, bed.counts().refreshes),
        (1, 1)
    );
    assert_eq!(bed.breaches(), []);
    for endpoint in [Endpoint::Token, Endpoint::Refresh] {
        let request = &requests(bed, endpoint)[0];
        let body = &request.body;
        assert!(body.contains(&"client_assertion".to_owned()), "{body:?}");
        assert!(!body.contains(&"client_secret".to_owned()));
        assert_eq!(request.authorization, None);
    }
}

#[tokio::test]
async fn a_client_that_is_known_beforehand_signs_with_each_kind_of_key() {
    for algorithm in ALGORITHMS {
        let key = Key::new(algorithm);
        let mut behaviour = knowing(PreRegistered {
            token_endpoint_auth_method: Some("private_key_jwt".into()),
            jwks: Some(key.jwks()),
            redirect_uris: vec![REDIRECT.into()],
            ..PreRegistered::default()
        });
        behaviour.authorization.loopback_port = LoopbackPort::Any;
        let bed = start(behaviour).await;
        let settings = Settings {
            preregistered: Some(known(&bed, None, Some(AuthMethod::PrivateKeyJwt))),
            ..settings(&bed)
        };
        signs_in_and_refreshes(&bed, &key, settings).await;
    }
}

#[tokio::test]
async fn a_client_that_registers_hands_over_its_key() {
    let key = Key::es256();
    let mut behaviour = Behaviour::default();
    behaviour.token.auth_methods = vec!["private_key_jwt".into()];
    let bed = start(behaviour).await;
    signs_in_and_refreshes(&bed, &key, settings(&bed)).await;
    let registration = &requests(&bed, Endpoint::Registration)[0];
    assert!(registration.body.contains(&"jwks".to_owned()));
}

#[tokio::test]
async fn a_client_with_a_document_names_its_key_in_it() {
    for inline in [true, false] {
        let key = Key::es256();
        let mut behaviour = Behaviour::default();
        behaviour.registration.offered = false;
        behaviour.authorization.loopback_port = LoopbackPort::Any;
        let mut document = json!({
            "client_id": DOCUMENT,
            "client_name": "Interop tests",
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "private_key_jwt",
        });
        if inline {
            document["jwks"] = key.jwks();
        } else {
            let uri = "https://client.example.com/keys.json";
            document["jwks_uri"] = uri.into();
            let sets = &mut behaviour.registration.key_sets;
            sets.insert(uri.into(), key.jwks());
        }
        let documents = &mut behaviour.registration.client_documents;
        documents.insert(DOCUMENT.into(), document);
        let bed = start(behaviour).await;
        let settings = Settings {
            client_document: Some(ClientDocument {
                url: DOCUMENT.into(),
                redirect_uris: vec![REDIRECT.into()],
                auth_method: Some(AuthMethod::PrivateKeyJwt),
            }),
            ..settings(&bed)
        };
        signs_in_and_refreshes(&bed, &key, settings).await;
    }
}

#[tokio::test]
async fn a_server_that_wants_the_newer_type_gets_it() {
    let key = Key::es256();
    let typ = "client-authentication+jwt";
    let mut behaviour = Behaviour::default();
    behaviour.token.auth_methods = vec!["private_key_jwt".into()];
    behaviour.token.assertion_typ = Some(typ.into());
    let bed = start(behaviour).await;
    let settings = Settings {
        assertion_typ: typ.into(),
        ..settings(&bed)
    };
    signs_in_and_refreshes(&bed, &key, settings).await;
}
