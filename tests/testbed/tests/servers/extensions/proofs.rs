//! Are tokens bound to the key of a proof, and is each fault of a proof noticed?

use super::setting::{CLIENT, Setting, Told, known_client, proof, proof_claims, with_key};
use crate::honest::{Form, pairs, random};
use crate::keys::{ALGORITHMS, Key, now};
use crate::scene::with;
use mcp_oauth_testbed::{Behaviour, Endpoint, Nonce, Rule};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

pub(super) fn offered() -> Behaviour {
    let mut behaviour = Behaviour::default();
    behaviour.dpop.offered = true;
    known_client(&mut behaviour, |_| {});
    behaviour
}

impl Setting {
    fn token_claims(&self) -> Value {
        proof_claims("POST", &self.url("token"))
    }

    fn public(&self, form: &Form) -> RequestBuilder {
        self.post("token", &with(form, "client_id", CLIENT))
    }

    /// A token request of a public client, with a proof.
    pub(super) async fn proven(&self, form: &Form, key: &Key) -> Told {
        let proof = proof(key, &self.token_claims());
        self.told(self.public(form).header("DPoP", proof)).await
    }

    async fn tokens(&self, key: &Key) -> Told {
        let tokens = self.proven(&self.exchange(&[]).await, key).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        tokens
    }
}

#[tokio::test]
async fn bound_tokens_of_each_algorithm() {
    for algorithm in ALGORITHMS {
        let (key, setting) = (Key::of(algorithm), Setting::new(offered()).await);
        let listed = &setting.metadata().await["dpop_signing_alg_values_supported"];
        assert!(listed.as_array().unwrap().contains(&json!(algorithm)));
        let tokens = setting.tokens(&key).await;
        assert_eq!(tokens.text("token_type"), "DPoP");
        let refresh = setting.refresh(tokens.text("refresh_token"));
        let tokens = setting.proven(&refresh, &key).await;
        assert_eq!(tokens.text("token_type"), "DPoP");
        assert!(setting.bed.log().iter().any(|entry| entry.proof));
        assert_eq!(setting.held(), []);
    }
}

#[tokio::test]
async fn wrong_proofs() {
    type Change = fn(&mut Value, &mut Value, &Key);
    let cases: [(&str, Change); 21] = [
        ("typ", |h, _, _| h["typ"] = "JWT".into()),
        ("typ", |h, _, _| h["typ"] = Value::Null),
        ("\"none\"", |h, _, _| h["alg"] = "none".into()),
        ("\"HS256\"", |h, _, _| h["alg"] = "HS256".into()),
        ("header has kid", |h, _, _| h["kid"] = "1".into()),
        ("not a JSON object", |h, _, _| h["jwk"] = Value::Null),
        ("private member d", |h, _, _| h["jwk"]["d"] = "AQ".into()),
        ("signature", |h, _, other| h["jwk"] = other.public.clone()),
        ("claim content_digest", |_, c, _| {
            c["content_digest"] = "".into()
        }),
        ("htm", |_, c, _| c["htm"] = "GET".into()),
        ("htm", |_, c, _| c["htm"] = "post".into()),
        ("query", |_, c, _| add(c, "?a=1")),
        ("fragment", |_, c, _| add(c, "#a")),
        ("htu is not", |_, c, _| add(c, "/")),
        ("htu is not", |_, c, _| c["htu"] = Value::Null),
        ("iat is missing", |_, c, _| c["iat"] = Value::Null),
        ("iat is not now", |_, c, _| c["iat"] = (now() - 90).into()),
        ("iat is not now", |_, c, _| c["iat"] = (now() + 90).into()),
        ("jti", |_, c, _| c["jti"] = "1".into()),
        ("jti", |_, c, _| c["jti"] = Value::Null),
        ("no access token", |_, c, _| c["ath"] = "AQ".into()),
    ];
    let (key, other) = (Key::new(), Key::new());
    for (part, change) in cases {
        let setting = Setting::new(offered()).await;
        let mut header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.public});
        let mut claims = setting.token_claims();
        change(&mut header, &mut claims, &other);
        let form = setting.exchange(&[]).await;
        let request = setting.public(&form);
        let request = request.header("DPoP", key.sign(&header, &claims));
        let told = setting.told(request).await;
        let error = (told.status, told.text("error"));
        assert_eq!(error, (400, "invalid_dpop_proof"), "{part}");
        let what = told.text("error_description");
        assert!(what.contains(part), "{what} lacks {part}");
        assert_eq!(setting.held(), [(Endpoint::Token, Rule::Proof)], "{part}");
        // The code is still good.
        assert_eq!(setting.proven(&form, &key).await.status, 200);
    }
}

fn add(claims: &mut Value, end: &str) {
    claims["htu"] = format!("{}{end}", claims["htu"].as_str().unwrap()).into();
}

#[tokio::test]
async fn one_proof_for_each_request() {
    let (key, setting) = (Key::new(), Setting::new(offered()).await);
    let form = setting.exchange(&[]).await;
    let old = proof(&key, &setting.token_claims());
    let request = setting.public(&form).header("DPoP", &old);
    let tokens = setting.told(request).await;
    let form = setting.refresh(tokens.text("refresh_token"));
    let request = setting.public(&form).header("DPoP", &old);
    let told = setting.told(request).await;
    assert!(told.text("error_description").contains("used before"));
    let fresh = proof(&key, &setting.token_claims());
    let request = setting.public(&form).header("DPoP", &fresh);
    assert_eq!(setting.told(request.header("DPoP", old)).await.status, 400);
    assert_eq!(
        setting.held(),
        [
            (Endpoint::Refresh, Rule::ProofReuse),
            (Endpoint::Refresh, Rule::Duplicate)
        ]
    );
}

#[tokio::test]
async fn what_is_bound_needs_its_key() {
    let (key, other) = (Key::new(), Key::new());
    for proven in [Some(&other), None] {
        let setting = Setting::new(offered()).await;
        let tokens = setting.tokens(&key).await;
        let form = setting.refresh(tokens.text("refresh_token"));
        let told = match proven {
            Some(other) => setting.proven(&form, other).await,
            None => setting.told(setting.public(&form)).await,
        };
        assert_eq!((told.status, told.text("error")), (400, "invalid_grant"));
        assert_eq!(setting.held(), [(Endpoint::Refresh, Rule::Binding)]);
    }
    // The refresh token of a client that authenticates goes with any key.
    let mut behaviour = Behaviour::default();
    behaviour.dpop.offered = true;
    let own = Key::new();
    with_key(&mut behaviour, &own);
    let setting = Setting::new(behaviour).await;
    let ask = async |form: Form, key: &Key| {
        let assertion = super::setting::by_assertion(&setting.assertion(&own));
        let request = setting.post("token", &[form, assertion].concat());
        let proof = proof(key, &setting.token_claims());
        setting.told(request.header("DPoP", proof)).await
    };
    let tokens = ask(setting.exchange(&[]).await, &key).await;
    let refresh = setting.refresh(tokens.text("refresh_token"));
    assert_eq!(ask(refresh, &other).await.text("token_type"), "DPoP");
    assert_eq!(setting.held(), []);
}

#[tokio::test]
async fn codes_that_name_their_key() {
    let (key, other) = (Key::new(), Key::new());
    let thumbprint = key.thumbprint();
    let setting = Setting::new(offered()).await;
    let form = setting.exchange(&[("dpop_jkt", &thumbprint)]).await;
    assert_eq!(setting.proven(&form, &other).await.status, 400);
    let told = setting.told(setting.public(&form)).await;
    assert_eq!(told.text("error"), "invalid_grant");
    assert_eq!(setting.held(), [(Endpoint::Token, Rule::Binding); 2]);
    assert_eq!(setting.proven(&form, &key).await.status, 200);

    let query = setting.authorization(&random());
    let query = [query, pairs(&[("dpop_jkt", "short")])].concat();
    let answer = setting.redirected(&query).await;
    assert_eq!(answer["error"], "invalid_request");
    setting.bed.set(|b| b.dpop.offered = false);
    let query = [
        setting.authorization(&random()),
        pairs(&[("dpop_jkt", &thumbprint)]),
    ];
    let answer = setting.redirected(&query.concat()).await;
    assert_eq!(answer["error"], "invalid_request");
    let last = setting.held().split_off(2);
    assert_eq!(
        last,
        [
            (Endpoint::Authorization, Rule::Form),
            (Endpoint::Authorization, Rule::Unknown)
        ]
    );
}

#[tokio::test]
async fn servers_that_bind_all_tokens_or_none() {
    let key = Key::new();
    let mut behaviour = offered();
    behaviour.dpop.required = true;
    behaviour.dpop.algorithms = vec!["EdDSA".into()];
    let setting = Setting::new(behaviour).await;
    let form = setting.exchange(&[]).await;
    let told = setting.told(setting.public(&form)).await;
    assert_eq!(told.text("error"), "invalid_dpop_proof");
    let told = setting.proven(&form, &key).await;
    assert!(told.text("error_description").contains("not listed"));
    assert_eq!(setting.held(), [(Endpoint::Token, Rule::Proof); 2]);

    // Neither a server that does not know of proofs nor one that overlooks them has anything to complain of.
    let downgrade: fn(&mut Behaviour) = |b| b.dpop.downgraded = true;
    for change in [downgrade, |b| b.dpop.offered = false] {
        let mut behaviour = offered();
        change(&mut behaviour);
        let setting = Setting::new(behaviour).await;
        let tokens = setting.tokens(&key).await;
        assert_eq!(tokens.text("token_type"), "Bearer");
        let call = setting.call().bearer_auth(tokens.text("access_token"));
        assert_eq!(setting.told(call).await.status, 200);
        assert_eq!(setting.held(), []);
    }
}

#[tokio::test]
async fn nonces_of_the_authorization_server() {
    let key = Key::new();
    for (rule, gives_always) in [(Nonce::Required, false), (Nonce::Rotating, true)] {
        let mut behaviour = offered();
        behaviour.dpop.server_nonce = rule;
        let setting = Setting::new(behaviour).await;
        let ask = async |form: &Form, nonce: Option<&str>| {
            let mut claims = setting.token_claims();
            if let Some(nonce) = nonce {
                claims["nonce"] = nonce.into();
            }
            let request = setting.public(form).header("DPoP", proof(&key, &claims));
            setting.told(request).await
        };
        let form = setting.exchange(&[]).await;
        let told = ask(&form, None).await;
        assert_eq!((told.status, told.text("error")), (400, "use_dpop_nonce"));
        let first = told.nonce.unwrap();
        let tokens = ask(&form, Some(&first)).await;
        assert_eq!(tokens.status, 200);
        assert_eq!(tokens.nonce.is_some(), gives_always);
        let form = setting.refresh(tokens.text("refresh_token"));
        let again = ask(&form, Some(&first)).await;
        assert_eq!(again.text("error") == "use_dpop_nonce", gives_always);
        let challenges = 1 + u32::from(gives_always);
        assert_eq!(setting.bed.counts().nonce_challenges, challenges);
        assert_eq!(setting.held(), []);

        let told = ask(&form, Some("made-up")).await;
        assert_eq!(told.text("error"), "use_dpop_nonce");
        assert_eq!(setting.held(), [(Endpoint::Refresh, Rule::Nonce)]);
    }
    let mut behaviour = offered();
    behaviour.dpop.server_nonce = Nonce::Malformed;
    let setting = Setting::new(behaviour).await;
    let told = setting.proven(&setting.exchange(&[]).await, &key).await;
    assert!(told.nonce.unwrap().contains(['"', ' ']));
}
