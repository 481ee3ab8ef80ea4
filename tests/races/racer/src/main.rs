//! Asks for the tokens of many accounts when told to, as one of several processes that share them. See `tests/races/run`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use mcp_oauth_core::{Config, Settings};
use mcp_oauth_host::store::{FileStore, PostgresStore};
use mcp_oauth_host::{Authorizer, Challenged, Headless, Recovery, Store};
use reqwest::StatusCode;
use reqwest::header::WWW_AUTHENTICATE;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::task::JoinSet;

/// Every so many accounts one token is tried at the MCP server.
const TRIED: usize = 10;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

struct Racer {
    url: String,
    accounts: Vec<Authorizer>,
    http: reqwest::Client,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, url, accounts] = arguments.as_slice() else {
        return Err("usage: mcp-oauth-racer STORE URL ACCOUNTS".into());
    };
    let racer = Arc::new(Racer::new(open(store).await?, url, accounts.parse()?)?);
    println!("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        println!("{}", racer.run(&line).await);
    }
    Ok(())
}

async fn open(store: &str) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    match store.split_once(':') {
        Some(("file", folder)) => Ok(Arc::new(FileStore::open(folder)?)),
        Some(("postgres", url)) => Ok(Arc::new(PostgresStore::open(url).await?)),
        _ => Err("which store?".into()),
    }
}

impl Racer {
    fn new(store: Arc<dyn Store>, url: &str, accounts: usize) -> Result<Self, Box<dyn Error>> {
        let config = Arc::new(Config::new(Settings {
            server_url: url.into(),
            // Nobody refreshes ahead of expiry, so that all of them notice it together.
            refresh_skew_ms: 0,
            ..Settings::default()
        })?);
        let authorizer = |number: usize| {
            Authorizer::builder(Arc::clone(&config))
                .account(&number.to_string())
                .store(Arc::clone(&store))
                .user_agent(Arc::new(Headless::new()))
                .build()
        };
        // The whole workspace shares one `reqwest`, which wants to be told, even where nothing is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            url: url.into(),
            accounts: (0..accounts).map(authorizer).collect::<Result<_, _>>()?,
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Does for all accounts at once what a line says, and tells what came of it.
    async fn run(self: &Arc<Self>, what: &str) -> serde_json::Value {
        let mut tasks = JoinSet::new();
        for number in 0..self.accounts.len() {
            let racer = Arc::clone(self);
            let sign_in = what == "sign-in";
            tasks.spawn(async move { racer.one(number, sign_in).await });
        }
        let mut held = 0;
        let mut lost = BTreeMap::<String, u32>::new();
        for outcome in tasks.join_all().await {
            match outcome {
                Ok(()) => held += 1,
                Err(code) => *lost.entry(code).or_default() += 1,
            }
        }
        json!({ "held": held, "lost": lost })
    }

    /// Gets the token of one account, or says why there is none.
    async fn one(&self, number: usize, sign_in: bool) -> Result<(), String> {
        let account = &self.accounts[number];
        if sign_in {
            account.sign_in().await.map_err(code)?;
        }
        loop {
            let token = account.token("POST", &self.url).await.map_err(code)?;
            let token = token.ok_or("absent")?;
            if !number.is_multiple_of(TRIED) {
                return Ok(());
            }
            let request = self
                .http
                .post(&self.url)
                .header("authorization", token.header().expose())
                .header("content-type", "application/json")
                .header("accept", "application/json, text/event-stream")
                .body(PING);
            let answer = request.send().await.map_err(|_| "unreachable")?;
            // Whatever the server makes of the call, it has let it in.
            if answer.status() != StatusCode::UNAUTHORIZED {
                return Ok(());
            }
            // It may have expired on the way.
            let challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
            let challenged = Challenged {
                status: 401,
                www_authenticate: challenges.map(|line| line.as_bytes().to_vec()).collect(),
                generation: Some(token.generation()),
            };
            if account.recover(challenged).await.map_err(code)? == Recovery::NotAuthorization {
                return Err("refused".into());
            }
        }
    }
}

fn code(error: mcp_oauth_host::Error) -> String {
    let code = error.failure().map(|failure| failure.code().as_str());
    code.unwrap_or("none").into()
}
