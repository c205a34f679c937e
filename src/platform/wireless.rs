//! The wireless extensions (`include/uapi/linux/wireless.h`).

use super::errno::check;
use super::fd::Fd;
use core::mem::MaybeUninit;

/// Returns the highest link quality that the driver of an interface reports (`SIOCGIWRANGE`); `None` if it has none.
pub fn wireless_quality_max(interface: &[u8]) -> Option<u8> {
    let mut name = [0; libc::IFNAMSIZ];
    // The name ends in NUL.
    if interface.len() >= name.len() {
        return None;
    }
    for (target, byte) in name.iter_mut().zip(interface) {
        *target = *byte as libc::c_char;
    }
    // SAFETY: the call takes numbers alone.
    let number = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    let socket = Fd::new(check(number).ok()?);
    let mut range = MaybeUninit::<libc::iw_range>::zeroed();
    let mut request = libc::iwreq {
        ifr_ifrn: libc::__c_anonymous_iwreq { ifrn_name: name },
        u: libc::iwreq_data {
            data: libc::iw_point {
                pointer: range.as_mut_ptr().cast(),
                length: size_of::<libc::iw_range>() as u16,
                flags: 0,
            },
        },
    };
    // SAFETY: the request has the name of an interface, and memory that is writable for the length it states.
    check(unsafe { libc::ioctl(socket.number(), libc::SIOCGIWRANGE as _, &raw mut request) }).ok()?;
    // SAFETY: all of it was zero, which is valid for its numbers, before the kernel wrote to it.
    let range = unsafe { range.assume_init() };
    Some(range.max_qual.qual).filter(|quality| *quality > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_without_wireless_extensions_has_no_quality() {
        for interface in ["lo", "absent", "", "a-name-that-is-too-long"] {
            assert_eq!(wireless_quality_max(interface.as_bytes()), None, "{interface}");
        }
    }
}
