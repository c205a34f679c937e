//! What the keys of the configuration file mean.

use super::apply::apply;
use super::cursor::Cursor;
use super::flags::{FLAGS, Flag};
use super::takes::Takes;
use super::tape::Kind;
use super::wrong::{Said, Why};
use super::{Config, Find, Name, Turns, custom, value};
use crate::base::glob::items;

/// Keys of what is said of a family, in lines.
const FAMILY_KEYS: &str = "interval\non\nonly\nignore\n";
const FAMILIES: &[u8] = b"families";
const CUSTOM: &[u8] = b"custom";

/// Sets what the document says.
pub(super) fn read<'a>(
    cursor: &mut Cursor<'a>,
    config: &mut Config<'a>,
    families: (Find, Name),
) -> Result<(), Why> {
    let mut said_of_families = None;
    cursor.object(0, &mut |cursor, key| {
        if key == FAMILIES {
            said_of_families = Some(cursor.tokens.clone());
            cursor.pass();
            return Ok(FLAGS.len());
        }
        if key == CUSTOM {
            if cursor.take().kind != Kind::List {
                return Err(Said::NoList.into());
            }
            config.custom = cursor.tokens.clone();
            custom::check(cursor, config.is_accepted)?;
            return Ok(FLAGS.len() + 1);
        }
        let flag = Flag::of(key).ok_or_else(|| cursor.unknown(Said::Unknown, key, &mut keys()))?;
        if !flag.is_setting() {
            return Err(Said::CommandLine.into());
        }
        match flag.takes {
            Takes::Transfers => flag.forget(config),
            Takes::Name | Takes::Tag => config.name_at = cursor.at,
            _ => {}
        }
        setting(cursor, flag, &mut |value| apply(config, flag, value, families.0))?;
        cursor.check_exec(config.has_command())?;
        Ok(flag.number())
    })?;
    // What is said of one family goes beyond what is said of several, wherever it stands.
    if let Some(tokens) = said_of_families {
        cursor.tokens = tokens;
        cursor.keys[0] = FAMILIES;
        cursor.object(1, &mut |cursor, name| family(cursor, config, families, name))?;
    }
    Ok(())
}

fn keys() -> impl Iterator<Item = &'static [u8]> {
    let flags = FLAGS.iter().filter(|flag| flag.is_setting());
    flags.map(|flag| flag.name()).chain([FAMILIES, CUSTOM])
}

/// Takes the value of a flag, and hands it over as the command line would have it.
fn setting<'a>(
    cursor: &mut Cursor<'a>,
    flag: Flag,
    apply: &mut dyn FnMut(&'a [u8]) -> Option<()>,
) -> Result<(), Why> {
    let token = cursor.take();
    let applied = match token.kind {
        Kind::List if flag.takes_list() => list(cursor, flag, apply),
        Kind::Word if flag.takes == Takes::Switch => apply(token.text),
        Kind::Text if flag.takes != Takes::Switch => apply(token.text),
        Kind::Number if flag.takes_number() => apply(token.text),
        _ => None,
    };
    applied.ok_or(Why::Value(flag.takes))
}

/// Hands over each item as if the flag were given with it, or all of them with commas between.
fn list<'a>(
    cursor: &mut Cursor<'a>,
    flag: Flag,
    apply: &mut dyn FnMut(&'a [u8]) -> Option<()>,
) -> Option<()> {
    if !flag.is_added() {
        return apply(cursor.list_text()?);
    }
    let start = cursor.at;
    let mut count = 0;
    loop {
        let token = cursor.take();
        match token.kind {
            Kind::ListEnd if count == 0 => {
                cursor.at = start;
                return None;
            }
            Kind::ListEnd => return Some(()),
            Kind::Text => apply(token.text)?,
            _ => return None,
        }
        count += 1;
    }
}

fn family<'a>(
    cursor: &mut Cursor<'a>,
    config: &mut Config<'a>,
    (find, name_of): (Find, Name),
    name: &'a [u8],
) -> Result<usize, Why> {
    let mut names = (0..).map_while(name_of);
    let number = find(name, false).ok_or_else(|| cursor.unknown(Said::NoFamily, name, &mut names))?;
    let to_choose = find(name, true).is_some();
    cursor.object(2, &mut |cursor, key| {
        let place = cursor.place_of_key(key, FAMILY_KEYS)?;
        let turns = config.turns.get_mut(number).ok_or(Said::NoFamily)?;
        match place {
            0 => *turns = every(cursor, *turns)?,
            1 => *turns = on_or_off(cursor, *turns)?,
            _ if !to_choose => return Err(Said::NoInstances.into()),
            _ => {
                let patterns = patterns(cursor)?;
                let choice = config.choices.get_mut(number).ok_or(Said::NoFamily)?;
                if place == 2 {
                    choice.only = Some(patterns);
                } else {
                    choice.ignore = patterns;
                }
            }
        }
        Ok(place)
    })?;
    Ok(number)
}

/// A family that is off stays off whatever its interval.
fn every(cursor: &mut Cursor, turns: Option<Turns>) -> Result<Option<Turns>, Why> {
    let period = duration(cursor).ok_or(Why::Value(Takes::Duration))?;
    Ok(turns
        .filter(|turns| *turns == Turns::Off)
        .or(Some(Turns::Every(period))))
}

fn on_or_off(cursor: &mut Cursor, turns: Option<Turns>) -> Result<Option<Turns>, Why> {
    let token = cursor.take();
    let is_on = Some(token.text)
        .filter(|_| token.kind == Kind::Word)
        .and_then(value::switch);
    match is_on {
        Some(true) => Ok(turns.or(Some(Turns::Usual))),
        Some(false) => Ok(Some(Turns::Off)),
        None => Err(Why::Value(Takes::Switch)),
    }
}

/// A duration, in milliseconds.
#[inline(never)]
pub(super) fn duration(cursor: &mut Cursor) -> Option<u32> {
    let token = cursor.take();
    let is_one = matches!(token.kind, Kind::Text | Kind::Number);
    Some(token.text).filter(|_| is_one).and_then(value::duration)
}

/// A text of patterns with commas between, or a list of them.
fn patterns<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Why> {
    let token = cursor.take();
    let text = match token.kind {
        Kind::List => cursor.list_text(),
        Kind::Text => Some(token.text),
        _ => None,
    };
    let patterns = text.filter(|text| items(text).next().is_some());
    Ok(patterns.ok_or(Said::NoPatterns)?)
}
