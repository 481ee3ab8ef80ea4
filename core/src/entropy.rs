//! Where does randomness come from?

use rand_core::TryCryptoRng;

/// A cryptographically secure random source of the host, asked once per sign-in.
///
/// Implemented for everything that implements [`rand_core::TryCryptoRng`]; hosts without such a type implement it over
/// their operating system's source.
pub trait Entropy {
    /// Fills `bytes` whole.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails; the flow then ends, since nothing may be guessable (RFC 7636 §7.1).
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The random source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the random source failed")]
pub struct EntropyError;

impl<R: TryCryptoRng> Entropy for R {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.try_fill_bytes(bytes).map_err(|_| EntropyError)
    }
}
