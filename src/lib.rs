//! mini-monitor: a monitoring agent for routers and small Linux boxes.
//!
//! Data flows one way, from the kernel's counters to the transfer:
//! `host` → `builtin` → `format` → `ring` → `sender`, driven by `agent` when `sched` says so.
//! The modules stand in the order of their floors: each uses only those above it.

#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]
// No input from outside may end in a panic, and a router has no floating point; tests may have both.
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_arithmetic
    )
)]

extern crate alloc;

// Floor 0: pure code.
pub mod backoff;
pub mod dns;
pub mod num;
pub mod packed;
pub mod pattern;
pub mod ring;
pub mod scan;
pub mod text;
pub mod throttle;
pub mod wheel;
pub mod world;
pub mod zone;

// Floor 1: the operating system, and the shape of a line.
pub mod format;
pub mod sys;

// Floor 2: what the user asks for, what the machine says.
pub mod config;
pub mod host;

// Floor 3: samples, and the connection that carries them.
pub mod builtin;
pub mod custom;
pub mod sender;

// Floors 4 and 5: when, and the loop.
pub mod sched;

pub mod agent;
