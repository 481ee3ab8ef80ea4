//! What if several machines find the same tokens expired, and take their steps in any order?

use mcp_oauth_core::limits::MAX_UNKNOWN_REFRESHES;
use mcp_oauth_core::*;

use crate::fleet::{Crash, Fleet, LIFE_MS};

/// Walks through every sequence of choices.
#[derive(Default)]
struct EveryOrder {
    /// What was chosen, and out of how many.
    path: Vec<(usize, usize)>,
    depth: usize,
}

impl EveryOrder {
    fn choose(&mut self, count: usize) -> usize {
        if self.depth == self.path.len() {
            self.path.push((0, count));
        }
        let (chosen, of) = self.path[self.depth];
        assert_eq!(of, count, "the same choices lead to the same place");
        self.depth += 1;
        chosen
    }

    /// Runs with each sequence in turn, and tells how many there were.
    fn run(mut run: impl FnMut(&mut dyn FnMut(usize) -> usize)) -> usize {
        let mut orders = Self::default();
        for count in 1.. {
            run(&mut |of| orders.choose(of));
            orders.depth = 0;
            while orders
                .path
                .pop_if(|(chosen, of)| *chosen + 1 == *of)
                .is_some()
            {}
            match orders.path.last_mut() {
                Some((chosen, _)) => *chosen += 1,
                None => return count,
            }
        }
        unreachable!("there is an end")
    }
}

/// Chooses at random, the same for the same seed.
pub(crate) fn seeded(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |count| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % count
    }
}

// REF-05, REF-06
#[test]
fn machines_refresh_once_in_every_order() {
    for (size, orders) in [(2, 30), (3, 4_806)] {
        let count = EveryOrder::run(|choose| {
            let mut fleet = Fleet::new(size);
            fleet.expire();
            fleet.settle(choose, None);
            let server = fleet.server.borrow();
            assert_eq!((server.refreshes, server.reused), (1, false));
            let token = Some("Bearer at-2".to_owned());
            assert!(fleet.tokens().iter().all(|held| *held == token));
        });
        assert_eq!(count, orders, "{size} machines");
    }
}

// REF-05, REF-06
#[test]
fn machines_refresh_once_for_each_expiry() {
    for seed in 0..100 {
        let mut choose = seeded(seed);
        let mut fleet = Fleet::new(2 + (seed % 3) as u8);
        for expiries in 1..=3 {
            fleet.expire();
            let steps = choose(12);
            fleet.walk(steps, &mut choose);
            fleet.tell();
            fleet.settle(&mut choose, None);
            let server = fleet.server.borrow();
            assert_eq!(
                (server.refreshes, server.reused),
                (expiries, false),
                "{seed}"
            );
            let token = Some(format!("Bearer at-{}", expiries + 1));
            assert!(fleet.tokens().iter().all(|held| *held == token), "{seed}");
        }
        assert_eq!(fleet.server.borrow().sign_ins, 0, "{seed}");
    }
}

/// Every way for one of two machines to die while tokens are refreshed.
fn crashes() -> impl Iterator<Item = Crash> {
    let ways = [(true, true), (true, false), (false, true), (false, false)];
    (0..2).flat_map(move |who| {
        (0..6).flat_map(move |step| {
            ways.map(move |(seen, resumed)| Crash {
                who,
                step,
                seen,
                resumed,
            })
        })
    })
}

// REF-05, REF-09, REF-11
#[test]
fn a_process_may_die_at_every_step() {
    for crash in crashes() {
        for forgiving in [true, false] {
            EveryOrder::run(|choose| {
                let mut fleet = Fleet::new(2);
                fleet.server.borrow_mut().forgiving = forgiving;
                fleet.expire();
                fleet.settle(choose, Some(crash));
                fleet.ask(&mut |_| 0);
                let server = fleet.server.borrow();
                let most = server.sent.values().max().copied();
                assert!(
                    most <= Some(MAX_UNKNOWN_REFRESHES.into()),
                    "{crash:?}: {:?}",
                    server.sent
                );
                assert!(!fleet.tokens().contains(&None), "{crash:?}");
                if forgiving || !fleet.lost {
                    assert_eq!((server.sign_ins, server.reused), (0, false), "{crash:?}");
                    assert_eq!(fleet.tokens()[0], fleet.tokens()[1], "{crash:?}");
                }
            });
        }
    }
}

// REF-05, REF-06
#[test]
fn those_who_have_waited_for_the_dead_wait_for_whoever_takes_over() {
    for seed in 0..30 {
        let mut choose = seeded(seed);
        let mut fleet = Fleet::new(5);
        fleet.server.borrow_mut().forgiving = true;
        fleet.expire();
        fleet.hosts[0].until(PhaseKind::Refreshing);
        fleet.die(Crash {
            who: 0,
            step: 0,
            seen: seed % 2 == 0,
            resumed: false,
        });
        fleet.settle(&mut choose, None);
        let tokens = fleet.tokens();
        assert!(
            tokens[1].is_some() && tokens[2..].iter().all(|held| *held == tokens[1]),
            "{seed}: {tokens:?}"
        );
        let server = fleet.server.borrow();
        assert_eq!((server.sign_ins, server.reused), (0, false), "{seed}");
        assert_eq!(server.sent["rt-1"], 1 + u32::from(seed % 2 == 0), "{seed}");
    }
}

// REF-05, REF-09
#[test]
fn a_store_that_fails_now_and_then_costs_no_session() {
    for seed in 0..200 {
        let mut choose = seeded(seed);
        let mut fleet = Fleet::new(2 + (seed % 3) as u8);
        fleet.faults = true;
        for expiries in 1..=3 {
            fleet.expire();
            fleet.settle(&mut choose, None);
            fleet.ask(&mut choose);
            let server = fleet.server.borrow();
            assert_eq!(
                (server.refreshes, server.reused),
                (expiries, false),
                "{seed}"
            );
            assert_eq!(server.sign_ins, 0, "{seed}");
            assert!(!fleet.tokens().contains(&None), "{seed}");
        }
    }
}

// REF-06, ROB-06
#[test]
fn a_sign_out_of_one_ends_it_for_all_in_every_order() {
    for forget_client in [true, false] {
        EveryOrder::run(|choose| {
            let mut fleet = Fleet::new(2);
            fleet.expire();
            let steps = choose(6);
            fleet.walk(steps, choose);
            let outcome = fleet.hosts[0].give(Event::SignOut { forget_client });
            outcome.expect("no misuse");
            fleet.settle(choose, None);
            for (_, record) in fleet.hosts[0].records.borrow().values() {
                let record = String::from_utf8_lossy(record);
                assert!(!record.contains("Bearer"), "{record}");
            }
            fleet.tell();
            assert_eq!(fleet.tokens(), [None, None]);
            assert_eq!(fleet.server.borrow().sign_ins, 0);
        });
    }
}

// REF-11
#[test]
fn a_process_that_dies_again_and_again_sends_a_refresh_token_no_more_often_than_one_may() {
    for resumed in [true, false] {
        let mut fleet = Fleet::new(1);
        fleet.server.borrow_mut().forgiving = true;
        fleet.pass(LIFE_MS);
        for _ in 0..5 {
            if !resumed {
                fleet.pass(LIFE_MS);
            }
            fleet.hosts[0].give(Event::Connect).expect("no misuse");
            for _ in 0..20 {
                match fleet.hosts[0].machine.phase() {
                    PhaseKind::Refreshing | PhaseKind::ResourceDiscovery => break,
                    _ => fleet.hosts[0].step(),
                }
            }
            let crash = Crash {
                who: 0,
                step: 0,
                seen: true,
                resumed,
            };
            fleet.die(crash);
            fleet.now = fleet.hosts[0].now;
        }
        let server = fleet.server.borrow();
        assert_eq!(
            server.sent["rt-1"],
            u32::from(MAX_UNKNOWN_REFRESHES),
            "{resumed}"
        );
    }
}

// REF-11
#[test]
fn whoever_goes_on_from_an_old_snapshot_counts_what_may_have_been_sent() {
    let mut fleet = Fleet::new(1);
    fleet.server.borrow_mut().forgiving = true;
    fleet.expire();
    let host = &mut fleet.hosts[0];
    host.step();
    let snapshot = host.machine.snapshot();
    for _ in 0..5 {
        host.until(PhaseKind::Refreshing);
        host.carry_out();
        host.machine =
            Machine::resume(host.config.clone(), "", snapshot.expose()).expect("it can be resumed");
        for _ in 0..20 {
            match host.machine.phase() {
                PhaseKind::Refreshing | PhaseKind::ResourceDiscovery => break,
                _ => host.step(),
            }
        }
        if host.machine.phase() == PhaseKind::ResourceDiscovery {
            break;
        }
    }
    let server = fleet.server.borrow();
    let most = u32::from(MAX_UNKNOWN_REFRESHES);
    assert_eq!(server.sent["rt-1"], most);
}
