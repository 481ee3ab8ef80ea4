//! What happens where a person is needed, hesitates or leaves?

use std::sync::Arc;
use std::time::Duration;

use mcp_oauth_core::{Advice, Code, OpenUrl, Refusal, Secret, Settings};
use mcp_oauth_host::agent::{AgentFuture, Callback, Opened, Redirect};
use mcp_oauth_host::{Error, Headless, NeedsUser, Network, UserAgent};
use mcp_oauth_testbed::{Behaviour, Consent, Endpoint};
use tokio::sync::{Notify, mpsc};

use crate::scene::{Host, Trouble, code, requests, settings, start};

/// A browser that shows the page to somebody who never comes back.
#[derive(Default)]
struct Hesitant {
    shown: Notify,
}

impl UserAgent for Hesitant {
    fn bind<'a>(&'a self, preferred: &'a str) -> AgentFuture<'a, Redirect> {
        Box::pin(async move {
            let (callbacks, arriving) = mpsc::channel::<Callback>(1);
            // The sender is what listens: while it lives, a callback may arrive.
            Ok(Redirect::new(
                preferred.replace(":0/", ":49200/"),
                arriving,
                callbacks,
            ))
        })
    }

    fn open<'a>(&'a self, _: &'a OpenUrl, _: &'a Network) -> AgentFuture<'a, Opened> {
        self.shown.notify_one();
        Box::pin(async { Ok(Opened::Shown) })
    }
}

/// A person who reads what is asked for and says no.
struct Unwilling;

impl UserAgent for Unwilling {
    fn bind<'a>(&'a self, preferred: &'a str) -> AgentFuture<'a, Redirect> {
        Headless.bind(preferred)
    }

    fn open<'a>(&'a self, _: &'a OpenUrl, _: &'a Network) -> AgentFuture<'a, Opened> {
        Box::pin(async { Err(Refusal::Denied) })
    }
}

#[tokio::test]
async fn a_sign_in_can_be_cancelled_while_the_browser_is_open() {
    let bed = start(Behaviour::default()).await;
    let browser = Arc::new(Hesitant::default());
    let agent = Arc::clone(&browser);
    let host = Host::with(settings(&bed), |builder| builder.user_agent(agent));
    let signing_in = tokio::spawn({
        let authorizer = host.authorizer.clone();
        async move { authorizer.sign_in().await }
    });
    browser.shown.notified().await;
    host.authorizer.cancel();
    let error = signing_in.await.unwrap().unwrap_err();
    assert_eq!(code(&error), Code::Cancelled);
    assert!(requests(&bed, Endpoint::Token).is_empty());
    assert!(host.token().await.unwrap().is_none());
}

#[tokio::test]
async fn a_sign_in_that_nobody_finishes_expires() {
    let bed = start(Behaviour::default()).await;
    let patience = Settings {
        sign_in_timeout_ms: 200,
        ..settings(&bed)
    };
    let host = Host::with(patience, |builder| {
        builder.user_agent(Arc::new(Hesitant::default()))
    });
    let signing_in = tokio::time::timeout(Duration::from_secs(10), host.authorizer.sign_in());
    let error = signing_in.await.unwrap().unwrap_err();
    assert_eq!(code(&error), Code::Expired);
    assert_eq!(error.advice(), Advice::AskUser);
}

#[tokio::test]
async fn a_host_without_a_person_names_the_page_and_does_not_wait() {
    for follows in [true, false] {
        let mut behaviour = Behaviour::default();
        behaviour.authorization.consent = Consent::Page;
        let bed = start(behaviour).await;
        let agent: Arc<dyn UserAgent> = match follows {
            true => Arc::new(Headless::new()),
            false => Arc::new(NeedsUser),
        };
        let host = Host::with(settings(&bed), |builder| builder.user_agent(agent));
        let called = tokio::time::timeout(Duration::from_secs(10), host.call("whoami"));
        let error = called.await.unwrap().unwrap_err();
        let Trouble::Authorization(Error::NeedsUser {
            page: shown,
            failure,
        }) = error
        else {
            panic!("{error:?}");
        };
        let page = format!("{}/authorize?", bed.issuer());
        let url = shown.url.expose();
        assert!(url.starts_with(&page), "{url}");
        assert_eq!(failure.code(), Code::NeedsUser);
        let state = url.split("state=").nth(1).unwrap();
        let state = Secret::new(state.split('&').next().unwrap());
        assert!(!format!("{failure} {failure:?}").contains(state.expose()));
        assert!(requests(&bed, Endpoint::Token).is_empty());
    }
}

#[tokio::test]
async fn a_person_who_says_no_is_not_asked_again_by_the_same_request() {
    let bed = start(Behaviour::default()).await;
    let host = Host::with(settings(&bed), |builder| {
        builder.user_agent(Arc::new(Unwilling))
    });
    let error = host.call("whoami").await.unwrap_err();
    assert_eq!(error.code(), Some(Code::Cancelled));
    assert_eq!(host.decided("user_sent"), 1);
}

#[tokio::test]
async fn a_denied_consent_is_told_as_such() {
    let mut behaviour = Behaviour::default();
    behaviour.authorization.error = Some(mcp_oauth_testbed::RedirectError {
        error: "access_denied".into(),
        error_description: Some("The user said no".into()),
    });
    let bed = start(behaviour).await;
    let host = Host::new(&bed);
    let error = host.call("whoami").await.unwrap_err();
    let Trouble::Authorization(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(code(&error), Code::AccessDenied);
    assert!(error.to_string().contains("The user said no"), "{error}");
    assert!(requests(&bed, Endpoint::Token).is_empty());
}
