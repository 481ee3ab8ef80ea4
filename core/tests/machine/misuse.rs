//! What if the host answers late, twice, in the wrong order or with the wrong thing?

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth_core::*;

use crate::host::{Host, SERVER, settings};

/// Every phase in which something is outstanding.
fn busy() -> impl Iterator<Item = PhaseKind> {
    PhaseKind::ALL
        .iter()
        .copied()
        .filter(|phase| !phase.is_rest())
}

fn answer(id: ActionId) -> Vec<Event<'static>> {
    vec![
        Event::Reply {
            id,
            response: HttpResponse {
                status: 200,
                headers: &[],
                body: b"{}",
            },
        },
        Event::Unreachable {
            id,
            cause: Cause::Timeout,
        },
        Event::RedirectBound {
            id,
            uri: "http://127.0.0.1:1/callback",
        },
        Event::Declined {
            id,
            reason: Refusal::Denied,
        },
        Event::Stored {
            id,
            result: StoreResult::Done,
        },
        Event::Signed {
            id,
            signature: &[7; 64],
        },
        Event::AssertionProvided {
            id,
            assertion: ProvidedAssertion {
                token: Secret::new("opaque"),
                kind: AssertionKind::Saml2,
            },
        },
    ]
}

// TOK-20
#[test]
fn answers_to_what_was_never_asked_are_misuse_and_late_ones_are_ignored() {
    for phase in busy() {
        let mut host = Host::in_phase(phase);
        let before = host.machine.snapshot();
        let id = host.id().get();
        for event in answer(ActionId::from_number(id + 1)) {
            assert_eq!(host.give(event), Err(Misuse::UnknownAction), "{phase:?}");
        }
        for event in answer(ActionId::from_number(0)) {
            assert_eq!(host.give(event), Err(Misuse::UnknownAction), "{phase:?}");
        }
        for earlier in 1..id {
            for event in answer(ActionId::from_number(earlier)) {
                let outcome = host.give(event);
                assert_eq!(outcome, Ok(Outcome::Ignored(Ignored::Stale)), "{phase:?}");
            }
        }
        assert_eq!(host.machine.snapshot(), before, "{phase:?}");
    }
}

// REF-05
#[test]
fn whoever_needs_a_token_joins_the_flow_under_way() {
    for phase in busy().filter(|phase| *phase != PhaseKind::SigningOut) {
        let mut host = Host::in_phase(phase);
        let next = format!("{:?}", host.machine.next());
        assert_eq!(host.give(Event::Connect), Ok(Outcome::Joined), "{phase:?}");
        assert_eq!(host.challenge(None), Ok(Outcome::Joined), "{phase:?}");
        assert_eq!(host.give(Event::Refresh), Ok(Outcome::Joined), "{phase:?}");
        assert_eq!(format!("{:?}", host.machine.next()), next, "{phase:?}");
    }
}

// ROB-06, RDR-04
#[test]
fn cancel_at_every_step_ends_the_flow_and_the_next_one_succeeds() {
    for phase in busy() {
        let mut host = Host::in_phase(phase);
        match host.give(Event::Cancel) {
            Ok(Outcome::Advanced) => {
                host.run();
                if phase == PhaseKind::Revoking {
                    assert_eq!(host.machine.phase(), PhaseKind::SignedOut);
                } else {
                    assert_eq!(host.failure().code(), Code::Cancelled, "{phase:?}");
                }
                assert!(!host.machine.awaits_redirect());
            }
            // Credentials are being written or refreshed.
            Ok(Outcome::Ignored(Ignored::TooLate)) => host.run(),
            other => panic!("{phase:?}: {other:?}"),
        }
        host.give(Event::Connect).expect("no misuse");
        host.run();
        assert_eq!(host.machine.phase(), PhaseKind::Authorized, "{phase:?}");
    }
}

#[test]
fn sign_out_at_every_step_leaves_no_token_behind() {
    for forget_client in [true, false] {
        for phase in PhaseKind::ALL {
            let mut host = Host::in_phase(*phase);
            host.give(Event::SignOut { forget_client })
                .expect("no misuse");
            host.run();
            assert_eq!(host.machine.phase(), PhaseKind::SignedOut, "{phase:?}");
            let headers = host.machine.request_headers("POST", SERVER, host.now);
            assert!(headers == RequestHeaders::Absent, "{phase:?}");
            for (_, record) in host.records.borrow().values() {
                let record = String::from_utf8_lossy(record);
                assert!(!record.contains("at-1"), "{phase:?}: {record}");
            }
        }
    }
}

// RSP-02, RDR-09, RDR-10
#[test]
fn a_callback_counts_once_and_forged_ones_never() {
    let mut host = Host::in_phase(PhaseKind::AwaitingCallback);
    let query = host.callback();
    for forged in [
        "",
        "code=x",
        "code=x&state=y",
        "error=access_denied&state=y",
    ] {
        for _ in 0..100 {
            let outcome = host.give(Event::Callback(CallbackText::Query(forged)));
            assert_eq!(outcome, Ok(Outcome::Ignored(Ignored::OtherState)));
        }
    }
    let url = format!("http://127.0.0.1:49153/callback?{query}");
    let outcome = host.give(Event::Callback(CallbackText::Url(&url)));
    assert_eq!(outcome, Ok(Outcome::Ignored(Ignored::OtherState)));
    let outcome = host.give(Event::Callback(CallbackText::Query(&query)));
    assert_eq!(outcome, Ok(Outcome::Advanced));
    let again = host.give(Event::Callback(CallbackText::Query(&query)));
    assert_eq!(again, Ok(Outcome::Ignored(Ignored::NoPendingSignIn)));
    host.run();
    assert_eq!(host.machine.phase(), PhaseKind::Authorized);
    let again = host.give(Event::Callback(CallbackText::Query(&query)));
    assert_eq!(again, Ok(Outcome::Ignored(Ignored::NoPendingSignIn)));
}

// USE-10
#[test]
fn time_that_goes_backwards_is_clamped() {
    let mut host = Host::signed_in();
    host.now = host.now.after(3_600_000);
    host.give(Event::Refresh).expect("no misuse");
    host.run();
    let renewed = host.machine.deadline();
    host.now = Timestamp::from_millis(0);
    assert_eq!(
        host.give(Event::Tick),
        Ok(Outcome::Ignored(Ignored::NotDue)),
        "no storm of refreshes"
    );
    let headers = host.machine.request_headers("POST", SERVER, host.now);
    assert!(matches!(headers, RequestHeaders::Ready(_)));
    assert_eq!(host.machine.deadline(), renewed);
}

// CCR-05, DPP-03
#[test]
fn what_is_signed_tells_the_time_as_the_host_has_it() {
    let mut host = Host::with_everything(GrantType::ClientCredentials);
    host.give(Event::Connect).expect("no misuse");
    host.run();
    // The clock had been wrong, and was set.
    host.now = host.now.before(600_000);
    let iat = format!("\"iat\":{}", host.now.as_millis() / 1000);
    let claims = |request: &SignRequest| {
        let claims = request.input.expose().split('.').nth(1).expect("claims");
        String::from_utf8(URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("text")
    };
    let RequestHeaders::Sign(proof) = host.machine.request_headers("POST", SERVER, host.now) else {
        panic!("a token that is bound to a key");
    };
    let draft = proof.draft(&mut host.rng).expect("a source");
    assert!(claims(&draft).contains(&iat), "{}", claims(&draft));
    host.give(Event::SignOut {
        forget_client: false,
    })
    .expect("no misuse");
    host.until(PhaseKind::Signing);
    let Some(Task::Sign(request)) = host.action().map(|action| action.task) else {
        panic!("a signature for the revocation");
    };
    assert!(claims(&request).contains(&iat), "{}", claims(&request));
}

// ROB-01
#[test]
fn a_clock_at_its_end_overflows_nothing() {
    let end = Timestamp::from_millis(u64::MAX);
    let mut host = Host::new(settings());
    host.now = end;
    host.run();
    host.give(Event::Connect).expect("no misuse");
    host.run();
    assert_eq!(host.failure().code(), Code::Expired);

    let mut host = Host::signed_in();
    host.now = end;
    host.give(Event::Refresh).expect("no misuse");
    host.until(PhaseKind::Refreshing);
    let (id, headers) = (host.id(), &[("retry-after", &b"18446744073709551615"[..])]);
    let response = HttpResponse {
        status: 503,
        headers,
        body: b"",
    };
    host.give(Event::Reply { id, response }).expect("no misuse");
    host.run();
    assert_eq!(host.failure().code(), Code::RefreshUnavailable);
    let headers = host.machine.request_headers("POST", SERVER, host.now);
    assert!(headers == RequestHeaders::RefreshDue);
}

#[test]
fn a_second_sign_out_may_ask_for_more() {
    let mut host = Host::in_phase(PhaseKind::SigningOut);
    let outcome = host.give(Event::SignOut {
        forget_client: true,
    });
    assert_eq!(outcome, Ok(Outcome::Joined));
    host.run();
    assert_eq!(host.machine.phase(), PhaseKind::SignedOut);
    for (_, record) in host.records.borrow().values() {
        let record = String::from_utf8_lossy(record);
        assert!(record.contains("\"entries\":[]"), "{record}");
    }
}
