//! What is shown in the end, and which goals does it meet?

use std::fmt;

use crate::allocations::Taken;
use crate::gauges::Results;
use crate::measures::{FLOW, HEADERS, Measure, Whose};
use crate::startup::Startup;
use crate::waiting::{FLOWS, WAITING, Waiting};

/// One line for each kind of figure of each measure.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

struct Row {
    what: String,
    unit: Unit,
    ours: Option<f64>,
    primitives: Option<f64>,
    rmcp: Option<f64>,
    goal: Option<Goal>,
}

#[derive(Clone, Copy)]
enum Unit {
    Nanoseconds,
    Count,
    Bytes,
}

#[derive(Clone, Copy)]
enum Goal {
    /// Our figure is at most this.
    AtMost(f64),
    /// Ours is at most so many times that of the primitives.
    Times(f64),
}

impl Table {
    /// Adds what every measure costs.
    pub(crate) fn costs(
        &mut self,
        times: &Results<f64>,
        instructions: &Results<u64>,
        memory: &Results<Taken>,
    ) {
        let mut measured: Vec<&str> = Vec::new();
        for measure in times.keys() {
            if !measured.contains(&&*measure.what) {
                measured.push(&measure.what);
            }
        }
        for what in measured {
            let time = |whose| times.get(&of(what, whose)).copied();
            let instructions = |whose| instructions.get(&of(what, whose)).map(|n| *n as f64);
            let calls = |whose| memory.get(&of(what, whose)).map(|t| t.calls as f64);
            let bytes = |whose| memory.get(&of(what, whose)).map(|t| t.bytes as f64);
            let goals = match what {
                FLOW => [
                    Some(Goal::Times(1.5)),
                    Some(Goal::AtMost(180_000.0)),
                    Some(Goal::AtMost(120.0)),
                ],
                HEADERS => [Some(Goal::AtMost(100.0)), None, Some(Goal::AtMost(0.0))],
                _ => [None; 3],
            };
            self.add(what, "time", Unit::Nanoseconds, time, goals[0]);
            self.add(what, "instructions", Unit::Count, instructions, goals[1]);
            self.add(what, "allocations", Unit::Count, calls, goals[2]);
            self.add(what, "bytes allocated", Unit::Bytes, bytes, None);
        }
    }

    /// Adds what a waiting flow holds.
    pub(crate) fn waiting(&mut self, waiting: &[Waiting]) {
        let each = |sum: f64| sum / FLOWS as f64;
        let mut rows: Vec<&str> = waiting.iter().map(|flows| flows.what).collect();
        rows.dedup();
        for what in rows {
            let of = |whose| {
                waiting
                    .iter()
                    .find(|flows| flows.what == what && flows.whose == whose)
                    .map(|flows| each(flows.taken.live as f64))
            };
            let goal = (what == WAITING).then_some(Goal::AtMost(2048.0));
            self.add(what, "bytes held", Unit::Bytes, of, goal);
        }
    }

    /// Adds what the command line takes; `true` stands in the column of the primitives.
    pub(crate) fn startups(&mut self, startups: &[Startup]) {
        for startup in startups {
            let time = |whose| match whose {
                Whose::Ours => Some(startup.time),
                Whose::Primitives => Some(startup.nothing),
                Whose::Rmcp => None,
            };
            let instructions = |whose| match whose {
                Whose::Ours => startup.instructions.map(|n| n as f64),
                _ => None,
            };
            let goal = Some(Goal::AtMost(20e6));
            self.add(&startup.what, "time", Unit::Nanoseconds, time, goal);
            self.add(
                &startup.what,
                "instructions",
                Unit::Count,
                instructions,
                None,
            );
        }
    }

    fn add(
        &mut self,
        what: &str,
        figure: &str,
        unit: Unit,
        of: impl Fn(Whose) -> Option<f64>,
        goal: Option<Goal>,
    ) {
        self.0.push(Row {
            what: format!("{what}: {figure}"),
            unit,
            ours: of(Whose::Ours),
            primitives: of(Whose::Primitives),
            rmcp: of(Whose::Rmcp),
            goal,
        });
    }
}

fn of(what: &str, whose: Whose) -> Measure {
    Measure {
        what: what.into(),
        whose,
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        let (ours, primitives) = (self.ours?, self.primitives?);
        (primitives > 0.0).then(|| ours / primitives)
    }

    /// What is reached for, and whether it is reached.
    fn goal(&self) -> String {
        let (text, met) = match self.goal {
            None => return String::new(),
            Some(Goal::AtMost(most)) => (
                format!("≤ {}", self.unit.show(most)),
                self.ours.map(|ours| ours <= most),
            ),
            Some(Goal::Times(most)) => (
                format!("ratio ≤ {most}"),
                self.ratio().map(|ratio| ratio <= most),
            ),
        };
        let verdict = match met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not measured",
        };
        format!("{text}: {verdict}")
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Nanoseconds if value >= 1e6 => format!("{:.2} ms", value / 1e6),
            Self::Nanoseconds if value >= 1e3 => format!("{:.2} µs", value / 1e3),
            Self::Nanoseconds => format!("{value:.1} ns"),
            Self::Bytes => format!("{value:.0} B"),
            Self::Count if value >= 10_000.0 => format!("{:.1}k", value / 1e3),
            Self::Count => format!("{value:.0}"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| {:46} | {:>10} | {:>10} | {:>10} | {:>6} | {:22} |",
            "measure", "ours", "primitives", "rmcp", "ratio", "goal"
        )?;
        let (name, figure, ratio, goal) =
            ("-".repeat(46), "-".repeat(9), "-".repeat(5), "-".repeat(22));
        writeln!(
            f,
            "| {name} | {figure}: | {figure}: | {figure}: | {ratio}: | {goal} |"
        )?;
        for row in &self.0 {
            let cell =
                |value: Option<f64>| value.map_or("–".into(), |value| row.unit.show(value));
            writeln!(
                f,
                "| {:46} | {:>10} | {:>10} | {:>10} | {:>6} | {:22} |",
                row.what,
                cell(row.ours),
                cell(row.primitives),
                cell(row.rmcp),
                row.ratio()
                    .map_or("–".into(), |ratio| format!("{ratio:.2}")),
                row.goal()
            )?;
        }
        Ok(())
    }
}
