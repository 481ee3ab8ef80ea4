//! Does who the user is at their enterprise get them tokens (SEP-990)?

use std::sync::{Arc, Mutex};

use mcp_oauth_core::{
    AssertionKind, AssertionPurpose, Code, GrantType, IdentityProvider, Preregistered, Secret,
    Settings,
};
use mcp_oauth_host::store::MemoryStore;
use mcp_oauth_host::{NeedsUser, Store as _};
use mcp_oauth_testbed::{Behaviour, Endpoint, Flaw, PreRegistered, Testbed};

use super::assertion::Source;
use crate::scene::{Host, requests, settings, start};

fn behaviour() -> Behaviour {
    let mut behaviour = Behaviour::default();
    behaviour.registration.offered = false;
    behaviour.enterprise.offered = true;
    behaviour.registration.clients = vec![PreRegistered {
        client_id: "client-at-server".into(),
        client_secret: Some("secret-at-server".into()),
        ..PreRegistered::default()
    }];
    behaviour
}

fn managed(bed: &Testbed) -> Settings {
    Settings {
        grant: GrantType::EnterpriseManaged,
        preregistered: Some(Preregistered {
            issuer: bed.issuer(),
            client_id: "client-at-server".into(),
            client_secret: Some(Secret::new("secret-at-server")),
            auth_method: None,
            endpoints: None,
        }),
        identity_provider: Some(IdentityProvider {
            issuer: bed.identity_provider(),
            token_endpoint: format!("{}/token", bed.identity_provider()),
            client_id: "client-at-provider".into(),
            client_secret: Some(Secret::new("secret-at-provider")),
            auth_method: None,
        }),
        ..settings(bed)
    }
}

fn host(settings: Settings, source: &Arc<Source>) -> Host {
    let source = Arc::clone(source);
    Host::with(settings, |builder| {
        builder.user_agent(Arc::new(NeedsUser)).assertions(source)
    })
}

fn id_tokens(bed: &Arc<Testbed>) -> Arc<Source> {
    let provider = Arc::clone(bed);
    Arc::new(Source::new(AssertionKind::IdToken, move |_| {
        provider.id_token(None)
    }))
}

#[tokio::test]
async fn an_identity_leads_to_a_tool() {
    let bed = Arc::new(start(behaviour()).await);
    let session = Arc::clone(&bed);
    let by_session = Arc::new(Source::new(AssertionKind::RefreshToken, move |_| {
        session.identity_refresh_token()
    }));
    for source in [id_tokens(&bed), by_session] {
        host(managed(&bed), &source).call("whoami").await.unwrap();
        let asked = source.asked.lock().unwrap();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].purpose, AssertionPurpose::Identity);
        assert_eq!(asked[0].issuer.as_str(), bed.identity_provider());
        assert_eq!(&*asked[0].audience, "client-at-provider");
    }
    let counts = bed.counts();
    assert_eq!((counts.token_exchanges, counts.enterprise_grants), (2, 2));
    assert_eq!(counts.authorizations, 0);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn an_identity_that_has_expired_or_is_refused_is_renewed_by_the_host() {
    for flaw in [Flaw::Expired, Flaw::Forged] {
        let bed = Arc::new(start(behaviour()).await);
        let provider = Arc::clone(&bed);
        let source = Arc::new(Source::new(AssertionKind::IdToken, move |request| {
            provider.id_token((!request.renew).then_some(flaw))
        }));
        host(managed(&bed), &source).call("whoami").await.unwrap();
        assert_eq!(source.renewals(), [false, true]);
        assert_eq!(bed.counts().enterprise_grants, 1);
    }
}

#[tokio::test]
async fn who_the_user_is_is_told_to_nobody_but_their_provider() {
    let bed = Arc::new(start(behaviour()).await);
    let source = id_tokens(&bed);
    let store = Arc::new(MemoryStore::new());
    let told = Arc::new(Mutex::new(String::new()));
    let (given, kept, heard) = (Arc::clone(&source), Arc::clone(&store), Arc::clone(&told));
    let host = Host::with(managed(&bed), |builder| {
        let builder = builder.store(kept).assertions(given);
        builder.observer(move |entry| {
            *heard.lock().unwrap() += &format!("{entry:?} {}\n", entry.decision);
        })
    });
    host.call("whoami").await.unwrap();
    bed.set(|behaviour| behaviour.enterprise.refused = Some("invalid_request".into()));
    host.authorizer.sign_out(false).await.unwrap();
    let error = host.call("whoami").await.unwrap_err();
    let mut everything = format!("{error:?} {:?}", source.asked.lock().unwrap());
    everything += &told.lock().unwrap();
    for record in store.grants().await.unwrap() {
        everything += &String::from_utf8_lossy(record.body.expose());
    }
    let given = source.given.lock().unwrap();
    assert!(given.len() >= 2);
    for token in &*given {
        for part in token.split('.').skip(1) {
            assert!(!everything.contains(part), "{everything}");
        }
    }
    // Nor is what the provider made of it.
    assert!(!everything.contains("eyJ"), "{everything}");
}

#[tokio::test]
async fn what_the_enterprise_forbids_is_told_as_such() {
    let mut behaviour = behaviour();
    behaviour.enterprise.refused = Some("access_denied".into());
    let bed = Arc::new(start(behaviour).await);
    let error = host(managed(&bed), &id_tokens(&bed)).call("whoami").await;
    assert_eq!(error.unwrap_err().code(), Some(Code::IdentityRejected));
    assert!(requests(&bed, Endpoint::Token).is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_list_the_profile_needs_a_deviation() {
    let mut behaviour = behaviour();
    behaviour.enterprise.listed = false;
    let bed = Arc::new(start(behaviour).await);
    let source = id_tokens(&bed);
    let error = host(managed(&bed), &source).call("whoami").await;
    assert_eq!(error.unwrap_err().code(), Some(Code::GrantUnsupported));
    assert!(
        source.asked.lock().unwrap().is_empty(),
        "nobody is told who it is"
    );
    let mut settings = managed(&bed);
    settings.deviations.assume_id_jag = true;
    let host = host(settings, &source);
    host.call("whoami").await.unwrap();
    assert_eq!(host.deviations(), ["assume_id_jag"]);
    assert_eq!(bed.breaches(), []);
}
