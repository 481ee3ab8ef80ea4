//! What is measured, and for whom?

use std::fmt;

use rmcp::transport::auth::{
    AuthorizationMetadata, ClientRegistrationResponse, OAuthTokenResponse, WWWAuthenticateParams,
};
use url::Url;

use crate::documents::*;
use crate::ours::{self, Host, READINGS, Step};
use crate::peer;
use crate::primitives::{self, Written};

/// Whose work is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whose {
    /// The core's.
    Ours,
    /// The parsing, hashing and encoding of the same bytes alone.
    Primitives,
    /// That of rmcp's `AuthorizationManager`.
    Rmcp,
}

/// Names one measured piece of work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Measure {
    pub(crate) what: String,
    pub(crate) whose: Whose,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}", self.what, self.whose)
    }
}

/// The row of the complete flow.
pub(crate) const FLOW: &str = "complete flow";

/// The row of the hot path.
pub(crate) const HEADERS: &str = "request_headers";

/// A way of measuring.
pub(crate) trait Gauge {
    /// Work that leaves nothing behind.
    fn repeat<R>(&mut self, measure: Measure, work: impl FnMut() -> R);

    /// Work that needs a fresh start, which is not measured.
    fn each<T, R>(
        &mut self,
        measure: Measure,
        prepare: impl FnMut() -> T,
        work: impl FnMut(&mut T) -> R,
    );
}

/// Measures everything.
pub(crate) fn all(gauge: &mut impl Gauge) {
    let mut host = Host::new(false);
    let written = Written::in_one_flow(&mut host);
    flows(gauge, &mut host, &written);
    readings(gauge, &mut host, &written);
    records(gauge, &mut host, &written);
}

fn of(what: impl Into<String>, whose: Whose) -> Measure {
    Measure {
        what: what.into(),
        whose,
    }
}

fn flows(gauge: &mut impl Gauge, host: &mut Host, written: &Written) {
    let client = peer::client();
    gauge.repeat(of(FLOW, Whose::Ours), || drop(host.flow()));
    gauge.repeat(of(FLOW, Whose::Primitives), || written.flow());
    gauge.repeat(of(FLOW, Whose::Rmcp), || drop(peer::flow(&client)));
    let mut taking = Host::new(true);
    gauge.repeat(of("complete flow, trace taken", Whose::Ours), || {
        drop(taking.flow());
    });

    let machine = host.flow();
    gauge.repeat(of(HEADERS, Whose::Ours), || ours::header(&machine).len());
    let manager = peer::flow(&client);
    gauge.repeat(of(HEADERS, Whose::Rmcp), || peer::token(&manager));
}

fn readings(gauge: &mut impl Gauge, host: &mut Host, written: &Written) {
    for (step, document) in READINGS {
        let row = format!("{document} read");
        let before = host.before(step).snapshot();
        let mut reader = host.clone();
        gauge.each(
            of(&row, Whose::Ours),
            || ours::resume(host, before.expose()),
            |machine| reader.give(machine, step),
        );
        gauge.repeat(of(&row, Whose::Primitives), || {
            primitives::read(step, written);
        });
        let theirs = of(row, Whose::Rmcp);
        match step {
            Step::Challenged => {
                let base = Url::parse(SERVER).expect("a URL");
                gauge.repeat(theirs, || WWWAuthenticateParams::parse(CHALLENGE, &base));
            }
            Step::ServerMetadata => gauge.repeat(theirs, || {
                serde_json::from_str::<AuthorizationMetadata>(SERVER_METADATA)
            }),
            Step::Registered => gauge.repeat(theirs, || {
                serde_json::from_str::<ClientRegistrationResponse>(REGISTRATION)
            }),
            Step::Refreshed => gauge.repeat(theirs, || {
                serde_json::from_str::<OAuthTokenResponse>(TOKENS)
            }),
            _ => {}
        }
    }
}

fn records(gauge: &mut impl Gauge, host: &mut Host, written: &Written) {
    let machine = host.before(Step::CalledBack);
    let waiting = written.waiting();
    gauge.repeat(of("snapshot", Whose::Ours), || machine.snapshot());
    gauge.repeat(of("snapshot", Whose::Primitives), || {
        primitives::write(&waiting)
    });

    let snapshot = machine.snapshot();
    let record = primitives::write(&waiting);
    gauge.repeat(of("resume", Whose::Ours), || {
        ours::resume(host, snapshot.expose())
    });
    gauge.repeat(of("resume", Whose::Primitives), || {
        primitives::read_record(&record)
    });
}
