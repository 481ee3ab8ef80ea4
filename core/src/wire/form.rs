//! How are names and values written in a query string or a form body, and read back?
//!
//! `application/x-www-form-urlencoded` as RFC 6749 Appendix B uses it. Writing percent-encodes
//! every byte but the unreserved characters of RFC 3986 §2.3 and turns a space into `+`; reading
//! decodes exactly once.

use std::borrow::Cow;

/// Why a pair could not be read. No variant carries any of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormFault {
    /// A `%` that two hexadecimal digits do not follow.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    PercentEscape,
    /// The decoded bytes are not UTF-8.
    #[error("a decoded name or value is not UTF-8")]
    Utf8,
}

/// Encodes pairs, joined by `&`, behind a start that is left as it is, such as a URL with its `?`.
///
/// The string is allocated once, at its exact size, and never grows: a caller that wipes it has wiped
/// every copy made here.
pub fn encode<'p>(
    start: &[&str],
    pairs: impl Iterator<Item = (&'p str, &'p str)> + Clone,
) -> String {
    let starts = start.iter().map(|part| part.len());
    let encoded = pairs.clone().map(|(name, value)| {
        let both = component_len(name).saturating_add(component_len(value));
        both.saturating_add("=&".len())
    });
    let length = starts.chain(encoded).fold(0, usize::saturating_add);
    let mut pairs = pairs.peekable();
    // Nothing follows the last pair.
    let surplus = usize::from(pairs.peek().is_some());
    let mut out = String::with_capacity(length.saturating_sub(surplus));
    start.iter().for_each(|part| out.push_str(part));
    while let Some((name, value)) = pairs.next() {
        write_component(&mut out, name);
        out.push('=');
        write_component(&mut out, value);
        if pairs.peek().is_some() {
            out.push('&');
        }
    }
    out
}

/// Encodes one component by itself, in a string of its exact size, as `client_secret_basic` needs
/// before base64 (RFC 6749 §2.3.1).
pub fn encode_component(component: &str) -> String {
    let mut out = String::with_capacity(component_len(component));
    write_component(&mut out, component);
    out
}

/// The pairs of a form, in order, decoded once. A pair without `=` has an empty value; empty
/// stretches between `&` are skipped.
///
/// # Errors
///
/// An item is a [`FormFault`] when its name or value does not decode; the pairs after it can
/// still be read.
pub fn pairs(form: &str) -> Pairs<'_> {
    Pairs { rest: Some(form) }
}

/// Iterator of [`pairs`].
#[derive(Clone)]
pub struct Pairs<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(Cow<'a, str>, Cow<'a, str>), FormFault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest.take()?;
            let pair = match rest.split_once('&') {
                Some((pair, after)) => {
                    self.rest = Some(after);
                    pair
                }
                None => rest,
            };
            if pair.is_empty() {
                continue;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            return Some(decode(name).and_then(|name| Ok((name, decode(value)?))));
        }
    }
}

// The rest may hold a code or a token (LOG-01).
impl std::fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pairs").finish_non_exhaustive()
    }
}

/// Bytes that a byte takes once written: one, if it is unreserved (RFC 3986 §2.3) or a space.
#[allow(clippy::indexing_slicing)] // While compiling.
const WIDTH: [u8; 256] = {
    let mut table = [3; 256];
    let mut byte = 0;
    while byte < table.len() {
        let letter = byte as u8;
        if letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'.' | b'_' | b'~' | b' ') {
            table[byte] = 1;
        }
        byte = byte.saturating_add(1);
    }
    table
};

fn width(byte: u8) -> usize {
    WIDTH
        .get(usize::from(byte))
        .map_or(3, |width| (*width).into())
}

fn component_len(component: &str) -> usize {
    component.bytes().map(width).sum()
}

fn write_component(out: &mut String, component: &str) {
    let mut rest = component;
    loop {
        let plain = rest
            .bytes()
            .position(|byte| width(byte) != 1 || byte == b' ');
        let (plain, after) = plain
            .and_then(|length| rest.split_at_checked(length))
            .unwrap_or((rest, ""));
        out.push_str(plain);
        let mut letters = after.chars();
        match letters.next() {
            None => return,
            Some(' ') => out.push('+'),
            Some(letter) => {
                for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                    out.push('%');
                    out.push(hex_digit(byte >> 4));
                    out.push(hex_digit(byte & 0xf));
                }
            }
        }
        rest = letters.as_str();
    }
}

fn hex_digit(nibble: u8) -> char {
    let digit = b"0123456789ABCDEF".get(usize::from(nibble));
    digit.copied().map_or('0', char::from)
}

fn decode(component: &str) -> Result<Cow<'_, str>, FormFault> {
    if !component.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(Cow::Borrowed(component));
    }
    let mut decoded = Vec::with_capacity(component.len());
    let mut bytes = component.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => escaped(bytes.next(), bytes.next()).ok_or(FormFault::PercentEscape)?,
            _ => byte,
        });
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| FormFault::Utf8)
}

/// The byte that the two digits after a `%` stand for (RFC 3986 §2.1).
pub(crate) fn escaped(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Vec<Result<(String, String), FormFault>> {
        pairs(form)
            .map(|pair| pair.map(|(name, value)| (name.into_owned(), value.into_owned())))
            .collect()
    }

    fn pair(name: &str, value: &str) -> Result<(String, String), FormFault> {
        Ok((name.to_owned(), value.to_owned()))
    }

    #[test]
    fn encoding_is_byte_exact() {
        for (plain, encoded) in [
            ("", ""),
            ("AZaz09-._~", "AZaz09-._~"),
            ("a b", "a+b"),
            ("+", "%2B"),
            ("a:b", "a%3Ab"),
            ("p%/ü", "p%25%2F%C3%BC"),
            ("*!'()", "%2A%21%27%28%29"),
            ("https://h.example/", "https%3A%2F%2Fh.example%2F"),
            ("\0\r\n\u{7f}", "%00%0D%0A%7F"),
            // RFC 6749 Appendix B's own example.
            (" %&+£€", "+%25%26%2B%C2%A3%E2%82%AC"),
        ] {
            assert_eq!(encode_component(plain), encoded);
        }
    }

    #[test]
    fn a_form_takes_its_exact_size_and_leaves_its_start_alone() {
        let start = ["https://a.example/t", "?"];
        let pairs: [&[(&str, &str)]; 3] = [
            &[],
            &[("client_secret", "p%/ü")],
            &[("code", "a b"), ("é", ""), ("x", "&=")],
        ];
        for (pairs, encoded) in pairs.into_iter().zip([
            "",
            "client_secret=p%25%2F%C3%BC",
            "code=a+b&%C3%A9=&x=%26%3D",
        ]) {
            let form = encode(&start, pairs.iter().copied());
            assert_eq!(form, format!("https://a.example/t?{encoded}"));
            assert_eq!(form.capacity(), form.len());
        }
        assert_eq!(encode(&[], [].into_iter()), "");
    }

    // RSP-08
    #[test]
    fn reading_decodes_exactly_once() {
        assert_eq!(
            read("iss=https%3A%2F%2Fa&b=https%253A&c=x+y%2Bz"),
            [
                pair("iss", "https://a"),
                pair("b", "https%3A"),
                pair("c", "x y+z")
            ]
        );
    }

    #[test]
    fn empty_stretches_and_missing_signs_are_read_leniently() {
        assert_eq!(read(""), []);
        assert_eq!(read("&&"), []);
        assert_eq!(
            read("&a&=b&c=d=e&&"),
            [pair("a", ""), pair("", "b"), pair("c", "d=e")]
        );
    }

    #[test]
    fn broken_escapes_and_broken_utf8_are_faults_of_their_pair_alone() {
        for form in [
            "a=%", "a=%4", "a=%4g", "a=%g4", "%zz=a", "a=%+1", "a=%é", "a=% 1",
        ] {
            assert_eq!(read(form), [Err(FormFault::PercentEscape)], "{form}");
        }
        assert_eq!(
            read("a=%FF&b=%C3%BC"),
            [Err(FormFault::Utf8), pair("b", "ü")]
        );
        assert_eq!(read("a=%ED%A0%80"), [Err(FormFault::Utf8)]);
    }

    #[test]
    fn every_character_survives_a_round_trip() {
        let mut text = String::new();
        for code in (0..0x3000).chain(0x1F600..0x1F650) {
            text.extend(char::from_u32(code));
        }
        let form = encode(&[], [("a", &*text), (&*text, "b")].into_iter());
        assert_eq!(read(&form), [pair("a", &text), pair(&text, "b")]);
        assert!(form.bytes().all(|byte| byte.is_ascii_graphic()));
    }

    // LOG-01
    #[test]
    fn debug_of_the_reader_shows_no_value() {
        assert!(!format!("{:?}", pairs("code=CANARY")).contains("CANARY"));
    }
}
