//! The head of a request.

use crate::base::text::Text;
use crate::base::url::{Url, decoded};
use crate::encode::Encoding;

/// The most bytes of a head: a URL of 1024 bytes, four headers of 512 bytes, and those of the agent.
pub(in crate::sender) const HEAD_MAX: usize = 4 << 10;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a request is about.
#[derive(Clone, Copy)]
pub(super) struct Request<'r> {
    pub url: Url<'r>,
    /// The encoding of the body; `None` for the ring's own lines.
    pub encoding: Option<Encoding>,
    /// The user's headers, as `Name: value`.
    pub headers: &'r [&'r [u8]],
    pub is_compressed: bool,
    /// Bytes of the body.
    pub length: usize,
}

impl Request<'_> {
    /// Writes the head. A header of the user takes the place of the agent's own one.
    pub(super) fn put_head(&self, head: &mut Text) {
        head.put(b"POST ");
        self.put_target(head);
        head.put(b" HTTP/1.1\r\n");
        self.put_header(head, "Host", self.url.authority);
        self.put_header(
            head,
            "User-Agent",
            concat!("mini-monitor/", env!("CARGO_PKG_VERSION")).as_bytes(),
        );
        self.put_header(head, "Content-Type", content_type(self.encoding));
        if self.encoding == Some(Encoding::Prometheus) {
            self.put_header(head, "Content-Encoding", b"snappy");
            self.put_header(head, "X-Prometheus-Remote-Write-Version", b"0.1.0");
        } else if self.is_compressed {
            self.put_header(head, "Content-Encoding", b"gzip");
        }
        if let Some(user_info) = self.url.user_info.filter(|_| !self.has_header("Authorization")) {
            head.put(b"Authorization: Basic ");
            put_base64(head, decoded(user_info));
            head.put(b"\r\n");
        }
        for header in self.headers {
            head.put(header);
            head.put(b"\r\n");
        }
        head.put(b"Content-Length: ");
        head.number(self.length as u64);
        head.put(b"\r\n\r\n");
    }

    /// Writes path and query. Lines of Influx have their seconds in the query's unit.
    fn put_target(&self, head: &mut Text) {
        if self.url.path.is_empty() {
            head.put(b"/");
        }
        head.put(self.url.path);
        let mut separator = b"?".as_slice();
        if let Some(query) = self.url.query {
            head.put(separator);
            head.put(query);
            separator = b"&";
        }
        if matches!(self.encoding, Some(Encoding::Influx(_))) && self.url.query_value(b"precision").is_none()
        {
            head.put(separator);
            let is_third = self.url.path.windows(8).any(|part| part == b"/api/v3/");
            head.put(if is_third {
                b"precision=second"
            } else {
                b"precision=s"
            });
        }
    }

    fn put_header(&self, head: &mut Text, name: &str, value: &[u8]) {
        if !self.has_header(name) {
            head.put(name.as_bytes());
            head.put(b": ");
            head.put(value);
            head.put(b"\r\n");
        }
    }

    /// Whether the user has set a header.
    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|header| {
            let end = header.iter().position(|byte| *byte == b':').unwrap_or_default();
            header
                .get(..end)
                .is_some_and(|other| other.eq_ignore_ascii_case(name.as_bytes()))
        })
    }
}

fn content_type(encoding: Option<Encoding>) -> &'static [u8] {
    match encoding {
        None | Some(Encoding::JsonLabels) => b"application/x-ndjson",
        Some(Encoding::Influx(_)) => b"text/plain; charset=utf-8",
        Some(Encoding::Otlp | Encoding::Prometheus) => b"application/x-protobuf",
    }
}

/// Writes bytes in Base64 (RFC 4648, section 4).
fn put_base64(text: &mut Text, mut bytes: impl Iterator<Item = u8>) {
    while let Some(first) = bytes.next() {
        let [second, third] = [bytes.next(), bytes.next()];
        let rest = [second, third].map(|byte| u32::from(byte.unwrap_or_default()));
        let word = u32::from(first) << 16 | rest[0] << 8 | rest[1];
        let count = 2 + usize::from(second.is_some()) + usize::from(third.is_some());
        for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let letter = BASE64[(word >> shift & 63) as usize];
            text.put(&[if index < count { letter } else { b'=' }]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(url: &str, encoding: Option<Encoding>, headers: &[&[u8]]) -> String {
        let mut buffer = [0; HEAD_MAX];
        let mut head = Text::new(&mut buffer);
        let request = Request {
            url: Url::parse(url.as_bytes()).unwrap(),
            encoding,
            headers,
            is_compressed: false,
            length: 12,
        };
        request.put_head(&mut head);
        let text = String::from_utf8(head.into_bytes().to_vec()).unwrap();
        text.replace(
            concat!("mini-monitor/", env!("CARGO_PKG_VERSION")),
            "mini-monitor/X",
        )
    }

    #[test]
    fn head_has_what_servers_ask_for() {
        assert_eq!(
            head("u%40:p%3A@h:8086/write?db=a", Some(Encoding::Influx(0)), &[]),
            "POST /write?db=a&precision=s HTTP/1.1\r\nHost: h:8086\r\nUser-Agent: mini-monitor/X\r\n\
             Content-Type: text/plain; charset=utf-8\r\nAuthorization: Basic dUA6cDo=\r\nContent-Length: 12\r\n\r\n"
        );
        assert_eq!(
            head("[::1]", Some(Encoding::Prometheus), &[b"X-Scope-OrgID: 1"]),
            "POST / HTTP/1.1\r\nHost: [::1]\r\nUser-Agent: mini-monitor/X\r\nContent-Type: application/x-protobuf\r\n\
             Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\nX-Scope-OrgID: 1\r\n\
             Content-Length: 12\r\n\r\n"
        );
    }

    #[test]
    fn unit_of_stamps_is_in_the_query() {
        let target = |url: &str| {
            let head = head(url, Some(Encoding::Influx(0)), &[]);
            head.split(' ').nth(1).unwrap().to_owned()
        };
        assert_eq!(target("h"), "/?precision=s");
        assert_eq!(
            target("h/api/v3/write_lp?db=a"),
            "/api/v3/write_lp?db=a&precision=second"
        );
        assert_eq!(target("h/write?precision=ms"), "/write?precision=ms");
    }

    #[test]
    fn headers_of_the_user_take_the_place_of_others() {
        let head = head("u:p@h/", None, &[b"authorization: Bearer x", b"user-agent: mine"]);
        assert!(
            !head.contains("Basic") && !head.contains("mini-monitor"),
            "{head}"
        );
    }

    #[test]
    fn password_may_have_any_byte() {
        let head = head("u:p%25&:%3A%40%0a@h/", None, &[]);
        // The first colon ends the user: `u:p%&::@` and a newline.
        assert!(
            head.contains("\r\nAuthorization: Basic dTpwJSY6OkAK\r\n"),
            "{head}"
        );
    }

    #[test]
    fn base64_is_padded() {
        let encoded = |text: &str| {
            let mut buffer = [0; 40];
            let mut out = Text::new(&mut buffer);
            put_base64(&mut out, text.bytes());
            String::from_utf8(out.into_bytes().to_vec()).unwrap()
        };
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(encoded),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }
}
