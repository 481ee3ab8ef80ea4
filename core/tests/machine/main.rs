//! The machine as a whole: every phase against every event, misuse, races, leaks, hostile answers.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod entropy;
mod fleet;
mod grid;
mod host;
mod hostile;
mod interleavings;
mod misuse;
mod pending;
mod races;
mod records;
mod secrets;
