//! JSON lines with the tags as an object: `"tags":{"iface":"eth0","os":"linux"}` in place of `"tag":["linux","iface=eth0"]`.

use super::labels::{KeyStyle, Labels};
use super::line::Line;
use crate::base::text::Text;

/// Appends a line. Its texts have the escapes that they need.
pub(super) fn push(body: &mut Text, line: &Line) {
    body.put(b"{\"metric\":\"");
    body.put(line.metric);
    body.put(b"\",\"endpoint\":\"");
    body.put(line.endpoint);
    body.put(b"\",\"tags\":{");
    let mut labels = Labels::new(KeyStyle::Text);
    labels.add_tags(line);
    for (index, label) in labels.all().iter().enumerate() {
        body.put(if index == 0 { b"\"" } else { b",\"" });
        body.put(label.key);
        body.put(b"\":\"");
        body.put(label.value);
        body.put(b"\"");
    }
    body.put(b"},\"value\":");
    body.put(line.value);
    body.put(b",\"timestamp\":");
    body.number(line.timestamp);
    body.put(b"}\n");
}
