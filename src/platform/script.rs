//! A script of the user's, whose output is read while it runs.

use super::child::Child;
use super::errno::WOULD_BLOCK;
use super::fd::{BESIDE_SCRIPT, Fd};
use super::socket::pipe;
use crate::platform::Errno;

/// A command whose output is read while it runs.
pub(super) struct Script {
    pub(super) child: Child,
    /// Its standard output, until it is closed.
    pub(super) output: Option<Fd>,
    /// Its standard error, until it is closed; none if there are too few descriptors for it.
    pub(super) errors: Option<Fd>,
    first_error: FirstLine,
}

impl Script {
    /// Starts the shell with these arguments.
    pub(super) fn start(
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
    ) -> Result<Self, Errno> {
        let (output, theirs) = pipe()?;
        if !output.leaves_free(BESIDE_SCRIPT) {
            return Err(Errno(libc::EMFILE));
        }
        let errors = pipe()
            .ok()
            .filter(|(errors, _)| errors.leaves_free(BESIDE_SCRIPT));
        let (errors, their_errors) = errors.unzip();
        Ok(Self {
            child: Child::start(arguments, user, [None, Some(&theirs), their_errors.as_ref()])?,
            output: Some(output),
            errors,
            first_error: FirstLine::NONE,
        })
    }

    /// Reads output; returns its length, 0 at its end, `None` if there is none yet.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.output.as_ref()?.read(buffer) {
            Err(WOULD_BLOCK) => None,
            Ok(length @ 1..) => Some(length),
            _ => {
                self.output = None;
                Some(0)
            }
        }
    }

    /// Reads a bounded piece of the standard error, of which the first line is kept; returns that line as far as it is
    /// known.
    pub(super) fn read_errors(&mut self) -> &[u8] {
        let mut buffer = [0; ERRORS_PIECE];
        for _ in 0..ERRORS_PIECES {
            match self.errors.as_ref().map(|errors| errors.read(&mut buffer)) {
                Some(Ok(length @ 1..)) => self.first_error.push(&buffer[..length]),
                None | Some(Err(WOULD_BLOCK)) => break,
                _ => self.errors = None,
            }
        }
        self.first_error
            .text
            .get(..self.first_error.length)
            .unwrap_or_default()
    }
}

/// Bytes of a piece of a script's standard error, and pieces that are read at once: as much as a pipe holds.
const ERRORS_PIECE: usize = 2048;
const ERRORS_PIECES: usize = 32;
/// Bytes of its first line that are kept.
const FIRST_LINE_MAX: usize = 120;

/// The first line of a text that is not blank.
struct FirstLine {
    text: [u8; FIRST_LINE_MAX],
    length: usize,
    is_whole: bool,
}

impl FirstLine {
    const NONE: Self = Self {
        text: [0; FIRST_LINE_MAX],
        length: 0,
        is_whole: false,
    };

    /// Continues the text.
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.is_whole || self.length == 0 && byte.is_ascii_whitespace() {
                continue;
            }
            match self.text.get_mut(self.length) {
                Some(slot) if *byte != b'\n' => {
                    *slot = *byte;
                    self.length += 1;
                }
                _ => self.is_whole = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_that_is_not_blank_is_kept_and_cut() {
        let first = |pieces: &[&str]| {
            let mut line = FirstLine::NONE;
            for piece in pieces {
                line.push(piece.as_bytes());
            }
            String::from_utf8(line.text[..line.length].to_vec()).unwrap()
        };
        assert_eq!(first(&[]), "");
        assert_eq!(
            first(&["\n \n\tsh: 1: ", "no: not found\nmore\n"]),
            "sh: 1: no: not found"
        );
        assert_eq!(first(&["a", "\n", "b"]), "a");
        assert_eq!(first(&[&"x".repeat(500), "y\n", "z"]), "x".repeat(FIRST_LINE_MAX));
    }
}
