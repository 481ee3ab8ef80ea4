//! How does a sign-in go that the server grants without asking a person?

use mcp_oauth_core::{HttpUrl, Limits, OpenUrl, RedirectUri, Refusal, Secret, UrlFault};

use super::needs_user::reserve;
use super::{AgentFuture, Callback, Opened, Redirect, UserAgent};
use crate::http::{Network, NetworkReply};

/// Follows the redirects of the authorization server itself until one leads to the redirect URI. No cookies, no scripts, no
/// forms: where a page is shown, a person is needed, and the flow ends with
/// [`Error::NeedsUser`](crate::Error::NeedsUser).
#[derive(Clone, Copy, Debug, Default)]
pub struct Headless;

/// The most pages on the way.
const MAX_HOPS: usize = 10;

const LIMITS: Limits = Limits {
    max_body_bytes: 1024 * 1024,
    timeout_ms: 20_000,
};

impl Headless {
    /// A user agent without a user.
    pub fn new() -> Self {
        Self
    }
}

impl UserAgent for Headless {
    fn bind<'a>(&'a self, preferred: &'a str) -> AgentFuture<'a, Redirect> {
        Box::pin(async { reserve(preferred) })
    }

    fn open<'a>(&'a self, request: &'a OpenUrl, network: &'a Network) -> AgentFuture<'a, Opened> {
        Box::pin(follow(request, network))
    }
}

async fn follow(request: &OpenUrl, network: &Network) -> Result<Opened, Refusal> {
    let home = RedirectUri::parse(&request.redirect_uri, true).map_err(|_| Refusal::Unable)?;
    let mut url =
        HttpUrl::parse(request.url.expose(), network.reach()).map_err(|_| Refusal::Unable)?;
    for _ in 0..MAX_HOPS {
        let reply = network
            .get(&url, LIMITS)
            .await
            .map_err(|_| Refusal::Unable)?;
        let location = location(&reply).ok_or(Refusal::NeedsUser)?;
        let target = resolve(&url, location).ok_or(Refusal::Unable)?;
        if home.accepts_callback(&target).is_some() {
            return Ok(Opened::CameBack(Callback::Url(Secret::new(target))));
        }
        url = HttpUrl::parse(&target, network.reach()).map_err(|fault| match fault {
            // Somebody else's application, which is not here.
            UrlFault::Scheme => Refusal::NeedsUser,
            _ => Refusal::Unable,
        })?;
    }
    Err(Refusal::Unable)
}

fn location(reply: &NetworkReply) -> Option<&str> {
    if !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let named = |(name, _): &&(Box<str>, Box<[u8]>)| name.eq_ignore_ascii_case("location");
    let (_, value) = reply.headers.iter().find(named)?;
    std::str::from_utf8(value).ok()
}

/// RFC 9110 §10.2.2. An absolute location is kept as it was sent: `state` and `iss` are compared byte for byte.
fn resolve(base: &HttpUrl, location: &str) -> Option<String> {
    match url::Url::parse(location) {
        Ok(_) => Some(location.to_owned()),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            let base = url::Url::parse(base.as_str()).ok()?;
            Some(base.join(location).ok()?.into())
        }
        Err(_) => None,
    }
}
