//! `make install` and `make uninstall`, with a PATH that has no cargo.

use crate::common::Folder;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn make(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new("make")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "PREFIX=/usr"])
        .arg(format!("AGENT={}", env!("CARGO_BIN_EXE_mini-monitor")))
        .arg(format!("DESTDIR={}", folder.path()))
        .args(arguments)
        .env("PATH", "/usr/bin:/bin")
        .env("CARGO", "/no/cargo")
        .output()
        .unwrap()
}

fn run(folder: &Folder, arguments: &[&str]) {
    let output = make(folder, arguments);
    assert!(output.status.success(), "{output:?}");
}

/// The files in a folder, with their permissions.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
                let path = entry.path();
                let path = path.strip_prefix(folder).unwrap().display();
                found.insert(format!("{path} {mode:o}"));
            }
        }
    }
    found
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

const FILES: [&str; 4] = [
    "etc/mini-monitor.json 644",
    "usr/bin/mini-monitor 755",
    "usr/share/man/man5/mini-monitor.json.5 644",
    "usr/share/man/man8/mini-monitor.8 644",
];
const SERVICE: [&str; 2] = [
    "usr/lib/systemd/system/mini-monitor.service 644",
    "usr/lib/sysusers.d/mini-monitor.conf 644",
];

#[test]
fn install_puts_the_sample_configuration_where_there_is_none() {
    let folder = Folder::new("install");
    run(&folder, &["install"]);
    let file = folder.join("etc/mini-monitor.json");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        include_str!("../../contrib/mini-monitor.json")
    );
    fs::write(&file, "{}").unwrap();
    run(&folder, &["install"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
}

#[test]
fn uninstall_leaves_nothing_of_install_but_a_changed_configuration() {
    let folder = Folder::new("install");
    fs::write(folder.join("other"), "").unwrap();
    let before = files(&folder.join("."));
    run(&folder, &["install"]);
    let installed = files(&folder.join("."));
    assert_eq!(&installed - &before, set(&FILES));
    run(&folder, &["uninstall"]);
    assert_eq!(files(&folder.join(".")), before);

    run(&folder, &["install"]);
    fs::write(folder.join("etc/mini-monitor.json"), "{}").unwrap();
    run(&folder, &["uninstall"]);
    let left = files(&folder.join("."));
    assert_eq!(&left - &before, set(&FILES[..1]));
}

#[test]
fn install_with_systemd_puts_a_service_that_starts_the_installed_program() {
    let folder = Folder::new("install");
    let unit = folder.join("usr/local/lib/systemd/system/mini-monitor.service");
    for (prefix, start) in [
        ("/usr/local", "/usr/local/bin/mini-monitor"),
        ("/opt/agent", "/opt/agent/bin/mini-monitor"),
        ("/opt/my agent", "/opt/my\\x20agent/bin/mini-monitor"),
    ] {
        let prefix = format!("PREFIX={prefix}");
        run(&folder, &["install", "SYSTEMD=1", &prefix]);
        // systemd reads units in folders of its own.
        let unit = fs::read_to_string(&unit).unwrap();
        assert!(unit.contains(&format!("\nExecStart={start} ")), "{unit}");
        assert!(!unit.contains("/usr/bin/"));
        run(&folder, &["uninstall", &prefix]);
        assert_eq!(files(&folder.join(".")), set(&[]));
    }
    assert!(!folder.join("usr/local/lib/systemd").exists());

    run(&folder, &["install", "SYSTEMD=1"]);
    let both = [&FILES[..], &SERVICE].concat();
    assert_eq!(files(&folder.join(".")), set(&both));
    run(&folder, &["uninstall"]);
    assert_eq!(files(&folder.join(".")), set(&[]));
}

#[test]
fn install_and_uninstall_take_folders_with_blanks() {
    let folder = Folder::new("install with a blank");
    let prefix = "PREFIX=/opt/my agent";
    fs::create_dir(folder.join("agent")).unwrap();
    fs::write(folder.join("agent/other"), "").unwrap();
    let before = files(&folder.join("."));
    run(&folder, &["install", "SYSTEMD=1", prefix]);
    let binary = folder.join("opt/my agent/bin/mini-monitor");
    assert_eq!(
        fs::read(binary).unwrap(),
        fs::read(env!("CARGO_BIN_EXE_mini-monitor")).unwrap()
    );
    assert_eq!(files(&folder.join(".")).len(), before.len() + 6);
    run(&folder, &["uninstall", prefix]);
    assert_eq!(files(&folder.join(".")), before);
}

#[test]
fn install_without_a_built_program_is_refused() {
    let folder = Folder::new("install");
    let output = make(&folder, &["install", "AGENT=/no/agent"]);
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("there is no /no/agent: make it first"), "{error}");
    assert_eq!(files(&folder.join(".")), set(&[]));
}
