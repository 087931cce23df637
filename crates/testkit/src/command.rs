//! Runs a program in an environment that only the test sets.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{self, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Terminal;

/// How long a test waits for a program to print a text.
const PATIENCE: Duration = Duration::from_secs(20);

/// A command that has not started yet.
///
/// Its environment is `PATH`, a `HOME` of the test's own and UTF-8: no AWS credentials, git
/// settings or colors of the user who runs the tests reach it.
pub struct Command {
    command: process::Command,
    stdin: Vec<u8>,
}

impl Command {
    pub fn new(program: &str, arguments: &[&str], directory: &Path, home: &Path) -> Self {
        let mut command = process::Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            // `Repository::serve` writes programs there.
            .env("PATH", format!("{}:{path}", home.join("bin").display()))
            .env("HOME", home)
            .env("LANG", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        Self { command, stdin: Vec::new() }
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn envs<V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (&'static str, V)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// Sets the program's stdin, which is empty by default.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// Runs the program to its end, without a terminal.
    #[track_caller]
    pub fn run(mut self) -> Outcome {
        let command = format!("{:?}", self.command);
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command}: {error}"));
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        let output = thread::scope(|scope| {
            // A program that ends without reading it all is free to do so.
            scope.spawn(move || stdin.write_all(&self.stdin).ok());
            child.wait_with_output()
        })
        .unwrap_or_else(|error| panic!("cannot read from {command}: {error}"));
        let text = |bytes| {
            String::from_utf8(bytes).unwrap_or_else(|_| panic!("{command} did not write UTF-8"))
        };
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            command,
        }
    }

    /// Starts the program without a terminal, and does not wait for its end.
    #[track_caller]
    pub fn start(mut self) -> Running {
        let command = format!("{:?}", self.command);
        let output = || tempfile::tempfile().expect("a temporary file");
        let (stdout, stderr) = (output(), output());
        let mut stdin = output();
        stdin.write_all(&self.stdin).and_then(|()| stdin.rewind()).expect("a file to read from");
        let child = self
            .command
            .stdin(stdin)
            .stdout(stdout.try_clone().expect("a file twice"))
            .stderr(stderr.try_clone().expect("a file twice"))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command}: {error}"));
        Running { child, stdout, stderr, command }
    }

    /// Allows the program to write a core dump of any size.
    pub fn with_core_dumps(self) -> Self {
        let mut command = process::Command::new("sh");
        command.args(["-c", "ulimit -c unlimited && exec \"$0\" \"$@\""]);
        command.arg(self.command.get_program()).args(self.command.get_args()).env_clear();
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.command.get_current_dir().expect("a directory"));
        Self { command, stdin: self.stdin }
    }

    /// Runs the program in a terminal, in which the test can answer it.
    #[track_caller]
    pub fn in_terminal(self, columns: u16, rows: u16) -> Terminal {
        Terminal::open(columns, rows, &self.command)
    }
}

/// A running program.
pub struct Running {
    child: process::Child,
    stdout: File,
    stderr: File,
    command: String,
}

impl Running {
    /// Returns the process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, by its name without SIG.
    pub fn signal(&self, name: &str) -> &Self {
        let id = self.child.id().to_string();
        let sent = process::Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.is_ok_and(|sent| sent.success()), "it has ended");
        self
    }

    /// Waits until it has written `text` to standard error.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> &Self {
        let deadline = Instant::now() + PATIENCE;
        let said = || {
            let mut said = String::new();
            // The file offset is shared with the program, and reading by position keeps it.
            let mut at = 0;
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = self.stderr.read_at(&mut buffer, at) {
                said.push_str(&String::from_utf8_lossy(&buffer[..length]));
                at += length as u64;
            }
            said
        };
        while !said().contains(text) {
            assert!(Instant::now() < deadline, "waited for {text:?}. It said:\n{}", said());
            thread::sleep(Duration::from_millis(10));
        }
        self
    }

    /// Returns whether the program has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the program (SIGKILL) unless it has ended already.
    pub fn kill(mut self) -> Outcome {
        // The error means that the program has ended already.
        self.child.kill().ok();
        self.wait()
    }

    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        let status = self
            .child
            .wait()
            .unwrap_or_else(|error| panic!("cannot wait for {}: {error}", self.command));
        let text = |mut file: File| {
            let mut text = String::new();
            file.rewind()
                .and_then(|()| file.read_to_string(&mut text))
                .expect("what it wrote, in UTF-8");
            text
        };
        let code = status.code().unwrap_or(-1);
        Outcome {
            code,
            stdout: text(self.stdout),
            stderr: text(self.stderr),
            command: self.command,
        }
    }
}

/// The result of a run. The code is -1 if a signal ended the program.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    command: String,
}

impl Outcome {
    #[track_caller]
    pub fn success(self) -> Self {
        self.ended_with(0)
    }

    #[track_caller]
    pub fn fails_with(self, code: i32) -> Self {
        assert_ne!(code, 0, "0 is not a failure");
        self.ended_with(code)
    }

    /// Parses stdout, which must be one JSON document.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON: {error}\n{}", self.account()))
    }

    #[track_caller]
    fn ended_with(self, code: i32) -> Self {
        assert!(self.code == code, "should have ended with {code}\n{}", self.account());
        self
    }

    fn account(&self) -> String {
        let Self { code, stdout, stderr, command } = self;
        format!("{command} ended with {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
    }
}

impl Outcome {
    /// Asserts that git succeeded, and that its hook checked `checked` manifests without findings.
    #[track_caller]
    pub fn passes(self, checked: usize) -> Self {
        self.success().says_last(checked, "no findings")
    }

    /// Asserts that the hook rejected it for one finding of this rule.
    #[track_caller]
    pub fn refused_by(self, rule: &str) -> Self {
        let outcome = self.fails_with(1);
        assert!(outcome.said().contains(rule), "{}", outcome.said());
        outcome
    }

    #[track_caller]
    pub fn says_last(self, checked: usize, verdict: &str) -> Self {
        let line =
            format!("checked {checked} manifest{}: {verdict}", if checked == 1 { "" } else { "s" });
        let said = self.said();
        let mut last = said.lines().map(|line| line.trim_start_matches("remote: ").trim_end());
        assert_eq!(last.rfind(|line| line.starts_with("checked ")), Some(line.as_str()), "{said}");
        self
    }

    /// Returns both streams: git connects the stdout of most hooks to its own stderr.
    pub fn said(&self) -> String {
        format!("{}{}", self.stderr, self.stdout)
    }
}

#[test]
fn a_program_sees_only_the_environment_it_is_given() {
    let home = tempfile::tempdir().unwrap();
    let outcome = Command::new("env", &[], home.path(), home.path())
        .env("GIVEN", "yes")
        .envs([("ALSO", "this")])
        .run()
        .success();
    let mut names: Vec<_> =
        outcome.stdout.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["ALSO", "GIT_CONFIG_NOSYSTEM", "GIVEN", "HOME", "LANG", "PATH"]);
}

#[test]
fn an_outcome_holds_what_the_program_wrote_and_its_code() {
    let home = tempfile::tempdir().unwrap();
    let outcome = Command::new("sh", &["-c", "cat; echo oh >&2; exit 3"], home.path(), home.path())
        .stdin(r#"{"a": 1}"#)
        .run()
        .fails_with(3);
    assert_eq!(outcome.code, 3);
    assert_eq!(outcome.stderr, "oh\n");
    assert_eq!(outcome.json()["a"], 1);
}

#[test]
fn a_program_that_was_started_is_waited_for_or_killed() {
    let home = tempfile::tempdir().unwrap();
    let start = |script| Command::new("sh", &["-c", script], home.path(), home.path()).start();
    let outcome = start("echo done; exit 4").wait().fails_with(4);
    assert_eq!(outcome.stdout, "done\n");
    assert_eq!(start("exec sleep 60").kill().code, -1);
}
