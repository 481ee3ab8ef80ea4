//! What does a caller want, and what does it get?

use std::sync::atomic::Ordering;

use mcp_oauth_core::{Challenge, Event, Ignored, Next, Outcome, RequestHeaders, Verdict};
use tokio::sync::watch;

use super::{Driver, Flow, now};
use crate::authorizer::{Challenged, Recovery, Token};
use crate::error::Error;

/// What a caller wants.
pub(crate) enum Errand {
    SignIn,
    Token { method: String, url: String },
    Recover(Challenged),
    SignOut { forget_client: bool },
}

/// What a caller gets.
pub(crate) enum Settled {
    Done,
    Token(Option<Token>),
    Recovered(Recovery),
}

impl Driver {
    /// Waits for the flow under way, and begins one of its own if that has not served this errand too.
    pub(crate) async fn settle(&self, errand: Errand) -> Result<Settled, Error> {
        let ended = self.ended.load(Ordering::Acquire);
        let mut cancels = self.cancels.subscribe();
        let mut flow = self.flow.lock().await;
        let flow = &mut *flow;
        cancels.mark_unchanged();
        if let Errand::SignOut { forget_client } = errand {
            self.tell_and_run(Event::SignOut { forget_client }, flow, &mut cancels)
                .await?;
            return Ok(Settled::Done);
        }
        if ended != self.ended.load(Ordering::Acquire) {
            // Theirs was ours: a second try would ask the user the same again.
            flow.last.clone()?;
        }
        if matches!(self.machine().next(), Next::Do(_)) {
            // The stored credentials have not been read yet, or a flow was left behind.
            self.run(flow, &mut cancels).await?;
        }
        match errand {
            Errand::SignIn | Errand::SignOut { .. } => {
                self.tell_and_run(Event::Connect, flow, &mut cancels)
                    .await?;
                Ok(Settled::Done)
            }
            Errand::Token { method, url } => {
                if self.is_refresh_due(&method, &url) {
                    self.tell_and_run(Event::Refresh, flow, &mut cancels)
                        .await?;
                }
                Ok(Settled::Token(self.ready_token(&method, &url)))
            }
            Errand::Recover(challenged) => {
                let recovery = self
                    .answer_challenge(&challenged, flow, &mut cancels)
                    .await?;
                Ok(Settled::Recovered(recovery))
            }
        }
    }

    async fn answer_challenge(
        &self,
        challenged: &Challenged,
        flow: &mut Flow,
        cancels: &mut watch::Receiver<u64>,
    ) -> Result<Recovery, Error> {
        let lines: Vec<&[u8]> = challenged
            .www_authenticate
            .iter()
            .map(Vec::as_slice)
            .collect();
        let challenge = Event::Challenge(Challenge {
            status: challenged.status,
            www_authenticate: &lines,
            generation: challenged.generation,
        });
        let outcome = self.tell_and_run(challenge, flow, cancels).await?;
        Ok(match outcome {
            Outcome::Ignored(Ignored::Superseded) => Recovery::Retry,
            Outcome::Ignored(_) => Recovery::NotAuthorization,
            Outcome::Advanced | Outcome::Joined => match self.machine().next() {
                Next::Rest(Verdict::Authorized) => Recovery::Retry,
                _ => Recovery::NotAuthorization,
            },
        })
    }

    async fn tell_and_run(
        &self,
        event: Event<'_>,
        flow: &mut Flow,
        cancels: &mut watch::Receiver<u64>,
    ) -> Result<Outcome, Error> {
        let outcome = match self.tell(event) {
            Ok(outcome) => outcome,
            // These events answer nothing, and so cannot be misused.
            Err(_) => Outcome::Ignored(Ignored::NothingToDo),
        };
        if !matches!(outcome, Outcome::Ignored(_)) {
            self.run(flow, cancels).await?;
        }
        Ok(outcome)
    }

    fn is_refresh_due(&self, method: &str, url: &str) -> bool {
        let machine = self.machine();
        matches!(
            machine.request_headers(method, url, now()),
            RequestHeaders::RefreshDue
        )
    }
}
