//! Do keys stay with the host, and signatures, assertions and codes out of what is shown?

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth_ffi::machine::{
    AssertionKind, AuthMethod, ClientDocument, DpopKey, DpopUse, GrantType, IdentityProvider,
    dpop_proof,
};

use super::*;

const KEY: &str = r#"{"kty":"EC","crv":"P-256","kid":"one","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const METADATA: &str = r#"{"issuer":"https://as.example.com","authorization_endpoint":"https://as.example.com/a",
    "token_endpoint":"https://as.example.com/t","device_authorization_endpoint":"https://as.example.com/d",
    "code_challenge_methods_supported":["S256"],"dpop_signing_alg_values_supported":["ES256"],
    "token_endpoint_auth_methods_supported":["none","private_key_jwt","client_secret_post"],
    "grant_types_supported":["authorization_code","client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code","urn:ietf:params:oauth:grant-type:jwt-bearer"]}"#;

/// The settings of a client that is registered, with this grant.
fn with_grant(grant: GrantType) -> Settings {
    Settings {
        grant: Some(grant),
        preregistered: Some(Preregistered {
            issuer: "https://as.example.com".into(),
            client_id: "c".into(),
            client_secret: None,
            auth_method: None,
            endpoints: None,
        }),
        ..settings()
    }
}

/// A machine that has read the documents of the servers, and what it wants then.
fn discovered(settings: Settings) -> (Machine, Step) {
    let machine = Machine::new(Arc::new(Config::new(settings).unwrap()), "");
    machine.nothing_stored(1, NOW).unwrap();
    let mut step = machine.connect(NOW).unwrap();
    loop {
        let (id, document) = match &step.next {
            Next::Http { id, purpose, .. } if purpose == "resource_metadata" => (*id, RESOURCE),
            Next::Http { id, purpose, .. } if purpose == "server_metadata" => (*id, METADATA),
            _ => return (machine, step),
        };
        step = json(&machine, id, 200, document);
    }
}

fn shown(step: &Step) -> String {
    format!("{step} {step:?} {} {:?}", step.next, step.next)
}

fn decoded(input: &str) -> String {
    let parts = input.split('.').map(|part| {
        let json = URL_SAFE_NO_PAD.decode(part).unwrap();
        String::from_utf8(json).unwrap()
    });
    parts.collect()
}

#[test]
fn a_client_signs_who_it_is() {
    let (machine, step) = discovered(Settings {
        client_key: Some(KEY.into()),
        ..with_grant(GrantType::ClientCredentials)
    });
    let Next::Sign {
        id,
        purpose,
        algorithm,
        thumbprint,
        key_id,
        issuer,
        input,
    } = &step.next
    else {
        panic!("{step:?}")
    };
    assert_eq!((&**purpose, &**algorithm), ("client_assertion", "ES256"));
    assert_eq!(thumbprint.len(), 43);
    assert_eq!(key_id.as_deref(), Some("one"));
    assert_eq!(issuer, "https://as.example.com");
    assert!(decoded(input).contains(r#""iss":"c""#));
    assert!(!shown(&step).contains(&**input));
    assert_eq!(machine.signed(*id, &[7; 70], NOW), Err(Misuse::Signature));
    let step = machine.signed(*id, &[7; 64], NOW).unwrap();
    let Next::Http {
        body: Some(body), ..
    } = &step.next
    else {
        panic!("{step:?}")
    };
    let body = String::from_utf8(body.clone()).unwrap();
    assert!(body.contains(&format!("client_assertion={input}.BwcH")));
    assert!(!shown(&step).contains(&**input));
}

#[test]
fn each_request_has_a_proof_of_its_own() {
    let (machine, mut step) = discovered(Settings {
        dpop: Some(DpopUse::Always),
        dpop_keys: vec![DpopKey {
            key: KEY.into(),
            issuer: None,
        }],
        ..with_grant(GrantType::AuthorizationCode)
    });
    loop {
        step = match &step.next {
            Next::BindRedirect { id, .. } => machine
                .redirect_bound(*id, "http://127.0.0.1:7/callback", NOW)
                .unwrap(),
            Next::OpenUrl { state, .. } => {
                let query = format!("code=SECRET-code&state={state}");
                machine.callback(&query, NOW).unwrap()
            }
            Next::Save { id, .. } | Next::Delete { id, .. } => machine.stored(*id, NOW).unwrap(),
            Next::Sign { id, purpose, .. } => {
                assert_eq!(purpose, "dpop_proof");
                machine.signed(*id, &[7; 64], NOW).unwrap()
            }
            Next::Http { id, .. } => {
                let tokens =
                    r#"{"access_token":"SECRET-access","token_type":"DPoP","expires_in":600}"#;
                json(&machine, *id, 200, tokens)
            }
            _ => break,
        };
        assert!(!shown(&step).contains("SECRET"));
    }
    assert_eq!(step.next, Next::Authorized);
    let mut drafts = Vec::new();
    for nonce in [None, None, Some("n-1")] {
        if let Some(nonce) = nonce {
            machine.take_nonce(nonce.as_bytes());
        }
        let headers = machine.request_headers("POST", SERVER, NOW).unwrap();
        let RequestHeaders::Sign {
            authorization,
            algorithm,
            issuer,
            input,
            ..
        } = &headers
        else {
            panic!("{headers:?}")
        };
        assert_eq!(authorization, "DPoP SECRET-access");
        assert_eq!(issuer, "https://as.example.com");
        let told = format!("{headers} {headers:?}");
        assert!(!told.contains("SECRET") && !told.contains(&**input));
        let claims = decoded(input);
        assert!(claims.contains(r#""htm":"POST""#) && claims.contains(r#""ath":"#));
        assert_eq!(claims.contains(r#""nonce":"n-1""#), nonce.is_some());
        let proof = dpop_proof(algorithm, input, &[7; 64]).unwrap();
        assert!(proof.starts_with(&format!("{input}.BwcH")));
        assert_eq!(
            dpop_proof(algorithm, input, &[7; 71]),
            Err(Misuse::Signature)
        );
        assert_eq!(dpop_proof("none", input, &[]), Err(Misuse::Signature));
        assert!(!drafts.contains(input));
        drafts.push(input.clone());
    }
}

#[test]
fn a_workload_is_vouched_for() {
    let (machine, step) = discovered(with_grant(GrantType::WorkloadIdentity));
    let Next::FetchAssertion {
        id,
        purpose,
        audience,
        renew,
        ..
    } = &step.next
    else {
        panic!("{step:?}")
    };
    assert_eq!((&**purpose, *renew), ("workload", false));
    assert_eq!(audience, "https://as.example.com/t");
    let give = |token: &str| machine.assertion_provided(*id, token.into(), AssertionKind::Jwt, NOW);
    assert_eq!(give("two words"), Err(Misuse::Assertion));
    let step = give("e30.e30.SECRET").unwrap();
    let Next::Http {
        body: Some(body), ..
    } = &step.next
    else {
        panic!("{step:?}")
    };
    let body = String::from_utf8(body.clone()).unwrap();
    assert!(body.contains("assertion=e30.e30.SECRET"));
    assert!(!shown(&step).contains("SECRET"));
}

#[test]
fn a_person_enters_a_code_elsewhere() {
    let (machine, step) = discovered(with_grant(GrantType::DeviceCode));
    let Next::Http { id, purpose, .. } = &step.next else {
        panic!("{step:?}")
    };
    assert_eq!(purpose, "device_authorization");
    let answer = r#"{"device_code":"SECRET-device","user_code":"SECRET-user","expires_in":600,
        "verification_uri":"https://as.example.com/device",
        "verification_uri_complete":"https://as.example.com/device?code=SECRET-user"}"#;
    let step = json(&machine, *id, 200, answer);
    let Next::ShowCode {
        id,
        user_code,
        verification_uri,
        expires_at_ms,
        until_ms,
        ..
    } = &step.next
    else {
        panic!("{step:?}")
    };
    assert_eq!(user_code, "SECRET-user");
    assert_eq!(verification_uri, "https://as.example.com/device");
    assert_eq!(*expires_at_ms, NOW + 600_000);
    assert_eq!(machine.deadline(), Some(*until_ms));
    assert!(!shown(&step).contains("SECRET"));
    let step = machine.declined(*id, Refusal::Denied, NOW).unwrap();
    assert!(matches!(step.next, Next::Failed { .. }), "{step:?}");
}

#[test]
fn keys_that_are_none_are_refused_by_name_and_not_shown() {
    let private = KEY.replace("{", r#"{"d":"SECRET-d","#);
    let key = |key: &str| DpopKey {
        key: key.into(),
        issuer: None,
    };
    for (wrong, member) in [
        (
            Settings {
                client_key: Some(private.clone()),
                ..settings()
            },
            "client_key",
        ),
        (
            Settings {
                dpop_keys: vec![key(KEY), key(&private)],
                ..settings()
            },
            "dpop_keys",
        ),
        (
            Settings {
                client_document: Some(ClientDocument {
                    url: "https://app.example.com/client".into(),
                    redirect_uris: vec!["http://127.0.0.1/callback".into()],
                    auth_method: Some(AuthMethod::PrivateKeyJwt),
                }),
                ..settings()
            },
            "client_document.auth_method",
        ),
    ] {
        let told = format!("{wrong} {wrong:?}");
        assert!(!told.contains("SECRET"), "{told}");
        let ConfigError::Refused { field, problem } = Config::new(wrong).unwrap_err();
        assert_eq!(field, member);
        assert!(!problem.contains("SECRET"));
    }
    let told = format!("{} {:?}", key(KEY), key(&private));
    assert!(told.contains("one") && !told.contains("SECRET"), "{told}");
    let provider = IdentityProvider {
        issuer: "https://idp.example.com".into(),
        token_endpoint: "https://idp.example.com/t".into(),
        client_id: "c".into(),
        client_secret: Some("SECRET-idp".into()),
        auth_method: None,
    };
    let enterprise = Settings {
        identity_provider: Some(provider.clone()),
        ..with_grant(GrantType::EnterpriseManaged)
    };
    let told = format!("{provider} {provider:?} {enterprise} {enterprise:?}");
    assert!(!told.contains("SECRET"), "{told}");
    Config::new(enterprise).unwrap();
}
