//! Where in a JSON text something is, and what is wrong with a text that is none (RFC 8259): miniserde says
//! neither.

use super::tape::DEPTH_MAX;

/// A token of the text as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'t> {
    /// From 1 up.
    pub line: usize,
    /// Nothing at the end of the text.
    pub text: &'t [u8],
}

/// All tokens of a text, whether it is JSON or not: brackets, commas and colons, strings with their quotes,
/// and runs of other bytes.
struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    line: usize,
}

fn is_mark(byte: u8) -> bool {
    b"{}[],:".contains(&byte)
}

/// Bytes of the token that the text begins with.
fn length(text: &[u8]) -> usize {
    let ends = |byte: u8| byte.is_ascii_whitespace() || byte == b'"' || is_mark(byte);
    match text {
        [b'"', behind @ ..] => string_length(behind) + 1,
        [mark, ..] if is_mark(*mark) => 1,
        _ => text.iter().position(|byte| ends(*byte)).unwrap_or(text.len()),
    }
}

/// Bytes of a string behind its first quote; it ends with its line if nothing else does.
fn string_length(text: &[u8]) -> usize {
    let mut is_escaped = false;
    for (number, byte) in text.iter().enumerate() {
        match byte {
            b'\n' => return number,
            b'"' if !is_escaped => return number + 1,
            _ => is_escaped = *byte == b'\\' && !is_escaped,
        }
    }
    text.len()
}

impl<'t> Scan<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, line: 1 }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next token, or the end.
    fn take(&mut self) -> Place<'t> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.rest().first() {
            self.line += usize::from(self.rest().first() == Some(&b'\n'));
            self.at += 1;
        }
        let text = self.rest();
        let text = text.get(..length(text).max(1)).unwrap_or_default();
        self.at += text.len();
        Place {
            line: self.line,
            text,
        }
    }
}

/// The token of that number among those that `Tokens` has too: all but commas and colons. The end if there are
/// not so many.
pub fn place_of(text: &[u8], number: usize) -> Place<'_> {
    let mut scan = Scan::new(text);
    let mut left = number;
    loop {
        let place = scan.take();
        match place.text {
            b"," | b":" => {}
            b"" => return place,
            _ if left == 0 => return place,
            _ => left -= 1,
        }
    }
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// Or the end of the list that has just begun.
    FirstValue,
    Key,
    /// Or the end of the object that has just begun.
    FirstKey,
    Colon,
    /// Or the end of the object or the list.
    Comma,
    End,
}

/// The grammar: what may come next, and the brackets that are open.
struct Grammar {
    next: Next,
    open: [u8; DEPTH_MAX],
    depth: usize,
}

/// What is wrong with a text that is not JSON, or that is nested too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Something else is there in place of this.
    Instead(&'static [u8]),
    /// A string without its second quote.
    Unclosed,
    /// A string with a byte or an escape that it cannot have.
    BadString,
    /// What is no value.
    NoValue,
    TooDeep,
}

/// Where it is wrong first, and how. `None` if nothing is wrong with it.
pub(super) fn flaw_of(text: &[u8]) -> Option<(Place<'_>, Flaw)> {
    let mut scan = Scan::new(text);
    let mut grammar = Grammar {
        next: Next::Value,
        open: [0; DEPTH_MAX],
        depth: 0,
    };
    loop {
        let place = scan.take();
        if let Err(flaw) = grammar.step(place.text) {
            return Some((place, flaw));
        }
        if place.text.is_empty() {
            return None;
        }
    }
}

impl Grammar {
    /// Takes a token, or the end.
    fn step(&mut self, token: &[u8]) -> Result<(), Flaw> {
        self.next = match (self.next, token) {
            (Next::End, b"") => Next::End,
            (Next::FirstKey | Next::Comma, b"}") if self.is_in(b'}') => self.close(),
            (Next::FirstValue | Next::Comma, b"]") if self.is_in(b']') => self.close(),
            (Next::Comma, b",") if self.is_in(b'}') => Next::Key,
            (Next::Comma, b",") | (Next::Colon, b":") => Next::Value,
            (Next::Key | Next::FirstKey, [b'"', ..]) => {
                check_string(token)?;
                Next::Colon
            }
            (Next::Value | Next::FirstValue, [first, ..]) if !b"}],:".contains(first) => self.value(token)?,
            _ => return Err(Flaw::Instead(self.wanted())),
        };
        Ok(())
    }

    fn is_in(&self, bracket: u8) -> bool {
        self.open.get(self.depth.wrapping_sub(1)) == Some(&bracket)
    }

    fn wanted(&self) -> &'static [u8] {
        match self.next {
            Next::Value => b"a value",
            Next::FirstValue => b"a value or ]",
            Next::Key => b"a key in quotes",
            Next::FirstKey => b"a key in quotes or }",
            Next::Colon => b"a colon",
            Next::Comma if self.is_in(b'}') => b"a comma or }",
            Next::Comma => b"a comma or ]",
            Next::End => b"the end",
        }
    }

    fn open(&mut self, bracket: u8, next: Next) -> Result<Next, Flaw> {
        *self.open.get_mut(self.depth).ok_or(Flaw::TooDeep)? = bracket;
        self.depth += 1;
        Ok(next)
    }

    fn close(&mut self) -> Next {
        self.depth -= 1;
        self.behind_value()
    }

    fn behind_value(&self) -> Next {
        if self.depth == 0 { Next::End } else { Next::Comma }
    }

    fn value(&mut self, token: &[u8]) -> Result<Next, Flaw> {
        match token {
            b"{" => return self.open(b'}', Next::FirstKey),
            b"[" => return self.open(b']', Next::FirstValue),
            [b'"', ..] => check_string(token)?,
            b"true" | b"false" | b"null" => {}
            _ if is_number(token) => {}
            _ => return Err(Flaw::NoValue),
        }
        Ok(self.behind_value())
    }
}

/// Takes the digits off the front: whether there were any.
fn take_digits(text: &mut &[u8]) -> bool {
    let before = text.len();
    while let [b'0'..=b'9', behind @ ..] = text {
        *text = behind;
    }
    text.len() < before
}

/// RFC 8259, section 6.
fn is_number(token: &[u8]) -> bool {
    let mut rest = token.strip_prefix(b"-").unwrap_or(token);
    let whole = rest;
    let mut is_good = take_digits(&mut rest);
    is_good &= !matches!(whole, [b'0', b'0'..=b'9', ..]);
    if let [b'.', behind @ ..] = rest {
        rest = behind;
        is_good &= take_digits(&mut rest);
    }
    if let [b'e' | b'E', b'+' | b'-', behind @ ..] | [b'e' | b'E', behind @ ..] = rest {
        rest = behind;
        is_good &= take_digits(&mut rest);
    }
    is_good && rest.is_empty()
}

/// A string with its quotes (section 7).
fn check_string(token: &[u8]) -> Result<(), Flaw> {
    let Some((b'"', mut rest)) = token.split_last().filter(|_| token.len() > 1) else {
        return Err(Flaw::Unclosed);
    };
    rest = rest.get(1..).unwrap_or_default();
    while let [byte, behind @ ..] = rest {
        rest = match byte {
            0..=0x1f => return Err(Flaw::BadString),
            b'\\' => behind_escape(behind)?,
            _ => behind,
        };
    }
    Ok(())
}

fn behind_escape(text: &[u8]) -> Result<&[u8], Flaw> {
    match text {
        [] => Err(Flaw::Unclosed),
        [
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            behind @ ..,
        ] => Ok(behind),
        [b'u', behind @ ..] => behind_code(behind).ok_or(Flaw::BadString),
        _ => Err(Flaw::BadString),
    }
}

/// The four digits of a character, or of half of one and then the other half.
fn behind_code(text: &[u8]) -> Option<&[u8]> {
    let (code, behind) = take_code(text)?;
    match code {
        0xd800..=0xdbff => {
            let (low, behind) = take_code(behind.strip_prefix(b"\\u")?)?;
            (0xdc00..=0xdfff).contains(&low).then_some(behind)
        }
        0xdc00..=0xdfff => None,
        _ => Some(behind),
    }
}

fn take_code(text: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, behind) = text.split_first_chunk::<4>()?;
    let mut code = 0;
    for digit in digits {
        code = code << 4 | char::from(*digit).to_digit(16)? as u16;
    }
    Some((code, behind))
}

#[cfg(test)]
mod tests {
    use super::super::tape::{Kind, Tokens, tape_of};
    use super::*;

    const DOCUMENT: &str = "{\n\t\"a\": [1,\n-2.5e+3, \"x\\\"\\u00e9\\ud83d\\ude00\"], \"b\": true,\n\n\"c\": {\"d\": null, \
                            \"e\": {}}, \"f\": [[], [{}]]\n}\n";

    #[test]
    fn the_tokens_of_the_text_are_those_of_miniserde() {
        let tape = tape_of(DOCUMENT).unwrap();
        let mut count = 0;
        for (number, token) in Tokens::new(&tape).enumerate() {
            let place = place_of(DOCUMENT.as_bytes(), number);
            let plain = match token.kind {
                Kind::Object => "{",
                Kind::ObjectEnd => "}",
                Kind::List => "[",
                Kind::ListEnd => "]",
                Kind::Float => "-2.5e+3",
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
                tape_of(&text).is_none(),
                flaw.is_some(),
                "round {round}: {flaw:x?} {text}"
            );
        }
    }

    #[test]
    fn the_first_flaw_is_told_with_its_line() {
        let flaw = |text: &'static str| {
            let (place, flaw) = flaw_of(text.as_bytes()).unwrap();
            (place.line, std::str::from_utf8(place.text).unwrap(), flaw)
        };
        assert_eq!(flaw(""), (1, "", Flaw::Instead(b"a value")));
        assert_eq!(
            flaw("{\n\"a\": 1\n\"b\": 2}"),
            (3, "\"b\"", Flaw::Instead(b"a comma or }"))
        );
        assert_eq!(flaw("{\"a\": 1,\n}"), (2, "}", Flaw::Instead(b"a key in quotes")));
        assert_eq!(flaw("[1,\n]"), (2, "]", Flaw::Instead(b"a value")));
        assert_eq!(flaw("[1}"), (1, "}", Flaw::Instead(b"a comma or ]")));
        assert_eq!(flaw("{\"a\"; 1}"), (1, ";", Flaw::Instead(b"a colon")));
        assert_eq!(flaw("{a: 1}"), (1, "a", Flaw::Instead(b"a key in quotes or }")));
        assert_eq!(flaw("[1] 2"), (1, "2", Flaw::Instead(b"the end")));
        assert_eq!(flaw("\n[tru]"), (2, "tru", Flaw::NoValue));
        assert_eq!(flaw("[01]"), (1, "01", Flaw::NoValue));
        assert_eq!(flaw("[\"a\n\"]"), (1, "\"a", Flaw::Unclosed));
        assert_eq!(flaw("[\"a\\q\"]"), (1, "\"a\\q\"", Flaw::BadString));
        assert_eq!(flaw("[\"\\udc00\"]"), (1, "\"\\udc00\"", Flaw::BadString));
        assert_eq!(flaw("[[[[[["), (1, "[", Flaw::TooDeep));
    }
}
