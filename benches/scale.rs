//! What does a sign-in cost that sleeps until its user comes back, among a thousand and among a million?

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use mcp_oauth_core::{
    CallbackText, Machine, Next, Pending, SecretBytes, StoreKey, StoreOp, Task, Timestamp,
};

use crate::allocations;
use crate::ours::{self, Host, Step};

/// Sign-ins that sleep at the same time.
const FLOWS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Callbacks of each round, spread over all that sleep.
const CALLBACKS: usize = 1_000;

/// Rounds, of which the quickest counts: what disturbs only makes slower.
const ROUNDS: usize = 15;

/// All records of a process that keeps no machine alive, and who is waited for.
struct Sleeping {
    store: HashMap<StoreKey, SecretBytes>,
    pending: Pending<u32>,
}

/// What one of so many costs.
struct Cost {
    flows: usize,
    /// Bytes of one that is kept as a machine.
    awake: f64,
    /// Bytes of one that is kept as a record, with the key and the route to it.
    asleep: f64,
    record: f64,
    route: Duration,
    find: Duration,
    resume: Duration,
}

/// A table of them; the columns of time beside their ratio to the first row.
pub(crate) fn table() -> String {
    let mut out = String::from(
        "| sleeping flows | bytes awake | bytes asleep | record | route a callback | find its record | resume |\n\
         |---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let mut first: Option<Cost> = None;
    for flows in FLOWS {
        let cost = measure(flows);
        let base = first.as_ref().unwrap_or(&cost);
        let time = |own: Duration, base: Duration| {
            let ratio = own.as_secs_f64() / base.as_secs_f64();
            format!("{:.2} µs (x {ratio:.2})", own.as_secs_f64() * 1e6)
        };
        let _ = writeln!(
            out,
            "| {} | {:.0} | {:.0} | {:.0} | {} | {} | {} |",
            cost.flows,
            cost.awake,
            cost.asleep,
            cost.record,
            time(cost.route, base.route),
            time(cost.find, base.find),
            time(cost.resume, base.resume),
        );
        first.get_or_insert(cost);
    }
    out
}

fn measure(flows: usize) -> Cost {
    let mut host = Host::new(true);
    let (awake, machines) = allocations::of(|| {
        let mut machines = Vec::with_capacity(flows);
        machines.extend(std::iter::repeat_with(|| host.before(Step::CalledBack)).take(flows));
        machines
    });
    drop(machines);

    let every = flows / CALLBACKS;
    let mut callbacks = Vec::with_capacity(CALLBACKS);
    let mut bytes = 0;
    let (asleep, mut sleeping) = allocations::of(|| {
        let mut sleeping = Sleeping {
            store: HashMap::new(),
            pending: Pending::new(flows),
        };
        for number in 0..flows {
            let key = lie_down(&mut host, number, &mut sleeping, |callback| {
                if number.is_multiple_of(every) {
                    callbacks.push(callback.to_owned());
                }
            });
            bytes += sleeping.store[&key].expose().len();
        }
        sleeping
    });
    // What the measurement itself keeps.
    let kept: usize = callbacks
        .iter()
        .map(|callback: &String| callback.capacity())
        .sum();

    let mut cost = Cost {
        flows,
        awake: awake.live as f64 / flows as f64,
        asleep: (asleep.live - kept as i64) as f64 / flows as f64,
        record: bytes as f64 / flows as f64,
        route: Duration::MAX,
        find: Duration::MAX,
        resume: Duration::MAX,
    };
    for _ in 0..ROUNDS {
        round(&host, &callbacks, &mut sleeping, &mut cost);
    }
    cost
}

/// Begins a sign-in, and leaves nothing of it but its record and its route.
fn lie_down(
    host: &mut Host,
    number: usize,
    sleeping: &mut Sleeping,
    mut tell: impl FnMut(&str),
) -> StoreKey {
    let mut machine = host.before(Step::FlowStored);
    let Next::Do(action) = machine.next() else {
        panic!("nothing is saved");
    };
    let Task::Store(StoreOp::Save {
        key,
        record,
        expires_at: Some(at),
        ..
    }) = &action.task
    else {
        panic!("no pending sign-in is saved");
    };
    let key = key.clone();
    let at = *at;
    sleeping.store.insert(key.clone(), record.clone());
    host.give(&mut machine, Step::FlowStored);
    let Next::Do(action) = machine.next() else {
        panic!("nobody is sent away");
    };
    let Task::OpenUrl(open) = &action.task else {
        panic!("nobody is sent away");
    };
    let routed =
        sleeping
            .pending
            .insert(open.state.expose(), at, number as u32, Timestamp::default());
    assert_eq!(routed, Ok(None));
    let mut callback = String::new();
    ours::callback_of(open, &mut callback);
    tell(&callback);
    key
}

/// Lets some users come back: the route within the process, the record by the callback alone, and the machine from it.
fn round(host: &Host, callbacks: &[String], sleeping: &mut Sleeping, cost: &mut Cost) {
    let each = |whole: Duration| whole / CALLBACKS as u32;
    let start = Instant::now();
    let keys: Vec<StoreKey> = callbacks
        .iter()
        .filter_map(|callback| StoreKey::of_callback(CallbackText::Query(callback)))
        .collect();
    let records: Vec<&SecretBytes> = keys.iter().map(|key| &sleeping.store[key]).collect();
    cost.find = cost.find.min(each(start.elapsed()));

    let start = Instant::now();
    let machines: Vec<Machine> = records
        .iter()
        .map(|record| ours::resume(host, record.expose()))
        .collect();
    cost.resume = cost.resume.min(each(start.elapsed()));
    drop(black_box(machines));

    let now = Timestamp::default();
    let start = Instant::now();
    let found: Vec<u32> = callbacks
        .iter()
        .filter_map(|callback| sleeping.pending.take(CallbackText::Query(callback), now))
        .collect();
    cost.route = cost.route.min(each(start.elapsed()));
    assert_eq!(found.len(), CALLBACKS);
    // Back to sleep, for the next round.
    for (callback, number) in callbacks.iter().zip(found) {
        let state = callback.rsplit('=').next().unwrap_or_default();
        let routed = sleeping
            .pending
            .insert(state, Timestamp::from_millis(1), number, now);
        assert_eq!(routed, Ok(None));
    }
}
