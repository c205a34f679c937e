//! Picks the host back-end from the target, stamps the version, and tells the linker what goes where and what is left
//! out; runs nothing, probes nothing.

use std::env;
use std::fs;
use std::process::exit;

/// Target operating system, and the back-end of `src/procfs` that reads it.
const BACK_ENDS: [(&str, &str); 1] = [("linux", "host_linux")];

/// A program that cannot unwind needs no tables for it; those of the core library come along otherwise. Nor
/// does it need what compilers say of themselves, and what MIPS says of each function for a debugger.
const LEFT_OUT: &str = "*(.eh_frame) *(.eh_frame_hdr) *(.comment) *(.pdr)";

/// When this version was released, or its predecessor if it is not yet: 2026-11-01, in seconds since 1970.
/// A wall clock that shows an earlier time is wrong. `SOURCE_DATE_EPOCH` in its place is the build's own date.
const RELEASED: &str = "1793491200";

/// What runs at the start, at a reload, or where it has been asked for; beside what is marked as `cold`.
const SELDOM: [&str; 19] = [
    "miniserde",
    "alloc",
    "mini_monitor::config",
    "mini_monitor::custom",
    "families::process",
    "resolver::files",
    "resolver::message",
    "platform::child",
    "platform::heap",
    "platform::inlet",
    "platform::lookup::in_child",
    "platform::resolver",
    "platform::scripts",
    "platform::spool",
    "platform::user",
    "agent::check",
    "agent::reload",
    "agent::script",
    "agent::source",
];

/// What a linker is told: code that seldom runs lies before the rest, so that its pages can be given back
/// (`sys::forget_start`).
fn script() -> String {
    let seldom = SELDOM
        .map(|name| format!("*(.text.*{}*)", mangled(name)))
        .join(" ");
    let first = format!(".text_seldom : {{ *(.text.unlikely.*) {seldom} seldom_end = .; }}");
    format!(
        "SECTIONS {{ {first} }} INSERT BEFORE .text;\n\
         SECTIONS {{ /DISCARD/ : {{ {LEFT_OUT} }} }} INSERT AFTER .text;\n"
    )
}

/// The name as a symbol has it: each part with its length before it.
fn mangled(name: &str) -> String {
    let parts = name.split("::");
    parts
        .map(|part| format!("{}{part}", part.len()))
        .collect::<Vec<_>>()
        .concat()
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let (target, os) = (variable("TARGET"), variable("CARGO_CFG_TARGET_OS"));
    let Some((_, back_end)) = BACK_ENDS.iter().find(|(name, _)| *name == os) else {
        println!("cargo::error=mini-monitor has no host back-end for {os} ({target}); it has one for: linux");
        exit(1);
    };
    println!("cargo::rustc-cfg={back_end}");
    // There, nobody else makes read-only what is only written to put addresses in.
    let is_static = variable("CARGO_CFG_TARGET_FEATURE")
        .split(',')
        .any(|feature| feature == "crt-static");
    if is_static && variable("CARGO_ENCODED_RUSTFLAGS").contains("relocation-model=pie") {
        println!("cargo::rustc-cfg=static_pie");
    }
    let file = format!("{}/order.ld", variable("OUT_DIR"));
    if let Err(error) = fs::write(&file, script()) {
        println!("cargo::error={file}: {error}");
        exit(1);
    }
    // A debug build's backtraces need the tables.
    if variable("PROFILE") == "release" {
        println!("cargo::rustc-cfg=in_order");
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{file}");
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    }
    let date = env::var("SOURCE_DATE_EPOCH").unwrap_or_else(|_| RELEASED.into());
    println!("cargo::rustc-env=MINI_MONITOR_DATE={date}");
    let version = variable("CARGO_PKG_VERSION");
    println!("cargo::rustc-env=MINI_MONITOR_VERSION=mini-monitor {version} ({target})");
}
