//! The command line from outside.

use crate::common::{Transfer, command, error_message, output, refused};

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
        assert!(help.starts_with("mini-monitor samples "), "{help}");
        for part in [
            "\nusage: mini-monitor [-flag [value]] ...\n",
            "\nSamples:\n",
            "  -trans addresses\n",
            "(default 127.0.0.1:6000)\n",
            "  -once\n",
            "(default 256K)\n",
            "\nExamples:\n",
            "\nExit status:\n",
        ] {
            assert!(help.contains(part), "{part:?} is not in {help}");
        }
    }
}

#[test]
fn help_takes_precedence_wherever_it_stands() {
    for arguments in [
        &["-h", "-once"][..],
        &["-check", "-list", "-h"],
        &["-nope", "--help"],
        &["-flush=soon", "-h"],
        &["-endpoint", "-h"],
        &["stray", "-config=/nowhere", "-help=true"],
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(text(&output.stdout).starts_with("mini-monitor samples "));
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn check_warns_of_repeated_flags_of_one_value() {
    let flags = ["-interval=2s", "-tag=a", "-check", "--interval", "3s", "-tag=b"];
    let output = output(&flags);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        printed.contains("warning: -interval: given twice; \"3s\" replaces \"2s\"\n"),
        "{printed}"
    );
    assert_eq!(printed.matches("warning: ").count(), 1, "{printed}");
    assert!(printed.contains("\nmem: every 3s\n"), "{printed}");
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

/// Runs the agent from the shell, with that redirection: status and standard error.
fn redirected(arguments: &str, redirection: &str) -> (Option<i32>, String) {
    let output = in_shell(&format!("\"$0\" \"$@\" {arguments} {redirection}"));
    (output.status.code(), text(&output.stderr))
}

/// Runs a script, in which `"$0" "$@"` is the agent.
fn in_shell(script: &str) -> std::process::Output {
    let plain = command();
    std::process::Command::new("sh")
        .args(["-c", script])
        .arg(plain.get_program())
        .args(plain.get_args())
        .output()
        .unwrap()
}

#[test]
fn closed_or_full_standard_output_is_reported_and_has_a_status_of_its_own() {
    let reasons = [
        (">&-", error_message("bad file descriptor")),
        (">/dev/full", "no space left on device"),
    ];
    for (redirection, reason) in reasons {
        for arguments in ["-h", "-list", "-version", "-check"] {
            let expected = format!("mini-monitor: standard output: {reason}\n");
            assert_eq!(
                redirected(arguments, redirection),
                (Some(3), expected),
                "{arguments} {redirection}"
            );
        }
        let (status, log) = redirected("-once", redirection);
        assert_eq!(status, Some(3), "{redirection}: {log}");
        assert!(log.contains(reason), "{log}");
    }
    let (status, log) = redirected("-trans=- -interval=20ms", ">&-");
    assert_eq!(status, Some(3), "{log}");
}

/// A reader that reads nothing has no message, but it is no success.
#[test]
fn broken_pipe_is_no_signal_and_no_success() {
    for arguments in ["-h", "-list", "-check", "-once"] {
        // The reader has gone before the first byte is written.
        let script = format!("{{ sleep 0.5; \"$0\" \"$@\" {arguments}; echo $? >&2; }} | exec true");
        let output = in_shell(&script);
        let error = text(&output.stderr);
        assert!(
            error == "3\n" || arguments == "-once" && error.ends_with("\n3\n"),
            "{arguments}: {error}"
        );
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
