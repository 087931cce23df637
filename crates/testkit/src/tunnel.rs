//! An HTTPS proxy on loopback that records the requested hosts and connects to none of them.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::Command;
use crate::http::Message;

/// How long a test waits for a request.
const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy for all TLS connections of goldenpath. It runs until the test process ends.
pub struct Tunnel {
    address: SocketAddr,
    hosts: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let tunnel = Self {
            address: listener.local_addr().expect("a bound listener"),
            hosts: Arc::default(),
        };
        let hosts = Arc::clone(&tunnel.hosts);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let answer = || -> io::Result<()> {
                    let request = Message::read(&client)?;
                    let host = request.head.split(' ').nth(1).unwrap_or_default().to_owned();
                    hosts.lock().expect("sound threads").push(host);
                    (&client).write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                };
                answer().ok();
            }
        });
        tunnel
    }

    /// Sets the proxy and fake credentials for a command.
    pub fn reach(&self, command: Command) -> Command {
        command
            .env("HTTPS_PROXY", format!("http://{}", self.address))
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "canary")
            .env("AWS_SESSION_TOKEN", "canary")
            .env("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// Returns each requested `host:port`, in order.
    pub fn hosts(&self) -> Vec<String> {
        self.hosts.lock().expect("sound threads").clone()
    }

    /// Starts a command, waits until it requests a host that is not STS, kills it and returns it.
    #[track_caller]
    pub fn first_host(&self, command: Command) -> String {
        let before = self.hosts().len();
        let running = self.reach(command).start();
        let deadline = Instant::now() + PATIENCE;
        let host = loop {
            let hosts = self.hosts();
            let mut others = hosts.iter().skip(before).filter(|host| !host.starts_with("sts."));
            match others.next() {
                Some(host) => break host.clone(),
                None if Instant::now() > deadline => panic!("no host was asked for"),
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        running.kill();
        host
    }
}

#[test]
fn a_tunnel_notes_the_host_and_connects_to_none() {
    let tunnel = Tunnel::new();
    let mut client = std::net::TcpStream::connect(tunnel.address).unwrap();
    client
        .write_all(b"CONNECT secrets.example.com:443 HTTP/1.1\r\nHost: secrets.example.com\r\n\r\n")
        .unwrap();
    let answer = Message::read(&client).unwrap();
    assert!(answer.head.starts_with("HTTP/1.1 502 "), "{}", answer.head);
    assert_eq!(tunnel.hosts(), ["secrets.example.com:443"]);
}
