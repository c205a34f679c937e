//! Names of hosts: what a resolver asks and what it is told, in bytes; the asking is done elsewhere.
//!
//! Where the C library is linked in, its resolver would be a quarter of it. This one asks for addresses of
//! a name (RFC 1034, section 5.3.1: a stub), and knows nothing else.

mod files;
mod ip;
mod message;

pub use files::{Resolv, SEARCH_MAX, address_in_hosts, is_localhost, without_dot, without_last};
pub use ip::{Ip, parse};
pub use message::{A, AAAA, Answer, KINDS, NAME_MAX, NO_ERROR, NO_SUCH_NAME, Query, SERVER_FAILED, read};

#[cfg(test)]
mod tests;
