//! What does a client hear that polls for a person's consent (RFC 8628 §3.4, §3.5)?

use super::{Asking, Grant, Issue};
use crate::asked::resource;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::refusal::Refusal;
use std::time::{Duration, Instant};

/// The name of this grant.
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(super) const GRANT: Grant = Grant {
    name: DEVICE_CODE,
    parameters: &["device_code", "resource"],
    issue: poll,
};

/// What `slow_down` adds to the interval for good.
const SLOWER: u64 = 5;

fn poll(bench: &mut Bench, asking: &Asking) -> Result<Issue, Refusal> {
    let code = asking.form.needed("device_code")?;
    let rules = bench.behaviour.device.clone();
    bench.counts.device_polls += 1;
    let invalid = |rule, what| Err(Refusal::breach(rule, "invalid_grant", what));
    let Some(device) = bench.state.devices.get_mut(code) else {
        return invalid(Rule::Code, "the device code was never issued");
    };
    if device.client_id != asking.client.id || device.issuer != asking.issuer {
        return invalid(Rule::Code, "the device code belongs to somebody else");
    }
    if device.ended {
        let what = "there was a last answer already";
        let families = &bench.state.families;
        return match device.family.is_some_and(|one| families[one].answer_lost) {
            true => Err(Refusal::declined("invalid_grant", what)),
            false => invalid(Rule::Polling, what),
        };
    }
    let now = Instant::now();
    let pause = Duration::from_millis(device.interval.saturating_mul(rules.second));
    let early = device.polled.is_some_and(|last| now < last + pause);
    device.polled = Some(now);
    device.polls += 1;
    if early {
        device.interval += SLOWER;
        let what = "polled before the interval was over";
        return Err(Refusal::breach(Rule::Polling, "slow_down", what));
    }
    if device.polls <= rules.slow_downs {
        device.interval += SLOWER;
        return Err(Refusal::declined("slow_down", "there are so many"));
    }
    if device.expires <= now {
        device.ended = true;
        return Err(Refusal::declined("expired_token", "the codes have expired"));
    }
    if rules
        .approved_after
        .is_some_and(|polls| device.polls > polls)
    {
        device.allowed = device.allowed.or(Some(true));
    }
    let Some(allowed) = device.allowed else {
        let what = "nobody has decided";
        return Err(Refusal::declined("authorization_pending", what));
    };
    device.ended = true;
    let device = device.clone();
    if !allowed {
        return Err(Refusal::declined("access_denied", "the person said no"));
    }
    resource(bench, bench.behaviour.token.resource, &asking.form)?;
    let family = asking.family(&device.subject, device.resource, &device.scope);
    let family = bench.state.new_family(family);
    if let Some(device) = bench.state.devices.get_mut(code) {
        device.family = Some(family);
    }
    bench.counts.device_grants += 1;
    let refresh_token = device.refreshable;
    Ok(Issue {
        family,
        scope: device.scope,
        refresh_token: refresh_token.then(|| bench.state.issue_refresh(family)),
    })
}
