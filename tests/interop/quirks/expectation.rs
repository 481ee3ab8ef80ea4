//! With which code, and with which advice, does each row of the testbed's table end?

use mcp_oauth_core::{Advice, Code};
use mcp_oauth_testbed::Deviation;

use crate::scene::Trouble;

/// The end of a run that does not succeed.
pub(super) enum End {
    /// A failure with this code and advice.
    Fails(Code, Advice),
    /// The same, with the server's own error code in it.
    FailsSaying(Code, Advice, &'static str),
    /// The same, with the status of the server's answer in it.
    FailsWithStatus(Code, Advice, u16),
    /// No matter of authorization: what the SDK says has this in it.
    NotAuthorization(&'static str),
}

/// What happens without the deviation that a row is about.
pub(super) enum Otherwise {
    /// It ends.
    Ends(End),
    /// It goes on, but the user has to sign in more often.
    SignsInAgain,
}

impl End {
    /// What does not fit.
    pub(super) fn fits(&self, outcome: &Result<(), Trouble>) -> Result<(), String> {
        let Err(trouble) = outcome else {
            return Err("it succeeded".into());
        };
        let failure = match (self, trouble) {
            (Self::NotAuthorization(words), Trouble::Other(said)) if said.contains(words) => {
                return Ok(());
            }
            (Self::NotAuthorization(_), _) => return Err(format!("{trouble:?}")),
            (_, Trouble::Other(_)) => return Err(format!("{trouble:?}")),
            (_, Trouble::Authorization(error)) => error.failure().unwrap(),
        };
        let said = failure.server_code().map(|code| code.as_str());
        let seen = (failure.code(), failure.advice());
        let right = match self {
            Self::Fails(code, advice) => seen == (*code, *advice),
            Self::FailsSaying(code, advice, words) => {
                seen == (*code, *advice) && said == Some(*words)
            }
            Self::FailsWithStatus(code, advice, status) => {
                seen == (*code, *advice) && failure.status() == Some(*status)
            }
            Self::NotAuthorization(_) => false,
        };
        if right {
            Ok(())
        } else {
            Err(format!("{failure:?}"))
        }
    }
}

use Advice::{AskUser, Reconfigure, Restart, RetryAfter, Stop};
use End::{Fails, FailsSaying, FailsWithStatus, NotAuthorization};
use Otherwise::{Ends, SignsInAgain};

pub(super) const CLIENT_NEEDED: End = Fails(Code::ClientNeeded, Reconfigure);

/// The rows that end without success, whatever the host could configure for the one server; and where no client can
/// register itself, those that end with another code than `client_needed`.
pub(super) const REFUSALS: &[(&str, End)] = &[
    ("challenge.not-401:404", NotAuthorization("404")),
    ("http.mcp-redirect", NotAuthorization("redirects to")),
    (
        "http.mcp-redirect:token",
        FailsWithStatus(Code::UnexpectedRedirect, Stop, 301),
    ),
    ("http.scheme", Fails(Code::BadIssuer, Stop)),
    ("http.scheme:endpoint", Fails(Code::BadServerMetadata, Stop)),
    ("http.scheme:resource", Fails(Code::ResourceMismatch, Stop)),
    ("iss.missing", Fails(Code::CallbackIssuerMissing, Stop)),
    (
        "issuer.host-mismatch:missing",
        Fails(Code::BadServerMetadata, Stop),
    ),
    ("issuer.template", Fails(Code::IssuerMismatch, Reconfigure)),
    ("metadata.absent", Fails(Code::NoMetadata, Reconfigure)),
    (
        "pkce.unadvertised:plain-only",
        Fails(Code::PkceUnsupported, Reconfigure),
    ),
    (
        "reg.allow-name",
        FailsWithStatus(Code::RegistrationRejected, Reconfigure, 403),
    ),
    (
        "reg.allow-redirect",
        FailsSaying(
            Code::RegistrationRejected,
            Reconfigure,
            "invalid_redirect_uri",
        ),
    ),
    (
        "reg.auth-required",
        FailsWithStatus(Code::RegistrationRejected, Reconfigure, 401),
    ),
    // The client cannot tell a forgotten registration from a page that asks for a person.
    ("reg.bogus-invalid_grant", Fails(Code::NeedsUser, AskUser)),
    (
        "reg.error-body",
        FailsWithStatus(Code::RegistrationUnavailable, RetryAfter(30_000), 500),
    ),
    (
        "reg.error-body:html",
        FailsWithStatus(Code::RegistrationUnavailable, RetryAfter(30_000), 502),
    ),
    (
        "reg.rate-limit",
        FailsWithStatus(Code::RegistrationUnavailable, RetryAfter(120_000), 429),
    ),
    (
        "resource.ignored:audience",
        Fails(Code::TokenRejected, Stop),
    ),
    ("server.down", Fails(Code::NeedsUser, AskUser)),
    (
        "token.200-error",
        FailsSaying(Code::CodeRejected, Restart, "bad_verification_code"),
    ),
    (
        "token.200-error:ok-false",
        FailsSaying(Code::CodeRejected, Restart, "invalid_code"),
    ),
    (
        "token.error-body",
        FailsWithStatus(Code::BadTokenResponse, Stop, 422),
    ),
    (
        "token.error-body:text",
        FailsWithStatus(Code::BadTokenResponse, Stop, 404),
    ),
    ("token.nested", Fails(Code::BadTokenResponse, Stop)),
    ("token.type:mac", Fails(Code::BadTokenResponse, Stop)),
    (
        "wellknown.location:wrong-root",
        Fails(Code::NoMetadata, Reconfigure),
    ),
];

/// What becomes of the rows that a deviation mends, without it.
pub(super) const WITHOUT: &[(&str, Otherwise)] = &[
    ("iss.wrong", Ends(Fails(Code::CallbackIssuerMismatch, Stop))),
    (
        "iss.wrong:normalised",
        Ends(Fails(Code::CallbackIssuerMismatch, Stop)),
    ),
    (
        "iss.wrong:unadvertised",
        Ends(Fails(Code::CallbackIssuerMismatch, Stop)),
    ),
    (
        "issuer.host-mismatch",
        Ends(Fails(Code::IssuerMismatch, Reconfigure)),
    ),
    (
        "issuer.path-dropped",
        Ends(Fails(Code::IssuerMismatch, Reconfigure)),
    ),
    (
        "pkce.unadvertised",
        Ends(Fails(Code::PkceUnsupported, Reconfigure)),
    ),
    (
        "prm.absent:default-endpoints",
        Ends(Fails(Code::NoMetadata, Reconfigure)),
    ),
    (
        "prm.resource-other",
        Ends(Fails(Code::ResourceMismatch, Stop)),
    ),
    ("resource.refresh-rejected", SignsInAgain),
    (
        "resource.rejected",
        Ends(FailsSaying(
            Code::AuthorizationRejected,
            Reconfigure,
            "invalid_target",
        )),
    ),
    ("scope.all-rejected:resource", INVALID_SCOPE),
    ("scope.offline:refused", INVALID_SCOPE),
    ("scope.offline-google", SignsInAgain),
    ("scope.required", INVALID_SCOPE),
    ("scope.select", INVALID_SCOPE),
];

const INVALID_SCOPE: Otherwise = Ends(FailsSaying(
    Code::AuthorizationRejected,
    Reconfigure,
    "invalid_scope",
));

/// What was relaxed by itself, by row; the trace tells of it. Nothing is relaxed in the others.
pub(super) const KINDNESSES: &[(&str, &[&str])] = &[
    ("issuer.root-slash:document", &["root_slash"]),
    ("issuer.root-slash:resource", &["root_slash"]),
    ("prm.absent", &["2025-03-26"]),
    ("prm.auth-required:everywhere", &["2025-03-26"]),
    ("token.type:missing", &["token_type"]),
    ("token.type:null", &["token_type"]),
    ("token.type:user", &["token_type"]),
];

/// How the trace names a deviation.
pub(super) fn told(deviation: Deviation) -> &'static [&'static str] {
    match deviation {
        Deviation::PinnedIssuer { .. } => &["pinned_issuer"],
        Deviation::AllowResource(_) => &["allow_resource"],
        Deviation::AssumeS256 => &["assume_s256"],
        Deviation::OmitResource => &["omit_resource"],
        Deviation::RetryRefreshWithoutResource => &["retry_refresh_without_resource"],
        Deviation::DefaultEndpoints => &["2025-03-26", "default_endpoints"],
        Deviation::ExtraIss(_) => &["extra_iss"],
        Deviation::ExtraParameters(_) => &["extra_parameters"],
        // A choice and no deviation; the trace tells that the scopes are configured ones.
        Deviation::Scopes(_) => &[],
    }
}
