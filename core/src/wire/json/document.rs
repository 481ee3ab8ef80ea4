//! How do the members of a JSON document reach the types that are read from it?
//!
//! serde_json reads strings, numbers and literals, and skips what nobody wants; here is only what holds them together.
//! Its own deserializer is compiled anew for each type and also reads structs from arrays, each with an error message that
//! nobody gets to see: for the records and documents of this crate that came to a seventh of the C library.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::Text;

/// How deep lists and objects may be nested in each other, which is as deep as serde_json lets them be.
const MAX_DEPTH: u8 = 127;

/// That a document is not what it should be; callers need not know where.
#[derive(Debug)]
pub(super) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed document")
    }
}

impl std::error::Error for Malformed {}

impl Error for Malformed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// What is left to read of a document.
pub(super) struct Document<'de> {
    rest: &'de [u8],
    /// How many more lists and objects may be opened inside each other.
    levels: u8,
}

impl<'de> Document<'de> {
    pub(super) const fn new(document: &'de [u8]) -> Self {
        Self {
            rest: document,
            levels: MAX_DEPTH,
        }
    }

    /// That nothing is left.
    pub(super) fn end(mut self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Malformed),
        }
    }

    /// The first byte of what comes next (RFC 8259 §2 names the white space).
    fn peek(&mut self) -> Option<u8> {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        match (self.peek(), self.rest) {
            (Some(next), [_, rest @ ..]) if next == byte => {
                self.rest = rest;
                Ok(())
            }
            _ => Err(Malformed),
        }
    }

    fn open(&mut self, bracket: u8) -> Result<(), Malformed> {
        self.expect(bracket)?;
        self.levels = self.levels.checked_sub(1).ok_or(Malformed)?;
        Ok(())
    }

    fn close(&mut self, bracket: u8) -> Result<(), Malformed> {
        self.expect(bracket)?;
        self.levels = self.levels.saturating_add(1);
        Ok(())
    }

    /// Whether an item comes before the closing bracket, and the comma before that item.
    fn goes_on(&mut self, first: &mut bool, bracket: u8) -> Result<bool, Malformed> {
        if self.peek() == Some(bracket) {
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// The name of a member or a variant: half of all that is read, short, and hardly ever with an escape, for which
    /// serde_json would have to make ready.
    #[inline(never)]
    fn name(&mut self) -> Result<Cow<'de, str>, Malformed> {
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
        if let (Some(b'"'), [_, text @ ..]) = (self.peek(), self.rest)
            && let Some((name, [b'"', rest @ ..])) =
                text.iter().position(ends).map(|end| text.split_at(end))
        {
            self.rest = rest;
            return str::from_utf8(name)
                .map(Cow::Borrowed)
                .map_err(|_| Malformed);
        }
        self.plain().map(|Text(name)| name)
    }

    /// What serde_json reads by itself; compiled once for each of the few types that it is asked for.
    #[inline(never)]
    fn plain<T: Deserialize<'de>>(&mut self) -> Result<T, Malformed> {
        let mut values = serde_json::Deserializer::from_slice(self.rest).into_iter();
        let value = values.next().and_then(Result::ok).ok_or(Malformed)?;
        self.rest = self.rest.get(values.byte_offset()..).unwrap_or_default();
        Ok(value)
    }
}

macro_rules! plain {
    ($($deserialize:ident $visit:ident)*) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
            visitor.$visit(self.plain()?)
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Document<'de> {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.peek() {
            Some(b'"') => self.deserialize_str(visitor),
            Some(b'{') => self.deserialize_map(visitor),
            Some(b'[') => self.deserialize_seq(visitor),
            Some(b't' | b'f') => self.deserialize_bool(visitor),
            Some(b'n') => self.deserialize_unit(visitor),
            _ => self.deserialize_f64(visitor),
        }
    }

    plain! {
        deserialize_bool visit_bool
        deserialize_u8 visit_u64
        deserialize_u16 visit_u64
        deserialize_u32 visit_u64
        deserialize_u64 visit_u64
        deserialize_i8 visit_i64
        deserialize_i16 visit_i64
        deserialize_i32 visit_i64
        deserialize_i64 visit_i64
        deserialize_f32 visit_f64
        deserialize_f64 visit_f64
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.plain()? {
            Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Text(Cow::Owned(text)) => visitor.visit_string(text),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_str(&self.name()?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let IgnoredAny = self.plain()?;
        visitor.visit_unit()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let () = self.plain()?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        if self.peek() == Some(b'n') {
            let () = self.plain()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.open(b'[')?;
        let value = visitor.visit_seq(Items::of(self))?;
        self.close(b']')?;
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.open(b'{')?;
        let value = visitor.visit_map(Items::of(self))?;
        self.close(b'}')?;
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        let has_content = self.peek() == Some(b'{');
        if has_content {
            self.open(b'{')?;
        }
        let value = visitor.visit_enum(Variant {
            document: self,
            has_content,
        })?;
        if has_content {
            self.close(b'}')?;
        }
        Ok(value)
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit_struct tuple tuple_struct
    }
}

/// The items of a list, or the members of an object.
struct Items<'a, 'de> {
    document: &'a mut Document<'de>,
    first: bool,
}

impl<'a, 'de> Items<'a, 'de> {
    const fn of(document: &'a mut Document<'de>) -> Self {
        Self {
            document,
            first: true,
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Malformed;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Malformed> {
        if !self.document.goes_on(&mut self.first, b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.document).map(Some)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Malformed;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Malformed> {
        if !self.document.goes_on(&mut self.first, b'}')? {
            return Ok(None);
        }
        if self.document.peek() != Some(b'"') {
            return Err(Malformed);
        }
        seed.deserialize(&mut *self.document).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Malformed> {
        self.document.expect(b':')?;
        seed.deserialize(&mut *self.document)
    }
}

/// A variant: its name alone, or an object with that name as the only member.
struct Variant<'a, 'de> {
    document: &'a mut Document<'de>,
    has_content: bool,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Malformed;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Malformed> {
        let name = seed.deserialize(&mut *self.document)?;
        if self.has_content {
            self.document.expect(b':')?;
        }
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Malformed;

    fn unit_variant(self) -> Result<(), Malformed> {
        if self.has_content {
            return self.document.plain();
        }
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Malformed> {
        if !self.has_content {
            return Err(Malformed);
        }
        seed.deserialize(self.document)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Malformed> {
        if !self.has_content {
            return Err(Malformed);
        }
        self.document.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        if !self.has_content {
            return Err(Malformed);
        }
        self.document.deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::wire::json::object;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    enum Choice {
        Bare,
        One(i8),
        Named { flag: bool },
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Sample<'a> {
        #[serde(borrow)]
        text: Cow<'a, str>,
        none: Option<u8>,
        some: Option<f64>,
        choices: Vec<Choice>,
        members: BTreeMap<Box<str>, u16>,
    }

    const SAMPLE: &str = r#" {"text":"a\u00e9\n\"é", "none":null,"some":-1.5e3,
        "choices":["Bare", {"Bare":null},{"One" :-7},{"Named":{"flag":true}}],
        "members":{"a":1,"b":65535},"other":[{"a":[1,"]"]},false]} "#;

    // ROB-08
    #[test]
    fn what_serde_json_refuses_is_refused_and_the_rest_read_alike() {
        let assert_alike = |bytes: &[u8]| {
            let ours = object::<Sample<'_>>(bytes);
            let theirs = serde_json::from_slice::<Sample<'_>>(bytes).ok();
            assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(bytes));
            ours.is_some()
        };
        assert!(assert_alike(SAMPLE.as_bytes()));
        let mut read = 0;
        for at in 0..SAMPLE.len() {
            let (before, after) = SAMPLE.as_bytes().split_at(at);
            assert_alike(before);
            read += u32::from(assert_alike(&[before, &after[1..]].concat()));
            for byte in *b"\"\\{}[],:0-+.eunlltrf/ \t\n\r\x0b\x0c\0\x1f\x7f\xc3\xff" {
                read += u32::from(assert_alike(&[before, &[byte], after].concat()));
                read += u32::from(assert_alike(&[before, &[byte], &after[1..]].concat()));
            }
        }
        assert!(read > 500, "{read} of the changed documents are still ones");
    }

    // ROB-04
    #[test]
    fn depth_is_bounded_as_in_serde_json() {
        #[derive(serde::Deserialize)]
        struct Nested {
            #[serde(rename = "a")]
            _a: Option<Box<Nested>>,
        }
        for depth in 1..200 {
            let text = format!("{}{{}}{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
            let ours = object::<Nested>(text.as_bytes()).is_some();
            let theirs = serde_json::from_str::<Nested>(&text).is_ok();
            assert_eq!(ours, theirs, "{depth} deep");
        }
    }

    // PRM-16
    #[test]
    fn a_list_is_not_read_as_an_object() {
        #[derive(serde::Deserialize)]
        struct Outer {
            #[serde(rename = "inner")]
            _inner: Inner,
        }
        #[derive(serde::Deserialize)]
        struct Inner {
            #[serde(rename = "a")]
            _a: u8,
        }
        assert!(object::<Outer>(br#"{"inner":{"a":1}}"#).is_some());
        assert!(object::<Outer>(br#"{"inner":[1]}"#).is_none());
        assert!(object::<Outer>(br#"[{"a":1}]"#).is_none());
    }
}
