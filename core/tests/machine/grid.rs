//! Does every pair of phase and event do what the transition table says, and nothing else?

use mcp_oauth_core::transition::leads_to;
use mcp_oauth_core::*;

use crate::host::{Host, ID_TOKEN, REDIRECT, RESOURCE_METADATA, SERVER_METADATA};

/// Several events of a kind, as answers to `id`.
fn events(kind: EventKind, id: ActionId, host: &Host) -> Vec<Event<'static>> {
    fn reply(id: ActionId, status: u16, body: &'static str) -> Event<'static> {
        let response = HttpResponse {
            status,
            headers: &[
                ("retry-after", b"5"),
                ("location", b"/elsewhere"),
                ("dpop-nonce", b"n"),
            ],
            body: body.as_bytes(),
        };
        Event::Reply { id, response }
    }
    let tokens = r#"{"access_token":"at","token_type":"Bearer","expires_in":3600}"#;
    match kind {
        EventKind::Connect => vec![Event::Connect],
        EventKind::Refresh => vec![Event::Refresh],
        EventKind::Tick => vec![Event::Tick],
        EventKind::Cancel => vec![Event::Cancel],
        EventKind::TokensProvided => vec![Event::TokensProvided(Box::new(ProvidedTokens {
            issuer: "https://as.example".into(),
            token_endpoint: "https://as.example/token".into(),
            client: ProvidedClient {
                client_id: "c".into(),
                client_secret: None,
                auth_method: None,
            },
            access_token: Secret::new("brought"),
            refresh_token: None,
            expires_at: None,
            scope: "".into(),
            resource: None,
        }))],
        EventKind::StoreChanged => {
            let other = Host::in_phase(PhaseKind::Authorized);
            let mut records: Vec<Option<&'static [u8]>> = vec![None, Some(b"no record")];
            for host in [host, &other] {
                let held = host.records.borrow();
                let record = held.get(host.machine.grant_key().as_str());
                records.extend(record.map(|(_, bytes)| &*bytes.clone().leak()).map(Some));
            }
            records
                .into_iter()
                .map(|record| Event::StoreChanged { record })
                .collect()
        }
        EventKind::SignOut => [true, false]
            .map(|forget_client| Event::SignOut { forget_client })
            .into(),
        EventKind::Challenge => {
            let challenge = |status, www_authenticate, generation| {
                Event::Challenge(Challenge {
                    status,
                    www_authenticate,
                    generation,
                })
            };
            let scopes: &'static [&'static [u8]] =
                &[b"Bearer error=\"insufficient_scope\", scope=\"more\""];
            vec![
                challenge(401, &[], None),
                challenge(401, &[], Some(2)),
                challenge(403, scopes, Some(2)),
                challenge(403, &[], Some(2)),
                challenge(404, &[], None),
            ]
        }
        EventKind::Reply => vec![
            reply(id, 200, RESOURCE_METADATA),
            reply(id, 200, SERVER_METADATA),
            reply(id, 201, r#"{"client_id":"c"}"#),
            reply(id, 200, tokens),
            reply(id, 400, r#"{"error":"invalid_grant"}"#),
            reply(id, 400, r#"{"error":"invalid_client"}"#),
            reply(
                id,
                400,
                r#"{"error":"invalid_client_metadata","error_description":"scope"}"#,
            ),
            reply(id, 400, r#"{"error":"authorization_pending"}"#),
            reply(id, 400, r#"{"error":"use_dpop_nonce"}"#),
            reply(
                id,
                200,
                r#"{"device_code":"d","user_code":"u","expires_in":9,"verification_uri":"https://a.example/"}"#,
            ),
            reply(id, 201, r#"{"request_uri":"urn:example:1"}"#),
            reply(
                id,
                200,
                r#"{"access_token":"j","token_type":"N_A","issued_token_type":"urn:ietf:params:oauth:token-type:id-jag"}"#,
            ),
            reply(id, 302, ""),
            reply(id, 404, ""),
            reply(id, 429, ""),
            reply(id, 500, ""),
            reply(id, 200, "<html>"),
        ],
        EventKind::Unreachable => [Cause::Dns, Cause::Interrupted]
            .map(|cause| Event::Unreachable { id, cause })
            .into(),
        EventKind::RedirectBound => vec![
            Event::RedirectBound { id, uri: REDIRECT },
            Event::RedirectBound {
                id,
                uri: "http://lan-host/callback",
            },
        ],
        EventKind::Callback => {
            let mut texts = vec!["code=c&state=forged".to_owned()];
            if host.machine.phase() == PhaseKind::AwaitingCallback {
                texts.push(host.callback());
                texts.push(
                    host.callback()
                        .replace("code=the-code", "error=access_denied"),
                );
            }
            // The replay of one test needs no end.
            texts
                .into_iter()
                .map(|text| Event::Callback(CallbackText::Query(text.leak())))
                .collect()
        }
        EventKind::ClientProvided => ["c", ""]
            .map(|name| Event::ClientProvided {
                id,
                client: ProvidedClient {
                    client_id: name.into(),
                    client_secret: None,
                    auth_method: None,
                },
            })
            .into(),
        EventKind::Signed => [&[7; 64][..], &[7; 63]]
            .map(|signature| Event::Signed { id, signature })
            .into(),
        EventKind::AssertionProvided => [
            (ID_TOKEN, AssertionKind::IdToken),
            (ID_TOKEN, AssertionKind::Jwt),
            ("opaque", AssertionKind::RefreshToken),
            ("", AssertionKind::Jwt),
        ]
        .map(|(token, kind)| Event::AssertionProvided {
            id,
            assertion: ProvidedAssertion {
                token: Secret::new(token),
                kind,
            },
        })
        .into(),
        EventKind::Declined => [Refusal::NeedsUser, Refusal::Denied, Refusal::Unable]
            .map(|reason| Event::Declined { id, reason })
            .into(),
        EventKind::Stored => [
            StoreResult::Loaded(None),
            StoreResult::Loaded(Some(b"no record")),
            StoreResult::Done,
            StoreResult::Conflict,
            StoreResult::Failed,
        ]
        .map(|result| Event::Stored { id, result })
        .into(),
        _ => Vec::new(),
    }
}

// ROB-01, ROB-06, TOK-20, RSP-20
#[test]
fn every_pair_of_phase_and_event_follows_the_table() {
    for phase in PhaseKind::ALL {
        for kind in EventKind::ALL {
            let count = {
                let host = Host::in_phase(*phase);
                events(*kind, host.id(), &host).len()
            };
            assert!(count > 0, "{kind:?}");
            for variant in 0..count {
                let mut host = Host::in_phase(*phase);
                let event = events(*kind, host.id(), &host).swap_remove(variant);
                let shown = format!("{phase:?} × {event:?}");
                let (before, id) = (host.machine.snapshot(), host.id());
                // Late enough for every deadline.
                if *kind == EventKind::Tick {
                    host.now = host.now.after(3_600_000);
                }
                let outcome = host.give(event);
                let after = host.machine.phase();
                match outcome {
                    Ok(Outcome::Advanced) => {
                        assert!(
                            leads_to(*phase, *kind).contains(&after),
                            "{shown} led to {after:?}"
                        );
                        assert!(
                            host.id() > id || host.action().is_none(),
                            "{shown}: ids increase"
                        );
                    }
                    Ok(Outcome::Joined) => {
                        assert!(!phase.is_rest(), "{shown}");
                        assert_eq!(after, *phase, "{shown}");
                    }
                    Ok(Outcome::Ignored(_)) | Err(_) => {
                        assert_eq!(after, *phase, "{shown}");
                        assert_eq!(host.machine.snapshot(), before, "{shown} changed something");
                    }
                }
                if leads_to(*phase, *kind).is_empty() {
                    assert_ne!(outcome, Ok(Outcome::Advanced), "{shown}");
                }
            }
        }
    }
}

#[test]
fn every_phase_can_be_left_by_an_event_of_the_table() {
    for phase in PhaseKind::ALL {
        let moves = EventKind::ALL.iter().any(|kind| {
            let probe = Host::in_phase(*phase);
            let count = events(*kind, probe.id(), &probe).len();
            (0..count).any(|variant| {
                let mut host = Host::in_phase(*phase);
                let event = events(*kind, host.id(), &host).swap_remove(variant);
                host.give(event) == Ok(Outcome::Advanced) && host.machine.phase() != *phase
            })
        });
        assert!(moves, "{phase:?} cannot be left");
    }
}
