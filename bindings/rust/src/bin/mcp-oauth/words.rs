//! How is a stored grant told in words, and in JSON?

use mcp_oauth_core::{GrantSummary, IssuerSummary, Timestamp};
use serde_json::{Value, json};

/// A grant for a person to read.
pub(crate) fn describe(grant: &GrantSummary, now: Timestamp) -> String {
    let mut lines = vec![grant.server_url.to_string()];
    if !grant.account.is_empty() {
        lines.push(format!("  account: {}", printable(&grant.account)));
    }
    for issuer in &grant.issuers {
        lines.push(format!("  {}", describe_issuer(issuer, now)));
    }
    lines.join("\n")
}

fn describe_issuer(issuer: &IssuerSummary, now: Timestamp) -> String {
    let mut text = format!("authorization server: {}", issuer.issuer);
    if !issuer.current {
        text += " (used earlier)";
    }
    let client = match issuer.client_kind {
        Some("preregistered") => "registered beforehand",
        Some("document") => "client ID metadata document",
        Some("dynamic") => "registered dynamically",
        Some(other) => other,
        None => "none",
    };
    text += &format!("\n    client: {client}");
    if issuer.has_tokens {
        let scopes = match issuer.scopes.as_str() {
            "" => "not stated",
            scopes => scopes,
        };
        text += &format!("\n    scopes: {scopes}");
    }
    text + &format!("\n    access token: {}", expiry(issuer, now))
}

fn expiry(issuer: &IssuerSummary, now: Timestamp) -> String {
    if !issuer.has_tokens {
        return "none".into();
    }
    let Some(at) = issuer.expires_at else {
        return "expires the server does not say when".into();
    };
    let refresh = match issuer.has_refresh_token {
        true => "refreshed when needed",
        false => "then a new sign-in is needed",
    };
    match at.millis_since(now) {
        0 => format!("expired {} ago, {refresh}", span(now.millis_since(at))),
        left => format!("expires in {}, {refresh}", span(left)),
    }
}

/// A length of time, in its largest whole unit.
fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// A grant for a script.
pub(crate) fn to_json(grant: &GrantSummary) -> Value {
    let issuers = grant.issuers.iter().map(|issuer| {
        json!({
            "issuer": issuer.issuer,
            "current": issuer.current,
            "client": issuer.client_kind,
            "scopes": issuer.scopes.iter().collect::<Vec<_>>(),
            "has_tokens": issuer.has_tokens,
            "has_refresh_token": issuer.has_refresh_token,
            "expires_at_ms": issuer.expires_at.map(Timestamp::as_millis),
        })
    });
    json!({
        "server": grant.server_url,
        "account": grant.account,
        "issuers": issuers.collect::<Vec<_>>(),
    })
}

/// Somebody else's text without what would move the cursor.
pub(crate) fn printable(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' | '\t' => character,
        // Overrides of the writing direction are no control characters.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        _ if character.is_control() => '\u{fffd}',
        _ => character,
    };
    text.chars().map(shown).collect()
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_millis(since.map_or(0, |since| since.as_millis() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_largest_whole_unit() {
        let cases = [
            (999, "0 seconds"),
            (1_000, "1 second"),
            (59_999, "59 seconds"),
            (3_599_000, "59 minutes"),
            (7_200_000, "2 hours"),
            (86_400_000, "1 day"),
        ];
        for (millis, expected) in cases {
            assert_eq!(span(millis), expected);
        }
    }

    #[test]
    fn terminal_sequences_do_not_get_through() {
        assert_eq!(
            printable("a\u{1b}[2J\u{202e}b\n"),
            "a\u{fffd}[2J\u{fffd}b\n"
        );
    }
}
