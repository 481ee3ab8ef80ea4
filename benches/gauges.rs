//! How is a piece of work measured: by the clock, by instructions and by memory?

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use serde::Deserialize;

use crate::allocations::{self, Taken};
use crate::measures::{Gauge, Measure, all};

/// What every measure came to.
pub(crate) type Results<T> = BTreeMap<Measure, T>;

/// Nanoseconds of each measure.
pub(crate) fn times(folder: &Path) -> Results<f64> {
    let criterion = Criterion::default()
        .output_directory(folder)
        .without_plots()
        .sample_size(40)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1200));
    let mut clock = Clock {
        criterion,
        folder: folder.into(),
        fastest: BTreeMap::new(),
    };
    all(&mut clock);
    clock.fastest
}

struct Clock {
    criterion: Criterion,
    folder: PathBuf,
    fastest: Results<f64>,
}

impl Clock {
    /// The fastest of the samples that criterion has just written: whatever else runs on the machine only adds to one.
    fn read(&mut self, measure: Measure) {
        #[derive(Deserialize)]
        struct Samples {
            iters: Vec<f64>,
            times: Vec<f64>,
        }
        let (group, name) = names(&measure);
        let path = self.folder.join(group).join(name).join("new/sample.json");
        let text = std::fs::read(&path).expect("criterion has written its samples");
        let samples: Samples = serde_json::from_slice(&text).expect("criterion writes JSON");
        let fastest = samples
            .times
            .iter()
            .zip(&samples.iters)
            .map(|(time, iterations)| time / iterations)
            .fold(f64::INFINITY, f64::min);
        self.fastest.insert(measure, fastest);
    }
}

/// Group and name for criterion, which makes folders of them.
fn names(measure: &Measure) -> (String, String) {
    let group = measure.what.replace([' ', ','], "_");
    (group, format!("{:?}", measure.whose))
}

impl Gauge for Clock {
    fn repeat<R>(&mut self, measure: Measure, mut work: impl FnMut() -> R) {
        let (group, name) = names(&measure);
        self.criterion
            .benchmark_group(group)
            .bench_function(name, |bencher| bencher.iter(&mut work));
        self.read(measure);
    }

    fn each<T, R>(
        &mut self,
        measure: Measure,
        mut prepare: impl FnMut() -> T,
        mut work: impl FnMut(&mut T) -> R,
    ) {
        let (group, name) = names(&measure);
        self.criterion
            .benchmark_group(group)
            .bench_function(name, |bencher| {
                bencher.iter_batched_ref(&mut prepare, &mut work, BatchSize::SmallInput);
            });
        self.read(measure);
    }
}

/// What each measure allocates.
pub(crate) fn memory() -> Results<Taken> {
    let mut scales = Scales::default();
    all(&mut scales);
    scales.0
}

#[derive(Default)]
struct Scales(Results<Taken>);

impl Gauge for Scales {
    fn repeat<R>(&mut self, measure: Measure, mut work: impl FnMut() -> R) {
        // What is set up once, on first use, belongs to no measure.
        drop(work());
        let (taken, _) = allocations::of(work);
        self.0.insert(measure, taken);
    }

    fn each<T, R>(
        &mut self,
        measure: Measure,
        mut prepare: impl FnMut() -> T,
        mut work: impl FnMut(&mut T) -> R,
    ) {
        drop(work(&mut prepare()));
        let mut start = prepare();
        let (taken, _) = allocations::of(|| work(&mut start));
        self.0.insert(measure, taken);
    }
}

/// How often the work is done in the longer of two runs; in the other once. The difference is free of all setting up.
const REPEATS: u64 = 11;

/// The environment variables that make this program one such run: which measure, and how often its work is done.
const MEASURE: &str = "MCP_OAUTH_BENCH_MEASURE";
const TIMES: &str = "MCP_OAUTH_BENCH_TIMES";

/// Instructions of each measure under callgrind; none where valgrind is missing.
pub(crate) fn instructions() -> Results<u64> {
    let program = std::env::current_exe().expect("a running program has a path");
    let mut names = Names::default();
    all(&mut names);
    names
        .0
        .into_iter()
        .filter_map(|measure| {
            let run = |times: u64| {
                let mut command = callgrind(&program);
                command
                    .env(MEASURE, measure.to_string())
                    .env(TIMES, times.to_string());
                collected(&mut command)
            };
            let whole = run(REPEATS)?.checked_sub(run(1)?)?;
            Some((measure, whole / (REPEATS - 1)))
        })
        .collect()
}

/// A program under callgrind; its arguments may follow.
pub(crate) fn callgrind(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program);
    command
}

/// Runs it and reads how many instructions were counted.
pub(crate) fn collected(command: &mut Command) -> Option<u64> {
    let output = command.output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said
        .lines()
        .find_map(|line| line.split_once("Collected : "))?;
    line.1.trim().parse().ok()
}

/// Does the work of one measure and nothing else, if this process was started to be counted.
pub(crate) fn counted_run() -> bool {
    let (Ok(measure), Ok(times)) = (std::env::var(MEASURE), std::env::var(TIMES)) else {
        return false;
    };
    let times = times.parse().expect("set by this program");
    all(&mut OneMeasure { measure, times });
    true
}

#[derive(Default)]
struct Names(Vec<Measure>);

impl Gauge for Names {
    fn repeat<R>(&mut self, measure: Measure, _: impl FnMut() -> R) {
        self.0.push(measure);
    }

    fn each<T, R>(&mut self, measure: Measure, _: impl FnMut() -> T, _: impl FnMut(&mut T) -> R) {
        self.0.push(measure);
    }
}

struct OneMeasure {
    measure: String,
    times: u64,
}

impl Gauge for OneMeasure {
    fn repeat<R>(&mut self, measure: Measure, mut work: impl FnMut() -> R) {
        self.each(measure, || (), |()| work());
    }

    fn each<T, R>(
        &mut self,
        measure: Measure,
        mut prepare: impl FnMut() -> T,
        mut work: impl FnMut(&mut T) -> R,
    ) {
        if measure.to_string() != self.measure {
            return;
        }
        for round in 0..REPEATS {
            let mut start = prepare();
            if round < self.times {
                black_box(work(&mut start));
            }
        }
    }
}
