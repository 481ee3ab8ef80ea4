//! Is the header read as RFC 9110 means it, whatever a server writes?

use super::*;
use crate::uri::tests::Random;

fn parse<'a>(lines: &'a [&'a str]) -> Challenges<'a> {
    Challenges::parse(lines).unwrap()
}

/// What a line asks for: metadata URL, scope, error and its description.
type Asked = [Option<String>; 4];

fn bearer(lines: &[&str]) -> Option<Asked> {
    let challenges = parse(lines);
    let found = BearerChallenge::read(&challenges, BEARER)?;
    let shown = |text: Option<ServerText>| text.map(|text| text.to_string());
    Some([
        found.resource_metadata.map(String::from),
        found.scope.map(String::from),
        shown(found.error()),
        shown(found.error_description()),
    ])
}

fn metadata(lines: &[&str]) -> Option<String> {
    let [metadata, ..] = bearer(lines)?;
    metadata
}

// PRM-04
#[test]
fn lines_are_read_as_lists_of_challenges() {
    for (line, written) in [
        ("", ""),
        (" , ,\t,", ""),
        ("Bearer", "Bearer"),
        ("Bearer ", "Bearer"),
        ("bEaReR realm=x", "bEaReR realm=\"x\""),
        ("Bearer realm=\"\"", "Bearer realm=\"\""),
        ("Bearer  \t realm \t= \"x\"  ", "Bearer realm=\"x\""),
        ("Bearer a=\"1\",b=\"2\"", "Bearer a=\"1\", b=\"2\""),
        ("Bearer a=1 ,, , b=2,", "Bearer a=\"1\", b=\"2\""),
        ("Bearer ,a=1", "Bearer a=\"1\""),
        ("Bearer a=\"x, y=z\", b=2", "Bearer a=\"x, y=z\", b=\"2\""),
        (r#"Bearer a="\"q\" \\ \x""#, r#"Bearer a="\"q\" \\ x""#),
        ("Negotiate", "Negotiate"),
        ("Negotiate abc/+-._~==", "Negotiate abc/+-._~=="),
        (
            "Negotiate abc==, Bearer a=1",
            "Negotiate abc==, Bearer a=\"1\"",
        ),
        (
            "Negotiate,Bearer a=1,Basic realm=r",
            "Negotiate, Bearer a=\"1\", Basic realm=\"r\"",
        ),
        ("Bearer realm=, Basic", "Bearer realm=, Basic"),
        (
            "Digest qop=\"auth, auth-int\", nonce=n, Bearer a=1",
            "Digest qop=\"auth, auth-int\", nonce=\"n\", Bearer a=\"1\"",
        ),
        ("X-Odd!#$ a*=b", "X-Odd!#$ a*=\"b\""),
        ("Bearer a=\"ü€\"", "Bearer a=\"ü€\""),
    ] {
        let lines = [line];
        let challenges = parse(&lines);
        assert!(!challenges.unreadable(), "{line}");
        assert!(!challenges.repeated_parameter(), "{line}");
        assert_eq!(challenges.to_string(), written, "{line}");
    }
}

#[test]
fn what_cannot_be_read_ends_its_line_alone() {
    for (line, written) in [
        (
            "https://h.example/.well-known/oauth-authorization-server",
            "",
        ),
        ("realm=\"x\"", ""),
        ("=", ""),
        ("\"Bearer\" a=1", ""),
        ("Bearer a=\"1\", b=\"open", "Bearer a=\"1\""),
        ("Bearer a=\"1\", b=\"open\\", "Bearer a=\"1\""),
        ("Bearer a=\"1\" b=\"2\"", "Bearer a=\"1\""),
        ("Bearer a=1 b=2, c=3", "Bearer a=\"1\""),
        ("Bearer a=https://h.example/", "Bearer"),
        ("Bearer a=1, b=https://h.example/, c=3", "Bearer a=\"1\""),
        ("Bearer a=1, @, c=3", "Bearer a=\"1\""),
        ("Bearer a=1, b c d", "Bearer a=\"1\", b"),
        ("Bearer abc, d=e", "Bearer abc"),
        ("Bearer =x, a=1", "Bearer"),
        ("Bearer a=\"x\"y, b=2", "Bearer"),
        ("Bearer a=\"x\u{0}\", b=2", "Bearer"),
        ("Bearer a=\"x\u{7f}\", b=2", "Bearer"),
        ("Bearer a=\"x\r\n\", b=2", "Bearer"),
        ("Bearer a=\"x\\\u{0}\", b=2", "Bearer"),
        ("Bearer a=\"x\\\n\", b=2", "Bearer"),
        ("Bearer: a=1", ""),
        ("Bear\u{e9}r a=1", ""),
    ] {
        let lines = [line];
        let challenges = parse(&lines);
        assert!(challenges.unreadable(), "{line}");
        assert_eq!(challenges.to_string(), written, "{line}");
    }
    let both = parse(&["https://h.example/", "Bearer a=1"]);
    assert_eq!(both.to_string(), "Bearer a=\"1\"");
    assert!(both.unreadable());
}

// PRM-04
#[test]
fn metadata_is_found_wherever_the_bearer_challenge_stands() {
    let url = "https://h.example/m?a=1,b=2";
    let carrying = format!("Bearer resource_metadata=\"{url}\"");
    for lines in [
        vec![carrying.clone()],
        vec![format!(
            "Basic realm=\"a, Bearer resource_metadata=x\", {carrying}"
        )],
        vec!["Basic realm=\"x\"".into(), carrying.clone()],
        vec!["Negotiate abc==".into(), carrying.clone()],
        vec![format!("Negotiate, {carrying}, Basic realm=r")],
        vec![carrying.to_uppercase().replace(&url.to_uppercase(), url)],
        vec![format!(
            "Bearer realm=\"OAuth\",resource_metadata=\"{url}\",authorization_uri=\"https://h.example/a\""
        )],
        vec!["https://h.example/odd".into(), carrying.clone()],
        vec!["Bearer realm=\"x\"".into(), carrying.clone()],
        vec!["Bearer resource_metadata=\"\"".into(), carrying.clone()],
        vec![format!(
            "{carrying}, Bearer resource_metadata=\"https://h.example/second\""
        )],
        vec![format!("{carrying}, error=\"open")],
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(metadata(&lines).as_deref(), Some(url), "{lines:?}");
    }
    let escaped = "Bearer resource_metadata=\"https:\\/\\/h.example\\/m?a=1,b=2\"";
    assert_eq!(metadata(&[escaped]).as_deref(), Some(url));
}

// PRM-05
#[test]
fn names_that_merely_end_alike_give_nothing() {
    let found = bearer(&[
        "Bearer x_resource_metadata=\"https://evil.example\", error_scope=\"admin\", \
         resource_metadata_x=\"https://evil.example\", resource_metadata*=e, scopes=admin",
    ]);
    assert_eq!(found, Some(Asked::default()));
}

// PRM-06
#[test]
fn a_challenge_that_repeats_a_parameter_gives_nothing() {
    for line in [
        "Bearer resource_metadata=U1, resource_metadata=U2",
        "Bearer resource_metadata=U1, Resource_Metadata=U1",
        "Bearer realm=a, resource_metadata=U1, realm=b",
        "Bearer resource_metadata=U1, realm=a, realm=a, error=\"open",
    ] {
        let lines = [line];
        let challenges = parse(&lines);
        assert!(challenges.repeated_parameter());
        assert_eq!(BearerChallenge::read(&challenges, BEARER), None, "{line}");
    }
    let other = "Bearer resource_metadata=U1, resource_metadata=U2, Bearer resource_metadata=U3";
    assert_eq!(metadata(&[other]).as_deref(), Some("U3"));
}

// PRM-07
#[test]
fn only_schemes_asked_for_are_read() {
    let lines = [
        "Negotiate resource_metadata=E, scope=admin, error=x",
        "DPoP resource_metadata=D, algs=\"ES256\"",
        "Bearer resource_metadata=U",
    ];
    let challenges = parse(&lines);
    let read = |schemes: &[&str]| {
        BearerChallenge::read(&challenges, schemes)
            .and_then(|found| found.resource_metadata)
            .map(String::from)
    };
    assert_eq!(read(BEARER).as_deref(), Some("U"));
    assert_eq!(read(&["bearer", "dpop"]).as_deref(), Some("D"));
    assert_eq!(read(&["Digest"]), None);
    let dpop = challenges.iter().nth(1).unwrap();
    assert_eq!(dpop.scheme(), "DPoP");
    assert_eq!(dpop.parameter("ALGS"), Some("ES256"));
    assert_eq!(bearer(&["Negotiate resource_metadata=E"]), None);
    assert_eq!(bearer(&[]), None);
    assert_eq!(bearer(&["Bearer abc="]), Some(Asked::default()));
}

// SCP-01, SCP-05
#[test]
fn scope_and_description_belong_to_the_error_they_came_with() {
    let asked = |texts: [Option<&str>; 4]| Some(texts.map(|text| text.map(String::from)));
    let found = bearer(&[
        "Bearer scope=\"other\", error_description=\"none\", resource_metadata=U",
        "Bearer error=\"insufficient_scope\", error_description=\"say \\\"please\\\"\u{1b}\"",
    ]);
    // The control character makes the description unreadable.
    assert_eq!(
        found,
        asked([Some("U"), None, Some("insufficient_scope"), None])
    );

    let found = bearer(&[
        "Bearer realm=x, Bearer scope=\"a b\"",
        "Bearer error=, Bearer error=\"invalid_token\", scope=\"\"",
    ]);
    assert_eq!(found, asked([None, None, Some("invalid_token"), None]));

    let found = bearer(&["Bearer realm=x, Bearer scope=\"a b\", Bearer scope=c"]);
    assert_eq!(found, asked([None, Some("a b"), None, None]));
}

// RSP-16
#[test]
fn displayed_text_is_neutralised() {
    let line = b"Bearer error=\"bad\\\\code\xe2\x80\xae\", error_description=\"caf\xc3\xa9 \xff \\\"x\\\"\"";
    let lines = [line];
    let challenges = Challenges::parse(&lines).unwrap();
    let found = BearerChallenge::read(&challenges, BEARER).unwrap();
    assert_eq!(found.error().unwrap().as_str(), "bad/code?");
    assert_eq!(found.error_description().unwrap().as_str(), "caf? ? 'x'");
}

#[test]
fn each_bound_is_a_fault_one_step_beyond_it() {
    let half = format!(
        "Bearer realm=\"{}\"",
        "x".repeat(MAX_CHALLENGE_BYTES / 2 - 15)
    );
    assert_eq!(half.len() * 2, MAX_CHALLENGE_BYTES);
    assert!(Challenges::parse(&[&half, &half]).is_ok());
    assert_eq!(
        Challenges::parse(&[half.as_str(), &half, ","]),
        Err(ChallengeFault::TooLong)
    );

    let many = vec!["Bearer"; MAX_CHALLENGES];
    assert_eq!(
        Challenges::parse(&many).unwrap().iter().count(),
        MAX_CHALLENGES
    );
    assert_eq!(
        Challenges::parse(&[many.join(","), "Bearer".into()]),
        Err(ChallengeFault::TooManyChallenges)
    );

    let parameters = |count: usize| {
        let list: Vec<_> = (0..count).map(|number| format!("p{number}=x")).collect();
        format!("Bearer {}", list.join(","))
    };
    let lines = [parameters(MAX_PARAMETERS)];
    let full = Challenges::parse(&lines).unwrap();
    assert_eq!(
        full.iter().next().unwrap().parameters().count(),
        MAX_PARAMETERS
    );
    assert_eq!(
        Challenges::parse(&[parameters(MAX_PARAMETERS + 1)]),
        Err(ChallengeFault::TooManyParameters)
    );
}

// PRM-04
#[test]
fn whatever_is_read_is_written_and_read_again_the_same() {
    let pieces: [&[u8]; 26] = [
        b"Bearer",
        b"Basic",
        b"Negotiate",
        b" ",
        b" ",
        b",",
        b",",
        b", ",
        b"=",
        b"=",
        b"\"",
        b"\"",
        b"\\",
        b"realm",
        b"scope",
        b"resource_metadata",
        b"abc/==",
        b"\t",
        b"\0",
        b":",
        b"\xff",
        b"\xc3\xa9",
        b"x=\"1\"",
        b"y=2",
        b"error=\"z\"",
        b"\r\n",
    ];
    let mut random = Random(6);
    let mut told = 0;
    for _ in 0..200_000 {
        let mut lines = vec![Vec::new(); 1 + random.below(2)];
        for line in &mut lines {
            for _ in 0..random.below(12) {
                line.extend_from_slice(random.pick(&pieces));
            }
        }
        let first = Challenges::parse(&lines).unwrap();
        let written = first.to_string();
        let lines = [&written];
        let second = Challenges::parse(&lines).unwrap();
        assert_eq!(first.list, second.list, "{written}");
        assert!(
            !second.unreadable() && !second.repeated_parameter(),
            "{written}"
        );
        told += first.list.len();
    }
    assert!(told > 10_000, "{told}");
}
