//! Holds `src` to the rooms of the design: a module uses those on lower floors, as far as this
//! table allows it, and `unsafe` stays where it is fenced in.

use std::fs;
use std::path::{Path, PathBuf};

/// A room, from the ground up, and what it may use.
const ROOMS: [(&str, &[&str]); 14] = [
    ("base", &[]),
    ("resolver", &["base"]),
    ("ring", &[]),
    ("platform", &["base", "resolver", "ring"]),
    ("format", &["base"]),
    ("json", &["base"]),
    ("procfs", &["base", "platform"]),
    ("config", &["base", "platform", "json"]),
    ("families", &["base", "procfs"]),
    ("custom", &["base", "platform", "format", "json", "config"]),
    ("encode", &["base", "ring", "families"]),
    ("sender", &["base", "platform", "ring", "format", "encode"]),
    ("schedule", &["base", "families"]),
    (
        "agent",
        &[
            "base", "platform", "ring", "format", "procfs", "config", "families", "custom", "encode",
            "sender", "schedule",
        ],
    ),
];

/// Rooms that may hold `unsafe`, and the files that name the lint.
const UNSAFE: [&str; 3] = ["platform", "main", "lib"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Each source file's room and text; tests within it are left out.
fn rooms() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let is_test = |file: &PathBuf| file.ends_with("tests.rs") || file.parent().unwrap().ends_with("tests");
    files.retain(|file| !is_test(file));
    let room = |file: &Path| {
        let first = file.strip_prefix(&root).unwrap().components().next().unwrap();
        let name = Path::new(first.as_os_str()).file_stem().unwrap();
        name.to_str().unwrap().to_owned()
    };
    let code = |file: &Path| {
        let text = fs::read_to_string(file).unwrap();
        text.split("#[cfg(test)]\nmod ").next().unwrap().to_owned()
    };
    files.iter().map(|file| (room(file), code(file))).collect()
}

/// The names behind each `crate::` in the text.
fn uses(text: &str) -> impl Iterator<Item = &str> {
    let name = |rest: &str| {
        rest.find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len())
    };
    text.split("crate::")
        .skip(1)
        .flat_map(move |rest| match rest.strip_prefix('{') {
            Some(group) => group
                .split('}')
                .next()
                .unwrap()
                .split(',')
                .map(str::trim)
                .collect(),
            None => vec![&rest[..name(rest)]],
        })
}

#[test]
fn each_room_uses_only_rooms_above_it() {
    for (room, text) in rooms().iter().filter(|(room, _)| room != "main" && room != "lib") {
        let floor = ROOMS.iter().position(|(name, _)| name == room);
        let floor = floor.unwrap_or_else(|| panic!("{room} is not in the table"));
        for used in uses(text).filter(|used| used != room) {
            let below = ROOMS[..floor].iter().any(|(name, _)| *name == used);
            assert!(
                below && ROOMS[floor].1.contains(&used),
                "{room} may not use {used}"
            );
        }
    }
}

#[test]
fn unsafe_stays_in_its_room() {
    for (room, text) in rooms() {
        let fenced = UNSAFE.contains(&room.as_str());
        assert!(fenced || !text.contains("unsafe"), "unsafe in {room}");
        assert!(
            room == "platform" || room == "main" || !text.contains("libc::"),
            "libc in {room}"
        );
    }
}

#[test]
fn product_has_at_most_two_dependencies() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let section = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let names = section
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim());
    assert!(
        names.clone().all(|name| name == "libc" || name == "miniserde"),
        "{section}"
    );
    assert!(names.count() > 0);
}
