//! Which inputs are fuzzed, and how is one run?
//!
//! A target brings a machine to where an untrusted input is read, gives it the input, and lets honest servers and an
//! honest host finish. The rules that must hold whatever the input is are in [`trial`], [`look`], [`accepted`] and [`rules`].

mod accepted;
mod documents;
mod events;
mod ledger;
mod look;
mod profile;
mod rules;
mod second_url;
mod source;
mod texts;
mod trial;
mod world;

use trial::Trial;

type Target = fn(&[u8], &mut Trial);

const TARGETS: &[(&str, Target)] = &[
    ("www_authenticate", texts::www_authenticate),
    ("resource_metadata", documents::resource_metadata),
    ("server_metadata", documents::server_metadata),
    ("token_response", documents::token_response),
    ("registration_response", documents::registration_response),
    ("callback", texts::callback),
    ("url_policy", texts::url_policy),
    ("snapshot", texts::snapshot),
    ("events", events::events),
];

/// The name of every target.
pub fn targets() -> impl Iterator<Item = &'static str> {
    TARGETS.iter().map(|(name, _)| *name)
}

/// Runs one input. The first byte chooses the settings; the target reads the rest.
///
/// A test runs it twice; fuzzing does so with every eighth, by its length, since the second run finds the less.
///
/// # Panics
/// When a rule is broken, or when the two runs differ.
pub fn run(target: &str, data: &[u8]) {
    let (_, target) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target of this name");
    let (profile, rest) = data.split_first().unwrap_or((&0, &[]));
    let told = || {
        let mut trial = Trial::new(*profile, rest);
        target(rest, &mut trial);
        trial.told
    };
    let first = told();
    if cfg!(test) || data.len().is_multiple_of(8) {
        assert!(
            told() == first,
            "the same input has led to different outputs"
        );
    }
}
