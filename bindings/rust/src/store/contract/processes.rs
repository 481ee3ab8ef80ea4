//! Is the store right when several processes use it, and when one of them is killed?

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mcp_oauth_core::{SecretBytes, StoreKey};

use super::races::{add_one, count};
use super::{Working, bytes};
use crate::store::Store;

const PROCESSES: u64 = 4;
const ADDITIONS: u64 = 20;
const RACES: u64 = 20;
const KILLED: u64 = 3;
/// Long enough to be killed in the middle of.
const LONG: usize = 256 * 1024;

const PATIENCE: Duration = Duration::from_secs(30);

/// What a process that was started here is to do, and at which store.
const PART: &str = "MCP_OAUTH_CONTRACT_PART";
const PLACE: &str = "MCP_OAUTH_CONTRACT_PLACE";
const RUN: &str = "MCP_OAUTH_CONTRACT_RUN";

/// Whether several processes lose nothing of each other's, one alone wins each race, and a process that is killed leaves a
/// whole record behind and nobody waiting.
///
/// The processes are this test program again, with `test`, the full name of the test that calls this, as the test to run;
/// there, this does their part of the work. `open` opens the store at `place`, which all of them are told. They begin by
/// opening it at once: nobody else has before.
///
/// # Panics
/// When the contract is broken.
pub async fn keeps_between_processes<S: Store>(
    test: &str,
    place: &str,
    open: impl AsyncFn(String) -> S,
) {
    let told = |name| std::env::var(name).ok();
    if let (Some(part), Some(place), Some(run)) = (told(PART), told(PLACE), told(RUN)) {
        let store = &open(place).await;
        return match part.as_str() {
            "race" => race(store, &run).await,
            _ => write_until_killed(store, &run).await,
        };
    }
    let run = super::fresh("run").as_str().to_owned();
    let start = |part| start(test, part, place, &run);

    let racing: Vec<_> = (0..PROCESSES).map(|_| start("race")).collect();
    let won: u64 = racing.into_iter().map(races_won).sum();
    assert_eq!(won, RACES, "races won, of {RACES} between processes");
    let store = &open(place.to_owned()).await;
    let counted = count(store, &counter(&run)).await;
    assert_eq!(counted, Some(PROCESSES * ADDITIONS), "a write was lost");

    for _ in 0..KILLED {
        let mut writing = start("write");
        has_begun(store, &run).await;
        writing.kill().expect("the process can be killed");
        writing.wait().expect("the process has ended");
        can_be_written(store, &run).await;
    }
}

fn start(test: &str, part: &str, place: &str, run: &str) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(PART, part)
        .env(PLACE, place)
        .env(RUN, run)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started again")
}

fn counter(run: &str) -> StoreKey {
    StoreKey::grant(run, "https://mcp.example.com/counter")
}

fn long(run: &str) -> StoreKey {
    StoreKey::grant(run, "https://mcp.example.com/long")
}

const WON: &str = "mcp-oauth-contract won ";

async fn race(store: &dyn Store, run: &str) {
    for _ in 0..ADDITIONS {
        add_one(store, &counter(run)).await;
    }
    let mut won = 0;
    for race in 0..RACES {
        let key = StoreKey::flow(&format!("{race} {run}"));
        won += u64::from(Working(store).save(&key, None, 1, &bytes("mine")).await);
    }
    println!("{WON}{won}.");
}

fn races_won(mut process: Child) -> u64 {
    let mut told = String::new();
    let out = process.stdout.as_mut().expect("its output");
    out.read_to_string(&mut told).expect("its output is text");
    let status = process.wait().expect("the process has ended");
    assert!(status.success(), "a process failed: {told}");
    let won = told.split_once(WON).and_then(|(_, rest)| {
        let (won, _) = rest.split_once('.')?;
        won.parse().ok()
    });
    won.unwrap_or_else(|| panic!("no test has the name that was given: {told}"))
}

/// Bytes that tell by which generation they were written.
fn filled(generation: u64) -> SecretBytes {
    SecretBytes::new(vec![generation as u8; LONG])
}

async fn write_until_killed(store: &dyn Store, run: &str) {
    let key = long(run);
    let mut last = Working(store).load(&key).await.map(|held| held.generation);
    loop {
        let next = last.unwrap_or(0) + 1;
        assert!(Working(store).save(&key, last, next, &filled(next)).await);
        last = Some(next);
    }
}

async fn has_begun(store: &dyn Store, run: &str) {
    let before = whole(store, run).await;
    let start = Instant::now();
    while whole(store, run).await <= before.map_or(Some(2), |before| Some(before + 2)) {
        assert!(start.elapsed() < PATIENCE, "a process does not write");
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
}

/// The generation that is held, if it is that of the bytes.
async fn whole(store: &dyn Store, run: &str) -> Option<u64> {
    let held = Working(store).load(&long(run)).await?;
    assert!(held.body == filled(held.generation), "half a record");
    Some(held.generation)
}

/// A server may still finish what a process that is gone has sent; nothing else is in the way.
async fn can_be_written(store: &dyn Store, run: &str) {
    let start = Instant::now();
    loop {
        let last = whole(store, run).await;
        let next = last.unwrap_or(0) + 1;
        let store = Working(store);
        if store.save(&long(run), last, next, &filled(next)).await {
            return;
        }
        let waited = start.elapsed();
        assert!(waited < PATIENCE, "a killed process is in the way");
    }
}
