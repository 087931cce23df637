//! A Kubernetes API server on loopback that supports only listing the objects of a namespace.
//!
//! Responses have the shapes of a real API server: a list has a kind and its items have none, and
//! the next page is requested with a continue token.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Message;

/// The API group, the plural and the kind of each object that can be listed.
const KINDS: [(&str, &str, &str); 9] = [
    ("/api/v1", "pods", "Pod"),
    ("/api/v1", "serviceaccounts", "ServiceAccount"),
    ("/apis/apps/v1", "deployments", "Deployment"),
    ("/apis/apps/v1", "statefulsets", "StatefulSet"),
    ("/apis/apps/v1", "daemonsets", "DaemonSet"),
    ("/apis/apps/v1", "replicasets", "ReplicaSet"),
    ("/apis/batch/v1", "jobs", "Job"),
    ("/apis/batch/v1", "cronjobs", "CronJob"),
    ("/apis/networking.k8s.io/v1", "ingresses", "Ingress"),
];

/// A server, and a kubeconfig for it with the context `dev`, in a temporary folder.
///
/// The server runs until the test process ends.
pub struct Kubernetes {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    folder: TempDir,
}

#[derive(Default)]
struct State {
    /// The objects, by kind.
    objects: BTreeMap<String, Vec<Value>>,
    /// Responses that override the objects, by plural.
    answers: BTreeMap<String, (u16, Value)>,
    /// The maximum number of objects on a page; 0 for all.
    page: usize,
    /// The first line of each request.
    requests: Vec<String>,
}

impl Kubernetes {
    /// The token of the kubeconfig's user.
    pub const TOKEN: &str = "k8s-aws-v1.dG9rZW4tb2YtdGhlLXRlc3Q";

    /// Starts a server with the namespace `payments`, which holds only its default ServiceAccount.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let server =
            Self { address, state: Arc::default(), folder: tempfile::tempdir().expect("a folder") };
        let state = Arc::clone(&server.state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                // An error here means that the client has disconnected.
                thread::spawn(move || serve(&client, &state).ok());
            }
        });
        server.put("ServiceAccount", "default", json!({}));
        server.write_kubeconfig(address, &json!({ "token": Self::TOKEN }));
        server
    }

    /// Adds an object with these fields to the namespace `payments`.
    pub fn put(&self, kind: &str, name: &str, fields: Value) -> &Self {
        let mut object = json!({
            "metadata": {
                "name": name,
                "namespace": "payments",
                "uid": "0b3f6a1e-6c1e-4b0e-9d1f-1f2a3b4c5d6e",
                "resourceVersion": "48213",
                "creationTimestamp": "2026-01-05T09:12:44Z",
                "managedFields": [{
                    "manager": "kube-controller-manager",
                    "operation": "Update",
                    "apiVersion": "apps/v1",
                    "time": "2026-01-05T09:12:44Z",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {
                        "f:spec": { "f:volumes": { "k:{\"name\":\"payments-db-creds\"}": {} } },
                    },
                }],
            },
        });
        for (key, value) in fields.as_object().expect("fields") {
            match key == "metadata" {
                true => {
                    object[key].as_object_mut().unwrap().extend(value.as_object().unwrap().clone())
                }
                false => object[key] = value.clone(),
            }
        }
        self.state().objects.entry(kind.to_owned()).or_default().push(object);
        self
    }

    /// Removes all objects of these kinds.
    pub fn remove(&self, kinds: &[&str]) -> &Self {
        self.state().objects.retain(|kind, _| !kinds.contains(&kind.as_str()));
        self
    }

    /// Overrides the response to each list request for this plural.
    pub fn answer(&self, plural: &str, status: u16, body: Value) -> &Self {
        self.state().answers.insert(plural.to_owned(), (status, body));
        self
    }

    /// Sets the maximum number of objects on a page.
    pub fn page(&self, objects: usize) -> &Self {
        self.state().page = objects;
        self
    }

    /// Returns the requests since the last call, as `GET /path?query`, in any order.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// Writes a kubeconfig with this server address and this user.
    pub fn write_kubeconfig(&self, address: SocketAddr, user: &Value) -> &Self {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "arn:aws:eks:dev",
                "cluster": { "server": format!("http://{address}") },
            }],
            "users": [{ "name": "ci", "user": user }],
            "contexts": [{
                "name": "dev",
                "context": { "cluster": "arn:aws:eks:dev", "user": "ci" },
            }],
            "current-context": "another",
        });
        std::fs::write(self.kubeconfig(), config.to_string()).expect("a kubeconfig");
        self
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("sound threads")
    }
}

/// Returns the `Status` object with which an API server reports an error.
pub fn status(code: u16, reason: &str, details: Value) -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "a message of the server",
        "reason": reason,
        "details": details,
        "code": code,
    })
}

fn serve(client: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let request = Message::read(client)?;
    let line =
        request.head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let is_known =
        request.header("Authorization") == Some(&format!("Bearer {}", Kubernetes::TOKEN));
    let (code, body) = {
        let mut state = state.lock().expect("sound threads");
        state.requests.push(line.clone());
        match is_known {
            true => answer(&state, &line),
            false => (401, status(401, "Unauthorized", Value::Null)),
        }
    };
    let body = body.to_string().into_bytes();
    let head = format!(
        "HTTP/1.1 {code} Simulated\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    Message { head, body }.write(client)
}

fn answer(state: &State, line: &str) -> (u16, Value) {
    let (path, query) = line.trim_start_matches("GET ").split_once('?').unwrap_or((line, ""));
    let known = KINDS.iter().find_map(|(group, plural, kind)| {
        let namespace = path
            .strip_prefix(group)?
            .strip_prefix("/namespaces/")?
            .strip_suffix(&format!("/{plural}"))?;
        Some((*group, *plural, *kind, namespace))
    });
    let Some((group, plural, kind, namespace)) = known else {
        return (403, status(403, "Forbidden", Value::Null));
    };
    if let Some(response) = state.answers.get(plural) {
        return response.clone();
    }
    let objects = state
        .objects
        .get(kind)
        .filter(|_| namespace == "payments")
        .map(Vec::as_slice)
        .unwrap_or_default();
    // A token as it comes, with signs that a query has to hide.
    let token = |start: usize| format!("eyJydiI6NDgyMTN9+/{start}=");
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("continue="));
    let start = match asked
        .map(|token| token.replace("%2B", "+").replace("%2F", "/").replace("%3D", "="))
    {
        None => 0,
        Some(asked) => match (0..objects.len()).find(|start| token(*start) == asked) {
            Some(start) => start,
            None => return (410, status(410, "Expired", Value::Null)),
        },
    };
    let end = if state.page == 0 { objects.len() } else { objects.len().min(start + state.page) };
    let mut metadata = json!({ "resourceVersion": "48213" });
    if end < objects.len() {
        metadata["continue"] = json!(token(end));
        metadata["remainingItemCount"] = json!(objects.len() - end);
    }
    let version = group.trim_start_matches("/apis/").trim_start_matches("/api/");
    let list = json!({
        "kind": format!("{kind}List"),
        "apiVersion": version,
        "metadata": metadata,
        "items": objects[start..end],
    });
    (200, list)
}
