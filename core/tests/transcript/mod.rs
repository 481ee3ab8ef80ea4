//! How is a transcript replayed? See `tests/transcripts/README.md`.

mod render;

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth_core::transition::leads_to;
use mcp_oauth_core::*;
use rand_core::{TryCryptoRng, TryRng};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The byte that signatures consist of.
const SIGNATURE: u8 = 0x2a;

const START: u64 = 1_800_000_000_000;

/// The blocks SHA-256(seed ‖ n).
struct Seeded {
    seed: String,
    counter: u64,
    block: Vec<u8>,
}

impl Seeded {
    fn byte(&mut self) -> u8 {
        if self.block.is_empty() {
            let mut hash = Sha256::new();
            hash.update(self.seed.as_bytes());
            hash.update(self.counter.to_be_bytes());
            self.counter += 1;
            self.block = hash.finalize().iter().rev().copied().collect();
        }
        self.block.pop().expect("just filled")
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill_with(|| self.byte());
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}

struct Replay<'a> {
    /// The transitions that were made.
    edges: &'a mut BTreeSet<String>,
    config: Arc<Config>,
    account: String,
    machine: Machine,
    rng: Seeded,
    now: Timestamp,
    state: String,
    saved: HashMap<Slot, SecretBytes>,
    /// Assertions, which no snapshot or record may hold.
    fleeting: Vec<String>,
}

/// Replays a transcript; when blessing, returns its text with what the machine did.
pub(crate) fn replay(
    text: &str,
    bless: bool,
    edges: &mut BTreeSet<String>,
) -> Result<Option<String>, String> {
    let mut file: Map<String, Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    for member in ["proves", "requirements", "settings", "steps"] {
        if !file.contains_key(member) {
            return Err(format!("has no {member:?}"));
        }
    }
    let mut settings = file["settings"].clone();
    let object = settings.as_object_mut().ok_or("settings are no object")?;
    object.entry("user_agent").or_insert(json!("transcript"));
    let settings: Settings = serde_json::from_value(settings).map_err(|e| e.to_string())?;
    let text_of = |name: &str| {
        file.get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let account = text_of("account");
    let config = match Config::new(settings) {
        Ok(_) if file.contains_key("refused") => return Err("the settings are accepted".into()),
        Ok(config) => Arc::new(config),
        Err(error) => return refused_settings(&mut file, &error, bless),
    };
    let mut replay = Replay {
        edges,
        machine: Machine::new(config.clone(), &account),
        config,
        account,
        rng: Seeded {
            seed: text_of("seed"),
            counter: 0,
            block: Vec::new(),
        },
        now: Timestamp::from_millis(START),
        state: String::new(),
        saved: HashMap::new(),
        // Of whatever was signed.
        fleeting: vec![URL_SAFE_NO_PAD.encode([SIGNATURE; 12])],
    };
    let steps = file["steps"]
        .as_array()
        .cloned()
        .ok_or("steps are no array")?;
    let mut done = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let observed = replay
            .step(step)
            .map_err(|problem| format!("step {}: {problem}", number + 1))?;
        if !bless {
            for member in ["outcome", "trace", "next"] {
                let (expected, got) = (step.get(member), observed.get(member));
                if expected != got {
                    let show = |value: Option<&Value>| {
                        value.map_or("(nothing)".into(), |value| format!("{value:#}"))
                    };
                    return Err(format!(
                        "step {}: {}\n{member} should be\n{}\nbut is\n{}",
                        number + 1,
                        step["event"],
                        show(expected),
                        show(got)
                    ));
                }
            }
        }
        done.push(Value::Object(observed));
    }
    if !bless {
        return Ok(None);
    }
    file["steps"] = Value::Array(done);
    Ok(Some(render::file(&file)))
}

/// A transcript about settings that are refused has no steps but `"refused": "…"`.
fn refused_settings(
    file: &mut Map<String, Value>,
    error: &ConfigError,
    bless: bool,
) -> Result<Option<String>, String> {
    let got = json!(error.to_string());
    if bless && file.contains_key("refused") {
        file.insert("refused".into(), got);
        return Ok(Some(render::file(file)));
    }
    if file.get("refused") == Some(&got) {
        Ok(None)
    } else {
        Err(format!("the settings are refused: {got}"))
    }
}

impl Replay<'_> {
    fn step(&mut self, step: &Value) -> Result<Map<String, Value>, String> {
        let mut observed = Map::new();
        for member in ["after", "id", "event"] {
            if let Some(value) = step.get(member) {
                observed.insert(member.into(), value.clone());
            }
        }
        if let Some(after) = step.get("after").and_then(Value::as_u64) {
            self.now = self.now.after(after);
        }
        let event = self.with_state(step.get("event").ok_or("has no event")?);
        if let Some(question) = event.get("request_headers") {
            let answer = self.request_headers(question);
            observed.insert("next".into(), answer);
            return Ok(observed);
        }
        if let Some(nonce) = event.get("nonce").and_then(Value::as_str) {
            self.machine.take_nonce(nonce.as_bytes());
            observed.insert("next".into(), render::next(self.machine.next()));
            return Ok(observed);
        }
        if event.get("deadline").is_some() {
            let deadline = self.machine.deadline().map(Timestamp::as_millis);
            observed.insert("next".into(), json!(deadline));
            return Ok(observed);
        }
        if event.get("restart").is_some() {
            self.machine = Machine::new(self.config.clone(), &self.account);
        } else if event.get("resume").is_some() {
            let record = self.saved.get(&Slot::Flow).ok_or("no flow was saved")?;
            self.machine = Machine::resume(self.config.clone(), &self.account, record.expose())
                .map_err(|error| error.to_string())?;
        } else if event != "start" {
            let id = step.get("id").and_then(Value::as_u64);
            let outcome = self.feed(&event, id)?;
            observed.insert("outcome".into(), outcome);
            let trace: Vec<_> = self.machine.take_trace();
            let names: Vec<_> = trace.iter().map(|entry| entry.decision.name()).collect();
            if !names.is_empty() {
                observed.insert("trace".into(), json!(names));
            }
        }
        self.remember();
        observed.insert("next".into(), render::next(self.machine.next()));
        self.resume_and_compare()?;
        Ok(observed)
    }

    /// Keeps what a later step may refer to.
    fn remember(&mut self) {
        match self.machine.next() {
            Next::Do(Action {
                task: Task::OpenUrl(open),
                ..
            }) => self.state = open.state.expose().to_owned(),
            Next::Do(Action {
                task: Task::Store(StoreOp::Save { key, record, .. }),
                ..
            }) => {
                self.saved.insert(key.slot(), record.clone());
            }
            _ => {}
        }
    }

    /// Snapshot → resume → the same `next`.
    fn resume_and_compare(&self) -> Result<(), String> {
        let snapshot = self.machine.snapshot();
        let text = String::from_utf8_lossy(snapshot.expose());
        if let Some(kept) = self
            .fleeting
            .iter()
            .find(|text_of| !text_of.is_empty() && text.contains(text_of.as_str()))
        {
            return Err(format!("the snapshot holds {kept}"));
        }
        let resumed = Machine::resume(self.config.clone(), &self.account, snapshot.expose())
            .map_err(|error| format!("the snapshot cannot be resumed: {error}"))?;
        let refreshes = match self.machine.phase() {
            PhaseKind::Refreshing => true,
            // For a refresh, if the grant is read again.
            PhaseKind::Signing => resumed.phase() == PhaseKind::Loading,
            _ => false,
        };
        if refreshes {
            return match resumed.next() {
                Next::Do(Action {
                    task: Task::Store(StoreOp::Load { key }),
                    ..
                }) if key == self.machine.grant_key() => Ok(()),
                other => Err(format!("a refresh was resumed as {other:?}")),
            };
        }
        if self.machine.phase() == PhaseKind::Exchanging {
            return match resumed.next() {
                Next::Rest(Verdict::Failed(failure)) if failure.code() == Code::OutcomeUnknown => {
                    Ok(())
                }
                other => Err(format!("an exchange was resumed as {other:?}")),
            };
        }
        if resumed.snapshot() != snapshot {
            return Err("the resumed machine has another snapshot".into());
        }
        if self.is_fleeting(&resumed) {
            let unavailable = [
                Code::GrantUnavailable,
                Code::AuthorizationUnavailable,
                Code::OutcomeUnknown,
            ];
            return match (self.machine.phase(), resumed.next()) {
                (PhaseKind::Revoking, Next::Rest(Verdict::SignedOut)) => Ok(()),
                (_, Next::Rest(Verdict::Failed(failure)))
                    if unavailable.contains(&failure.code()) =>
                {
                    Ok(())
                }
                (_, other) => Err(format!("what must be sent once was resumed as {other:?}")),
            };
        }
        let polls = match self.machine.phase() {
            PhaseKind::Polling => true,
            PhaseKind::Signing => resumed.phase() == PhaseKind::AwaitingDevice,
            _ => false,
        };
        if polls {
            return match resumed.next() {
                Next::Do(Action {
                    task: Task::ShowCode(_),
                    ..
                }) => Ok(()),
                other => Err(format!("a poll was resumed as {other:?}")),
            };
        }
        if resumed.next() != self.machine.next() {
            return Err(format!(
                "resumed as {:?} instead of {:?}",
                resumed.next(),
                self.machine.next()
            ));
        }
        Ok(())
    }

    /// Whether the request that is to be sent carries what may be sent once: an assertion or a proof.
    fn is_fleeting(&self, resumed: &Machine) -> bool {
        match self.machine.next() {
            Next::Do(Action {
                task: Task::Http(request),
                ..
            }) if self.machine.phase() != PhaseKind::Polling => {
                let body = request.body.as_ref().map_or("", |body| body.expose());
                let carries = |name: &str| body.split('&').any(|pair| pair.starts_with(name));
                request.headers.iter().any(|header| header.name == "dpop")
                    || ["assertion=", "client_assertion=", "subject_token="]
                        .into_iter()
                        .any(carries)
            }
            // The request that it is for has an assertion already.
            Next::Do(Action {
                task: Task::Sign(_),
                ..
            }) => resumed.phase() == PhaseKind::Failed,
            _ => false,
        }
    }

    fn request_headers(&mut self, question: &Value) -> Value {
        let text = |name: &str| question[name].as_str().unwrap_or("");
        match self
            .machine
            .request_headers(text("method"), text("url"), self.now)
        {
            RequestHeaders::Ready(authorization) => json!({"ready": {
                "authorization": authorization.expose(),
                "generation": authorization.generation(),
            }}),
            RequestHeaders::Sign(proof) => {
                let draft = proof.draft(&mut self.rng).expect("the source never fails");
                let authorization = proof.authorization();
                json!({"sign": {
                    "authorization": authorization.expose(),
                    "generation": authorization.generation(),
                    "proof": render::sign(&draft),
                }})
            }
            RequestHeaders::RefreshDue => json!("refresh_due"),
            RequestHeaders::Absent => json!("absent"),
        }
    }

    /// Replaces `{state}` in every string.
    fn with_state(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(text.replace("{state}", &self.state)),
            Value::Array(list) => list.iter().map(|item| self.with_state(item)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(name, item)| (name.clone(), self.with_state(item)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    fn feed(&mut self, event: &Value, id: Option<u64>) -> Result<Value, String> {
        let outstanding = match self.machine.next() {
            Next::Do(action) => action.id.get(),
            Next::Rest(_) => 0,
        };
        let id = ActionId::from_number(id.unwrap_or(outstanding));
        if let Some(name) = event.as_str() {
            return Ok(self.give(match name {
                "connect" => Event::Connect,
                "refresh" => Event::Refresh,
                "tick" => Event::Tick,
                "cancel" => Event::Cancel,
                other => return Err(format!("unknown event {other:?}")),
            }));
        }
        let (name, body) = event
            .as_object()
            .and_then(|map| map.iter().next())
            .ok_or("an event is a string or an object of one member")?;
        let text = |name: &str| body[name].as_str();
        Ok(match name.as_str() {
            "sign_out" => self.give(Event::SignOut {
                forget_client: body["forget_client"].as_bool().unwrap_or(false),
            }),
            "challenge" => {
                let lines: Vec<Vec<u8>> = body["www_authenticate"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|line| line.as_str().unwrap_or("").as_bytes().to_vec())
                    .collect();
                let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
                self.give(Event::Challenge(Challenge {
                    status: body["status"].as_u64().unwrap_or(0) as u16,
                    www_authenticate: &lines,
                    generation: body["generation"].as_u64(),
                }))
            }
            "reply" => {
                let bytes = match body.get("json") {
                    Some(document) => document.to_string(),
                    None => text("body").unwrap_or("").to_owned(),
                };
                let headers: Vec<(&str, &[u8])> = body["headers"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or("").as_bytes()))
                    .collect();
                let response = HttpResponse {
                    status: body["status"].as_u64().unwrap_or(0) as u16,
                    headers: &headers,
                    body: bytes.as_bytes(),
                };
                let outcome = self.give(Event::Reply { id, response });
                self.twice(Event::Reply { id, response })?;
                outcome
            }
            "unreachable" => {
                let causes = [
                    Cause::Dns,
                    Cause::Connect,
                    Cause::Tls,
                    Cause::Blocked,
                    Cause::Timeout,
                    Cause::Interrupted,
                    Cause::TooLarge,
                ];
                let cause = causes
                    .into_iter()
                    .find(|cause| Some(cause.as_str()) == body.as_str())
                    .ok_or("unknown cause")?;
                let outcome = self.give(Event::Unreachable { id, cause });
                self.twice(Event::Unreachable { id, cause })?;
                outcome
            }
            "redirect_bound" => {
                let uri = body.as_str().unwrap_or("");
                self.give(Event::RedirectBound { id, uri })
            }
            "callback" => self.give(Event::Callback(CallbackText::Query(
                body.as_str().unwrap_or(""),
            ))),
            "callback_url" => self.give(Event::Callback(CallbackText::Url(
                body.as_str().unwrap_or(""),
            ))),
            "client_provided" => self.give(Event::ClientProvided {
                id,
                client: ProvidedClient {
                    client_id: text("client_id").unwrap_or("").into(),
                    client_secret: text("client_secret").map(Secret::new),
                    auth_method: text("auth_method").and_then(AuthMethod::from_name),
                },
            }),
            "signed" => {
                let length = body.as_u64().ok_or("a signature has a length")?;
                let signature = vec![SIGNATURE; length as usize];
                let outcome = self.give(Event::Signed {
                    id,
                    signature: &signature,
                });
                self.twice(Event::Signed {
                    id,
                    signature: &signature,
                })?;
                outcome
            }
            "assertion_provided" => {
                let token = text("token").unwrap_or("").to_owned();
                let kind = match text("kind") {
                    Some("jwt") => AssertionKind::Jwt,
                    Some("id_token") => AssertionKind::IdToken,
                    Some("refresh_token") => AssertionKind::RefreshToken,
                    Some("saml2") => AssertionKind::Saml2,
                    other => return Err(format!("unknown kind of assertion {other:?}")),
                };
                self.fleeting.push(token.clone());
                self.give(Event::AssertionProvided {
                    id,
                    assertion: ProvidedAssertion {
                        token: Secret::new(token),
                        kind,
                    },
                })
            }
            "declined" => self.give(Event::Declined {
                id,
                reason: match body.as_str() {
                    Some("needs_user") => Refusal::NeedsUser,
                    Some("denied") => Refusal::Denied,
                    Some("unable") => Refusal::Unable,
                    other => return Err(format!("unknown refusal {other:?}")),
                },
            }),
            "stored" => {
                let record = self.record(body);
                let result = match (body.as_str(), &record) {
                    (Some("nothing"), _) => StoreResult::Loaded(None),
                    (Some("done"), _) => StoreResult::Done,
                    (Some("conflict"), _) => StoreResult::Conflict,
                    (Some("failed"), _) => StoreResult::Failed,
                    (None, Some(record)) => StoreResult::Loaded(Some(record)),
                    other => return Err(format!("unknown store result {other:?}")),
                };
                let outcome = self.give(Event::Stored { id, result });
                self.twice(Event::Stored { id, result })?;
                outcome
            }
            "store_changed" => {
                let record = self.record(body);
                let record = record.as_deref();
                self.give(Event::StoreChanged { record })
            }
            "tokens_provided" => {
                let required = |name: &str| text(name).unwrap_or("").into();
                self.give(Event::TokensProvided(Box::new(ProvidedTokens {
                    issuer: required("issuer"),
                    token_endpoint: required("token_endpoint"),
                    client: ProvidedClient {
                        client_id: required("client_id"),
                        client_secret: text("client_secret").map(Secret::new),
                        auth_method: text("auth_method").and_then(AuthMethod::from_name),
                    },
                    access_token: Secret::new(text("access_token").unwrap_or("")),
                    refresh_token: text("refresh_token").map(Secret::new),
                    expires_at: body["expires_at"].as_u64().map(Timestamp::from_millis),
                    scope: required("scope"),
                    resource: text("resource").map(Into::into),
                })))
            }
            other => return Err(format!("unknown event {other:?}")),
        })
    }

    /// The record that an event carries: one that was saved before, or its own.
    fn record(&self, body: &Value) -> Option<Vec<u8>> {
        let saved = |slot| self.saved.get(&slot).map(|record| record.expose().to_vec());
        match body.get("saved").and_then(Value::as_str) {
            Some("grant") => saved(Slot::Grant),
            Some("flow") => saved(Slot::Flow),
            _ => body.get("record").map(|record| match record {
                Value::String(text) => text.clone().into_bytes(),
                other => other.to_string().into_bytes(),
            }),
        }
    }

    fn give(&mut self, event: Event<'_>) -> Value {
        let mut context = Context {
            now: self.now,
            rng: &mut self.rng,
        };
        let (before, kind) = (self.machine.phase(), event.kind());
        let outcome = self.machine.handle(event, &mut context);
        let after = self.machine.phase();
        let allowed = match outcome {
            Ok(Outcome::Advanced) => leads_to(before, kind).contains(&after),
            _ => after == before,
        };
        assert!(
            allowed,
            "{kind:?} led from {before:?} to {after:?} ({outcome:?}): not in the table"
        );
        if outcome == Ok(Outcome::Advanced) {
            self.edges
                .insert(format!("{before:?} --{kind:?}--> {after:?}"));
        }
        match outcome {
            Ok(Outcome::Advanced) => json!("advanced"),
            Ok(Outcome::Joined) => json!("joined"),
            Ok(Outcome::Ignored(why)) => json!({ "ignored": render::snake(&format!("{why:?}")) }),
            Err(misuse) => {
                let shown = format!("{misuse:?}");
                let name = shown.split(' ').next().unwrap_or(&shown);
                json!({ "misuse": render::snake(name) })
            }
        }
    }

    /// An answer given again changes nothing.
    fn twice(&mut self, event: Event<'_>) -> Result<(), String> {
        let before = self.machine.snapshot();
        let outcome = self.give(event);
        let harmless = outcome.get("ignored").is_some() || outcome.get("misuse").is_some();
        if harmless && self.machine.snapshot() == before {
            Ok(())
        } else {
            Err(format!("an answer given twice led to {outcome}"))
        }
    }
}
