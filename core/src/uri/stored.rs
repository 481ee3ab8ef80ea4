//! How do URLs come back out of a stored record?
//!
//! Reading one back checks its syntax at the widest reach; whoever reads a record then checks each URL against the reach
//! of the configuration, with [`HttpUrl::may_be_reached`].

use serde::de::{Deserialize, Deserializer, Error};

use crate::wire::json::Text;

use super::{HttpUrl, Issuer, Reach, RedirectUri};

impl<'de> Deserialize<'de> for HttpUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Text::deserialize(deserializer)?.0;
        Self::parse(&raw, Reach::Loopback).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Issuer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Text::deserialize(deserializer)?.0;
        Self::parse(&raw, Reach::Loopback).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Text::deserialize(deserializer)?.0;
        Self::parse(&raw, true).map_err(D::Error::custom)
    }
}
