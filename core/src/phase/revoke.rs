//! How does the authorization server learn that tokens are forgotten? (RFC 7009)

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::arc_str::ArcStr;
use crate::client::Client;
use crate::config::Config;
use crate::grant::{Entry, Grant};
use crate::input::HttpAnswer;
use crate::phase::Phase;
use crate::phase::http::{self, ClientRequest, Trouble};
use crate::phase::prove::{Needs, Proofs, Sender};
use crate::secret::{self, Secret};
use crate::shared::Shared;
use crate::tokens::Tokens;
use crate::trace::{Answer, Decision};
use crate::uri::{HttpUrl, Issuer};

/// One token to revoke, with all that its server must be told.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Revocation {
    issuer: Issuer,
    audience: Option<ArcStr>,
    pub(super) url: HttpUrl,
    client: Client,
    is_refresh_token: bool,
    #[serde(serialize_with = "secret::exposed")]
    token: Secret,
}

/// The tokens of a grant, as revocations.
pub(super) fn of_grant(grant: &Grant, config: &Config) -> Vec<Revocation> {
    let of_entry = |entry: &Entry| match &entry.tokens {
        Some(tokens) => of_tokens(&entry.issuer, tokens, config),
        None => Vec::new(),
    };
    grant.entries().iter().flat_map(of_entry).collect()
}

/// Tokens of one issuer, as revocations: the refresh token first, since it makes new access tokens.
pub(super) fn of_tokens(issuer: &Issuer, tokens: &Tokens, config: &Config) -> Vec<Revocation> {
    // Whoever is no client cannot say whose token it is (RFC 7009 §2.1).
    let client = tokens.client.of(issuer, config);
    let (Some(url), Some(client), Some((_, access_token)), true) = (
        &tokens.revocation_endpoint,
        client.filter(|client| !client.id.is_empty()),
        tokens.authorization.expose().split_once(' '),
        config.settings.revoke_on_sign_out,
    ) else {
        return Vec::new();
    };
    let revocation = |is_refresh_token, token| Revocation {
        issuer: issuer.clone(),
        audience: tokens.audience.clone(),
        url: url.clone(),
        client: client.clone(),
        is_refresh_token,
        token,
    };
    let refresh_token = tokens.refresh_token.clone();
    let refresh_token = refresh_token.map(|token| revocation(true, token));
    let access_token = revocation(false, Secret::new(access_token));
    refresh_token.into_iter().chain([access_token]).collect()
}

/// Telling the authorization server that the tokens are forgotten. They are already: nothing that it answers, or does not,
/// changes that.
#[derive(Serialize, Deserialize)]
pub(crate) struct Revoking {
    current: Revocation,
    /// What follows, the last one first.
    rest: Vec<Revocation>,
    proofs: Proofs,
}

impl Revoking {
    /// Begins, if there is anything to revoke.
    pub(super) fn begin(mut revocations: Vec<Revocation>) -> Phase {
        revocations.reverse();
        Self::go_on(revocations)
    }

    fn go_on(mut rest: Vec<Revocation>) -> Phase {
        match rest.pop() {
            None => Self::end(),
            Some(current) => Phase::Revoking(Box::new(Self {
                current,
                rest,
                proofs: Proofs::default(),
            })),
        }
    }

    pub(super) const fn end() -> Phase {
        Phase::SignedOut
    }

    /// What is not known to be revoked yet.
    pub(super) fn left(self) -> Vec<Revocation> {
        let rest = self.rest.into_iter().rev();
        [self.current].into_iter().chain(rest).collect()
    }

    /// RFC 7009 §2.1.
    pub(super) fn task(&self, shared: &Shared) -> Task {
        let hint = if self.current.is_refresh_token {
            "refresh_token"
        } else {
            "access_token"
        };
        http::client_request(
            ClientRequest {
                url: &self.current.url,
                purpose: Purpose::Revocation,
                client: &self.current.client,
                parameters: &[
                    ("token", self.current.token.expose()),
                    ("token_type_hint", hint),
                ],
                further: &[],
                proofs: &self.proofs,
            },
            shared,
        )
    }

    pub(super) fn answered(self: Box<Self>, answer: HttpAnswer<'_>, shared: &mut Shared) -> Phase {
        let outcome = match answer {
            Ok(response) => match Trouble::of(response.status) {
                None => Decision::Revoked,
                Some(_) => Decision::NotRevoked(Answer::Status(response.status)),
            },
            Err(cause) => Decision::NotRevoked(Answer::None(cause)),
        };
        shared.note(outcome);
        Self::go_on(self.rest)
    }

    pub(super) fn urls(&self) -> Vec<&HttpUrl> {
        let all = self.rest.iter().chain([&self.current]);
        all.map(|revocation| &revocation.url).collect()
    }
}

impl Sender for Revoking {
    fn needs(&self, _: &Shared) -> Option<Needs> {
        let Revocation {
            client,
            issuer,
            audience,
            url,
            ..
        } = &self.current;
        let needs = Needs::of(client, issuer, url, None);
        Some(needs.known_as(audience.as_ref()))
    }

    fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    fn proofs_mut(&mut self) -> &mut Proofs {
        &mut self.proofs
    }
}
