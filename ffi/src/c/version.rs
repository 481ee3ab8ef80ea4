//! Which library is loaded?

use super::slice::Slice;

/// The version of this interface that the header describes. It grows whenever a function, a number or a structure changes
/// in a way that a program compiled before would not survive.
pub const ABI_VERSION: u32 = 2;

/// The version of the interface that the loaded library speaks: compare it with `MCP_OAUTH_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn mcp_oauth_abi_version() -> u32 {
    ABI_VERSION
}

/// The version of the library, as `1.2.3`. Static text.
#[unsafe(no_mangle)]
pub extern "C" fn mcp_oauth_version() -> Slice {
    Slice::text(env!("CARGO_PKG_VERSION"))
}
