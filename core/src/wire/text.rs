//! Which part of a server's free text is safe to show?

use std::fmt;

/// Most characters that a [`ServerText`] holds.
pub const MAX_SERVER_TEXT: usize = 256;

/// Text of a server, reduced to what can be shown in a terminal, a log or a page without it taking
/// over: the character set of RFC 6749 §4.1.2.1 (printable ASCII without `"` and `\`), at most
/// [`MAX_SERVER_TEXT`] characters.
///
/// A double quote becomes `'`, a backslash `/`; a run of white space becomes one space, a run of
/// anything else (controls, escapes, non-ASCII, bidirectional marks) one `?`.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct ServerText(Box<str>);

impl ServerText {
    /// Neutralises text.
    pub fn new(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }

    /// Neutralises bytes of any encoding. What this allocates does not depend on the input's
    /// length once that is beyond [`MAX_SERVER_TEXT`].
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len().min(MAX_SERVER_TEXT));
        let mut blank = false;
        let mut replaced = false;
        for &byte in bytes {
            let shown = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {
                    blank = true;
                    continue;
                }
                b'"' => '\'',
                b'\\' => '/',
                0x21..=0x7e => char::from(byte),
                _ if replaced && !blank => continue,
                _ => '?',
            };
            replaced = !matches!(byte, 0x21..=0x7e);
            let space = std::mem::take(&mut blank) && !text.is_empty();
            if text.len().saturating_add(usize::from(space)) >= MAX_SERVER_TEXT {
                break;
            }
            if space {
                text.push(' ');
            }
            text.push(shown);
        }
        Self(text.into_boxed_str())
    }

    /// The neutralised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl serde::Serialize for ServerText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A stored text is no more to be trusted than a received one.
impl<'de> serde::Deserialize<'de> for ServerText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&Box::<str>::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RSP-16
    #[test]
    fn text_is_reduced_to_the_displayable_set() {
        for (raw, shown) in [
            ("", ""),
            (" \t\r\n ", ""),
            ("plain text.", "plain text."),
            ("say \"hi\" \\o/", "say 'hi' /o/"),
            ("  a \r\n\t b  ", "a b"),
            ("\u{1b}[31mred\u{1b}[0m", "?[31mred?[0m"),
            (
                "\u{1b}]8;;https://evil.example\u{7}x",
                "?]8;;https://evil.example?x",
            ),
            ("a\u{202e}\u{2066}b", "a?b"),
            ("naïve", "na?ve"),
            ("日本語", "?"),
            ("日本 語", "? ?"),
            ("\u{0}\u{7f}\u{85}", "?"),
            ("??", "??"),
        ] {
            assert_eq!(ServerText::new(raw).as_str(), shown, "{raw:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_neutralised_too() {
        assert_eq!(ServerText::from_bytes(b"a\xff\xfe\x80b").as_str(), "a?b");
    }

    #[test]
    fn length_is_capped_whatever_the_input() {
        for raw in [
            "x".repeat(1 << 20),
            "x ".repeat(1 << 20),
            " x".repeat(1 << 20),
            "é".repeat(1 << 20),
            "é x".repeat(1 << 20),
        ] {
            let text = ServerText::new(&raw);
            assert!(text.as_str().len() <= MAX_SERVER_TEXT);
            assert!(
                text.as_str()
                    .bytes()
                    .all(|byte| { (0x20..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\' })
            );
        }
        assert_eq!(
            ServerText::new(&"x".repeat(300)).as_str(),
            "x".repeat(MAX_SERVER_TEXT)
        );
    }

    #[test]
    fn neutralising_twice_changes_nothing() {
        for raw in ["a \u{1b} \"b\\", "é é", "  ? ", &"é x".repeat(200)] {
            let once = ServerText::new(raw);
            assert_eq!(ServerText::new(once.as_str()), once);
        }
    }

    #[test]
    fn display_is_plain_and_debug_is_quoted() {
        let text = ServerText::new("not \"now\"");
        assert_eq!(format!("{text}"), "not 'now'");
        assert_eq!(format!("{text:?}"), "\"not 'now'\"");
        assert!(!text.is_empty());
    }
}
