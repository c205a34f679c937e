//! Receivers that are processes of their own, so that the kernel has what they have not read when they
//! are killed: this test binary once more, with one test that does nothing otherwise.

use crate::common::PATIENCE;
use std::env;
use std::io::{ErrorKind, Read, Write, stderr, stdin};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

const ROLE: &str = "RECEIVER";

/// No byte of a line: nothing more will be read.
const DONE: u8 = 0;

/// How long nothing has to come for nothing to be there.
const MOMENT: Duration = Duration::from_millis(5);

/// How a receiver reads before it stops.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// So many bytes, or more.
    pub(crate) bytes: usize,
    /// At a time at most.
    pub(crate) piece: usize,
    /// Milliseconds between two reads.
    pub(crate) pause: u64,
}

/// A process that plays this role, once more started by `prefix` if that is not empty.
fn process(prefix: &[String], role: &str) -> Command {
    let binary = env::current_exe().unwrap();
    let test = "receiver::runs_as_a_process_of_other_tests";
    let words = [
        binary.to_str().unwrap(),
        "--ignored",
        "--exact",
        "--nocapture",
        test,
    ];
    let mut words = prefix.iter().map(String::as_str).chain(words);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).env(ROLE, role).stdout(Stdio::null());
    command
}

#[test]
#[ignore = "a process of other tests"]
fn runs_as_a_process_of_other_tests() {
    let role = env::var(ROLE).unwrap_or_default();
    let words: Vec<&str> = role.split(' ').collect();
    match words[..] {
        ["once", bytes, piece, pause] => pass_on(Reading {
            bytes: bytes.parse().unwrap(),
            piece: piece.parse().unwrap(),
            pause: pause.parse().unwrap(),
        }),
        ["always", address, path] => serve(address, path),
        _ => println!("skipped: it does nothing of its own"),
    }
}

/// Reads a connection that it has inherited, and hands on what it reads; then says that it will read no
/// more. To be killed only behind that: whatever it has read has come through.
pub(crate) struct Victim(Child);

impl Victim {
    /// Takes the connection over: no other process has it.
    pub(crate) fn new(connection: TcpStream, reading: Reading) -> Self {
        let Reading { bytes, piece, pause } = reading;
        let mut command = process(&[], &format!("once {bytes} {piece} {pause}"));
        command.stdin(OwnedFd::from(connection)).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Hands over what it reads, until it has stopped reading.
    pub(crate) fn read(&mut self, mut take: impl FnMut(&[u8])) {
        let pipe = self.0.stderr.as_mut().unwrap();
        let mut piece = [0; 4096];
        loop {
            let count = pipe.read(&mut piece).unwrap();
            assert!(count > 0, "the receiver has ended by itself");
            let bytes = &piece[..count];
            take(bytes.strip_suffix(&[DONE]).unwrap_or(bytes));
            if bytes.ends_with(&[DONE]) {
                return;
            }
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pass_on(reading: Reading) {
    let mut connection = TcpStream::from(stdin().as_fd().try_clone_to_owned().unwrap());
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut piece = vec![0; reading.piece];
    let mut total = 0;
    while total < reading.bytes {
        // An agent that is gone ends the reading, too.
        let Ok(count @ 1..) = connection.read(&mut piece) else {
            break;
        };
        stderr().write_all(&piece[..count]).unwrap();
        total += count;
        sleep(Duration::from_millis(reading.pause));
    }
    stderr().write_all(&[DONE]).unwrap();
    // Longer than anybody waits with the kill.
    sleep(PATIENCE);
}

/// Accepts connections, in a name space of its own perhaps, and hands each on over a Unix socket of its
/// own. It ends in order when it is asked to: it reads what its kernel has, and closes.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn new(prefix: &[String], address: &str, path: &str) -> Self {
        let mut command = process(prefix, &format!("always {address} {path}"));
        Self(command.stdin(Stdio::piped()).spawn().unwrap())
    }

    /// Lets it read what there is, close in order, and end.
    pub(crate) fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(address: &str, path: &str) {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let is_over = &AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(move || {
            // Whoever has started it is gone, or asks it to end.
            let _ = stdin().read(&mut [0]);
            is_over.store(true, Ordering::Release);
        });
        while !is_over.load(Ordering::Acquire) {
            match listener.accept() {
                Ok((connection, _)) => {
                    let to = UnixStream::connect(path).unwrap();
                    scope.spawn(move || relay(connection, to, is_over));
                }
                Err(_) => sleep(MOMENT),
            }
        }
    });
}

/// Hands on what comes, until the connection ends; or, when all is over, until nothing comes.
fn relay(mut from: TcpStream, mut to: UnixStream, is_over: &AtomicBool) {
    from.set_nonblocking(false).unwrap();
    from.set_read_timeout(Some(MOMENT)).unwrap();
    let mut piece = [0; 4096];
    loop {
        let was_over = is_over.load(Ordering::Acquire);
        match from.read(&mut piece) {
            Ok(count @ 1..) => to.write_all(&piece[..count]).unwrap(),
            Err(error) if error.kind() == ErrorKind::WouldBlock && !was_over => {}
            _ => return,
        }
    }
}
