//! What do the bytes of a server mean? One file per document or header.

pub mod challenge;
pub mod form;
pub mod text;
