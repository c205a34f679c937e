//! The operating system behind safe functions: the only room with `unsafe`.
//!
//! No `libc` type and no raw pointer leaves it; a failed call is an [`Errno`].

#![allow(unsafe_code)]

mod address;
mod args;
mod child;
mod clock;
mod complaints;
mod descriptors;
mod entries;
mod environment;
mod errno;
mod fault;
mod fd;
mod file;
mod heap;
mod interface;
mod kernel;
mod link;
mod listener;
mod localtime;
mod log;
mod lookup;
mod machine;
mod mapping;
mod memory;
mod once;
#[cfg(static_pie)]
mod relro;
mod resolver;
mod scripts;
mod signal;
mod socket;
mod spool;
mod user;

pub use args::Args;
pub use clock::{Discipline, discipline, own_cpu_micros};
pub use descriptors::TooFew;
pub use entries::Entries;
pub use errno::{NOT_SUPPORTED, describe};
pub use fd::pause;
pub use file::{Directory, File, fill_standard_descriptors, print};
pub use heap::Heap;
pub use interface::*;
pub use kernel::{Kernel, NextListener};
pub use localtime::set_time_zone;
pub use machine::{FileSystem, boot, file_system, host_name, page_size, random_seed, ticks_per_second};
pub use mapping::Mapping;
pub use once::Once;
#[cfg(static_pie)]
pub use relro::protect_relocated;
pub use spool::{NewSpool, Spool, SpoolError};
pub use user::has_user;
