//! Are the rules that fuzzing holds the machine to kept for every input of `fuzz/corpus`?
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use std::path::Path;

#[test]
fn every_input_of_the_corpus_keeps_the_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for target in fuzz::targets() {
        let inputs = std::fs::read_dir(folder.join(target)).expect("a corpus for each target");
        let mut replayed = 0;
        for input in inputs {
            let path = input.expect("the entry can be read").path();
            let data = std::fs::read(&path).expect("the input can be read");
            if std::panic::catch_unwind(|| fuzz::run(target, &data)).is_err() {
                panic!("{} breaks a rule", path.display());
            }
            replayed += 1;
        }
        assert!(replayed > 0, "no inputs for {target}");
    }
}
