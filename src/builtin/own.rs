//! The agent itself.

use super::table::{Metric, counter, gauge};
use super::{Sink, all};
use crate::host::{Fault, Host};

pub(super) static METRICS: [Metric; 8] = [
    gauge!("agent.alive", "", "1"),
    counter!("agent.lines", "", "lines made since the agent's start"),
    counter!(
        "agent.lines.dropped",
        "",
        "lines lost since then because the buffer was full"
    ),
    counter!("agent.reconnects", "", "connections made after the first one"),
    counter!("agent.errors", "", "turns of families that found something wrong"),
    gauge!("agent.queued.bytes", "bytes", "lines that have not arrived yet"),
    gauge!("agent.rss", "bytes", "memory that the agent has resident"),
    counter!("agent.cpu.us", "us", "processor time that the agent has used"),
];

/// What the loop and the connection have to tell of themselves.
#[derive(Clone, Copy, Default)]
pub struct Own {
    /// Lines made.
    pub lines: u64,
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
        Some(own.dropped),
        Some(own.reconnects),
        Some(own.errors),
        Some(own.queued),
        memory.ok().flatten(),
        host.own_cpu_micros(),
    ];
    all(sink, &METRICS, &values);
    memory.map(|_| ()).or_else(Fault::unless_missing)
}
