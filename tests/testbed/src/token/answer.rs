//! How do the answers of the token endpoint look (RFC 6749 §5)?

use super::Issue;
use crate::behaviour::{ErrorForm, ScopeForm, TokenForm};
use crate::bench::Bench;
use crate::http::{Reply, Request};
use crate::refusal::Refusal;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// Issues the tokens. With `key`, the access token is bound to that.
pub(super) fn good(
    bench: &mut Bench,
    issuer: usize,
    request: &Request,
    issue: Issue,
    key: Option<String>,
) -> Reply {
    let rules = bench.behaviour.token.clone();
    let kind = key.as_ref().map_or("Bearer", |_| "DPoP");
    let access_token = bench
        .state
        .issue_access(issue.family, &issue.scope, key, rules.lifetime);
    let mut answer = Map::new();
    answer.insert("access_token".into(), access_token.into());
    answer.insert("token_type".into(), kind.into());
    answer.insert("expires_in".into(), rules.lifetime.into());
    if let Some(token) = issue.refresh_token {
        answer.insert("refresh_token".into(), token.into());
    }
    if !issue.scope.is_empty() {
        match rules.scope_form {
            ScopeForm::Spaces => answer.insert("scope".into(), issue.scope.join(" ").into()),
            ScopeForm::Commas => answer.insert("scope".into(), issue.scope.join(",").into()),
            ScopeForm::Array => answer.insert("scope".into(), issue.scope.into()),
            ScopeForm::Absent => None,
        };
    }
    if let Some(details) = &bench.state.families[issue.family].details {
        answer.insert("authorization_details".into(), details.clone());
    }
    let set = &rules.answer.set;
    answer.extend(
        bench
            .addresses
            .expand_members(&bench.behaviour, issuer, set),
    );
    answer.retain(|name, _| !rules.answer.unset.contains(name));
    let accepts_json = request
        .header("accept")
        .is_some_and(|a| a.contains("application/json"));
    let reply = match rules.form {
        TokenForm::Form => encoded(rules.status, &answer),
        TokenForm::FormUnlessJsonAccepted if !accepts_json => encoded(rules.status, &answer),
        TokenForm::Nested => Reply::json(rules.status, &json!({"ok": true, "authed_user": answer})),
        TokenForm::Json | TokenForm::FormUnlessJsonAccepted => {
            Reply::json(rules.status, &answer.into())
        }
    };
    reply.uncached()
}

fn encoded(status: u16, answer: &Map<String, Value>) -> Reply {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in answer {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        form.append_pair(name, &text);
    }
    let mut reply = Reply::empty(status).with("Content-Type", "application/x-www-form-urlencoded");
    reply.body = form.finish().into_bytes();
    reply
}

pub(super) fn bad(bench: &Bench, request: &Request, refusal: &Refusal) -> Reply {
    let Refusal { error, what, .. } = refusal;
    let oauth = json!({"error": error, "error_description": what});
    let reply = match bench.behaviour.token.errors {
        ErrorForm::Oauth => Reply::json(refusal.status, &oauth),
        ErrorForm::StatusOk => Reply::json(200, &oauth),
        ErrorForm::OkFalse => Reply::json(200, &json!({"ok": false, "error": error})),
        ErrorForm::Message(status) => Reply::json(status, &json!({"message": what})),
        ErrorForm::Text(status) => Reply::text(status, what),
    };
    // The scheme that was tried is named in the answer (RFC 6749 §5.2).
    match reply.status == 401 && request.header("authorization").is_some() {
        true => reply.with("WWW-Authenticate", "Basic").uncached(),
        false => reply.uncached(),
    }
}
