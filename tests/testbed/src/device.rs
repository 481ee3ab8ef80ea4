//! Which devices wait for a person, and what does that person see (RFC 8628 §3.1 to §3.3)?

use crate::asked::{resource, scope};
use crate::behaviour::{Endpoint, Issued};
use crate::bench::Bench;
use crate::client_auth::authenticate;
use crate::form::form;
use crate::http::{Reply, Request, escaped};
use crate::pairs::Pairs;
use crate::refusal::Refusal;
use crate::state::random;
use crate::token::DEVICE_CODE;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A device that waits.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) user_code: String,
    pub(crate) client_id: String,
    pub(crate) issuer: usize,
    pub(crate) resource: Option<String>,
    pub(crate) scope: Vec<String>,
    /// Who decides.
    pub(crate) subject: String,
    /// A refresh token comes with the tokens.
    pub(crate) refreshable: bool,
    pub(crate) expires: Instant,
    /// Seconds between two polls.
    pub(crate) interval: u64,
    pub(crate) polled: Option<Instant>,
    pub(crate) polls: u32,
    /// What the person decided.
    pub(crate) allowed: Option<bool>,
    /// The device has its last answer.
    pub(crate) ended: bool,
    /// What became of it.
    pub(crate) family: Option<usize>,
}

/// The interval of a client that was told none (RFC 8628 §3.2).
const INTERVAL: u64 = 5;
/// Consonants that no two people read differently (RFC 8628 §6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Answers a device authorization request.
pub(crate) fn authorize(bench: &mut Bench, issuer: usize, request: &Request) -> Reply {
    match waiting(bench, issuer, request) {
        Ok(answer) => Reply::json(200, &answer).uncached(),
        Err(refusal) => refusal.told(bench, Endpoint::DeviceAuthorization),
    }
}

fn waiting(bench: &mut Bench, issuer: usize, request: &Request) -> Result<Value, Refusal> {
    let form = form(bench, request, &["resource", "scope"])?;
    let client = authenticate(bench, issuer, request, &form)?;
    client.registered_for(DEVICE_CODE)?;
    let resource = resource(bench, bench.behaviour.authorization.resource, &form)?;
    let scope = scope(bench, &client, &form)?;
    let rules = bench.behaviour.device.clone();
    let refreshable = client.may("refresh_token")
        && match bench.behaviour.refresh.issued {
            Issued::Always => true,
            Issued::WithOfflineAccess => scope.iter().any(|s| s == "offline_access"),
            Issued::WithParameters(_) | Issued::Never => false,
        };
    let (device_code, user_code) = (random(), user_code());
    let device = Device {
        user_code: user_code.clone(),
        client_id: client.id,
        issuer,
        resource,
        scope,
        subject: "user-1".to_owned(),
        refreshable,
        expires: Instant::now() + Duration::from_secs(rules.lifetime),
        interval: rules.interval.unwrap_or(INTERVAL),
        polled: None,
        polls: 0,
        allowed: None,
        ended: false,
        family: None,
    };
    bench.state.devices.insert(device_code.clone(), device);
    bench.counts.device_authorizations += 1;
    let page = bench.endpoint(issuer, "device");
    let mut answer = json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": page,
        "expires_in": rules.lifetime,
    });
    if rules.complete {
        answer["verification_uri_complete"] = format!("{page}?user_code={user_code}").into();
    }
    if let Some(interval) = rules.interval {
        answer["interval"] = interval.into();
    }
    Ok(answer)
}

fn user_code() -> String {
    let letter = |octet: u8| char::from(LETTERS[usize::from(octet) % LETTERS.len()]);
    let letters: String = random().bytes().take(8).map(letter).collect();
    format!("{}-{}", &letters[..4], &letters[4..])
}

/// The page on which a person types the code in, and decides.
pub(crate) fn page(bench: &mut Bench, request: &Request) -> Reply {
    if request.method != "POST" {
        let query = Pairs::form(request.query.as_bytes());
        let code = escaped(query.get("user_code").unwrap_or_default());
        let form = format!(
            "<form method=\"post\"><label>Code on the device <input name=\"user_code\" value=\"{code}\"></label> \
             <button name=\"decision\" value=\"allow\">Allow</button> \
             <button name=\"decision\" value=\"deny\">Deny</button></form>"
        );
        return Reply::html(200, "Allow access?", &form)
            .with("Content-Security-Policy", "frame-ancestors 'none'")
            .uncached();
    }
    let form = Pairs::form(&request.body);
    let code = form.get("user_code").unwrap_or_default();
    let allowed = form.get("decision") == Some("allow");
    let subject = request.cookie("subject");
    match decide(bench, code, allowed, subject) {
        true => Reply::html(200, "Done", "<p>Please go back to your device.</p>"),
        false => Reply::html(400, "This code is not valid", "<p>Please look again.</p>"),
    }
}

/// Writes a person's decision down. Case and dashes do not matter (RFC 8628 §6.1).
pub(crate) fn decide(
    bench: &mut Bench,
    user_code: &str,
    allowed: bool,
    subject: Option<String>,
) -> bool {
    let plain = |code: &str| code.replace(['-', ' '], "").to_uppercase();
    let mut devices = bench.state.devices.values_mut();
    let waiting = devices.find(|device| {
        let open = device.allowed.is_none() && device.expires > Instant::now();
        open && plain(&device.user_code) == plain(user_code)
    });
    let Some(device) = waiting else {
        return false;
    };
    device.allowed = Some(allowed);
    if let Some(subject) = subject {
        device.subject = subject;
    }
    true
}
