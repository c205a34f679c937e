//! Headers of requests, as the user gives them.

use super::error::ErrorKind::TooManyHeaders;
use super::error::ValueError::{NotOfKind, Part};
use super::error::ValueResult;
use super::value;

/// Most headers of a receiver.
const HEADERS_MAX: usize = 4;
/// Longest header.
const HEADER_MAX: usize = 512;

/// Headers of requests to a receiver, as `Name: value`.
#[derive(Clone, Copy)]
pub(super) struct Headers<'a> {
    list: [&'a [u8]; HEADERS_MAX],
    count: usize,
}

impl<'a> Headers<'a> {
    /// No headers.
    pub(super) const NONE: Self = Self {
        list: [&[]; HEADERS_MAX],
        count: 0,
    };

    /// Returns the headers, in the order given.
    pub(super) fn all(&self) -> &[&'a [u8]] {
        self.list.get(..self.count).unwrap_or_default()
    }

    /// Adds a header; `none`, the default, removes those before.
    pub(super) fn add(&mut self, text: &'a [u8]) -> ValueResult<'a> {
        if text == b"none" {
            self.count = 0;
            return Ok(());
        }
        let header = value::header(text).filter(|header| header.len() <= HEADER_MAX);
        let header = header.ok_or(NotOfKind)?;
        let slot = self.list.get_mut(self.count);
        *slot.ok_or(Part(TooManyHeaders, b""))? = header;
        self.count += 1;
        Ok(())
    }
}
