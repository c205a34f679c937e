//! The built binary, driven from outside. One crate, so that it is linked once and its tests, most of
//! which wait, share the processors.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod clock;
mod config;
mod custom;
mod docs;
mod flags;
mod inlet;
mod keys;
mod live;
mod loopback;
mod moved;
mod names;
mod namespaces;
mod once;
mod reload;
mod script;
mod spool;
mod tunnel;
mod values;
