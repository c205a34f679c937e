//! Counters that have started over: an interface was created again, a driver was loaded again, or a number of 32 bits has
//! passed its end.

/// Groups of series, by their hash, and the series of a group.
const GROUPS: usize = 64;
const GROUP_MAX: usize = 8;
/// Seconds after which a series without samples makes way for another one.
const IDLE: u32 = 3600;

/// The newest sample of a series.
#[derive(Clone, Copy)]
struct Series {
    hash: u32,
    /// Seconds since 1970; 0 for no series.
    stamp: u32,
    /// The bits of a double, which are in the order of numbers that are not negative.
    value: u64,
    /// The stamp of the last sample before the value dropped; 0 if it has not.
    start: u32,
}

/// The newest sample of each series, as far as there is space: 512 of them.
pub(super) struct CounterStarts([[Series; GROUP_MAX]; GROUPS]);

impl CounterStarts {
    /// No samples. All bytes are zero, so that it takes no memory before it is used.
    pub(super) const NEW: Self = Self(
        [[Series {
            hash: 0,
            stamp: 0,
            value: 0,
            start: 0,
        }; GROUP_MAX]; GROUPS],
    );

    /// Notes a sample, and returns the stamp of the last sample before the series started over, if that was before this one.
    ///
    /// A stamp that is not newer is a repeat, which is no drop. A new series of a full group is noted only in the place of
    /// one that has ended: series that take turns in one place would find no drop.
    pub(super) fn note(&mut self, hash: u32, stamp: u64, value: u64) -> Option<u64> {
        let stamp = u32::try_from(stamp).ok()?;
        let group = self.0.get_mut(hash as usize % GROUPS)?;
        if let Some(known) = group.iter_mut().find(|series| series.hash == hash) {
            if stamp > known.stamp {
                if value < known.value {
                    known.start = known.stamp;
                }
                (known.stamp, known.value) = (stamp, value);
            }
            let is_before = known.start > 0 && known.start < stamp;
            return is_before.then_some(known.start.into());
        }
        let oldest = group.iter_mut().min_by_key(|series| series.stamp)?;
        if oldest.stamp == 0 || oldest.stamp.saturating_add(IDLE) <= stamp {
            *oldest = Series {
                hash,
                stamp,
                value,
                start: 0,
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_is_the_stamp_before_the_value_dropped() {
        let mut starts = CounterStarts::NEW;
        let samples = [
            (10_000, 5, None),
            (10_005, 7, None),
            (10_010, 7, None),
            (10_015, 3, Some(10_010)),
            (10_020, 4, Some(10_010)),
            (10_025, 0, Some(10_020)),
            (10_030, 9, Some(10_020)),
        ];
        for (stamp, value, start) in samples {
            assert_eq!(starts.note(7, stamp, value), start, "{stamp}");
            // Other series, of the same group and of another one, have none.
            assert_eq!(starts.note(7 + GROUPS as u32, stamp, stamp), None);
            assert_eq!(starts.note(8, stamp, stamp), None);
        }
    }

    #[test]
    fn repeats_are_no_drop_and_have_the_start_of_their_time() {
        let mut starts = CounterStarts::NEW;
        let samples = [(10_000, 5), (10_005, 7), (10_010, 2), (10_015, 3)];
        for (stamp, value) in samples {
            starts.note(7, stamp, value);
        }
        let again = samples.map(|(stamp, value)| starts.note(7, stamp, value));
        assert_eq!(again, [None, None, Some(10_005), Some(10_005)]);
        assert_eq!(starts.note(7, 10_020, 3), Some(10_005));
        // One that never drops is below its newest value when it is sent again.
        for (stamp, value) in [(10_000, 5), (10_005, 7), (10_000, 5), (10_005, 7), (10_010, 8)] {
            assert_eq!(starts.note(8, stamp, value), None);
        }
    }

    #[test]
    fn full_group_keeps_its_series_until_one_has_ended() {
        let mut starts = CounterStarts::NEW;
        let hash = |number: u32| number * GROUPS as u32;
        for number in 1..=GROUP_MAX as u32 {
            starts.note(hash(number), 10_000, 5);
        }
        assert_eq!(starts.note(hash(9), 10_000, 5), None);
        for number in 2..=GROUP_MAX as u32 {
            assert_eq!(starts.note(hash(number), 13_599, 1), Some(10_000));
        }
        // The first series has none since.
        starts.note(hash(9), 13_599, 5);
        assert_eq!(starts.note(hash(9), 13_600, 1), None, "it is new");
        assert_eq!(starts.note(hash(9), 13_605, 0), Some(13_600));
        assert_eq!(starts.note(hash(2), 13_605, 0), Some(13_599));
    }

    #[test]
    fn stamp_after_2106_has_no_start() {
        let mut starts = CounterStarts::NEW;
        assert_eq!(starts.note(0, 10_000, 5), None);
        assert_eq!(starts.note(0, 1 << 32, 1), None);
        assert_eq!(starts.note(0, u64::from(u32::MAX), 1), Some(10_000));
    }
}
