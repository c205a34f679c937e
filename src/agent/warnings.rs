//! What `-check` warns of: a start would log it, or it may be another way by the time of a start.

use super::check::{FoundResources, Series, put_line};
use super::collect::PATTERNS_SHOWN;
use super::endpoint::{COMMON_NAME, endpoint, is_common};
use super::error_log::{MESSAGE_MAX, describe_custom, describe_family};
use super::plan;
use crate::base::fields::has;
use crate::base::glob::items;
use crate::base::text::{Put, Text};
use crate::base::url::path;
use crate::config::{Config, Format, Script};
use crate::families::FAMILIES;
use crate::platform::{self, LogArg, Transfer};
use crate::procfs::Host;

/// Words that shells know by themselves (POSIX, and some of `ash` and `bash`).
const SHELL_WORDS: &[u8] = b".,:,alias,bg,break,builtin,case,cd,command,continue,declare,do,done,echo,elif,else,esac,eval,exec,exit,\
    export,false,fc,fg,fi,for,function,getopts,hash,help,if,in,jobs,kill,let,local,printf,pwd,read,readonly,return,select,\
    set,shift,source,test,then,time,times,trap,true,type,typeset,ulimit,umask,unalias,unset,until,wait,while";
/// Bytes that begin a program in a text for the shell, and go on with it.
const PLAIN: &[u8] = b"+-./:=@_";

/// Writes a line for each warning.
pub(super) fn warn(config: &Config, found: &FoundResources, series: &mut Series, host: &Host, put: Put) {
    let warn = &mut |message: &'static str, args: &[LogArg]| {
        put(b"warning: ");
        put_line(message, args, put);
    };
    for path in found.in_use.into_iter().flatten() {
        warn("%: another agent has it", &[LogArg::Text(path)]);
    }
    for transfer in config.transfers() {
        warn_of_receiver(transfer, config.via, warn);
        warn_of_format(transfer, config.format_for(transfer), warn);
    }
    let mut buffer = [0; _];
    let name = endpoint(config, &mut buffer);
    if is_common(name) {
        warn(COMMON_NAME, &[LogArg::Text(name)]);
    }
    let needed = series.turn_bytes();
    if needed > config.buffer as u64 {
        warn(super::SMALL_BUFFER, &[LogArg::Number(needed)]);
    }
    let mut buffer = [0; MESSAGE_MAX];
    for (number, family) in FAMILIES.iter().enumerate() {
        if let Some(error) = series.family_errors[number] {
            let mut text = Text::new(&mut buffer);
            describe_family(&mut text, number, error, config, host);
            warn("%", &[LogArg::Text(text.bytes())]);
        }
        let family = LogArg::Text(family.name.as_bytes());
        let mut buffer = [0; PATTERNS_SHOWN];
        let mut patterns = Text::new(&mut buffer);
        let filters = plan::filters(config);
        let runs = plan::period(config, number).is_some();
        if runs && series.collector.put_unmatched(number, filters, &mut patterns) {
            warn(super::UNMATCHED, &[family, LogArg::Text(patterns.bytes())]);
        }
    }
    for (number, custom) in config.custom().enumerate() {
        if let Some(error) = series.custom_errors[number] {
            let mut text = Text::new(&mut buffer);
            describe_custom(&mut text, custom, error, b"", b"");
            warn("%", &[LogArg::Text(text.bytes())]);
        }
        if custom.is_script() {
            warn_of_program(script_program(&custom.script), custom.script.user.is_some(), warn);
        }
    }
}

/// Passes a message and its arguments on.
type Warn<'w> = &'w mut dyn FnMut(&'static str, &[LogArg]);

fn warn_of_receiver(transfer: &Transfer, via: Option<&[u8]>, warn: Warn) {
    match *transfer {
        Transfer::Stdout => {}
        Transfer::Unix(path) => {
            if let Err(errno) = platform::check_socket(path) {
                warn("unix:%: %", &[LogArg::Text(path), LogArg::Cause(errno.into())]);
            }
        }
        Transfer::Command(command) => warn_of_program(first_program(command), false, warn),
        Transfer::Tcp { .. } | Transfer::Http { .. } if via.is_some() => {
            warn_of_program(via.and_then(first_program), false, warn);
        }
        Transfer::Http { is_tls: true, .. } => warn_of_program(Some(b"openssl"), false, warn),
        Transfer::Tcp { host, .. } | Transfer::Http { host, .. } => {
            if let Err(reason) = platform::check_receiver(host) {
                warn("%: %", &[LogArg::Text(host), LogArg::Text(reason)]);
            }
        }
    }
}

/// Warns of a path that takes no lines of JSON: some servers answer them with success, and store nothing.
fn warn_of_format(transfer: &Transfer, format: Format, warn: Warn) {
    let (Transfer::Http { url, .. }, Format::Json | Format::JsonLabels) = (transfer, format) else {
        return;
    };
    let path = path(url);
    match Format::at_path(path) {
        Some(Format::Json) => {}
        Some(usual) => {
            let args = [path, usual.name().as_bytes()].map(LogArg::Text);
            warn("%: takes % as a rule; leave out -format", &args);
        }
        None => warn(
            "%: takes JSON of another form; give /write (influx)",
            &[LogArg::Text(path)],
        ),
    }
}

fn warn_of_program(program: Option<&[u8]>, is_other: bool, warn: Warn) {
    if let Some(program) = program
        && let Err(errno) = platform::check_program(program, is_other)
    {
        warn("%: %", &[LogArg::Text(program), LogArg::Cause(errno.into())]);
    }
}

/// Returns the program of a script, if that can be known: the first word of a list, or the program that a text begins with.
fn script_program<'a>(script: &Script<'a>) -> Option<&'a [u8]> {
    let mut arguments = script.arguments().skip(1);
    let text = arguments.next()?;
    arguments.next().or_else(|| first_program(text))
}

/// Returns the program that a text for the shell begins with: a path, or a name that is no word of the shell itself.
fn first_program(text: &[u8]) -> Option<&[u8]> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || PLAIN.contains(byte);
    let end = text.iter().position(|byte| !is_plain(byte)).unwrap_or(text.len());
    let (path, rest) = text.split_at_checked(end)?;
    let is_whole = matches!(
        rest.first(),
        None | Some(b' ' | b'\t' | b'\n' | b';' | b'|' | b'&' | b'<' | b'>')
    );
    let is_name = !path.is_empty() && !has(path, b'=') && !has(path, b'/');
    let is_program = path.starts_with(b"/") || is_name && !items(SHELL_WORDS).any(|word| word == path);
    (is_whole && is_program).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_for_the_shell_may_begin_with_a_program() {
        for (text, expected) in [
            ("/usr/lib/check --all", Some("/usr/lib/check")),
            ("/bin/true", Some("/bin/true")),
            ("/bin/a|/bin/b", Some("/bin/a")),
            ("wc -l </tmp/queue", Some("wc")),
            ("no-such --x", Some("no-such")),
            ("echo a 1", None),
            ("while read x; do echo $x; done", None),
            ("./check", None),
            ("/bin/ch*", None),
            ("/bin/$X", None),
            ("/bin/'x'", None),
            ("\"/bin/x\"", None),
            ("A=/bin/x y", None),
            ("", None),
        ] {
            let found = first_program(text.as_bytes()).map(|path| std::str::from_utf8(path).unwrap());
            assert_eq!(found, expected, "{text}");
        }
    }
}
