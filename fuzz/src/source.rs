//! What does the host's random source give?

use mcp_oauth_core::{Entropy, EntropyError};

/// A random source made from the input, which can fail.
pub(crate) struct Source {
    pub(crate) state: u64,
    pub(crate) fault: Fault,
}

/// How a random source fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Refusing,
    Constant,
    Repeating,
}

impl Entropy for Source {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let before = self.state;
        for byte in bytes {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = match self.fault {
                Fault::Constant => 7,
                _ => (mixed >> 56) as u8,
            };
        }
        match self.fault {
            Fault::Refusing => return Err(EntropyError),
            Fault::Repeating => self.state = before,
            Fault::None | Fault::Constant => {}
        }
        Ok(())
    }
}
