//! How is the redirect received on this machine, and nothing else let in (RFC 8252 §7.3, §8.3)?

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use mcp_oauth_core::Secret;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::{Callback, Redirect};

/// The most connections at once; more have to wait.
const MAX_CONNECTIONS: usize = 32;

/// The most bytes of a request line and headers.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How long a connection may take, all in all.
const CONNECTION_TIME: Duration = Duration::from_secs(10);

/// The same for a good callback, a failed one and a forged one: it can tell nobody anything, and reflects nothing.
const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sign-in</title>\
    <p>You can close this window and go back to the program that opened it.</p></html>\n";

/// A redirect URI that can be listened on: http on loopback. Port 0 stands for any free one.
#[derive(Clone, Debug)]
pub(super) struct Place {
    host: &'static str,
    pub(super) port: u16,
    path_and_query: String,
}

const V4: &str = "127.0.0.1";
const V6: &str = "[::1]";
const NAME: &str = "localhost";

/// Listening sockets of one port.
pub(super) struct Sockets(Vec<std::net::TcpListener>);

impl Place {
    /// Reads a redirect URI; `None` for one that nobody can listen on here.
    pub(super) fn read(uri: &str) -> Option<Self> {
        let rest = uri.strip_prefix("http://")?;
        let (authority, path_and_query) =
            rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host = [V4, V6, NAME]
            .into_iter()
            .find(|host| authority.starts_with(host))?;
        let port = match &authority[host.len()..] {
            "" => 80,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        Some(Self {
            host,
            port,
            path_and_query: path_and_query.to_owned(),
        })
    }

    /// As a browser asks for it: an empty path is a slash there (RFC 9110 §4.2.3).
    fn request_path(&self) -> String {
        match self.path_and_query.split('?').next() {
            None | Some("") => "/".into(),
            Some(path) => path.into(),
        }
    }

    /// The same place at any free port.
    pub(super) fn at_any_port(mut self) -> Self {
        self.port = 0;
        self
    }

    /// Takes the port on loopback, and tells the redirect URI with it.
    pub(super) fn bind(&self) -> io::Result<(Sockets, String)> {
        let sockets = match self.host {
            V4 => vec![listen_at(Ipv4Addr::LOCALHOST, self.port)?],
            V6 => vec![listen_at(Ipv6Addr::LOCALHOST, self.port)?],
            _ => self.bind_both()?,
        };
        let authority = authority(self.host, sockets[0].local_addr()?.port());
        let uri = format!("http://{authority}{}", self.path_and_query);
        Ok((Sockets(sockets), uri))
    }

    /// `localhost` is either family, as the browser likes: nobody else may have the other one.
    fn bind_both(&self) -> io::Result<Vec<std::net::TcpListener>> {
        const ATTEMPTS: usize = 8;
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            let v4 = listen_at(Ipv4Addr::LOCALHOST, self.port)?;
            match listen_at(Ipv6Addr::LOCALHOST, v4.local_addr()?.port()) {
                Ok(v6) => return Ok(vec![v4, v6]),
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Ok(vec![v4]),
                Err(error) => last = error,
            }
            if self.port != 0 {
                break;
            }
        }
        Err(last)
    }
}

fn listen_at(address: impl Into<IpAddr>, port: u16) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind((address.into(), port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Whose a callback is; `None` for one that nobody waits for.
type Route = dyn Fn(&Callback) -> Option<mpsc::Sender<Callback>> + Send + Sync;

/// Listens at the place until the [`Redirect`] is dropped.
pub(super) fn listen(place: &Place) -> io::Result<Redirect> {
    let (callbacks, received) = mpsc::channel(1);
    let (uri, listening) = listen_for(place, Box::new(move |_| Some(callbacks.clone())))?;
    Ok(Redirect::new(uri, received, listening))
}

/// Listens at the place until what it gives beside the redirect URI is dropped.
pub(super) fn listen_for(place: &Place, route: Box<Route>) -> io::Result<(String, JoinSet<()>)> {
    let (sockets, uri) = place.bind()?;
    let port = sockets.0[0].local_addr()?.port();
    let gate = Arc::new(Gate {
        authority: authority(place.host, port),
        path: place.request_path(),
        route,
    });
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut tasks = JoinSet::new();
    for socket in sockets.0 {
        let listener = TcpListener::from_std(socket)?;
        tasks.spawn(accept(listener, Arc::clone(&gate), Arc::clone(&room)));
    }
    Ok((uri, tasks))
}

/// As browsers write it: without the port where it is the scheme's own (RFC 9110 §7.2).
fn authority(host: &str, port: u16) -> String {
    match port {
        80 => host.into(),
        port => format!("{host}:{port}"),
    }
}

async fn accept(listener: TcpListener, gate: Arc<Gate>, room: Arc<Semaphore>) {
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, say: it passes.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let gate = Arc::clone(&gate);
        // Outlives the listening: who was let in gets an answer.
        tokio::spawn(async move {
            let _permit = permit;
            serve(stream, &gate).await;
        });
    }
}

/// Answers one request; then, so that the window is never left without its page, hands on the callback that it was.
async fn serve(stream: TcpStream, gate: &Gate) {
    let callback = Mutex::new(None);
    let answer = service_fn(|request: Request<Incoming>| {
        let response = match gate.read(&request) {
            Ok(delivery) => {
                *callback.lock().unwrap_or_else(PoisonError::into_inner) = Some(delivery);
                page(StatusCode::OK)
            }
            Err(status) => page(status),
        };
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIME)
        .max_buf_size(MAX_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    let _ = tokio::time::timeout(CONNECTION_TIME, connection).await;
    let callback = callback
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some((query, receiver)) = callback {
        // Refused when nobody waits any more.
        let _ = tokio::time::timeout(CONNECTION_TIME, receiver.send(query)).await;
    }
}

/// What a request must be to count as a callback.
struct Gate {
    authority: String,
    path: String,
    route: Box<Route>,
}

impl Gate {
    fn read(
        &self,
        request: &Request<Incoming>,
    ) -> Result<(Callback, mpsc::Sender<Callback>), StatusCode> {
        if !self.is_here(request) {
            // Another name that resolves to loopback: DNS rebinding, or somebody's mistake.
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        if request.uri().path() != self.path {
            return Err(StatusCode::NOT_FOUND);
        }
        if request.method() != Method::GET {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let query = request.uri().query().unwrap_or_default();
        let callback = Callback::Query(Secret::new(query));
        let receiver = (self.route)(&callback).ok_or(StatusCode::NOT_FOUND)?;
        Ok((callback, receiver))
    }

    fn is_here(&self, request: &Request<Incoming>) -> bool {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        host.is_some_and(|host| host.eq_ignore_ascii_case(&self.authority))
            && hosts.next().is_none()
            && request.uri().authority().is_none()
    }
}

fn page(status: StatusCode) -> Response<Full<Bytes>> {
    let body = if status == StatusCode::OK { PAGE } else { "" };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let get = HeaderValue::from_static("GET");
        response.headers_mut().insert(header::ALLOW, get);
    }
    response
}

#[cfg(test)]
mod tests;
