//! The configuration file: what its keys mean.

use super::flags::{FLAGS, Find, Flag, Takes, apply};
use super::nearest::nearest;
use super::place::{flaw_of, place_of};
use super::tape::{Kind, Token, Tokens, tape_of};
use super::wrong::{Why, Wrong};
use super::{Config, Turns, value};
use crate::pattern::items;
use crate::scan::lines;
use crate::sys::{Errno, File};
use crate::text;

/// Bytes of the longest file that is read.
const FILE_MAX: usize = 32 << 10;
/// Memory for a file and its tokens, of which none takes more than three bytes and its text, nor a list's end
/// more than the list once again.
pub const DOCUMENT_MAX: usize = 8 * FILE_MAX;

/// Keys of an object, in lines.
const FAMILY_KEYS: &str = "interval\non\nonly\nignore\n";
const FAMILIES: &[u8] = b"families";
/// The key of what is for people; it may be there again and again.
const COMMENT: &[u8] = b"//";

/// A file that is JSON, in memory.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    path: &'a [u8],
    text: &'a [u8],
    tape: &'a [u8],
}

impl<'a> Document<'a> {
    /// Reads the file into the memory, which is [`DOCUMENT_MAX`] long.
    #[inline(never)]
    pub fn load(path: &'a [u8], memory: &'a mut [u8]) -> Result<Self, Wrong<'a>> {
        match read(path, memory) {
            Ok(length) => Self::parse(path, memory, length),
            Err(errno) => Err(Wrong::of_file(path, Why::System(errno))),
        }
    }

    /// Takes so many bytes of the memory for what the file holds.
    pub fn parse(path: &'a [u8], memory: &'a mut [u8], length: usize) -> Result<Self, Wrong<'a>> {
        let wrong = |why| Wrong::of_file(path, why);
        if length > FILE_MAX {
            return Err(wrong(Why::TooLong));
        }
        let (text, rest) = memory.split_at_mut(length);
        let text = &*text;
        match core::str::from_utf8(text) {
            Ok(words) => {
                if let Some(place) = tape_of(words).as_deref().and_then(|tape| keep(tape, rest)) {
                    return Ok(Self {
                        path,
                        text,
                        tape: place,
                    });
                }
                let (place, flaw) = flaw_of(text).ok_or(wrong(Why::NumberTooLarge))?;
                Err(Wrong::at(path, place, Why::Flaw(flaw)))
            }
            Err(error) => {
                let line = lines(text.get(..error.valid_up_to()).unwrap_or_default()).count() + 1;
                Err(Wrong::at(
                    path,
                    super::place::Place { line, text: b"" },
                    Why::NotUtf8,
                ))
            }
        }
    }

    /// Sets what the file says.
    #[inline(never)]
    pub fn apply(&self, config: &mut Config<'a>, find: Find) -> Result<(), Wrong<'a>> {
        let mut reader = Reader {
            tokens: Tokens::new(self.tape),
            config,
            find,
            keys: [b""; 3],
            at: 0,
        };
        reader.document().map_err(|why| {
            let place = place_of(self.text, reader.at);
            Wrong::at(self.path, place, why).below(reader.keys)
        })
    }
}

/// The file's bytes, as many as have room: how many.
fn read(path: &[u8], memory: &mut [u8]) -> Result<usize, Errno> {
    let file = File::open(path)?;
    let mut length = 0;
    loop {
        let place = memory.get_mut(length..).unwrap_or_default();
        match file.read_at(place, length as u64)? {
            0 => return Ok(length),
            count => length += count,
        }
    }
}

fn keep<'a>(tape: &[u8], memory: &'a mut [u8]) -> Option<&'a [u8]> {
    let place = memory.get_mut(..tape.len())?;
    place.copy_from_slice(tape);
    Some(place)
}

struct Reader<'a, 'c> {
    tokens: Tokens<'a>,
    config: &'c mut Config<'a>,
    find: Find,
    /// The keys that lead to where the reader is; nothing for those that are not there.
    keys: [&'a [u8]; 3],
    /// The token that an error is about.
    at: usize,
}

impl<'a> Reader<'a, '_> {
    fn take(&mut self) -> Token<'a> {
        self.at = self.tokens.taken;
        // A document ends with the end of its object, behind which nobody looks.
        self.tokens.next().unwrap_or(Token {
            kind: Kind::ObjectEnd,
            text: b"",
        })
    }

    fn document(&mut self) -> Result<(), Why> {
        self.object(0, |reader, key| {
            if key == FAMILIES {
                reader.object(1, Self::family)?;
                return Ok(FLAGS.len());
            }
            let flag = Flag::of(key).ok_or_else(|| unknown(key, settings()))?;
            if !flag.is_setting() {
                return Err(Why::CommandLine);
            }
            reader.setting(flag)?;
            Ok(FLAGS
                .iter()
                .position(|other| other.name() == key)
                .unwrap_or_default())
        })
    }

    /// Takes an object, whose keys are at that depth: `take` answers a number for each, and none comes twice.
    fn object(
        &mut self,
        depth: usize,
        mut take: impl FnMut(&mut Self, &'a [u8]) -> Result<usize, Why>,
    ) -> Result<(), Why> {
        if self.take().kind != Kind::Object {
            return Err(Why::NoObject);
        }
        let mut taken: u64 = 0;
        loop {
            let key = self.take();
            if key.kind == Kind::ObjectEnd {
                return Ok(());
            }
            let at = self.at;
            self.set_key(depth, key.text);
            if key.text == COMMENT {
                self.comment()?;
                continue;
            }
            let number = 1 << take(self, key.text)?;
            if taken & number != 0 {
                self.at = at;
                return Err(Why::Twice);
            }
            taken |= number;
            self.set_key(depth, b"");
        }
    }

    fn comment(&mut self) -> Result<(), Why> {
        if self.take().kind != Kind::Text {
            return Err(Why::NoText);
        }
        Ok(())
    }

    fn set_key(&mut self, depth: usize, key: &'a [u8]) {
        if let Some(place) = self.keys.get_mut(depth) {
            *place = key;
        }
    }

    /// What a flag takes.
    fn setting(&mut self, flag: Flag) -> Result<(), Why> {
        let token = self.take();
        let wrong = Why::Value(flag.takes);
        match token.kind {
            Kind::List if flag.takes_list() => self.list(flag),
            Kind::Word if flag.takes == Takes::Switch => self.apply(flag, token.text),
            Kind::Text if flag.takes != Takes::Switch => self.apply(flag, token.text),
            Kind::Number if flag.takes_number() => self.apply(flag, token.text),
            _ => Err(wrong),
        }
    }

    fn apply(&mut self, flag: Flag, value: &'a [u8]) -> Result<(), Why> {
        apply(self.config, flag, value, self.find).ok_or(Why::Value(flag.takes))
    }

    /// A list: each item as if the flag were given with it, or all of them with commas between.
    fn list(&mut self, flag: Flag) -> Result<(), Why> {
        let start = self.at;
        loop {
            let token = self.take();
            match token.kind {
                Kind::ListEnd if flag.is_repeated() => return Ok(()),
                Kind::ListEnd => {
                    self.at = start;
                    return self.apply(flag, token.text);
                }
                Kind::Text if flag.is_repeated() => self.apply(flag, token.text)?,
                Kind::Text => {}
                _ => return Err(Why::Value(flag.takes)),
            }
        }
    }

    fn family(&mut self, name: &'a [u8]) -> Result<usize, Why> {
        let number = (self.find)(name, false).ok_or(Why::NoFamily)?;
        self.object(2, |reader, key| {
            let place = text::place_of(FAMILY_KEYS, key)
                .ok_or_else(|| unknown(key, lines(FAMILY_KEYS.as_bytes())))?;
            reader.family_key(name, number, place)?;
            Ok(place)
        })?;
        Ok(number)
    }

    fn family_key(&mut self, name: &'a [u8], number: usize, key: usize) -> Result<(), Why> {
        let token = self.take();
        let config = &mut *self.config;
        let turns = config.turns.get_mut(number).ok_or(Why::NoFamily)?;
        match (key, token.kind) {
            (0, Kind::Text | Kind::Number) => {
                let period = value::duration(token.text).ok_or(Why::Value(Takes::Duration))?;
                if *turns != Some(Turns::Off) {
                    *turns = Some(Turns::Every(period));
                }
            }
            (0, _) => return Err(Why::Value(Takes::Duration)),
            (1, Kind::Word) => {
                let is_on = value::switch(token.text).ok_or(Why::Value(Takes::Switch))?;
                *turns = if is_on {
                    turns.or(Some(Turns::Usual))
                } else {
                    Some(Turns::Off)
                };
            }
            (1, _) => return Err(Why::Value(Takes::Switch)),
            _ => {
                (self.find)(name, true).ok_or(Why::NoInstances)?;
                let patterns = self.patterns(token)?;
                let choice = self.config.choices.get_mut(number).ok_or(Why::NoFamily)?;
                if key == 2 {
                    choice.only = Some(patterns);
                } else {
                    choice.ignore = patterns;
                }
            }
        }
        Ok(())
    }

    /// A text of patterns with commas between, or a list of them.
    fn patterns(&mut self, token: Token<'a>) -> Result<&'a [u8], Why> {
        let start = self.at;
        let last = match token.kind {
            Kind::List => self.list_end()?,
            Kind::Text => token,
            _ => return Err(Why::NoPatterns),
        };
        self.at = start;
        items(last.text).next().ok_or(Why::NoPatterns)?;
        Ok(last.text)
    }

    /// The end of a list of texts.
    fn list_end(&mut self) -> Result<Token<'a>, Why> {
        loop {
            let token = self.take();
            match token.kind {
                Kind::Text => {}
                Kind::ListEnd => return Ok(token),
                _ => return Err(Why::NoPatterns),
            }
        }
    }
}

fn settings() -> impl Iterator<Item = &'static [u8]> {
    let flags = FLAGS.iter().filter(|flag| flag.is_setting());
    flags.map(|flag| flag.name()).chain([FAMILIES])
}

fn unknown(key: &[u8], known: impl Iterator<Item = &'static [u8]>) -> Why {
    Why::Unknown(nearest(key, known))
}
