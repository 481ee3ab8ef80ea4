//! A testbed with a registered client, for requests that are made by hand.

use crate::honest::{Client, Form, Registered, Servers, pairs, random};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth_testbed::{Behaviour, Endpoint, Rule, Testbed};
use reqwest::Response;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use url::form_urlencoded::parse;

/// A testbed and a client that has read the metadata and registered.
pub(crate) struct Scene {
    pub(crate) bed: Testbed,
    pub(crate) client: Client,
    pub(crate) servers: Servers,
    pub(crate) registered: Registered,
    pub(crate) http: reqwest::Client,
}

pub(crate) const METHODS: [&str; 3] = ["none", "client_secret_post", "client_secret_basic"];

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Behaviour::default(), "none").await
    }

    pub(crate) async fn with(behaviour: Behaviour, method: &str) -> Self {
        let bed = Testbed::start(behaviour).await.unwrap();
        let client = Client::new(&bed.mcp_url());
        let http = crate::http()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let servers = client.discover("").await.unwrap();
        let mut body = registration();
        body["token_endpoint_auth_method"] = method.into();
        let response = http
            .post(url(&servers, "registration"))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 201);
        let answer: Value = response.json().await.unwrap();
        let registered = Registered {
            id: answer["client_id"].as_str().unwrap().into(),
            secret: answer["client_secret"].as_str().map(str::to_owned),
            method: Some(method.into()),
        };
        Self {
            bed,
            client,
            servers,
            registered,
            http,
        }
    }

    pub(crate) fn url(&self, endpoint: &str) -> String {
        url(&self.servers, endpoint)
    }

    pub(crate) fn verifier() -> String {
        random()
    }

    pub(crate) fn authorization(&self, verifier: &str) -> Form {
        pairs(&[
            ("response_type", "code"),
            ("client_id", &self.registered.id),
            ("redirect_uri", &self.client.redirect_uri),
            ("state", &random()),
            ("code_challenge", &challenge(verifier)),
            ("code_challenge_method", "S256"),
            ("scope", "notes:read"),
            ("resource", &self.servers.resource),
        ])
    }

    /// A fresh code and the request that would exchange it.
    pub(crate) async fn exchange(&self) -> Form {
        let verifier = Self::verifier();
        let query = self.authorization(&verifier);
        let location = self
            .client
            .browse(&self.url("authorization"), &query)
            .await
            .unwrap();
        let (_, answer) = location.split_once('?').unwrap();
        let answer: HashMap<_, _> = parse(answer.as_bytes()).into_owned().collect();
        pairs(&[
            ("grant_type", "authorization_code"),
            ("code", &answer["code"]),
            ("code_verifier", &verifier),
            ("redirect_uri", &self.client.redirect_uri),
            ("resource", &self.servers.resource),
        ])
    }

    pub(crate) async fn tokens(&self) -> Value {
        let form = self.exchange().await;
        self.client
            .token(&self.servers.metadata, &self.registered, form)
            .await
            .unwrap()
    }

    pub(crate) fn refresh(&self, token: &Value) -> Form {
        pairs(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", token["refresh_token"].as_str().unwrap()),
            ("resource", &self.servers.resource),
        ])
    }

    pub(crate) async fn post(&self, endpoint: &str, form: &Form) -> Response {
        self.http
            .post(self.url(endpoint))
            .form(form)
            .send()
            .await
            .unwrap()
    }

    /// The request was refused in the given way and is the only thing held against the client.
    pub(crate) async fn held(
        &self,
        response: Response,
        status: u16,
        error: &str,
        endpoint: Endpoint,
        rule: Rule,
    ) {
        let place = format!("{endpoint:?} {rule:?}");
        assert_eq!(response.status().as_u16(), status, "{place}");
        let location = response
            .headers()
            .get("location")
            .map(|l| l.to_str().unwrap().to_owned());
        let challenge = response.headers().get("www-authenticate").cloned();
        let body = response.text().await.unwrap();
        let told = location.unwrap_or_default() + &body;
        let told = format!("{told} {challenge:?}");
        assert!(told.contains(error), "{place}: {told} lacks {error}");
        let breaches = self.bed.breaches();
        assert_eq!(breaches.len(), 1, "{place}: {breaches:?}");
        assert_eq!(
            (breaches[0].endpoint, breaches[0].rule),
            (endpoint, rule),
            "{breaches:?}"
        );
    }
}

pub(crate) fn url(servers: &Servers, endpoint: &str) -> String {
    servers.metadata[format!("{endpoint}_endpoint")]
        .as_str()
        .unwrap()
        .to_owned()
}

pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

pub(crate) fn registration() -> Value {
    json!({
        "client_name": "Honest client",
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1:49152/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    })
}

/// Replaces, adds or, with an empty value, leaves out a parameter.
pub(crate) fn with(form: &Form, name: &str, value: &str) -> Form {
    let mut form: Form = form.iter().filter(|(n, _)| n != name).cloned().collect();
    if !value.is_empty() {
        form.extend(pairs(&[(name, value)]));
    }
    form
}
