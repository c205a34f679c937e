//! The answer to a request (RFC 9112), read as it comes, in fixed memory.

use super::date::http_date;
use crate::base::decimal::parse_u64;
use crate::base::fields::until;
use crate::base::name::Name;

/// The most bytes of status line and headers.
const HEAD_MAX: usize = 8 << 10;
/// The most bytes of a body that are read: the rest of a longer one is not worth a connection.
const BODY_MAX: u64 = 64 << 10;
/// Bytes of a header's line that are kept; those that matter are shorter.
const LINE_MAX: usize = 256;
/// Bytes of the body and of the address of a redirect that are kept, for the log.
pub(super) const START_MAX: usize = 100;
/// Seconds that a server can ask for at most before the next request.
const RETRY_AFTER_MAX: u64 = 600;

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    StatusLine,
    Headers,
    /// A body, of which this many bytes are missing.
    Body(u64),
    /// A body that ends with the connection.
    ToTheEnd,
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Whole,
    Invalid(&'static str),
}

/// What has been read of an answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    state: State,
    /// Its status code; 0 before it is read.
    pub status: u16,
    /// The connection ends with this answer.
    pub closes: bool,
    /// Seconds for which the connection stays open without a request, if the server says so.
    pub keep_alive: Option<u64>,
    retry_after: Option<RetryAfter>,
    /// When the server has sent it, in seconds since 1970.
    date: Option<u64>,
    length: Option<u64>,
    is_chunked: bool,
    /// The server reports an error under a status of success.
    pub has_exception: bool,
    head_length: usize,
    body_length: u64,
    line: [u8; LINE_MAX],
    line_length: usize,
    start: [u8; START_MAX],
    start_length: usize,
    /// Where a redirect leads to.
    pub location: Name<START_MAX>,
}

#[derive(Clone, Copy, Debug)]
enum RetryAfter {
    Seconds(u64),
    Date(u64),
}

impl Answer {
    /// Nothing read.
    pub(super) const NONE: Self = Self {
        state: State::StatusLine,
        status: 0,
        closes: false,
        keep_alive: None,
        retry_after: None,
        date: None,
        length: None,
        is_chunked: false,
        has_exception: false,
        head_length: 0,
        body_length: 0,
        line: [0; LINE_MAX],
        line_length: 0,
        start: [0; START_MAX],
        start_length: 0,
        location: Name::NONE,
    };

    /// Reads bytes. What follows a whole answer belongs to none: it makes the connection unfit for another request.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            match self.state {
                State::Whole => {
                    self.closes = true;
                    return;
                }
                State::Invalid(_) => return,
                State::Body(left) => rest = self.take(rest, left, State::Body),
                State::Chunk(left) => rest = self.take(rest, left, State::Chunk),
                State::ToTheEnd => rest = self.take(rest, u64::MAX, |_| State::ToTheEnd),
                _ => {
                    self.on_line_byte(*byte);
                    rest = after;
                }
            }
        }
    }

    /// Notes the end of the connection.
    pub(super) fn end(&mut self) {
        self.closes = true;
        if self.state == State::ToTheEnd {
            self.state = State::Whole;
        }
    }

    /// Whether nothing has been read.
    pub(super) fn is_empty(&self) -> bool {
        self.head_length == 0
    }

    pub(super) fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    /// Returns why this is no answer, if it is none.
    pub(super) fn error(&self) -> Option<&'static str> {
        match self.state {
            State::Invalid(error) => Some(error),
            _ => None,
        }
    }

    /// Whether all headers have been read, so that status and delay are final.
    pub(super) fn has_status(&self) -> bool {
        !matches!(self.state, State::StatusLine | State::Headers | State::Invalid(_))
            || matches!(self.state, State::Invalid(_)) && self.body_length > 0
    }

    /// Returns the milliseconds that the server asks for before the next request; at most 10 minutes.
    pub(super) fn retry_after(&self) -> u64 {
        let seconds = match self.retry_after {
            Some(RetryAfter::Seconds(seconds)) => seconds,
            Some(RetryAfter::Date(date)) => self.date.map_or(0, |now| date.saturating_sub(now)),
            None => 0,
        };
        1000 * seconds.min(RETRY_AFTER_MAX)
    }

    /// Returns the first bytes of the body, or of the line in place of a status line.
    pub(super) fn start(&self) -> &[u8] {
        self.start.get(..self.start_length).unwrap_or_default()
    }

    /// Reads bytes of a body or a chunk of which `left` are missing; returns those after it.
    fn take<'b>(&mut self, bytes: &'b [u8], left: u64, state: impl Fn(u64) -> State) -> &'b [u8] {
        let count = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (body, rest) = bytes.split_at(count);
        self.start_length += copy(body, self.start.get_mut(self.start_length..).unwrap_or_default());
        self.body_length += count as u64;
        let left = left - count as u64;
        self.state = match state(left) {
            _ if self.body_length > BODY_MAX => State::Invalid("its body is longer than 64 KB"),
            State::Body(0) => State::Whole,
            State::Chunk(0) => State::ChunkEnd,
            state => state,
        };
        rest
    }

    /// Reads a byte of a line of the head or of a chunk's size.
    fn on_line_byte(&mut self, byte: u8) {
        self.head_length += 1;
        if self.head_length > HEAD_MAX {
            self.state = State::Invalid("its headers are longer than 8 KB");
            return;
        }
        if byte != b'\n' {
            if let Some(place) = self.line.get_mut(self.line_length) {
                *place = byte;
                self.line_length += 1;
            }
            return;
        }
        let line = self.line;
        let line = line.get(..self.line_length).unwrap_or_default();
        self.line_length = 0;
        self.state = self.on_line(line.strip_suffix(b"\r").unwrap_or(line));
    }

    fn on_line(&mut self, line: &[u8]) -> State {
        match self.state {
            State::StatusLine => self.on_status_line(line),
            State::Headers if line.is_empty() => self.on_head(),
            State::Headers => match self.on_header(line) {
                Some(()) => State::Headers,
                None => State::Invalid("a header of it is invalid"),
            },
            State::ChunkSize => match chunk_size(line) {
                Some(0) => State::Trailers,
                Some(size) => State::Chunk(size),
                None => State::Invalid("the size of a chunk is invalid"),
            },
            State::ChunkEnd if line.is_empty() => State::ChunkSize,
            State::ChunkEnd => State::Invalid("a chunk has no end"),
            State::Trailers if line.is_empty() => State::Whole,
            state => state,
        }
    }

    /// Reads `HTTP/1.1 204 No Content`.
    fn on_status_line(&mut self, line: &[u8]) -> State {
        let status = line.strip_prefix(b"HTTP/1.").and_then(|rest| {
            let [minor @ b'0'..=b'9', b' ', code @ ..] = rest else {
                return None;
            };
            self.closes = *minor == b'0';
            let (code, after) = code.split_at_checked(3)?;
            matches!(after, [] | [b' ', ..]).then_some(())?;
            parse_u64(code).filter(|code| (100..600).contains(code))
        });
        if let Some(status) = status {
            self.status = status as u16;
            return State::Headers;
        }
        self.start_length = copy(line, &mut self.start);
        State::Invalid("it does not speak HTTP/1.1")
    }

    /// Reads a header; `None` if it leaves open where the answer ends.
    fn on_header(&mut self, line: &[u8]) -> Option<()> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if is("content-length") {
            let length = parse_u64(value)?;
            self.length.is_none_or(|other| other == length).then_some(())?;
            self.length = Some(length);
        } else if is("transfer-encoding") {
            value.eq_ignore_ascii_case(b"chunked").then_some(())?;
            self.is_chunked = true;
        } else if is("connection") {
            let mut options = value.split(|byte| *byte == b',');
            self.closes |= options.any(|one| one.trim_ascii().eq_ignore_ascii_case(b"close"));
        } else if is("keep-alive") {
            let mut parameters = value.split(|byte| *byte == b',');
            self.keep_alive =
                parameters.find_map(|one| parse_u64(one.trim_ascii().strip_prefix(b"timeout=")?));
        } else if is("retry-after") {
            let date = || http_date(value).map(RetryAfter::Date);
            self.retry_after = parse_u64(value).map(RetryAfter::Seconds).or_else(date);
        } else if is("date") {
            self.date = http_date(value);
        } else if is("location") {
            // The query is that of the request, with the password or token in it.
            self.location = Name::start_of(until(value, b'?'));
        } else if is("x-clickhouse-exception-code") {
            self.has_exception = true;
        }
        Some(())
    }

    /// Decides at the end of the headers what follows.
    fn on_head(&mut self) -> State {
        match self.status {
            // Not the answer yet.
            100..200 => {
                let head_length = self.head_length;
                *self = Self {
                    head_length,
                    ..Self::NONE
                };
                State::StatusLine
            }
            204 | 304 => State::Whole,
            _ if self.is_chunked => State::ChunkSize,
            _ => match self.length {
                Some(0) => State::Whole,
                Some(length) => State::Body(length),
                None => State::ToTheEnd,
            },
        }
    }
}

/// Parses `1f;name=value`.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let size = line.split(|byte| *byte == b';').next()?.trim_ascii();
    (1..=8).contains(&size.len()).then_some(())?;
    size.iter().try_fold(0, |size, byte| {
        let digit = (*byte as char).to_digit(16)?;
        Some(size << 4 | u64::from(digit))
    })
}

/// Copies as many bytes as fit; returns their number.
fn copy(bytes: &[u8], place: &mut [u8]) -> usize {
    let count = bytes.len().min(place.len());
    for (place, byte) in place.iter_mut().zip(bytes) {
        *place = *byte;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an answer in pieces of that size.
    fn read_by(text: &str, size: usize) -> Answer {
        let mut answer = Answer::NONE;
        for piece in text.as_bytes().chunks(size) {
            answer.read(piece);
        }
        answer
    }

    /// Reads it in pieces of all sizes, which makes no difference.
    fn read(text: &str) -> Answer {
        let whole = read_by(text, text.len().max(1));
        for size in 1..text.len().min(40) {
            assert_eq!(
                format!("{:?}", read_by(text, size)),
                format!("{whole:?}"),
                "{size}"
            );
        }
        whole
    }

    #[test]
    fn answer_ends_where_its_headers_say() {
        let answer = read("HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n");
        assert!(answer.is_whole() && !answer.closes && answer.status == 204);
        let answer = read("HTTP/1.1 400 Bad Request\r\ncontent-LENGTH: 5\r\n\r\nerror");
        assert!(answer.is_whole() && answer.start() == b"error");
        assert!(!read("HTTP/1.1 400 Bad Request\r\nContent-Length: 6\r\n\r\nerror").is_whole());
        let answer = read(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
        );
        assert!(answer.is_whole() && answer.start() == b"abc0123456789");
        let mut answer = read("HTTP/1.1 200 OK\r\n\r\nto the end");
        assert!(!answer.is_whole() && answer.has_status());
        answer.end();
        assert!(answer.is_whole() && answer.closes);
        assert!(read("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").is_whole());
        // An empty body has no encoding, and this status no body.
        assert!(read("HTTP/1.1 204 x\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n").is_whole());
        assert!(read("HTTP/1.1 200 OK\nContent-Length: 0\n\n").is_whole());
    }

    #[test]
    fn interim_answers_are_skipped() {
        let answer = read(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
        );
        assert!(answer.is_whole() && !answer.closes && answer.status == 204);
    }

    #[test]
    fn connection_closes_when_the_server_says_so_or_has_more_to_say() {
        assert!(read("HTTP/1.1 204 x\r\nConnection: Close\r\n\r\n").closes);
        assert!(read("HTTP/1.1 204 x\r\nConnection: keep-alive, close\r\n\r\n").closes);
        assert!(!read("HTTP/1.1 204 x\r\nConnection: closed, keep-alive\r\n\r\n").closes);
        assert!(read("HTTP/1.0 204 x\r\n\r\n").closes);
        assert!(read("HTTP/1.1 204 x\r\n\r\nmore").closes);
        assert_eq!(
            read("HTTP/1.1 204 x\r\nKeep-Alive: max=5, timeout=10\r\n\r\n").keep_alive,
            Some(10)
        );
    }

    #[test]
    fn delay_is_in_seconds_or_up_to_a_date_and_bounded() {
        let delay = |headers: &str| read(&format!("HTTP/1.1 503 x\r\n{headers}\r\n")).retry_after();
        assert_eq!(delay("Retry-After: 7\r\n"), 7_000);
        assert_eq!(delay("Retry-After: 86400\r\n"), 600_000);
        assert_eq!(delay("Retry-After: -7\r\n"), 0);
        assert_eq!(delay(""), 0);
        let date = "Retry-After: Wed, 21 Oct 2015 07:28:30 GMT\r\n";
        assert_eq!(delay(date), 0);
        assert_eq!(
            delay(&format!("{date}Date: Wed, 21 Oct 2015 07:28:00 GMT\r\n")),
            30_000
        );
        assert_eq!(
            delay(&format!("{date}Date: Wed, 21 Oct 2015 07:29:00 GMT\r\n")),
            0
        );
    }

    #[test]
    fn redirect_and_exception_are_noted() {
        assert_eq!(
            read("HTTP/1.1 301 x\r\nLocation: https://h/ \r\n\r\n")
                .location
                .bytes(),
            b"https://h/"
        );
        let location = read("HTTP/1.1 308 x\r\nLocation: https://h/write?u=a&p=secret\r\n\r\n").location;
        assert_eq!(location.bytes(), b"https://h/write");
        assert!(read("HTTP/1.1 200 x\r\nX-ClickHouse-Exception-Code: 27\r\n\r\n").has_exception);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/2 200\r\n",
            "HTTP/1.1 20 OK\r\n",
            "HTTP/1.1 2000 OK\r\n",
            "HTTP/1.1 099 OK\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n",
        ] {
            assert!(read(text).error().is_some(), "{text}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(2000));
        assert_eq!(
            read_by(&endless, 1000).error(),
            Some("its headers are longer than 8 KB")
        );
        let long = format!("HTTP/1.1 500 x\r\n\r\n{}", "x".repeat(70_000));
        let answer = read_by(&long, 1000);
        assert_eq!(answer.error(), Some("its body is longer than 64 KB"));
        assert!(answer.has_status() && answer.status == 500);
    }
}
