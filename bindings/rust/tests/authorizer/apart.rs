//! What if a sign-in begins in one place and ends in another, or happens elsewhere altogether?

use std::sync::Arc;
use std::time::Duration;

use mcp_oauth_core::{Code, OpenUrl, ProvidedClient, ProvidedTokens, Secret};
use mcp_oauth_host::agent::SharedListener;
use mcp_oauth_host::store::MemoryStore;
use mcp_oauth_host::{Authorizer, Builder, Error, Headless, NeedsUser, Store};
use mcp_oauth_testbed::{Consent, Testbed};

use crate::people::{Visitor, follow};
use crate::{bed, builder, generation};

/// Another process with the same store.
fn replica(bed: &Testbed, store: &Arc<MemoryStore>) -> Authorizer {
    alone(bed, store).build().unwrap()
}

fn alone(bed: &Testbed, store: &Arc<MemoryStore>) -> Builder {
    builder(bed)
        .store(store.clone())
        .user_agent(Arc::new(NeedsUser))
}

async fn begun(authorizer: &Authorizer) -> Box<OpenUrl> {
    authorizer.begin().await.unwrap().expect("a page")
}

// RSP-02
#[tokio::test]
async fn a_sign_in_begun_by_one_replica_is_finished_by_another() {
    let (bed, store) = (bed().await, Arc::new(MemoryStore::new()));
    let [one, other] = [replica(&bed, &store), replica(&bed, &store)];
    let page = begun(&one).await;
    let callback = follow(page.url.expose()).await;
    other.finish(&callback).await.unwrap();
    assert!(generation(&other, &bed).await.is_some());
    // Whoever began it finds out by itself.
    assert_eq!(generation(&one, &bed).await, generation(&other, &bed).await);
    assert_eq!(one.begin().await.unwrap(), None);
    for replica in [&one, &other] {
        let again = replica.finish(&callback).await;
        assert!(matches!(again, Err(Error::UnknownSignIn)), "{again:?}");
    }
    assert_eq!(bed.counts().code_exchanges, 1);
    assert_eq!(bed.breaches(), []);
}

// RSP-02, TOK-15
#[tokio::test]
async fn of_replicas_that_get_the_same_callback_one_finishes() {
    let (bed, store) = (bed().await, Arc::new(MemoryStore::new()));
    let page = begun(&replica(&bed, &store)).await;
    let callback = follow(page.url.expose()).await;
    let mut finished = 0;
    let mut replicas = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (replica, callback) = (replica(&bed, &store), callback.clone());
        replicas.spawn(async move { replica.finish(&callback).await });
    }
    for outcome in replicas.join_all().await {
        match outcome {
            Ok(()) => finished += 1,
            Err(Error::UnknownSignIn) => {}
            Err(error) => assert_eq!(error.failure().unwrap().code(), Code::FlowTaken),
        }
    }
    assert_eq!((finished, bed.counts().code_exchanges), (1, 1));
}

#[tokio::test]
async fn a_callback_that_nobody_waits_for_touches_nothing() {
    let (bed, store) = (bed().await, Arc::new(MemoryStore::new()));
    let authorizer = replica(&bed, &store);
    let page = begun(&authorizer).await;
    let state = page.state.expose();
    for forged in [
        "https://app.example.com/callback".to_owned(),
        "http://127.0.0.1:1/callback?code=c&state=forged".to_owned(),
        // Another place than that of this sign-in.
        format!("https://evil.example.com/?code=c&state={state}"),
    ] {
        let outcome = authorizer.finish(&Secret::new(&*forged)).await;
        assert!(matches!(outcome, Err(Error::UnknownSignIn)), "{forged}");
    }
    let other = alone(&bed, &store).account("other").build().unwrap();
    let callback = follow(page.url.expose()).await;
    let crossed = other.finish(&callback).await;
    assert!(matches!(crossed, Err(Error::UnknownSignIn)), "{crossed:?}");
    authorizer.finish(&callback).await.unwrap();
}

#[tokio::test]
async fn a_page_that_nobody_sees_is_told_again_without_a_request() {
    let (bed, store) = (bed().await, Arc::new(MemoryStore::new()));
    bed.set(|behaviour| behaviour.authorization.consent = Consent::Page);
    let authorizer = alone(&bed, &store).build().unwrap();
    let mut pages = Vec::new();
    for _ in 0..3 {
        let asked = tokio::time::timeout(Duration::from_secs(10), authorizer.sign_in()).await;
        let Err(Error::NeedsUser { page, .. }) = asked.unwrap() else {
            panic!("a person is needed");
        };
        pages.push(page.url.expose().to_owned());
    }
    pages.dedup();
    assert_eq!(pages.len(), 1);
    assert_eq!(bed.counts().registrations, 1);
    let requests = bed.log().len();
    assert!(authorizer.sign_in().await.is_err());
    assert_eq!(bed.log().len(), requests);
}

#[tokio::test]
async fn tokens_that_the_program_brings_are_refreshed_like_others() {
    let (bed, store) = (bed().await, Arc::new(MemoryStore::new()));
    let first = builder(&bed)
        .store(Arc::new(MemoryStore::new()))
        .user_agent(Arc::new(Headless::new()))
        .build()
        .unwrap();
    first.sign_in().await.unwrap();
    let token = first.token("POST", &bed.mcp_url()).await.unwrap().unwrap();
    let brought = |token: &str| ProvidedTokens {
        issuer: bed.issuer().into(),
        token_endpoint: format!("{}/token", bed.issuer()).into(),
        client: ProvidedClient {
            client_id: "brought".into(),
            client_secret: None,
            auth_method: None,
        },
        access_token: Secret::new(token),
        refresh_token: None,
        expires_at: None,
        scope: "".into(),
        resource: None,
    };
    let authorizer = replica(&bed, &store);
    let header = token.header().expose().trim_start_matches("Bearer ");
    let refused = authorizer.provide(brought("two words")).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    authorizer.provide(brought(header)).await.unwrap();
    let kept = authorizer.token("POST", &bed.mcp_url()).await.unwrap();
    assert_eq!(kept.unwrap().header(), token.header());
    let other = replica(&bed, &store);
    assert!(generation(&other, &bed).await.is_some());
}

#[tokio::test]
async fn who_waits_for_a_person_goes_on_when_another_window_has_signed_in() {
    let (bed, store) = (bed().await, Arc::new(MemoryStore::new()));
    let visitor = Arc::new(Visitor::who_says_nothing());
    let here = alone(&bed, &store)
        .user_agent(visitor.clone())
        .build()
        .unwrap();
    let waiting = tokio::spawn({
        let here = here.clone();
        async move { here.sign_in().await }
    });
    visitor.shown().await;
    let there = builder(&bed).store(store.clone()).build().unwrap();
    there.sign_in().await.unwrap();
    here.store_changed().await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    waited.unwrap().unwrap().unwrap();
    assert_eq!(
        generation(&here, &bed).await,
        generation(&there, &bed).await
    );

    there.sign_out(false).await.unwrap();
    here.store_changed().await.unwrap();
    assert_eq!(generation(&here, &bed).await, None);
}

#[tokio::test]
async fn one_listener_serves_several_sign_ins() {
    let (bed, store) = (bed().await, Arc::new(MemoryStore::new()));
    let listener = SharedListener::listen("http://127.0.0.1:0/callback").unwrap();
    let visitors = [(); 3].map(|()| Arc::new(Visitor::who_says_nothing()));
    let mut waiting = Vec::new();
    for (number, visitor) in visitors.iter().enumerate() {
        let authorizer = builder(&bed)
            .store(store.clone())
            .account(&number.to_string())
            .user_agent(listener.agent(visitor.clone()))
            .build()
            .unwrap();
        let signing_in = authorizer.clone();
        waiting.push((
            authorizer,
            tokio::spawn(async move { signing_in.sign_in().await }),
        ));
        visitor.shown().await;
    }
    let stranger = format!("{}?code=c&state=nobodys", listener.uri());
    assert_eq!(crate::people::get(&stranger).await.status(), 404);
    for (visitor, (authorizer, waiting)) in visitors.iter().zip(waiting).rev() {
        let callback = follow(&visitor.page()).await;
        assert!(callback.expose().starts_with(listener.uri()));
        assert_eq!(crate::people::get(callback.expose()).await.status(), 200);
        waiting.await.unwrap().unwrap();
        assert!(generation(&authorizer, &bed).await.is_some());
        assert_eq!(crate::people::get(callback.expose()).await.status(), 404);
    }
    assert_eq!(bed.counts().code_exchanges, 3);
}

// REF-05, REF-06
#[tokio::test]
async fn of_many_who_notice_that_a_token_has_expired_one_refreshes() {
    let (bed, store) = (bed().await, Arc::new(MemoryStore::new()));
    bed.set(|behaviour| behaviour.token.lifetime = 1);
    let here = builder(&bed).store(store.clone()).build().unwrap();
    here.sign_in().await.unwrap();
    bed.set(|behaviour| behaviour.token.lifetime = 3600);
    let replicas = [(); 10].map(|()| replica(&bed, &store));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let url = bed.mcp_url();
    let mut asking = tokio::task::JoinSet::new();
    for replica in replicas {
        let url = url.clone();
        asking.spawn(async move { replica.token("POST", &url).await.unwrap().unwrap() });
    }
    let tokens = asking.join_all().await;
    assert!(
        tokens
            .iter()
            .all(|token| token.header() == tokens[0].header())
    );
    let counts = bed.counts();
    assert_eq!((counts.refreshes, counts.reuse_detections), (1, 0));
    let grants = store.grants().await.unwrap();
    assert_eq!(grants.len(), 1);
}
