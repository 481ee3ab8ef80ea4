//! What do the bytes of a server mean? One file per document or header.

pub(crate) mod authorization_details;
pub mod callback;
pub mod challenge;
pub mod client_document;
pub(crate) mod client_metadata;
pub(crate) mod device_response;
pub(crate) mod exchange_response;
pub mod form;
pub(crate) mod json;
pub(crate) mod nonce;
pub(crate) mod push_response;
pub mod resource_metadata;
pub(crate) mod server_metadata;
pub mod text;
pub mod token_response;
