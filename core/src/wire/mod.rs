//! What do the bytes of a server mean? One file per document or header.

pub mod callback;
pub mod challenge;
pub mod client_document;
pub(crate) mod client_metadata;
pub mod form;
pub(crate) mod json;
pub mod resource_metadata;
pub(crate) mod server_metadata;
pub mod text;
pub mod token_response;
