//! Other programs of a simulated machine: scripts that the agent starts, and programs that send it datagrams.

use mini_monitor::platform::Ended;
use std::collections::{BTreeMap, VecDeque};

const TERM: u8 = 15;
const KILL: u8 = 9;

/// What a script does when it is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnTerm {
    Ends,
    /// It has to be killed.
    Ignores,
    /// It cannot even be killed before then.
    StuckUntil(u64),
}

/// A run of a script, drawn when it starts.
#[derive(Debug)]
pub(crate) struct Script {
    /// What it prints, and when.
    pub(crate) output: VecDeque<(u64, Vec<u8>)>,
    /// When it ends by itself; `u64::MAX` if it hangs.
    pub(crate) ends_at: u64,
    pub(crate) ended: Ended,
    pub(crate) on_term: OnTerm,
}

struct Running {
    script: Script,
    /// Nothing more can be read.
    is_closed: bool,
    /// Its end has been reported by a signal.
    is_reported: bool,
}

impl Running {
    fn is_readable(&self, now: u64) -> bool {
        let has_output = self.script.output.front().is_some_and(|output| output.0 <= now);
        !self.is_closed && (has_output || self.script.ends_at <= now)
    }

    fn next_event(&self, now: u64) -> u64 {
        let output = self.script.output.front().filter(|_| !self.is_closed);
        let times = [output.map(|output| output.0), Some(self.script.ends_at)];
        let times = times.into_iter().flatten().filter(|time| *time > now);
        times.min().unwrap_or(u64::MAX)
    }
}

#[derive(Default)]
pub(crate) struct Programs {
    scripts: BTreeMap<usize, Running>,
    /// When datagrams are sent.
    datagrams: VecDeque<u64>,
    is_deaf: bool,
}

impl Programs {
    /// Programs that send datagrams at these times, in order.
    pub(crate) fn sending(datagrams: Vec<u64>) -> Self {
        Self {
            datagrams: datagrams.into(),
            ..Self::default()
        }
    }

    /// Another agent starts: the scripts of the last one are gone, and so is what nobody has received.
    pub(crate) fn begin(&mut self, now: u64) {
        self.scripts.clear();
        self.datagrams.retain(|time| *time >= now);
        self.is_deaf = false;
    }

    /// The scripts to be read, a bit each, and whether a datagram waits.
    pub(crate) fn ready(&self, now: u64) -> (u32, bool) {
        let readable = self.scripts.iter().filter(|(_, script)| script.is_readable(now));
        let scripts = readable.fold(0, |set, (index, _)| set | 1 << index);
        (scripts, !self.is_deaf && self.has_datagram(now))
    }

    fn has_datagram(&self, now: u64) -> bool {
        self.datagrams.front().is_some_and(|time| *time <= now)
    }

    /// The next moment after `now` at which one of them does something.
    pub(crate) fn next_event(&self, now: u64) -> u64 {
        let scripts = self.scripts.values().map(|script| script.next_event(now));
        let datagram = self.datagrams.iter().copied().find(|time| *time > now);
        scripts.chain(datagram).min().unwrap_or(u64::MAX)
    }

    /// Whether a script has ended since the last call.
    pub(crate) fn has_child_ended(&mut self, now: u64) -> bool {
        let ended = |script: &&mut Running| script.script.ends_at <= now && !script.is_reported;
        let mut any = false;
        for script in self.scripts.values_mut().filter(ended) {
            script.is_reported = true;
            any = true;
        }
        any
    }

    pub(crate) fn start(&mut self, index: usize, script: Script) {
        let running = Running {
            script,
            is_closed: false,
            is_reported: false,
        };
        assert!(
            self.scripts.insert(index, running).is_none(),
            "script {index} is started beside itself"
        );
    }

    pub(crate) fn read(&mut self, index: usize, now: u64, buffer: &mut [u8]) -> Option<usize> {
        let running = self.scripts.get_mut(&index)?;
        if !running.is_readable(now) {
            return None;
        }
        let mut length = 0;
        while let Some((at, text)) = running.script.output.front_mut()
            && *at <= now
            && length < buffer.len()
        {
            let taken = text.len().min(buffer.len() - length);
            buffer[length..length + taken].copy_from_slice(&text[..taken]);
            text.drain(..taken);
            length += taken;
            if text.is_empty() {
                running.script.output.pop_front();
            }
        }
        running.is_closed = length == 0;
        Some(length)
    }

    pub(crate) fn has_ended(&self, index: usize, now: u64) -> bool {
        self.scripts
            .get(&index)
            .is_none_or(|script| script.script.ends_at <= now)
    }

    pub(crate) fn terminate(&mut self, index: usize, now: u64) {
        let script = &mut self.scripts.get_mut(&index).expect("a script that runs").script;
        if script.on_term == OnTerm::Ends && script.ends_at > now {
            script.ends_at = now + 5;
            script.ended = Ended::Signal(TERM);
            script.output.clear();
        }
    }

    pub(crate) fn end(&mut self, index: usize, now: u64) -> Option<Ended> {
        let running = self.scripts.get_mut(&index)?;
        running.is_closed = true;
        let script = &mut running.script;
        if script.ends_at > now {
            script.ended = Ended::Signal(KILL);
            if let OnTerm::StuckUntil(time) = script.on_term
                && time > now
            {
                script.ends_at = time;
                return None;
            }
        }
        self.scripts.remove(&index).map(|running| running.script.ended)
    }

    pub(crate) fn stop_listening(&mut self, now: u64) {
        self.is_deaf = true;
        self.datagrams.retain(|time| *time <= now);
    }

    /// Takes a datagram if one waits; what is in it is up to the caller.
    pub(crate) fn receive(&mut self, now: u64) -> bool {
        let has_datagram = self.has_datagram(now);
        if has_datagram {
            self.datagrams.pop_front();
        }
        has_datagram
    }
}
