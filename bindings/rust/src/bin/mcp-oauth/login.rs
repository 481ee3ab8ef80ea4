//! How does a person sign in to a server?

use mcp_oauth_core::{StoreKey, describe_grant};
use serde_json::json;

use crate::arguments::Login;
use crate::exit::Fault;
use crate::open;
use crate::report::Report;
use crate::words;

pub(crate) async fn run(login: Login, report: &Report) -> Result<(), Fault> {
    let server = &login.server;
    let (authorizer, store) = open::authorizer(server, report).await?;
    open::unless_interrupted(&authorizer, authorizer.sign_in()).await?;
    let record = store
        .load(&StoreKey::grant(&server.account, &server.url))
        .await?;
    let grant = record.and_then(|record| describe_grant(record.body.expose()).ok());
    let grant =
        grant.ok_or_else(|| Fault::other("the credentials have vanished from the store"))?;
    report.result(
        &format!("Signed in to {}", words::describe(&grant, words::now())),
        || json!({ "ok": true, "grant": words::to_json(&grant) }),
    );
    Ok(())
}
