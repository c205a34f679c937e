//! A machine on which each wake-up is late, and agents that follow one another: at an interval of a second each
//! series has a sample in every second, and none has two.

use crate::common::{Agent, Folder, Line, Lines};
use crate::random::{Random, seed};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// Agents, and how often each of them is stopped for a while.
const LIVES: usize = 3;
const STOPS: usize = 5;

type Series = (String, Vec<String>);

/// The stamps of each series, which differ. A line that came again counts once.
fn stamps(lines: &BTreeSet<String>) -> BTreeMap<Series, BTreeSet<u64>> {
    let mut stamps: BTreeMap<Series, BTreeSet<u64>> = BTreeMap::new();
    for text in lines {
        let line = Line::parse(text);
        let of_series = stamps.entry((line.metric, line.tag)).or_default();
        assert!(of_series.insert(line.timestamp), "two values: {text}");
    }
    stamps
}

#[test]
fn late_wake_ups_and_restarts_leave_one_sample_in_each_second() {
    let mut random = Random::new(seed(), 0);
    let folder = Folder::new("stamps");
    let path = folder.join("config.json");
    let config = format!(
        r#"{{
            "trans": "-", "interval": "1s", "flush": "100ms", "metrics": "cpu,load,mem", "endpoint": "stamps-{}",
            "spool": "{}",
            "custom": [
                {{ "metric": "own.file", "file": "/proc/uptime" }},
                {{ "exec": ["echo", "own.script 1"] }}
            ]
        }}"#,
        random.below(1_000_000),
        folder.join("spool").display(),
    );
    fs::write(&path, config).unwrap();
    let mut all = BTreeSet::new();
    for _ in 0..LIVES {
        let mut agent = Agent::start(&[&format!("-config={}", path.display())]);
        let lines = Lines::of(agent.out());
        let mut own: BTreeSet<String> = [lines.wait_for("own.script")].into();
        for _ in 0..STOPS {
            agent.signal("STOP");
            sleep(Duration::from_millis(random.within(500..800) as u64));
            agent.signal("CONT");
            // Long enough to do what is due: two stops must not be one that is longer than the interval.
            sleep(Duration::from_millis(random.within(250..500) as u64));
        }
        agent.stop();
        own.extend(lines.rest());
        // Those that the agent before has sent come again.
        own.retain(|line| !all.contains(line));
        for (series, stamps) in stamps(&own) {
            let (first, last) = (*stamps.first().unwrap(), *stamps.last().unwrap());
            assert!(last - first >= 2, "{series:?}: {stamps:?}");
            let missing: Vec<u64> = (first..last).filter(|stamp| !stamps.contains(stamp)).collect();
            assert!(missing.is_empty(), "{series:?}: {missing:?} of {first} to {last}");
        }
        all.extend(own);
    }
    // Over all of them, too, no stamp has two values.
    stamps(&all);
}
