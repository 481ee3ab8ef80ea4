//! Does a client of the Rust MCP SDK get its requests authorized, and nobody else its token?
#![cfg(feature = "rmcp")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use mcp_oauth_core::{Code, Config, Settings};
use mcp_oauth_host::rmcp::{AuthorizedClient, RequestError, authorization_error};
use mcp_oauth_host::store::MemoryStore;
use mcp_oauth_host::{Authorizer, Error, Headless, NeedsUser, UserAgent};
use mcp_oauth_testbed::{Behaviour, Endpoint, Fault, Guards, Server, Testbed, Verdict};
use rmcp::model::{
    CallToolRequestParams, ClientConfig, ClientJsonRpcMessage, ClientRequest, NumberOrString,
    PingRequest, ProtocolVersion, ServerJsonRpcMessage,
};
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient, ServiceError};
use serde_json::json;

fn plug_with(bed: &Testbed, user_agent: impl UserAgent + 'static) -> AuthorizedClient {
    let config = Config::new(Settings {
        server_url: bed.mcp_url(),
        ..Settings::default()
    });
    let authorizer = Authorizer::builder(config.unwrap())
        .store(Arc::new(MemoryStore::new()))
        .user_agent(Arc::new(user_agent))
        .build();
    AuthorizedClient::new(authorizer.unwrap()).unwrap()
}

fn plug(bed: &Testbed) -> AuthorizedClient {
    plug_with(bed, Headless::new())
}

type Client = RunningService<RoleClient, ClientConfig>;

async fn connect(
    plug: &AuthorizedClient,
    bed: &Testbed,
    lifecycle: ClientLifecycleMode,
) -> Result<Client, ClientInitializeError> {
    ClientConfig::default()
        .serve_with_lifecycle(plug.transport(bed.mcp_url()), lifecycle)
        .await
}

async fn initialize(plug: &AuthorizedClient, bed: &Testbed) -> Client {
    connect(plug, bed, ClientLifecycleMode::Initialize)
        .await
        .unwrap()
}

async fn call(client: &Client, tool: &'static str) -> Result<String, ServiceError> {
    let arguments = json!({"text": "milk", "a": 1, "b": 2});
    let call = CallToolRequestParams::new(tool)
        .with_arguments(arguments.as_object().cloned().unwrap_or_default());
    let result = client.call_tool(call).await?;
    let text = result.content.first().and_then(|content| content.as_text());
    Ok(text.unwrap().text.clone())
}

/// One request, without a session around it.
async fn ping(
    plug: &AuthorizedClient,
    url: impl Into<Arc<str>>,
) -> Result<StreamableHttpPostResponse, StreamableHttpError<RequestError>> {
    let ping = ClientRequest::PingRequest(PingRequest::default());
    let message = ClientJsonRpcMessage::request(ping, NumberOrString::Number(7));
    plug.post_message(url.into(), message, None, None, HashMap::new())
        .await
}

fn code(error: &Error) -> Code {
    error.failure().unwrap().code()
}

#[tokio::test]
async fn a_challenged_client_signs_in_and_goes_on() {
    for lifecycle in [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    ] {
        let bed = Testbed::start(Behaviour::default()).await.unwrap();
        let client = connect(&plug(&bed), &bed, lifecycle).await.unwrap();
        let said = call(&client, "whoami").await.unwrap();
        assert!(said.contains("notes:read"), "{said}");

        let counts = bed.counts();
        assert_eq!((counts.challenges, counts.authorizations), (1, 1));
        assert_eq!(bed.breaches(), []);
    }
}

#[tokio::test]
async fn every_line_of_a_challenge_counts() {
    let mut behaviour = Behaviour::default();
    behaviour.resource_metadata.served_at = vec!["/elsewhere".into()];
    behaviour.challenge.fields = Some(vec![
        "Negotiate".into(),
        "Basic realm=\"caf\u{e9}\"".into(),
        "Bearer resource_metadata=\"{rs}/elsewhere\"".into(),
    ]);
    let bed = Testbed::start(behaviour).await.unwrap();
    let client = initialize(&plug(&bed), &bed).await;
    call(&client, "whoami").await.unwrap();
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_tool_that_needs_more_scopes_gets_them() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    let client = initialize(&plug(&bed), &bed).await;
    assert_eq!(call(&client, "write_note").await.unwrap(), "written");
    assert_eq!(call(&client, "read_note").await.unwrap(), "milk");

    let counts = bed.counts();
    assert_eq!((counts.scope_challenges, counts.authorizations), (1, 2));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_server_that_always_wants_more_is_given_up() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    let plug = plug(&bed);
    let client = initialize(&plug, &bed).await;
    bed.set(|behaviour| behaviour.mcp.verdict = Verdict::Forbidden("notes:admin".into()));

    let error = call(&client, "whoami").await.unwrap_err();
    let failure = authorization_error(&error).unwrap();
    assert_eq!(code(failure), Code::StepUpExhausted);
    assert_eq!(code(&plug.last_failure().unwrap()), Code::StepUpExhausted);
    assert!(bed.counts().authorizations <= 4, "{:?}", bed.counts());
}

#[tokio::test]
async fn an_expired_token_is_refreshed_and_the_request_repeated() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    let client = initialize(&plug(&bed), &bed).await;
    bed.expire_access_tokens();
    call(&client, "whoami").await.unwrap();

    let counts = bed.counts();
    assert_eq!((counts.refreshes, counts.authorizations), (1, 1));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn requests_that_are_challenged_together_sign_in_once() {
    let mut behaviour = Behaviour::default();
    behaviour.challenge.guards = Guards::ToolCalls;
    // Both are on their way before the first is refused.
    let slow = Fault::Slow { milliseconds: 100 };
    behaviour.fault(Endpoint::Mcp, slow, None);
    let bed = Testbed::start(behaviour).await.unwrap();
    let client = initialize(&plug(&bed), &bed).await;
    let (one, two) = tokio::join!(call(&client, "whoami"), call(&client, "add"));
    one.unwrap();
    two.unwrap();

    let counts = bed.counts();
    assert_eq!(counts.challenges, 2, "both were challenged");
    assert_eq!((counts.registrations, counts.authorizations), (1, 1));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_slow_request_holds_up_no_other() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    let plug = plug(&bed);
    ping(&plug, bed.mcp_url()).await.unwrap();
    bed.set(|behaviour| {
        let slow = Fault::Slow {
            milliseconds: 60_000,
        };
        behaviour.fault(Endpoint::Mcp, slow, Some(1));
    });
    // One of them is the slow one.
    tokio::select! {
        answer = ping(&plug, bed.mcp_url()) => answer.unwrap(),
        answer = ping(&plug, bed.mcp_url()) => answer.unwrap(),
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("both wait"),
    };
}

#[tokio::test]
async fn a_person_who_is_not_there_is_reported_by_code_and_advice() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    let plug = plug_with(&bed, NeedsUser);
    let error = connect(&plug, &bed, ClientLifecycleMode::Initialize)
        .await
        .unwrap_err();
    let failure = authorization_error(&error).unwrap();
    assert!(matches!(failure, Error::NeedsUser { .. }), "{failure:?}");
    assert_eq!(failure.advice().as_str(), "ask_user");
}

#[tokio::test]
async fn a_failure_that_the_sdk_loses_is_remembered() {
    let mut behaviour = Behaviour::default();
    let welcome = json!({"jsonrpc": "2.0", "id": 0, "result": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "open", "version": "1"},
    }});
    behaviour.fault(Endpoint::Mcp, Fault::json(200, &welcome), Some(1));
    let bed = Testbed::start(behaviour).await.unwrap();
    let plug = plug_with(&bed, NeedsUser);
    let error = connect(&plug, &bed, ClientLifecycleMode::Initialize)
        .await
        .unwrap_err();
    assert!(authorization_error(&error).is_none(), "{error}");
    let failure = plug.last_failure().unwrap();
    assert!(matches!(failure, Error::NeedsUser { .. }), "{failure:?}");
}

// USE-04
#[tokio::test]
async fn a_redirect_takes_the_token_no_further_than_its_resource() {
    for (location, followed, authorized) in [
        ("{mcp}/v2", true, true),
        ("{rs}/v2", true, false),
        ("/v2", true, false),
        ("{as1}/v2", false, false),
        ("//{as1_host}/v2", false, false),
        ("https://{rs_host}/v2", false, false),
        ("http://user:word@{rs_host}/v2", false, false),
    ] {
        let bed = Testbed::start(Behaviour::default()).await.unwrap();
        let plug = plug(&bed);
        ping(&plug, bed.mcp_url()).await.unwrap();
        let location = bed.expand(location);
        bed.set(|behaviour| {
            behaviour.fault(Endpoint::Mcp, Fault::redirect(307, &location), Some(1));
        });
        let answer = ping(&plug, bed.mcp_url()).await.unwrap_err();
        let refused = matches!(
            answer,
            StreamableHttpError::Client(RequestError::Redirected(_))
        );
        assert_eq!(refused, !followed, "{location}: {answer}");

        let arrived: Vec<_> = bed
            .log()
            .into_iter()
            .filter(|entry| entry.path.ends_with("/v2"))
            .collect();
        assert_eq!(arrived.len(), usize::from(followed), "{location}");
        for entry in arrived {
            assert_eq!((entry.server, &*entry.method), (Server::Resource, "POST"));
            assert_eq!(entry.authorization.is_some(), authorized, "{location}");
        }
    }
}

#[tokio::test]
async fn redirects_that_change_the_request_or_never_end_are_refused() {
    for (status, times) in [(302, Some(1)), (303, Some(1)), (308, None)] {
        let bed = Testbed::start(Behaviour::default()).await.unwrap();
        let plug = plug(&bed);
        ping(&plug, bed.mcp_url()).await.unwrap();
        let before = bed.log().len();
        bed.set(|behaviour| {
            behaviour.fault(Endpoint::Mcp, Fault::redirect(status, "{mcp}"), times)
        });
        let error = ping(&plug, bed.mcp_url()).await.unwrap_err();
        let StreamableHttpError::Client(RequestError::Redirected(Some(origin))) = error else {
            panic!("{error}");
        };
        assert_eq!(origin, bed.expand("{rs}"));
        let asked = if times.is_some() { 1 } else { 6 };
        assert_eq!(bed.log().len() - before, asked);
    }
}

#[tokio::test]
async fn answers_may_be_streams() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    let plug = plug(&bed);
    ping(&plug, bed.mcp_url()).await.unwrap();
    let events = ": soon\n\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":7,\"result\":{}}\n\n";
    bed.set(|behaviour| {
        let stream = Fault::answer(200, "text/event-stream", events);
        behaviour.fault(Endpoint::Mcp, stream, None);
    });

    let answer = ping(&plug, bed.mcp_url()).await.unwrap();
    let StreamableHttpPostResponse::Sse(mut answer, None) = answer else {
        panic!("{answer:?}");
    };
    let event = answer.next().await.unwrap().unwrap();
    let message: ServerJsonRpcMessage = serde_json::from_str(&event.data.unwrap()).unwrap();
    assert!(matches!(message, ServerJsonRpcMessage::Response(_)));
    assert!(answer.next().await.is_none());

    let again = plug.get_stream(
        bed.mcp_url().into(),
        Some("s1".into()),
        Some("1".into()),
        None,
        HashMap::new(),
    );
    assert!(again.await.unwrap().next().await.unwrap().is_ok());
    let last = bed.log().pop().unwrap();
    assert_eq!(
        (&*last.method, last.authorization.as_deref()),
        ("GET", Some("Bearer"))
    );

    let short = plug.get_stream_with_max_sse_event_size(
        bed.mcp_url().into(),
        None,
        None,
        None,
        HashMap::new(),
        16,
    );
    let error = short.await.unwrap().next().await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("larger than 16 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn a_refused_stream_is_not_opened_again_and_again() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    let plug = plug_with(&bed, NeedsUser);
    bed.set(|behaviour| {
        let refusal = Fault::answer(401, "text/plain", "no");
        behaviour.fault(Endpoint::Mcp, refusal, None);
    });
    let stream = plug.get_stream(
        bed.mcp_url().into(),
        Some("s1".into()),
        None,
        None,
        HashMap::new(),
    );
    // The one error after which the SDK does not try again.
    assert!(matches!(
        stream.await,
        Err(StreamableHttpError::AuthRequired(_))
    ));
    let failure = plug.last_failure().unwrap();
    assert!(matches!(failure, Error::NeedsUser { .. }), "{failure:?}");
}

#[tokio::test]
async fn nobody_signs_in_to_leave() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    bed.set(|behaviour| {
        let refusal = Fault::answer(401, "text/plain", "no");
        behaviour.fault(Endpoint::Mcp, refusal, None);
    });
    let error = plug(&bed)
        .delete_session(bed.mcp_url().into(), "s1".into(), None, HashMap::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("HTTP 401"), "{error}");
    assert_eq!(bed.log().len(), 1);
}

#[tokio::test]
async fn a_second_credential_is_refused() {
    let bed = Testbed::start(Behaviour::default()).await.unwrap();
    let plug = plug(&bed);
    let ping = ClientRequest::PingRequest(PingRequest::default());
    let message = ClientJsonRpcMessage::request(ping, NumberOrString::Number(7));
    let own = http::HeaderValue::from_static("Basic b3duOm93bg==");
    for (auth_header, custom) in [
        (Some("own".to_owned()), HashMap::new()),
        (None, HashMap::from([(http::header::AUTHORIZATION, own)])),
    ] {
        let answer = plug
            .post_message(
                bed.mcp_url().into(),
                message.clone(),
                None,
                auth_header,
                custom,
            )
            .await;
        assert!(matches!(
            answer,
            Err(StreamableHttpError::ReservedHeaderConflict(_))
        ));
    }
    assert!(bed.log().is_empty());
}
