//! What `-h` prints.

use super::options::OPTION_HELP;
use crate::base::fields::lines;
use crate::base::text::{Put, Text};

/// The longest line that is printed.
const WIDTH: usize = 80;

const INTRODUCTION: &str = "\
mini-monitor samples this machine and sends the samples to a receiver, as lines
of JSON over TCP or in the format of a database over HTTP.

usage: mini-monitor [-flag [value]] ...
";

const END: &str = "
Examples:
  mini-monitor -once -format text
      show all samples
  mini-monitor -trans http://db.lan:8428/api/v2/write -spool /root/spool
      send to VictoriaMetrics; unsent lines are kept over a power cut

Exit status:
  0   done, or ended by SIGTERM or SIGINT
  1   something that the configuration names is invalid or not available, or
      -once had no line to print
  2   the command line is invalid
  3   standard output is closed or full
";

/// Writes the help, with long lines broken.
pub fn help(put: Put) {
    for part in [INTRODUCTION, OPTION_HELP, END] {
        for line in lines(part.as_bytes()) {
            put_wrapped(line, put);
        }
    }
}

/// Writes a line, broken at blanks into lines of one indentation.
fn put_wrapped(line: &[u8], put: Put) {
    let text = line.trim_ascii_start();
    let indentation = &line[..line.len() - text.len()];
    let mut buffer = [0; WIDTH + 1];
    let mut broken = Text::new(&mut buffer);
    for word in text.split(|byte| *byte == b' ') {
        if broken.bytes().len() + 1 + word.len() > WIDTH {
            broken.put(b"\n");
            put(broken.bytes());
            broken = Text::new(&mut buffer);
        }
        let is_first = broken.bytes().is_empty();
        broken.put(if is_first { indentation } else { b" " });
        broken.put(word);
    }
    broken.put(b"\n");
    put(broken.bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed() -> Vec<String> {
        let mut text = Vec::new();
        help(&mut |piece| text.extend_from_slice(piece));
        let text = String::from_utf8(text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_have_at_most_eighty_columns() {
        for line in printed() {
            assert!(line.len() <= WIDTH && !line.ends_with(' '), "{line:?}");
        }
    }

    #[test]
    fn breaking_lines_loses_no_word() {
        let unbroken = [INTRODUCTION, OPTION_HELP, END].concat();
        let words: Vec<&str> = unbroken.split_whitespace().collect();
        assert_eq!(words, printed().join("\n").split_whitespace().collect::<Vec<_>>());
        assert_eq!(
            unbroken.matches("\n  -").count(),
            printed().iter().filter(|line| line.starts_with("  -")).count()
        );
    }
}
