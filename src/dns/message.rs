//! Questions and answers (RFC 1035, section 4.1).

use crate::text::Text;

/// The longest name, without a dot at its end.
pub const NAME_MAX: usize = 253;
const HEADER: usize = 12;
/// The header, a byte before each label and behind the last one, type and class.
const QUERY_MAX: usize = HEADER + 1 + NAME_MAX + 1 + 4;

/// Ask for IPv4 addresses.
pub const A: u8 = 1;
/// Ask for IPv6 addresses (RFC 3596).
pub const AAAA: u8 = 28;

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
}

impl Query {
    /// Asks for a name; nothing if no name server can know such a one.
    pub fn new(name: &[u8], id: u16) -> Option<Self> {
        let mut bytes = [0; QUERY_MAX];
        let mut text = Text::new(&mut bytes);
        text.put(&id.to_be_bytes());
        // The name server is to ask others; one question.
        text.put(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in name.split(|byte| *byte == b'.') {
            if label.is_empty() || label.len() > 63 {
                return None;
            }
            text.put(&[label.len() as u8]);
            text.put(label);
        }
        text.put(&[0, 0, 0, 0, 1]);
        let length = text.bytes().len();
        (!text.is_cut()).then_some(Self { bytes, length })
    }

    /// As it is sent to ask for addresses of that kind. The kind is part of the id, too.
    pub fn of_kind(&mut self, kind: u8) -> &[u8] {
        if let Some(place) = self.bytes.get_mut(self.length - 3) {
            let id = *place ^ kind;
            *place = kind;
            self.bytes[1] ^= id;
        }
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

/// Reads an answer to that query, and hands over its addresses, of 4 or 16 octets; nothing if it is none, or one to another
/// query. An answer that breaks off counts up to there.
///
/// Aliases lead from the name to where its addresses are, and all of that is in the answer: whoever is
/// asked says what he likes, so nobody checks that they lead there.
pub fn read(message: &[u8], query: &mut Query, take: &mut dyn FnMut(&[u8])) -> Option<Answer> {
    let kind = *message.get(query.length - 3)?;
    let asked = query.of_kind(kind);
    let (header, rest) = message.split_first_chunk::<HEADER>()?;
    let (asked, question) = asked.split_first_chunk::<HEADER>()?;
    let [_, _, flags, code, _, _, high, low, ..] = *header;
    let (asks, mut rest) = rest.split_at_checked(question.len())?;
    let is_answer = header[..2] == asked[..2] && flags & 0xf8 == 0x80 && header[4..6] == asked[4..6];
    if !is_answer || !matches!(kind, A | AAAA) || !asks.eq_ignore_ascii_case(question) {
        return None;
    }
    let answer = Answer {
        kind,
        code: code & 15,
        is_cut: flags & 2 != 0,
    };
    for _ in 0..u16::from_be_bytes([high, low]) {
        let Some((record, behind)) = record(rest) else {
            break;
        };
        if let (NO_ERROR, Some(octets)) = (answer.code, record) {
            take(octets);
        }
        rest = behind;
    }
    Some(answer)
}

/// The address in a record, if it has one, and what is behind the record.
fn record(record: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (fields, rest) = behind_name(record)?.split_first_chunk::<10>()?;
    let (type_and_class, [.., high, low]) = fields.split_first_chunk::<4>()? else {
        return None;
    };
    let (data, rest) = rest.split_at_checked(u16::from_be_bytes([*high, *low]).into())?;
    let address = match (*type_and_class, data.len()) {
        ([0, A, 0, 1], 4) | ([0, AAAA, 0, 1], 16) => Some(data),
        _ => None,
    };
    Some((address, rest))
}

/// A name is labels, and at its end either nothing or a pointer to where it goes on, which nobody follows.
fn behind_name(record: &[u8]) -> Option<&[u8]> {
    let mut rest = record;
    loop {
        let (length, behind) = rest.split_first()?;
        rest = match length {
            0 => return Some(behind),
            1..=63 => behind.get(usize::from(*length)..)?,
            0xc0.. => return behind.get(1..),
            _ => return None,
        };
    }
}
