//! The C library's entry point; all else is in the library.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::ffi::{c_char, c_int};
use mini_monitor::agent;
use mini_monitor::platform::{self, Args, Heap};

#[global_allocator]
static HEAP: Heap = Heap;

// The `libc` crate asks for it only in some of its forms.
#[link(name = "c")]
unsafe extern "C" {}

#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    #[cfg(static_pie)]
    platform::protect_relocated();
    // SAFETY: no thread has been started.
    unsafe { platform::set_time_zone() };
    // SAFETY: these are the arguments that the C library gives to `main`.
    let arguments = unsafe { Args::new(count, arguments) };
    agent::start(arguments)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: it takes nothing and does not return.
    unsafe { libc::abort() }
}

/// What the precompiled `core` of a build without optimisation refers to and never calls.
#[cfg(debug_assertions)]
mod unwinder {
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Resume() {}
}
