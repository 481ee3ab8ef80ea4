//! Are bound tokens of use with a proof only, and is each misuse of one noticed?

use super::proofs::offered;
use super::setting::{Setting, Told, proof, proof_claims};
use crate::keys::Key;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth_testbed::{Behaviour, Endpoint, Nonce, Rule};
use reqwest::RequestBuilder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A client with a bound token.
struct Holder {
    setting: Setting,
    key: Key,
    token: String,
}

impl Holder {
    async fn new(behaviour: Behaviour) -> Self {
        let (key, setting) = (Key::new(), Setting::new(behaviour).await);
        let form = setting.exchange(&[]).await;
        let tokens = setting.proven(&form, &key).await;
        let token = tokens.text("access_token").to_owned();
        Self {
            setting,
            key,
            token,
        }
    }

    fn claims(&self) -> Value {
        let mut claims = proof_claims("POST", &self.setting.bed.mcp_url());
        claims["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.token)).into();
        claims
    }

    fn call(&self, scheme: &str) -> RequestBuilder {
        let value = format!("{scheme} {}", self.token);
        self.setting.call().header("Authorization", value)
    }

    async fn shows(&self, claims: &Value) -> Told {
        let call = self.call("DPoP").header("DPoP", proof(&self.key, claims));
        self.setting.told(call).await
    }
}

#[tokio::test]
async fn a_token_with_its_proof() {
    let holder = Holder::new(offered()).await;
    for _ in 0..2 {
        assert_eq!(holder.shows(&holder.claims()).await.status, 200);
    }
    let scheme = holder.setting.bed.log().pop().unwrap().authorization;
    assert_eq!(scheme.as_deref(), Some("DPoP"));
    assert_eq!(holder.setting.held(), []);
    // Where either will do, there are two challenges.
    let told = holder.setting.told(holder.setting.call()).await;
    let schemes: Vec<_> = told.challenges.iter().map(|c| &c[..5]).collect();
    assert_eq!(schemes, ["Beare", "DPoP "]);
    assert!(told.challenges[1].contains("algs=\"ES256 "));

    holder.setting.bed.set(|b| b.dpop.required = true);
    let told = holder.setting.told(holder.setting.call()).await;
    assert_eq!(told.challenges.len(), 1);
    assert!(told.challenges[0].starts_with("DPoP algs="));
    let url = holder.setting.bed.expand("{prm}");
    let document = holder.setting.told(holder.setting.http.get(url)).await.body;
    assert_eq!(document["dpop_bound_access_tokens_required"], true);
    assert!(document["dpop_signing_alg_values_supported"].is_array());

    holder.setting.bed.expire_access_tokens();
    let told = holder.shows(&holder.claims()).await;
    assert!(told.challenges[0].starts_with("DPoP error=\"invalid_token\""));
    assert_eq!(holder.setting.held(), []);
}

#[tokio::test]
async fn more_scope_is_asked_for_with_the_same_scheme() {
    let holder = Holder::new(offered()).await;
    holder
        .setting
        .bed
        .set(|b| b.mcp.verdict = mcp_oauth_testbed::Verdict::Forbidden("notes:write".into()));
    let told = holder.shows(&holder.claims()).await;
    assert_eq!((told.status, told.challenges.len()), (403, 1));
    assert!(told.challenges[0].starts_with("DPoP error=\"insufficient_scope\""));
}

#[tokio::test]
async fn tokens_shown_without_their_proof() {
    for (scheme, with_proof, error, rule) in [
        ("Bearer", false, "invalid_token", Rule::Binding),
        ("Bearer", true, "invalid_token", Rule::Binding),
        ("dpop", true, "invalid_token", Rule::BearerScheme),
        ("DPoP", false, "invalid_dpop_proof", Rule::Proof),
    ] {
        let holder = Holder::new(offered()).await;
        let mut call = holder.call(scheme);
        if with_proof {
            call = call.header("DPoP", proof(&holder.key, &holder.claims()));
        }
        let told = holder.setting.told(call).await;
        assert_eq!((told.status, told.text("error")), (401, error));
        assert_eq!(holder.setting.held(), [(Endpoint::Mcp, rule)], "{scheme}");
    }
    // A token that is bound to nothing is no DPoP token.
    let setting = Setting::new(offered()).await;
    let form = crate::scene::with(
        &setting.exchange(&[]).await,
        "client_id",
        super::setting::CLIENT,
    );
    let tokens = setting.told(setting.post("token", &form)).await;
    let holder = Holder {
        setting,
        key: Key::new(),
        token: tokens.text("access_token").to_owned(),
    };
    assert_eq!(holder.shows(&holder.claims()).await.status, 401);
    assert_eq!(holder.setting.held(), [(Endpoint::Mcp, Rule::Binding)]);
}

#[tokio::test]
async fn wrong_proofs() {
    type Change = fn(&mut Value);
    let cases: [(Change, Rule); 5] = [
        (|c| c["ath"] = Value::Null, Rule::Proof),
        (
            |c| {
                c.as_object_mut().unwrap().remove("ath");
            },
            Rule::Proof,
        ),
        (|c| c["htm"] = "GET".into(), Rule::Proof),
        (|c| c["htu"] = "http://127.0.0.1:1/mcp".into(), Rule::Proof),
        (|c| c["nonce"] = "made-up".into(), Rule::Nonce),
    ];
    for (change, rule) in cases {
        let holder = Holder::new(offered()).await;
        let mut claims = holder.claims();
        change(&mut claims);
        let told = holder.shows(&claims).await;
        assert_eq!(told.status, 401);
        assert!(told.challenges[0].starts_with("DPoP error="));
        assert_eq!(holder.setting.held(), [(Endpoint::Mcp, rule)]);
    }
    let mut holder = Holder::new(offered()).await;
    let claims = holder.claims();
    assert_eq!(holder.shows(&claims).await.status, 200);
    let told = holder.shows(&claims).await;
    assert_eq!(told.text("error"), "invalid_dpop_proof");
    holder.key = Key::new();
    assert_eq!(holder.shows(&holder.claims()).await.status, 401);
    let rules = [Rule::ProofReuse, Rule::Binding];
    assert_eq!(
        holder.setting.held(),
        rules.map(|rule| (Endpoint::Mcp, rule))
    );
}

#[tokio::test]
async fn nonces_of_the_mcp_server() {
    for (rule, gives_always) in [(Nonce::Required, false), (Nonce::Rotating, true)] {
        let mut behaviour = offered();
        behaviour.dpop.resource_nonce = rule;
        let holder = Holder::new(behaviour).await;
        let told = holder.setting.told(holder.setting.call()).await;
        assert_eq!(told.nonce.is_some(), gives_always);
        let told = holder.shows(&holder.claims()).await;
        assert_eq!(told.status, 401);
        assert!(told.challenges[0].starts_with("DPoP error=\"use_dpop_nonce\""));
        let mut nonce = told.nonce.unwrap();
        for _ in 0..2 {
            let mut claims = holder.claims();
            claims["nonce"] = nonce.as_str().into();
            let told = holder.shows(&claims).await;
            assert_eq!(told.status, 200);
            assert_eq!(told.nonce.is_some(), gives_always);
            nonce = told.nonce.unwrap_or(nonce);
        }
        assert_eq!(holder.setting.bed.counts().nonce_challenges, 1);
        assert_eq!(holder.setting.held(), []);
    }
}

#[tokio::test]
async fn a_nonce_of_the_other_server() {
    let mut behaviour = offered();
    behaviour.dpop.server_nonce = Nonce::Required;
    let (key, setting) = (Key::new(), Setting::new(behaviour).await);
    let form = setting.exchange(&[]).await;
    let nonce = setting.proven(&form, &key).await.nonce.unwrap();
    setting.bed.set(|b| b.dpop.server_nonce = Nonce::Never);
    let token = setting.proven(&form, &key).await;
    let token = token.text("access_token").to_owned();
    let holder = Holder {
        setting,
        key,
        token,
    };
    let mut claims = holder.claims();
    claims["nonce"] = nonce.into();
    assert_eq!(holder.shows(&claims).await.status, 401);
    assert_eq!(holder.setting.held(), [(Endpoint::Mcp, Rule::Nonce)]);
}
