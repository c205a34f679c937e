//! The endpoint of the lines: the configured one or the host's name.

use super::{Agent, ring_memory};
use crate::base::glob::items;
use crate::base::text::hash;
use crate::config::Config;
use crate::format::json::Writer;
use crate::platform::{self, LogArg, Platform};
use crate::procfs::OS;

/// Longest host name (`gethostname(2)`: 64 on Linux).
pub const HOST_NAME_MAX: usize = 64;

/// Default host names of systems; `(none)` is the kernel's.
const COMMON: &[u8] = b"localhost,localhost.localdomain,(none),openwrt";
/// The name in place of an empty one.
const EMPTY: &[u8] = b"localhost";

/// The message of a common name.
pub(super) const COMMON_NAME: &str =
    "endpoint \"%\" is a name that many machines have, and their series would mix; set -endpoint NAME";

/// Memory for a host name and a NUL.
pub(super) type NameBuffer = [u8; HOST_NAME_MAX + 1];

/// Returns the configured endpoint, or the host's name, which DHCP, for instance, may have changed; `localhost` if that is
/// empty.
pub(super) fn endpoint<'a>(config: &Config<'a>, buffer: &'a mut NameBuffer) -> &'a [u8] {
    let name = match config.endpoint {
        Some(endpoint) => endpoint,
        None => platform::host_name(buffer).unwrap_or_default(),
    };
    if name.is_empty() { EMPTY } else { name }
}

/// Returns whether the name is a default of systems.
pub(super) fn is_common(name: &[u8]) -> bool {
    items(COMMON).any(|common| common.eq_ignore_ascii_case(name))
}

/// Sets endpoint and tags. A configuration in which they may be too long is not accepted.
pub(super) fn set_names(config: &Config, writer: &mut Writer) {
    let _ = writer.set_names(endpoint(config, &mut [0; _]), OS, config.tags());
}

impl Agent<'_> {
    /// Sets endpoint and tags, and warns once of an endpoint that others may have.
    pub(super) fn adopt_names(&mut self, config: &Config, platform: &mut dyn Platform) {
        set_names(config, self.output.writer);
        let mut buffer = [0; _];
        let name = endpoint(config, &mut buffer);
        if core::mem::replace(&mut self.checked_endpoint, hash(name)) != hash(name) && is_common(name) {
            platform.log(COMMON_NAME, &[LogArg::Text(name)]);
        }
        if platform.claim_endpoint(name, ring_memory::path(config)) {
            let message = "another agent of this machine has the endpoint \"%\", too, and their series mix; set -endpoint NAME";
            platform.log(message, &[LogArg::Text(name)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_machines_have_before_they_are_named_is_common() {
        for name in [
            "localhost",
            "(none)",
            "OpenWrt",
            "openwrt",
            "localhost.localdomain",
        ] {
            assert!(is_common(name.as_bytes()), "{name}");
        }
        for name in ["router-7", "localhost2", "openwrt.lan", "none", ""] {
            assert!(!is_common(name.as_bytes()), "{name}");
        }
    }
}
