//! How does a test cut off a server that others use as well?

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

/// A way to a server that can be closed and opened again.
pub(crate) struct Link {
    server: String,
    here: SocketAddr,
    carrying: JoinHandle<()>,
}

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

async fn carry(listener: TcpListener, server: String) {
    // Dropped with this, and then every connection ends.
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let server = server.clone();
        connections.spawn(async move {
            let mut server = TcpStream::connect(server).await.unwrap();
            let _ = copy_bidirectional(&mut client, &mut server).await;
        });
    }
}
