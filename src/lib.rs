//! mini-monitor: a monitoring agent for routers and small Linux boxes.
//!
//! Data flows one way, from the kernel's counters to the transfer:
//! `procfs` → `families` → `format` → `ring` → `sender`, driven by `agent` when `schedule` says so.
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

// Floor 0: pure code, and the operating system.
pub mod base;
pub mod platform;
pub mod resolver;
pub mod ring;

// Floor 1: the shape of a line, and what the machine says.
pub mod format;
pub mod json;
pub mod procfs;

// Floor 2: what the user asks for, samples, and the connection that carries them.
pub mod config;
pub mod custom;
pub mod encode;
pub mod families;
pub mod sender;

// Floors 3 and 4: when, and the loop.
pub mod schedule;

pub mod agent;
