//! The standard error of a command, for the log: the first lines at once, and then seldom; its last line, which may
//! give the reason of its end, as seldom.

use super::clock;
use super::errno::WOULD_BLOCK;
use super::fd::Fd;
use super::socket::pipe;
use crate::base::rate_limit::Throttle;
use crate::platform::{Errno, NEVER};
use core::ffi::c_int;
use core::mem::take;

/// Bytes of a line that the log has.
const LINE_MAX: usize = 200;
/// Pieces that one wake-up reads at most, and their bytes.
const PIECE: usize = 2048;
const PIECES: usize = 4;
/// Wake-ups for it in a second, at most; a command that writes more waits for the next second.
const ROUNDS: u32 = 8;
const SECOND: u64 = 1_000;

/// Logs a line, and the number of lines that it stands for.
pub(super) type LogLine<'t> = &'t mut dyn FnMut(&[u8], u32);

pub(super) struct Complaints {
    pipe: Option<Fd>,
    /// The start of an unfinished line.
    line: [u8; LINE_MAX],
    held: usize,
    /// The length of the last line, which is still there, if it was not logged.
    untold: usize,
    lines: Throttle,
    last_words: Throttle,
    /// The start of a second, in milliseconds of the monotonic clock, and the wake-ups since.
    since: u64,
    rounds: u32,
}

impl Complaints {
    pub(super) const NONE: Self = Self {
        pipe: None,
        line: [0; LINE_MAX],
        held: 0,
        untold: 0,
        lines: Throttle::new(),
        last_words: Throttle::new(),
        since: 0,
        rounds: 0,
    };

    /// Opens a pipe to the next command; returns the command's end.
    pub(super) fn open(&mut self) -> Result<Fd, Errno> {
        let (ours, theirs) = pipe()?;
        self.pipe = Some(ours);
        Ok(theirs)
    }

    /// Returns the descriptor to watch, −1 for none, and the moment at which to ask again.
    pub(super) fn watch(&self) -> (c_int, u64) {
        let number = self.pipe.as_ref().map_or(-1, Fd::number);
        let next = self.since + SECOND;
        if number >= 0 && self.rounds >= ROUNDS && clock::monotonic_millis() < next {
            return (-1, next);
        }
        (number, NEVER)
    }

    pub(super) fn read(&mut self, log_line: LogLine) {
        let now = clock::monotonic_millis();
        if now >= self.since + SECOND {
            (self.since, self.rounds) = (now, 0);
        }
        self.rounds += 1;
        let mut buffer = [0; PIECE];
        for _ in 0..PIECES {
            let length = match self.pipe.as_ref().map(|pipe| pipe.read(&mut buffer)) {
                Some(Ok(length @ 1..)) => length,
                Some(Err(WOULD_BLOCK)) => return,
                _ => return self.pipe = None,
            };
            for part in buffer[..length].split_inclusive(|byte| *byte == b'\n') {
                self.hold(part);
                if part.ends_with(b"\n") {
                    self.end_line(now, log_line);
                }
            }
        }
    }

    /// Reads the last lines of a command that has ended, and closes the pipe.
    pub(super) fn close(&mut self, log_line: LogLine) {
        self.read(log_line);
        let now = clock::monotonic_millis();
        self.end_line(now, log_line);
        let line = self.line.get(..take(&mut self.untold)).unwrap_or_default();
        if !line.is_empty() && self.last_words.pass(now).is_some() {
            log_line(line, 1);
        }
        self.pipe = None;
    }

    /// Appends to the unfinished line; leaves out the blanks at its start.
    fn hold(&mut self, part: &[u8]) {
        let part = if self.held == 0 {
            part.trim_ascii_start()
        } else {
            part
        };
        let room = self.line.get_mut(self.held..).unwrap_or_default();
        for (place, byte) in room.iter_mut().zip(part) {
            *place = *byte;
            self.held += 1;
        }
    }

    fn end_line(&mut self, now: u64, log_line: LogLine) {
        let line = self.line.get(..take(&mut self.held)).unwrap_or_default();
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return;
        }
        let count = self.lines.pass(now);
        self.untold = if count.is_some() { 0 } else { line.len() };
        if let Some(count) = count {
            log_line(line, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(complaints: &mut Complaints) -> Vec<String> {
        let mut lines = Vec::new();
        complaints.read(&mut |line, count| {
            lines.push(format!("{} {count}", str::from_utf8(line).unwrap()));
        });
        lines
    }

    #[test]
    fn lines_are_whole_and_bounded() {
        let mut complaints = Complaints::NONE;
        let theirs = complaints.open().unwrap();
        theirs.write(&[b"a\r\n\n \nb"]).unwrap();
        assert_eq!(read(&mut complaints), ["a 1"]);
        theirs.write(&[b"c\n", &[b'x'; 5_000], b"\nd"]).unwrap();
        assert_eq!(
            read(&mut complaints),
            ["bc 1", &format!("{} 1", "x".repeat(LINE_MAX))]
        );
        let mut last = Vec::new();
        complaints.close(&mut |line, _| last.push(line.to_vec()));
        assert_eq!(last, [b"d"]);
        assert_eq!(complaints.watch(), (-1, NEVER));
    }

    #[test]
    fn a_line_costs_no_second_wake_up_and_a_flood_waits() {
        let mut complaints = Complaints::NONE;
        let theirs = complaints.open().unwrap();
        let number = complaints.watch().0;
        theirs.write(&[b"a\n"]).unwrap();
        assert_eq!(read(&mut complaints), ["a 1"]);
        assert_eq!(complaints.watch(), (number, NEVER));
        // The rounds may take more than a second: then there are others.
        let (mut seen, mut watch) = (1, (number, NEVER));
        while watch == (number, NEVER) {
            while theirs.write(&[b"b\n", &[b'\n'; PIECE]]).is_ok() {}
            seen += read(&mut complaints).len();
            watch = complaints.watch();
        }
        assert!(watch.0 == -1 && watch.1 != NEVER, "{watch:?}");
        assert_eq!(seen, 10);
    }

    #[test]
    fn last_words_are_told_beside_what_is_held_back() {
        let mut complaints = Complaints::NONE;
        for round in 0..12 {
            let theirs = complaints.open().unwrap();
            for _ in 0..20 {
                theirs.write(&[b"words\n"]).unwrap();
            }
            theirs.write(&[b" the last\r\n \n"]).unwrap();
            let mut last = read(&mut complaints);
            assert_eq!(last.len(), if round == 0 { 10 } else { 0 });
            complaints.close(&mut |line, _| last.push(str::from_utf8(line).unwrap().to_owned()));
            let has_last = last.last().is_some_and(|line| line == "the last");
            assert_eq!(has_last, round < 10, "{round}: {last:?}");
        }
    }

    #[test]
    fn a_pipe_that_is_closed_is_watched_no_more() {
        let mut complaints = Complaints::NONE;
        drop(complaints.open().unwrap());
        assert_eq!(read(&mut complaints), [""; 0]);
        assert_eq!(complaints.watch(), (-1, NEVER));
    }
}
