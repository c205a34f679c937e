//! A line of this agent's own shape, from another program.

use super::line::{self, NO_TAG, Take, hand_over};
use crate::base::fields::has;
use crate::config::{self, Kind, Tokens, place_of, tape_of};

/// Tags with a `=` that a line may have: those of all flags, and as many as a script's line may have.
const TAGS_MAX: usize = config::TAGS_MAX + line::TAGS_MAX;

/// What the values of an object are of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Metric,
    Value,
    Tag,
    /// The agent has its own; or it is nobody's.
    Other,
}

/// Hands over what a JSON object says: `metric`, `value`, and of `tag` what is `key=value`. `None` if it is none,
/// or is not taken.
// Its memory is not that of lines of the other kind.
#[inline(never)]
pub(super) fn parse(line: &[u8], take: Take) -> Option<()> {
    let tape = tape_of(line)?;
    let (mut metric, mut value, mut tags, mut count) = (None, None, [NO_TAG; TAGS_MAX], 0);
    let (mut key, mut depth) = (Key::Other, 0);
    for (number, token) in Tokens::new(&tape).enumerate() {
        match token.kind {
            Kind::Key if depth == 1 => key = Key::of(token.text),
            Kind::Object | Kind::List => {
                let is_expected = match depth {
                    0 => token.kind == Kind::Object,
                    1 => key == Key::Other || (key == Key::Tag && token.kind == Kind::List),
                    _ => key == Key::Other,
                };
                depth += 1;
                is_expected.then_some(())?;
            }
            Kind::ObjectEnd | Kind::ListEnd => depth -= 1,
            _ if key == Key::Other => {}
            Kind::Text if key == Key::Metric => metric = Some(token.text),
            // As it stands there: nobody keeps a fraction.
            Kind::Number if key == Key::Value => value = Some(place_of(line, number).text),
            Kind::Text if key == Key::Tag && depth == 2 => {
                if has(token.text, b'=') {
                    tags.get_mut(count)?.1 = token.text;
                    count += 1;
                }
            }
            _ => return None,
        }
    }
    hand_over(metric?, value?, tags.get(..count)?, take)
}

impl Key {
    fn of(text: &[u8]) -> Self {
        match text {
            b"metric" => Self::Metric,
            b"value" => Self::Value,
            b"tag" => Self::Tag,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Option<String> {
        let mut said = None;
        parse(line.as_bytes(), &mut |record| {
            let (whole, fraction, scale) = record.value.parts();
            let tags = record.instance.iter();
            let tags = tags.map(|(key, value)| format!(" {}{}", key.escape_ascii(), value.escape_ascii()));
            said = Some(format!(
                "{} {whole} {fraction} {scale}{}",
                record.metric.escape_ascii(),
                tags.collect::<String>()
            ));
            Some(())
        })?;
        said
    }

    #[test]
    fn own_lines_are_taken() {
        let line = r#"{"metric":"a.b","endpoint":"x","tag":["linux","k=v","m=\u00e9"],"value":-1.50,"timestamp":1503212470}"#;
        assert_eq!(said(line).unwrap(), "a.b 1 5 1 k=v m=\\xc3\\xa9");
        assert_eq!(said(r#"{"value": 7, "metric": "a"}"#).unwrap(), "a 7 0 0");
        assert_eq!(
            said(
                r#"{"metric":"a","value":18446744073709551615,"tag":[],"other":{"metric":[5],"tag":["w=x"]}}"#
            )
            .unwrap(),
            "a 18446744073709551615 0 0"
        );
    }

    #[test]
    fn tags_are_any_texts_with_a_sign_as_many_as_an_agent_sends() {
        let line = |tags: &str| format!(r#"{{"metric":"a","value":1,"tag":[{tags}]}}"#);
        assert_eq!(
            said(&line(r#""rack row=1","=x","a\"b=c","no""#)).unwrap(),
            "a 1 0 0 rack row=1 =x a\\\"b=c"
        );
        let many = |count| line(&vec!["\"k=v\""; count].join(","));
        assert_eq!(said(&many(40)).unwrap(), format!("a 1 0 0{}", " k=v".repeat(40)));
        assert_eq!(said(&many(41)), None);
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
            r#"{"metric":"a","value":1,"tag":"k=v"}"#,
            r#"{"metric":"a","value":1,"tag":["a=1",["k=v"]]}"#,
            r#"{"metric":"a","value":1,"tag":{"k":"v"}}"#,
            r#"[{"metric":"a","value":1}]"#,
            r#"{"metric":"a","value":1"#,
        ] {
            assert_eq!(said(line), None, "{line}");
        }
    }
}
