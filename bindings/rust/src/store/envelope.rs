//! In which form does a record rest, so that its generation and its end are known without reading into it?
//!
//! One header line, then the record's own bytes:
//! `mcp-oauth-record 1 <generation> <expiry in milliseconds since the epoch, or ->`.

use mcp_oauth_core::{SecretBytes, Timestamp};
use zeroize::Zeroizing;

use super::StoreError;

const MAGIC: &str = "mcp-oauth-record";
const VERSION: &str = "1";

/// A record at rest.
pub(super) struct Envelope {
    pub(super) generation: u64,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) record: SecretBytes,
}

impl Envelope {
    /// The bytes to keep.
    pub(super) fn seal(
        generation: u64,
        expires_at: Option<Timestamp>,
        record: &SecretBytes,
    ) -> Zeroizing<Vec<u8>> {
        let expiry = expires_at.map_or_else(|| "-".into(), |at| at.as_millis().to_string());
        let header = format!("{MAGIC} {VERSION} {generation} {expiry}\n");
        // One allocation: growing would leave a copy behind that nobody wipes.
        let mut bytes = Zeroizing::new(Vec::with_capacity(header.len() + record.expose().len()));
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(record.expose());
        bytes
    }

    /// Reads what [`seal`](Self::seal) wrote.
    pub(super) fn open(bytes: &[u8], name: &str) -> Result<Self, StoreError> {
        let damaged = || StoreError::new(format!("the record {name} is damaged"));
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(damaged)?;
        let header = std::str::from_utf8(&bytes[..end]).map_err(|_| damaged())?;
        let mut words = header.split(' ');
        if words.next() != Some(MAGIC) {
            return Err(damaged());
        }
        if words.next() != Some(VERSION) {
            return Err(StoreError::new(format!(
                "the record {name} was written by a newer version"
            )));
        }
        let generation = words.next().and_then(|word| word.parse().ok());
        let expires_at = match words.next() {
            Some("-") => None,
            Some(word) => Some(Timestamp::from_millis(word.parse().map_err(|_| damaged())?)),
            None => return Err(damaged()),
        };
        Ok(Self {
            generation: generation.ok_or_else(damaged)?,
            expires_at,
            record: SecretBytes::new(&bytes[end + 1..]),
        })
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
