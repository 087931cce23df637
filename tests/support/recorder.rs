//! Which API calls goldenpath makes, and in which order.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::Moto;
use super::http::Message;

/// A proxy in front of moto that passes everything on and notes the operation of each request. Each test
/// has its own, so that it counts only its own calls; it lasts until the test process ends.
pub struct Recorder {
    address: SocketAddr,
    operations: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    pub fn in_front_of(moto: &Moto) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let recorder = Self { address: listener.local_addr().expect("a bound listener"), operations: Arc::default() };
        let operations = Arc::clone(&recorder.operations);
        let server = moto.address();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let operations = Arc::clone(&operations);
                // A client that hangs up half-way has nobody left to tell.
                thread::spawn(move || pass_on(&client, server, &operations).ok());
            }
        });
        recorder
    }

    /// Where the recorder listens, the way an AWS SDK is told.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The operations called so far, in order, such as `["ListSecrets", "CreateSecret"]`. A request that
    /// names none stands there with its first line.
    pub fn operations(&self) -> Vec<String> {
        self.operations.lock().expect("sound threads").clone()
    }

    /// Forgets the calls made so far.
    pub fn reset(&self) {
        self.operations.lock().expect("sound threads").clear();
    }
}

/// One request and its answer. Moto closes the connection after every answer and says so in a header,
/// which passes through here to the client: so the client's connection ends as well.
fn pass_on(client: &TcpStream, server: SocketAddr, operations: &Mutex<Vec<String>>) -> io::Result<()> {
    let request = Message::read(client)?;
    operations.lock().expect("sound threads").push(operation(&request));
    let server = TcpStream::connect(server)?;
    request.write(&server)?;
    io::copy(&mut &server, &mut &*client)?;
    (&*client).flush()
}

fn operation(request: &Message) -> String {
    match request.header("X-Amz-Target").map(|target| target.rsplit_once('.')) {
        Some(Some((_, operation))) => operation.to_owned(),
        _ => request.head.lines().next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn the_calls_of_an_sdk_are_passed_on_and_noted_in_order() {
    use super::{Repository, python};

    let moto = Moto::shared();
    let account = moto.account("recorder");
    let recorder = Recorder::in_front_of(moto);
    let python = python::with_requirements().unwrap();
    let script = "import boto3; secrets = boto3.client('secretsmanager'); \
                  secrets.create_secret(Name='a', SecretString='b'); \
                  print(secrets.describe_secret(SecretId='a')['ARN']); \
                  print(boto3.client('sts').get_caller_identity()['Arn'])";
    let outcome = Repository::new()
        .program(python.to_str().unwrap(), &["-c", script])
        .envs(account.environment(&recorder.endpoint()))
        .env("AWS_DEFAULT_REGION", &account.region) // what boto3 reads instead of AWS_REGION
        .run()
        .success();
    assert!(outcome.stdout.contains(&format!(":{}:assumed-role/recorder/recorder", account.id)), "{}", outcome.stdout);
    assert_eq!(recorder.operations(), ["CreateSecret", "DescribeSecret", "POST / HTTP/1.1"]);

    recorder.reset();
    let value = moto.call(&account, "GetSecretValue", serde_json::json!({"SecretId": "a"})).unwrap();
    assert_eq!(value["SecretString"], "b");
    assert!(recorder.operations().is_empty(), "it notes only what goes through it");
}
