//! Do the servers of the testbed treat good and bad clients as they should?

mod flow;
mod honest;
mod misbehaviour;
mod policies;
mod program;
mod quirks;
mod scene;
mod sights;
