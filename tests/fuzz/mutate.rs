//! Changes of a text that parsers break on.

use std::env;

/// What numbers break on.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
    "1.5",
    "0x10",
    "-9223372036854775808",
];

/// How many mutations of each text.
pub fn count() -> u64 {
    env::var("MUTATIONS").map_or(2_000, |count| count.parse().unwrap())
}

/// What the changes are drawn from.
pub fn seed() -> u64 {
    env::var("SEED").map_or(20_261_123, |seed| seed.parse().unwrap())
}

/// Changes one place of the text.
pub fn mutate(text: &mut Vec<u8>, random: &mut fastrand::Rng) {
    if text.is_empty() {
        text.push(random.u8(..));
        return;
    }
    // The first lines are those that most families read.
    let bound = if random.bool() {
        text.len()
    } else {
        text.len().min(600)
    };
    let at = random.usize(..bound);
    match random.u8(..8) {
        0..=2 => {
            text[at] = *random
                .choice(b"0123456789 \n-.x:\\()\0\xff\t,/\"{}[]".iter())
                .unwrap()
        }
        3 => {
            let end = (at + random.usize(..40)).min(text.len());
            text.drain(at..end);
        }
        4 => {
            let end = (at + random.usize(..200)).min(text.len());
            let piece = text[at..end].to_vec();
            let to = random.usize(..=text.len());
            text.splice(to..to, piece);
        }
        5 => {
            // A field, if it is one.
            let is_blank = |byte: &u8| byte.is_ascii_whitespace();
            let start = text[..at].iter().rposition(is_blank).map_or(0, |at| at + 1);
            let end = text[at..]
                .iter()
                .position(is_blank)
                .map_or(text.len(), |length| at + length);
            let number = *random.choice(NUMBERS.iter()).unwrap();
            text.splice(start..end.max(start), number.bytes());
        }
        6 => text.truncate(at),
        _ => text[at] ^= 1 << random.u8(..8),
    }
}
