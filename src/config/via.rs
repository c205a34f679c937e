//! Commands that connections go through.

use super::Config;
use crate::platform::Transfer;

/// Starts the command for TLS, or reports what is missing. `-quiet` also keeps lines that begin with `Q` or `R` from being
/// commands of `s_client`.
macro_rules! s_client {
    ($arguments:literal) => {
        concat!(
            "command -v openssl >/dev/null || { echo 'https:// needs openssl (opkg install openssl-util ca-bundle), or \
             -via with another program' >&2; exit 127; }; \
             exec openssl s_client -quiet -verify_quiet -verify_return_error ",
            $arguments
        )
        .as_bytes()
    };
}

const TLS_TO_NAME: &[u8] = s_client!("-verify_hostname %h -servername %h -connect %h:%p");
const TLS_TO_ADDRESS: &[u8] = s_client!("-verify_ip %h -noservername -connect [%h]:%p");

impl<'a> Config<'a> {
    /// Returns the text for the shell through whose input and output the connection to a receiver goes, if any does.
    pub fn via_for(&self, receiver: &Transfer) -> Option<&'a [u8]> {
        match receiver {
            Transfer::Http {
                host, is_tls: true, ..
            } => Some(self.via.unwrap_or(tls_to(host))),
            Transfer::Tcp { .. } | Transfer::Http { .. } => self.via,
            _ => None,
        }
    }
}

/// Returns the command for TLS to a host, whose name or address the certificate must have.
fn tls_to(host: &[u8]) -> &'static [u8] {
    let is_v4 = host.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if is_v4 || host.contains(&b':') {
        TLS_TO_ADDRESS
    } else {
        TLS_TO_NAME
    }
}
