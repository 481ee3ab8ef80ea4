//! Are the right URLs refused, and the right ones let through?
#![allow(clippy::arithmetic_side_effects)]

mod address;
mod disguise;
mod http_url;
mod issuer;
mod redirect;
mod relation;

use super::{HttpUrl, Reach, UrlFault};

/// A generator of numbers that are the same in every run (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.below(among.len())]
    }
}

fn public(raw: &str) -> Result<HttpUrl, UrlFault> {
    HttpUrl::parse(raw, Reach::Public)
}

fn url(raw: &str) -> HttpUrl {
    HttpUrl::parse(raw, Reach::Loopback).unwrap_or_else(|fault| panic!("{raw}: {fault}"))
}
