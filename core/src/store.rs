//! What is kept between runs, under which name, and in which form?

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::RecordError;
use crate::event::CallbackText;
use crate::secret::SecretBytes;
use crate::time::Timestamp;
use crate::wire::callback;
use crate::wire::json::{self, Text};

/// One access to the host's store. Every record is secret: it belongs into a keychain or a file that only its owner can read.
///
/// The contract: a write happens completely or not at all, is durable once acknowledged, and happens only if the store
/// holds exactly the generation that is expected (compare-and-swap); otherwise the answer is
/// [`StoreResult::Conflict`](crate::StoreResult) and nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOp {
    /// Read the record of this key.
    Load {
        /// Which record.
        key: StoreKey,
    },
    /// Write the record of this key.
    Save {
        /// Which record.
        key: StoreKey,
        /// The generation that the store must hold now; `None`: no record.
        expected: Option<u64>,
        /// The generation of the new record, also inside `record`.
        generation: u64,
        /// The bytes to keep.
        record: SecretBytes,
        /// When the record is worth nothing any more, if ever: the store may drop it then.
        expires_at: Option<Timestamp>,
    },
    /// Remove the record of this key: a pending sign-in, so that whoever removes it finishes it. A key without a record is a
    /// conflict.
    Delete {
        /// Which record.
        key: StoreKey,
        /// The generation that the store must hold now.
        expected: u64,
    },
}

impl StoreOp {
    /// The key that this access is about.
    pub const fn key(&self) -> &StoreKey {
        match self {
            Self::Load { key } | Self::Save { key, .. } | Self::Delete { key, .. } => key,
        }
    }
}

/// The two kinds of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// A half-finished sign-in, found by the `state` of its callback.
    Flow,
    /// Client credentials, tokens and scopes of one account at one MCP server, each under its issuer.
    Grant,
}

impl Slot {
    /// What the names of its records begin with.
    const fn folder(self) -> &'static str {
        match self {
            Self::Flow => "flow/",
            Self::Grant => "grant/",
        }
    }
}

/// Bytes of a SHA-256 digest in base64url.
const DIGEST: usize = 43;

/// Bytes of the longest name.
const MAX_NAME: usize = Slot::Grant.folder().len() + DIGEST;

/// The name of a record: printable ASCII, without anything secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StoreKey {
    slot: Slot,
    /// The folder and the digest; what is left is zero. In place, since each flow makes three.
    name: [u8; MAX_NAME],
}

impl StoreKey {
    /// The key of the grant of an account (empty for the only one) at a server URL. Account and URL go in as a digest,
    /// since either may hold anything.
    pub fn grant(account: &str, server_url: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update((account.len() as u64).to_be_bytes());
        hash.update(account.as_bytes());
        hash.update(server_url.as_bytes());
        Self::named(Slot::Grant, &hash.finalize())
    }

    /// The key of the pending sign-in whose callback carries `state`. The state cannot be read back from it.
    pub fn flow(state: &str) -> Self {
        Self::named(Slot::Flow, &Sha256::digest(state.as_bytes()))
    }

    /// The key of the pending sign-in that a callback claims to belong to: the record from which
    /// [`Machine::resume`](crate::Machine::resume) makes the machine that takes it, in whatever process it arrives. `None`
    /// if it carries no `state`. Proves nothing: that machine checks the whole callback.
    pub fn of_callback(callback: CallbackText<'_>) -> Option<Self> {
        state_of(callback).map(|state| Self::flow(&state))
    }

    fn named(slot: Slot, digest: &[u8]) -> Self {
        let mut name = [0; MAX_NAME];
        let folder = slot.folder().as_bytes();
        if let Some((start, rest)) = name.split_at_mut_checked(folder.len()) {
            start.copy_from_slice(folder);
            // Fails for want of room alone, and there is enough.
            let _ = URL_SAFE_NO_PAD.encode_slice(digest, rest);
        }
        Self { slot, name }
    }

    /// Which kind of record.
    pub const fn slot(&self) -> Slot {
        self.slot
    }

    /// The name: use it whole; as a file name, replace the `/`.
    pub fn as_str(&self) -> &str {
        let length = self.slot.folder().len().saturating_add(DIGEST);
        let name = self.name.get(..length).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }
}

/// The `state` that a callback carries.
pub(crate) fn state_of<'a>(callback: CallbackText<'a>) -> Option<Cow<'a, str>> {
    let query = match callback {
        CallbackText::Query(query) => query.strip_prefix('?').unwrap_or(query),
        CallbackText::Url(url) => {
            let (_, query) = url.split_once('?')?;
            query.split('#').next().unwrap_or(query)
        }
    };
    callback::state(query)
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The version of every record that this library writes.
const VERSION: u32 = 1;

/// Bytes that hold most records, tokens that carry claims included.
const USUAL_RECORD: usize = 4096;

/// What a grant record calls itself.
pub(crate) const GRANT_FORMAT: &str = "mcp-oauth-grant";

/// What a flow record or snapshot calls itself.
pub(crate) const FLOW_FORMAT: &str = "mcp-oauth-flow";

/// The outer form of every record. Unknown members are ignored, so that a later version may add some.
#[derive(Serialize, Deserialize)]
struct Envelope<F, B> {
    format: F,
    version: u32,
    generation: u64,
    body: B,
}

/// The generation inside a record, for stores that keep nothing but the bytes.
///
/// # Errors
/// [`RecordError::Malformed`] if the bytes are no record, [`RecordError::TooNew`] if a newer version wrote them.
pub fn generation_of(record: &[u8]) -> Result<u64, RecordError> {
    head(record).map(|head| head.generation)
}

/// Reads everything but the body, which a newer version may have shaped otherwise.
fn head(record: &[u8]) -> Result<Envelope<String, IgnoredAny>, RecordError> {
    let head: Envelope<String, IgnoredAny> = json::object(record).ok_or(RecordError::Malformed)?;
    if head.version > VERSION {
        return Err(RecordError::TooNew);
    }
    Ok(head)
}

/// Wraps a body.
pub(crate) fn seal(format: &str, generation: u64, body: &impl Serialize) -> SecretBytes {
    let envelope = Envelope {
        format,
        version: VERSION,
        generation,
        body,
    };
    // A buffer that grows leaves copies of the secrets behind.
    let mut record = Vec::with_capacity(USUAL_RECORD);
    // Records hold strings, numbers and lists: they always serialise.
    match serde_json::to_writer(&mut record, &envelope) {
        Ok(()) => SecretBytes::new(record),
        Err(_) => SecretBytes::new([]),
    }
}

/// Unwraps a body of the given format, and its generation.
pub(crate) fn open<'a, B: Deserialize<'a>>(
    format: &str,
    record: &'a [u8],
) -> Result<(u64, B), RecordError> {
    // Read once; only a record that cannot be read like this is asked for its version alone.
    let whole: Option<Envelope<Text<'_>, B>> = json::object(record);
    let Some(envelope) = whole.filter(|envelope| envelope.version <= VERSION) else {
        return Err(head(record).err().unwrap_or(RecordError::Malformed));
    };
    if *envelope.format.0 != *format {
        return Err(RecordError::Malformed);
    }
    Ok((envelope.generation, envelope.body))
}
