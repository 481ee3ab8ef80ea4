//! Is the authorization request handed over beforehand, and what else may be in it (RFC 9126, RFC 9396)?

use mcp_oauth_core::{DpopUse, Settings};
use mcp_oauth_testbed::{Behaviour, Endpoint, Nonce, Testbed};

use super::key::Key;
use crate::scene::{Host, requests, settings, start};

fn pushed_requests(bed: &Testbed) -> usize {
    assert_eq!(bed.breaches(), []);
    requests(bed, Endpoint::PushedAuthorization).len()
}

#[tokio::test]
async fn it_is_handed_over_where_that_is_demanded_or_wanted() {
    for (required, wanted, expected) in [(true, false, 1), (false, true, 1), (false, false, 0)] {
        let mut behaviour = Behaviour::default();
        behaviour.pushed.offered = true;
        behaviour.pushed.required = required;
        let bed = start(behaviour).await;
        let settings = Settings {
            pushed_authorization: wanted,
            ..settings(&bed)
        };
        let host = Host::with(settings, |builder| builder);
        host.call("whoami").await.unwrap();
        assert_eq!(pushed_requests(&bed), expected);
    }
}

#[tokio::test]
async fn it_goes_with_keys_of_both_kinds() {
    let key = Key::es256();
    let mut behaviour = Behaviour::default();
    behaviour.pushed.offered = true;
    behaviour.pushed.required = true;
    behaviour.token.auth_methods = vec!["private_key_jwt".into()];
    behaviour.dpop.offered = true;
    behaviour.dpop.server_nonce = Nonce::Required;
    let bed = start(behaviour).await;
    let settings = Settings {
        client_key: Some(key.public.clone()),
        dpop: DpopUse::Always,
        dpop_keys: key.to_bind(),
        ..settings(&bed)
    };
    let host = Host::with(settings, |builder| builder.signer(key.signer.clone()));
    host.call("whoami").await.unwrap();
    assert!(pushed_requests(&bed) >= 1);
}

#[tokio::test]
async fn details_and_other_parameters_go_along() {
    for pushed in [true, false] {
        let mut behaviour = Behaviour::default();
        behaviour.pushed.offered = pushed;
        behaviour.authorization.details_types = vec!["notes".into()];
        let bed = start(behaviour).await;
        let parameter = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let settings = Settings {
            pushed_authorization: pushed,
            authorize_parameters: vec![
                parameter("authorization_details", r#"[{"type":"notes"}]"#),
                parameter("login_hint", "alice@example.com"),
                parameter("prompt", "consent"),
            ],
            ..settings(&bed)
        };
        let host = Host::with(settings, |builder| builder);
        host.call("whoami").await.unwrap();
        let endpoint = match pushed {
            true => Endpoint::PushedAuthorization,
            false => Endpoint::Authorization,
        };
        let request = &requests(&bed, endpoint)[0];
        assert_eq!(request.values["prompt"], "consent");
        let names = [&request.query[..], &request.body[..]].concat();
        for name in ["authorization_details", "login_hint"] {
            assert!(names.iter().any(|known| known == name), "{names:?}");
        }
        assert_eq!(bed.breaches(), []);
    }
}
