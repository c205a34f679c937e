//! A running agent goes on with another configuration.

use super::{State, plan, writer};
use crate::config::Config;
use crate::host::Host;
use crate::world::World;

impl State<'_> {
    /// Does from now on what the second one asks for: lines and connection stay, but for a connection to what is
    /// no transfer any more.
    pub fn change<W: World>(&mut self, [before, now_on]: [&Config; 2], host: &mut Host, world: &mut W) {
        let now = world.now();
        self.output.now = now;
        let aims_before = plan::aims(before, &self.output.writer);
        if let Some(writer) = writer(now_on) {
            self.output.writer = writer;
        }
        let aims = plan::aims(now_on, &self.output.writer);
        let ring = &mut self.output.ring;
        ring.change(now_on.is_thinning, now_on.replay);
        self.output.sender.change([&aims_before, &aims], world, ring, now);
        let period = |number| plan::period(now_on, number);
        self.sched
            .change(period, now_on.flush, now_on.endpoint.is_none(), now);
        self.customs.change([before, now_on], world, now);
        self.builtin.forget_pass(host);
        world.log("the configuration has been read again", &[]);
        if !can_change(before, now_on) {
            world.log(
                "buffer, spool, proc and sys: what has changed of them holds from the next start on",
                &[],
            );
        }
    }
}

/// Whether all of it takes effect in a running agent.
fn can_change(before: &Config, now_on: &Config) -> bool {
    (before.buffer, before.spool) == (now_on.buffer, now_on.spool)
        && (before.proc, before.sys) == (now_on.proc, now_on.sys)
}
