//! Attributes below `/sys`: files that hold one value each (`Documentation/filesystems/sysfs.rst`).

use crate::base::text::Text;
use crate::platform::{Directory, File};

/// Bytes of a value that are read: the kernel's names, labels and numbers are shorter.
pub(super) const VALUE_MAX: usize = 64;

/// Reads an attribute, without blanks around its value. Returns `None` if it is missing or unreadable.
pub(super) fn read_attribute<'b>(
    folder: &Directory,
    path: &[&[u8]],
    buffer: &'b mut [u8; VALUE_MAX],
) -> Option<&'b [u8]> {
    read_value(&open(folder, path)?, buffer)
}

/// Opens the file whose path is the concatenation of these parts.
pub(super) fn open(folder: &Directory, path: &[&[u8]]) -> Option<File> {
    let mut buffer = [0; 128];
    let mut text = Text::new(&mut buffer);
    for part in path {
        text.put(part);
    }
    if text.is_cut() {
        return None;
    }
    folder.open_path(text.bytes()).ok()
}

/// Reads an open attribute, without blanks around its value.
pub(super) fn read_value<'b>(file: &File, buffer: &'b mut [u8; VALUE_MAX]) -> Option<&'b [u8]> {
    let length = file.read_at(buffer, 0).ok()?;
    Some(buffer.get(..length)?.trim_ascii())
}
