//! What if the host's random source is broken?

use mcp_oauth_core::*;

use crate::host::Host;

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
