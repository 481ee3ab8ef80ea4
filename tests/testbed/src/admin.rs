//! How do programs in other languages control a testbed?

use crate::bed::Testbed;
use crate::behaviour::Behaviour;
use crate::http::{Reply, Request, serve};
use crate::mint::Flaw;
use crate::pairs::Pairs;
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
/// | `POST /workload_assertion?audience=…`, `/id_token`, `/identity_refresh_token` | `{"token": …}`, a fresh one; with `flaw=expired` or `forged`, a [`Flaw`] |
/// | `POST /decide_device?user_code=…&decision=allow` | decides for a device, `deny` too; 404 when none waits with this code |
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
        ("POST", "/workload_assertion" | "/id_token" | "/identity_refresh_token") => {
            match minted(bed, request) {
                Some(token) => Reply::json(200, &json!({"token": token})),
                None => Reply::json(400, &json!({"error": "no such flaw"})),
            }
        }
        ("POST", "/decide_device") => {
            let query = Pairs::form(request.query.as_bytes());
            let allowed = query.get("decision") == Some("allow");
            match bed.decide_device(query.get("user_code").unwrap_or_default(), allowed) {
                true => done,
                false => Reply::json(404, &json!({"error": "no device waits"})),
            }
        }
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

/// What a host would get hold of; none when the flaw that is asked for does not exist.
fn minted(bed: &Testbed, request: &Request) -> Option<String> {
    let query = Pairs::form(request.query.as_bytes());
    let flaw = match query.get("flaw") {
        None => None,
        Some(name) => Some(serde_json::from_value::<Flaw>(name.into()).ok()?),
    };
    Some(match request.path.as_str() {
        "/workload_assertion" => {
            bed.workload_assertion(query.get("audience").unwrap_or_default(), flaw)
        }
        "/id_token" => bed.id_token(flaw),
        _ => bed.identity_refresh_token(),
    })
}
