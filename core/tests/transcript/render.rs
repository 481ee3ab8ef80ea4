//! How is what the machine wants written down?

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth_core::*;
use serde_json::{Map, Value, json};

/// `CamelCase` as `snake_case`.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

pub(crate) fn next(next: Next<'_>) -> Value {
    match next {
        Next::Rest(Verdict::Failed(failure)) => {
            let mut shown = json!({
                "code": failure.code().as_str(),
                "stage": failure.stage().as_str(),
                "advice": failure.advice().as_str(),
                "text": failure.to_string(),
            });
            if let Advice::RetryAfter(millis) = failure.advice() {
                shown["retry_after_ms"] = json!(millis);
            }
            json!({ "rest": { "failed": shown } })
        }
        Next::Rest(verdict) => json!({ "rest": snake(&format!("{verdict:?}")) }),
        Next::Do(action) => {
            let mut shown = task(&action.task);
            shown["id"] = json!(action.id.get());
            shown
        }
    }
}

fn task(task: &Task) -> Value {
    match task {
        Task::Http(request) => {
            let headers: Map<String, Value> = request
                .headers
                .iter()
                .map(|header| (header.name.to_owned(), json!(header.value.expose())))
                .collect();
            let mut shown = json!({
                "purpose": request.purpose.as_str(),
                "method": request.method.as_str(),
                "url": request.url.as_str(),
                "headers": headers,
                "reach": snake(&format!("{:?}", request.reach)),
            });
            if let Some(body) = &request.body {
                shown["body"] = json!(body.expose());
            }
            json!({ "http": shown })
        }
        Task::BindRedirect { preferred } => json!({ "bind_redirect": preferred }),
        Task::OpenUrl(open) => json!({ "open_url": {
            "url": open.url.expose(),
            "redirect_uri": &*open.redirect_uri,
            "issuer": open.issuer.as_str(),
            "scopes": open.scopes.as_str(),
            "new_scopes": open.new_scopes.as_str(),
        }}),
        Task::AskForClient {
            issuer,
            redirect_uri,
        } => json!({ "ask_for_client": {
            "issuer": issuer.as_str(),
            "redirect_uri": redirect_uri,
        }}),
        Task::Wait { until } => json!({ "wait": until.as_millis() }),
        Task::Sign(request) => json!({ "sign": sign(request) }),
        Task::FetchAssertion(request) => json!({ "fetch_assertion": {
            "purpose": request.purpose.as_str(),
            "issuer": request.issuer.as_str(),
            "audience": request.audience,
            "renew": request.renew,
        }}),
        Task::ShowCode(code) => {
            let mut shown = json!({
                "user_code": code.user_code,
                "verification_uri": code.verification_uri.as_str(),
                "issuer": code.issuer.as_str(),
                "scopes": code.scopes.as_str(),
                "expires_at": code.expires_at.as_millis(),
                "until": code.until.as_millis(),
            });
            if let Some(complete) = &code.verification_uri_complete {
                shown["verification_uri_complete"] = json!(complete.as_str());
            }
            json!({ "show_code": shown })
        }
        Task::Store(StoreOp::Load { key }) => json!({ "load": key.as_str() }),
        Task::Store(StoreOp::Delete { key, expected }) => json!({ "delete": {
            "key": key.as_str(),
            "expected": expected,
        }}),
        Task::Store(StoreOp::Save {
            key,
            expected,
            generation,
            record,
            expires_at,
        }) => {
            let mut shown = json!({
                "key": key.as_str(),
                "expected": expected,
                "generation": generation,
            });
            if let Some(at) = expires_at {
                shown["expires_at"] = json!(at.as_millis());
            }
            if key.slot() == Slot::Grant {
                shown["record"] =
                    serde_json::from_slice(record.expose()).expect("a record is JSON");
            }
            json!({ "save": shown })
        }
    }
}

/// What is to be signed, with both parts of the input as the JSON that they are.
pub(crate) fn sign(request: &SignRequest) -> Value {
    let part = |number| {
        let part = request.input.expose().split('.').nth(number);
        let bytes = URL_SAFE_NO_PAD.decode(part.expect("two parts"));
        serde_json::from_slice::<Value>(&bytes.expect("base64url")).expect("JSON")
    };
    let mut shown = json!({
        "purpose": request.purpose.as_str(),
        "algorithm": request.algorithm.as_str(),
        "thumbprint": &*request.thumbprint,
        "issuer": request.issuer.as_str(),
        "header": part(0),
        "claims": part(1),
    });
    if let Some(key_id) = &request.key_id {
        shown["key_id"] = json!(&**key_id);
    }
    shown
}

/// A transcript as it stands in its file: small values on one line, so that a step is seen at a glance.
pub(crate) fn file(file: &Map<String, Value>) -> String {
    let order = [
        "proves",
        "requirements",
        "settings",
        "account",
        "seed",
        "refused",
        "steps",
    ];
    let mut out = String::from("{\n");
    let members: Vec<_> = order
        .into_iter()
        .filter_map(|name| file.get(name).map(|value| (name, value)))
        .collect();
    for (position, (name, value)) in members.iter().enumerate() {
        out.push_str(&format!("  {}: ", json!(name)));
        write(value, 1, &mut out);
        out.push_str(if position + 1 < members.len() {
            ",\n"
        } else {
            "\n"
        });
    }
    out.push_str("}\n");
    out
}

/// Members of a step and of an action in the order in which one reads them.
const ORDER: &[&str] = &[
    "after",
    "id",
    "event",
    "outcome",
    "trace",
    "next",
    "purpose",
    "method",
    "url",
    "status",
    "key",
    "expected",
    "generation",
];

fn write(value: &Value, depth: usize, out: &mut String) {
    let line = value.to_string();
    let fits = line.len() + depth * 2 <= 110;
    let indent = "  ".repeat(depth + 1);
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(name, _)| {
                ORDER
                    .iter()
                    .position(|known| known == name)
                    .unwrap_or(ORDER.len())
            });
            let is_step = map.contains_key("event");
            if fits && !is_step {
                let parts: Vec<_> = members
                    .iter()
                    .map(|(name, item)| {
                        let mut text = format!("{}: ", json!(name));
                        write(item, depth + 1, &mut text);
                        text
                    })
                    .collect();
                out.push_str(&format!("{{ {} }}", parts.join(", ")));
                return;
            }
            out.push_str("{\n");
            for (position, (name, item)) in members.iter().enumerate() {
                out.push_str(&format!("{indent}{}: ", json!(name)));
                write(item, depth + 1, out);
                out.push_str(if position + 1 < members.len() {
                    ",\n"
                } else {
                    "\n"
                });
            }
            out.push_str(&format!("{}}}", "  ".repeat(depth)));
        }
        Value::Array(list)
            if list.iter().any(|item| item.get("event").is_some())
                || !(list.is_empty() || fits) =>
        {
            out.push_str("[\n");
            for (position, item) in list.iter().enumerate() {
                out.push_str(&indent);
                write(item, depth + 1, out);
                out.push_str(if position + 1 < list.len() {
                    ",\n"
                } else {
                    "\n"
                });
            }
            out.push_str(&format!("{}]", "  ".repeat(depth)));
        }
        _ => out.push_str(&line),
    }
}
