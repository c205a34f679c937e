//! Patterns of instances and names of programs that match nothing.

use crate::common::{Agent, Folder, Lines, Transfer, runner};

#[test]
fn patterns_that_match_nothing_are_logged_once() {
    let transfer = Transfer::new();
    let folder = Folder::new("patterns");
    // A kernel shows the emulator's name for a program that runs under one.
    let own = if runner().is_empty() {
        "mini-monitor*"
    } else {
        "qemu*"
    };
    let text = |keys: &str| {
        format!(
            r#"{{"trans": "{}", "flush": "20ms", "endpoint": "patterns", "metrics": "net=20ms,process=20ms,agent=20ms",
                "process": "no-such-process,{own}"{keys}}}"#,
            transfer.address()
        )
    };
    let config = folder.config(&text(
        r#", "families": {"net": {"only": ["lo", "gone?"], "ignore": "eth77"}}"#,
    ));
    let mut agent = Agent::start(&[&config]);
    let lines = Lines::of(transfer.accept());
    for _ in 0..500 {
        lines.next();
    }
    agent.signal("USR1");
    let mut log = Vec::new();
    agent.log.up_to("bytes queued", &mut log);
    let logged = |log: &[String]| {
        let of = |line: &String| Some(line.split_once("patterns that match nothing now: ")?.1.to_owned());
        let mut found: Vec<_> = log.iter().filter_map(of).collect();
        found.sort();
        found
    };
    let processes = "no-such-process".to_owned();
    assert_eq!(logged(&log), ["gone?,eth77".to_owned(), processes.clone()]);
    // After a reload they are of the new configuration.
    folder.config(&text(r#", "families": {"net": {"only": ["lo", "other"]}}"#));
    agent.signal("HUP");
    let mut log = Vec::new();
    agent.log.up_to("nothing now", &mut log);
    agent.log.up_to("nothing now", &mut log);
    assert_eq!(logged(&log), [processes, "other".into()]);
    agent.stop();
}
