//! How does a host that brings nothing but a key seal records?

use std::fmt;

use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use mcp_oauth_core::SecretBytes;
use sha2::{Digest as _, Sha256};

use super::{Sealer, StoreError};

/// AES-256-GCM (NIST SP 800-38D) with random nonces and with keys that can be rotated. The bytes are the same in every
/// language:
///
/// `0x01` ‖ key id (the first four bytes of the key's SHA-256) ‖ nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes); associated
/// data: name ‖ `0x00` ‖ generation in decimal.
///
/// With random nonces a key is good for 2³² records (§8.3): rotate it long before. The keys are wiped when this is dropped.
pub struct AesGcmSealer(Vec<Key>);

struct Key {
    id: [u8; ID],
    cipher: Aes256Gcm,
}

const VERSION: u8 = 1;
const ID: usize = 4;
const NONCE: usize = 12;
const TAG: usize = 16;
const HEAD: usize = 1 + ID + NONCE;

impl AesGcmSealer {
    /// The first key seals, all of them open: to rotate, put a new one in front, and drop an old one once the records that it
    /// sealed have been written anew or have expired.
    ///
    /// # Errors
    /// When there is no key, or two have the same id.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a [u8; 32]>) -> Result<Self, StoreError> {
        let mut known: Vec<Key> = Vec::new();
        for key in keys {
            let mut id = [0; ID];
            id.copy_from_slice(&Sha256::digest(key)[..ID]);
            if known.iter().any(|known| known.id == id) {
                return Err(StoreError::new("two sealing keys have the same id"));
            }
            let cipher = Aes256Gcm::new(key.into());
            known.push(Key { id, cipher });
        }
        match known.as_slice() {
            [] => Err(StoreError::new("there is no sealing key")),
            _ => Ok(Self(known)),
        }
    }

    fn seal_with(
        &self,
        nonce: [u8; NONCE],
        name: &str,
        generation: u64,
        plain: &SecretBytes,
    ) -> Result<SecretBytes, StoreError> {
        let (key, plain) = (&self.0[0], plain.expose());
        // One allocation, and encrypted where it lies: no copy of the plain bytes is left behind.
        let mut sealed = Vec::with_capacity(HEAD + plain.len() + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let data = associated(name, generation);
        let body = &mut sealed[HEAD..];
        let tag = key
            .cipher
            .encrypt_inout_detached(&Nonce::from(nonce), &data, body.into())
            .map_err(|_| StoreError::new(format!("the record {name} is too long to be sealed")))?;
        sealed.extend_from_slice(&tag);
        Ok(SecretBytes::new(sealed))
    }
}

/// The key's name, and what else the seal is bound to.
fn associated(name: &str, generation: u64) -> Vec<u8> {
    format!("{name}\0{generation}").into_bytes()
}

impl Sealer for AesGcmSealer {
    fn seal(
        &self,
        name: &str,
        generation: u64,
        plain: &SecretBytes,
    ) -> Result<SecretBytes, StoreError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)
            .map_err(|_| StoreError::new("the system gives no random numbers"))?;
        self.seal_with(nonce, name, generation, plain)
    }

    fn open(
        &self,
        name: &str,
        generation: u64,
        sealed: &SecretBytes,
    ) -> Result<SecretBytes, StoreError> {
        let failed = |what| StoreError::new(format!("the record {name} {what}"));
        let unsealed = || failed("was not sealed, or is damaged");
        let sealed = sealed.expose();
        let (head, rest) = sealed.split_at_checked(HEAD).ok_or_else(unsealed)?;
        let end = rest.len().checked_sub(TAG).ok_or_else(unsealed)?;
        let (text, tag) = rest.split_at(end);
        if head[0] != VERSION {
            return Err(unsealed());
        }
        let (id, nonce) = head[1..].split_at(ID);
        let key = self.0.iter().find(|key| key.id == id);
        let key = key.ok_or_else(|| failed("is sealed with a key that is not here"))?;
        let (nonce, tag) = (Nonce::try_from(nonce), Tag::try_from(tag));
        let (Ok(nonce), Ok(tag)) = (nonce, tag) else {
            return Err(unsealed());
        };
        let mut plain: Box<[u8]> = text.into();
        let data = associated(name, generation);
        key.cipher
            .decrypt_inout_detached(&nonce, &data, (&mut *plain).into(), &tag)
            .map_err(|_| failed("was changed, or sealed as another"))?;
        Ok(SecretBytes::new(plain))
    }
}

impl fmt::Debug for AesGcmSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AesGcmSealer({} keys)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
