//! A proxy that records the API calls of goldenpath, in order, and injects faults into them.

mod call;
mod errors;
mod faults;
mod gate;
mod replication;
mod rotation;
mod server;
mod staleness;
#[cfg(test)]
mod tests;
mod unkind;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use self::call::ApiCall;
use self::faults::{FaultKind, Faults, echoed};
use self::replication::Replicas;
use self::rotation::Rotations;
use self::server::Server;
use self::staleness::Staleness;
use self::unkind::Unkind;
use crate::http::Message;
use crate::{Moto, service_model};

pub use self::errors::{
    AwsError, INTERNAL, INVALID_TOKEN, MARKED_FOR_DELETION, NO_VALUE, NOT_FOUND, OVER_QUOTA,
    SCHEDULED_FOR_DELETION, THROTTLED,
};
pub use self::gate::{Gate, HoldPoint};
pub use self::staleness::Lag;

/// A proxy in front of moto that forwards each request and records its operation.
///
/// Each test has its own, so that it counts only its own calls. It runs until the test process
/// ends. A request that AWS's model does not allow fails the test when the recorder is dropped.
pub struct Recorder {
    address: SocketAddr,
    state: Arc<RecorderState>,
}

/// The recorded requests and how they are answered.
struct RecorderState {
    server: Server,
    /// The operation and the body of each call.
    calls: Mutex<Vec<(String, String)>>,
    faults: Mutex<Faults>,
    unkind: Mutex<Option<Unkind>>,
    staleness: Mutex<Staleness>,
    rotations: Mutex<Option<Rotations>>,
    replicas: Mutex<Replicas>,
    /// How long the credentials of STS are valid, if it is not what the server says.
    session: Mutex<Option<Duration>>,
    rate_limits: Mutex<Vec<RateLimit>>,
    /// The most entries of a page, or 0.
    page: AtomicUsize,
    held: Mutex<Option<(usize, HoldPoint, Arc<Gate>)>>,
    /// The head and the body of each request, byte for byte.
    requests: Mutex<Vec<(String, Vec<u8>)>>,
    /// What AWS's model does not allow.
    violations: Mutex<Vec<String>>,
    keeps_open: AtomicBool,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// A quota of calls of an operation in a second.
struct RateLimit {
    operation: String,
    calls: usize,
    /// The times of the calls in the last second.
    recent: Vec<Instant>,
}

impl Drop for Recorder {
    /// Fails the test if AWS would have refused one of its requests.
    fn drop(&mut self) {
        let Ok(violations) = self.state.violations.lock() else { return };
        assert!(
            thread::panicking() || violations.is_empty(),
            "requests that AWS's model does not allow:\n{}",
            violations.join("\n")
        );
    }
}

impl Recorder {
    pub fn in_front_of(moto: &Moto) -> Self {
        Self::in_front_of_server(moto.address())
    }

    /// Returns a recorder in front of another emulator of AWS.
    pub fn in_front_of_server(server: SocketAddr) -> Self {
        service_model::load().unwrap_or_else(|why| panic!("there is no model of AWS: {why}"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let recorder = Self {
            address: listener.local_addr().expect("a bound listener"),
            state: Arc::new(RecorderState::of(Server(server))),
        };
        let state = Arc::clone(&recorder.state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                // An error here means that the client has disconnected.
                thread::spawn(move || pass_on(&client, &state).ok());
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
        self.add(operation, body, times, FaultKind::refusal((error, message)));
    }

    /// Refuses an operation `times` times after each `write` to the same secret.
    ///
    /// `secret` is a part of the names of the secrets, such as `""` for all.
    pub fn refuse_after(
        &self,
        write: &str,
        operation: &str,
        secret: &str,
        times: usize,
        error: AwsError,
    ) {
        let mut faults = self.state.faults.lock().expect("sound threads");
        faults.add_after_write(write, operation, secret, times, error);
    }

    /// Answers `read` as before each `write` to the same secret, for as long as `lag` says.
    ///
    /// An empty text means all. The reads are DescribeSecret, GetResourcePolicy, GetSecretValue,
    /// ListSecretVersionIds and ListSecrets. `secret` is a part of the names of the secrets. A
    /// rule replaces earlier ones for the same calls.
    pub fn answer_as_before(&self, write: &str, read: &str, secret: &str, lag: Lag) {
        self.state.staleness.lock().expect("sound threads").add_rule(write, read, secret, lag);
    }

    /// Lets virtual time pass. Each call takes a virtual second.
    pub fn advance(&self, time: Duration) {
        self.state.staleness.lock().expect("sound threads").advance(time);
    }

    /// Makes the result of each write so far visible to all calls.
    pub fn settle(&self) {
        self.state.faults.lock().expect("sound threads").settle();
        self.state.staleness.lock().expect("sound threads").settle();
    }

    /// Is unkind at random: stale answers, throttling, internal errors, lost answers, and writes
    /// that do not see a secret that was just created or restored.
    ///
    /// It is the same for the same seed and the same calls to a secret. Ten rejected and four
    /// unanswered tries of a call suffice. It also accepts rotation, see `accept_rotation`.
    pub fn unkind(&self, seed: u64) {
        self.accept_rotation();
        *self.state.unkind.lock().expect("sound threads") = Some(Unkind::new(seed));
    }

    /// Is kind again, from the next call on. What was written is visible.
    pub fn be_kind(&self) {
        *self.state.unkind.lock().expect("sound threads") = None;
        self.settle();
    }

    /// Accepts RotateSecret and CancelRotateSecret for functions that moto does not know.
    ///
    /// DescribeSecret and ListSecrets show the rotation. No function is called. So it is for the
    /// rotation of managed external secrets.
    pub fn accept_rotation(&self) {
        self.state.rotations.lock().expect("sound threads").get_or_insert_default();
    }

    /// Returns the rotations that were accepted, by the names of the secrets.
    pub fn rotations(&self) -> BTreeMap<String, serde_json::Value> {
        let rotations = self.state.rotations.lock().expect("sound threads");
        rotations.as_ref().map(Rotations::all).unwrap_or_default()
    }

    /// Lets each new replica be in progress for this number of answers.
    pub fn replicate_slowly(&self, answers: usize) {
        self.state.replicas.lock().expect("sound threads").slow_down(answers);
    }

    /// Sets the day of the last access to a secret's replica, in seconds since 1970.
    pub fn read_replica(&self, secret: &str, region: &str, seconds: u64) {
        self.state.replicas.lock().expect("sound threads").read(secret, region, seconds);
    }

    /// Expires the tokens of the next `times` requests of `operation` for a further page.
    pub fn expire_tokens(&self, operation: &str, times: usize) {
        let (code, message) = INVALID_TOKEN;
        self.refuse(operation, "\"NextToken\":", times, code, message);
    }

    /// Returns at most this number of secrets in a page, whatever the caller asks for.
    pub fn shorten_pages(&self, size: usize) {
        self.state.page.store(size, Ordering::SeqCst);
    }

    /// Throttles the calls of an operation over this number in a second.
    pub fn limit_rate(&self, operation: &str, calls: usize) {
        let limit = RateLimit { operation: operation.to_owned(), calls, recent: Vec::new() };
        self.state.rate_limits.lock().expect("sound threads").push(limit);
    }

    /// Rejects all requests to STS whose body contains `body`. They do not reach the server.
    pub fn refuse_role(&self, body: &str, message: &str) {
        self.refuse_sts(body, usize::MAX, message);
    }

    /// Rejects the next `times` requests to STS whose body contains `body`.
    pub fn refuse_sts(&self, body: &str, times: usize, message: &str) {
        let answer = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <Error><Type>Sender</Type><Code>AccessDenied</Code>\
             <Message>{message}</Message></Error></ErrorResponse>"
        );
        // STS names its operation in the body (AWS's query protocol).
        self.add("POST / HTTP/1.1", body, times, FaultKind::Answer(403, answer));
    }

    /// Lets the credentials that STS gives expire after this time.
    pub fn shorten_sessions(&self, time: Duration) {
        *self.state.session.lock().expect("sound threads") = Some(time);
    }

    /// Returns the bodies of the requests of an operation of STS, in order.
    pub fn sts_bodies(&self, operation: &str) -> Vec<String> {
        let requests = self.requests();
        let bodies = requests.iter().map(|(_, body)| String::from_utf8_lossy(body).into_owned());
        bodies.filter(|body| body.contains(&format!("Action={operation}"))).collect()
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

    /// Removes all faults that were added one by one.
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
        self.state.faults.lock().expect("sound threads").inject_random(seed);
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

    fn add(&self, operation: &str, body: &str, times: usize, kind: FaultKind) {
        self.state.faults.lock().expect("sound threads").add(operation, body, times, kind);
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

    /// Clears the recorded calls, and lets no later call wait at the gate of a number.
    pub fn reset(&self) {
        self.state.held.lock().expect("sound threads").take();
        self.state.calls.lock().expect("sound threads").clear();
        self.state.requests.lock().expect("sound threads").clear();
    }
}

impl RecorderState {
    fn of(server: Server) -> Self {
        Self {
            server,
            calls: Mutex::default(),
            faults: Mutex::default(),
            unkind: Mutex::default(),
            staleness: Mutex::default(),
            rotations: Mutex::default(),
            replicas: Mutex::default(),
            session: Mutex::default(),
            rate_limits: Mutex::default(),
            page: AtomicUsize::default(),
            held: Mutex::default(),
            requests: Mutex::default(),
            violations: Mutex::default(),
            keeps_open: AtomicBool::default(),
            in_flight: AtomicUsize::default(),
            most_in_flight: AtomicUsize::default(),
        }
    }

    fn next_fault(&self, call: &ApiCall) -> Option<FaultKind> {
        if self.is_over_rate(call) {
            return Some(FaultKind::refusal(THROTTLED));
        }
        let mut unkind = self.unkind.lock().expect("sound threads");
        let drawn = unkind.as_mut().and_then(|unkind| unkind.draw_fault(call));
        drop(unkind);
        drawn.or_else(|| self.faults.lock().expect("sound threads").next(call))
    }

    fn is_over_rate(&self, call: &ApiCall) -> bool {
        let mut limits = self.rate_limits.lock().expect("sound threads");
        let own = limits.iter_mut().filter(|limit| limit.operation == call.operation);
        let mut is_over = false;
        for limit in own {
            limit.recent.retain(|time| time.elapsed() < Duration::from_secs(1));
            is_over |= limit.recent.len() >= limit.calls;
            limit.recent.push(Instant::now());
        }
        is_over
    }

    /// Returns what AWS answers: what there is, or what there was before a write.
    fn serve(&self, request: &Message, call: &ApiCall) -> io::Result<Message> {
        if !call.is_ours {
            let answer = self.server.answer(request, call)?;
            let session = *self.session.lock().expect("sound threads");
            return Ok(session.map_or(answer.clone(), |time| with_expiration(answer, time)));
        }
        let request = &self.with_short_page(request, call);
        let stale = self.staleness.lock().expect("sound threads").stale_answer(call);
        if let Some(stale) = stale {
            return Ok(stale);
        }
        if !call.is_write() {
            let answer = self.read(request, call)?;
            let is_list = call.operation == "ListSecrets";
            let mut staleness = self.staleness.lock().expect("sound threads");
            return Ok(if is_list { staleness.with_lag(call, answer) } else { answer });
        }
        let Some(secret) = call.secret() else { return self.read(request, call) };
        let lags = {
            let unkind = self.unkind.lock().expect("sound threads");
            let drawn = |read: &str| unkind.as_ref()?.draw_lag(&call.operation, read, &secret);
            self.staleness.lock().expect("sound threads").lags(&call.operation, &secret, drawn)
        };
        let before = Staleness::snapshots(lags, &secret, |operation, input| {
            let (asked, call) = self.server.request(request, operation, input);
            self.read(&asked, &call)
        })?;
        let answer = self.read(request, call)?;
        if answer.is_success() {
            self.staleness.lock().expect("sound threads").keep(before);
            let mut faults = self.faults.lock().expect("sound threads");
            faults.note_write(call, &secret);
            if let Some(unkind) = self.unkind.lock().expect("sound threads").as_mut() {
                unkind.note_write(&secret);
                for (write, error) in unkind.draw_refusals(call, &secret) {
                    faults.refuse_for(&secret, write, 1, error);
                }
            }
        }
        Ok(answer)
    }

    /// Returns what the server answers now, with the rotation.
    fn read(&self, request: &Message, call: &ApiCall) -> io::Result<Message> {
        let with_rotations = || self.rotations.lock().expect("sound threads");
        if call.is_rotation()
            && let Some(rotations) = with_rotations().as_mut()
        {
            return rotations.answer(self.server, request, call);
        }
        let replicas = || self.replicas.lock().expect("sound threads");
        if call.is_replication() {
            return replicas().answer(self.server, request, call);
        }
        let answer = self.server.answer(request, call)?;
        let answer = match call.operation.as_str() {
            "DescribeSecret" => replicas().complete(call, answer),
            _ => answer,
        };
        Ok(match with_rotations().as_mut() {
            Some(rotations) if answer.is_success() => {
                rotations.note_type(call);
                rotations.complete(call, answer)
            }
            _ => answer,
        })
    }

    fn with_short_page(&self, request: &Message, call: &ApiCall) -> Message {
        let size = self.page.load(Ordering::SeqCst);
        if size == 0 || !["ListSecrets", "ListSecretVersionIds"].contains(&&*call.operation) {
            return request.clone();
        }
        let mut input = call.input.clone();
        input["MaxResults"] = size.into();
        request.clone().with_body(&input)
    }
}

/// Returns an answer of STS whose credentials expire after this time.
fn with_expiration(mut answer: Message, time: Duration) -> Message {
    let (open, close) = ("<Expiration>", "</Expiration>");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let Some((before, rest)) = text.split_once(open) else { return answer };
    let Some((old, after)) = rest.split_once(close) else { return answer };
    let new = (jiff::Timestamp::now() + time).to_string();
    let head = answer.head.replace(
        &format!("Content-Length: {}", answer.body.len()),
        &format!("Content-Length: {}", answer.body.len() + new.len() - old.len()),
    );
    answer.head = head;
    answer.body = format!("{before}{open}{new}{close}{after}").into_bytes();
    answer
}

/// Forwards the requests of a connection, and their responses.
///
/// Moto closes the connection after each response and announces it in a header. So does the
/// recorder, unless the connection is to stay open.
fn pass_on(client: &TcpStream, state: &RecorderState) -> io::Result<()> {
    loop {
        let request = Message::read(client)?;
        let now = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_in_flight.fetch_max(now, Ordering::SeqCst);
        let violations = service_model::violations(&request);
        state.violations.lock().expect("sound threads").extend(violations);
        state
            .requests
            .lock()
            .expect("sound threads")
            .push((request.head.clone(), request.body.clone()));
        let answer = answer(client, &request, state);
        // Before the response is written: the client may send the next request right after it.
        state.in_flight.fetch_sub(1, Ordering::SeqCst);
        let Some(mut answer) = answer? else { return Ok(()) };
        if !state.keeps_open.load(Ordering::SeqCst) {
            if answer.header("Connection").is_none() {
                answer.head = answer.head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            }
            return answer.write(client);
        }
        answer.head = answer.head.replace("Connection: close\r\n", "");
        answer.write(client)?;
    }
}

/// Returns the response to a request, or None if it is lost.
fn answer(
    client: &TcpStream,
    request: &Message,
    state: &RecorderState,
) -> io::Result<Option<Message>> {
    let call = ApiCall::of(request);
    let fault = state.next_fault(&call);
    let number = {
        let mut calls = state.calls.lock().expect("sound threads");
        // GetCallerIdentity goes to STS, and tests count the calls to Secrets Manager.
        let counts = !call.body.contains("Action=GetCallerIdentity");
        if counts {
            calls.push((call.operation.clone(), call.body.clone()));
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
    let answer = state.serve(request, &call)?;
    let is_lost =
        !passes(HoldPoint::BeforeResponse) || matches!(fault, Some(FaultKind::LoseAnswer));
    Ok((!is_lost).then_some(answer))
}
