//! A line of `/proc/self/mountinfo` (`proc(5)`), such as
//! `36 35 98:0 /root /mount\040point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.

use crate::base::decimal::parse_u64;
use crate::base::fields::fields;

/// Longest mount point that `statfs(2)` can be called on: the longest path, without its NUL.
pub const MOUNT_POINT_MAX: usize = 1023;

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'l> {
    pub(super) id: u32,
    /// Identifier of the mount that this one is mounted on.
    pub(super) parent: u32,
    /// Device number: the same for all mounts of a file system.
    pub(super) device: u32,
    /// The mount point with its escapes, see [`decode`].
    pub point: &'l [u8],
    /// Type of the file system, such as `ext4`.
    pub kind: &'l [u8],
    /// Whether the file system is on a block device.
    pub is_on_block_device: bool,
    /// Whether the root of the file system is mounted, and not a folder or a file of it.
    pub is_root: bool,
    /// Whether the file system is read-only. `None` if its options do not start with `ro` or `rw`.
    pub is_read_only: Option<bool>,
}

/// Parses a line. Returns `None` if it is not one of a mount.
pub fn parse(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = fields(line);
    let (id, parent) = (fields.next_u64()? as u32, fields.next_u64()? as u32);
    let device = fields.next()?;
    let colon = device.iter().position(|&byte| byte == b':')?;
    let major = parse_u64(device.get(..colon)?)? as u32;
    let minor = parse_u64(device.get(colon + 1..)?)? as u32;
    let (root, point) = (fields.next()?, fields.next()?);
    // Any number of optional fields, then a dash.
    while fields.next()? != b"-" {}
    let kind = fields.next()?;
    // The source before the options may be empty.
    let (source, options) = match (fields.next(), fields.next()) {
        (source, Some(options)) => (source.unwrap_or_default(), options),
        (options, None) => (b"".as_slice(), options.unwrap_or_default()),
    };
    Some(Mount {
        id,
        parent,
        // The kernel's own packing: 12 and 20 bits.
        device: major << 20 | minor,
        point,
        kind,
        // Some have a number of their own, with the major 0.
        is_on_block_device: major != 0 || source.starts_with(b"/dev/"),
        is_root: root == b"/",
        is_read_only: parse_access(options),
    })
}

/// Returns whether the options of a file system say that it is read-only. (Those of the mount hold for this mount alone: a
/// sandbox mounts everything once more, read-only.)
fn parse_access(options: &[u8]) -> Option<bool> {
    // Since Linux 6.15, an ext4 that has found an error keeps `rw` and adds this.
    const AFTER_ERROR: &[u8] = b",emergency_ro";
    match options.get(..2) {
        Some(b"ro") => Some(true),
        Some(b"rw") => Some(options.windows(AFTER_ERROR.len()).any(|part| part == AFTER_ERROR)),
        _ => None,
    }
}

/// Replaces the octal escapes of a mount point (`\040`) by the bytes that they stand for. Returns `None` if the result
/// is longer than [`MOUNT_POINT_MAX`].
pub fn decode<'b>(escaped: &[u8], buffer: &'b mut [u8; MOUNT_POINT_MAX]) -> Option<&'b [u8]> {
    let (mut rest, mut end) = (escaped, 0);
    while let [first, after @ ..] = rest {
        let mut byte = *first;
        rest = after;
        if let [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] = after
            && byte == b'\\'
        {
            byte = a << 6 | (b & 7) << 3 | c & 7;
            rest = after;
        }
        *buffer.get_mut(end)? = byte;
        end += 1;
    }
    buffer.get(..end)
}
