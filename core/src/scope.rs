//! Which scopes are meant, in which order?

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::arc_str::ArcStr;
use crate::limits::{MAX_SCOPE_BYTES, MAX_SCOPES};

/// A set of scope tokens in the order in which they were first named, each once.
///
/// Held as the one space-separated string that goes on the wire (RFC 6749 §3.3).
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeSet(ArcStr);

/// More scopes than [`MAX_SCOPES`] or more bytes than [`MAX_SCOPE_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more scopes than are accepted")]
pub struct TooManyScopes;

impl ScopeSet {
    /// The set of the given tokens. Tokens outside the grammar of RFC 6749 §3.3 are left out.
    ///
    /// # Errors
    /// [`TooManyScopes`] when a bound is exceeded; memory stays within the bound.
    pub fn collect<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Result<Self, TooManyScopes> {
        let mut set: Vec<&str> = Vec::with_capacity(8);
        let mut length = 0_usize;
        for token in tokens {
            if !is_scope_token(token) || set.contains(&token) {
                continue;
            }
            let longer = length.saturating_add(token.len()).saturating_add(1);
            if set.len() >= MAX_SCOPES || longer > MAX_SCOPE_BYTES {
                return Err(TooManyScopes);
            }
            length = if set.is_empty() { token.len() } else { longer };
            set.push(token);
        }
        Ok(Self(set.join(" ").into()))
    }

    /// The set named by a space-separated list, as in a `scope` parameter.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub fn parse(list: &str) -> Result<Self, TooManyScopes> {
        Self::collect(list.split(' '))
    }

    /// This set followed by what `other` adds to it: a stable order whatever the server sends.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub fn union(&self, other: &Self) -> Result<Self, TooManyScopes> {
        Self::collect(self.iter().chain(other.iter()))
    }

    /// What this set holds and `other` does not.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        // A part of a set within bounds is within bounds.
        Self::collect(self.iter().filter(|token| !other.contains(token))).unwrap_or_default()
    }

    /// Whether the token is in the set.
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|known| known == token)
    }

    /// Whether every token of `other` is in the set.
    pub fn contains_all(&self, other: &Self) -> bool {
        self == other || other.iter().all(|token| self.contains(token))
    }

    /// The tokens, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    /// The space-separated form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no scope in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3).
fn is_scope_token(token: &str) -> bool {
    !token.is_empty()
        && token
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_of_first_mention_and_each_token_counts_once() {
        let set = ScopeSet::parse("b a  b c a").unwrap();
        assert_eq!(set.as_str(), "b a c");
        let union = set.union(&ScopeSet::parse("d a").unwrap()).unwrap();
        assert_eq!(union.as_str(), "b a c d");
        assert_eq!(union.without(&set).as_str(), "d");
    }

    // AZR-15
    #[test]
    fn tokens_outside_the_grammar_are_left_out() {
        let set = ScopeSet::collect(["ok", "a\u{1b}[2J", "q\"", "b\\", "é", "", "x y"]).unwrap();
        assert_eq!(set.as_str(), "ok");
    }

    // SCP-08
    #[test]
    fn bounds_are_kept() {
        let many: Vec<String> = (0..=MAX_SCOPES).map(|n| format!("s{n}")).collect();
        assert_eq!(
            ScopeSet::collect(many.iter().map(String::as_str)),
            Err(TooManyScopes)
        );
        let long = "x".repeat(MAX_SCOPE_BYTES);
        assert_eq!(ScopeSet::parse(&long), Err(TooManyScopes));
    }
}
