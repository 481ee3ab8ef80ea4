//! Do the servers of the testbed treat good and bad clients as they should?

mod flow;
mod honest;
mod misbehaviour;
mod program;
mod quirks;
