//! File systems.

use super::table::{Metric, gauge};
use super::{Sink, instance};
use crate::host::{Fault, FileSystem, Host};
use crate::num::Fixed;

pub(super) static METRICS: [Metric; 2] = [
    gauge!("disk.usage", "bytes", "used on the file system at /"),
    gauge!(
        "disk.percent",
        "percent",
        "used of what users can use at /, as df has it",
    ),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let [usage, percent] = &METRICS;
    let sizes = host.file_system(c"/")?;
    let used = sizes.blocks.saturating_sub(sizes.free);
    let mount = &[("mount", b"/".as_slice())];
    instance(sink, usage, mount, used.checked_mul(sizes.unit).map(Fixed::whole));
    instance(sink, percent, mount, share(&sizes, used));
    Ok(())
}

/// As `df` has it: blocks reserved for root count neither as used nor as free.
fn share(sizes: &FileSystem, used: u64) -> Option<Fixed> {
    Fixed::percent(used, used.checked_add(sizes.available)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_blocks_are_left_out_of_the_share() {
        let sizes = FileSystem {
            unit: 4096,
            blocks: 1000,
            free: 500,
            available: 450,
        };
        assert_eq!(share(&sizes, 500), Some(Fixed::new(526_316, 4)));
        assert_eq!(share(&FileSystem::default(), 0), None);
    }
}
