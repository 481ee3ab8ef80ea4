//! How much is accepted? Every bound in one place; what exceeds one is a typed failure or is left out, never a panic and
//! never unbounded memory.

pub use crate::uri::MAX_URL;
pub use crate::wire::challenge::{MAX_CHALLENGE_BYTES, MAX_CHALLENGES, MAX_PARAMETERS};
pub use crate::wire::text::MAX_SERVER_TEXT;

/// The most bytes of an answer's body that are read; a larger one is `Unreachable` with `TooLarge`.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Milliseconds that a request may take in all.
pub const REQUEST_TIMEOUT_MS: u64 = 30_000;

/// Most redirects followed for one document; one more counts as 'could not tell'.
pub const MAX_REDIRECTS: u8 = 3;

/// Most requests that look for documents in one flow; then the failure found so far ends it.
pub const MAX_DISCOVERY_REQUESTS: u8 = 12;

/// Most HTTP requests between two rests, whatever the servers answer (`too_many_steps`).
pub const MAX_FLOW_REQUESTS: u8 = 24;

/// The most authorization servers that a resource may name (`too_many_servers`).
pub const MAX_AUTHORIZATION_SERVERS: usize = 16;

/// The most authorization servers whose credentials are kept for one MCP server; the one unused longest goes first.
pub const MAX_ISSUERS: usize = 8;

/// The most scopes in one set (`too_many_scopes`).
pub const MAX_SCOPES: usize = 256;

/// The most bytes of a set of scopes in its space-separated form (`too_many_scopes`).
pub const MAX_SCOPE_BYTES: usize = 8 * 1024;

/// Most sign-ins for one set of scopes that a server demands with 403 (`step_up_exhausted`).
pub const MAX_STEP_UPS: u8 = 2;

/// Most times that a resource may name another authorization server while it refuses new tokens (`token_rejected`).
pub const MAX_MOVES: u8 = 2;

/// How long a demand for scopes that led nowhere is not taken up again, in milliseconds.
pub const STEP_UP_HOLD_MS: u64 = 600_000;

/// How long one process alone may send a refresh token, in milliseconds: one request ([`REQUEST_TIMEOUT_MS`]), and as much
/// again for the writing and for clocks that differ.
pub const CLAIM_MS: u64 = 2 * REQUEST_TIMEOUT_MS;

/// Most times that a flow looks whether another process has refreshed (`refresh_unavailable`); as often again after each claim
/// that has run out meanwhile, of which there are as many as refreshes may stay unknown.
pub const MAX_LOOKS: u8 = 8;

/// How long a challenge is answered with the failure that the same one has just led to, in milliseconds, where only a person
/// or the server's operator can change anything.
pub const QUIET_MS: u64 = 60_000;

/// Refreshes in a row whose outcome may stay unknown before a new authorization is made: a rotated refresh token that is
/// sent again looks like theft.
pub const MAX_UNKNOWN_REFRESHES: u8 = 2;

/// The most bytes of a callback's query; a longer one is ignored.
pub const MAX_CALLBACK_BYTES: usize = 32 * 1024;

/// The most bytes of an access or refresh token (`bad_token_response`), or of an assertion (`bad_assertion`).
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// Longest life of a token that is believed, in seconds: ten years.
pub const MAX_EXPIRES_IN: u64 = 10 * 365 * 24 * 3600;

/// Longest wait that a server's `Retry-After` is believed for, in milliseconds: one hour.
pub const MAX_RETRY_AFTER_MS: u64 = 3_600_000;

/// Most times that one change of the stored grant is tried (`store_failed`).
pub const MAX_STORE_TRIES: u8 = 3;

/// The most trace entries kept; the oldest go first.
pub const MAX_TRACE: usize = 64;

/// How long a client assertion is good for, in milliseconds: one request, and clocks that differ.
pub const ASSERTION_LIFE_MS: u64 = 120_000;

/// The most bytes of a server's DPoP nonce; a longer one is not used.
pub const MAX_NONCE_BYTES: usize = 1024;

/// Most times that one request is repeated because the server has given a new DPoP nonce.
pub const MAX_NONCE_TRIES: u8 = 2;

/// Longest time that a device code is believed to live, in milliseconds: half an hour.
pub const MAX_DEVICE_CODE_MS: u64 = 1_800_000;

/// Longest interval between two polls of the token endpoint that lost answers lead to, in milliseconds; the server may ask
/// for a longer one.
pub const MAX_POLL_BACK_OFF_MS: u64 = 60_000;
