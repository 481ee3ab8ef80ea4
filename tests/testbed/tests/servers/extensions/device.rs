//! Does a device get its tokens once a person has said so, and is its impatience noticed?

use super::setting::{CLIENT, REDIRECT, Setting, Told, known_client};
use crate::honest::{Form, pairs};
use crate::scene::with;
use mcp_oauth_testbed::{Behaviour, Endpoint, Fault, Rule};
use serde_json::json;
use std::time::Duration;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A second of the interval lasts ten milliseconds.
async fn setting(change: impl FnOnce(&mut Behaviour)) -> Setting {
    let mut behaviour = Behaviour::default();
    behaviour.device.offered = true;
    behaviour.device.second = 10;
    known_client(&mut behaviour, |_| {});
    change(&mut behaviour);
    Setting::new(behaviour).await
}

async fn seconds(number: u64) {
    tokio::time::sleep(Duration::from_millis(10 * number + 5)).await;
}

impl Setting {
    fn device(&self) -> Form {
        pairs(&[
            ("client_id", CLIENT),
            ("scope", "notes:read"),
            ("resource", &self.bed.mcp_url()),
        ])
    }

    async fn codes(&self) -> Told {
        let request = self.post("device_authorization", &self.device());
        let codes = self.told(request).await;
        assert_eq!(codes.status, 200, "{codes:?}");
        codes
    }

    async fn poll(&self, codes: &Told) -> Told {
        self.told(self.post("token", &self.polling(codes))).await
    }

    fn polling(&self, codes: &Told) -> Form {
        pairs(&[
            ("grant_type", DEVICE_CODE),
            ("device_code", codes.text("device_code")),
            ("client_id", CLIENT),
            ("resource", &self.bed.mcp_url()),
        ])
    }
}

#[tokio::test]
async fn a_person_decides_on_the_page() {
    for (decision, status, error) in [("allow", 200, ""), ("deny", 400, "access_denied")] {
        let setting = setting(|_| {}).await;
        let codes = setting.codes().await;
        assert_eq!(
            (&codes.body["interval"], &codes.body["expires_in"]),
            (&json!(5), &json!(600))
        );
        let told = setting.poll(&codes).await;
        assert_eq!(told.text("error"), "authorization_pending");
        let complete = codes.text("verification_uri_complete");
        let page = setting.http.get(complete).send().await.unwrap();
        let page = page.text().await.unwrap();
        assert!(page.contains(codes.text("user_code")) && page.contains("Deny"));
        let plain = codes.text("user_code").replace('-', "").to_lowercase();
        let form = pairs(&[("user_code", &plain), ("decision", decision)]);
        for status in [200, 400] {
            let request = setting.http.post(codes.text("verification_uri"));
            let request = request.form(&form).header("Cookie", "subject=user-7");
            assert_eq!(setting.told(request).await.status, status);
        }
        seconds(5).await;
        let tokens = setting.poll(&codes).await;
        assert_eq!((tokens.status, tokens.text("error")), (status, error));
        if decision == "allow" {
            let call = setting.call().bearer_auth(tokens.text("access_token"));
            let answer = setting.told(call).await.body.to_string();
            assert!(answer.contains("user-7"), "{answer}");
            assert!(!tokens.text("refresh_token").is_empty());
        }
        assert_eq!(setting.held(), []);
        // There is nothing more to hear.
        seconds(5).await;
        setting.poll(&codes).await;
        assert_eq!(setting.held(), [(Endpoint::Token, Rule::Polling)]);
    }
}

#[tokio::test]
async fn a_device_that_does_not_wait() {
    let setting = setting(|_| {}).await;
    let codes = setting.codes().await;
    setting.poll(&codes).await;
    assert_eq!(setting.poll(&codes).await.text("error"), "slow_down");
    assert_eq!(setting.held(), [(Endpoint::Token, Rule::Polling)]);
    // Five seconds more, from then on.
    seconds(10).await;
    let told = setting.poll(&codes).await;
    assert_eq!(told.text("error"), "authorization_pending");
    seconds(5).await;
    assert_eq!(setting.poll(&codes).await.text("error"), "slow_down");
    assert_eq!(setting.bed.counts().device_polls, 4);
}

#[tokio::test]
async fn servers_that_slow_devices_down() {
    let setting = setting(|b| {
        b.device.slow_downs = 1;
        b.device.interval = Some(0);
        b.device.complete = false;
        b.device.approved_after = Some(2);
    })
    .await;
    let codes = setting.codes().await;
    assert_eq!(codes.body["interval"], 0);
    assert_eq!(codes.body.get("verification_uri_complete"), None);
    assert_eq!(setting.poll(&codes).await.text("error"), "slow_down");
    seconds(5).await;
    let told = setting.poll(&codes).await;
    assert_eq!(told.text("error"), "authorization_pending");
    seconds(5).await;
    assert_eq!(setting.poll(&codes).await.status, 200);
    assert_eq!(setting.held(), []);
}

#[tokio::test]
async fn codes_expire_and_intervals_are_left_out() {
    let setting = setting(|b| {
        b.device.lifetime = 0;
        b.device.interval = None;
    })
    .await;
    let codes = setting.codes().await;
    assert_eq!(codes.body.get("interval"), None);
    assert!(!setting.bed.decide_device(codes.text("user_code"), true));
    assert_eq!(setting.poll(&codes).await.text("error"), "expired_token");
    assert_eq!(setting.held(), []);
    setting.poll(&codes).await;
    assert_eq!(setting.held(), [(Endpoint::Token, Rule::Polling)]);
}

#[tokio::test]
async fn a_last_answer_that_got_lost() {
    let setting = setting(|b| {
        b.device.approved_after = Some(0);
        b.fault(Endpoint::Token, Fault::DropAfter, Some(1));
    })
    .await;
    let codes = setting.codes().await;
    let poll = setting.post("token", &setting.polling(&codes));
    assert!(poll.send().await.is_err());
    assert_eq!(setting.poll(&codes).await.text("error"), "invalid_grant");
    assert_eq!(setting.held(), []);
}

#[tokio::test]
async fn wrong_requests() {
    for (name, value, error, rule) in [
        ("resource", "", "invalid_target", Rule::Resource),
        ("scope", "admin", "invalid_scope", Rule::Scope),
        (
            "client_id",
            "",
            "invalid_client",
            Rule::ClientAuthentication,
        ),
        ("client_id", "made-up", "invalid_client", Rule::ClientIssuer),
        ("response_type", "code", "invalid_request", Rule::Unknown),
    ] {
        let setting = setting(|_| {}).await;
        let form = with(&setting.device(), name, value);
        let told = setting.told(setting.post("device_authorization", &form));
        assert_eq!(told.await.text("error"), error);
        assert_eq!(setting.held(), [(Endpoint::DeviceAuthorization, rule)]);
    }
    for (name, value, error, rule) in [
        ("device_code", "", "invalid_request", Rule::Missing),
        ("device_code", "made-up", "invalid_grant", Rule::Code),
        ("resource", "", "invalid_target", Rule::Resource),
        ("client_id", "another", "invalid_grant", Rule::Code),
        ("user_code", "BCDF-GHJK", "invalid_request", Rule::Unknown),
    ] {
        let setting = setting(|b| known_client(b, |client| client.client_id = "another".into()));
        let setting = setting.await;
        let codes = setting.codes().await;
        assert!(setting.bed.decide_device(codes.text("user_code"), true));
        let form = with(&setting.polling(&codes), name, value);
        let told = setting.told(setting.post("token", &form)).await;
        assert_eq!(told.text("error"), error);
        assert_eq!(setting.held(), [(Endpoint::Token, rule)]);
    }
    let setting = setting(|b| {
        b.registration.clients[0].grant_types = Some(vec!["authorization_code".into()]);
    })
    .await;
    let told = setting.told(setting.post("device_authorization", &setting.device()));
    assert_eq!(told.await.text("error"), "unauthorized_client");
}

#[tokio::test]
async fn devices_register() {
    let grants = json!([DEVICE_CODE, "refresh_token"]);
    let body = json!({
        "client_name": "Device", "application_type": "native", "grant_types": grants,
        "token_endpoint_auth_method": "none",
    });
    let [mut none, mut code, mut redirect] = [body.clone(), body.clone(), body.clone()];
    let mut both = body.clone();
    both["grant_types"] = json!([DEVICE_CODE, "authorization_code"]);
    both["redirect_uris"] = json!([REDIRECT]);
    none["response_types"] = json!([]);
    code["response_types"] = json!(["code"]);
    redirect["redirect_uris"] = json!([REDIRECT]);
    for (body, offered, status) in [
        (&body, true, 201),
        (&none, true, 201),
        (&redirect, true, 201),
        (&code, true, 400),
        (&body, false, 400),
        (&both, true, 201),
        (&both, false, 400),
    ] {
        let setting = setting(|b| b.device.offered = offered).await;
        let request = setting.http.post(setting.url("register")).json(body);
        assert_eq!(setting.told(request).await.status, status, "{body}");
        assert_eq!(setting.held().is_empty(), status == 201);
    }
}
