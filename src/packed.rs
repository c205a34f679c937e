//! Long texts for people, in which a byte stands for each piece that comes often: made when this is compiled.

use crate::text::{Put, line_of};

/// The first byte that stands for a piece; those below are ASCII, and stand for themselves.
const FIRST: u8 = 0x80;

macro_rules! pieces {
    ($($piece:literal)*) => {
        const PIECES: &[&str] = &[$($piece),*];
        const LINES: &str = concat!($($piece, "\n"),*);
    };
}

// Those that save most in the texts that there are, each found when the ones before it had been taken out.
pieces! {
    " th" "e " "s " "t " "connection" "packet" "in" "received" "er" "of " "or" "process" "d " ", " "ch "
    "to " "en" "tim" "es" " socket" "an" "swap spac" "th" "shar" "ll " "datagram" "a " " w" "on" "task"
    "ea" "famil" "it" "use" "ha" "y " "ag" "st" "om" "(iface=)" "ou" "lo" "no" "disk" "buff" "mem"
    "dnsmasq" "ar" "et" "ed" "am" "fil" "of" "queu" "ac" "at" "hi" "be" "full" "wa" "si" "ru" "al" "ho"
    "fr" "ro" "up " " m" "ri" "el" "segm" "eir " " i" "us" "wi" "devic" "TCP" "te" " (" "wh" "to" "ck" "di"
    "ce" "unix:/pa" "ma" "su" "e=)" "bod" "li" "ee" "tur" " p" "g " "do" " 6" "le" "faults" ":p" "*," " b"
    "de" "pt" "as" "n " "cpu" "fi" "se" "wr" "ba" "op" "we" " two " "em" "nt" "ld" "so" "iv" "fu" "ta" "pp"
    "mo" "numb" ": " "addr" "ca" "ve"
}

/// Packs a text of lines, each with its end.
macro_rules! packed {
    ($text:expr) => {{
        const PACKED: ([u8; $text.len()], usize) = $crate::packed::pack($text);
        const CUT: [u8; PACKED.1] = *PACKED.0.first_chunk().unwrap();
        &CUT
    }};
}

pub(crate) use packed;

/// The first byte of each piece.
const HEADS: [u8; PIECES.len()] = {
    let mut heads = [0; PIECES.len()];
    let mut number = 0;
    while number < heads.len() {
        heads[number] = PIECES[number].as_bytes()[0];
        number += 1;
    }
    heads
};

/// The number and the length of the longest piece that the text goes on with; a length of 0 if there is none.
const fn longest(text: &[u8], at: usize) -> (usize, usize) {
    let (mut best, mut most, mut number) = (0, 0, 0);
    while number < HEADS.len() {
        if HEADS[number] == text[at] {
            let piece = PIECES[number].as_bytes();
            let mut same = 1;
            while same < piece.len() && at + same < text.len() && piece[same] == text[at + same] {
                same += 1;
            }
            if same == piece.len() && same > most {
                (best, most) = (number, same);
            }
        }
        number += 1;
    }
    (best, most)
}

/// The text, packed, and its length then.
pub(crate) const fn pack<const N: usize>(text: &str) -> ([u8; N], usize) {
    assert!(text.is_ascii() && PIECES.len() <= FIRST as usize);
    let text = text.as_bytes();
    let mut packed = [0; N];
    let (mut at, mut length) = (0, 0);
    while at < text.len() {
        let (number, piece) = longest(text, at);
        packed[length] = if piece == 0 {
            text[at]
        } else {
            FIRST + number as u8
        };
        at += if piece == 0 { 1 } else { piece };
        length += 1;
    }
    (packed, length)
}

/// Hands over the line of that number of a packed text, piece by piece.
pub(crate) fn put_line(packed: &[u8], number: usize, put: Put) {
    let mut line = 0;
    for byte in packed {
        match byte {
            b'\n' => line += 1,
            _ if line != number => {}
            FIRST.. => put(line_of(LINES, usize::from(byte - FIRST))),
            _ => put(&[*byte]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        const LONG: &str =
            "packets received that nobody has asked for\n\nx\nprocesses of a name, such as ~\n";
        let packed: &[u8] = packed!(LONG);
        assert!(packed.len() < LONG.len() * 2 / 3);
        for (number, expected) in LONG.lines().chain([""]).enumerate() {
            let mut line = Vec::new();
            put_line(packed, number, &mut |piece| line.extend_from_slice(piece));
            assert_eq!(line, expected.as_bytes());
        }
    }
}
