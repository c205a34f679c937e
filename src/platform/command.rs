//! A command that a connection goes through: it reads what is sent from its standard input, and prints what comes back.

use super::child::Child;
use super::errno::WOULD_BLOCK;
use super::fd::Fd;
use super::socket::{count, pipe};
use crate::base::fields::has;
use crate::base::text::Text;
use crate::platform::Errno;

/// The most bytes of a command with host and port in it.
const TEXT_MAX: usize = 2000;
/// Pieces of the output that are discarded at once: as much as a pipe holds.
const PIECES: usize = 16;

/// A command that runs. Its input is a pipe, since a pipe counts the bytes that have not been read (`pipe(7)`).
pub(super) struct Command {
    pub(super) input: Fd,
    /// It has closed its input; its output may go on.
    pub(super) has_closed_input: bool,
    /// Its standard output, until the command closes it.
    pub(super) output: Option<Fd>,
    pub(super) child: Child,
}

impl Command {
    /// Starts a text for the shell; `errors` is its standard error.
    pub(super) fn start(text: &[u8], errors: Option<&Fd>) -> Result<Self, Errno> {
        let (theirs, input) = pipe()?;
        let (output, printed) = pipe()?;
        let streams = [Some(&theirs), Some(&printed), errors];
        Ok(Self {
            child: Child::start(&mut [b"-c", text].into_iter(), None, streams)?,
            input,
            has_closed_input: false,
            output: Some(output),
        })
    }

    /// Starts a text in which `%h` and `%p` are host and port, and `%%` is a percent sign.
    pub(super) fn start_to(text: &[u8], host: &[u8], port: u16, errors: Option<&Fd>) -> Result<Self, Errno> {
        let mut buffer = [0; TEXT_MAX];
        let mut expanded = Text::new(&mut buffer);
        expand(text, host, port, &mut expanded);
        if expanded.is_cut() {
            return Err(Errno(libc::E2BIG));
        }
        Self::start(expanded.bytes(), errors)
    }

    /// Returns the number of bytes that it has not read.
    pub(super) fn unread(&self) -> u64 {
        count(&self.input, libc::FIONREAD as _)
    }

    /// Reads what it has printed; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let length = self.output.as_ref().map_or(Ok(0), |output| output.read(buffer))?;
        if length == 0 {
            self.output = None;
        }
        Ok(length)
    }

    /// Discards a bounded piece of what it has printed; returns the length of the first part of it, which is in the buffer.
    /// A command may close its output, and go on.
    pub(super) fn discard(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let first = self.read(buffer)?;
        let mut rest = [0; 4096];
        for _ in 1..PIECES {
            if !matches!(self.read(&mut rest), Ok(1..)) {
                break;
            }
        }
        if first == 0 { Err(WOULD_BLOCK) } else { Ok(first) }
    }
}

/// Writes a text for the shell with host and port in place of `%h` and `%p`. An empty host is this one.
fn expand(text: &[u8], host: &[u8], port: u16, expanded: &mut Text) {
    let host = if host.is_empty() { b"localhost" } else { host };
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after.first()) {
            (b'%', Some(b'h')) => put_quoted(host, expanded),
            (b'%', Some(b'p')) => expanded.number(port.into()),
            (b'%', Some(b'%')) => expanded.put(b"%"),
            _ => {
                expanded.put(&[*byte]);
                continue;
            }
        }
        rest = after.get(1..).unwrap_or_default();
    }
}

/// Writes a word as the shell has to read it.
fn put_quoted(word: &[u8], text: &mut Text) {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || has(b".:-_", *byte);
    if word.iter().all(is_plain) {
        return text.put(word);
    }
    for (index, part) in word.split(|byte| *byte == b'\'').enumerate() {
        text.put(if index == 0 { b"'" } else { b"'\\''" });
        text.put(part);
    }
    text.put(b"'");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_has_host_and_port_and_the_shell_reads_the_host_as_one_word() {
        let expanded = |text: &str, host: &str| {
            let mut buffer = [0; 100];
            let mut expanded = Text::new(&mut buffer);
            expand(text.as_bytes(), host.as_bytes(), 443, &mut expanded);
            String::from_utf8(expanded.bytes().to_vec()).unwrap()
        };
        assert_eq!(expanded("ssh -W %h:%p gate", "db.lan"), "ssh -W db.lan:443 gate");
        assert_eq!(expanded("a %%h %p% %x", ""), "a %h 443% %x");
        assert_eq!(expanded("nc %h", ""), "nc localhost");
        assert_eq!(expanded("nc %h %p", "fe80::1"), "nc fe80::1 443");
        assert_eq!(expanded("nc %h", "a;b"), "nc 'a;b'");
        assert_eq!(expanded("nc %h", "$(x)'y'"), r"nc '$(x)'\''y'\'''");
    }
}
