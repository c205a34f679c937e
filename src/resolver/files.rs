//! The configuration files of a resolver: `hosts(5)` and `resolv.conf(5)`.

use crate::base::decimal::parse_u64;
use crate::base::fields::{fields, until};
use crate::base::text::Text;

/// Returns whether the name is `localhost` or ends in `.localhost`, which is this host (RFC 6761, section 6.3).
pub fn is_localhost(name: &[u8]) -> bool {
    let last = name.rsplit(|byte| *byte == b'.').next();
    last.is_some_and(|label| label.eq_ignore_ascii_case(b"localhost"))
}

/// Returns the address of a line of `/etc/hosts`, as it is written there, if the line has that name.
pub fn address_in_hosts<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let mut fields = fields(until(line, b'#'));
    let address = fields.next()?;
    let is_name = |field| without_dot(field).eq_ignore_ascii_case(name);
    fields.any(is_name).then_some(address)
}

/// Removes the dot at the end of an absolute name.
pub fn without_dot(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

/// Removes the last field of a truncated line: it may be incomplete.
pub fn without_last(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| *byte <= b' ');
    line.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Domains of `search` that are used, the first ones.
pub const SEARCH_MAX: usize = 6;
/// Bytes of the line that lists them.
const SEARCH_BYTES: usize = "search ".len() + 256;

/// Names of options, and the largest value of each.
const OPTIONS: [&[u8]; 3] = [b"ndots", b"timeout", b"attempts"];
const OPTIONS_MAX: [u32; 3] = [15, 60, 10];

/// The settings of `/etc/resolv.conf`, without its name servers.
pub struct Resolv {
    /// The line that lists the domains.
    search: [u8; SEARCH_BYTES],
    length: usize,
    options: [u32; 3],
}

impl Resolv {
    /// The settings that hold without that file.
    pub const DEFAULT: Self = Self {
        search: [0; SEARCH_BYTES],
        length: 0,
        options: [1, 5, 2],
    };

    /// Applies a line. Returns the address of a name server, as it is written there, if the line has one.
    pub fn line<'l>(&mut self, line: &'l [u8]) -> Option<&'l [u8]> {
        let mut fields = fields(line);
        match fields.next()? {
            b"nameserver" => return fields.next().map(|field| until(until(field, b'#'), b';')),
            b"options" => {
                for field in fields {
                    self.option(field);
                }
            }
            b"search" | b"domain" => {
                let mut text = Text::new(&mut self.search);
                text.put(line);
                let (is_cut, list) = (text.is_cut(), text.into_bytes());
                self.length = if is_cut { without_last(list) } else { list }.len();
            }
            _ => {}
        }
        None
    }

    fn option(&mut self, field: &[u8]) -> Option<()> {
        let name = until(field, b':');
        let index = OPTIONS.iter().position(|option| *option == name)?;
        let value = parse_u64(field.get(name.len() + 1..)?)?;
        *self.options.get_mut(index)? = value.min(u64::from(*OPTIONS_MAX.get(index)?)) as u32;
        Some(())
    }

    /// Returns the domains in which the name is looked up before it is looked up as it is, in order: at most
    /// [`SEARCH_MAX`]. None for a name with `ndots` dots or more, or with one at its end.
    pub fn domains(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        let labels = name.split(|byte| *byte == b'.').count() as u32;
        let is_whole = labels > self.options[0] || name.ends_with(b".");
        let most = if is_whole { 0 } else { SEARCH_MAX };
        let list = self.search.get(..self.length).unwrap_or_default();
        fields(list).skip(1).take(most)
    }

    /// Returns the milliseconds for one query to all name servers, at least 1,000.
    pub fn timeout(&self) -> u32 {
        self.options[1].max(1) * 1_000
    }

    /// Returns how often all name servers are asked, at least once.
    pub fn attempts(&self) -> u32 {
        self.options[2].max(1)
    }
}
