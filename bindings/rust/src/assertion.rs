//! Where does an assertion come from that says who the workload or the user is?

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mcp_oauth_core::{AssertionKind, AssertionRequest, ProvidedAssertion, Refusal, Secret};
use zeroize::Zeroizing;

use crate::agent::AgentFuture;

/// Has assertions of somebody else: of the platform that a workload runs on (SEP-1933), or of the identity provider that a user
/// has signed in to (SEP-990).
pub trait AssertionSource: Send + Sync {
    /// An assertion for the purpose and the audience of this request, and for nobody but its `issuer`; a newer one than the last
    /// if it says `renew`.
    ///
    /// # Errors
    /// The refusal that the flow then ends with.
    fn fetch<'a>(&'a self, request: &'a AssertionRequest) -> AgentFuture<'a, ProvidedAssertion>;
}

/// A file that somebody else keeps fresh, such as a projected service account token: read anew each time. For whom it is good,
/// whoever writes it decides.
pub struct FileAssertion {
    path: PathBuf,
    kind: AssertionKind,
    given: Mutex<Option<Secret>>,
}

/// No assertion that a server takes is longer.
const MAX_BYTES: u64 = 1 << 20;

impl FileAssertion {
    /// The assertion in this file, which is of this kind. White space around it is not part of it.
    pub fn new(path: impl Into<PathBuf>, kind: AssertionKind) -> Self {
        Self {
            path: path.into(),
            kind,
            given: Mutex::new(None),
        }
    }

    /// What the file holds now, unless that is what was refused.
    fn take(&self, token: Secret, renew: bool) -> Option<Secret> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if renew && given.as_ref() == Some(&token) {
            return None;
        }
        *given = Some(token.clone());
        Some(token)
    }
}

impl AssertionSource for FileAssertion {
    fn fetch<'a>(&'a self, request: &'a AssertionRequest) -> AgentFuture<'a, ProvidedAssertion> {
        Box::pin(async {
            let path = self.path.clone();
            let token = tokio::task::spawn_blocking(move || read(&path)).await;
            let token = token.ok().flatten().ok_or(Refusal::Unable)?;
            let token = self.take(token, request.renew).ok_or(Refusal::Unable)?;
            Ok(ProvidedAssertion {
                token,
                kind: self.kind,
            })
        })
    }
}

fn read(path: &Path) -> Option<Secret> {
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).ok()?;
    // Reserved beforehand: a string that grows leaves copies behind.
    text.reserve_exact(file.metadata().ok()?.len().min(MAX_BYTES) as usize);
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    match text.trim() {
        "" => None,
        token => Some(Secret::new(token)),
    }
}

#[cfg(test)]
mod tests {
    use mcp_oauth_core::{AssertionPurpose, Issuer, Reach};

    use super::*;

    #[tokio::test]
    async fn a_file_is_read_each_time_and_not_given_again_once_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("token");
        let source = FileAssertion::new(&path, AssertionKind::Jwt);
        let fetch = async |renew| {
            let request = AssertionRequest {
                purpose: AssertionPurpose::Workload,
                issuer: Issuer::parse("https://as.example.com", Reach::Public).unwrap(),
                audience: "https://as.example.com/token".into(),
                renew,
            };
            let given = source.fetch(&request).await;
            given.map(|given| given.token.expose().to_owned())
        };
        assert_eq!(fetch(false).await, Err(Refusal::Unable));
        std::fs::write(&path, "first\n").unwrap();
        assert_eq!(fetch(false).await.as_deref(), Ok("first"));
        assert_eq!(fetch(false).await.as_deref(), Ok("first"));
        assert_eq!(fetch(true).await, Err(Refusal::Unable));
        std::fs::write(&path, " second ").unwrap();
        assert_eq!(fetch(true).await.as_deref(), Ok("second"));
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(fetch(false).await, Err(Refusal::Unable));
    }
}
