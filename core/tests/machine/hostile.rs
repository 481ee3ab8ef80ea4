//! What if a server answers with anything at all?

use mcp_oauth_core::*;

use crate::host::{Host, RESOURCE_METADATA, SERVER_METADATA};

/// Bodies that are no document of any kind, or a broken one.
fn bodies(good: &str) -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b" ".to_vec(),
        b"null".to_vec(),
        b"true".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"<!doctype html><title>Not here</title>".to_vec(),
        b"\xef\xbb\xbf".to_vec(),
        b"\xff\xfe{\0}\0".to_vec(),
        b"{\"resource\":\"\xff\xff\"}".to_vec(),
        "[".repeat(200_000).into_bytes(),
        "{\"a\":".repeat(200_000).into_bytes(),
        format!("{{\"x\":\"{}\"}}", "y".repeat(1_000_000)).into_bytes(),
        // Every member twice.
        good.replace('{', "{\"issuer\":\"https://as.example\",\"resource\":\"https://mcp.example/mcp\",\"client_id\":\"c\",\"access_token\":\"t\",")
            .into_bytes(),
        good.replace(":\"", ":7,\"_\":\"").into_bytes(),
        good.replace(":[", ":{\"a\":[").replace(']', "]}").into_bytes(),
        good.replace('"', "'").into_bytes(),
    ];
    for cut in [1, good.len() / 2, good.len() - 1] {
        bodies.push(good.as_bytes()[..cut].to_vec());
    }
    bodies
}

// ROB-01, ROB-04, ROB-05, ROB-08, PRM-11, PRM-16, PRM-17, TOK-18
#[test]
fn no_broken_document_gets_a_flow_any_further() {
    let phases = [
        (PhaseKind::ResourceDiscovery, RESOURCE_METADATA),
        (PhaseKind::ServerDiscovery, SERVER_METADATA),
        (PhaseKind::Registering, r#"{"client_id":"c"}"#),
        (
            PhaseKind::Exchanging,
            r#"{"access_token":"t","token_type":"Bearer"}"#,
        ),
        (
            PhaseKind::Refreshing,
            r#"{"access_token":"t","token_type":"Bearer"}"#,
        ),
    ];
    for (phase, good) in phases {
        for body in bodies(good)
            .into_iter()
            .filter(|body| body != good.as_bytes())
        {
            for status in [200, 201, 400, 500] {
                let mut host = Host::in_phase(phase);
                let id = host.id();
                let response = HttpResponse {
                    status,
                    headers: &[],
                    body: &body,
                };
                let outcome = host.give(Event::Reply { id, response });
                assert_eq!(outcome, Ok(Outcome::Advanced));
                let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
                let after = host.machine.phase();
                let further = match phase {
                    PhaseKind::ResourceDiscovery => after == PhaseKind::ServerDiscovery,
                    PhaseKind::ServerDiscovery => after == PhaseKind::BindingRedirect,
                    // What is written then gives the claim back: the tokens are those of before.
                    PhaseKind::Refreshing => host
                        .writes()
                        .is_some_and(|record| !record.contains("Bearer at-1")),
                    _ => after == PhaseKind::SavingGrant,
                };
                assert!(
                    !further,
                    "{phase:?} with {status} {start:?} led to {after:?}"
                );
            }
        }
    }
}

// URL-01, URL-02, ASM-11, ASM-12, ASM-13, PRM-13
#[test]
fn no_server_can_name_a_url_outside_the_policy() {
    let urls = [
        "http://as.example/x",
        "ftp://as.example/x",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ms-settings:x",
        "https://user:pw@as.example/x",
        "https://as.example/x#fragment",
        "https://as.example\\@evil.example/x",
        "https://as.example/x y",
        "https://as.example/$(id)",
        "https://as.example/`id`",
        "https://as.example/\u{0}",
        "https://as.example/\u{202e}x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://0x7f000001/x",
        "https://2130706433/x",
        "https://017700000001/x",
        "https://127.1/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[64:ff9b::7f00:1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/x",
        "https://192.168.0.1/x",
        "https://100.64.0.1/x",
        "https://[fd00::1]/x",
        "https://localhost/x",
        "https://localhost./x",
        "//as.example/x",
        "/x",
        "-x",
        "",
    ];
    for url in urls {
        let quoted = serde_json::to_string(url).expect("a string");
        let escaped = quoted.trim_matches('"');
        for member in [
            "authorization_endpoint",
            "token_endpoint",
            "registration_endpoint",
        ] {
            let mut host = Host::in_phase(PhaseKind::ServerDiscovery);
            let mut document: serde_json::Value =
                serde_json::from_str(SERVER_METADATA).expect("JSON");
            document[member] = url.into();
            let body = document.to_string();
            let id = host.id();
            let response = HttpResponse {
                status: 200,
                headers: &[],
                body: body.as_bytes(),
            };
            host.give(Event::Reply { id, response }).expect("no misuse");
            let without = url.is_empty() && member == "registration_endpoint";
            assert_ne!(
                host.machine.phase(),
                PhaseKind::BindingRedirect,
                "{member}: {url:?}"
            );
            assert!(without || host.machine.phase() != PhaseKind::Registering);
        }
        let mut host = Host::in_phase(PhaseKind::ResourceDiscovery);
        let body = RESOURCE_METADATA.replace("https://as.example", escaped);
        let id = host.id();
        let response = HttpResponse {
            status: 200,
            headers: &[],
            body: body.as_bytes(),
        };
        host.give(Event::Reply { id, response }).expect("no misuse");
        assert_eq!(host.machine.phase(), PhaseKind::Failed, "issuer {url:?}");
        let line = format!(
            "Bearer resource_metadata=\"{}\"",
            url.replace(['"', '\\'], "")
        );
        let mut host = Host::in_phase(PhaseKind::Idle);
        host.give(Event::Challenge(Challenge {
            status: 401,
            www_authenticate: &[line.as_bytes()],
            generation: None,
        }))
        .expect("no misuse");
        match host.action().map(|action| action.task) {
            Some(Task::Http(request)) => assert!(
                request
                    .url
                    .as_str()
                    .starts_with("https://mcp.example/.well-known/"),
                "{url:?}"
            ),
            other => panic!("{url:?}: {other:?}"),
        }
    }
}

// ROB-03, SCP-04, USE-06
#[test]
fn servers_that_never_relent_come_to_an_end() {
    for (status, line) in [
        (401, "Bearer"),
        (403, "Bearer error=\"insufficient_scope\", scope=\"more\""),
    ] {
        let mut host = Host::signed_in();
        let mut opened = 0;
        for _ in 0..20 {
            let generation =
                match host
                    .machine
                    .request_headers("POST", crate::host::SERVER, host.now)
                {
                    RequestHeaders::Ready(authorization) => Some(authorization.generation()),
                    _ => None,
                };
            host.give(Event::Challenge(Challenge {
                status,
                www_authenticate: &[line.as_bytes()],
                generation,
            }))
            .expect("no misuse");
            let mut actions = 0;
            while let Some(action) = host.action() {
                opened += u32::from(matches!(action.task, Task::OpenUrl(_)));
                actions += 1;
                assert!(actions <= 32, "{status}");
                host.step();
            }
        }
        assert!(
            opened <= 2,
            "{status}: the user was bothered {opened} times"
        );
        let code = host.failure().code();
        assert!(
            matches!(code, Code::TokenRejected | Code::StepUpExhausted),
            "{code:?}"
        );
    }
}

// ROB-03, USE-06
#[test]
fn a_resource_that_names_another_server_each_time_comes_to_an_end() {
    let mut host = Host::signed_in();
    let mut opened = 0;
    for turn in 0..10 {
        let named = format!("https://as{turn}.example");
        let generation = match host
            .machine
            .request_headers("POST", crate::host::SERVER, host.now)
        {
            RequestHeaders::Ready(authorization) => Some(authorization.generation()),
            _ => None,
        };
        host.challenge(generation).expect("no misuse");
        while let Some(action) = host.action() {
            let id = action.id;
            let document = match &action.task {
                Task::Http(request) => match request.purpose {
                    Purpose::ResourceMetadata => RESOURCE_METADATA,
                    Purpose::ServerMetadata => SERVER_METADATA,
                    _ => "",
                },
                Task::OpenUrl(open) => {
                    opened += 1;
                    let iss = open.issuer.as_str().replace(':', "%3A").replace('/', "%2F");
                    let query = format!("code=c&state={}&iss={iss}", open.state.expose());
                    host.give(Event::Callback(CallbackText::Query(&query)))
                        .expect("no misuse");
                    continue;
                }
                _ => "",
            };
            if document.is_empty() {
                host.step();
                continue;
            }
            let body = document.replace("https://as.example", &named);
            let response = HttpResponse {
                status: 200,
                headers: &[],
                body: body.as_bytes(),
            };
            host.give(Event::Reply { id, response }).expect("no misuse");
        }
        if host.machine.phase() == PhaseKind::Failed {
            break;
        }
    }
    assert!(opened <= 3, "the user was bothered {opened} times");
    assert_eq!(host.failure().code(), Code::TokenRejected);
}

// ROB-03
#[test]
fn a_server_that_sends_every_search_around_comes_to_an_end() {
    const LONGEST_SEARCH: usize = 12;
    let mut host = Host::signed_in();
    let headers = host
        .machine
        .request_headers("POST", crate::host::SERVER, host.now);
    let RequestHeaders::Ready(authorization) = headers else {
        panic!("signed in, and no token");
    };
    let generation = Some(authorization.generation());
    host.give(Event::Challenge(Challenge {
        status: 401,
        www_authenticate: &[b"Bearer resource_metadata=\"https://mcp.example/m\""],
        generation,
    }))
    .expect("no misuse");
    let (mut requests, mut searched) = (0, 0);
    while let Some(action) = host.action() {
        let Task::Http(request) = &action.task else {
            host.step();
            continue;
        };
        requests += 1;
        let location = format!("/m{requests}");
        let (status, body) = match request.purpose {
            Purpose::ResourceMetadata => {
                searched += 1;
                let found = searched % LONGEST_SEARCH == 0;
                if found {
                    (200, RESOURCE_METADATA)
                } else {
                    (302, "")
                }
            }
            Purpose::Refresh => (400, r#"{"error":"invalid_grant"}"#),
            other => panic!("{other:?} after {requests} requests"),
        };
        let response = HttpResponse {
            status,
            headers: &[("location", location.as_bytes())],
            body: body.as_bytes(),
        };
        let id = action.id;
        host.give(Event::Reply { id, response }).expect("no misuse");
    }
    assert_eq!(requests, 24);
    assert_eq!(host.failure().code(), Code::TooManySteps);
}

// ROB-02
#[test]
fn every_request_bounds_what_may_come_back() {
    let mut host = Host::in_phase(PhaseKind::Idle);
    host.give(Event::Connect).expect("no misuse");
    let mut requests = 0;
    while let Some(action) = host.action() {
        if let Task::Http(request) = &action.task {
            requests += 1;
            assert!(request.limits.max_body_bytes <= 1024 * 1024);
            assert!(request.limits.timeout_ms <= 30_000);
        }
        host.step();
    }
    assert_eq!(requests, 4, "resource, server, registration and exchange");
}
