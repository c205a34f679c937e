//! A receiver of HTTP: it takes requests out of the stream, and answers each as planned.

use super::chance::Chance;
use super::connection::RESET;
use super::days::checks::parse;
use super::plan::{HOUR, TROUBLE};
use super::platform::Key;
use mini_monitor::platform::Cause;
use std::collections::VecDeque;

/// A request as the server has read it.
#[derive(Debug)]
pub(crate) struct Request {
    /// When it was whole, in milliseconds since the start.
    pub(crate) at: u64,
    /// Its number among all requests to this server.
    pub(crate) number: usize,
    pub(crate) head: String,
    /// Where its body starts among the bytes of the connection.
    pub(crate) start: usize,
    pub(crate) body: String,
    /// The status of the answer; 0 for none.
    pub(crate) status: u16,
    /// The server has its lines.
    pub(crate) is_stored: bool,
    /// When the agent had read the whole answer.
    pub(crate) answered_at: Option<u64>,
    /// The server has lost its lines, and the agent cannot know.
    pub(crate) is_forgiven: bool,
}

impl Request {
    /// Whether the agent has read an answer of success.
    pub(crate) fn is_accepted(&self) -> bool {
        self.answered_at.is_some() && self.status / 100 == 2
    }

    fn way(&self) -> String {
        format!(
            "request at {}: status {} at {:?}, stored: {}, forgiven: {}, {} lines",
            self.at,
            self.status,
            self.answered_at,
            self.is_stored,
            self.is_forgiven,
            self.lines().len()
        )
    }

    pub(crate) fn lines(&self) -> Vec<&str> {
        self.body.split_inclusive('\n').collect()
    }
}

/// What happens to the connection after the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Stays,
    Closes,
    Dies,
}

/// What a server does with a request.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The answer, or a part of one, or nothing.
    pub(crate) text: String,
    pub(crate) is_stored: bool,
    /// Milliseconds until the answer comes.
    pub(crate) after: u64,
    /// Milliseconds between two bytes of it.
    pub(crate) drip: u64,
    pub(crate) then: Then,
}

impl Reply {
    /// An answer of that status. One of success has stored the lines.
    pub(crate) fn status(status: u16) -> Self {
        Self::with(status, "")
    }

    /// The same with a header, such as `Retry-After: 3`.
    pub(crate) fn with(status: u16, header: &str) -> Self {
        let end = if header.is_empty() { "" } else { "\r\n" };
        Self {
            status,
            text: format!("HTTP/1.1 {status} x\r\n{header}{end}Content-Length: 0\r\n\r\n"),
            is_stored: (200..300).contains(&status),
            after: 0,
            drip: 0,
            then: Then::Stays,
        }
    }

    /// No answer.
    pub(crate) fn silence() -> Self {
        Self {
            text: String::new(),
            is_stored: false,
            ..Self::status(0)
        }
    }

    /// The same, but the answer comes later.
    pub(crate) fn after(self, after: u64) -> Self {
        Self { after, ..self }
    }

    /// The same, and then the connection ends.
    pub(crate) fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

type Answer = Box<dyn FnMut(&Request, &mut Chance) -> Reply>;

/// What makes a receiver one of HTTP.
pub(crate) struct Server {
    answer: Answer,
    served: usize,
    /// Milliseconds after which it closes an idle connection.
    pub(crate) idle: Option<u64>,
    /// What it answers to the first byte of requests after the first one, of this many, before it closes the connection.
    pub(crate) early: (usize, &'static str),
    /// Milliseconds before its death whose lines it has not on its disk, although it has answered.
    pub(crate) loses: u64,
}

impl Server {
    pub(crate) fn new(answer: impl FnMut(&Request, &mut Chance) -> Reply + 'static) -> Self {
        Self {
            answer: Box::new(answer),
            served: 0,
            idle: None,
            early: (0, ""),
            loses: 0,
        }
    }

    /// Draws what a server does in a day.
    pub(crate) fn draw(chance: &mut Chance, replay: u64) -> Self {
        let mut weather = Weather::draw(chance);
        let mut server = Self::new(move |request, chance| weather.answer(request, chance));
        server.idle = chance.pick(&[None, None, Some(1_000), Some(60_000)]);
        server.loses = chance.pick(&[0, replay / 2]);
        server
    }
}

/// The part of a connection that is HTTP.
#[derive(Default)]
pub(crate) struct Session {
    /// Where the next request starts among the bytes.
    start: usize,
    pub(crate) requests: Vec<Request>,
    /// Bytes that are on their way to the agent, and when they come; and those that have come. The end of the answer to
    /// the request of an index.
    coming: VecDeque<(u64, Vec<u8>, usize)>,
    inbox: VecDeque<(Vec<u8>, usize)>,
    /// When the server closes the connection unless a request comes.
    idle_at: Option<u64>,
}

impl Session {
    /// Takes whole requests out of the bytes that the server has read; returns when and how the connection ends.
    pub(crate) fn serve(
        &mut self,
        server: &mut Server,
        received: &[u8],
        (now, accepted_at): (u64, u64),
        is_there: bool,
        chance: &mut Chance,
    ) -> Option<(u64, Cause)> {
        if received.len() > self.start {
            self.idle_at = None;
        } else if self.requests.is_empty() {
            self.idle_at = server.idle.map(|idle| accepted_at + idle);
        }
        let mut end = None;
        if server.early.0 > 0 && server.served > 0 && received.len() > self.start {
            server.early.0 -= 1;
            self.start = usize::MAX;
            self.inbox
                .push_back((server.early.1.as_bytes().to_vec(), usize::MAX));
            return Some((now, Cause::Closed));
        }
        while let Some((head, body, length)) = split(received.get(self.start..).unwrap_or_default()) {
            self.start += length;
            assert!(!body.is_empty(), "a request without lines");
            let mut request = Request {
                start: self.start - (length - head.len()),
                at: now,
                number: server.served,
                head,
                body,
                status: 0,
                is_stored: false,
                answered_at: None,
                is_forgiven: false,
            };
            server.served += 1;
            let reply = (server.answer)(&request, chance);
            (request.status, request.is_stored) = (reply.status, reply.is_stored);
            self.requests.push(request);
            let at = now + reply.after;
            if !is_there {
                continue;
            }
            let mut rest = reply.text.into_bytes();
            if reply.drip > 0 {
                let last = rest.pop();
                for (place, byte) in (0..).zip(rest) {
                    self.coming
                        .push_back((at + place * reply.drip, vec![byte], usize::MAX));
                }
                rest = last.into_iter().collect();
            }
            if !rest.is_empty() {
                let at = self.coming.back().map_or(at, |piece| piece.0.max(at)) + reply.drip;
                self.coming.push_back((at, rest, self.requests.len() - 1));
            }
            end = match reply.then {
                Then::Stays => None,
                Then::Closes => Some((at, Cause::Closed)),
                Then::Dies => Some((at, RESET)),
            };
            self.idle_at = server.idle.map(|idle| at + idle);
        }
        end
    }

    pub(crate) fn next_event(&self) -> Option<u64> {
        let coming = self.coming.front().map(|piece| piece.0);
        coming.into_iter().chain(self.idle_at).min()
    }

    /// What became of a line in its requests.
    pub(crate) fn way_of(&self, key: Key) -> Option<String> {
        let is_in = |request: &&Request| {
            request
                .lines()
                .into_iter()
                .filter_map(parse)
                .any(|line| line.0 == key)
        };
        let ways: Vec<String> = self.requests.iter().filter(is_in).map(Request::way).collect();
        (!ways.is_empty()).then(|| ways.join(", "))
    }

    /// What is due comes to the agent; returns whether the server closes the idle connection.
    pub(crate) fn happen(&mut self, now: u64) -> bool {
        while self.coming.front().is_some_and(|piece| piece.0 <= now) {
            let (_, bytes, index) = self.coming.pop_front().expect("a piece");
            self.inbox.push_back((bytes, index));
        }
        self.idle_at.take_if(|at| *at <= now).is_some()
    }

    /// Nothing comes before then.
    pub(crate) fn delay(&mut self, until: u64) {
        for piece in &mut self.coming {
            piece.0 = piece.0.max(until);
        }
    }

    /// The server is gone.
    pub(crate) fn desert(&mut self) {
        self.coming.clear();
        self.idle_at = None;
    }

    /// The kernel throws away what the agent has not read.
    pub(crate) fn reset(&mut self) {
        self.inbox.clear();
    }

    pub(crate) fn has_input(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// The agent reads at `now`; `None` if there is nothing.
    pub(crate) fn read(&mut self, buffer: &mut [u8], now: u64) -> Option<usize> {
        let (bytes, index) = self.inbox.front_mut()?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        bytes.drain(..count);
        if bytes.is_empty() {
            if let Some(request) = self.requests.get_mut(*index) {
                request.answered_at = (request.status != 0).then_some(now);
            }
            self.inbox.pop_front();
        }
        Some(count)
    }
}

/// Splits the first request off: head, body, and the bytes of both; `None` if it is not whole.
fn split(bytes: &[u8]) -> Option<(String, String, usize)> {
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).expect("text");
    assert!(
        head.starts_with("POST / HTTP/1.1\r\nHost: "),
        "no request: {head}"
    );
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.expect("a length").parse().expect("a number");
    let body = bytes.get(end..end + length)?;
    // A compressed body is not looked at.
    let body = String::from_utf8_lossy(body).into_owned();
    Some((head.to_owned(), body, end + length))
}

/// What goes wrong with the requests of a day.
struct Weather {
    /// The index of a metric, and each how many of its lines are refused for good, with which status.
    poison: Option<(usize, u64, u16)>,
    /// From when to when all is refused, and with which answer.
    mistakes: Vec<(u64, u64, u16)>,
    /// The most lines of a body.
    limit: usize,
    /// One of so many requests has a fault.
    faults: u64,
    /// Each answer ends its connection.
    closes: bool,
}

impl Weather {
    fn draw(chance: &mut Chance) -> Self {
        let poison = chance.one_in(2).then(|| {
            let metric = chance.below(4) as usize;
            (
                metric,
                chance.between(20, 2_000),
                chance.pick(&[400, 400, 409, 422]),
            )
        });
        let mistakes = (0..chance.below(5))
            .map(|_| {
                let from = chance.below(TROUBLE);
                let status = chance.pick(&[400, 400, 401, 404, 413, 422, 429, 500, 503]);
                (from, from + chance.span(1_000, 3 * HOUR), status)
            })
            .collect();
        Self {
            poison,
            mistakes,
            limit: chance.pick(&[usize::MAX, usize::MAX, 20, 2]),
            faults: chance.pick(&[10, 100, 1_000]),
            closes: chance.one_in(5),
        }
    }

    fn is_poisoned(&self, request: &Request) -> bool {
        let Some((metric, every, _)) = self.poison else {
            return false;
        };
        let mut keys = request.lines().into_iter().filter_map(parse);
        keys.any(|(key, _)| key.1 == metric && key.2 % every == every - 1)
    }

    fn answer(&mut self, request: &Request, chance: &mut Chance) -> Reply {
        let mut mistakes = self.mistakes.iter();
        let is_on = |mistake: &&(u64, u64, u16)| (mistake.0..mistake.1).contains(&request.at);
        let mistake = mistakes.find(is_on).map(|mistake| mistake.2);
        let status = match mistake {
            _ if request.lines().len() > self.limit && request.at < TROUBLE => 413,
            Some(status) if request.at < TROUBLE => status,
            _ if self.is_poisoned(request) => self.poison.map_or(400, |poison| poison.2),
            _ => 204,
        };
        if request.at >= TROUBLE {
            return Reply::status(status);
        }
        let header = match status {
            429 | 503 => chance.pick(&["", "Retry-After: 1", "Retry-After: 120"]),
            _ if self.closes => "Connection: close",
            _ => "",
        };
        let mut reply = Reply::with(status, header).after(chance.pick(&[0, 0, 5, 300, 3_000]));
        if self.closes {
            reply.then = Then::Closes;
        }
        if !chance.one_in(self.faults) {
            return reply;
        }
        let has_stored = reply.is_stored;
        match chance.below(7) {
            0 => Reply::with(503, "Retry-After: 20"),
            1 => Reply::status(500),
            2 => Reply::silence(),
            // It has the lines, and the agent does not know.
            number => {
                let text = match number {
                    3 | 4 => String::new(),
                    _ => reply.text[..chance.below(reply.text.len() as u64) as usize].to_owned(),
                };
                Reply {
                    text,
                    is_stored: has_stored && chance.one_in(2),
                    ..Reply::silence().then(chance.pick(&[Then::Closes, Then::Dies]))
                }
            }
        }
    }
}
