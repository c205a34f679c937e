//! Packets in the network's queues: `/proc/net/softnet_stat` (`net/core/net-procfs.c`), a line each processor with
//! hexadecimal columns of 32 bits.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues, MetricId};
use crate::base::fields::fields;
use crate::procfs::{ProcFile, ReadError};

metrics! {
    PROCESSED Counter "softnet.processed" "" "packets that all processors took from their receive queues";
    DROPPED   Counter "softnet.dropped"   "" "packets dropped because a processor's receive queue was full";
    SQUEEZED  Counter "softnet.squeezed"  "" "times that a processor ran out of time before its receive queue was empty";
}

/// The metrics of the first columns.
const COLUMNS: [MetricId; 3] = [PROCESSED, DROPPED, SQUEEZED];

/// Adds up the columns. Each is 32 bits a processor, so their sum may go back.
pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let mut was_found = false;
    let lines = cx.host.files.lines(ProcFile::Softnet)?;
    while let Some(line) = lines.next_line() {
        was_found |= add(line, &mut cx.values);
    }
    lines.finish(was_found)
}

/// Adds the columns of a line. Returns whether all are there.
fn add(line: &[u8], values: &mut FamilyValues) -> bool {
    let mut fields = fields(line);
    COLUMNS.iter().all(|id| {
        let Some(count) = fields.next().and_then(parse_hex) else {
            return false;
        };
        let sum = values.get_u64(*id).unwrap_or_default() + u64::from(count);
        values.set_u64(*id, Some(sum));
        true
    })
}

/// Parses one to eight hexadecimal digits.
fn parse_hex(text: &[u8]) -> Option<u32> {
    if !(1..=8).contains(&text.len()) {
        return None;
    }
    text.iter().try_fold(0, |number, byte| {
        Some(number << 4 | char::from(*byte).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_hexadecimal() {
        assert_eq!(parse_hex(b"00008dda"), Some(0x8dda));
        assert_eq!(parse_hex(b"ffffffff"), Some(u32::MAX));
        for bad in ["", "123456789", "0x12", "-1", "g"] {
            assert_eq!(parse_hex(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
