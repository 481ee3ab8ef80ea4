//! What does an HTTP answer mean to `rmcp`?

use futures::stream::BoxStream;
use mcp_oauth_core::wire::text::ServerText;
use reqwest::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorData, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, HttpStatusError, SseError, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::Sse;

use super::{RequestError, Result, events};

/// The most bytes of a JSON answer.
const MAX_JSON_BYTES: usize = 16 << 20;

/// The most bytes of an answer that is an error.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// The answer to a message.
pub(super) async fn to_post(
    response: Response,
    message: &ClientJsonRpcMessage,
    session_attached: bool,
    max_event_bytes: usize,
) -> Result<StreamableHttpPostResponse> {
    let status = response.status();
    if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
        return Ok(StreamableHttpPostResponse::Accepted);
    }
    if status == StatusCode::NOT_FOUND && session_attached {
        return Err(StreamableHttpError::SessionExpired);
    }
    if !status.is_success() {
        return refused(response, message, session_attached).await;
    }
    let session = response
        .headers()
        .get(HeaderName::from_static("mcp-session-id"))
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    let wants_answer = matches!(message, ClientJsonRpcMessage::Request(_));
    match Media::of(&response) {
        Media::EventStream => Ok(StreamableHttpPostResponse::Sse(
            events::of(response, max_event_bytes),
            session,
        )),
        Media::Json => {
            let body = read(response, MAX_JSON_BYTES).await?;
            match serde_json::from_slice(&body) {
                Ok(answer) => Ok(StreamableHttpPostResponse::Json(answer, session)),
                Err(_) if !wants_answer => Ok(StreamableHttpPostResponse::Accepted),
                Err(problem) => Err(StreamableHttpError::UnexpectedServerResponse(
                    format!(
                        "not a JSON-RPC message ({problem}): {}",
                        ServerText::from_bytes(&body)
                    )
                    .into(),
                )),
            }
        }
        // Some servers answer 200 with nothing where the transport asks for 202.
        Media::Other(_) if !wants_answer => Ok(StreamableHttpPostResponse::Accepted),
        Media::Other(kind) => Err(StreamableHttpError::UnexpectedContentType(kind)),
    }
}

/// The answer to a message, if its status says that something went wrong.
async fn refused(
    response: Response,
    message: &ClientJsonRpcMessage,
    session_attached: bool,
) -> Result<StreamableHttpPostResponse> {
    let status = response.status();
    let is_json = matches!(Media::of(&response), Media::Json);
    // 401 and 403 keep their status: an authorizer has looked at them, and they are not about authorization.
    let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let overload = match overload(&response) {
        Some(overload) if !is_json || status == StatusCode::TOO_MANY_REQUESTS => {
            return Err(overload.into());
        }
        overload => overload,
    };
    let body = match (read(response, MAX_ERROR_BYTES).await, overload.is_some()) {
        (Err(_), true) => Vec::new(),
        (body, _) => body?,
    };
    let error = match serde_json::from_slice(&body) {
        Ok(ServerJsonRpcMessage::Error(error)) => Some(error),
        _ => None,
    };
    if let (ClientJsonRpcMessage::Request(request), false) = (message, session_attached)
        && matches!(request.request, ClientRequest::DiscoverRequest(_))
        && status.is_client_error()
        && !denied
    {
        // A server older than `server/discover` refuses it in words of its own and without its id; `rmcp` falls back to
        // `initialize` only for an error that it can tell belongs to the request.
        let error = error.map_or_else(
            || ErrorData::invalid_request(unexpected(status, &body), None),
            |error| error.error,
        );
        return Ok(StreamableHttpPostResponse::Json(
            ServerJsonRpcMessage::error(error, Some(request.id.clone())),
            None,
        ));
    }
    match (error, overload) {
        (Some(error), _) if is_json && !denied => Ok(StreamableHttpPostResponse::Json(
            ServerJsonRpcMessage::Error(error),
            None,
        )),
        (_, Some(overload)) => Err(overload.into()),
        _ => Err(StreamableHttpError::UnexpectedServerResponse(
            unexpected(status, &body).into(),
        )),
    }
}

/// The answer to a request for an event stream.
pub(super) async fn to_get(
    response: Response,
    max_event_bytes: usize,
) -> Result<BoxStream<'static, std::result::Result<Sse, SseError>>> {
    let status = response.status();
    match status {
        StatusCode::METHOD_NOT_ALLOWED => Err(StreamableHttpError::ServerDoesNotSupportSse),
        // The only error after which `rmcp` does not try again.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(StreamableHttpError::AuthRequired(
            AuthRequiredError::new(format!("HTTP {status}")),
        )),
        _ if !status.is_success() => Err(match overload(&response) {
            Some(overload) => overload.into(),
            None => {
                let body = read(response, MAX_ERROR_BYTES).await?;
                StreamableHttpError::UnexpectedServerResponse(unexpected(status, &body).into())
            }
        }),
        _ => match Media::of(&response) {
            Media::EventStream => Ok(events::of(response, max_event_bytes)),
            Media::Json => Err(StreamableHttpError::UnexpectedContentType(Some(
                "application/json".into(),
            ))),
            Media::Other(kind) => Err(StreamableHttpError::UnexpectedContentType(kind)),
        },
    }
}

/// The answer to the end of a session.
pub(super) async fn to_delete(response: Response) -> Result<()> {
    let status = response.status();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        return Err(StreamableHttpError::ServerDoesNotSupportDeleteSession);
    }
    if status.is_success() {
        return Ok(());
    }
    Err(StreamableHttpError::UnexpectedServerResponse(
        format!("HTTP {status}").into(),
    ))
}

/// The media types that `rmcp` can take an answer in.
enum Media {
    EventStream,
    Json,
    Other(Option<String>),
}

impl Media {
    fn of(response: &Response) -> Self {
        let Some(value) = response.headers().get(CONTENT_TYPE) else {
            return Self::Other(None);
        };
        let value = String::from_utf8_lossy(value.as_bytes());
        let essence = value.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("text/event-stream") {
            Self::EventStream
        } else if essence.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else {
            Self::Other(Some(essence.to_owned()))
        }
    }
}

/// A status that says 'not now': kept with the time that the server asks for, so that callers can wait.
fn overload(response: &Response) -> Option<HttpStatusError> {
    let status = response.status();
    (status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()).then(|| {
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        HttpStatusError::new(status.as_u16(), retry_after)
    })
}

async fn read(mut response: Response, max_size: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(RequestError::from)? {
        if chunk.len() > max_size - body.len() {
            return Err(StreamableHttpError::ResponseBodyTooLarge { max_size });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unexpected(status: StatusCode, body: &[u8]) -> String {
    format!("HTTP {status}: {}", ServerText::from_bytes(body))
}

#[cfg(test)]
mod tests;
