//! What becomes of credentials as time passes, tokens are refused and servers fail or forget?

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use mcp_oauth_core::{Advice, Code, Settings};
use mcp_oauth_host::store::MemoryStore;
use mcp_oauth_testbed::{Behaviour, Endpoint, Fault, Server, Testbed, Verdict};

use crate::scene::{Host, Trouble, requests, requests_to, settings, start};

/// A host that begins anew, with what the store holds.
fn restarted(bed: &Testbed, store: &Arc<MemoryStore>) -> Host {
    let store = Arc::clone(store);
    Host::with(settings(bed), |builder| builder.store(store))
}

/// Registrations, authorizations, refreshes.
fn counts(bed: &Testbed) -> (u32, u32, u32) {
    let counts = bed.counts();
    assert_eq!(bed.breaches(), []);
    assert_eq!(counts.reuse_detections, 0);
    (
        counts.registrations,
        counts.authorizations,
        counts.refreshes,
    )
}

#[tokio::test]
async fn an_expired_token_costs_one_refresh() {
    let bed = start(Behaviour::default()).await;
    let host = Host::new(&bed);
    let session = host.connect().await.unwrap();
    session.call("whoami").await.unwrap();
    bed.expire_access_tokens();
    for _ in 0..3 {
        session.call("whoami").await.unwrap();
    }
    assert_eq!(counts(&bed), (1, 1, 1));
}

#[tokio::test]
async fn a_token_that_has_run_out_by_the_clock_is_refreshed_before_it_is_sent() {
    let mut behaviour = Behaviour::default();
    behaviour.token.lifetime = 1;
    let bed = start(behaviour).await;
    let host = Host::with(
        Settings {
            refresh_skew_ms: 0,
            ..settings(&bed)
        },
        |builder| builder,
    );
    let session = host.connect().await.unwrap();
    let before = counts(&bed);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    bed.set(|behaviour| behaviour.token.lifetime = 3600);
    session.call("whoami").await.unwrap();
    session.call("whoami").await.unwrap();
    assert_eq!(before, (1, 1, 0));
    assert_eq!(counts(&bed), (1, 1, 1));
    assert_eq!(bed.counts().challenges, 1, "no expired token was sent");
}

#[tokio::test]
async fn tokens_that_live_shorter_than_the_usual_margin_are_used_all_the_same() {
    let mut behaviour = Behaviour::default();
    behaviour.token.lifetime = 30;
    let bed = start(behaviour).await;
    let host = Host::new(&bed);
    let session = host.connect().await.unwrap();
    for _ in 0..3 {
        session.call("whoami").await.unwrap();
    }
    assert_eq!(counts(&bed), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_requests_with_an_expired_token_cost_one_refresh() {
    let bed = start(Behaviour::default()).await;
    let host = Host::new(&bed);
    let session = host.connect().await.unwrap();
    bed.expire_access_tokens();
    // All are on their way before the first is refused.
    bed.set(|behaviour| {
        let slow = Fault::Slow { milliseconds: 100 };
        behaviour.fault(Endpoint::Mcp, slow, None);
    });
    let calls = join_all((0..20).map(|_| session.call("add"))).await;
    assert!(calls.iter().all(|sum| matches!(sum, Ok(sum) if sum == "3")));
    assert!(bed.counts().challenges > 2, "several were refused");
    assert_eq!(counts(&bed), (1, 1, 1));
}

#[tokio::test]
async fn fifty_rotations_lose_nothing() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    restarted(&bed, &store).call("whoami").await.unwrap();
    for _ in 0..50 {
        bed.expire_access_tokens();
        let host = restarted(&bed, &store);
        host.call("whoami").await.unwrap();
    }
    assert_eq!(counts(&bed), (1, 1, 50));
}

#[tokio::test]
async fn a_rejected_refresh_leads_to_a_new_sign_in_as_the_same_client() {
    let bed = start(Behaviour::default()).await;
    let host = Host::new(&bed);
    let session = host.connect().await.unwrap();
    bed.revoke_grants();
    session.call("whoami").await.unwrap();
    assert_eq!(counts(&bed), (1, 2, 0));
    assert_eq!(host.decided("refresh_rejected"), 1);
    assert_eq!(host.decided("client_reused"), 1);
}

/// A fault of the refresh, the code that it shows as and the longest wait advised.
async fn a_passing_fault(fault: Fault, code: Code, wait: u64) {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let host = restarted(&bed, &store);
    let session = host.connect().await.unwrap();
    bed.expire_access_tokens();
    bed.set(|behaviour| behaviour.fault(Endpoint::Refresh, fault, Some(1)));

    let Err(Trouble::Authorization(error)) = session.call("whoami").await else {
        panic!("the refresh did not fail");
    };
    let failure = error.failure().unwrap();
    assert_eq!(failure.code(), code);
    let Advice::RetryAfter(advised) = failure.advice() else {
        panic!("{failure:?}");
    };
    assert!(advised <= wait, "{advised}");
    assert_eq!(requests(&bed, Endpoint::Refresh).len(), 1);
    if wait > 0 {
        // Patience is asked for, and so nobody is asked again, or sent to sign in.
        let again = session.call("whoami").await.unwrap_err();
        assert_eq!(again.code(), Some(code));
        assert_eq!(requests(&bed, Endpoint::Refresh).len(), 1);
    } else {
        session.call("whoami").await.unwrap();
        assert_eq!(counts(&bed), (1, 1, 1));
        return;
    }
    // What is stored is as good as before.
    restarted(&bed, &store).call("whoami").await.unwrap();
    assert_eq!(counts(&bed), (1, 1, 1));
}

fn status(status: u16, retry_after: Option<&str>) -> Fault {
    let header = |seconds: &str| ("Retry-After".to_owned(), seconds.to_owned());
    Fault::Answer {
        status,
        headers: retry_after.map(header).into_iter().collect(),
        body: String::new(),
    }
}

#[tokio::test]
async fn an_unavailable_token_endpoint_costs_no_credential() {
    a_passing_fault(status(503, None), Code::RefreshUnavailable, 30_000).await;
    a_passing_fault(status(503, Some("0")), Code::RefreshUnavailable, 0).await;
}

#[tokio::test]
async fn a_busy_token_endpoint_costs_no_credential() {
    a_passing_fault(status(429, Some("120")), Code::RefreshThrottled, 120_000).await;
    a_passing_fault(status(429, Some("0")), Code::RefreshThrottled, 0).await;
}

#[tokio::test]
async fn a_dropped_connection_costs_no_credential() {
    a_passing_fault(Fault::DropBefore, Code::RefreshUnavailable, 30_000).await;
}

#[tokio::test]
async fn a_rotation_whose_answer_got_lost_leads_to_a_sign_in() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let session = restarted(&bed, &store).connect().await.unwrap();
    bed.expire_access_tokens();
    bed.set(|behaviour| behaviour.fault(Endpoint::Refresh, Fault::DropAfter, Some(1)));
    let lost = session.call("whoami").await.unwrap_err();
    assert_eq!(lost.code(), Some(Code::RefreshUnavailable));

    restarted(&bed, &store).call("whoami").await.unwrap();
    assert_eq!(bed.breaches(), []);
    let counts = bed.counts();
    assert_eq!((counts.registrations, counts.authorizations), (1, 2));
}

#[tokio::test]
async fn a_forgotten_client_is_registered_anew_once() {
    let bed = start(Behaviour::default()).await;
    let host = Host::new(&bed);
    let session = host.connect().await.unwrap();
    bed.forget_clients();
    bed.expire_access_tokens();
    session.call("whoami").await.unwrap();
    session.call("whoami").await.unwrap();
    assert_eq!(counts(&bed), (2, 2, 0));
    assert_eq!(host.decided("client_forgotten"), 1);
}

#[tokio::test]
async fn a_client_that_the_server_shows_only_to_browsers_that_it_forgot_can_be_dropped() {
    let mut behaviour = Behaviour::default();
    behaviour.token.unknown_client_error = "invalid_grant".into();
    let bed = start(behaviour).await;
    let host = Host::new(&bed);
    let session = host.connect().await.unwrap();
    bed.forget_clients();
    bed.expire_access_tokens();
    let stuck = session.call("whoami").await.unwrap_err();
    assert_eq!(stuck.code(), Some(Code::NeedsUser));

    host.authorizer.sign_out(true).await.unwrap();
    session.call("whoami").await.unwrap();
    assert_eq!(counts(&bed), (2, 2, 0));
}

#[tokio::test]
async fn a_moved_resource_never_shows_the_old_servers_credentials_to_the_new_one() {
    let bed = start(Behaviour::default()).await;
    let host = Host::new(&bed);
    let session = host.connect().await.unwrap();
    session.call("whoami").await.unwrap();
    let old = requests_to(&bed, Server::Authorization1);
    let old_id = old
        .iter()
        .find_map(|entry| entry.values.get("client_id").cloned());
    bed.migrate_to_second_issuer();
    session.call("whoami").await.unwrap();
    session.call("whoami").await.unwrap();

    // The testbed holds it against a client when it meets another server's identifier, code or token.
    assert_eq!(counts(&bed), (2, 2, 0));
    assert_eq!(host.decided("server_changed"), 1);
    let new = requests_to(&bed, Server::Authorization2);
    assert!(!new.is_empty());
    assert!(
        new.iter()
            .all(|entry| entry.values.get("client_id") != old_id.as_ref())
    );
    assert!(requests(&bed, Endpoint::Refresh).is_empty());
    assert_eq!(requests_to(&bed, Server::Authorization1).len(), old.len());
}

#[tokio::test]
async fn a_step_up_asks_for_what_was_held_and_what_is_demanded() {
    let bed = start(Behaviour::default()).await;
    let host = Host::new(&bed);
    let session = host.connect().await.unwrap();
    assert_eq!(session.call("write_note").await.unwrap(), "written");
    assert_eq!(session.call("read_note").await.unwrap(), "milk");
    let asked: Vec<_> = requests(&bed, Endpoint::Authorization)
        .iter()
        .map(|entry| entry.values["scope"].clone())
        .collect();
    assert_eq!(
        asked,
        [
            "notes:read offline_access",
            "notes:read offline_access notes:write"
        ]
    );
    let counts = bed.counts();
    assert_eq!((counts.scope_challenges, counts.authorizations), (1, 2));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_server_that_is_never_content_is_given_up() {
    let bed = start(Behaviour::default()).await;
    let host = Host::new(&bed);
    let session = host.connect().await.unwrap();
    bed.set(|behaviour| behaviour.mcp.verdict = Verdict::Forbidden("notes:admin".into()));
    let error = session.call("whoami").await.unwrap_err();
    assert_eq!(error.code(), Some(Code::StepUpExhausted));
    let asked = bed.counts().authorizations;
    assert_eq!(asked, 3, "one sign-in and two steps up");
    // Asking again does not bother anybody again.
    let error = session.call("whoami").await.unwrap_err();
    assert_eq!(error.code(), Some(Code::StepUpExhausted));
    assert_eq!(bed.counts().authorizations, asked);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_server_that_refuses_every_token_is_given_up() {
    let mut behaviour = Behaviour::default();
    behaviour.mcp.verdict = Verdict::Unauthorized;
    let bed = start(behaviour).await;
    let host = Host::new(&bed);
    let error = host.call("whoami").await.unwrap_err();
    assert_eq!(error.code(), Some(Code::TokenRejected));
    let counts = bed.counts();
    assert!(
        counts.authorizations <= 1 && counts.refreshes <= 1,
        "{counts:?}"
    );
    assert!(bed.log().len() <= 24);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn signing_out_forgets_the_tokens_and_if_wished_the_client() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let host = restarted(&bed, &store);
    host.authorizer.sign_in().await.unwrap();
    assert!(host.token().await.unwrap().is_some());

    host.authorizer.sign_out(false).await.unwrap();
    assert!(host.token().await.unwrap().is_none());
    assert!(restarted(&bed, &store).token().await.unwrap().is_none());
    host.authorizer.sign_in().await.unwrap();
    assert_eq!(counts(&bed), (1, 2, 0));

    host.authorizer.sign_out(true).await.unwrap();
    let again = restarted(&bed, &store);
    assert!(again.token().await.unwrap().is_none());
    again.authorizer.sign_in().await.unwrap();
    assert_eq!(counts(&bed), (2, 3, 0));
}
