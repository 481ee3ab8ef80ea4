//! Under which settings does the machine run?

use mcp_oauth_core::{
    AuthMethod, ClientDocument, Deviations, GivenEndpoints, Preregistered, Secret, Settings,
};

pub(crate) const SERVER: &str = "https://mcp.example/mcp";
pub(crate) const ISSUER: &str = "https://as.example";

/// The settings that a byte stands for; its three low bits count, so that an ASCII digit is a choice that can be read.
pub(crate) fn settings(profile: u8, client_secret: &str) -> Settings {
    let plain = Settings {
        server_url: SERVER.into(),
        user_agent: "fuzz".into(),
        ..Settings::default()
    };
    let known = |endpoints| Preregistered {
        issuer: ISSUER.into(),
        client_id: "known".into(),
        client_secret: Some(Secret::new(client_secret)),
        auth_method: None,
        endpoints,
    };
    match profile & 7 {
        0 => plain,
        1 => Settings {
            server_url: "http://127.0.0.1:8080/mcp".into(),
            authorization_server: Some("http://127.0.0.1:9000".into()),
            initial_access_token: Some(Secret::new(format!("{client_secret}initial"))),
            ..plain
        },
        2 => Settings {
            preregistered: Some(known(None)),
            ..plain
        },
        3 => Settings {
            preregistered: Some(Preregistered {
                auth_method: Some(AuthMethod::ClientSecretPost),
                ..known(Some(GivenEndpoints {
                    authorization: "https://as.example/given/authorize?tenant=1".into(),
                    token: "https://tokens.example/given".into(),
                    resource: None,
                }))
            }),
            authorize_parameters: vec![("audience".into(), "notes".into())],
            token_parameters: vec![("audience".into(), "notes".into())],
            ..plain
        },
        4 => Settings {
            client_document: Some(ClientDocument {
                url: "https://app.example/client.json".into(),
                redirect_uris: vec!["http://127.0.0.1/callback".into()],
            }),
            redirect_uri: "http://127.0.0.1:0/callback".into(),
            ..plain
        },
        5 => Settings {
            dynamic_registration: false,
            ask_for_client: true,
            redirect_uri: "com.example.app:/callback".into(),
            private_scheme_redirect: true,
            scopes: Some(vec!["notes:read".into()]),
            ..plain
        },
        6 => Settings {
            deviations: Deviations {
                pinned_issuer: Some((ISSUER.into(), "https://as.example/alias".into())),
                allow_resource: Some("urn:example:mcp".into()),
                assume_s256: true,
                omit_resource: true,
                retry_refresh_without_resource: true,
                default_endpoints: true,
                extra_iss: Some("https://login.example".into()),
                ..Deviations::default()
            },
            ..plain
        },
        _ => Settings {
            require_issuer_identification: true,
            ask_for_client: true,
            authorization_server: Some(ISSUER.into()),
            deviations: Deviations {
                same_origin_metadata: true,
                same_origin_endpoints: true,
                ..Deviations::default()
            },
            ..plain
        },
    }
}
