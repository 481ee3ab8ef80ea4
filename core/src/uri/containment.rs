//! Does one path lie within another, whoever resolves them?

/// Whether `outer`, less one slash at its end, is a prefix of `inner` by whole segments, and
/// neither holds a dot segment.
pub(super) fn path_contains(outer: &str, inner: &str) -> bool {
    let prefix = outer.strip_suffix('/').unwrap_or(outer);
    let below = inner.strip_prefix(prefix);
    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        // Whatever `outer` holds, `inner` holds too.
        && !has_dot_segment(inner)
}

/// Whether any reading of the path has a `.` or `..` segment. Servers and proxies decode once or
/// more often, take an encoded slash or a backslash for a separator, cut parameters off a segment
/// (`..;x`), and drop controls and spaces.
fn has_dot_segment(path: &str) -> bool {
    let mut dots = 0_u8;
    let mut others = false;
    let mut parameters = false;
    let mut rest = path.bytes();
    loop {
        let byte = decoded(&mut rest);
        match byte {
            None | Some(b'/' | b'\\') => {
                if !others && (dots == 1 || dots == 2) {
                    return true;
                }
                if byte.is_none() {
                    return false;
                }
                (dots, others, parameters) = (0, false, false);
            }
            // An overlong form of some ASCII character (RFC 3629 §3).
            Some(0xc0 | 0xc1) => return true,
            Some(byte) if parameters || byte.is_ascii_control() || byte == b' ' => {}
            Some(b';') => parameters = true,
            Some(b'.') => dots = dots.saturating_add(1),
            Some(_) => others = true,
        }
    }
}

/// The next byte, with escapes of escapes (`%25`) undone however deep they are.
fn decoded(bytes: &mut std::str::Bytes<'_>) -> Option<u8> {
    let mut byte = bytes.next()?;
    while byte == b'%' {
        let mut ahead = bytes.clone();
        match crate::wire::form::escaped(ahead.next(), ahead.next()) {
            Some(escaped) => {
                *bytes = ahead;
                byte = escaped;
            }
            None => break,
        }
    }
    Some(byte)
}
