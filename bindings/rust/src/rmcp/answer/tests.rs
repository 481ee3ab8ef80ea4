use rmcp::model::{
    ClientNotification, DiscoverRequest, InitializedNotification, NumberOrString, PingRequest,
};

use mcp_oauth_core::wire::text::MAX_SERVER_TEXT;

use super::*;

const PONG: &str = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;
const REFUSAL: &str =
    r#"{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"no"}}"#;

fn response(status: u16, content_type: &str, body: &str) -> Response {
    let mut response = http::Response::builder().status(status);
    if !content_type.is_empty() {
        response = response.header(CONTENT_TYPE, content_type);
    }
    response
        .header("retry-after", "17")
        .header("mcp-session-id", "s1")
        .body(body.to_owned())
        .unwrap()
        .into()
}

fn ping() -> ClientJsonRpcMessage {
    ClientJsonRpcMessage::request(
        ClientRequest::PingRequest(PingRequest::default()),
        NumberOrString::Number(7),
    )
}

fn discover() -> ClientJsonRpcMessage {
    ClientJsonRpcMessage::request(
        ClientRequest::DiscoverRequest(DiscoverRequest::default()),
        NumberOrString::Number(7),
    )
}

fn initialized() -> ClientJsonRpcMessage {
    ClientJsonRpcMessage::notification(ClientNotification::InitializedNotification(
        InitializedNotification::default(),
    ))
}

/// What came of an answer, in few words.
fn told(result: Result<StreamableHttpPostResponse>) -> String {
    match result {
        Ok(StreamableHttpPostResponse::Accepted) => "accepted".into(),
        Ok(StreamableHttpPostResponse::Json(ServerJsonRpcMessage::Error(error), _)) => {
            format!("error {:?}: {}", error.id, error.error.message)
        }
        Ok(StreamableHttpPostResponse::Json(_, session)) => format!("json {session:?}"),
        Ok(StreamableHttpPostResponse::Sse(_, session)) => format!("events {session:?}"),
        Ok(_) => "something new".into(),
        Err(StreamableHttpError::HttpStatus(error)) => format!("{} {:?}", error, error.retry_after),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn answers_to_messages() {
    let json = "application/json";
    for (message, session, (status, kind, body), expected) in [
        (ping(), false, (200, json, PONG), "json Some(\"s1\")"),
        (
            ping(),
            false,
            (200, "Application/JSON; charset=utf-8", PONG),
            "json Some(\"s1\")",
        ),
        (
            ping(),
            false,
            (200, "text/event-stream;x", ""),
            "events Some(\"s1\")",
        ),
        (ping(), false, (202, "", ""), "accepted"),
        (initialized(), false, (200, "", ""), "accepted"),
        (initialized(), false, (200, json, "{}"), "accepted"),
        (initialized(), false, (204, "", ""), "accepted"),
        (
            ping(),
            false,
            (200, "text/html", "<p>"),
            "Unexpected content type: Some(\"text/html\")",
        ),
        (
            ping(),
            false,
            (200, "", PONG),
            "Unexpected content type: None",
        ),
        (ping(), true, (404, "", ""), "Session expired (HTTP 404)"),
        (ping(), false, (429, json, REFUSAL), "HTTP 429 Some(\"17\")"),
        (
            ping(),
            false,
            (503, "text/html", "<p>"),
            "HTTP 503 Some(\"17\")",
        ),
        (ping(), false, (503, json, "{}"), "HTTP 503 Some(\"17\")"),
        (
            ping(),
            false,
            (500, json, REFUSAL),
            "error Some(String(\"server-error\")): no",
        ),
        (
            ping(),
            false,
            (400, json, REFUSAL),
            "error Some(String(\"server-error\")): no",
        ),
        (
            discover(),
            false,
            (400, json, REFUSAL),
            "error Some(Number(7)): no",
        ),
        (
            discover(),
            false,
            (422, "", "wh\u{1b}at?"),
            "error Some(Number(7)): HTTP 422 Unprocessable Entity: wh?at?",
        ),
        (
            discover(),
            false,
            (403, json, REFUSAL),
            "unexpected server response: HTTP 403 Forbidden: {'jsonrpc':'2.0','id':'server-error','error':{'code':-32600,'message':'no'}}",
        ),
    ] {
        let answer = to_post(response(status, kind, body), &message, session, 1 << 20).await;
        assert_eq!(told(answer), expected, "{status} {kind} {body}");
    }
}

#[tokio::test]
async fn nonsense_is_quoted_only_at_its_beginning() {
    let answer = response(200, "application/json", &"x".repeat(10_000));
    let told = told(to_post(answer, &ping(), false, 1 << 20).await);
    let quote = "x".repeat(MAX_SERVER_TEXT);
    assert!(told.ends_with(&format!(": {quote}")), "{told}");
}

#[tokio::test]
async fn errors_are_not_read_to_the_end() {
    let endless = "x".repeat(MAX_ERROR_BYTES + 1);
    for (status, expected) in [
        (
            400,
            "HTTP response body exceeded the maximum size of 65536 bytes",
        ),
        (500, "HTTP 500 Some(\"17\")"),
    ] {
        let answer = response(status, "application/json", &endless);
        assert_eq!(
            told(to_post(answer, &ping(), false, 1 << 20).await),
            expected
        );
    }
}

#[tokio::test]
async fn answers_to_the_request_for_a_stream() {
    for (status, kind, expected) in [
        (200, "text/event-stream", "opened"),
        (
            200,
            "application/json",
            "Unexpected content type: Some(\"application/json\")",
        ),
        (405, "", "Server does not support SSE"),
        (403, "", "Auth required"),
        (503, "", "HTTP 503"),
        (
            404,
            "",
            "unexpected server response: HTTP 404 Not Found: no",
        ),
    ] {
        let told = match to_get(response(status, kind, "no"), 1 << 20).await {
            Ok(_) => "opened".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }
}
