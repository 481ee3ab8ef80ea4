//! Does each quirk behave as the table says, towards a client that follows the specifications?

use crate::honest::{Client, NEEDS_CLIENT, Registered};
use crate::sights::SIGHTS;
use mcp_oauth_testbed::{Behaviour, Deviation, Expected, Quirk, Testbed, Then, quirk, quirks};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What came of a quirk, and all answers on the way: path, status, header fields, body.
async fn drive(
    quirk: &Quirk,
    deviation: Option<Deviation>,
    known: bool,
) -> (Result<(), String>, Vec<String>) {
    let bed = Arc::new(Testbed::start(quirk.behaviour()).await.unwrap());
    let mut client = Client::new(&bed.mcp_url());
    client.deviation = deviation;
    let expanding = Arc::clone(&bed);
    client.expand = Box::new(move |text| expanding.expand(text));
    if known {
        let known = quirk.behaviour().registration.clients.remove(0);
        client.known = Some(Registered {
            id: known.client_id,
            secret: known.client_secret,
            method: known.token_endpoint_auth_method,
        });
    }
    let mut outcome = client.call("whoami", json!({})).await;
    if outcome.is_ok() && quirk.then != Then::Nothing {
        match quirk.then {
            Then::Nothing => {}
            Then::TokensExpire => bed.expire_access_tokens(),
            Then::GrantsAreRevoked => bed.revoke_grants(),
            Then::ClientsAreForgotten => {
                bed.forget_clients();
                bed.expire_access_tokens();
            }
            Then::Migration => bed.migrate_to_second_issuer(),
        }
        outcome = client.call("whoami", json!({})).await;
    }
    assert_eq!(bed.breaches(), [], "{} with {deviation:?}", quirk.name());
    let seen = client.seen.into_inner().unwrap();
    (outcome.map(|_| ()), seen)
}

#[tokio::test]
async fn an_honest_client_meets_what_the_table_says() {
    for quirk in quirks() {
        let name = quirk.name();
        let (plain, _) = drive(&quirk, None, false).await;
        match quirk.expected {
            Expected::Succeeds => assert_eq!(plain, Ok(()), "{name}"),
            Expected::Refuses(reason) => assert_eq!(plain, Err(reason.into()), "{name}"),
            Expected::NeedsClient => {
                assert_eq!(plain, Err(NEEDS_CLIENT.into()), "{name}");
                assert_eq!(drive(&quirk, None, true).await.0, Ok(()), "{name}");
            }
            Expected::SucceedsWith {
                deviation,
                otherwise,
            } => {
                // Without a refresh token the client only signs in more often.
                if otherwise != "no refresh token" {
                    assert_eq!(plain, Err(otherwise.into()), "{name}");
                }
                assert_eq!(
                    drive(&quirk, Some(deviation), false).await.0,
                    Ok(()),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn each_behaviour_survives_json() {
    for quirk in quirks() {
        let text = serde_json::to_string(&quirk.behaviour()).unwrap();
        assert_eq!(
            serde_json::from_str::<Behaviour>(&text).unwrap(),
            quirk.behaviour()
        );
    }
    assert_eq!(
        serde_json::from_str::<Behaviour>("{}").unwrap(),
        Behaviour::default()
    );
    assert!(serde_json::from_str::<Behaviour>("{\"tokens\": {}}").is_err());
    assert!(serde_json::from_str::<Behaviour>("{\"token\": {\"life\": 1}}").is_err());
}

#[test]
fn names_are_unique_and_found() {
    let names: BTreeSet<_> = quirks().iter().map(Quirk::name).collect();
    assert_eq!(names.len(), quirks().len());
    assert_eq!(quirk("challenge.odd:several").unwrap().variant, "several");
    assert_eq!(quirk("challenge.odd").unwrap().class, "challenge.odd");
    assert!(quirk("challenge").is_none());
}

#[tokio::test]
async fn the_peculiarity_is_seen() {
    for (name, beginning, present, absent) in SIGHTS {
        let quirk = quirk(name).unwrap();
        let (_, seen) = drive(&quirk, None, false).await;
        let shown = seen.iter().any(|answer| {
            answer.starts_with(beginning)
                && present.iter().all(|part| answer.contains(part))
                && !absent.iter().any(|part| answer.contains(part))
        });
        assert!(shown, "{name}: {beginning} {present:?} not in {seen:#?}");
    }
}
