//! How does the small client find the authorization server?

use super::{Client, Outcome, Servers, parameter};
use mcp_oauth_testbed::Deviation;
use serde_json::{Value, json};
use url::{Host, Url};

impl Client {
    /// Finds the authorization server in use.
    pub(crate) async fn discover(&self, challenge: &str) -> Outcome<Servers> {
        let mcp = Url::parse(&self.mcp_url).unwrap();
        let (origin, path) = (mcp.origin().ascii_serialization(), mcp.path());
        let known = "/.well-known/oauth-protected-resource";
        let derived = [format!("{origin}{known}{path}"), format!("{origin}{known}")];
        let named = parameter(challenge, "resource_metadata");
        let mut found = None;
        for url in named.into_iter().chain(derived) {
            found = self.document(&url, "resource").await;
            if found.is_some() {
                break;
            }
        }
        let Some(document) = found else {
            // Revision 2025-03-26: the MCP origin is the authorization server.
            let resource = self
                .mcp_url
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned();
            let metadata = match self.metadata(&origin).await {
                Ok(metadata) => metadata,
                Err(_) if self.deviation == Some(Deviation::DefaultEndpoints) => json!({
                    "authorization_endpoint": format!("{origin}/authorize"),
                    "token_endpoint": format!("{origin}/token"),
                    "registration_endpoint": format!("{origin}/register"),
                }),
                Err(error) => return Err(error),
            };
            return Ok(Servers {
                issuer: origin,
                metadata,
                resource,
                scopes: None,
            });
        };
        let resource = document["resource"].as_str().unwrap_or_default().to_owned();
        let inside = Url::parse(&resource).is_ok_and(|url| {
            let prefix = url.path().trim_end_matches('/');
            let rest = path.strip_prefix(prefix);
            url.origin() == mcp.origin() && rest.is_some_and(|r| r.is_empty() || r.starts_with('/'))
        });
        if !inside
            && self.deviation.map(|d| self.expanded(d)) != Some(format!("resource {resource}"))
        {
            return Err("the resource is of another origin".into());
        }
        let list = |value: &Value| -> Vec<String> {
            let items = value.as_array().into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let scopes = document["scopes_supported"]
            .is_array()
            .then(|| list(&document["scopes_supported"]));
        let mut failure = "no authorization server metadata".to_owned();
        for issuer in list(&document["authorization_servers"]) {
            match self.metadata(&issuer).await {
                Ok(metadata) => {
                    return Ok(Servers {
                        issuer,
                        metadata,
                        resource,
                        scopes,
                    });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn expanded(&self, deviation: Deviation) -> String {
        match deviation {
            Deviation::AllowResource(resource) => format!("resource {}", (self.expand)(resource)),
            Deviation::PinnedIssuer { asked, published } => {
                format!(
                    "issuer {} {}",
                    (self.expand)(asked),
                    (self.expand)(published)
                )
            }
            _ => String::new(),
        }
    }

    async fn metadata(&self, issuer: &str) -> Outcome<Value> {
        let url = Url::parse(issuer).map_err(|e| e.to_string())?;
        secure(&url)?;
        let (origin, path) = (
            url.origin().ascii_serialization(),
            url.path().trim_end_matches('/'),
        );
        let mut places = vec![
            format!("{origin}/.well-known/oauth-authorization-server{path}"),
            format!("{origin}/.well-known/openid-configuration{path}"),
        ];
        if !path.is_empty() {
            places.push(format!("{issuer}/.well-known/openid-configuration"));
        }
        for place in places {
            let Some(document) = self.document(&place, "token_endpoint").await else {
                continue;
            };
            let published = document["issuer"]
                .as_str()
                .ok_or("metadata without issuer")?;
            let slash =
                path.is_empty() && published.trim_end_matches('/') == issuer.trim_end_matches('/');
            let pinned = self.deviation.map(|d| self.expanded(d));
            if published != issuer
                && !slash
                && pinned != Some(format!("issuer {issuer} {published}"))
            {
                return Err("issuer mismatch".into());
            }
            for name in ["authorization_endpoint", "token_endpoint"] {
                let url = document[name].as_str().and_then(|u| Url::parse(u).ok());
                secure(&url.ok_or("no endpoint")?)?;
            }
            match document["code_challenge_methods_supported"].as_array() {
                None if self.deviation != Some(Deviation::AssumeS256) => {
                    return Err("PKCE is not advertised".into());
                }
                Some(list) if !list.contains(&json!("S256")) => {
                    return Err("S256 is not supported".into());
                }
                _ => return Ok(document),
            }
        }
        Err("no authorization server metadata".into())
    }

    /// A document with a certain member; anything else is not here.
    async fn document(&self, url: &str, member: &str) -> Option<Value> {
        let request = self.http.get(url).header("Accept", "application/json");
        let response = self.send(request).await.ok()?;
        if response.status != 200 {
            return None;
        }
        let document: Value = serde_json::from_str(&response.body).ok()?;
        document.get(member).is_some().then_some(document)
    }
}

fn secure(url: &Url) -> Outcome<()> {
    let loopback = matches!(url.host(), Some(Host::Ipv4(address)) if address.is_loopback());
    match url.scheme() == "https" || loopback {
        true => Ok(()),
        false => Err("plain http".into()),
    }
}
