//! Lines and fields of a byte slice.

/// The lines of `bytes` that end in `\n`, without it. A last line without one is no line: what it
/// would have held on is not known.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let line = rest.get(..end)?;
        rest = rest.get(end + 1..)?;
        Some(line)
    })
}

/// The fields of a line, apart by any number of spaces and tabs.
pub fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b' ' || byte == b'\t')
        .filter(|field| !field.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_count() {
        let all = |text: &'static str| lines(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(all("a\nb\n"), [b"a", b"b"]);
        assert_eq!(all("a\nb"), [b"a"]);
        assert_eq!(all("\n\n"), [b"", b""]);
        assert!(all("").is_empty());
    }

    #[test]
    fn fields_skip_all_blanks() {
        let found: Vec<_> = fields(b"  cpu  1\t2 ").collect();
        assert_eq!(found, [b"cpu".as_slice(), b"1", b"2"]);
        assert_eq!(fields(b" ").count(), 0);
    }
}
