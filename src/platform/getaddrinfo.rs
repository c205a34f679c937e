//! Names, by the C library's own resolver.

use super::address::Address;
use super::errno::last;
use crate::platform::Errno;
use core::ffi::{CStr, c_int};
use core::mem::zeroed;
use core::ptr::{null, null_mut};

/// Splits off a child: its process number here, 0 there. The C library has to know of it, for what it does
/// there.
pub(super) fn fork() -> Result<usize, Errno> {
    // SAFETY: this program has one thread, so the child may do whatever the parent could.
    let child = unsafe { libc::fork() };
    usize::try_from(child).map_err(|_| last())
}

/// Hands over the addresses of the name, the best ones first; a code of `getaddrinfo(3)`, 0 if there are some.
/// May take a minute, and use memory that nobody frees.
pub(super) fn resolve(host: &[u8], take: &mut dyn FnMut(&Address)) -> c_int {
    let mut name = [0; 256];
    if let Some(place) = name.get_mut(..host.len()) {
        place.copy_from_slice(host);
    }
    let name = match CStr::from_bytes_until_nul(&name) {
        Ok(name) if name.count_bytes() == host.len() => name,
        _ => return libc::EAI_NONAME,
    };
    // SAFETY: all zeros is a value of it: any family, no flag.
    let mut hints: libc::addrinfo = unsafe { zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list: *mut libc::addrinfo = null_mut();
    // SAFETY: the name ends in NUL, and the call writes a pointer to `list`.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), null(), &raw const hints, &raw mut list) };
    if code != 0 {
        return code;
    }
    // SAFETY: null, or an entry of the list, which is not freed before this process ends.
    while let Some(entry) = unsafe { list.as_ref() } {
        if let Some(address) = address_of(entry) {
            take(&address);
        }
        list = entry.ai_next;
    }
    code
}

fn address_of(entry: &libc::addrinfo) -> Option<Address> {
    let mut address = Address::NONE;
    let bytes = address.bytes_mut();
    let length = (entry.ai_addrlen as usize).min(bytes.len());
    let source = entry.ai_addr.cast::<u8>();
    // SAFETY: the entry's address is that long, and there is room for so much.
    unsafe { source.copy_to_nonoverlapping(bytes.as_mut_ptr(), length) };
    Address::from_kernel(*address.bytes())
}

/// What a code means.
pub(super) fn words(code: c_int) -> &'static [u8] {
    // SAFETY: the call takes a number.
    let words = unsafe { libc::gai_strerror(code) };
    // SAFETY: it answers a string that ends in NUL and is never freed, whatever the code.
    unsafe { CStr::from_ptr(words) }.to_bytes()
}
