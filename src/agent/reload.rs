//! Reload: a running agent adopts another configuration.

use super::resources::{UNAVAILABLE, next_listener, open_roots, report_spool};
use super::{Agent, plan, ring_memory};
use crate::base::text::Text;
use crate::config::{Config, Format, Reported};
use crate::platform::{Kernel, Platform, Spool};
use crate::schedule;

impl Agent<'static> {
    /// Adopts the second configuration if everything that it names is available; otherwise nothing changes, and it
    /// writes the message.
    pub(super) fn reload(
        &mut self,
        [before, next]: [&Config; 2],
        file: &mut Option<Spool>,
        platform: &mut Kernel,
        message: &mut Text,
    ) -> Result<(), Reported> {
        if (before.format == Some(Format::Text)) != (next.format == Some(Format::Text)) {
            message.put(b"format: text needs a restart");
            return Err(UNAVAILABLE);
        }
        if before.user != next.user {
            message.put(b"user: another one needs a restart");
            return Err(UNAVAILABLE);
        }
        let has_other_roots = (before.proc, before.sys, before.root) != (next.proc, next.sys, next.root);
        let roots = open_roots(next, message)?;
        self.reopen([before, next], file, platform, message)?;
        if has_other_roots {
            self.host.change(roots);
            self.collector.reset();
        }
        self.change([before, next], platform);
        platform.change(next.buffer, next.timeout);
        Ok(())
    }

    /// Opens the configured listener and spool where they have changed or were removed; both or neither. After an error
    /// it writes the message.
    pub(super) fn reopen(
        &mut self,
        [before, next]: [&Config; 2],
        file: &mut Option<Spool>,
        platform: &mut Kernel,
        message: &mut Text,
    ) -> Result<(), Reported> {
        let listener = next_listener(next, platform, message)?;
        let moved = ring_memory::change(&mut self.output.ring, file, next, platform);
        moved.map_err(|error| report_spool(next, error, message))?;
        if let Some(listener) = listener {
            self.now = platform.now();
            self.collect_last_received(&mut self.cx(before, platform));
            platform.change_listener(listener);
        }
        Ok(())
    }

    /// Moves the rest of a ring whose memory is lost to other memory, and starts it on a new connection.
    // Its large variables are not on the stack of the loop.
    #[inline(never)]
    pub(super) fn rescue(&mut self, config: &Config, file: &mut Option<Spool>, platform: &mut Kernel) {
        let has_arrived = self.sender.has_all_arrived(platform);
        ring_memory::rescue(&mut self.output.ring, file, config, has_arrived, platform);
        // The wall clock may have stepped while the ring stood still.
        if let Some(clock) = self.clock.known_seconds() {
            self.output.ring.set_clock(clock);
        }
        // The connection may have sent a part of a line that the ring no longer has.
        let now = platform.now();
        let targets = plan::targets(config, self.output.writer);
        self.sender
            .reconnect(platform, &mut self.output.ring, &targets, now);
    }
}

impl Agent<'_> {
    /// Adopts what the second configuration says of families, lines and receivers. Lines stay, and so does a
    /// connection to a receiver that is still configured.
    fn change(&mut self, [before, next]: [&Config; 2], platform: &mut dyn Platform) {
        let now = platform.now();
        self.now = now;
        let targets_before = plan::targets(before, self.output.writer);
        self.adopt_names(next, platform);
        let targets = plan::targets(next, self.output.writer);
        let ring = &mut self.output.ring;
        ring.change(next.is_thinning, next.replay());
        self.sender
            .change([&targets_before, &targets], platform, ring, now);
        let period = |number| plan::period(next, number);
        self.sched
            .change(period, next.flush, next.endpoint.is_none(), now);
        // The first turn is after this second, in which a metric may have had a sample at its previous interval.
        let phase = self.sched.phase();
        let at = |period| schedule::first(phase, period, now);
        self.custom.change([before, next], platform, &at);
        self.collector.restart_passes(&mut self.host);
        self.has_warned_of_buffer = false;
        platform.log("configuration reloaded", &[]);
    }
}
