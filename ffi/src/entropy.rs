//! Where does the machine's randomness come from in a foreign host?

use getrandom::SysRng;
use mcp_oauth_core::{Entropy, EntropyError};

/// The operating system's source, or, to replay a transcript, a seeded one.
#[derive(Default)]
pub(crate) enum Source {
    #[default]
    System,
    #[cfg(feature = "seeded")]
    Seeded(seeded::Blocks),
}

impl Source {
    /// The source that transcripts are written for.
    #[cfg(feature = "seeded")]
    pub(crate) fn seeded(seed: &str) -> Self {
        Self::Seeded(seeded::Blocks::new(seed))
    }
}

impl Entropy for Source {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        match self {
            Self::System => SysRng.fill(bytes),
            #[cfg(feature = "seeded")]
            Self::Seeded(blocks) => {
                bytes.fill_with(|| blocks.next());
                Ok(())
            }
        }
    }
}

#[cfg(feature = "seeded")]
mod seeded {
    use sha2::{Digest, Sha256};

    /// The blocks SHA-256(seed ‖ n), as `tests/transcripts/README.md` says.
    pub(crate) struct Blocks {
        seed: Box<str>,
        counter: u64,
        block: [u8; 32],
        used: usize,
    }

    impl Blocks {
        pub(super) fn new(seed: &str) -> Self {
            Self {
                seed: seed.into(),
                counter: 0,
                block: [0; 32],
                used: 32,
            }
        }

        pub(super) fn next(&mut self) -> u8 {
            if self.used == self.block.len() {
                let mut hash = Sha256::new();
                hash.update(self.seed.as_bytes());
                hash.update(self.counter.to_be_bytes());
                self.block = hash.finalize().into();
                self.counter += 1;
                self.used = 0;
            }
            let byte = self.block[self.used];
            self.used += 1;
            byte
        }
    }
}
