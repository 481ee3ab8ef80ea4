//! How does a command come by its store and its authorizer?

use std::sync::Arc;

use mcp_oauth_core::{Config, GrantType};
use mcp_oauth_host::store::{self, Store};
use mcp_oauth_host::{Authorizer, Headless, UserAgent};
use url::Url;

use crate::arguments::{Keeping, Server};
use crate::exit::Fault;
use crate::keys::Keys;
use crate::person::Announced;
use crate::report::Report;
use crate::settings::{assertions, settings};

/// The store that was chosen.
pub(crate) async fn store(keeping: &Keeping) -> Result<Arc<dyn Store>, Fault> {
    Ok(match keeping.store {
        Some(place) => store::open(place.into()).await?,
        None => store::default_store().await?,
    })
}

/// The authorizer of this server, and its store.
pub(crate) async fn authorizer(
    server: &Server,
    report: &Report,
) -> Result<(Authorizer, Arc<dyn Store>), Fault> {
    let report = *report;
    let dpop = server.grant.dpop.as_ref();
    let keys = Keys::read(
        server.client.client_key.as_deref(),
        dpop.map(Option::as_deref),
    )?;
    let (settings, client) = settings(server, &keys)?;
    let is_for_another_device = settings.grant == GrantType::DeviceCode;
    let config = Config::new(settings)?;
    let store = store(&server.keeping).await?;
    // A code can be shown without a browser.
    let user_agent: Arc<dyn UserAgent> = match server.headless && !is_for_another_device {
        true => Arc::new(Headless::new()),
        false => Arc::new(Announced::new(report, has_port(server))),
    };
    let mut builder = Authorizer::builder(config)
        .account(&server.account)
        .store(Arc::clone(&store))
        .user_agent(user_agent)
        .observer(move |entry| report.decision(entry))
        .client_source(move |_, _| client.clone())
        .signer(keys.into_signer());
    if let Some(assertions) = assertions(&server.grant) {
        builder = builder.assertions(Arc::new(assertions));
    }
    Ok((builder.build()?, store))
}

/// Whether the redirect URI was given with a port of its own.
fn has_port(server: &Server) -> bool {
    let uri = server.redirect_uri.as_deref().map(Url::parse);
    uri.is_some_and(|uri| uri.is_ok_and(|uri| uri.port() != Some(0)))
}

/// Does the work, and ends the sign-in in good order when the person presses Ctrl-C meanwhile.
pub(crate) async fn unless_interrupted<T>(
    authorizer: &Authorizer,
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Ok(()) = tokio::signal::ctrl_c() => authorizer.cancel(),
        }
    }
}
