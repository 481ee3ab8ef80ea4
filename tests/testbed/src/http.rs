//! How does a request come in, and how does an answer go out?

use crate::bench::Bench;
use crate::place::Server;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Sleep;

/// More than any honest request needs.
const MAX_BODY: usize = 1 << 20;

/// A request, read whole.
pub(crate) struct Request {
    pub(crate) server: Server,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The first value of a header field, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// Whether a header field comes more than once.
    pub(crate) fn repeats(&self, name: &str) -> bool {
        self.headers.get_all(name).iter().count() > 1
    }

    /// The media type of the body without parameters, in lower case.
    pub(crate) fn content_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        Some(value.split(';').next()?.trim().to_ascii_lowercase())
    }

    /// A cookie of the browser, with which it is signed in here as somebody else than usual.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let mut pairs = self
            .header("cookie")?
            .split("; ")
            .filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value.to_owned())
    }

    /// The two halves of a `Basic` credential as sent, before any form decoding.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let value = self.header("authorization")?.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((id.to_owned(), secret.to_owned()))
    }
}

/// How much of an answer arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    Truncated,
    Dropped,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
    pub(crate) delivery: Delivery,
}

impl Reply {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
            delivery: Delivery::Whole,
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let mut reply = Self::empty(status).with("Content-Type", "application/json");
        reply.body = body.to_string().into_bytes();
        reply
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        let mut reply = Self::empty(status).with("Content-Type", "text/plain; charset=utf-8");
        reply.body = body.as_bytes().to_vec();
        reply
    }

    pub(crate) fn html(status: u16, title: &str, content: &str) -> Self {
        let mut reply = Self::empty(status).with("Content-Type", "text/html; charset=utf-8");
        reply.body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
             <h1>{title}</h1>{content}</html>"
        )
        .into_bytes();
        reply
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers with tokens, codes or secrets stay out of caches (RFC 6749 §5.1).
    pub(crate) fn uncached(self) -> Self {
        self.with("Cache-Control", "no-store")
    }
}

/// Escapes text for an HTML page.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Who answers requests: the servers under test, or the controls.
pub(crate) type Answer = Arc<dyn Fn(Request) -> Reply + Send + Sync>;

/// Lets the bench answer as one of its servers.
pub(crate) fn bench(bench: &Arc<Mutex<Bench>>) -> Answer {
    let bench = Arc::clone(bench);
    Arc::new(move |request| lock(&bench).answer(&request))
}

/// The bench stays usable after a test thread panicked while it held the lock.
pub(crate) fn lock(bench: &Mutex<Bench>) -> std::sync::MutexGuard<'_, Bench> {
    bench
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Serves connections until the task is aborted; its connections end with it.
pub(crate) async fn serve(listener: TcpListener, server: Server, answer: Answer) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // A failed accept concerns one connection only.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let answer = Arc::clone(&answer);
        connections.spawn(async move {
            let service = service_fn(move |request| respond(request, server, Arc::clone(&answer)));
            // An error here is a client that hung up or an answer that was dropped on purpose.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn respond(
    request: hyper::Request<Incoming>,
    server: Server,
    answer: Answer,
) -> io::Result<hyper::Response<Payload>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(io::Error::other)?;
    let reply = answer(Request {
        server,
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.to_bytes().to_vec(),
    });
    tokio::time::sleep(reply.delay).await;
    if reply.delivery == Delivery::Dropped {
        return Err(io::Error::other("dropped on purpose"));
    }
    let mut response = hyper::Response::new(Payload::new(&reply));
    *response.status_mut() = hyper::StatusCode::from_u16(reply.status).map_err(io::Error::other)?;
    for (name, value) in &reply.headers {
        let name: HeaderName = name.parse().map_err(io::Error::other)?;
        let value = HeaderValue::from_str(value).map_err(io::Error::other)?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// A body that may break off before its announced end.
struct Payload {
    data: Option<Bytes>,
    announced: u64,
    breaks_off: Option<Pin<Box<Sleep>>>,
}

impl Payload {
    fn new(reply: &Reply) -> Self {
        let whole = reply.body.len();
        let truncated = reply.delivery == Delivery::Truncated;
        let sent = if truncated { whole / 2 } else { whole };
        // What was sent shall have arrived before the connection ends.
        let pause = || Box::pin(tokio::time::sleep(Duration::from_millis(20)));
        Self {
            data: Some(Bytes::copy_from_slice(&reply.body[..sent])).filter(|d| !d.is_empty()),
            announced: whole as u64,
            breaks_off: truncated.then(pause),
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(data) = self.data.take() {
            self.announced -= data.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match &mut self.breaks_off {
            None => Poll::Ready(None),
            Some(pause) => pause
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(io::Error::other("truncated on purpose")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.breaks_off.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
