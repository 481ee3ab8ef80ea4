//! Are the extensions offered as their specifications say, and is each breach of them noticed?

mod client_assertions;
mod client_credentials;
mod device;
mod enterprise;
mod proofs;
mod proofs_at_the_resource;
mod pushed;
mod revocation;
mod setting;
mod workload;
