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
    let error = text(output.stderr).replace(path, "");
    (output.status.code().unwrap(), text(output.stdout), error)
}

const DURATION: &str = " is not a duration from 10ms to 24h (try \"5s\")";
const SWITCH: &str = " is not true or false (try true)";
const PATTERNS: &str = " is not a list of patterns (try \"eth*,br-lan\")";
const ADDRESS: &str = " is not an address (host:port, :port, [v6]:port, unix:/path, exec:command), up to 8 of them with commas \
                       between, or - (try \"router.lan:6000\")";

/// Files, and the message of each after its path.
const BAD: &[(&str, &str, &str)] = &[
    // Syntax errors.
    ("", ":1: expected a value, found the end of the file", ""),
    (
        "{\n",
        ":2: expected a quoted key or }, found the end of the file",
        "",
    ),
    ("flush = 5\n", ":1: flush is not a value (text needs quotes)", ""),
    (
        "{\"flush\": 5s}",
        ":1: flush: 5s is not a value (text needs quotes)",
        "",
    ),
    (
        "{\"flush\": 05}",
        ":1: flush: 05 is not a number, or out of range",
        "",
    ),
    ("{flush: 5}", ":1: expected a quoted key or }, found flush", ""),
    ("{\"flush\" 5}", ":1: flush: expected a colon, found 5", ""),
    ("{\"flush\": }", ":1: flush: expected a value, found }", ""),
    (
        "{\"flush\": 5,\n\"interval\": 5,\n}\n",
        ":3: expected a quoted key, found }",
        "",
    ),
    (
        "{\n\"flush\": 5\n\"interval\": 5\n}",
        ":3: expected a comma or }, found \"interval\"",
        "",
    ),
    ("{\"tag\": [\"a\", ]}", ":1: tag: expected a value, found ]", ""),
    (
        "{\"tag\": [\"a\" \"b\"]}",
        ":1: tag: expected a comma or ], found \"b\"",
        "",
    ),
    ("{\"tag\": [\"a\"}", ":1: tag: expected a comma or ], found }", ""),
    ("{}\n{}", ":2: expected the end of the file, found {", ""),
    (
        "{} // that's all",
        ":1: expected the end of the file, found //",
        "",
    ),
    (
        "{\n\"flush\": \"5s\n}",
        ":2: flush: \"5s has no closing quote",
        "",
    ),
    (
        "{\"flush\": \"5\\s\"}",
        ":1: flush: \"5\\s\" has an invalid escape or a control character",
        "",
    ),
    (
        "{\"tag\": \"a\tb\"}",
        ":1: tag: \"a?b\" has an invalid escape or a control character",
        "",
    ),
    ("[[[[[[]]]]]]", ":1: [ is nested too deeply", ""),
    (
        "{\n\"flush\": 1e999}",
        ":2: flush: 1e999 is not a number, or out of range",
        "",
    ),
    // JSON that is not an object.
    ("[]", ":1: this list is not an object", ""),
    ("\n\"flush\"", ":2: \"flush\" is not an object", ""),
    // Keys.
    (
        "{\n\n\"fluhs\": 5}",
        ":3: fluhs: unknown key (did you mean \"flush\"?)",
        "",
    ),
    (
        "{\"-flush\": 5}",
        ":1: -flush: unknown key (did you mean \"flush\"?)",
        "",
    ),
    ("{\"a b\\n\": 5}", ":1: a b\\n: unknown key", ""),
    (
        "{\"family\": {}}",
        ":1: family: unknown key (did you mean \"families\"?)",
        "",
    ),
    ("{\"flush\": 5,\n\"flush\": 6}", ":2: flush: given twice", ""),
    (
        "{\"once\": true}",
        ":1: once: only allowed on the command line",
        "",
    ),
    (
        "{\"config\": \"x\"}",
        ":1: config: only allowed on the command line",
        "",
    ),
    ("{\"//\": 5}", ":1: //: 5 is not a text in quotes", ""),
    // Values.
    ("{\n\"flush\": \"soon\"\n}", ":2: flush: \"soon\"", DURATION),
    ("{\"flush\": 0}", ":1: flush: 0", DURATION),
    ("{\"flush\": -5}", ":1: flush: -5", DURATION),
    ("{\"flush\": 0.5}", ":1: flush: 0.5", DURATION),
    (
        "{\"flush\": 18446744073709551616}",
        ":1: flush: 18446744073709551616",
        DURATION,
    ),
    ("{\"flush\": null}", ":1: flush: null", DURATION),
    ("{\"flush\": {\"every\": 5}}", ":1: flush: this object", DURATION),
    ("{\"flush\": [5]}", ":1: flush: this list", DURATION),
    ("{\"debug\": \"true\"}", ":1: debug: \"true\"", SWITCH),
    ("{\"debug\": 1}", ":1: debug: 1", SWITCH),
    ("{\"debug\": null}", ":1: debug: null", SWITCH),
    ("{\"trans\": \"router\"}", ":1: trans: \"router\"", ADDRESS),
    ("{\"trans\":\n[\"a:1\",\n\"b\"]}", ":3: trans: \"b\"", ADDRESS),
    ("{\"trans\": [\"a:1\",\n5]}", ":2: trans: 5", ADDRESS),
    ("{\"trans\": []}", ":1: trans: this list", ADDRESS),
    (
        "{\"tag\": [\"a\",\n\"\"]}",
        ":2: tag: \"\" is not a text that is not empty, at most 32 times (try \"site=attic\")",
        "",
    ),
    (
        "{\"buffer\": \"1K\"}",
        ":1: buffer: \"1K\" is not a size from 4K to 1G (try \"64K\")",
        "",
    ),
    (
        "{\"overflow\": \"burst\"}",
        ":1: overflow: \"burst\" is not thin or drop (try \"thin\")",
        "",
    ),
    (
        "{\"only\": [\"net=eth*\",\n\"cpu=1\"]}",
        ":2: only: \"cpu=1\" is not a list of patterns for disk, diskio, net, neighbours, temp or wifi \
             (try \"net=eth*,br-lan\")",
        "",
    ),
    (
        "{\"proc\": \"/nowhere\"}",
        ":1: proc: \"/nowhere\" is not a directory that can be read (try \"/proc\")",
        "",
    ),
    // Families.
    (
        "{\"families\": []}",
        ":1: families: this list is not an object",
        "",
    ),
    (
        "{\"families\": {\"net\": false}}",
        ":1: families.net: false is not an object",
        "",
    ),
    (
        "{\"families\": {\n\"network\": {}}}",
        ":2: families.network: unknown family",
        "",
    ),
    (
        "{\"families\": {\"disks\": {}}}",
        ":1: families.disks: unknown family (did you mean \"disk\"?)",
        "",
    ),
    (
        "{\"families\": {\"net\": {},\n\"net\": {}}}",
        ":2: families.net: given twice",
        "",
    ),
    (
        "{\"families\": {\"net\": {\n\"intervall\": 5}}}",
        ":2: families.net.intervall: unknown key (did you mean \"interval\"?)",
        "",
    ),
    (
        "{\"families\": {\"net\": {\"on\": true,\n\"on\": true}}}",
        ":2: families.net.on: given twice",
        "",
    ),
    (
        "{\"families\": {\"net\": {\"interval\": \"5 s\"}}}",
        ":1: families.net.interval: \"5 s\"",
        DURATION,
    ),
    (
        "{\"families\": {\"net\": {\"on\": \"yes\"}}}",
        ":1: families.net.on: \"yes\"",
        SWITCH,
    ),
    (
        "{\"families\": {\"net\": {\"only\": \",\"}}}",
        ":1: families.net.only: \",\"",
        PATTERNS,
    ),
    (
        "{\"families\": {\"net\": {\"ignore\":\n[]}}}",
        ":2: families.net.ignore: this list",
        PATTERNS,
    ),
    (
        "{\"families\": {\"net\": {\"only\": [\"a\",\n{}]}}}",
        ":2: families.net.only: this object",
        PATTERNS,
    ),
    (
        "{\"families\": {\"cpu\": {\"only\": \"cpu0\"}}}",
        ":1: families.cpu.only: this family has no instances to choose from",
        "",
    ),
    // Custom metrics.
    (
        "{\"custom\": [{\"metric\": \"a\", \"file\": \"/b\", \"line\": 2,\n\"key\": \"c\"}]}",
        ":2: custom.key: line and key exclude each other",
        "",
    ),
    (
        "{\"custom\": [{\"metric\": \"a\", \"file\": \"/b\", \"key\": \"c\",\n\"line\": 2}]}",
        ":2: custom.line: line and key exclude each other",
        "",
    ),
    (
        "{\"custom\": [{\"metric\": \"a\", \"file\": \"/b\", \"key\": \"c\",\n\"key\": \"d\"}]}",
        ":2: custom.key: given twice",
        "",
    ),
    (
        "{\"custom\": [{\"exec\": \"true\"}, {\"exec\": \"true\", \"interval\": \"10s\",\n\"timeout\": \"6s\"}]}",
        ":2: custom.timeout: \"6s\" is more than half the interval",
        "",
    ),
    (
        "{\"custom\": [{\"exec\": \"true\",\n\"timeout\": 4}], \"interval\": 7}",
        ":2: custom.timeout: 4 is more than half the interval",
        "",
    ),
];

#[test]
fn config_error_is_one_line_with_line_key_and_what_is_accepted() {
    let folder = Folder::new("bad-config");
    let path = folder.join("mini-monitor.json");
    for (text, words, takes) in BAD {
        fs::write(&path, text).unwrap();
        assert_eq!(
            check(&path),
            (1, String::new(), format!("{words}{takes}\n")),
            "{text}"
        );
    }
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
        let error = String::from_utf8(output.stderr).unwrap().replace(path, "");
        (output.status.code().unwrap(), error)
    };
    let tags = |count: usize| {
        format!(
            "{{\n\"tag\": [\"{}\"]}}",
            vec!["x".repeat(100); count].join("\", \"")
        )
    };
    let message = "endpoint and tags together take more than 1000 bytes in a line\n";
    assert_eq!(check(&tags(9), &[]), (1, format!(":2: tag: {message}")));
    let endpoint = format!("{{\n\n\"endpoint\": \"{}\"}}", "\\u0001".repeat(200));
    assert_eq!(check(&endpoint, &[]), (1, format!(":3: endpoint: {message}")));
    assert_eq!(check(&endpoint, &["-endpoint=x"]), (0, String::new()));
    assert_eq!(check(&tags(5), &[]), (0, String::new()));
    let long = format!("-endpoint={}", "\u{1}".repeat(100));
    assert_eq!(check(&tags(5), &[&long]), (1, format!("mini-monitor: {message}")));

    let script = "{\"custom\": [{\"exec\": \"true\", \"timeout\": \"2s\"}]}";
    assert_eq!(check(script, &[]), (0, String::new()));
    assert_eq!(
        check(script, &["-interval=3s"]),
        (
            1,
            ":1: custom.timeout: \"2s\" is more than half the interval\n".to_owned()
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
fn contradicting_keys_are_reported_with_their_line() {
    let folder = Folder::new("together");
    let path = folder.join("mini-monitor.json");
    for (text, expected) in [
        (
            "{\"custom\": [\n{\"exec\": \"true\",\n\"user\": \"nobody at all\"}]}",
            ":3: custom.user: \"nobody at all\" is not a user of this machine (try \"nobody\")\n",
        ),
        (
            "{\"custom\": [{\"metric\": \"a\", \"file\": \"/b\",\n\"timeout\": \"1s\"}]}",
            ":2: custom.timeout: a metric is either a number in a file or printed by a script, and the keys before this one are of the other kind\n",
        ),
        (
            "{\"custom\": [{\"exec\": \"true\",\n\"metric\": \"a\"}]}",
            ":2: custom.metric: a metric is either a number in a file or printed by a script, and the keys before this one are of the other kind\n",
        ),
        (
            "{\"custom\": [\n{\"metric\": \"a\"}]}",
            ":2: custom: needs metric and file, or exec\n",
        ),
        (
            "{\"metrics\": \"cpu\", \"families\": {\"cpu\": {\"on\": false}}}",
            ": no family is enabled (process needs names of processes)\n",
        ),
    ] {
        fs::write(&path, text).unwrap();
        assert_eq!(check(&path), (1, String::new(), expected.to_owned()), "{text}");
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
        printed
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
    assert!(!printed(r#""metrics": "net=1s""#, r#""families": {"cpu": {"on": false}}"#).contains("cpu"));
}

/// Files with a command in each possible place, and the position of the error.
const EXEC: [(&str, &str); 4] = [
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
];

const REFUSED: &str = ": exec, in a file that others own or can write to (try chown root, chmod go-w)\n";

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
    assert_eq!(started.status.code(), Some(2));
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
            .replace(path.to_str().unwrap(), "")
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
