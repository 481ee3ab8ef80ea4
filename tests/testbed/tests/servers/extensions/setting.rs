//! A testbed with whatever client a test wants, for requests that are made by hand.

use crate::honest::{Form, encoded, pairs, random};
use crate::keys::{Key, now};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth_testbed::{Behaviour, Endpoint, PreRegistered, Rule, Testbed};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use url::form_urlencoded::parse;

/// What every client that is known beforehand is called.
pub(crate) const CLIENT: &str = "known-client";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:49152/callback";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A status and a body, with the header fields that matter here.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) nonce: Option<String>,
    pub(crate) challenges: Vec<String>,
}

impl Told {
    async fn of(response: Response) -> Self {
        let texts = |name: &str| -> Vec<String> {
            let values = response.headers().get_all(name).iter();
            values.map(|v| v.to_str().unwrap().to_owned()).collect()
        };
        Self {
            status: response.status().as_u16(),
            nonce: texts("dpop-nonce").pop(),
            challenges: texts("www-authenticate"),
            body: response.json().await.unwrap_or_default(),
        }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}

pub(crate) struct Setting {
    pub(crate) bed: Testbed,
    pub(crate) http: reqwest::Client,
}

impl Setting {
    pub(crate) async fn new(behaviour: Behaviour) -> Self {
        let http = crate::http().redirect(reqwest::redirect::Policy::none());
        Self {
            bed: Testbed::start(behaviour).await.unwrap(),
            http: http.build().unwrap(),
        }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        self.bed.expand(&format!("{{as1}}/{name}"))
    }

    pub(crate) fn post(&self, name: &str, form: &Form) -> RequestBuilder {
        self.http.post(self.url(name)).form(form)
    }

    pub(crate) async fn told(&self, request: RequestBuilder) -> Told {
        Told::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn metadata(&self) -> Value {
        let url = self.url(".well-known/oauth-authorization-server");
        self.told(self.http.get(url)).await.body
    }

    /// A token request with a client assertion.
    pub(crate) async fn asserted(&self, form: &Form, assertion: &str) -> Told {
        let form = [form.clone(), by_assertion(assertion)].concat();
        self.told(self.post("token", &form)).await
    }

    pub(crate) fn authorization(&self, verifier: &str) -> Form {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        pairs(&[
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("state", &random()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("scope", "notes:read"),
            ("resource", &self.bed.mcp_url()),
        ])
    }

    pub(crate) fn browse(&self, query: &Form) -> RequestBuilder {
        self.http
            .get(format!("{}?{}", self.url("authorize"), encoded(query)))
    }

    /// The parameters of the redirect that an authorization request leads to.
    pub(crate) async fn redirected(&self, query: &Form) -> HashMap<String, String> {
        let response = self.browse(query).send().await.unwrap();
        let location = response.headers()["location"].to_str().unwrap();
        let (_, answer) = location.split_once('?').unwrap();
        parse(answer.as_bytes()).into_owned().collect()
    }

    /// A fresh code and the request that would exchange it, without the client's authentication.
    pub(crate) async fn exchange(&self, also: &[(&str, &str)]) -> Form {
        let verifier = random();
        let query = [self.authorization(&verifier), pairs(also)].concat();
        let answer = self.redirected(&query).await;
        self.redemption(&answer["code"], &verifier)
    }

    pub(crate) fn redemption(&self, code: &str, verifier: &str) -> Form {
        pairs(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", REDIRECT),
            ("resource", &self.bed.mcp_url()),
        ])
    }

    pub(crate) fn refresh(&self, token: &str) -> Form {
        pairs(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("resource", &self.bed.mcp_url()),
        ])
    }

    /// The claims of a good client assertion.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": CLIENT, "sub": CLIENT, "aud": self.bed.issuer(), "jti": random(),
            "iat": now(), "exp": now() + 60,
        })
    }

    pub(crate) fn assertion(&self, key: &Key) -> String {
        let header = json!({"alg": key.algorithm, "typ": "JWT"});
        key.sign(&header, &self.claims())
    }

    /// A call of a tool, without any credentials.
    pub(crate) fn call(&self) -> RequestBuilder {
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami"},
        });
        let request = self.http.post(self.bed.mcp_url()).json(&message);
        let request = request.header("MCP-Protocol-Version", "2025-11-25");
        request.header("Accept", "application/json, text/event-stream")
    }

    /// All that is held against the client, which is cleared by nothing: a test looks once.
    pub(crate) fn held(&self) -> Vec<(Endpoint, Rule)> {
        let breaches = self.bed.breaches().into_iter();
        breaches.map(|one| (one.endpoint, one.rule)).collect()
    }
}

pub(crate) fn by_assertion(assertion: &str) -> Form {
    pairs(&[
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ])
}

/// The claims of a good DPoP proof.
pub(crate) fn proof_claims(method: &str, url: &str) -> Value {
    json!({"jti": random(), "htm": method, "htu": url, "iat": now()})
}

pub(crate) fn proof(key: &Key, claims: &Value) -> String {
    let header = json!({"typ": "dpop+jwt", "alg": key.algorithm, "jwk": key.public});
    key.sign(&header, claims)
}

pub(crate) fn known_client(behaviour: &mut Behaviour, change: impl FnOnce(&mut PreRegistered)) {
    let mut client = PreRegistered {
        client_id: CLIENT.into(),
        redirect_uris: vec![REDIRECT.into()],
        ..PreRegistered::default()
    };
    change(&mut client);
    behaviour.registration.clients.push(client);
}

pub(crate) fn with_key(behaviour: &mut Behaviour, key: &Key) {
    known_client(behaviour, |client| {
        client.token_endpoint_auth_method = Some("private_key_jwt".into());
        client.jwks = Some(key.set());
    });
}
