//! What if events come in any order, from a host that errs and servers that lie?
//!
//! A byte chooses what happens next, the bytes after it the details; an ASCII digit or letter does something simple, so
//! that a script can be read. Two machines share one store, as two processes do.

use mcp_oauth_core::*;

use super::ledger::Endpoint;
use super::profile::ISSUER;
use super::source::Fault;
use super::trial::{Seat, Trial, outstanding};
use super::world::Answer;

/// Most events of one script.
const MAX_EVENTS: usize = 160;

/// What remains of the script.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn choice<T: Clone>(&mut self, of: &[T]) -> T {
        let byte = self.byte().unwrap_or(b'0');
        // Digits count from nought.
        of[usize::from(byte.wrapping_sub(b'0')) % of.len()].clone()
    }

    /// Text up to the end of its line.
    fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == b'\n');
        let (line, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        line
    }
}

pub(crate) fn events(data: &[u8], trial: &mut Trial) {
    let mut script = Script(data);
    let mut given: Vec<(ActionId, Answer)> = Vec::new();
    let mut other: Option<Seat> = None;
    for _ in 0..MAX_EVENTS {
        let Some(what) = script.byte() else { break };
        match what {
            b'0'..=b'7' => given.extend(trial.honest(what & 7)),
            b'c' => drop(trial.give(Event::Connect)),
            b'r' => drop(trial.give(Event::Refresh)),
            b't' => drop(trial.give(Event::Tick)),
            b'x' => drop(trial.give(Event::Cancel)),
            b'o' => drop(trial.give(Event::SignOut {
                forget_client: false,
            })),
            b'O' => drop(trial.give(Event::SignOut {
                forget_client: true,
            })),
            b'h' => challenge(trial, &mut script),
            b'a' => {
                if let Some(action) = outstanding(&trial.seat.machine) {
                    let answer = odd_answer(trial, &action, &mut script);
                    let _ = trial.reply(action.id, &answer);
                    given.push((action.id, answer));
                }
            }
            b'g' => {
                let name = trial.seat.machine.grant_key().as_str();
                let stored = trial.world.records.get(name);
                let stored = stored.map(|(_, record)| record.clone());
                let record = match script.choice(&[0, 1, 2]) {
                    0 => stored,
                    1 => None,
                    _ => Some(script.line().to_vec()),
                };
                let record = record.as_deref();
                let _ = trial.give(Event::StoreChanged { record });
            }
            b'T' => tokens_provided(trial, &mut script),
            b'N' => trial.seat.machine.take_nonce(script.line()),
            // An answer that was given before, or to an action that is not outstanding.
            b'p' => {
                let back = usize::from(script.byte().unwrap_or(b'0').wrapping_sub(b'0'));
                if let Some((id, answer)) = given.iter().rev().cycle().nth(back).cloned() {
                    let _ = trial.reply(id, &answer);
                }
            }
            b'i' => {
                let id = script.choice(&[0, 1, 2, 3, 5, 1000, u64::MAX]);
                let answer = script.choice(&[
                    Answer::Done,
                    Answer::Loaded(None),
                    Answer::Declined(Refusal::Denied),
                    Answer::Unreachable(Cause::Dns),
                    Answer::Bound("http://127.0.0.1:1/callback".into()),
                    Answer::raw(200, b"{}".to_vec()),
                ]);
                let _ = trial.reply(ActionId::from_number(id), &answer);
            }
            b'f' => {
                let wait = script.choice(&[1, 61_000, 700_000, 3_700_000, 90_000_000, u64::MAX]);
                trial.now = trial.now.after(wait);
            }
            b'b' => {
                let back = script.choice(&[1, 61_000, 3_700_000, u64::MAX]);
                trial.now = trial.now.before(back);
            }
            b'e' => {
                let faults = [
                    Fault::None,
                    Fault::Refusing,
                    Fault::Constant,
                    Fault::Repeating,
                ];
                trial.source.fault = script.choice(&faults);
            }
            // The process ends, and another goes on with its snapshot, or with nothing but the store.
            b's' => {
                let snapshot = trial.seat.machine.snapshot();
                let machine = Machine::resume(trial.config.clone(), "", snapshot.expose());
                trial.seat(machine.expect("a snapshot can be resumed"));
            }
            b'n' => {
                let machine = Machine::new(trial.config.clone(), "");
                trial.seat(machine);
            }
            // The other process, or one that takes up the pending sign-in.
            b'w' => {
                let seat = other
                    .take()
                    .unwrap_or_else(|| Seat::new(Machine::new(trial.config.clone(), "")));
                other = Some(trial.change_seats(seat));
            }
            b'k' => {
                let flow = trial
                    .world
                    .records
                    .iter()
                    .find(|(name, _)| name.starts_with("flow/"))
                    .map(|(_, (_, record))| record.clone());
                if let Some(record) = flow {
                    let machine = Machine::resume(trial.config.clone(), "", &record);
                    other = Some(trial.seat(machine.expect("a flow record can be resumed")));
                }
            }
            // Somebody empties the store.
            b'd' => trial.world.records.clear(),
            _ => drop(trial.give(Event::Tick)),
        }
    }
    // Whatever has happened, honest servers bring it to an end.
    trial.source.fault = Fault::None;
    trial.finish(0);
}

fn challenge(trial: &mut Trial, script: &mut Script<'_>) {
    let current = trial.generation();
    let generation = script.choice(&[
        current,
        None,
        current.map(|it| it.saturating_sub(1)),
        Some(u64::MAX),
    ]);
    let (status, line) = script.choice(&[
        (401, "Bearer"),
        (
            401,
            "Bearer resource_metadata=\"https://mcp.example/meta\", scope=\"notes:read\"",
        ),
        (
            401,
            "Bearer resource_metadata=\"https://other.example/meta\"",
        ),
        (403, "Bearer error=\"insufficient_scope\", scope=\"admin\""),
        (
            403,
            "Bearer error=\"insufficient_scope\", scope=\"notes:read more\"",
        ),
        (403, "Bearer error=\"insufficient_scope\""),
        (401, "DPoP error=\"use_dpop_nonce\""),
        (401, "DPoP error=\"invalid_dpop_proof\""),
        (401, "Basic realm=\"x\""),
        (500, "Bearer"),
        (401, "@"),
        (403, "@"),
    ]);
    let line = match line {
        "@" => script.line(),
        line => line.as_bytes(),
    };
    let _ = trial.give(Event::Challenge(Challenge {
        status,
        www_authenticate: &[line],
        generation,
    }));
}

/// Tokens that the host got elsewhere.
fn tokens_provided(trial: &mut Trial, script: &mut Script<'_>) {
    let issuer = script.choice(&[ISSUER, "https://second.example/tenant", ""]);
    let endpoint = format!("{issuer}/token");
    let marks = &trial.world.marks;
    let brought = format!("{}brought", marks.refresh);
    let refresh_token = script.choice(&[None, Some(brought.as_str()), Some("")]);
    trial
        .ledger
        .learn_endpoint(issuer, Endpoint::Token, &endpoint);
    trial.ledger.learn_owner(&brought, issuer);
    let tokens = ProvidedTokens {
        issuer: issuer.into(),
        token_endpoint: endpoint.into(),
        client: ProvidedClient {
            client_id: "brought".into(),
            client_secret: None,
            auth_method: None,
        },
        access_token: Secret::new(format!("{}brought", marks.access)),
        refresh_token: refresh_token.map(Secret::new),
        expires_at: script.choice(&[None, Some(trial.now.after(3_600_000))]),
        scope: "notes:read".into(),
        resource: None,
    };
    let _ = trial.give(Event::TokensProvided(Box::new(tokens)));
}

/// An answer that an honest server or host would not give, if mostly of the right kind.
fn odd_answer(trial: &mut Trial, action: &Action, script: &mut Script<'_>) -> Answer {
    match &action.task {
        Task::Http(_) => odd_reply(trial, action, script),
        Task::Store(op) => match script.choice(&[0, 1, 2, 3, 4, 5]) {
            0 => Answer::Failed,
            1 => Answer::Conflict,
            2 => Answer::Done,
            3 => Answer::Loaded(None),
            4 => Answer::Loaded(Some(script.line().to_vec())),
            // The store has acted, and its answer is lost.
            _ => {
                trial.world.store(op);
                Answer::Failed
            }
        },
        Task::OpenUrl(open) => odd_callback(trial, open, script),
        // A wait has no answer.
        Task::Wait { .. } => script.choice(&[Answer::Done, Answer::Failed]),
        Task::Sign(_) | Task::FetchAssertion(_) | Task::ShowCode(_) => script.choice(&[
            Answer::Declined(Refusal::Unable),
            Answer::Declined(Refusal::Denied),
            Answer::Signed(Vec::new()),
            Answer::Signed(vec![7; 64]),
            Answer::Signed(vec![7; 256]),
            Answer::Assertion(ProvidedAssertion {
                token: Secret::new("e30.e30.e30"),
                kind: AssertionKind::Jwt,
            }),
            Answer::Assertion(ProvidedAssertion {
                token: Secret::new("opaque"),
                kind: AssertionKind::RefreshToken,
            }),
            Answer::Assertion(ProvidedAssertion {
                token: Secret::new(""),
                kind: AssertionKind::IdToken,
            }),
        ]),
        Task::BindRedirect { .. } | Task::AskForClient { .. } => script.choice(&[
            Answer::Declined(Refusal::NeedsUser),
            Answer::Declined(Refusal::Denied),
            Answer::Declined(Refusal::Unable),
            Answer::Bound("http://127.0.0.1:50000/callback".into()),
            Answer::Bound("https://app.example/callback".into()),
            Answer::Bound("http://app.example/callback".into()),
            Answer::Bound("com.example.app:/callback".into()),
            Answer::Client(ProvidedClient {
                client_id: "".into(),
                client_secret: None,
                auth_method: None,
            }),
            Answer::Client(ProvidedClient {
                client_id: "public".into(),
                client_secret: None,
                auth_method: Some(AuthMethod::ClientSecretBasic),
            }),
        ]),
    }
}

fn odd_reply(trial: &mut Trial, action: &Action, script: &mut Script<'_>) -> Answer {
    let causes = [
        Cause::Dns,
        Cause::Connect,
        Cause::Tls,
        Cause::Blocked,
        Cause::Timeout,
        Cause::Interrupted,
        Cause::TooLarge,
    ];
    let error =
        |status, code: &str| Answer::raw(status, format!("{{\"error\":\"{code}\"}}").into_bytes());
    match script.choice(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
        10 => Answer::Reply {
            status: 400,
            headers: vec![("dpop-nonce", script.line().to_vec())],
            body: b"{\"error\":\"use_dpop_nonce\"}".to_vec(),
        },
        0 => Answer::Unreachable(script.choice(&causes)),
        1 => Answer::raw(404, Vec::new()),
        2 => Answer::raw(script.choice(&[500, 503, 429, 408]), Vec::new()),
        3 => error(400, "invalid_grant"),
        4 => error(401, "invalid_client"),
        5 => error(
            400,
            script.choice(&[
                "invalid_target",
                "invalid_request",
                "invalid_scope",
                "invalid_client_metadata",
                "invalid_redirect_uri",
                "temporarily_unavailable",
                "slow_down",
                "authorization_pending",
                "expired_token",
                "access_denied",
                "invalid_dpop_proof",
            ]),
        ),
        6 => Answer::Reply {
            status: 302,
            headers: vec![("location", script.line().to_vec())],
            body: Vec::new(),
        },
        7 => Answer::raw(200, b"<html>".to_vec()),
        8 => {
            let line = script.line();
            let marks = &trial.world.marks;
            let whole = line.starts_with(b"{") && !line.contains(&b'&');
            Answer::raw(
                200,
                if whole {
                    marks.fill(line)
                } else {
                    line.to_vec()
                },
            )
        }
        // An honest document with an unexpected status.
        _ => {
            let server_url = trial.settings.server_url.clone();
            let status = script.choice(&[201, 204, 400, 401, 500]);
            match trial.world.answer(action, &server_url, 0) {
                Answer::Reply { body, .. } => Answer::raw(status, body),
                other => other,
            }
        }
    }
}

fn odd_callback(trial: &mut Trial, open: &OpenUrl, script: &mut Script<'_>) -> Answer {
    let code = trial.world.code();
    let state = open.state.expose();
    let redirect = &open.redirect_uri;
    let query = |text: String| Answer::Callback(text);
    match script.choice(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
        0 => query(format!("error=access_denied&state={state}")),
        1 => query(format!("code={code}&state=other")),
        2 => query(format!("code={code}&state={state}")),
        3 => query(format!(
            "code={code}&state={state}&iss=https://evil.example"
        )),
        4 => Answer::CallbackUrl(format!("{redirect}?code={code}&state={state}")),
        5 => Answer::CallbackUrl(format!(
            "http://127.0.0.1:1/other?code={code}&state={state}"
        )),
        6 => query(format!(
            "error=temporarily_unavailable&error_description=later&state={state}"
        )),
        7 => query(format!(
            "code={code}&code={code}&state={state}&state={state}"
        )),
        8 => {
            Answer::Declined(script.choice(&[Refusal::NeedsUser, Refusal::Denied, Refusal::Unable]))
        }
        _ => {
            let text = String::from_utf8_lossy(script.line()).into_owned();
            query(format!("{text}&state={state}"))
        }
    }
}
