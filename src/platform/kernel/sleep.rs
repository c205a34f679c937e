//! A sleep: what it watches, and what it reads by itself, without a wake-up of the agent.

use super::Kernel;
use crate::platform::command::Command;
use crate::platform::connection::Channel;
use crate::platform::fd::poll;
use crate::platform::listener::Listener;
use crate::platform::{NEVER, Platform, Ready, SCRIPTS_MAX, Signal, clock, signal};
use core::ffi::{c_int, c_short};

/// Indices of the watched descriptors. Those of scripts follow, from [`SCRIPTS`] on.
const CONNECTION: usize = 0;
const SIGNALS: usize = 1;
const LISTENER: usize = 2;
const COMMAND_STDERR: usize = 3;
const COMMAND_OUTPUT: usize = 4;
const SCRIPTS: usize = 5;

/// Events of a connection that the peer has ended, or that is broken.
const END: c_short = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL | libc::POLLRDHUP;

/// Returns an entry of `poll(2)`; a negative descriptor is not watched.
fn entry(fd: c_int, events: c_short) -> libc::pollfd {
    libc::pollfd {
        fd,
        events,
        revents: 0,
    }
}

impl Kernel {
    /// Sleeps; returns `None` after a wake-up that was only for the standard error of a command or a script, or to read
    /// from the peer again.
    pub(super) fn sleep_once(&mut self, until: u64, writing: bool) -> Option<Ready> {
        let may_read = clock::monotonic_millis() >= self.read_again;
        let (command_stderr, resume) = self.command_stderr.watch();
        let mut entries = [entry(-1, libc::POLLIN); SCRIPTS + 2 * SCRIPTS_MAX];
        entries[CONNECTION] = self.connection_entry(writing, may_read);
        entries[SIGNALS].fd = self.signals.number();
        entries[LISTENER].fd = self.listener.as_ref().map_or(-1, Listener::number);
        entries[COMMAND_STDERR].fd = command_stderr;
        if let Channel::Command(Command {
            output: Some(output), ..
        }) = &self.connection.channel
            && may_read
        {
            entries[COMMAND_OUTPUT].fd = output.number();
        }
        // More entries than the limit of descriptors are an error, so there are no gaps.
        let (mut count, mut scripts) = (SCRIPTS, [(0_u8, false); 2 * SCRIPTS_MAX]);
        for (index, script) in self.scripts.iter().enumerate() {
            let Some(script) = script else { continue };
            for (fd, is_stderr) in [(&script.output, false), (&script.errors, true)] {
                if let Some(fd) = fd {
                    entries[count].fd = fd.number();
                    scripts[count - SCRIPTS] = (index as u8, is_stderr);
                    count += 1;
                }
            }
        }
        let read_again = if may_read { NEVER } else { self.read_again };
        let wake = until.min(read_again).min(resume);
        let left = || (wake * 1_000_000).saturating_sub(clock::monotonic_nanos());
        let ready_count = poll(&mut entries[..count], (wake != NEVER).then(left));
        if ready_count == 0 {
            // After an error, too: the kernel has not written to the entries.
            self.broken = false;
            return (wake == until).then(Ready::default);
        }
        let (own, of_scripts) = entries[..count].split_at(SCRIPTS);
        self.broken = own[CONNECTION].revents & END != 0;
        if let Channel::Command(command) = &mut self.connection.channel {
            command.has_closed_input |= self.broken;
        }
        let mut ready = Ready {
            connection: own[CONNECTION].revents != 0 || own[COMMAND_OUTPUT].revents != 0,
            received: own[LISTENER].revents != 0,
            ..Ready::default()
        };
        if own[SIGNALS].revents != 0 {
            ready.signal = signal::next(&self.signals);
        }
        if ready.signal == Some(Signal::Child) {
            self.unreaped.reap();
        }
        // The agent is not woken up for what is only read here.
        let mut read_here = 0;
        for (entry, (index, is_stderr)) in of_scripts.iter().zip(scripts) {
            if entry.revents == 0 {
                continue;
            }
            if is_stderr {
                read_here += 1;
                self.read_script_errors(index.into());
            } else {
                ready.scripts |= 1 << index;
            }
        }
        if own[COMMAND_STDERR].revents != 0 {
            read_here += 1;
            self.log_command_stderr(false);
        }
        (ready_count > read_here).then_some(ready)
    }

    /// Returns what to watch of the connection.
    fn connection_entry(&self, writing: bool, may_read: bool) -> libc::pollfd {
        let output = if writing { libc::POLLOUT } else { 0 };
        match &self.connection.channel {
            Channel::Nothing => entry(-1, 0),
            Channel::LookingUp(lookup) => entry(lookup.descriptor(), libc::POLLIN),
            Channel::Connecting(fd) => entry(fd.number(), libc::POLLOUT),
            Channel::Connected(fd) => {
                let input = if may_read { libc::POLLIN } else { 0 };
                entry(fd.number(), input | libc::POLLRDHUP | output)
            }
            // The poll would report it for ever, while an answer may still come.
            Channel::Command(command) if command.has_closed_input => entry(-1, 0),
            Channel::Stdout { fd, .. } | Channel::Command(Command { input: fd, .. }) => {
                entry(fd.number(), output)
            }
        }
    }
}
