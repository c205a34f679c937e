//! Long texts for people, in which a byte stands for each piece that comes often: made when this is compiled.

use crate::base::text::Text;

/// Ends a line. The bytes behind it, up to 0x7f, are ASCII and stand for themselves; those from [`FIRST`] on, and
/// then those from 0 to this one, stand for pieces.
const END: u8 = 0x1f;
/// Stands for the first piece.
const FIRST: u8 = 0x80;
/// How many pieces there are: as many as there are bytes for.
const COUNT: usize = END.wrapping_sub(FIRST) as usize;

/// Pieces, each of two that stand before it, or of letters: those that save most in the texts that there are.
macro_rules! pieces {
    ($($piece:literal)*) => {
        const PIECES: [&str; COUNT] = [$($piece),*];
    };
}

pieces! {
    " a" " m" " s" ", " ": " "=)" "a " "ac" "ad" "ag" "al" "am" "an" "ar" "as" "at" "bu" "ch" "d " "di"
    "e " "ec" "ed" "ei" "el" "em" "en" "er" "es" "et" "ev" "ex" "ha" "il" "in" "it" "le" "ll" "no" "o "
    "oc" "of" "ol" "on" "op" "or" "os" "ou" "ow" "qu" "re" "ri" "ro" "s " "sh" "si" "sk" "st" "su" "sy"
    "t " "ta" "th" "ti" "to" "un" "up" "ur" "us" "wa" "wh" "wi" "y " "ach" "at " "ce " "con" "e, " "e=)"
    "ed " "en " "ent" "er " "es " "ess" "fil" "in " "ing" "is " "it " "ket" "lin" "ll " "me " "mem" "nam"
    "net" "no " "of " "on " "or " "oun" "pac" "por" "pro" "ram" "rec" "rom" "s, " "ter" "to " "ve " "ver"
    "whi" " soc" " to " "amil" "and " "are " "ch a" "conn" "each" "ed b" "ere " "for " "from" "not " "ost "
    "proc" "read" "sent" "task" "the " "tion" "with" "ation" "each " "famil" "file " "inter" "kets "
    "memor" "recei" "s of " "that " "time " "connec" "receiv" "share " "such a" "of the " "process"
    "s that " "packets " "received" "such as " "time in " "connection" "time in whi"
}

/// Packs a text of lines, each with its end.
macro_rules! packed {
    ($text:expr) => {{
        const PACKED: ([u8; $text.len()], usize) = $crate::base::packed::pack($text);
        const CUT: [u8; PACKED.1] = *PACKED.0.first_chunk().unwrap();
        &CUT
    }};
}

pub(crate) use packed;

/// The halves of each piece, as bytes that stand for them.
const HALVES: [[u8; 2]; COUNT] = {
    let mut halves = [[0; 2]; COUNT];
    let mut number = 0;
    while number < COUNT {
        halves[number] = halve(PIECES[number].as_bytes());
        number += 1;
    }
    halves
};

const fn halve(piece: &[u8]) -> [u8; 2] {
    let mut length = 1;
    loop {
        assert!(length < piece.len(), "not of two pieces");
        let (head, rest) = piece.split_at(length);
        if let (Some(head), Some(rest)) = (byte_for(head), byte_for(rest)) {
            return [head, rest];
        }
        length += 1;
    }
}

/// The byte that stands for the whole of this text, if there is one.
const fn byte_for(text: &[u8]) -> Option<u8> {
    let (byte, length) = longest(text, 0);
    if length == text.len() { Some(byte) } else { None }
}

/// The longest piece first with each byte, the next shorter one behind each of them: its number from 1 up.
const CHAINS: ([u8; 128], [u8; COUNT]) = {
    let (mut heads, mut next) = ([0; 128], [0; COUNT]);
    let mut number = 0;
    while number < COUNT {
        let head = PIECES[number].as_bytes()[0] as usize;
        next[number] = heads[head];
        number += 1;
        heads[head] = number as u8;
    }
    (heads, next)
};

/// The byte for the longest piece that the text goes on with, and the piece's length.
const fn longest(text: &[u8], at: usize) -> (u8, usize) {
    let mut number = CHAINS.0[text[at] as usize];
    while number > 0 {
        let piece = PIECES[number as usize - 1].as_bytes();
        let mut same = 1;
        while same < piece.len() && at + same < text.len() && piece[same] == text[at + same] {
            same += 1;
        }
        if same == piece.len() {
            return ((number - 1).wrapping_add(FIRST), same);
        }
        number = CHAINS.1[number as usize - 1];
    }
    (text[at], 1)
}

/// The text, packed, and its length then.
pub(crate) const fn pack<const N: usize>(text: &str) -> ([u8; N], usize) {
    assert!(text.is_ascii());
    let text = text.as_bytes();
    let mut packed = [0; N];
    let (mut at, mut length) = (0, 0);
    while at < text.len() {
        let (byte, piece) = longest(text, at);
        packed[length] = if text[at] == b'\n' { END } else { byte };
        at += piece;
        length += 1;
    }
    (packed, length)
}

/// Writes the line of that number, from 0 up, of a packed text; nothing if there are not so many.
#[inline(never)]
pub(crate) fn put_line(text: &mut Text, packed: &[u8], number: usize) {
    let mut line = 0;
    for byte in packed {
        if *byte == END {
            line += 1;
        } else if line == number {
            put(text, *byte);
        }
    }
}

/// Writes what a byte stands for.
fn put(text: &mut Text, byte: u8) {
    match HALVES.get(usize::from(byte.wrapping_sub(FIRST))) {
        Some([head, rest]) => {
            put(text, *head);
            put(text, *rest);
        }
        None => text.put(&[byte]),
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
            let mut buffer = [0; 80];
            let mut text = Text::new(&mut buffer);
            put_line(&mut text, packed, number);
            assert_eq!(text.bytes(), expected.as_bytes());
        }
    }

    #[test]
    fn no_piece_is_there_twice_and_a_longer_one_is_found_first() {
        for (number, piece) in PIECES.iter().enumerate() {
            assert_eq!(longest(piece.as_bytes(), 0).1, piece.len(), "{piece}");
            let byte = (number as u8).wrapping_add(FIRST);
            assert_eq!(longest(piece.as_bytes(), 0).0, byte, "{piece}");
        }
    }
}
