//! How are secret values held so that they neither print nor linger?

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, optimization_barrier};

/// A secret string: redacted in `Debug`, without `Display`, compared in constant time, wiped when dropped.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut std::mem::take(&mut self.0).into_boxed_bytes());
    }
}

impl ZeroizeOnDrop for Secret {}

impl Secret {
    /// Takes a value into keeping. A `String` with spare capacity is copied once to shed it.
    pub fn new(value: impl Into<Box<str>>) -> Self {
        Self(value.into())
    }

    /// The value itself. Every call is a place where a secret may leak: keep them few.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` equals this value; the time taken tells only the length.
    pub fn matches(&self, candidate: &str) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<str>::deserialize(deserializer).map(Self)
    }
}

/// Secret bytes, such as a stored record: redacted in `Debug`, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Box<[u8]>);

impl Drop for SecretBytes {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl ZeroizeOnDrop for SecretBytes {}

/// Overwrites all bytes at once: one after the other, as `Zeroize` does it, takes thousands of writes in a flow.
fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    optimization_barrier(bytes);
}

impl SecretBytes {
    /// Takes bytes into keeping.
    pub fn new(value: impl Into<Box<[u8]>>) -> Self {
        Self(value.into())
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes(… {} bytes)", self.0.len())
    }
}

/// Writes a [`Secret`] into a stored record; the only place where one is serialised, always by name
/// (`#[serde(serialize_with = "secret::exposed")]`), never by accident.
pub(crate) fn exposed<S: serde::Serializer>(
    secret: &Secret,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// As [`exposed`], for an optional secret.
pub(crate) fn exposed_option<S: serde::Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => serializer.serialize_some(secret.expose()),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // LOG-02
    #[test]
    fn secrets_are_wiped_when_dropped() {
        fn is_wiped<T: ZeroizeOnDrop>() {}
        is_wiped::<Secret>();
        is_wiped::<SecretBytes>();
        let mut bytes = *b"hunter2";
        wipe(&mut bytes);
        assert_eq!(bytes, [0; 7]);
    }

    // LOG-01
    #[test]
    fn secrets_do_not_print() {
        let shown = format!(
            "{:?} {:?}",
            Secret::new("hunter2"),
            SecretBytes::new(*b"hunter2")
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    // LOG-04
    #[test]
    fn comparison_is_by_whole_value() {
        let secret = Secret::new("abc");
        assert!(secret.matches("abc"));
        for other in ["", "ab", "abcd", "abd"] {
            assert!(!secret.matches(other));
        }
    }
}
