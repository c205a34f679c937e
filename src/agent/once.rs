//! `-once`: every metric collected once and printed.

use super::{Agent, Ending, plan};
use crate::base::wheel::set_bits;
use crate::config::Config;
use crate::families::Discard;
use crate::platform::{NEVER, Platform, Signal};
use crate::schedule::{PAIR_GAP, PAIRED};
use crate::sender::Event;

impl Agent<'_> {
    /// Collects every metric once, those that need two reads a second later, and prints the lines. The ring is
    /// large enough for all of them.
    pub fn once<P: Platform>(&mut self, config: &Config, platform: &mut P) -> Ending {
        self.is_once = true;
        let cx = &mut self.cx(config, platform);
        self.now = cx.platform.now();
        let second = self.now + PAIR_GAP;
        self.check_wall_clock(cx);
        self.notify_sender(Event::Due, cx);
        let paired = PAIRED & self.sched.families();
        // The first read of families that need two makes no samples.
        self.begin_turn(config);
        for family in set_bits(paired) {
            let filters = plan::filters(config);
            let _ = self
                .collector
                .collect(family, &mut self.host, filters, &mut Discard);
        }
        self.collect(self.sched.families() & !paired, cx);
        let now = self.now;
        self.custom.begin(config, |_| now);
        self.collect_custom(cx);
        while self.collector.unfinished() != 0 {
            self.collect(self.collector.unfinished(), cx);
        }
        self.notify_sender(Event::Flush, cx);
        let mut is_stopped = false;
        while !is_stopped
            && (cx.platform.now() < second || self.custom.are_running())
            && !self.sender.has_ended()
        {
            let until = if cx.platform.now() < second { second } else { NEVER };
            is_stopped = self.step(cx, until) == Some(Signal::Stop);
        }
        if !is_stopped {
            self.collect_now(paired, cx);
            self.notify_sender(Event::Flush, cx);
        }
        while !is_stopped && self.output.ring.unsent_length() > 0 && self.sender.can_send() {
            is_stopped = self.step(cx, NEVER) == Some(Signal::Stop);
        }
        let ending = self.finish(cx);
        let counts = self.counts();
        let is_whole = self.output.ring.unsent_length() == 0 && counts.dropped + counts.thinned == 0;
        if self.output.lines > 0 && is_whole {
            ending
        } else {
            Ending::Failed
        }
    }
}
