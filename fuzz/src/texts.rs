//! Which headers, URLs and records are fuzzed, and how does a machine come to read them?

use mcp_oauth_core::wire::challenge::{BEARER, BearerChallenge, Challenges};
use mcp_oauth_core::*;

use super::second_url;
use super::trial::{Trial, outstanding};

/// `WWW-Authenticate` lines, with a 401 or 403, at a machine with or without tokens.
pub(crate) fn www_authenticate(data: &[u8], trial: &mut Trial) {
    let (shape, text) = data.split_first().unwrap_or((&0, &[]));
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if let Ok(challenges) = Challenges::parse(&lines) {
        let bearer = BearerChallenge::read(&challenges, BEARER);
        let odd = (challenges.unreadable(), challenges.repeated_parameter());
        for challenge in challenges.iter() {
            let scheme = challenge.scheme();
            assert!(!scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_graphic()));
            let token = challenge.token68();
            assert!(token.is_none() || challenge.parameters().next().is_none());
            for (name, value) in challenge.parameters() {
                // An empty one counts as absent.
                let present = (!value.is_empty()).then_some(value);
                assert_eq!(challenge.parameter(name), present, "{name} occurs twice");
            }
        }
        trial.tell(format_args!("{challenges:?} {bearer:?} {odd:?}"));
    }
    trial.watched = false;
    if shape & 1 == 1 {
        let _ = trial.give(Event::Connect);
    }
    let authorized = trial.until(PhaseKind::Authorized, 0);
    trial.watched = true;
    if !authorized && trial.seat.machine.phase() != PhaseKind::Idle {
        return;
    }
    for _ in 0..3 {
        let generation = trial.generation();
        let _ = trial.give(Event::Challenge(Challenge {
            status: if shape & 2 == 0 { 401 } else { 403 },
            www_authenticate: &lines,
            generation,
        }));
        while trial.honest(shape >> 4).is_some() {}
    }
}

/// The callback, as a query or a whole URL; `{state}` stands for the state, `code=@` for a marked code.
pub(crate) fn callback(data: &[u8], trial: &mut Trial) {
    let (shape, text) = data.split_first().unwrap_or((&0, &[]));
    trial.watched = false;
    let _ = trial.give(Event::Connect);
    let there = trial.until(PhaseKind::AwaitingCallback, shape >> 4);
    trial.watched = true;
    if !there {
        return;
    }
    let Some(Action {
        task: Task::OpenUrl(open),
        ..
    }) = outstanding(&trial.seat.machine)
    else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    let (before, query) = match text.split_once('?') {
        Some((before, query)) if shape & 1 == 1 => (before, query),
        _ => ("", &*text),
    };
    let state = format!("&state={}", open.state.expose());
    let query = format!("&{query}").replace("&state={state}", &state);
    let query = trial.world.marks.fill_callback(query.as_bytes());
    let query = String::from_utf8_lossy(&query).into_owned();
    let _ = if shape & 1 == 1 {
        let target = before.replace("{redirect}", &open.redirect_uri);
        let url = format!("{target}?{query}");
        trial.give(Event::Callback(CallbackText::Url(&url)))
    } else {
        trial.give(Event::Callback(CallbackText::Query(&query)))
    };
    trial.finish(shape >> 4);
}

/// Two lines: a URL, and one that is compared with it or that it redirects to.
pub(crate) fn url_policy(data: &[u8], trial: &mut Trial) {
    let text = String::from_utf8_lossy(data);
    let (one, other) = text.split_once('\n').unwrap_or((&text, ""));
    for reach in [Reach::Public, Reach::Private, Reach::Loopback] {
        let url = match HttpUrl::parse(one, reach) {
            Ok(url) => url,
            Err(fault) => {
                trial.tell(format_args!("{fault}"));
                continue;
            }
        };
        second_url::check_outgoing(one, reach);
        assert_eq!(url.as_str(), one);
        let rebuilt = [url.scheme().len() + 3 + url.host().len(), one.len()];
        assert!(rebuilt[0] <= rebuilt[1] && url.same_origin(&url));
        if let Ok(second) = url::Url::parse(one) {
            assert_eq!(second.scheme(), url.scheme());
            assert_eq!(second.port_or_known_default(), Some(url.port()));
        }
        for path in [
            url.well_known_inserted("oauth-protected-resource"),
            url.well_known_root("oauth-protected-resource"),
        ] {
            assert_ne!(second_url::same_origin(one, &path), Some(false), "{path}");
        }
        if let Ok(issuer) = Issuer::parse(one, reach) {
            assert!(!one.contains(['?', '#']));
            for place in [
                issuer.well_known_inserted("oauth-authorization-server"),
                issuer.well_known_appended("openid-configuration"),
            ] {
                assert_ne!(second_url::same_origin(one, &place), Some(false), "{place}");
            }
        }
        if let Ok(target) = url.resolve_redirect(other, reach) {
            second_url::check_outgoing(target.as_str(), reach);
            let same = second_url::same_origin(one, target.as_str());
            assert_ne!(same, Some(false), "{one} redirects to {target:?}");
        }
        if let Ok(target) = HttpUrl::parse(other, reach)
            && let Some(same) = second_url::same_origin(one, other)
        {
            assert_eq!(url.same_origin(&target), same, "{one} {other}");
            assert!(
                !url.contains(&target) || second_url::lies_within(other, one),
                "{one} contains {other}"
            );
        }
        trial.tell(format_args!("{url:?} {}", url.origin()));
    }
    for private in [false, true] {
        let Ok(uri) = RedirectUri::parse(one, private) else {
            continue;
        };
        assert_eq!(uri.as_str(), one);
        assert!(uri.accepts_callback(one).is_some(), "not its own callback");
        assert!(uri.matches_registered(one));
        let query = uri.accepts_callback(other);
        assert!(query.is_none_or(|query| other.contains(query)));
        trial.tell(format_args!("{uri:?} {:?} {query:?}", uri.kind()));
    }
}

/// A stored record: a snapshot to resume, or a grant to load and describe.
pub(crate) fn snapshot(data: &[u8], trial: &mut Trial) {
    let (shape, text) = data.split_first().unwrap_or((&0, &[]));
    let record = trial.world.marks.fill(text);
    if let Ok(summary) = describe_grant(&record) {
        trial.check_shown(&format!("{summary:?}"));
    }
    let generation = store::generation_of(&record);
    trial.tell(format_args!("{generation:?}"));
    if shape & 1 == 1 {
        let key = StoreKey::grant("", &trial.settings.server_url);
        let generation = generation.unwrap_or(1);
        let name = key.as_str().to_owned();
        trial.world.records.insert(name, (generation, record));
    } else {
        match Machine::resume(trial.config.clone(), "", &record) {
            Ok(machine) => {
                let held = serde_json::from_slice(machine.snapshot().expose());
                trial
                    .ledger
                    .learn_record(&held.expect("a snapshot is JSON"));
                trial.seat(machine);
            }
            Err(error) => trial.tell(format_args!("{error}")),
        }
    }
    let _ = trial.give(Event::Connect);
    trial.finish(shape >> 4);
}
