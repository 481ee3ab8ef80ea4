//! Does a client with a key of its own get through, and is each fault of an assertion noticed?

use super::setting::{CLIENT, REDIRECT, Setting, by_assertion, known_client, with_key};
use crate::honest::{pairs, random};
use crate::keys::{ALGORITHMS, Key, now};
use mcp_oauth_testbed::{Behaviour, Endpoint, Rule};
use serde_json::{Value, json};

async fn setting(key: &Key) -> Setting {
    let mut behaviour = Behaviour::default();
    with_key(&mut behaviour, key);
    Setting::new(behaviour).await
}

#[tokio::test]
async fn each_algorithm_at_each_endpoint() {
    for algorithm in ALGORITHMS {
        let key = Key::of(algorithm);
        let setting = setting(&key).await;
        let listed = &setting.metadata().await["token_endpoint_auth_signing_alg_values_supported"];
        assert!(listed.as_array().unwrap().contains(&json!(algorithm)));
        let form = setting.exchange(&[]).await;
        let tokens = setting.asserted(&form, &setting.assertion(&key)).await;
        assert_eq!(tokens.status, 200, "{algorithm}: {tokens:?}");
        let form = setting.refresh(tokens.text("refresh_token"));
        let tokens = setting.asserted(&form, &setting.assertion(&key)).await;
        assert_eq!(tokens.status, 200, "{algorithm}: {tokens:?}");
        let mut form = pairs(&[("token", tokens.text("refresh_token"))]);
        form.extend(by_assertion(&setting.assertion(&key)));
        // The identifier may be there, too, if it is the same (RFC 7521 §4.2).
        form.extend(pairs(&[("client_id", CLIENT)]));
        let revoked = setting.told(setting.post("revoke", &form)).await;
        assert_eq!(revoked.status, 200);
        assert_eq!(setting.held(), []);
    }
}

#[tokio::test]
async fn wrong_assertions() {
    type Change = fn(&mut Value, &mut Value, &Setting);
    let cases: [(&str, Change); 22] = [
        ("typ", |h, _, _| h["typ"] = "dpop+jwt".into()),
        ("header has jwk", |h, _, _| h["jwk"] = json!({})),
        ("header has crit", |h, _, _| h["crit"] = json!(["exp"])),
        ("algorithm \"none\"", |h, _, _| h["alg"] = "none".into()),
        ("algorithm \"HS256\"", |h, _, _| h["alg"] = "HS256".into()),
        ("signature", |h, _, _| h["alg"] = "EdDSA".into()),
        ("signature", |h, _, _| h["kid"] = "another".into()),
        ("iss", |_, c, _| c["iss"] = "another".into()),
        ("iss", |_, c, _| c["iss"] = Value::Null),
        ("aud", |_, c, s| c["aud"] = s.url("token").into()),
        ("aud", |_, c, s| c["aud"] = json!([s.bed.issuer()])),
        ("aud", |_, c, s| {
            c["aud"] = json!([s.bed.issuer(), s.url("token")]);
        }),
        ("aud", |_, c, s| {
            c["aud"] = format!("{}/", s.bed.issuer()).into();
        }),
        ("aud", |_, c, _| c["aud"] = Value::Null),
        ("exp is missing", |_, c, _| c["exp"] = Value::Null),
        ("expired", |_, c, _| c["exp"] = (now() - 60).into()),
        ("too long", |_, c, _| c["exp"] = (now() + 3600).into()),
        ("future", |_, c, _| c["iat"] = (now() + 120).into()),
        ("future", |_, c, _| c["nbf"] = (now() + 120).into()),
        ("old", |_, c, _| c["iat"] = (now() - 3600).into()),
        ("jti", |_, c, _| c["jti"] = "1".into()),
        ("jti", |_, c, _| c["jti"] = Value::Null),
    ];
    let key = Key::new().named("first");
    for (part, change) in cases {
        let setting = setting(&key).await;
        let mut header = json!({"alg": "ES256", "typ": "JWT", "kid": "first"});
        let mut claims = setting.claims();
        change(&mut header, &mut claims, &setting);
        let form = setting.exchange(&[]).await;
        let told = setting.asserted(&form, &key.sign(&header, &claims)).await;
        assert_eq!((told.status, told.text("error")), (401, "invalid_client"));
        let what = told.text("error_description");
        assert!(what.contains(part), "{what} lacks {part}");
        assert_eq!(
            setting.held(),
            [(Endpoint::Token, Rule::ClientAssertion)],
            "{part}"
        );
    }
}

#[tokio::test]
async fn an_assertion_of_another_key_or_twice() {
    let key = Key::new();
    let setting = setting(&key).await;
    let form = setting.exchange(&[]).await;
    let told = setting
        .asserted(&form, &setting.assertion(&Key::new()))
        .await;
    assert!(told.text("error_description").contains("signature"));

    let assertion = setting.assertion(&key);
    assert_eq!(setting.asserted(&form, &assertion).await.status, 200);
    let form = setting.exchange(&[]).await;
    let told = setting.asserted(&form, &assertion).await;
    assert!(told.text("error_description").contains("used before"));
    let rules = setting.held().into_iter().map(|(_, rule)| rule);
    assert_eq!(
        rules.collect::<Vec<_>>(),
        [Rule::ClientAssertion, Rule::AssertionReuse]
    );
}

#[tokio::test]
async fn an_assertion_in_the_wrong_company() {
    let key = Key::new();
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[("client_secret", "secret")], "multiple"),
        (&[("client_id", "another")], "subject"),
        (&[("client_assertion_type", "saml2")], "_type is"),
        (&[("client_assertion", "")], "without an assertion"),
    ];
    for (change, part) in cases {
        let setting = setting(&key).await;
        let mut form = setting.exchange(&[]).await;
        form.extend(by_assertion(&setting.assertion(&key)));
        for (name, value) in change {
            form = crate::scene::with(&form, name, value);
        }
        let told = setting.told(setting.post("token", &form)).await;
        let what = told.text("error_description");
        assert!(what.contains(part), "{what} lacks {part}");
        assert_eq!(
            setting.held(),
            [(Endpoint::Token, Rule::ClientAuthentication)]
        );
    }
    // Neither nothing nor a secret stands for the assertion.
    let nothing = pairs(&[("client_id", CLIENT)]);
    let secret = pairs(&[("client_id", CLIENT), ("client_secret", "secret")]);
    for instead in [nothing, secret] {
        let setting = setting(&key).await;
        let form = [setting.exchange(&[]).await, instead].concat();
        let told = setting.told(setting.post("token", &form)).await;
        assert_eq!((told.status, told.text("error")), (401, "invalid_client"));
        let held = setting.held();
        assert_eq!(held, [(Endpoint::Token, Rule::ClientAuthentication)]);
    }
}

#[tokio::test]
async fn a_server_that_wants_the_newer_type_or_lists_fewer_algorithms() {
    let key = Key::new();
    let setting = setting(&key).await;
    setting
        .bed
        .set(|b| b.token.assertion_typ = Some("client-authentication+jwt".into()));
    let form = setting.exchange(&[]).await;
    let told = setting.asserted(&form, &setting.assertion(&key)).await;
    assert_eq!(told.text("error"), "invalid_client");
    // A client cannot know.
    assert_eq!(setting.held(), []);
    let header = json!({"alg": "ES256", "typ": "client-authentication+jwt"});
    let newer = key.sign(&header, &setting.claims());
    assert_eq!(setting.asserted(&form, &newer).await.status, 200);

    setting
        .bed
        .set(|b| b.token.assertion_algorithms = vec!["PS256".into()]);
    let form = setting.exchange(&[]).await;
    let newer = key.sign(&header, &setting.claims());
    let told = setting.asserted(&form, &newer).await;
    assert!(told.text("error_description").contains("not listed"));
    assert_eq!(setting.held(), [(Endpoint::Token, Rule::ClientAssertion)]);
}

#[tokio::test]
async fn keys_from_registration() {
    let key = Key::new();
    let mut behaviour = Behaviour::default();
    let url = "https://client.example.com/keys.json";
    behaviour
        .registration
        .key_sets
        .insert(url.into(), key.set());
    let mut private = key.public.clone();
    private["d"] = "AQAB".into();
    let cases = [
        (json!({"jwks": key.set()}), 201),
        (json!({"jwks_uri": url}), 201),
        (json!({}), 400),
        (json!({"jwks": key.set(), "jwks_uri": url}), 400),
        (json!({"jwks_uri": "https://client.example.com/none"}), 400),
        (json!({"jwks": {"keys": [private]}}), 400),
    ];
    for (keys, status) in cases {
        let setting = Setting::new(behaviour.clone()).await;
        let mut body = crate::scene::registration();
        body["token_endpoint_auth_method"] = "private_key_jwt".into();
        let members = body.as_object_mut().unwrap();
        members.extend(keys.as_object().unwrap().clone());
        let request = setting.http.post(setting.url("register")).json(&body);
        let told = setting.told(request).await;
        assert_eq!(told.status, status, "{keys}");
        if status == 400 {
            let held = setting.held();
            assert_eq!(held, [(Endpoint::Registration, Rule::Registration)]);
            continue;
        }
        assert_eq!(told.body.get("client_secret"), None);
        let id = told.text("client_id");
        let verifier = random();
        let query = crate::scene::with(&setting.authorization(&verifier), "client_id", id);
        let code = setting.redirected(&query).await.remove("code").unwrap();
        let mut claims = setting.claims();
        (claims["iss"], claims["sub"]) = (id.into(), id.into());
        let assertion = key.sign(&json!({"alg": "ES256"}), &claims);
        let form = setting.redemption(&code, &verifier);
        assert_eq!(setting.asserted(&form, &assertion).await.status, 200);
        assert_eq!(setting.held(), []);
    }
}

#[tokio::test]
async fn keys_from_a_client_id_metadata_document() {
    let key = Key::new();
    let url = "https://client.example.com/metadata.json";
    let keys = "https://client.example.com/keys.json";
    for (name, value, good) in [
        ("jwks", key.set(), true),
        ("jwks_uri", keys.into(), true),
        ("client_name", "No keys".into(), false),
        ("client_secret", "shared".into(), false),
    ] {
        let mut behaviour = Behaviour::default();
        let sets = &mut behaviour.registration.key_sets;
        sets.insert(keys.into(), key.set());
        let mut document = json!({
            "client_id": url,
            "client_name": "Documented client",
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "private_key_jwt",
        });
        document[name] = value;
        let documents = &mut behaviour.registration.client_documents;
        documents.insert(url.into(), document);
        known_client(&mut behaviour, |_| {});
        let setting = Setting::new(behaviour).await;
        let verifier = random();
        let query = crate::scene::with(&setting.authorization(&verifier), "client_id", url);
        if !good {
            assert_eq!(setting.told(setting.browse(&query)).await.status, 400);
            continue;
        }
        let code = setting.redirected(&query).await.remove("code").unwrap();
        let mut claims = setting.claims();
        (claims["iss"], claims["sub"]) = (url.into(), url.into());
        let assertion = key.sign(&json!({"alg": "ES256"}), &claims);
        let form = setting.redemption(&code, &verifier);
        assert_eq!(setting.asserted(&form, &assertion).await.status, 200);
        assert_eq!(setting.held(), []);
    }
}
