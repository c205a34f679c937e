//! Uptime, and the state of the wall clock: `/proc/uptime` (`proc(5)`), `350735.47 234388.90`, and `adjtimex(2)`.

use super::FamilyContext;
use super::metrics::metrics;
use crate::base::decimal::Fixed;
use crate::base::fields::fields;
use crate::procfs::{ProcFile, ReadError, Subject, clock_discipline};

metrics! {
    UPTIME Gauge "system.uptime"   "s"  "time since the system started, suspend included";
    SYNCED Gauge "clock.synced"    ""   "1 if a time service keeps the wall clock synchronized, 0 otherwise";
    OFFSET Gauge "clock.offset.us" "us" "offset by which the kernel is still adjusting the wall clock, may be negative";
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let values = &mut cx.values;
    let discipline = clock_discipline();
    if let Ok(clock) = &discipline {
        values.set_u64(SYNCED, Some(clock.is_synced.into()));
        values.set(OFFSET, Some(Fixed::signed(clock.offset_nanos, 3)));
    }
    let lines = cx.host.files.lines(ProcFile::Uptime)?;
    let line = lines.next_line().unwrap_or_default();
    let uptime = fields(line).next().and_then(Fixed::parse);
    values.set(UPTIME, uptime.filter(|uptime| !uptime.is_negative()));
    lines.finish(values.get(UPTIME).is_some())?;
    // A sandbox may forbid the call.
    discipline.map_or_else(
        |errno| Err(ReadError::new(Subject::Clock, errno.into())),
        |_| Ok(()),
    )
}
