//! Which nonce does a server want in the next proof? (RFC 9449 §8)

use crate::limits::MAX_NONCE_BYTES;

/// The header field that carries it.
pub(crate) const HEADER: &str = "dpop-nonce";

/// A nonce: one or more NQCHAR (RFC 9449 §8.1), within a bound.
pub(crate) fn parse(value: &[u8]) -> Option<&str> {
    let is_nqchar = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let fits = (1..=MAX_NONCE_BYTES).contains(&value.len());
    let nonce = (fits && value.iter().all(is_nqchar)).then_some(value)?;
    std::str::from_utf8(nonce).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // DPP-15
    #[test]
    fn a_nonce_is_of_its_syntax_and_bound() {
        assert_eq!(parse(b"eyJ7S_zG.eyJH0-Z~!#"), Some("eyJ7S_zG.eyJH0-Z~!#"));
        let long = vec![b'x'; MAX_NONCE_BYTES + 1];
        for value in [
            &b""[..],
            b"a b",
            b"a\"b",
            b"a\\b",
            b"a\r\nb",
            b"\xc3\xbc",
            &long,
        ] {
            assert_eq!(parse(value), None);
        }
    }
}
