//! How does a test cut off a server that others use as well?

use std::net::SocketAddr;

use mcp_oauth_core::SecretBytes;
use mcp_oauth_host::Store;
use mcp_oauth_host::store::Record;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use super::{grant, save};

/// A way to a server that can be closed and opened again, and that loses the answer to whatever has [`LOST`] in it.
pub(crate) struct Link {
    server: String,
    here: SocketAddr,
    carrying: JoinHandle<()>,
}

const LOST: &[u8] = b"its answer is lost";

impl Link {
    pub(crate) async fn to(server: &Url) -> Self {
        let (host, port) = (server.host_str().unwrap(), server.port().unwrap());
        let server = format!("{host}:{port}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            here: listener.local_addr().unwrap(),
            carrying: tokio::spawn(carry(listener, server.clone())),
            server,
        }
    }

    /// The server's URL by this way.
    pub(crate) fn url(&self, server: &Url) -> Url {
        let mut url = server.clone();
        url.set_ip_host(self.here.ip()).unwrap();
        url.set_port(Some(self.here.port())).unwrap();
        url
    }

    /// Breaks all connections and takes no more.
    pub(crate) async fn close(&mut self) {
        self.carrying.abort();
        let _ = (&mut self.carrying).await;
    }

    pub(crate) async fn open(&mut self) {
        let listener = TcpListener::bind(self.here).await.unwrap();
        self.carrying = tokio::spawn(carry(listener, self.server.clone()));
    }
}

/// A write whose answer is lost has happened: had it been sent again, it would look like a conflict.
pub(crate) async fn a_lost_answer_is_no_conflict(linked: &dyn Store, direct: &dyn Store) {
    // Redis answers the first write with a question for the script.
    save(direct, &grant(), None).await;
    let (key, body) = (grant(), SecretBytes::new(LOST));
    let written = linked.save(&key, None, 1, &body, None).await;
    assert!(written.is_err(), "{written:?}");
    let kept = direct.load(&key).await.unwrap();
    assert!(matches!(kept, Some(Record { generation: 1, .. })));
}

async fn carry(listener: TcpListener, server: String) {
    // Dropped with this, and then every connection ends.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(&server).await.unwrap();
        connections.spawn(between(client, server));
    }
}

async fn between(mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
    let (mut asked, mut answered) = ([0; 4096], [0; 4096]);
    let mut losing = false;
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let part = &asked[..length?];
                losing |= part.windows(LOST.len()).any(|part| part == LOST);
                server.write_all(part).await?;
                if part.is_empty() {
                    return Ok(());
                }
            }
            length = server.read(&mut answered) => {
                let part = &answered[..length?];
                if losing || part.is_empty() {
                    return Ok(());
                }
                client.write_all(part).await?;
            }
        }
    }
}
