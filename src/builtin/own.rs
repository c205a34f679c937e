//! The agent itself.

use super::table::{Metrics, metrics};
use super::{Sink, tell_whole};
use crate::host::{Fault, Host};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "agent.alive" "" "1";
    Counter "agent.lines" "" "lines made since the agent's start";
    Counter "agent.lines.thinned" "" "lines left out between others since then because the buffer was full";
    Counter "agent.lines.dropped" "" "lines lost since then because the buffer was full";
    Counter "agent.reconnects" "" "connections made after the first one";
    Counter "agent.errors" "" "turns of families that found something wrong";
    Gauge "agent.queued.bytes" "bytes" "lines that have not arrived yet";
    Gauge "agent.rss" "bytes" "memory that the agent has resident";
    Counter "agent.cpu.us" "us" "processor time that the agent has used";
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
    /// Turns of families that found something wrong.
    pub errors: u64,
    /// Bytes of lines that are not known to have arrived.
    pub queued: u64,
}

pub(super) fn take(own: &Own, host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let memory = host.own_memory();
    let values = [
        Some(1),
        Some(own.lines),
        Some(own.thinned),
        Some(own.dropped),
        Some(own.reconnects),
        Some(own.errors),
        Some(own.queued),
        memory.ok().flatten(),
        host.own_cpu_micros(),
    ];
    tell_whole(sink, &METRICS, 0, &values);
    memory.map(|_| ()).or_else(Fault::unless_missing)
}
