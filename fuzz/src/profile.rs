//! Under which settings does the machine run?

use mcp_oauth_core::{
    AuthMethod, ClientDocument, Deviations, DpopKey, DpopUse, GivenEndpoints, GrantType,
    IdentityProvider, Preregistered, PublicKey, Secret, Settings,
};

pub(crate) const SERVER: &str = "https://mcp.example/mcp";
pub(crate) const ISSUER: &str = "https://as.example";

/// The identity provider, who is no authorization server of the resource.
pub(crate) const PROVIDER: &str = "https://idp.example";
pub(crate) const PROVIDER_TOKEN: &str = "https://idp.example/token";

const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"one",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// The settings that a byte stands for; its four low bits count, so that an ASCII digit, or one of the six characters after
/// the digits, is a choice that can be read.
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
    let key = || PublicKey::from_jwk(KEY).expect("a key");
    let bound = |dpop| Settings {
        dpop,
        dpop_keys: vec![DpopKey {
            issuer: None,
            key: key(),
        }],
        ..plain.clone()
    };
    let by_key = || Preregistered {
        client_secret: None,
        auth_method: Some(AuthMethod::PrivateKeyJwt),
        ..known(None)
    };
    match profile & 15 {
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
                auth_method: None,
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
        8 => Settings {
            grant: GrantType::ClientCredentials,
            preregistered: Some(known(None)),
            ..plain
        },
        9 => Settings {
            grant: GrantType::ClientCredentials,
            preregistered: Some(by_key()),
            client_key: Some(key()),
            ..bound(DpopUse::Always)
        },
        10 => Settings {
            grant: GrantType::DeviceCode,
            ..bound(DpopUse::WhenSupported)
        },
        11 => Settings {
            grant: GrantType::WorkloadIdentity,
            authorization_server: Some(ISSUER.into()),
            ..plain
        },
        12 => Settings {
            grant: GrantType::EnterpriseManaged,
            preregistered: Some(known(None)),
            client_key: Some(key()),
            identity_provider: Some(IdentityProvider {
                issuer: PROVIDER.into(),
                token_endpoint: PROVIDER_TOKEN.into(),
                client_id: "employee".into(),
                client_secret: None,
                auth_method: Some(AuthMethod::PrivateKeyJwt),
            }),
            ..plain
        },
        13 => Settings {
            client_document: Some(ClientDocument {
                url: "https://app.example/client.json".into(),
                redirect_uris: vec!["http://127.0.0.1/callback".into()],
                auth_method: Some(AuthMethod::PrivateKeyJwt),
            }),
            client_key: Some(key()),
            pushed_authorization: true,
            ..bound(DpopUse::Always)
        },
        14 => Settings {
            client_key: Some(key()),
            ..bound(DpopUse::WhenSupported)
        },
        15 => Settings {
            grant: GrantType::DeviceCode,
            preregistered: Some(by_key()),
            client_key: Some(key()),
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
