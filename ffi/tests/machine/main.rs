//! Does the interface of Python and Swift say what the machine says, and show no secret?
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod keys;

use std::sync::Arc;

use mcp_oauth_ffi::machine::{
    Cause, Config, ConfigError, Deviations, Machine, Misuse, Next, NoRoom, Outcome, PendingSignIns,
    Preregistered, ProvidedTokens, Reach, RecordError, Refusal, RequestHeaders, Settings, Step,
    describe_flow, describe_grant, flow_key_of_callback, flow_key_of_callback_url, generation_of,
};

const SERVER: &str = "https://mcp.example.com/mcp";
const NOW: u64 = 1_800_000_000_000;
const RESOURCE: &str = r#"{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://as.example.com"]}"#;

fn settings() -> Settings {
    Settings {
        server_url: SERVER.into(),
        reach: None,
        grant: None,
        client_name: "MCP client".into(),
        client_uri: None,
        logo_uri: None,
        software_id: None,
        software_version: None,
        software_statement: None,
        initial_access_token: None,
        preregistered: None,
        client_document: None,
        client_key: None,
        assertion_typ: "JWT".into(),
        dynamic_registration: true,
        ask_for_client: false,
        redirect_uri: "http://127.0.0.1:0/callback".into(),
        private_scheme_redirect: false,
        scopes: None,
        offline_access: true,
        authorize_parameters: Vec::new(),
        token_parameters: Vec::new(),
        pushed_authorization: false,
        dpop: None,
        dpop_keys: Vec::new(),
        identity_provider: None,
        workload_audience: None,
        revoke_on_sign_out: true,
        authorization_server: None,
        require_issuer_identification: false,
        deviations: Deviations::default(),
        refresh_skew_ms: 60_000,
        sign_in_timeout_ms: 600_000,
        protocol_version: "2026-07-28".into(),
        user_agent: None,
    }
}

fn config() -> Arc<Config> {
    Arc::new(Config::new(settings()).unwrap())
}

/// A machine that asks for its first document, and the id of that request.
fn looking() -> (Machine, u64) {
    let machine = Machine::new(config(), "");
    machine.nothing_stored(1, NOW).unwrap();
    let step = machine.connect(NOW).unwrap();
    let Next::Http { id, .. } = step.next else {
        panic!("{step:?}");
    };
    (machine, id)
}

fn json(machine: &Machine, id: u64, status: u16, body: &str) -> Step {
    let headers = b"content-type: application/json\n";
    machine
        .reply(id, status, headers, body.as_bytes(), NOW)
        .unwrap()
}

/// Goes through a sign-in with marked secrets. Every step of it.
fn sign_in(machine: &Machine) -> Vec<Step> {
    let mut steps = vec![machine.nothing_stored(1, NOW).unwrap()];
    let challenge = b"Bearer scope=\"notes:read\"".to_vec();
    steps.push(machine.challenge(401, vec![challenge], None, NOW).unwrap());
    loop {
        let step = match &steps.last().unwrap().next {
            Next::Http { id, purpose, .. } => match purpose.as_str() {
                "resource_metadata" => json(machine, *id, 200, RESOURCE),
                "server_metadata" => json(
                    machine,
                    *id,
                    200,
                    r#"{"issuer":"https://as.example.com","authorization_endpoint":"https://as.example.com/a",
                        "token_endpoint":"https://as.example.com/t","registration_endpoint":"https://as.example.com/r",
                        "code_challenge_methods_supported":["S256"]}"#,
                ),
                "registration" => json(
                    machine,
                    *id,
                    201,
                    r#"{"client_id":"c","client_secret":"SECRET-client","redirect_uris":["http://127.0.0.1:7/callback"],
                        "token_endpoint_auth_method":"client_secret_basic"}"#,
                ),
                _ => json(
                    machine,
                    *id,
                    200,
                    r#"{"access_token":"SECRET-access","refresh_token":"SECRET-refresh","token_type":"Bearer","expires_in":60}"#,
                ),
            },
            Next::BindRedirect { id, .. } => machine
                .redirect_bound(*id, "http://127.0.0.1:7/callback", NOW)
                .unwrap(),
            Next::OpenUrl { state, .. } => {
                let query = format!("code=SECRET-code&state={state}");
                machine.callback(&query, NOW).unwrap()
            }
            Next::Save { id, .. } | Next::Delete { id, .. } => machine.stored(*id, NOW).unwrap(),
            _ => return steps,
        };
        steps.push(step);
    }
}

#[test]
fn a_sign_in_goes_through_and_shows_no_secret() {
    let machine = Machine::new(config(), "");
    let steps = sign_in(&machine);
    assert_eq!(steps.last().unwrap().next, Next::Authorized);
    let mut record = Vec::new();
    for step in &steps {
        let shown = format!("{step} {step:?} {} {:?} {machine:?}", step.next, step.next);
        assert!(!shown.contains("SECRET"), "{shown}");
        if let Next::OpenUrl { state, .. } = &step.next {
            assert!(!shown.contains(state.as_str()), "{shown}");
        }
        if let Next::Save {
            record: saved, key, ..
        } = &step.next
            && key.starts_with("grant/")
        {
            record.clone_from(saved);
        }
    }
    let headers = machine.request_headers("POST", SERVER, NOW).unwrap();
    assert!(
        matches!(&headers, RequestHeaders::Ready { authorization, .. } if authorization == "Bearer SECRET-access")
    );
    assert!(!format!("{headers} {headers:?}").contains("SECRET"));
    let summary = describe_grant(&record).unwrap();
    assert_eq!(summary.issuers[0].client_kind.as_deref(), Some("dynamic"));
    assert!(!format!("{summary:?}").contains("SECRET"));
    assert_eq!(generation_of(&record).unwrap(), 2);
    assert_eq!(config().grant_key(""), {
        let Next::Load { key, .. } = Machine::new(config(), "").next() else {
            panic!()
        };
        key
    });
}

#[test]
fn settings_show_no_secret_and_errors_name_the_member() {
    let secret = Settings {
        authorization_server: Some("https://as.example.com".into()),
        initial_access_token: Some("SECRET-initial".into()),
        software_statement: Some("SECRET-statement".into()),
        preregistered: Some(Preregistered {
            issuer: "https://as.example.com".into(),
            client_id: "c".into(),
            client_secret: Some("SECRET-client".into()),
            auth_method: None,
            endpoints: None,
        }),
        ..settings()
    };
    let client = secret.preregistered.clone().unwrap();
    let shown = format!("{secret} {secret:?} {client} {client:?}");
    assert!(!shown.contains("SECRET"), "{shown}");
    assert!(!format!("{:?}", Config::new(secret).unwrap()).contains("SECRET"));
    let refused = Config::new(Settings {
        server_url: "http://mcp.example.com".into(),
        ..settings()
    });
    let ConfigError::Refused { field, .. } = refused.unwrap_err();
    assert_eq!(field, "server_url");
}

#[test]
fn header_fields_are_read_in_any_form() {
    for headers in [
        "location: /elsewhere",
        "Content-Type: text/html\nLOCATION:/elsewhere\n",
        "no field\n: nameless\nx: 1\r\nLocation: \t/elsewhere \r\n",
    ] {
        let (machine, id) = looking();
        let step = machine
            .reply(id, 302, headers.as_bytes(), b"", NOW)
            .unwrap();
        assert!(
            matches!(&step.next, Next::Http { url, .. } if url == "https://mcp.example.com/elsewhere"),
            "{step:?}"
        );
    }
    let (machine, id) = looking();
    let latin = b"location: /\xff\n\xff: 1";
    machine.reply(id, 302, latin, b"", NOW).unwrap();
}

#[test]
fn requests_carry_their_headers_as_lines() {
    let machine = Machine::new(config(), "");
    machine.nothing_stored(1, NOW).unwrap();
    let Next::Http { headers, .. } = machine.connect(NOW).unwrap().next else {
        panic!()
    };
    let names: Vec<_> = headers
        .lines()
        .map(|line| line.split_once(": ").unwrap().0)
        .collect();
    assert_eq!(names, ["accept", "user-agent", "mcp-protocol-version"]);
    assert!(headers.contains(concat!(
        "user-agent: mcp-oauth-core/",
        env!("CARGO_PKG_VERSION")
    )));
}

#[test]
fn misuse_is_told_and_changes_nothing() {
    let (machine, id) = looking();
    let before = machine.snapshot();
    assert_eq!(machine.stored(id, NOW), Err(Misuse::WrongAnswer));
    assert_eq!(machine.stored(id + 1, NOW), Err(Misuse::UnknownAction));
    assert_eq!(
        machine.declined(id, Refusal::Unable, NOW),
        Err(Misuse::WrongAnswer)
    );
    assert_eq!(machine.snapshot(), before);
    let outcome = machine.nothing_stored(1, NOW).unwrap().outcome;
    assert_eq!(outcome, Outcome::Stale);
    assert_eq!(machine.tick(NOW).unwrap().outcome, Outcome::NotDue);
    machine.unreachable(id, Cause::Dns, NOW).unwrap();
}

#[test]
fn snapshots_resume_where_they_belong() {
    let (machine, _) = looking();
    let resumed = Machine::resume(config(), "", &machine.snapshot()).unwrap();
    assert_eq!(resumed.next(), machine.next());
    for (snapshot, account, error) in [
        (machine.snapshot(), "other", RecordError::Foreign),
        (b"{}".to_vec(), "", RecordError::Malformed),
    ] {
        let refused = Machine::resume(config(), account, &snapshot);
        assert_eq!(refused.err(), Some(error));
    }
}

#[test]
fn a_callback_names_its_record() {
    let query = flow_key_of_callback("code=1&state=abc");
    assert!(query.as_ref().is_some_and(|key| key.starts_with("flow/")));
    let url = "https://app.example.com/callback?state=abc&code=1#end";
    assert_eq!(flow_key_of_callback_url(url), query);
    assert_eq!(flow_key_of_callback("code=1"), None);
}

#[test]
fn addresses_are_read_as_digits_only() {
    assert!(Reach::Public.allows_address("93.184.215.14"));
    assert!(Reach::Loopback.allows_address("::1"));
    for address in [
        "10.0.0.1",
        "::1",
        "fe80::1%eth0",
        "example.com",
        "",
        "127.1",
    ] {
        assert!(!Reach::Public.allows_address(address), "{address}");
    }
}

#[test]
fn any_thread_may_call() {
    let machine = Machine::new(config(), "");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let _ = machine.connect(NOW);
                    let _ = machine.cancel(NOW);
                    machine.snapshot();
                }
            });
        }
    });
}

fn brought() -> ProvidedTokens {
    ProvidedTokens {
        issuer: "https://as.example.com".into(),
        token_endpoint: "https://as.example.com/t".into(),
        client_id: "c".into(),
        access_token: "SECRET-access".into(),
        refresh_token: Some("SECRET-refresh".into()),
        expires_at_ms: Some(NOW + 3_600_000),
        scope: "notes:read".into(),
        resource: None,
        client_secret: Some("SECRET-client".into()),
        auth_method: None,
    }
}

/// The record that a machine wants to be saved, once it is.
fn saved(machine: &Machine, step: Step) -> (Vec<u8>, Step) {
    let Next::Save { id, record, .. } = step.next else {
        panic!("{step:?}");
    };
    (record, machine.stored(id, NOW).unwrap())
}

/// A machine with tokens, and the record that holds them.
fn with_tokens() -> (Machine, Vec<u8>) {
    let machine = Machine::new(config(), "");
    machine.nothing_stored(1, NOW).unwrap();
    let step = machine.tokens_provided(brought(), NOW).unwrap();
    let (record, step) = saved(&machine, step);
    assert_eq!(step.next, Next::Authorized);
    (machine, record)
}

#[test]
fn tokens_are_brought_and_show_no_secret() {
    let tokens = brought();
    assert!(!format!("{tokens} {tokens:?}").contains("SECRET"));
    let (machine, _) = with_tokens();
    let headers = machine.request_headers("POST", SERVER, NOW).unwrap();
    assert!(
        matches!(headers, RequestHeaders::Ready { authorization, .. } if authorization == "Bearer SECRET-access")
    );
    let elsewhere = ProvidedTokens {
        resource: Some("https://other.example.com/".into()),
        ..brought()
    };
    let misuse = machine.tokens_provided(elsewhere, NOW).unwrap_err();
    assert_eq!(misuse, Misuse::Tokens { member: "resource" });
    assert!(misuse.to_string().contains("resource"));
    let (machine, _) = looking();
    let step = machine.tokens_provided(brought(), NOW).unwrap();
    assert_eq!(step.outcome, Outcome::FlowUnderWay);
}

#[test]
fn who_finds_a_refresh_claimed_waits_and_adopts() {
    let (one, record) = with_tokens();
    let two = Machine::new(config(), "");
    two.loaded(1, &record, NOW).unwrap();
    let late = NOW + 3_600_000;
    let Next::Load { id, key } = one.refresh(late).unwrap().next else {
        panic!()
    };
    assert_eq!(key, two.grant_key());
    let (claim, step) = saved(&one, one.loaded(id, &record, late).unwrap());
    let Next::Http { id: refresh, .. } = step.next else {
        panic!("{step:?}")
    };
    let Next::Load { id, .. } = two.refresh(late).unwrap().next else {
        panic!()
    };
    let Next::Wait { until_ms, .. } = two.loaded(id, &claim, late).unwrap().next else {
        panic!()
    };
    assert_eq!(two.deadline(), Some(until_ms));
    assert_eq!(two.phase(), "AwaitingRefresh");
    let early = two.store_changed(Some(record), late).unwrap();
    assert_eq!(early.outcome, Outcome::Outdated);
    let body = r#"{"access_token":"SECRET-next","token_type":"Bearer","expires_in":60}"#;
    let step = json(&one, refresh, 200, body);
    let (renewed, step) = saved(&one, step);
    assert_eq!(step.next, Next::Authorized);
    let step = two.store_changed(Some(renewed), late).unwrap();
    assert_eq!(step.next, Next::Authorized);
    let shown = format!("{step} {step:?}");
    assert!(!shown.contains("SECRET"), "{shown}");
    let step = two.store_changed(None, late).unwrap();
    assert_eq!(step.next, Next::Idle);
}

#[test]
fn a_pending_sign_in_is_described() {
    let machine = Machine::new(config(), "someone");
    machine.nothing_stored(1, NOW).unwrap();
    let steps = sign_in(&machine);
    let record = steps.iter().find_map(|step| match &step.next {
        Next::Save { record, key, .. } if key.starts_with("flow/") => Some(record),
        _ => None,
    });
    let summary = describe_flow(record.unwrap()).unwrap();
    assert_eq!(summary.server_url, SERVER);
    assert_eq!(summary.account, "someone");
    assert_eq!(summary.expires_at_ms, NOW + 600_000);
    assert_eq!(describe_flow(b"{}"), Err(RecordError::Malformed));
}

#[test]
fn callbacks_find_their_sign_in_once() {
    let pending = PendingSignIns::new(2);
    assert_eq!(pending.insert("one", NOW + 1, 1, NOW), Ok(None));
    assert_eq!(pending.insert("two", NOW + 2, 2, NOW), Ok(None));
    assert_eq!(pending.insert("three", NOW + 2, 3, NOW), Err(NoRoom::Full));
    assert_eq!(pending.insert("two", NOW + 2, 4, NOW), Ok(Some(2)));
    assert_eq!(pending.take("code=c&state=other", NOW), None);
    assert_eq!(pending.take("code=c&state=two", NOW), Some(4));
    assert_eq!(pending.take_url("app:/cb?code=c&state=two", NOW), None);
    assert_eq!(pending.take_expired(NOW), None);
    assert_eq!(pending.take_expired(NOW + 1), Some(1));
    assert_eq!(pending.forget("one"), None);
    assert_eq!(pending.count(), 0);
}
