//! How does a program get its requests authorized?

use std::fmt;
use std::sync::Arc;

use mcp_oauth_core::{Config, Issuer, OpenUrl, ProvidedClient, ProvidedTokens, Secret, TraceEntry};

use crate::agent::UserAgent;
use crate::assertion::AssertionSource;
use crate::drive::{Driver, Errand, Settled};
use crate::error::{BuildError, Error};
use crate::signer::Signer;
use crate::store::Store;

/// One account at one MCP server. Cheap to clone; all clones are one.
///
/// One flow runs at a time. Whoever asks during one waits for it and gets what came of it. A flow once begun goes on when
/// the future that began it is dropped, so that no answer of a server is ever lost; [`cancel`](Self::cancel) ends it. All
/// methods need a tokio runtime with time and I/O.
#[derive(Clone)]
pub struct Authorizer(Arc<Driver>);

/// The token for one request.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    header: Secret,
    proof: Option<Secret>,
    generation: u64,
}

impl Token {
    pub(crate) fn new(header: &str, generation: u64) -> Self {
        Self {
            header: Secret::new(header),
            proof: None,
            generation,
        }
    }

    pub(crate) fn with_proof(self, proof: Secret) -> Self {
        Self {
            proof: Some(proof),
            ..self
        }
    }

    /// The value of the `Authorization` header, `Bearer …` or `DPoP …`. For this request alone: a redirect must not carry it
    /// elsewhere.
    pub fn header(&self) -> &Secret {
        &self.header
    }

    /// The value of the `DPoP` header, where the token is bound to a key (RFC 9449 §7.1). Good for one request with the method and
    /// URL that it was asked for: whoever repeats the request asks for the token again.
    pub fn proof(&self) -> Option<&Secret> {
        self.proof.as_ref()
    }

    /// To be given back with [`Challenged`], should the server refuse it.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// A 401 or 403 of the MCP server.
#[derive(Clone, Debug)]
pub struct Challenged {
    /// The status.
    pub status: u16,
    /// The values of all `WWW-Authenticate` lines, as received.
    pub www_authenticate: Vec<Vec<u8>>,
    /// The generation of the token that the request carried; `None` if it carried none.
    pub generation: Option<u64>,
}

/// What to do about a [`Challenged`] request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Ask for the token again and repeat the request.
    Retry,
    /// Authorization cannot mend it: the answer is the answer.
    NotAuthorization,
}

/// Makes an [`Authorizer`].
pub struct Builder {
    pub(crate) config: Arc<Config>,
    pub(crate) account: String,
    pub(crate) store: Option<Arc<dyn Store>>,
    pub(crate) user_agent: Option<Arc<dyn UserAgent>>,
    pub(crate) observer: Box<Observer>,
    pub(crate) client: Box<ClientSource>,
    pub(crate) signer: Option<Arc<dyn Signer>>,
    pub(crate) assertions: Option<Arc<dyn AssertionSource>>,
}

pub(crate) type Observer = dyn Fn(&TraceEntry) + Send + Sync;

pub(crate) type ClientSource = dyn Fn(&Issuer, &str) -> Option<ProvidedClient> + Send + Sync;

impl Builder {
    /// Tells apart several accounts at one server. Default: the only one.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        self.account = account.into();
        self
    }

    /// Where credentials are kept.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// How the user is brought to the authorization server.
    #[must_use]
    pub fn user_agent(mut self, user_agent: Arc<dyn UserAgent>) -> Self {
        self.user_agent = Some(user_agent);
        self
    }

    /// Sees each decision as it is made. Called from the flow: it should be quick.
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(&TraceEntry) + Send + Sync + 'static) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Has a client for an authorization server that registers none itself: given its issuer and the redirect URI that the
    /// client must be registered with. Asked only if the settings say `ask_for_client`.
    #[must_use]
    pub fn client_source(
        mut self,
        source: impl Fn(&Issuer, &str) -> Option<ProvidedClient> + Send + Sync + 'static,
    ) -> Self {
        self.client = Box::new(source);
        self
    }

    /// Who signs with the keys whose public halves the settings name (`client_key`, `dpop_keys`).
    #[must_use]
    pub fn signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Who has assertions of the workload or the user, for the grants that begin with one.
    #[must_use]
    pub fn assertions(mut self, source: Arc<dyn AssertionSource>) -> Self {
        self.assertions = Some(source);
        self
    }

    /// Makes the authorizer. Nothing is read or sent yet.
    ///
    /// # Errors
    /// [`BuildError`] says what is missing.
    pub fn build(self) -> Result<Authorizer, BuildError> {
        Ok(Authorizer(Arc::new(Driver::new(self)?)))
    }
}

impl Authorizer {
    /// Begins with a checked configuration.
    pub fn builder(config: impl Into<Arc<Config>>) -> Builder {
        Builder {
            config: config.into(),
            account: String::new(),
            store: None,
            user_agent: None,
            observer: Box::new(|_| ()),
            client: Box::new(|_, _| None),
            signer: None,
            assertions: None,
        }
    }

    /// Makes sure that there is a token: uses the stored one, refreshes it, or signs in.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn sign_in(&self) -> Result<(), Error> {
        self.settle(Errand::SignIn).await.map(drop)
    }

    /// The token for a request with this method and URL, refreshed if it is due; `None` when none is held, or none that is for
    /// this URL: send the request without. Waits for a flow under way.
    ///
    /// # Errors
    /// Why the token could not be refreshed, or what the flow that was waited for ended with.
    pub async fn token(&self, method: &str, url: &str) -> Result<Option<Token>, Error> {
        let held = match self.0.held(method, url) {
            Some(held) => Some(held),
            None => {
                let errand = Errand::Token {
                    method: method.into(),
                    url: url.into(),
                };
                match self.settle(errand).await? {
                    Settled::Token(held) => held,
                    Settled::Done | Settled::Recovered(_) => None,
                }
            }
        };
        match held {
            // Signed here and not in the flow: requests do not wait for each other's signatures.
            Some(held) => self.0.prove(held).await.map(Some),
            None => Ok(None),
        }
    }

    /// Takes the value of the `DPoP-Nonce` header of an answer of the MCP server: of each that has one, whatever its status, and
    /// before [`recover`](Self::recover) (RFC 9449 §8.2, §9). The next proof carries it.
    pub fn take_nonce(&self, value: &[u8]) {
        self.0.take_nonce(value);
    }

    /// Answers a 401 or 403: refreshes, asks for more scopes or signs in anew, as the challenge demands.
    ///
    /// # Errors
    /// Why there is no better token; also when a server keeps refusing what it gets.
    pub async fn recover(&self, challenge: Challenged) -> Result<Recovery, Error> {
        match self.settle(Errand::Recover(challenge)).await? {
            Settled::Recovered(recovery) => Ok(recovery),
            Settled::Done | Settled::Token(_) => Ok(Recovery::NotAuthorization),
        }
    }

    /// Begins a sign-in that [`finish`](Self::finish) ends, in this or another process: the driven form, for programs that only
    /// open a URL and hand the callback back (web back ends, deep links). `None`: there is a usable token already. The sign-in
    /// is pending in the store until then, and opens nothing here, whatever the user agent. Several may be pending at once.
    ///
    /// # Errors
    /// Why no sign-in can be begun.
    pub async fn begin(&self) -> Result<Option<Box<OpenUrl>>, Error> {
        self.apart(|driver| async move { driver.begin_apart().await })
            .await
    }

    /// Ends the sign-in to which a callback belongs: one of [`begin`](Self::begin), or one that ended with
    /// [`Error::NeedsUser`], for the same account and with the same settings. It takes the whole URL with which the user came back.
    /// Of two processes that get the same callback one alone finishes.
    ///
    /// Whose callback it is, the caller must know by a session of its own: the account is not in the URL.
    ///
    /// # Errors
    /// [`Error::UnknownSignIn`] if none waits for it, code `flow_taken` if another process was faster, or why there are no tokens.
    pub async fn finish(&self, callback_url: &Secret) -> Result<(), Error> {
        let callback_url = callback_url.clone();
        self.apart(|driver| async move { driver.finish_apart(&callback_url).await })
            .await
    }

    /// Keeps tokens that the program got by itself (client-driven), and from then on refreshes and steps them up like others. A
    /// flow under way is cancelled.
    ///
    /// # Errors
    /// [`Error::Refused`] if they cannot be used, or when the store fails.
    pub async fn provide(&self, tokens: ProvidedTokens) -> Result<(), Error> {
        self.cancel();
        self.settle(Errand::Keep(Box::new(tokens))).await.map(drop)
    }

    /// Looks what the store holds now: to be called when another process has signed in or out, where the program learns of
    /// that. Without it that is found out when a token is refused or due. A flow that waits for its user or for another process's
    /// refresh goes on with what has been found.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn store_changed(&self) -> Result<(), Error> {
        self.apart(|driver| async move { driver.look().await })
            .await
    }

    /// Forgets the tokens, and with `forget_client` the client registrations too. Ends a flow under way.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sign_out(&self, forget_client: bool) -> Result<(), Error> {
        self.cancel();
        self.settle(Errand::SignOut { forget_client })
            .await
            .map(drop)
    }

    /// Ends the flow under way, which then fails with `cancelled`; one that is about to be done anyway is let be. Nothing
    /// happens where there is none.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    async fn settle(&self, errand: Errand) -> Result<Settled, Error> {
        self.apart(|driver| async move { driver.settle(errand).await })
            .await
    }

    /// In a task of its own: a caller that loses interest must not take a half-sent request down with it.
    async fn apart<T, F>(&self, work: impl FnOnce(Arc<Driver>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        match tokio::spawn(work(Arc::clone(&self.0))).await {
            Ok(settled) => settled,
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Err(_) => Err(Error::Interrupted),
        }
    }
}
