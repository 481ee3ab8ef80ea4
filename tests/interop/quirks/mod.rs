//! Does each quirk of the testbed end as its table says, and does the trace tell what was relaxed?

mod expectation;
mod settings;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use mcp_oauth_core::{AuthMethod, Preregistered, ProvidedClient, Secret, Settings};
use mcp_oauth_testbed::{Deviation, Expected, Issued, PreRegistered, Quirk, Testbed, Then, quirks};
use rmcp::ClientLifecycleMode;

use crate::scene::{self, Host, Trouble, start};
use expectation::{End, KINDNESSES, Otherwise, REFUSALS, WITHOUT};

/// More requests than the worst of them needs is going in circles.
const MOST_REQUESTS: usize = 24;

/// What a row came to.
struct Run {
    bed: Testbed,
    host: Host,
    outcome: Result<(), Trouble>,
}

/// Two calls of a tool with what the row says in between, through the official SDK.
async fn run(quirk: &Quirk, change: impl FnOnce(&Testbed, &mut Settings)) -> Run {
    run_with_source(quirk, change, None).await
}

type Asked = Arc<Mutex<Vec<String>>>;

async fn run_with_source(
    quirk: &Quirk,
    change: impl FnOnce(&Testbed, &mut Settings),
    source: Option<(PreRegistered, Asked)>,
) -> Run {
    let mut behaviour = quirk.behaviour();
    if ends_by_the_clock(quirk) {
        behaviour.token.lifetime = 1;
    }
    let bed = start(behaviour).await;
    let mut settings = scene::settings(&bed);
    change(&bed, &mut settings);
    let method = known_method(quirk);
    let host = Host::with(settings, |builder| match source {
        None => builder,
        Some((known, asked)) => builder.client_source(move |issuer, _| {
            asked.lock().unwrap().push(issuer.as_str().to_owned());
            Some(ProvidedClient {
                client_id: known.client_id.as_str().into(),
                client_secret: known.client_secret.as_deref().map(Secret::new),
                auth_method: method,
            })
        }),
    });
    let outcome = drive(quirk, &bed, &host).await;
    Run { bed, host, outcome }
}

/// A token that is refused while it is new and cannot be refreshed is refused for good (USE-06): where refresh tokens are
/// not a matter of course, access tokens therefore run out by the client's own clock too.
fn ends_by_the_clock(quirk: &Quirk) -> bool {
    quirk.then == Then::TokensExpire && quirk.behaviour().refresh.issued != Issued::Always
}

async fn drive(quirk: &Quirk, bed: &Testbed, host: &Host) -> Result<(), Trouble> {
    if quirk.behaviour().challenge.status != 401 {
        // Nothing says that signing in would help: the application has to.
        host.authorizer
            .sign_in()
            .await
            .map_err(Trouble::Authorization)?;
    }
    // A server without protected resource metadata is one of 2025-03-26.
    let session = match quirk.behaviour().resource_metadata.served_at.is_empty() {
        true => host.connect_as(ClientLifecycleMode::Initialize).await?,
        false => host.connect().await?,
    };
    session.call("whoami").await?;
    match quirk.then {
        Then::Nothing => return Ok(()),
        Then::TokensExpire if ends_by_the_clock(quirk) => {
            tokio::time::sleep(Duration::from_millis(1_050)).await;
        }
        Then::TokensExpire => bed.expire_access_tokens(),
        Then::GrantsAreRevoked => bed.revoke_grants(),
        Then::ClientsAreForgotten => {
            bed.forget_clients();
            bed.expire_access_tokens();
        }
        Then::Migration => bed.migrate_to_second_issuer(),
    }
    session.call("whoami").await.map(drop)
}

/// Whoever registered the client knows its method; in the row about just that, the client has to find out.
fn known_method(quirk: &Quirk) -> Option<AuthMethod> {
    let known = quirk.behaviour().registration.clients.pop()?;
    let name = known.token_endpoint_auth_method?;
    AuthMethod::from_name(&name).filter(|_| quirk.class != "reg.method-select")
}

/// Runs something for all rows, two at a time, and tells all that went wrong together.
async fn each_row<F: Future<Output = Vec<String>>>(check: impl Fn(Quirk) -> F) {
    let wrong: Vec<String> = futures::stream::iter(quirks())
        .map(check)
        .buffer_unordered(2)
        .concat()
        .await;
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What holds for every run.
fn common(name: &str, run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    let breaches = run.bed.breaches();
    if !breaches.is_empty() {
        wrong.push(format!("{name}: {breaches:?}"));
    }
    let count = run.bed.log().len();
    if count > MOST_REQUESTS {
        wrong.push(format!("{name}: {count} requests"));
    }
    wrong
}

fn succeeded(name: &str, run: &Run, relaxed: &[&str]) -> Vec<String> {
    let mut wrong = common(name, run);
    if let Err(trouble) = &run.outcome {
        wrong.push(format!("{name}: {trouble:?}"));
    } else if run.host.deviations() != relaxed {
        let seen = run.host.deviations();
        wrong.push(format!("{name}: relaxed {seen:?}, not {relaxed:?}"));
    }
    wrong
}

fn ended(name: &str, run: &Run, end: &End) -> Vec<String> {
    let mut wrong = common(name, run);
    if let Err(why) = end.fits(&run.outcome) {
        wrong.push(format!("{name}: {why}"));
    }
    let relaxed = run.host.deviations();
    if !relaxed.iter().all(|one| *one == "2025-03-26") {
        wrong.push(format!("{name}: relaxed {relaxed:?} unasked"));
    }
    wrong
}

fn find<T>(table: &'static [(&str, T)], name: &str) -> Option<&'static T> {
    let found = table.iter().find(|(row, _)| *row == name);
    found.map(|(_, value)| value)
}

#[tokio::test]
async fn what_succeeds_by_default_does() {
    each_row(async |quirk| {
        let name = quirk.name();
        if quirk.expected != Expected::Succeeds {
            return Vec::new();
        }
        let relaxed = find(KINDNESSES, &name).copied().unwrap_or_default();
        succeeded(&name, &run(&quirk, |_, _| ()).await, relaxed)
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_ends_with_its_own_code() {
    each_row(async |quirk| {
        let name = quirk.name();
        let Expected::Refuses(_) = quirk.expected else {
            return Vec::new();
        };
        match find(REFUSALS, &name) {
            Some(end) => ended(&name, &run(&quirk, |_, _| ()).await, end),
            None => vec![format!("{name}: no code is stated for it")],
        }
    })
    .await;
}

#[tokio::test]
async fn a_named_deviation_makes_the_difference_and_is_seen() {
    each_row(async |quirk| {
        let name = quirk.name();
        let Expected::SucceedsWith { deviation, .. } = quirk.expected else {
            return Vec::new();
        };
        let plain = run(&quirk, |_, _| ()).await;
        let mut wrong = match find(WITHOUT, &name) {
            Some(Otherwise::Ends(end)) => ended(&name, &plain, end),
            Some(Otherwise::SignsInAgain) => {
                let mut wrong = succeeded(&name, &plain, &[]);
                if plain.bed.counts().authorizations != 2 {
                    wrong.push(format!("{name}: one sign-in sufficed without"));
                }
                wrong
            }
            None => vec![format!("{name}: no code is stated for it")],
        };
        let changed = run(&quirk, |bed, settings| apply(deviation, bed, settings)).await;
        let relaxed = expectation::told(deviation);
        wrong.extend(succeeded(
            &format!("{name} with {deviation:?}"),
            &changed,
            relaxed,
        ));
        if changed.bed.counts().authorizations != 1 {
            wrong.push(format!("{name}: signed in twice with {deviation:?}"));
        }
        if let Deviation::Scopes(scopes) = deviation {
            let asked = &changed.host;
            if asked.decided("scopes_configured") == 0 {
                wrong.push(format!("{name}: nothing tells of {scopes:?}"));
            }
        }
        wrong
    })
    .await;
}

fn apply(deviation: Deviation, bed: &Testbed, settings: &mut Settings) {
    let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
    let deviations = &mut settings.deviations;
    match deviation {
        Deviation::PinnedIssuer { asked, published } => {
            deviations.pinned_issuer = Some((bed.expand(asked), bed.expand(published)));
        }
        Deviation::AllowResource(resource) => {
            deviations.allow_resource = Some(bed.expand(resource));
        }
        Deviation::AssumeS256 => deviations.assume_s256 = true,
        Deviation::OmitResource => deviations.omit_resource = true,
        Deviation::RetryRefreshWithoutResource => deviations.retry_refresh_without_resource = true,
        Deviation::DefaultEndpoints => deviations.default_endpoints = true,
        Deviation::ExtraIss(issuer) => deviations.extra_iss = Some(bed.expand(issuer)),
        Deviation::ExtraParameters(parameters) => {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            settings.authorize_parameters = parameters.iter().map(own).collect();
        }
        Deviation::Scopes(scopes) => settings.scopes = Some(owned(scopes)),
    }
}

#[tokio::test]
async fn where_no_client_registers_itself_the_host_has_one_or_is_told() {
    each_row(async |quirk| {
        let name = quirk.name();
        if quirk.expected != Expected::NeedsClient {
            return Vec::new();
        }
        let end = find(REFUSALS, &name).unwrap_or(&expectation::CLIENT_NEEDED);
        let mut wrong = ended(&name, &run(&quirk, |_, _| ()).await, end);

        let known = quirk.behaviour().registration.clients.remove(0);
        let asked = Asked::default();
        let source = Some((known.clone(), Arc::clone(&asked)));
        let given = run_with_source(&quirk, |_, settings| settings.ask_for_client = true, source);
        let given = given.await;
        wrong.extend(succeeded(&format!("{name} when asked"), &given, &[]));
        let asked = asked.lock().unwrap().clone();
        if asked != [given.bed.issuer()] {
            wrong.push(format!("{name}: asked for clients of {asked:?}"));
        }

        let configured = run(&quirk, |bed, settings| {
            settings.preregistered = Some(Preregistered {
                issuer: bed.issuer(),
                client_id: known.client_id.clone(),
                client_secret: known.client_secret.as_deref().map(Secret::new),
                auth_method: known_method(&quirk),
                endpoints: None,
            });
        });
        wrong.extend(succeeded(
            &format!("{name} when configured"),
            &configured.await,
            &[],
        ));
        wrong
    })
    .await;
}

#[test]
fn what_is_stated_here_is_about_rows_that_exist() {
    let all = quirks();
    let names = REFUSALS
        .iter()
        .map(|(name, _)| name)
        .chain(WITHOUT.iter().map(|(name, _)| name))
        .chain(KINDNESSES.iter().map(|(name, _)| name));
    for name in names {
        assert!(all.iter().any(|quirk| quirk.name() == *name), "{name}");
    }
}
