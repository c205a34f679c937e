//! The configuration file, from outside.

use crate::common::reloaded::{Reloaded, file};
use crate::common::{Folder, Line, Lines, Transfer, command, fixture, output};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

/// Runs `-check` on the file: the exit status, standard output, and standard error without the path.
fn check(path: &Path) -> (i32, String, String) {
    let path = path.to_str().unwrap();
    let output = output(&["-check", "-config", path]);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let error = text(output.stderr).replace(&format!("mini-monitor: {path}"), "");
    (output.status.code().unwrap(), text(output.stdout), error)
}

#[test]
fn script_has_at_most_1000_bytes_and_24_words() {
    let folder = Folder::new("long-script");
    let path = folder.join("mini-monitor.json");
    let status = |exec: &str| {
        fs::write(&path, format!("{{\"custom\": [{{\"exec\": {exec}}}]}}")).unwrap();
        check(&path).0
    };
    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    let list = |count: usize, last| format!("[{}{}]", "\"x\", ".repeat(count - 1), text(last));
    assert_eq!([status(&text(1000)), status(&text(1001))], [0, 1]);
    assert_eq!([status(&list(24, 977)), status(&list(24, 978))], [0, 1]);
    assert_eq!([status(&list(25, 1)), status("\"\"")], [1, 1]);
    // All of it reaches the shell, which takes one argument more of a list.
    let run = |exec: &str| {
        status(exec);
        let output = output(&["-once", "-metrics=load", "-config", path.to_str().unwrap()]);
        String::from_utf8(output.stdout).unwrap()
    };
    let words = format!("\"echo x.end 5 #{}\"", "x".repeat(986));
    assert!(words.len() == 1002 && run(&words).contains("x.end"));
    let words = format!(
        "[\"sh\", \"-c\", \"echo x.end $#\"{}, {}]",
        ", \"x\"".repeat(20),
        text(963)
    );
    assert!(run(&words).contains("\"x.end\",") && run(&words).contains("\"value\":20,"));
}

/// Files of the greatest length, which need the most memory.
#[test]
fn longest_files_are_a_clear_error() {
    let folder = Folder::new("full-config");
    let path = folder.join("mini-monitor.json");
    let full = |open: &str, piece: &str, close: &str| {
        let room = 32 * 1024 - open.len() - close.len();
        let text = format!("{open}{}{close}", piece.repeat(room / piece.len()));
        fs::write(&path, text).unwrap();
        let (status, _, error) = check(&path);
        assert_eq!(status, 1, "{error}");
        error
    };
    assert!(full("", "[", "").contains("[ is nested too deeply"));
    assert!(full("[[[[[0", ",[]", "]]]]]").contains("[ is nested too deeply"));
    assert!(full("[[[[0", ",[]", "]]]]").contains("not an object"));
    assert!(full("[[[[0", ",{}", "]]]]").contains("not an object"));
    assert!(full("[[[[[\"", "a", "\"]]]]]").contains("not an object"));
    assert!(full("{\"trans\": [\"\"", ",\"\"", "]}").contains("trans: \"\" is not an address"));
    assert!(full("{\"tag\": \"x\"", ",\"tag\":\"x\"", "}").contains("tag: given twice"));
    assert!(full("{\"", "\\u00e9", "\": 5}").contains("unknown key"));
    let digits = "1".repeat(80);
    assert_eq!(
        full("{\"flush\": ", "1", "}"),
        format!(":1: flush: {digits}... is not a number, or out of range\n")
    );
    fs::write(&path, " ".repeat(32 * 1024 + 1)).unwrap();
    assert_eq!(check(&path).2, ": longer than 32 KB\n");
    fs::write(&path, b"{\n\"tag\": \"\xff\"}").unwrap();
    assert_eq!(check(&path).2, ":2: not UTF-8\n");
}

/// Options of the command line count, too, and only an error of the file is reported with its line.
#[test]
fn long_names_and_timeouts_are_reported_with_their_line() {
    let folder = Folder::new("long-config");
    let path = folder.join("mini-monitor.json");
    let check = |text: &str, flags: &[&str]| {
        fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        let output = output(&[&["-check", "-config", path], flags].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        let error = error.replace(&format!("mini-monitor: {path}"), "");
        (output.status.code().unwrap(), error)
    };
    let tags = |count: usize| {
        let tags: Vec<_> = (0..count)
            .map(|number| format!("{number}{}", "x".repeat(99)))
            .collect();
        format!("{{\n\"tag\": [\"{}\"]}}", tags.join("\", \""))
    };
    let message = "endpoint and tags together take more than 1000 bytes in a line\n";
    assert_eq!(check(&tags(9), &[]), (1, format!(":2: tag: {message}")));
    let endpoint = format!("{{\n\n\"endpoint\": \"{}\"}}", "\\u0001".repeat(200));
    assert_eq!(check(&endpoint, &[]), (1, format!(":3: endpoint: {message}")));
    assert_eq!(check(&endpoint, &["-endpoint=x"]), (0, String::new()));
    assert_eq!(check(&tags(5), &[]), (0, String::new()));
    let long = format!("-endpoint={}", "\u{1}".repeat(100));
    assert_eq!(
        check(&tags(5), &[&long]),
        (2, format!("mini-monitor: -tag: {message}"))
    );

    let script = "{\"custom\": [{\"exec\": \"true\", \"timeout\": \"2s\"}]}";
    assert_eq!(check(script, &[]), (0, String::new()));
    assert_eq!(
        check(script, &["-interval=3s"]),
        (
            1,
            ":1: custom.timeout: \"2s\" is more than half the interval: at most 1500ms\n".to_owned()
        )
    );
}

#[test]
fn named_file_must_exist() {
    let folder = Folder::new("no-config");
    let (status, _, error) = check(&folder.join("mini-monitor.json"));
    assert_eq!((status, error.as_str()), (1, ": no such file or directory\n"));
    let (status, _, error) = check(Path::new(folder.path()));
    assert_eq!((status, error.as_str()), (1, ": is a directory\n"));
    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (status, _, error) = check(&pipe);
    assert_eq!((status, error.as_str()), (1, ": a pipe, not a file\n"));
}

#[test]
fn flags_take_precedence_over_the_file() {
    let folder = Folder::new("flags-win");
    let path = folder.join("mini-monitor.json");
    fs::write(
        &path,
        r#"{"endpoint": "file", "tag": ["a", "b"], "interval": "7s", "families": {"cpu": {"interval": "1s"},
        "net": {"on": false, "only": "eth*"}, "wifi": {"on": false}}}"#,
    )
    .unwrap();
    let lines = |flags: &[&str]| {
        let file = ["-once", "-config", path.to_str().unwrap()];
        let output = output(&[&file, flags].concat());
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let of_file = lines(&[]);
    let first = Line::parse(of_file.lines().next().unwrap());
    assert_eq!(
        (first.endpoint.as_str(), first.tag.len()),
        ("file", 3),
        "{first:?}"
    );
    assert!(of_file.contains("mem.percent") && !of_file.contains("net.in"));

    let of_flags = lines(&["-endpoint=flag", "-tag=c", "-metrics=load,net=2s", "-only=net=lo"]);
    let first = Line::parse(of_flags.lines().next().unwrap());
    assert_eq!(first.endpoint, "flag");
    assert!(
        first.tag.contains(&"c".to_owned()) && first.tag.len() == 2,
        "{first:?}"
    );
    assert!(of_flags.contains("load1") && of_flags.contains("iface=lo") && !of_flags.contains("cpu.usage"));
}

#[test]
fn list_of_a_flag_replaces_that_of_the_file() {
    let folder = Folder::new("flag-lists");
    let path = folder.join("mini-monitor.json");
    fs::write(
        &path,
        r#"{"trans": ["file:1", "file:2"], "only": ["net=file1", "net=file2", "wifi=file3"], "ignore": "net=file4",
        "process": ["file5", "file6"]}"#,
    )
    .unwrap();
    let printed = |flags: &[&str]| {
        let output = output(&[&["-check", "-config", path.to_str().unwrap()], flags].concat());
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let of_file = printed(&[]);
    for part in [
        "receiver: file:1\nreceiver: file:2\n",
        "only file1,file2, without file4\n",
        "of file5,file6\n",
    ] {
        assert!(of_file.contains(part), "{of_file}");
    }
    assert!(!printed(&["-only=none"]).contains("only"));
    let of_flags = printed(&[
        "-trans=a:1",
        "-only=net=b",
        "-ignore=net=c",
        "-process=d",
        "-trans=a:2",
        "-only=net=e",
        "-ignore=net=f",
        "-process=g",
    ]);
    for part in [
        "receiver: a:1\nreceiver: a:2\n",
        "only b,e, without c,f\n",
        "of d,g\n",
        // Of a family that no flag names, the file's patterns stay.
        "only file3\n",
    ] {
        assert!(of_flags.contains(part), "{of_flags}");
    }
}

#[test]
fn keys_mean_the_same_in_any_order() {
    let folder = Folder::new("order");
    let path = folder.join("mini-monitor.json");
    let printed = |first: &str, second: &str| {
        // A machine that stays as it is from one time to the next.
        let machine = fixture("bare");
        let text = format!("{{\"proc\": {machine:?}, {first}, {second}}}");
        fs::write(&path, text).unwrap();
        let (status, printed, error) = check(&path);
        assert_eq!(status, 0, "{error}");
        // The lines of a day are estimated from values that change.
        let lines = printed.lines().filter(|line| !line.starts_with("lines: "));
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    for (first, second) in [
        (r#""families": {"cpu": {"on": false}}"#, r#""metrics": "net=1s""#),
        (r#""families": {"net": {"interval": 1}}"#, r#""metrics": "cpu""#),
        (r#""families": {"net": {"ignore": "a"}}"#, r#""only": "net=b""#),
        (
            r#""metrics": "net=1s""#,
            r#""families": {"net": {"interval": "2s"}}"#,
        ),
        (r#""metrics": "cpu=off""#, r#""families": {"cpu": {"on": true}}"#),
        (r#""metrics": "cpu,mem""#, r#""families": {"cpu": {"on": false}}"#),
        (r#""only": "net=a""#, r#""families": {"net": {"only": ["b"]}}"#),
        (r#""trans": ["a:1", "b:2"]"#, r#""tag": ["a", "b"]"#),
        (
            r#""interval": "7s""#,
            r#""custom": [{"metric": "a", "file": "/b"}]"#,
        ),
    ] {
        assert_eq!(printed(first, second), printed(second, first), "{first} {second}");
    }
    let text = printed(r#""metrics": "net=1s""#, r#""families": {"cpu": {"on": false}}"#);
    assert!(
        text.contains("\nnet: every 1s") && !text.contains("\ncpu: "),
        "{text}"
    );
}

/// Files with a command in each possible place, and the position of the error.
const EXEC: [(&str, &str); 5] = [
    ("{\n\"custom\": [{\"exec\": \"true\"}]}", ":2: custom"),
    (
        "{\"custom\": [{\"metric\": \"a\", \"file\": \"/b\"},\n\n{\"exec\": [\"true\", \"x\"]}]}",
        ":3: custom",
    ),
    ("{\"trans\": \"exec:true\"}", ":1: trans"),
    (
        "{\n\"trans\": [\"a:1\", \"exec:true\"], \"flush\": 5}",
        ":2: trans",
    ),
    ("{\n\"via\": \"nc %h %p\"}", ":2: via"),
];

const REFUSED: &str =
    ": exec or via, in a file that others own or can write to (try chown root, chmod go-w)\n";

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn exec_in_a_file_writable_by_others_is_refused() {
    let folder = Folder::new("writable-config");
    let path = folder.join("mini-monitor.json");
    for (mode, is_good) in [
        (0o600, true),
        (0o644, true),
        (0o755, true),
        (0o664, false),
        (0o620, false),
        (0o646, false),
        (0o602, false),
        (0o666, false),
    ] {
        for (text, place) in EXEC {
            fs::write(&path, text).unwrap();
            set_mode(&path, mode);
            let (status, _, error) = check(&path);
            let expected = if is_good {
                (0, String::new())
            } else {
                (1, format!("{place}{REFUSED}"))
            };
            assert_eq!((status, error), expected, "{mode:o} {text}");
        }
        fs::write(
            &path,
            r#"{"trans": "a:1", "custom": [{"metric": "a", "file": "/b"}]}"#,
        )
        .unwrap();
        assert_eq!(check(&path).0, 0, "{mode:o}");
    }
    // It is refused even if the command line replaces the receivers.
    fs::write(&path, EXEC[2].0).unwrap();
    set_mode(&path, 0o666);
    let started = output(&["-trans=-", "-config", path.to_str().unwrap()]);
    assert_eq!(started.status.code(), Some(1));
    assert!(started.stdout.is_empty() && String::from_utf8(started.stderr).unwrap().ends_with(REFUSED));
}

#[test]
fn exec_in_a_file_of_another_user_is_refused() {
    let folder = Folder::new("owned-config");
    let path = folder.join("mini-monitor.json");
    fs::write(&path, EXEC[0].0).unwrap();
    let (nobody, other) = (65_534, 12_345);
    if let Err(error) = chown(&path, Some(other), None) {
        println!("skipped: files cannot be given away: {error}");
        return;
    }
    let as_user = |user: u32| {
        let agent = command();
        let status = Command::new("setpriv")
            .arg(format!("--reuid={user}"))
            .args(["--clear-groups", "--"])
            .arg(agent.get_program())
            .args(agent.get_args())
            .args(["-check", "-config", path.to_str().unwrap()])
            .output()
            .unwrap();
        String::from_utf8(status.stderr)
            .unwrap()
            .replace(&format!("mini-monitor: {}", path.to_str().unwrap()), "")
    };
    assert_eq!(check(&path).2, format!(":2: custom{REFUSED}"));
    let can_run = Command::new("setpriv")
        .args(["--reuid=65534", "--clear-groups", "--"])
        .arg(command().get_program())
        .arg("-version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !can_run {
        println!("skipped: the agent cannot be run as another user here");
        return;
    }
    for (owner, user, is_good) in [
        (other, nobody, false),
        (nobody, nobody, true),
        (0, nobody, true),
        (nobody, 0, false),
        (0, 0, true),
    ] {
        chown(&path, Some(owner), None).unwrap();
        let error = as_user(user);
        assert_eq!(error.is_empty(), is_good, "of {owner}, read by {user}: {error}");
        assert!(is_good || error.ends_with(REFUSED), "{error}");
    }
}

#[test]
fn exec_in_a_file_writable_by_others_is_refused_at_a_reload() {
    let transfer = Transfer::new();
    let mut reloaded = Reloaded::start("reload-exec", &file(&transfer, ""), &[]);
    let lines = Lines::of(transfer.accept());
    lines.next();
    let text = file(&transfer, r#", "custom": [{"exec": "echo forged 1"}]"#);
    fs::write(&reloaded.path, text).unwrap();
    set_mode(&reloaded.path, 0o666);
    reloaded.agent.signal("HUP");
    let refused = reloaded.agent.log.wait_for("chmod go-w");
    let expected = REFUSED.replace('\n', "; the previous configuration stays in force");
    assert!(refused.ends_with(&expected), "{refused}");
    // The same text in a file that is the agent's alone.
    set_mode(&reloaded.path, 0o600);
    reloaded.agent.signal("HUP");
    lines.wait_for("\"forged\"");
    reloaded.agent.stop();
}
