//! The values of one instance of a family, by metric.

use crate::base::decimal::Fixed;
use crate::base::fields::{Fields, fields};
use crate::procfs::{Files, Keys, ProcFile, ReadError};

/// Identifies a metric within its family. The table of the family makes it, so that it always means the row of its
/// name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MetricId(u8);

impl MetricId {
    /// The metric of a row.
    pub(super) const fn of_row(row: usize) -> Self {
        Self(row as u8)
    }

    /// Returns the row.
    pub(super) fn row(self) -> usize {
        self.0.into()
    }
}

/// A column without a metric.
pub(super) const SKIP: Option<MetricId> = None;

/// The most metrics of a family.
pub const VALUES_MAX: usize = 44;

/// The values of one instance of a family, such as an interface. A metric without a value gives no sample.
pub(super) struct FamilyValues {
    values: [Fixed; VALUES_MAX],
    /// The metrics that have a value, one bit each.
    present: u64,
}

impl FamilyValues {
    /// No metric has a value.
    pub(super) const NONE: Self = Self {
        values: [Fixed::whole(0); VALUES_MAX],
        present: 0,
    };

    /// Sets the value of a metric, or removes it.
    pub(super) fn set(&mut self, id: MetricId, value: Option<Fixed>) {
        let bit = 1 << id.0;
        self.present &= !bit;
        if let Some(value) = value
            && let Some(target) = self.values.get_mut(id.row())
        {
            *target = value;
            self.present |= bit;
        }
    }

    /// Sets a metric to a whole number, or removes its value.
    pub(super) fn set_u64(&mut self, id: MetricId, value: Option<u64>) {
        self.set(id, value.map(Fixed::whole));
    }

    /// Sets metrics to the numbers of a line, column by column, up to the first column that is no number. Returns how
    /// many were numbers.
    pub(super) fn set_columns(&mut self, fields: &mut Fields, columns: &[Option<MetricId>]) -> usize {
        for (index, column) in columns.iter().enumerate() {
            let number = fields.next_u64();
            if let Some(id) = column {
                self.set_u64(*id, number);
            }
            if number.is_none() {
                return index;
            }
        }
        columns.len()
    }

    /// Sets a metric to the number of a line such as `pgfault 34124663`, if its name is one of the keys.
    pub(super) fn set_named(&mut self, keys: &Keys<MetricId>, line: &[u8]) {
        let mut fields = fields(line);
        if let Some(id) = fields.next().and_then(|name| keys.find(name)) {
            self.set_u64(*id, fields.next_u64());
        }
    }

    /// Parses the lines of a file until this many metrics have a value. Returns the file, which the caller has to finish.
    pub(super) fn read_lines<'f>(
        &mut self,
        files: &'f mut Files,
        file: ProcFile,
        wanted: usize,
        parse: impl Fn(&[u8], &mut Self),
    ) -> Result<&'f mut Files, ReadError> {
        let lines = files.lines(file)?;
        while self.count() < wanted
            && let Some(line) = lines.next_line()
        {
            parse(line, self);
        }
        Ok(lines)
    }

    /// Sets metrics to the numbers of a file's first line, the first of which has to be there.
    pub(super) fn read_columns(
        &mut self,
        files: &mut Files,
        file: ProcFile,
        columns: &[Option<MetricId>],
    ) -> Result<(), ReadError> {
        let lines = files.lines(file)?;
        let line = lines.next_line().unwrap_or_default();
        let count = self.set_columns(&mut fields(line), columns);
        lines.finish(count > 0)
    }

    /// Returns the value of a metric.
    pub(super) fn get(&self, id: MetricId) -> Option<Fixed> {
        let value = self.values.get(id.row())?;
        (self.present >> id.0 & 1 != 0).then_some(*value)
    }

    /// Returns the integer part of the value of a metric.
    pub(super) fn get_u64(&self, id: MetricId) -> Option<u64> {
        self.get(id).map(|value| value.parts().0)
    }

    /// Returns how many metrics have a value.
    pub(super) fn count(&self) -> usize {
        self.present.count_ones() as usize
    }

    /// Returns the rows of the metrics that have a value, and the values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, Fixed)> {
        let mut rest = self.present;
        core::iter::from_fn(move || {
            let row = rest.trailing_zeros() as usize;
            rest &= rest.wrapping_sub(1);
            self.values.get(row).map(|value| (row, *value))
        })
    }

    /// Multiplies a metric; a product that does not fit removes the value.
    pub(super) fn multiply(&mut self, id: MetricId, factor: u64) {
        // An unknown value stays unknown.
        let value = self.get(id).filter(|value| !value.is_unsigned_minus_one());
        let product = value.and_then(|value| value.parts().0.checked_mul(factor));
        self.set_u64(id, product);
    }

    /// Sets a metric to the difference of two others, at least 0. Does nothing unless both have values.
    pub(super) fn subtract(&mut self, id: MetricId, from: MetricId, what: MetricId) {
        if let (Some(from), Some(what)) = (self.get_u64(from), self.get_u64(what)) {
            self.set_u64(id, Some(from.saturating_sub(what)));
        }
    }

    /// Sets a metric to the percentage that another has of a third, if both have values.
    pub(super) fn share(&mut self, id: MetricId, part: MetricId, total: MetricId) {
        let share = match (self.get_u64(part), self.get_u64(total)) {
            (Some(part), Some(total)) if !Fixed::whole(total).is_unsigned_minus_one() => {
                Fixed::percent(part, total)
            }
            _ => None,
        };
        self.set(id, share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const A: MetricId = MetricId(0);
    const B: MetricId = MetricId(1);
    const C: MetricId = MetricId(43);

    #[test]
    fn columns_are_set_up_to_the_first_that_is_no_number() {
        let mut values = FamilyValues::NONE;
        assert_eq!(values.set_columns(&mut fields(b"1 x 3 4"), &[Some(B)]), 1);
        let columns = [Some(C), SKIP, Some(B), Some(A)];
        assert_eq!(values.set_columns(&mut fields(b"1 2 x 4"), &columns), 2);
        assert_eq!([A, B, C].map(|id| values.get_u64(id)), [None, None, Some(1)]);
        assert_eq!(values.iter().collect::<Vec<_>>(), [(43, Fixed::whole(1))]);
        assert_eq!(values.count(), 1);
    }

    #[test]
    fn derived_values_need_their_operands() {
        let mut values = FamilyValues::NONE;
        values.set_u64(A, Some(u64::MAX));
        values.subtract(C, A, B);
        values.share(C, A, B);
        assert_eq!(values.get(C), None);
        values.set_u64(B, Some(5));
        values.subtract(C, B, A);
        assert_eq!(values.get_u64(C), Some(0));
        values.share(C, B, B);
        assert_eq!(values.get_u64(C), Some(100));
        values.multiply(A, 2);
        assert_eq!(values.get(A), None);
    }
}
