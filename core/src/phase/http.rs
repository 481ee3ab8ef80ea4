//! How are requests put together, and answers sorted?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::action::{
    Header, HeaderValue, HttpRequest, Limits, Method, Purpose, RedirectRule, Task,
};
use crate::client::{Client, ClientAuth};
use crate::event::HttpResponse;
use crate::limits::{MAX_BODY_BYTES, MAX_RETRY_AFTER_MS, REQUEST_TIMEOUT_MS};
use crate::secret::Secret;
use crate::shared::Shared;
use crate::time::Timestamp;
use crate::uri::HttpUrl;
use crate::wire::form;

const ACCEPT_JSON: Header = Header {
    name: "accept",
    value: HeaderValue::Static("application/json"),
};

/// A discovery request: nothing in it identifies the user (PRM-21).
pub(super) fn get(url: &HttpUrl, purpose: Purpose, shared: &Shared) -> Task {
    let version = Header {
        name: "mcp-protocol-version",
        value: HeaderValue::Shared(shared.config.protocol_version.clone()),
    };
    request(Method::Get, url, purpose, shared, None, version, None)
}

/// A request with a body.
pub(super) fn post(
    url: &HttpUrl,
    purpose: Purpose,
    shared: &Shared,
    media_type: &'static str,
    body: Secret,
    authorization: Option<Secret>,
) -> Task {
    let content_type = Header {
        name: "content-type",
        value: HeaderValue::Static(media_type),
    };
    let body = Some(body);
    request(
        Method::Post,
        url,
        purpose,
        shared,
        body,
        content_type,
        authorization,
    )
}

fn request(
    method: Method,
    url: &HttpUrl,
    purpose: Purpose,
    shared: &Shared,
    body: Option<Secret>,
    further: Header,
    authorization: Option<Secret>,
) -> Task {
    let user_agent = Header {
        name: "user-agent",
        value: HeaderValue::Shared(shared.config.user_agent.clone()),
    };
    let mut headers = Vec::with_capacity(4);
    headers.extend([ACCEPT_JSON, user_agent, further]);
    headers.extend(authorization.map(|value| Header {
        name: "authorization",
        value: HeaderValue::Secret(value),
    }));
    Task::Http(HttpRequest {
        method,
        url: url.clone(),
        headers,
        body,
        limits: Limits {
            max_body_bytes: MAX_BODY_BYTES,
            timeout_ms: REQUEST_TIMEOUT_MS,
        },
        reach: shared.config.reach,
        redirects: RedirectRule::HandBack,
        purpose,
    })
}

/// A request to the token endpoint: the parameters of the grant, the configured ones, and the client's authentication in
/// exactly one way (RFC 6749 §2.3).
pub(super) fn token_request(
    url: &HttpUrl,
    purpose: Purpose,
    shared: &Shared,
    client: &Client,
    parameters: &[(&str, &str)],
) -> Task {
    let further = &shared.config.settings.token_parameters;
    let secret = match &client.auth {
        ClientAuth::Post(secret) => Some(secret),
        ClientAuth::None | ClientAuth::Basic(_) | ClientAuth::BasicUnencoded(_) => None,
    };
    let in_body = matches!(client.auth, ClientAuth::None | ClientAuth::Post(_));
    let id = in_body.then_some(("client_id", &*client.id));
    let secret = secret.map(|secret| ("client_secret", secret.expose()));
    let further = further.iter().map(|(name, value)| (&**name, &**value));
    let pairs = parameters
        .iter()
        .copied()
        .chain(id)
        .chain(secret)
        .chain(further);
    let body = form::encode(&[], pairs);
    let authorization = match &client.auth {
        ClientAuth::Basic(secret) => {
            let id = form::encode_component(&client.id);
            let secret = Zeroizing::new(form::encode_component(secret.expose()));
            Some(basic(&id, &secret))
        }
        ClientAuth::BasicUnencoded(secret) => Some(basic(&client.id, secret.expose())),
        ClientAuth::None | ClientAuth::Post(_) => None,
    };
    post(
        url,
        purpose,
        shared,
        "application/x-www-form-urlencoded",
        Secret::new(body),
        authorization,
    )
}

fn basic(id: &str, secret: &str) -> Secret {
    let pair = Zeroizing::new(format!("{id}:{secret}"));
    let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    Secret::new(format!("Basic {}", *encoded))
}

/// What an answer that is not a success means for whoever would try again.
pub(super) enum Trouble {
    /// A redirect, where none is allowed.
    Redirect,
    /// 429, or 503 with a time: come back later.
    Throttled,
    /// 5xx: a passing fault.
    Unavailable,
    /// Refused for good.
    Refused,
}

impl Trouble {
    /// Sorts a status; `None` for 2xx.
    pub(super) const fn of(status: u16) -> Option<Self> {
        match status {
            200..=299 => None,
            300..=399 => Some(Self::Redirect),
            429 => Some(Self::Throttled),
            408 | 425 | 500..=599 => Some(Self::Unavailable),
            _ => Some(Self::Refused),
        }
    }
}

/// Milliseconds that `Retry-After` asks for (RFC 9110 §10.2.3), at most an hour. The date form is rare, and the host's
/// clock need not agree with the server's: it counts as absent.
pub(super) fn retry_after(response: &HttpResponse<'_>) -> Option<u64> {
    let seconds: u64 = response.header("retry-after")?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1000).min(MAX_RETRY_AFTER_MS))
}

/// When an answer allows another try.
pub(super) fn retry_at(now: Timestamp, wait_ms: Option<u64>) -> Timestamp {
    now.after(wait_ms.unwrap_or(crate::error::DEFAULT_RETRY_MS))
}
