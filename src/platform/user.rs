//! Users of this machine (`passwd(5)`).

use super::errno::{check, last};
use super::file::for_each_line;
use crate::base::decimal::parse_u64;
use crate::base::text::Text;
use crate::platform::Errno;

/// Lines of name, password, user, group, comment, home directory and shell.
const USERS: &[u8] = b"/etc/passwd";
/// Lines of name, password, group and members, which have commas between (`group(5)`).
const GROUPS: &[u8] = b"/etc/group";
/// The most groups of the agent's user that are kept.
const GROUPS_MAX: usize = 32;

/// Returns whether a user of that name exists.
pub fn has_user(name: &[u8]) -> bool {
    let mut is_found = false;
    for_each_line(USERS, &mut |line| is_found |= entry(line, name).is_some());
    is_found
}

/// Makes this process one of that user and of all its groups, without capabilities.
pub fn drop_to_user(name: &[u8]) -> Result<(), Errno> {
    change_user(name, true, &mut Text::new(&mut [])).ok_or(Errno(libc::EPERM))
}

/// Makes this process one of that user, without capabilities, and of its first group alone or of all its groups. (A process
/// that is the user's already and may not leave its groups keeps them.) Writes the user's home directory.
pub(super) fn change_user(name: &[u8], has_all_groups: bool, home: &mut Text) -> Option<()> {
    let mut found = None;
    for_each_line(USERS, &mut |line| {
        if found.is_none()
            && let Some((user, group, directory)) = entry(line, name)
        {
            found = Some((user, group));
            home.put(if directory.is_empty() { b"/" } else { directory });
        }
    });
    let (user, group) = found?;
    let (mut groups, mut count) = ([group; GROUPS_MAX], 1);
    if has_all_groups {
        for_each_line(GROUPS, &mut |line| {
            if let Some(number) = group_of(line, name)
                && let Some(slot) = groups.get_mut(count)
            {
                *slot = number;
                count += 1;
            }
        });
    }
    // SAFETY: the list has at least as many numbers as passed.
    let has_groups = unsafe { libc::setgroups(count as _, groups.as_ptr()) } == 0;
    // SAFETY: the call takes nothing.
    let is_user = unsafe { libc::getuid() } == user;
    // SAFETY: as above.
    let is_it = is_user && unsafe { libc::getgid() } == group;
    // A process of that user may lack the right to leave its groups, and keeps them.
    if !has_groups && !is_it {
        return None;
    }
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::setgid(group) }).ok()?;
    // SAFETY: as above.
    check(unsafe { libc::setuid(user) }).ok()?;
    drop_capabilities()
}

/// The current form of a set of capabilities (`capset(2)`).
const CAPABILITIES: [u32; 2] = [0x2008_0522, 0];

/// Empties the sets of capabilities, and with the inheritable one the ambient one, which a user other than root would
/// keep; programs of other users, such as `sudo`, give no new ones (`PR_SET_NO_NEW_PRIVS`, from Linux 3.5 on).
fn drop_capabilities() -> Option<()> {
    // The kernel writes to a header of another version, so qemu refuses one in read-only memory.
    let (mut header, none) = (CAPABILITIES, [0_u32; 6]);
    // SAFETY: a header for this process, and two times three sets of 32 bits. (libc has no function for it.)
    let answer = unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), none.as_ptr()) };
    if answer != 0 {
        return None;
    }
    let (yes, unused): (libc::c_ulong, libc::c_ulong) = (1, 0);
    // SAFETY: the call takes numbers only.
    let answer = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, unused, unused, unused) };
    (answer == 0 || last() == Errno(libc::EINVAL)).then_some(())
}

/// Parses a line that is of the user of that name: user, group and home directory.
fn entry<'l>(line: &'l [u8], name: &[u8]) -> Option<(u32, u32, &'l [u8])> {
    let mut fields = line.split(|byte| *byte == b':');
    if fields.next()? != name {
        return None;
    }
    let mut number = |skipped| u32::try_from(parse_u64(fields.nth(skipped)?)?).ok();
    let (user, group) = (number(1)?, number(0)?);
    Some((user, group, fields.nth(1).unwrap_or_default()))
}

/// Parses a line that has the user among the members of a group; returns the group.
fn group_of(line: &[u8], name: &[u8]) -> Option<u32> {
    let mut fields = line.split(|byte| *byte == b':').skip(2);
    let number = u32::try_from(parse_u64(fields.next()?)?).ok()?;
    let mut members = fields.next()?.split(|byte| *byte == b',');
    members.any(|member| member == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_names() {
        assert_eq!(
            entry(b"root:x:0:0:root:/root:/bin/sh", b"root"),
            Some((0, 0, &b"/root"[..]))
        );
        assert!(has_user(b"root"));
        assert!(has_user(b"nobody"));
        for name in [&b""[..], b"nobody at all", b"roo", b"root:x"] {
            assert!(!has_user(name));
        }
        let entry = |line| entry(line, b"a");
        assert_eq!(entry(b"a:x:12:34:b,c:/d:/bin/e"), Some((12, 34, &b"/d"[..])));
        assert_eq!(entry(b"a:x:12:34::/:"), Some((12, 34, &b"/"[..])));
        assert_eq!(entry(b"a:x:12:34"), Some((12, 34, &b""[..])));
        assert_eq!(entry(b"a:x:12"), None);
        assert_eq!(entry(b"a:x::1"), None);
    }

    #[test]
    fn groups_are_those_with_the_user_among_their_members() {
        let group = |line| group_of(line, b"b");
        assert_eq!(group(b"g:x:7:a,b,c"), Some(7));
        assert_eq!(group(b"g:x:7:b"), Some(7));
        for line in [&b"g:x:7:"[..], b"g:x:7", b"g:x:b:b", b"b:x:7:ab,bc", b""] {
            assert_eq!(group(line), None);
        }
    }
}
