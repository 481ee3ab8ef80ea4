//! Client half of MCP authorization as a pure state machine.
#![forbid(unsafe_code)]

pub mod uri;
pub mod wire;
