//! Users of this machine by their names (`passwd(5)`).

use super::call::call;
use super::file::File;
use crate::num::parse_u64;
use crate::scan::lines;
use core::ffi::c_long;

// Where these once took numbers of 16 bits, those of 32 have names of their own.
#[cfg(any(target_arch = "arm", target_arch = "x86"))]
const CALLS: [c_long; 3] = [libc::SYS_setgroups32, libc::SYS_setgid32, libc::SYS_setuid32];
#[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
const CALLS: [c_long; 3] = [libc::SYS_setgroups, libc::SYS_setgid, libc::SYS_setuid];

/// Whether there is a user of that name.
pub fn has_user(name: &[u8]) -> bool {
    numbers(name).is_some()
}

/// This process is from now on that user's, and of its first group alone (unless it is that user's already, and must
/// not leave its groups).
pub(super) fn become_user(name: &[u8]) -> Option<()> {
    let (user, group) = numbers(name)?;
    let [set_groups, set_group, set_user] = CALLS;
    let list = [group];
    // SAFETY: a list of one number of 32 bits.
    let has_one_group = unsafe { call(set_groups, 1, list.as_ptr() as usize, 0) }.is_ok();
    // SAFETY: it takes nothing.
    let is_user = unsafe { libc::getuid() } == user;
    // SAFETY: as above.
    let is_it = is_user && unsafe { libc::getgid() } == group;
    // Who is that user already may lack the right to leave groups, and goes on with those that it has.
    if !has_one_group && !is_it {
        return None;
    }
    // SAFETY: the call takes numbers only.
    unsafe { call(set_group, group as usize, 0, 0) }.ok()?;
    // SAFETY: as above.
    unsafe { call(set_user, user as usize, 0, 0) }.ok()?;
    Some(())
}

/// The user's number, and that of its group.
fn numbers(name: &[u8]) -> Option<(u32, u32)> {
    let file = File::open(b"/etc/passwd").ok()?;
    let mut buffer = [0; 1024];
    let (mut held, mut offset) = (0, 0);
    loop {
        let length = file.read_at(buffer.get_mut(held..)?, offset).ok()?;
        if length == 0 {
            // The last line may have no end.
            return of_line(buffer.get(..held)?, name);
        }
        offset += length as u64;
        let text = buffer.get(..held + length)?;
        if let Some(found) = lines(text).find_map(|line| of_line(line, name)) {
            return Some(found);
        }
        // The last line may go on. (One that is longer than this is nobody's.)
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(text.len(), |at| at + 1);
        held = text.len() - whole;
        buffer.copy_within(whole..whole + held, 0);
    }
}

fn of_line(line: &[u8], name: &[u8]) -> Option<(u32, u32)> {
    let mut fields = line.split(|byte| *byte == b':');
    if fields.next()? != name {
        return None;
    }
    let mut number = |skipped| u32::try_from(parse_u64(fields.nth(skipped)?)?).ok();
    Some((number(1)?, number(0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_names() {
        assert_eq!(numbers(b"root"), Some((0, 0)));
        assert!(has_user(b"nobody"));
        for name in [&b""[..], b"nobody at all", b"roo", b"root:x"] {
            assert!(!has_user(name));
        }
        assert_eq!(of_line(b"a:x:12:34::/:", b"a"), Some((12, 34)));
        assert_eq!(of_line(b"a:x:12", b"a"), None);
        assert_eq!(of_line(b"a:x::1", b"a"), None);
    }
}
