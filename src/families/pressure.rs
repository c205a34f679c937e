//! Time lost in waiting (PSI).

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Counter "pressure.cpu.some.us" "us" "time in which some task waited for a processor";
    Counter "pressure.cpu.full.us" "us" "time in which all tasks did";
    Counter "pressure.io.some.us" "us" "time in which some task waited for a disk";
    Counter "pressure.io.full.us" "us" "time in which all tasks did";
    Counter "pressure.memory.some.us" "us" "time in which some task waited for memory";
    Counter "pressure.memory.full.us" "us" "time in which all tasks did";
    Counter "pressure.irq.some.us" "us" "time in which some task waited for an interrupt to end";
    Counter "pressure.irq.full.us" "us" "time in which all tasks did";
};

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    host.pressure(values)
}
