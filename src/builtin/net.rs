//! Network interfaces.

use super::table::{Metrics, metrics};
use super::{Sink, tell};
use crate::host::{Fault, Flaw, Host, Source};
use crate::num::Fixed;
use crate::pattern::Choice;

/// Interfaces that have samples; of more, the first ones.
const INTERFACES_MAX: usize = 64;
/// Left out, unless the user says which ones to take: the loopback says nothing of the network, and
/// containers come and go.
pub(super) const IGNORED: &str = "lo,veth*";
/// Bits per second in the unit of the kernel's speeds.
const MEGABIT: u64 = 1_000_000;

pub(super) static METRICS: Metrics = metrics! {
    Counter "net.in.bytes" "bytes" "received by an interface (iface=)";
    Counter "net.in.packets" "" "packets received";
    Counter "net.in.errors" "" "bad packets received";
    Counter "net.in.dropped" "" "packets received and dropped";
    Counter "net.in.fifo" "" "packets lost because a queue was full";
    Counter "net.in.frame" "" "packets with a bad frame";
    Counter "net.in.multicast" "" "multicast packets received";
    Counter "net.out.bytes" "bytes" "sent by an interface (iface=)";
    Counter "net.out.packets" "" "packets sent";
    Counter "net.out.errors" "" "packets that could not be sent";
    Counter "net.out.dropped" "" "packets dropped before they were sent";
    Counter "net.out.fifo" "" "packets lost because a queue was full";
    Counter "net.out.collisions" "" "collisions on the wire";
    Counter "net.out.carrier" "" "losses of the carrier";
    Gauge "net.up" "" "1 with a link, 0 without one";
    Gauge "net.speed" "bit/s" "speed of the link, where the driver tells it";
};

pub(super) fn take(choice: Choice, host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let mut count = 0;
    let wants = |name: &[u8]| choice.wants(name, IGNORED.as_bytes());
    host.interfaces(&wants, &mut |name, traffic, link| {
        count += 1;
        if count > INTERFACES_MAX {
            return;
        }
        let count = |number| Some(Fixed::whole(number));
        let (received, sent) = (traffic.received.map(count), traffic.sent.map(count));
        let bits = link.megabits.and_then(|megabits| megabits.checked_mul(MEGABIT));
        let state = [
            link.is_up.map(|is_up| Fixed::whole(u64::from(is_up))),
            bits.map(Fixed::whole),
        ];
        let mut first = 0;
        for values in [received.as_slice(), &sent, &state] {
            tell(&mut *sink, &METRICS, first, &[("iface", name)], values);
            first += values.len();
        }
    })?;
    if count > INTERFACES_MAX {
        return Err(Flaw::Interfaces.of(Source::NetDev));
    }
    Ok(())
}
