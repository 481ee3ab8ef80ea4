//! What do the machines of one server share?

use std::net::IpAddr;
use std::sync::Arc;

use mcp_oauth_core as core;

use super::{ConfigError, Settings};

/// Checked settings: immutable, and shared by any number of machines.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct Config(Arc<core::Config>);

#[uniffi::export]
impl Config {
    /// Checks settings. The error names the first member that cannot work.
    #[uniffi::constructor]
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(core::Config::new(settings.try_into()?)?)))
    }

    /// The MCP server's URL, exactly as configured.
    pub fn server_url(&self) -> String {
        self.0.server_url().to_owned()
    }

    /// Which addresses requests may reach: as configured, or what the server URL by itself vouches for.
    pub fn reach(&self) -> Reach {
        self.0.reach().into()
    }

    /// The name of the grant record of an account; empty for the only one.
    pub fn grant_key(&self, account: &str) -> String {
        core::StoreKey::grant(account, self.0.server_url())
            .as_str()
            .to_owned()
    }
}

impl Config {
    pub(super) fn shared(&self) -> Arc<core::Config> {
        Arc::clone(&self.0)
    }
}

/// The widest class of address that a request may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Reach {
    /// Public addresses only.
    Public,
    /// Private networks and shared (carrier-grade NAT) space too.
    Private,
    /// Loopback too; the only reach at which plain http is possible.
    Loopback,
}

#[uniffi::export]
impl Reach {
    /// Whether a request of this reach may connect to the address, which is written in digits (`192.0.2.1`, `2001:db8::1`);
    /// false for anything else.
    pub fn allows_address(&self, address: &str) -> bool {
        // A zone (`fe80::1%eth0`) is of no interest: link-local addresses are outside any reach.
        let digits = address.split('%').next().unwrap_or_default();
        digits
            .parse::<IpAddr>()
            .is_ok_and(|address| core::Reach::from(*self).allows_address(address))
    }
}

impl From<core::Reach> for Reach {
    fn from(reach: core::Reach) -> Self {
        match reach {
            core::Reach::Public => Self::Public,
            core::Reach::Private => Self::Private,
            core::Reach::Loopback => Self::Loopback,
        }
    }
}

impl From<Reach> for core::Reach {
    fn from(reach: Reach) -> Self {
        match reach {
            Reach::Public => Self::Public,
            Reach::Private => Self::Private,
            Reach::Loopback => Self::Loopback,
        }
    }
}
