//! What does a server demand in `WWW-Authenticate`?
//!
//! The grammar is that of RFC 9110 §11.6.1, with its lists (§5.6.1) and quoted strings (§5.6.4).
//! Whatever cannot be read ends its line: what stands before it counts, the rest gives no hint.

use super::text::ServerText;
use std::borrow::Cow;
use std::fmt;

/// Most bytes in all header lines together.
pub const MAX_CHALLENGE_BYTES: usize = 64 * 1024;
/// Most challenges in all header lines together.
pub const MAX_CHALLENGES: usize = 32;
/// Most parameters in one challenge.
pub const MAX_PARAMETERS: usize = 64;

/// The schemes that are satisfied with a bearer token alone.
pub const BEARER: &[&str] = &["Bearer"];
/// The schemes that are satisfied by whoever has a key to bind tokens to (RFC 9449 §7.1).
pub const DPOP: &[&str] = &["DPoP", "Bearer"];

/// Which bound a header broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeFault {
    /// More than [`MAX_CHALLENGE_BYTES`].
    #[error("the WWW-Authenticate header is longer than 65536 bytes")]
    TooLong,
    /// More than [`MAX_CHALLENGES`].
    #[error("the WWW-Authenticate header holds more than 32 challenges")]
    TooManyChallenges,
    /// More than [`MAX_PARAMETERS`].
    #[error("a challenge holds more than 64 parameters")]
    TooManyParameters,
}

/// The challenges of a response, in order.
///
/// Borrowed from the header lines; only a quoted string with escapes in it is copied.
///
/// `Display` writes them as one header line that parses to an equal list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Challenges<'a> {
    list: Vec<Challenge<'a>>,
    repeated_parameter: bool,
    unreadable: bool,
}

/// One challenge (RFC 9110 §11.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge<'a> {
    scheme: &'a str,
    demand: Demand<'a>,
}

/// Name and value.
type Parameter<'a> = (&'a str, Cow<'a, str>);

/// Parameters that most challenges have at most.
const USUAL_PARAMETERS: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Demand<'a> {
    Token68(&'a str),
    Parameters(Vec<Parameter<'a>>),
}

impl<'a> Challenges<'a> {
    /// Parses the values of all `WWW-Authenticate` header lines of a response.
    ///
    /// A challenge that repeats a parameter (RFC 9110 §11.2 forbids it) is left out as a whole,
    /// since parsers disagree on which of the two counts.
    ///
    /// # Errors
    ///
    /// A [`ChallengeFault`] when a bound is broken. Bad syntax is no error.
    pub fn parse<L: AsRef<[u8]>>(lines: &'a [L]) -> Result<Self, ChallengeFault> {
        let length = lines
            .iter()
            .fold(0_usize, |sum, line| sum.saturating_add(line.as_ref().len()));
        if length > MAX_CHALLENGE_BYTES {
            return Err(ChallengeFault::TooLong);
        }
        let mut challenges = Self::default();
        for line in lines {
            challenges.read_line(line.as_ref())?;
        }
        challenges.leave_out_repeating();
        Ok(challenges)
    }

    /// The challenges.
    pub fn iter(&self) -> std::slice::Iter<'_, Challenge<'a>> {
        self.list.iter()
    }

    /// Whether a challenge was left out because it repeats a parameter.
    pub fn repeated_parameter(&self) -> bool {
        self.repeated_parameter
    }

    /// Whether the rest of some line could not be read.
    pub fn unreadable(&self) -> bool {
        self.unreadable
    }

    fn read_line(&mut self, line: &'a [u8]) -> Result<(), ChallengeFault> {
        let mut cursor = Cursor { rest: line };
        loop {
            cursor.skip_separators();
            if cursor.rest.is_empty() {
                return Ok(());
            }
            let Some(scheme) = cursor.scheme() else {
                self.unreadable = true;
                return Ok(());
            };
            if self.list.len() >= MAX_CHALLENGES {
                return Err(ChallengeFault::TooManyChallenges);
            }
            let (demand, readable) = cursor.demand()?;
            self.list.push(Challenge { scheme, demand });
            if !readable {
                self.unreadable = true;
                return Ok(());
            }
        }
    }

    fn leave_out_repeating(&mut self) {
        let all = self.list.len();
        self.list
            .retain(|challenge| !challenge.repeats_a_parameter());
        self.repeated_parameter = self.list.len() < all;
    }
}

impl Challenge<'_> {
    /// The scheme as written. Schemes compare without regard to case.
    pub fn scheme(&self) -> &str {
        self.scheme
    }

    /// The token68, if the challenge has one in place of parameters.
    pub fn token68(&self) -> Option<&str> {
        match &self.demand {
            Demand::Token68(token) => Some(token),
            Demand::Parameters(_) => None,
        }
    }

    /// The parameters: name as written, value unquoted.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs().iter().map(|(name, value)| (*name, &**value))
    }

    /// The value of a parameter, its name compared whole and without regard to case. One that is
    /// empty counts as absent.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters()
            .find(|(candidate, value)| candidate.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, value)| value)
    }

    fn pairs(&self) -> &[Parameter<'_>] {
        match &self.demand {
            Demand::Token68(_) => &[],
            Demand::Parameters(pairs) => pairs,
        }
    }

    fn repeats_a_parameter(&self) -> bool {
        let mut rest = self.pairs();
        while let Some(((name, _), after)) = rest.split_first() {
            if after
                .iter()
                .any(|(other, _)| other.eq_ignore_ascii_case(name))
            {
                return true;
            }
            rest = after;
        }
        false
    }
}

impl fmt::Display for Challenges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, challenge) in self.list.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { ", " })?;
            write!(f, "{challenge}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme)?;
        if let Some(token) = self.token68() {
            write!(f, " {token}")?;
        }
        for (place, (name, value)) in self.parameters().enumerate() {
            f.write_str(if place == 0 { " " } else { ", " })?;
            write!(f, "{name}=\"")?;
            for letter in value.chars() {
                if matches!(letter, '"' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{letter}")?;
            }
            f.write_str("\"")?;
        }
        Ok(())
    }
}

/// What the challenges for a bearer token ask for (RFC 6750 §3, RFC 9728 §5.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BearerChallenge<'a> {
    /// Where the server says that its metadata is; unchecked.
    pub resource_metadata: Option<&'a str>,
    /// The scopes that it asks for, as written.
    pub scope: Option<&'a str>,
    error: Option<&'a str>,
    error_description: Option<&'a str>,
}

impl<'a> BearerChallenge<'a> {
    /// Merges the challenges whose scheme is one of `schemes`; `None` if there is none.
    ///
    /// Each member is taken from the first challenge that carries it; `scope` and
    /// `error_description` only from the one that carries `error`, if any does, since they explain
    /// that error.
    pub fn read(challenges: &'a Challenges<'_>, schemes: &[&str]) -> Option<Self> {
        let fitting = || {
            challenges.iter().filter(|challenge| {
                schemes
                    .iter()
                    .any(|scheme| scheme.eq_ignore_ascii_case(challenge.scheme()))
            })
        };
        fitting().next()?;
        let first = |name: &str| fitting().find_map(|challenge| challenge.parameter(name));
        let failed = fitting().find(|challenge| challenge.parameter("error").is_some());
        let explained = |name: &str| match failed {
            Some(challenge) => challenge.parameter(name),
            None => first(name),
        };
        Some(Self {
            resource_metadata: first("resource_metadata"),
            scope: explained("scope"),
            error: explained("error"),
            error_description: explained("error_description"),
        })
    }

    /// Why it refused, such as `invalid_token` or `insufficient_scope`.
    pub fn error(&self) -> Option<ServerText> {
        self.error.map(ServerText::new)
    }

    /// The same in words.
    pub fn error_description(&self) -> Option<ServerText> {
        self.error_description.map(ServerText::new)
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

/// The line cannot be read any further.
struct Unreadable;

impl<'a> Cursor<'a> {
    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !wanted(*byte));
        let (taken, rest) = end
            .and_then(|end| self.rest.split_at_checked(end))
            .unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    fn take_byte(&mut self, wanted: u8) -> bool {
        match self.rest.split_first() {
            Some((byte, rest)) if *byte == wanted => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Commas and white space between elements; empty elements too (RFC 9110 §5.6.1.2).
    fn skip_separators(&mut self) {
        self.take_while(|byte| is_blank(byte) || byte == b',');
    }

    /// Whether a list element ends here, once white space is skipped.
    fn element_ends(&mut self) -> bool {
        self.take_while(is_blank);
        matches!(self.rest, [] | [b',', ..])
    }

    fn at_boundary(&self) -> bool {
        matches!(self.rest, [] | [b',' | b' ' | b'\t', ..])
    }

    fn token(&mut self) -> Option<&'a str> {
        let token = self.take_while(is_token_byte);
        std::str::from_utf8(token)
            .ok()
            .filter(|token| !token.is_empty())
    }

    fn scheme(&mut self) -> Option<&'a str> {
        let scheme = self.token()?;
        self.at_boundary().then_some(scheme)
    }

    /// What follows a scheme, and whether the line can be read further.
    fn demand(&mut self) -> Result<(Demand<'a>, bool), ChallengeFault> {
        let mut required = !self.element_ends();
        if let Some(token) = self.token68() {
            return Ok((Demand::Token68(token), true));
        }
        let mut parameters = Vec::with_capacity(USUAL_PARAMETERS);
        loop {
            self.skip_separators();
            let readable = match self.parameter() {
                Ok(Some(parameter)) => {
                    if parameters.len() >= MAX_PARAMETERS {
                        return Err(ChallengeFault::TooManyParameters);
                    }
                    parameters.push(parameter);
                    required = false;
                    self.element_ends()
                }
                // The next challenge, the end, or what the caller will find to be neither.
                Ok(None) => return Ok((Demand::Parameters(parameters), !required)),
                Err(Unreadable) => false,
            };
            if !readable {
                return Ok((Demand::Parameters(parameters), false));
            }
        }
    }

    /// RFC 9110 §11.2; taken only if it is a whole element.
    fn token68(&mut self) -> Option<&'a str> {
        let mut ahead = Cursor { rest: self.rest };
        let start = ahead.take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
        });
        let padding = ahead.take_while(|byte| byte == b'=');
        if start.is_empty() || !ahead.element_ends() {
            return None;
        }
        let length = start.len().saturating_add(padding.len());
        let token = self.rest.get(..length)?;
        self.rest = ahead.rest;
        std::str::from_utf8(token).ok()
    }

    /// `name = value` (RFC 9110 §11.2). Nothing but the `=` tells a parameter from a new challenge:
    /// without one nothing is taken.
    fn parameter(&mut self) -> Result<Option<Parameter<'a>>, Unreadable> {
        let mut ahead = Cursor { rest: self.rest };
        let Some(name) = ahead.token() else {
            return Ok(None);
        };
        ahead.take_while(is_blank);
        if !ahead.take_byte(b'=') {
            return Ok(None);
        }
        ahead.take_while(is_blank);
        let value = if ahead.take_byte(b'"') {
            ahead.quoted()?
        } else {
            Cow::Borrowed(ahead.token().ok_or(Unreadable)?)
        };
        // Half a value is worse than none: an unquoted URL would be cut to its scheme.
        if !ahead.at_boundary() {
            return Err(Unreadable);
        }
        self.rest = ahead.rest;
        Ok(Some((name, value)))
    }

    /// The rest of a quoted string (RFC 9110 §5.6.4). Bytes beyond ASCII are read as UTF-8.
    fn quoted(&mut self) -> Result<Cow<'a, str>, Unreadable> {
        let plain = self.take_while(is_quoted_byte);
        if self.take_byte(b'"') {
            return Ok(String::from_utf8_lossy(plain));
        }
        let mut value = plain.to_vec();
        loop {
            if self.take_byte(b'"') {
                return Ok(String::from_utf8_lossy(&value).into_owned().into());
            }
            let (b'\\', rest) = self.rest.split_first().ok_or(Unreadable)? else {
                return Err(Unreadable);
            };
            let (escaped, rest) = rest.split_first().ok_or(Unreadable)?;
            if !is_quoted_byte(*escaped) && !matches!(escaped, b'"' | b'\\') {
                return Err(Unreadable);
            }
            self.rest = rest;
            value.push(*escaped);
            value.extend_from_slice(self.take_while(is_quoted_byte));
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// RFC 9110 §5.6.4 `qdtext`.
fn is_quoted_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' ' | b'!' | 0x23..=0x5b | 0x5d..=0x7e | 0x80..)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
