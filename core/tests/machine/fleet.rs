//! Several machines with one store and one authorization server, stepped in any order.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use mcp_oauth_core::*;

use crate::host::{Effect, Host, Records, SERVER, TokenEndpoint, settings};

pub(crate) const LIFE_MS: u64 = 3_600_000;

/// The grant that all begin with: `at-1` and `rt-1`.
const GRANT: &str = include_str!("../../../tests/records/grant-1.json");

/// Rotates refresh tokens, and revokes everything when a spent one comes back.
#[derive(Default)]
pub(crate) struct Server {
    /// How often each refresh token was sent.
    pub(crate) sent: HashMap<String, u32>,
    issued: u32,
    pub(crate) refreshes: u32,
    pub(crate) sign_ins: u32,
    pub(crate) reused: bool,
    /// Whether the latest spent one is forgiven: the tokens that it brought are issued once more.
    pub(crate) forgiving: bool,
}

impl Server {
    fn answer(&mut self, body: &str) -> (u16, String) {
        let refresh_token = body
            .split('&')
            .find_map(|pair| pair.strip_prefix("refresh_token="));
        let current = format!("rt-{}", self.issued);
        let before = format!("rt-{}", self.issued.saturating_sub(1));
        match refresh_token {
            Some(token) => {
                *self.sent.entry(token.to_owned()).or_default() += 1;
                if self.reused || (token != current && !(self.forgiving && token == before)) {
                    self.reused = true;
                    return (400, r#"{"error":"invalid_grant"}"#.to_owned());
                }
                if token == current {
                    self.issued += 1;
                    self.refreshes += 1;
                }
            }
            None => {
                self.issued += 1;
                self.sign_ins += 1;
                self.reused = false;
            }
        }
        let n = self.issued;
        (
            200,
            format!(
                r#"{{"access_token":"at-{n}","token_type":"Bearer","expires_in":3600,"refresh_token":"rt-{n}"}}"#
            ),
        )
    }
}

/// Several processes with one store.
pub(crate) struct Fleet {
    pub(crate) hosts: Vec<Host>,
    pub(crate) now: Timestamp,
    pub(crate) server: Rc<RefCell<Server>>,
    /// Whether new tokens are gone with the process that had asked for them.
    pub(crate) lost: bool,
    /// Whether the store fails now and then.
    pub(crate) faults: bool,
}

/// How a process dies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) who: usize,
    /// After so many of its steps.
    pub(crate) step: usize,
    /// Whether the world has seen the step that it died in.
    pub(crate) seen: bool,
    /// Whether it goes on from its last snapshot, or knows nothing any more.
    pub(crate) resumed: bool,
}

impl Fleet {
    /// So many machines that use one grant.
    pub(crate) fn new(size: u8) -> Self {
        let server = Rc::new(RefCell::new(Server {
            issued: 1,
            ..Server::default()
        }));
        let answering = server.clone();
        let endpoint: TokenEndpoint = Rc::new(RefCell::new(move |body: &str| {
            answering.borrow_mut().answer(body)
        }));
        let records = Records::default();
        let mut hosts: Vec<Host> = (0..size)
            .map(|n| Host::sharing(settings(), records.clone(), endpoint.clone(), 7 + n))
            .collect();
        let key = hosts[0].machine.grant_key().as_str().to_owned();
        records
            .borrow_mut()
            .insert(key, (2, GRANT.as_bytes().to_vec()));
        for host in &mut hosts {
            host.run();
            assert_eq!(host.machine.phase(), PhaseKind::Authorized);
        }
        let now = hosts[0].now;
        Self {
            hosts,
            now,
            server,
            lost: false,
            faults: false,
        }
    }

    /// The tokens expire, and everybody finds out.
    pub(crate) fn expire(&mut self) {
        self.pass(LIFE_MS);
        for host in &mut self.hosts {
            host.give(Event::Refresh).expect("no misuse");
        }
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now = self.now.after(millis);
        for host in &mut self.hosts {
            host.now = self.now;
        }
    }

    /// Who has something to do that is due.
    fn busy(&self) -> Vec<usize> {
        let is_due = |host: &Host| match host.action().map(|action| action.task) {
            Some(Task::Wait { until }) => until <= self.now,
            other => other.is_some(),
        };
        (0..self.hosts.len())
            .filter(|who| is_due(&self.hosts[*who]))
            .collect()
    }

    /// When the next pause is over, if everybody who is not at rest waits.
    fn next_pause(&self) -> Option<u64> {
        let ends = self
            .hosts
            .iter()
            .filter_map(|host| match host.action()?.task {
                Task::Wait { until } => Some(until.millis_since(self.now)),
                _ => None,
            });
        ends.min()
    }

    /// Tells everybody what the store holds.
    pub(crate) fn tell(&mut self) {
        for host in &mut self.hosts {
            let key = host.machine.grant_key().as_str().to_owned();
            let record = host
                .records
                .borrow()
                .get(&key)
                .map(|(_, bytes)| bytes.clone());
            let record = record.as_deref();
            host.give(Event::StoreChanged { record })
                .expect("no misuse");
        }
    }

    /// Takes so many steps, or fewer if there is no more to do.
    pub(crate) fn walk(&mut self, steps: usize, choose: &mut dyn FnMut(usize) -> usize) {
        for _ in 0..steps {
            let busy = self.busy();
            if !busy.is_empty() {
                self.hosts[busy[choose(busy.len())]].step();
            }
        }
    }

    /// Lets everybody go on till all rest, one step at a time. Time passes where all wait.
    pub(crate) fn settle(&mut self, choose: &mut dyn FnMut(usize) -> usize, crash: Option<Crash>) {
        let mut steps = vec![0; self.hosts.len()];
        for _ in 0..500 {
            let busy = self.busy();
            if busy.is_empty() {
                match self.next_pause() {
                    Some(pause) => self.pass(pause),
                    None => return,
                }
                continue;
            }
            let who = busy[choose(busy.len())];
            let dies = crash.filter(|crash| crash.who == who && crash.step == steps[who]);
            steps[who] += 1;
            match dies {
                None if self.faults => self.falter(who, choose),
                None => self.hosts[who].step(),
                Some(crash) => self.die(crash),
            }
        }
        panic!("the machines do not come to rest");
    }

    /// A step in which the store may fail, before it has written or after, and the server may be busy.
    fn falter(&mut self, who: usize, choose: &mut dyn FnMut(usize) -> usize) {
        let host = &mut self.hosts[who];
        let fault = choose(16);
        let effect = match host.action().map(|action| action.task) {
            Some(Task::Store(_)) if fault == 0 => Effect::Failed,
            Some(Task::Store(_)) if fault == 1 => {
                host.carry_out();
                Effect::Failed
            }
            Some(Task::Http(_)) if fault < 2 => Effect::Served(503, String::new()),
            _ => host.carry_out(),
        };
        host.answer(effect);
    }

    pub(crate) fn die(&mut self, crash: Crash) {
        let host = &mut self.hosts[crash.who];
        let snapshot = host.machine.snapshot();
        let writes_tokens = host.writes().is_some_and(|record| record.contains("at-2"));
        self.lost = match host.machine.phase() {
            PhaseKind::Refreshing => crash.seen,
            _ => writes_tokens && !crash.seen && !crash.resumed,
        };
        if crash.seen {
            host.carry_out();
        }
        host.machine = if crash.resumed {
            Machine::resume(host.config.clone(), "", snapshot.expose()).expect("it can be resumed")
        } else {
            Machine::new(host.config.clone(), "")
        };
    }

    /// Everybody asks until there is a token, as often as the failures allow.
    pub(crate) fn ask(&mut self, choose: &mut dyn FnMut(usize) -> usize) {
        for _ in 0..10 {
            let without: Vec<usize> = (0..self.hosts.len())
                .filter(|who| token(&self.hosts[*who]).is_none())
                .collect();
            if without.is_empty() {
                return;
            }
            for who in without {
                self.hosts[who].give(Event::Connect).expect("no misuse");
            }
            self.settle(choose, None);
            self.pass(30_000);
        }
    }

    pub(crate) fn tokens(&self) -> Vec<Option<String>> {
        self.hosts.iter().map(token).collect()
    }
}

fn token(host: &Host) -> Option<String> {
    match host.machine.request_headers("POST", SERVER, host.now) {
        RequestHeaders::Ready(authorization) => Some(authorization.expose().to_owned()),
        _ => None,
    }
}
