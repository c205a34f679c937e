//! The kernel's calls by their numbers (`syscall(2)`).
//!
//! The C library's functions for them are for other kernels, other layouts and more threads than this program
//! has: linked in, they would be larger than what calls them. What has an argument of 64 bits, for which each
//! processor has its own rules, is left to them.

use super::errno::last;
use crate::platform::Errno;
use core::ffi::{c_int, c_long};

/// A call with up to three arguments; those that it does not take are not looked at.
///
/// # Safety
///
/// As the call wants them: an argument that is an address has to be one of memory that the kernel may read or
/// write there.
#[inline(never)]
pub(super) unsafe fn call(number: c_long, a: usize, b: usize, c: usize) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    answer(unsafe { libc::syscall(number, a, b, c) })
}

/// A call with up to six.
///
/// # Safety
///
/// As above.
#[inline(never)]
pub(super) unsafe fn long_call(number: c_long, arguments: &[usize; 6]) -> Result<usize, Errno> {
    let [a, b, c, rest @ ..] = *arguments;
    // SAFETY: the caller's.
    answer(unsafe { libc::syscall(number, a, b, c, rest[0], rest[1], rest[2]) })
}

fn answer(answer: c_long) -> Result<usize, Errno> {
    if answer == -1 {
        Err(last())
    } else {
        Ok(answer as usize)
    }
}

/// A descriptor, or another number that may be negative, as an argument.
pub(super) fn int(number: c_int) -> usize {
    number as isize as usize
}

/// A call for sockets. Where they have long been one call, `socketcall(2)`, those of their own came late.
///
/// # Safety
///
/// As above.
pub(super) unsafe fn socket_call(number: c_long, arguments: &[usize; 6]) -> Result<usize, Errno> {
    #[cfg(any(target_arch = "x86", target_arch = "powerpc"))]
    // SAFETY: the caller's.
    unsafe {
        call(
            libc::SYS_socketcall,
            number as usize,
            arguments.as_ptr() as usize,
            0,
        )
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "powerpc")))]
    // SAFETY: the caller's.
    unsafe {
        long_call(number, arguments)
    }
}

#[cfg(any(target_arch = "x86", target_arch = "powerpc"))]
pub(super) mod number {
    use core::ffi::c_long;

    pub(in super::super) const SOCKET: c_long = 1;
    pub(in super::super) const BIND: c_long = 2;
    pub(in super::super) const CONNECT: c_long = 3;
    pub(in super::super) const GETSOCKNAME: c_long = 6;
    pub(in super::super) const GETPEERNAME: c_long = 7;
    pub(in super::super) const RECVFROM: c_long = 12;
    pub(in super::super) const SHUTDOWN: c_long = 13;
    pub(in super::super) const SETSOCKOPT: c_long = 14;
    pub(in super::super) const GETSOCKOPT: c_long = 15;
}

#[cfg(not(any(target_arch = "x86", target_arch = "powerpc")))]
pub(super) mod number {
    pub(in super::super) use libc::{
        SYS_bind as BIND, SYS_connect as CONNECT, SYS_getpeername as GETPEERNAME,
        SYS_getsockname as GETSOCKNAME, SYS_getsockopt as GETSOCKOPT, SYS_recvfrom as RECVFROM,
        SYS_setsockopt as SETSOCKOPT, SYS_shutdown as SHUTDOWN, SYS_socket as SOCKET,
    };
}
