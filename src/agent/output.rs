//! What becomes of samples: lines in the ring, which the sender carries to the transfer.

use crate::base::text::Text;
use crate::format::{Record, json};
use crate::platform::{LogArg, NEVER, Platform, Ready, Signal};
use crate::ring::{LINE_MAX, Ring};
use crate::sender::{Aims, Event, Sender};

pub(super) struct Output<'a> {
    pub(super) writer: json::Writer,
    pub(super) ring: Ring<'a>,
    pub(super) sender: Sender,
    /// When this is, in milliseconds of the monotonic clock: asked once a wake-up.
    pub(super) now: u64,
    /// Lines made so far.
    pub(super) lines: u64,
    /// Samples that could not be taken, or were no line.
    pub(super) errors: u64,
    /// Lines are waited for until they are written, as nothing else is to be done.
    pub(super) is_patient: bool,
    /// A child has ended while nobody looked.
    pub(super) has_missed_child: bool,
}

impl Output<'_> {
    /// Makes a line of the record, in `room` before it goes into the ring; `None` if its tags make it longer than a
    /// line may be. A ring that is crowded is written out.
    pub(super) fn take<W: Platform>(
        &mut self,
        record: &Record,
        rank: u8,
        room: &mut [u8],
        aims: &Aims,
        platform: &mut W,
    ) -> Option<()> {
        let line = self.writer.line(room, record)?;
        if self.ring.is_short_for(line.len()) {
            self.sender
                .on(Event::Crowded, platform, &mut self.ring, aims, self.now);
        }
        self.ring.push(line, rank);
        self.lines += 1;
        if aims.debug {
            log_sample(platform, record, line);
        }
        if !self.ring.is_crowded() {
        } else if self.is_patient {
            self.is_patient = self.write_out(aims, platform, NEVER);
        } else if !self.sender.is_stalled() {
            self.tell_sender(Event::Flush, aims, platform);
        }
        Some(())
    }

    /// Makes a line of what a script or another program says.
    pub(super) fn push<W: Platform>(
        &mut self,
        record: &Record,
        rank: u8,
        aims: &Aims,
        platform: &mut W,
    ) -> Option<()> {
        self.take(record, rank, &mut [0; LINE_MAX], aims, platform)
    }

    pub(super) fn tell_sender<W: Platform>(&mut self, event: Event, aims: &Aims, platform: &mut W) {
        self.sender.on(event, platform, &mut self.ring, aims, self.now);
    }

    /// Sleeps until then, or until the connection is ready or a signal comes.
    pub(super) fn sleep<W: Platform>(&self, platform: &mut W, until: u64) -> Ready {
        platform.sleep(moment(until), self.sender.is_stalled())
    }

    /// Flushes, and waits until the connection has taken all lines or is gone, or until `until`. Says
    /// whether nobody asked to end meanwhile.
    pub(super) fn write_out<W: Platform>(&mut self, aims: &Aims, platform: &mut W, until: u64) -> bool {
        self.now = platform.now();
        self.tell_sender(Event::Flush, aims, platform);
        while self.ring.unsent_length() > 0
            && self.sender.is_under_way()
            && self.now < until
            && !platform.has_lost_memory()
        {
            let deadline = self.sender.deadline();
            let ready = platform.sleep_for_transfer(moment(deadline.min(until)), self.sender.is_stalled());
            self.now = platform.now();
            match ready.signal {
                Some(Signal::Stop) => return false,
                Some(Signal::Child) => self.has_missed_child = true,
                _ => {}
            }
            if ready.transfer {
                self.tell_sender(Event::Ready, aims, platform);
            } else if self.now >= deadline {
                self.tell_sender(Event::Due, aims, platform);
            }
        }
        true
    }
}

fn moment(until: u64) -> Option<u64> {
    (until != NEVER).then_some(until)
}

fn log_sample<W: Platform>(platform: &mut W, record: &Record, line: &[u8]) {
    let mut buffer = [0; 32];
    let mut value = Text::new(&mut buffer);
    value.fixed(record.value);
    let name = LogArg::Text(record.metric);
    platform.log("sample % %", &[name, LogArg::Text(value.bytes())]);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    platform.log("~~ sender get metric %", &[LogArg::Text(line)]);
}
