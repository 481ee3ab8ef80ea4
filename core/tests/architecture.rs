//! Is the state diagram in `docs/architecture.md` the one of the transition table?
#![allow(clippy::expect_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;

use mcp_oauth_core::transition::leads_to;
use mcp_oauth_core::{EventKind, PhaseKind};

const OPEN: &str = "```mermaid\n";
const CLOSE: &str = "```\n";

/// The table as a diagram. What every flow phase can do, fail, be cancelled and be signed out of, is said in words beside
/// it: drawn, it would hide everything else.
fn diagram() -> String {
    let mut lines = vec![
        "stateDiagram-v2".to_owned(),
        "    [*] --> Loading".to_owned(),
    ];
    for from in PhaseKind::ALL {
        for to in PhaseKind::ALL {
            let by: BTreeSet<&str> = EventKind::ALL
                .iter()
                .filter(|event| !matches!(event, EventKind::Cancel | EventKind::SignOut))
                .filter(|event| leads_to(*from, **event).contains(to))
                .map(|event| event.name())
                .collect();
            let drawn = *to != PhaseKind::Failed && from != to && !by.is_empty();
            if drawn {
                let by: Vec<_> = by.into_iter().collect();
                lines.push(format!(
                    "    {} --> {}: {}",
                    from.name(),
                    to.name(),
                    by.join(", ")
                ));
            }
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_diagram_is_drawn_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/architecture.md");
    let page = std::fs::read_to_string(&path).expect("the page can be read");
    let (before, rest) = page.split_once(OPEN).expect("the page has a diagram");
    let (drawn, after) = rest.split_once(CLOSE).expect("the diagram has an end");
    let expected = diagram();
    if std::env::var_os("MCP_OAUTH_BLESS").is_some() {
        let page = format!("{before}{OPEN}{expected}{CLOSE}{after}");
        std::fs::write(&path, page).expect("the page can be written");
        return;
    }
    assert_eq!(
        drawn, expected,
        "run with MCP_OAUTH_BLESS=1 to draw it anew"
    );
}

#[test]
fn every_phase_can_be_entered_and_left() {
    let edges = || {
        PhaseKind::ALL.iter().flat_map(|from| {
            EventKind::ALL
                .iter()
                .flat_map(move |event| leads_to(*from, *event))
                .map(move |to| (*from, *to))
        })
    };
    for phase in PhaseKind::ALL {
        let entered =
            *phase == PhaseKind::Loading || edges().any(|(from, to)| to == *phase && from != to);
        let left = edges().any(|(from, to)| from == *phase && to != from);
        assert!(entered && left, "{}", phase.name());
    }
}
