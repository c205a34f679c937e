//! The log: standard error, in the form of Go's `log` package.

use super::fd::Fd;
use super::file::without_waiting;
use super::localtime::local_time;
use crate::base::text::Text;

/// The longest line; a line of the transfer, which `-debug` shows, fits.
const LOG_LINE_MAX: usize = crate::ring::LINE_MAX + 256;

/// Where the log goes.
pub(super) struct Log {
    output: Option<Fd>,
    /// The last line went out in part.
    is_cut: bool,
}

impl Log {
    pub(super) const CLOSED: Self = Self {
        output: None,
        is_cut: false,
    };

    /// Finds the time zone, so that later lines need no file and no memory.
    pub(super) fn open() -> Self {
        let mut log = Self::CLOSED;
        log.output = without_waiting(2).ok();
        local_time();
        log
    }

    /// Whether there is a standard error to write to.
    pub(super) fn is_open(&self) -> bool {
        self.output.is_some()
    }

    /// Writes one line: local time, then what `write_message` writes, without control characters.
    ///
    /// A log that takes nothing at the moment (a full pipe, a terminal that is stopped) loses the
    /// line: it must not stop the loop.
    pub(super) fn write(&mut self, write_message: impl FnOnce(&mut Text)) {
        // What cannot be told not to wait, such as a socket, has room for a line then.
        let has_room = |output: &&Fd| output.is_ready(libc::POLLOUT, 0);
        let Some(output) = self.output.as_ref().filter(has_room) else {
            return;
        };
        let mut buffer = [0; LOG_LINE_MAX];
        let mut text = Text::new(&mut buffer);
        stamp(&mut text, local_time());
        write_message(&mut text);
        let line = text.into_line();
        let end: &[u8] = if self.is_cut { b"\n" } else { b"" };
        // One call, so that a line stays whole beside those of others.
        if let Ok(written) = output.write(&[end, line]) {
            self.is_cut = written < end.len() + line.len();
        }
    }
}

/// `2017/08/20 15:36:24 `
fn stamp(text: &mut Text, time: [u32; 6]) {
    for (part, separator) in time.iter().zip(b"// :: ") {
        text.padded(u64::from(*part), 2);
        text.put(&[*separator]);
    }
}
