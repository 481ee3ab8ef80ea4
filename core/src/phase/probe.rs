//! Is there a document at this place?
//!
//! Every answer to a probe that is not a usable document means 'not here': the next place is asked. A fault that may
//! pass means 'could not tell', and is remembered, so that it never turns into a downgrade (PRM-18).

use serde::{Deserialize, Serialize};

use crate::error::DEFAULT_RETRY_MS;
use crate::event::{Cause, HttpResponse};
use crate::input::HttpAnswer;
use crate::limits::{MAX_DISCOVERY_REQUESTS, MAX_REDIRECTS};
use crate::phase::http::{self, Trouble};
use crate::shared::Shared;
use crate::trace::{Answer, Decision};
use crate::uri::HttpUrl;

/// What a probe brought.
pub(super) enum Probe<'a> {
    /// A 200: perhaps the document.
    Body(&'a [u8]),
    /// A redirect within the origin, to be followed.
    Moved(HttpUrl),
    /// No document here.
    NotHere,
    /// Perhaps there is one.
    CouldNotTell(Option<u64>),
}

/// The state of looking for one document.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Search {
    /// Redirects followed since the last place.
    pub(super) redirects: u8,
    /// Requests made in this flow.
    pub(super) requests: u8,
    /// Whether some place could not tell, and for how long to wait.
    pub(super) unclear: Option<u64>,
}

impl Search {
    /// Sorts an answer.
    pub(super) fn probe<'a>(
        &mut self,
        answer: HttpAnswer<'a>,
        url: &HttpUrl,
        shared: &mut Shared,
    ) -> Probe<'a> {
        self.requests = self.requests.saturating_add(1);
        let probe = match answer {
            // What does not fit is no usable document, today and tomorrow.
            Err(Cause::TooLarge) => {
                shared.note(Decision::NotHere(Answer::None(Cause::TooLarge)));
                Probe::NotHere
            }
            Err(cause) => {
                shared.note(Decision::CouldNotTell(Answer::None(cause)));
                Probe::CouldNotTell(None)
            }
            Ok(response) => self.sort(response, url, shared),
        };
        if let Probe::CouldNotTell(wait) = &probe {
            let wait = wait.unwrap_or(DEFAULT_RETRY_MS);
            self.unclear = Some(self.unclear.map_or(wait, |known| known.max(wait)));
        }
        probe
    }

    fn sort<'a>(
        &mut self,
        response: HttpResponse<'a>,
        url: &HttpUrl,
        shared: &mut Shared,
    ) -> Probe<'a> {
        let answer = Answer::Status(response.status);
        let location = response.header("location");
        match (response.status, location, Trouble::of(response.status)) {
            (200, ..) => Probe::Body(response.body),
            (300..=399, Some(location), _) => self.redirected(location, answer, url, shared),
            (_, _, Some(Trouble::Throttled | Trouble::Unavailable)) => {
                shared.note(Decision::CouldNotTell(answer));
                Probe::CouldNotTell(http::retry_after(&response))
            }
            _ => {
                shared.note(Decision::NotHere(answer));
                Probe::NotHere
            }
        }
    }

    /// A redirect is followed within the origin only (MCP security best practices, SSRF).
    fn redirected<'a>(
        &mut self,
        location: &str,
        answer: Answer,
        url: &HttpUrl,
        shared: &mut Shared,
    ) -> Probe<'a> {
        match url.resolve_redirect(location, shared.config.reach) {
            Ok(next) if self.redirects < MAX_REDIRECTS => {
                self.redirects = self.redirects.saturating_add(1);
                shared.note(Decision::RedirectFollowed);
                Probe::Moved(next)
            }
            Ok(_) => {
                shared.note(Decision::CouldNotTell(answer));
                Probe::CouldNotTell(None)
            }
            Err(fault) => {
                shared.note(Decision::RedirectRefused(fault));
                Probe::CouldNotTell(None)
            }
        }
    }

    pub(super) const fn is_spent(self) -> bool {
        self.requests >= MAX_DISCOVERY_REQUESTS
    }
}
