//! Does the machine keep its promises at each event?
//!
//! A trial is one run: machines over one store, a clock and a random source. [`Trial::give`] hands an event to a machine and
//! holds all that can be seen of it, before and after, against the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use mcp_oauth_core::transition::leads_to;
use mcp_oauth_core::*;
use serde_json::Value;

use super::accepted;
use super::ledger::{Endpoint, Ledger};
use super::look::{Change, MAX_ACTIONS};
use super::profile;
use super::rules::Flow;
use super::source::{Fault, Source};
use super::world::{Answer, Marks, World};

/// A machine, and what it has done so far.
pub(crate) struct Seat {
    pub(crate) machine: Machine,
    pub(crate) last_id: u64,
    pub(crate) requests: u32,
    pub(crate) actions: u32,
    pub(crate) waits: u32,
    /// Whether a device code was shown since the machine last rested.
    pub(crate) polls: bool,
    pub(crate) flow: Flow,
    /// The grant that the store is known to hold, by its own word.
    pub(crate) stored: Value,
    /// The claims that the machine has wanted to write.
    pub(crate) claims: BTreeSet<String>,
}

impl Seat {
    pub(crate) fn new(machine: Machine) -> Self {
        let last_id = outstanding(&machine).map_or(0, |action| action.id.get());
        Self {
            machine,
            last_id,
            requests: 0,
            actions: 0,
            waits: 0,
            polls: false,
            flow: Flow::default(),
            stored: Value::Null,
            claims: BTreeSet::new(),
        }
    }
}

/// The action that a machine waits for.
pub(crate) fn outstanding(machine: &Machine) -> Option<Action> {
    match machine.next() {
        Next::Do(action) => Some(action.clone()),
        Next::Rest(_) => None,
    }
}

/// One run.
pub(crate) struct Trial {
    pub(crate) config: Arc<Config>,
    pub(crate) settings: Settings,
    pub(crate) reach: Reach,
    pub(crate) world: World,
    pub(crate) ledger: Ledger,
    pub(crate) now: Timestamp,
    pub(crate) source: Source,
    pub(crate) seat: Seat,
    /// Whether snapshots are looked at: not on the way to where the input is read, which is the same for each.
    pub(crate) watched: bool,
    /// The assertions and proofs that were signed, and the actions that carried them.
    pub(crate) proofs: BTreeMap<String, ActionId>,
    /// Everything that came out, in order.
    pub(crate) told: String,
}

impl Trial {
    pub(crate) fn new(profile: u8, data: &[u8]) -> Self {
        // FNV-1a: what the marks and the random source depend on.
        let seed = data.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let marks = Marks::new(seed);
        let client_secret = format!("{}n0", marks.secret);
        let settings = profile::settings(profile, &client_secret);
        let config = Arc::new(Config::new(settings.clone()).expect("settings that can work"));
        let mut ledger = Ledger::new([
            marks.access.clone(),
            marks.refresh.clone(),
            marks.secret.clone(),
            marks.code.clone(),
            marks.assertion.clone(),
            marks.device.clone(),
            marks.signature.clone(),
        ]);
        if let Some(known) = &settings.preregistered {
            ledger.learn_owner(&client_secret, &known.issuer);
            if let Some(endpoints) = &known.endpoints {
                let issuer = &known.issuer;
                ledger.learn_endpoint(issuer, Endpoint::Authorization, &endpoints.authorization);
                ledger.learn_endpoint(issuer, Endpoint::Token, &endpoints.token);
            }
        }
        if let Some(provider) = &settings.identity_provider {
            ledger.learn_endpoint(&provider.issuer, Endpoint::Token, &provider.token_endpoint);
        }
        let reach = if settings.server_url.starts_with("http://") {
            Reach::Loopback
        } else {
            Reach::Public
        };
        let mut trial = Self {
            seat: Seat::new(Machine::new(config.clone(), "")),
            config,
            settings,
            reach,
            world: World::new(marks),
            ledger,
            now: Timestamp::from_millis(1_800_000_000_000),
            source: Source {
                state: seed,
                fault: Fault::None,
            },
            watched: true,
            proofs: BTreeMap::new(),
            told: String::new(),
        };
        trial.look(Change::Seated);
        trial
    }

    /// Puts another machine in the seat.
    pub(crate) fn seat(&mut self, machine: Machine) -> Seat {
        self.change_seats(Seat::new(machine))
    }

    /// Goes on with a machine that has done something already.
    pub(crate) fn change_seats(&mut self, seat: Seat) -> Seat {
        let before = std::mem::replace(&mut self.seat, seat);
        self.look(Change::Seated);
        before
    }

    pub(crate) fn tell(&mut self, what: std::fmt::Arguments<'_>) {
        writeln!(self.told, "{what}").expect("a string takes all");
    }

    /// Hands an event to the machine.
    pub(crate) fn give(&mut self, event: Event<'_>) -> Result<Outcome, Misuse> {
        let kind = event.kind();
        let shown = format!("{event:?}");
        if !matches!(event, Event::Challenge(_)) {
            self.check_shown(&shown);
        }
        let store_fault = matches!(
            event,
            Event::Stored {
                result: StoreResult::Conflict | StoreResult::Failed,
                ..
            }
        );
        let body = match &event {
            Event::Reply { response, .. } => response.body.to_vec(),
            _ => Vec::new(),
        };
        let callback = match &event {
            Event::Callback(CallbackText::Query(query)) => {
                Some(query.strip_prefix('?').unwrap_or(query).to_owned())
            }
            Event::Callback(CallbackText::Url(url)) => {
                let target = url.split('#').next().unwrap_or_default();
                Some(target.split_once('?').unwrap_or_default().1.to_owned())
            }
            _ => None,
        };
        let record = match &event {
            Event::Stored {
                result: StoreResult::Loaded(Some(record)),
                ..
            }
            | Event::StoreChanged {
                record: Some(record),
            } => serde_json::from_slice(record).ok(),
            _ => None,
        };
        let acknowledged = matches!(
            event,
            Event::Stored {
                result: StoreResult::Done,
                ..
            }
        );
        let lost = matches!(&event, Event::Unreachable { cause, .. } if cause.may_have_acted());
        let before = self.watched.then(|| self.seat.machine.snapshot());
        let phase = self.seat.machine.phase();
        let answered = outstanding(&self.seat.machine);
        let asked = answered.as_ref().map(|action| &action.task);

        let mut context = Context {
            now: self.now,
            rng: &mut self.source,
        };
        let outcome = self.seat.machine.handle(event, &mut context);

        let trace = self.seat.machine.take_trace();
        let after = self.seat.machine.phase();
        self.tell(format_args!("{kind:?} {phase:?} {after:?} {outcome:?}"));
        if outcome == Ok(Outcome::Advanced) {
            assert!(
                leads_to(phase, kind).contains(&after),
                "{kind:?} leads from {phase:?} to {after:?}: not in the table"
            );
            if lost {
                self.seat.flow.spend_code();
            }
            if let Some(Task::Http(request)) = asked {
                accepted::secrets(self, request, &body);
            }
            let needs_word = match after {
                PhaseKind::AwaitingCallback => true,
                // What is signed for the exchange waits for the word as well.
                PhaseKind::Exchanging => phase != PhaseKind::Signing,
                PhaseKind::Signing => phase == PhaseKind::TakingFlow,
                _ => false,
            };
            assert!(
                acknowledged || after == phase || !needs_word,
                "{after:?} without the store's word"
            );
            if let Some(record) = record {
                self.ledger.learn_record(&record);
                self.seat.stored = record;
            }
            if let Some(Task::Store(StoreOp::Save { key, record, .. })) = asked
                && acknowledged
                && key.slot() == Slot::Grant
            {
                self.seat.stored =
                    serde_json::from_slice(record.expose()).expect("a record is JSON");
            }
            for entry in &trace {
                let shown = format!("{entry:?} {} {}", entry.decision, entry.decision.name());
                self.check_shown(&shown);
                self.tell(format_args!("  {shown}"));
            }
            accepted::documents(self, &trace, answered.as_ref(), &body, callback.as_deref());
            self.look(if store_fault {
                Change::StoreFault
            } else {
                Change::Advanced
            });
        } else {
            assert_eq!(after, phase, "{kind:?} with {outcome:?} changes the phase");
            assert!(
                outstanding(&self.seat.machine) == answered,
                "{kind:?} with {outcome:?} changes what to do"
            );
            assert!(trace.is_empty(), "{kind:?} with {outcome:?} is traced");
            // Reading the grant or signing out, a machine remembers what is asked for in the meantime.
            let remembers = matches!(phase, PhaseKind::Loading | PhaseKind::SigningOut)
                && outcome == Ok(Outcome::Joined);
            if let Some(before) = before {
                assert!(
                    remembers || self.seat.machine.snapshot() == before,
                    "{kind:?} with {outcome:?} changes the machine"
                );
            }
        }
        outcome
    }

    /// Gives an answer to the action of this id.
    pub(crate) fn reply(&mut self, id: ActionId, answer: &Answer) -> Result<Outcome, Misuse> {
        let asked = outstanding(&self.seat.machine).map(|action| action.id);
        let outcome = self.answer(id, answer);
        // A callback names the sign-in by its state.
        let names_it = matches!(
            answer,
            Answer::Callback(_) | Answer::CallbackUrl(_) | Answer::Tick
        );
        assert!(
            outcome != Ok(Outcome::Advanced) || names_it || asked == Some(id),
            "an answer to {id:?} is taken for one to {asked:?}"
        );
        outcome
    }

    fn answer(&mut self, id: ActionId, answer: &Answer) -> Result<Outcome, Misuse> {
        match answer {
            Answer::Reply {
                status,
                headers,
                body,
            } => {
                let headers: Vec<(&str, &[u8])> = headers
                    .iter()
                    .map(|(name, value)| (*name, value.as_slice()))
                    .collect();
                let response = HttpResponse {
                    status: *status,
                    headers: &headers,
                    body,
                };
                self.give(Event::Reply { id, response })
            }
            Answer::Unreachable(cause) => self.give(Event::Unreachable { id, cause: *cause }),
            Answer::Bound(uri) => self.give(Event::RedirectBound { id, uri }),
            Answer::Callback(query) => self.give(Event::Callback(CallbackText::Query(query))),
            Answer::CallbackUrl(url) => self.give(Event::Callback(CallbackText::Url(url))),
            Answer::Client(client) => self.give(Event::ClientProvided {
                id,
                client: client.clone(),
            }),
            Answer::Signed(signature) => self.give(Event::Signed { id, signature }),
            Answer::Assertion(assertion) => {
                let asked = outstanding(&self.seat.machine).map(|action| action.task);
                if let Some(Task::FetchAssertion(request)) = asked {
                    let issuer = request.issuer.as_str();
                    self.ledger.learn_owner(assertion.token.expose(), issuer);
                }
                self.give(Event::AssertionProvided {
                    id,
                    assertion: assertion.clone(),
                })
            }
            Answer::Declined(reason) => self.give(Event::Declined {
                id,
                reason: *reason,
            }),
            Answer::Loaded(record) => self.give(Event::Stored {
                id,
                result: StoreResult::Loaded(record.as_deref()),
            }),
            Answer::Tick => {
                if let Some(at) = self.seat.machine.deadline() {
                    self.now = self.now.max(at);
                }
                self.give(Event::Tick)
            }
            Answer::Done => self.give(Event::Stored {
                id,
                result: StoreResult::Done,
            }),
            Answer::Conflict => self.give(Event::Stored {
                id,
                result: StoreResult::Conflict,
            }),
            Answer::Failed => self.give(Event::Stored {
                id,
                result: StoreResult::Failed,
            }),
        }
    }

    /// Gives the honest answer to whatever is asked for. `None`: nothing is.
    pub(crate) fn honest(&mut self, taste: u8) -> Option<(ActionId, Answer)> {
        let action = outstanding(&self.seat.machine)?;
        let server_url = self.settings.server_url.clone();
        let answer = self.world.answer(&action, &server_url, taste);
        let outcome = self.reply(action.id, &answer);
        if let Ok(Outcome::Ignored(_)) | Err(_) = outcome {
            // Not even an honest host can go on, where a server's document leads nowhere.
            return None;
        }
        Some((action.id, answer))
    }

    /// Lets everybody be honest until the machine is in a phase, or rests.
    pub(crate) fn until(&mut self, phase: PhaseKind, taste: u8) -> bool {
        for _ in 0..2 * MAX_ACTIONS {
            if self.seat.machine.phase() == phase {
                return true;
            }
            if self.honest(taste).is_none() {
                break;
            }
        }
        self.seat.machine.phase() == phase
    }

    /// Lets everybody be honest until the machine rests; then uses, refreshes and widens what came of it.
    pub(crate) fn finish(&mut self, taste: u8) {
        while self.honest(taste).is_some() {}
        if self.seat.machine.phase() != PhaseKind::Authorized {
            return;
        }
        self.now = self.now.after(10 * 366 * 24 * 3_600_000);
        let _ = self.give(Event::Refresh);
        while self.honest(taste).is_some() {}
        let _ = self.give(Event::SignOut {
            forget_client: taste & 1 == 0,
        });
        while self.honest(taste).is_some() {}
    }

    /// The generation of the token that requests carry.
    pub(crate) fn generation(&self) -> Option<u64> {
        let url = &self.settings.server_url;
        match self.seat.machine.request_headers("POST", url, self.now) {
            RequestHeaders::Ready(authorization) => Some(authorization.generation()),
            RequestHeaders::Sign(proof) => Some(proof.authorization().generation()),
            RequestHeaders::RefreshDue | RequestHeaders::Absent => None,
        }
    }

    /// What the machine holds, as its snapshot tells.
    pub(crate) fn held(&self) -> Value {
        let snapshot = self.seat.machine.snapshot();
        serde_json::from_slice(snapshot.expose()).expect("a snapshot is JSON")
    }
}
