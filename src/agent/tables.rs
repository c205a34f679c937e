//! The tables of `-format text`: the latest values of all series, and what their rates need of the read before.

use crate::base::decimal::Fixed;
use crate::base::text::{Text, character, hash};
use crate::families::{FAMILIES, FAMILY_COUNT, Metric, MetricKind};

/// The table of the user's own metrics, after those of the families.
pub(super) const OWN: usize = FAMILY_COUNT;

/// Values of all instances; each instance has one for each metric of its family.
const CELLS_MAX: usize = 8192;
/// Instances of all families, those without a tag included.
pub(super) const INSTANCES_MAX: usize = 1024;
/// Bytes of their names.
const NAMES_MAX: usize = 32 << 10;
/// Characters of a name that are shown.
const NAME_MAX: usize = 40;

/// A value.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// The value, or the rate of a counter that was read before.
    pub(super) value: Fixed,
    pub(super) is_rate: bool,
    /// The counter itself.
    count: u64,
    /// When it was read, in milliseconds of the monotonic clock; 0 if it never was.
    at: u64,
    /// The number of the print for which it was read.
    print: u32,
}

/// An instance of a family, or a series of the user's own.
#[derive(Clone, Copy)]
struct Instance {
    table: u8,
    /// The index of its first cell.
    cells: u16,
    /// The key of its first tag is `names[start..middle]`, its name `names[middle..end]`.
    start: u16,
    middle: u16,
    end: u16,
    /// Distinguishes names that are equal as far as they are shown.
    hash: u32,
}

/// All tables. All of it is zero at first, so that it takes no memory unless it is used.
pub(super) struct Tables {
    cells: [Cell; CELLS_MAX],
    cell_count: usize,
    instances: [Instance; INSTANCES_MAX],
    instance_count: usize,
    names: [u8; NAMES_MAX],
    names_length: usize,
    /// The instance that the next values are of; none if it did not fit.
    current: Option<u16>,
    /// The instance that was found last: they come in the same order each time.
    last_found: usize,
    /// The number of the next print, from 0 up.
    pub(super) print: u32,
    /// When the first value for it was read; none if there is no value.
    pub(super) since: Option<u64>,
    /// Something did not fit.
    pub(super) is_full: bool,
}

impl Tables {
    /// No series.
    #[expect(clippy::large_stack_arrays, reason = "static memory is made of it")]
    pub(super) const EMPTY: Self = Self {
        cells: [Cell {
            value: Fixed::whole(0),
            is_rate: false,
            count: 0,
            at: 0,
            print: 0,
        }; CELLS_MAX],
        cell_count: 0,
        instances: [Instance {
            table: 0,
            cells: 0,
            start: 0,
            middle: 0,
            end: 0,
            hash: 0,
        }; INSTANCES_MAX],
        instance_count: 0,
        names: [0; NAMES_MAX],
        names_length: 0,
        current: None,
        last_found: 0,
        print: 0,
        since: None,
        is_full: false,
    };

    /// Ends the print of what has come. Tables that were full start again, as instances may have gone.
    pub(super) fn end_print(&mut self) {
        if self.is_full {
            (self.cell_count, self.instance_count, self.names_length) = (0, 0, 0);
        }
        (self.since, self.is_full) = (None, false);
        self.print += 1;
    }

    /// Sets the instance of a table that the next values are of: by the values of its tags, after the metric's name for one
    /// of the user's own.
    pub(super) fn set_instance(&mut self, table: usize, metric: &[u8], tags: &[(&[u8], &[u8])]) {
        let mut buffer = [0; 512];
        let mut name = Text::new(&mut buffer);
        let mut identity = hash(metric);
        let parts = core::iter::once(metric).chain(tags.iter().map(|(_, value)| *value));
        for part in parts.filter(|part| !part.is_empty()) {
            if !name.bytes().is_empty() {
                name.put(b" ");
            }
            name.put(part);
            identity = identity.rotate_left(5) ^ hash(part);
        }
        let key = tags.first().map_or(b"".as_slice(), |(key, _)| key);
        let name = name.into_line();
        let name = name.strip_suffix(b"\n").unwrap_or(name);
        self.current = self
            .find(table, identity)
            .or_else(|| self.add(table, identity, key.strip_suffix(b"=").unwrap_or(key), name));
        self.is_full |= self.current.is_none();
    }

    fn find(&mut self, table: usize, identity: u32) -> Option<u16> {
        let is_it = |instance: &Instance| usize::from(instance.table) == table && instance.hash == identity;
        let all = self.instances.get(..self.instance_count)?;
        let next = self.last_found + 1;
        let index = if all.get(next).is_some_and(is_it) {
            next
        } else {
            all.iter().position(is_it)?
        };
        self.last_found = index;
        Some(index as u16)
    }

    fn add(&mut self, table: usize, identity: u32, key: &[u8], name: &[u8]) -> Option<u16> {
        let index = self.instance_count;
        let (start, cells) = (self.names_length, self.cell_count);
        let cell_count = FAMILIES.get(table).map_or(1, |family| family.metrics.len());
        let mut text = Text::new(self.names.get_mut(start..)?);
        text.put(key);
        let middle = start + text.bytes().len();
        let shown = name_start(name);
        text.put(shown);
        if shown.len() < name.len() {
            text.put("…".as_bytes());
        }
        let end = start + text.bytes().len();
        let slot = self.instances.get_mut(index)?;
        if text.is_cut() || cells + cell_count > CELLS_MAX {
            return None;
        }
        *slot = Instance {
            table: table as u8,
            cells: cells as u16,
            start: start as u16,
            middle: middle as u16,
            end: end as u16,
            hash: identity,
        };
        for cell in self.cells.iter_mut().skip(cells).take(cell_count) {
            cell.at = 0;
        }
        (self.names_length, self.cell_count, self.instance_count) = (end, cells + cell_count, index + 1);
        self.last_found = index;
        Some(index as u16)
    }

    /// Sets the value of a metric of the current instance, or of a metric of the user's own, read at this time in
    /// milliseconds of the monotonic clock.
    pub(super) fn push(&mut self, metric: Option<&'static Metric>, value: Fixed, now: u64) {
        let Some(instance) = self
            .current
            .and_then(|index| self.instances.get(usize::from(index)))
        else {
            return;
        };
        let family = FAMILIES.get(usize::from(instance.table));
        let row = match (family, metric) {
            (Some(family), Some(metric)) => family.metrics.iter().position(|row| row.name == metric.name),
            _ => Some(0),
        };
        let Some(cell) = row.and_then(|row| self.cells.get_mut(usize::from(instance.cells) + row)) else {
            return;
        };
        (cell.value, cell.is_rate) = (value, false);
        if metric.is_some_and(|metric| metric.kind == MetricKind::Counter) {
            let count = value.parts().0;
            // A counter that went backwards counts as no advance.
            let rate = match now.checked_sub(cell.at) {
                Some(elapsed @ 1..) if cell.at > 0 => {
                    let advance = Fixed::whole(count.saturating_sub(cell.count));
                    u32::try_from(elapsed)
                        .ok()
                        .and_then(|elapsed| advance.times(1_000, elapsed))
                }
                _ => None,
            };
            if let Some(rate) = rate {
                (cell.value, cell.is_rate) = (rate, true);
            }
            cell.count = count;
        }
        (cell.at, cell.print) = (now, self.print);
        self.since.get_or_insert(now);
    }

    /// Returns the indices of a table's instances, in the order in which they came.
    pub(super) fn instances(&self, table: usize) -> impl Iterator<Item = usize> {
        let all = self.instances.iter().take(self.instance_count).enumerate();
        all.filter(move |(_, instance)| usize::from(instance.table) == table)
            .map(|(index, _)| index)
    }

    /// Returns the key of an instance's first tag, and its name; both are empty if it has no tags.
    pub(super) fn names(&self, instance: usize) -> [&[u8]; 2] {
        let Some(instance) = self.instances.get(instance) else {
            return [b"", b""];
        };
        let (start, middle, end) = (instance.start, instance.middle, instance.end);
        [start..middle, middle..end].map(|range| {
            let range = usize::from(range.start)..usize::from(range.end);
            self.names.get(range).unwrap_or_default()
        })
    }

    /// Returns the value of an instance in a row of its family, if it was read for this print.
    pub(super) fn cell(&self, instance: usize, row: usize) -> Option<&Cell> {
        let instance = self.instances.get(instance)?;
        let cell = self.cells.get(usize::from(instance.cells) + row)?;
        (cell.at > 0 && cell.print == self.print).then_some(cell)
    }
}

/// Returns the start of a name that is shown: all of it, or what fits with a sign of omission.
fn name_start(name: &[u8]) -> &[u8] {
    let (mut end, mut count, mut shown) = (0, 0, 0);
    while end < name.len() {
        if count + 1 == NAME_MAX {
            shown = end;
        }
        end += character(name.get(end..).unwrap_or_default()).0;
        count += 1;
    }
    let end = if count > NAME_MAX { shown } else { name.len() };
    name.get(..end).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::find;

    fn metric(name: &str) -> &'static Metric {
        let mut metrics = FAMILIES.iter().flat_map(|family| family.metrics);
        metrics.find(|metric| metric.name == name).unwrap()
    }

    /// The values of an instance of `net`, pushed one after the other at these times, as they are shown.
    fn shown(tables: &mut Tables, name: &str, reads: &[(u64, u64)]) -> Vec<(Fixed, bool)> {
        let net = find(b"net", false).unwrap();
        let push = |(now, bytes): &(u64, u64)| {
            tables.set_instance(net, b"", &[(b"iface=", name.as_bytes())]);
            tables.push(Some(metric("net.in.bytes")), Fixed::whole(*bytes), *now);
            let instance = tables.instances(net).last().unwrap();
            assert_eq!(tables.names(instance), [b"iface".as_slice(), name.as_bytes()]);
            let cell = tables.cell(instance, 0).unwrap();
            (cell.value, cell.is_rate)
        };
        reads.iter().map(push).collect()
    }

    #[test]
    fn counter_is_a_total_and_then_a_rate() {
        let mut tables = Box::new(Tables::EMPTY);
        let rate = |value, scale| (Fixed::new(value, scale), true);
        let reads = [(5_000, 700), (7_000, 1_000), (7_500, 900), (8_000, 901)];
        let shown = shown(&mut tables, "eth0", &reads);
        assert_eq!(shown[0], (Fixed::whole(700), false));
        assert_eq!(shown[1], rate(1_500_000, 4));
        assert_eq!(shown[2], rate(0, 4), "backwards");
        assert_eq!(shown[3], rate(20_000, 4));
        // The next print has only what was read for it.
        tables.end_print();
        let net = find(b"net", false).unwrap();
        assert!(tables.since.is_none() && tables.cell(tables.instances(net).next().unwrap(), 0).is_none());
    }

    #[test]
    fn full_tables_start_again_with_the_next_print() {
        let mut tables = Box::new(Tables::EMPTY);
        let own = |tables: &mut Tables, number: usize| {
            tables.set_instance(OWN, format!("metric{number}").as_bytes(), &[]);
            tables.push(None, Fixed::whole(1), 1);
        };
        (0..=INSTANCES_MAX).for_each(|number| own(&mut tables, number));
        assert!(tables.is_full);
        assert_eq!(tables.instances(OWN).count(), INSTANCES_MAX);
        tables.end_print();
        own(&mut tables, 2_000);
        assert!(!tables.is_full);
        assert_eq!(
            tables.names(tables.instances(OWN).next().unwrap())[1],
            b"metric2000"
        );
        // A name is cut after 40 characters, but not the difference between two.
        for end in ["a", "b", ""] {
            tables.set_instance(OWN, format!("{}{end}", "ü".repeat(40)).as_bytes(), &[]);
        }
        let names: Vec<_> = tables
            .instances(OWN)
            .map(|instance| tables.names(instance)[1])
            .collect();
        let cut = format!("{}…", "ü".repeat(39));
        assert_eq!(
            names[1..],
            [cut.as_bytes(), cut.as_bytes(), "ü".repeat(40).as_bytes()]
        );
    }
}
