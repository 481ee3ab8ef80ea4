//! Which quirks concern authorization server metadata and issuer identifiers?

use super::Expected::{Refuses, Succeeds};
use super::discovery::{ROOT, metadata_only_at, servers, silent_challenge};
use super::{Deviation, Quirk, Then, list, only_with, row};
use crate::behaviour::{Behaviour, Miss, WellKnown};

pub(super) fn quirks() -> Vec<Quirk> {
    let mut all = issuer();
    all.extend(server_metadata());
    all
}

fn issuer() -> Vec<Quirk> {
    let pinned = only_with(
        Deviation::PinnedIssuer {
            asked: "{issuer}",
            published: "https://idp.example.com",
        },
        "issuer mismatch",
    );
    let path_dropped = only_with(
        Deviation::PinnedIssuer {
            asked: "{issuer}",
            published: "{as1}",
        },
        "issuer mismatch",
    );
    let extra = only_with(
        Deviation::ExtraIss("https://idp.example.com"),
        "iss mismatch",
    );
    let normalised = only_with(Deviation::ExtraIss("{published}/"), "iss mismatch");
    vec![
        row(
            "iss.endpoint-origin",
            Succeeds,
            "endpoints of another origin than the issuer",
            |b| {
                b.server_metadata.endpoints_elsewhere = true;
                b.server_metadata.iss_advertised = false;
                b.authorization.iss = None;
            },
        ),
        row(
            "iss.missing",
            Refuses("iss is advertised but missing"),
            "iss is advertised and not sent",
            |b| {
                b.authorization.iss = None;
            },
        ),
        row("iss.wrong", extra, "iss is another server's", |b| {
            b.authorization.iss = Some("https://idp.example.com".into());
        }),
        row(
            "iss.wrong",
            extra,
            "iss is another server's, and not advertised",
            |b| {
                b.server_metadata.iss_advertised = false;
                b.authorization.iss = Some("https://idp.example.com".into());
            },
        )
        .variant("unadvertised"),
        row(
            "iss.wrong",
            normalised,
            "iss has a slash that the issuer has not",
            |b| {
                b.authorization.iss = Some("{published}/".into());
            },
        )
        .variant("normalised"),
        row(
            "issuer.flip",
            Succeeds,
            "the resource names another issuer from one day to the next",
            |_| {},
        )
        .then(Then::Migration),
        row(
            "issuer.host-mismatch",
            pinned,
            "the document states an issuer of another host",
            |b| {
                b.server_metadata.issuer = "https://idp.example.com".into();
            },
        ),
        row(
            "issuer.host-mismatch",
            Refuses("metadata without issuer"),
            "the document states no issuer",
            |b| b.server_metadata.members.unset("issuer"),
        )
        .variant("missing"),
        row(
            "issuer.path-dropped",
            path_dropped,
            "the document states the issuer without its path",
            |b| {
                b.server_metadata.issuer_path = "/tenant".into();
                b.server_metadata.issuer = "{as1}".into();
            },
        ),
        // The default port cannot be had on loopback, so another spelling stands in for it that
        // URL serializers change.
        row(
            "issuer.port",
            Succeeds,
            "an issuer that URL serializers would rewrite",
            |b| {
                servers(b, &["HTTP://{as1_host}"]);
                b.server_metadata.issuer = "HTTP://{as1_host}".into();
            },
        ),
        row(
            "issuer.root-slash",
            Succeeds,
            "only the document states the final slash",
            |b| {
                b.server_metadata.issuer = "{as1}/".into();
            },
        )
        .variant("document"),
        row(
            "issuer.root-slash",
            Succeeds,
            "only the resource states the final slash",
            |b| {
                servers(b, &["{as1}/"]);
            },
        )
        .variant("resource"),
        row(
            "issuer.root-slash",
            Succeeds,
            "both state the final slash",
            |b| {
                b.server_metadata.issuer_path = "/".into();
            },
        )
        .variant("both"),
        row(
            "issuer.template",
            Refuses("issuer mismatch"),
            "the stated issuer has a placeholder in braces",
            |b| {
                b.server_metadata.issuer_path = "/common/v2.0".into();
                b.server_metadata.issuer = "{as1}/{tenantid}/v2.0".into();
            },
        ),
    ]
}

fn server_metadata() -> Vec<Quirk> {
    fn served(b: &mut Behaviour, issuer_path: &str, form: WellKnown) {
        b.server_metadata.issuer_path = issuer_path.into();
        b.server_metadata.served_at = vec![form];
    }
    fn second_place(b: &mut Behaviour, elsewhere: Miss) {
        served(b, "/tenant", WellKnown::OpenidAppended);
        b.server_metadata.elsewhere = elsewhere;
    }
    fn root_resource_metadata(b: &mut Behaviour, elsewhere: Miss) {
        silent_challenge(b);
        metadata_only_at(b, ROOT);
        b.resource_metadata.elsewhere = elsewhere;
    }
    let at = |name, what, bend| row("wellknown.location", Succeeds, what, bend).variant(name);
    let not_404 = |name, what, bend| row("wellknown.not-404", Succeeds, what, bend).variant(name);
    vec![
        row(
            "metadata.absent",
            Refuses("no authorization server metadata"),
            "protected resource metadata names a server without metadata",
            |b| b.server_metadata.served_at.clear(),
        ),
        row(
            "pkce.plain-listed",
            Succeeds,
            "plain is listed beside S256",
            |b| {
                b.server_metadata.code_challenge_methods_supported = Some(list(&["plain", "S256"]));
            },
        ),
        row(
            "pkce.unadvertised",
            only_with(Deviation::AssumeS256, "PKCE is not advertised"),
            "the list of challenge methods is left out",
            |b| b.server_metadata.code_challenge_methods_supported = None,
        ),
        row(
            "pkce.unadvertised",
            Refuses("S256 is not supported"),
            "only plain is listed",
            |b| {
                b.server_metadata.code_challenge_methods_supported = Some(list(&["plain"]));
            },
        )
        .variant("plain-only"),
        row(
            "wellknown.html",
            Succeeds,
            "other places answer 200 with a page",
            |b| {
                second_place(b, Miss::HtmlPage);
                root_resource_metadata(b, Miss::HtmlPage);
            },
        ),
        row(
            "wellknown.html",
            Succeeds,
            "other places answer 200 with {}",
            |b| {
                second_place(b, Miss::EmptyObject);
                root_resource_metadata(b, Miss::EmptyObject);
            },
        )
        .variant("empty-object"),
        at("inserted", "RFC 8414 insertion only", |b| {
            served(b, "/tenant", WellKnown::Oauth)
        }),
        at(
            "openid-inserted",
            "OpenID document by insertion only",
            |b| {
                served(b, "/tenant", WellKnown::OpenidInserted);
            },
        ),
        at(
            "openid-appended",
            "OpenID document by appending only",
            |b| {
                served(b, "/realms/notes", WellKnown::OpenidAppended);
            },
        ),
        at(
            "openid-root",
            "OpenID document only, issuer without a path",
            |b| {
                served(b, "", WellKnown::OpenidAppended);
            },
        ),
        row(
            "wellknown.location",
            Refuses("no authorization server metadata"),
            "only at the root, although the issuer has a path",
            |b| served(b, "/tenant", WellKnown::OauthRoot),
        )
        .variant("wrong-root"),
        not_404("400", "other places answer 400", |b| {
            second_place(b, Miss::Status(400))
        }),
        not_404("401", "other places answer 401", |b| {
            second_place(b, Miss::Status(401))
        }),
        not_404("405", "other places answer 405", |b| {
            second_place(b, Miss::Status(405));
            root_resource_metadata(b, Miss::Status(405));
        }),
        not_404("500", "other places answer 500", |b| {
            second_place(b, Miss::Status(500))
        }),
        row(
            "wellknown.redirect",
            Succeeds,
            "other places answer 302 to a page",
            |b| {
                second_place(b, Miss::RedirectToPage);
                root_resource_metadata(b, Miss::RedirectToPage);
            },
        ),
    ]
}
