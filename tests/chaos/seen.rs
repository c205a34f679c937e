//! Which lines have come, over all connections, of all lives of one agent.

use std::collections::BTreeMap;

/// A life of the agent, and the number of a line in it.
pub(crate) type Key = (u64, u64);

/// What one connection has carried so far.
#[derive(Default)]
pub(crate) struct Stream {
    /// The beginning of a line.
    cut: Vec<u8>,
    last: Option<Key>,
}

impl Stream {
    /// Whether it has carried a later line than this one.
    pub(crate) fn is_past(&self, key: Key) -> bool {
        self.last.is_some_and(|last| last > key)
    }
}

/// All lines, each once.
pub(crate) struct Seen {
    /// How each line begins.
    head: String,
    lines: BTreeMap<Key, Vec<u8>>,
    /// The newest line that the agent's log has told of, in each life.
    logged: BTreeMap<u64, u64>,
    repeats: u64,
}

impl Seen {
    /// Of an agent of this name, with these tags before the one of its life.
    pub(crate) fn new(endpoint: &str, tags: &[&str]) -> Self {
        let mut tags = [&["linux"], tags].concat().join("\",\"");
        tags += "\",\"life=";
        Self {
            head: format!("{{\"metric\":\"test.number\",\"endpoint\":\"{endpoint}\",\"tag\":[\"{tags}"),
            lines: BTreeMap::new(),
            logged: BTreeMap::new(),
            repeats: 0,
        }
    }

    /// Takes what a connection carries next, and holds it to what each has to keep: it starts at the
    /// start of a line, its lines are whole and in their order, and a repeat is the same to the byte.
    pub(crate) fn take(&mut self, stream: &mut Stream, bytes: &[u8]) {
        stream.cut.extend_from_slice(bytes);
        let pending = std::mem::take(&mut stream.cut);
        let mut rest = pending.as_slice();
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            self.take_line(stream, &rest[..end]);
            rest = &rest[end + 1..];
        }
        stream.cut = rest.to_vec();
        let cut = String::from_utf8_lossy(&stream.cut);
        let is_begun = self.head.starts_with(&*cut) || cut.starts_with(&self.head);
        assert!(is_begun, "not the beginning of a line: {cut:?}");
    }

    fn take_line(&mut self, stream: &mut Stream, line: &[u8]) {
        let Some(key) = self.key(line) else {
            panic!("not a whole line: {:?}", String::from_utf8_lossy(line));
        };
        assert!(Some(key) > stream.last, "{key:?} behind {:?}", stream.last);
        stream.last = Some(key);
        if let Some(before) = self.lines.get(&key) {
            assert_eq!(before, line, "a repeat of {key:?} that differs");
            self.repeats += 1;
        } else {
            self.lines.insert(key, line.to_vec());
        }
    }

    fn key(&self, line: &[u8]) -> Option<Key> {
        let text = std::str::from_utf8(line).ok()?;
        let (life, rest) = text.strip_prefix(&self.head)?.split_once("\"],\"value\":")?;
        let (number, stamp) = rest.strip_suffix('}')?.split_once(",\"timestamp\":")?;
        stamp.parse::<u64>().ok()?;
        Some((life.parse().ok()?, number.parse().ok()?))
    }

    /// Takes a line of the agent's log: one that says what the ring holds now, or that something is
    /// wrong with the spool or has been lost, which must not be.
    pub(crate) fn note(&mut self, log: &str) {
        let line = log.split_once("~~ sender get metric ");
        if let Some((life, number)) = line.and_then(|(_, line)| self.key(line.as_bytes())) {
            self.logged.insert(life, number);
        }
        for trouble in ["pieces skipped", "lines dropped"] {
            assert!(!log.contains(trouble), "{log}");
        }
        // Each life has another tag, so that its deadlines lie elsewhere in a second: its stamps may differ by one.
        assert!(
            !log.contains("restamped") || log.contains(" stepped +1 s;") || log.contains(" stepped -1 s;"),
            "{log}"
        );
    }

    /// The newest line of this life that the log has told of.
    pub(crate) fn newest_logged(&self, life: u64) -> Option<u64> {
        self.logged.get(&life).copied()
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.lines.contains_key(&key)
    }

    pub(crate) fn count(&self) -> u64 {
        self.lines.len() as u64
    }

    pub(crate) fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Fails if there is a gap: in each life all lines have come, from the first to the last that came
    /// or that the log has told of.
    pub(crate) fn check(&self) {
        let mut last = self.logged.clone();
        for (life, number) in self.lines.keys() {
            let known = last.entry(*life).or_default();
            *known = (*known).max(*number);
        }
        let missing: Vec<Key> = last
            .iter()
            .flat_map(|(life, last)| (0..=*last).map(|number| (*life, number)))
            .filter(|key| !self.has(*key))
            .collect();
        let shown = &missing[..missing.len().min(50)];
        assert!(
            missing.is_empty(),
            "{} lines are lost: {shown:?} of {last:?}",
            missing.len()
        );
    }
}
