//! Forms of samples: lines of the ring, and values for people.

pub mod json;
pub mod text;

use crate::base::decimal::Fixed;

/// One value of one metric.
pub struct Sample<'a> {
    /// The metric's name, in plain characters that no format escapes (`a-z`, `0-9`, `.`).
    pub metric: &'a [u8],
    /// The tags that identify an instance: a key such as `iface=`, in plain characters, and a value such as
    /// `eth0`, any bytes.
    pub instance: &'a [(&'a [u8], &'a [u8])],
    /// The value, in the metric's unit.
    pub value: Fixed,
}
