//! The operating system as safe functions: the only room with `unsafe`.
//!
//! No `libc` type and no raw pointer leaves it; a failed call is an [`Errno`].

#![allow(unsafe_code)]

mod address;
mod check;
mod child;
mod child_setup;
mod clock;
mod command;
mod command_stderr;
mod connection;
mod directory;
mod endpoint_lock;
mod environment;
mod errno;
mod fault;
mod fd;
mod file;
mod interface;
mod kernel;
mod listener;
mod log;
mod lookup;
mod machine;
mod memory;
mod once;
#[cfg(static_pie)]
mod relro;
mod script;
mod signal;
mod socket;
mod spool;
mod standard_streams;
mod status;
mod user;
mod wireless;

pub use check::{
    check_directory, check_listener, check_program, check_readable, check_receiver, check_socket,
};
pub use child::exit;
pub use clock::{Discipline, discipline, monotonic_millis, own_cpu_micros};
pub use directory::{Directory, Entries};
pub use environment::{Args, set_time_zone};
pub use errno::{NOT_SUPPORTED, describe};
pub use fd::{TooFew, check_descriptors, pause, reserve_descriptor};
pub use file::File;
pub use interface::*;
pub use kernel::{Kernel, NextListener};
pub use machine::{FileSystem, boot, file_system, host_name, page_size, random, ticks_per_second};
pub use memory::{Heap, Mapping};
pub use once::{Once, Slot};
#[cfg(static_pie)]
pub use relro::protect_relocated;
pub use signal::survive_errors;
pub use spool::{FoundSpool, Spool, SpoolError};
pub use standard_streams::{fill_standard_descriptors, print};
pub use user::{drop_to_user, has_user};
pub use wireless::wireless_quality_max;
