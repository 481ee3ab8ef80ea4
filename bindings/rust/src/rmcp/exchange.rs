//! How is one request sent: with which token, past which redirects, and how often?

use std::collections::HashMap;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
    WWW_AUTHENTICATE,
};
use reqwest::{Method, Response, StatusCode, Url};
use rmcp::transport::streamable_http_client::StreamableHttpError;

use super::{AuthorizedClient, RequestError};
use crate::{Challenged, Error, Recovery, Token};

/// How often one request is repeated after a refusal. The authorizer gives up earlier by itself; this is for a server and
/// an authorizer that disagree for ever.
const MAX_REPEATS: usize = 8;

/// How many redirects one request follows.
const MAX_REDIRECTS: usize = 5;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const PROOF: HeaderName = HeaderName::from_static("dpop");
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// A request that can be sent any number of times.
pub(super) struct Outgoing {
    method: Method,
    headers: HeaderMap,
    body: Option<Bytes>,
}

/// What to do about a 401 or 403.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnRefusal {
    /// Get authorized, and repeat the request.
    Recover,
    /// Take it as the answer.
    HandBack,
}

impl Outgoing {
    /// A request with the headers that the caller of `rmcp` wants on each. Those that this client sets itself are
    /// refused, as `rmcp`'s own client does, and so is a bearer token beside the authorizer's.
    pub(super) fn new(
        method: Method,
        auth_header: Option<String>,
        custom: HashMap<HeaderName, HeaderValue>,
    ) -> super::Result<Self> {
        let reserved = [
            ACCEPT,
            AUTHORIZATION,
            CONTENT_TYPE,
            SESSION,
            LAST_EVENT,
            PROOF,
        ];
        let conflict = match auth_header {
            Some(_) => Some(&AUTHORIZATION),
            None => custom.keys().find(|name| reserved.contains(name)),
        };
        if let Some(name) = conflict {
            return Err(StreamableHttpError::ReservedHeaderConflict(
                name.to_string(),
            ));
        }
        Ok(Self {
            method,
            headers: custom.into_iter().collect(),
            body: None,
        })
    }

    pub(super) fn header(&mut self, name: HeaderName, value: &str) -> super::Result<()> {
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            StreamableHttpError::UnexpectedServerResponse(
                format!("the server's value for {name} cannot be sent back").into(),
            )
        })?;
        self.headers.insert(name, value);
        Ok(())
    }

    pub(super) fn session(&mut self, id: Option<&str>) -> super::Result<()> {
        id.map_or(Ok(()), |id| self.header(SESSION, id))
    }

    pub(super) fn body(&mut self, body: Vec<u8>) {
        self.body = Some(body.into());
    }
}

impl AuthorizedClient {
    /// Sends a request and returns the first answer that is neither a redirect nor, with [`OnRefusal::Recover`], a demand
    /// for authorization.
    pub(super) async fn send(
        &self,
        url: &str,
        request: &Outgoing,
        on_refusal: OnRefusal,
    ) -> Result<Response, RequestError> {
        let mut url = Url::parse(url).map_err(|_| RequestError::Unsendable("URL"))?;
        let (mut repeats, mut redirects) = (0, 0);
        loop {
            // Asked for anew each time: a redirect may have left the resource that the token is for.
            let token = self
                .authorizer
                .token(request.method.as_str(), url.as_str())
                .await
                .map_err(|error| self.failed(error))?;
            let response = self.send_once(&url, request, token.as_ref()).await?;
            match response.status() {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                    if on_refusal == OnRefusal::Recover =>
                {
                    let challenged = challenged(&response, token);
                    match self.authorizer.recover(challenged).await {
                        Ok(Recovery::Retry) => {}
                        Ok(Recovery::NotAuthorization) => return Ok(response),
                        Err(error) => return Err(self.failed(error)),
                    }
                    if repeats == MAX_REPEATS {
                        return Err(RequestError::StillRefused);
                    }
                    repeats += 1;
                }
                status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                    let target = redirect(&url, &response, redirects)?;
                    redirects += 1;
                    url = target;
                }
                _ => return Ok(response),
            }
        }
    }

    async fn send_once(
        &self,
        url: &Url,
        request: &Outgoing,
        token: Option<&Token>,
    ) -> Result<Response, RequestError> {
        let mut builder = self
            .http
            .request(request.method.clone(), url.clone())
            .headers(request.headers.clone());
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.header().expose())
                .map_err(|_| RequestError::Unsendable("token"))?;
            value.set_sensitive(true);
            builder = builder.header(AUTHORIZATION, value);
            if let Some(proof) = token.proof() {
                let mut value = HeaderValue::from_str(proof.expose())
                    .map_err(|_| RequestError::Unsendable("proof"))?;
                value.set_sensitive(true);
                builder = builder.header(PROOF, value);
            }
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let response = builder.send().await?;
        if let Some(nonce) = response.headers().get(NONCE) {
            self.authorizer.take_nonce(nonce.as_bytes());
        }
        Ok(response)
    }

    fn failed(&self, error: Error) -> RequestError {
        self.remember(&error);
        RequestError::Authorization(error)
    }
}

/// What the authorizer wants to know about a refusal: every `WWW-Authenticate` line, as received.
fn challenged(response: &Response, token: Option<Token>) -> Challenged {
    let lines = response.headers().get_all(WWW_AUTHENTICATE);
    Challenged {
        status: response.status().as_u16(),
        www_authenticate: lines.iter().map(|line| line.as_bytes().to_vec()).collect(),
        generation: token.map(|token| token.generation()),
    }
}

/// Where a redirect leads, if it is one that keeps method and body and stays within the origin: elsewhere, session id,
/// message and whatever headers the caller set would go to a server that nobody chose.
fn redirect(from: &Url, response: &Response, followed: usize) -> Result<Url, RequestError> {
    let target = response
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| from.join(location).ok());
    let kept = matches!(
        response.status(),
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
    );
    match target {
        Some(url)
            if kept
                && followed < MAX_REDIRECTS
                && url.origin() == from.origin()
                // It would become an `Authorization` header of the server's choosing.
                && url.username().is_empty()
                && url.password().is_none() =>
        {
            Ok(url)
        }
        target => Err(RequestError::Redirected(
            target.map(|url| url.origin().ascii_serialization()),
        )),
    }
}
