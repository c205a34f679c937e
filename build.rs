//! Picks the back-end of the host's readers from the target, stamps version and date, and drops unwind tables from the
//! release binary; runs nothing, probes nothing.

use std::env;
use std::process::exit;

/// Target operating system, and the back-end of `src/procfs` that reads it.
const BACK_ENDS: [(&str, &str); 1] = [("linux", "host_linux")];

/// When this version was released, or its predecessor if it is not yet: 2026-11-01, in seconds since 1970.
/// A wall clock that shows an earlier time is wrong. `SOURCE_DATE_EPOCH` in its place is the build's own date.
const RELEASED: &str = "1793491200";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=contrib/discard.ld");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let (target, os) = (variable("TARGET"), variable("CARGO_CFG_TARGET_OS"));
    let Some((_, back_end)) = BACK_ENDS.iter().find(|(name, _)| *name == os) else {
        println!("cargo::error=mini-monitor has no host back-end for {os} ({target}); it has one for: linux");
        exit(1);
    };
    println!("cargo::rustc-cfg={back_end}");
    // A static PIE relocates itself, and has to make read-only itself what it has relocated.
    let features = variable("CARGO_CFG_TARGET_FEATURE");
    let is_static = features.split(',').any(|feature| feature == "crt-static");
    if is_static && variable("CARGO_ENCODED_RUSTFLAGS").contains("relocation-model=pie") {
        println!("cargo::rustc-cfg=static_pie");
    }
    // A debug build's backtraces need the tables.
    if variable("PROFILE") == "release" {
        let root = variable("CARGO_MANIFEST_DIR");
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{root}/contrib/discard.ld");
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    }
    let date = env::var("SOURCE_DATE_EPOCH").unwrap_or_else(|_| RELEASED.into());
    println!("cargo::rustc-env=MINI_MONITOR_DATE={date}");
    let version = variable("CARGO_PKG_VERSION");
    println!("cargo::rustc-env=MINI_MONITOR_VERSION=mini-monitor {version} ({target})");
}
