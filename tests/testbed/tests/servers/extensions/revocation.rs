//! Does a sign-out end at the server, in the right order?

use super::setting::{CLIENT, Setting, Told, known_client};
use crate::honest::pairs;
use crate::scene::with;
use mcp_oauth_testbed::{Behaviour, Endpoint, Fault, Rule};
use reqwest::StatusCode;

async fn setting(change: impl FnOnce(&mut Behaviour)) -> (Setting, Told) {
    let mut behaviour = Behaviour::default();
    known_client(&mut behaviour, |_| {});
    change(&mut behaviour);
    let setting = Setting::new(behaviour).await;
    let form = with(&setting.exchange(&[]).await, "client_id", CLIENT);
    let tokens = setting.told(setting.post("token", &form)).await;
    (setting, tokens)
}

impl Setting {
    async fn revoke(&self, token: &str, hint: &str) -> Told {
        let form = pairs(&[("client_id", CLIENT), ("token", token)]);
        let form = with(&form, "token_type_hint", hint);
        self.told(self.post("revoke", &form)).await
    }
}

#[tokio::test]
async fn the_refresh_token_goes_first() {
    let (setting, tokens) = setting(|_| {}).await;
    for name in ["refresh_token", "access_token"] {
        let told = setting.revoke(tokens.text(name), name).await;
        assert_eq!(told.status, 200);
    }
    let call = setting.call().bearer_auth(tokens.text("access_token"));
    assert_eq!(setting.told(call).await.status, 401);
    assert_eq!(setting.bed.counts().revocations, 2);
    assert_eq!(setting.held(), []);
}

#[tokio::test]
async fn an_access_token_by_itself() {
    let (setting, tokens) = setting(|_| {}).await;
    let told = setting.revoke(tokens.text("access_token"), "").await;
    assert_eq!(told.status, 400);
    let held = setting.held();
    assert_eq!(held, [(Endpoint::Revocation, Rule::RevocationOrder)]);
    // Where there is no refresh token, it is all that can be revoked.
    let never = mcp_oauth_testbed::Issued::Never;
    let (setting, tokens) = self::setting(|b| b.refresh.issued = never).await;
    let told = setting.revoke(tokens.text("access_token"), "").await;
    assert_eq!((told.status, setting.held()), (200, vec![]));
}

#[tokio::test]
async fn a_hint_that_misleads() {
    let (setting, tokens) = setting(|_| {}).await;
    let told = setting
        .revoke(tokens.text("refresh_token"), "access_token")
        .await;
    assert_eq!(told.text("error"), "invalid_request");
    assert_eq!(setting.held(), [(Endpoint::Revocation, Rule::Form)]);
}

#[tokio::test]
async fn servers_that_do_not_revoke_everything() {
    let (setting, tokens) = setting(|b| b.revocation.access_tokens = false).await;
    let told = setting.revoke(tokens.text("refresh_token"), "").await;
    assert_eq!(told.status, 200);
    let told = setting.revoke(tokens.text("access_token"), "").await;
    assert_eq!(told.text("error"), "unsupported_token_type");
    assert_eq!(setting.held(), []);

    let busy = Fault::answer(503, "text/plain", "later");
    setting
        .bed
        .set(|b| b.fault(Endpoint::Revocation, busy, Some(1)));
    let told = setting.revoke(tokens.text("refresh_token"), "").await;
    assert_eq!(told.status, 503);

    // The client has done what it could.
    let (setting, tokens) = self::setting(|b| {
        b.fault(Endpoint::Revocation, Fault::DropBefore, Some(1));
    })
    .await;
    let form = pairs(&[
        ("client_id", CLIENT),
        ("token", tokens.text("refresh_token")),
    ]);
    assert!(setting.post("revoke", &form).send().await.is_err());
    let told = setting.revoke(tokens.text("access_token"), "").await;
    assert_eq!((told.status, setting.held()), (200, vec![]));

    let (setting, tokens) = self::setting(|b| b.revocation.offered = false).await;
    let metadata = setting.metadata().await;
    assert_eq!(metadata.get("revocation_endpoint"), None);
    let told = setting.revoke(tokens.text("refresh_token"), "").await;
    assert_eq!(told.status, StatusCode::NOT_FOUND.as_u16());
    assert_eq!(setting.held(), [(Endpoint::Elsewhere, Rule::Url)]);
}
