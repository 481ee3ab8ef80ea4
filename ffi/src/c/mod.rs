//! The C interface: what does `include/mcp_oauth.h` declare?
//!
//! The header is written by cbindgen from the modules below, and says at its head who owns what. Every function comes in
//! through `boundary::guard`, so that neither a panic nor a NULL gets any further.
#![allow(
    unsafe_code,
    clippy::missing_safety_doc,
    reason = "the head of the header says what every caller must keep to"
)]

#[cfg(panic = "abort")]
compile_error!("a panic in here must not end the program: build with panic = \"unwind\"");

mod boundary;
mod config;
mod describe;
mod events;
mod exclusive;
mod machine;
mod pending;
mod provided;
mod request;
mod setting;
mod settings;
mod sign;
mod slice;
mod status;
mod step;
mod store;
mod version;

pub use config::*;
pub use events::*;
pub use machine::*;
pub use pending::*;
pub use provided::*;
pub use request::*;
pub use setting::*;
pub use settings::*;
pub use sign::*;
pub use slice::*;
pub use status::*;
pub use step::*;
pub use store::*;
pub use version::*;
