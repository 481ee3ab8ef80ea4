//! Which setting mends a row that has no deviation, and does a deviation reach no further than what it names?

use mcp_oauth_core::{Code, Secret, Settings};
use mcp_oauth_testbed::{Testbed, quirk};

use super::{Run, run};

async fn with(name: &str, change: impl FnOnce(&Testbed, &mut Settings)) -> Run {
    run(&quirk(name).unwrap(), change).await
}

/// A run that nothing is held against.
async fn succeeds(name: &str, change: impl FnOnce(&Testbed, &mut Settings)) {
    let run = with(name, change).await;
    assert!(run.outcome.is_ok(), "{name}: {:?}", run.outcome);
    assert_eq!(run.bed.breaches(), [], "{name}");
}

/// A run that fails all the same.
async fn fails(name: &str, expected: Code, change: impl FnOnce(&Testbed, &mut Settings)) {
    let run = with(name, change).await;
    let code = run.outcome.as_ref().err().and_then(super::Trouble::code);
    assert_eq!(code, Some(expected), "{name}: {:?}", run.outcome);
    assert_eq!(run.bed.breaches(), [], "{name}");
}

#[tokio::test]
async fn a_server_that_knows_its_clients_by_name_takes_the_name_it_knows() {
    succeeds("reg.allow-name", |_, settings| {
        settings.client_name = "Example Assistant".into();
    })
    .await;
}

#[tokio::test]
async fn a_protected_registration_takes_the_initial_access_token() {
    succeeds("reg.auth-required", |bed, settings| {
        settings.authorization_server = Some(bed.issuer());
        settings.initial_access_token = Some(Secret::new("initial-access-token"));
    })
    .await;
}

#[tokio::test]
async fn offline_access_can_be_left_out() {
    succeeds("scope.offline:refused", |_, settings| {
        settings.offline_access = false;
    })
    .await;
}

#[tokio::test]
async fn one_of_several_servers_can_be_chosen() {
    let run = with("prm.multi-as:both-good", |bed, settings| {
        settings.authorization_server = Some(bed.issuers()[1].clone());
    })
    .await;
    run.outcome.unwrap();
    let servers = run.bed.log().into_iter().map(|entry| entry.server);
    assert!(
        servers
            .into_iter()
            .all(|server| server != mcp_oauth_testbed::Server::Authorization1)
    );
    assert_eq!(run.bed.breaches(), []);
}

#[tokio::test]
async fn assuming_s256_does_not_help_where_it_is_ruled_out() {
    fails(
        "pkce.unadvertised:plain-only",
        Code::PkceUnsupported,
        |_, settings| settings.deviations.assume_s256 = true,
    )
    .await;
}

#[tokio::test]
async fn another_pair_of_issuers_is_not_the_pinned_one() {
    let issuers = [
        ("issuer.host-mismatch", "https://other.example.com"),
        ("issuer.host-mismatch", "https://idp.example.com/"),
        ("issuer.path-dropped", "https://idp.example.com"),
    ];
    for (name, published) in issuers {
        fails(name, Code::IssuerMismatch, |bed, settings| {
            let pair = (bed.issuer(), published.to_owned());
            settings.deviations.pinned_issuer = Some(pair);
        })
        .await;
    }
    fails(
        "issuer.host-mismatch",
        Code::IssuerMismatch,
        |bed, settings| {
            let pair = (bed.issuers()[1].clone(), "https://idp.example.com".into());
            settings.deviations.pinned_issuer = Some(pair);
        },
    )
    .await;
}

#[tokio::test]
async fn another_issuer_in_the_response_is_not_the_accepted_one() {
    fails(
        "iss.wrong",
        Code::CallbackIssuerMismatch,
        |bed, settings| settings.deviations.extra_iss = Some(bed.issuers()[1].clone()),
    )
    .await;
}

#[tokio::test]
async fn another_resource_is_not_the_allowed_one() {
    fails(
        "prm.resource-other",
        Code::ResourceMismatch,
        |_, settings| {
            let other = "https://notes.example.com/mcp2".to_owned();
            settings.deviations.allow_resource = Some(other);
        },
    )
    .await;
}

#[tokio::test]
async fn endpoints_are_not_guessed_where_the_resource_names_a_server() {
    for name in ["metadata.absent", "wellknown.location:wrong-root"] {
        fails(name, Code::NoMetadata, |_, settings| {
            settings.deviations.default_endpoints = true;
        })
        .await;
    }
}

#[tokio::test]
async fn the_stricter_choices_refuse_what_is_accepted_otherwise() {
    fails(
        "iss.endpoint-origin",
        Code::ForeignEndpoint,
        |_, settings| settings.deviations.same_origin_endpoints = true,
    )
    .await;
    fails(
        "iss.endpoint-origin",
        Code::NoMixUpDefence,
        |_, settings| settings.require_issuer_identification = true,
    )
    .await;
}
