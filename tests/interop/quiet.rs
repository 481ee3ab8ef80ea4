//! What does a host do where there is nothing to do, or nothing that it can do?

use std::sync::Arc;
use std::time::Duration;

use mcp_oauth_core::{Code, OpenUrl, Secret, Settings};
use mcp_oauth_host::store::MemoryStore;
use mcp_oauth_host::{Error, NeedsUser, Store};
use mcp_oauth_testbed::{Behaviour, Consent, Endpoint, Guards, RedirectError, Testbed};

use crate::scene::{Host, Trouble, code, settings, start};

/// How many requests there were but those of the MCP client.
fn asked(bed: &Testbed) -> usize {
    let log = bed.log().into_iter();
    log.filter(|entry| entry.endpoint != Endpoint::Mcp).count()
}

/// A host without a person, whose redirect URI leads elsewhere.
fn headless(bed: &Testbed, store: &Arc<MemoryStore>, timeout_ms: u64) -> Host {
    let settings = Settings {
        redirect_uri: "https://app.example.com/callback".into(),
        sign_in_timeout_ms: timeout_ms,
        refresh_skew_ms: 0,
        ..settings(bed)
    };
    let store = Arc::clone(store);
    Host::with(settings, |builder| {
        builder.store(store).user_agent(Arc::new(NeedsUser))
    })
}

const TEN_MINUTES: u64 = 600_000;

/// The page that a host asks for, at once.
async fn page_of(called: impl Future<Output = Result<String, Trouble>>) -> Box<OpenUrl> {
    let outcome = tokio::time::timeout(Duration::from_secs(10), called).await;
    match outcome.expect("it hangs") {
        Err(Trouble::Authorization(Error::NeedsUser { page, .. })) => page,
        other => panic!("{other:?}"),
    }
}

async fn consent(page: &OpenUrl) -> Secret {
    crate::isolation::consent(page, "alice").await
}

#[tokio::test]
async fn a_server_that_wants_no_token_costs_no_request() {
    let mut behaviour = Behaviour::default();
    behaviour.challenge.guards = Guards::ToolCalls;
    let bed = start(behaviour).await;
    let store = Arc::new(MemoryStore::new());
    let host = headless(&bed, &store, TEN_MINUTES);
    for _ in 0..3 {
        host.connect().await.unwrap();
    }
    assert_eq!((asked(&bed), bed.counts().challenges), (0, 0));
    assert_eq!(store.grants().await.unwrap(), []);
    assert_eq!(host.decided("nothing_stored"), 1);
}

#[tokio::test]
async fn metadata_that_is_nowhere_is_not_looked_for_again_at_once() {
    let mut behaviour = Behaviour::default();
    behaviour.challenge.resource_metadata = None;
    behaviour.resource_metadata.served_at.clear();
    behaviour.server_metadata.served_at.clear();
    let bed = start(behaviour).await;
    let host = Host::new(&bed);
    let call = async || host.call("whoami").await.unwrap_err().code();
    assert_eq!(call().await, Some(Code::NoMetadata));
    let first = asked(&bed);
    assert!(first > 0);
    for _ in 0..3 {
        assert_eq!(call().await, Some(Code::NoMetadata));
    }
    assert_eq!(asked(&bed), first);
    assert!(host.decided("still_refused") >= 3);
    // Somebody wants it all the same, or the server says something else.
    host.authorizer.sign_in().await.unwrap_err();
    let second = asked(&bed);
    assert!(second > first);
    bed.set(|behaviour| behaviour.challenge.scope = Some("notes:write".into()));
    assert_eq!(call().await, Some(Code::NoMetadata));
    assert!(asked(&bed) > second);
}

#[tokio::test]
async fn a_page_that_a_person_must_see_is_told_each_time_without_a_request() {
    let mut behaviour = Behaviour::default();
    behaviour.authorization.consent = Consent::Page;
    let bed = start(behaviour).await;
    let store = Arc::new(MemoryStore::new());
    let host = headless(&bed, &store, TEN_MINUTES);
    let page = page_of(host.call("whoami")).await;
    let first = bed.log().len();
    for _ in 0..3 {
        assert_eq!(page_of(host.call("whoami")).await.url, page.url);
    }
    assert_eq!(bed.log().len(), first);
    bed.set(|behaviour| behaviour.authorization.consent = Consent::Auto);
    host.authorizer.finish(&consent(&page).await).await.unwrap();
    host.call("whoami").await.unwrap();
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn whoever_waits_for_a_person_finds_what_another_process_has_finished() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let [here, there] = [(); 2].map(|()| headless(&bed, &store, TEN_MINUTES));
    let page = page_of(here.call("whoami")).await;
    there
        .authorizer
        .finish(&consent(&page).await)
        .await
        .unwrap();
    here.call("whoami").await.unwrap();
    assert_eq!(bed.counts().code_exchanges, 1);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_page_where_the_person_said_no_is_followed_by_another() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let [here, there] = [(); 2].map(|()| headless(&bed, &store, TEN_MINUTES));
    let page = page_of(here.call("whoami")).await;
    bed.set(|behaviour| {
        behaviour.authorization.error = Some(RedirectError {
            error: "access_denied".into(),
            error_description: None,
        });
    });
    let denied = there.authorizer.finish(&consent(&page).await).await;
    assert_eq!(code(&denied.unwrap_err()), Code::AccessDenied);
    bed.set(|behaviour| behaviour.authorization.error = None);
    let next = page_of(here.call("whoami")).await;
    assert_ne!(next.url, page.url);
    there
        .authorizer
        .finish(&consent(&next).await)
        .await
        .unwrap();
    here.call("whoami").await.unwrap();
}

#[tokio::test]
async fn a_page_that_nobody_came_to_is_followed_by_another() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let host = headless(&bed, &store, 300);
    let page = page_of(host.call("whoami")).await;
    tokio::time::sleep(Duration::from_millis(350)).await;
    let next = page_of(host.call("whoami")).await;
    assert_ne!(next.url, page.url);
    host.authorizer.finish(&consent(&next).await).await.unwrap();
    host.call("whoami").await.unwrap();
}

#[tokio::test]
async fn a_step_up_that_nobody_answers_does_not_keep_tokens_from_being_refreshed() {
    let mut behaviour = Behaviour::default();
    behaviour.token.lifetime = 2;
    let bed = start(behaviour).await;
    let store = Arc::new(MemoryStore::new());
    let host = headless(&bed, &store, TEN_MINUTES);
    let page = page_of(host.call("whoami")).await;
    host.authorizer.finish(&consent(&page).await).await.unwrap();
    let page = page_of(host.call("write_note")).await;
    tokio::time::sleep(Duration::from_millis(2_050)).await;
    bed.set(|behaviour| behaviour.token.lifetime = 3600);
    host.call("whoami").await.unwrap();
    assert_eq!(bed.counts().refreshes, 1);
    // And the person may still come.
    host.authorizer.finish(&consent(&page).await).await.unwrap();
    host.call("write_note").await.unwrap();
    assert_eq!(bed.breaches(), []);
}
