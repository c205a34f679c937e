//! `-format text`: tables for people.

use crate::common::{Agent, Folder, Line, Lines, fixture, output};
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// What `-once` prints of a captured machine.
fn once(machine: &str, flags: &[&str]) -> String {
    let proc = fixture(machine);
    let sys = proc.parent().unwrap().join("sys");
    let roots = [
        format!("-proc={}", proc.display()),
        format!("-sys={}", sys.display()),
    ];
    let roots = roots.each_ref().map(String::as_str);
    let flags = [&["-once", "-endpoint=router-7"], &roots[..], flags].concat();
    String::from_utf8(output(&flags).stdout).unwrap()
}

/// The tables of a captured machine, without the line of the time.
fn tables(machine: &str, flags: &[&str]) -> String {
    let text = once(machine, &[&["-format=text"], flags].concat());
    let (head, rest) = text.split_once('\n').unwrap();
    let (name, time) = head.split_once("  ").unwrap();
    assert_eq!(name, "router-7");
    assert!(
        time.starts_with("20") && time.ends_with(" UTC") && time.len() == 23,
        "{head}"
    );
    rest.to_owned()
}

#[test]
fn text_has_values_of_a_family_and_a_line_an_instance() {
    let expected = "
cpu
  switches    0   interrupts  0   forks       0   count       1

load
  cpu.load1      1.25   cpu.load15     3.75   proc.running  105 k
  cpu.load5      2.50   proc.total      678   proc.blocked  105 k

net
  iface  in.bytes  in.packets  in.errors  in.dropped  in.fifo  in.frame
  eth0      0 B/s           0          0           0        0         0
  iface  in.multicast  out.bytes  out.packets  out.errors  out.dropped  out.fifo
  eth0              0      0 B/s            0           0            0         0
  iface  out.collisions  out.carrier  up        speed
  eth0                0            0   1  2.50 Gbit/s

wifi
  iface  quality   signal    noise
  wlan0       54  -56 dBm  -92 dBm

process
  name     count  rss    cpu
  dnsmasq      0  0 B  0.0 %
";
    let flags = ["-metrics=cpu,load,net,wifi,process", "-process=dnsmasq"];
    assert_eq!(tables("distinct", &flags), expected);
    let expected = "
mem
  total         1.01 GB   cached         109 MB   swap.used      664 kB
  used           268 MB   shmem         5.27 MB   swap.free      129 MB
  free           757 MB   slab          50.8 MB   swap.percent    0.5 %
  available      744 MB   percent        26.5 %
  buffers       4.12 MB   swap.total     130 MB

conntrack
  count       26   max       8192   percent  0.3 %

neighbours
  arp.entries by iface
  br-lan     8   wlan1      1   pppoe-wan  1

temp
  sensor                 celsius   fan.rpm
  acpitz                 42.5 °C         -
  acpitz thermal_zone1  -5.20 °C         -
  acpi_fan/fan1                -  2387 rpm
";
    let flags = [
        "-metrics=mem,conntrack,neighbours,temp",
        "-only=temp=acpi*",
        "-leases=/nowhere",
    ];
    assert_eq!(tables("router-6.12", &flags), expected);
}

#[test]
fn text_of_each_machine_fits_80_columns_and_has_every_series() {
    for machine in ["router-6.12", "router-2.6.32", "raspi3b-6.12", "vm-6.18"] {
        let text = tables(machine, &["-process=*"]);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
            assert_eq!(line.trim_end(), line);
        }
        let mut instances = 0;
        for line in once(machine, &["-process=*"]).lines().map(Line::parse) {
            for tag in &line.tag[1..] {
                let (_, instance) = tag.split_once('=').unwrap();
                let start: String = instance.chars().take(39).collect();
                assert!(text.contains(&start), "{machine}: {tag} is not in {text}");
                instances += 1;
            }
        }
        assert!(instances > 50, "{machine}: {instances}");
    }
}

#[test]
fn text_shows_rates_and_starts_each_print_with_the_time() {
    let folder = Folder::of_machine("text-rates", "vm-6.18");
    let write = |bytes: u64| {
        let text = format!("eth0: {bytes} 5 0 0 0 0 0 0 2000000 7 0 0 0 0 0 0\n");
        fs::write(folder.join("net/dev"), text).unwrap();
    };
    write(1_000_000);
    let config = Folder::new("text-custom");
    let file = config.config(
        r#"{"trans": "-", "format": "text", "metrics": "net=2s,net", "custom": [
            {"exec": "echo room.temp 21.5 place=attic; echo other -1", "interval": "2s"}]}"#,
    );
    let roots = ["-proc", folder.path(), "-sys", folder.path()];
    let mut agent = Agent::start(&[&[file.as_str()], &roots[..]].concat());
    let lines = Lines::of(agent.out());
    // Totals of the first read, and all of its turn in one print.
    let mut first = Vec::new();
    while first
        .iter()
        .filter(|line: &&String| line.ends_with(" UTC"))
        .count()
        < 2
    {
        first.push(lines.next());
    }
    let has = |words: &[&str]| {
        let is_it = |line: &&String| line.split_whitespace().eq(words.iter().copied());
        assert_eq!(first.iter().filter(is_it).count(), 1, "{words:?}: {first:#?}");
    };
    has(&["custom"]);
    has(&["eth0", "1.00", "MB", "5", "0", "0", "0", "0"]);
    has(&["room.temp", "place=attic", "21.5", "other", "-1"]);
    // The rate of a counter that stands still, and of one that does not.
    let next_rate = || {
        let line = lines.wait_for("  eth0");
        let mut words = line.split_whitespace().skip(1).map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    };
    while next_rate() != ("0".into(), "B/s".into()) {}
    write(500_000_000_000);
    let is_fast = |unit: &str| unit == "GB/s" || unit == "TB/s";
    while !is_fast(&next_rate().1) {}
    agent.stop();
}

#[test]
fn text_has_no_control_characters_of_names() {
    let folder = Folder::of_machine("text-control", "vm-6.18");
    fs::write(
        folder.join("net/dev"),
        b"e\x1b[2J\xff\xc2\x9b: 1 5 0 0 0 0 0 0 2 7 0 0 0 0 0 0\n",
    )
    .unwrap();
    let config = folder.config(r#"{"custom": [{"exec": "printf 'n 1 a=\\033[31m\\177\\n'"}]}"#);
    let output = crate::common::command()
        .args([
            &config,
            "-once",
            "-format=text",
            "-metrics=net",
            "-proc",
            folder.path(),
        ])
        .arg(std::ffi::OsStr::from_bytes(b"-endpoint=r\x1b]0;x\x07"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        !text.contains(|letter: char| letter.is_control() && letter != '\n'),
        "{text:?}"
    );
    for words in ["r?]0;x?  ", "  e?[2J???  ", "  n a=?[31m?  1"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn text_that_is_not_for_standard_output_is_refused() {
    let words = "-format: text is for standard output: -once, or -trans - without a spool";
    let folder = Folder::new("text-refused");
    let spool = format!("-spool={}", folder.join("spool").display());
    for flags in [&["-trans=a:1"][..], &[], &["-check"], &["-trans=-", &spool]] {
        let output = output(&[&["-format=text"], flags].concat());
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(message, format!("mini-monitor: {words}\n"), "{flags:?}");
        assert_ne!(output.status.code(), Some(0));
    }
    let config = folder.config(r#"{"format": "text"}"#);
    let message = String::from_utf8(output(&[&config, "-check"]).stderr).unwrap();
    assert!(
        message.ends_with(&format!("mini-monitor.json: {words}\n")),
        "{message}"
    );
    let message = String::from_utf8(output(&["-format=table"]).stderr).unwrap();
    assert_eq!(
        message,
        "mini-monitor: -format: \"table\" is not auto, json, json-labels, influx, otlp, prometheus or text (try influx)\n"
    );
}

#[test]
fn text_needs_a_restart_to_begin_or_end() {
    let folder = Folder::new("text-reload");
    let text =
        |format: &str| format!(r#"{{"trans": "-", "metrics": "load=50ms,load", "format": "{format}"}}"#);
    let mut agent = Agent::start(&[&folder.config(&text("text"))]);
    let lines = Lines::of(agent.out());
    lines.wait_for("cpu.load1");
    folder.config(&text("json"));
    agent.signal("HUP");
    agent
        .log
        .wait_for("format: text needs a restart; the previous configuration stays in force");
    for _ in 0..3 {
        lines.wait_for("  cpu.load5");
    }
    agent.stop();
}

#[test]
fn text_ends_when_standard_output_is_closed() {
    let mut agent = Agent::start(&["-trans=-", "-format=text", "-metrics=load=20ms,load"]);
    drop(agent.out());
    assert_eq!(agent.wait().code(), Some(3));
}
