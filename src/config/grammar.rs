//! JSON (RFC 8259): the tokens of a text, in the order in which they have to come, or what is wrong with it.

use super::place::{Place, Scan};
use super::tape::{Kind, Tape};
use super::wrong::{Said, Why};
use crate::scan::lines;
use crate::text::{line_of, place_of, utf8_length};

/// Objects and lists that may be in one another.
const DEPTH_MAX: usize = 5;

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

/// The grammar: what may come next, and of all that is open whether it is an object, and where on the tape it
/// begins.
struct Grammar<'m> {
    next: Next,
    open: [(bool, usize); DEPTH_MAX],
    depth: usize,
    tape: Tape<'m>,
}

/// Writes the tokens of a text into the memory, for `Tokens`, as far as there is room for them: how many bytes
/// they take. Or where it is wrong first, and how. The text is at most 64 KB.
#[inline(never)]
pub(crate) fn tape_of<'t>(text: &'t [u8], memory: &mut [u8]) -> Result<usize, (Place<'t>, Why)> {
    let mut scan = Scan::new(text);
    let length = utf8_length(text);
    if length < text.len() {
        let line = lines(text.get(..length).unwrap_or_default()).count() + 1;
        return Err((Place { line, text: b"" }, Said::NotUtf8.into()));
    }
    let mut grammar = Grammar {
        next: Next::Value,
        open: [(false, 0); DEPTH_MAX],
        depth: 0,
        tape: Tape::new(memory),
    };
    loop {
        let place = scan.take();
        grammar.step(place.text).map_err(|why| (place, why))?;
        if place.text.is_empty() {
            return Ok(grammar.tape.length);
        }
    }
}

impl Grammar<'_> {
    /// Takes a token, or the end.
    fn step(&mut self, token: &[u8]) -> Result<(), Why> {
        // No token begins with the end of a line.
        let first = token.first().copied().unwrap_or(b'\n');
        self.next = match (self.next, first) {
            (Next::End, b'\n') => Next::End,
            (Next::FirstKey | Next::InObject, b'}') | (Next::FirstValue | Next::InList, b']') => self.close(),
            (Next::InObject, b',') => Next::Key,
            (Next::InList, b',') | (Next::Colon, b':') => Next::Value,
            (Next::Key | Next::FirstKey, b'"') => {
                self.string(Kind::Key, token)?;
                Next::Colon
            }
            (Next::Value | Next::FirstValue, _) if !b"}],:\n".contains(&first) => self.value(first, token)?,
            (wanted, _) => return Err(Why::Instead(wanted)),
        };
        Ok(())
    }

    /// What is open last.
    fn last(&self) -> Option<&(bool, usize)> {
        self.open.get(..self.depth)?.last()
    }

    fn open(&mut self, is_object: bool) -> Result<Next, Why> {
        let (kind, next) = if is_object {
            (Kind::Object, Next::FirstKey)
        } else {
            (Kind::List, Next::FirstValue)
        };
        let start = self.tape.token(kind, b"");
        *self.open.get_mut(self.depth).ok_or(Said::TooDeep)? = (is_object, start);
        self.depth += 1;
        Ok(next)
    }

    fn close(&mut self) -> Next {
        match self.last() {
            Some((false, start)) => self.tape.end_list(*start),
            _ => _ = self.tape.token(Kind::ObjectEnd, b""),
        }
        self.depth -= 1;
        self.behind_value()
    }

    fn behind_value(&self) -> Next {
        match self.last() {
            Some((true, _)) => Next::InObject,
            Some((false, _)) => Next::InList,
            None => Next::End,
        }
    }

    fn value(&mut self, first: u8, token: &[u8]) -> Result<Next, Why> {
        match first {
            b'{' | b'[' => return self.open(first == b'{'),
            b'"' => self.string(Kind::Text, token)?,
            _ => {
                let kind = if place_of("true\nfalse\nnull\n", token).is_some() {
                    Kind::Word
                } else if is_number(token) {
                    Kind::Number
                } else {
                    return Err(Said::NoValue.into());
                };
                self.tape.token(kind, token);
            }
        }
        Ok(self.behind_value())
    }

    /// A string with its quotes (section 7).
    fn string(&mut self, kind: Kind, token: &[u8]) -> Result<(), Why> {
        let Some((b'"', mut rest)) = token.split_last().filter(|_| token.len() > 1) else {
            return Err(Said::Unclosed.into());
        };
        rest = rest.get(1..).unwrap_or_default();
        let start = self.tape.token(kind, b"");
        while let [byte, behind @ ..] = rest {
            rest = behind;
            match byte {
                0..=0x1f => return Err(Said::BadString.into()),
                b'\\' => {
                    let (letter, behind) = escaped(behind)?;
                    self.tape.put(letter.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = behind;
                }
                _ => self.tape.put(&[*byte]),
            }
        }
        self.tape.end(start);
        Ok(())
    }
}

/// Section 6.
fn is_number(token: &[u8]) -> bool {
    let (whole, mut rest) = digits(token.strip_prefix(b"-").unwrap_or(token));
    let mut is_good = whole.len() == 1 || !matches!(whole, [] | [b'0', ..]);
    if let [b'.', behind @ ..] = rest {
        let (fraction, behind) = digits(behind);
        is_good &= !fraction.is_empty();
        rest = behind;
    }
    if let [b'e' | b'E', b'+' | b'-', behind @ ..] | [b'e' | b'E', behind @ ..] = rest {
        let (exponent, behind) = digits(behind);
        is_good &= !exponent.is_empty();
        rest = behind;
    }
    is_good && rest.is_empty()
}

/// The digits at the front, and what is behind them.
#[inline(never)]
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// What stands for the beginning of the text, which is behind a backslash; and the text behind it.
fn escaped(text: &[u8]) -> Result<(char, &[u8]), Said> {
    let (letter, behind) = text.split_first().ok_or(Said::Unclosed)?;
    let meant = match letter {
        b'"' | b'\\' | b'/' => *letter,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return take_character(behind).ok_or(Said::BadString),
        _ => return Err(Said::BadString),
    };
    Ok((meant.into(), behind))
}

/// The four digits of a character, or of half of one and then the other half.
fn take_character(text: &[u8]) -> Option<(char, &[u8])> {
    let (mut code, mut behind) = take_code(text)?;
    if let 0xd800..=0xdbff = code {
        let (low, rest) = take_code(behind.strip_prefix(b"\\u")?)?;
        let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        (code, behind) = (0x1_0000 + (code - 0xd800) * 0x400 + low, rest);
    }
    Some((char::from_u32(code)?, behind))
}

fn take_code(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, behind) = text.split_first_chunk::<4>()?;
    let mut code = 0;
    for digit in digits {
        code = code << 4 | char::from(*digit).to_digit(16)?;
    }
    Some((code, behind))
}

#[cfg(test)]
mod tests {
    use super::super::place::place_of;
    use super::super::tape::{Token, Tokens};
    use super::*;
    use miniserde::json;

    const DOCUMENT: &str = "{\n\t\"a\": [1,\n-2.5e+3, \"x\\\"\\u00e9\\ud83d\\ude00\"], \"b\": true,\n\n\"c\": {\"d\": null, \
                            \"e\": {}}, \"f\": [[], [{}]]\n}\n";

    fn tape(text: &str) -> Result<Vec<u8>, (Place<'_>, Why)> {
        let mut memory = vec![0; 3 * text.len() + 4];
        let length = tape_of(text.as_bytes(), &mut memory)?;
        memory.truncate(length);
        Ok(memory)
    }

    fn flaw_of(text: &str) -> Option<(Place<'_>, Why)> {
        tape(text).err()
    }

    fn tokens(text: &str) -> Option<String> {
        let tape = tape(text).ok()?;
        let told = Tokens::new(&tape).map(|Token { kind, text }| format!("{kind:?} {}", text.escape_ascii()));
        Some(told.collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn the_tokens_have_their_places_in_the_text() {
        let tape = tape(DOCUMENT).unwrap();
        let mut count = 0;
        for (number, token) in Tokens::new(&tape).enumerate() {
            let place = place_of(DOCUMENT.as_bytes(), number);
            let plain = match token.kind {
                Kind::Object => "{",
                Kind::ObjectEnd => "}",
                Kind::List => "[",
                Kind::ListEnd => "]",
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
            let flaw = flaw_of(&text);
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
            let (place, flaw) = flaw_of(text).unwrap();
            (place.line, std::str::from_utf8(place.text).unwrap(), flaw)
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
        assert_eq!(flaw("[01]"), (1, "01", Why::Of(Said::NoValue)));
        assert_eq!(flaw("[\"a\n\"]"), (1, "\"a", Why::Of(Said::Unclosed)));
        assert_eq!(flaw("[\"a\\q\"]"), (1, "\"a\\q\"", Why::Of(Said::BadString)));
        assert_eq!(
            flaw("[\"\\udc00\"]"),
            (1, "\"\\udc00\"", Why::Of(Said::BadString))
        );
        assert_eq!(flaw("[[[[[["), (1, "[", Why::Of(Said::TooDeep)));
    }

    #[test]
    fn tokens_come_in_the_order_of_the_text_and_without_escapes() {
        assert_eq!(
            tokens(
                r#" {"a": [1, -2], "z": ["x\"\u00e9\u0000", "y"], "b\n": true, "c": {"d": null, "e": 0.5}}"#
            )
            .unwrap(),
            "Object ; Key a; List ; Number 1; Number -2; ListEnd ; Key z; List ; Text x\\\"\\xc3\\xa9\\x00; Text y; \
             ListEnd x\\\"\\xc3\\xa9\\x00,y; Key b\\n; Word true; Key c; Object ; Key d; Word null; Key e; \
             Number 0.5; ObjectEnd ; ObjectEnd "
        );
        assert_eq!(
            tokens("-9223372036854775808").unwrap(),
            "Number -9223372036854775808"
        );
        assert_eq!(
            tokens("18446744073709551615").unwrap(),
            "Number 18446744073709551615"
        );
        assert_eq!(
            tokens("[-1E400, 0]").unwrap(),
            "List ; Number -1E400; Number 0; ListEnd "
        );
        assert_eq!(
            tokens("[\"a\", \"\"]").unwrap(),
            "List ; Text a; Text ; ListEnd a,"
        );
        assert_eq!(
            tokens("[\"a\", []]").unwrap(),
            "List ; Text a; List ; ListEnd ; ListEnd "
        );
    }

    #[test]
    fn what_is_no_document_or_too_deep_gives_none() {
        for text in ["", "{", "[1,]", "{\"a\" 1}", "01", "\"\\x\"", "[1] 2"] {
            assert_eq!(tokens(text), None, "{text}");
        }
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(tokens(&nested(DEPTH_MAX)).is_some());
        assert!(tokens(&nested(DEPTH_MAX + 1)).is_none());
    }
}
