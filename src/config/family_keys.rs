//! Keys of a family in the configuration file.

use super::Interval;
use super::error::ValueError::NotOfKind;
use super::error::ValueResult;
use super::kind::ValueKind;
use super::value::{self, set};
use crate::base::glob::Filter;

type FamilySetter = for<'a> fn(&mut Option<Interval>, &mut Filter<'a>, &'a [u8]) -> ValueResult<'a>;

/// All keys of a family.
pub(super) static FAMILY_KEYS: [(&str, ValueKind, FamilySetter); 4] = [
    ("interval", ValueKind::Duration, |interval, _, text| {
        let period = value::duration(text).ok_or(NotOfKind)?;
        // A family that is off stays off.
        if *interval != Some(Interval::Off) {
            *interval = Some(Interval::Every(period));
        }
        Ok(())
    }),
    ("on", ValueKind::Switch, |interval, _, text| {
        let is_on = value::switch(text).ok_or(NotOfKind)?;
        *interval = if is_on {
            interval.or(Some(Interval::Default))
        } else {
            Some(Interval::Off)
        };
        Ok(())
    }),
    ("only", ValueKind::Patterns, |_, filter, text| {
        set(&mut filter.only, value::patterns(text).map(Some))
    }),
    ("ignore", ValueKind::Patterns, |_, filter, text| {
        set(&mut filter.ignore, value::patterns(text))
    }),
];
