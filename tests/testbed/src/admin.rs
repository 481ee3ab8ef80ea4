//! How do programs in other languages control a testbed?

use crate::bed::Testbed;
use crate::behaviour::Behaviour;
use crate::http::{Reply, Request, serve};
use crate::place::Server;
use serde_json::json;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A testbed with its controls on one more port of 127.0.0.1.
///
/// | Request | Effect |
/// |---|---|
/// | `GET /log`, `/breaches`, `/counts`, `/behaviour` | what the methods of [`Testbed`] give, as JSON |
/// | `PUT /behaviour` | the body, a [`Behaviour`] as JSON, replaces the behaviour |
/// | `POST /expire_access_tokens`, `/revoke_grants`, `/forget_clients`, `/migrate_to_second_issuer` | as the methods |
///
/// Dropping it stops everything.
pub struct Admin {
    bed: Arc<Testbed>,
    url: String,
    task: JoinHandle<()>,
}

impl Admin {
    /// Serves the controls of a testbed.
    ///
    /// # Errors
    ///
    /// When no port of 127.0.0.1 can be had.
    pub async fn start(bed: Testbed) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let bed = Arc::new(bed);
        let controlled = Arc::clone(&bed);
        let answer = Arc::new(move |request: Request| answer(&controlled, &request));
        let task = tokio::spawn(serve(listener, Server::Resource, answer));
        Ok(Self { bed, url, task })
    }

    /// The testbed.
    pub fn bed(&self) -> &Testbed {
        &self.bed
    }

    /// Origin of the controls.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(bed: &Testbed, request: &Request) -> Reply {
    let done = Reply::empty(204);
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/log") => Reply::json(200, &json!(bed.log())),
        ("GET", "/breaches") => Reply::json(200, &json!(bed.breaches())),
        ("GET", "/counts") => Reply::json(200, &json!(bed.counts())),
        ("GET", "/behaviour") => Reply::json(200, &json!(bed.behaviour())),
        ("PUT", "/behaviour") => match serde_json::from_slice::<Behaviour>(&request.body) {
            Ok(behaviour) => {
                bed.set(|current| *current = behaviour);
                done
            }
            Err(error) => Reply::json(400, &json!({"error": error.to_string()})),
        },
        ("POST", "/expire_access_tokens") => {
            bed.expire_access_tokens();
            done
        }
        ("POST", "/revoke_grants") => {
            bed.revoke_grants();
            done
        }
        ("POST", "/forget_clients") => {
            bed.forget_clients();
            done
        }
        ("POST", "/migrate_to_second_issuer") => {
            bed.migrate_to_second_issuer();
            done
        }
        _ => Reply::json(404, &json!({"error": "no such control"})),
    }
}
