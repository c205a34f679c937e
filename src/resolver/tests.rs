use super::*;
use crate::base::random::Random;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn ip(octets: &[u8]) -> IpAddr {
    match octets.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(octets).unwrap()).into(),
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(octets).unwrap()).into(),
    }
}

/// A question for each kind, with these ids.
fn new(name: &[u8], ids: u32) -> Option<Query> {
    let mut query = Query::NONE;
    query.draw_ids(ids);
    query.set(name).map(|()| query)
}

fn addresses(message: &[u8], query: &[u8]) -> (Option<Answer>, Vec<String>) {
    let mut found = Vec::new();
    let name = query[12..].iter().position(|byte| *byte == 0).unwrap();
    let mut labels = Vec::new();
    let mut rest = &query[12..12 + name];
    while let Some((length, after)) = rest.split_first() {
        let (label, after) = after.split_at(usize::from(*length));
        labels.push(label);
        rest = after;
    }
    let kind = query[query.len() - 3];
    let id = u32::from(u16::from_be_bytes([query[0], query[1]]));
    let ids = if kind == A { id << 16 } else { id };
    let mut asked = new(&labels.join(&b'.'), ids).unwrap();
    assert_eq!(asked.of_kind(kind), query);
    let answer = read(message, &mut asked, &mut |octets| {
        found.push(ip(octets).to_string())
    });
    (answer, found)
}

/// The header and the question of an answer with that second flag byte, with that number of records.
fn head(query: &[u8], flags: u8, records: u16) -> Vec<u8> {
    let mut bytes = query.to_vec();
    bytes[2] = 0x81;
    bytes[3] = flags;
    bytes[6..8].copy_from_slice(&records.to_be_bytes());
    bytes
}

/// A record whose name is the question's.
fn record(kind: u16, class: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xc0, 12];
    bytes.extend(kind.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes.extend([0, 0, 0, 60]);
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

/// As it is sent for version 4.
fn query(name: &[u8]) -> Vec<u8> {
    new(name, 7 << 16).unwrap().of_kind(A).to_vec()
}

const FINE: Option<Answer> = Some(Answer {
    kind: A,
    code: NO_ERROR,
    is_cut: false,
});

#[test]
fn query_is_one_question() {
    let mut query = new(b"a.example", 0x5678_1234).unwrap();
    assert_eq!(query.of_kind(A)[..2], [0x56, 0x78], "each kind has its own id");
    assert_eq!(
        query.of_kind(AAAA),
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x1c\0\x01"
    );
    query.draw_ids(0x1234_1234);
    assert_eq!(query.of_kind(A)[..2], *b"\x12\x34");
    assert_ne!(
        query.of_kind(AAAA)[..2],
        *b"\x12\x34",
        "equal ids are made different"
    );
    let longest = [[b'x'; 63].as_slice(); 3].join(&b'.');
    let longest = [&longest, [b'y'; 61].as_slice()].join(&b'.');
    assert_eq!(longest.len(), NAME_MAX);
    let mut whole = new(&longest, 1).unwrap();
    assert!(whole.of_kind(A).ends_with(b"y\0\0\x01\0\x01"));
    let too_long = [&longest, b"z".as_slice()].concat();
    for name in [
        b"".as_slice(),
        b".",
        b"a..b",
        b".a",
        b"a.",
        &[b'x'; 64],
        &too_long,
    ] {
        assert!(new(name, 1).is_none(), "{name:?}");
    }
}

#[test]
fn addresses_after_aliases_count() {
    let query = query(b"www.example");
    let query = query.as_slice();
    let mut message = head(query, 0x80, 4);
    message.extend(record(5, 1, b"\x03cdn\xc0\x10"));
    // The alias's own name, by a pointer after a label.
    message.extend(b"\x03cdn\xc0\x10\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04");
    message.extend(record(
        28,
        1,
        &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    ));
    message.extend(record(1, 1, &[5, 6, 7, 8]));
    assert_eq!(
        addresses(&message, query),
        (FINE, vec!["1.2.3.4".into(), "fe80::1".into(), "5.6.7.8".into()])
    );
    // A server may write the name as it likes.
    message[13..16].copy_from_slice(b"WwW");
    assert_eq!(addresses(&message, query).1.len(), 3);
}

#[test]
fn record_without_an_address_is_skipped() {
    let query = query(b"x.example");
    let query = query.as_slice();
    for (kind, class, data) in [
        (1, 1, b"\x01\x02\x03".as_slice()),
        (1, 1, b"\x01\x02\x03\x04\x05"),
        (28, 1, b"\x01\x02\x03\x04"),
        (1, 3, b"\x01\x02\x03\x04"),
        (0x101, 1, b"\x01\x02\x03\x04"),
        (16, 1, b"\x03abc"),
        (41, 1232, b""),
    ] {
        let message = [head(query, 0x80, 1), record(kind, class, data)].concat();
        assert_eq!(addresses(&message, query), (FINE, vec![]), "{kind} {class}");
    }
}

#[test]
fn answer_to_another_query_is_none() {
    let query = query(b"x.example");
    let query = query.as_slice();
    let right = [head(query, 0x80, 1), record(1, 1, &[1, 2, 3, 4])].concat();
    assert_eq!(addresses(&right, query).1, ["1.2.3.4"]);
    // Id, no answer, another kind of question, two questions, name, type, class.
    let length = query.len();
    for (index, bits) in [
        (0, 1),
        (1, 1),
        (2, 0x80),
        (2, 0x08),
        (5, 3),
        (13, 1),
        (12, 4),
        (length - 3, 29),
        (length - 3, 16),
        (length - 1, 2),
    ] {
        let mut wrong = right.clone();
        wrong[index] ^= bits;
        assert_eq!(addresses(&wrong, query), (None, vec![]), "{index}");
    }
    assert_eq!(addresses(query, query).0, None);
}

#[test]
fn answer_with_an_error_code_has_no_addresses() {
    let query = query(b"x.example");
    let query = query.as_slice();
    for code in [SERVER_FAILED, NO_SUCH_NAME, 5] {
        let message = [head(query, 0x80 | code, 1), record(1, 1, &[1, 2, 3, 4])].concat();
        let answer = Answer {
            kind: A,
            code,
            is_cut: false,
        };
        assert_eq!(addresses(&message, query), (Some(answer), vec![]));
    }
    let mut cut = [head(query, 0x80, 2), record(1, 1, &[1, 2, 3, 4])].concat();
    cut[2] |= 2;
    let answer = Answer {
        kind: A,
        code: NO_ERROR,
        is_cut: true,
    };
    assert_eq!(addresses(&cut, query), (Some(answer), vec!["1.2.3.4".into()]));
}

#[test]
fn error_may_come_without_the_question() {
    let query = query(b"x.example");
    let mut bare = head(&query, 0x81, 0)[..12].to_vec();
    bare[5] = 0;
    let answer = Answer {
        kind: A,
        code: 1,
        is_cut: false,
    };
    assert_eq!(addresses(&bare, &query), (Some(answer), vec![]));
    // To another one, or none at all.
    for (index, bits) in [(0, 1), (1, 1), (2, 0x80), (3, 1)] {
        let mut wrong = bare.clone();
        wrong[index] ^= bits;
        assert_eq!(addresses(&wrong, &query), (None, vec![]), "{index}");
    }
}

#[test]
fn truncated_or_malformed_answer_ends_there() {
    let query = query(b"x.example");
    let query = query.as_slice();
    // Many more records are promised than come.
    let start = head(query, 0x80, 0xffff);
    let message = [
        start.clone(),
        record(1, 1, &[1, 2, 3, 4]),
        record(1, 1, &[5, 6, 7, 8]),
    ]
    .concat();
    for length in 0..=message.len() {
        let (answer, found) = addresses(&message[..length], query);
        assert_eq!(answer.is_some(), length >= start.len(), "{length}");
        assert_eq!(found.len(), length.saturating_sub(start.len()) / 16, "{length}");
    }
    for loops in [
        // A pointer to itself, two to each other, one past the end, labels without an end.
        b"\xc0\x1b\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04".as_slice(),
        b"\xc0\x1d\xc0\x1b\0\x01\0\x01\0\0\0\0\0\x04",
        b"\xff\xff\0\x01\0\x01",
        b"\x3faaa",
        b"\x40a\0\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04",
        b"\x01a\x01a\x01a",
        b"\xc0",
    ] {
        let message = [start.as_slice(), loops].concat();
        let (answer, found) = addresses(&message, query);
        assert_eq!(answer, FINE);
        assert!(found.len() <= 1, "{found:?}");
    }
    let long = [start, record(1, 1, &[1, 2, 3, 4])].concat();
    let mut lies = long.clone();
    let index = lies.len() - 6;
    lies[index] = 0xff;
    assert_eq!(addresses(&lies, query), (FINE, vec![]));
}

#[test]
fn random_bytes_do_not_panic() {
    let query = query(b"x.example");
    let query = query.as_slice();
    let message = [
        head(query, 0x80, 3),
        record(5, 1, b"\x03cdn\xc0\x10"),
        record(1, 1, &[1, 2, 3, 4]),
        record(28, 1, &[7; 16]),
    ]
    .concat();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut taken = 0;
    for _ in 0..200_000 {
        let mut bytes = message.clone();
        for _ in 0..=random.number() % 4 {
            let index = random.number() as usize % bytes.len();
            bytes[index] = random.number() as u8;
        }
        bytes.truncate(random.number() as usize % (2 * bytes.len()) + 1);
        taken += addresses(&bytes, query).1.len();
        let mut resolv = Resolv::DEFAULT;
        resolv.line(&bytes);
        address_in_hosts(&bytes, b"a");
    }
    assert!(taken > 50_000, "{taken}");
}

#[test]
fn hosts_have_names_and_aliases() {
    let of = |line: &str| {
        let address = address_in_hosts(line.as_bytes(), b"Router.lan")?;
        Some(str::from_utf8(address).unwrap().to_owned())
    };
    assert_eq!(of("192.168.1.1 router.lan"), Some("192.168.1.1".into()));
    assert_eq!(of("fe80::1%lo\tother  ROUTER.LAN # x"), Some("fe80::1%lo".into()));
    assert_eq!(of("1.2.3.4 router.lan."), Some("1.2.3.4".into()));
    for line in [
        "",
        "# 1.2.3.4 router.lan",
        "1.2.3.4 other # router.lan",
        "1.2.3.4",
        "router.lan 1.2.3.4",
        "1.2.3.4 router.lan..",
    ] {
        assert_eq!(of(line), None, "{line}");
    }
}

#[test]
fn localhost_is_a_last_label() {
    for name in ["localhost", "LocalHost", "a.b.localhost"] {
        assert!(is_localhost(name.as_bytes()), "{name}");
    }
    for name in ["", "localhost.lan", "xlocalhost", "local"] {
        assert!(!is_localhost(name.as_bytes()), "{name}");
    }
}

#[test]
fn resolv_conf_sets_domains_and_options() {
    let mut resolv = Resolv::DEFAULT;
    let domains = |resolv: &Resolv, name: &str| {
        let domains = resolv.domains(name.as_bytes()).map(<[u8]>::to_vec);
        domains
            .map(|domain| String::from_utf8(domain).unwrap())
            .collect::<Vec<_>>()
    };
    assert!(domains(&resolv, "a").is_empty());
    assert_eq!((resolv.timeout(), resolv.attempts()), (5_000, 2));
    assert_eq!(
        resolv.line(b"nameserver fe80::1%eth0 # x"),
        Some(b"fe80::1%eth0".as_slice())
    );
    for line in ["nameserver 1.2.3.4#x", "nameserver\t1.2.3.4;x y"] {
        assert_eq!(
            resolv.line(line.as_bytes()),
            Some(b"1.2.3.4".as_slice()),
            "{line}"
        );
    }
    for line in [
        "nameserver",
        "; nameserver 1.2.3.4",
        "#search x",
        "",
        "domain old",
        "search a b c d e f g",
        "options rotate ndots:2 timeout:x",
        "options timeout:0 attempts:99",
    ] {
        assert_eq!(resolv.line(line.as_bytes()), None);
    }
    assert_eq!(domains(&resolv, "x.y"), ["a", "b", "c", "d", "e", "f"]);
    assert!(domains(&resolv, "x.y.z").is_empty());
    assert!(domains(&resolv, "x.").is_empty());
    assert_eq!((resolv.timeout(), resolv.attempts()), (1_000, 10));
    resolv.line(b"options timeout:4294967297");
    assert_eq!(resolv.timeout(), 60_000);
    let long = "x".repeat(256);
    resolv.line(format!("search {long}").as_bytes());
    assert_eq!(domains(&resolv, "x"), [long.as_str()]);
    resolv.line(format!("search {long}x").as_bytes());
    assert!(domains(&resolv, "x").is_empty());
    resolv.line(format!("search a.lan\t{} b {long}", "y".repeat(200)).as_bytes());
    assert_eq!(domains(&resolv, "x"), ["a.lan", &"y".repeat(200), "b"]);
    resolv.line(b"search lan");
    assert_eq!(domains(&resolv, "x"), ["lan"]);
}
