//! The modelines and schemas in the YAML language server, which most editors use.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use goldenpath_testkit::{Repository, SEED, SEED_PATH, node_packages};
use serde_json::{Value, json};

/// An answer takes a second; a machine under load takes more.
const PATIENCE: Duration = Duration::from_secs(90);

/// A connection to the server, as an editor has one. The server ends with it.
struct Editor {
    server: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    last_request: u64,
    root: String,
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Editor {
    /// Starts the server for a repository. None without node.
    fn start(repository: &Repository) -> Option<Self> {
        let packages = node_packages()?;
        let program = packages.join("node_modules/yaml-language-server/bin/yaml-language-server");
        let mut server = Command::new("node")
            .arg(program)
            .arg("--stdio")
            .current_dir(repository.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = server.stdin.take().unwrap();
        let mut output = BufReader::new(server.stdout.take().unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            while let Some(message) = read_message(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let root = format!("file://{}", repository.path().canonicalize().unwrap().display());
        let mut editor = Self { server, input, messages, last_request: 0, root: root.clone() };
        let markdown = json!({ "contentFormat": ["markdown", "plaintext"] });
        let capabilities = json!({
            "workspace": { "configuration": true },
            "textDocument": {
                "hover": markdown,
                "completion": {},
                "publishDiagnostics": {},
            },
        });
        let parameters =
            json!({ "processId": null, "rootUri": root, "capabilities": capabilities });
        editor.ask("initialize", parameters);
        editor.send(json!({ "method": "initialized", "params": {} }));
        Some(editor)
    }

    fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = json!("2.0");
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    /// Returns the first message that `is_wanted`, and answers the server's questions until then.
    #[track_caller]
    fn wait_for(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("an answer of the server");
            if is_wanted(&message) {
                return message;
            }
            if message["id"].is_null() || message["method"].is_null() {
                continue;
            }
            // Its own list of schemas is on the network.
            let settings = json!({
                "validate": true, "hover": true, "completion": true,
                "schemaStore": { "enable": false },
            });
            let sections = message["params"]["items"].as_array().cloned().unwrap_or_default();
            let of_section = |item: &Value| match item["section"].as_str() {
                Some("yaml") => settings.clone(),
                _ => json!({}),
            };
            let result: Vec<Value> = sections.iter().map(of_section).collect();
            self.send(json!({ "id": message["id"], "result": result }));
        }
    }

    #[track_caller]
    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.last_request += 1;
        let id = json!(self.last_request);
        self.send(json!({ "id": id, "method": method, "params": parameters }));
        let answer = self.wait_for(|message| message["id"] == id && message["method"].is_null());
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Opens a file with this text and returns the messages of its diagnostics.
    #[track_caller]
    fn open(&mut self, path: &str, text: &str) -> Vec<String> {
        let uri = format!("{}/{path}", self.root);
        let document = json!({ "uri": uri, "languageId": "yaml", "version": 1, "text": text });
        let parameters = json!({ "textDocument": document });
        self.send(json!({ "method": "textDocument/didOpen", "params": parameters }));
        let method = "textDocument/publishDiagnostics";
        let found =
            self.wait_for(|one| one["method"] == method && one["params"]["uri"] == uri.as_str());
        let messages = found["params"]["diagnostics"].as_array().unwrap().iter();
        messages.map(|one| one["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Asks at the first place of `before` in the text, at its end.
    #[track_caller]
    fn ask_at(&mut self, method: &str, (path, text): (&str, &str), before: &str) -> Value {
        let end = text.find(before).expect("the place") + before.len();
        let line = text[..end].matches('\n').count();
        let character = end - text[..end].rfind('\n').map_or(0, |newline| newline + 1);
        let uri = format!("{}/{path}", self.root);
        let position = json!({ "line": line, "character": character });
        self.ask(method, json!({ "textDocument": { "uri": uri }, "position": position }))
    }

    #[track_caller]
    fn completions(&mut self, file: (&str, &str), before: &str) -> Vec<String> {
        let answer = self.ask_at("textDocument/completion", file, before);
        let items = answer.get("items").unwrap_or(&answer).as_array().unwrap().clone();
        items.iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    }
}

/// Returns the next message; None at the end.
fn read_message(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().strip_prefix("Content-Length:") {
            Some(number) => length = number.trim().parse().ok()?,
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut bytes = vec![0; length];
    output.read_exact(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[test]
fn an_editor_completes_explains_and_checks_the_configuration_that_init_writes() {
    let repository = Repository::new();
    repository.goldenpath(&["init"]).run().success();
    let Some(mut editor) = Editor::start(&repository) else { return };
    let written = repository.read("goldenpath.yaml");
    assert_eq!(editor.open("goldenpath.yaml", &written), [""; 0]);
    let hover = editor.ask_at("textDocument/hover", ("goldenpath.yaml", &written), "  rese");
    assert!(hover.to_string().contains("Whether new IDs are reserved on the remote"), "{hover}");

    let modeline = written.lines().next().unwrap();
    let own = format!("{modeline}\nstore:\n  backend: \nrules:\n  GP201: \n");
    repository.write("other.yaml", &own);
    editor.open("other.yaml", &own);
    let offered = editor.completions(("other.yaml", &own), "  backend: ");
    assert_eq!(offered, ["local", "aws"]);
    let offered = editor.completions(("other.yaml", &own), "  GP201: ");
    assert_eq!(offered, ["\"off\"", "warn", "error"], "quoted for parsers of YAML 1.1");
    let wrong = format!("{modeline}\nstore: {{ backend: disk }}\ncatalgo: x\n");
    repository.write("wrong.yaml", &wrong);
    let found = editor.open("wrong.yaml", &wrong).join("\n");
    assert!(found.contains("\"local\", \"aws\"") && found.contains("catalgo"), "{found}");
}

#[test]
fn an_editor_completes_and_checks_a_new_manifest_with_the_lists_of_the_catalog() {
    let repository = Repository::new();
    repository.goldenpath(&["init"]).run().success();
    let arguments = "new secret --service web --env dev --type api-key --name web --owner app-team \
                     --risk low --no-reserve";
    repository.goldenpath(&arguments.split(' ').collect::<Vec<_>>()).run();
    let path = "catalogs/secrets/web/dev/SEC-0001.yaml";
    let manifest = repository.read(path);
    let Some(mut editor) = Editor::start(&repository) else { return };
    assert_eq!(editor.open(path, &manifest), [""; 0]);
    let modeline = manifest.lines().next().unwrap();
    let line = |line: &str| match line.starts_with("  environment:") {
        true => "  environment: \n".to_owned(),
        false => format!("{line}\n"),
    };
    let text = format!("{modeline}\n{}", SEED.lines().map(line).collect::<String>());
    let other = SEED_PATH.replace("payments", "web");
    repository.write(&other, &text);
    assert_ne!(editor.open(&other, &text), [""; 0], "an environment is missing");
    let offered = editor.completions((&other, &text), "  environment: ");
    assert_eq!(offered, ["dev", "test", "staging", "prod", "ephemeral"]);
}
