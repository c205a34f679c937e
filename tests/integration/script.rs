//! Scripts of the user's, good ones and others.

use crate::common::{
    Agent, Folder, Line, Lines, Transfer, behind, command, error_message, output, poll, runner,
    wait_for_no_child, with_descriptors,
};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

struct Scripts {
    agent: Agent,
    lines: Lines,
    _transfer: Transfer,
}

/// An agent with these scripts, and a family that runs every 20 ms.
fn start(folder: &Folder, scripts: &[String]) -> Scripts {
    start_by(&mut command(), folder, scripts)
}

fn start_by(command: &mut Command, folder: &Folder, scripts: &[String]) -> Scripts {
    let transfer = Transfer::new();
    let text = format!(
        r#"{{"trans": "{}", "flush": "20ms", "metrics": "agent=20ms,agent", "custom": [{}]}}"#,
        transfer.address(),
        scripts.join(", ")
    );
    let agent = Agent::spawn(command.arg(folder.config(&text)));
    let lines = Lines::of(transfer.accept());
    Scripts {
        agent,
        lines,
        _transfer: transfer,
    }
}

impl Scripts {
    fn next(&self, metric: &str) -> Line {
        self.lines.next_of(|line| line.metric == metric)
    }

    /// The log of an agent that takes its samples as if nothing were amiss, and then ends.
    fn log(mut self) -> Vec<String> {
        for _ in 0..20 {
            self.next("agent.alive");
        }
        self.agent.stop();
        self.agent.rest_of_log()
    }
}

fn script(text: &str, keys: &str) -> String {
    format!(r#"{{"exec": "{text}"{keys}}}"#)
}

/// (A script has half of it, also on a busy machine.)
const OFTEN: &str = r#", "interval": "600ms""#;

fn is_gone(pid: &str) -> bool {
    // One that nobody waits for any more is dead, too.
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).ok();
    stat.is_none_or(|stat| stat.contains(") Z ") || stat.contains(") X "))
}

#[test]
fn script_lines_become_samples_with_tags_each_interval() {
    let folder = Folder::new("scripts");
    let scripts = start(
        &folder,
        &[
            script("echo a.b 1.50; echo c 2 place=attic k=v=w; printf 'd -3'", OFTEN),
            r#"{"exec": ["printf", "%s %s $x\\n", "list", "7"], "interval": "600ms"}"#.to_owned(),
            r#"{"exec": ["sh", "-c", "echo \"words $#\"", "a", "b c", "d"], "interval": "600ms"}"#.to_owned(),
        ],
    );
    for _ in 0..3 {
        let line = scripts.next("a.b");
        assert!(
            (line.value - 1.5).abs() < 1e-9 && line.tag == ["linux"],
            "{line:?}"
        );
        let line = scripts.next("c");
        assert!(
            (line.value - 2.0).abs() < 1e-9 && line.tag == ["linux", "place=attic", "k=v=w"],
            "{line:?}"
        );
        assert!((scripts.next("d").value + 3.0).abs() < 1e-9);
        assert!((scripts.next("words").value - 2.0).abs() < 1e-9);
    }
    // `$x` was for no shell.
    let log = scripts.log();
    let told: Vec<_> = log
        .iter()
        .filter(|line| line.contains("printf: malformed line \"list 7 $x\" (expected a name"))
        .collect();
    assert_eq!(told.len(), 1, "{log:?}");
}

#[test]
fn script_error_is_one_line_of_the_log_and_the_loop_continues() {
    let folder = Folder::new("bad-scripts");
    let pids = folder.join("pids");
    let quick = r#", "interval": "400ms""#;
    let scripts = start(
        &folder,
        &[
            // It never ends, nor listens.
            script("trap : TERM; n=never; while :; do sleep 1000; done", quick),
            // It prints without end.
            script("yes 'y 1'", quick),
            // It forks and leaves, and the child keeps the output.
            script(
                &format!("n=fork; sleep 1000 & echo $! >>{}; echo forked 1", pids.display()),
                quick,
            ),
            // The same, and the child closes it.
            script(
                &format!(
                    "n=quiet; sleep 1000 >/dev/null & echo $! >>{}; echo quiet 1",
                    pids.display()
                ),
                quick,
            ),
            script("n=signal; kill -9 $$", quick),
            script("n=status; echo before 5; exit 3", quick),
            script(
                "n=binary; head -c 300 /dev/urandom | tr -d '\\\\n '; echo; echo binary 1",
                quick,
            ),
            script(
                "n=long; head -c 5000 /dev/zero | tr '\\\\0' x; echo; echo long 1",
                quick,
            ),
            script("n=nothing; :", quick),
            r#"{"exec": ["/nowhere/at all", "x"], "interval": "400ms"}"#.to_owned(),
        ],
    );
    for metric in [
        "forked", "quiet", "before", "binary", "long", "quiet", "before", "long",
    ] {
        scripts.next(metric);
    }
    scripts
        .agent
        .log
        .wait_for("yes 'y 1': printed more than 16384 bytes");
    let count = || fs::read_to_string(&pids).unwrap_or_default().lines().count();
    poll(|| (count() >= 4).then_some(()), "two runs of each");
    // All that these runs had started is gone while the agent goes on, and so are they.
    for pid in fs::read_to_string(&pids).unwrap().lines() {
        poll(|| is_gone(pid).then_some(()), "the end of what a script has left");
    }
    poll(
        || (zombies(scripts.agent.pid()) == 0).then_some(()),
        "a moment without zombies",
    );
    let mut log = scripts.log();
    // What has been told up to then was waited for above.
    log.push("yes 'y 1': printed more than 16384 bytes".to_owned());
    let times = |words: &str| log.iter().filter(|line| line.contains(words)).count();
    // On a busy machine one may take too long, which is another error, and the one before is logged after it again.
    let late = |script: &str| times(&format!("{script}: timed out"));
    for (script, words) in [
        ("n=signal; kill -9 $$", "killed by signal 9"),
        ("exit 3", "exit status 3"),
        ("/nowhere/at all", "no such program"),
        ("n=nothing; :", "printed nothing"),
    ] {
        let count = times(&format!("{script}: {words}"));
        assert!(count <= 1 + late(script), "{script}: {log:?}");
    }
}

#[test]
fn script_error_is_logged_by_kind() {
    let told = |text: &str, keys: &str, words: &str| {
        let folder = Folder::new("trouble");
        let scripts = start(&folder, &[script(text, keys)]);
        scripts.agent.log.wait_for(words);
        wait_for_no_child(scripts.agent.pid());
        let log = scripts.log();
        assert!(!log.iter().any(|line| line.contains(words)), "twice: {log:?}");
    };
    let short = r#", "interval": "2s", "timeout": "100ms""#;
    let seldom = r#", "interval": "24h", "timeout": "30s""#;
    told("sleep 1000", short, "sleep 1000: timed out");
    told(
        "trap : TERM; while :; do sleep 1; done",
        short,
        "trap : TERM; while :; do sleep 1; done: timed out",
    );
    told("yes 'y 1'", seldom, "yes 'y 1': printed more than 16384 bytes");
    told("kill -11 $$", seldom, "kill -11 $$: killed by signal 11");
    told("exit 42", seldom, "exit 42: exit status 42");
    told(
        "not-a-program",
        seldom,
        "not-a-program: no such program; standard error: ",
    );
    told("exit 126", seldom, "exit 126: cannot be run, or not as that user");
    told(
        "echo why >&2; exit 7",
        seldom,
        "echo why >&2; exit 7: exit status 7; standard error: why",
    );
    told("true", seldom, "true: printed nothing");
    told(
        "missing | awk '/x/'",
        seldom,
        "missing | awk '/x/': printed nothing; standard error: ",
    );
    told(
        "echo warned 1; echo careful >&2",
        seldom,
        "echo warned 1; echo careful >&2: succeeded; standard error: careful",
    );
    told(
        "echo one two",
        seldom,
        "echo one two: malformed line \"one two\" (expected a name that no built-in metric has, a value and tags, \
         at most 512 bytes)",
    );
    told(
        "echo agent.alive 1 x=y",
        seldom,
        "malformed line \"agent.alive 1 x=y\" (expected a name that no built-in metric has",
    );
    // Each byte of the tag takes six in a line of JSON, which has room for 2048.
    let bytes = "$(head -c 400 /dev/zero | tr '\\\\0' '\\\\1')";
    let line = format!("malformed line \"wide 1 k={}\" (expected", "?".repeat(51));
    told(&format!("n=wide; echo wide 1 k={bytes}"), seldom, &line);
}

#[test]
fn script_error_is_counted_once_a_run() {
    let folder = Folder::new("counted");
    let all = [
        "exit 3",
        "echo one two; echo three four",
        "printf 'no end'",
        "echo good 1",
        "true",
        "echo good 1; echo careful >&2",
        "missing | cat",
    ];
    let scripts = start(
        &folder,
        &all.map(|text| script(text, r#", "interval": "24h", "timeout": "30s""#)),
    );
    let errors = || scripts.next("agent.errors").value as u32;
    assert!((0..500).any(|_| errors() == 4), "{}", errors());
    for _ in 0..20 {
        assert_eq!(errors(), 4);
    }
    scripts.log();
}

#[test]
fn script_timeout_defaults_to_half_the_interval() {
    let folder = Folder::new("half");
    let keys = r#", "interval": "4s""#;
    let scripts = start(
        &folder,
        &[
            script("n=soon; sleep 1; echo soon 1", keys),
            script("n=late; sleep 3; echo late 1", keys),
        ],
    );
    scripts.next("soon");
    scripts.agent.log.wait_for("echo late 1: timed out");
    let log = scripts.log();
    assert!(!log.iter().any(|line| line.contains("n=soon")), "{log:?}");
}

#[test]
fn script_gets_sigterm_before_sigkill() {
    let folder = Folder::new("asked");
    let text = "trap 'echo asked 1; exit' TERM; while :; do sleep 1; done";
    let scripts = start(
        &folder,
        &[script(text, r#", "interval": "24h", "timeout": "100ms""#)],
    );
    scripts.next("asked");
    scripts.agent.log.wait_for(": timed out");
    scripts.log();
}

#[test]
fn script_that_still_runs_is_not_started_again() {
    let folder = Folder::new("alone");
    // It does not end when it is asked to, so that its next turns come while it runs. A second one sees the first.
    let text = format!(
        "n=alone; trap '' TERM; for p in $(cat {0}); do kill -s CONT $p && echo beside 1; done; \
         echo $$ >>{0}; echo alone 1; sleep 5",
        folder.join("pids").display()
    );
    let mut scripts = start(&folder, &[script(&text, r#", "interval": "300ms""#)]);
    let mut runs = 0;
    while runs < 4 {
        let line = Line::parse(&scripts.lines.next());
        assert_ne!(line.metric, "beside");
        runs += u32::from(line.metric == "alone");
    }
    scripts.agent.stop();
}

#[test]
fn script_error_is_logged_again_when_its_cause_changes() {
    let folder = Folder::new("cause");
    let cause = folder.join("cause");
    let set = |text: &str| {
        let new = folder.join("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &cause).unwrap();
    };
    set("exit 3");
    // Each run has another number of its process.
    let text = format!("echo $$ is my number >&2; . {}", cause.display());
    let scripts = start(&folder, &[script(&text, r#", "interval": "1s""#)]);
    let log = &scripts.agent.log;
    log.wait_for(": exit status 3; standard error: ");
    set("true");
    log.wait_for(": printed nothing; standard error: ");
    set("missing program");
    log.wait_for(": no such program; standard error: ");
    set("echo good 1");
    log.wait_for(": succeeded; standard error: ");
    for _ in 0..5 {
        scripts.next("good");
    }
    let rest = scripts.log();
    assert!(
        !rest.iter().any(|line| line.contains("standard error")),
        "{rest:?}"
    );
}

#[test]
fn script_is_not_stopped_by_what_it_writes_to_standard_error() {
    let folder = Folder::new("flood");
    let text = "head -c 1000000 /dev/zero >&2; echo flooded 1";
    let scripts = start(
        &folder,
        &[script(text, r#", "interval": "24h", "timeout": "60s""#)],
    );
    scripts.next("flooded");
    scripts.log();
}

#[test]
fn script_that_recovers_is_logged() {
    let folder = Folder::new("again");
    let flag = folder.join("flag");
    let scripts = start(
        &folder,
        &[script(
            &format!("n=again; test -e {} && echo again 1", flag.display()),
            OFTEN,
        )],
    );
    scripts.agent.log.wait_for(": exit status 1");
    fs::write(&flag, "").unwrap();
    scripts.agent.log.wait_for(": runs without errors again");
    scripts.log();

    // A text of several lines is one line of the log, and so is what escapes from a terminal.
    let scripts = start(&folder, &[script("first\\nsecond; exit 3 # \\u001b[31m", OFTEN)]);
    scripts.agent.log.wait_for(" first: exit status 3");
    scripts.log();
}

#[test]
fn scripts_running_at_once_do_not_block_the_loop() {
    let folder = Folder::new("twenty");
    let all: Vec<_> = (0..20)
        .map(|number| {
            script(
                &format!("sleep 0.05; echo n{number} {number}"),
                r#", "interval": "600ms""#,
            )
        })
        .collect();
    let scripts = start(&folder, &all);
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut turns = 0;
    while seen.len() < 20 || seen.values().any(|count| *count < 3) {
        let line = Line::parse(&scripts.lines.next());
        turns += u32::from(line.metric == "agent.alive");
        if line.metric.starts_with('n') {
            *seen.entry(line.metric).or_default() += 1;
        }
    }
    assert!(turns > 20, "{turns} turns beside three runs of each");
    let pid = scripts.agent.pid();
    scripts.log();
    assert!(is_gone(&pid.to_string()));
}

#[test]
fn script_runs_as_its_user_with_default_signals_and_streams() {
    let folder = Folder::new("user");
    let root = is_root();
    let keys = if root {
        r#", "user": "nobody", "interval": "600ms""#
    } else {
        OFTEN
    };
    // An agent of root's that has more groups than its own.
    let with_groups = root.then(|| by_setpriv(&["--groups=7,8"], "[ $(id -G | wc -w) -gt 1 ]"));
    let scripts = start_by(
        &mut with_groups.flatten().unwrap_or_else(command),
        &folder,
        &[script(
            "echo uid $(id -u); echo gids $(id -G | wc -w); grep -q 'SigBlk:.0*$' /proc/self/status && echo unblocked 1; \
             cat; echo input 0; echo to the log >&2; echo others $(ls -l /proc/self/fd | grep -cE 'socket:|anon_inode')",
            keys,
        )],
    );
    let uid = scripts.next("uid").value;
    if root {
        let nobody = fs::read_to_string("/etc/passwd").unwrap();
        let nobody = nobody
            .lines()
            .find(|line| line.starts_with("nobody:"))
            .unwrap()
            .split(':')
            .nth(2)
            .unwrap()
            .to_owned();
        assert!((uid - nobody.parse::<f64>().unwrap()).abs() < 0.1, "{uid}");
        assert!((scripts.next("gids").value - 1.0).abs() < 0.1);
    }
    scripts.next("unblocked");
    scripts.next("input");
    assert!(scripts.next("others").value < 0.5, "descriptors of the agent");
    let log = scripts.log();
    let warning = ": succeeded; standard error: to the log";
    let count = log.iter().filter(|line| line.ends_with(warning)).count();
    assert_eq!(count, 1, "{log:?}");
}

#[test]
fn once_waits_for_scripts_and_the_end_of_the_agent_ends_them() {
    let folder = Folder::new("script-once");
    let path = folder.join("mini-monitor.json");
    let text = r#"{"metrics": "load", "custom": [{"exec": "sleep 1.2; echo late 1", "interval": "1m"}]}"#;
    fs::write(&path, text).unwrap();
    let file = format!("-config={}", path.display());
    let printed = String::from_utf8(output(&[&file, "-once"]).stdout).unwrap();
    assert!(printed.contains("\"late\""), "{printed}");

    // One that has left something running has ended all the same.
    let text = r#"{"metrics": "load", "custom": [{"exec": "echo left 1; sleep 1000 &", "interval": "24h"}]}"#;
    fs::write(&path, text).unwrap();
    let printed = String::from_utf8(output(&[&file, "-once"]).stdout).unwrap();
    assert!(printed.contains("\"left\""), "{printed}");

    let pids = folder.join("pids");
    let running = script(
        &format!("n=running; echo $$ >{}; sleep 1000", pids.display()),
        r#", "interval": "24h""#,
    );
    let mut scripts = start(&folder, &[running]);
    let pid = poll(
        || fs::read_to_string(&pids).ok().filter(|pid| pid.ends_with('\n')),
        "the script's start",
    );
    scripts.agent.stop();
    poll(|| is_gone(&pid).then_some(()), "the script's end");
}

/// The agent with what `setpriv` makes of it, which can do so; the test is skipped otherwise.
fn by_setpriv(flags: &[&str], script: &str) -> Option<Command> {
    let words = [&["setpriv"], flags].concat();
    let status = Command::new(words[0])
        .args(flags)
        .args(["sh", "-c", script])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !status.is_ok_and(|status| status.success()) {
        println!("skipped: setpriv cannot do {flags:?}, with {script:?} behind it");
        return None;
    }
    Some(behind(&words))
}

/// The output of a command without the end of its line.
fn said(script: &str) -> String {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn is_root() -> bool {
    said("id -u") == "0"
}

#[test]
fn script_of_the_agents_own_user_needs_no_right_to_leave_groups() {
    let folder = Folder::new("own-user");
    let (command, user) = if is_root() {
        let group = format!("--regid={}", said("id -g nobody"));
        // It has to be where everybody may run it.
        let agent = behind(&["exec"]);
        let words: Vec<_> = agent.get_args().map(|word| word.to_str().unwrap()).collect();
        let can = format!("cd {} && {} -version", folder.path(), words.join(" "));
        let flags = ["--reuid=nobody", &group, "--groups=7,8"];
        (by_setpriv(&flags, &can), "nobody".to_owned())
    } else {
        (Some(command()), said("id -un"))
    };
    let Some(mut command) = command else {
        return;
    };
    let keys = format!(r#", "user": "{user}"{OFTEN}"#);
    let scripts = start_by(&mut command, &folder, &[script("echo own 1", &keys)]);
    scripts.next("own");
    // Another one it cannot be.
    let (path, root) = (folder.join("mini-monitor.json"), r#""user": "root""#);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(&format!(r#""user": "{user}""#), root)).unwrap();
    scripts.agent.signal("HUP");
    scripts
        .agent
        .log
        .wait_for("echo own 1: cannot be run, or not as that user");
}

/// An agent with a secret in its environment, a directory and a mask of its own, and a descriptor that it has inherited.
fn with_secrets() -> Command {
    let mut command = behind(&["sh", "-c", "umask 0; cd /tmp; exec \"$0\" \"$@\" 9</etc/hosts"]);
    command.env("SECRET", "1");
    command
}

/// What a script finds, in tags; `-` is for the end of a text that may be empty.
const FINDS: &str = "echo found 1 secret=${SECRET}- pwd=$(pwd) umask=$(umask) home=$HOME \
    names=$USER,$LOGNAME,$SHELL path=$PATH variables=$(tr '\\\\0' '\\\\n' </proc/$$/environ | wc -l)";

/// The tags of a line, but for the system's.
fn tags(line: &Line) -> BTreeMap<&str, &str> {
    line.tag.iter().filter_map(|tag| tag.split_once('=')).collect()
}

#[test]
fn script_with_a_user_has_its_own_environment_directory_and_umask() {
    if !is_root() {
        return println!("skipped: it needs root");
    }
    let folder = Folder::new("own-environment");
    let keys = format!(r#", "user": "nobody"{OFTEN}"#);
    let text = "set -- $(cat /proc/$$/stat); \
        echo rights $(sed -n 's/^NoNewPrivs:.//p' /proc/self/status) session=$(($6 - $$))";
    let all = [script(FINDS, &keys), script(text, &keys)];
    let scripts = start_by(&mut with_secrets(), &folder, &all);
    let line = scripts.next("found");
    let home = said("grep ^nobody: /etc/passwd | cut -d : -f 6");
    let expected = [
        ("secret", "-"),
        ("pwd", "/"),
        ("umask", "0022"),
        ("home", home.as_str()),
        ("names", "nobody,nobody,/bin/sh"),
        ("path", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("variables", "5"),
    ];
    assert_eq!(tags(&line), expected.into());
    let line = scripts.next("rights");
    assert!(
        (line.value - 1.0).abs() < 1e-9 && tags(&line)["session"] == "0",
        "{line:?}"
    );
    scripts.log();
}

#[test]
fn script_without_a_user_has_the_environment_of_the_agent() {
    let folder = Folder::new("environment");
    let scripts = start_by(&mut with_secrets(), &folder, &[script(FINDS, OFTEN)]);
    let line = scripts.next("found");
    let tags = tags(&line);
    assert_eq!(
        (tags["secret"], tags["pwd"], tags["umask"]),
        ("1-", "/tmp", "0000")
    );
    assert_eq!(tags["path"], std::env::var("PATH").unwrap());
    scripts.log();
}

#[test]
fn script_with_a_user_has_no_capability_of_the_agent() {
    let group = format!("--regid={}", said("id -g nobody"));
    let folder = Folder::new("capabilities");
    let agent = behind(&["exec"]);
    let words: Vec<_> = agent.get_args().map(|word| word.to_str().unwrap()).collect();
    let can = format!(
        "cd {} && {} -version && grep '^CapAmb:.*[1-9a-f]' /proc/self/status",
        folder.path(),
        words.join(" ")
    );
    // What a service that is not root's may have from systemd.
    let capabilities = ["--inh-caps=+net_raw,+kill", "--ambient-caps=+net_raw,+kill"];
    let user = ["--reuid=nobody", &group, "--clear-groups"];
    let Some(mut command) = by_setpriv(&[&user[..], &capabilities].concat(), &can) else {
        return;
    };
    let keys = format!(r#", "user": "nobody"{OFTEN}"#);
    let text = "set -- $(sed -n 's/^Cap[IPEA].*:.//p' /proc/self/status); echo sets $# all=$*";
    let text = text.replace("all=$*", "inh=$1 prm=$2 eff=$3 amb=$4");
    let scripts = start_by(&mut command, &folder, &[script(&text, &keys)]);
    let line = scripts.next("sets");
    assert!((line.value - 4.0).abs() < 1e-9, "{line:?}");
    let none = "0000000000000000";
    let expected = [("inh", none), ("prm", none), ("eff", none), ("amb", none)];
    assert_eq!(tags(&line), expected.into());
    scripts.log();
}

/// The agent under strace with these flags, which is no process in between; `None` if it cannot be.
fn by_strace(folder: &Folder, flags: &[&str]) -> Option<Command> {
    let trace = folder.join("trace").display().to_string();
    let words = [&["strace", "-D", "-f", "-o", &trace], flags].concat();
    let status = Command::new(words[0])
        .args(&words[1..])
        .arg("true")
        .stderr(Stdio::null())
        .status();
    if !runner().is_empty() || !status.is_ok_and(|status| status.success()) {
        println!("skipped: strace cannot do {flags:?}");
        return None;
    }
    Some(behind(&words))
}

#[test]
fn script_gets_no_descriptor_that_the_agent_has_inherited() {
    let text = "[ -e /proc/$$/fd/9 ]; echo closed $?";
    let folder = Folder::new("inherited");
    let scripts = start_by(&mut with_secrets(), &folder, &[script(text, OFTEN)]);
    assert!((scripts.next("closed").value - 1.0).abs() < 1e-9);
    scripts.log();
    // A kernel before 5.9 has no call for that.
    let flags = ["-e", "trace=close_range", "-e", "inject=close_range:error=ENOSYS"];
    let Some(command) = by_strace(&folder, &flags) else {
        return;
    };
    let traced = command.get_args().map(|word| word.to_str().unwrap());
    let words: Vec<_> = ["sh", "-c", "exec strace \"$@\" 9</etc/hosts", "sh"]
        .into_iter()
        .chain(traced)
        .collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    let scripts = start_by(&mut command, &folder, &[script(text, OFTEN)]);
    assert!((scripts.next("closed").value - 1.0).abs() < 1e-9);
    scripts.log();
}

#[test]
fn script_leaves_descriptors_for_the_connection() {
    if !runner().is_empty() {
        return println!("skipped: an emulator has descriptors of its own");
    }
    let folder = Folder::new("few-descriptors");
    let text = "n=few; echo few 1; sleep 0.2";
    let scripts = start_by(&mut with_descriptors(13), &folder, &[script(text, OFTEN)]);
    scripts
        .agent
        .log
        .wait_for(&format!("{text}: {}", error_message("too many open files")));
    let errors = || scripts.next("agent.errors").value;
    assert!((0..500).any(|_| errors() > 0.5));
    scripts.log();
    let scripts = start_by(&mut with_descriptors(16), &folder, &[script(text, OFTEN)]);
    for _ in 0..3 {
        scripts.next("few");
    }
    scripts.log();
}

/// A program that leaves its process group for that of the agent, and never ends.
const LEAVES: &str =
    "exec perl -e 'setpgrp(0, getpgrp(getppid)); $| = 1; print qq(elsewhere $$\\n); sleep 1000'";

fn has_perl() -> bool {
    let status = Command::new("perl").args(["-e", ""]).status();
    let is_here = status.is_ok_and(|status| status.success());
    if !is_here {
        println!("skipped: there is no perl");
    }
    is_here
}

#[test]
fn script_that_leaves_its_group_is_ended() {
    if !has_perl() {
        return;
    }
    let folder = Folder::new("elsewhere");
    let text = LEAVES.replace("\\n", "\\\\n");
    let scripts = start(&folder, &[script(&text, OFTEN)]);
    let process = Stuck(scripts.next("elsewhere").value as u32);
    scripts.agent.log.wait_for(": timed out");
    poll(
        || is_gone(&process.0.to_string()).then_some(()),
        "the script's end",
    );
    let log = scripts.log();
    assert!(
        !log.iter().any(|line| line.contains("signal 9")),
        "asked first: {log:?}"
    );
}

#[test]
fn command_that_leaves_its_group_is_ended() {
    if !has_perl() {
        return;
    }
    let folder = Folder::new("elsewhere-tunnel");
    let number = folder.join("number");
    let command = format!("-trans=exec:{LEAVES} >{}", number.display());
    let flags = ["-metrics=agent=20ms", "-flush=20ms", "-timeout=100ms"];
    let mut agent = Agent::start(&[&[command.as_str()], &flags[..]].concat());
    let current = || {
        let text = fs::read_to_string(&number).ok()?;
        text.strip_prefix("elsewhere ")?.trim_end().parse().ok()
    };
    let process = Stuck(poll(current, "the command"));
    agent.log.wait_for("i/o timeout");
    poll(
        || is_gone(&process.0.to_string()).then_some(()),
        "the command's end",
    );
    // And the one that runs when the agent ends.
    let is_alive = |process: &u32| !is_gone(&process.to_string());
    let process = Stuck(poll(|| current().filter(is_alive), "another command"));
    agent.stop();
    poll(
        || is_gone(&process.0.to_string()).then_some(()),
        "the last command's end",
    );
}

/// The end of the agent is a race that it loses: the child is held up before it asks for its death signal.
#[test]
fn script_does_not_run_if_the_agent_is_killed_while_starting_it() {
    let folder = Folder::new("orphan");
    let flags = ["-e", "trace=prctl", "-e", "inject=prctl:delay_enter=800ms"];
    let Some(mut command) = by_strace(&folder, &flags) else {
        return;
    };
    let flag = folder.join("runs");
    let text = format!("touch {}", flag.display());
    let json = format!(
        r#"{{"trans": "-", "metrics": "agent", "custom": [{}]}}"#,
        script(&text, r#", "interval": "24h""#)
    );
    let mut agent = Agent::spawn(command.arg(folder.config(&json)));
    // It is the agent by now, no strace.
    Lines::of(agent.out()).next();
    let children = format!("/proc/{0}/task/{0}/children", agent.pid());
    let child = poll(
        || {
            let children = fs::read_to_string(&children).ok()?;
            Some(children.split_whitespace().next()?.to_owned())
        },
        "the script's process",
    );
    agent.kill();
    poll(|| is_gone(&child).then_some(()), "the script's end");
    assert!(!flag.exists());
}

/// What starts a program of root's that may end no other user's, and that cannot be had back (`CAP_KILL`).
const POWERLESS: [&str; 5] = ["setpriv", "--bounding-set", "-kill", "--inh-caps", "-kill"];

/// The agent as such a program; `None` without root or `setpriv`.
fn powerless() -> Option<Command> {
    // It is seen whether somebody else's cannot be ended.
    let script = "[ $(id -u) = 0 ] || exit 1
        setpriv --reuid nobody --clear-groups sleep 1000 >/dev/null & pid=$!
        until grep -q '^Uid:.[1-9]' /proc/$pid/status; do
            kill -s CONT $pid && ! grep -q '^State:.Z' /proc/$pid/status || exit 1
            sleep 0.01
        done
        \"$@\" kill -s KILL $pid; status=$?
        kill -s KILL $pid; wait $pid; killed=$?
        [ $status = 1 ] && [ $killed = 137 ]";
    let is_powerless = Command::new("sh")
        .args(["-c", script, "sh"])
        .args(POWERLESS)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !is_powerless {
        println!("skipped: root cannot be denied the right to end other users' programs");
        return None;
    }
    Some(behind(&POWERLESS))
}

/// A process that its agent cannot end: the test does.
struct Stuck(u32);

impl Drop for Stuck {
    fn drop(&mut self) {
        let script = format!("kill -s KILL {}", self.0);
        let _ = Command::new("sh")
            .args(["-c", &script])
            .stderr(Stdio::null())
            .status();
    }
}

/// A script that such an agent cannot end. It goes on for as long as the test is there, whatever becomes of that.
fn stuck() -> String {
    let text = format!(
        "echo stuck $$; while [ -e /proc/{} ]; do sleep 0.1; done",
        std::process::id()
    );
    script(
        &text,
        r#", "user": "nobody", "interval": "1s", "timeout": "500ms""#,
    )
}

#[test]
fn script_that_cannot_be_killed_keeps_its_slot_and_is_logged_once() {
    let Some(mut command) = powerless() else {
        return;
    };
    let folder = Folder::new("stuck");
    let scripts = start_by(&mut command, &folder, &[stuck(), script("echo beside 1", OFTEN)]);
    let next = || Stuck(scripts.next("stuck").value as u32);
    let first = next();
    scripts.agent.log.wait_for(": timed out");
    // Its turn comes three times and more, and it is not started beside itself.
    let mut turns = 0;
    while turns < 4 {
        let line = Line::parse(&scripts.lines.next());
        assert_ne!(line.metric, "stuck");
        turns += u32::from(line.metric == "beside");
    }
    assert!(!is_gone(&first.0.to_string()));
    // Once it is gone there is room again.
    let before = first.0;
    drop(first);
    let second = next();
    assert_ne!(second.0, before);
    for _ in 0..4 {
        scripts.next("beside");
    }
    let log = scripts.log();
    assert!(
        !log.iter()
            .any(|line| line.contains("timed out") || line.contains("without errors again")),
        "{log:?}"
    );
    assert!(!is_gone(&second.0.to_string()));
}

#[test]
fn script_left_running_is_not_confused_with_its_successor() {
    let Some(mut command) = powerless() else {
        return;
    };
    let folder = Folder::new("left");
    let scripts = start_by(&mut command, &folder, &[stuck()]);
    let left = Stuck(scripts.next("stuck").value as u32);
    let path = folder.join("mini-monitor.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(&stuck(), &script("echo other 1", OFTEN))).unwrap();
    scripts.agent.signal("HUP");
    scripts.agent.log.wait_for("configuration reloaded");
    assert!(!is_gone(&left.0.to_string()));
    drop(left);
    for _ in 0..4 {
        scripts.next("other");
    }
    let log = scripts.log();
    assert!(!log.iter().any(|line| line.contains("echo")), "{log:?}");
}

#[test]
fn script_that_cannot_be_killed_is_not_read_after_too_much_output() {
    let Some(mut command) = powerless() else {
        return;
    };
    let folder = Folder::new("stuck-output");
    let keys = r#", "user": "nobody", "interval": "24h""#;
    let scripts = start_by(
        &mut command,
        &folder,
        &[script("echo stuck $$; exec yes 'y 1'", keys)],
    );
    let _process = Stuck(scripts.next("stuck").value as u32);
    scripts.agent.log.wait_for("printed more than 16384 bytes");
    // Nobody reads it any more, and it ends.
    wait_for_no_child(scripts.agent.pid());
    let log = scripts.log();
    assert!(!log.iter().any(|line| line.contains("yes")), "{log:?}");
}

#[test]
fn once_does_not_wait_for_a_script_that_cannot_be_killed() {
    let Some(mut command) = powerless() else {
        return;
    };
    let folder = Folder::new("stuck-once");
    let text = format!(r#"{{"metrics": "load", "custom": [{}]}}"#, stuck());
    let mut agent = Agent::spawn(command.arg(folder.config(&text)).arg("-once"));
    let lines = Lines::of(agent.out());
    let _process = Stuck(Line::parse(&lines.wait_for("\"stuck\"")).value as u32);
    assert_eq!(agent.wait().code(), Some(0));
    agent.log.wait_for(": timed out");
}

/// Children that have ended and that nobody has waited for.
fn zombies(pid: u32) -> usize {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let is_zombie = |child: &&str| {
        let status = fs::read_to_string(format!("/proc/{child}/status"));
        status.is_ok_and(|status| status.contains("State:\tZ"))
    };
    children.split_whitespace().filter(is_zombie).count()
}

#[test]
fn command_that_cannot_be_killed_is_reaped_when_it_has_ended() {
    let Some(mut command) = powerless() else {
        return;
    };
    let flags = [
        "-trans=exec:exec setpriv --reuid nobody --clear-groups sleep 1",
        "-metrics=agent=20ms",
        "-flush=20ms",
        "-timeout=100ms",
    ];
    let agent = Agent::spawn(command.args(flags));
    for _ in 0..4 {
        agent.log.wait_for("i/o timeout");
    }
    poll(|| (zombies(agent.pid()) == 0).then_some(()), "no zombie");
}
