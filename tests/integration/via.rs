//! Connections through the standard input and output of a command: `-via`, and `https://` with openssl.

use crate::common::http::{Server, status};
use crate::common::tls::{TlsServer, certificate, certificate_for};
use crate::common::{Agent, Folder, Lines, Transfer, behind, poll, runner};
use std::fs;
use std::time::Duration;

const FLAGS: [&str; 3] = ["-flush=50ms", "-metrics=agent=50ms,load=50ms", "-endpoint=via"];

fn start(to: &str, more: &[&str]) -> Agent {
    let to = format!("-trans={to}");
    Agent::start(&[&[to.as_str()], &FLAGS[..], more].concat())
}

#[test]
fn command_has_host_and_port_and_carries_lines() {
    let folder = Folder::new("via");
    let path = folder.join("words");
    let transfer = Transfer::new();
    let (path, address) = (path.display(), transfer.address());
    let via = format!(
        "-via=echo %h %p 100%% >{path}.new && mv {path}.new {path}; exec nc {} {}",
        address.ip(),
        address.port()
    );
    let mut agent = start("no-such-name.lan:6000", &[&via]);
    agent.log.wait_for(" started tunnel no-such-name.lan:6000");
    let lines = Lines::of(transfer.accept());
    for _ in 0..20 {
        lines.next();
    }
    let words = fs::read_to_string(path.to_string()).unwrap();
    assert_eq!(words, "no-such-name.lan 6000 100%\n");
    agent.signal("USR1");
    agent.log.wait_for("running tunnel no-such-name.lan:6000");
    agent.stop();
}

#[test]
fn answers_come_back_through_the_command() {
    let server = Server::start(|_, _| status(204));
    let via = format!("-via=exec nc 127.0.0.1 {}", server.address.port());
    let mut agent = start("http://no-such-name.lan/write", &[&via, "-replay=0"]);
    let requests = server.wait_for(5);
    assert_eq!(requests[0].header("Host"), Some("no-such-name.lan"));
    // One connection has all of them, since each is answered.
    assert!(requests.iter().all(|request| request.connection == 0));
    agent.stop();
}

#[test]
fn command_that_ends_is_started_again_and_no_line_is_lost() {
    let server = Server::start(|_, _| status(204));
    // Two requests come through, and the third one's connection ends.
    let via = format!("-via=timeout 0.3 nc 127.0.0.1 {} || true", server.address.port());
    let mut agent = start("http://h.lan/", &[&via, "-debug", "-replay=60s"]);
    let requests =
        server.wait_until(|requests| requests.last().is_some_and(|request| request.connection > 2));
    assert!(requests.iter().any(|request| request.connection == 1));
    agent.stop();
    let log = agent.rest_of_log();
    let sent: Vec<String> = server
        .requests()
        .iter()
        .flat_map(crate::common::http::Request::lines)
        .collect();
    let made: Vec<&str> = crate::common::told(&log).collect();
    assert!(made.len() > 20);
    let missing: Vec<_> = made
        .iter()
        .filter(|line| !sent.iter().any(|one| one == *line))
        .collect();
    // The last lines may be on their way.
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn first_words_of_a_command_are_logged() {
    let mut agent = start("exec:echo HTTP/1.1 400 Bad Request; exec cat >/dev/null", &[]);
    agent
        .log
        .wait_for("received from command echo HTTP/1.1 400 Bad Request; exec cat >/dev/null: \"HTTP/1.1 400 Bad Request\"");
    agent.stop();
}

#[test]
fn command_that_prints_without_end_blocks_nothing() {
    let folder = Folder::new("prints");
    let path = folder.join("lines");
    let mut agent = start(&format!("exec:yes & exec cat >{}", path.display()), &[]);
    let count = || fs::read_to_string(&path).map_or(0, |text| text.lines().count());
    poll(|| (count() > 100).then_some(()), "lines in the file");
    agent.stop();
}

#[test]
fn command_that_closes_its_input_costs_no_processor_time_and_may_still_answer() {
    let via = "-via=head -c 20 >/dev/null; exec <&-; sleep 1; printf 'HTTP/1.1 204 x\\r\\n\\r\\n'; sleep 10";
    let mut agent = start("http://h.lan/", &[via, "-replay=0"]);
    agent.log.wait_for(" started tunnel h.lan:80");
    std::thread::sleep(Duration::from_millis(2500));
    // Ticks of 10 ms in user and kernel mode (`proc(5)`).
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.pid())).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    agent.stop();
    assert!(ticks < 50, "{ticks} ticks");
    let log = agent.rest_of_log();
    assert!(!log.iter().any(|line| line.contains("request to")), "{log:#?}");
}

/// An agent that trusts this certificate.
fn start_trusting(trusted: &str, to: &str) -> Agent {
    let variable = format!("SSL_CERT_FILE={trusted}");
    let to = format!("-trans={to}");
    Agent::spawn(behind(&["env", &variable]).arg(&to).args(FLAGS))
}

#[test]
fn https_sends_requests_over_tls_and_reads_their_answers() {
    let folder = Folder::new("https");
    let identity = certificate(&folder, "server");
    for host in ["localhost", "127.0.0.1"] {
        let mut server = TlsServer::start(&identity);
        let url = format!("https://{host}:{}/write", server.port);
        let agent = start_trusting(&identity.0, &url);
        let mut stamps = Vec::new();
        for _ in 0..3 {
            let head = server.head();
            assert_eq!(head[0], "POST /write?precision=s HTTP/1.1");
            assert!(
                head.contains(&format!("Host: {host}:{}", server.port)),
                "{head:?}"
            );
            stamps.push(server.body(&head));
            server.answer("HTTP/1.1 204 No Content\r\n\r\n");
        }
        // Each request has other lines: the answers were read.
        stamps.dedup();
        assert_eq!(stamps.len(), 3);
        agent.signal("KILL");
    }
}

#[test]
fn https_gives_nothing_to_a_server_that_is_not_trusted_or_has_another_name() {
    let folder = Folder::new("https-refused");
    let identity = certificate(&folder, "server");
    let other = certificate(&folder, "other");
    let of_name = certificate_for(&folder, "name", "DNS:collect.lan");
    for (identity, trusted, host) in [
        (&identity, &other, "localhost"),
        (&identity, &identity, "127.0.0.2"),
        (&of_name, &of_name, "localhost"),
    ] {
        let server = TlsServer::start(identity);
        let agent = start_trusting(&trusted.0, &format!("https://{host}:{}/write", server.port));
        agent.log.wait_for("certificate verify failed");
        agent.log.wait_for("request to tunnel ");
        agent.signal("KILL");
        let rest = server.kill();
        assert!(rest.is_empty(), "{host}: {rest:?}");
    }
}

#[test]
fn missing_openssl_is_reported_in_one_line() {
    // An emulator would not be found either.
    if !runner().is_empty() {
        return;
    }
    let mut command = behind(&["env", "PATH=/nowhere"]);
    let mut agent = Agent::spawn(command.arg("-trans=https://db.lan/write").args(FLAGS));
    agent.log.wait_for(
        "tunnel db.lan:443: https:// needs openssl (opkg install openssl-util ca-bundle), or -via with another program",
    );
    agent.stop();
}
