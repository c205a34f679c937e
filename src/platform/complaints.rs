//! What a command complains of on its standard error, for the log: the first lines at once, and then seldom; its
//! last words as seldom, which tell why it has ended.

use super::clock;
use super::errno::WOULD_BLOCK;
use super::fd::Fd;
use super::socket::pipe;
use crate::base::rate_limit::Throttle;
use crate::platform::Errno;
use core::ffi::c_int;

/// Bytes of a line that the log has.
const LINE_MAX: usize = 200;
/// Pieces that are read in one wake-up at most.
const PIECE: usize = 2048;
const PIECES: usize = 4;
/// Wake-ups for it in a second, at most; a command that complains of more waits for the next one.
const ROUNDS: u32 = 8;
const SECOND: u64 = 1_000;

/// Gets a line, and how many it stands for.
pub(super) type Tell<'t> = &'t mut dyn FnMut(&[u8], u32);

pub(super) struct Complaints {
    pipe: Option<Fd>,
    /// A line that is not whole, as much of it as the log has.
    line: [u8; LINE_MAX],
    held: usize,
    /// The length of the last line, which is still there, if the log does not have it.
    untold: usize,
    lines: Throttle,
    last_words: Throttle,
    /// A second starts here, by the monotonic clock in milliseconds, in which there were so many wake-ups.
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

    /// Listens to the next command; answers its end of a pipe.
    pub(super) fn open(&mut self) -> Result<Fd, Errno> {
        let (ours, theirs) = pipe()?;
        self.pipe = Some(ours);
        Ok(theirs)
    }

    /// What is to be watched, −1 if there is nothing; and when to look again if that is too much just now.
    pub(super) fn watch(&self) -> (c_int, Option<u64>) {
        let number = self.pipe.as_ref().map_or(-1, Fd::number);
        let next = self.since + SECOND;
        if number >= 0 && self.rounds >= ROUNDS && clock::monotonic_millis() < next {
            return (-1, Some(next));
        }
        (number, None)
    }

    /// Reads what is there.
    pub(super) fn read(&mut self, tell: Tell) {
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
                    self.end_line(now, tell);
                }
            }
        }
    }

    /// Listens no more to a command that has ended, once its last words are read.
    pub(super) fn close(&mut self, tell: Tell) {
        self.read(tell);
        let now = clock::monotonic_millis();
        self.end_line(now, tell);
        let line = self
            .line
            .get(..core::mem::take(&mut self.untold))
            .unwrap_or_default();
        if !line.is_empty() && self.last_words.pass(now).is_some() {
            tell(line, 1);
        }
        self.pipe = None;
    }

    /// Holds what belongs to a line that is not whole, without the blanks that it starts with.
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

    fn end_line(&mut self, now: u64, tell: Tell) {
        let line = self
            .line
            .get(..core::mem::take(&mut self.held))
            .unwrap_or_default();
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return;
        }
        let count = self.lines.pass(now);
        self.untold = if count.is_some() { 0 } else { line.len() };
        if let Some(count) = count {
            tell(line, count);
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
        assert_eq!(complaints.watch(), (-1, None));
    }

    #[test]
    fn a_line_costs_no_second_wake_up_and_a_flood_waits() {
        let mut complaints = Complaints::NONE;
        let theirs = complaints.open().unwrap();
        let number = complaints.watch().0;
        theirs.write(&[b"a\n"]).unwrap();
        assert_eq!(read(&mut complaints), ["a 1"]);
        assert_eq!(complaints.watch(), (number, None));
        // The rounds may take more than a second: then there are others.
        let (mut seen, mut watch) = (1, (number, None));
        while watch == (number, None) {
            while theirs.write(&[b"b\n", &[b'\n'; PIECE]]).is_ok() {}
            seen += read(&mut complaints).len();
            watch = complaints.watch();
        }
        assert!(watch.0 == -1 && watch.1.is_some(), "{watch:?}");
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
        assert_eq!(complaints.watch(), (-1, None));
    }
}
