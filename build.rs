//! Picks the host back-end from the target and stamps the version; runs nothing, probes nothing.

use std::env;
use std::process::exit;

/// Target operating system, and the back-end of `src/host` that reads it.
const BACK_ENDS: [(&str, &str); 1] = [("linux", "host_linux")];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let (target, os) = (variable("TARGET"), variable("CARGO_CFG_TARGET_OS"));
    let Some((_, back_end)) = BACK_ENDS.iter().find(|(name, _)| *name == os) else {
        println!("cargo::error=mini-monitor has no host back-end for {os} ({target}); it has one for: linux");
        exit(1);
    };
    println!("cargo::rustc-cfg={back_end}");
    let version = variable("CARGO_PKG_VERSION");
    println!("cargo::rustc-env=MINI_MONITOR_VERSION=mini-monitor {version} ({target})");
}
