//! Users of this machine (`passwd(5)`).

use super::errno::{check, last};
use super::file::File;
use crate::base::decimal::parse_u64;
use crate::base::fields::lines;
use crate::base::text::Text;
use crate::platform::Errno;

/// Returns whether a user of that name exists.
pub fn has_user(name: &[u8]) -> bool {
    find(name, &mut |_| {}).is_some()
}

/// Makes this process one of that user and of its first group alone, without capabilities. (A process that is the user's
/// already and may not leave its groups keeps them.) Writes the user's home directory.
pub(super) fn become_user(name: &[u8], home: &mut Text) -> Option<()> {
    let (mut user, mut group) = (0, 0);
    find(name, &mut |entry| {
        (user, group) = (entry.user, entry.group);
        home.put(if entry.home.is_empty() { b"/" } else { entry.home });
    })?;
    // SAFETY: a list of one number.
    let has_one_group = unsafe { libc::setgroups(1, &raw const group) } == 0;
    // SAFETY: it takes nothing.
    let is_user = unsafe { libc::getuid() } == user;
    // SAFETY: as above.
    let is_it = is_user && unsafe { libc::getgid() } == group;
    // A process of that user may lack the right to leave its groups, and keeps them.
    if !has_one_group && !is_it {
        return None;
    }
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::setgid(group) }).ok()?;
    // SAFETY: as above.
    check(unsafe { libc::setuid(user) }).ok()?;
    drop_rights()
}

/// The current form of a set of capabilities (`capset(2)`).
const CAPABILITIES: [u32; 2] = [0x2008_0522, 0];

/// Empties the sets of capabilities, and with the inheritable one the ambient one, which a user other than root would
/// keep; programs of other users, such as `sudo`, give no new ones (`PR_SET_NO_NEW_PRIVS`, from Linux 3.5 on).
fn drop_rights() -> Option<()> {
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

/// A line of the file.
struct Entry<'l> {
    user: u32,
    group: u32,
    home: &'l [u8],
}

/// Passes the entry of that user to `push`.
fn find(name: &[u8], push: &mut dyn FnMut(Entry)) -> Option<()> {
    let file = File::open(b"/etc/passwd").ok()?;
    let mut buffer = [0; 1024];
    let (mut held, mut offset) = (0, 0);
    loop {
        let length = file.read_at(buffer.get_mut(held..)?, offset).ok()?;
        if length == 0 {
            // The last line may have no end.
            return of_line(buffer.get(..held)?, name).map(push);
        }
        offset += length as u64;
        let text = buffer.get(..held + length)?;
        if let Some(found) = lines(text).find_map(|line| of_line(line, name)) {
            push(found);
            return Some(());
        }
        // The last line may go on. (A longer one is of no user.)
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(text.len(), |at| at + 1);
        held = text.len() - whole;
        buffer.copy_within(whole..whole + held, 0);
    }
}

fn of_line<'l>(line: &'l [u8], name: &[u8]) -> Option<Entry<'l>> {
    let mut fields = line.split(|byte| *byte == b':');
    if fields.next()? != name {
        return None;
    }
    let mut number = |skipped| u32::try_from(parse_u64(fields.nth(skipped)?)?).ok();
    let (user, group) = (number(1)?, number(0)?);
    // A comment is between them.
    let home = fields.nth(1).unwrap_or_default();
    Some(Entry { user, group, home })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_names() {
        let root = |entry: Entry| assert_eq!((entry.user, entry.group, entry.home), (0, 0, &b"/root"[..]));
        assert!(find(b"root", &mut { root }).is_some());
        assert!(has_user(b"nobody"));
        for name in [&b""[..], b"nobody at all", b"roo", b"root:x"] {
            assert!(!has_user(name));
        }
        let entry = |line| of_line(line, b"a").map(|entry| (entry.user, entry.group, entry.home));
        assert_eq!(entry(b"a:x:12:34:b,c:/d:/bin/e"), Some((12, 34, &b"/d"[..])));
        assert_eq!(entry(b"a:x:12:34::/:"), Some((12, 34, &b"/"[..])));
        assert_eq!(entry(b"a:x:12:34"), Some((12, 34, &b""[..])));
        assert_eq!(entry(b"a:x:12"), None);
        assert_eq!(entry(b"a:x::1"), None);
    }
}
