//! Does a workload get a token for its own JWT, and does its client stop when it gets none?

use super::proofs::offered as with_proofs;
use super::setting::{Setting, Told, proof, proof_claims};
use crate::honest::{Form, pairs};
use crate::keys::Key;
use crate::scene::with;
use mcp_oauth_testbed::{Audience, Behaviour, Endpoint, Flaw, Nonce, Rule};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

async fn setting() -> Setting {
    let mut behaviour = Behaviour::default();
    behaviour.workload.offered = true;
    Setting::new(behaviour).await
}

impl Setting {
    fn workload(&self, flaw: Option<Flaw>) -> Form {
        let assertion = self.bed.workload_assertion(&self.url("token"), flaw);
        pairs(&[
            ("grant_type", JWT_BEARER),
            ("assertion", &assertion),
            ("resource", &self.bed.mcp_url()),
            ("scope", "notes:read"),
        ])
    }

    async fn ask(&self, form: &Form) -> Told {
        self.told(self.post("token", form)).await
    }
}

#[tokio::test]
async fn a_token_for_a_workload() {
    let setting = setting().await;
    let grants = &setting.metadata().await["grant_types_supported"];
    assert!(grants.to_string().contains(JWT_BEARER));
    let tokens = setting.ask(&setting.workload(None)).await;
    assert_eq!((tokens.status, tokens.text("token_type")), (200, "Bearer"));
    assert_eq!(tokens.body.get("refresh_token"), None);
    let call = setting.call().bearer_auth(tokens.text("access_token"));
    let answer = setting.told(call).await.body.to_string();
    assert!(answer.contains("spiffe://example.com/agent"), "{answer}");
    assert_eq!(setting.bed.counts().workload_grants, 1);
    assert_eq!(setting.held(), []);
}

#[tokio::test]
async fn assertions_that_are_no_good_are_nobodys_fault() {
    for flaw in [Flaw::Expired, Flaw::Forged] {
        let setting = setting().await;
        let told = setting.ask(&setting.workload(Some(flaw))).await;
        assert_eq!((told.status, told.text("error")), (400, "invalid_grant"));
        assert_eq!(setting.held(), []);
    }
    // Each server knows itself by one name.
    let setting = setting().await;
    setting.bed.set(|b| b.workload.audience = Audience::Issuer);
    let told = setting.ask(&setting.workload(None)).await;
    assert!(told.text("error_description").contains("aud"));
    let assertion = setting.bed.workload_assertion(&setting.bed.issuer(), None);
    setting.metadata().await;
    let form = with(&setting.workload(None), "assertion", &assertion);
    assert_eq!(setting.ask(&form).await.status, 200);
    assert_eq!(setting.held(), []);
}

#[tokio::test]
async fn nothing_else_is_tried_after_a_refusal() {
    let attempts: [(&str, Form, Endpoint); 3] = [
        (
            "token",
            pairs(&[("grant_type", "client_credentials")]),
            Endpoint::Token,
        ),
        (
            "token",
            pairs(&[("grant_type", "refresh_token")]),
            Endpoint::Refresh,
        ),
        ("register", Form::new(), Endpoint::Registration),
    ];
    for (name, form, endpoint) in attempts {
        let setting = setting().await;
        setting.ask(&setting.workload(Some(Flaw::Expired))).await;
        setting.told(setting.post(name, &form)).await;
        assert_eq!(setting.held()[0], (endpoint, Rule::Fallback));
    }
    let setting = setting().await;
    setting.ask(&setting.workload(Some(Flaw::Expired))).await;
    setting.ask(&setting.workload(None)).await;
    assert_eq!(setting.held(), [(Endpoint::Token, Rule::Fallback)]);
    // Once the client does something else, it may begin anew.
    setting.ask(&setting.workload(Some(Flaw::Forged))).await;
    setting.told(setting.call()).await;
    assert_eq!(setting.ask(&setting.workload(None)).await.status, 200);
    setting.ask(&setting.workload(Some(Flaw::Forged))).await;
    setting.browse(&Form::new()).send().await.unwrap();
    let last = setting.held().split_off(1);
    assert!(last.contains(&(Endpoint::Authorization, Rule::Fallback)));
}

#[tokio::test]
async fn wrong_requests() {
    for (name, value, error, rule) in [
        ("assertion", "", "invalid_request", Rule::Missing),
        ("resource", "", "invalid_target", Rule::Resource),
        ("scope", "admin", "invalid_scope", Rule::Scope),
        ("client_id", "made-up", "invalid_client", Rule::ClientIssuer),
        ("audience", "notes", "invalid_request", Rule::Unknown),
    ] {
        let setting = setting().await;
        let form = with(&setting.workload(None), name, value);
        assert_eq!(setting.ask(&form).await.text("error"), error);
        assert_eq!(setting.held(), [(Endpoint::Token, rule)]);
    }
    let setting = setting().await;
    let form = setting.workload(None);
    assert_eq!(setting.ask(&form).await.status, 200);
    assert_eq!(setting.ask(&form).await.text("error"), "invalid_grant");
    assert_eq!(setting.held(), [(Endpoint::Token, Rule::AssertionReuse)]);

    let setting = Setting::new(Behaviour::default()).await;
    let told = setting.ask(&setting.workload(None)).await;
    assert_eq!(told.text("error"), "unsupported_grant_type");
}

#[tokio::test]
async fn a_bound_token_and_a_nonce_first() {
    let mut behaviour = with_proofs();
    behaviour.workload.offered = true;
    behaviour.dpop.server_nonce = Nonce::Required;
    let (key, setting) = (Key::new(), Setting::new(behaviour).await);
    let form = setting.workload(None);
    let mut claims = proof_claims("POST", &setting.url("token"));
    let request = setting.post("token", &form);
    let told = setting
        .told(request.header("DPoP", proof(&key, &claims)))
        .await;
    assert_eq!(told.text("error"), "use_dpop_nonce");
    claims["nonce"] = told.nonce.unwrap().into();
    claims["jti"] = crate::honest::random().into();
    // The server has not looked at the assertion yet.
    let request = setting.post("token", &form);
    let told = setting
        .told(request.header("DPoP", proof(&key, &claims)))
        .await;
    assert_eq!(told.text("token_type"), "DPoP");
    assert_eq!(setting.held(), []);
}
