//! What does a request to the MCP server carry?

use mcp_oauth_core as core;

use super::boundary::{guard, pointer};
use super::machine::{Inner, MachineHandle};
use super::sign::Algorithm;
use super::slice::{Buffer, Slice};
use super::status::Status;

/// What a request to the MCP server should carry.
#[repr(i32)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Credentials {
    /// The call failed: look at its status.
    #[default]
    None = 0,
    /// Send `authorization`.
    Ready = 1,
    /// The token has expired or soon will: give the machine `mcp_oauth_machine_refresh`, run it, and ask again.
    RefreshDue = 2,
    /// Nothing: no token is held, or none for this URL. Send the request without.
    Absent = 3,
    /// Send `authorization`, and the `DPoP` header field that `mcp_oauth_dpop_proof` makes of `input` and its signature: for
    /// this request alone. Ask again for a repetition.
    Sign = 4,
}

/// The answer of `mcp_oauth_machine_request_headers`. What does not apply is zero.
#[repr(C)]
#[derive(Default)]
pub struct RequestHeaders {
    /// READY, SIGN: the token's generation, to be given back with `mcp_oauth_machine_challenge`.
    pub generation: u64,
    /// READY, SIGN: the value of the `Authorization` header field. Secret. Borrowed from the machine until its next event
    /// function.
    pub authorization: Slice,
    /// SIGN: the bytes to sign, ASCII. Secret. Borrowed like the following ones from the machine until the next call of
    /// `mcp_oauth_machine_request_headers`, or its end; event functions leave them as they are.
    pub input: Slice,
    /// SIGN: which key, by the SHA-256 thumbprint of its public half in base64url (RFC 7638).
    pub thumbprint: Slice,
    /// SIGN: the key's own name; absent if it has none.
    pub key_id: Slice,
    /// SIGN: the authorization server whose token it is.
    pub issuer: Slice,
    /// What to send.
    pub credentials: Credentials,
    /// SIGN: how to sign.
    pub algorithm: Algorithm,
}

/// What a request to the MCP server with this method and URL should carry: the call to make before each one, and before each
/// repetition of it, in any phase. `MCP_OAUTH_STATUS_ENTROPY` where a proof is due and the operating system gives no
/// randomness for it: send nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_request_headers(
    machine: *mut MachineHandle,
    method: Slice,
    url: Slice,
    now_ms: u64,
    out: *mut RequestHeaders,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, machine, method, url) = unsafe {
            (
                pointer::out(out)?,
                pointer::shared(machine)?,
                method.utf8()?,
                url.utf8()?,
            )
        };
        let inner = &mut *machine.0.enter()?;
        let Inner {
            machine,
            random,
            draft,
            ..
        } = inner;
        let now = core::Timestamp::from_millis(now_ms);
        let (authorization, credentials) = match machine.request_headers(method, url, now) {
            core::RequestHeaders::Ready(authorization) => (authorization, Credentials::Ready),
            core::RequestHeaders::Sign(proof) => {
                let draft = draft.insert(proof.draft(random).map_err(|_| Status::Entropy)?);
                out.input = Slice::text(draft.input.expose());
                out.thumbprint = Slice::text(&draft.thumbprint);
                out.key_id = Slice::optional(draft.key_id.as_deref());
                out.issuer = Slice::text(draft.issuer.as_str());
                out.algorithm = draft.algorithm.into();
                (proof.authorization(), Credentials::Sign)
            }
            core::RequestHeaders::RefreshDue => {
                out.credentials = Credentials::RefreshDue;
                return Ok(());
            }
            core::RequestHeaders::Absent => {
                out.credentials = Credentials::Absent;
                return Ok(());
            }
        };
        out.generation = authorization.generation();
        out.authorization = Slice::text(authorization.expose());
        out.credentials = credentials;
        Ok(())
    })
}

/// The value of the `DPoP` header field: the `input` that `mcp_oauth_machine_request_headers` gave, and the bare signature
/// over its bytes by its `mcp_oauth_algorithm`. Yours: free the buffer. Needs no machine, so that you need not hold your lock
/// while you sign. `MCP_OAUTH_STATUS_MISUSE_SIGNATURE` for a length that the algorithm cannot give.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_dpop_proof(
    algorithm: i32,
    input: Slice,
    signature: Slice,
    out: *mut Buffer,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, input, signature) =
            unsafe { (pointer::out(out)?, input.utf8()?, signature.bytes()?) };
        let proof = Algorithm::wanted(algorithm)?.compact(input, signature)?;
        *out = Buffer::of(proof.expose().as_bytes());
        Ok(())
    })
}

/// Takes the value of the `DPoP-Nonce` header field of an answer of the MCP server, whatever its status: the next proofs name
/// it (RFC 9449 §9). Give it before the challenge that it came with. One that is malformed is left out. Acts in every phase,
/// and leaves slices as they are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_take_nonce(
    machine: *mut MachineHandle,
    value: Slice,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (machine, value) = unsafe { (pointer::shared(machine)?, value.bytes()?) };
        machine.0.enter()?.machine.take_nonce(value);
        Ok(())
    })
}
