//! A minimal HTTP/1.1 client and server for loopback servers that close each connection after the
//! response, as moto does.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A request or a response: the lines up to the empty one, and the bytes after it.
#[derive(Clone)]
pub(crate) struct Message {
    pub head: String,
    pub body: Vec<u8>,
}

impl Message {
    pub(crate) fn read(from: impl io::Read) -> io::Result<Self> {
        let mut from = BufReader::new(from);
        let mut message = Self { head: String::new(), body: Vec::new() };
        while !message.head.ends_with("\r\n\r\n") {
            if from.read_line(&mut message.head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let length = message.header("Content-Length").unwrap_or("0");
        let length = length.parse().map_err(io::Error::other)?;
        message.body.resize(length, 0);
        io::Read::read_exact(&mut from, &mut message.body)?;
        Ok(message)
    }

    /// Returns it with another body, which is JSON.
    pub(crate) fn with_body(self, body: &serde_json::Value) -> Self {
        let body = body.to_string().into_bytes();
        let is_kept = |line: &&str| !line.to_ascii_lowercase().starts_with("content-length:");
        let lines = self.head.lines().filter(|line| !line.is_empty()).filter(is_kept);
        let head: String = lines.map(|line| format!("{line}\r\n")).collect();
        let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
        Self { head, body }
    }

    pub(crate) fn write(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(self.head.as_bytes())?;
        to.write_all(&self.body)?;
        to.flush()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// Reports whether this is a response with a status 2xx.
    pub(crate) fn is_success(&self) -> bool {
        self.head.split(' ').nth(1).is_some_and(|code| code.starts_with('2'))
    }
}

pub(crate) fn post(to: SocketAddr, headers: &[(&str, &str)], body: &str) -> io::Result<Message> {
    let connection = TcpStream::connect(to)?;
    connection.set_read_timeout(Some(Duration::from_secs(30)))?;
    let length = body.len();
    let mut head = format!("POST / HTTP/1.1\r\nHost: {to}\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "Connection: close\r\n\r\n";
    let request = Message { head, body: body.as_bytes().to_vec() };
    request.write(&connection)?;
    Message::read(&connection)
}
