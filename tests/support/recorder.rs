//! Which API calls goldenpath makes, and in which order; and what becomes of them when something goes wrong on the way.

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
    faults: Arc<Mutex<Vec<Fault>>>,
}

/// Something that goes wrong with requests of one operation.
struct Fault {
    operation: String,
    /// What the request's body must hold for the fault to be its.
    body: String,
    /// How many requests it still has to happen to.
    times: usize,
    kind: FaultKind,
}

#[derive(Clone)]
enum FaultKind {
    /// The server does it, and the answer never arrives.
    LoseAnswer,
    /// The server is not asked: this is the status and the body of the answer.
    Answer(u16, String),
}

impl Recorder {
    pub fn in_front_of(moto: &Moto) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let recorder = Self {
            address: listener.local_addr().expect("a bound listener"),
            operations: Arc::default(),
            faults: Arc::default(),
        };
        let (operations, faults) = (Arc::clone(&recorder.operations), Arc::clone(&recorder.faults));
        let server = moto.address();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (operations, faults) = (Arc::clone(&operations), Arc::clone(&faults));
                // A client that hangs up half-way has nobody left to tell.
                thread::spawn(move || pass_on(&client, server, &operations, &faults).ok());
            }
        });
        recorder
    }

    /// From here on, the first `times` requests of `operation` whose body holds `body` are done by the server, and
    /// the connection ends without an answer.
    pub fn lose_answers(&self, operation: &str, body: &str, times: usize) {
        self.add(operation, body, times, FaultKind::LoseAnswer);
    }

    /// From here on, the first `times` requests of `operation` whose body holds `body` are answered with an error
    /// of this type (AWS's JSON protocol) and do not reach the server.
    pub fn refuse(&self, operation: &str, body: &str, times: usize, error: &str, message: &str) {
        let answer = serde_json::json!({ "__type": error, "Message": message }).to_string();
        self.add(operation, body, times, FaultKind::Answer(400, answer));
    }

    /// From here on, the first `times` requests of `operation` are answered with `output` and do not reach the server.
    pub fn answer(&self, operation: &str, times: usize, output: &serde_json::Value) {
        self.add(operation, "", times, FaultKind::Answer(200, output.to_string()));
    }

    /// A call through here, without an SDK that would try it again.
    #[cfg(test)]
    fn call(
        &self,
        account: &super::Account,
        operation: &str,
        input: &serde_json::Value,
    ) -> io::Result<serde_json::Value> {
        let target = format!("secretsmanager.{operation}");
        let authorization = account.authorization();
        let headers = [("Authorization", authorization.as_str()), ("X-Amz-Target", &target)];
        let answer = super::http::post(self.address, &headers, &input.to_string())?;
        serde_json::from_slice(&answer.body).map_err(io::Error::other)
    }

    fn add(&self, operation: &str, body: &str, times: usize, kind: FaultKind) {
        let fault = Fault { operation: operation.to_owned(), body: body.to_owned(), times, kind };
        self.faults.lock().expect("sound threads").push(fault);
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
fn pass_on(
    client: &TcpStream,
    server: SocketAddr,
    operations: &Mutex<Vec<String>>,
    faults: &Mutex<Vec<Fault>>,
) -> io::Result<()> {
    let request = Message::read(client)?;
    let operation = operation(&request);
    operations.lock().expect("sound threads").push(operation.clone());
    let fault = next_fault(faults, &operation, &String::from_utf8_lossy(&request.body));
    if let Some(FaultKind::Answer(status, body)) = fault {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} told so\r\nContent-Type: application/x-amz-json-1.1\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        return Message { head, body: body.into_bytes() }.write(client);
    }
    let server = TcpStream::connect(server)?;
    request.write(&server)?;
    if matches!(fault, Some(FaultKind::LoseAnswer)) {
        return Message::read(&server).map(drop);
    }
    io::copy(&mut &server, &mut &*client)?;
    (&*client).flush()
}

fn next_fault(faults: &Mutex<Vec<Fault>>, operation: &str, body: &str) -> Option<FaultKind> {
    let mut faults = faults.lock().expect("sound threads");
    let hit = |fault: &&mut Fault| fault.times > 0 && fault.operation == operation && body.contains(&fault.body);
    let fault = faults.iter_mut().find(hit)?;
    fault.times -= 1;
    Some(fault.kind.clone())
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
    let python = python::MOTO.programs().unwrap().join("python");
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

#[test]
fn a_fault_happens_to_its_own_requests_and_as_often_as_was_said() {
    let moto = Moto::shared();
    let account = moto.account("faults");
    let recorder = Recorder::in_front_of(moto);
    recorder.refuse("CreateSecret", "\"b\"", 1, "InternalServiceError", "not today");
    recorder.lose_answers("CreateSecret", "\"c\"", 1);
    let create = |name: &str| recorder.call(&account, "CreateSecret", &serde_json::json!({ "Name": name }));

    assert_eq!(create("a").unwrap()["Name"], "a");
    assert_eq!(create("b").unwrap()["__type"], "InternalServiceError");
    assert_eq!(create("b").unwrap()["Name"], "b");
    assert_eq!(create("c").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(create("c").unwrap()["__type"], "ResourceExistsException", "it was done the first time");
}
