//! A received line in the agent's own JSON format.

use super::text_line::{self, ParsedLine, Tag};
use crate::base::fields::has;
use crate::config;
use crate::json::{Document, Kind};

/// Tags with a `=` that a line may have: as many as another agent sends, those of its flags and those of a script.
pub(super) const TAGS_MAX: usize = config::TAGS_MAX + text_line::TAGS_MAX;

/// Parses a line such as `{"metric":"a.b","tag":["k=v"],"value":1.5}`. Other keys, and tags without a `=`, are
/// ignored. Returns `None` if the line is invalid.
pub(super) fn parse<'a>(document: &'a Document, tags: &mut [Tag<'a>]) -> Option<ParsedLine<'a>> {
    let (mut metric, mut value, mut count) = (None, None, 0);
    let (mut key, mut depth) = (b"".as_slice(), 0);
    for event in document.events() {
        // The agent has its own endpoint and timestamp.
        let is_ignored = !matches!(key, b"metric" | b"value" | b"tag");
        match event.kind {
            Kind::Key if depth == 1 => key = event.text,
            Kind::ObjectStart | Kind::ListStart => {
                let is_expected = match depth {
                    0 => event.kind == Kind::ObjectStart,
                    1 => is_ignored || key == b"tag" && event.kind == Kind::ListStart,
                    _ => is_ignored,
                };
                depth += 1;
                is_expected.then_some(())?;
            }
            Kind::ObjectEnd | Kind::ListEnd => depth -= 1,
            _ if is_ignored => {}
            Kind::Text if key == b"metric" => metric = Some(event.text),
            Kind::Number if key == b"value" => value = Some(event.source),
            Kind::Text if key == b"tag" && depth == 2 => {
                if has(event.text, b'=') {
                    tags.get_mut(count)?.1 = event.text;
                    count += 1;
                }
            }
            _ => return None,
        }
    }
    Some((metric?, value?, count))
}

#[cfg(test)]
mod tests {
    use crate::custom::read_line;

    fn pushed(line: &str) -> Option<String> {
        let mut pushed = None;
        read_line(line.as_bytes(), &mut |sample| {
            let (whole, fraction, scale) = sample.value.parts();
            let tags = sample.instance.iter();
            let tags = tags.map(|(key, value)| format!(" {}{}", key.escape_ascii(), value.escape_ascii()));
            pushed = Some(format!(
                "{} {whole} {fraction} {scale}{}",
                sample.metric.escape_ascii(),
                tags.collect::<String>()
            ));
            Some(())
        })?;
        pushed
    }

    #[test]
    fn lines_of_an_agent_are_accepted() {
        let line = r#"{"metric":"a.b","endpoint":"x","tag":["linux","k=v","m=\u00e9"],"value":-1.50,"timestamp":1503212470}"#;
        assert_eq!(pushed(line).unwrap(), "a.b 1 5 1 k=v m=\\xc3\\xa9");
        assert_eq!(pushed(r#"{"value": 7, "metric": "a"}"#).unwrap(), "a 7 0 0");
        assert_eq!(
            pushed(
                r#"{"metric":"a","value":18446744073709551615,"tag":[],"other":{"metric":[5],"tag":["w=x"]}}"#
            )
            .unwrap(),
            "a 18446744073709551615 0 0"
        );
    }

    #[test]
    fn tags_with_an_equals_sign_are_kept_up_to_forty() {
        let line = |tags: &str| format!(r#"{{"metric":"a","value":1,"tag":[{tags}]}}"#);
        assert_eq!(
            pushed(&line(r#""rack row=1","=x","a\"b=c","no""#)).unwrap(),
            "a 1 0 0 rack row=1 =x a\\\"b=c"
        );
        let many = |count| line(&vec!["\"k=v\""; count].join(","));
        assert_eq!(
            pushed(&many(40)).unwrap(),
            format!("a 1 0 0{}", " k=v".repeat(40))
        );
        assert_eq!(pushed(&many(41)), None);
    }

    #[test]
    fn invalid_lines_are_refused() {
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
            assert_eq!(pushed(line), None, "{line}");
        }
    }
}
