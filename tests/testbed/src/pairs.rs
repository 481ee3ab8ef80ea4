//! What does a request say, each name as often as it was sent?

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Deserializer as JsonDeserializer, Value};
use std::collections::HashSet;
use std::fmt;

/// Names and values in the order in which they were sent. Never a map: a map hides duplicates.
#[derive(Clone, Debug)]
pub(crate) struct Pairs<V = String>(pub(crate) Vec<(String, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Pairs<V> {
    /// The first value of a name.
    pub(crate) fn value(&self, name: &str) -> Option<&V> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// A name that occurs twice.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        self.names().find(|name| !seen.insert(*name))
    }

    /// All names as sent.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// A name that is not in the list.
    pub(crate) fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.names().find(|name| !known.contains(name))
    }
}

impl Pairs {
    /// Reads a query or a form-encoded body.
    pub(crate) fn form(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// The value of a parameter; an empty one counts as absent (RFC 6749 §3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.value(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }
}

impl Pairs<Value> {
    /// Reads a body that is one JSON object.
    pub(crate) fn json(body: &[u8]) -> Result<Self, serde_json::Error> {
        let mut reader = JsonDeserializer::from_slice(body);
        let pairs = reader.deserialize_map(Object)?;
        reader.end()?;
        Ok(pairs)
    }

    /// The value of a member that is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_str)
    }

    /// The value of a member that is an array of strings.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<&str>> {
        self.value(name)?
            .as_array()?
            .iter()
            .map(Value::as_str)
            .collect()
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Pairs<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(member) = members.next_entry::<String, Value>()? {
            pairs.push(member);
            if pairs.len() > 1000 {
                return Err(A::Error::custom("too many members"));
            }
        }
        Ok(Pairs(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_sent_twice_is_noticed() {
        let pairs = Pairs::form(b"a=1&b=2&a=1");
        assert_eq!(pairs.duplicate(), Some("a"));
        assert_eq!(Pairs::form(b"a=1&b=1").duplicate(), None);
    }

    #[test]
    fn a_member_sent_twice_is_noticed() {
        let pairs = Pairs::json(br#"{"a": 1, "a": 2}"#).unwrap();
        assert_eq!(pairs.duplicate(), Some("a"));
    }

    #[test]
    fn only_one_object_is_read() {
        for body in ["[]", "null", "{} {}", "{", ""] {
            assert!(Pairs::json(body.as_bytes()).is_err(), "{body}");
        }
    }
}
