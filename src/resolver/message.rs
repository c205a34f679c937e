//! Queries and answers (RFC 1035, section 4.1).

use crate::base::fields::take as take_bytes;
use crate::base::text::Text;

/// Bytes of the longest name, without a dot at its end.
pub const NAME_MAX: usize = 253;
const HEADER: usize = 12;
/// The header, a byte before each label and after the last one, type and class.
const QUERY_MAX: usize = HEADER + 1 + NAME_MAX + 1 + 4;

/// The query type for IPv4 addresses.
pub const A: u8 = 1;
/// The query type for IPv6 addresses (RFC 3596).
pub const AAAA: u8 = 28;
/// The types that are asked for.
pub const KINDS: [u8; 2] = [A, AAAA];

/// A response code: no error.
pub const NO_ERROR: u8 = 0;
/// A response code: the name server failed.
pub const SERVER_FAILED: u8 = 2;
/// A response code: the name does not exist.
pub const NO_SUCH_NAME: u8 = 3;

/// A query for the addresses of a name, of one type at a time.
pub struct Query {
    bytes: [u8; QUERY_MAX],
    length: usize,
    /// The id of the query for each type.
    ids: [[u8; 2]; 2],
}

impl Query {
    /// A query without a name.
    pub const NONE: Self = Self {
        bytes: [0; QUERY_MAX],
        length: 0,
        ids: [[0; 2]; 2],
    };

    /// Sets the name; `None` if it is not a valid one.
    pub fn set(&mut self, name: &[u8]) -> Option<()> {
        let mut text = Text::new(&mut self.bytes);
        // The id comes later. Recursion is desired; one question. A dot stands where the length of the first label
        // will be.
        text.put(b"\0\0\x01\0\0\x01\0\0\0\0\0\0.");
        text.put(name);
        text.put(&[0, 0, 0, 0, 1]);
        if text.is_cut() {
            return None;
        }
        self.length = text.bytes().len();
        let mut length = 0;
        for byte in self.bytes.get_mut(HEADER..=HEADER + name.len())?.iter_mut().rev() {
            if *byte == b'.' {
                if !(1..=63).contains(&length) {
                    return None;
                }
                *byte = length as u8;
                length = 0;
            } else {
                length += 1;
            }
        }
        Some(())
    }

    /// Sets the ids from a random number, a new one each time that the query is sent: the upper half for IPv4, the lower
    /// half for IPv6.
    pub fn draw_ids(&mut self, random: u32) {
        let [a, b, c, d] = random.to_be_bytes();
        // Equal ids would not distinguish two errors that do not repeat the question.
        let d = if [a, b] == [c, d] { !d } else { d };
        self.ids = [[a, b], [c, d]];
    }

    /// Returns the message that asks for addresses of that type.
    pub fn of_kind(&mut self, kind: u8) -> &[u8] {
        let id = self.ids[usize::from(kind == AAAA)];
        if let Some(byte) = self.bytes.get_mut(self.length - 3) {
            *byte = kind;
        }
        self.bytes[..2].copy_from_slice(&id);
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The query type that it answers.
    pub kind: u8,
    /// The response code.
    pub code: u8,
    /// The answer is truncated: it does not fit into a datagram.
    pub is_cut: bool,
}

/// Parses an answer to the query and passes its addresses, of 4 or 16 octets, to `push`; `None` if the message is not an
/// answer to this query. Of a truncated answer the complete records count.
///
/// All addresses of the answer count, whatever name they belong to: a server that lies could as well lie about the name.
pub fn read(message: &[u8], query: &mut Query, push: &mut dyn FnMut(&[u8])) -> Option<Answer> {
    let mut rest = message;
    let head = take_bytes(&mut rest, HEADER)?;
    let &[id_high, id_low, flags, code, high, low, records @ ..] = head.first_chunk::<8>()?;
    let mut kinds = KINDS.into_iter();
    let kind = kinds.find(|kind| query.of_kind(*kind).starts_with(&[id_high, id_low]))?;
    let answer = Answer {
        kind,
        code: code & 15,
        is_cut: flags & 2 != 0,
    };
    let is_right = match [high, low] {
        // A server that could not parse the question does not repeat it.
        [0, 0] => answer.code != NO_ERROR,
        [0, 1] => {
            let (_, question) = query.of_kind(kind).split_at_checked(HEADER)?;
            take_bytes(&mut rest, question.len())?.eq_ignore_ascii_case(question)
        }
        _ => false,
    };
    if !is_right || flags & 0xf8 != 0x80 {
        return None;
    }
    if answer.code == NO_ERROR {
        for _ in 0..u16::from_be_bytes(records) {
            if record(&mut rest, push).is_none() {
                break;
            }
        }
    }
    Some(answer)
}

/// Skips a record, and passes its address, if it has one, to `push`.
fn record(rest: &mut &[u8], push: &mut dyn FnMut(&[u8])) -> Option<()> {
    skip_name(rest)?;
    let &[b0, b1, b2, b3, .., high, low] = take_bytes(rest, 10)? else {
        return None;
    };
    let data = take_bytes(rest, u16::from_be_bytes([high, low]).into())?;
    if let ([0, A, 0, 1], 4) | ([0, AAAA, 0, 1], 16) = ([b0, b1, b2, b3], data.len()) {
        push(data);
    }
    Some(())
}

/// Skips a name: labels that end in an empty one or in a pointer, which is not followed.
fn skip_name(rest: &mut &[u8]) -> Option<()> {
    loop {
        match *take_bytes(rest, 1)?.first()? {
            0 => return Some(()),
            length @ 1..=63 => take_bytes(rest, length.into())?,
            0xc0.. => return take_bytes(rest, 1).map(|_| ()),
            _ => return None,
        };
    }
}
