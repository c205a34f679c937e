//! Names, by a stub resolver of our own: `/etc/hosts`, then the name servers of `/etc/resolv.conf`.

use super::address::Address;
use super::clock::monotonic_millis;
use super::file::File;
use super::lookup::Addresses;
use super::machine;
use super::socket;
use crate::dns::{self, Ip, NAME_MAX, NO_ERROR, NO_SUCH_NAME, Query, Resolv, SERVER_FAILED};
use crate::num::parse_u64;
use crate::scan::until;
use crate::text::Text;
use core::ffi::c_int;

/// A name has addresses, but not of the kinds that are of use. (Not in POSIX.)
const EAI_NODATA: c_int = -5;

/// What is asked for.
const KINDS: [u8; 2] = [dns::A, dns::AAAA];

/// Name servers that are asked, the first ones.
const SERVERS_MAX: usize = 3;
const DNS_PORT: u16 = 53;
/// Nothing is sent there.
const SOME_PORT: u16 = 65_535;
/// Bytes of an answer: what a datagram may have (RFC 1035, section 4.2.1).
const ANSWER_MAX: usize = 512;
/// Stands for the code of an answer that has not come.
const UNANSWERED: c_int = 0;
/// The longest line of a file.
const LINE_MAX: usize = 512;

/// Hands over the addresses of the name, the best ones first; a code of `getaddrinfo(3)`, 0 if there are some.
pub(super) fn resolve(host: &[u8], take: &mut dyn FnMut(&Address)) -> c_int {
    let mut found = Found::NONE;
    let code = find(host, &mut found);
    if found.is_empty() {
        return code;
    }
    found.in_order(take);
    0
}

/// What a code means.
pub(super) fn words(code: c_int) -> &'static [u8] {
    match code {
        libc::EAI_NONAME => b"name does not resolve",
        libc::EAI_AGAIN => b"try again",
        EAI_NODATA => b"name has no usable address",
        _ => b"non-recoverable error",
    }
}

/// Addresses of a name, IPv6 and IPv4 apart: as many of each as are of use.
struct Found([Addresses; 2]);

impl Found {
    const NONE: Self = Self([Addresses::NONE; 2]);

    fn is_empty(&self) -> bool {
        self.0.iter().all(|list| list.count() == 0)
    }

    fn push(&mut self, address: &Address) {
        let [v6, v4] = &mut self.0;
        if address.is_v4() { v4 } else { v6 }.push(address);
    }

    #[inline(never)]
    fn push_ip(&mut self, octets: &[u8]) {
        self.push(&Address::new(octets, SOME_PORT, 0));
    }

    /// Those first that this host has a way to, and IPv6 before IPv4 (RFC 6724, in short).
    fn in_order(&self, take: &mut dyn FnMut(&Address)) {
        for wanted in &[true, false] {
            for list in &self.0 {
                for address in list.all() {
                    if socket::connected(libc::SOCK_DGRAM, address).is_ok() == *wanted {
                        take(address);
                    }
                }
            }
        }
    }
}

fn find(host: &[u8], found: &mut Found) -> c_int {
    if push_literal(&mut found.0[0], host, SOME_PORT).is_some() {
        return 0;
    }
    let name = host.strip_suffix(b".").unwrap_or(host);
    for_each_line(b"/etc/hosts", &mut |line| {
        if let Some(ip) = dns::address_in_hosts(line, name) {
            found.push_ip(ip.octets());
        }
    });
    if found.is_empty() && dns::is_localhost(name) {
        found.push_ip(Ip::LOCALHOST_V6.octets());
        found.push_ip(Ip::LOCALHOST_V4.octets());
    }
    if !found.is_empty() {
        return 0;
    }
    let mut servers = Servers::none();
    for_each_line(b"/etc/resolv.conf", &mut |line| servers.line(line));
    // Without any other, this host's own.
    if servers.list.count() == 0 {
        let own = Address::new(Ip::LOCALHOST_V4.octets(), DNS_PORT, 0);
        servers.list.push(&own);
    }
    servers.search(name, name.len() == host.len(), found)
}

/// Adds a numeric address, an IPv6 one with its interface behind it if need be: `fe80::1%eth0`; nothing if it is
/// none.
fn push_literal(list: &mut Addresses, text: &[u8], port: u16) -> Option<()> {
    let number = until(text, b'%');
    let ip = dns::parse(number)?;
    let scope = match text.get(number.len() + 1..) {
        None => 0,
        Some(_) if ip.octets().len() == 4 => return None,
        Some(scope) => match parse_u64(scope) {
            Some(number) => number as u32,
            None => socket::interface(scope)?,
        },
    };
    list.push(&Address::new(ip.octets(), port, scope));
    Some(())
}

/// The lines of a file, those that are longer than [`LINE_MAX`] in pieces; none if it cannot be read.
fn for_each_line(path: &[u8], take: &mut dyn FnMut(&[u8])) {
    let Ok(file) = File::open(path) else {
        return;
    };
    let mut buffer = [0; LINE_MAX];
    let mut offset = 0;
    while let Ok(count @ 1..) = file.read_at(&mut buffer, offset) {
        let text = buffer.get(..count).unwrap_or_default();
        let line = until(text, b'\n');
        take(line);
        offset += line.len() as u64 + 1;
    }
}

/// Who is asked, and how.
struct Servers {
    list: Addresses,
    resolv: Resolv,
}

impl Servers {
    fn none() -> Self {
        Self {
            list: Addresses::NONE,
            resolv: Resolv::new(),
        }
    }

    fn line(&mut self, line: &[u8]) {
        if let Some(text) = self.resolv.line(line)
            && self.list.count() < SERVERS_MAX
        {
            push_literal(&mut self.list, text, DNS_PORT);
        }
    }

    /// Asks for the name in each of the domains, then for the name alone.
    fn search(&self, name: &[u8], in_domains: bool, found: &mut Found) -> c_int {
        if in_domains {
            for domain in self.resolv.domains(name) {
                let mut buffer = [0; NAME_MAX + 1];
                let mut whole = Text::new(&mut buffer);
                whole.put(name);
                whole.put(b".");
                whole.put(domain);
                match self.ask(whole.bytes(), found) {
                    libc::EAI_NONAME | EAI_NODATA => {}
                    code => return code,
                }
            }
        }
        self.ask(name, found)
    }

    /// Asks one server after the other, until one knows.
    fn ask(&self, name: &[u8], found: &mut Found) -> c_int {
        let mut query = Query::empty();
        if query.set(name, machine::random() as u16).is_none() {
            return libc::EAI_NONAME;
        }
        let servers = self.list.all();
        let millis = self.resolv.timeout() / servers.len().max(1) as u32;
        let mut code = libc::EAI_AGAIN;
        for _ in 0..self.resolv.attempts() {
            for server in servers {
                code = ask_server(server, &mut query, millis, found);
                if !found.is_empty() || code == libc::EAI_NONAME || code == EAI_NODATA {
                    return code;
                }
            }
        }
        code
    }
}

/// Asks one server for both kinds of addresses, side by side, and waits for its answers.
fn ask_server(server: &Address, query: &mut Query, millis: u32, found: &mut Found) -> c_int {
    let Ok(socket) = socket::connected(libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, server) else {
        return libc::EAI_AGAIN;
    };
    // A server that is not there is told of by the second write, or by what follows.
    for kind in &KINDS {
        if socket.write(&[query.of_kind(*kind)]).is_err() {
            return libc::EAI_AGAIN;
        }
    }
    let mut codes = [UNANSWERED; 2];
    let start = monotonic_millis();
    while codes.contains(&UNANSWERED) {
        let past = monotonic_millis() - start;
        let left = millis.saturating_sub(past as u32);
        if left == 0 || !socket.is_ready(libc::POLLIN, left) {
            break;
        }
        let mut message = [0; ANSWER_MAX];
        let Ok(length) = socket.read(&mut message) else {
            break;
        };
        let message = message.get(..length).unwrap_or_default();
        let Some(answer) = dns::read(message, query, &mut |octets| found.push_ip(octets)) else {
            continue;
        };
        // What of a cut answer has come is enough.
        let code = if answer.is_cut {
            libc::EAI_AGAIN
        } else {
            code_of(answer.code)
        };
        codes[usize::from(answer.kind == dns::AAAA)] = code;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::address;
    use std::net::{SocketAddr, UdpSocket};
    use std::thread;

    fn text(address: &Address) -> String {
        let mut buffer = [0; 80];
        let mut text = Text::new(&mut buffer);
        address::put(&mut text, address);
        String::from_utf8(text.into_bytes().to_vec()).unwrap()
    }

    /// What a server of the test's own does with each question.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Mood {
        /// Some for version 4, nothing else, and all of it cut.
        Cut,
        /// Addresses of both kinds for `a.lan`; nobody has another name.
        Knows,
        /// Nothing at all for version 6.
        OnlyVersion4,
        Code(u8),
    }

    fn answer(mood: Mood, question: &[u8]) -> Option<Vec<u8>> {
        let kind = question[question.len() - 3];
        let is_known = question[12..].starts_with(b"\x01a\x03lan\0");
        let mut bytes = question.to_vec();
        bytes[2..4].copy_from_slice(&[0x81, 0x80]);
        match mood {
            Mood::Code(code) => bytes[3] |= code,
            Mood::OnlyVersion4 if kind == dns::AAAA => return None,
            Mood::Knows if !is_known => bytes[3] |= NO_SUCH_NAME,
            Mood::Cut if kind == dns::AAAA => {}
            _ => {
                let data: &[u8] = if kind == dns::A { &[1, 2, 3, 4] } else { &[9; 16] };
                bytes[7] = 1;
                bytes.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, data.len() as u8]);
                bytes.extend(data);
            }
        }
        Some(bytes)
    }

    fn serve(mood: Mood) -> SocketAddr {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = udp.recv_from(&mut buffer).unwrap();
                let Some(mut bytes) = answer(mood, &buffer[..length]) else {
                    continue;
                };
                // Others say something, too.
                udp.send_to(b"", from).unwrap();
                udp.send_to(&buffer[..length], from).unwrap();
                if mood == Mood::Cut {
                    bytes[2] |= 2;
                }
                udp.send_to(&bytes, from).unwrap();
            }
        });
        address
    }

    /// Without a listener.
    fn nobody() -> SocketAddr {
        UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    fn asked(name: &str, resolv: &str, list: &[SocketAddr]) -> (c_int, Vec<String>) {
        let mut servers = Servers::none();
        resolv.lines().for_each(|line| servers.line(line.as_bytes()));
        for address in list {
            let server = Address::new(&[127, 0, 0, 1], address.port(), 0);
            servers.list.push(&server);
        }
        let mut found = Found::NONE;
        let code = servers.search(name.as_bytes(), true, &mut found);
        let list = found.0.iter().flat_map(Addresses::all).map(text);
        (code, list.map(|address| address.replace(":65535", "")).collect())
    }

    #[test]
    fn servers_are_asked_until_one_knows() {
        let knows = serve(Mood::Knows);
        let both = |found: &[String]| {
            let mut found = found.to_vec();
            found.sort();
            found == ["1.2.3.4", "[909:909:909:909:909:909:909:909]"]
        };
        for list in [
            &[knows] as &[_],
            &[nobody(), knows],
            &[serve(Mood::Code(SERVER_FAILED)), serve(Mood::Code(5)), knows],
        ] {
            assert!(both(&asked("a.lan", "", list).1), "{list:?}");
        }
        assert_eq!(asked("b.lan", "", &[knows, nobody()]), (libc::EAI_NONAME, vec![]));
        let failed = serve(Mood::Code(SERVER_FAILED));
        assert_eq!(asked("a.lan", "", &[failed]), (libc::EAI_AGAIN, vec![]));
        assert_eq!(asked("a.lan", "", &[nobody()]), (libc::EAI_AGAIN, vec![]));
        let nothing = serve(Mood::Code(NO_ERROR));
        assert_eq!(asked("a.lan", "", &[nothing]), (EAI_NODATA, vec![]));
        assert_eq!(asked("a..lan", "", &[knows]), (libc::EAI_NONAME, vec![]));
        assert!(both(&asked("a", "search x lan", &[knows]).1));
        assert_eq!(asked("a", "search x\noptions ndots:0", &[knows]).1.len(), 0);
    }

    #[test]
    fn what_is_cut_counts_as_far_as_it_has_come() {
        let cut = serve(Mood::Cut);
        assert_eq!(asked("a.lan", "", &[cut]).1, ["1.2.3.4"]);
    }

    #[test]
    fn one_kind_of_addresses_is_enough() {
        let version4 = serve(Mood::OnlyVersion4);
        let found = asked("a.lan", "options timeout:1 attempts:1", &[version4]);
        assert_eq!(found.1, ["1.2.3.4"]);
    }

    #[test]
    fn this_host_s_own_names_need_no_server() {
        for name in ["localhost", "LOCALHOST.", "x.localhost"] {
            let mut found = Vec::new();
            assert_eq!(
                resolve(name.as_bytes(), &mut |address| found.push(text(address))),
                0
            );
            assert!(found.contains(&"127.0.0.1:65535".into()), "{name}: {found:?}");
        }
        let scope = |name: &str| {
            let mut list = Addresses::NONE;
            push_literal(&mut list, name.as_bytes(), 1).map(|()| text(&list.all()[0]))
        };
        assert_eq!(scope("fe80::1%lo"), Some("[fe80::1%1]:1".into()));
        assert_eq!(scope("fe80::1%17"), Some("[fe80::1%17]:1".into()));
        for text in [
            "fe80::1%nowhere",
            "fe80::1%",
            "1.2.3.4%lo",
            "fe80::1%sixteen-letters-",
        ] {
            assert_eq!(scope(text), None, "{text}");
        }
    }
}
