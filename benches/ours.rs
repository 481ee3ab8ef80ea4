//! How does the core go through the flow?

use std::sync::Arc;

use mcp_oauth_core::*;

use crate::documents::*;

/// When the flow happens: past the expiry of the tokens from the refresh on.
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The operating system's random source, as a host has it.
struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}

/// One event of the flow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    NothingStored,
    Challenged,
    ResourceMetadata,
    ServerMetadata,
    RedirectBound,
    Registered,
    ClientStored,
    FlowStored,
    CalledBack,
    FlowTaken,
    Exchanged,
    TokensStored,
    RefreshDue,
    GrantLoaded,
    RefreshClaimed,
    Refreshed,
    RefreshStored,
}

/// All of them, in order.
const FLOW: [Step; 17] = [
    Step::NothingStored,
    Step::Challenged,
    Step::ResourceMetadata,
    Step::ServerMetadata,
    Step::RedirectBound,
    Step::Registered,
    Step::ClientStored,
    Step::FlowStored,
    Step::CalledBack,
    Step::FlowTaken,
    Step::Exchanged,
    Step::TokensStored,
    Step::RefreshDue,
    Step::GrantLoaded,
    Step::RefreshClaimed,
    Step::Refreshed,
    Step::RefreshStored,
];

/// A host without sockets: it answers each action from memory.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) config: Arc<Config>,
    /// The grant as it was last saved. Used again and again, as the callback is, so that the host itself allocates
    /// nothing.
    saved: Vec<u8>,
    callback: String,
    /// Whether the host takes the trace after each event.
    takes_trace: bool,
}

impl Host {
    pub(crate) fn new(takes_trace: bool) -> Self {
        let settings = Settings {
            server_url: SERVER.into(),
            ..Settings::default()
        };
        Self {
            config: Arc::new(Config::new(settings).expect("the settings are sound")),
            saved: Vec::with_capacity(4096),
            callback: String::with_capacity(1024),
            takes_trace,
        }
    }

    /// The whole flow.
    pub(crate) fn flow(&mut self) -> Machine {
        self.walk(None, |_| ())
    }

    /// The flow until just before this step.
    pub(crate) fn before(&mut self, step: Step) -> Machine {
        self.walk(Some(step), |_| ())
    }

    /// The whole flow, each state shown to `watch`.
    pub(crate) fn watched(&mut self, watch: impl FnMut(&Machine)) -> Machine {
        self.walk(None, watch)
    }

    fn walk(&mut self, until: Option<Step>, mut watch: impl FnMut(&Machine)) -> Machine {
        let mut machine = Machine::new(Arc::clone(&self.config), "");
        for step in FLOW {
            if Some(step) == until {
                break;
            }
            self.give(&mut machine, step);
            watch(&machine);
        }
        machine
    }

    /// Gives the machine what happens in this step.
    pub(crate) fn give(&mut self, machine: &mut Machine, step: Step) {
        let id = match machine.next() {
            Next::Do(action) => action.id,
            Next::Rest(_) => ActionId::from_number(0),
        };
        let done = Event::Stored {
            id,
            result: StoreResult::Done,
        };
        let now = match step {
            Step::RefreshDue
            | Step::GrantLoaded
            | Step::RefreshClaimed
            | Step::Refreshed
            | Step::RefreshStored => after_expiry(),
            _ => START,
        };
        let event = match step {
            Step::NothingStored => Event::Stored {
                id,
                result: StoreResult::Loaded(None),
            },
            Step::Challenged => Event::Challenge(Challenge {
                status: 401,
                www_authenticate: &[CHALLENGE.as_bytes()],
                generation: None,
            }),
            Step::ResourceMetadata => reply(id, 200, RESOURCE_METADATA),
            Step::ServerMetadata => reply(id, 200, SERVER_METADATA),
            Step::RedirectBound => Event::RedirectBound {
                id,
                uri: REDIRECT_URI,
            },
            Step::Registered => reply(id, 201, REGISTRATION),
            Step::TokensStored => {
                self.save(machine);
                done
            }
            Step::GrantLoaded => Event::Stored {
                id,
                result: StoreResult::Loaded(Some(&self.saved)),
            },
            Step::CalledBack => {
                self.answer(machine);
                Event::Callback(CallbackText::Query(&self.callback))
            }
            Step::Exchanged | Step::Refreshed => reply(id, 200, TOKENS),
            Step::RefreshDue => {
                let headers = machine.request_headers("POST", SERVER, now);
                assert!(matches!(headers, RequestHeaders::RefreshDue));
                Event::Refresh
            }
            Step::ClientStored
            | Step::FlowStored
            | Step::FlowTaken
            | Step::RefreshClaimed
            | Step::RefreshStored => done,
        };
        let mut context = Context {
            now,
            rng: &mut System,
        };
        let outcome = machine.handle(event, &mut context);
        assert_eq!(outcome, Ok(Outcome::Advanced));
        if self.takes_trace {
            drop(machine.take_trace());
        }
    }

    /// The store keeps the record.
    fn save(&mut self, machine: &Machine) {
        let Next::Do(Action {
            task: Task::Store(StoreOp::Save { record, .. }),
            ..
        }) = machine.next()
        else {
            panic!("nothing is saved: {:?}", machine.next());
        };
        self.saved.clear();
        self.saved.extend_from_slice(record.expose());
    }

    /// The authorization server sends the user back.
    fn answer(&mut self, machine: &Machine) {
        let Next::Do(Action {
            task: Task::OpenUrl(open),
            ..
        }) = machine.next()
        else {
            panic!("nobody was sent away: {:?}", machine.next());
        };
        callback_of(open, &mut self.callback);
    }
}

/// Writes what the user comes back with.
pub(crate) fn callback_of(open: &OpenUrl, into: &mut String) {
    into.clear();
    into.push_str(CALLBACK);
    into.push_str(open.state.expose());
}

/// A machine that waits for its user, from its own record.
pub(crate) fn resume(host: &Host, record: &[u8]) -> Machine {
    Machine::resume(Arc::clone(&host.config), "", record).expect("its own snapshot")
}

/// The hot path: the header of one request.
pub(crate) fn header(machine: &Machine) -> &str {
    match machine.request_headers("POST", SERVER, after_expiry()) {
        RequestHeaders::Ready(authorization) => authorization.expose(),
        _ => panic!("no token"),
    }
}

/// Each step with a document in it, and what its row is called.
pub(crate) const READINGS: [(Step, &str); 7] = [
    (Step::Challenged, "challenge"),
    (Step::ResourceMetadata, "resource metadata"),
    (Step::ServerMetadata, "server metadata"),
    (Step::Registered, "registration response"),
    (Step::CalledBack, "callback"),
    (Step::GrantLoaded, "grant record"),
    (Step::Refreshed, "token response"),
];

fn after_expiry() -> Timestamp {
    Timestamp::from_millis(START.as_millis() + 3_601_000)
}

fn reply(id: ActionId, status: u16, body: &'static str) -> Event<'static> {
    Event::Reply {
        id,
        response: HttpResponse {
            status,
            headers: &[("content-type", b"application/json")],
            body: body.as_bytes(),
        },
    }
}
