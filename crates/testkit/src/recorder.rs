//! A proxy that records the API calls of goldenpath, in order, and injects faults into them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use crate::Moto;
use crate::http::Message;

/// How long a test waits for a request.
const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy in front of moto that forwards each request and records its operation.
///
/// Each test has its own, so that it counts only its own calls. It runs until the test process
/// ends.
pub struct Recorder {
    address: SocketAddr,
    state: Arc<RecorderState>,
}

/// The recorded requests and the faults to inject.
#[derive(Default)]
struct RecorderState {
    /// The operation and the body of each call.
    calls: Mutex<Vec<(String, String)>>,
    faults: Mutex<Vec<Fault>>,
    random_faults: Mutex<Option<RandomFaults>>,
    held: Mutex<Option<(usize, HoldPoint, Arc<Gate>)>>,
    /// The head and the body of each request, byte for byte.
    requests: Mutex<Vec<(String, Vec<u8>)>>,
    keeps_open: AtomicBool,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// Random faults that depend only on the seed and the requests, not on their order.
struct RandomFaults {
    seed: u64,
    /// The number of attempts of each request.
    attempts: HashMap<(String, String), u64>,
}

impl RandomFaults {
    /// Throttles 20% of the requests, fails 5% with a server error and loses 2% of the responses.
    fn draw(&mut self, operation: &str, body: &str) -> Option<FaultKind> {
        let mut body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("ClientRequestToken"); // random for each request
        }
        let attempt = self.attempts.entry((operation.to_owned(), body.to_string())).or_default();
        *attempt += 1;
        let mut hasher = DefaultHasher::new();
        (self.seed, operation, body.to_string(), *attempt).hash(&mut hasher);
        let answer =
            |kind: &str| serde_json::json!({ "__type": kind, "Message": "not now" }).to_string();
        match hasher.finish() % 100 {
            0..20 => Some(FaultKind::Answer(400, answer("ThrottlingException"))),
            20..25 => Some(FaultKind::Answer(500, answer("InternalServiceError"))),
            25..27 => Some(FaultKind::LoseAnswer),
            _ => None,
        }
    }
}

/// A fault to inject into requests of one operation.
struct Fault {
    operation: String,
    /// The text that the body of a matching request contains.
    body: String,
    /// The number of requests that are still to fail.
    times: usize,
    kind: FaultKind,
}

#[derive(Clone)]
enum FaultKind {
    /// The server handles the request, and the response never arrives.
    LoseAnswer,
    /// The request or its response waits.
    Hold(HoldPoint, Arc<Gate>),
    /// The recorder responds with this status and body; the request does not reach the server.
    Answer(u16, String),
    /// As `Answer`, with more header lines and with the request's body in place of placeholders.
    Echo(u16, String, String),
    /// The connection is reset; the request does not reach the server.
    Reset,
}

/// Whether a call waits before the server handles it, or before its response is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldPoint {
    BeforeRequest,
    BeforeResponse,
}

/// A gate at which requests wait until a test opens it.
#[derive(Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    waiting: usize,
    is_open: bool,
    turns_away: bool,
}

impl Gate {
    /// Waits until this number of requests have arrived. Returns false after a timeout.
    pub fn is_reached_by(&self, requests: usize) -> bool {
        let state = self.state.lock().expect("sound threads");
        let unfinished = |state: &mut GateState| state.waiting < requests;
        !self
            .changed
            .wait_timeout_while(state, PATIENCE, unfinished)
            .expect("sound threads")
            .1
            .timed_out()
    }

    /// Forwards the requests that wait, and all later ones.
    pub fn open(&self) {
        self.state.lock().expect("sound threads").is_open = true;
        self.changed.notify_all();
    }

    /// Closes the connections of the requests that wait, without a response.
    ///
    /// A request that waits before the server never reaches it.
    pub fn turn_away(&self) {
        self.state.lock().expect("sound threads").turns_away = true;
        self.open();
    }

    /// Waits until the gate opens. Returns false if the connection is to be closed.
    fn pass(&self) -> bool {
        let mut state = self.state.lock().expect("sound threads");
        state.waiting += 1;
        self.changed.notify_all();
        !self.changed.wait_while(state, |state| !state.is_open).expect("sound threads").turns_away
    }
}

impl Recorder {
    pub fn in_front_of(moto: &Moto) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let recorder = Self {
            address: listener.local_addr().expect("a bound listener"),
            state: Arc::default(),
        };
        let state = Arc::clone(&recorder.state);
        let server = moto.address();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                // An error here means that the client has disconnected.
                thread::spawn(move || pass_on(&client, server, &state).ok());
            }
        });
        recorder
    }

    /// Loses the responses to the next `times` requests of `operation` whose body contains `body`.
    ///
    /// The server handles the requests, and the connections end without a response.
    pub fn lose_answers(&self, operation: &str, body: &str, times: usize) {
        self.add(operation, body, times, FaultKind::LoseAnswer);
    }

    /// Rejects the next `times` requests of `operation` whose body contains `body`.
    ///
    /// The response is an error of this type (AWS's JSON protocol). The requests do not reach the
    /// server.
    pub fn refuse(&self, operation: &str, body: &str, times: usize, error: &str, message: &str) {
        let answer = serde_json::json!({ "__type": error, "Message": message }).to_string();
        self.add(operation, body, times, FaultKind::Answer(400, answer));
    }

    /// Rejects all requests to STS whose body contains `body`. They do not reach the server.
    pub fn refuse_role(&self, body: &str, message: &str) {
        let answer = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <Error><Type>Sender</Type><Code>AccessDenied</Code>\
             <Message>{message}</Message></Error></ErrorResponse>"
        );
        // STS names its operation in the body (AWS's query protocol).
        self.add("POST / HTTP/1.1", body, usize::MAX, FaultKind::Answer(403, answer));
    }

    /// Answers the next `times` requests of `operation` with `output`.
    ///
    /// The requests do not reach the server.
    pub fn answer(&self, operation: &str, times: usize, output: &serde_json::Value) {
        self.add(operation, "", times, FaultKind::Answer(200, output.to_string()));
    }

    /// Answers the next `times` requests of `operation` with this status, these header lines and
    /// this body.
    ///
    /// Each header line has its line break. In the body, `{request}` is replaced with the request's
    /// body, and `{quoted}` with the same as the content of a JSON string. The requests do not
    /// reach the server.
    pub fn echo(&self, operation: &str, times: usize, status: u16, head: &str, body: &str) {
        self.add(operation, "", times, FaultKind::Echo(status, head.to_owned(), body.to_owned()));
    }

    /// Resets the connections of the next `times` requests of `operation`.
    ///
    /// The requests do not reach the server.
    pub fn reset_connections(&self, operation: &str, times: usize) {
        self.add(operation, "", times, FaultKind::Reset);
    }

    /// Removes all faults.
    pub fn forget_faults(&self) {
        self.state.faults.lock().expect("sound threads").clear();
    }

    /// Keeps connections open after a response, as AWS does.
    pub fn keep_open(&self) {
        self.state.keeps_open.store(true, Ordering::SeqCst);
    }

    /// Injects faults at random: 20% ThrottlingException, 5% InternalServiceError and 2% lost
    /// responses.
    ///
    /// The draw depends on the seed, the request and the number of its attempts.
    pub fn inject_random_faults(&self, seed: u64) {
        let random_faults = RandomFaults { seed, attempts: HashMap::new() };
        *self.state.random_faults.lock().expect("sound threads") = Some(random_faults);
    }

    /// Makes the next `times` requests of `operation` whose body contains `body` wait at a gate.
    pub fn hold(&self, operation: &str, body: &str, times: usize, when: HoldPoint) -> Arc<Gate> {
        let gate = Arc::default();
        self.add(operation, body, times, FaultKind::Hold(when, Arc::clone(&gate)));
        gate
    }

    /// Makes the call of this number, counted from 0 since the last reset, wait at a gate.
    pub fn hold_call(&self, number: usize, when: HoldPoint) -> Arc<Gate> {
        let gate = Arc::default();
        *self.state.held.lock().expect("sound threads") = Some((number, when, Arc::clone(&gate)));
        gate
    }

    /// Calls an operation through the recorder, without an SDK, which would retry it.
    #[cfg(test)]
    fn call(
        &self,
        account: &crate::Account,
        operation: &str,
        input: &serde_json::Value,
    ) -> io::Result<serde_json::Value> {
        let target = format!("secretsmanager.{operation}");
        let authorization = account.authorization();
        let headers = [("Authorization", authorization.as_str()), ("X-Amz-Target", &target)];
        let answer = crate::http::post(self.address, &headers, &input.to_string())?;
        serde_json::from_slice(&answer.body).map_err(io::Error::other)
    }

    fn add(&self, operation: &str, body: &str, times: usize, kind: FaultKind) {
        let fault = Fault { operation: operation.to_owned(), body: body.to_owned(), times, kind };
        self.state.faults.lock().expect("sound threads").push(fault);
    }

    /// Returns the URL of the recorder, in the form of an AWS SDK's endpoint setting.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the operations called so far, in order, such as `["ListSecrets", "CreateSecret"]`.
    ///
    /// A request that names no operation is listed with its first line. GetCallerIdentity is left
    /// out.
    pub fn operations(&self) -> Vec<String> {
        let calls = self.state.calls.lock().expect("sound threads");
        calls.iter().map(|(operation, _)| operation.clone()).collect()
    }

    /// Returns the inputs of the calls of one operation so far, in order.
    pub fn bodies(&self, operation: &str) -> Vec<serde_json::Value> {
        let calls = self.state.calls.lock().expect("sound threads");
        let own = calls.iter().filter(|(called, _)| called == operation);
        own.map(|(_, body)| serde_json::from_str(body).expect("AWS's JSON protocol")).collect()
    }

    /// Returns the head and the body of all requests so far, byte for byte.
    pub fn requests(&self) -> Vec<(String, Vec<u8>)> {
        self.state.requests.lock().expect("sound threads").clone()
    }

    /// Returns the highest number of concurrent requests.
    pub fn most_at_once(&self) -> usize {
        self.state.most_in_flight.load(Ordering::SeqCst)
    }

    /// Clears the recorded calls.
    pub fn reset(&self) {
        self.state.calls.lock().expect("sound threads").clear();
        self.state.requests.lock().expect("sound threads").clear();
    }
}

/// Forwards the requests of a connection, and their responses.
///
/// Moto closes the connection after each response and announces it in a header. The recorder
/// forwards that header, so the client's connection ends as well, unless it is to stay open.
fn pass_on(client: &TcpStream, server: SocketAddr, state: &RecorderState) -> io::Result<()> {
    loop {
        let request = Message::read(client)?;
        let now = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_in_flight.fetch_max(now, Ordering::SeqCst);
        state
            .requests
            .lock()
            .expect("sound threads")
            .push((request.head.clone(), request.body.clone()));
        let answer = answer(client, server, &request, state);
        // Before the response is written: the client may send the next request right after it.
        state.in_flight.fetch_sub(1, Ordering::SeqCst);
        let Some(mut answer) = answer? else { return Ok(()) };
        if !state.keeps_open.load(Ordering::SeqCst) {
            return answer.write(client);
        }
        answer.head = answer.head.replace("Connection: close\r\n", "");
        answer.write(client)?;
    }
}

/// Returns the response to a request, or None if it is lost.
fn answer(
    client: &TcpStream,
    server: SocketAddr,
    request: &Message,
    state: &RecorderState,
) -> io::Result<Option<Message>> {
    let (operation, body) =
        (operation(request), String::from_utf8_lossy(&request.body).into_owned());
    let drawn = state
        .random_faults
        .lock()
        .expect("sound threads")
        .as_mut()
        .and_then(|it| it.draw(&operation, &body));
    let fault = drawn.or_else(|| next_fault(&state.faults, &operation, &body));
    let number = {
        let mut calls = state.calls.lock().expect("sound threads");
        // GetCallerIdentity goes to STS, and tests count the calls to Secrets Manager.
        let counts = !body.contains("Action=GetCallerIdentity");
        if counts {
            calls.push((operation, body));
        }
        counts.then(|| calls.len() - 1)
    };
    let held =
        state.held.lock().expect("sound threads").take_if(|(held, ..)| Some(*held) == number);
    let held = held.map(|(_, when, gate)| (when, gate));
    let held = held.or_else(|| match &fault {
        Some(FaultKind::Hold(when, gate)) => Some((*when, Arc::clone(gate))),
        _ => None,
    });
    let passes =
        |now: HoldPoint| held.as_ref().is_none_or(|(when, gate)| *when != now || gate.pass());
    if !passes(HoldPoint::BeforeRequest) {
        return Ok(None);
    }
    let injected = match &fault {
        Some(FaultKind::Answer(status, body)) => Some((*status, "", body.clone())),
        Some(FaultKind::Echo(status, head, body)) => {
            Some((*status, head.as_str(), echoed(body, &request.body)))
        }
        Some(FaultKind::Reset) => {
            socket2::SockRef::from(client).set_linger(Some(Duration::ZERO))?;
            return Ok(None);
        }
        _ => None,
    };
    if let Some((status, head, body)) = injected {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Simulated\r\nContent-Type: application/x-amz-json-1.1\r\n{head}\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        return Ok(
            passes(HoldPoint::BeforeResponse).then(|| Message { head, body: body.into_bytes() })
        );
    }
    let server = TcpStream::connect(server)?;
    request.write(&server)?;
    let answer = Message::read(&server)?;
    let is_lost =
        !passes(HoldPoint::BeforeResponse) || matches!(fault, Some(FaultKind::LoseAnswer));
    Ok((!is_lost).then_some(answer))
}

fn echoed(body: &str, request: &[u8]) -> String {
    let request = String::from_utf8_lossy(request);
    let quoted = serde_json::to_string(&request).expect("JSON");
    body.replace("{quoted}", &quoted[1..quoted.len() - 1]).replace("{request}", &request)
}

fn next_fault(faults: &Mutex<Vec<Fault>>, operation: &str, body: &str) -> Option<FaultKind> {
    let mut faults = faults.lock().expect("sound threads");
    let hit = |fault: &Fault| {
        fault.times > 0 && fault.operation == operation && body.contains(&fault.body)
    };
    // Faults apply in the order in which a test added them; permanent ones apply last.
    let hits = (0..faults.len()).filter(|place| hit(&faults[*place]));
    let place = hits.min_by_key(|place| faults[*place].times == usize::MAX)?;
    let fault = &mut faults[place];
    if fault.times != usize::MAX {
        fault.times -= 1;
    }
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
    use crate::{Repository, python};

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
    assert!(
        outcome.stdout.contains(&format!(":{}:assumed-role/recorder/recorder", account.id)),
        "{}",
        outcome.stdout
    );
    assert_eq!(
        recorder.operations(),
        ["CreateSecret", "DescribeSecret"],
        "who the caller is, another service was asked"
    );

    recorder.reset();
    let value =
        moto.call(&account, "GetSecretValue", serde_json::json!({"SecretId": "a"})).unwrap();
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
    let create =
        |name: &str| recorder.call(&account, "CreateSecret", &serde_json::json!({ "Name": name }));

    assert_eq!(create("a").unwrap()["Name"], "a");
    assert_eq!(create("b").unwrap()["__type"], "InternalServiceError");
    assert_eq!(create("b").unwrap()["Name"], "b");
    assert_eq!(create("c").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(
        create("c").unwrap()["__type"],
        "ResourceExistsException",
        "it was done the first time"
    );

    recorder.reset();
    recorder.echo(
        "CreateSecret",
        1,
        400,
        "X-So: it is\r\n",
        "{\"__type\": \"E\", \"Message\": \"no {quoted}\"}",
    );
    assert_eq!(create("d").unwrap()["Message"], "no {\"Name\":\"d\"}");
    recorder.reset_connections("CreateSecret", 1);
    assert_eq!(create("d").unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let requests = recorder.requests();
    assert!(
        requests.len() == 2
            && requests[0].0.starts_with("POST / ")
            && requests[0].1 == b"{\"Name\":\"d\"}"
    );
}
