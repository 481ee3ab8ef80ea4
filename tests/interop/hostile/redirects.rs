//! Where do redirects lead a host, and what does it take along?

use mcp_oauth_core::Code;
use mcp_oauth_testbed::{Behaviour, Endpoint, Fault};

use super::server::{Hostile, RESOURCE_METADATA, SERVER_METADATA, redirect};
use super::{MOST_REQUESTS, WELL_KNOWN, host, sign_in};
use crate::scene::{Host, Trouble, code, start};

#[tokio::test]
async fn circles_are_left() {
    for (path, expected) in [
        (WELL_KNOWN, Code::DiscoveryUnavailable),
        (RESOURCE_METADATA, Code::DiscoveryUnavailable),
        (SERVER_METADATA, Code::DiscoveryUnavailable),
        ("/authorize", Code::Declined),
    ] {
        let server = Hostile::start(move |request, _| {
            let target = &request.target;
            target.starts_with(path).then(|| redirect(302, target))
        })
        .await;
        assert_eq!(code(&sign_in(&server).await), expected, "{path}");
    }
}

#[tokio::test]
async fn documents_are_fetched_from_where_they_were_asked_for() {
    for path in [WELL_KNOWN, RESOURCE_METADATA, SERVER_METADATA] {
        for status in [301, 302, 303, 307, 308] {
            let sink = Hostile::sink().await;
            let elsewhere = sink.origin.clone();
            let server = Hostile::start(move |request, _| {
                let target = &request.target;
                let location = format!("{elsewhere}{target}");
                target
                    .starts_with(path)
                    .then(|| redirect(status, &location))
            })
            .await;
            let host = host(&server);
            // Another place may serve; the one that was redirected to does not.
            let _ = host.authorizer.sign_in().await;
            assert!(server.heard().len() <= MOST_REQUESTS);
            assert!(host.decided("redirect_refused") > 0, "{path} {status}");
            assert!(sink.heard().is_empty(), "{path} {status}");
        }
    }
}

#[tokio::test]
async fn what_carries_credentials_is_never_sent_on() {
    for path in ["/register", "/token"] {
        for status in [301, 302, 303, 307, 308] {
            for away in [true, false] {
                let sink = Hostile::sink().await;
                let elsewhere = sink.origin.clone();
                let server = Hostile::start(move |request, origin| {
                    let target = if away { &*elsewhere } else { origin };
                    let location = format!("{target}/moved");
                    (request.target == path).then(|| redirect(status, &location))
                })
                .await;
                let ended = sign_in(&server).await;
                let failure = ended.failure().unwrap();
                assert_eq!(failure.code(), Code::UnexpectedRedirect, "{path} {status}");
                assert_eq!(failure.status(), Some(status));
                assert_eq!(server.asked(path), 1);
                assert_eq!(server.asked("/moved"), 0);
                assert!(sink.heard().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_never_sent_on() {
    let sink = Hostile::sink().await;
    let bed = start(Behaviour::default()).await;
    let host = Host::new(&bed);
    let session = host.connect().await.unwrap();
    bed.expire_access_tokens();
    let location = format!("{}/token", sink.origin);
    bed.set(|behaviour| {
        behaviour.fault(Endpoint::Refresh, Fault::redirect(307, &location), None);
    });
    let ended = session.call("whoami").await.unwrap_err();
    assert_eq!(ended.code(), Some(Code::UnexpectedRedirect));
    assert!(sink.heard().is_empty());
}

#[tokio::test]
async fn a_token_follows_no_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let sink = Hostile::sink().await;
        let bed = start(Behaviour::default()).await;
        let host = Host::new(&bed);
        let session = host.connect().await.unwrap();
        let by_name = sink.origin.replace("127.0.0.1", "localhost");
        for origin in [&sink.origin, &by_name] {
            let location = format!("{origin}/mcp");
            bed.set(|behaviour| {
                behaviour.faults.clear();
                behaviour.fault(Endpoint::Mcp, Fault::redirect(status, &location), None);
            });
            let Err(Trouble::Other(said)) = session.call("whoami").await else {
                panic!("{status} was followed");
            };
            assert!(said.contains("redirects to"), "{said}");
        }
        assert!(sink.heard().is_empty(), "{:?}", sink.heard());
    }
}
