//! What exactly shall be authorized? (RFC 9396)

use serde::Deserialize;

use crate::wire::json::{self, Text};

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
}

/// Whether a value is what `authorization_details` must be: an array of objects that each have a `type` (RFC 9396 §2).
pub(crate) fn is_well_formed(value: &str) -> bool {
    let document = ["{\"details\":", value, "}"].concat();
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole<'a> {
        #[serde(borrow)]
        details: Vec<Detail<'a>>,
    }
    let whole: Option<Whole<'_>> = json::object(document.as_bytes());
    whole.is_some_and(|whole| {
        let typed = |detail: &Detail<'_>| json::present(detail.kind.as_ref()).is_some();
        !whole.details.is_empty() && whole.details.iter().all(typed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_detail_has_a_type() {
        assert!(is_well_formed(
            r#"[{"type":"payment","amount":{"value":"1"}}]"#
        ));
        for value in [
            "",
            "[]",
            "{}",
            "[1]",
            r#"[{"type":""}]"#,
            r#"[{"kind":"x"}]"#,
            r#"[{"type":"x"}],"y":[]"#,
        ] {
            assert!(!is_well_formed(value), "{value}");
        }
    }
}
