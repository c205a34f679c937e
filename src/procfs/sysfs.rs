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
    folder.open_path(join(path, &mut [0; 128])?).ok()
}

/// Returns whether a network interface has a device, and is not only software.
pub fn is_physical(sys: &Directory, interface: &[u8]) -> bool {
    let mut buffer = [0; 128];
    let path = join(&[b"class/net/", interface, b"/device"], &mut buffer);
    path.is_some_and(|path| sys.link(path, &mut [0; 8]).is_ok())
}

/// Concatenates the parts of a path; `None` if it is too long.
fn join<'b>(path: &[&[u8]], buffer: &'b mut [u8; 128]) -> Option<&'b [u8]> {
    let mut text = Text::new(buffer);
    for part in path {
        text.put(part);
    }
    (!text.is_cut()).then(|| text.into_bytes())
}

/// Reads an open attribute, without blanks around its value.
pub(super) fn read_value<'b>(file: &File, buffer: &'b mut [u8; VALUE_MAX]) -> Option<&'b [u8]> {
    let length = file.read_at(buffer, 0).ok()?;
    Some(buffer.get(..length)?.trim_ascii())
}
