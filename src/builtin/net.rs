//! Network interfaces.

use super::table::{Metric, counter, gauge};
use super::{Sink, instance};
use crate::host::{Fault, Host, Place, Trouble};
use crate::num::Fixed;
use crate::pattern::Choice;

/// Interfaces that have samples; of more, the first ones.
const INTERFACES_MAX: usize = 64;
/// Left out, unless the user says which ones to take: the loopback says nothing of the network, and
/// containers come and go.
pub(super) const IGNORED: &str = "lo,veth*";
/// Bits per second in the unit of the kernel's speeds.
const MEGABIT: u64 = 1_000_000;

pub(super) static METRICS: [Metric; 16] = [
    counter!("net.in.bytes", "bytes", "received by an interface (iface=)"),
    counter!("net.in.packets", "", "packets received"),
    counter!("net.in.errors", "", "bad packets received"),
    counter!("net.in.dropped", "", "packets received and dropped"),
    counter!("net.in.fifo", "", "packets lost because a queue was full"),
    counter!("net.in.frame", "", "packets with a bad frame"),
    counter!("net.in.multicast", "", "multicast packets received"),
    counter!("net.out.bytes", "bytes", "sent by an interface (iface=)"),
    counter!("net.out.packets", "", "packets sent"),
    counter!("net.out.errors", "", "packets that could not be sent"),
    counter!("net.out.dropped", "", "packets dropped before they were sent"),
    counter!("net.out.fifo", "", "packets lost because a queue was full"),
    counter!("net.out.collisions", "", "collisions on the wire"),
    counter!("net.out.carrier", "", "losses of the carrier"),
    gauge!("net.up", "", "1 with a link, 0 without one"),
    gauge!(
        "net.speed",
        "bit/s",
        "speed of the link, where the driver tells it",
    ),
];

pub(super) fn take(choice: Choice, host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let mut count = 0;
    let wants = |name: &[u8]| choice.wants(name, IGNORED.as_bytes());
    host.interfaces(&wants, &mut |name, traffic, link| {
        count += 1;
        if count > INTERFACES_MAX {
            return;
        }
        let tags = &[("iface", name)];
        let counts = traffic.received.iter().chain(&traffic.sent);
        for (metric, number) in METRICS.iter().zip(counts) {
            instance(&mut *sink, metric, tags, Some(Fixed::whole(*number)));
        }
        let [.., up, speed] = &METRICS;
        instance(
            &mut *sink,
            up,
            tags,
            link.is_up.map(|is_up| Fixed::whole(u64::from(is_up))),
        );
        let bits = link.megabits.and_then(|megabits| megabits.checked_mul(MEGABIT));
        instance(&mut *sink, speed, tags, bits.map(Fixed::whole));
    })?;
    if count > INTERFACES_MAX {
        return Err(Fault {
            place: Place::Proc,
            file: c"net/dev",
            trouble: Trouble::Over("more than 64 interfaces: the first ones are taken"),
        });
    }
    Ok(())
}
