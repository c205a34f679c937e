//! The built binary, driven from outside. One crate, so that it is linked once and its tests, most of
//! which wait, share the processors.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod cases;
mod check;
mod clock;
mod config;
mod custom;
mod docs;
mod endpoint;
mod flags;
mod http;
mod install;
mod keys;
mod live;
mod loopback;
mod messages;
mod names;
mod namespaces;
mod once;
mod patterns;
mod received;
mod reload;
mod script;
mod spool;
mod spool_change;
mod text;
mod tunnel;
mod user;
mod values;
mod via;
