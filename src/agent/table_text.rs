//! How `-format text` looks: for each family its values, and a table of its instances, in 80 columns.
//!
//! ```text
//! cpu
//!   usage       3.4 %   switches  1.23 k/s
//!
//! net
//!   iface    in.bytes  in.packets
//!   eth0    12.3 MB/s    9.87 k/s
//! ```

use super::collect::Output;
use super::endpoint::endpoint;
use super::tables::{Cell, INSTANCES_MAX, OWN, Tables};
use super::{Agent, Cx};
use crate::base::text::{Put, Text};
use crate::families::{FAMILIES, Metric, VALUES_MAX};
use crate::format::text::{put_date, put_value};
use crate::ring::{Ring, THIN_LEVEL_MAX};
use crate::sender::Event;

/// Characters of a line.
const WIDTH: usize = 80;
const INDENT: usize = 2;
/// Blanks between the columns of a table, and between pairs of name and value.
const GAP: usize = 2;
const PAIR_GAP: usize = 3;
/// Bytes of a line: a character takes up to four.
const LINE_MAX: usize = 1024;
/// Longest value, such as `2026-11-30 09:43:14 UTC`.
const VALUE_MAX: usize = 40;

impl Agent<'_> {
    /// Writes the tables of what has been collected since the last print into the ring, if there are any, and sends them.
    pub(super) fn write_tables(&mut self, cx: &mut Cx) {
        let Output {
            tables,
            ring,
            lines,
            bytes,
            ..
        } = &mut self.output;
        let Some(tables) = tables else { return };
        let Some(since) = tables.since else { return };
        let time = self.clock.stamp(since);
        let mut buffer = [0; LINE_MAX];
        let mut head = Text::new(&mut buffer);
        head.put(endpoint(cx.config, &mut [0; _]));
        head.put(b"  ");
        put_date(&mut head, time);
        tables.write(head.into_line(), &mut |text| {
            // Lines of a table belong together: the oldest ones go if there is no room.
            let pushed = ring.push_with(THIN_LEVEL_MAX, |buffer| {
                let mut line = Text::new(buffer);
                line.put(text);
                (!line.is_cut()).then_some(text.len())
            });
            *lines += u64::from(pushed.is_some());
            *bytes += pushed.map_or(0, |length| Ring::bytes_for(length) as u64);
        });
        tables.end_print();
        self.notify_sender(Event::Flush, cx);
    }
}

impl Tables {
    /// Writes a line with the name of the machine and the time, and all tables that have values for this print.
    pub(super) fn write(&self, head: &[u8], put: Put) {
        if self.print > 0 {
            put(b"\n");
        }
        put(head);
        let mut buffer = [0; LINE_MAX];
        let mut page = Page {
            line: Text::new(&mut buffer),
            put,
        };
        for table in 0..=OWN {
            self.write_table(table, &mut page);
        }
        if self.is_full {
            page.line.put(b"(there are more values than the tables hold)");
            page.end_line();
        }
    }

    fn write_table(&self, table: usize, page: &mut Page) {
        // A custom metric is an instance with the metric's name; its only row has none.
        let (name, metrics): (_, &'static [Metric]) = match FAMILIES.get(table) {
            Some(family) => (family.name, family.metrics),
            None => ("custom", &[]),
        };
        let rows = metrics.len().max(1);
        // Instances with values; that without a name is the family itself.
        let (mut instances, mut count, mut own) = ([0; INSTANCES_MAX], 0, None);
        for index in self.instances(table) {
            if (0..rows).all(|row| self.cell(index, row).is_none()) {
                continue;
            }
            if table != OWN && self.names(index)[1].is_empty() {
                own = Some(index);
            } else {
                instances[count] = index;
                count += 1;
            }
        }
        let instances = &instances[..count];
        if own.is_none() && count == 0 {
            return;
        }
        page.end_line();
        page.line.put(name.as_bytes());
        page.end_line();
        let mut columns = [0; VALUES_MAX];
        if let Some(own) = own {
            let columns = self.columns(&[own], rows, &mut columns);
            let pair = |index: usize| {
                let row = columns[index];
                let metric = metrics.get(row);
                (short_name(name, metric), self.cell(own, row), metric)
            };
            page.write_pairs(&pair, columns.len());
        }
        match self.columns(instances, rows, &mut columns) {
            [] => {}
            [row] => {
                let metric = metrics.get(*row);
                if metric.is_some() {
                    page.put_left(short_name(name, metric), 0);
                    page.line.put(b" by ");
                    page.line.put(self.names(instances[0])[0]);
                    page.end_line();
                }
                let pair = |index: usize| {
                    let instance = instances[index];
                    (self.names(instance)[1], self.cell(instance, *row), metric)
                };
                page.write_pairs(&pair, count);
            }
            columns => self.write_grid(name, metrics, columns, instances, page),
        }
    }

    /// Returns the rows that have a value for one of the instances.
    fn columns<'c>(
        &self,
        instances: &[usize],
        rows: usize,
        columns: &'c mut [usize; VALUES_MAX],
    ) -> &'c [usize] {
        let mut count = 0;
        for row in 0..rows {
            let has_value = |instance: &usize| self.cell(*instance, row).is_some();
            if instances.iter().any(has_value) {
                columns[count] = row;
                count += 1;
            }
        }
        &columns[..count]
    }

    /// Writes a line an instance, in as many blocks of columns as the width needs.
    fn write_grid(
        &self,
        family: &str,
        metrics: &'static [Metric],
        columns: &[usize],
        instances: &[usize],
        page: &mut Page,
    ) {
        let heading = self.names(instances[0])[0];
        let (mut name_width, mut widths) = (width(heading), [0; VALUES_MAX]);
        for instance in instances {
            name_width = name_width.max(width(self.names(*instance)[1]));
        }
        for (target, row) in widths.iter_mut().zip(columns) {
            let metric = metrics.get(*row);
            *target = width(short_name(family, metric));
            for instance in instances {
                *target = (*target).max(value_width(self.cell(*instance, *row), metric));
            }
        }
        let mut start = 0;
        while start < columns.len() {
            let (mut end, mut length) = (start, INDENT + name_width);
            while end < columns.len() && (end == start || length + GAP + widths[end] <= WIDTH) {
                length += GAP + widths[end];
                end += 1;
            }
            let block = start..end;
            page.put_left(heading, name_width);
            for column in block.clone() {
                page.put_right(short_name(family, metrics.get(columns[column])), widths[column]);
            }
            page.end_line();
            for instance in instances {
                let cell = |column: usize| self.cell(*instance, columns[column]);
                if block.clone().all(|column| cell(column).is_none()) {
                    continue;
                }
                page.put_left(self.names(*instance)[1], name_width);
                for column in block.clone() {
                    page.put_value(cell(column), metrics.get(columns[column]), widths[column]);
                }
                page.end_line();
            }
            start = end;
        }
    }
}

/// A value with its name.
type Pair<'t> = (&'t [u8], Option<&'t Cell>, Option<&'static Metric>);

/// The line that is written, and where it goes. (Names have no control characters.)
struct Page<'p> {
    line: Text<'p>,
    put: Put<'p>,
}

impl Page<'_> {
    fn end_line(&mut self) {
        self.line.put(b"\n");
        (self.put)(self.line.bytes());
        self.line.truncate(0);
    }

    /// Writes names and values in columns, from top to bottom.
    fn write_pairs<'t>(&mut self, pair: &dyn Fn(usize) -> Pair<'t>, count: usize) {
        let (mut names, mut values) = (0, 0);
        for index in 0..count {
            let (name, cell, metric) = pair(index);
            names = names.max(width(name));
            values = values.max(value_width(cell, metric));
        }
        let columns = (WIDTH - INDENT + PAIR_GAP) / (names + GAP + values + PAIR_GAP);
        let lines = count.div_ceil(columns.max(1));
        for first in 0..lines {
            let mut index = first;
            while index < count {
                let (name, cell, metric) = pair(index);
                if index > first {
                    self.line.put(&[b' '; PAIR_GAP - INDENT]);
                }
                self.put_left(name, names);
                self.put_value(cell, metric, values);
                index += lines;
            }
            self.end_line();
        }
    }

    fn put_left(&mut self, text: &[u8], to: usize) {
        self.line.put(&[b' '; INDENT]);
        self.line.put(text);
        self.put_blanks(width(text), to);
    }

    fn put_right(&mut self, text: &[u8], to: usize) {
        self.put_blanks(width(text), GAP + to);
        self.line.put(text);
    }

    fn put_blanks(&mut self, from: usize, to: usize) {
        for _ in from..to {
            self.line.put(b" ");
        }
    }

    fn put_value(&mut self, cell: Option<&Cell>, metric: Option<&Metric>, to: usize) {
        self.put_right(value(cell, metric, &mut [0; VALUE_MAX]), to);
    }
}

/// Returns a metric's name without that of its family, and without a unit of time, which is not that of a rate.
fn short_name(family: &str, metric: Option<&'static Metric>) -> &'static [u8] {
    let Some(metric) = metric else { return b"" };
    let name = metric.name;
    let short = name.strip_prefix(family).and_then(|rest| rest.strip_prefix('.'));
    let name = short.unwrap_or(name);
    let is_time = matches!(metric.unit, "s" | "ms" | "us");
    let span = name
        .strip_suffix(metric.unit)
        .filter(|_| is_time)
        .and_then(|name| name.strip_suffix('.'));
    span.unwrap_or(name).as_bytes()
}

/// Writes a value, or `-` if there is none.
fn value<'b>(cell: Option<&Cell>, metric: Option<&Metric>, buffer: &'b mut [u8; VALUE_MAX]) -> &'b [u8] {
    let mut text = Text::new(buffer);
    match cell {
        Some(cell) => put_value(
            &mut text,
            cell.value,
            metric.map_or("", |metric| metric.unit),
            cell.is_rate,
        ),
        None => text.put(b"-"),
    }
    text.into_bytes()
}

fn value_width(cell: Option<&Cell>, metric: Option<&Metric>) -> usize {
    width(value(cell, metric, &mut [0; VALUE_MAX]))
}

/// Returns the number of characters of a text. East Asian characters are wider on a terminal and combining marks narrower, so
/// that their columns are not aligned: `wcwidth(3)` of glibc knows no letter outside ASCII without a locale (it returns -1),
/// and musl's takes 4.6 KB.
fn width(text: &[u8]) -> usize {
    text.iter().filter(|byte| !matches!(byte, 0x80..0xc0)).count()
}
