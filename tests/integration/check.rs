//! `-check` finds what a start would, and changes nothing.

use crate::common::{
    Agent, Folder, Transfer, can, command, error_message, fixture, has_host_socket_types, is_root,
    passed_inside, poll, runner, test_name, with_descriptors,
};
use crate::docs::help_options;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit status and standard error of a command that ends by itself.
fn end_of(command: &mut Command) -> (i32, String) {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = poll(|| child.try_wait().unwrap(), "the end of a start");
    let error = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    (status.code().unwrap(), error)
}

/// Holds `-check` to the exit status and the message of a start that fails; returns both.
fn same_failure(new: &dyn Fn() -> Command, flags: &[&str]) -> (i32, String) {
    let checked = end_of(new().args(flags).arg("-check"));
    let started = end_of(new().args(flags));
    assert_eq!(checked, started, "{flags:?}");
    assert_ne!(checked.0, 0, "{flags:?}");
    assert_eq!(checked.1.lines().count(), 1, "{flags:?}: {}", checked.1);
    checked
}

/// The failure of a start and of `-check` with an unavailable path.
fn unavailable(new: &dyn Fn() -> Command, flag: &str, path: &Path, reason: &str) {
    let path = path.to_str().unwrap();
    let (status, error) = same_failure(new, &[&format!("-{flag}={path}")]);
    assert_eq!(
        (status, error),
        (1, format!("mini-monitor: -{flag}: {path}{reason}\n")),
        "{flag}"
    );
}

/// Standard output of `-check`, which finds no error.
fn report(flags: &[&str]) -> String {
    let output = command().args(flags).arg("-check").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), error.as_str()), (Some(0), ""), "{flags:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Leaves a spool with lines in it at the path, as an agent does that was killed.
fn leave_spool(path: &Path, buffer: &str) {
    let spool = format!("-spool={}", path.display());
    let to = format!("-trans={}", Transfer::absent());
    let mut agent = Agent::start(&[&to, &spool, buffer, "-metrics=agent=20ms"]);
    // The last line may be half written when the agent is killed.
    let has_lines = || {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(8).filter(|part| part == b"\"metric\"").count() > 1
    };
    poll(|| has_lines().then_some(()), "lines in the spool");
    agent.kill();
}

#[test]
fn check_fails_as_a_start_does_for_each_spool_and_socket() {
    let folder = Folder::new("check-paths");
    let at = |name: &str| folder.join(name);
    let not_found = ": no such file or directory";
    fs::write(at("other"), "not a spool").unwrap();
    fs::create_dir(at("directory")).unwrap();
    symlink(at("nowhere"), at("link")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    for (name, mode) in [("open", 0o620), ("linked", 0o600)] {
        fs::write(at(name), "").unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::hard_link(at("linked"), at("second")).unwrap();
    let long = "x".repeat(300);
    let too_long = format!(": {}", error_message("file name too long"));
    for (name, reason) in [
        ("none/spool", not_found),
        ("directory", ": is a directory"),
        ("directory/none/", ": is a directory"),
        ("other/spool", ": not a directory"),
        (&long, &too_long),
        ("link", ": it is a symbolic link"),
        ("pipe", ": it is not a regular file"),
        ("other", ": it is no spool, but holds something else"),
        ("open", ": group or others can write to it"),
        ("linked", ": it has more than one link"),
    ] {
        unavailable(&command, "spool", &at(name), reason);
    }
    let path = format!("{}/", at("new").display());
    unavailable(&command, "spool", Path::new(&path), ": is a directory");

    let _stream = UnixListener::bind(at("stream")).unwrap();
    let in_use = format!(": {}", error_message("address already in use"));
    for (name, reason) in [
        ("none/socket", not_found),
        ("other/socket", ": not a directory"),
        ("directory", &in_use),
        ("other", &in_use),
        ("link", &in_use),
        ("stream", &in_use),
    ] {
        if name == "stream" && has_host_socket_types() {
            continue;
        }
        unavailable(&command, "listen", &at(name), reason);
    }
    unavailable(&command, "listen", Path::new(&path), not_found);
}

#[test]
fn check_fails_as_a_start_does_if_the_spool_cannot_change_its_size() {
    let folder = Folder::new("check-size");
    let path = folder.join("spool");
    leave_spool(&path, "-buffer=16K");
    let spool = format!("-spool={}", path.display());
    let new = folder.join("spool.new");
    // One that a killed agent has left is removed, anything else is not.
    fs::copy(&path, &new).unwrap();
    assert!(report(&[&spool, "-buffer=64K"]).contains("buffer 64K: "));
    fs::write(&new, "something else").unwrap();
    let failure = same_failure(&command, &[&spool, "-buffer=64K"]);
    let reason = ".new cannot be made or take its place: file exists\n";
    assert_eq!(
        failure,
        (1, format!("mini-monitor: -spool: {}{reason}", path.display()))
    );
    assert!(report(&[&spool, "-buffer=16K"]).contains("buffer 16K: "));
}

#[test]
fn check_fails_as_a_start_does_where_a_disk_is_full_or_read_only() {
    let script = "mount -t tmpfs -o size=64k none /mnt && mkdir /mnt/ro && mount -t tmpfs none /mnt/ro &&
        touch /mnt/ro/spool && mount -o remount,ro /mnt/ro";
    if passed_inside(&["-m"], script, test_name!()) {
        return;
    }
    let read_only = ": read-only file system";
    unavailable(&command, "spool", Path::new("/mnt/ro/new"), read_only);
    unavailable(&command, "spool", Path::new("/mnt/ro/spool"), read_only);
    unavailable(&command, "listen", Path::new("/mnt/ro/socket"), read_only);
    let full = ": no space left on device";
    unavailable(&command, "spool", Path::new("/mnt/spool"), full);
    assert!(report(&["-spool=/mnt/spool", "-buffer=32K"]).contains("setting: spool /mnt/spool\n"));

    // A file that is mounted by itself cannot be replaced.
    leave_spool(Path::new("/mnt/spool"), "-buffer=16K");
    let mounted = "touch /mnt/one && mount --bind /mnt/spool /mnt/one";
    assert!(
        Command::new("sh")
            .args(["-c", mounted])
            .status()
            .unwrap()
            .success()
    );
    let (status, error) = same_failure(&command, &["-spool=/mnt/one", "-buffer=24K"]);
    let busy = error_message("device or resource busy");
    let reason = format!("mini-monitor: -spool: /mnt/one.new cannot be made or take its place: {busy}\n");
    assert_eq!((status, error), (1, reason));
}

/// The agent as another user.
fn as_nobody() -> Command {
    let agent = command();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--clear-groups", "--"])
        .arg(agent.get_program())
        .args(agent.get_args());
    command
}

#[test]
fn check_fails_as_a_start_does_without_permission() {
    let folder = Folder::new("check-rights");
    // The program may be in a directory that only root can enter.
    let can_run = as_nobody().arg("-version").stdout(Stdio::null()).status();
    if !can_run.is_ok_and(|status| status.success()) {
        return println!("skipped: the agent cannot be run as another user here");
    }
    let [spool, socket] = ["spool", "socket"].map(|name| folder.join(name));
    unavailable(&as_nobody, "spool", &spool, ": permission denied");
    unavailable(&as_nobody, "listen", &socket, ": permission denied");
    fs::write(&spool, "").unwrap();
    unavailable(&as_nobody, "spool", &spool, ": permission denied");
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o600)).unwrap();
    let _socket = UnixDatagram::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).unwrap();
    let in_use = format!(": {}", error_message("address already in use"));
    unavailable(&as_nobody, "listen", &socket, &in_use);
}

/// The agent with a limit of the shell's `ulimit`.
fn limited(limit: &str) -> Command {
    crate::common::behind(&["sh", "-c", &format!("ulimit {limit}; exec \"$@\""), "sh"])
}

#[test]
fn check_fails_as_a_start_does_at_each_limit() {
    if !runner().is_empty() {
        return println!("skipped: an emulator has limits of its own");
    }
    let folder = Folder::new("check-limits");
    let spool = format!("-spool={}", folder.join("spool").display());
    let listen = format!("-listen={}", folder.join("socket").display());
    for count in 4..14 {
        let (status, _) = same_failure(&|| with_descriptors(count), &[&spool, &listen]);
        assert_eq!(status, 1, "{count} descriptors");
    }
    for count in 4..12 {
        same_failure(&|| with_descriptors(count), &[]);
    }
    let path = folder.join("new");
    unavailable(&|| limited("-f 8"), "spool", &path, ": file too large");
    let (_, error) = same_failure(&|| limited("-v 100000"), &["-buffer=1G"]);
    assert!(error.starts_with("mini-monitor: -buffer: "), "{error}");
}

#[test]
fn wrong_configuration_has_the_same_status_whatever_it_is_for() {
    let folder = Folder::new("check-status");
    let named = format!("-config={}", folder.join("none").display());
    let list = |flags: &[&str], expected: i32| {
        for command_flag in ["-check", "-once", "-debug"] {
            let (status, error) = end_of(command().args(flags).arg(command_flag));
            assert_eq!(status, expected, "{flags:?} {command_flag}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    };
    list(&[&named], 1);
    list(&["-config=/"], 1);
    for (text, mode) in [
        ("{", 0o600),
        (r#"{"flush": 0}"#, 0o600),
        (r#"{"nope": 0}"#, 0o600),
        (r#"{"proc": "/nowhere"}"#, 0o600),
        (r#"{"metrics": "cpu,cpu=off"}"#, 0o600),
        (
            r#"{"custom": [{"exec": "true", "user": "nobody at all"}]}"#,
            0o600,
        ),
        (r#"{"trans": "exec:true"}"#, 0o622),
        (r#"{"listen": "relative"}"#, 0o600),
    ] {
        let file = folder.config(text);
        let path = folder.join("mini-monitor.json");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        list(&[&file], 1);
    }
    let long = format!("-listen=/{}", "x".repeat(107));
    for flags in [
        &["-nope"][..],
        &["-flush=0"],
        &["-proc=/nowhere"],
        &["-metrics=cpu,cpu=off"],
        &["-metrics=process"],
        &[&long],
    ] {
        list(flags, 2);
    }
    // All that -list, -version and -h need is a command line without an error.
    for flag in ["-list", "-version"] {
        assert_eq!(end_of(command().args([flag, "-nope"])).0, 2);
        assert_eq!(end_of(command().args([flag, &named])).0, 0);
    }
}

#[test]
fn spool_and_socket_in_use_are_warnings() {
    if has_host_socket_types() {
        return;
    }
    let folder = Folder::new("check-in-use");
    let [spool, socket] = ["spool", "socket"].map(|name| folder.join(name));
    let flags = [
        format!("-spool={}", spool.display()),
        format!("-listen={}", socket.display()),
        format!("-trans={}", Transfer::absent()),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut agent = Agent::start(&flags);
    agent.log.wait_for("dial tcp");
    let text = report(&flags);
    for path in [&spool, &socket] {
        let warning = format!("\nwarning: {}: another agent has it\n", path.display());
        assert!(text.contains(&warning), "{text}");
        let flag = if path == &spool { flags[0] } else { flags[1] };
        let (status, error) = end_of(command().arg(flag));
        let expected = format!(
            "mini-monitor: {}: another agent has it\n",
            flag.replacen('=', ": ", 1)
        );
        assert_eq!((status, error), (1, expected));
    }
    agent.stop();
    assert!(!report(&flags).contains("warning: /"));
}

/// The name, inode, size, mode, times and links of each file in the folder and of the folder itself.
fn metadata(folder: &Folder) -> Vec<String> {
    let describe = |path: &Path| {
        let about = fs::symlink_metadata(path).unwrap();
        let times = [
            about.mtime_nsec(),
            about.ctime_nsec(),
            about.mtime(),
            about.ctime(),
        ];
        let [size, inode, links] = [about.size(), about.ino(), about.nlink()];
        format!(
            "{} {inode} {size} {links} {:o} {times:?}",
            path.display(),
            about.mode()
        )
    };
    let mut all: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| describe(&entry.unwrap().path()))
        .collect();
    all.sort();
    all.push(describe(Path::new(folder.path())));
    all
}

/// A configuration whose start would make, remove, lock, resize and run something.
fn full_configuration(folder: &Folder) -> String {
    let [spool, socket, ran] = ["spool", "socket", "ran"].map(|name| folder.join(name));
    leave_spool(&spool, "-buffer=16K");
    fs::copy(&spool, folder.join("spool.new")).unwrap();
    drop(UnixDatagram::bind(&socket).unwrap());
    // The name is in every /etc/hosts, or needs none.
    folder.config(&format!(
        r#"{{"trans": ["localhost:6000", "192.0.2.1:6000", "unix:/nowhere", "exec:touch {2}"], "buffer": "64K",
            "spool": "{0}", "listen": "{1}", "process": "sh", "custom": [{{"exec": "touch {2}"}},
            {{"metric": "a", "file": "/proc/loadavg"}}]}}"#,
        spool.display(),
        socket.display(),
        ran.display()
    ))
}

#[test]
fn check_changes_no_file() {
    let folder = Folder::new("check-metadata");
    let config = full_configuration(&folder);
    let before = metadata(&folder);
    let text = report(&[&config]);
    assert_eq!(metadata(&folder), before);
    assert!(text.contains("\nwarning: unix:/nowhere: no such file or directory\n"));
    // A start with it works.
    let mut agent = Agent::start(&[&config]);
    agent.log.wait_for("lines recovered");
    agent.kill();
    assert_ne!(metadata(&folder), before);
}

/// Calls that change something or send something.
const CHANGES: &str = "flock,ftruncate,truncate,fallocate,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,\
    symlinkat,mkdir,mkdirat,mknod,mknodat,chmod,fchmod,fchmodat,chown,fchown,fsync,bind,listen,connect,sendto,sendmsg,\
    sendmmsg,execve,kill,mount,umask,fork,vfork,clone,clone3";

#[test]
fn check_makes_no_call_that_changes_or_sends_something() {
    let folder = Folder::new("check-strace");
    let config = full_configuration(&folder);
    let trace = Folder::new("check-strace-output");
    let output = trace.join("calls");
    let calls = format!("trace={CHANGES},write,writev,pwrite64,fcntl,openat,open,creat");
    if !runner().is_empty() || !can(&["-m"], "strace true 2>/dev/null") {
        return println!("skipped: there is no strace, or an emulator");
    }
    let agent = command();
    let status = Command::new("strace")
        .args(["-f", "-o", output.to_str().unwrap(), "-e", &calls])
        .arg(agent.get_program())
        .args([&config, "-check"])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let calls = fs::read_to_string(output).unwrap();
    let mut seen = 0;
    // The first is the execve of the agent itself.
    for line in calls.lines().skip(1) {
        let (_, call) = line.trim_start().split_once(' ').unwrap();
        let call = call.trim_start();
        let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
        let is_harmless = match name {
            "write" | "writev" => arguments.starts_with("1, "),
            "fcntl" => !arguments.contains("F_SETLK") && !arguments.contains("F_SETFL"),
            "openat" | "open" => !arguments.contains("O_CREAT") && !arguments.contains("O_TRUNC"),
            _ => name.starts_with("+++"),
        };
        assert!(is_harmless, "{line}");
        seen += 1;
    }
    assert!(
        seen > 20 && calls.contains("F_GETLK") && calls.contains("/spool\""),
        "{calls}"
    );
}

#[test]
fn check_warns_of_what_is_not_there_now() {
    let folder = Folder::new("check-warnings");
    let program = folder.join("program");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let not_program = folder.join("text");
    fs::write(&not_program, "").unwrap();
    let [program, not_program] = [program, not_program].map(|path| path.display().to_string());
    let config = folder.config(&format!(
        r#"{{"trans": ["127.0.0.1:1", "[::1]:1", ":1"], "proc": "{proc}", "sys": "{sys}", "endpoint": "a", "custom": [
            {{"exec": "/nowhere/one --all"}}, {{"exec": ["{not_program}", "x"]}}, {{"exec": ["no-such-program"]}},
            {{"exec": "{program} | cat"}}, {{"exec": ["{program}"]}}, {{"exec": ["cat", "x"], "user": "nobody"}},
            {{"exec": "no-such-program"}},
            {{"metric": "b", "file": "/nowhere/two"}}, {{"metric": "c", "file": "/proc/loadavg", "line": 9}}]}}"#,
        proc = fixture("router-6.12").display(),
        sys = fixture("router-6.12").with_file_name("sys").display(),
    ));
    let trans = ["-trans=exec:no-such-tunnel --to db", "-metrics=load"];
    assert!(report(&trans).contains("\nwarning: no-such-tunnel: no such file or directory\n"));
    let text = report(&[
        &config,
        "-only=net=eth*,gone?",
        "-ignore=net=br-lan,eth77",
        "-ignore=diskio=nothing",
        "-process=init,no-such-process",
        "-only=wifi=wlan9",
        "-metrics=wifi=off,disk=off",
    ]);
    let warnings: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("warning: "))
        .collect();
    assert_eq!(
        warnings,
        [
            "net: patterns that match nothing now: gone?,eth77",
            "diskio: patterns that match nothing now: nothing",
            "process: patterns that match nothing now: no-such-process",
            "/nowhere/one: no such file or directory",
            &format!("{not_program}: permission denied"),
            "no-such-program: no such file or directory",
            "no-such-program: no such file or directory",
            "b: /nowhere/two: no such file or directory",
            "c: /proc/loadavg: no such line or field",
        ]
    );
}

#[test]
fn check_warns_of_a_name_that_does_not_resolve() {
    let script =
        "ip link set lo up && mount -t tmpfs none /mnt && echo nameserver 127.0.0.1 >/mnt/resolv.conf &&
        echo '192.0.2.7 known.test' >/mnt/hosts && mount --bind /mnt/hosts /etc/hosts &&
        mount --bind /mnt/resolv.conf /etc/resolv.conf";
    if passed_inside(&["-m", "-n"], script, test_name!()) {
        return;
    }
    let text = report(&[
        "-trans=unknown.test:1,known.test:1,localhost:1,192.0.2.1:1",
        "-endpoint=a",
    ]);
    let warnings: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .collect();
    assert_eq!(
        warnings,
        ["warning: unknown.test: temporary failure in name resolution"]
    );
}

#[test]
fn check_prints_file_settings_names_filters_and_bytes() {
    let folder = Folder::new("check-report");
    let machine = fixture("router-6.12");
    let config = folder.config(&format!(
        r#"{{"proc": "{}", "sys": "{}", "flush": "5000ms", "interval": "7s", "tag": ["a=b", "c"],
            "families": {{"net": {{"ignore": "eth9"}}, "disk": {{"only": "/"}}}}, "overflow": "thin"}}"#,
        machine.display(),
        machine.with_file_name("sys").display()
    ));
    let file = config.strip_prefix("-config=").unwrap();
    let text = report(&[
        &config,
        "-replay=1m",
        "-endpoint=router",
        "-debug=false",
        "-metrics=wifi=off",
    ]);
    for line in [
        &format!("configuration file: {file}"),
        "setting: interval 7s",
        "setting: replay 1m",
        "endpoint: router",
        "tags: linux, a=b, c",
        "net: every 7s, without lo,veth*,cali*,lxc*,docker*,vnet*,tap*,eth9",
        "disk: every 60s, only /",
        "off: wifi, process",
    ] {
        assert!(
            text.lines().any(|other| other == line),
            "{line:?} is not in {text}"
        );
    }
    // A value that is given and is the default is no difference.
    for name in ["flush", "overflow", "debug", "tag"] {
        assert!(!text.contains(&format!("setting: {name}")), "{name} in {text}");
    }
    let plain = report(&["-endpoint=router"]);
    assert!(plain.starts_with("configuration file: "), "{plain}");
    assert!(!plain.contains("setting: interval"));
}

/// A value of each key that is not its default, and a line that shows it.
#[test]
fn check_shows_each_setting_that_is_not_the_default() {
    let folder = Folder::new("check-settings");
    let path = |name: &str| folder.join(name).display().to_string();
    let flags = help_options().into_iter().map(|[flag, _, _]| flag);
    let mut count = 0;
    for flag in flags.take_while(|flag| !flag.starts_with("-config ")) {
        let flag = &flag[1..];
        let (name, argument) = flag.split_once(' ').unwrap_or((flag, ""));
        let value = match (name, argument) {
            ("proc", _) => fixture("router-6.12").display().to_string(),
            ("trans", _) => "192.0.2.1:7".into(),
            ("metrics", _) => "net=3s,wifi=off".into(),
            ("only" | "ignore", _) => "net=eth7".into(),
            ("process", _) => "sh".into(),
            ("overflow", _) => "drop".into(),
            ("format", _) => "json-labels".into(),
            ("header", _) => "X-Token: secret".into(),
            ("via", _) => "nc %h %p".into(),
            // Only root becomes another user.
            ("user", _) if is_root() => "nobody".into(),
            ("user", _) => {
                let own = Command::new("id").arg("-un").output().unwrap().stdout;
                String::from_utf8(own).unwrap().trim_end().into()
            }
            ("root", _) => "/proc".into(),
            ("sys", _) | (_, "file" | "socket") => path(if name == "sys" { "" } else { name }),
            (_, "duration") => "17s".into(),
            (_, "size") => "17K".into(),
            (_, "name" | "text") => "seventeen".into(),
            (_, "") => "true".into(),
            _ => panic!("a value of -{name} is needed here"),
        };
        let expected = match name {
            "trans" => format!("receiver: {value}"),
            "tag" => format!("tags: linux, {value}"),
            "header" => "header: X-Token\n".into(),
            "metrics" => "net: every 3s".into(),
            "only" => "net: every 5s, only eth7".into(),
            "ignore" => "tap*,eth7".into(),
            "process" => "process: every 30s, of sh".into(),
            _ => format!("setting: {name} {value}\n"),
        };
        let text = report(&[&format!("-{name}={value}")]);
        assert!(text.contains(&expected), "{expected:?} is not in {text}");
        count += 1;
    }
    assert!(count > 15);
}

#[test]
fn check_shows_form_and_path_of_a_url_and_no_secret() {
    let text = report(&[
        "-trans=http://me:secret@127.0.0.1:8086/write?p=secret,[::1]:9",
        "-header=A: secret",
    ]);
    assert!(
        text.contains("receiver: http://127.0.0.1:8086/write as influx\n"),
        "{text}"
    );
    assert!(text.contains("receiver: [::1]:9\n"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let folder = Folder::new("check-headers");
    let file = folder.config(
        r#"{"trans": ["[::1]:9", {"url": "http://127.0.0.1:1/a", "header": ["A: secret", "B: secret"]},
            {"url": "http://me:secret@127.0.0.1:2/", "header": "C: secret"}, "http://127.0.0.1:3/"]}"#,
    );
    let text = report(&[&file]);
    let receivers = "receiver: [::1]:9\nreceiver: http://127.0.0.1:1/a\nheader: A\nheader: B\n\
                     receiver: http://127.0.0.1:2/\nheader: C\nreceiver: http://127.0.0.1:3/\n";
    assert!(text.contains(receivers) && !text.contains("secret"), "{text}");
    let text = report(&["-trans=127.0.0.1:8089", "-format=influx"]);
    assert!(text.contains("receiver: 127.0.0.1:8089 as influx\n"), "{text}");
    let text = report(&["-trans=http://127.0.0.1:8428/api/v1/import"]);
    assert!(
        text.contains("warning: /api/v1/import: takes JSON of another form"),
        "{text}"
    );
    for form in ["json", "json-labels"] {
        let text = report(&[
            "-trans=http://127.0.0.1:8428/write?db=a",
            &format!("-format={form}"),
        ]);
        assert!(
            text.contains("warning: /write: takes influx as a rule; leave out -format\n"),
            "{text}"
        );
    }
    let text = report(&["-trans=http://127.0.0.1:8123/?query=x", "-format=json"]);
    assert!(!text.contains("as a rule"), "{text}");
}
