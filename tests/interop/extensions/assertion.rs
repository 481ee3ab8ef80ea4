//! A source of assertions that remembers what it was asked for.

use std::sync::Mutex;

use mcp_oauth_core::{AssertionKind, AssertionRequest, ProvidedAssertion, Secret};
use mcp_oauth_host::AssertionSource;
use mcp_oauth_host::agent::AgentFuture;

type Make = dyn Fn(&AssertionRequest) -> String + Send + Sync;

pub(crate) struct Source {
    kind: AssertionKind,
    make: Box<Make>,
    pub(crate) asked: Mutex<Vec<AssertionRequest>>,
    pub(crate) given: Mutex<Vec<String>>,
}

impl Source {
    pub(crate) fn new(
        kind: AssertionKind,
        make: impl Fn(&AssertionRequest) -> String + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind,
            make: Box::new(make),
            asked: Mutex::default(),
            given: Mutex::default(),
        }
    }

    /// For each time it was asked, whether a newer one was wanted.
    pub(crate) fn renewals(&self) -> Vec<bool> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|request| request.renew).collect()
    }
}

impl AssertionSource for Source {
    fn fetch<'a>(&'a self, request: &'a AssertionRequest) -> AgentFuture<'a, ProvidedAssertion> {
        Box::pin(async {
            self.asked.lock().unwrap().push(request.clone());
            let token = (self.make)(request);
            self.given.lock().unwrap().push(token.clone());
            Ok(ProvidedAssertion {
                token: Secret::new(token),
                kind: self.kind,
            })
        })
    }
}
