//! The agent itself.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "agent.alive" "" "1";
    Counter "agent.lines" "" "lines made since the agent's start";
    Counter "agent.lines.thinned" "" "lines left out between others since then because the buffer was full";
    Counter "agent.lines.dropped" "" "lines lost since then because the buffer was full";
    Counter "agent.reconnects" "" "connections made after the first one";
    Counter "agent.errors" "" "turns of families, files and scripts that found something wrong";
    Gauge "agent.queued.bytes" "bytes" "lines that have not arrived yet";
    Gauge "agent.rss" "bytes" "memory that the agent has resident";
    Counter "agent.cpu.us" "us" "processor time that the agent has used";
    Counter "agent.malformed" "" "datagrams of other programs with a bad line (with -listen)";
};

/// What the loop and the connection have to tell of themselves.
#[derive(Clone, Copy, Default)]
pub struct Own {
    /// Lines made.
    pub lines: u64,
    /// Lines left out between others for want of room.
    pub thinned: u64,
    /// Lines lost for want of room.
    pub dropped: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// Turns of families, files and scripts that found something wrong.
    pub errors: u64,
    /// Datagrams that were not lines, if any may be handed in.
    pub malformed: Option<u64>,
    /// Bytes of lines that are not known to have arrived.
    pub queued: u64,
}

/// Where the metrics stand in the table.
const MEMORY: usize = 7;
const TIME: usize = 8;
const MALFORMED: usize = 9;

pub(super) fn take(
    all: &mut Builtin,
    host: &mut Host,
    _: &mut Out,
    values: &mut Values,
) -> Result<(), Fault> {
    let own = &all.own;
    values.set_whole(0, 1);
    values.set_whole(1, own.lines);
    values.set_whole(2, own.thinned);
    values.set_whole(3, own.dropped);
    values.set_whole(4, own.reconnects);
    values.set_whole(5, own.errors);
    values.set_whole(6, own.queued);
    if let Some(malformed) = own.malformed {
        values.set_whole(MALFORMED, malformed);
    }
    if let Some(micros) = host.own_cpu_micros() {
        values.set_whole(TIME, micros);
    }
    host.own_memory(MEMORY, values).or_else(Fault::unless_missing)
}
