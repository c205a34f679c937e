use super::*;
use crate::format::json::Writer;
use std::fmt::Write;

/// A line of the agent `h` with the tags.
fn line(metric: &str, value: &str, tags: &[&str], timestamp: u64) -> Vec<u8> {
    let tags: Vec<&[u8]> = tags.iter().map(|tag| tag.as_bytes()).collect();
    let mut writer = Writer::new(b"h", "linux", &tags).unwrap();
    writer.set_time(timestamp);
    writer.set_instance(&[]);
    let mut buffer = [0; 2048];
    let value = Fixed::parse(value.as_bytes()).unwrap();
    let length = writer.write(&mut buffer, metric.as_bytes(), value).unwrap();
    buffer[..length].to_vec()
}

/// The body of the lines, of which all fit.
fn body(encoding: Encoding, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut buffer = [0; 16 << 10];
    let mut body = Text::new(&mut buffer);
    let mut encoder = Encoder::NEW;
    let starts = Starts {
        machine: Some(1000),
        agent: Some(2000),
    };
    encoder.begin(encoding, starts, &mut body);
    for line in lines {
        assert_eq!(encoder.push(&mut body, line), Pushed::Whole);
    }
    let length = body.bytes().len();
    let start = encoder.finish(&mut buffer[..length]);
    buffer[start..length].to_vec()
}

fn influx(lines: &[Vec<u8>]) -> String {
    String::from_utf8(body(Encoding::Influx(0), lines)).unwrap()
}

#[test]
fn influx_measurement_is_the_name_up_to_its_last_dot() {
    let one = |metric| influx(&[line(metric, "1.5", &["iface=eth0"], 9)]);
    assert_eq!(
        one("net.in.bytes"),
        "net_in,endpoint=h,iface=eth0,os=linux bytes=1.5 9\n"
    );
    assert_eq!(
        one("cpu.load1"),
        "cpu,endpoint=h,iface=eth0,os=linux load1=1.5 9\n"
    );
    assert_eq!(one("up"), "up,endpoint=h,iface=eth0,os=linux value=1.5 9\n");
    assert_eq!(
        one("1wire.t-max"),
        "_1wire,endpoint=h,iface=eth0,os=linux t_max=1.5 9\n"
    );
    assert_eq!(one("a."), "a_,endpoint=h,iface=eth0,os=linux value=1.5 9\n");
    assert_eq!(one(".a"), "_a,endpoint=h,iface=eth0,os=linux value=1.5 9\n");
}

#[test]
fn influx_samples_of_one_instance_and_stamp_share_a_line() {
    let eth0: &[&str] = &["iface=eth0"];
    let text = influx(&[
        line("net.in.bytes", "1", eth0, 9),
        line("net.in.packets", "2", eth0, 9),
        line("net.out.bytes", "3", eth0, 9),
        line("net.out.bytes", "4", eth0, 9),
        line("net.out.errors", "0", eth0, 9),
        line("net.out.bytes", "5", eth0, 10),
        line("net.out.bytes", "6", &["iface=eth1"], 10),
        line("net", "7", &["iface=eth1"], 10),
    ]);
    assert_eq!(
        text,
        "net_in,endpoint=h,iface=eth0,os=linux bytes=1,packets=2 9\n\
         net_out,endpoint=h,iface=eth0,os=linux bytes=3 9\n\
         net_out,endpoint=h,iface=eth0,os=linux bytes=4,errors=0 9\n\
         net_out,endpoint=h,iface=eth0,os=linux bytes=5 10\n\
         net_out,endpoint=h,iface=eth1,os=linux bytes=6 10\n\
         net,endpoint=h,iface=eth1,os=linux value=7 10\n"
    );
}

#[test]
fn influx_stamps_have_nanoseconds_on_a_raw_stream() {
    let bytes = body(Encoding::Influx(9), &[line("a.b", "1", &[], 1_503_212_470)]);
    assert_eq!(bytes, b"a,endpoint=h,os=linux b=1 1503212470000000000\n");
}

#[test]
fn influx_tags_are_sorted_escaped_and_not_empty() {
    let tags = [
        "z=C:\\dir\\",
        "lab",
        "empty=",
        "=x",
        "time=1",
        "sp ace=a b,c=d",
        "a=tab\there\u{1}\n",
        "lab=2",
        "q=\"\u{e9}",
        "os=own",
    ];
    assert_eq!(
        influx(&[line("a.b", "1", &tags, 9)]),
        "a,_time=1,a=tab\\ here\\ \\ ,endpoint=h,lab=true,os=linux,q=\"\u{e9},\
         sp\\ ace=a\\ b\\,c\\=d,z=C:/dir/ b=1 9\n"
    );
}

#[test]
fn json_labels_have_each_key_once() {
    let lines = [
        line(
            "a.b",
            "-1.5",
            &["iface=e\"\\\u{1}\u{e9}", "lab", "iface=other"],
            9,
        ),
        line("a.c", "18446744073709551615", &[], 1_503_212_470),
    ];
    assert_eq!(
        String::from_utf8(body(Encoding::JsonLabels, &lines)).unwrap(),
        "{\"metric\":\"a.b\",\"endpoint\":\"h\",\
         \"tags\":{\"iface\":\"e\\\"\\\\\\u0001\u{e9}\",\"lab\":\"true\",\"os\":\"linux\"},\
         \"value\":-1.5,\"timestamp\":9}\n\
         {\"metric\":\"a.c\",\"endpoint\":\"h\",\"tags\":{\"os\":\"linux\"},\
         \"value\":18446744073709551615,\"timestamp\":1503212470}\n"
    );
}

/// Splits a number of variable length off.
fn varint(bytes: &[u8]) -> (u64, &[u8]) {
    let length = bytes.iter().position(|byte| *byte < 0x80).unwrap() + 1;
    let bits = bytes[..length].iter().rev();
    (
        bits.fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f)),
        &bytes[length..],
    )
}

/// The fields of a message as text, `number:value` each; those in `messages`, paths of numbers, are messages.
fn fields(message: &[u8], path: &str, messages: &[&str]) -> String {
    let (mut rest, mut text) = (message, String::new());
    while !rest.is_empty() {
        let (tag, value) = varint(rest);
        let path = format!("{path}{}", tag >> 3);
        write!(text, " {}:", tag >> 3).unwrap();
        match tag & 7 {
            0 => {
                let (number, after) = varint(value);
                write!(text, "{number}").unwrap();
                rest = after;
            }
            1 => {
                let number = u64::from_le_bytes(value[..8].try_into().unwrap());
                write!(text, "{number:#x}").unwrap();
                rest = &value[8..];
            }
            2 => {
                let (length, value) = varint(value);
                let (inside, after) = value.split_at(length as usize);
                if messages.contains(&path.as_str()) {
                    write!(text, "{{{} }}", fields(inside, &path, messages)).unwrap();
                } else {
                    write!(text, "{}", String::from_utf8_lossy(inside)).unwrap();
                }
                rest = after;
            }
            other => panic!("wire type {other}"),
        }
    }
    text
}

#[test]
fn prometheus_request_is_a_literal_of_series_with_sorted_labels() {
    let long = format!("k={}", "v".repeat(300));
    let lines = [
        line(
            "net.in.bytes",
            "0.1",
            &["Zone=1", "9to-5=x", "e=", "u=\"\\\n\u{e9}", "lab"],
            1_503_212_470,
        ),
        line("2x", "-3", &[&long], 5),
    ];
    let block = body(Encoding::Prometheus, &lines);
    let (total, literal) = varint(&block);
    let [0xf4, low, high, request @ ..] = literal else {
        panic!("{literal:?}")
    };
    assert_eq!(request.len() as u64, total);
    assert_eq!(usize::from(*low) + 256 * usize::from(*high) + 1, request.len());
    assert_eq!(
        fields(request, "", &["1", "11", "12"]),
        format!(
            " 1:{{ 1:{{ 1:Zone 2:1 }} 1:{{ 1:_9to_5 2:x }} 1:{{ 1:__name__ 2:net_in_bytes }} \
             1:{{ 1:endpoint 2:h }} 1:{{ 1:lab 2:true }} 1:{{ 1:os 2:linux }} 1:{{ 1:u 2:\"\\\n\u{e9} }} \
             2:{{ 1:{:#x} 2:1503212470000 }} }} \
             1:{{ 1:{{ 1:__name__ 2:_2x }} 1:{{ 1:endpoint 2:h }} 1:{{ 1:k 2:{} }} 1:{{ 1:os 2:linux }} \
             2:{{ 1:{:#x} 2:5000 }} }}",
            0.1f64.to_bits(),
            &long[2..],
            (-3f64).to_bits()
        )
    );
}

#[test]
fn otlp_metric_has_kind_unit_start_and_attributes() {
    let otlp = |line: Vec<u8>| {
        let request = body(Encoding::Otlp, &[line]);
        let messages = [
            "1", "12", "122", "1225", "1227", "12251", "12271", "122517", "122717",
        ];
        let values = ["1225172", "1227172"];
        fields(&request, "", &[&messages[..], &values[..]].concat())
    };
    let nanoseconds = |seconds: u64| format!("{:#x}", seconds * 1_000_000_000);
    assert_eq!(
        otlp(line("net.in.bytes", "7", &["iface=eth0"], 5000)),
        format!(
            " 1:{{ 2:{{ 2:{{ 1:net.in.bytes 3:By 7:{{ 1:{{ 2:{} 3:{} 4:{:#x} \
             7:{{ 1:endpoint 2:{{ 1:h }} }} 7:{{ 1:iface 2:{{ 1:eth0 }} }} 7:{{ 1:os 2:{{ 1:linux }} }} }} \
             2:2 3:1 }} }} }} }}",
            nanoseconds(1000),
            nanoseconds(5000),
            7f64.to_bits()
        )
    );
    assert_eq!(
        otlp(line("cpu.usage", "7", &[], 5000)),
        format!(
            " 1:{{ 2:{{ 2:{{ 1:cpu.usage 3:% 5:{{ 1:{{ 3:{} 4:{:#x} \
             7:{{ 1:endpoint 2:{{ 1:h }} }} 7:{{ 1:os 2:{{ 1:linux }} }} }} }} }} }} }}",
            nanoseconds(5000),
            7f64.to_bits()
        )
    );
    // The agent's own counters begin with it, a line of an earlier boot has no start, and an unknown metric is a gauge.
    assert!(
        otlp(line("agent.lines.dropped", "7", &[], 5000)).contains(&format!(" 2:{} 3:", nanoseconds(2000)))
    );
    assert!(otlp(line("net.in.bytes", "7", &[], 999)).contains(&format!("7:{{ 1:{{ 3:{}", nanoseconds(999))));
    assert!(otlp(line("mine", "7", &[], 5000)).contains("1:mine 5:{ 1:{ 3:"));
}

/// The start of each line's counter; 0 for none.
fn otlp_starts(lines: &[Vec<u8>]) -> Vec<u64> {
    let request = body(Encoding::Otlp, lines);
    let text = fields(
        &request,
        "",
        &["1", "12", "122", "1227", "12271", "1225", "12251"],
    );
    let points = text.split(" 2:{ 2:{ 1:").skip(1);
    points
        .map(|point| {
            let start = point
                .split("1:{ 2:0x")
                .nth(1)
                .and_then(|rest| rest.split(' ').next());
            start.map_or(0, |start| u64::from_str_radix(start, 16).unwrap() / 1_000_000_000)
        })
        .collect()
}

#[test]
fn otlp_counter_that_drops_has_a_new_start() {
    let bytes = |value: &str, tag: &str, stamp| line("net.in.bytes", value, &[tag], stamp);
    let lines = [
        // Before the machine started: what came last before the drop is all that is known.
        bytes("9", "iface=eth0", 900),
        bytes("8", "iface=eth0", 950),
        // It started at 1000, later than that.
        bytes("7", "iface=eth0", 1005),
        bytes("9", "iface=eth0", 1010),
        bytes("9", "iface=eth1", 1010),
        bytes("2", "iface=eth0", 1015),
        bytes("9", "iface=eth1", 1015),
        line("net.in.packets", "1", &["iface=eth0"], 1015),
        // Sent again after a break.
        bytes("9", "iface=eth0", 1010),
        bytes("2", "iface=eth0", 1015),
        bytes("3", "iface=eth0", 1020),
    ];
    assert_eq!(
        otlp_starts(&lines),
        [0, 900, 1000, 1000, 1000, 1010, 1000, 1000, 1000, 1010, 1010]
    );
    // The agent's own counter that drops was one of an agent before; a gauge has no start.
    let lines = [
        line("agent.lines.dropped", "7", &[], 2100),
        line("agent.lines.dropped", "1", &[], 2105),
        line("cpu.usage", "7", &[], 2100),
        line("cpu.usage", "1", &[], 2105),
    ];
    assert_eq!(otlp_starts(&lines), [2000, 2100, 0, 0]);
}

#[test]
fn line_that_does_not_fit_leaves_the_body_as_it_was() {
    let encodings = [
        Encoding::JsonLabels,
        Encoding::Influx(9),
        Encoding::Otlp,
        Encoding::Prometheus,
    ];
    let lines = [
        line("net.in.bytes", "1", &["iface=eth0"], 9),
        line("net.in.packets", "2", &["iface=eth0"], 9),
        line("net.out.bytes", "3", &["iface=eth0"], 9),
    ];
    for encoding in encodings {
        let whole = body(encoding, &lines).len() + prometheus::HEAD;
        for room in 0..whole {
            let mut buffer = vec![0; room];
            let mut body = Text::new(&mut buffer);
            let mut encoder = Encoder::NEW;
            encoder.begin(encoding, Starts::default(), &mut body);
            for line in &lines {
                let before = body.bytes().to_vec();
                if encoder.push(&mut body, line) == Pushed::Full {
                    assert_eq!(body.bytes(), before);
                    break;
                }
            }
        }
    }
}

#[test]
fn text_that_is_no_line_is_left_out() {
    let mut buffer = [0; 1000];
    let mut body = Text::new(&mut buffer);
    let mut encoder = Encoder::NEW;
    encoder.begin(Encoding::Otlp, Starts::default(), &mut body);
    for text in [
        "",
        "\n",
        "{}\n",
        "{\"metric\":\"a\",\"endpoint\":\"h\",\"tag\":[],\"value\":x,\"timestamp\":1}\n",
    ] {
        assert_eq!(encoder.push(&mut body, text.as_bytes()), Pushed::Invalid);
    }
    assert!(body.bytes().is_empty());
}
