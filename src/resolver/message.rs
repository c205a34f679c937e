//! Questions and answers (RFC 1035, section 4.1).

use crate::base::fields::take as take_bytes;
use crate::base::text::Text;

/// The longest name, without a dot at its end.
pub const NAME_MAX: usize = 253;
const HEADER: usize = 12;
/// The header, a byte before each label and behind the last one, type and class.
const QUERY_MAX: usize = HEADER + 1 + NAME_MAX + 1 + 4;

/// Ask for IPv4 addresses.
pub const A: u8 = 1;
/// Ask for IPv6 addresses (RFC 3596).
pub const AAAA: u8 = 28;
/// What is asked for.
pub const KINDS: [u8; 2] = [A, AAAA];

/// The code of an answer: all is well.
pub const NO_ERROR: u8 = 0;
/// The name server could not find out.
pub const SERVER_FAILED: u8 = 2;
/// Nobody has that name.
pub const NO_SUCH_NAME: u8 = 3;

/// A question for the addresses of a name, those of one kind at a time.
pub struct Query {
    bytes: [u8; QUERY_MAX],
    length: usize,
    /// The id of the question for each kind.
    ids: [[u8; 2]; 2],
}

impl Query {
    /// Room for one.
    pub fn empty() -> Self {
        Self {
            bytes: [0; QUERY_MAX],
            length: 0,
            ids: [[0; 2]; 2],
        }
    }

    /// Asks for a name; nothing if no name server can know such a one.
    pub fn set(&mut self, name: &[u8]) -> Option<()> {
        let mut text = Text::new(&mut self.bytes);
        // Room for the id. The name server is to ask others; one question. A dot before the name, where its first
        // length is to be.
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

    /// Takes the id of each kind from a random number, a new one each time that the query is sent: the upper half
    /// for IPv4, the lower one for IPv6.
    pub fn draw_ids(&mut self, random: u32) {
        let [a, b, c, d] = random.to_be_bytes();
        // Equal ids would not tell apart two errors that do not repeat the question.
        let d = if [a, b] == [c, d] { !d } else { d };
        self.ids = [[a, b], [c, d]];
    }

    /// Returns the query as it is sent to ask for addresses of that kind.
    #[inline(never)]
    pub fn of_kind(&mut self, kind: u8) -> &[u8] {
        let id = self.ids[usize::from(kind == AAAA)];
        if let Some(place) = self.bytes.get_mut(self.length - 3) {
            *place = kind;
        }
        self.bytes[..2].copy_from_slice(&id);
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What kind of addresses it was asked for.
    pub kind: u8,
    /// What kind of answer it is.
    pub code: u8,
    /// There is more than fits into a datagram.
    pub is_cut: bool,
}

/// Reads an answer to that query, and hands over its addresses, of 4 or 16 octets; nothing if it is none, or one
/// to another query. An answer that breaks off counts up to there.
///
/// Aliases lead from the name to where its addresses are, and all of that is in the answer: whoever is
/// asked says what he likes, so nobody checks that they lead there.
pub fn read(message: &[u8], query: &mut Query, take: &mut dyn FnMut(&[u8])) -> Option<Answer> {
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
        // Who could not read the question does not repeat it.
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
            if record(&mut rest, take).is_none() {
                break;
            }
        }
    }
    Some(answer)
}

/// Goes behind a record, and hands over the address in it, if it has one.
fn record(rest: &mut &[u8], take: &mut dyn FnMut(&[u8])) -> Option<()> {
    skip_name(rest)?;
    let &[b0, b1, b2, b3, .., high, low] = take_bytes(rest, 10)? else {
        return None;
    };
    let data = take_bytes(rest, u16::from_be_bytes([high, low]).into())?;
    if let ([0, A, 0, 1], 4) | ([0, AAAA, 0, 1], 16) = ([b0, b1, b2, b3], data.len()) {
        take(data);
    }
    Some(())
}

/// A name is labels, and at its end either nothing or a pointer to where it goes on, which nobody follows.
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
