//! The objects of UniFFI.
