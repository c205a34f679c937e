//! Name servers: asked one after the other, until one knows.

use super::{EAI_NODATA, Found, literal};
use crate::base::text::Text;
use crate::platform::clock::monotonic_millis;
use crate::platform::lookup::Addresses;
use crate::platform::{address::Address, machine, socket};
use crate::resolver::{self, KINDS, NAME_MAX, NO_ERROR, NO_SUCH_NAME, Query, Resolv, SERVER_FAILED};
use core::cell::Cell;
use core::ffi::c_int;

/// Name servers that are asked, the first ones.
const SERVERS_MAX: usize = 3;
const DNS_PORT: u16 = 53;
/// Bytes of an answer: what a datagram may have (RFC 1035, section 4.2.1).
const ANSWER_MAX: usize = 512;
/// Stands for the code of an answer that has not come.
const UNANSWERED: c_int = 0;
/// Datagrams of a server that are not the answer to a question of ours, before it is given up: who guesses ids has
/// that many guesses.
const WRONG_MAX: u32 = 16;
/// Milliseconds for IPv6 addresses once there are others: some servers never answer when asked for them.
const PATIENCE: u32 = 300;

/// Who is asked, and how.
pub(super) struct Servers {
    pub(super) list: Addresses,
    resolv: Resolv,
    /// Counted on: whose turn it is.
    turn: Cell<usize>,
}

impl Servers {
    pub(super) fn none() -> Self {
        Self {
            list: Addresses::NONE,
            resolv: Resolv::new(),
            turn: Cell::new(0),
        }
    }

    #[inline(never)]
    pub(super) fn line(&mut self, line: &[u8]) {
        if let Some(text) = self.resolv.line(line)
            && self.list.count() < SERVERS_MAX
            && let Some(server) = literal(text, DNS_PORT)
        {
            self.list.push(&server);
        }
    }

    /// Asks for the name in each of the domains, then for the name alone.
    pub(super) fn search(&self, name: &[u8], found: &mut Found) -> c_int {
        let mut domains = self.resolv.domains(name);
        let mut answer = libc::EAI_NONAME;
        loop {
            let domain = domains.next();
            let mut buffer = [0; NAME_MAX + 2];
            let mut whole = Text::new(&mut buffer);
            whole.put(name);
            if let Some(domain) = domain {
                whole.put(b".");
                whole.put(domain);
            }
            let code = self.ask(resolver::without_dot(whole.bytes()), found);
            // Nobody knows whether a domain that failed has the name.
            if answer == libc::EAI_NONAME {
                answer = code;
            }
            if domain.is_none() || !found.is_empty() {
                return answer;
            }
        }
    }

    /// Asks one server after the other, until one knows.
    fn ask(&self, name: &[u8], found: &mut Found) -> c_int {
        let mut query = Query::empty();
        if query.set(name).is_none() {
            return libc::EAI_NONAME;
        }
        let servers = self.list.all();
        let count = servers.len().max(1);
        let millis = self.resolv.timeout() / count as u32;
        let mut code = libc::EAI_AGAIN;
        for _ in 0..self.resolv.attempts() as usize * count {
            let Some(server) = servers.get(self.turn.get() % count) else {
                break;
            };
            code = ask_server(server, &mut query, millis, found);
            if !found.is_empty() || code == libc::EAI_NONAME || code == EAI_NODATA {
                break;
            }
            // One that is not there is waited for once, and not in each domain.
            self.turn.set(self.turn.get() + 1);
        }
        code
    }
}

/// Asks one server for both kinds of addresses, side by side, and waits for its answers.
fn ask_server(server: &Address, query: &mut Query, mut millis: u32, found: &mut Found) -> c_int {
    let Ok(socket) = socket::connected(libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, server) else {
        return libc::EAI_AGAIN;
    };
    query.draw_ids(machine::random());
    // A server that is not there is told of by the second write, or by what follows.
    for kind in KINDS {
        if socket.write(&[query.of_kind(kind)]).is_err() {
            return libc::EAI_AGAIN;
        }
    }
    let mut codes = [UNANSWERED; 2];
    let mut wrong = 0;
    let start = monotonic_millis();
    // A name that nobody has is none of the other kind either. (Some say so of version 6 alone, and are wrong:
    // RFC 4074, section 4.2.)
    while codes[0] != libc::EAI_NONAME && codes.contains(&UNANSWERED) && wrong < WRONG_MAX {
        let past = (monotonic_millis() - start) as u32;
        if found.has_v4() {
            millis = millis.min(past + PATIENCE);
        }
        let left = millis.saturating_sub(past);
        if left == 0 || !socket.is_ready(libc::POLLIN, left) {
            break;
        }
        let mut message = [0; ANSWER_MAX];
        let Ok(length) = socket.read(&mut message) else {
            break;
        };
        let message = message.get(..length).unwrap_or_default();
        let Some(answer) = resolver::read(message, query, &mut |octets| found.push_ip(octets)) else {
            wrong += 1;
            continue;
        };
        // What of a cut answer has come is enough.
        let code = if answer.is_cut {
            libc::EAI_AGAIN
        } else {
            code_of(answer.code)
        };
        let place = &mut codes[usize::from(answer.kind == resolver::AAAA)];
        // One answer is enough.
        wrong += u32::from(*place != UNANSWERED);
        *place = code;
    }
    // What one of them says is what there is to say if the other one has nothing.
    match codes {
        [EAI_NODATA, UNANSWERED] | [UNANSWERED, _] => libc::EAI_AGAIN,
        [EAI_NODATA, v6] => v6,
        [v4, _] => v4,
    }
}

fn code_of(code: u8) -> c_int {
    match code {
        NO_ERROR => EAI_NODATA,
        NO_SUCH_NAME => libc::EAI_NONAME,
        SERVER_FAILED => libc::EAI_AGAIN,
        _ => libc::EAI_FAIL,
    }
}
