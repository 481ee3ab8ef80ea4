//! How is a JSON document of a server read, whatever is in it?

mod document;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use document::Document;

/// Reads one JSON object. Unknown members are skipped, members that occur twice and wrong types of known ones are
/// refused, nesting is bounded; a byte-order mark is skipped (RFC 8259 §8.1 lets a parser do so).
pub(crate) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let mut document = Document::new(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    let object = T::deserialize(&mut document).ok()?;
    document.end().ok()?;
    Some(object)
}

/// The number in a text, written as in JSON.
pub(crate) fn number(text: &str) -> Option<f64> {
    serde_json::from_slice(text.as_bytes()).ok()
}

/// A string, borrowed from the document unless it contains escapes.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.into())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

/// The text of an optional member; absent, null and empty are the same.
pub(crate) fn present<'a>(member: Option<&'a Text<'_>>) -> Option<&'a str> {
    member.map(|text| &*text.0).filter(|text| !text.is_empty())
}

/// Something that the texts of a list come to, without the list itself.
pub(crate) trait FromTexts: Default {
    /// Takes the next text.
    fn take(&mut self, text: &str);
}

/// A list of texts, each taken as it is read.
pub(crate) struct Texts<T>(pub(crate) T);

impl<'de, T: FromTexts> Deserialize<'de> for Texts<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(T);
        impl<'de, T: FromTexts> Visitor<'de> for Reader<T> {
            type Value = Texts<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(
                mut self,
                mut list: A,
            ) -> Result<Self::Value, A::Error> {
                while let Some(Text(text)) = list.next_element()? {
                    self.0.take(&text);
                }
                Ok(Texts(self.0))
            }
        }
        deserializer.deserialize_seq(Reader(T::default()))
    }
}

/// What an optional list comes to; one that is absent is as one that is empty.
pub(crate) fn taken<T: FromTexts>(list: Option<Texts<T>>) -> T {
    list.map(|Texts(taken)| taken).unwrap_or_default()
}

/// A member whose type servers do not agree on.
pub(crate) enum Loose<'a> {
    Text(Cow<'a, str>),
    Bool(bool),
    Number(f64),
    /// The strings of an array; anything else in it is skipped.
    List(Vec<Cow<'a, str>>),
    /// Null, or an object.
    Other,
}

/// Whether an optional member says yes; one of a wrong type says nothing.
pub(crate) fn says_yes(member: Option<&Loose<'_>>) -> bool {
    match member {
        Some(Loose::Bool(yes)) => *yes,
        Some(Loose::Text(text)) => text == "true",
        _ => false,
    }
}

/// What an optional list comes to; one of a wrong type is as one that is empty.
pub(crate) fn listed<T: FromTexts>(member: Option<&Loose<'_>>) -> T {
    let mut all = T::default();
    if let Some(Loose::List(list)) = member {
        list.iter().for_each(|text| all.take(text));
    }
    all
}

impl Loose<'_> {
    /// The text, if it is one and not empty.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Loose<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Owned(text.into())))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Loose::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Loose::Number(value as f64))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Loose::Number(value as f64))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Loose::Number(value))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut strings = Vec::new();
                while let Some(item) = list.next_element::<Loose<'de>>()? {
                    if let Loose::Text(text) = item {
                        strings.push(text);
                    }
                }
                Ok(Loose::List(strings))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Sample<'a> {
        #[serde(borrow, default)]
        name: Option<Text<'a>>,
        #[serde(borrow, default)]
        loose: Option<Loose<'a>>,
    }

    fn name(body: &[u8]) -> Option<String> {
        object::<Sample<'_>>(body).and_then(|s| present(s.name.as_ref()).map(Into::into))
    }

    // PRM-16, PRM-17, TOK-18, ROB-04, ROB-08
    #[test]
    fn only_whole_unambiguous_objects_are_read() {
        assert_eq!(
            name(br#"{"name":"a","x":{"name":"b"}}"#).as_deref(),
            Some("a")
        );
        assert_eq!(name(b"\xef\xbb\xbf {\"name\":\"a\"}").as_deref(), Some("a"));
        assert_eq!(name(br#"{"NAME":"a"}"#), None);
        let deep = format!("{{\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let refused: &[&[u8]] = &[
            b"",
            b"[]",
            br#"["a"]"#,
            b"\"name\"",
            b"null",
            b"<html>",
            br#"{"name":"a"} x"#,
            br#"{"name":"a""#,
            br#"{"name":"a","name":"b"}"#,
            br#"{"name":1}"#,
            b"{\"name\":\"\xff\"}",
            b"{\"name\":\"a\0\"}",
        ];
        for body in refused {
            assert!(object::<Sample<'_>>(body).is_none(), "{body:?}");
        }
        // Skipped members are not recursed into, so depth costs no stack.
        let _ = object::<Sample<'_>>(deep.as_bytes());
        let deep = format!(
            "{{\"loose\":{}1{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(object::<Sample<'_>>(deep.as_bytes()).is_none());
    }

    // TOK-17
    #[test]
    fn absent_null_and_empty_are_the_same() {
        for body in ["{}", r#"{"name":null}"#, r#"{"name":""}"#] {
            assert_eq!(name(body.as_bytes()), None);
        }
        let sample = object::<Sample<'_>>(br#"{"loose":{"a":[1,{}]}}"#).unwrap();
        assert!(matches!(sample.loose, Some(Loose::Other)));
    }
}
