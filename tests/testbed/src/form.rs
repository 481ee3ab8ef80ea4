//! Is the body of a request a form that its endpoint can read (RFC 6749 §3.2, appendix B)?

use crate::bench::Bench;
use crate::breach::Rule;
use crate::http::Request;
use crate::pairs::Pairs;
use crate::place::Server;
use crate::refusal::Refusal;

/// What every request may have by which a client says who it is (RFC 6749 §2.3.1, RFC 7523 §2.2).
const AUTHENTICATION: [&str; 4] = [
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
];

/// Reads the form of a request that a client sends directly, with these parameters and its authentication.
pub(crate) fn form(bench: &Bench, request: &Request, known: &[&str]) -> Result<Pairs, Refusal> {
    let invalid = |rule, what: String| Err(Refusal::breach(rule, "invalid_request", what));
    if request.method != "POST" {
        let mut refusal = Refusal::breach(Rule::Method, "invalid_request", "only POST");
        refusal.status = 405;
        return Err(refusal);
    }
    let own = bench.behaviour.server_metadata.endpoint_query.as_deref();
    let has_own = request.path.ends_with("/token") && request.server != Server::IdentityProvider;
    if request.query != own.filter(|_| has_own).unwrap_or_default() {
        return invalid(Rule::Url, "the query is not the endpoint's own".into());
    }
    let form_type = "application/x-www-form-urlencoded";
    if request.content_type().as_deref() != Some(form_type) || request.repeats("content-type") {
        return invalid(Rule::ContentType, format!("the body is {form_type}"));
    }
    let form = Pairs::form(&request.body);
    if let Some(name) = form.duplicate() {
        return invalid(Rule::Duplicate, format!("{name} twice"));
    }
    if let Some((name, _)) = form.0.iter().find(|(_, value)| value.is_empty()) {
        return invalid(Rule::Empty, format!("{name} is empty"));
    }
    if let Some(name) = form.unknown(&[known, &AUTHENTICATION].concat()) {
        return invalid(Rule::Unknown, format!("{name} is not a parameter here"));
    }
    Ok(form)
}

impl Pairs {
    /// The value of a parameter that must be there.
    pub(crate) fn needed(&self, name: &str) -> Result<&str, Refusal> {
        let missing = || Refusal::breach(Rule::Missing, "invalid_request", name);
        self.get(name).ok_or_else(missing)
    }
}
