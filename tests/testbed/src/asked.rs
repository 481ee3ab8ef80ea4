//! Which resource and which scopes does a request ask for, and may it (RFC 8707 §2, RFC 6749 §3.3)?

use crate::behaviour::ResourceRule;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::clients::Client;
use crate::pairs::Pairs;
use crate::refusal::Refusal;
use crate::state::scopes;

/// The resource that a token will be for, if it will be for one.
pub(crate) fn resource(
    bench: &Bench,
    rule: ResourceRule,
    asked: &Pairs,
) -> Result<Option<String>, Refusal> {
    let breach = |what| Err(Refusal::breach(Rule::Resource, "invalid_target", what));
    match (rule, asked.get("resource")) {
        (ResourceRule::Ignored, _) => Ok(None),
        (ResourceRule::Rejected, None) => Ok(Some(bench.resource())),
        (ResourceRule::Rejected, Some(_)) => Err(Refusal::declined(
            "invalid_target",
            "the resource parameter is not supported",
        )),
        (ResourceRule::Required, None) => breach("resource is missing".to_owned()),
        (ResourceRule::Required, Some(resource)) if resource != bench.resource() => {
            breach(format!("{resource} is not {}", bench.resource()))
        }
        (ResourceRule::Required, Some(resource)) => Ok(Some(resource.to_owned())),
    }
}

/// The scopes that are granted: those asked for, or the default.
pub(crate) fn scope(bench: &Bench, client: &Client, asked: &Pairs) -> Result<Vec<String>, Refusal> {
    let rules = &bench.behaviour.authorization;
    let breach = |what| Err(Refusal::breach(Rule::Scope, "invalid_scope", what));
    let declined = |what| Err(Refusal::declined("invalid_scope", what));
    let Some(asked) = asked.get("scope") else {
        return match rules.scope_required {
            true => declined("scope is required".to_owned()),
            false => Ok(scopes(&rules.default_scope)),
        };
    };
    let asked: Vec<String> = asked.split(' ').map(str::to_owned).collect();
    let known = bench.behaviour.known_scopes();
    for (index, scope) in asked.iter().enumerate() {
        if asked[..index].contains(scope) {
            return breach(format!("{scope} twice"));
        }
        if rules.refused_scopes.contains(scope) {
            return declined(format!("{scope} is not allowed"));
        }
        if !known.contains(scope) {
            return breach(format!("{scope:?} is not offered"));
        }
        let registered = client.scope.as_ref();
        if registered.is_some_and(|registered| !registered.contains(scope)) {
            return breach(format!("client was not registered with scope {scope}"));
        }
    }
    Ok(asked)
}
