//! How are requests put together, and answers sorted?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::action::{
    Header, HeaderValue, HttpRequest, Limits, Method, Purpose, RedirectRule, Task,
};
use crate::client::{Client, ClientAuth};
use crate::error::{Code, Failure, Stage};
use crate::event::HttpResponse;
use crate::input::HttpAnswer;
use crate::limits::{MAX_BODY_BYTES, MAX_RETRY_AFTER_MS, REQUEST_TIMEOUT_MS};
use crate::phase::prove::Proofs;
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
    request(
        Method::Get,
        url,
        purpose,
        shared,
        None,
        version,
        [None, None],
    )
}

/// A request with a body.
pub(super) fn post(
    url: &HttpUrl,
    purpose: Purpose,
    shared: &Shared,
    media_type: &'static str,
    body: Secret,
    credentials: [Option<Header>; 2],
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
        credentials,
    )
}

fn request(
    method: Method,
    url: &HttpUrl,
    purpose: Purpose,
    shared: &Shared,
    body: Option<Secret>,
    further: Header,
    credentials: [Option<Header>; 2],
) -> Task {
    let user_agent = Header {
        name: "user-agent",
        value: HeaderValue::Shared(shared.config.user_agent.clone()),
    };
    let mut headers = Vec::with_capacity(4);
    headers.extend([ACCEPT_JSON, user_agent, further]);
    headers.extend(credentials.into_iter().flatten());
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

/// A request that a client makes to its authorization server.
pub(super) struct ClientRequest<'a> {
    pub(super) url: &'a HttpUrl,
    pub(super) purpose: Purpose,
    pub(super) client: &'a Client,
    /// Of the flow.
    pub(super) parameters: &'a [(&'a str, &'a str)],
    /// Of the configuration.
    pub(super) further: &'a [(String, String)],
    pub(super) proofs: &'a Proofs,
}

/// A request with the client's authentication in exactly one way (RFC 6749 §2.3, RFC 7523 §2.2).
pub(super) fn client_request(request: ClientRequest<'_>, shared: &Shared) -> Task {
    let ClientRequest { client, proofs, .. } = request;
    let secret = match &client.auth {
        ClientAuth::Post(secret) => Some(("client_secret", secret.expose())),
        _ => None,
    };
    let in_header = matches!(
        client.auth,
        ClientAuth::Basic(_) | ClientAuth::BasicUnencoded(_)
    );
    // An assertion names the client, and may be all that there is (RFC 7521 §4.2); most servers look for the name all the
    // same.
    let id = (!in_header && !client.id.is_empty()).then_some(("client_id", &*client.id));
    let assertion = proofs.assertion.iter().flat_map(|assertion| {
        [
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion.expose()),
        ]
    });
    let further = request.further.iter();
    let further = further.map(|(name, value)| (&**name, &**value));
    let pairs = request
        .parameters
        .iter()
        .copied()
        .chain(id)
        .chain(secret)
        .chain(assertion)
        .chain(further);
    let body = form::encode(&[], pairs);
    let authorization = match &client.auth {
        ClientAuth::Basic(secret) => {
            let id = form::encode_component(&client.id);
            let secret = Zeroizing::new(form::encode_component(secret.expose()));
            Some(basic(&id, &secret))
        }
        ClientAuth::BasicUnencoded(secret) => Some(basic(&client.id, secret.expose())),
        ClientAuth::None | ClientAuth::Post(_) | ClientAuth::PrivateKeyJwt => None,
    };
    let proof = proofs.possession.clone();
    post(
        request.url,
        request.purpose,
        shared,
        "application/x-www-form-urlencoded",
        Secret::new(body),
        [
            authorization.map(|value| credential("authorization", value)),
            proof.map(|value| credential("dpop", value)),
        ],
    )
}

/// A header field that carries a credential.
pub(super) const fn credential(name: &'static str, value: Secret) -> Header {
    Header {
        name,
        value: HeaderValue::Secret(value),
    }
}

fn basic(id: &str, secret: &str) -> Secret {
    let pair = Zeroizing::new(format!("{id}:{secret}"));
    let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    Secret::new(format!("Basic {}", *encoded))
}

/// The answer to a request that may be made again later: without one, or with a redirect, the flow fails.
pub(super) fn arrived(
    answer: HttpAnswer<'_>,
    stage: Stage,
    unavailable: Code,
) -> Result<HttpResponse<'_>, Failure> {
    let failure = |code| Failure::new(code, stage);
    let response = answer.map_err(|cause| failure(unavailable).about(cause.as_str()))?;
    match Trouble::of(response.status) {
        Some(Trouble::Redirect) => {
            Err(failure(Code::UnexpectedRedirect).with_status(response.status))
        }
        _ => Ok(response),
    }
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
