//! A second emulator of AWS on loopback: MiniStack, in Python.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::moto::first_line;
use crate::{Account, python};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/serve_ministack.py");

/// A running MiniStack with nothing in it. Ended on drop, and with the test process.
pub struct Ministack {
    address: SocketAddr,
    server: Child,
}

impl Ministack {
    /// Starts a server.
    ///
    /// # Errors
    /// Why it cannot be installed or started.
    pub fn start() -> Result<Self, String> {
        let python = python::MINISTACK.programs()?.join("python");
        let mut command = Command::new(python);
        command.arg("-I").arg(SERVER).env_clear();
        // The server ends when its standard input is closed.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server =
            command.spawn().map_err(|error| format!("{SERVER} cannot be started: {error}"))?;
        let address = first_line(&mut server).and_then(|line| line.trim().parse().ok());
        match address {
            Some(address) => Ok(Self { address, server }),
            None => {
                server.kill().ok();
                server.wait().ok();
                Err(format!("{SERVER} ended, or printed no address in time"))
            }
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns an account with nothing in it: an access key of twelve digits is its number.
    pub fn account(&self) -> Account {
        let id = "123456789013";
        Account {
            id: id.to_owned(),
            region: "eu-central-1".to_owned(),
            access_key_id: id.to_owned(),
            secret_access_key: "none".to_owned(),
            session_token: "none".to_owned(),
        }
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}
