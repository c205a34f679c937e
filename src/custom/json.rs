//! A line of this agent's own shape, from another program.

use super::line::Pushed;
use crate::config::{Kind, Tokens, place_of, tape_of};
use crate::num::Fixed;

/// What the values of an object are of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Metric,
    Value,
    Tag,
    /// The agent has its own; or it is nobody's.
    Other,
}

/// Hands over what a JSON object says: `metric`, `value`, and of `tag` what is `key=value`. `None` if it is none.
pub fn parse_json<T>(line: &[u8], take: impl FnOnce(&Pushed) -> T) -> Option<T> {
    let tape = tape_of(core::str::from_utf8(line).ok()?)?;
    let (mut metric, mut value, mut key, mut depth) = (None, None, Key::Other, 0);
    for (number, token) in Tokens::new(&tape).enumerate() {
        match (token.kind, key) {
            (Kind::Object | Kind::List, _) => depth += 1,
            (Kind::ObjectEnd | Kind::ListEnd, _) => depth -= 1,
            (Kind::Key, _) if depth == 1 => {
                key = match token.text {
                    b"metric" => Key::Metric,
                    b"value" => Key::Value,
                    b"tag" => Key::Tag,
                    _ => Key::Other,
                }
            }
            (Kind::Text, Key::Metric) if depth == 1 => metric = Some(token.text),
            // As it stands there: nobody keeps a fraction.
            (Kind::Number | Kind::Float, Key::Value) if depth == 1 => {
                value = Fixed::parse(place_of(line, number).text);
            }
            (Kind::Text, Key::Tag) | (_, Key::Other) => {}
            _ => return None,
        }
    }
    let mut pushed = Pushed::new(metric?, value?)?;
    tags(&tape, &mut pushed)?;
    Some(take(&pushed))
}

/// Adds those tags that tell one instance from another.
fn tags<'a>(tape: &'a [u8], pushed: &mut Pushed<'a>) -> Option<()> {
    let is_tag = |text: &&[u8]| *text == b"tag";
    let mut tokens = Tokens::new(tape);
    if !tokens.any(|token| token.kind == Kind::Key && is_tag(&token.text)) {
        return Some(());
    }
    let list = tokens.skip_while(|token| token.kind == Kind::List);
    for tag in list.take_while(|token| token.kind == Kind::Text) {
        if tag.text.contains(&b'=') {
            pushed.add(tag.text)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Option<String> {
        parse_json(line.as_bytes(), |pushed| {
            let (whole, fraction, scale) = pushed.value.parts();
            let tags = pushed
                .tags()
                .iter()
                .map(|(key, value)| format!(" {key}={}", value.escape_ascii()));
            format!(
                "{} {whole} {fraction} {scale}{}",
                pushed.metric,
                tags.collect::<String>()
            )
        })
    }

    #[test]
    fn own_lines_are_taken() {
        let line = r#"{"metric":"a.b","endpoint":"x","tag":["linux","k=v","m=\u00e9"],"value":-1.50,"timestamp":1503212470}"#;
        assert_eq!(said(line).unwrap(), "a.b 1 5 1 k=v m=\\xc3\\xa9");
        assert_eq!(said(r#"{"value": 7, "metric": "a"}"#).unwrap(), "a 7 0 0");
        assert_eq!(
            said(r#"{"metric":"a","value":18446744073709551615,"tag":[],"other":{"metric":[5]}}"#).unwrap(),
            "a 18446744073709551615 0 0"
        );
    }

    #[test]
    fn what_is_no_line_is_none() {
        for line in [
            "",
            "{}",
            "[]",
            r#"{"metric":"a"}"#,
            r#"{"value":1}"#,
            r#"{"metric":"a b","value":1}"#,
            r#"{"metric":"a","value":"1"}"#,
            r#"{"metric":"a","value":1e3}"#,
            r#"{"metric":"a","value":18446744073709551616}"#,
            r#"{"metric":5,"value":1}"#,
            r#"{"metric":"a","value":[1]}"#,
            r#"{"metric":"a","value":1,"tag":[1]}"#,
            r#"{"metric":"a","value":1,"tag":["a b=c"]}"#,
            r#"{"metric":"a","value":1"#,
        ] {
            assert_eq!(said(line), None, "{line}");
        }
    }
}
