//! What does a caller want, and what does it get?

use std::sync::atomic::Ordering;

use mcp_oauth_core::{
    Challenge, Code, Event, Ignored, Next, OpenUrl, Outcome, ProvidedTokens, RequestHeaders,
    StoreKey, Verdict,
};
use tokio::sync::watch;

use super::{Calls, Driver, Flow, Held, now};
use crate::authorizer::{Challenged, Recovery};
use crate::error::Error;

/// Most refreshes for one token: where it lives for seconds, one that another process got may have expired when it is found.
const MAX_REFRESHES: usize = 3;

/// What a caller wants.
pub(crate) enum Errand {
    SignIn,
    Token {
        method: String,
        url: String,
    },
    Recover(Challenged),
    SignOut {
        forget_client: bool,
    },
    /// Tokens that the caller has got elsewhere.
    Keep(Box<ProvidedTokens>),
}

/// What a caller gets.
pub(crate) enum Settled {
    Done,
    Token(Option<Held>),
    Recovered(Recovery),
}

impl Driver {
    /// Waits for the flow under way, and begins one of its own if that has not served this errand too.
    pub(crate) async fn settle(&self, errand: Errand) -> Result<Settled, Error> {
        let ended = self.ended.load(Ordering::Acquire);
        let mut calls = self.calls.subscribe();
        let mut flow = self.flow.lock().await;
        let flow = &mut *flow;
        calls.mark_unchanged();
        if let Errand::SignOut { forget_client } = errand {
            self.tell_and_run(Event::SignOut { forget_client }, flow, &mut calls)
                .await?;
            return Ok(Settled::Done);
        }
        if let Errand::Keep(tokens) = errand {
            self.keep_tokens(tokens, flow, &mut calls).await?;
            return Ok(Settled::Done);
        }
        if ended != self.ended.load(Ordering::Acquire) {
            // Theirs was ours: a second try would ask the user the same again.
            flow.last.clone()?;
        }
        if let Some(page) = flow.page.clone() {
            self.revisit(&page, &errand, flow, &mut calls).await?;
        }
        if matches!(self.machine().next(), Next::Do(_)) {
            // The stored credentials have not been read yet, or a flow was left behind.
            self.run(flow, &mut calls).await?;
        }
        match errand {
            Errand::SignIn | Errand::SignOut { .. } | Errand::Keep(_) => {
                self.tell_and_run(Event::Connect, flow, &mut calls).await?;
                Ok(Settled::Done)
            }
            Errand::Token { method, url } => {
                for _ in 0..MAX_REFRESHES {
                    if !self.is_refresh_due(&method, &url) {
                        break;
                    }
                    self.tell_and_run(Event::Refresh, flow, &mut calls).await?;
                }
                Ok(Settled::Token(self.held(&method, &url)))
            }
            Errand::Recover(challenged) => {
                let recovery = self.answer_challenge(&challenged, flow, &mut calls).await?;
                Ok(Settled::Recovered(recovery))
            }
        }
    }

    /// A sign-in was left pending: another process may have taken its callback or signed in otherwise, or its time may be up. An
    /// errand that takes no person does not wait for one: whoever gets the callback finds the sign-in in the store.
    async fn revisit(
        &self,
        page: &OpenUrl,
        errand: &Errand,
        flow: &mut Flow,
        calls: &mut watch::Receiver<Calls>,
    ) -> Result<(), Error> {
        let hurry =
            matches!(errand, Errand::Token { method, url } if self.is_refresh_due(method, url));
        if hurry || self.is_taken(page).await {
            self.begin_anew(flow);
            return Ok(());
        }
        // What cannot be read now is found when it is needed.
        let _ = self.look().await;
        match self.run(flow, calls).await {
            Err(Error::Failed(failure)) if failure.code() == Code::Expired => Ok(()),
            ended => ended,
        }
    }

    /// Whether the callback of a sign-in has come already.
    async fn is_taken(&self, page: &OpenUrl) -> bool {
        let key = StoreKey::flow(page.state.expose());
        matches!(self.load(&key).await, Ok(None))
    }

    async fn answer_challenge(
        &self,
        challenged: &Challenged,
        flow: &mut Flow,
        calls: &mut watch::Receiver<Calls>,
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
        let outcome = self.tell_and_run(challenge, flow, calls).await?;
        Ok(match outcome {
            Outcome::Ignored(Ignored::Superseded) => Recovery::Retry,
            Outcome::Ignored(_) => Recovery::NotAuthorization,
            Outcome::Advanced | Outcome::Joined => match self.machine().next() {
                Next::Rest(Verdict::Authorized) => Recovery::Retry,
                _ => Recovery::NotAuthorization,
            },
        })
    }

    /// Whatever was under way is given up: what the caller brings is newer.
    async fn keep_tokens(
        &self,
        tokens: Box<ProvidedTokens>,
        flow: &mut Flow,
        calls: &mut watch::Receiver<Calls>,
    ) -> Result<(), Error> {
        if matches!(self.machine().next(), Next::Do(_)) {
            let _ = self.tell(Event::Cancel);
            // How that ended is of no interest.
            let _ = self.run(flow, calls).await;
        }
        self.tell(Event::TokensProvided(tokens))
            .map_err(Error::Refused)?;
        self.run(flow, calls).await
    }

    async fn tell_and_run(
        &self,
        event: Event<'_>,
        flow: &mut Flow,
        calls: &mut watch::Receiver<Calls>,
    ) -> Result<Outcome, Error> {
        // These events answer nothing, and so cannot be misused.
        let outcome = self
            .tell(event)
            .unwrap_or(Outcome::Ignored(Ignored::NothingToDo));
        if !matches!(outcome, Outcome::Ignored(_)) {
            self.run(flow, calls).await?;
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
