//! The command line of MCP authorization.

fn main() {}
