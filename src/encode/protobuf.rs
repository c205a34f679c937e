//! Messages of protocol buffers: a tag byte of the field's number and type before each field.

use crate::base::text::Text;

/// Returns the tag of a field that has a length: a message or a text.
pub(super) const fn with_length(number: u8) -> u8 {
    number << 3 | 2
}

/// Returns the tag of a field of eight bytes.
pub(super) const fn fixed64(number: u8) -> u8 {
    number << 3 | 1
}

/// Returns the tag of a number of variable length.
pub(super) const fn variable(number: u8) -> u8 {
    number << 3
}

/// The longest variable-length number.
const VARINT_MAX: usize = 10;

/// Starts a field that has a length, such as a message or a text; returns where it starts.
pub(super) fn open(body: &mut Text, tag: u8) -> usize {
    body.put(&[tag]);
    body.bytes().len()
}

/// Ends a field: its length goes before what was written since.
pub(super) fn close(body: &mut Text, start: usize) {
    let length = body.bytes().len() - start;
    let mut digits = [0; VARINT_MAX];
    body.insert(start, varint(length as u64, &mut digits));
}

/// Writes a text.
pub(super) fn put_text(body: &mut Text, tag: u8, text: &[u8]) {
    let start = open(body, tag);
    body.put(text);
    close(body, start);
}

/// Writes a number of variable length.
pub(super) fn put_varint(body: &mut Text, tag: u8, number: u64) {
    body.put(&[tag]);
    let mut digits = [0; VARINT_MAX];
    body.put(varint(number, &mut digits));
}

/// Writes eight bytes, a double or a number.
pub(super) fn put_fixed64(body: &mut Text, tag: u8, number: u64) {
    body.put(&[tag]);
    body.put(&number.to_le_bytes());
}

/// Returns a number as groups of seven bits, the lowest first; the last one has no high bit.
pub(super) fn varint(number: u64, digits: &mut [u8; VARINT_MAX]) -> &[u8] {
    let (mut rest, mut length) = (number, 0);
    for digit in digits.iter_mut() {
        *digit = (rest & 0x7f) as u8;
        rest >>= 7;
        length += 1;
        if rest == 0 {
            break;
        }
        *digit |= 0x80;
    }
    digits.get(..length).unwrap_or_default()
}
