//! Does the way from an identity to a token work, and is each wrong turn noticed?

use super::setting::{Setting, Told, by_assertion};
use crate::honest::{Form, pairs, random};
use crate::keys::{Key, now};
use crate::scene::with;
use mcp_oauth_testbed::{Behaviour, Endpoint, Flaw, PreRegistered, Rule};
use serde_json::json;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE: &str = "urn:ietf:params:oauth:token-type:";

async fn setting(change: impl FnOnce(&mut Behaviour)) -> Setting {
    let mut behaviour = Behaviour::default();
    behaviour.enterprise.offered = true;
    behaviour.registration.clients.push(PreRegistered {
        client_id: "client-at-server".into(),
        client_secret: Some("secret-at-server".into()),
        ..PreRegistered::default()
    });
    change(&mut behaviour);
    Setting::new(behaviour).await
}

impl Setting {
    fn subject(&self, token: &str, kind: &str) -> Form {
        pairs(&[
            ("grant_type", EXCHANGE),
            ("requested_token_type", &format!("{TYPE}id-jag")),
            ("audience", &self.bed.issuer()),
            ("resource", &self.bed.mcp_url()),
            ("scope", "notes:read notes:write"),
            ("subject_token", token),
            ("subject_token_type", &format!("{TYPE}{kind}")),
        ])
    }

    fn identity(&self) -> Form {
        self.subject(&self.bed.id_token(None), "id_token")
    }

    async fn exchanged(&self, form: &Form) -> Told {
        let request = self.http.post(self.bed.expand("{idp}/token")).form(form);
        let request = request.basic_auth("client-at-provider", Some("secret-at-provider"));
        self.told(request).await
    }

    async fn redeemed(&self, assertion: &str, also: &[(&str, &str)]) -> Told {
        let form = pairs(&[("grant_type", JWT_BEARER), ("assertion", assertion)]);
        let request = self.post("token", &[form, pairs(also)].concat());
        let request = request.basic_auth("client-at-server", Some("secret-at-server"));
        self.told(request).await
    }
}

#[tokio::test]
async fn from_an_identity_to_a_tool() {
    let setting = setting(|_| {}).await;
    let profiles = &setting.metadata().await["authorization_grant_profiles_supported"];
    let profile = "urn:ietf:params:oauth:grant-profile:id-jag";
    assert_eq!(profiles, &json!([profile]));
    let session = setting.bed.identity_refresh_token();
    let by_session = setting.subject(&session, "refresh_token");
    for form in [setting.identity(), by_session] {
        let answer = setting.exchanged(&form).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.text("issued_token_type"), format!("{TYPE}id-jag"));
        assert_eq!(answer.text("token_type"), "N_A");
        let resource = setting.bed.mcp_url();
        let also = [("resource", resource.as_str()), ("scope", "notes:read")];
        let tokens = setting.redeemed(answer.text("access_token"), &also).await;
        assert_eq!((tokens.status, tokens.text("scope")), (200, "notes:read"));
        assert_eq!(tokens.body.get("refresh_token"), None);
        let call = setting.call().bearer_auth(tokens.text("access_token"));
        assert!(setting.told(call).await.body.to_string().contains("user-1"));
    }
    let counts = setting.bed.counts();
    assert_eq!((counts.token_exchanges, counts.enterprise_grants), (2, 2));
    assert_eq!(setting.held(), []);
    let text = serde_json::to_string(&setting.bed.log()).unwrap();
    assert!(text.contains("token_exchange") && !text.contains(&session));
}

#[tokio::test]
async fn wrong_exchanges() {
    let id_jag = format!("{TYPE}id-jag");
    for (name, value, error, rule) in [
        ("grant_type", JWT_BEARER, "invalid_request", Rule::Exchange),
        ("requested_token_type", "", "invalid_request", Rule::Missing),
        (
            "requested_token_type",
            &format!("{TYPE}access_token"),
            "invalid_request",
            Rule::Exchange,
        ),
        ("audience", "", "invalid_request", Rule::Missing),
        (
            "audience",
            "https://as.example.com",
            "invalid_target",
            Rule::Exchange,
        ),
        ("resource", "", "invalid_target", Rule::Resource),
        ("scope", "admin", "invalid_scope", Rule::Scope),
        ("subject_token", "", "invalid_request", Rule::Missing),
        (
            "subject_token_type",
            &id_jag,
            "invalid_request",
            Rule::Exchange,
        ),
        ("actor_token", "another", "invalid_request", Rule::Unknown),
    ] {
        let setting = setting(|_| {}).await;
        let form = with(&setting.identity(), name, value);
        assert_eq!(
            setting.exchanged(&form).await.text("error"),
            error,
            "{name}"
        );
        assert_eq!(setting.held(), [(Endpoint::TokenExchange, rule)], "{name}");
    }
    let setting = setting(|_| {}).await;
    let url = setting.bed.expand("{idp}/token");
    for (client, rule) in [
        ("made-up", Rule::ClientIssuer),
        ("client-at-provider", Rule::ClientAuthentication),
    ] {
        let form = with(&setting.identity(), "client_id", client);
        let request = setting.http.post(&url).form(&form);
        assert_eq!(setting.told(request).await.text("error"), "invalid_client");
        let held = setting.held().pop();
        assert_eq!(held, Some((Endpoint::TokenExchange, rule)));
    }
}

#[tokio::test]
async fn identities_that_are_no_good_are_nobodys_fault() {
    for flaw in [Flaw::Expired, Flaw::Forged] {
        let setting = setting(|_| {}).await;
        let old = setting.bed.id_token(Some(flaw));
        let old = setting.subject(&old, "id_token");
        let told = setting.exchanged(&old).await;
        assert_eq!((told.status, told.text("error")), (400, "invalid_grant"));
        assert_eq!(setting.held(), []);
        // A newer one is taken, the old one not shown again.
        let newer = setting.identity();
        assert_eq!(setting.exchanged(&newer).await.status, 200);
        assert_eq!(setting.held(), []);
        setting.exchanged(&old).await;
        let held = setting.held();
        assert_eq!(held, [(Endpoint::TokenExchange, Rule::AssertionReuse)]);
    }
    // An ID token for another client of the provider.
    let setting = setting(|_| {}).await;
    let form = setting.identity();
    let another = |b: &mut Behaviour| b.enterprise.client.client_id = "another".into();
    setting.bed.set(another);
    let request = setting.http.post(setting.bed.expand("{idp}/token"));
    let request = request.basic_auth("another", Some("secret-at-provider"));
    let told = setting.told(request.form(&form)).await;
    assert!(told.text("error_description").contains("another client"));
    assert_eq!(setting.held(), []);

    let refused = |b: &mut Behaviour| b.enterprise.refused = Some("access_denied".into());
    let setting = self::setting(refused).await;
    let told = setting.exchanged(&setting.identity()).await;
    assert_eq!(told.text("error"), "access_denied");
    assert_eq!(setting.held(), []);
    // The person is not asked instead.
    setting.browse(&Form::new()).send().await.unwrap();
    assert_eq!(setting.held()[0], (Endpoint::Authorization, Rule::Fallback));
}

#[tokio::test]
async fn wrong_redemptions() {
    type Change = fn(&mut Behaviour);
    type Also<'a> = &'a [(&'a str, &'a str)];
    let nothing: Change = |_| {};
    let cases: [(Change, Also<'_>, &str, Rule); 5] = [
        (
            |b| b.enterprise.lifetime = -1,
            &[],
            "invalid_grant",
            Rule::Assertion,
        ),
        (
            |b| b.enterprise.client_id_at_server = "another".into(),
            &[],
            "invalid_grant",
            Rule::Assertion,
        ),
        (
            |b| b.enterprise.scope = Some("notes:read".into()),
            &[("scope", "notes:read notes:write")],
            "invalid_scope",
            Rule::Scope,
        ),
        (
            nothing,
            &[("resource", "https://mcp.example.com")],
            "invalid_target",
            Rule::Resource,
        ),
        (
            nothing,
            &[("audience", "a")],
            "invalid_request",
            Rule::Unknown,
        ),
    ];
    for (change, also, error, rule) in cases {
        let setting = setting(change).await;
        let answer = setting.exchanged(&setting.identity()).await;
        let told = setting.redeemed(answer.text("access_token"), also).await;
        assert_eq!(told.text("error"), error);
        assert_eq!(setting.held(), [(Endpoint::Token, rule)]);
    }
    let setting = setting(nothing).await;
    let answer = setting.exchanged(&setting.identity()).await;
    let elsewhere = |b: &mut Behaviour| b.resource_metadata.resource = "{rs}".into();
    setting.bed.set(elsewhere);
    let told = setting.redeemed(answer.text("access_token"), &[]).await;
    assert!(told.text("error_description").contains("another resource"));
    assert_eq!(setting.held(), [(Endpoint::Token, Rule::Assertion)]);
    // Once, at the server that it is for, by a client that shows who it is.
    let setting = self::setting(nothing).await;
    let answer = setting.exchanged(&setting.identity()).await;
    let assertion = answer.text("access_token");
    assert_eq!(setting.redeemed(assertion, &[]).await.status, 200);
    setting.redeemed(assertion, &[]).await;
    let form = with(&setting.identity(), "audience", &setting.bed.issuers()[1]);
    let answer = setting.exchanged(&form).await;
    setting.redeemed(answer.text("access_token"), &[]).await;
    let answer = setting.exchanged(&setting.identity()).await;
    let assertion = answer.text("access_token");
    let form = pairs(&[("grant_type", JWT_BEARER), ("assertion", assertion)]);
    let told = setting.told(setting.post("token", &form)).await;
    assert_eq!(told.text("error"), "invalid_client");
    let rules: Vec<_> = setting.held().into_iter().map(|(_, rule)| rule).collect();
    let expected = [
        Rule::AssertionReuse,
        Rule::Assertion,
        Rule::ClientAuthentication,
    ];
    assert_eq!(rules, expected);
}

#[tokio::test]
async fn providers_with_ideas_of_their_own() {
    let setting = setting(|b| {
        b.enterprise.issued_token_type = Some(format!("{TYPE}access_token"));
        b.enterprise.token_type = "Bearer".into();
        b.enterprise.scope = Some("notes:read".into());
        b.enterprise.listed = false;
        b.enterprise.refresh_token = true;
    })
    .await;
    let metadata = setting.metadata().await;
    assert_eq!(metadata.get("authorization_grant_profiles_supported"), None);
    let answer = setting.exchanged(&setting.identity()).await;
    assert!(answer.text("issued_token_type").ends_with("access_token"));
    assert_eq!(answer.text("token_type"), "Bearer");
    assert_eq!(answer.text("scope"), "notes:read");
    let tokens = setting.redeemed(answer.text("access_token"), &[]).await;
    assert_eq!(tokens.text("scope"), "notes:read");
    assert!(!tokens.text("refresh_token").is_empty());
}

#[tokio::test]
async fn a_public_client_at_the_provider() {
    let setting = setting(|b| b.enterprise.client.client_secret = None).await;
    let form = with(&setting.identity(), "client_id", "client-at-provider");
    let request = setting.http.post(setting.bed.expand("{idp}/token"));
    assert_eq!(setting.told(request.form(&form)).await.status, 200);
    assert_eq!(setting.held(), []);
}

#[tokio::test]
async fn a_client_with_a_key_at_the_provider() {
    let key = Key::new();
    let setting = setting(|b| {
        let client = &mut b.enterprise.client;
        client.client_secret = None;
        client.token_endpoint_auth_method = Some("private_key_jwt".into());
        client.jwks = Some(key.set());
    })
    .await;
    let url = setting.bed.expand("{idp}/token");
    for (audience, status) in [("{idp}", 200), ("{idp}/token", 401), ("{issuer}", 401)] {
        let claims = json!({
            "iss": "client-at-provider", "sub": "client-at-provider", "jti": random(),
            "aud": setting.bed.expand(audience), "exp": now() + 60,
        });
        let assertion = key.sign(&json!({"alg": "ES256"}), &claims);
        let form = [setting.identity(), by_assertion(&assertion)].concat();
        let request = setting.http.post(&url).form(&form);
        assert_eq!(setting.told(request).await.status, status, "{audience}");
    }
    let held = setting.held();
    assert_eq!(held, [(Endpoint::TokenExchange, Rule::ClientAssertion); 2]);
}
