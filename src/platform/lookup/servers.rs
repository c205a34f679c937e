//! Name servers: asked one after the other, until one has an answer.

use super::{EAI_NODATA, Found};
use crate::base::text::Text;
use crate::platform::address::{Address, Addresses};
use crate::platform::clock::monotonic_millis;
use crate::platform::{machine, socket};
use crate::resolver::{self, KINDS, NAME_MAX, NO_ERROR, NO_SUCH_NAME, Query, Resolv, SERVER_FAILED};
use core::ffi::c_int;

/// Name servers that are used, the first ones.
const SERVERS_MAX: usize = 3;
const DNS_PORT: u16 = 53;
/// Bytes of an answer in a datagram (RFC 1035, section 4.2.1).
const ANSWER_MAX: usize = 512;
/// Stands for the code of an answer that has not come.
const UNANSWERED: c_int = 0;
/// Wrong datagrams of a server after which the query is given up: an attacker who guesses ids has as many guesses.
const WRONG_MAX: u32 = 16;
/// Milliseconds to wait for IPv6 addresses once there are IPv4 ones: some servers never answer queries for IPv6.
const PATIENCE: u32 = 300;

/// The name servers and the settings of the resolver.
pub(super) struct Servers {
    pub(super) list: Addresses,
    resolv: Resolv,
}

impl Servers {
    pub(super) const NONE: Self = Self {
        list: Addresses::NONE,
        resolv: Resolv::DEFAULT,
    };

    /// Applies a line of `/etc/resolv.conf`.
    pub(super) fn line(&mut self, line: &[u8]) {
        if let Some(text) = self.resolv.line(line)
            && self.list.all().len() < SERVERS_MAX
        {
            self.list.push(Address::parse(text, DNS_PORT));
        }
    }

    /// Looks up the name in each domain of `search`, then the name alone.
    pub(super) fn search(&self, name: &[u8], found: &mut Found) -> c_int {
        let mut domains = self.resolv.domains(name);
        let mut answer = libc::EAI_NONAME;
        let mut turn = 0;
        loop {
            let domain = domains.next();
            let mut buffer = [0; NAME_MAX + 2];
            let mut whole = Text::new(&mut buffer);
            whole.put(name);
            if let Some(domain) = domain {
                whole.put(b".");
                whole.put(domain);
            }
            let code = self.ask(resolver::without_dot(whole.bytes()), &mut turn, found);
            // A domain that failed may have the name.
            if answer == libc::EAI_NONAME {
                answer = code;
            }
            if domain.is_none() || !found.is_empty() {
                return answer;
            }
        }
    }

    /// Asks one server after the other, until one has an answer. `turn` is the index of the first one, counted up.
    fn ask(&self, name: &[u8], turn: &mut usize, found: &mut Found) -> c_int {
        let mut query = Query::NONE;
        if query.set(name).is_none() {
            return libc::EAI_NONAME;
        }
        let servers = self.list.all();
        let count = servers.len().max(1);
        let millis = self.resolv.timeout() / count as u32;
        let mut code = libc::EAI_AGAIN;
        for _ in 0..self.resolv.attempts() as usize * count {
            let Some(server) = servers.get(*turn % count) else {
                break;
            };
            code = ask_server(server, &mut query, millis, found);
            if !found.is_empty() || code == libc::EAI_NONAME || code == EAI_NODATA {
                break;
            }
            // A silent server is waited for once, not once a domain.
            *turn += 1;
        }
        code
    }
}

/// Asks one server for both kinds of addresses, side by side, and waits for its answers.
fn ask_server(server: &Address, query: &mut Query, mut millis: u32, found: &mut Found) -> c_int {
    let Ok(socket) = socket::connect_datagram(server) else {
        return libc::EAI_AGAIN;
    };
    query.draw_ids(machine::random());
    // The second write or the read fails where no server is.
    for kind in KINDS {
        if socket.write(&[query.of_kind(kind)]).is_err() {
            return libc::EAI_AGAIN;
        }
    }
    let mut codes = [UNANSWERED; 2];
    let mut wrong = 0;
    let start = monotonic_millis();
    // A name that does not exist has no addresses of either type. (Some servers answer so for IPv6 alone, wrongly:
    // RFC 4074, section 4.2.)
    while codes[0] != libc::EAI_NONAME && codes.contains(&UNANSWERED) && wrong < WRONG_MAX {
        let past = (monotonic_millis() - start) as u32;
        if !found.lists[1].all().is_empty() {
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
        let Some(answer) = resolver::read(message, query, &mut |octets| found.push_octets(octets)) else {
            wrong += 1;
            continue;
        };
        let code = &mut codes[usize::from(answer.kind == resolver::AAAA)];
        // One answer is enough.
        wrong += u32::from(*code != UNANSWERED);
        *code = match answer.code {
            // The addresses of a truncated answer are enough.
            _ if answer.is_cut => libc::EAI_AGAIN,
            NO_ERROR => EAI_NODATA,
            NO_SUCH_NAME => libc::EAI_NONAME,
            SERVER_FAILED => libc::EAI_AGAIN,
            _ => libc::EAI_FAIL,
        };
    }
    // If one type has no addresses, the code of the other type counts.
    match codes {
        [EAI_NODATA, UNANSWERED] | [UNANSWERED, _] => libc::EAI_AGAIN,
        [EAI_NODATA, v6] => v6,
        [v4, _] => v4,
    }
}
