//! AWS on loopback: moto, an AWS simulator in Python.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::http::{self, Message};
use crate::{python, service_model};

/// How long the server may take to print its address.
const PATIENCE: Duration = Duration::from_secs(60);

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/serve_moto.py");

/// A running moto server, which all test processes of a target directory share.
///
/// Its folder has a lock for starting it, the address, the log, and a file that each process holds
/// a shared lock on. The server ends some seconds after the last one (see `serve_moto.py`).
pub struct Moto {
    address: SocketAddr,
    log: PathBuf,
    // Holds the shared lock.
    _client: File,
}

/// An AWS account with nothing in it, and credentials for it.
///
/// Moto separates the resources of accounts and identifies an account by the access key. A key that
/// moto issued for a role belongs to the account in the role's ARN, and any account number is
/// valid. So each test assumes a role in a random account. All access keys that moto did not issue
/// belong to one account, 123456789012.
#[derive(Clone)]
pub struct Account {
    pub id: String,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
}

impl Moto {
    /// Returns the server that the test processes share. The first test that needs it starts it.
    #[track_caller]
    pub fn shared() -> &'static Self {
        // Failures are cached too, so that many tests do not repeat a setup that cannot succeed.
        static SHARED: OnceLock<Result<Moto, String>> = OnceLock::new();
        match SHARED.get_or_init(|| Self::connect(&python::target_directory().join("moto"))) {
            Ok(moto) => moto,
            Err(why) => panic!("there is no moto server: {why}"),
        }
    }

    /// Returns the URL of the server, in the form of an AWS SDK's endpoint setting.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a new account for a test.
    ///
    /// The test's name becomes the role's name, and so part of the caller's identity.
    #[track_caller]
    pub fn account(&self, test: &str) -> Account {
        // Random, because other processes create accounts on the same server.
        let random = getrandom::u64().expect("random bytes");
        self.role_in(&(200_000_000_000 + random % 800_000_000_000).to_string(), test)
    }

    /// Returns the account of this number, with a role of its own.
    #[track_caller]
    pub fn account_of(&self, id: &str) -> Account {
        self.role_in(id, "onlooker")
    }

    #[track_caller]
    fn role_in(&self, id: &str, test: &str) -> Account {
        let role: String = test
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(64)
            .collect();
        let answer = self.post(
            &authorization("AKIAIOSFODNN7EXAMPLE", "us-east-1", "sts"),
            &[("Content-Type", "application/x-www-form-urlencoded")],
            &format!(
                "Action=AssumeRole&Version=2011-06-15\
                 &RoleArn=arn:aws:iam::{id}:role/{role}&RoleSessionName={role}"
            ),
        );
        let body = String::from_utf8_lossy(&answer.body);
        let element = |name: &str| {
            body.split_once(&format!("<{name}>"))
                .and_then(|(_, rest)| rest.split_once('<'))
                .unwrap_or_else(|| panic!("AssumeRole was answered without {name}:\n{body}"))
                .0
                .to_owned()
        };
        Account {
            id: id.to_owned(),
            region: "eu-central-1".to_owned(),
            access_key_id: element("AccessKeyId"),
            secret_access_key: element("SecretAccessKey"),
            session_token: element("SessionToken"),
        }
    }

    /// Calls an operation of Secrets Manager, such as `CreateSecret`.
    ///
    /// It does not use goldenpath's SDK, so that the tests are independent of it.
    ///
    /// # Errors
    /// The error that the server reports.
    #[track_caller]
    pub fn call(&self, account: &Account, operation: &str, input: Value) -> Result<Value, Value> {
        let called = call_at(self.address, account, operation, &input);
        called.unwrap_or_else(|why| panic!("{operation}: {why}\n{}", end_of(&self.log)))
    }

    #[track_caller]
    fn post(&self, authorization: &str, headers: &[(&str, &str)], body: &str) -> Message {
        let headers = [&[("Authorization", authorization)], headers].concat();
        post_checked(self.address, &headers, body)
            .unwrap_or_else(|error| panic!("moto did not answer: {error}\n{}", end_of(&self.log)))
    }

    fn connect(folder: &Path) -> Result<Self, String> {
        let failed = |what: &str| {
            let what = format!("cannot {what} {}", folder.display());
            move |error: std::io::Error| format!("{what}: {error}")
        };
        fs::create_dir_all(folder).map_err(failed("create"))?;
        let open = |name| File::options().create(true).append(true).open(folder.join(name));
        // One process starts the server; the others wait for it and connect.
        let start = open("start.lock").map_err(failed("open a file in"))?;
        start.lock().map_err(failed("lock"))?;
        let client = open("clients.lock").map_err(failed("open a file in"))?;
        client.lock_shared().map_err(failed("lock"))?;
        let (file, log) = (folder.join("address"), folder.join("log"));
        let running = fs::read_to_string(&file).ok().and_then(|text| text.parse().ok());
        let address = match running.filter(|address| TcpStream::connect(address).is_ok()) {
            Some(address) => address,
            None => start_server(&folder.join("clients.lock"), &log)?,
        };
        fs::write(&file, address.to_string()).map_err(failed("write the address to"))?;
        Ok(Self { address, log, _client: client })
    }
}

/// Calls an operation of Secrets Manager at an emulator.
///
/// # Errors
/// If there is no answer in JSON. An error that the emulator reports is the inner one.
pub(crate) fn call_at(
    server: SocketAddr,
    account: &Account,
    operation: &str,
    input: &Value,
) -> Result<Result<Value, Value>, String> {
    let authorization = account.authorization();
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", &format!("secretsmanager.{operation}")),
    ];
    let answer = post_checked(server, &headers, &input.to_string()).map_err(|e| e.to_string())?;
    let output = serde_json::from_slice(&answer.body).map_err(|error| {
        format!("not answered in JSON: {error}\n{}", String::from_utf8_lossy(&answer.body))
    })?;
    Ok(if answer.is_success() { Ok(output) } else { Err(output) })
}

/// Sends a request that AWS's model allows. Panics if it does not.
#[track_caller]
fn post_checked(
    server: SocketAddr,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Message> {
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let head = format!("POST / HTTP/1.1\r\n{}\r\n", lines.collect::<String>());
    let request = Message { head, body: body.as_bytes().to_vec() };
    let violations = service_model::violations(&request);
    assert!(violations.is_empty(), "a call that AWS's model does not allow: {violations:?}");
    http::post(server, headers, body)
}

fn start_server(clients: &Path, log: &Path) -> Result<SocketAddr, String> {
    let python = python::MOTO.programs()?.join("python");
    let output = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut command = Command::new(python);
    command.arg("-I").arg(SERVER).arg(clients);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(output);
    // Moto takes settings from the environment, such as one account number for all callers. A
    // signal to the group of this test does not end the server of others.
    command.env_clear().process_group(0);
    let failed = |why: String| format!("{SERVER} {why}\n{}", end_of(log));
    let mut server =
        command.spawn().map_err(|error| failed(format!("cannot be started: {error}")))?;
    first_line(&mut server).and_then(|line| line.trim().parse().ok()).ok_or_else(|| {
        server.kill().ok();
        failed(format!("ended, or printed no address within {PATIENCE:?}"))
    })
}

impl Account {
    /// The signature of a request to Secrets Manager.
    pub(crate) fn authorization(&self) -> String {
        authorization(&self.access_key_id, &self.region, "secretsmanager")
    }

    /// The environment that makes an AWS SDK use this account at this endpoint.
    pub fn environment(&self, endpoint: &str) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_ACCESS_KEY_ID", self.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key.clone()),
            ("AWS_SESSION_TOKEN", self.session_token.clone()),
        ]
    }
}

/// Returns the part of a signature that moto reads: the access key, the region and the service.
///
/// Moto does not verify signatures.
fn authorization(access_key_id: &str, region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key_id}/20240101/{region}/{service}/aws4_request, \
         SignedHeaders=host, Signature=none"
    )
}

pub(crate) fn first_line(server: &mut Child) -> Option<String> {
    let stdout = server.stdout.take()?;
    let (said, heard) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).ok();
        said.send(line).ok();
    });
    heard.recv_timeout(PATIENCE).ok()
}

fn end_of(log: &Path) -> String {
    let log = fs::read(log).unwrap_or_default();
    let end = String::from_utf8_lossy(&log[log.len().saturating_sub(4000)..]);
    format!("The end of its log:\n{end}")
}

#[test]
fn accounts_see_nothing_of_one_another() {
    use serde_json::json;

    let moto = Moto::shared();
    let [ours, theirs] = ["ours", "theirs"].map(|test| moto.account(test));
    let secret = json!({"Name": "team/app/key", "SecretString": "s3cret"});
    moto.call(&ours, "CreateSecret", secret).unwrap();

    let listed =
        |account| moto.call(account, "ListSecrets", json!({})).unwrap()["SecretList"].clone();
    assert_eq!(listed(&ours)[0]["Name"], "team/app/key");
    assert!(listed(&ours)[0]["ARN"].as_str().unwrap().contains(&ours.id));
    assert_eq!(listed(&theirs), json!([]));
    let missing = moto.call(&theirs, "DescribeSecret", json!({"SecretId": "team/app/key"}));
    assert_eq!(missing.unwrap_err()["__type"], "ResourceNotFoundException");
}

#[test]
fn processes_share_a_server_that_ends_after_the_last_of_them() {
    use std::time::Instant;

    let folder = tempfile::tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| Moto::connect(folder.path()).unwrap());
    let address = first.address();
    assert_eq!(first.endpoint(), format!("http://{address}"));
    assert_eq!(second.address(), address);
    drop(first);
    thread::sleep(Duration::from_secs(7));
    assert!(TcpStream::connect(address).is_ok(), "a client is left");
    drop(second);
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "it is still there");
        thread::sleep(Duration::from_millis(100));
    }
    let next = Moto::connect(folder.path()).unwrap();
    assert!(TcpStream::connect(next.address()).is_ok(), "the next client starts another");
}
