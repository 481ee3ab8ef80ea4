//! How long does the command line take to begin?

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::gauges::{callgrind, collected};

/// How often each command is run.
const RUNS: usize = 41;

/// What one command takes.
pub(crate) struct Startup {
    pub(crate) what: String,
    /// Nanoseconds from start to end, the median.
    pub(crate) time: f64,
    /// The same of a program that does nothing.
    pub(crate) nothing: f64,
    pub(crate) instructions: Option<u64>,
}

/// Times the commands that contact nobody.
pub(crate) fn all(program: &Path) -> Vec<Startup> {
    let home = tempfile::tempdir().expect("a temporary folder");
    [&["--version"][..], &["status", "--store", "file"]]
        .into_iter()
        .map(|arguments| {
            let ready = |mut command: Command| {
                command.args(arguments).env("MCP_OAUTH_HOME", home.path());
                command
            };
            let mut ours = ready(Command::new(program));
            let mut nothing = Command::new("true");
            let mut times = [Vec::new(), Vec::new()];
            for _ in 0..RUNS {
                // In turn, so that a noisy moment hits both.
                times[0].push(nanoseconds(&mut ours));
                times[1].push(nanoseconds(&mut nothing));
            }
            let [time, nothing] = times.map(median);
            Startup {
                what: format!("mcp-oauth {}", arguments.join(" ")),
                time,
                nothing,
                instructions: collected(&mut ready(callgrind(program))),
            }
        })
        .collect()
}

fn nanoseconds(command: &mut Command) -> f64 {
    let begin = Instant::now();
    let status = command.stdout(Stdio::null()).status();
    let time = begin.elapsed().as_nanos() as f64;
    assert!(status.is_ok_and(|status| status.success()), "{command:?}");
    time
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
