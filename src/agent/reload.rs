//! Reload: a running agent adopts another configuration.

use super::source::Problem;
use super::{Agent, plan, ring_memory, writer};
use crate::config::Config;
use crate::format::json;
use crate::platform::{Kernel, Platform, Spool};
use crate::procfs::Roots;
use crate::schedule;

impl Agent<'static> {
    /// Adopts the second configuration if everything that it names is available; otherwise nothing changes.
    pub(super) fn reload<'c>(
        &mut self,
        [before, next]: [&Config<'c>; 2],
        file: &mut Option<Spool>,
        platform: &mut Kernel,
    ) -> Result<(), Problem<'c>> {
        let has_other_roots = (before.proc, before.sys) != (next.proc, next.sys);
        let roots = Roots::open(next.proc, next.sys);
        let roots = roots.map_err(|errno| Problem::System(next.proc, errno))?;
        self.reopen([before, next], file, platform)?;
        if has_other_roots {
            self.host.change(roots);
            self.collector.reset();
        }
        self.change([before, next], platform);
        platform.change(next.buffer, next.timeout);
        Ok(())
    }

    /// Opens the configured listener and spool where they have changed or were removed; both or neither.
    pub(super) fn reopen<'c>(
        &mut self,
        [before, next]: [&Config<'c>; 2],
        file: &mut Option<Spool>,
        platform: &mut Kernel,
    ) -> Result<(), Problem<'c>> {
        let path = next.listen.unwrap_or_default();
        let listener = platform.next_listener(next.listen);
        let listener = listener.map_err(|errno| Problem::System(path, errno))?;
        let moved = ring_memory::change(&mut self.output.ring, file, next, platform);
        moved.map_err(|error| Problem::Spool(ring_memory::name(next), error))?;
        if let Some(listener) = listener {
            self.now = platform.now();
            self.collect_last_received(&mut self.cx(before, platform));
            platform.change_listener(listener);
        }
        Ok(())
    }

    /// Moves the rest of a ring whose memory is lost to other memory, and starts it on a new connection.
    #[cold]
    pub(super) fn rescue(&mut self, config: &Config, file: &mut Option<Spool>, platform: &mut Kernel) {
        let has_arrived = self.sender.has_all_arrived(platform);
        ring_memory::rescue(&mut self.output.ring, file, config, has_arrived, platform);
        // The wall clock may have stepped while the ring stood still.
        if let Some(clock) = self.clock.known_seconds() {
            self.output.ring.set_clock(clock, json::move_stamp);
        }
        // The ring may start with another line than the one that the connection has got in part.
        let now = platform.now();
        let targets = plan::targets(config, &self.output.writer);
        self.sender
            .reconnect(platform, &mut self.output.ring, &targets, now);
    }
}

impl Agent<'_> {
    /// Adopts what the second configuration says of families, lines and receivers. Lines stay, and so does a
    /// connection to a receiver that is still configured.
    fn change<P: Platform>(&mut self, [before, next]: [&Config; 2], platform: &mut P) {
        let now = platform.now();
        self.now = now;
        let targets_before = plan::targets(before, &self.output.writer);
        if let Some(writer) = writer(next) {
            self.output.writer = writer;
        }
        let targets = plan::targets(next, &self.output.writer);
        let ring = &mut self.output.ring;
        ring.change(next.is_thinning, next.replay);
        self.sender
            .change([&targets_before, &targets], platform, ring, now);
        let period = |number| plan::period(next, number);
        self.sched
            .change(period, next.flush, next.endpoint.is_none(), now);
        // The first turn is after this second, in which a metric may have had a sample at its interval of before.
        let phase = self.sched.phase();
        let at = |period| schedule::first(phase, period, now);
        self.custom.change([before, next], platform, at);
        self.collector.restart_pass(&mut self.host);
        self.has_warned_of_buffer = false;
        platform.log("configuration reloaded", &[]);
    }
}
