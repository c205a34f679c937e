//! TLS by openssl: certificates, and a server whose answers a test writes.

use super::{Folder, Lines, poll};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// Files with a certificate for localhost, 127.0.0.1 and collect.lan, signed by itself, and its key.
pub fn certificate(folder: &Folder, name: &str) -> (String, String) {
    certificate_for(folder, name, "DNS:localhost,IP:127.0.0.1,DNS:collect.lan")
}

/// The same for other names.
pub fn certificate_for(folder: &Folder, name: &str, names: &str) -> (String, String) {
    let [certificate, key] =
        ["pem", "key"].map(|kind| folder.join(&format!("{name}.{kind}")).display().to_string());
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            &format!("subjectAltName={names}"),
        ])
        .args(["-out", &certificate, "-keyout", &key])
        .output()
        .expect("openssl is needed");
    assert!(output.status.success(), "{output:?}");
    (certificate, key)
}

/// Starts a server of TLS that accepts at this address, of that port, and prints what it gets.
pub fn serve(
    address: &str,
    port: u16,
    (certificate, key): &(String, String),
    more: &[&str],
) -> (Child, Lines) {
    let mut child = Command::new("openssl")
        .args(["s_server", "-quiet", "-4", "-naccept", "100", "-accept", address])
        .args(["-cert", certificate, "-key", key])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = Lines::of(child.stdout.take().unwrap());
    poll(|| is_listening(port).then_some(()), "the server of TLS");
    (child, lines)
}

/// A server of TLS on all addresses of this machine. What it gets can be read, and what is written is sent.
pub struct TlsServer {
    pub port: u16,
    child: Child,
    lines: Lines,
}

impl TlsServer {
    pub fn start(identity: &(String, String)) -> Self {
        let port = free_port();
        let (child, lines) = serve(&port.to_string(), port, identity, &[]);
        Self { port, child, lines }
    }

    /// The head of the next request.
    pub fn head(&self) -> Vec<String> {
        let line = || self.lines.next().trim_end_matches('\r').to_owned();
        std::iter::repeat_with(line)
            .take_while(|line| !line.is_empty())
            .collect()
    }

    /// The lines of the body that has this head.
    pub fn body(&self, head: &[String]) -> Vec<String> {
        let length = head.iter().find_map(|line| line.strip_prefix("Content-Length: "));
        let (length, mut lines) = (length.unwrap().parse().unwrap(), Vec::new());
        while lines.iter().map(|line: &String| line.len() + 1).sum::<usize>() < length {
            lines.push(self.lines.next());
        }
        lines
    }

    pub fn answer(&mut self, text: &str) {
        self.child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// Ends it, and returns the lines that it got and that were not read.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.lines, Lines::of(std::io::empty())).rest()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port at which nobody listens, of those that no connection gets by itself.
pub fn free_port() -> u16 {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + std::process::id() as u16 % 1_000 * 12;
    let mut ports = std::iter::repeat_with(|| first + COUNT.fetch_add(1, Ordering::Relaxed) % 500);
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

/// Whether a process listens at this port of some address (`/proc/net/tcp`: in hexadecimal, state 0A).
fn is_listening(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.contains(&format!(":{port:04X} 00000000:0000 0A "))
}
