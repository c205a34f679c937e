//! The command line from outside.

use crate::common::{Transfer, command, output, refused};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_lists_every_flag_with_its_default_on_standard_output() {
    for flag in ["-h", "--h", "-help", "--help"] {
        let output = output(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty());
        let help = text(&output.stdout);
        assert!(help.starts_with("Usage of mini-monitor:\n"), "{help}");
        for part in [
            "  -trans addresses\n",
            "(default 127.0.0.1:6000)\n",
            "  -once\n",
            "(default 256K)\n",
        ] {
            assert!(help.contains(part), "{part:?} is not in {help}");
        }
    }
}

#[test]
fn invalid_flag_or_value_is_one_line_and_exit_status_2() {
    let bad: [(&[&str], &str); 21] = [
        (&["-nope"], "\"-nope\""),
        (&["stray"], "\"stray\""),
        (&["-"], "\"-\""),
        (&["-trans"], "-trans: needs a value: an address (host:port"),
        (
            &["-trans=nowhere"],
            "-trans: \"nowhere\" is not an address (host:port",
        ),
        (&["-trans=[::1]"], "\"[::1]\""),
        (&["-trans=a:1,"], "-trans: \"a:1,\" is not an address (host:port"),
        (&["-trans=a:1,,b:1"], "\"a:1,,b:1\""),
        (
            &["-trans=a:1,-"],
            "up to 8 of them with commas between, or - (try",
        ),
        (
            &["-trans=:1,:2,:3,:4,:5,:6,:7,:8,:9"],
            "\":1,:2,:3,:4,:5,:6,:7,:8,:9\"",
        ),
        (&["-spread=often"], "-spread: \"often\" is not true or false"),
        (&["-timeout=0"], "-timeout: \"0\" is not a duration"),
        (&["-timeout"], "-timeout: needs a value: a duration"),
        (&["-interval=0"], "-interval: \"0\" is not a duration"),
        (&["-interval", "fast"], "\"fast\""),
        (
            &["-flush=99999999999999999999s"],
            "-flush: \"99999999999999999999s\" is not a duration",
        ),
        (&["-buffer=1K"], "-buffer: \"1K\" is not a size from 4K to 1G"),
        (&["-buffer=2G"], "-buffer: \"2G\" is not a size from 4K to 1G"),
        (&["-endpoint="], "-endpoint: \"\" is not a name"),
        (&["-proc=/nowhere"], "-proc: \"/nowhere\" is not a directory"),
        (&["-debug=perhaps"], "-debug: \"perhaps\" is not true or false"),
    ];
    for (arguments, words) in bad {
        let output = output(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
        assert!(
            error.starts_with("mini-monitor: ") && error.contains(words),
            "{error}"
        );
        assert_eq!(error.matches('\n').count(), 1, "{error}");
    }
    let long = "x".repeat(255);
    let tags: Vec<String> = (0..4).map(|_| format!("-tag={long}")).collect();
    let output = command().args(&tags).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("endpoint and tags together"));
}

#[test]
fn version_has_the_target() {
    let output = output(&["-version"]);
    let version = text(&output.stdout);
    assert!(
        version.starts_with(concat!("mini-monitor ", env!("CARGO_PKG_VERSION"), " (")),
        "{version}"
    );
    assert!(version.contains("linux"), "{version}");
}

#[test]
fn closed_standard_output_is_a_failure_and_no_signal() {
    for arguments in ["-trans=- -interval=20ms", "-once", "-h"] {
        let script = format!("exec \"$0\" \"$@\" {arguments} >&-");
        let plain = command();
        let status = std::process::Command::new("sh")
            .args(["-c", &script])
            .arg(plain.get_program())
            .args(plain.get_args())
            .output()
            .unwrap()
            .status;
        assert_eq!(status.code(), Some(1), "{arguments}");
    }
}

#[test]
fn standard_output_is_empty_unless_lines_go_there() {
    let mut agent = crate::common::Agent::start(&[&format!("-trans={}", Transfer::absent()), "-debug"]);
    agent.log.wait_for(refused());
    let out = agent.out();
    agent.stop();
    assert_eq!(std::io::read_to_string(out).unwrap(), "");
}

#[test]
fn debug_logs_each_step() {
    let transfer = Transfer::new();
    let mut agent = crate::common::Agent::start(&[&transfer.flag(), "--debug"]);
    drop(transfer.accept());
    for step in [
        "local addr:",
        "## ticker hit load",
        "sample cpu.load1 ",
        "~~ sender get metric {\"metric\":\"cpu.load1\",",
        "flush: ",
    ] {
        agent.log.wait_for(step);
    }
    agent.stop();
}
