//! What does the core cost, beside the bare primitives and beside another client? See `make bench`.

mod allocations;
mod documents;
mod gauges;
mod measures;
mod ours;
mod peer;
mod primitives;
mod scale;
mod startup;
mod table;
mod waiting;

use std::path::PathBuf;

use table::Table;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

fn main() {
    if gauges::counted_run() {
        return;
    }
    if std::env::args().any(|argument| argument == "--scale") {
        println!("\n{}", scale::table());
        return;
    }
    let mut table = Table::default();
    let program = std::env::current_exe().expect("a running program has a path");
    // Beside the folder of builds, where criterion's own default is.
    let folder = program.ancestors().nth(3).expect("cargo's folders");
    let times = gauges::times(&folder.join("criterion"));
    let instructions = gauges::instructions();
    table.costs(&times, &instructions, &gauges::memory());
    table.waiting(&waiting::all());
    // Cargo adds `--bench`.
    match std::env::args()
        .skip(1)
        .find(|argument| argument != "--bench")
    {
        Some(command) => table.startups(&startup::all(&PathBuf::from(command))),
        None => eprintln!("SKIPPED: start-up times. Give the path of `mcp-oauth` to measure them."),
    }
    println!("\n{table}\n{}", scale::table());
    if instructions.is_empty() {
        eprintln!("SKIPPED: instruction counts. Install valgrind to have them.");
    }
}
