//! What does a sign-in ask for, and of whom?

use crate::client::Client;
use crate::event::Refusal;
use crate::phase::SignIn;
use crate::phase::prove::Needs;
use crate::shared::Shared;
use crate::uri::HttpUrl;

impl SignIn {
    /// Only a person's no is an answer to what was asked; a host that cannot ask may be able to later.
    pub(super) fn remember(&self, reason: Refusal, shared: &mut Shared) {
        if reason == Refusal::Denied {
            shared.refuse_step_up(self.occasion.step_up);
        }
    }

    pub(crate) fn urls(&self) -> Vec<&HttpUrl> {
        let server = &self.server;
        let always = [server.issuer.url(), &server.token_endpoint];
        let others = [
            &server.authorization_endpoint,
            &server.registration_endpoint,
            &server.device_endpoint,
            &server.pushed_endpoint,
            &server.revocation_endpoint,
        ];
        always
            .into_iter()
            .chain(others.into_iter().flatten())
            .collect()
    }

    /// What it asks for: the scopes, and the resource that they are for (RFC 8707 §2).
    pub(super) fn wishes<'a>(
        &'a self,
        shared: &Shared,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let scopes = &self.scopes;
        let scope = (!scopes.is_empty()).then_some(("scope", scopes.as_str()));
        let resource = (!shared.config.deviations().omit_resource)
            .then_some(("resource", &*self.resource.identifier));
        scope.into_iter().chain(resource)
    }

    /// What a request for its tokens must be proved with.
    pub(super) fn needs(&self, client: &Client) -> Needs {
        let server = &self.server;
        let key = self.bind.as_ref().map(|bind| &bind.key);
        let needs = Needs::of(client, &server.issuer, &server.token_endpoint, key);
        needs.known_as(Some(&server.published))
    }
}
