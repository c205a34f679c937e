//! The agent and its transfer, over loopback.

use crate::common::{
    Agent, Folder, Line, Lines, Transfer, accept, accept_at_once, command, error_message, interruptible,
    narrow_listener, poll, refused, reset_by_peer, runner, told, wait_for_no_child, with_descriptors,
};
use socket2::SockRef;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Much in a short time.
const FAST: [&str; 2] = ["-interval=20ms", "-flush=20ms"];

fn start(transfer: &str, flags: &[&str]) -> Agent {
    Agent::start(&[&[transfer], flags].concat())
}

/// Lets the other side see a reset in place of an orderly end.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

fn whole_lines(stream: &TcpStream, count: usize) -> Vec<Line> {
    let lines = Lines::of(stream.try_clone().unwrap());
    (0..count).map(|_| Line::parse(&lines.next())).collect()
}

#[test]
fn defaults_deliver_lines_and_cpu_usage_with_the_next_flush() {
    let transfer = Transfer::new();
    let mut agent = start(&transfer.flag(), &[]);
    let stream = transfer.accept();
    let local = agent.log.wait_for("local addr:");
    let expected = format!(
        " connected to tcp {}, local addr:{}",
        transfer.address(),
        stream.peer_addr().unwrap()
    );
    assert!(local.ends_with(&expected), "{local}");
    let lines = Lines::of(stream);
    let first = Line::parse(&lines.next());
    assert_eq!(first.metric, "cpu.switches");
    let usage = Line::parse(&lines.wait_for("\"cpu.usage\""));
    let waited = usage.timestamp - first.timestamp;
    assert!(
        (1..=2).contains(&waited),
        "the first cpu.usage is of {waited} s after the start"
    );
    agent.stop();
}

/// Its own metrics, too.
const OFTEN: &str = "-metrics=agent=20ms";

/// Runs the agent with at most so many descriptors, over two connections; all families find what they need.
fn run_with_descriptors(count: u32, transfer: &Transfer, flags: &[&str]) {
    let mut agent = Agent::spawn(with_descriptors(count).args(FAST).args([OFTEN]).args(flags));
    for _ in 0..2 {
        let stream = transfer.accept();
        let lines = whole_lines(&stream, 300);
        let mut errors = lines.iter().filter(|line| line.metric == "agent.errors");
        assert!(errors.clone().count() > 1, "{count} descriptors");
        assert!(errors.next_back().unwrap().value < 0.5, "{count} descriptors");
        // Not both ways: lines on their way would be answered with a reset, which a write may notice first.
        stream.shutdown(Shutdown::Write).unwrap();
        agent.log.wait_for(": EOF");
    }
    // It connects once more, at its end at the latest; the next agent's connections follow.
    let _last = transfer.accept();
    agent.stop();
}

#[test]
fn descriptors_needed_are_twelve_and_the_connection_gets_the_first() {
    if !runner().is_empty() {
        return println!("skipped: an emulator has descriptors of its own");
    }
    let transfer = Transfer::localhost();
    let port = transfer.address().port();
    let to = format!("-trans=localhost:{port}");
    for count in 8..12 {
        let mut agent = Agent::spawn(with_descriptors(count).arg(&to));
        assert_eq!(agent.wait().code(), Some(1));
        agent.log.wait_for(&format!(
            "mini-monitor: at most {count} open files (ulimit -n) are too few: at least 12 are needed"
        ));
    }
    run_with_descriptors(12, &transfer, &[&to, "-process=*"]);
    run_with_descriptors(12, &transfer, &[&transfer.flag()]);
    let folder = Folder::new("descriptors");
    let spool = format!("-spool={}/spool", folder.path());
    let listen = format!("-listen={}/socket", folder.path());
    run_with_descriptors(14, &transfer, &[&to, &spool, &listen]);
    for count in [20, 40, 50, 60] {
        run_with_descriptors(count, &transfer, &[&to]);
    }
}

#[test]
fn descriptors_needed_with_a_command_are_fourteen() {
    if !runner().is_empty() {
        return println!("skipped: an emulator has descriptors of its own");
    }
    let folder = Folder::new("command-descriptors");
    let path = folder.join("lines");
    let command = format!("-trans=exec:cat >{}", path.display());
    let mut agent = Agent::spawn(with_descriptors(12).arg(&command));
    assert_eq!(agent.wait().code(), Some(1));
    agent.log.wait_for("at least 14 are needed");
    let mut agent = Agent::spawn(with_descriptors(14).args(FAST).args([OFTEN, &command]));
    let errors = || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = text.lines().filter(|line| line.contains("\"agent.errors\""));
        let values: Vec<_> = lines.map(|line| Line::parse(line).value).collect();
        (values.len() > 5).then_some(values)
    };
    assert!(poll(errors, "lines in the file").iter().all(|count| *count < 0.5));
    agent.stop();
}

/// The metrics and tags that the agent takes once.
fn taken_once(count: u32) -> BTreeSet<(String, Vec<String>)> {
    let output = with_descriptors(count)
        .args(["-once", "-process=sh"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| {
            let line = Line::parse(line);
            (line.metric, line.tag)
        })
        .collect()
}

#[test]
fn descriptors_limited_to_twelve_cost_no_sample() {
    if !runner().is_empty() {
        return println!("skipped: an emulator has descriptors of its own");
    }
    assert_eq!(taken_once(12), taken_once(500));
}

#[test]
fn receiver_absent_at_the_start_gets_all_lines_later() {
    let address = Transfer::absent();
    let agent = start(&format!("-trans={address}"), &["-interval=1s", "-flush=20ms"]);
    let refused = format!("dial tcp {address}: {}", refused());
    for _ in 0..3 {
        let line = agent.log.wait_for(&refused);
        // In Go's form: 2017/08/20 15:36:24 message.
        let shape: String = line[..20]
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000/00/00 00:00:00 ");
    }
    let transfer = Transfer::at(address);
    let lines = whole_lines(&transfer.accept(), 200);
    assert_eq!(lines[0].metric, "cpu.switches");
    assert!(lines.is_sorted_by_key(|line| line.timestamp));
    assert!(lines.iter().filter(|line| line.metric == "mem.total").count() > 1);
}

#[test]
fn close_is_noticed_at_once_and_lines_continue_on_the_next_connection() {
    let transfer = Transfer::new();
    // No write fails, and the buffer does not fill: only the end of the stream shows the close.
    let agent = start(&transfer.flag(), &["-interval=20ms", "-flush=24h", "-buffer=64M"]);
    let stream = transfer.accept();
    whole_lines(&stream, 8);
    stream.shutdown(Shutdown::Write).unwrap();
    agent
        .log
        .wait_for(&format!("read tcp {}: EOF", transfer.address()));
    whole_lines(&transfer.accept(), 8);
}

/// As `nc -l </dev/null` does it: it would go on reading.
#[test]
fn half_close_counts_as_a_close() {
    let transfer = Transfer::new();
    let agent = start(&transfer.flag(), &["-flush=24h"]);
    let mut stream = transfer.accept();
    stream.shutdown(Shutdown::Write).unwrap();
    agent.log.wait_for(": EOF");
    drop(transfer.accept());
    // The agent has ended the connection in good order.
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(received.is_empty() || received.ends_with(b"\n"));
}

#[test]
fn reset_within_a_line_is_followed_by_a_whole_line() {
    let listener = narrow_listener();
    let flag = format!("-trans={}", listener.local_addr().unwrap());
    // Nothing is repeated, so that each connection comes further than the one before.
    let agent = start(&flag, &[FAST[0], FAST[1], "-replay=0"]);
    for round in 0..20 {
        let mut stream = if round == 0 {
            accept(&listener)
        } else {
            accept_at_once(&listener, &agent)
        };
        // A stream that starts within a line does not start so.
        let mut head = [0; 300];
        stream.read_exact(&mut head).unwrap();
        assert!(
            head.starts_with(b"{\"metric\":\""),
            "{}",
            String::from_utf8_lossy(&head)
        );
        let end = head.iter().position(|&byte| byte == b'\n').unwrap();
        Line::parse(std::str::from_utf8(&head[..end]).unwrap());
        reset(stream);
    }
    agent.log.wait_for("connection reset by peer");
}

#[test]
fn receiver_that_never_reads_costs_only_old_lines() {
    let listener = narrow_listener();
    let flag = format!("-trans={}", listener.local_addr().unwrap());
    let flags = [
        "-interval=10ms",
        "-flush=24h",
        "-buffer=4K",
        "-debug",
        "-timeout=24h",
    ];
    let agent = start(&flag, &flags);
    let stream = accept(&listener);
    let collected = |count: usize| {
        let mut last = String::new();
        for _ in 0..count {
            last = agent.log.wait_for("~~ sender get metric ");
        }
        last
    };
    // Far more than socket and ring hold together.
    collected(2_000);
    // Pages of the binary do not count.
    let early = agent.status("RssAnon");
    let newest = collected(3_000);
    let late = agent.status("RssAnon");
    // 3,000 lines are 300 kB. An emulator also keeps the code that it has translated meanwhile.
    let most = if runner().is_empty() { 64 } else { 192 };
    assert!(late <= early + most, "{early} kB have become {late} kB");

    // What was there at first, then what is left: whole lines in their order, none cut at the seam.
    // No flush comes: the lines go as the connection has room again.
    let newest = Line::parse(newest.split_once("metric ").unwrap().1);
    let lines = Lines::of(stream);
    let (mut last, mut count) = (0, 0);
    while last < newest.timestamp {
        let line = Line::parse(&lines.next());
        assert!(line.timestamp >= last);
        last = line.timestamp;
        count += 1;
    }
    assert!(count < 5_000, "nothing was dropped");
}

#[test]
fn receiver_that_reads_nothing_times_out_and_no_line_is_lost() {
    if runner().is_empty() {
        println!("skipped: this kernel tells which peers are alive");
        return;
    }
    let listener = narrow_listener();
    let flag = format!("-trans={}", listener.local_addr().unwrap());
    let flags = [
        "-metrics=agent,agent=20ms",
        "-flush=20ms",
        "-timeout=1s",
        "-buffer=8M",
        "-debug",
    ];
    let mut agent = start(&flag, &flags);
    let first = accept(&listener);
    let mut log = Vec::new();
    let timed_out = format!(": {}", error_message("connection timed out"));
    agent.log.up_to(&timed_out, &mut log);
    // The kernel still holds what had arrived.
    let [second, first] = [accept(&listener), first].map(Lines::of);
    agent.stop();
    log.extend(agent.rest_of_log());
    let all: Vec<String> = [first.rest(), second.rest()].concat();
    let mut made = log
        .iter()
        .filter_map(|line| line.split_once("~~ sender get metric "));
    assert!(made.clone().count() > 500);
    assert!(made.all(|(_, line)| all.iter().any(|other| other == line)));
}

#[test]
fn receiver_that_reads_nothing_is_left_for_the_next_and_no_line_is_lost() {
    let (listener, other) = (narrow_listener(), Transfer::new());
    let flag = format!("-trans={},{}", listener.local_addr().unwrap(), other.address());
    let flags = [
        "-metrics=agent,agent=20ms",
        "-flush=20ms",
        "-timeout=100ms",
        "-buffer=8M",
        "-debug",
    ];
    let mut agent = start(&flag, &flags);
    let first = accept(&listener);
    let mut log = Vec::new();
    agent.log.up_to(": i/o timeout", &mut log);
    // The kernel still holds what had arrived.
    let [second, first] = [other.accept(), first].map(Lines::of);
    agent.stop();
    log.extend(agent.rest_of_log());
    let all: Vec<String> = [first.rest(), second.rest()].concat();
    let made: Vec<&str> = told(&log).collect();
    assert!(made.len() > 50);
    assert!(made.iter().all(|line| all.iter().any(|other| other == line)));
}

#[test]
fn sigterm_sends_what_is_due_and_exits_0() {
    let transfer = Transfer::new();
    // Nothing is flushed on its own account.
    let mut agent = start(&transfer.flag(), &["-interval=20ms", "-flush=24h", "-debug"]);
    let lines = Lines::of(transfer.accept());
    for _ in 0..50 {
        agent.log.wait_for("~~ sender get metric ");
    }
    agent.signal("TERM");
    assert_eq!(agent.wait().code(), Some(0));
    let collected = 50
        + agent
            .rest_of_log()
            .iter()
            .filter(|line| line.contains("~~ sender get metric "))
            .count();
    let received = lines.rest();
    for line in &received {
        Line::parse(line);
    }
    assert_eq!(received.len(), collected);
}

#[test]
fn sigterm_does_not_wait_for_a_stalled_or_absent_receiver() {
    let listener = narrow_listener();
    let mut agent = start(&format!("-trans={}", listener.local_addr().unwrap()), &FAST);
    let stream = listener.accept().unwrap();
    agent.log.wait_for("local addr:");
    agent.stop();
    drop(stream);

    let mut agent = Agent::spawn(interruptible().arg(format!("-trans={}", Transfer::absent())));
    agent.log.wait_for(refused());
    agent.signal("INT");
    assert_eq!(agent.wait().code(), Some(0));
}

/// Writes until the other end takes no more; answers how much it took.
fn flood(stream: &mut TcpStream, at_most: usize) -> usize {
    stream.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
    let noise = vec![b'x'; 1 << 14];
    let mut taken = 0;
    while taken < at_most {
        match stream.write(&noise[..noise.len().min(at_most - taken)]) {
            Ok(count) => taken += count,
            Err(_) => break,
        }
    }
    taken
}

#[test]
fn peer_that_sends_many_small_pieces_does_not_wake_the_agent_for_each() {
    let transfer = Transfer::new();
    let mut agent = start(&transfer.flag(), &["-interval=24h", "-flush=24h"]);
    let mut stream = transfer.accept();
    stream.set_nodelay(true).unwrap();
    agent.log.wait_for("local addr:");
    let before = agent.status("voluntary_ctxt_switches:");
    for _ in 0..1_000 {
        stream.write_all(b"x").unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    let wake_ups = agent.status("voluntary_ctxt_switches:") - before;
    assert!(wake_ups < 100, "{wake_ups} wake-ups");
    agent.stop();
}

/// A connection whose other end holds little of what it sends.
fn with_small_buffer(stream: TcpStream) -> TcpStream {
    SockRef::from(&stream).set_send_buffer_size(1 << 14).unwrap();
    stream
}

#[test]
fn peer_that_sends_without_end_is_read_slowly_and_lines_continue() {
    let transfer = Transfer::new();
    // A small ring, which is soon touched as a whole.
    let mut agent = start(&transfer.flag(), &[&FAST[..], &["-buffer=16K"]].concat());
    let mut stream = with_small_buffer(transfer.accept());
    let lines = Lines::of(stream.try_clone().unwrap());
    lines.next();
    // Pages of the binary do not count.
    let before = agent.status("RssAnon");
    let is_done = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut taken = 0;
            while !is_done.load(Ordering::Relaxed) {
                taken += flood(&mut stream, 1 << 20);
            }
            taken
        });
        for _ in 0..50 {
            Line::parse(&lines.wait_for("\"cpu.load1\""));
        }
        is_done.store(true, Ordering::Relaxed);
        flood.join().unwrap()
    });
    // What a kernel holds of it, and a few times 4 KB.
    assert!(taken < 1 << 20, "{taken} bytes were taken");
    // An emulator's memory grows with the code that it has translated.
    if runner().is_empty() {
        assert!(agent.status("RssAnon") <= before + 64);
    }
    agent.stop();
}

/// No write would tell of it, and much that has not been read lies before the end.
#[test]
fn close_or_reset_after_unread_bytes_is_noticed_at_once() {
    let transfer = Transfer::new();
    let flags = ["-metrics=load", "-interval=24h", "-flush=24h", "-replay=0"];
    let mut agent = start(&transfer.flag(), &flags);
    // The only lines that there are to write.
    let first = transfer.accept();
    Lines::of(first.try_clone().unwrap()).wait_for("\"proc.blocked\"");
    first.shutdown(Shutdown::Both).unwrap();
    agent.log.wait_for(": EOF");
    for (is_reset, end) in [(false, "EOF"), (true, reset_by_peer())] {
        let mut stream = transfer.accept();
        agent.log.wait_for("local addr:");
        assert_eq!(flood(&mut stream, 40_000), 40_000);
        if is_reset {
            reset(stream);
        } else {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        agent
            .log
            .wait_for(&format!("read tcp {}: {end}", transfer.address()));
    }
    drop(transfer.accept());
    agent.stop();
}

#[test]
fn first_bytes_from_a_peer_are_logged_once_a_connection_and_rate_limited() {
    let transfer = Transfer::new();
    let mut agent = start(&transfer.flag(), &["-interval=20ms", "-flush=20ms", "-replay=0"]);
    let address = transfer.address();
    let mut log = Vec::new();
    let mut next = Some(transfer.accept());
    for (answer, told) in [
        (
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 400 Bad Request",
        ),
        (
            "-ERR 'Unknown Protocol Operation'\r\n",
            "-ERR 'Unknown Protocol Operation'",
        ),
        // The first four printable bytes in a row, and what follows them.
        ("H\r\n\u{1b}[31m\u{9b}x\u{e9}\nforged", "[31m"),
        ("J\0\0\0\n5.7.33-log\0", "5.7.33-log"),
    ] {
        let mut stream = next.take().unwrap_or_else(|| transfer.accept_at_once(&agent));
        let lines = Lines::of(stream.try_clone().unwrap());
        Line::parse(&lines.next());
        stream.write_all(answer.as_bytes()).unwrap();
        let told = format!("received from tcp {address}: \"{told}\"");
        agent.log.up_to(&told, &mut log);
        // Another word of the same connection is not.
        stream.write_all(b"more").unwrap();
        lines.wait_for("\"cpu.load1\"");
        stream.write_all(&b"long ".repeat(40)).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
        // A read or a write notices the end, whichever comes first.
        agent.log.up_to(&format!(" tcp {address}: "), &mut log);
    }
    let mut stream = transfer.accept_at_once(&agent);
    stream.write_all(&b"long ".repeat(40)).unwrap();
    agent.log.up_to(&format!("\"{}\"", "long ".repeat(20)), &mut log);
    drop(stream);
    // The answer comes with the end, again and again.
    for _ in 0..12 {
        let mut stream = transfer.accept_at_once(&agent);
        whole_lines(&stream, 1);
        stream.write_all(b"no").unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    }
    drop(transfer.accept_at_once(&agent));
    agent.stop();
    log.extend(agent.rest_of_log());
    let count = log.iter().filter(|line| line.contains("received from")).count();
    assert!(count <= 10, "{count} lines: {log:#?}");
}

/// Bytes that the log says were written.
fn written(log: &[String]) -> usize {
    let counts = log
        .iter()
        .filter_map(|line| line.split_once(" flush: ")?.1.split(' ').next());
    counts.map(|count| count.parse::<usize>().unwrap()).sum()
}

/// What is left unread would make the kernel reset the connection, and throw away what the peer has not taken yet.
#[test]
fn peer_that_sends_much_and_reads_late_gets_all_lines() {
    for by_reload in [false, true] {
        let folder = Folder::new("late");
        let path = folder.join("mini-monitor.json");
        let listener = narrow_listener();
        let other = Transfer::new();
        let text =
            |address| format!("{{\"trans\": \"{address}\", \"interval\": \"20ms\", \"flush\": \"20ms\"}}");
        fs::write(&path, text(listener.local_addr().unwrap())).unwrap();
        let mut agent = start(
            &format!("-config={}", path.display()),
            &["-debug", "-timeout=24h"],
        );
        let mut stream = accept(&listener);
        assert_eq!(flood(&mut stream, 50_000), 50_000);
        // Until it takes no more: all buffers are full.
        let mut log = Vec::new();
        loop {
            agent.log.up_to(" flush: ", &mut log);
            let (_, counts) = log.last().unwrap().split_once(" flush: ").unwrap();
            let (taken, all) = counts.strip_suffix(" bytes").unwrap().split_once(" of ").unwrap();
            if taken != all {
                break;
            }
        }
        if by_reload {
            fs::write(&path, text(other.address())).unwrap();
            agent.signal("HUP");
            agent.log.up_to("configuration reloaded", &mut log);
            drop(other.accept());
        } else {
            agent.stop();
            log.extend(agent.rest_of_log());
        }
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        if by_reload {
            agent.kill();
        }
        assert_eq!(received.len(), written(&log), "by reload: {by_reload}");
    }
}

#[test]
fn addresses_may_be_a_port_ipv6_a_unix_socket_or_a_name() {
    // This host, by its port alone; a name, which a child looks up.
    let transfer = Transfer::localhost();
    let port = transfer.address().port();
    for host in ["", "localhost"] {
        let mut agent = start(&format!("-trans={host}:{port}"), &[]);
        // Open until the end: an agent whose connection has ended connects once more.
        let stream = transfer.accept();
        whole_lines(&stream, 8);
        agent.stop();
    }
    // Version 6, where this machine has it; also as the second address of this host.
    if let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        let address = listener.local_addr().unwrap();
        for transfer in [format!("-trans={address}"), format!("-trans=:{}", address.port())] {
            let mut agent = start(&transfer, &[]);
            let stream = accept(&listener);
            whole_lines(&stream, 8);
            agent.stop();
        }
    }
    let folder = Folder::new("unix");
    let path = folder.join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let mut agent = start(&format!("-trans=unix:{}", path.display()), &[]);
    let lines = Lines::of(listener.accept().unwrap().0);
    for _ in 0..8 {
        Line::parse(&lines.next());
    }
    agent.stop();
}

#[test]
fn unknown_name_is_a_failed_attempt_and_leaves_no_zombie() {
    let agent = start("-trans=nobody.invalid:6000", &[]);
    for _ in 0..3 {
        agent.log.wait_for("dial tcp: lookup nobody.invalid: ");
    }
    wait_for_no_child(agent.pid());
}

#[test]
fn standard_output_gets_the_first_lines_at_once() {
    // No flush comes but the one when the connection comes up.
    let mut agent = Agent::start(&["-trans", "-", "-flush=24h"]);
    let lines = Lines::of(agent.out());
    Line::parse(&lines.next());
    agent.stop();
    for line in lines.rest() {
        Line::parse(&line);
    }
}

#[test]
fn standard_output_that_is_closed_ends_the_agent_without_a_signal() {
    let mut agent = Agent::start(&["-trans=-", FAST[0], FAST[1]]);
    let lines = Lines::of(agent.out());
    lines.next();
    drop(lines);
    assert_eq!(agent.wait().code(), Some(3));
}

#[test]
fn standard_output_that_is_full_does_not_stop_the_collection() {
    let mut agent = Agent::start(&[
        "-trans=-",
        "-interval=10ms",
        "-flush=10ms",
        "-buffer=4K",
        "-debug",
    ]);
    // Far more than a pipe and the ring hold.
    for _ in 0..3_000 {
        agent.log.wait_for("~~ sender get metric ");
    }
    let lines = Lines::of(agent.out());
    for _ in 0..800 {
        Line::parse(&lines.next());
    }
}

#[test]
fn log_that_is_not_read_does_not_stop_the_lines() {
    let transfer = Transfer::new();
    let mut command = command();
    command.args([&transfer.flag(), "-debug", "-interval=10ms", "-flush=10ms"]);
    // A pipe holds 64 KiB; each line is logged, and more.
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    whole_lines(&transfer.accept(), 3_000);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn agent_metrics_count_connections_and_losses() {
    let transfer = Transfer::new();
    let flags = ["-metrics=agent=20ms", "-flush=20ms"];
    let mut agent = Agent::start(&[&[transfer.flag().as_str()], &flags[..]].concat());
    let value = |lines: &Lines, metric: &str| Line::parse(&lines.wait_for(&format!("\"{metric}\""))).value;
    let first = Lines::of(transfer.accept());
    let made = value(&first, "agent.lines");
    assert!(value(&first, "agent.reconnects") < 0.5);
    drop(first);
    let address = transfer.address();
    drop(transfer);
    agent.log.wait_for(refused());
    let transfer = Transfer::at(address);
    let second = Lines::of(transfer.accept());
    while value(&second, "agent.reconnects") < 0.5 {}
    assert!(value(&second, "agent.lines") > made + 7.5);
    assert!(value(&second, "agent.lines.dropped") < 0.5);
    agent.stop();

    // Nobody listens until the buffer has overflowed.
    let absent = Transfer::absent();
    let to = format!("-trans={absent}");
    // Thinning alone might be enough for a short outage.
    let small = [to.as_str(), "-buffer=4K", "-overflow=drop", "-metrics=load=10ms"];
    let mut agent = Agent::start(&[&small, &flags[..]].concat());
    for _ in 0..5 {
        agent.log.wait_for(refused());
    }
    let transfer = Transfer::at(absent);
    let lines = Lines::of(transfer.accept());
    while value(&lines, "agent.lines.dropped") < 0.5 {}
    assert!(value(&lines, "agent.reconnects") < 0.5);
    assert!(value(&lines, "agent.queued.bytes") < 4096.5);
    agent.stop();
}

#[test]
fn first_of_several_receivers_that_answers_gets_the_lines() {
    let absent = Transfer::absent();
    let present = Transfer::new();
    let folder = Folder::new("several");
    let path = folder.join("s");
    let list = format!(
        "-trans=nobody.invalid:1,{absent},unix:{},{}",
        path.display(),
        present.address()
    );
    let mut agent = start(&list, &["-interval=1s", "-flush=20ms"]);
    agent.log.wait_for("dial tcp: lookup nobody.invalid: ");
    agent.log.wait_for(&format!("dial tcp {absent}: {}", refused()));
    agent.log.wait_for(&format!(
        "dial unix {}: no such file or directory",
        path.display()
    ));
    let stream = present.accept();
    let told = agent.log.wait_for("local addr:");
    let expected = format!(
        " connected to tcp {}, local addr:{}",
        present.address(),
        stream.peer_addr().unwrap()
    );
    assert!(told.ends_with(&expected), "{told}");
    whole_lines(&stream, 50);

    // A connection that is lost is followed by a round from the first on.
    let listener = UnixListener::bind(&path).unwrap();
    drop(stream);
    agent.log.wait_for("dial tcp: lookup nobody.invalid: ");
    agent.log.wait_for(&format!("dial tcp {absent}: "));
    let lines = Lines::of(listener.accept().unwrap().0);
    let told = agent.log.wait_for("connected to unix");
    let expected = format!(" connected to unix {}", path.display());
    assert!(told.ends_with(&expected), "{told}");
    for _ in 0..50 {
        Line::parse(&lines.next());
    }
    agent.stop();
}

#[test]
fn sighup_triggers_an_attempt_and_does_no_harm() {
    let absent = Transfer::absent();
    let mut agent = start(&format!("-trans={absent}"), &FAST);
    let refused = format!("dial tcp {absent}: {}", refused());
    // Ten attempts are told, and some come by themselves.
    agent.log.wait_for(&refused);
    for _ in 0..3 {
        agent.signal("HUP");
        agent.log.wait_for(&refused);
    }
    let transfer = Transfer::at(absent);
    agent.signal("HUP");
    let stream = transfer.accept();
    let lines = Lines::of(stream);
    for _ in 0..5 {
        agent.signal("HUP");
        lines.wait_for("\"cpu.usage\"");
    }
    agent.stop();
    lines.rest();
    assert!(agent.rest_of_log().iter().all(|line| !line.contains("EOF")));
}

#[test]
fn report_is_one_line_of_the_log() {
    let transfer = Transfer::new();
    let absent = Transfer::absent();
    let mut agent = start(
        &format!("-trans={absent},{}", transfer.address()),
        &["-flush=24h", "-interval=20ms"],
    );
    let stream = transfer.accept();
    whole_lines(&stream, 8);
    agent.log.wait_for("local addr:");
    agent.signal("USR1");
    let line = agent.log.wait_for("; bytes queued: ");
    let start = format!(" connected to tcp {}; bytes queued: ", transfer.address());
    assert!(line.contains(&start), "{line}");
    assert!(
        line.ends_with(", thinned: 0, dropped: 0; reconnects: 0"),
        "{line}"
    );
    drop(transfer);
    stream.shutdown(Shutdown::Both).unwrap();
    // The attempts fail at once: what it does once it has noticed is to wait.
    while !{
        agent.signal("USR1");
        agent.log.wait_for("; bytes queued: ").contains(" waiting; ")
    } {}
    agent.stop();
}

#[test]
fn signals_do_not_disturb_once_nor_the_last_flush() {
    let mut agent = Agent::start(&["-once"]);
    let lines = Lines::of(agent.out());
    let first = Line::parse(&lines.next());
    for name in ["HUP", "USR1", "HUP", "USR1"] {
        agent.signal(name);
    }
    assert_eq!(agent.wait().code(), Some(0));
    let rest = lines.rest();
    let last = Line::parse(rest.last().unwrap());
    // What needs two reads comes a second after the first.
    assert!(rest.iter().any(|line| line.contains("\"cpu.usage\"")));
    assert!(last.timestamp > first.timestamp);

    // It waits for room during its last flush, until there is some.
    let listener = narrow_listener();
    let flag = format!("-trans={}", listener.local_addr().unwrap());
    let mut agent = start(&flag, &["-interval=10ms", "-flush=10ms", "-buffer=1M", "-debug"]);
    let stream = accept(&listener);
    let collected = |_| agent.log.wait_for("~~ sender get metric ");
    let mut log: Vec<String> = (0..2_000).map(collected).collect();
    agent.signal("TERM");
    for name in ["HUP", "USR1", "HUP", "USR1"] {
        agent.signal(name);
    }
    let lines = Lines::of(stream);
    assert_eq!(agent.wait().code(), Some(0));
    let received: BTreeSet<String> = lines.rest().into_iter().collect();
    log.extend(agent.rest_of_log());
    // The log itself loses messages that are not read in time.
    let missing: Vec<&str> = told(&log).filter(|line| !received.contains(*line)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn outage_of_many_buffers_is_spanned_by_every_series() {
    let absent = Transfer::absent();
    let to = format!("-trans={absent}");
    let flags = ["-buffer=16K", "-metrics=load,mem,load=20ms,mem=1s", "-flush=50ms"];
    let agent = Agent::start(&[&[to.as_str()], &flags[..]].concat());
    let left = |line: &str| {
        let number = line.split("thinned: ").nth(1).unwrap().split(',').next().unwrap();
        number.parse::<u64>().unwrap()
    };
    agent.log.wait_for(refused());
    // Sixteen buffers: the ring alone knows when.
    poll(
        || {
            agent.signal("USR1");
            (left(&agent.log.wait_for("; bytes queued: ")) > 2_000).then_some(())
        },
        "so many thinned lines",
    );
    let transfer = Transfer::at(absent);
    agent.signal("HUP");
    let lines = Lines::of(transfer.accept());
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut stamps: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    loop {
        let line = Line::parse(&lines.next());
        if line.timestamp > end {
            break;
        }
        stamps.entry(line.metric).or_default().push(line.timestamp);
    }
    let start = *stamps.values().flatten().min().unwrap();
    assert!(end >= start + 3, "the outage was none");
    for (metric, stamps) in stamps {
        let (first, last) = (stamps[0], *stamps.last().unwrap());
        assert!(
            first <= start + 1 && last + 1 >= end,
            "{metric}: {stamps:?} of {start} to {end}"
        );
        let gaps: Vec<u64> = stamps.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for gaps in gaps.windows(3) {
            // The stamps are cut to seconds.
            assert!(gaps[1] <= 2 * (gaps[0] + gaps[2]) + 2, "{metric}: {stamps:?}");
        }
    }
}

/// The seconds of the day in the stamp of a line of the log.
fn second_of_day(line: &str) -> i64 {
    let mut parts = line.split(' ').nth(1).unwrap().split(':');
    let mut next = || parts.next().unwrap().parse::<i64>().unwrap();
    (next() * 60 + next()) * 60 + next()
}

#[test]
fn log_is_in_local_time() {
    let folder = Folder::new("zone");
    // A file of the time zone database (RFC 9636): no change, one kind of time, two hours ahead of UTC. It has that
    // twice, with times of four and of eight bytes, of which there are none.
    let mut block = b"TZif2".to_vec();
    block.extend([0; 15]);
    for count in [0_u32, 0, 0, 0, 1, 4] {
        block.extend(count.to_be_bytes());
    }
    block.extend(7_200_u32.to_be_bytes());
    block.extend(*b"\0\0XYZ\0");
    let file = [&block[..], &block, b"\nXYZ-2\n"].concat();
    fs::write(folder.join("file"), file).unwrap();
    let path = format!("{}/file", folder.path());
    for (zone, offset) in [
        ("UTC0", 0),
        ("<+0545>-5:45", 20_700),
        ("AAA5BBB4,0/0,J365/23", -14_400),
        (path.as_str(), 7_200),
        (&format!(":{path}"), 7_200),
        ("", 0),
    ] {
        let absent = Transfer::absent();
        let mut agent = Agent::spawn(command().env("TZ", zone).arg(format!("-trans={absent}")));
        let line = agent.log.next();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let late = (now + offset - second_of_day(&line)).rem_euclid(86_400);
        assert!(late < 5, "{zone}: {line}, {late}");
        agent.stop();
    }
}
