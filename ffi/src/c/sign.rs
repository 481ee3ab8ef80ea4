//! How does a signature come in?

use mcp_oauth_core as core;
use mcp_oauth_core::{ActionId, Event};

use super::boundary::numbered;
use super::events::event;
use super::machine::{Inner, MachineHandle};
use super::slice::Slice;
use super::status::Status;
use super::step::Step;

/// How to sign (RFC 7518 §3.1, RFC 8037 §3.1).
#[repr(i32)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// Nothing is to be signed.
    #[default]
    None = 0,
    /// `ES256`: ECDSA with P-256 and SHA-256. The signature is R and S, 32 bytes each, and no DER.
    Es256 = 1,
    /// `RS256`: RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256 = 2,
    /// `PS256`: RSASSA-PSS with SHA-256.
    Ps256 = 3,
    /// `EdDSA`: Ed25519.
    EdDsa = 4,
}

numbered!(Algorithm: None Es256 Rs256 Ps256 EdDsa);

impl From<core::Algorithm> for Algorithm {
    fn from(algorithm: core::Algorithm) -> Self {
        match algorithm {
            core::Algorithm::Es256 => Self::Es256,
            core::Algorithm::Rs256 => Self::Rs256,
            core::Algorithm::Ps256 => Self::Ps256,
            core::Algorithm::EdDsa => Self::EdDsa,
        }
    }
}

impl Algorithm {
    /// The algorithm that a number names; none is none to sign with.
    pub(super) fn wanted(number: i32) -> Result<core::Algorithm, Status> {
        match Self::read(number)? {
            Self::None => Err(Status::BadArgument),
            Self::Es256 => Ok(core::Algorithm::Es256),
            Self::Rs256 => Ok(core::Algorithm::Rs256),
            Self::Ps256 => Ok(core::Algorithm::Ps256),
            Self::EdDsa => Ok(core::Algorithm::EdDsa),
        }
    }
}

/// The answer to `MCP_OAUTH_KIND_SIGN`: the bare signature over the bytes of `input`, as the `mcp_oauth_algorithm` has it.
/// `MCP_OAUTH_STATUS_MISUSE_SIGNATURE` for a length that the algorithm cannot give.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_signed(
    machine: *mut MachineHandle,
    id: u64,
    signature: Slice,
    now_ms: u64,
    out: *mut Step,
) -> Status {
    let give = |inner: &mut Inner| {
        // SAFETY: the head of the header.
        let signature = unsafe { signature.bytes()? };
        let id = ActionId::from_number(id);
        inner.give(Event::Signed { id, signature }, now_ms)
    };
    // SAFETY: the head of the header.
    unsafe { event(machine, out, give) }
}
