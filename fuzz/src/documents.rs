//! Which documents of servers are fuzzed, and how does a machine come to read them?
//!
//! The first byte chooses status and headers, the rest is the body; `@` at the start of a secret member stands for a marked
//! secret. A form begins with `&`.

use mcp_oauth_core::{Event, PhaseKind};

use super::trial::{Trial, outstanding};
use super::world::Answer;

/// A status for each choice. A body that comes with a redirect is its target, too.
const STATUSES: [u16; 16] = [
    200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503, 200, 200, 200, 307, 199,
];

fn answer(trial: &Trial, data: &[u8]) -> Answer {
    let (shape, body) = data.split_first().unwrap_or((&0, &[]));
    let status = STATUSES[usize::from(shape & 15)];
    let headers = match status {
        302 | 307 => vec![("Location", body.to_vec())],
        429 | 503 => vec![("retry-after", body.to_vec())],
        _ => Vec::new(),
    };
    let marks = &trial.world.marks;
    // Text that can be read as a form may say anything in an error, and is shown.
    let body = match body.first() {
        Some(b'&') => marks.fill_form(body),
        Some(b'{') if !body.contains(&b'&') => marks.fill(body),
        _ => body.to_vec(),
    };
    Answer::Reply {
        status,
        headers,
        body,
    }
}

/// Brings the machine to a phase, gives it the input as the answer, and lets the flow end.
fn answered(trial: &mut Trial, phase: PhaseKind, data: &[u8]) {
    let taste = data.first().map_or(0, |shape| shape >> 4);
    trial.watched = false;
    let _ = trial.give(Event::Connect);
    let there = trial.until(phase, taste);
    trial.watched = true;
    if !there {
        return;
    }
    // The same words again, in case the first answer led to another try.
    for _ in 0..3 {
        let answer = answer(trial, data);
        let Some(action) = outstanding(&trial.seat.machine) else {
            break;
        };
        if trial.seat.machine.phase() != phase || trial.reply(action.id, &answer).is_err() {
            break;
        }
    }
    trial.finish(taste);
}

pub(crate) fn resource_metadata(data: &[u8], trial: &mut Trial) {
    answered(trial, PhaseKind::ResourceDiscovery, data);
}

pub(crate) fn server_metadata(data: &[u8], trial: &mut Trial) {
    answered(trial, PhaseKind::ServerDiscovery, data);
}

pub(crate) fn registration_response(data: &[u8], trial: &mut Trial) {
    answered(trial, PhaseKind::Registering, data);
}

/// The answer to a code or, where the choice of the status says so, to a refresh token.
pub(crate) fn token_response(data: &[u8], trial: &mut Trial) {
    let refreshes = data.first().is_some_and(|shape| shape & 0x80 != 0);
    if refreshes {
        trial.watched = false;
        let _ = trial.give(Event::Connect);
        if trial.until(PhaseKind::Authorized, 0) {
            trial.now = trial.now.after(7_200_000);
            answered(trial, PhaseKind::Refreshing, data);
        }
    } else {
        answered(trial, PhaseKind::Exchanging, data);
    }
}
