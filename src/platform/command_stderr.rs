//! The standard error of a command, for the log. The first lines are logged at once, later ones seldom; the last line,
//! which may have the reason of the command's end, has a limit of its own.

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
const WAKEUPS_MAX: u32 = 8;
const SECOND: u64 = 1_000;

/// Logs a line, and the number of lines that it stands for.
pub(super) type LogLine<'t> = &'t mut dyn FnMut(&[u8], u32);

/// Our end of the pipe, and what it has brought.
pub(super) struct CommandStderr {
    pipe: Option<Fd>,
    /// The start of an unfinished line.
    line: [u8; LINE_MAX],
    length: usize,
    /// The length of the last line, whose bytes are still there, if it was not logged.
    unlogged: usize,
    line_throttle: Throttle,
    last_line_throttle: Throttle,
    /// The start of a second, in milliseconds of the monotonic clock, and the wake-ups since.
    second_start: u64,
    wakeups: u32,
}

impl CommandStderr {
    pub(super) const NONE: Self = Self {
        pipe: None,
        line: [0; LINE_MAX],
        length: 0,
        unlogged: 0,
        line_throttle: Throttle::new(),
        last_line_throttle: Throttle::new(),
        second_start: 0,
        wakeups: 0,
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
        let next = self.second_start + SECOND;
        if number >= 0 && self.wakeups >= WAKEUPS_MAX && clock::monotonic_millis() < next {
            return (-1, next);
        }
        (number, NEVER)
    }

    /// Reads a bounded piece, and logs the lines that it completes.
    pub(super) fn read(&mut self, log_line: LogLine) {
        let now = clock::monotonic_millis();
        if now >= self.second_start + SECOND {
            (self.second_start, self.wakeups) = (now, 0);
        }
        self.wakeups += 1;
        let mut buffer = [0; PIECE];
        for _ in 0..PIECES {
            let length = match self.pipe.as_ref().map(|pipe| pipe.read(&mut buffer)) {
                Some(Ok(length @ 1..)) => length,
                Some(Err(WOULD_BLOCK)) => return,
                _ => return self.pipe = None,
            };
            for part in buffer[..length].split_inclusive(|byte| *byte == b'\n') {
                self.append(part);
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
        let line = self.line.get(..take(&mut self.unlogged)).unwrap_or_default();
        if !line.is_empty() && self.last_line_throttle.pass(now).is_some() {
            log_line(line, 1);
        }
        self.pipe = None;
    }

    /// Appends to the unfinished line; leaves out the blanks at its start.
    fn append(&mut self, part: &[u8]) {
        let part = if self.length == 0 {
            part.trim_ascii_start()
        } else {
            part
        };
        let free = self.line.get_mut(self.length..).unwrap_or_default();
        for (target, byte) in free.iter_mut().zip(part) {
            *target = *byte;
            self.length += 1;
        }
    }

    fn end_line(&mut self, now: u64, log_line: LogLine) {
        let line = self.line.get(..take(&mut self.length)).unwrap_or_default();
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return;
        }
        let count = self.line_throttle.pass(now);
        self.unlogged = if count.is_some() { 0 } else { line.len() };
        if let Some(count) = count {
            log_line(line, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stderr: &mut CommandStderr) -> Vec<String> {
        let mut lines = Vec::new();
        stderr.read(&mut |line, count| {
            lines.push(format!("{} {count}", str::from_utf8(line).unwrap()));
        });
        lines
    }

    #[test]
    fn lines_are_whole_and_bounded() {
        let mut stderr = CommandStderr::NONE;
        let theirs = stderr.open().unwrap();
        theirs.write(&[b"a\r\n\n \nb"]).unwrap();
        assert_eq!(read(&mut stderr), ["a 1"]);
        theirs.write(&[b"c\n", &[b'x'; 5_000], b"\nd"]).unwrap();
        assert_eq!(
            read(&mut stderr),
            ["bc 1", &format!("{} 1", "x".repeat(LINE_MAX))]
        );
        let mut last = Vec::new();
        stderr.close(&mut |line, _| last.push(line.to_vec()));
        assert_eq!(last, [b"d"]);
        assert_eq!(stderr.watch(), (-1, NEVER));
    }

    #[test]
    fn a_line_costs_no_second_wake_up_and_a_flood_waits() {
        let mut stderr = CommandStderr::NONE;
        let theirs = stderr.open().unwrap();
        let number = stderr.watch().0;
        theirs.write(&[b"a\n"]).unwrap();
        assert_eq!(read(&mut stderr), ["a 1"]);
        assert_eq!(stderr.watch(), (number, NEVER));
        // The rounds may take more than a second: then there are others.
        let (mut seen, mut watch) = (1, (number, NEVER));
        while watch == (number, NEVER) {
            while theirs.write(&[b"b\n", &[b'\n'; PIECE]]).is_ok() {}
            seen += read(&mut stderr).len();
            watch = stderr.watch();
        }
        assert!(watch.0 == -1 && watch.1 != NEVER, "{watch:?}");
        assert_eq!(seen, 10);
    }

    #[test]
    fn last_line_is_logged_when_others_are_held_back() {
        let mut stderr = CommandStderr::NONE;
        for round in 0..12 {
            let theirs = stderr.open().unwrap();
            for _ in 0..20 {
                theirs.write(&[b"words\n"]).unwrap();
            }
            theirs.write(&[b" the last\r\n \n"]).unwrap();
            let mut last = read(&mut stderr);
            assert_eq!(last.len(), if round == 0 { 10 } else { 0 });
            stderr.close(&mut |line, _| last.push(str::from_utf8(line).unwrap().to_owned()));
            let has_last = last.last().is_some_and(|line| line == "the last");
            assert_eq!(has_last, round < 10, "{round}: {last:?}");
        }
    }

    #[test]
    fn closed_pipe_is_not_watched() {
        let mut stderr = CommandStderr::NONE;
        drop(stderr.open().unwrap());
        assert_eq!(read(&mut stderr), [""; 0]);
        assert_eq!(stderr.watch(), (-1, NEVER));
    }
}
