//! A running agent goes on with another configuration.

use super::source::Problem;
use super::start::Running;
use super::{Agent, State, plan, spool, writer};
use crate::config::Config;
use crate::platform::Platform;
use crate::platform::{Kernel, Spool};
use crate::procfs::{Host, Roots};
use crate::schedule;

/// Does from now on what the second one asks for, if all that it names can be had; otherwise nothing changes.
pub(super) fn follow<'c>(
    [before, now_on]: [&Config<'c>; 2],
    running: &mut Running,
) -> Result<(), Problem<'c>> {
    let Running {
        platform,
        host,
        state,
        file,
        ..
    } = running;
    let has_other_roots = (before.proc, before.sys) != (now_on.proc, now_on.sys);
    let roots = Roots::open(now_on.proc, now_on.sys);
    let roots = roots.map_err(|errno| Problem::System(now_on.proc, errno))?;
    open_files([before, now_on], (platform, host, state), file)?;
    if has_other_roots {
        host.change(roots);
        state.builtin.forget();
    }
    state.change([before, now_on], host, platform);
    platform.change(now_on.buffer, now_on.timeout);
    Ok(())
}

/// Makes what somebody has removed again, where no configuration file says that anything is to change.
pub(super) fn make_again<'c>(config: &Config<'c>, running: &mut Running) -> Result<(), Problem<'c>> {
    let Running {
        platform,
        host,
        state,
        file,
        ..
    } = running;
    open_files([config; 2], (platform, host, state), file)
}

/// Opens the socket, and moves the lines into the file; both or neither.
#[inline(never)]
fn open_files<'c>(
    [before, now_on]: [&Config<'c>; 2],
    (platform, host, state): (&mut Kernel, &mut Host, &mut State<'static>),
    file: &mut Option<Spool>,
) -> Result<(), Problem<'c>> {
    let path = now_on.listen.unwrap_or_default();
    let inlet = platform.next_inlet(now_on.listen);
    let inlet = inlet.map_err(|errno| Problem::System(path, errno))?;
    let moved = spool::change(&mut state.output.ring, file, now_on, platform);
    moved.map_err(|error| Problem::Spool(spool::name(now_on), error))?;
    if let Some(inlet) = inlet {
        Agent::new(before, host, state).take_last_pushed(platform);
        platform.change_inlet(inlet);
    }
    Ok(())
}

impl State<'_> {
    /// The same, but for what the machine is asked for: lines and connection stay, but for a connection to what is
    /// no transfer any more.
    pub fn change<W: Platform>(&mut self, [before, now_on]: [&Config; 2], host: &mut Host, platform: &mut W) {
        let now = platform.now();
        self.output.now = now;
        let aims_before = plan::aims(before, &self.output.writer);
        if let Some(writer) = writer(now_on) {
            self.output.writer = writer;
        }
        let aims = plan::aims(now_on, &self.output.writer);
        let ring = &mut self.output.ring;
        ring.change(now_on.is_thinning, now_on.replay);
        self.output
            .sender
            .change([&aims_before, &aims], platform, ring, now);
        let period = |number| plan::period(now_on, number);
        self.sched
            .change(period, now_on.flush, now_on.endpoint.is_none(), now);
        // After this second: a metric that goes on with another interval may have had a sample in it.
        let phase = self.sched.phase();
        let at = |period| schedule::first(phase, period, now);
        self.customs.change([before, now_on], platform, at);
        self.builtin.forget_pass(host);
        platform.log("the configuration has been read again", &[]);
    }
}
