//! Are keys, assertions and proofs never told: by a decision, an error, a debugger or what is stored?

use std::sync::{Arc, Mutex};

use mcp_oauth_core::{DpopUse, Settings, SignRequest};
use mcp_oauth_host::agent::AgentFuture;
use mcp_oauth_host::store::MemoryStore;
use mcp_oauth_host::{Signer, Store as _};
use mcp_oauth_testbed::{Behaviour, Nonce};

use super::key::Key;
use crate::scene::{Host, settings, start};

/// Remembers what was signed.
struct Witness {
    key: Key,
    seen: Mutex<Vec<String>>,
    shown: Mutex<String>,
}

impl Signer for Witness {
    fn sign<'a>(&'a self, request: &'a SignRequest) -> AgentFuture<'a, Vec<u8>> {
        *self.shown.lock().unwrap() += &format!("{request:?}");
        Box::pin(async {
            let signature = self.key.signer.sign(request).await?;
            let token = request.compact(&signature).unwrap();
            let parts = token.expose().split('.').map(str::to_owned);
            // Headers are the same each time, and short.
            self.seen.lock().unwrap().extend(parts.skip(1));
            Ok(signature)
        })
    }
}

#[tokio::test]
async fn what_is_signed_and_with_what_is_told_to_nobody_but_the_servers() {
    let mut behaviour = Behaviour::default();
    behaviour.dpop.offered = true;
    behaviour.dpop.server_nonce = Nonce::Required;
    behaviour.dpop.resource_nonce = Nonce::Required;
    behaviour.token.auth_methods = vec!["private_key_jwt".into()];
    let bed = start(behaviour).await;
    let witness = Arc::new(Witness {
        key: Key::es256(),
        seen: Mutex::default(),
        shown: Mutex::default(),
    });
    let settings = Settings {
        client_key: Some(witness.key.public.clone()),
        dpop: DpopUse::Always,
        dpop_keys: witness.key.to_bind(),
        ..settings(&bed)
    };
    let store = Arc::new(MemoryStore::new());
    let (signer, kept) = (Arc::clone(&witness), Arc::clone(&store));
    let told = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&told);
    let host = Host::with(settings, |builder| {
        builder.signer(signer).store(kept).observer(move |entry| {
            *heard.lock().unwrap() += &format!("{entry:?} {}\n", entry.decision);
        })
    });

    host.call("whoami").await.unwrap();
    bed.expire_access_tokens();
    host.call("whoami").await.unwrap();
    let token = host.authorizer.token("POST", &bed.mcp_url()).await.unwrap();
    bed.set(|behaviour| behaviour.token.refused = Some("invalid_client".into()));
    bed.expire_access_tokens();
    let error = host.call("whoami").await.unwrap_err();
    assert_eq!(bed.breaches(), []);

    let mut everything = told.lock().unwrap().clone();
    everything += &format!("{token:?} {error:?} {:?}", witness.key.signer);
    everything += &witness.shown.lock().unwrap();
    for record in store.grants().await.unwrap() {
        everything += &String::from_utf8_lossy(record.body.expose());
    }
    let mut secrets = witness.seen.lock().unwrap().clone();
    assert!(secrets.len() > 10, "two proofs and two assertions at least");
    secrets.extend(witness.key.pem.lines().skip(1).map(str::to_owned));
    for secret in secrets {
        assert!(!everything.contains(&secret), "{secret}: {everything}");
    }
}
