//! The log: standard error, in the form of Go's `log` package.

use super::clock::local_time;
use super::file::print;
use crate::text::Text;

/// The longest line; a line of the transfer, which `-debug` shows, fits.
const LOG_LINE_MAX: usize = crate::ring::LINE_MAX + 256;

/// Writes one line: local time, then what `write_message` writes.
///
/// A log that takes nothing at the moment (a full pipe) loses the line: it must not stop the loop.
pub(super) fn log(write_message: impl FnOnce(&mut Text)) {
    let mut buffer = [0; LOG_LINE_MAX + 1];
    let (line, _) = buffer.split_at_mut(LOG_LINE_MAX);
    let mut text = Text::new(line);
    stamp(&mut text);
    write_message(&mut text);
    let length = text.bytes().len();
    buffer[length] = b'\n';
    if is_writable() {
        let _ = print(2, &buffer[..=length]);
    }
}

/// `2017/08/20 15:36:24 `
fn stamp(text: &mut Text) {
    let separators = [b"/", b"/", b" ", b":", b":", b" "];
    for (part, separator) in local_time().into_iter().zip(separators) {
        text.padded(part, 2);
        text.put(separator);
    }
}

fn is_writable() -> bool {
    let mut entry = libc::pollfd {
        fd: 2,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one entry, as said; a time-out of 0 does not wait.
    let ready = unsafe { libc::poll(&raw mut entry, 1, 0) };
    ready == 1 && entry.revents & libc::POLLOUT != 0
}
