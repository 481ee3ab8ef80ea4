//! How much memory does a sign-in take while its user is away?

use crate::allocations::{self, Taken};
use crate::measures::Whose;
use crate::ours::{Host, Step};
use crate::peer;
use crate::primitives::Written;

/// Flows that wait at the same time.
pub(crate) const FLOWS: usize = 100_000;

/// What all the waiting flows hold together.
pub(crate) struct Waiting {
    pub(crate) what: &'static str,
    pub(crate) whose: Whose,
    pub(crate) taken: Taken,
}

/// Lets them all wait. The configuration is shared by all, as is rmcp's HTTP client.
pub(crate) fn all() -> Vec<Waiting> {
    let written = Written::in_one_flow(&mut Host::new(false));
    let client = peer::client();
    vec![
        Waiting {
            what: WAITING,
            whose: Whose::Ours,
            taken: machines(false),
        },
        Waiting {
            what: WAITING,
            whose: Whose::Primitives,
            taken: hold(|| written.waiting()),
        },
        Waiting {
            what: WAITING,
            whose: Whose::Rmcp,
            taken: hold(|| peer::waiting(&client)),
        },
        Waiting {
            what: "waiting flow, trace taken",
            whose: Whose::Ours,
            taken: machines(true),
        },
    ]
}

/// The row of a waiting flow.
pub(crate) const WAITING: &str = "waiting flow";

fn machines(take_trace: bool) -> Taken {
    let mut host = Host::new(take_trace);
    hold(|| host.before(Step::CalledBack))
}

fn hold<T>(mut begin: impl FnMut() -> T) -> Taken {
    let (taken, flows) = allocations::of(|| {
        let mut flows = Vec::with_capacity(FLOWS);
        flows.extend(std::iter::repeat_with(&mut begin).take(FLOWS));
        flows
    });
    drop(flows);
    taken
}
