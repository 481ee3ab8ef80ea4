//! Does one authorizer get and keep tokens, whoever asks and whenever they lose interest?

mod apart;
mod disk;
mod people;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_oauth_core::{Advice, Code, Config, Secret, Settings, describe_grant};
use mcp_oauth_host::store::{FileStore, MemoryStore};
use mcp_oauth_host::{
    Authorizer, Builder, Challenged, Error, Headless, NeedsUser, Recovery, Store,
};
use mcp_oauth_testbed::{
    Behaviour, Consent, Endpoint, Fault, LoopbackPort, PreRegistered, Testbed,
};

use disk::Full;
use people::{Forger, Visitor};

fn config(bed: &Testbed) -> Config {
    let settings = Settings {
        server_url: bed.mcp_url(),
        ..Settings::default()
    };
    Config::new(settings).unwrap()
}

fn builder(bed: &Testbed) -> Builder {
    Authorizer::builder(config(bed))
        .store(Arc::new(MemoryStore::new()))
        .user_agent(Arc::new(Headless::new()))
}

async fn bed() -> Testbed {
    Testbed::start(Behaviour::default()).await.unwrap()
}

async fn generation(authorizer: &Authorizer, bed: &Testbed) -> Option<u64> {
    let token = authorizer.token("POST", &bed.mcp_url()).await.unwrap();
    token.map(|token| token.generation())
}

fn refused(generation: Option<u64>) -> Challenged {
    Challenged {
        status: 401,
        www_authenticate: vec![b"Bearer error=\"invalid_token\"".to_vec()],
        generation,
    }
}

fn code(error: &Error) -> Code {
    error.failure().unwrap().code()
}

#[tokio::test]
async fn a_sign_in_without_a_person_leaves_a_token_for_this_server_alone() {
    let bed = bed().await;
    let authorizer = builder(&bed).build().unwrap();
    assert_eq!(generation(&authorizer, &bed).await, None);
    authorizer.sign_in().await.unwrap();
    let token = authorizer.token("POST", &bed.mcp_url()).await.unwrap();
    let token = token.unwrap();
    assert!(token.header().expose().starts_with("Bearer "));
    assert!(!format!("{token:?}").contains("Bearer"));
    let elsewhere = authorizer.token("POST", "http://127.0.0.1:9/mcp").await;
    assert_eq!(elsewhere.unwrap(), None);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn another_authorizer_on_the_same_store_goes_on_where_the_first_left_off() {
    let bed = bed().await;
    let store = Arc::new(MemoryStore::new());
    let one = builder(&bed).store(store.clone()).build().unwrap();
    one.sign_in().await.unwrap();
    let other = builder(&bed)
        .store(store.clone())
        .user_agent(Arc::new(NeedsUser))
        .build()
        .unwrap();
    assert_eq!(generation(&other, &bed).await, generation(&one, &bed).await);
    other.sign_in().await.unwrap();
    let third = builder(&bed)
        .store(store)
        .account("another")
        .build()
        .unwrap();
    assert_eq!(generation(&third, &bed).await, None);
    assert_eq!(bed.counts().code_exchanges, 1);
}

#[tokio::test]
async fn those_who_are_challenged_together_sign_in_once() {
    let bed = bed().await;
    let authorizer = builder(&bed).build().unwrap();
    let recoveries = (0..8).map(|_| {
        let authorizer = authorizer.clone();
        tokio::spawn(async move { authorizer.recover(refused(None)).await })
    });
    for recovery in recoveries.collect::<Vec<_>>() {
        assert_eq!(recovery.await.unwrap().unwrap(), Recovery::Retry);
    }
    assert_eq!(bed.counts().code_exchanges, 1);

    bed.expire_access_tokens();
    let held = generation(&authorizer, &bed).await;
    let recoveries = (0..8).map(|_| {
        let authorizer = authorizer.clone();
        tokio::spawn(async move { authorizer.recover(refused(held)).await })
    });
    for recovery in recoveries.collect::<Vec<_>>() {
        assert_eq!(recovery.await.unwrap().unwrap(), Recovery::Retry);
    }
    assert_ne!(generation(&authorizer, &bed).await, held);
    let counts = bed.counts();
    assert_eq!((counts.refreshes, counts.reuse_detections), (1, 0));
}

#[tokio::test]
async fn those_who_wait_for_a_sign_in_that_fails_do_not_ask_again() {
    let bed = bed().await;
    let visitor = Arc::new(Visitor::who_says_nothing());
    let authorizer = builder(&bed).user_agent(visitor.clone()).build().unwrap();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let authorizer = authorizer.clone();
            tokio::spawn(async move { authorizer.sign_in().await })
        })
        .collect();
    visitor.shown().await;
    authorizer.cancel();
    for one in waiting {
        assert_eq!(code(&one.await.unwrap().unwrap_err()), Code::Cancelled);
    }
    assert_eq!(visitor.pages.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_that_authorization_cannot_mend_is_handed_back() {
    let bed = bed().await;
    let authorizer = builder(&bed).build().unwrap();
    authorizer.sign_in().await.unwrap();
    let forbidden = Challenged {
        status: 403,
        www_authenticate: Vec::new(),
        generation: generation(&authorizer, &bed).await,
    };
    let recovery = authorizer.recover(forbidden).await.unwrap();
    assert_eq!(recovery, Recovery::NotAuthorization);
    let recovery = authorizer.recover(refused(Some(0))).await.unwrap();
    assert_eq!(
        recovery,
        Recovery::Retry,
        "an older token: use the current one"
    );
}

#[tokio::test]
async fn cancelling_ends_the_waiting_and_a_new_sign_in_can_begin() {
    let bed = bed().await;
    let visitor = Arc::new(Visitor::who_says_nothing());
    let authorizer = builder(&bed).user_agent(visitor.clone()).build().unwrap();
    authorizer.cancel();
    for _ in 0..2 {
        let waiting = tokio::spawn({
            let authorizer = authorizer.clone();
            async move { authorizer.sign_in().await }
        });
        visitor.shown().await;
        authorizer.cancel();
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.advice(), Advice::AskUser);
        assert!(visitor.is_closed(), "nobody listens any more");
    }
    assert_eq!(visitor.pages.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_caller_who_loses_interest_takes_nothing_down() {
    let bed = bed().await;
    let visitor = Arc::new(Visitor::who_says_nothing());
    let authorizer = builder(&bed).user_agent(visitor.clone()).build().unwrap();
    let impatient = authorizer.sign_in();
    let dropped = tokio::time::timeout(Duration::from_millis(300), impatient).await;
    assert!(dropped.is_err());
    visitor.shown().await;

    // The flow is still there for whoever comes next.
    let waiting = tokio::spawn({
        let (authorizer, url) = (authorizer.clone(), bed.mcp_url());
        async move { authorizer.token("POST", &url).await }
    });
    visitor.come_back().await;
    assert!(waiting.await.unwrap().unwrap().is_some());
    assert_eq!(visitor.pages.load(Ordering::Relaxed), 1);
}

#[test]
fn a_flow_outlives_the_runtime_that_began_it() {
    let first = tokio::runtime::Runtime::new().unwrap();
    let other = tokio::runtime::Runtime::new().unwrap();
    let bed = other.block_on(bed());
    bed.set(|behaviour| {
        behaviour.fault(
            Endpoint::Token,
            Fault::Slow {
                milliseconds: 2_000,
            },
            Some(1),
        )
    });
    let authorizer = builder(&bed).build().unwrap();
    let dropped = first.block_on(async {
        tokio::time::timeout(Duration::from_millis(700), authorizer.sign_in()).await
    });
    assert!(dropped.is_err());
    first.shutdown_background();
    // The code went out and must not go out again: the flow ends, and another one begins well.
    let error = other.block_on(authorizer.token("POST", &bed.mcp_url()));
    assert_eq!(code(&error.unwrap_err()), Code::OutcomeUnknown);
    other.block_on(authorizer.sign_in()).unwrap();
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_sign_in_that_nobody_finishes_expires() {
    let bed = bed().await;
    let config = Config::new(Settings {
        server_url: bed.mcp_url(),
        sign_in_timeout_ms: 300,
        ..Settings::default()
    });
    let visitor = Arc::new(Visitor::who_says_nothing());
    let authorizer = Authorizer::builder(config.unwrap())
        .store(Arc::new(MemoryStore::new()))
        .user_agent(visitor.clone())
        .build()
        .unwrap();
    let error = authorizer.sign_in().await.unwrap_err();
    assert_eq!(code(&error), Code::Expired);
    assert!(visitor.is_closed());
}

// RDR-09
#[tokio::test]
async fn forged_callbacks_do_not_disturb_the_sign_in() {
    let bed = bed().await;
    let visitor = Arc::new(Visitor::who_says_nothing());
    let authorizer = builder(&bed).user_agent(visitor.clone()).build().unwrap();
    let waiting = tokio::spawn({
        let authorizer = authorizer.clone();
        async move { authorizer.sign_in().await }
    });
    visitor.shown().await;
    for forged in ["code=x&state=y", "error=access_denied", "", "state=&state="] {
        visitor.say(forged).await;
    }
    visitor.come_back().await;
    waiting.await.unwrap().unwrap();
    assert_eq!(visitor.pages.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn where_a_person_is_needed_the_error_names_the_page_and_prints_no_secret() {
    let bed = bed().await;
    bed.set(|behaviour| behaviour.authorization.consent = Consent::Page);
    for agent in [true, false] {
        let builder = match agent {
            true => builder(&bed),
            false => builder(&bed).user_agent(Arc::new(NeedsUser)),
        };
        let error = builder.build().unwrap().sign_in().await.unwrap_err();
        let shown = format!("{error} {error:?}");
        let Error::NeedsUser { page, failure } = error else {
            panic!("{shown}");
        };
        let url = page.url;
        assert_eq!(failure.code(), Code::NeedsUser);
        let state = url.expose().split("state=").nth(1).unwrap();
        let state = state.split('&').next().unwrap();
        assert!(
            !shown.contains(state) && !shown.contains("authorize?"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn signing_out_ends_a_flow_and_forgets() {
    let bed = bed().await;
    let visitor = Arc::new(Visitor::who_says_nothing());
    let store = Arc::new(MemoryStore::new());
    let authorizer = builder(&bed)
        .store(store.clone())
        .user_agent(visitor.clone())
        .build()
        .unwrap();
    let waiting = tokio::spawn({
        let authorizer = authorizer.clone();
        async move { authorizer.sign_in().await }
    });
    visitor.shown().await;
    authorizer.sign_out(true).await.unwrap();
    assert!(waiting.await.unwrap().is_err());
    assert_eq!(generation(&authorizer, &bed).await, None);
    for record in store.grants().await.unwrap() {
        assert_eq!(describe_grant(record.body.expose()).unwrap().issuers, []);
    }
}

#[tokio::test]
async fn a_callback_handed_over_that_is_not_ours_ends_the_sign_in() {
    let bed = bed().await;
    let authorizer = builder(&bed).user_agent(Arc::new(Forger)).build().unwrap();
    let error = authorizer.sign_in().await.unwrap_err();
    assert_eq!(code(&error), Code::Declined);
}

#[tokio::test]
async fn two_hosts_on_one_store_that_refresh_at_once_both_go_on() {
    let bed = bed().await;
    let folder = tempfile::tempdir().unwrap();
    let host = || {
        let store = FileStore::open(folder.path()).unwrap();
        builder(&bed).store(Arc::new(store)).build().unwrap()
    };
    let (one, other) = (host(), host());
    one.sign_in().await.unwrap();
    let held = generation(&other, &bed).await;
    bed.expire_access_tokens();
    let (first, second) = tokio::join!(one.recover(refused(held)), other.recover(refused(held)));
    assert_eq!(
        (first.unwrap(), second.unwrap()),
        (Recovery::Retry, Recovery::Retry)
    );
    let counts = bed.counts();
    assert_eq!((counts.refreshes, counts.reuse_detections), (1, 0));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn where_no_flow_is_under_way_cancelling_changes_nothing() {
    let bed = bed().await;
    let store = Arc::new(MemoryStore::new());
    let seen = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..2 {
        let names = Arc::clone(&seen);
        let authorizer = builder(&bed)
            .store(store.clone())
            .observer(move |entry| names.lock().unwrap().push(entry.decision.name()))
            .build()
            .unwrap();
        authorizer.cancel();
        authorizer.sign_in().await.unwrap();
        authorizer.cancel();
        assert!(generation(&authorizer, &bed).await.is_some());
    }
    let seen = seen.lock().unwrap();
    assert!(
        !seen.contains(&"cancelled") && !seen.contains(&"failed"),
        "{seen:?}"
    );
}

#[tokio::test]
async fn every_decision_is_seen_by_the_observer() {
    let bed = bed().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let names = Arc::clone(&seen);
    let authorizer = builder(&bed)
        .observer(move |entry| names.lock().unwrap().push(entry.decision.name()))
        .build()
        .unwrap();
    authorizer.sign_in().await.unwrap();
    let seen = seen.lock().unwrap();
    for name in [
        "nothing_stored",
        "client_registered",
        "user_sent",
        "tokens_issued",
    ] {
        assert!(seen.contains(&name), "{name}: {seen:?}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_named() {
    let bed = bed().await;
    let authorizer = builder(&bed).store(Arc::new(Full)).build().unwrap();
    let error = authorizer.sign_in().await.unwrap_err();
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(matches!(error, Error::Store { .. }));
}

#[tokio::test]
async fn a_client_that_is_asked_for_comes_from_the_source() {
    let bed = bed().await;
    let registered = PreRegistered {
        client_id: "known-client".into(),
        client_secret: None,
        token_endpoint_auth_method: None,
        redirect_uris: vec!["http://127.0.0.1:1/callback".into()],
        ..PreRegistered::default()
    };
    bed.set(|behaviour| {
        behaviour.registration.offered = false;
        behaviour.authorization.loopback_port = LoopbackPort::Any;
        behaviour.registration.clients.push(registered);
    });
    let config = Config::new(Settings {
        server_url: bed.mcp_url(),
        ask_for_client: true,
        ..Settings::default()
    });
    let asked = Arc::new(Mutex::new(Vec::new()));
    let issuers = Arc::clone(&asked);
    let authorizer = Authorizer::builder(config.unwrap())
        .store(Arc::new(MemoryStore::new()))
        .user_agent(Arc::new(Headless::new()))
        .client_source(move |issuer, _| {
            issuers.lock().unwrap().push(issuer.as_str().to_owned());
            Some(mcp_oauth_core::ProvidedClient {
                client_id: "known-client".into(),
                client_secret: None::<Secret>,
                auth_method: None,
            })
        })
        .build()
        .unwrap();
    authorizer.sign_in().await.unwrap();
    assert_eq!(*asked.lock().unwrap(), [bed.issuer()]);
}
