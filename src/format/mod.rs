//! A sample to one line of a line protocol.

pub mod json;

use crate::base::decimal::Fixed;

/// What a line says, beside who says it and when.
pub struct Record<'a> {
    /// The metric's name, in plain characters that no format escapes (`a-z`, `0-9`, `.`).
    pub metric: &'a [u8],
    /// What tells one instance from another, such as `iface=`, in plain characters, and `eth0`, any bytes.
    pub instance: &'a [(&'a [u8], &'a [u8])],
    /// The value.
    pub value: Fixed,
}
