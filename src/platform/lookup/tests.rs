use super::*;
use crate::base::text::Text;
use crate::platform::address;
use crate::resolver::{NO_ERROR, NO_SUCH_NAME, SERVER_FAILED};
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

fn text(address: &Address) -> String {
    let mut buffer = [0; 80];
    let mut text = Text::new(&mut buffer);
    address::put(&mut text, address);
    String::from_utf8(text.into_bytes().to_vec()).unwrap()
}

/// How a server of the test answers a query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behavior {
    /// Some for version 4, nothing else, and all of it cut.
    Cut,
    /// Addresses of both kinds for `a.lan`; no other name exists.
    Knows,
    /// As [`Behavior::Knows`], but nothing at all for version 6.
    OnlyVersion4,
    Silent,
    /// It fails for whatever is in this domain.
    Fails(&'static [u8]),
    /// An error without the question that it is about.
    Bare(u8),
    Code(u8),
    /// As [`Behavior::Knows`], after so many wrong answers to the question for version 4.
    AfterWrong(u8),
    /// Nothing for version 4, 20 times, and then an address for version 6.
    Repeats,
    /// These addresses, which no host has.
    Nowhere([u8; 4], [u8; 16]),
}

fn answer(behavior: Behavior, question: &[u8]) -> Option<Vec<u8>> {
    let kind = question[question.len() - 3];
    let is_known = question[12..].starts_with(b"\x01a\x03lan\0");
    let mut bytes = question.to_vec();
    bytes[2..4].copy_from_slice(&[0x81, 0x80]);
    match behavior {
        Behavior::Code(code) => bytes[3] |= code,
        Behavior::Silent => return None,
        Behavior::Repeats if kind == resolver::A => {}
        Behavior::OnlyVersion4 if kind == resolver::AAAA => return None,
        Behavior::Bare(code) => {
            bytes.truncate(12);
            bytes[3] |= code;
            bytes[5] = 0;
        }
        Behavior::Fails(domain) if question[14..].starts_with(domain) => bytes[3] |= SERVER_FAILED,
        Behavior::Knows | Behavior::OnlyVersion4 | Behavior::Fails(_) if !is_known => {
            bytes[3] |= NO_SUCH_NAME
        }
        Behavior::Cut if kind == resolver::AAAA => {}
        _ => {
            let (v4, v6) = match behavior {
                Behavior::Nowhere(v4, v6) => (v4, v6),
                _ => ([1, 2, 3, 4], [9; 16]),
            };
            let data: &[u8] = if kind == resolver::A { &v4 } else { &v6 };
            bytes[7] = 1;
            bytes.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, data.len() as u8]);
            bytes.extend(data);
        }
    }
    Some(bytes)
}

fn serve(behavior: Behavior) -> SocketAddr {
    serve_and_note(behavior).0
}

/// The same, and the id of each question.
fn serve_and_note(behavior: Behavior) -> (SocketAddr, Receiver<u16>) {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap();
    let (note, ids) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        loop {
            let (length, from) = udp.recv_from(&mut buffer).unwrap();
            let _ = note.send(u16::from_be_bytes([buffer[0], buffer[1]]));
            let Some(mut bytes) = answer(behavior, &buffer[..length]) else {
                continue;
            };
            if behavior == Behavior::Repeats {
                for _ in 0..if buffer[length - 3] == resolver::A { 20 } else { 1 } {
                    udp.send_to(&bytes, from).unwrap();
                }
                continue;
            }
            if let Behavior::AfterWrong(count) = behavior {
                // An answer to another question.
                let mut wrong = bytes.clone();
                wrong[13] ^= 1;
                for _ in 0..if buffer[length - 3] == resolver::A {
                    count
                } else {
                    0
                } {
                    udp.send_to(&wrong, from).unwrap();
                }
                udp.send_to(&bytes, from).unwrap();
                continue;
            }
            // Datagrams that are no answer come, too.
            udp.send_to(b"", from).unwrap();
            udp.send_to(&buffer[..length], from).unwrap();
            if behavior == Behavior::Cut {
                bytes[2] |= 2;
            }
            udp.send_to(&bytes, from).unwrap();
        }
    });
    (address, ids)
}

/// A port without a server.
fn unused_port() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn asked(name: &str, resolv: &str, list: &[SocketAddr]) -> (c_int, Vec<String>) {
    let mut servers = Servers::NONE;
    resolv.lines().for_each(|line| servers.line(line.as_bytes()));
    for address in list {
        let server = Address::new(&[127, 0, 0, 1], address.port(), 0);
        servers.list.push(Some(server));
    }
    let mut found = Found::new(65_535);
    let code = servers.search(name.as_bytes(), &mut found);
    let list = found.lists.iter().flat_map(Addresses::all).map(text);
    (code, list.map(|address| address.replace(":65535", "")).collect())
}

#[test]
fn servers_are_asked_until_one_has_an_answer() {
    let knows = serve(Behavior::Knows);
    let both = |found: &[String]| {
        let mut found = found.to_vec();
        found.sort();
        found == ["1.2.3.4", "[909:909:909:909:909:909:909:909]"]
    };
    for list in [
        &[knows] as &[_],
        &[unused_port(), knows],
        &[
            serve(Behavior::Code(SERVER_FAILED)),
            serve(Behavior::Code(5)),
            knows,
        ],
    ] {
        assert!(both(&asked("a.lan", "", list).1), "{list:?}");
    }
    assert_eq!(
        asked("b.lan", "", &[knows, unused_port()]),
        (libc::EAI_NONAME, vec![])
    );
    let failed = serve(Behavior::Code(SERVER_FAILED));
    assert_eq!(asked("a.lan", "", &[failed]), (libc::EAI_AGAIN, vec![]));
    assert_eq!(asked("a.lan", "", &[unused_port()]), (libc::EAI_AGAIN, vec![]));
    let nothing = serve(Behavior::Code(NO_ERROR));
    assert_eq!(asked("a.lan", "", &[nothing]), (EAI_NODATA, vec![]));
    assert_eq!(asked("a..lan", "", &[knows]), (libc::EAI_NONAME, vec![]));
    assert!(both(&asked("a", "search x lan", &[knows]).1));
    assert!(both(&asked("a", "search . x. lan.", &[knows]).1));
    assert!(both(&asked("a.lan.", "search x\noptions ndots:9", &[knows]).1));
    assert_eq!(asked("a.", "search lan\noptions ndots:9", &[knows]).1.len(), 0);
    assert_eq!(asked("a", "search x\noptions ndots:0", &[knows]).1.len(), 0);
}

#[test]
fn addresses_of_a_truncated_answer_count() {
    let cut = serve(Behavior::Cut);
    assert_eq!(asked("a.lan", "", &[cut]).1, ["1.2.3.4"]);
}

#[test]
fn each_question_has_a_random_id() {
    let (failed, ids) = serve_and_note(Behavior::Code(SERVER_FAILED));
    let found = asked("a.lan", "options attempts:4", &[failed]);
    assert_eq!(found, (libc::EAI_AGAIN, vec![]));
    let ids: Vec<u16> = ids.try_iter().collect();
    assert_eq!(ids.len(), 8, "{ids:?}");
    // Two of eight are equal once in 2,000 runs.
    let different: BTreeSet<u16> = ids.iter().copied().collect();
    assert!(different.len() >= 7, "{ids:?}");
    // The id of one kind does not follow from that of the other.
    let pairs = ids.chunks(2).map(|pair| pair[0] ^ pair[1]);
    assert!(pairs.collect::<BTreeSet<u16>>().len() >= 3, "{ids:?}");
}

#[test]
fn a_server_is_given_up_after_sixteen_wrong_answers() {
    let asked = |count| {
        let server = serve(Behavior::AfterWrong(count));
        asked("a.lan", "options attempts:1", &[server])
    };
    assert_eq!(asked(16), (libc::EAI_AGAIN, vec![]));
    assert_eq!(asked(15).1.len(), 2);
}

#[test]
fn an_answer_that_is_repeated_counts_as_wrong() {
    let repeats = serve(Behavior::Repeats);
    let found = asked("a.lan", "options attempts:1", &[repeats]);
    assert_eq!(found, (libc::EAI_AGAIN, vec![]));
}

#[test]
fn the_unspecified_address_is_no_address() {
    let mut mapped = [0; 16];
    mapped[10..12].copy_from_slice(&[0xff; 2]);
    for v6 in [[0; 16], mapped] {
        let nowhere = serve(Behavior::Nowhere([0; 4], v6));
        assert_eq!(asked("a.lan", "", &[nowhere]), (EAI_NODATA, vec![]), "{v6:?}");
    }
    let half = serve(Behavior::Nowhere([0; 4], [9; 16]));
    assert_eq!(asked("a.lan", "", &[half]).1.len(), 1);
    let half = serve(Behavior::Nowhere([0, 0, 0, 1], [0; 16]));
    assert_eq!(asked("a.lan", "", &[half]).1, ["0.0.0.1"]);
}

#[test]
fn one_kind_of_addresses_is_enough() {
    let version4 = serve(Behavior::OnlyVersion4);
    let found = asked("a.lan", "options timeout:1 attempts:1", &[version4]);
    assert_eq!(found.1, ["1.2.3.4"]);
}

#[test]
fn no_server_is_waited_for_again_and_again() {
    let (silent, knows) = (serve(Behavior::Silent), serve(Behavior::Knows));
    let start = Instant::now();
    let found = asked("a", "search x y z lan\noptions timeout:2", &[silent, knows]);
    assert_eq!(found.1.len(), 2, "{found:?}");
    // Its turn is a second.
    assert!(
        start.elapsed() < Duration::from_millis(1_900),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_kind_that_is_not_answered_is_not_waited_for_without_need() {
    let version4 = serve(Behavior::OnlyVersion4);
    let start = Instant::now();
    let found = asked("a", "search x y lan", &[version4]);
    assert_eq!(found.1, ["1.2.3.4"]);
    assert!(
        start.elapsed() < Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_domain_that_fails_is_not_the_last_one() {
    let fails = serve(Behavior::Fails(b"\x01x\0"));
    assert_eq!(asked("a", "search x lan", &[fails]).1.len(), 2);
    assert_eq!(asked("a.lan", "search x\noptions ndots:2", &[fails]).1.len(), 2);
    // The failed server might have the name.
    assert_eq!(asked("a", "search x y", &[fails]).0, libc::EAI_AGAIN);
}

#[test]
fn an_error_without_a_question_is_an_answer() {
    let start = Instant::now();
    let list = [serve(Behavior::Bare(1)), serve(Behavior::Bare(4))];
    assert_eq!(asked("a.lan", "", &list).0, libc::EAI_FAIL);
    let knows = [list[0], serve(Behavior::Knows)];
    assert_eq!(asked("a.lan", "", &knows).1.len(), 2);
    assert!(
        start.elapsed() < Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn this_host_s_own_names_need_no_server() {
    for name in ["localhost", "LOCALHOST.", "x.localhost"] {
        let mut found = Vec::new();
        assert_eq!(
            resolve(name.as_bytes(), 65_535, &mut |address| found.push(text(address))),
            0
        );
        assert!(found.contains(&"127.0.0.1:65535".into()), "{name}: {found:?}");
    }
    let scope = |name: &str| Address::parse(name.as_bytes(), 1).map(|address| text(&address));
    assert_eq!(scope("fe80::1%lo"), Some("[fe80::1%1]:1".into()));
    assert_eq!(scope("fe80::1%17"), Some("[fe80::1%17]:1".into()));
    for text in [
        "fe80::1%nowhere",
        "fe80::1%",
        "fe80::1%4294967297",
        "1.2.3.4%lo",
        "fe80::1%sixteen-letters-",
    ] {
        assert_eq!(scope(text), None, "{text}");
    }
}
