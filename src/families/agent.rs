//! The agent itself.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues, SKIP};
use crate::base::decimal::Fixed;
use crate::base::fields::fields;
use crate::procfs::{Files, ProcFile, ReadError, own_cpu_micros, page_size};

metrics! {
    ALIVE      Gauge   "agent.alive"         ""      "always 1";
    INFO       Gauge   "agent.info"          ""      "always 1; the tag version= has the version of the agent";
    START      Gauge   "agent.start.s"       "s"     "time at which the agent started, in seconds since 1970";
    LINES      Counter "agent.lines"         ""      "lines produced since the agent started";
    THINNED    Counter "agent.lines.thinned" ""      "lines removed from between others since the agent started, because the buffer was full";
    DROPPED    Counter "agent.lines.dropped" ""      "lines lost since the agent started because the buffer was full or the clock was set back";
    REJECTED   Counter "agent.lines.rejected" ""     "lines dropped since the agent started because the receiver refuses them (over HTTP)";
    RECONNECTS Counter "agent.reconnects"    ""      "connections made after the first one";
    ERRORS     Counter "agent.errors"        ""      "failed reads of families, files and scripts";
    QUEUED     Gauge   "agent.queued.bytes"  "bytes" "lines in the buffer that the receiver has not acknowledged";
    ACK_AGE    Gauge   "agent.acknowledged.age.s" "s" "time since the receiver acknowledged lines, or since the start";
    RSS        Gauge   "agent.rss"           "bytes" "resident memory of the agent";
    CPU        Counter "agent.cpu.us"        "us"    "CPU time used by the agent";
    MALFORMED  Counter "agent.malformed"     ""      "malformed datagrams received (with -listen)";
}

/// Counts of the loop and of the connection.
#[derive(Clone, Copy, Default)]
pub struct AgentStats {
    /// Time of the start, in seconds since 1970.
    pub start: u64,
    /// Milliseconds since the receiver acknowledged lines, or since the start.
    pub acknowledged_age: u64,
    /// Lines produced.
    pub lines: u64,
    /// Lines removed from between others because the buffer was full.
    pub thinned: u64,
    /// Lines lost because the buffer was full.
    pub dropped: u64,
    /// Lines dropped because the receiver refuses them, if a receiver can.
    pub rejected: Option<u64>,
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
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let mut info = FamilyValues::NONE;
    info.set_u64(INFO, Some(1));
    cx.emitter.emit(&[version], &info);
    let stats = &cx.collector.stats;
    let values = &mut cx.values;
    for (id, value) in [
        (ALIVE, Some(1)),
        (START, Some(stats.start)),
        (LINES, Some(stats.lines)),
        (THINNED, Some(stats.thinned)),
        (DROPPED, Some(stats.dropped)),
        (REJECTED, stats.rejected),
        (RECONNECTS, Some(stats.reconnects)),
        (ERRORS, Some(stats.errors)),
        (QUEUED, Some(stats.queued)),
        (CPU, own_cpu_micros()),
        (MALFORMED, stats.malformed),
    ] {
        values.set_u64(id, value);
    }
    values.set(ACK_AGE, Some(Fixed::new(stats.acknowledged_age, 3)));
    read_resident(&mut cx.host.files, values).or_else(ReadError::unless_missing)
}

/// Reads the resident memory. Since Linux 6.2 `statm` may lag by megabytes, as each processor counts on its own;
/// `smaps_rollup` counts the pages, but many kernels for routers lack it.
fn read_resident(files: &mut Files, values: &mut FamilyValues) -> Result<(), ReadError> {
    if let Ok(lines) = files.lines(ProcFile::SmapsRollup) {
        while let Some(line) = lines.next_line() {
            let mut fields = fields(line);
            if fields.next() == Some(b"Rss:") {
                values.set_u64(RSS, fields.next_u64());
                values.multiply(RSS, 1024);
                break;
            }
        }
        let _ = lines.finish(true);
    }
    if values.get(RSS).is_none() {
        let result = values.read_columns(files, ProcFile::Statm, &[SKIP, Some(RSS)]);
        values.multiply(RSS, page_size());
        return result;
    }
    Ok(())
}
