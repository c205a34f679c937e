//! What the log is told of the connection: each thing when it is new, and then seldom.

use crate::base::rate_limit::Throttle;
use crate::platform::{Cause, LogArg, Platform, Transfer};

/// A connection that has stood for so many milliseconds is there to stay.
const STANDING: u64 = 60_000;
/// Bytes of a command that are shown.
const COMMAND_SHOWN: usize = 60;

/// What the log has been told.
pub(super) struct Told {
    dials: Throttle,
    connections: Throttle,
    /// It knows of this connection, and so is told how it ends, and what follows.
    has_connection: bool,
    /// Lost lines that it knows of.
    lost: u64,
}

impl Told {
    pub(super) const fn new() -> Self {
        Self {
            dials: Throttle::new(),
            connections: Throttle::new(),
            has_connection: false,
            lost: 0,
        }
    }

    pub(super) fn has_connection(&self) -> bool {
        self.has_connection
    }

    /// Nobody could be called.
    pub(super) fn failure<W: Platform>(
        &mut self,
        (doing, what): (&'static [u8], LogArg),
        cause: Cause,
        platform: &mut W,
        now: u64,
    ) {
        if let Some(count) = self.dials.pass(now) {
            trouble(doing, what, cause, count, platform);
        }
    }

    /// Whether to tell of a connection, a new one or one that has been there since then, and how many it
    /// stands for.
    pub(super) fn connections(&mut self, is_new: bool, since: u64, now: u64) -> Option<u32> {
        let count = if is_new {
            self.connections.pass(now)
        } else if !self.has_connection && now >= since + STANDING {
            // Many came and went untold, but this one stays.
            self.connections.tell_held(now)
        } else {
            return None;
        };
        self.has_connection = count.is_some();
        count
    }

    /// There is a connection to that transfer, by the address of that number, and so many lines were lost before it
    /// came.
    pub(super) fn connection<W: Platform>(
        &mut self,
        transfer: &Transfer,
        address: usize,
        (count, lost): (u32, u64),
        platform: &mut W,
    ) {
        let none = LogArg::Text(b"");
        // A command runs, and may never connect to anything; only TCP has an address on this side.
        let (state, peer, [comma, local]) = match *transfer {
            Transfer::Command(command) => {
                let start = command.get(..COMMAND_SHOWN).unwrap_or(command);
                (b"started: ".as_slice(), LogArg::Text(start), [none; 2])
            }
            Transfer::Tcp { .. } => (
                b"connected to ".as_slice(),
                LogArg::Address(address),
                [LogArg::Text(b", local addr:"), LogArg::Local],
            ),
            _ => (b"connected to ".as_slice(), LogArg::Address(address), [none; 2]),
        };
        let words = if count > 1 {
            "%%%% (% connections since the last one told)"
        } else {
            "%%%%"
        };
        let count = LogArg::Number(u64::from(count));
        platform.log(words, &[LogArg::Text(state), peer, comma, local, count]);
        if lost > self.lost {
            self.lost = lost;
            let lost = [LogArg::Number(lost)];
            platform.log("lines lost: % since the start", &lost);
        }
    }
}

/// What was tried has failed, so many times.
pub(super) fn trouble<W: Platform>(
    doing: &'static [u8],
    what: LogArg,
    cause: Cause,
    count: u32,
    platform: &mut W,
) {
    let words = if count > 1 { "%%: % (% attempts)" } else { "%%: %" };
    let given = [
        LogArg::Text(doing),
        what,
        LogArg::Cause(cause),
        LogArg::Number(u64::from(count)),
    ];
    platform.log(words, &given);
}
