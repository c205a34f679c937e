//! Lines and fields of a byte slice.

/// The lines of a text.
pub struct Lines<'t>(&'t [u8]);

/// The fields of a line.
pub struct Fields<'t>(&'t [u8]);

/// The lines of `text` that end in `\n`, without it. A last line without one is no line: what it
/// would have held on is not known.
pub fn lines(text: &[u8]) -> Lines<'_> {
    Lines(text)
}

/// The fields of a line, apart by any number of spaces and tabs.
pub fn fields(line: &[u8]) -> Fields<'_> {
    Fields(line)
}

// Every parser is made of these two: inlined, they would be in the binary a dozen times.

impl<'t> Iterator for Lines<'t> {
    type Item = &'t [u8];

    #[inline(never)]
    fn next(&mut self) -> Option<&'t [u8]> {
        let end = self.0.iter().position(|&byte| byte == b'\n')?;
        let (line, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        Some(line)
    }
}

impl<'t> Iterator for Fields<'t> {
    type Item = &'t [u8];

    #[inline(never)]
    fn next(&mut self) -> Option<&'t [u8]> {
        let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
        let start = self.0.iter().position(|byte| !is_blank(byte))?;
        let text = self.0.get(start..)?;
        let end = text.iter().position(is_blank).unwrap_or(text.len());
        let (field, rest) = text.split_at_checked(end)?;
        self.0 = rest;
        Some(field)
    }
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
