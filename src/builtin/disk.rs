//! File systems.

use super::{Sample, Sink, table};
use crate::host::{Fault, FileSystem, Host};
use crate::num::Fixed;

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let [usage, percent] = &table::DISK_METRICS;
    let sizes = host.file_system(c"/")?;
    let used = sizes.blocks.saturating_sub(sizes.free);
    let instance = &[("mount", b"/".as_slice())];
    if let Some(bytes) = used.checked_mul(sizes.unit) {
        sink(Sample {
            metric: usage,
            instance,
            value: Fixed::whole(bytes),
        });
    }
    if let Some(value) = share(&sizes, used) {
        sink(Sample {
            metric: percent,
            instance,
            value,
        });
    }
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
