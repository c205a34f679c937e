//! Values that are known by their names, whatever their order.

use crate::base::fields::{Fields, fields};
use crate::procfs::Values;

/// The kernel's names, one behind the other in one text, of metrics that follow each other; an empty one
/// stands for a metric that comes from elsewhere.
pub(super) struct Names {
    pub(super) text: &'static str,
    pub(super) lengths: &'static [u8],
    /// The number of the first one's metric.
    pub(super) first: usize,
}

macro_rules! names {
    ($first:literal: $($name:literal)*) => {
        $crate::procfs::linux::names::Names {
            text: concat!($($name),*),
            lengths: &[$($name.len() as u8),*],
            first: $first,
        }
    };
}

pub(super) use names;

impl Names {
    /// The number of the metric of that name.
    #[inline(never)]
    pub(super) fn number(&self, name: &[u8]) -> Option<usize> {
        let (mut rest, mut number) = (self.text.as_bytes(), self.first);
        for length in self.lengths {
            let (known, behind) = rest.split_at_checked(usize::from(*length))?;
            if known == name {
                return Some(number);
            }
            (rest, number) = (behind, number + 1);
        }
        None
    }

    /// Takes the value of a line `name value`; says whether it is one of these.
    pub(super) fn take(&self, line: &[u8], values: &mut Values) -> bool {
        self.take_pair(&mut fields(line), values) == Some(true)
    }

    /// Takes a name and its value; says whether the value is one of these, and nothing if there are none.
    #[inline(never)]
    pub(super) fn take_pair(&self, fields: &mut Fields, values: &mut Values) -> Option<bool> {
        let name = fields.next()?;
        let value = fields.next();
        Some(
            self.number(name)
                .is_some_and(|number| values.parse(number, value)),
        )
    }
}

/// Names that stand behind one word at the start of a line.
pub(super) struct Section {
    pub(super) word: &'static [u8],
    pub(super) names: Names,
}

/// The section that a line with this word belongs to.
#[inline(never)]
pub(super) fn section(sections: &'static [Section], word: Option<&[u8]>) -> Option<usize> {
    let word = word?;
    sections.iter().position(|section| section.word == word)
}
