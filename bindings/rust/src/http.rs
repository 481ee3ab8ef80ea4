//! How is one request sent within its limits?
//!
//! Redirects are handed back, no cookie is kept, no content encoding is asked for, TLS is always verified, and no
//! connection is used twice, so that nothing is ever sent a second time. Proxy settings of the environment are not
//! followed: behind a proxy nobody could tell which address is reached.

mod fault;
mod resolve;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use mcp_oauth_core::{
    Cause, Header, HeaderValue, HttpRequest, HttpUrl, Limits, Method, Reach, RedirectRule, Secret,
};
use reqwest::header;
use zeroize::Zeroizing;

use fault::cause_of;
use resolve::Checked;

/// The network as far as a flow may use it: bounded, and only to addresses within its reach.
pub struct Network {
    reach: Reach,
    clients: [OnceLock<Result<reqwest::Client, Cause>>; 2],
}

/// An answer, whole.
pub struct NetworkReply {
    /// The status code.
    pub status: u16,
    /// Header fields as received.
    pub headers: Vec<(Box<str>, Box<[u8]>)>,
    /// The body, within the limit of its request.
    pub body: Zeroizing<Vec<u8>>,
}

impl Network {
    /// The network within this reach.
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            clients: Default::default(),
        }
    }

    /// The addresses that may be reached.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Asks for a page with `GET`, and with nothing in the request that identifies anyone. A redirect is handed back.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn get(&self, url: &HttpUrl, limits: Limits) -> Result<NetworkReply, Cause> {
        let text = |name, value| Header {
            name,
            value: HeaderValue::Static(value),
        };
        let headers = [
            text("accept", "text/html, */*;q=0.1"),
            text(
                "user-agent",
                concat!("mcp-oauth-host/", env!("CARGO_PKG_VERSION")),
            ),
        ];
        self.exchange(Method::Get, url, &headers, None, limits)
            .await
    }

    /// Sends a request of the machine, whose reach must be this network's.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn send(&self, request: &HttpRequest) -> Result<NetworkReply, Cause> {
        debug_assert_eq!(request.redirects, RedirectRule::HandBack);
        debug_assert_eq!(request.reach, self.reach);
        let body = request.body.as_ref();
        self.exchange(
            request.method,
            &request.url,
            &request.headers,
            body,
            request.limits,
        )
        .await
    }

    async fn exchange(
        &self,
        method: Method,
        url: &HttpUrl,
        headers: &[Header],
        body: Option<&Secret>,
        limits: Limits,
    ) -> Result<NetworkReply, Cause> {
        let exchange = async {
            let request = self.request(method, url, headers, body)?;
            let response = request.send().await.map_err(|error| cause_of(&error))?;
            receive(response, limits.max_body_bytes).await
        };
        tokio::time::timeout(Duration::from_millis(limits.timeout_ms), exchange)
            .await
            .unwrap_or(Err(Cause::Timeout))
    }

    fn request(
        &self,
        method: Method,
        url: &HttpUrl,
        headers: &[Header],
        body: Option<&Secret>,
    ) -> Result<reqwest::RequestBuilder, Cause> {
        let target = reqwest::Url::parse(url.as_str()).map_err(|_| Cause::Connect)?;
        // An address in the URL itself never gets to the resolver.
        let literal = match target.host() {
            Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(url::Host::Domain(_)) => None,
            None => return Err(Cause::Connect),
        };
        if literal.is_some_and(|address| !self.reach.allows_address(address)) {
            return Err(Cause::Blocked);
        }
        let method = match method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut request = self.client(url.is_https())?.request(method, target);
        for Header { name, value } in headers {
            let mut field =
                header::HeaderValue::from_str(value.expose()).map_err(|_| Cause::Connect)?;
            field.set_sensitive(value.is_secret());
            request = request.header(*name, field);
        }
        Ok(match body {
            Some(body) => request.body(wiped(body)),
            None => request,
        })
    }

    /// Made when first needed: reading the platform's certificates takes time, and plain http on loopback needs none.
    fn client(&self, tls: bool) -> Result<&reqwest::Client, Cause> {
        self.clients[usize::from(tls)]
            .get_or_init(|| client(self.reach, tls))
            .as_ref()
            .map_err(|cause| *cause)
    }
}

fn client(reach: Reach, tls: bool) -> Result<reqwest::Client, Cause> {
    let trust = if tls { platform_trust() } else { no_trust() };
    reqwest::Client::builder()
        .tls_backend_preconfigured(trust.map_err(|_| Cause::Tls)?)
        .dns_resolver(Checked(reach))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|_| Cause::Tls)
}

/// The certificates that this platform trusts. A platform without any, such as a bare container, trusts nobody: plain http
/// on loopback still works there.
pub(crate) fn platform_trust() -> Result<rustls::ClientConfig, rustls::Error> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    match with_ring()?.with_platform_verifier() {
        Ok(trusting) => Ok(trusting.with_no_client_auth()),
        Err(_) => no_trust(),
    }
}

/// For plain http alone: trusts nobody, so that nothing else could come of it.
fn no_trust() -> Result<rustls::ClientConfig, rustls::Error> {
    let nobody = rustls::RootCertStore::empty();
    Ok(with_ring()?
        .with_root_certificates(nobody)
        .with_no_client_auth())
}

fn with_ring()
-> Result<rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    let ring = rustls::crypto::ring::default_provider();
    rustls::ClientConfig::builder_with_provider(ring.into()).with_safe_default_protocol_versions()
}

/// A body that is wiped once it has been sent.
fn wiped(body: &Secret) -> bytes::Bytes {
    bytes::Bytes::from_owner(Zeroizing::new(body.expose().as_bytes().to_vec()))
}

async fn receive(mut response: reqwest::Response, most: usize) -> Result<NetworkReply, Cause> {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().into(), value.as_bytes().into()))
        .collect();
    if response
        .content_length()
        .is_some_and(|length| length > most as u64)
    {
        return Err(Cause::TooLarge);
    }
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|_| Cause::Interrupted)? {
        let length = body.len() + chunk.len();
        if length > most {
            return Err(Cause::TooLarge);
        }
        if length > body.capacity() {
            // Grown by hand: a copy left behind by `Vec` is one that nobody wipes.
            let mut larger =
                Zeroizing::new(Vec::with_capacity(most.min(length.next_power_of_two())));
            larger.extend_from_slice(&body);
            body = larger;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(NetworkReply {
        status,
        headers,
        body,
    })
}
