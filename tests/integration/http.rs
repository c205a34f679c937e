//! HTTP push: requests, answers, and that no answer of a server loses a line.

use crate::common::http::{Reply, Request, Server, status};
use crate::common::reloaded::Reloaded;
use crate::common::{Agent, Folder, Line, TOLD, told};
use socket2::SockRef;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An agent that makes lines quickly.
fn quick(url: &str, flags: &[&str]) -> Agent {
    let trans = format!("-trans={url}");
    let own = [
        &trans,
        "-interval=100ms",
        "-flush=100ms",
        "-metrics=load,agent",
        "-endpoint=e",
        "-debug",
    ];
    Agent::start(&[&own, flags].concat())
}

/// The lines of requests with a JSON body that the server has accepted.
fn lines(requests: &[Request]) -> Vec<String> {
    requests.iter().flat_map(Request::lines).collect()
}

/// Stops the agent, and checks that each line that it has made is among the received ones.
fn check_all_came(mut agent: Agent, server: &Server, accepted: impl Fn(&Request) -> bool) {
    agent.stop();
    let log = agent.rest_of_log();
    let made: BTreeSet<&str> = told(&log).collect();
    assert!(!made.is_empty());
    let accepted: Vec<Request> = server.requests().into_iter().filter(accepted).collect();
    let received = lines(&accepted);
    let received: BTreeSet<&str> = received.iter().map(String::as_str).collect();
    let missing: Vec<&&str> = made.difference(&received).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn url_alone_tells_form_path_and_credentials() {
    let server = Server::start(|_, _| status(204));
    let url = format!("http://me:p%40ss@{}/write?db=a", server.address);
    let mut agent = quick(&url, &["-tag=lab"]);
    let request = server.wait_for(1).remove(0);
    assert_eq!(request.head[0], "POST /write?db=a&precision=s HTTP/1.1");
    assert_eq!(request.header("Host"), Some(server.address.to_string().as_str()));
    assert_eq!(request.header("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(request.header("Authorization"), Some("Basic bWU6cEBzcw=="));
    assert!(request.header("User-Agent").unwrap().starts_with("mini-monitor/"));
    let load = request
        .lines()
        .into_iter()
        .find(|line| line.starts_with("cpu,"))
        .unwrap();
    assert!(
        load.starts_with("cpu,endpoint=e,lab=true,os=linux load1="),
        "{load}"
    );
    assert_eq!(load.rsplit(' ').next().unwrap().len(), 10, "{load}");
    agent.stop();
    let log = agent.rest_of_log().join("\n");
    assert!(!log.contains("p%40ss") && !log.contains("p@ss"), "{log}");
}

#[test]
fn each_form_has_its_content_type() {
    for (path, flags, kind, encoding) in [
        ("/write", vec![], "text/plain; charset=utf-8", None),
        ("/v1/metrics", vec![], "application/x-protobuf", None),
        ("/api/v1/write", vec![], "application/x-protobuf", Some("snappy")),
        ("/", vec![], "application/x-ndjson", None),
        ("/", vec!["-format=json-labels"], "application/x-ndjson", None),
        (
            "/any",
            vec!["-format=otlp", "-gzip"],
            "application/x-protobuf",
            Some("gzip"),
        ),
        (
            "/any",
            vec!["-format=prometheus", "-gzip"],
            "application/x-protobuf",
            Some("snappy"),
        ),
    ] {
        let server = Server::start(|_, _| status(200));
        let mut agent = quick(&server.url(path), &flags);
        let request = server.wait_for(1).remove(0);
        assert_eq!(request.header("Content-Type"), Some(kind), "{path}");
        assert_eq!(request.header("Content-Encoding"), encoding, "{path} {flags:?}");
        agent.stop();
    }
}

#[test]
fn labels_are_an_object_with_json_labels() {
    let server = Server::start(|_, _| status(200));
    let mut agent = quick(&server.url("/"), &["-format=json-labels", "-tag=site=a"]);
    let line = server.wait_for(1)[0].lines().remove(0);
    assert!(
        line.contains("\"endpoint\":\"e\",\"tags\":{\"os\":\"linux\",\"site\":\"a\"},\"value\":"),
        "{line}"
    );
    agent.stop();
}

#[test]
fn headers_of_the_user_are_sent_and_never_logged() {
    let server = Server::start(|_, _| status(204));
    let flags = [
        "-header=Authorization: Bearer se:cret",
        "-header=X-Scope-OrgID: 7",
    ];
    let mut agent = quick(&server.url("/write"), &flags);
    let request = server.wait_for(1).remove(0);
    assert_eq!(request.header("Authorization"), Some("Bearer se:cret"));
    assert_eq!(request.header("X-Scope-OrgID"), Some("7"));
    agent.stop();
    let log = agent.rest_of_log().join("\n");
    assert!(!log.contains("cret"), "{log}");
}

#[test]
fn each_address_has_its_own_headers() {
    let bad = Server::start(|_, _| status(503));
    let good = Server::start(|_, _| status(204));
    let folder = Folder::new("headers");
    let file = folder.config(&format!(
        r#"{{"trans": ["{}", {{"url": "{}", "header": ["Authorization: Bearer se:cret", "X-Second: 2"]}}],
            "header": "X-First: first-secret", "interval": "100ms", "flush": "100ms", "debug": true}}"#,
        bad.url("/"),
        good.url("/a,b")
    ));
    let mut agent = Agent::start(&[&file, "-metrics=load,agent"]);
    let requests = good.wait_for(3);
    for request in &requests {
        assert_eq!(request.head[0], "POST /a,b HTTP/1.1");
        assert_eq!(request.header("Authorization"), Some("Bearer se:cret"));
        assert_eq!(request.header("X-Second"), Some("2"));
        assert_eq!(request.header("X-First"), None);
    }
    for request in &bad.requests() {
        assert_eq!(request.header("X-First"), Some("first-secret"));
        assert_eq!(request.header("Authorization"), None);
        assert_eq!(request.header("X-Second"), None);
    }
    assert!(!bad.requests().is_empty());
    agent.stop();
    let log = agent.rest_of_log().join("\n");
    assert!(!log.contains("cret"), "{log}");
}

#[test]
fn address_may_have_headers_alone_and_none() {
    let server = Server::start(|_, _| status(204));
    let folder = Folder::new("header");
    for (header, expected) in [
        (r#", "header": "X-Own: own""#, Some("own")),
        ("", Some("given")),
        (r#", "header": "none""#, Some("given")),
    ] {
        // The key `header` is for an address without headers of its own.
        let given = if expected == Some("own") {
            "none"
        } else {
            "X-Own: given"
        };
        let file = folder.config(&format!(
            r#"{{"trans": {{"url": "{}"{header}}}, "header": "{given}", "interval": "100ms", "flush": "100ms"}}"#,
            server.url("/")
        ));
        let before = server.requests().len();
        let mut agent = Agent::start(&[&file, "-metrics=load"]);
        let request = server.wait_for(before + 1).remove(before);
        assert_eq!(request.header("X-Own"), expected, "{header}");
        agent.stop();
    }
}

#[test]
fn changed_header_of_an_address_sends_unacknowledged_lines_again() {
    // The first request has no answer, so that its lines are on their way when the header changes.
    let server = Server::start(|index, _| if index == 0 { Reply::Silence } else { status(204) });
    let text = |token: &str| {
        format!(
            r#"{{"trans": ["{}", {{"url": "http://127.0.0.1:9/", "header": "X-Token: {token}"}}], "replay": 0,
                "metrics": "load", "interval": "20ms", "flush": "20ms", "timeout": "1h"}}"#,
            server.url("/")
        )
    };
    let reloaded = Reloaded::start("header", &text("1"), &[]);
    let first = server.wait_for(1).remove(0);
    reloaded.take(&text("2"));
    let requests = server.wait_for(2);
    assert_eq!((first.connection, requests[1].connection), (0, 1));
    let again = requests[1].lines();
    assert!(first.lines().iter().all(|line| again.contains(line)), "{again:?}");
}

#[test]
fn requests_share_a_connection() {
    let server = Server::start(|_, _| status(204));
    let agent = quick(&server.url("/"), &[]);
    let requests = server.wait_for(5);
    assert!(requests.iter().all(|request| request.connection == 0));
    check_all_came(agent, &server, |_| true);
}

#[test]
fn answers_of_all_shapes_are_understood() {
    let answers = [
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nDate: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\n{}",
        "HTTP/1.1 204\r\n\r\n",
    ];
    let server = Server::start(move |index, _| Reply::Answer(answers[index % 4].to_owned()));
    let agent = quick(&server.url("/"), &[]);
    let requests = server.wait_for(9);
    assert!(requests.iter().all(|request| request.connection == 0));
    check_all_came(agent, &server, |_| true);
}

#[test]
fn close_that_the_server_announces_is_no_failure() {
    let server = Server::start(|index, _| match index % 3 {
        0 => Reply::Close("HTTP/1.1 204 x\r\nConnection: close\r\n\r\n".into()),
        1 => Reply::Close("HTTP/1.0 200 OK\r\n\r\nto the end".into()),
        _ => status(204),
    });
    // At a pace at which no line equals another one.
    let mut agent = quick(&server.url("/"), &["-interval=1s", "-flush=1s"]);
    server.wait_for(7);
    agent.stop();
    let log = agent.rest_of_log();
    let own: Vec<&String> = log
        .iter()
        .filter(|line| line.contains("request") || line.contains("connected"))
        .collect();
    assert!(own.len() <= 1, "{own:#?}");
    let all = lines(&server.requests());
    let mut once: Vec<&String> = all.iter().collect();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), all.len(), "lines came twice");
}

#[test]
fn busy_server_gets_the_same_batch_again() {
    let server = Server::start(|index, _| match index {
        2 | 3 => Reply::Answer("HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Length: 5\r\n\r\nbusy\n".into()),
        4 => status(429),
        5 => status(504),
        _ => status(204),
    });
    let agent = quick(&server.url("/"), &[]);
    agent.log.wait_for("HTTP status 503 from tcp 127.0.0.1:");
    agent.log.wait_for("lines accepted by tcp 127.0.0.1:");
    let requests = server.wait_for(8);
    for again in 3..=6 {
        assert_eq!(requests[again].body, requests[2].body, "request {again}");
    }
    drop(agent);
}

#[test]
fn lines_are_kept_whatever_the_server_answers() {
    // Statuses of mistakes in the configuration, and of a server that is not well.
    let codes = [
        301, 401, 403, 404, 405, 408, 415, 429, 500, 502, 503, 504, 400, 409, 422,
    ];
    // Side by side: each one waits for delays most of the time.
    std::thread::scope(|scope| {
        for code in codes {
            scope.spawn(move || check_lines_are_kept(code));
        }
    });
}

/// Lines that a server refuses with the status come when it accepts requests again.
fn check_lines_are_kept(code: u16) {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = is_well.clone();
    let accepted = Arc::new(Mutex::new(BTreeSet::new()));
    let all_accepted = accepted.clone();
    let server = Server::start(move |_, request| {
        if well.load(Ordering::Relaxed) {
            accepted.lock().unwrap().extend(request.lines());
            status(204)
        } else {
            status(code)
        }
    });
    let agent = quick(&server.url("/"), &["-metrics=load"]);
    server.wait_for(5);
    is_well.store(true, Ordering::Relaxed);
    server.wait_for(server.requests().len() + 4);
    let first: BTreeSet<String> = server.requests()[0].lines().into_iter().collect();
    assert!(first.is_subset(&all_accepted.lock().unwrap()), "{code}");
    let log = agent.log.so_far();
    let count = log
        .iter()
        .filter(|line| line.contains(&format!("HTTP status {code} from")))
        .count();
    assert_eq!(count, 1, "{code}: {log:#?}");
}

#[test]
fn line_that_is_refused_for_ever_costs_itself_only() {
    let is_bad = |request: &Request| request.lines().iter().any(|line| line.contains("\"cpu.load5\""));
    let server = Server::start(move |_, request| {
        if is_bad(request) {
            Reply::Answer("HTTP/1.1 400 x\r\nContent-Length: 4\r\n\r\nbad\n".into())
        } else {
            status(204)
        }
    });
    let mut agent = quick(&server.url("/"), &[]);
    agent.log.wait_for("HTTP status 400 from tcp 127.0.0.1:");
    agent.log.wait_for("1 lines refused by tcp 127.0.0.1:");
    let before = server.requests().len();
    server.wait_for(before + 5);
    agent.stop();
    // It is found once, and left out from then on.
    let bad: Vec<Request> = server.requests().into_iter().filter(is_bad).collect();
    let alone = bad.iter().filter(|request| request.lines().len() == 1).count();
    assert_eq!(alone, 1, "{alone} requests with the line alone");
    assert!(bad.len() <= 8, "{} requests had a bad line", bad.len());
    let log = agent.rest_of_log();
    let made: BTreeSet<&str> = told(&log)
        .filter(|line| !line.contains("\"cpu.load5\""))
        .collect();
    let good: Vec<Request> = server
        .requests()
        .into_iter()
        .filter(|request| !is_bad(request))
        .collect();
    let received = lines(&good);
    let received: BTreeSet<&str> = received.iter().map(String::as_str).collect();
    assert!(made.is_subset(&received));
}

#[test]
fn lines_that_an_otlp_receiver_rejects_are_counted_and_logged_once() {
    // Two lines, then more than the request had, then none.
    let server = Server::start(|index, _| {
        let body = match index {
            0 => "\x0a\x07\x08\x02\x12\x03old",
            1 | 2 => "\x0a\x0a\x08\x7f\x12\x06future",
            _ => "",
        };
        let length = body.len();
        Reply::Answer(format!(
            "HTTP/1.1 200 x\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    });
    let flags = ["-format=otlp", "-metrics=load,agent=100ms", "-replay=0"];
    let mut agent = quick(&server.url("/v1/metrics"), &flags);
    let requests = server.wait_for(8);
    agent.stop();
    let log = agent.rest_of_log();
    let reports: Vec<&String> = log.iter().filter(|line| line.contains("HTTP status")).collect();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].ends_with(": 2 lines rejected: old"), "{reports:?}");
    assert!(
        log.iter()
            .any(|line| line.contains("lines accepted by tcp 127.0.0.1:"))
    );
    // Each line has its endpoint.
    let lines = |request: &Request| {
        let key = b"\x0a\x08endpoint";
        request.body.windows(key.len()).filter(|part| part == key).count()
    };
    let rejected = 2 + lines(&requests[1]) + lines(&requests[2]);
    let last = told(&log)
        .filter(|line| line.contains("\"agent.lines.rejected\""))
        .last();
    let value = format!(",\"value\":{rejected},");
    assert!(last.unwrap().contains(&value), "{last:?} {rejected}");
}

#[test]
fn success_with_an_exception_or_a_body_is_logged_once() {
    for (answer, expected) in [
        ("X-ClickHouse-Exception-Code: 27\r\nContent-Length: 0\r\n\r\n", ""),
        ("Content-Length: 11\r\n\r\n<html>\nabc\n", ": <html>"),
    ] {
        let server = Server::start(move |_, _| Reply::Answer(format!("HTTP/1.1 200 x\r\n{answer}")));
        let mut agent = quick(&server.url("/"), &[]);
        server.wait_for(5);
        agent.stop();
        let log = agent.rest_of_log();
        let reports: Vec<&String> = log.iter().filter(|line| line.contains("HTTP status")).collect();
        assert_eq!(reports.len(), 1, "{log:#?}");
        let end = format!("from tcp {}{expected}", server.address);
        assert!(reports[0].ends_with(&end), "{reports:?}");
        assert!(
            !log.iter().any(|line| line.contains("lines accepted")),
            "{log:#?}"
        );
    }
}

#[test]
fn request_that_is_too_large_is_halved() {
    let server = Server::start(|_, request| status(if request.lines().len() > 3 { 413 } else { 204 }));
    let agent = quick(&server.url("/"), &[]);
    server.wait_for(20);
    check_all_came(agent, &server, |request| request.lines().len() <= 3);
}

#[test]
fn bodies_are_compressed_unless_the_server_refuses_that() {
    let server = Server::start(|index, request| {
        status(if index > 3 && request.header("Content-Encoding").is_some() {
            400
        } else {
            204
        })
    });
    let mut agent = quick(&server.url("/"), &["-gzip", "-metrics=all"]);
    let requests = server.wait_for(8);
    let mut child = Command::new("gzip")
        .args(["-dc"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&requests[0].body).unwrap();
    let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(text.len() > 3 * requests[0].body.len());
    assert!(text.lines().all(|line| Line::parse(line).endpoint == "e"));
    assert!(requests[7].header("Content-Encoding").is_none());
    agent.stop();
}

#[test]
fn server_that_says_nothing_is_given_up_after_the_timeout() {
    let server = Server::start(|index, _| if index == 1 { Reply::Silence } else { status(204) });
    let agent = quick(&server.url("/"), &["-timeout=300ms"]);
    agent.log.wait_for("request to tcp 127.0.0.1:");
    let requests = server.wait_for(4);
    // A path that has gone dead takes nothing more.
    assert_eq!(requests[1].connection, requests[0].connection);
    assert_ne!(requests[2].connection, requests[1].connection);
    check_all_came(agent, &server, |_| true);
}

#[test]
fn answer_that_comes_before_the_request_was_read_beats_the_reset() {
    // The server reads the request line, answers, and resets the connection; later it takes everything.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = SockRef::from(&listener);
    socket.set_recv_buffer_size(2048).unwrap();
    let mut agent = quick(
        &format!("http://{}/", listener.local_addr().unwrap()),
        &["-metrics=all"],
    );
    for _ in 0..3 {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 15]).unwrap();
        stream
            .write_all(b"HTTP/1.1 401 x\r\nContent-Length: 9\r\n\r\nno token\n")
            .unwrap();
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    let server = Server::on(listener, |_, _| status(204));
    server.wait_for(2);
    agent.stop();
    let log = agent.rest_of_log();
    let is_named = |line: &String| line.contains("HTTP status 401 from") && line.ends_with(": no token");
    assert!(log.iter().any(is_named), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("request to")), "{log:#?}");
}

#[test]
fn half_an_answer_and_what_is_none_lose_no_line() {
    let server = Server::start(|index, _| match index {
        0 => Reply::Close("HTTP/1.1 20".into()),
        1 => Reply::Close("HTTP/1.1 204 x\r\nContent-Length: 5\r\n".into()),
        2 => Reply::Close("SSH-2.0-OpenSSH_9.2\r\n".into()),
        3 => Reply::Close(String::new()),
        _ => status(204),
    });
    let agent = quick(&server.url("/"), &[]);
    let line = agent.log.wait_for("invalid answer from tcp 127.0.0.1:");
    assert!(
        line.ends_with(": it does not speak HTTP/1.1: \"SSH-2.0-OpenSSH_9.2\""),
        "{line}"
    );
    server.wait_for(8);
    check_all_came(agent, &server, |_| true);
}

#[test]
fn connection_that_is_closed_while_idle_is_replaced_at_once() {
    let server = Server::start(|index, _| {
        let text = "HTTP/1.1 204 x\r\n\r\n".into();
        if index == 2 {
            Reply::Close(text)
        } else {
            Reply::Answer(text)
        }
    });
    let mut agent = quick(&server.url("/"), &["-replay=0"]);
    server.wait_for(6);
    agent.stop();
    let log = agent.rest_of_log();
    assert!(!log.iter().any(|line| line.contains("request to")), "{log:#?}");
}

#[test]
fn last_lines_wait_for_the_answer() {
    let server = Server::start(|_, _| {
        std::thread::sleep(Duration::from_millis(200));
        status(204)
    });
    let agent = quick(&server.url("/"), &["-flush=1h"]);
    agent.log.wait_for(TOLD);
    agent.log.wait_for(TOLD);
    check_all_came(agent, &server, |_| true);
}

#[test]
fn next_receiver_gets_the_lines_of_one_that_is_not_well() {
    let bad = Server::start(|_, _| status(503));
    let good = Server::start(|_, _| status(204));
    let agent = quick(&format!("{},{}", bad.url("/"), good.url("/")), &[]);
    good.wait_for(3);
    check_all_came(agent, &good, |_| true);
    assert!(
        bad.requests().len() < 3,
        "the first receiver got them again and again"
    );
}
