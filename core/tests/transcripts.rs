//! Replays every file of `tests/transcripts`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod transcript;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mcp_oauth_core::transition::leads_to;
use mcp_oauth_core::{EventKind, PhaseKind};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.push(path);
        }
    }
}

/// Every file, by its name below the folder, with its text.
fn transcripts() -> Vec<(PathBuf, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/transcripts");
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no transcripts found");
    paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&folder).expect("below the folder");
            let name = name.display().to_string();
            let text = std::fs::read_to_string(&path).expect("the file can be read");
            (path, name, text)
        })
        .collect()
}

/// A panic is a difference like any other: told with the file that led to it, and the other files are replayed all the same.
fn replayed(text: &str, bless: bool) -> Result<Option<String>, String> {
    std::panic::catch_unwind(|| transcript::replay(text, bless, &mut BTreeSet::new()))
        .unwrap_or_else(|panic| match panic.downcast_ref::<String>() {
            Some(why) => Err(format!("panics: {why}")),
            None => Err("panics".into()),
        })
}

// ROB-07
#[test]
fn every_transcript_is_what_the_machine_does() {
    let bless = std::env::var_os("MCP_OAUTH_BLESS").is_some();
    let only = std::env::var("TRANSCRIPT").unwrap_or_default();
    let is_wanted = |name: &str| only.is_empty() || only.split(' ').any(|part| name.contains(part));
    let mut failures = Vec::new();
    for (path, name, text) in transcripts() {
        if !is_wanted(&name) {
            continue;
        }
        match replayed(&text, bless) {
            Ok(None) => {}
            Ok(Some(blessed)) => std::fs::write(path, blessed).expect("the file can be written"),
            Err(difference) => failures.push(format!("{name}: {difference}")),
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

#[test]
fn every_transition_of_the_table_is_shown_by_a_transcript() {
    let mut seen = BTreeSet::new();
    for (_, _, text) in transcripts() {
        // Whether it is right is the other test's business.
        let _ = transcript::replay(&text, false, &mut seen);
    }
    let mut missing = Vec::new();
    for from in PhaseKind::ALL {
        // Cancel and SignOut act everywhere, and are tried everywhere by `machine/misuse.rs`.
        let events = EventKind::ALL
            .iter()
            .filter(|event| !matches!(event, EventKind::Cancel | EventKind::SignOut));
        for event in events {
            for to in leads_to(*from, *event) {
                let edge = format!("{from:?} --{event:?}--> {to:?}");
                if !seen.contains(&edge) {
                    missing.push(edge);
                }
            }
        }
    }
    assert!(
        missing.is_empty(),
        "no transcript shows\n{}",
        missing.join("\n")
    );
}
