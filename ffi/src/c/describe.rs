//! How is what the machine wants written into a step?

use mcp_oauth_core as core;
use mcp_oauth_core::{Failure, Next, RedirectRule, StoreOp, Task, Verdict};

use super::slice::{Slice, array};
use super::step::{Advice, Fault, Header, Ignored, Kind, Outcome, Slot, Step};

/// What a step points to that the machine itself does not hold.
#[derive(Default)]
pub(super) struct Notes {
    headers: Vec<Header>,
    text: String,
}

// SAFETY: the pointers lead into the machine that lies beside the notes and moves with them from thread to thread.
unsafe impl Send for Notes {}

impl Notes {
    /// Writes down what the machine wants now. Steps given out earlier lose their slices.
    pub(super) fn take(&mut self, machine: &core::Machine) {
        self.headers.clear();
        self.text.clear();
        match machine.next() {
            Next::Do(core::Action {
                task: Task::Http(request),
                ..
            }) => {
                let headers = request.headers.iter().map(|header| Header {
                    name: Slice::text(header.name),
                    value: Slice::text(header.value.expose()),
                });
                self.headers.extend(headers);
            }
            Next::Rest(Verdict::Failed(failure)) => self.text = failure.to_string(),
            _ => {}
        }
    }

    /// The step that a machine is at; the notes were taken of it.
    pub(super) fn step(&self, machine: &core::Machine) -> Step {
        let mut step = Step {
            phase: Slice::text(machine.phase().name()),
            deadline_ms: machine.deadline().map_or(0, core::Timestamp::as_millis),
            awaits_redirect: machine.awaits_redirect().into(),
            ..Step::default()
        };
        match machine.next() {
            Next::Do(action) => {
                step.id = action.id.get();
                self.task(&action.task, &mut step);
            }
            Next::Rest(verdict) => match verdict {
                Verdict::Idle => step.kind = Kind::Idle,
                Verdict::Authorized => step.kind = Kind::Authorized,
                Verdict::SignedOut => step.kind = Kind::SignedOut,
                Verdict::Failed(failure) => self.failure(failure, &mut step),
            },
        }
        step
    }

    fn task(&self, task: &Task, step: &mut Step) {
        match task {
            Task::Http(request) => self.http(request, step),
            Task::BindRedirect { preferred } => {
                step.kind = Kind::BindRedirect;
                step.redirect_uri = Slice::text(preferred);
            }
            Task::OpenUrl(open) => {
                step.kind = Kind::OpenUrl;
                step.url = Slice::text(open.url.expose());
                step.state = Slice::text(open.state.expose());
                step.redirect_uri = Slice::text(&open.redirect_uri);
                step.issuer = Slice::text(open.issuer.as_str());
                step.scopes = Slice::text(open.scopes.as_str());
                step.new_scopes = Slice::text(open.new_scopes.as_str());
            }
            Task::Store(access) => store(access, step),
            Task::AskForClient {
                issuer,
                redirect_uri,
            } => {
                step.kind = Kind::AskForClient;
                step.issuer = Slice::text(issuer.as_str());
                step.redirect_uri = Slice::text(redirect_uri);
            }
            Task::Sign(request) => {
                step.kind = Kind::Sign;
                step.purpose = Slice::text(request.purpose.as_str());
                step.algorithm = request.algorithm.into();
                step.thumbprint = Slice::text(&request.thumbprint);
                step.key_id = Slice::optional(request.key_id.as_deref());
                step.issuer = Slice::text(request.issuer.as_str());
                step.input = Slice::text(request.input.expose());
            }
            Task::FetchAssertion(request) => {
                step.kind = Kind::FetchAssertion;
                step.purpose = Slice::text(request.purpose.as_str());
                step.issuer = Slice::text(request.issuer.as_str());
                step.audience = Slice::text(&request.audience);
                step.renew = request.renew.into();
            }
            Task::ShowCode(code) => {
                let complete = code.verification_uri_complete.as_ref();
                step.kind = Kind::ShowCode;
                step.user_code = Slice::text(&code.user_code);
                step.verification_uri = Slice::text(code.verification_uri.as_str());
                step.verification_uri_complete =
                    Slice::optional(complete.map(core::HttpUrl::as_str));
                step.issuer = Slice::text(code.issuer.as_str());
                step.scopes = Slice::text(code.scopes.as_str());
                step.expires_at_ms = code.expires_at.as_millis();
                step.deadline_ms = code.until.as_millis();
            }
            Task::Wait { until } => {
                step.kind = Kind::Wait;
                step.deadline_ms = until.as_millis();
            }
        }
    }

    fn http(&self, request: &core::HttpRequest, step: &mut Step) {
        step.kind = match request.redirects {
            RedirectRule::HandBack => Kind::Http,
        };
        step.method = Slice::text(request.method.as_str());
        step.url = Slice::text(request.url.as_str());
        step.purpose = Slice::text(request.purpose.as_str());
        step.headers = array(&self.headers);
        step.header_count = self.headers.len();
        step.body = Slice::optional(request.body.as_ref().map(core::Secret::expose));
        step.timeout_ms = request.limits.timeout_ms;
        step.max_body_bytes = request.limits.max_body_bytes as u64;
        step.reach = request.reach.into();
    }

    fn failure(&self, failure: &Failure, step: &mut Step) {
        let words = |text: Option<&core::wire::text::ServerText>| {
            Slice::optional(text.map(core::wire::text::ServerText::as_str))
        };
        step.kind = Kind::Failed;
        step.code = Slice::text(failure.code().as_str());
        step.stage = Slice::text(failure.stage().as_str());
        step.clause = Slice::text(failure.clause());
        step.text = Slice::text(&self.text);
        step.server_code = words(failure.server_code());
        step.server_text = words(failure.server_text());
        step.subject = words(failure.subject());
        step.wanted = words(failure.expected());
        step.received = words(failure.received());
        step.http_status = failure.status().map_or(0, u32::from);
        step.fault = match failure.fault() {
            core::Fault::Server => Fault::Server,
            core::Fault::Configuration => Fault::Configuration,
            core::Fault::User => Fault::User,
            core::Fault::Network => Fault::Network,
            core::Fault::Host => Fault::Host,
        };
        step.advice = match failure.advice() {
            core::Advice::RetryAfter(millis) => {
                step.retry_after_ms = millis;
                Advice::RetryAfter
            }
            core::Advice::Restart => Advice::Restart,
            core::Advice::Reconfigure => Advice::Reconfigure,
            core::Advice::AskUser => Advice::AskUser,
            core::Advice::Stop => Advice::Stop,
        };
    }
}

fn store(access: &StoreOp, step: &mut Step) {
    step.key = Slice::text(access.key().as_str());
    step.slot = match access.key().slot() {
        core::Slot::Flow => Slot::Flow,
        core::Slot::Grant => Slot::Grant,
    };
    match access {
        StoreOp::Load { .. } => step.kind = Kind::Load,
        StoreOp::Save {
            expected,
            generation,
            record,
            expires_at,
            ..
        } => {
            step.kind = Kind::Save;
            // Generations count from 1.
            step.expected = expected.unwrap_or(0);
            step.generation = *generation;
            step.record = Slice::of(record.expose());
            step.expires_at_ms = expires_at.map_or(0, core::Timestamp::as_millis);
        }
        StoreOp::Delete { expected, .. } => {
            step.kind = Kind::Delete;
            step.expected = *expected;
        }
    }
}

/// Says what became of an event.
pub(super) fn outcome(outcome: core::Outcome, step: &mut Step) {
    match outcome {
        core::Outcome::Advanced => step.outcome = Outcome::Advanced,
        core::Outcome::Joined => step.outcome = Outcome::Joined,
        core::Outcome::Ignored(why) => {
            step.outcome = Outcome::Ignored;
            step.ignored = match why {
                core::Ignored::Stale => Ignored::Stale,
                core::Ignored::NoPendingSignIn => Ignored::NoPendingSignIn,
                core::Ignored::OtherState => Ignored::OtherState,
                core::Ignored::Superseded => Ignored::Superseded,
                core::Ignored::NotAuthorization => Ignored::NotAuthorization,
                core::Ignored::NotDue => Ignored::NotDue,
                core::Ignored::NothingToDo => Ignored::NothingToDo,
                core::Ignored::TooLate => Ignored::TooLate,
                core::Ignored::FlowUnderWay => Ignored::FlowUnderWay,
                core::Ignored::Outdated => Ignored::Outdated,
            };
        }
    }
}
