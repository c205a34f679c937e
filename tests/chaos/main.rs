//! Receivers and agents that die, over and over, and links that fail between them: what the receivers
//! have read, over all of it, is every line, whole. Needs a build with the feature `numbered`.
//!
//! `BREAKS` says how many breaks there are, `SEED` which ones.

#[path = "../common/mod.rs"]
mod common;

mod breaks;
mod links;
mod moves;
mod pair;
mod random;
mod receiver;
mod receivers;
mod seen;
mod stamps;
