//! What can be seen of a machine after a change, and is it as it should be?

use std::fmt::Write as _;

use mcp_oauth_core::limits::{MAX_FLOW_REQUESTS, MAX_LOOKS, MAX_UNKNOWN_REFRESHES};
use mcp_oauth_core::*;

use super::rules;
use super::trial::{Trial, outstanding};

/// Actions between two rests, other than those that a fault of the host's own store leads to, and looks for a refresh of
/// another process.
pub(crate) const MAX_ACTIONS: u32 = 32;

/// What led to what is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// A new or resumed machine.
    Seated,
    Advanced,
    /// As before, but by a fault of the host's own store, which does not count against the servers.
    StoreFault,
}

impl Trial {
    /// Looks at the machine after a change.
    pub(crate) fn look(&mut self, change: Change) {
        let machine = &self.seat.machine;
        let mut shown = format!("{machine:?} {:?} ", machine.next());
        if let Next::Rest(Verdict::Failed(failure)) = machine.next() {
            let words = [
                failure.server_code(),
                failure.server_text(),
                failure.expected(),
                failure.received(),
            ];
            write!(shown, "{failure} {failure:?} {words:?}").expect("a string takes all");
        }
        self.check_shown(&shown);
        self.tell(format_args!("  {shown}"));
        match outstanding(&self.seat.machine) {
            Some(action) => {
                if change != Change::Seated {
                    let id = action.id.get();
                    assert!(id > self.seat.last_id, "ids do not increase");
                    self.seat.last_id = id;
                }
                match &action.task {
                    Task::ShowCode(code) => {
                        assert!(
                            change == Change::Seated || code.until > self.now,
                            "a look that is due at once"
                        );
                        // Bounded by the life of the code.
                        self.seat.polls = true;
                    }
                    Task::Wait { until } => {
                        assert!(
                            change == Change::Seated || *until > self.now,
                            "a wait that is over"
                        );
                        self.seat.waits += u32::from(change != Change::Seated);
                    }
                    _ => self.seat.actions += u32::from(change == Change::Advanced),
                }
                if let Task::Http(request) = &action.task
                    && change != Change::Seated
                    && request.purpose != Purpose::DevicePoll
                {
                    self.seat.requests += 1;
                    if request.purpose == Purpose::Refresh {
                        rules::claimed(self, request);
                    }
                }
                assert!(
                    self.seat.requests <= u32::from(MAX_FLOW_REQUESTS),
                    "too many requests between two rests"
                );
                let looks = self.seat.waits;
                assert!(
                    looks <= u32::from(MAX_LOOKS) * (1 + u32::from(MAX_UNKNOWN_REFRESHES)),
                    "looks for another process without end"
                );
                assert!(
                    self.seat.polls || self.seat.actions <= MAX_ACTIONS + looks,
                    "too many actions between two rests"
                );
                let told = rules::action(self, &action);
                self.tell(format_args!("  {told}"));
            }
            None => {
                self.seat.requests = 0;
                self.seat.actions = 0;
                self.seat.waits = 0;
                self.seat.polls = false;
                self.seat.flow.end();
            }
        }
        if self.watched {
            self.check_resumed();
            rules::use_of_tokens(self);
        }
    }

    /// Nothing that a host can see without asking for it shows a secret.
    pub(crate) fn check_shown(&self, shown: &str) {
        if let Some(secret) = self.ledger.secret_in(shown) {
            panic!("a secret ({secret}) shows in: {shown}");
        }
    }

    /// Snapshot → resume → the same machine.
    fn check_resumed(&self) {
        let machine = &self.seat.machine;
        let snapshot = machine.snapshot();
        let text = String::from_utf8_lossy(snapshot.expose());
        let marks = &self.world.marks;
        for mark in [&marks.assertion, &marks.signature] {
            assert!(!text.contains(mark.as_str()), "{mark} in a snapshot");
        }
        let resumed = Machine::resume(self.config.clone(), "", snapshot.expose())
            .unwrap_or_else(|error| panic!("a snapshot of {machine:?} is refused: {error}"));
        let signs = machine.phase() == PhaseKind::Signing;
        // What is signed for a refresh is asked for again once the grant was read.
        if machine.phase() == PhaseKind::Refreshing
            || (signs && resumed.phase() == PhaseKind::Loading)
        {
            let reads = matches!(
                resumed.next(),
                Next::Do(Action { task: Task::Store(StoreOp::Load { key }), .. })
                    if key == machine.grant_key()
            );
            assert!(reads, "a refresh is resumed as {resumed:?}");
            return;
        }
        if machine.phase() == PhaseKind::Exchanging {
            let unknown = matches!(
                resumed.next(),
                Next::Rest(Verdict::Failed(failure)) if failure.code() == Code::OutcomeUnknown
            );
            assert!(unknown, "an exchange is resumed as {resumed:?}");
            return;
        }
        let is_ahead = match resumed.next() {
            Next::Rest(Verdict::Failed(failure)) => matches!(
                failure.code(),
                Code::GrantUnavailable | Code::AuthorizationUnavailable | Code::OutcomeUnknown
            ),
            Next::Do(Action {
                task: Task::ShowCode(_),
                ..
            }) => matches!(machine.phase(), PhaseKind::Polling | PhaseKind::Signing),
            Next::Rest(Verdict::SignedOut) => machine.phase() == PhaseKind::Revoking,
            _ => false,
        };
        // What is sent once is in no snapshot.
        if is_ahead && resumed.snapshot() == snapshot {
            return;
        }
        let same = resumed.next() == machine.next()
            && resumed.snapshot() == snapshot
            && resumed.deadline() == machine.deadline()
            && resumed.awaits_redirect() == machine.awaits_redirect();
        assert!(same, "{machine:?} is resumed as {resumed:?}");
    }
}
