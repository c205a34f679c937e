//! A server of HTTP with the answers of a test.

use super::{PATIENCE, poll};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// The connection on which it came, from 0 up.
    pub connection: usize,
    /// Request line and headers.
    pub head: Vec<String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head[1..].iter().filter_map(|line| line.split_once(": "));
        headers
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The lines of its body.
    pub fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.body.clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// What the server does with a request.
pub enum Reply {
    /// Answers, and keeps the connection.
    Answer(String),
    /// Answers these bytes, and closes the connection.
    Close(String),
    /// Sends nothing, and keeps the connection.
    Silence,
}

/// An answer without a body.
pub fn status(code: u16) -> Reply {
    Reply::Answer(format!("HTTP/1.1 {code} x\r\nContent-Length: 0\r\n\r\n"))
}

pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// A server that answers the request of an index, from 0 up, so.
    pub fn start(reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), reply)
    }

    pub fn on(
        listener: TcpListener,
        reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (reply, all) = (Arc::new(reply), requests.clone());
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (reply, all) = (reply.clone(), all.clone());
                std::thread::spawn(move || serve(connection, &stream.unwrap(), &*reply, &all));
            }
        });
        Self { address, requests }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits for `count` requests, and returns all that have come.
    pub fn wait_for(&self, count: usize) -> Vec<Request> {
        self.wait_until(|requests| requests.len() >= count)
    }

    /// Waits until the requests are so, and returns them.
    pub fn wait_until(&self, are_so: impl Fn(&[Request]) -> bool) -> Vec<Request> {
        let requests = || Some(self.requests()).filter(|requests| are_so(requests));
        poll(requests, "requests")
    }
}

fn serve(
    connection: usize,
    stream: &TcpStream,
    reply: &(dyn Fn(usize, &Request) -> Reply + Send + Sync),
    all: &Mutex<Vec<Request>>,
) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line
                .strip_suffix("\r\n")
                .expect("a line of the head ends otherwise");
            if line.is_empty() {
                break;
            }
            head.push(line.to_owned());
        }
        let mut request = Request {
            connection,
            head,
            body: Vec::new(),
        };
        let length = request.header("Content-Length").unwrap().parse().unwrap();
        request.body = vec![0; length];
        if reader.read_exact(&mut request.body).is_err() {
            return;
        }
        let index = {
            let mut all = all.lock().unwrap();
            all.push(request.clone());
            all.len() - 1
        };
        let mut stream = stream;
        match reply(index, &request) {
            Reply::Answer(text) => stream.write_all(text.as_bytes()).unwrap(),
            Reply::Close(text) => {
                let _ = stream.write_all(text.as_bytes());
                return;
            }
            Reply::Silence => {}
        }
    }
}
