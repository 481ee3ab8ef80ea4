//! How are the credentials of a server forgotten?

use std::sync::Arc;

use mcp_oauth_core::{Config, Settings, StoreKey, describe_grant};
use mcp_oauth_host::{Authorizer, NeedsUser};
use serde_json::json;

use crate::arguments::Logout;
use crate::exit::Fault;
use crate::keys::Keys;
use crate::open;
use crate::report::Report;
use crate::settings::{USER_AGENT, reach};

pub(crate) async fn run(logout: Logout, report: &Report) -> Result<(), Fault> {
    let keys = Keys::read(logout.client_key.as_deref(), None)?;
    let config = Config::new(Settings {
        server_url: logout.url.clone(),
        reach: reach(&logout.url, logout.allow_private_network),
        client_key: keys.client_key()?,
        dpop_keys: keys.dpop_keys()?,
        revoke_on_sign_out: !logout.no_revoke,
        user_agent: USER_AGENT.into(),
        ..Settings::default()
    })?;
    let store = open::store(&logout.keeping).await?;
    let key = StoreKey::grant(&logout.account, &logout.url);
    let record = store.load(&key).await?;
    // One that cannot be read is no reason to say that nothing was kept.
    let is_empty = |record: &[u8]| describe_grant(record).is_ok_and(|it| it.issuers.is_empty());
    let held = record.is_some_and(|record| !is_empty(record.body.expose()));
    if held {
        let observer = *report;
        Authorizer::builder(config)
            .account(&logout.account)
            .store(store)
            .user_agent(Arc::new(NeedsUser))
            .signer(keys.into_signer())
            .observer(move |entry| observer.decision(entry))
            .build()?
            .sign_out(logout.forget_client)
            .await?;
    }
    let text = match held {
        true => format!("Signed out of {}", logout.url),
        false => format!("Nothing was kept for {}", logout.url),
    };
    report.result(&text, || json!({ "ok": true, "held": held }));
    Ok(())
}
