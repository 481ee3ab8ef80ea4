//! Which URLs may be asked, opened or listened on?

pub mod address;
mod containment;
pub mod fault;
mod host;
pub mod http_url;
pub mod issuer;
pub mod redirect;
mod stored;
#[cfg(test)]
pub(crate) mod tests;
mod well_known;

pub use address::{AddressClass, Reach};
pub use fault::UrlFault;
pub use http_url::{HttpUrl, MAX_URL};
pub use issuer::Issuer;
pub use redirect::{RedirectKind, RedirectUri};
