//! Does a secret show where it should not?

use mcp_oauth_core::*;

use crate::host::{Host, SERVER, settings};

/// Marked values of every kind of secret that a flow meets.
const MARKS: &[&str] = &[
    "MARK-access",
    "MARK-refresh",
    "the-code",
    "MARK-secret",
    "MARK-rat",
    "MARK-initial",
];

fn marked() -> Host {
    let mut host = Host::new(Settings {
        initial_access_token: Some(Secret::new("MARK-initial")),
        authorization_server: Some("https://as.example".into()),
        ..settings()
    });
    host.registration =
        r#"{"client_id":"c","client_secret":"MARK-secret","registration_access_token":"MARK-rat"}"#;
    host.tokens = std::rc::Rc::new(std::cell::RefCell::new(|_: &str| {
        let body = r#"{"access_token":"MARK-access","token_type":"Bearer","expires_in":3600,"refresh_token":"MARK-refresh"}"#;
        (200, body.to_owned())
    }));
    host
}

/// Everything that a host might log.
fn shown(host: &Host) -> String {
    let mut shown = format!("{:?} {:?}", host.machine, host.config);
    if let Next::Rest(Verdict::Failed(failure)) = host.machine.next() {
        shown += &format!("{failure} {failure:?}");
    }
    for entry in host.machine.trace() {
        shown += &format!("{entry:?} {} {}", entry.decision, entry.decision.clause());
    }
    shown
}

// LOG-01, LOG-03, REG-20, AZR-06, AZR-08, RSP-15, USE-02
#[test]
fn no_secret_shows_in_anything_that_prints() {
    let mut host = marked();
    let mut marks: Vec<String> = MARKS.iter().map(|mark| (*mark).to_owned()).collect();
    host.run();
    host.give(Event::Connect).expect("no misuse");
    for _ in 0..40 {
        let Some(action) = host.action() else { break };
        if let Task::OpenUrl(open) = &action.task {
            marks.push(open.state.expose().to_owned());
        }
        if let Task::Http(request) = &action.task {
            let body = request.body.as_ref().map_or("", Secret::expose);
            marks.extend(
                body.split('&')
                    .filter_map(|pair| pair.strip_prefix("code_verifier="))
                    .map(str::to_owned),
            );
        }
        for mark in &marks {
            assert!(
                !shown(&host).contains(mark),
                "{mark} shows: {}",
                shown(&host)
            );
        }
        host.step();
    }
    assert_eq!(host.machine.phase(), PhaseKind::Authorized);
    assert_eq!(marks.len(), MARKS.len() + 2, "state and verifier were seen");
    for mark in &marks {
        assert!(!shown(&host).contains(mark), "{mark} shows");
    }
}

// LOG-01, LOG-03, EMA-11, WIF-07, DPP-13, CCR-13
#[test]
fn no_assertion_signature_or_proof_shows_or_is_kept() {
    // What the signature of the host is in a token.
    let signature = "TUFSSy1zaWduYXR1cmU";
    for grant in [
        GrantType::AuthorizationCode,
        GrantType::DeviceCode,
        GrantType::ClientCredentials,
        GrantType::WorkloadIdentity,
        GrantType::EnterpriseManaged,
    ] {
        let mut host = Host::with_everything(grant);
        host.tokens = marked().tokens;
        let mut requests = String::new();
        let look = |host: &Host| {
            let next = format!("{:?}", host.machine.next());
            for mark in ["MARK", signature, "eyJ0eXAi"] {
                assert!(!next.contains(mark), "{grant:?}: {mark} shows: {next}");
                assert!(
                    !shown(host).contains(mark),
                    "{grant:?}: {mark} shows: {}",
                    shown(host)
                );
            }
            let snapshot = host.machine.snapshot();
            let records = host.records.borrow();
            let records = records.values().map(|(_, record)| record.as_slice());
            for kept in records.chain([snapshot.expose()]) {
                let kept = String::from_utf8_lossy(kept);
                for mark in ["MARK-assertion", "MARK-id-jag", "MARK-idp", signature] {
                    assert!(!kept.contains(mark), "{grant:?}: {mark} is kept: {kept}");
                }
            }
        };
        host.give(Event::Connect).expect("no misuse");
        for forget in [false, true] {
            for _ in 0..40 {
                let Some(action) = host.action() else { break };
                look(&host);
                if let Task::Http(request) = &action.task {
                    requests += request.body.as_ref().map_or("", Secret::expose);
                    let headers = request.headers.iter();
                    headers.for_each(|header| requests += header.value.expose());
                }
                host.step();
            }
            look(&host);
            if !forget {
                assert_eq!(host.machine.phase(), PhaseKind::Authorized, "{grant:?}");
                let headers = host.machine.request_headers("POST", SERVER, host.now);
                let RequestHeaders::Sign(proof) = headers else {
                    panic!("a token that is bound to a key");
                };
                let draft = proof.draft(&mut host.rng).expect("a source");
                let proof = draft.compact(&[7; 64]).expect("a signature");
                let debug = format!("{draft:?} {proof:?}");
                assert!(
                    !debug.contains("eyJ0") && !debug.contains("MARK"),
                    "{debug}"
                );
                let forget_client = false;
                host.give(Event::SignOut { forget_client })
                    .expect("no misuse");
            }
        }
        assert!(
            requests.contains(signature),
            "{grant:?}: nothing was signed"
        );
        let event = Event::AssertionProvided {
            id: ActionId::from_number(1),
            assertion: ProvidedAssertion {
                token: Secret::new("MARK-assertion"),
                kind: AssertionKind::Jwt,
            },
        };
        assert!(!format!("{event:?}").contains("MARK"), "{event:?}");
    }
}

// LOG-01, URL-06, RSP-16, TOK-12
#[test]
fn what_a_server_says_is_shown_only_where_it_is_meant_for_people_and_made_safe() {
    let mut host = Host::in_phase(PhaseKind::Exchanging);
    let id = host.id();
    let body =
        r#"{"error":"invalid_grant","error_description":"\u001b[31mno\u202e","x":"the-code"}"#;
    let response = HttpResponse {
        status: 400,
        headers: &[],
        body: body.as_bytes(),
    };
    host.give(Event::Reply { id, response }).expect("no misuse");
    host.run();
    let text = host.failure().to_string();
    assert!(text.contains("invalid_grant"), "{text}");
    assert!(text.chars().all(|c| (' '..='~').contains(&c)), "{text:?}");
    assert!(!text.contains("the-code"), "{text}");
}

// LOG-06
#[test]
fn every_record_is_handed_out_as_secret() {
    let mut host = marked();
    host.run();
    host.give(Event::Connect).expect("no misuse");
    let mut records = 0;
    while let Some(action) = host.action() {
        if let Task::Store(StoreOp::Save { record, .. }) = &action.task {
            records += 1;
            assert!(!format!("{record:?}").contains('{'), "{record:?}");
        }
        host.step();
    }
    assert_eq!(records, 3, "client, flow and tokens");
}

// LOG-01, LOG-03
#[test]
fn what_a_host_brings_does_not_show() {
    let brought = ProvidedTokens {
        issuer: "https://as.example".into(),
        token_endpoint: "https://as.example/token".into(),
        client: ProvidedClient {
            client_id: "c".into(),
            client_secret: Some(Secret::new("MARK-secret")),
            auth_method: None,
        },
        access_token: Secret::new("MARK-access"),
        refresh_token: Some(Secret::new("MARK-refresh")),
        expires_at: None,
        scope: "".into(),
        resource: None,
    };
    let mut host = Host::new(settings());
    host.run();
    let mut seen = format!("{brought:?}");
    let refused = ProvidedTokens {
        access_token: Secret::new("MARK access"),
        ..brought.clone()
    };
    for tokens in [refused, brought] {
        let event = Event::TokensProvided(Box::new(tokens));
        seen += &format!("{event:?}");
        seen += &format!("{:?}", host.give(event));
    }
    while host.action().is_some() {
        seen += &shown(&host);
        host.step();
    }
    let key = host.machine.grant_key().as_str().to_owned();
    let record = host.records.borrow()[&key].1.clone();
    let changed = Event::StoreChanged {
        record: Some(&record),
    };
    seen += &format!("{changed:?}{}", shown(&host));
    let mut pending = Pending::new(1);
    let later = host.now.after(1);
    pending
        .insert("MARK-state", later, "MARK-value", host.now)
        .expect("there is room");
    seen += &format!("{pending:?}");
    assert_eq!(host.machine.phase(), PhaseKind::Authorized);
    assert!(!seen.contains("MARK"), "{seen}");
}

// LOG-02
#[test]
fn what_a_sign_in_needed_is_gone_when_it_is_over() {
    let mut host = marked();
    host.run();
    host.give(Event::Connect).expect("no misuse");
    host.until(PhaseKind::AwaitingCallback);
    let snapshot = |host: &Host| {
        String::from_utf8(host.machine.snapshot().expose().to_vec()).expect("a snapshot is text")
    };
    let pending: serde_json::Value =
        serde_json::from_str(&snapshot(&host)).expect("a snapshot is JSON");
    let pending = &pending["body"]["phase"]["AwaitingCallback"];
    let once = ["state", "verifier"].map(|name| pending[name].as_str().expect("text").to_owned());
    host.run();
    for value in once.iter().map(String::as_str).chain(["the-code"]) {
        assert!(!snapshot(&host).contains(value));
    }
}

// AZR-13
#[test]
fn the_authorization_endpoint_is_only_ever_opened_for_a_person() {
    let mut host = marked();
    host.run();
    host.give(Event::Connect).expect("no misuse");
    let mut opened = 0;
    while let Some(action) = host.action() {
        match &action.task {
            Task::Http(request) => assert!(!request.url.as_str().contains("/authorize")),
            Task::OpenUrl(open) => {
                opened += 1;
                assert!(
                    open.url
                        .expose()
                        .starts_with("https://as.example/authorize?")
                );
            }
            _ => {}
        }
        host.step();
    }
    assert_eq!(opened, 1);
}

// AZR-06, AZR-08, USE-02, PRM-21
#[test]
fn codes_verifiers_and_tokens_go_where_they_belong_and_nowhere_else() {
    let mut host = marked();
    host.run();
    host.give(Event::Connect).expect("no misuse");
    let mut with_code = carry_out_watching(&mut host);
    // Once more, with tokens in hand.
    let generation = match host.machine.request_headers("POST", SERVER, host.now) {
        RequestHeaders::Ready(authorization) => Some(authorization.generation()),
        _ => None,
    };
    host.give(Event::Challenge(Challenge {
        status: 403,
        www_authenticate: &[b"Bearer error=\"insufficient_scope\", scope=\"more\""],
        generation,
    }))
    .expect("no misuse");
    with_code += carry_out_watching(&mut host);
    assert_eq!(with_code, 2);
}

/// Carries out everything, with an eye on what is sent where, and counts the requests with a code.
fn carry_out_watching(host: &mut Host) -> u32 {
    let mut with_code = 0;
    while let Some(action) = host.action() {
        match &action.task {
            Task::Http(request) => {
                let body = request.body.as_ref().map_or("", Secret::expose);
                let headers: String = request.headers.iter().map(|h| h.value.expose()).collect();
                let url = request.url.as_str();
                assert!(!url.contains("MARK") && !url.contains("the-code"), "{url}");
                let has_code = body.contains("the-code") || body.contains("code_verifier");
                with_code += u32::from(has_code);
                assert_eq!(has_code, request.purpose == Purpose::CodeExchange);
                assert_eq!(
                    headers.contains("MARK-initial"),
                    request.purpose == Purpose::Registration
                );
                for token in ["MARK-access", "MARK-refresh"] {
                    assert!(!headers.contains(token) && !body.contains(token));
                }
            }
            Task::OpenUrl(open) => {
                let url = open.url.expose();
                assert!(!url.contains("MARK") && !url.contains("verifier"), "{url}");
            }
            _ => {}
        }
        host.step();
    }
    with_code
}
