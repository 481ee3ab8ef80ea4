//! Is each wrong request refused and held against the client?

mod authorization;
mod registration;
mod resource;
mod token;
