//! Replays every file of `tests/transcripts`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod transcript;

use std::path::{Path, PathBuf};

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

#[test]
fn every_transcript_is_what_the_machine_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/transcripts");
    let bless = std::env::var_os("MCP_OAUTH_BLESS").is_some();
    let only = std::env::var("TRANSCRIPT").unwrap_or_default();
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    paths.sort();
    let mut failures = Vec::new();
    let mut replayed = 0;
    for path in &paths {
        if !path.to_string_lossy().contains(&only) {
            continue;
        }
        replayed += 1;
        let name = path
            .strip_prefix(&folder)
            .expect("below the folder")
            .display();
        let text = std::fs::read_to_string(path).expect("the file can be read");
        match transcript::replay(&text, bless) {
            Ok(None) => {}
            Ok(Some(blessed)) => std::fs::write(path, blessed).expect("the file can be written"),
            Err(difference) => failures.push(format!("{name}: {difference}")),
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
    assert!(replayed > 0, "no transcripts found");
}
