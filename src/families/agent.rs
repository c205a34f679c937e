//! The agent itself.

use super::metrics::metrics;
use super::{FamilyContext, SKIP};
use crate::procfs::{ProcFile, ReadError, own_cpu_micros, page_size};

metrics! {
    ALIVE      Gauge   "agent.alive"         ""      "always 1";
    LINES      Counter "agent.lines"         ""      "lines produced since the agent started";
    THINNED    Counter "agent.lines.thinned" ""      "lines removed from between others since the agent started, because the buffer was full";
    DROPPED    Counter "agent.lines.dropped" ""      "lines lost since the agent started because the buffer was full";
    RECONNECTS Counter "agent.reconnects"    ""      "connections made after the first one";
    ERRORS     Counter "agent.errors"        ""      "failed reads of families, files and scripts";
    QUEUED     Gauge   "agent.queued.bytes"  "bytes" "lines in the buffer that the receiver has not acknowledged";
    RSS        Gauge   "agent.rss"           "bytes" "resident memory of the agent";
    CPU        Counter "agent.cpu.us"        "us"    "CPU time used by the agent";
    MALFORMED  Counter "agent.malformed"     ""      "malformed datagrams received (with -listen)";
}

/// Counts of the loop and of the connection.
#[derive(Clone, Copy, Default)]
pub struct AgentStats {
    /// Lines produced.
    pub lines: u64,
    /// Lines removed from between others because the buffer was full.
    pub thinned: u64,
    /// Lines lost because the buffer was full.
    pub dropped: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// Failed reads of families, files and scripts.
    pub errors: u64,
    /// Malformed datagrams, if the agent listens for any.
    pub malformed: Option<u64>,
    /// Bytes of lines that the receiver has not acknowledged.
    pub queued: u64,
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let stats = &cx.collector.stats;
    let values = &mut cx.values;
    for (id, value) in [
        (ALIVE, Some(1)),
        (LINES, Some(stats.lines)),
        (THINNED, Some(stats.thinned)),
        (DROPPED, Some(stats.dropped)),
        (RECONNECTS, Some(stats.reconnects)),
        (ERRORS, Some(stats.errors)),
        (QUEUED, Some(stats.queued)),
        (CPU, own_cpu_micros()),
        (MALFORMED, stats.malformed),
    ] {
        values.set_u64(id, value);
    }
    let result = values.read_columns(&mut cx.host.files, ProcFile::Statm, &[SKIP, Some(RSS)]);
    values.multiply(RSS, page_size() as u32);
    result.or_else(ReadError::unless_missing)
}
