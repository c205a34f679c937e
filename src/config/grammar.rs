//! What is wrong with a text that is not JSON (RFC 8259), for a person: its tokens do not come in the order in which
//! they have to, or miniserde does not take one of them.

use super::cursor::KEYS_MAX;
use super::place::{Place, Scan};
use super::tape::{DEPTH_MAX, tape_of};
use super::wrong::{Said, Why};
use crate::base::text::line_of;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Value,
    FirstValue,
    Key,
    FirstKey,
    Colon,
    InObject,
    InList,
    End,
}

impl Next {
    /// It in words.
    pub(super) fn text(self) -> &'static [u8] {
        const WORDS: &str = "a value\na value or ]\na key in quotes\na key in quotes or }\na colon\na comma or }\n\
                             a comma or ]\nthe end\n";
        line_of(WORDS, self as usize)
    }
}

/// The grammar: what may come next, of all that is open whether it is an object, and the keys that lead there.
struct Grammar<'t> {
    next: Next,
    open: [bool; DEPTH_MAX],
    depth: usize,
    keys: [&'t [u8]; KEYS_MAX],
}

/// What is wrong first in a text, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flaw<'t> {
    pub(super) place: Place<'t>,
    /// Nothing for those that are not there.
    pub(super) keys: [&'t [u8]; KEYS_MAX],
    pub(super) why: Why,
}

/// What is wrong with a text, if it is not JSON.
#[inline(never)]
pub(super) fn flaw_of(text: &[u8]) -> Option<Flaw<'_>> {
    let mut scan = Scan::new(text);
    let mut grammar = Grammar {
        next: Next::Value,
        open: [false; DEPTH_MAX],
        depth: 0,
        keys: [b""; KEYS_MAX],
    };
    loop {
        let place = scan.take();
        if let Err(why) = grammar.step(place.text) {
            let keys = grammar.keys;
            return Some(Flaw { place, keys, why });
        }
        if place.text.is_empty() {
            return None;
        }
    }
}

impl<'t> Grammar<'t> {
    /// Takes a token, or the end.
    fn step(&mut self, token: &'t [u8]) -> Result<(), Why> {
        // No token begins with the end of a line.
        let first = token.first().copied().unwrap_or(b'\n');
        self.next = match (self.next, first) {
            (Next::End, b'\n') => Next::End,
            (Next::FirstKey | Next::InObject, b'}') | (Next::FirstValue | Next::InList, b']') => self.close(),
            (Next::InObject, b',') => Next::Key,
            (Next::InList, b',') | (Next::Colon, b':') => Next::Value,
            (Next::Key | Next::FirstKey, b'"') => {
                check(first, token)?;
                self.set_key(token.get(1..token.len() - 1).unwrap_or_default());
                Next::Colon
            }
            (Next::Value | Next::FirstValue, b'{' | b'[') => self.open(first == b'{')?,
            (Next::Value | Next::FirstValue, _) if !b"}],:\n".contains(&first) => {
                check(first, token)?;
                self.behind_value()
            }
            (wanted, _) => return Err(Why::Instead(wanted)),
        };
        Ok(())
    }

    fn open(&mut self, is_object: bool) -> Result<Next, Why> {
        *self.open.get_mut(self.depth).ok_or(Said::TooDeep)? = is_object;
        self.depth += 1;
        Ok(if is_object {
            Next::FirstKey
        } else {
            Next::FirstValue
        })
    }

    fn close(&mut self) -> Next {
        self.depth -= 1;
        self.behind_value()
    }

    fn behind_value(&mut self) -> Next {
        match self.all_open().last() {
            Some(true) => {
                self.set_key(b"");
                Next::InObject
            }
            Some(false) => Next::InList,
            None => Next::End,
        }
    }

    fn all_open(&self) -> &[bool] {
        self.open.get(..self.depth).unwrap_or_default()
    }

    /// The key in the object that is open last.
    fn set_key(&mut self, key: &'t [u8]) {
        let objects = self.all_open().iter().filter(|is_object| **is_object).count();
        if let Some(place) = self.keys.get_mut(objects.wrapping_sub(1)) {
            *place = key;
        }
    }
}

/// Whether miniserde takes a token that is a value.
fn check(first: u8, token: &[u8]) -> Result<(), Why> {
    if tape_of(token).is_some() {
        return Ok(());
    }
    let said = match first {
        b'"' if token.len() < 2 || !token.ends_with(b"\"") => Said::Unclosed,
        b'"' => Said::BadString,
        _ if token.iter().all(|byte| b"0123456789.-+eE".contains(byte)) => Said::BadNumber,
        _ => Said::NoValue,
    };
    Err(said.into())
}

#[cfg(test)]
mod tests {
    use super::super::place::place_of;
    use super::super::tape::{Kind, Tokens};
    use super::*;
    use miniserde::json;

    const DOCUMENT: &str = "{\n\t\"a\": [1,\n-2.5e+3, \"x\\\"\\u00e9\\ud83d\\ude00\"], \"b\": true,\n\n\"c\": {\"d\": null, \
                            \"e\": {}}, \"f\": [[], [{}]]\n}\n";

    #[test]
    fn the_tokens_have_their_places_in_the_text() {
        let tape = tape_of(DOCUMENT.as_bytes()).unwrap();
        let mut count = 0;
        for (number, token) in Tokens::new(&tape).enumerate() {
            let place = place_of(DOCUMENT.as_bytes(), number);
            let plain = match token.kind {
                Kind::Object => "{",
                Kind::ObjectEnd => "}",
                Kind::List => "[",
                Kind::ListEnd => "]",
                // It has a fraction.
                Kind::Number if token.text.is_empty() => "-2.5e+3",
                _ => std::str::from_utf8(token.text).unwrap(),
            };
            let text = std::str::from_utf8(place.text).unwrap();
            let text = text
                .trim_matches('"')
                .replace("\\\"\\u00e9\\ud83d\\ude00", "\"\u{e9}\u{1f600}");
            assert_eq!(text, plain);
            count += 1;
        }
        let end = place_of(DOCUMENT.as_bytes(), count);
        assert_eq!((end.line, end.text), (7, b"".as_slice()));
        assert_eq!(place_of(DOCUMENT.as_bytes(), 1).line, 2);
        assert_eq!(place_of(DOCUMENT.as_bytes(), 4).line, 3);
        assert_eq!(place_of(DOCUMENT.as_bytes(), 9).line, 5);
    }

    #[test]
    fn a_text_has_a_flaw_where_miniserde_takes_none() {
        const BYTES: &[u8] = b"{}[],:\"\\u0d8e9.-+truefalsn \n\t\x01x";
        let mut seed = 1_u32;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as usize % below
        };
        for round in 0..200_000 {
            let mut text = DOCUMENT.as_bytes().to_vec();
            for _ in 0..=random(3) {
                let at = random(text.len());
                match random(3) {
                    0 => text[at] = BYTES[random(BYTES.len())],
                    1 => text.insert(at, BYTES[random(BYTES.len())]),
                    _ => drop(text.remove(at)),
                }
            }
            let Ok(text) = String::from_utf8(text) else {
                continue;
            };
            let flaw = flaw_of(text.as_bytes());
            assert_eq!(
                json::from_str::<json::Value>(&text).is_err(),
                flaw.is_some(),
                "round {round}: {flaw:x?} {text}"
            );
        }
    }

    #[test]
    fn the_first_flaw_is_told_with_its_line() {
        let flaw = |text: &'static str| {
            let Flaw { place, why, .. } = flaw_of(text.as_bytes()).unwrap();
            (place.line, std::str::from_utf8(place.text).unwrap(), why)
        };
        assert_eq!(flaw(""), (1, "", Why::Instead(Next::Value)));
        assert_eq!(
            flaw("{\n\"a\": 1\n\"b\": 2}"),
            (3, "\"b\"", Why::Instead(Next::InObject))
        );
        assert_eq!(flaw("{\"a\": 1,\n}"), (2, "}", Why::Instead(Next::Key)));
        assert_eq!(flaw("[1,\n]"), (2, "]", Why::Instead(Next::Value)));
        assert_eq!(flaw("[1}"), (1, "}", Why::Instead(Next::InList)));
        assert_eq!(flaw("{\"a\"; 1}"), (1, ";", Why::Instead(Next::Colon)));
        assert_eq!(flaw("{a: 1}"), (1, "a", Why::Instead(Next::FirstKey)));
        assert_eq!(flaw("[1] 2"), (1, "2", Why::Instead(Next::End)));
        assert_eq!(flaw("\n[tru]"), (2, "tru", Why::Of(Said::NoValue)));
        assert_eq!(flaw("[01]"), (1, "01", Why::Of(Said::BadNumber)));
        assert_eq!(flaw("[\"a\n\"]"), (1, "\"a", Why::Of(Said::Unclosed)));
        assert_eq!(flaw("[\"a\\q\"]"), (1, "\"a\\q\"", Why::Of(Said::BadString)));
        assert_eq!(
            flaw("[\"\\udc00\"]"),
            (1, "\"\\udc00\"", Why::Of(Said::BadString))
        );
        assert_eq!(flaw("[[[[[["), (1, "[", Why::Of(Said::TooDeep)));
    }

    #[test]
    fn a_flaw_has_the_keys_that_lead_there() {
        let keys = |text: &str| {
            let keys = flaw_of(text.as_bytes()).unwrap().keys;
            keys.map(|key| String::from_utf8(key.to_vec()).unwrap()).join(" ")
        };
        assert_eq!(keys("{\"a\": x}"), "a  ");
        assert_eq!(keys("{\"a\": 1 \"b\""), "  ");
        assert_eq!(keys("{\"a\": {\"b\": [1, {\"c\": {\"d\": x"), "a b c");
        assert_eq!(keys("{\"a\": {\"b\": [1, {\"c\": {\"d\": 1}}, x"), "a b ");
        assert_eq!(keys("{\"a\": {\"b\": 1} x"), "  ");
        assert_eq!(keys("[[{\"a\" x"), "a  ");
    }
}
