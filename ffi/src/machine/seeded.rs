//! How is a transcript's randomness given to a machine?

use std::sync::Arc;

use super::Machine;
use crate::entropy::Source;

#[uniffi::export]
impl Machine {
    /// Draws from the source that transcripts are written for, instead of the operating system's.
    pub fn seed(&self, seed: &str) {
        self.inner().random = Source::seeded(seed);
    }

    /// Goes on where the source of another machine is.
    pub fn seed_from(&self, other: Arc<Machine>) {
        let random = std::mem::take(&mut other.inner().random);
        self.inner().random = random;
    }
}
