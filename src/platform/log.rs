//! The log: standard error, in the form of Go's `log` package.

use super::clock::local_time;
use super::connection::Connection;
use super::fd::Fd;
use super::standard_streams::open_nonblocking;
use crate::base::text::Text;
use crate::platform::{LogArg, format_args};

/// Bytes of the longest line; a line for the receiver, which `-debug` shows, fits.
const LOG_LINE_MAX: usize = crate::ring::LINE_MAX + 256;

/// The output of the log.
pub(super) struct Log {
    pub(super) output: Option<Fd>,
    /// The last line was written in part.
    is_cut: bool,
}

impl Log {
    /// Opens the log, and reads the time zone, so that later lines need no file and no memory.
    pub(super) fn open() -> Self {
        local_time();
        Self {
            output: open_nonblocking(2).ok(),
            is_cut: false,
        }
    }

    /// Writes one line without control characters: local time, as `2017/08/20 15:36:24`, and the message.
    ///
    /// A log that takes nothing at the moment (a full pipe, a terminal that is stopped) loses the
    /// line: it must not stop the loop.
    pub(super) fn write(&mut self, message: &'static str, args: &[LogArg], connection: &Connection) {
        // A socket, whose `write` would wait, has space for a line then.
        let is_ready = |output: &&Fd| output.is_ready(libc::POLLOUT, 0);
        let Some(output) = self.output.as_ref().filter(is_ready) else {
            return;
        };
        let mut buffer = [0; LOG_LINE_MAX];
        let mut text = Text::new(&mut buffer);
        for (part, separator) in local_time().iter().zip(b"// :: ") {
            text.padded(u64::from(*part), 2);
            text.put(&[*separator]);
        }
        for arg in format_args(message, args) {
            connection.put(&mut text, arg);
        }
        let line = text.into_line();
        let end: &[u8] = if self.is_cut { b"\n" } else { b"" };
        // One call, so that a line stays whole beside those of others.
        if let Ok(written) = output.write(&[end, line]) {
            self.is_cut = written < end.len() + line.len();
        }
    }
}
