//! A platform on which tests set a canary as a value, and a search for it afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use goldenpath_testkit::{
    Account, Canary, Command, KEY, Key, Moto, Outcome, Platform, Recorder, Terminal,
};

/// The calls whose body contains a value.
const CARRIERS: [&str; 2] = ["CreateSecret", "PutSecretValue"];

/// A wrapper of git that records its arguments and environment. It is in goldenpath's home, which
/// is searched.
const WITNESS: &str = "#!/bin/sh\n{ tr '\\0' '\\n' </proc/$$/cmdline; env; } >>\"$HOME/children\"\n\
                       PATH=${PATH#*:} exec git \"$@\"\n";

/// The seed's secret, created and without a value, on AWS or in a local store.
pub(super) struct Scene {
    pub platform: Platform,
    aws: Option<(Account, Recorder)>,
    /// Files of the test itself, which are not searched.
    elsewhere: TempDir,
}

/// The output of a run and its exit code.
pub(super) struct Said {
    pub code: i32,
    pub words: String,
}

impl Scene {
    pub(super) fn aws(test: &str) -> Self {
        let moto = Moto::shared();
        let recorder = Recorder::in_front_of(moto);
        Self::of(Platform::with_store("backend: aws"), Some((moto.account(test), recorder)))
    }

    pub(super) fn local() -> Self {
        Self::of(Platform::local(), None)
    }

    fn of(platform: Platform, aws: Option<(Account, Recorder)>) -> Self {
        let scene = Self { platform, aws, elsewhere: tempfile::tempdir().unwrap() };
        let home = scene.home();
        for folder in ["bin", "tmp", "config", "cache", "data"] {
            fs::create_dir(home.join(folder)).unwrap();
        }
        fs::write(home.join("bin/git"), WITNESS).unwrap();
        fs::set_permissions(home.join("bin/git"), fs::Permissions::from_mode(0o755)).unwrap();
        scene.platform.seed();
        scene.loud(scene.platform.apply()).run().success();
        if let Some((_, recorder)) = &scene.aws {
            recorder.reset();
        }
        scene
    }

    fn home(&self) -> PathBuf {
        self.platform.catalog.home()
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.aws.as_ref().expect("a scene on AWS").1
    }

    /// Returns `goldenpath value` with these arguments and full logging, in folders that are
    /// searched later.
    pub(super) fn value(&self, arguments: &[&str]) -> Command {
        self.loud(self.platform.catalog.goldenpath(&[&["-vvv", "value"], arguments].concat()))
    }

    pub(super) fn loud(&self, command: Command) -> Command {
        let home = self.home();
        let path = [home.join("bin").into_os_string(), std::env::var_os("PATH").unwrap()]
            .join(":".as_ref());
        let command = command
            .env("PATH", path)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("TMPDIR", home.join("tmp"))
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full");
        match &self.aws {
            Some((account, recorder)) => command.envs(account.environment(&recorder.endpoint())),
            None => command,
        }
    }

    /// Writes a text to a file in a folder that is not searched.
    pub(super) fn file(&self, text: &str) -> String {
        let path = self.elsewhere.path().join("given");
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Returns the value in the store, read without goldenpath where possible.
    #[track_caller]
    pub(super) fn stored(&self) -> Value {
        match &self.aws {
            Some((account, _)) => {
                let found = Moto::shared()
                    .call(
                        account,
                        "GetSecretValue",
                        json!({ "SecretId": KEY, "VersionStage": "AWSCURRENT" }),
                    )
                    .unwrap();
                serde_json::from_str(found["SecretString"].as_str().unwrap()).unwrap()
            }
            None => {
                let keys = ["username", "password", "host", "port", "dbname"];
                let print = keys.map(|key| format!("printf '%s\\0' \"${key}\"")).join("; ");
                let printed = self
                    .value(&["env", "SEC-0007", "--", "sh", "-c", &print])
                    .run()
                    .success()
                    .stdout;
                let texts =
                    keys.into_iter().zip(printed.split('\0')).filter(|(_, text)| !text.is_empty());
                texts
                    .map(|(key, text)| (key.to_owned(), Value::from(text)))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }
        }
    }

    /// Sets a value without goldenpath where possible.
    #[track_caller]
    pub(super) fn store(&self, value: &str) {
        match &self.aws {
            Some((account, _)) => {
                let input = json!({ "SecretId": KEY, "SecretString": value });
                Moto::shared().call(account, "PutSecretValue", input).unwrap();
            }
            None => {
                _ = self
                    .value(&["set", "SEC-0007", "--yes", "--replace"])
                    .stdin(value)
                    .run()
                    .success()
            }
        }
    }

    /// Returns each place that contains the canary and must not, after a run with the output
    /// `words`.
    pub(super) fn leaks(&self, canary: &Canary, words: &str) -> Vec<String> {
        let mut leaks = Vec::new();
        let forms = canary.forms_in(words.as_bytes());
        if !forms.is_empty() {
            leaks.push(format!("what it said, {forms:?}: {words}"));
        }
        for repository in [&self.platform.catalog, &self.platform.gitops] {
            let folder = repository.home();
            leaks.extend(canary.files_below(folder.parent().unwrap()));
        }
        if let Some((_, recorder)) = &self.aws {
            for (head, body) in recorder.requests() {
                if canary.is_in(&head) {
                    leaks.push(format!("the head of a request:\n{head}"));
                }
                if canary.is_in(&body) && !carries(&head, &body, canary) {
                    leaks.push(format!("a request:\n{head}{}", String::from_utf8_lossy(&body)));
                }
            }
        }
        leaks
    }

    #[track_caller]
    pub(super) fn assert_no_leak(&self, what: &str, canary: &Canary, words: &str) {
        let leaks = self.leaks(canary, words);
        assert!(leaks.is_empty(), "{what}: the value is in\n{}", leaks.join("\n"));
    }

    /// Returns the number of requests that contained a canary.
    pub(super) fn carried(&self, canary: &Canary) -> usize {
        self.recorder().requests().iter().filter(|(_, body)| canary.is_in(body)).count()
    }
}

/// Reports whether this request carries a value, with the canary in that place only.
fn carries(head: &str, body: &[u8], canary: &Canary) -> bool {
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    let value =
        body.as_object_mut().and_then(|fields| fields.remove("SecretString")).unwrap_or_default();
    CARRIERS.iter().any(|operation| head.contains(&format!("secretsmanager.{operation}\r\n")))
        && value.as_str().is_some_and(|value| canary.is_in(value))
        && !canary.is_in(body.to_string())
}

impl From<Outcome> for Said {
    fn from(ended: Outcome) -> Self {
        Self { code: ended.code, words: format!("{}{}", ended.stdout, ended.stderr) }
    }
}

impl Said {
    /// Returns the output in a terminal until the program ended.
    pub(super) fn in_terminal(mut terminal: Terminal) -> Self {
        let code = terminal.wait();
        Self {
            code: code.try_into().unwrap(),
            words: String::from_utf8_lossy(&terminal.raw()).into_owned(),
        }
    }
}

/// A way to set a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Json,
    Dotenv,
    File,
    FileAndStdin,
    Keys,
    Lines,
}

impl Way {
    pub(super) const ALL: [Self; 6] =
        [Self::Json, Self::Dotenv, Self::File, Self::FileAndStdin, Self::Keys, Self::Lines];

    /// Sets the canary as the password.
    pub(super) fn set(self, scene: &Scene, canary: &Canary) -> Said {
        let text = &canary.text;
        let file = || format!("password={}", scene.file(text));
        match self {
            Self::Json => {
                let json = json!({ "username": "app", "password": text }).to_string();
                scene.value(&["set", "SEC-0007", "--yes"]).stdin(json).run().into()
            }
            Self::Dotenv => {
                let lines = format!("# the database\nusername=app\nexport password='{text}'\n");
                scene.value(&["set", "SEC-0007", "--yes"]).stdin(lines).run().into()
            }
            Self::File => scene
                .value(&["set", "SEC-0007", "--yes", "--generate", "--from-file", &file()])
                .run()
                .into(),
            Self::FileAndStdin => {
                let arguments = ["set", "SEC-0007", "--yes", "--stdin", "--from-file", &file()];
                scene.value(&arguments).stdin("username=app\n").run().into()
            }
            Self::Keys => {
                let mut terminal = scene.value(&["set", "SEC-0007"]).in_terminal(100, 40);
                answer(&mut terminal, text);
                Said::in_terminal(terminal)
            }
            Self::Lines => {
                let mut terminal =
                    scene.value(&["set", "SEC-0007"]).env("TERM", "dumb").in_terminal(100, 40);
                answer(&mut terminal, text);
                Said::in_terminal(terminal)
            }
        }
    }
}

/// Answers the hidden question for a key, and its repetition.
pub(super) fn type_twice(terminal: &mut Terminal, key: &str, text: &str) {
    let start = format!("{key} (");
    terminal.wait_for(&start);
    let screen = terminal.screen();
    let (_, rest) = screen.split_once(&start).unwrap();
    let empty = rest.split_once(')').map_or(rest, |(empty, _)| empty);
    terminal.send(text).key(Key::Enter);
    terminal.wait_for(&format!("{key} ({empty}), again")).send(text).key(Key::Enter);
}

/// Answers the questions of `value set` for database credentials.
fn answer(terminal: &mut Terminal, password: &str) {
    type_twice(terminal, "username", "app");
    type_twice(terminal, "password", password);
    for key in ["host", "port", "dbname", "engine"] {
        terminal.wait_for(&format!("{key} (")).key(Key::Enter);
    }
    terminal.wait_for("Write this value of SEC-0007").send("y").key(Key::Enter);
}
