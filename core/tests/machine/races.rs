//! What if two machines share one store?

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use mcp_oauth_core::*;

use crate::host::{Host, Records, SERVER, TokenEndpoint, settings};

/// Rotates refresh tokens, and revokes everything when an old one comes back.
#[derive(Default)]
struct Rotating {
    issued: u64,
    spent: HashSet<String>,
    reuse_detected: bool,
}

fn rotating(server: &Rc<RefCell<Rotating>>) -> TokenEndpoint {
    let server = server.clone();
    Rc::new(RefCell::new(move |body: &str| {
        let mut server = server.borrow_mut();
        let refresh = body
            .split('&')
            .find_map(|pair| pair.strip_prefix("refresh_token="));
        if let Some(token) = refresh
            && (!server.spent.insert(token.to_owned()) || server.reuse_detected)
        {
            server.reuse_detected = true;
            return (400, r#"{"error":"invalid_grant"}"#.to_owned());
        }
        server.issued += 1;
        let n = server.issued;
        let body = format!(
            r#"{{"access_token":"at-{n}","token_type":"Bearer","expires_in":3600,"refresh_token":"rt-{n}"}}"#
        );
        (200, body)
    }))
}

fn two() -> (Host, Host, Rc<RefCell<Rotating>>) {
    let server = Rc::new(RefCell::new(Rotating::default()));
    let records = Records::default();
    let endpoint = rotating(&server);
    let mut first = Host::sharing(settings(), records.clone(), endpoint.clone(), 7);
    first.run();
    first.give(Event::Connect).expect("no misuse");
    first.run();
    let mut second = Host::sharing(settings(), records, endpoint, 8);
    second.run();
    assert_eq!(
        second.machine.phase(),
        PhaseKind::Authorized,
        "adopts what is stored"
    );
    (first, second, server)
}

fn token(host: &Host) -> String {
    match host.machine.request_headers("POST", SERVER, host.now) {
        RequestHeaders::Ready(authorization) => authorization.expose().to_owned(),
        _ => "none".into(),
    }
}

// REF-06, REF-07
#[test]
fn one_of_two_refreshes_and_the_other_adopts() {
    let (mut first, mut second, server) = two();
    for host in [&mut first, &mut second] {
        host.now = host.now.after(3_600_000);
    }
    first.give(Event::Refresh).expect("no misuse");
    first.run();
    second.give(Event::Refresh).expect("no misuse");
    second.run();
    assert!(!server.borrow().reuse_detected);
    assert_eq!(server.borrow().issued, 2, "one sign-in, one refresh");
    assert_eq!(token(&first), "Bearer at-2");
    assert_eq!(token(&second), "Bearer at-2");
}

// REF-06, REF-07
#[test]
fn whoever_is_refused_looks_for_the_winners_grant_and_drops_nothing() {
    let (mut first, mut second, _server) = two();
    for host in [&mut first, &mut second] {
        host.now = host.now.after(3_600_000);
        host.give(Event::Refresh).expect("no misuse");
        host.until(PhaseKind::Refreshing);
    }
    first.run();
    // The second one sends the refresh token that the first has spent; a server that only refuses it:
    second.tokens = Rc::new(RefCell::new(|_: &str| {
        (400, r#"{"error":"invalid_grant"}"#.to_owned())
    }));
    second.run();
    assert_eq!(second.machine.phase(), PhaseKind::Authorized);
    assert_eq!(token(&first), "Bearer at-2");
    assert_eq!(token(&second), "Bearer at-2");
    let stored = first
        .records
        .borrow()
        .values()
        .any(|(_, record)| String::from_utf8_lossy(record).contains("rt-2"));
    assert!(stored, "the winner's refresh token survives");
}

#[test]
fn two_sign_ins_at_once_end_with_one_grant() {
    let server = Rc::new(RefCell::new(Rotating::default()));
    let records = Records::default();
    let endpoint = rotating(&server);
    let mut hosts =
        [7, 8].map(|seed| Host::sharing(settings(), records.clone(), endpoint.clone(), seed));
    for host in &mut hosts {
        host.run();
        host.give(Event::Connect).expect("no misuse");
    }
    // Step by step, in turn: registration, flow and tokens of both meet in the store.
    while hosts.iter().any(|host| host.action().is_some()) {
        for host in &mut hosts {
            if host.action().is_some() {
                host.step();
            }
        }
    }
    // Each user gets what they signed in for; from the first refresh on, both use what is stored.
    for host in &mut hosts {
        assert_eq!(host.machine.phase(), PhaseKind::Authorized);
        host.now = host.now.after(3_600_000);
        host.give(Event::Refresh).expect("no misuse");
        host.run();
    }
    assert_eq!(token(&hosts[0]), token(&hosts[1]));
    assert!(!server.borrow().reuse_detected);
}

// RSP-02, TOK-15
#[test]
fn of_two_processes_with_one_callback_one_exchanges_the_code() {
    let mut host = Host::in_phase(PhaseKind::AwaitingCallback);
    let query = host.callback();
    let snapshot = host.machine.snapshot();
    let mut other = Host::sharing(settings(), host.records.clone(), host.tokens.clone(), 9);
    other.machine =
        Machine::resume(other.config.clone(), "", snapshot.expose()).expect("it can be resumed");
    for host in [&mut host, &mut other] {
        let outcome = host.give(Event::Callback(CallbackText::Query(&query)));
        assert_eq!(outcome, Ok(Outcome::Advanced));
    }
    host.run();
    other.run();
    assert_eq!(host.machine.phase(), PhaseKind::Authorized);
    assert_eq!(other.failure().code(), Code::FlowTaken);
}
