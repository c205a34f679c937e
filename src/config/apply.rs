//! What flags set.

use super::flags::{Flag, Sets};
use super::takes::Takes;
use super::{Command, Config, FAMILIES_MAX, Find, NAME_MAX, PROCESS_NAME_MAX, PROCESSES_MAX, Turns, value};
use crate::base::glob::{Choice, items};
use crate::platform::Directory;

impl Flag {
    /// Forgets what was said of it before: in the file, or in its place.
    pub(super) fn forget(self, config: &mut Config) {
        match self.takes {
            Takes::Transfers => config.transfer_count = 0,
            Takes::Tag => config.tag_count = 0,
            Takes::Families => (config.turns, config.is_selective) = ([None; FAMILIES_MAX], false),
            _ => {}
        }
    }
}

/// Sets what the flag sets to that value. `None` if it does not take it.
#[inline(never)]
pub(super) fn apply<'a>(config: &mut Config<'a>, flag: Flag, value: &'a [u8], find: Find) -> Option<()> {
    match flag.takes {
        Takes::Transfers => config.add_transfers(value)?,
        Takes::Switch => switch(config, flag.sets, value::switch(value)?),
        Takes::DurationOrNothing if value == b"0" => config.replay = 0,
        Takes::Duration | Takes::DurationOrNothing => {
            *duration(config, flag.sets) = value::duration(value)?;
        }
        Takes::Name if value.len() > NAME_MAX => return None,
        Takes::Name | Takes::Tag if value.is_empty() => return None,
        Takes::Path if !value::is_path(value) => return None,
        Takes::Name => config.endpoint = Some(value),
        Takes::Tag => config.add_tag(value)?,
        Takes::Path => match flag.sets {
            Sets::Spool => config.spool = Some(value),
            Sets::Leases => config.leases = value,
            _ => config.file = Some(value),
        },
        Takes::Socket => config.listen = Some(value::socket(value)?),
        Takes::Size => config.buffer = value::size(value)?,
        Takes::Way => config.is_thinning = value::overflow(value)?,
        Takes::Families => metrics(config, value, find)?,
        Takes::Patterns => {
            let (choice, patterns) = choice(config, value, find)?;
            if flag.sets == Sets::Only {
                choice.only = Some(patterns);
            } else {
                choice.ignore = patterns;
            }
        }
        Takes::Programs => {
            let mut count = 0;
            for name in items(value) {
                count += 1;
                if name.len() > PROCESS_NAME_MAX || count > PROCESSES_MAX {
                    return None;
                }
            }
            config.processes = Some(value).filter(|_| count > 0)?;
        }
        Takes::Directory => {
            if !config.is_accepted {
                Directory::open(value).ok()?;
            }
            if flag.sets == Sets::Proc {
                config.proc = value;
            } else {
                config.sys = value;
            }
        }
        // No flag takes these.
        Takes::Metric
        | Takes::Key
        | Takes::Command
        | Takes::User
        | Takes::Place
        | Takes::Scale
        | Takes::Ratio => return None,
    }
    Some(())
}

fn switch(config: &mut Config, sets: Sets, is_on: bool) {
    let command = match sets {
        Sets::Spread => return config.spread = is_on,
        Sets::Debug => return config.debug = is_on,
        Sets::Check => Command::Check,
        Sets::Once => Command::Once,
        Sets::List => Command::List,
        Sets::Version => Command::Version,
        _ => Command::Help,
    };
    if is_on {
        config.command = command;
    }
}

fn duration<'c>(config: &'c mut Config, sets: Sets) -> &'c mut u32 {
    match sets {
        Sets::Timeout => &mut config.timeout,
        Sets::Interval => &mut config.interval,
        Sets::Flush => &mut config.flush,
        _ => &mut config.replay,
    }
}

/// `cpu,net=1s,wifi=off`. A family named alone is one of those that run.
fn metrics(config: &mut Config, list: &[u8], find: Find) -> Option<()> {
    items(list).next()?;
    for item in items(list) {
        let (name, turns) = match value::pair(item) {
            Some((name, b"off")) => (name, Turns::Off),
            Some((name, period)) => (name, Turns::Every(value::duration(period)?)),
            None => {
                config.is_selective = true;
                (item, Turns::Usual)
            }
        };
        let place = config.turns.get_mut(find(name, false)?)?;
        // Its name alone does not take back what was said of its interval.
        if turns != Turns::Usual || !matches!(place, Some(Turns::Every(_))) {
            *place = Some(turns);
        }
    }
    Some(())
}

/// `net=eth*,br-lan`: the choice of that family, and the patterns.
fn choice<'c, 'a>(
    config: &'c mut Config<'a>,
    text: &'a [u8],
    find: Find,
) -> Option<(&'c mut Choice<'a>, &'a [u8])> {
    let (name, patterns) = value::pair(text)?;
    items(patterns).next()?;
    Some((config.choices.get_mut(find(name, true)?)?, patterns))
}
