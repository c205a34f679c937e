//! The names in a directory, without the memory that `readdir(3)` takes.

use super::call::call;
use super::file::Directory;
use crate::base::fields::until;
use crate::platform::Errno;

/// Room for the entries of one call, in words: the kernel wants them aligned.
const ROOM: usize = 128;

/// Where an entry's length and its name are, behind its inode and its offset of 64 bits each, and
/// before the name the byte of its type (`getdents64(2)`).
const LENGTH: usize = 16;
const NAME: usize = 19;

impl Directory {
    /// Hands over some more names, those that one call gives (40 or so); says whether there were any.
    /// The directory's own and its parent's are among them.
    pub fn some_names(&self, take: &mut dyn FnMut(&[u8])) -> Result<bool, Errno> {
        let mut room = [0_u64; ROOM];
        let size = size_of_val(&room);
        // SAFETY: the room is writable for its size.
        let length = unsafe {
            call(
                libc::SYS_getdents64,
                self.argument(),
                room.as_mut_ptr() as usize,
                size,
            )
        }?;
        // SAFETY: words may be seen as bytes, and the slice is no longer than they are.
        let bytes = unsafe { core::slice::from_raw_parts(room.as_ptr().cast::<u8>(), length.min(size)) };
        for_each(bytes, take);
        Ok(length > 0)
    }

    /// Hands over all names.
    pub fn names(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), Errno> {
        while self.some_names(take)? {}
        Ok(())
    }
}

fn for_each(entries: &[u8], take: &mut dyn FnMut(&[u8])) {
    let mut rest = entries;
    while let Some(&[low, high]) = rest.get(LENGTH..LENGTH + 2) {
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let (Some(name), Some(behind)) = (rest.get(NAME..length), rest.get(length..)) else {
            return;
        };
        take(until(name, 0));
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(directory: &Directory) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        directory
            .names(&mut |name| {
                let name = String::from_utf8(name.to_vec()).unwrap();
                assert!(names.insert(name), "twice");
            })
            .unwrap();
        names
    }

    #[test]
    fn all_names_are_handed_over_once() {
        let path = std::env::temp_dir().join(format!("mini-monitor-names-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let mut expected = BTreeSet::from([".".to_owned(), "..".to_owned()]);
        for number in 0..300 {
            let name = format!("{}{number}", "n".repeat(number % 200));
            std::fs::write(path.join(&name), "").unwrap();
            expected.insert(name);
        }
        let directory = Directory::open(path.to_str().unwrap().as_bytes()).unwrap();
        assert_eq!(names(&directory), expected);
        assert!(names(&directory).is_empty(), "it stands at its end");
        std::fs::remove_dir_all(&path).unwrap();
    }
}
