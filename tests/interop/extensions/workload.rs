//! Does the JWT of a workload's platform get it tokens (RFC 7523 §2.1, SEP-1933)?

use std::sync::Arc;

use mcp_oauth_core::{AssertionKind, AssertionPurpose, Code, GrantType, Settings};
use mcp_oauth_host::NeedsUser;
use mcp_oauth_testbed::{Audience, Behaviour, Endpoint, Flaw, Testbed};

use super::assertion::Source;
use crate::scene::{Host, requests, settings, start};

fn behaviour() -> Behaviour {
    let mut behaviour = Behaviour::default();
    behaviour.workload.offered = true;
    behaviour
}

fn for_workload(bed: &Testbed) -> Settings {
    Settings {
        grant: GrantType::WorkloadIdentity,
        authorization_server: Some(bed.issuer()),
        refresh_skew_ms: 0,
        ..settings(bed)
    }
}

fn source(bed: &Arc<Testbed>, flaw: Option<Flaw>) -> Arc<Source> {
    let platform = Arc::clone(bed);
    Arc::new(Source::new(AssertionKind::Jwt, move |request| {
        platform.workload_assertion(&request.audience, flaw)
    }))
}

fn host(settings: Settings, source: &Arc<Source>) -> Host {
    let source = Arc::clone(source);
    Host::with(settings, |builder| {
        builder.user_agent(Arc::new(NeedsUser)).assertions(source)
    })
}

#[tokio::test]
async fn a_workload_shows_a_fresh_assertion_each_time() {
    let mut behaviour = behaviour();
    behaviour.token.lifetime = 1;
    let bed = Arc::new(start(behaviour).await);
    let source = source(&bed, None);
    let host = host(for_workload(&bed), &source);
    let session = host.connect().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
    bed.set(|behaviour| behaviour.token.lifetime = 3600);
    session.call("whoami").await.unwrap();
    assert_eq!(bed.counts().authorizations, 0);
    assert_eq!(bed.breaches(), []);
    let asked = source.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].purpose, AssertionPurpose::Workload);
    assert_eq!(asked[0].issuer.as_str(), bed.issuer());
    assert_eq!(*asked[0].audience, *format!("{}/token", bed.issuer()));
}

#[tokio::test]
async fn a_server_may_want_to_be_named_otherwise() {
    let mut behaviour = behaviour();
    behaviour.workload.audience = Audience::Issuer;
    let bed = Arc::new(start(behaviour).await);
    let settings = Settings {
        workload_audience: Some(bed.issuer()),
        ..for_workload(&bed)
    };
    let host = host(settings, &source(&bed, None));
    host.call("whoami").await.unwrap();
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_refused_assertion_is_followed_by_nothing_else() {
    for flaw in [Flaw::Expired, Flaw::Forged] {
        let bed = Arc::new(start(behaviour()).await);
        let source = source(&bed, Some(flaw));
        let error = host(for_workload(&bed), &source).call("whoami").await;
        let code = error.unwrap_err().code();
        assert!(
            matches!(code, Some(Code::AssertionRejected | Code::BadAssertion)),
            "{code:?}"
        );
        let tried = requests(&bed, Endpoint::Token).len();
        assert!(tried <= 1, "{flaw:?}: {tried} requests");
        assert!(requests(&bed, Endpoint::Registration).is_empty());
        assert!(requests(&bed, Endpoint::Authorization).is_empty());
    }
}

#[tokio::test]
async fn where_nobody_has_an_assertion_none_is_shown() {
    let bed = start(behaviour()).await;
    let host = Host::with(for_workload(&bed), |builder| builder);
    let error = host.call("whoami").await.unwrap_err();
    assert_eq!(error.code(), Some(Code::AssertionNeeded));
    assert!(requests(&bed, Endpoint::Token).is_empty());
}
