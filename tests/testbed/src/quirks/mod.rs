//! Which behaviour imitates each known class of peculiarity, and what should a good client do?
//!
//! Some classes are imitated by a stand-in, since the servers speak plain HTTP on loopback ports:
//!
//! - `http.scheme` names other hosts with `http`, instead of an `https` server that publishes `http`.
//! - `issuer.port` and `resource.exact` write the scheme in capitals, instead of an explicit default
//!   port: another spelling that URL serializers change and that has to be kept.
//! - `issuer.flip` and `reg.region` move to the second authorization server.
//!
//! Some classes are what the default servers do anyway: `redirect.exact`, `redirect.port`,
//! `refresh.reuse`, `reg.no-null`, `resource.required`. Their rows say what happens in between.
//!
//! One class is left out: `proto.400`, a server that answers 400 to a revision that it does not know.
//! It is about the MCP handshake and not about authorization; `mcp.protocol_versions` bends it.

mod discovery;
mod grants;
mod issuer;
mod registration;

use crate::behaviour::Behaviour;
use serde::Serialize;

/// One class of peculiarity, or one variant of it.
#[derive(Clone, Copy)]
pub struct Quirk {
    /// The class, such as `reg.grant-types`.
    pub class: &'static str,
    /// Which of several forms of the class; empty for the only or the plain one.
    pub variant: &'static str,
    /// What the server does.
    pub what: &'static str,
    /// What happens after the first successful call, before the client calls again.
    pub then: Then,
    /// What a good client makes of it.
    pub expected: Expected,
    bend: fn(&mut Behaviour),
}

impl Quirk {
    /// The behaviour that imitates the class.
    pub fn behaviour(&self) -> Behaviour {
        let mut behaviour = Behaviour::default();
        (self.bend)(&mut behaviour);
        behaviour
    }

    /// `class` or `class:variant`.
    pub fn name(&self) -> String {
        match self.variant {
            "" => self.class.to_owned(),
            variant => format!("{}:{variant}", self.class),
        }
    }

    const fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    const fn variant(mut self, variant: &'static str) -> Self {
        self.variant = variant;
        self
    }
}

/// What happens after the first successful call of a tool, before the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Nothing; one call is enough.
    Nothing,
    /// [`Testbed::expire_access_tokens`](crate::Testbed::expire_access_tokens).
    TokensExpire,
    /// [`Testbed::revoke_grants`](crate::Testbed::revoke_grants).
    GrantsAreRevoked,
    /// [`Testbed::forget_clients`](crate::Testbed::forget_clients), and the access tokens expire.
    ClientsAreForgotten,
    /// [`Testbed::migrate_to_second_issuer`](crate::Testbed::migrate_to_second_issuer).
    Migration,
}

/// What a good client makes of a quirk. Values have placeholders; see
/// [`Testbed::expand`](crate::Testbed::expand).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Its calls succeed without any setting.
    Succeeds,
    /// It refuses by default, for the given reason, and succeeds with a named deviation.
    SucceedsWith {
        /// The deviation that the host selects for this server.
        deviation: Deviation,
        /// Why it does not succeed without.
        otherwise: &'static str,
    },
    /// It stops, for the given reason.
    Refuses(&'static str),
    /// It asks its host for a client, and succeeds with the one in `registration.clients`.
    NeedsClient,
}

/// A deviation from the strict defaults that a client's host can select for one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deviation {
    /// Metadata asked for under one issuer may state another one.
    PinnedIssuer {
        /// The issuer asked for.
        asked: &'static str,
        /// The issuer that the document states.
        published: &'static str,
    },
    /// Protected resource metadata may name this resource.
    AllowResource(&'static str),
    /// PKCE with S256 is used although the metadata does not list it.
    AssumeS256,
    /// No `resource` parameter is sent.
    OmitResource,
    /// A refresh that is refused because of `resource` is tried again without it.
    RetryRefreshWithoutResource,
    /// `/authorize`, `/token` and `/register` at the MCP origin are used without metadata.
    DefaultEndpoints,
    /// The authorization response may carry this `iss`.
    ExtraIss(&'static str),
    /// Parameters are added to the authorization request.
    ExtraParameters(&'static [(&'static str, &'static str)]),
    /// These scopes are asked for, whatever the servers name.
    Scopes(&'static [&'static str]),
}

/// All quirks, by class.
pub fn quirks() -> Vec<Quirk> {
    let mut all = discovery::quirks();
    all.extend(issuer::quirks());
    all.extend(registration::quirks());
    all.extend(grants::quirks());
    all.sort_by_key(|quirk| (quirk.class, quirk.variant));
    all
}

/// The quirk with a name: a class, or class and variant with a colon between them. A class whose
/// variants all have names gives the first of them.
pub fn quirk(name: &str) -> Option<Quirk> {
    let all = quirks();
    let exact = all.iter().find(|quirk| quirk.name() == name);
    exact
        .or_else(|| all.iter().find(|quirk| quirk.class == name))
        .copied()
}

const fn row(
    class: &'static str,
    expected: Expected,
    what: &'static str,
    bend: fn(&mut Behaviour),
) -> Quirk {
    Quirk {
        class,
        variant: "",
        what,
        then: Then::Nothing,
        expected,
        bend,
    }
}

const fn only_with(deviation: Deviation, otherwise: &'static str) -> Expected {
    Expected::SucceedsWith {
        deviation,
        otherwise,
    }
}

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}
