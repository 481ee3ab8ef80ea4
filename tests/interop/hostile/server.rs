//! How does a server answer that keeps no rules?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use url::Url;

/// A server on loopback that is resource, authorization server and MCP endpoint in one, and well-behaved but for what a
/// test replaces. Dropping it stops it.
pub(super) struct Hostile {
    pub(super) origin: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    /// Bytes of endless bodies that somebody took.
    taken: Arc<AtomicUsize>,
    /// A drip has begun.
    dripping: Arc<Notify>,
    _serving: JoinSet<()>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// Path and query.
    pub(super) target: String,
    /// Request line and header fields, in lower case.
    pub(super) head: String,
    pub(super) body: String,
}

/// What it answers, after which it closes the connection.
pub(super) enum Says {
    Bytes(Vec<u8>),
    /// A head, and a body without end.
    Endless(Vec<u8>),
    /// A head, and a byte of body every second.
    Drips(Vec<u8>),
}

impl Hostile {
    /// Answers with what `twist` gives, or else as a good server would. `twist` is given the request and the own origin.
    pub(super) async fn start(
        twist: impl Fn(&Heard, &str) -> Option<Says> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let taken = Arc::<AtomicUsize>::default();
        let dripping = Arc::<Notify>::default();
        let mut serving = JoinSet::new();
        let (own, list) = (origin.clone(), Arc::clone(&heard));
        let (count, drips) = (Arc::clone(&taken), Arc::clone(&dripping));
        let twist = Arc::new(twist);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let (own, list, twist) = (own.clone(), Arc::clone(&list), Arc::clone(&twist));
                let (count, drips) = (Arc::clone(&count), Arc::clone(&drips));
                connections.spawn(async move {
                    let Some(request) = read(&mut stream).await else {
                        return;
                    };
                    list.lock().unwrap().push(request.clone());
                    let says =
                        twist(&request, &own).unwrap_or_else(|| well_behaved(&request, &own));
                    say(&mut stream, says, &count, &drips).await;
                });
            }
        });
        Self {
            origin,
            heard,
            taken,
            dripping,
            _serving: serving,
        }
    }

    /// One that writes down what reaches it, and should never be reached.
    pub(super) async fn sink() -> Self {
        Self::start(|_, _| None).await
    }

    pub(super) fn mcp_url(&self) -> String {
        format!("{}/mcp", self.origin)
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// How often a path was asked for.
    pub(super) fn asked(&self, path: &str) -> usize {
        let heard = self.heard();
        let same = |request: &&Heard| request.target.split('?').next() == Some(path);
        heard.iter().filter(same).count()
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Comes back once a drip has begun.
    pub(super) async fn drips(&self) {
        self.dripping.notified().await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(Heard {
                    target: text.split(' ').nth(1)?.to_owned(),
                    head,
                    body: body.to_owned(),
                });
            }
        }
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}

/// Errors are those of a client that has hung up, which is its right.
async fn say(stream: &mut TcpStream, says: Says, taken: &AtomicUsize, dripping: &Notify) {
    match says {
        Says::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Says::Endless(head) => {
            let _ = stream.write_all(&head).await;
            let block = [b' '; 64 * 1024];
            while let Ok(count) = stream.write(&block).await {
                taken.fetch_add(count, Ordering::Relaxed);
            }
        }
        Says::Drips(head) => {
            let _ = stream.write_all(&head).await;
            dripping.notify_one();
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// A head without a body.
pub(super) fn head(status: u16, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Status\r\n");
    for (name, value) in fields {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    head.into_bytes()
}

pub(super) fn answer(status: u16, content_type: &str, body: &str) -> Says {
    let length = body.len().to_string();
    let fields = [("Content-Type", content_type), ("Content-Length", &*length)];
    let mut bytes = head(status, &fields);
    bytes.extend_from_slice(body.as_bytes());
    Says::Bytes(bytes)
}

pub(super) fn document(document: &Value) -> Says {
    answer(200, "application/json", &document.to_string())
}

pub(super) fn redirect(status: u16, location: &str) -> Says {
    let fields = [("Location", location), ("Content-Length", "0")];
    Says::Bytes(head(status, &fields))
}

pub(super) const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource/mcp";
pub(super) const SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";

pub(super) fn resource_metadata(origin: &str) -> Value {
    json!({"resource": format!("{origin}/mcp"), "authorization_servers": [origin]})
}

pub(super) fn server_metadata(origin: &str) -> Value {
    json!({
        "issuer": origin,
        "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"),
        "registration_endpoint": format!("{origin}/register"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
    })
}

/// Where the authorization request wants the user sent back to, and the state to be sent along.
pub(super) fn way_back(request: &Heard, origin: &str) -> (String, String) {
    let url = Url::parse(&format!("{origin}{}", request.target)).unwrap();
    let value = |wanted: &str| {
        let found = url.query_pairs().find(|(name, _)| name == wanted);
        found.unwrap().1.into_owned()
    };
    (value("redirect_uri"), value("state"))
}

fn well_behaved(request: &Heard, origin: &str) -> Says {
    match request.target.split('?').next().unwrap_or_default() {
        RESOURCE_METADATA => document(&resource_metadata(origin)),
        SERVER_METADATA => document(&server_metadata(origin)),
        "/register" => {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            let registered = json!({"client_id": "c1", "redirect_uris": body["redirect_uris"]});
            answer(201, "application/json", &registered.to_string())
        }
        "/authorize" => {
            let (redirect_uri, state) = way_back(request, origin);
            redirect(302, &format!("{redirect_uri}?code=c&state={state}"))
        }
        "/token" => document(&json!({"access_token": "at-1", "token_type": "Bearer"})),
        "/mcp" => answer(401, "text/plain", "no"),
        _ => answer(404, "text/plain", "Not found"),
    }
}
