//! How do header fields cross the boundary as one text?

use mcp_oauth_core as core;

/// Each as a line `name: value`. Secret, since one may be a credential.
pub(super) fn lines(headers: &[core::Header]) -> String {
    let length = headers
        .iter()
        .map(|header| header.name.len() + header.value.expose().len() + 3)
        .sum();
    // Grown by hand, or a copy of a credential stays behind.
    let mut lines = String::with_capacity(length);
    for header in headers {
        lines.push_str(header.name);
        lines.push_str(": ");
        lines.push_str(header.value.expose());
        lines.push('\n');
    }
    lines
}

/// The fields of `name: value` lines, their values trimmed (RFC 9110 §5.5); a line that is none is left out.
pub(super) fn fields(lines: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let name = str::from_utf8(name).ok()?;
        Some((name, value.get(1..)?.trim_ascii()))
    })
}
