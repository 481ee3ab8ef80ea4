//! Are the extensions offered as their specifications say, and is each breach of them noticed?

mod client_assertions;
mod client_credentials;
mod proofs;
mod proofs_at_the_resource;
mod setting;
