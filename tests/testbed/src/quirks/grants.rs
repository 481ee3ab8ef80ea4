//! Which quirks concern authorization, tokens and scopes?

use super::Expected::{Refuses, Succeeds};
use super::{Deviation, Expected, Quirk, Then, list, only_with, row};
use crate::behaviour::{
    Behaviour, Endpoint, ErrorForm, Fault, Issued, ResourceRule, Rotation, ScopeForm, TokenForm,
};
use serde_json::json;
use std::collections::BTreeMap;

pub(super) fn quirks() -> Vec<Quirk> {
    let mut all = refresh();
    all.extend(resource());
    all.extend(scope());
    all.extend(offline());
    all.extend(token());
    all
}

fn refresh() -> Vec<Quirk> {
    vec![
        row(
            "refresh.keep",
            Succeeds,
            "a refresh gives no new refresh token",
            |b| {
                b.refresh.rotation = Rotation::Keep;
            },
        )
        .then(Then::TokensExpire),
        row(
            "refresh.none",
            Succeeds,
            "no refresh token is ever issued",
            |b| {
                b.refresh.issued = Issued::Never;
            },
        )
        .then(Then::TokensExpire),
        row(
            "refresh.reuse",
            Succeeds,
            "refresh tokens rotate, and reuse revokes the grant",
            |_| {},
        )
        .then(Then::TokensExpire),
    ]
}

fn resource() -> Vec<Quirk> {
    fn rules(b: &mut Behaviour, rule: ResourceRule) {
        b.authorization.resource = rule;
        b.token.resource = rule;
        b.refresh.resource = rule;
    }
    let retry = only_with(
        Deviation::RetryRefreshWithoutResource,
        "invalid_target on refresh",
    );
    vec![
        row(
            "resource.exact",
            Succeeds,
            "a resource that URL serializers would rewrite",
            |b| {
                b.resource_metadata.resource = "HTTP://{rs_host}/mcp".into();
            },
        ),
        row(
            "resource.ignored",
            Succeeds,
            "resource is ignored, and the audience is not checked",
            |b| {
                rules(b, ResourceRule::Ignored);
                b.mcp.any_audience = true;
            },
        ),
        row(
            "resource.ignored",
            Refuses("the new token gets 401"),
            "resource is ignored, and the token does not work",
            |b| rules(b, ResourceRule::Ignored),
        )
        .variant("audience"),
        row(
            "resource.refresh-rejected",
            retry,
            "resource is refused on refresh only",
            |b| {
                b.refresh.resource = ResourceRule::Rejected;
            },
        )
        .then(Then::TokensExpire),
        row(
            "resource.rejected",
            only_with(Deviation::OmitResource, "invalid_target"),
            "resource is refused everywhere",
            |b| rules(b, ResourceRule::Rejected),
        )
        .then(Then::TokensExpire),
        row(
            "resource.required",
            Succeeds,
            "resource is needed in each request",
            |_| {},
        )
        .then(Then::TokensExpire),
    ]
}

const READ: Deviation = Deviation::Scopes(&["notes:read"]);

fn scope() -> Vec<Quirk> {
    fn no_scopes(b: &mut Behaviour) {
        b.challenge.scope = None;
        b.resource_metadata.scopes_supported = None;
        b.server_metadata.scopes_supported = None;
    }
    vec![
        row(
            "scope.all-rejected",
            Succeeds,
            "the authorization server lists scopes it refuses",
            |b| {
                b.challenge.scope = None;
                let all = ["notes:read", "notes:write", "phone", "team:admin"];
                b.server_metadata.scopes_supported = Some(list(&all));
                b.authorization.refused_scopes = list(&["phone", "team:admin"]);
            },
        ),
        row(
            "scope.all-rejected",
            only_with(READ, "invalid_scope"),
            "the resource lists scopes that are refused",
            |b| {
                b.challenge.scope = None;
                b.resource_metadata.scopes_supported = Some(list(&["notes:read", "admin"]));
                b.authorization.refused_scopes = list(&["admin"]);
            },
        )
        .variant("resource"),
        row("scope.empty", Succeeds, "empty lists of scopes", |b| {
            b.challenge.scope = None;
            b.resource_metadata.scopes_supported = Some(Vec::new());
            b.server_metadata.scopes_supported = Some(Vec::new());
        }),
        row("scope.huge", Succeeds, "eighty long scopes", |b| {
            b.challenge.scope = None;
            let scope = |n| format!("https://notes.example.com/auth/collection-{n}:read-and-write");
            let all: Vec<String> = (0..80).map(scope).collect();
            b.resource_metadata.scopes_supported = Some(all);
        }),
        row(
            "scope.qualified",
            Succeeds,
            "scopes have a prefix that the token answer drops",
            |b| {
                let read = "api://notes.example.com/notes.read";
                b.challenge.scope = Some(read.into());
                b.resource_metadata.scopes_supported = Some(list(&[read]));
                b.server_metadata.scopes_supported = None;
                b.mcp.tool_scopes = BTreeMap::from([("read_note".into(), read.into())]);
                b.token.answer.set("scope", "notes.read");
            },
        )
        .then(Then::GrantsAreRevoked),
        row(
            "scope.required",
            only_with(READ, "invalid_scope"),
            "no scopes are named, but some must be asked for",
            |b| {
                no_scopes(b);
                b.authorization.scope_required = true;
            },
        ),
        row(
            "scope.required",
            Succeeds,
            "no scopes are named, and the server chooses",
            |b| {
                no_scopes(b);
                b.authorization.default_scope = "notes:read notes:write".into();
            },
        )
        .variant("chosen-by-server"),
        row(
            "scope.select",
            only_with(
                Deviation::Scopes(&["session:role:analyst"]),
                "invalid_scope",
            ),
            "the named scope is refused to this account",
            |b| {
                b.challenge.scope = Some("session:role:all".into());
                let all = ["session:role:all", "session:role:analyst"];
                b.resource_metadata.scopes_supported = Some(list(&all));
                b.authorization.refused_scopes = list(&["session:role:all"]);
            },
        ),
    ]
}

fn offline() -> Vec<Quirk> {
    fn unlisted(b: &mut Behaviour) {
        b.server_metadata.scopes_supported = Some(list(&["notes:read", "notes:write"]));
    }
    const GIVE_OFFLINE: &[(&str, &str)] = &[("access_type", "offline"), ("prompt", "consent")];
    vec![
        row(
            "scope.offline",
            Succeeds,
            "offline_access is listed, and needed for a refresh token",
            |b| {
                b.refresh.issued = Issued::WithOfflineAccess;
            },
        )
        .variant("needed")
        .then(Then::TokensExpire),
        row(
            "scope.offline",
            Succeeds,
            "offline_access is not listed, and refused",
            |b| {
                unlisted(b);
                b.authorization.refused_scopes = list(&["offline_access"]);
            },
        )
        .variant("unlisted"),
        row(
            "scope.offline",
            only_with(READ, "invalid_scope"),
            "offline_access is listed, and refused",
            |b| b.authorization.refused_scopes = list(&["offline_access"]),
        )
        .variant("refused"),
        row(
            "scope.offline-google",
            only_with(Deviation::ExtraParameters(GIVE_OFFLINE), "no refresh token"),
            "a refresh token needs parameters of the vendor",
            |b| {
                unlisted(b);
                b.authorization.extra_parameters = list(&["access_type"]);
                let needed = GIVE_OFFLINE
                    .iter()
                    .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
                b.refresh.issued = Issued::WithParameters(needed.collect());
            },
        )
        .then(Then::TokensExpire),
        row("scope.prompt", Succeeds, "prompt=consent is refused", |b| {
            b.authorization.refused_parameters = list(&["prompt"]);
        }),
    ]
}

fn token() -> Vec<Quirk> {
    fn refused(b: &mut Behaviour, error: &str, form: ErrorForm) {
        b.token.refused = Some(error.into());
        b.token.errors = form;
    }
    fn token_type(name: &'static str, expected: Expected, bend: fn(&mut Behaviour)) -> Quirk {
        row("token.type", expected, "token_type is not Bearer", bend).variant(name)
    }
    vec![
        row(
            "server.down",
            Refuses("the browser never comes back"),
            "the authorization endpoint answers 500",
            |b| {
                b.fault(
                    Endpoint::Authorization,
                    Fault::answer(500, "text/plain", "Oops"),
                    None,
                );
            },
        ),
        row(
            "token.200-error",
            Refuses("bad_verification_code"),
            "errors have status 200",
            |b| {
                refused(b, "bad_verification_code", ErrorForm::StatusOk);
            },
        ),
        row(
            "token.200-error",
            Refuses("invalid_code"),
            "errors have status 200 and ok: false",
            |b| {
                refused(b, "invalid_code", ErrorForm::OkFalse);
            },
        )
        .variant("ok-false"),
        row(
            "token.bearer-case",
            Succeeds,
            "token_type is bearer, but the header needs Bearer",
            |b| {
                b.token.answer.set("token_type", "bearer");
            },
        ),
        row(
            "token.error-body",
            Refuses("token request failed with 422"),
            "errors are {message}",
            |b| {
                refused(b, "invalid_grant", ErrorForm::Message(422));
            },
        ),
        row(
            "token.error-body",
            Refuses("token request failed with 404"),
            "errors are text",
            |b| {
                refused(b, "invalid_grant", ErrorForm::Text(404));
            },
        )
        .variant("text"),
        row("token.expires", Succeeds, "expires_in is a string", |b| {
            b.token.answer.set("expires_in", "3600");
        })
        .variant("string"),
        row("token.expires", Succeeds, "expires_in is left out", |b| {
            b.token.answer.unset("expires_in")
        })
        .variant("absent"),
        row("token.expires", Succeeds, "expires_in is huge", |b| {
            b.token.answer.set("expires_in", u64::MAX);
        })
        .variant("huge"),
        row("token.expires", Succeeds, "expires_in is negative", |b| {
            b.token.answer.set("expires_in", -1);
        })
        .variant("negative"),
        row(
            "token.form",
            Succeeds,
            "form-encoded unless JSON is accepted",
            |b| {
                b.token.form = TokenForm::FormUnlessJsonAccepted;
            },
        ),
        row("token.form", Succeeds, "form-encoded in any case", |b| {
            b.token.form = TokenForm::Form
        })
        .variant("always"),
        row(
            "token.nested",
            Refuses("no access token"),
            "the tokens are inside authed_user",
            |b| {
                b.token.form = TokenForm::Nested;
            },
        ),
        row(
            "token.scope",
            Succeeds,
            "scope is separated by commas",
            |b| {
                b.token.scope_form = ScopeForm::Commas;
            },
        )
        .variant("commas"),
        row("token.scope", Succeeds, "scope is an array", |b| {
            b.token.scope_form = ScopeForm::Array
        })
        .variant("array"),
        row("token.scope", Succeeds, "scope is left out", |b| {
            b.token.scope_form = ScopeForm::Absent
        })
        .variant("absent"),
        row("token.status", Succeeds, "success is 201", |b| {
            b.token.status = 201
        }),
        token_type("bearer", Succeeds, |b| {
            b.token.answer.set("token_type", "bearer")
        }),
        // What is no type that exists, or is missing, can only mean bearer; other types have rules of
        // their own (RFC 6749 §7.1).
        token_type("user", Succeeds, |b| {
            b.token.answer.set("token_type", "user")
        }),
        token_type("missing", Succeeds, |b| b.token.answer.unset("token_type")),
        // An explicit null counts as absent.
        token_type("null", Succeeds, |b| {
            b.token.answer.set("token_type", json!(null));
        }),
        token_type("mac", Refuses("unknown token type"), |b| {
            b.token.answer.set("token_type", "mac")
        }),
    ]
}
