//! The pure part of a DNS stub resolver (RFC 1034, section 5.3.1): queries, answers and configuration files as bytes.
//! `platform::lookup` sends and receives them.
//!
//! It serves every build. musl's `getaddrinfo` would make a static binary 24 KB larger (18 %).

mod files;
mod message;

pub use files::{Resolv, SEARCH_MAX, address_in_hosts, is_localhost, without_dot, without_last};
pub use message::{A, AAAA, Answer, KINDS, NAME_MAX, NO_ERROR, NO_SUCH_NAME, Query, SERVER_FAILED, read};

#[cfg(test)]
mod tests;
