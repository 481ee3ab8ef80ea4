//! Which URL does a placeholder stand for?

use crate::behaviour::Behaviour;
use serde_json::{Map, Value};

/// Origins of the listeners, without a trailing slash.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) resource: String,
    pub(crate) authorization: [String; 2],
    pub(crate) identity_provider: String,
    pub(crate) dead: String,
}

impl Addresses {
    /// The origin at which an authorization server's issuer lives.
    pub(crate) fn issuer_origin(&self, behaviour: &Behaviour, issuer: usize) -> &str {
        if behaviour.server_metadata.at_mcp_origin && issuer == 0 {
            &self.resource
        } else {
            &self.authorization[issuer]
        }
    }

    /// An authorization server's own idea of its issuer identifier.
    pub(crate) fn issuer(&self, behaviour: &Behaviour, issuer: usize) -> String {
        let origin = self.issuer_origin(behaviour, issuer);
        format!("{origin}{}", behaviour.server_metadata.issuer_path)
    }

    /// The origin at which an authorization server's endpoints live.
    pub(crate) fn endpoint_origin(&self, behaviour: &Behaviour, issuer: usize) -> &str {
        if behaviour.server_metadata.endpoints_elsewhere {
            &self.authorization[1 - issuer]
        } else {
            self.issuer_origin(behaviour, issuer)
        }
    }

    /// Replaces the placeholders that `behaviour` documents, seen from one authorization server.
    pub(crate) fn expand(&self, behaviour: &Behaviour, issuer: usize, text: &str) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        let host = |origin: &str| origin.trim_start_matches("http://").to_owned();
        let metadata_path = behaviour.resource_metadata.served_at.first();
        let metadata_path = metadata_path.map_or("/.well-known/oauth-protected-resource", |p| p);
        text.replace("{published}", &behaviour.server_metadata.issuer)
            .replace("{issuer}", &self.issuer(behaviour, issuer))
            .replace("{issuer1}", &self.issuer(behaviour, 0))
            .replace("{issuer2}", &self.issuer(behaviour, 1))
            .replace("{prm}", &format!("{}{metadata_path}", self.resource))
            .replace("{mcp}", &format!("{}{}", self.resource, behaviour.mcp.path))
            .replace("{rs}", &self.resource)
            .replace("{rs_host}", &host(&self.resource))
            .replace("{as1}", &self.authorization[0])
            .replace("{as2}", &self.authorization[1])
            .replace("{as1_host}", &host(&self.authorization[0]))
            .replace("{as2_host}", &host(&self.authorization[1]))
            .replace("{idp}", &self.identity_provider)
            .replace("{dead}", &self.dead)
    }

    /// Replaces the placeholders in all strings of a JSON value.
    pub(crate) fn expand_json(&self, behaviour: &Behaviour, issuer: usize, value: &Value) -> Value {
        match value {
            Value::String(text) => self.expand(behaviour, issuer, text).into(),
            Value::Array(items) => items
                .iter()
                .map(|item| self.expand_json(behaviour, issuer, item))
                .collect(),
            Value::Object(members) => self.expand_members(behaviour, issuer, members).into(),
            other => other.clone(),
        }
    }

    /// Replaces the placeholders in all strings of a JSON object.
    pub(crate) fn expand_members(
        &self,
        behaviour: &Behaviour,
        issuer: usize,
        members: &Map<String, Value>,
    ) -> Map<String, Value> {
        let expanded = |value| self.expand_json(behaviour, issuer, value);
        members
            .iter()
            .map(|(name, value)| (name.clone(), expanded(value)))
            .collect()
    }
}
