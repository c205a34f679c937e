//! The calls of the agent.

use super::{PATIENCE, SOON, Sim};
use crate::clock::{Look, Looked};
use crate::network::REFUSED;
use crate::platform::DATAGRAMS;
use mini_monitor::platform::{Cause, Ended, Errno, LogArg, NEVER, Platform, Ready, Transfer, format_args};

impl Platform for Sim {
    fn now(&mut self) -> u64 {
        self.call();
        self.monotonic()
    }

    fn wall(&mut self) -> u64 {
        self.call();
        self.has_asked = true;
        self.life.look_before = self.look;
        self.life.since_look = 0;
        self.look = self.plan.clock.look(self.time);
        self.steps = self.plan.clock.steps(self.time);
        if self.look == Look::Impossible {
            self.lost_at = None;
        }
        self.plan.clock.shows(self.time)
    }

    fn sleep(&mut self, until: u64, writing: bool) -> Ready {
        self.call();
        self.wake_ups += 1;
        assert!(self.wake_ups < 3_000_000, "the agent does not sleep");
        self.idle_wake_ups += u64::from(!std::mem::take(&mut self.has_asked));
        if let Some((since, late)) = self.attempt {
            let waited = self.time - since - (self.late - late);
            assert!(waited < PATIENCE + SOON, "waited for {waited} ms");
        }
        let until = match until {
            NEVER => NEVER,
            _ => (until as i64 - self.uptime).max(0) as u64,
        };
        loop {
            let connection = self.network.is_ready(self.time, writing);
            let (scripts, received) = self.programs.ready(self.time);
            let signal = self.signal();
            if connection || scripts != 0 || received || signal.is_some() || until <= self.time {
                self.oversleep();
                (self.watcher)(self.time);
                return Ready {
                    connection,
                    scripts,
                    received,
                    signal,
                };
            }
            let next = self
                .network
                .next_event(self.time)
                .min(self.programs.next_event(self.time))
                .min(self.next_signal())
                .min(until);
            self.advance(next);
            if self.kill_time().is_some_and(|at| at <= self.time) {
                self.call();
            }
        }
    }

    fn resolve(&mut self, transfer: &Transfer, _via: Option<&[u8]>) -> Result<Option<usize>, Cause> {
        self.call();
        let (Transfer::Tcp { host, port: 6000 } | Transfer::Http { host, port: 6000, .. }) = transfer else {
            panic!("asked for what nobody gave");
        };
        if let Some((lost_at, late)) = self.lost_at.take() {
            let waited = self.time - lost_at - (self.late - late);
            assert!(waited < SOON, "called again only after {waited} ms");
        }
        self.has_asked = true;
        let found = self.network.resolve(host, self.time);
        self.start_attempt(found == Ok(None));
        found
    }

    fn resolved(&mut self) -> Result<usize, Cause> {
        self.call();
        self.has_asked = true;
        self.end_attempt();
        self.network.resolved(self.time)
    }

    fn connect(&mut self, address: usize) -> Result<bool, Cause> {
        self.call();
        self.has_asked = true;
        self.end_attempt();
        let result = self.network.connect(address, self.time);
        self.start_attempt(result == Ok(false));
        result
    }

    fn connect_result(&mut self) -> Result<(), Cause> {
        self.call();
        self.has_asked = true;
        self.end_attempt();
        self.network.connect_result(self.time)
    }

    fn send(&mut self, pieces: &[&[u8]]) -> Result<usize, Cause> {
        let bytes = &pieces.concat();
        self.call();
        self.has_asked = true;
        self.sends += 1;
        // A request is sent to its end.
        let is_start = self.network.connection().session.is_none() || bytes.starts_with(b"POST ");
        assert!(
            self.look != Look::Impossible || !is_start,
            "sent while the clock cannot be right"
        );
        let (look, steps) = (self.look, self.steps);
        self.network.send(bytes, self.time, Looked { look, steps })
    }

    fn unacked(&mut self) -> u64 {
        self.call();
        self.network.connection().ask() as u64
    }

    fn silence(&mut self) -> Option<u64> {
        self.call();
        let time = self.time;
        self.network.connection().silence(time)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Cause> {
        self.call();
        self.has_asked = true;
        self.network.read(buffer, self.time)
    }

    fn drain(&mut self) -> Result<(), Cause> {
        self.call();
        self.has_asked = true;
        self.network.drain()
    }

    fn close(&mut self, _: u32) {
        self.call();
        self.end_attempt();
        // Where lines went while in flight nobody can tell whether one has arrived; nor where some were rejected.
        let can_tell = self.plan.is_roomy && !self.plan.has_server.contains(&true);
        if self.network.close(self.time, self.life.asked_to_end.is_some()) && can_tell {
            self.lost_at = Some((self.time, self.late));
        }
    }

    fn start_script(
        &mut self,
        index: usize,
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
    ) -> Result<(), Errno> {
        self.call();
        let name = format!("s{index}");
        assert!(arguments.eq([b"-c", name.as_bytes()]) && user.is_none());
        assert!(
            index < self.plan.scripts.len(),
            "started a script that nobody gave"
        );
        if self.chance.one_in(30) {
            return Err(Errno(libc::EAGAIN));
        }
        let script = self.draw_script(index);
        self.life.parts[index].clear();
        self.programs.start(index, script);
        Ok(())
    }

    fn read_script(&mut self, index: usize, buffer: &mut [u8]) -> Option<usize> {
        self.call();
        let length = self.programs.read(index, self.time, buffer)?;
        self.note_read(index, &buffer[..length]);
        Some(length)
    }

    fn read_script_errors(&mut self, _: usize) -> &[u8] {
        self.call();
        b""
    }

    fn script_has_ended(&mut self, index: usize) -> bool {
        self.call();
        self.programs.has_ended(index, self.time)
    }

    fn terminate_script(&mut self, index: usize) {
        self.call();
        self.programs.terminate(index, self.time);
    }

    fn end_script(&mut self, index: usize) -> Option<Ended> {
        self.call();
        self.programs.end(index, self.time)
    }

    fn stop_listening(&mut self) {
        self.call();
        self.programs.stop_listening(self.time);
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, u32)> {
        self.call();
        if !self.programs.receive(self.time) {
            return None;
        }
        let mut text = String::new();
        for _ in 0..self.chance.below(4) {
            let (key, line) = self.life.next_line(DATAGRAMS);
            text += &line;
            self.read.insert(key);
        }
        if self.chance.one_in(10) {
            text += "no line";
        }
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Some((text.len(), 0))
    }

    fn claim_endpoint(&mut self, _: &[u8], _: Option<&[u8]>) -> bool {
        false
    }

    fn log(&mut self, words: &'static str, given: &[LogArg]) {
        // The line is in the ring, whatever happens during the call.
        if words.starts_with("sample ") {
            self.note_line(given);
        }
        self.call();
        let text = |part: LogArg| match part {
            LogArg::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            LogArg::Number(number) => number.to_string(),
            LogArg::Cause(REFUSED) => "connection refused".into(),
            LogArg::Cause(cause) => format!("{cause:?}"),
            LogArg::Address(number) => self.network.address(number),
            LogArg::Local => "sim".into(),
        };
        let line: String = format_args(words, given).map(text).collect();
        let debug = ["## ticker", "sample ", "~~ sender", "flush: "];
        if !debug.iter().any(|start| line.starts_with(start)) {
            self.log.push((self.time, line));
        }
    }
}
