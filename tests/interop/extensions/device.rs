//! Does a person sign in on another device (RFC 8628)?

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_oauth_core::{Code, GrantType, OpenUrl, Refusal, Settings, ShowCode};
use mcp_oauth_host::agent::{AgentFuture, Opened, Redirect, SharedListener};
use mcp_oauth_host::{NeedsUser, Network, UserAgent};
use mcp_oauth_testbed::{Behaviour, Endpoint, Testbed};

use crate::scene::{Host, code, requests, settings, start};

fn behaviour() -> Behaviour {
    let mut behaviour = Behaviour::default();
    behaviour.device.offered = true;
    behaviour.device.interval = Some(1);
    behaviour
}

fn on_another_device(bed: &Testbed) -> Settings {
    Settings {
        grant: GrantType::DeviceCode,
        ..settings(bed)
    }
}

/// Reads the code, goes to the other device and decides; or does nothing.
struct Person {
    bed: Arc<Testbed>,
    decision: Option<bool>,
    seen: Mutex<Vec<ShowCode>>,
}

impl Person {
    fn new(bed: &Arc<Testbed>, decision: Option<bool>) -> Arc<Self> {
        Arc::new(Self {
            bed: Arc::clone(bed),
            decision,
            seen: Mutex::default(),
        })
    }

    fn seen(&self) -> Vec<ShowCode> {
        self.seen.lock().unwrap().clone()
    }
}

impl UserAgent for Person {
    fn bind<'a>(&'a self, _: &'a str) -> AgentFuture<'a, Redirect> {
        Box::pin(async { Err(Refusal::Unable) })
    }

    fn open<'a>(&'a self, _: &'a OpenUrl, _: &'a Network) -> AgentFuture<'a, Opened> {
        Box::pin(async { Err(Refusal::Unable) })
    }

    fn show_code<'a>(&'a self, code: &'a ShowCode) -> AgentFuture<'a, ()> {
        self.seen.lock().unwrap().push(code.clone());
        if let Some(allowed) = self.decision {
            assert!(self.bed.decide_device(&code.user_code, allowed));
        }
        Box::pin(async { Ok(()) })
    }
}

fn host(bed: &Testbed, person: &Arc<Person>) -> Host {
    let person = Arc::clone(person);
    Host::with(on_another_device(bed), |builder| builder.user_agent(person))
}

#[tokio::test]
async fn a_person_signs_in_with_a_code() {
    let bed = Arc::new(start(behaviour()).await);
    let person = Person::new(&bed, Some(true));
    // One listener for all sign-ins changes nothing for those that need none.
    let listener = SharedListener::listen("http://127.0.0.1:0/callback").unwrap();
    let agent = listener.agent(person.clone());
    let host = Host::with(on_another_device(&bed), |builder| builder.user_agent(agent));
    host.call("whoami").await.unwrap();
    let seen = person.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].issuer.as_str(), bed.issuer());
    assert!(seen[0].scopes.contains("notes:read"));
    let complete = seen[0].verification_uri_complete.as_ref().unwrap();
    assert!(complete.as_str().contains(&*seen[0].user_code));
    // From then on it is a grant like others.
    bed.expire_access_tokens();
    host.call("whoami").await.unwrap();
    assert_eq!(bed.counts().refreshes, 1);
    assert!(requests(&bed, Endpoint::Authorization).is_empty());
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_code_is_shown_once_however_long_the_person_takes() {
    let mut behaviour = behaviour();
    behaviour.device.approved_after = Some(2);
    let bed = Arc::new(start(behaviour).await);
    let person = Person::new(&bed, None);
    host(&bed, &person).call("whoami").await.unwrap();
    assert_eq!(person.seen().len(), 1);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_server_that_wants_it_slower_gets_it_slower() {
    let mut behaviour = behaviour();
    behaviour.device.slow_downs = 1;
    behaviour.device.approved_after = Some(1);
    let bed = Arc::new(start(behaviour).await);
    let person = Person::new(&bed, None);
    let begun = std::time::Instant::now();
    host(&bed, &person).call("whoami").await.unwrap();
    // One second, and five more for having been too fast (§3.5).
    assert!(begun.elapsed() >= Duration::from_secs(7));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_person_may_say_no() {
    let bed = Arc::new(start(behaviour()).await);
    let person = Person::new(&bed, Some(false));
    let error = host(&bed, &person).call("whoami").await.unwrap_err();
    assert_eq!(error.code(), Some(Code::AccessDenied));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn the_waiting_can_be_cancelled() {
    let bed = Arc::new(start(behaviour()).await);
    let person = Person::new(&bed, None);
    let host = host(&bed, &person);
    let signing_in = tokio::spawn({
        let authorizer = host.authorizer.clone();
        async move { authorizer.sign_in().await }
    });
    while person.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    host.authorizer.cancel();
    let error = signing_in.await.unwrap().unwrap_err();
    assert_eq!(code(&error), Code::Cancelled);
}

#[tokio::test]
async fn where_no_person_is_at_hand_that_is_said() {
    let bed = start(behaviour()).await;
    let host = Host::with(on_another_device(&bed), |builder| {
        builder.user_agent(Arc::new(NeedsUser))
    });
    let error = host.call("whoami").await.unwrap_err();
    assert_eq!(error.code(), Some(Code::NeedsUser));
}
