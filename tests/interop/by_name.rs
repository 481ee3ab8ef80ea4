//! Do the servers that are known for defeating clients find nothing to defeat here?
//!
//! Their documents and rules are imitated, on loopback.

use mcp_oauth_core::{AuthMethod, GivenEndpoints, Preregistered, Secret, Settings};
use mcp_oauth_testbed::{
    Behaviour, Endpoint, GrantTypes, LoopbackPort, PreRegistered, Testbed, WellKnown,
};

use crate::scene::{Host, requests, settings, start};

/// Miro: the registration must name exactly the grants `authorization_code` and `refresh_token`; one that names the first
/// alone, as is the default of RFC 7591, is refused (docker-agent #3191).
#[tokio::test]
async fn a_registration_that_demands_both_grants_gets_them() {
    let mut behaviour = Behaviour::default();
    behaviour.registration.grant_types = GrantTypes::ExactlyCodeAndRefresh;
    let bed = start(behaviour).await;
    let host = Host::new(&bed);
    host.call("whoami").await.unwrap();
    let registrations = requests(&bed, Endpoint::Registration);
    let [registration] = registrations.as_slice() else {
        panic!("{registrations:?}");
    };
    let named = &registration.values["grant_types"];
    assert_eq!(named, r#"["authorization_code","refresh_token"]"#);
    assert_eq!(registration.status, Some(201));
    assert_eq!(bed.breaches(), []);
}

const SECRET: &str = "a-secret-told-by-hand";

/// Slack: no dynamic registration and no client ID metadata documents, only applications that people registered, with a
/// secret and a redirect URI of their own (docker mcp-gateway). The root path form of the metadata is what the challenge
/// names.
async fn confidential(method: AuthMethod) -> Testbed {
    let mut behaviour = Behaviour::default();
    behaviour.resource_metadata.served_at = vec!["/.well-known/oauth-protected-resource".into()];
    behaviour.registration.offered = false;
    behaviour.token.auth_methods = vec![method.as_str().into()];
    behaviour.authorization.loopback_port = LoopbackPort::Any;
    behaviour.registration.clients.push(PreRegistered {
        client_id: "1234.5678".into(),
        client_secret: Some(SECRET.into()),
        token_endpoint_auth_method: Some(method.as_str().into()),
        redirect_uris: vec!["http://127.0.0.1/callback".into()],
        ..PreRegistered::default()
    });
    start(behaviour).await
}

fn application(bed: &Testbed) -> Preregistered {
    Preregistered {
        issuer: bed.issuer(),
        client_id: "1234.5678".into(),
        client_secret: Some(Secret::new(SECRET)),
        auth_method: None,
        endpoints: None,
    }
}

/// The same with the endpoints and the method from the application's page.
fn whole_application(bed: &Testbed, method: AuthMethod) -> Preregistered {
    Preregistered {
        auth_method: Some(method),
        endpoints: Some(GivenEndpoints {
            authorization: format!("{}/authorize", bed.issuer()),
            token: format!("{}/token", bed.issuer()),
            resource: None,
        }),
        ..application(bed)
    }
}

/// A call, an expiry and another call.
async fn works(bed: &Testbed, application: Preregistered, method: AuthMethod) {
    let settings = Settings {
        preregistered: Some(application),
        ..settings(bed)
    };
    let host = Host::with(settings, |builder| builder);
    let session = host.connect().await.unwrap();
    let said = session.call("whoami").await.unwrap();
    assert!(said.contains("1234.5678"), "{said}");
    bed.expire_access_tokens();
    session.call("whoami").await.unwrap();

    let counts = bed.counts();
    assert_eq!((counts.code_exchanges, counts.refreshes), (1, 1));
    assert!(requests(bed, Endpoint::Registration).is_empty());
    let exchanges = requests(bed, Endpoint::Token);
    let refreshes = requests(bed, Endpoint::Refresh);
    assert_eq!((exchanges.len(), refreshes.len()), (1, 1));
    for request in exchanges.iter().chain(&refreshes) {
        let basic = method == AuthMethod::ClientSecretBasic;
        let in_body = request.body.iter().any(|name| name == "client_secret");
        assert_eq!(request.authorization.as_deref(), basic.then_some("Basic"));
        assert_eq!(in_body, !basic);
    }
    assert_eq!(bed.breaches(), []);
}

fn discovery_requests(bed: &Testbed) -> usize {
    let kinds = [
        Endpoint::ResourceMetadata,
        Endpoint::ServerMetadata,
        Endpoint::WellKnown,
    ];
    kinds.iter().map(|kind| requests(bed, *kind).len()).sum()
}

#[tokio::test]
async fn a_confidential_client_authenticates_by_post_at_discovered_endpoints() {
    let method = AuthMethod::ClientSecretPost;
    let bed = confidential(method).await;
    works(&bed, application(&bed), method).await;
}

#[tokio::test]
async fn a_confidential_client_authenticates_by_basic_at_discovered_endpoints() {
    let method = AuthMethod::ClientSecretBasic;
    let bed = confidential(method).await;
    works(&bed, application(&bed), method).await;
}

#[tokio::test]
async fn a_confidential_client_authenticates_by_post_at_given_endpoints() {
    let method = AuthMethod::ClientSecretPost;
    let bed = confidential(method).await;
    works(&bed, whole_application(&bed, method), method).await;
    assert_eq!(discovery_requests(&bed), 0);
}

#[tokio::test]
async fn a_confidential_client_authenticates_by_basic_at_given_endpoints() {
    let method = AuthMethod::ClientSecretBasic;
    let bed = confidential(method).await;
    works(&bed, whole_application(&bed, method), method).await;
    assert_eq!(discovery_requests(&bed), 0);
}

/// GitHub: the endpoint is `/mcp/`, the resource is stated with that slash, its metadata lives under the path with the
/// slash, and the issuer has a path, below which nothing is served but RFC 8414's insertion (coder #23520).
#[tokio::test]
async fn a_trailing_slash_and_an_issuer_with_a_path_are_found() {
    for told in [true, false] {
        let mut behaviour = Behaviour::default();
        behaviour.mcp.path = "/mcp/".into();
        behaviour.resource_metadata.served_at =
            vec!["/.well-known/oauth-protected-resource/mcp/".into()];
        behaviour.server_metadata.issuer_path = "/login/oauth".into();
        behaviour.server_metadata.served_at = vec![WellKnown::Oauth];
        if !told {
            behaviour.challenge.resource_metadata = None;
            behaviour.challenge.scope = None;
        }
        let bed = start(behaviour).await;
        let host = Host::new(&bed);
        host.call("whoami").await.unwrap();
        let first = &requests(&bed, Endpoint::ResourceMetadata)[0];
        assert_eq!(first.path, "/.well-known/oauth-protected-resource/mcp/");
        let metadata = &requests(&bed, Endpoint::ServerMetadata)[0];
        assert_eq!(
            metadata.path,
            "/.well-known/oauth-authorization-server/login/oauth"
        );
        assert!(requests(&bed, Endpoint::WellKnown).is_empty(), "no detour");
        let asked = &requests(&bed, Endpoint::Authorization)[0];
        assert_eq!(asked.values["resource"], bed.mcp_url());
        assert_eq!(bed.breaches(), []);
    }
}
