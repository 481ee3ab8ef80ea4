//! What if the host's random source is broken?

use mcp_oauth_core::*;

use crate::host::{Effect, Host};

enum Broken {
    Fails,
    Zero,
    Repeats,
}

impl Entropy for Broken {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        match self {
            Self::Fails => return Err(EntropyError),
            Self::Zero => bytes.fill(0),
            Self::Repeats => {
                for (byte, n) in bytes.iter_mut().zip(0..) {
                    *byte = n;
                }
            }
        }
        Ok(())
    }
}

/// Gets as far as the redirect URI, then hands over this source.
fn sign_in_with(rng: &mut Broken, host: &mut Host) {
    host.give(Event::Connect).expect("no misuse");
    // The client is registered at the first sign-in and stored; the draw comes with the store's answer.
    while host.machine.phase() != PhaseKind::SavingFlow && host.action().is_some() {
        let action = host.action().expect("something to do");
        let mut context = Context { now: host.now, rng };
        if let Task::BindRedirect { .. } = action.task {
            let event = Event::RedirectBound {
                id: action.id,
                uri: crate::host::REDIRECT,
            };
            host.machine.handle(event, &mut context).expect("no misuse");
        } else if host.machine.phase() == PhaseKind::SavingGrant {
            let event = Event::Stored {
                id: action.id,
                result: StoreResult::Done,
            };
            host.machine.handle(event, &mut context).expect("no misuse");
        } else {
            host.step();
        }
    }
}

// LOG-05, AZR-03, AZR-04
#[test]
fn a_source_that_fails_or_gives_one_value_is_not_used() {
    for mut rng in [Broken::Fails, Broken::Zero] {
        let mut host = Host::in_phase(PhaseKind::Idle);
        sign_in_with(&mut rng, &mut host);
        assert_eq!(host.failure().code(), Code::EntropyFault);
    }
}

// LOG-05
#[test]
fn nothing_is_claimed_with_a_source_that_fails_or_gives_one_value_or_repeats_itself() {
    for (mut rng, claims) in [(Broken::Fails, 0), (Broken::Zero, 0), (Broken::Repeats, 1)] {
        let mut host = Host::signed_in();
        for round in 0..2 {
            host.now = host.now.after(3_600_000);
            host.give(Event::Refresh).expect("no misuse");
            let record = host.carry_out();
            let id = host.id();
            let Effect::Loaded(record) = record else {
                panic!("not a reading: {record:?}");
            };
            let event = Event::Stored {
                id,
                result: StoreResult::Loaded(record.as_deref()),
            };
            let mut context = Context {
                now: host.now,
                rng: &mut rng,
            };
            host.machine.handle(event, &mut context).expect("no misuse");
            if round >= claims {
                assert_eq!(host.failure().code(), Code::EntropyFault);
                break;
            }
            host.run();
            assert_eq!(host.machine.phase(), PhaseKind::Authorized);
        }
    }
}

// LOG-05, AZR-04
#[test]
fn a_source_that_repeats_itself_is_not_used_twice() {
    let mut rng = Broken::Repeats;
    let mut host = Host::in_phase(PhaseKind::Idle);
    sign_in_with(&mut rng, &mut host);
    assert_eq!(host.machine.phase(), PhaseKind::SavingFlow);
    host.give(Event::Cancel).expect("no misuse");
    host.run();
    sign_in_with(&mut rng, &mut host);
    assert_eq!(host.failure().code(), Code::EntropyFault);
}
