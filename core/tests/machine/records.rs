//! What if a stored record is not what was stored?

use mcp_oauth_core::*;

use crate::host::{Host, settings};

/// The grant record of a signed-in machine, as text.
fn grant() -> String {
    let host = Host::signed_in();
    let records = host.records.borrow();
    let (_, record) = records.values().next().expect("a grant is stored");
    String::from_utf8(record.clone()).expect("a record is text")
}

/// How a new machine takes a record.
fn loaded(record: &str) -> Host {
    let mut host = Host::new(settings());
    let id = host.id();
    let result = StoreResult::Loaded(Some(record.as_bytes()));
    host.give(Event::Stored { id, result }).expect("no misuse");
    host
}

// LOG-07
#[test]
fn records_that_cannot_have_been_written_here_are_refused_and_never_overwritten() {
    let good = grant();
    assert_eq!(loaded(&good).machine.phase(), PhaseKind::Authorized);
    let tampered = [
        ("\"version\":1", "\"version\":2"),
        ("mcp-oauth-grant", "mcp-oauth-flow"),
        (
            "https://mcp.example/mcp\",\"account",
            "https://other.example/mcp\",\"account",
        ),
        ("\"account\":\"\"", "\"account\":\"somebody\""),
        (
            "\"token_endpoint\":\"https://as.example",
            "\"token_endpoint\":\"http://as.example",
        ),
        (
            "\"token_endpoint\":\"https://as.example",
            "\"token_endpoint\":\"https://127.0.0.1",
        ),
        (
            "\"issuer\":\"https://as.example\"",
            "\"issuer\":\"https://10.0.0.1\"",
        ),
        (
            "\"covers\":\"https://mcp.example/mcp\"",
            "\"covers\":\"https://mcp.example/other\"",
        ),
        (
            "\"covers\":\"https://mcp.example/mcp\"",
            "\"covers\":\"https://evil.example/\"",
        ),
        ("Bearer at-1", "Basic at-1"),
        ("Bearer at-1", "Bearer at-1\\r\\nx: y"),
        (
            "\"generation\":2,\"issued_at\"",
            "\"generation\":9,\"issued_at\"",
        ),
    ];
    for (from, to) in tampered {
        assert!(good.contains(from), "{from} is in {good}");
        let mut host = loaded(&good.replace(from, to));
        assert_eq!(host.failure().code(), Code::BadRecord, "{from} → {to}");
        // It is read again, and not replaced, when somebody asks for a token.
        host.give(Event::Connect).expect("no misuse");
        let task = host.action().expect("something to do").task;
        assert!(
            matches!(task, Task::Store(StoreOp::Load { .. })),
            "{task:?}"
        );
    }
    for cut in [0, 1, good.len() / 2, good.len() - 1] {
        assert_eq!(loaded(&good[..cut]).failure().code(), Code::BadRecord);
    }
    let newer = good.replace("\"body\":{", "\"later\":[1],\"body\":{\"later\":{},");
    assert_eq!(
        loaded(&newer).machine.phase(),
        PhaseKind::Authorized,
        "unknown members are ignored"
    );
}

// LOG-07
#[test]
fn snapshots_that_cannot_have_been_written_here_are_refused() {
    for phase in PhaseKind::ALL {
        let host = Host::in_phase(*phase);
        let snapshot = host.machine.snapshot();
        let text = std::str::from_utf8(snapshot.expose()).expect("a snapshot is text");
        let resume = |text: &str| Machine::resume(host.config.clone(), "", text.as_bytes()).err();
        assert_eq!(resume(text), None, "{phase:?}");
        let too_new = text.replacen("\"version\":1", "\"version\":2", 1);
        assert_eq!(resume(&too_new), Some(RecordError::TooNew), "{phase:?}");
        for cut in [0, 1, text.len() / 3, text.len() - 1] {
            assert_eq!(
                resume(&text[..cut]),
                Some(RecordError::Malformed),
                "{phase:?}"
            );
        }
        let foreign = Machine::resume(host.config.clone(), "other", text.as_bytes());
        assert_eq!(foreign.err(), Some(RecordError::Foreign), "{phase:?}");
        let moved = text.replace("https://as.example", "https://10.0.0.1");
        let tells_nothing = matches!(
            phase,
            PhaseKind::Exchanging | PhaseKind::Granting | PhaseKind::ExchangingIdentity
        );
        if moved != text && !tells_nothing {
            assert_eq!(resume(&moved), Some(RecordError::Foreign), "{phase:?}");
        }
    }
}

/// Records as version 1 of their formats wrote them: frozen, one for each version, for ever.
const FROZEN_GRANT: &str = include_str!("../../../tests/records/grant-1.json");
const FROZEN_CLAIM: &str = include_str!("../../../tests/records/grant-1-claimed.json");
const FROZEN_FLOW: &str = include_str!("../../../tests/records/flow-1.json");

// LOG-07
#[test]
fn frozen_records_of_every_version_are_read() {
    let host = loaded(FROZEN_GRANT);
    assert_eq!(host.machine.phase(), PhaseKind::Authorized);
    let headers = host
        .machine
        .request_headers("POST", crate::host::SERVER, host.now);
    let RequestHeaders::Ready(authorization) = headers else {
        panic!("the frozen grant holds a token");
    };
    assert_eq!(authorization.expose(), "Bearer at-1");
    assert!(host.machine.deadline().is_some(), "it can be refreshed");

    let mut host = Host::new(settings());
    host.machine = Machine::resume(host.config.clone(), "", FROZEN_FLOW.as_bytes())
        .expect("the frozen flow can be resumed");
    assert_eq!(host.machine.phase(), PhaseKind::AwaitingCallback);
    let query = host.callback();
    let outcome = host.give(Event::Callback(CallbackText::Query(&query)));
    assert_eq!(outcome, Ok(Outcome::Advanced));
    host.records.borrow_mut().insert(
        host.action()
            .map_or_else(String::new, |action| match action.task {
                Task::Store(op) => op.key().as_str().to_owned(),
                other => panic!("not the removal of the record: {other:?}"),
            }),
        (1, FROZEN_FLOW.as_bytes().to_vec()),
    );
    host.run();
    assert_eq!(host.machine.phase(), PhaseKind::Authorized);
}

// LOG-07, REF-05, REF-11
#[test]
fn a_frozen_claim_is_waited_for_and_counted() {
    let waits = |now: u64| {
        let mut host = Host::new(settings());
        host.now = Timestamp::from_millis(now);
        let key = host.machine.grant_key().as_str().to_owned();
        let record = FROZEN_CLAIM.as_bytes().to_vec();
        host.records.borrow_mut().insert(key, (3, record));
        host.run();
        host.give(Event::Connect).expect("no misuse");
        host.step();
        host.machine.phase()
    };
    assert_eq!(waits(1_800_003_600_000), PhaseKind::AwaitingRefresh);
    // Two refreshes of unknown outcome: the token is not sent again.
    assert_eq!(waits(1_800_003_660_000), PhaseKind::ResourceDiscovery);
}

// LOG-07
#[test]
fn a_flow_record_tells_whose_it_is_and_nothing_else_does() {
    let flow = describe_flow(FROZEN_FLOW.as_bytes()).expect("a flow record");
    assert_eq!(&*flow.server_url, crate::host::SERVER);
    assert_eq!(&*flow.account, "");
    assert_eq!(flow.expires_at, Timestamp::from_seconds(1_800_000_600));
    for other in [FROZEN_GRANT, FROZEN_CLAIM, "", "{}"] {
        let described = describe_flow(other.as_bytes());
        assert_eq!(described, Err(RecordError::Malformed), "{other}");
    }
    let newer = FROZEN_FLOW.replacen("\"version\": 1", "\"version\": 2", 1);
    assert_eq!(describe_flow(newer.as_bytes()), Err(RecordError::TooNew));
    // A snapshot is none, unless it waits for a callback.
    for phase in PhaseKind::ALL {
        let snapshot = Host::in_phase(*phase).machine.snapshot();
        let waits = *phase == PhaseKind::AwaitingCallback;
        let described = describe_flow(snapshot.expose());
        assert_eq!(described.is_ok(), waits, "{phase:?}");
    }
}
