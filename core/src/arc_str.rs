//! How is a text held that several places copy?

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::json::Text;

/// A text that is copied without being written again: identifiers pass from documents into requests, records and grants.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct ArcStr(Arc<str>);

impl Deref for ArcStr {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for ArcStr {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl ArcStr {
    /// The text as hosts see it.
    pub(crate) fn into_arc(self) -> Arc<str> {
        self.0
    }
}

impl fmt::Debug for ArcStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for ArcStr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for ArcStr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(|text| text.0.into())
    }
}
