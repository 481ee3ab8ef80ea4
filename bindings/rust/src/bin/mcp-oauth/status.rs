//! Which credentials are kept?

use mcp_oauth_core::{GrantSummary, describe_grant};
use mcp_oauth_host::store::Record;
use serde_json::json;

use crate::arguments::Status;
use crate::exit::Fault;
use crate::open;
use crate::report::Report;
use crate::words;

pub(crate) async fn run(status: Status, report: &Report) -> Result<(), Fault> {
    let records = open::store(&status.keeping).await?.grants().await?;
    let mut grants = read(&records, report);
    grants.retain(|grant| {
        let asked =
            |asked: &Option<String>, of: &str| asked.as_ref().is_none_or(|asked| asked == of);
        asked(&status.url, &grant.server_url) && asked(&status.account, &grant.account)
    });
    grants.sort_by(|one, other| {
        (&one.server_url, &one.account).cmp(&(&other.server_url, &other.account))
    });
    let now = words::now();
    let text: Vec<_> = grants
        .iter()
        .map(|grant| words::describe(grant, now))
        .collect();
    let text = match text.as_slice() {
        [] => "No credentials are kept.".into(),
        texts => texts.join("\n\n"),
    };
    report.result(&text, || {
        let grants: Vec<_> = grants.iter().map(words::to_json).collect();
        json!({ "ok": true, "grants": grants })
    });
    Ok(())
}

fn read(records: &[Record], report: &Report) -> Vec<GrantSummary> {
    let mut grants = Vec::new();
    for record in records {
        match describe_grant(record.body.expose()) {
            // Whose credentials were forgotten.
            Ok(grant) if grant.issuers.is_empty() => {}
            Ok(grant) => grants.push(grant),
            Err(error) => report.tell(&format!("A record cannot be read: {error}")),
        }
    }
    grants
}
