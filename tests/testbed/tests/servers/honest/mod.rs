//! A small client that follows the specifications, to see what the testbed says to it.

mod discovery;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mcp_oauth_testbed::Deviation;
use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Mutex;
use url::form_urlencoded::{Serializer, byte_serialize, parse};

pub(crate) type Form = Vec<(String, String)>;
pub(crate) type Outcome<T> = Result<T, String>;

/// Why a client that was not told of any client identifier stops.
pub(crate) const NEEDS_CLIENT: &str = "a client identifier is needed";

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Registered {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) method: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) issuer: String,
    pub(crate) metadata: Value,
    pub(crate) resource: String,
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) scope: Vec<String>,
}

/// What discovery found.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    pub(crate) issuer: String,
    pub(crate) metadata: Value,
    pub(crate) resource: String,
    pub(crate) scopes: Option<Vec<String>>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().ok()?.to_owned())
    }

    fn redirects(&self) -> bool {
        (300..400).contains(&self.status)
    }
}

pub(crate) struct Client {
    http: reqwest::Client,
    mcp_url: String,
    pub(crate) deviation: Option<Deviation>,
    /// Replaces placeholders in the deviation.
    pub(crate) expand: Box<dyn Fn(&str) -> String>,
    pub(crate) known: Option<Registered>,
    pub(crate) registered: HashMap<String, Registered>,
    pub(crate) grant: Option<Grant>,
    pub(crate) redirect_uri: String,
    /// Whom the browser is signed in as, if not as the usual one.
    pub(crate) subject: Option<String>,
    /// Path, status, header fields and body of each answer.
    pub(crate) seen: Mutex<Vec<String>>,
}

impl Client {
    pub(crate) fn new(mcp_url: &str) -> Self {
        let http = crate::http()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("honest-client/1")
            .build()
            .unwrap();
        Self {
            http,
            mcp_url: mcp_url.into(),
            deviation: None,
            expand: Box::new(str::to_owned),
            known: None,
            registered: HashMap::new(),
            grant: None,
            redirect_uri: "http://127.0.0.1:49152/callback".into(),
            subject: None,
            seen: Mutex::default(),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Outcome<Answer> {
        let response = request.send().await.map_err(|e| e.to_string())?;
        let (path, status) = (response.url().path().to_owned(), response.status().as_u16());
        let headers = response.headers().clone();
        let body = response.text().await.map_err(|e| e.to_string())?;
        self.seen
            .lock()
            .unwrap()
            .push(format!("{path} {status} {headers:?} {body}"));
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Calls a tool, and signs in, refreshes or asks for more scope when that is needed.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Outcome<String> {
        let (mut refreshed, mut signed_in) = (false, 0);
        loop {
            let response = self.post_mcp(tool, &arguments).await?;
            let challenge = challenge(&response);
            if response.status == 200 {
                let answer = response.json();
                let text = answer["result"]["content"][0]["text"].as_str();
                return text.map(str::to_owned).ok_or_else(|| answer.to_string());
            }
            if response.redirects() {
                return Err("the MCP endpoint redirects".into());
            }
            let insufficient = challenge.contains("insufficient_scope");
            if ![401, 403].contains(&response.status) {
                return Err(format!("the endpoint answers {}", response.status));
            }
            if !insufficient && !refreshed && self.refresh().await? {
                refreshed = true;
                continue;
            }
            if signed_in == 2 {
                return Err("the new token gets 401".into());
            }
            signed_in += 1;
            self.sign_in(&challenge).await?;
        }
    }

    async fn post_mcp(&self, tool: &str, arguments: &Value) -> Outcome<Answer> {
        let version = "2026-07-28";
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {
                "name": tool, "arguments": arguments,
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": version,
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        });
        let mut request = self
            .http
            .post(&self.mcp_url)
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", version)
            .header("Mcp-Method", "tools/call")
            .header("Mcp-Name", tool)
            .json(&message);
        if let Some(grant) = &self.grant {
            request = request.header("Authorization", format!("Bearer {}", grant.access_token));
        }
        self.send(request).await
    }

    async fn sign_in(&mut self, challenge: &str) -> Outcome<()> {
        let servers = self.discover(challenge).await?;
        let scope = self.scope(challenge, &servers);
        let client = self.client(&servers, &scope).await?;
        let verifier = random();
        let (code, redirect_uri) = self.authorize(&servers, &client, &scope, &verifier).await?;
        let mut form = pairs(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", &verifier),
            ("redirect_uri", &redirect_uri),
        ]);
        self.add_resource(&mut form, &servers.resource);
        let answer = self.token(&servers.metadata, &client, form).await?;
        self.keep(&servers, &scope, &answer)
    }

    fn keep(&mut self, servers: &Servers, scope: &[String], answer: &Value) -> Outcome<()> {
        let token = answer["access_token"].as_str().ok_or("no access token")?;
        // Other types have rules of their own (RFC 6749 §7.1); an unknown word can only mean bearer.
        let kind = answer["token_type"].as_str().unwrap_or_default();
        if ["mac", "dpop"]
            .iter()
            .any(|other| kind.eq_ignore_ascii_case(other))
        {
            return Err("unknown token type".into());
        }
        self.grant = Some(Grant {
            issuer: servers.issuer.clone(),
            metadata: servers.metadata.clone(),
            resource: servers.resource.clone(),
            access_token: token.into(),
            refresh_token: answer["refresh_token"].as_str().map(str::to_owned),
            scope: scope.to_vec(),
        });
        Ok(())
    }

    /// Whether there is a new access token.
    pub(crate) async fn refresh(&mut self) -> Outcome<bool> {
        let Some(grant) = self.grant.clone() else {
            return Ok(false);
        };
        let Some(old) = grant.refresh_token.clone() else {
            return Ok(false);
        };
        let client = self
            .known
            .clone()
            .or_else(|| self.registered.get(&grant.issuer).cloned());
        let Some(client) = client else {
            return Ok(false);
        };
        let form = pairs(&[("grant_type", "refresh_token"), ("refresh_token", &old)]);
        let mut with_resource = form.clone();
        self.add_resource(&mut with_resource, &grant.resource);
        let mut answer = self.token(&grant.metadata, &client, with_resource).await;
        if answer == Err("invalid_target".into()) {
            if self.deviation != Some(Deviation::RetryRefreshWithoutResource) {
                return Err("invalid_target on refresh".into());
            }
            answer = self.token(&grant.metadata, &client, form).await;
        }
        match answer {
            Ok(answer) => {
                let servers = Servers {
                    issuer: grant.issuer,
                    metadata: grant.metadata,
                    resource: grant.resource,
                    scopes: None,
                };
                self.keep(&servers, &grant.scope, &answer)?;
                if let Some(grant) = &mut self.grant {
                    grant.refresh_token.get_or_insert(old);
                }
                Ok(true)
            }
            Err(error) if error == "invalid_client" => {
                self.registered.remove(&grant.issuer);
                Ok(false)
            }
            Err(error) if error == "invalid_grant" => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn scope(&self, challenge: &str, servers: &Servers) -> Vec<String> {
        if let Some(Deviation::Scopes(scopes)) = self.deviation {
            return scopes.iter().map(|s| (*s).to_owned()).collect();
        }
        let split = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let challenged = parameter(challenge, "scope").map(split);
        let mut scope = challenged
            .or_else(|| servers.scopes.clone())
            .unwrap_or_default();
        let before = self.grant.iter().flat_map(|grant| grant.scope.clone());
        let offline = servers.metadata["scopes_supported"].as_array();
        let offline = offline.is_some_and(|list| list.contains(&json!("offline_access")));
        let offline = offline.then(|| "offline_access".to_owned());
        for more in before.chain(offline) {
            if !scope.contains(&more) {
                scope.push(more);
            }
        }
        scope
    }

    /// A client for this issuer: known, registered before or registered now.
    async fn client(&mut self, servers: &Servers, scope: &[String]) -> Outcome<Registered> {
        if let Some(client) = &self.known {
            return Ok(client.clone());
        }
        if let Some(client) = self.registered.get(&servers.issuer) {
            return Ok(client.clone());
        }
        let Some(endpoint) = servers.metadata["registration_endpoint"].as_str() else {
            return Err(NEEDS_CLIENT.into());
        };
        let listed = servers.metadata["token_endpoint_auth_methods_supported"].as_array();
        let listed = |method: &str| listed.is_none_or(|list| list.contains(&json!(method)));
        let methods = ["none", "client_secret_post", "client_secret_basic"];
        let mut request = json!({
            "client_name": "Honest client",
            "application_type": "native",
            "redirect_uris": [self.redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": methods.into_iter().find(|m| listed(m)),
        });
        // The set that was asked for elsewhere may need to be asked for again in a step-up.
        let mut registered = scope.to_vec();
        for more in servers.scopes.iter().flatten() {
            if !registered.contains(more) && self.deviation.is_none() {
                registered.push(more.clone());
            }
        }
        if !registered.is_empty() {
            request["scope"] = registered.join(" ").into();
        }
        let response = self.send(self.http.post(endpoint).json(&request)).await?;
        let body = response.json();
        match (
            response.status,
            response.header("retry-after"),
            body["error"].as_str(),
        ) {
            (200 | 201, _, _) => {}
            (401, _, _) => return Err(NEEDS_CLIENT.into()),
            (429, Some(after), _) => {
                return Err(format!("rate limited, retry after {after} seconds"));
            }
            (400, _, Some(error)) => return Err(error.to_owned()),
            (403, _, _) => return Err("registration refused with 403".into()),
            _ => return Err(format!("registration failed with {}", response.status)),
        }
        let text = |name: &str| {
            body[name]
                .as_str()
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
        };
        let client = Registered {
            id: text("client_id").ok_or("no client_id")?,
            secret: text("client_secret"),
            method: text("token_endpoint_auth_method"),
        };
        self.registered
            .insert(servers.issuer.clone(), client.clone());
        Ok(client)
    }

    /// What a browser would do with the authorization URL, down to the code.
    async fn authorize(
        &self,
        servers: &Servers,
        client: &Registered,
        scope: &[String],
        verifier: &str,
    ) -> Outcome<(String, String)> {
        let state = random();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let mut query = pairs(&[
            ("response_type", "code"),
            ("client_id", &client.id),
            ("redirect_uri", &self.redirect_uri),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        if !scope.is_empty() {
            query.push(("scope".into(), scope.join(" ")));
        }
        self.add_resource(&mut query, &servers.resource);
        if let Some(Deviation::ExtraParameters(extra)) = self.deviation {
            query.extend(pairs(extra));
        }
        let endpoint = servers.metadata["authorization_endpoint"]
            .as_str()
            .ok_or("no endpoint")?;
        let location = self.browse(endpoint, &query).await?;
        let answer = location
            .strip_prefix(&format!("{}?", self.redirect_uri))
            .ok_or("the browser went elsewhere")?;
        let answer: HashMap<_, _> = parse(answer.as_bytes()).into_owned().collect();
        if answer.get("state") != Some(&state) {
            return Err("state mismatch".into());
        }
        let published = servers.metadata["issuer"].as_str().map(str::to_owned);
        let advertised = &servers.metadata["authorization_response_iss_parameter_supported"];
        match answer.get("iss") {
            None if *advertised == json!(true) => {
                return Err("iss is advertised but missing".into());
            }
            Some(iss) if Some(iss) != published.as_ref() => match self.deviation {
                Some(Deviation::ExtraIss(extra)) if (self.expand)(extra) == *iss => {}
                _ => return Err("iss mismatch".into()),
            },
            _ => {}
        }
        match (answer.get("code"), answer.get("error")) {
            (Some(code), None) => Ok((code.clone(), self.redirect_uri.clone())),
            (_, error) => Err(error.cloned().unwrap_or_default()),
        }
    }

    /// Follows the authorization endpoint to the redirect URI.
    pub(crate) async fn browse(&self, endpoint: &str, query: &Form) -> Outcome<String> {
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        let url = format!("{endpoint}{separator}{}", encoded(query));
        let mut request = self.http.get(url);
        if let Some(subject) = &self.subject {
            request = request.header("Cookie", format!("theme=dark; subject={subject}"));
        }
        let response = self.send(request).await?;
        response
            .header("location")
            .ok_or_else(|| "the browser never comes back".into())
    }

    /// One token request with the client's authentication.
    pub(crate) async fn token(
        &self,
        metadata: &Value,
        client: &Registered,
        form: Form,
    ) -> Outcome<Value> {
        let endpoint = metadata["token_endpoint"].as_str().ok_or("no endpoint")?;
        let response = self.authenticated(endpoint, metadata, client, form).await?;
        if response.redirects() {
            return Err("the token endpoint redirects".into());
        }
        let answer: Value = serde_json::from_str(&response.body).unwrap_or_else(|_| {
            let members = parse(response.body.as_bytes()).map(|(n, v)| (n.into_owned(), json!(v)));
            members.collect::<serde_json::Map<_, _>>().into()
        });
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None if (200..300).contains(&response.status) => Ok(answer),
            None => Err(format!("token request failed with {}", response.status)),
        }
    }

    pub(crate) async fn authenticated(
        &self,
        endpoint: &str,
        metadata: &Value,
        client: &Registered,
        mut form: Form,
    ) -> Outcome<Answer> {
        let mut request = self
            .http
            .post(endpoint)
            .header("Accept", "application/json");
        let listed = metadata["token_endpoint_auth_methods_supported"].as_array();
        let post = listed.is_some_and(|list| list.contains(&json!("client_secret_post")));
        let basic = match client.method.as_deref() {
            Some("client_secret_basic") => true,
            Some("client_secret_post") => false,
            _ => !post,
        };
        match &client.secret {
            Some(secret) if basic => {
                let half = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = STANDARD.encode(format!("{}:{}", half(&client.id), half(secret)));
                request = request.header("Authorization", format!("Basic {pair}"));
            }
            Some(secret) => form.extend(pairs(&[
                ("client_id", &client.id),
                ("client_secret", secret),
            ])),
            None => form.extend(pairs(&[("client_id", &client.id)])),
        }
        self.send(request.form(&form)).await
    }

    fn add_resource(&self, form: &mut Form, resource: &str) {
        if self.deviation != Some(Deviation::OmitResource) {
            form.extend(pairs(&[("resource", resource)]));
        }
    }
}

fn challenge(response: &Answer) -> String {
    let fields = response.headers.get_all("www-authenticate").iter();
    let bearer = fields
        .filter_map(|f| f.to_str().ok())
        .filter_map(|f| f.find("Bearer").map(|i| &f[i..]));
    bearer.collect()
}

/// A quoted parameter of a challenge; the testbed's own challenges need no more.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
    challenge[start..].split('"').next().map(str::to_owned)
}

pub(crate) fn pairs(items: &[(&str, &str)]) -> Form {
    items
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect()
}

pub(crate) fn encoded(form: &Form) -> String {
    Serializer::new(String::new()).extend_pairs(form).finish()
}

pub(crate) fn random() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    URL_SAFE_NO_PAD.encode(bytes)
}
