//! Addresses of HTTP receivers (RFC 3986): `http://user:password@host:port/path?query`, and the same with `https`.

use super::decimal::parse_u64;
use super::fields::has;

/// A URL in parts, as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'u> {
    /// `user:password`, with percent-encoding, if there is one.
    pub user_info: Option<&'u [u8]>,
    /// `host:port` or `host`: the address in brackets if it is one of IPv6.
    pub authority: &'u [u8],
    /// The host, without brackets.
    pub host: &'u [u8],
    /// The port, if there is one.
    pub port: Option<u16>,
    /// The path; empty, or from the first slash.
    pub path: &'u [u8],
    /// The query, without its question mark.
    pub query: Option<&'u [u8]>,
}

impl<'u> Url<'u> {
    /// Parses the text after `http://` or `https://`; `None` if it is invalid, or has a fragment.
    pub fn parse(text: &'u [u8]) -> Option<Self> {
        let is_plain = text.iter().all(u8::is_ascii_graphic) && !has(text, b'#');
        is_plain.then_some(())?;
        let end = text.iter().position(|byte| matches!(byte, b'/' | b'?'));
        let (authority, rest) = text.split_at(end.unwrap_or(text.len()));
        let (user_info, authority) = match authority.iter().rposition(|byte| *byte == b'@') {
            Some(at) => (Some(authority.get(..at)?), authority.get(at + 1..)?),
            None => (None, authority),
        };
        let (host, port) = split_port(authority)?;
        let port = match port {
            Some(port) => Some(u16::try_from(parse_u64(port)?).ok().filter(|port| *port != 0)?),
            None => None,
        };
        let question = rest.iter().position(|byte| *byte == b'?');
        let (path, query) = rest.split_at(question.unwrap_or(rest.len()));
        let url = Self {
            user_info,
            authority,
            host,
            port,
            path,
            query: query.get(1..),
        };
        user_info.is_none_or(is_encoded).then_some(url)
    }

    /// Returns the value of a key of the query.
    pub fn query_value(&self, key: &[u8]) -> Option<&'u [u8]> {
        let mut pairs = self.query?.split(|byte| *byte == b'&');
        pairs.find_map(|pair| pair.strip_prefix(key)?.strip_prefix(b"="))
    }
}

/// Returns the path of the text after `http://` or `https://`; an empty one if the text is invalid.
pub fn path(text: &[u8]) -> &[u8] {
    Url::parse(text).map_or(b"", |url| url.path)
}

/// Splits `host:port`, where a host of IPv6 is in brackets. The host is not empty, and has no colon without them.
pub fn split_port(authority: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let (host, rest) = if let Some(inside) = authority.strip_prefix(b"[") {
        let end = inside.iter().position(|byte| *byte == b']')?;
        let host = inside.get(..end).filter(|host| has(host, b':'))?;
        (host, inside.get(end + 1..)?)
    } else {
        let end = authority.iter().position(|byte| *byte == b':');
        authority.split_at(end.unwrap_or(authority.len()))
    };
    let port = match rest {
        [] => None,
        [b':', port @ ..] => Some(port),
        _ => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

/// Whether each `%` is followed by two hexadecimal digits.
fn is_encoded(text: &[u8]) -> bool {
    let mut parts = text.split(|byte| *byte == b'%');
    let _ = parts.next();
    parts.all(|part| matches!(part, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// Returns the bytes of a text without percent-encoding.
pub fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let (first, after) = rest.split_first()?;
        if *first == b'%'
            && let [high, low, after @ ..] = after
            && let (Some(high), Some(low)) = ((*high as char).to_digit(16), (*low as char).to_digit(16))
        {
            rest = after;
            return Some((high << 4 | low) as u8);
        }
        rest = after;
        Some(*first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(String, String, Option<u16>, String)> {
        let url = Url::parse(text.as_bytes())?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let user = text(url.user_info.unwrap_or_default());
        let query = url.query.map(|query| format!("?{}", text(query)));
        Some((
            user,
            format!("{} {}", text(url.authority), text(url.host)),
            url.port,
            text(url.path) + &query.unwrap_or_default(),
        ))
    }

    #[test]
    fn url_has_its_parts() {
        let some = |user: &str, hosts: &str, port, target: &str| {
            let port = Some(port).filter(|port| *port != 0);
            Some((user.into(), hosts.into(), port, target.into()))
        };
        assert_eq!(
            parts("h:8428/write?db=a"),
            some("", "h:8428 h", 8428, "/write?db=a")
        );
        assert_eq!(parts("h"), some("", "h h", 0, ""));
        assert_eq!(parts("h?x"), some("", "h h", 0, "?x"));
        assert_eq!(parts("[::1]:9090/a/b"), some("", "[::1]:9090 ::1", 9090, "/a/b"));
        assert_eq!(parts("[fe80::1]"), some("", "[fe80::1] fe80::1", 0, ""));
        assert_eq!(parts("u%40:p:@%2f@h/@"), some("u%40:p:@%2f", "h h", 0, "/@"));
    }

    #[test]
    fn invalid_url_is_refused() {
        for text in [
            "", "/", ":80/", "h:0/", "h:65536/", "h:x/", "h:/", "a b/", "h/#f", "[::1/", "[h]/", "[::1]x/",
            "::1/", "u%4@h/", "u%zz@h/",
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    #[test]
    fn query_has_values_and_encoding_is_decoded() {
        let url = Url::parse(b"h/w?db=a&precision=ms&precisions=x").unwrap();
        assert_eq!(url.query_value(b"precision"), Some(b"ms".as_slice()));
        assert_eq!(url.query_value(b"prec"), None);
        let text: Vec<u8> = decoded(b"p%40%3A%25x%2").collect();
        assert_eq!(text, b"p@:%x%2");
    }
}
