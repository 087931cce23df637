//! The `git` program, isolated: for the network, and for commits.
//!
//! Credential helpers, ssh's configuration, signing and hooks work only with git itself. Everything
//! else is read by git2.
//!
//! The program works only on the given repository: none of git's own repository variables reaches
//! it, and the variables that do are listed here. Its output and its run time are limited.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use git2::Signature;
use miette::Diagnostic;

use crate::sanitize::{runner, sanitize, sanitize_name};

/// The time limit of a command that uses the network.
pub const NETWORK: Duration = Duration::from_secs(60);

/// The limit of git's output, in bytes: enough for hundreds of thousands of refs.
const MAX_OUTPUT: u64 = 64 * 1024 * 1024;

/// The limit of git's error text in messages, in characters.
const MAX_STDERR: usize = 1000;

/// The variables that git gets: the user, the network, settings, and how to prompt the user.
///
/// None of those that select another repository (`git rev-parse --local-env-vars`). The settings
/// of `git -c` and of `GIT_CONFIG_COUNT` are the user's, and often a pipeline's only way to give
/// git a token or a `safe.directory`.
const ENVIRONMENT: [&str; 64] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TMP",
    "TEMP",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "GPG_TTY",
    "KRB5CCNAME",
    "KRB5_CONFIG",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "SSH_CONNECTION",
    "SSH_TTY",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_TERMINAL_PROMPT",
    "GIT_EXEC_PATH",
    "GIT_ALLOW_PROTOCOL",
    "GIT_PROTOCOL_FROM_USER",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_PARAMETERS",
    CONFIG_COUNT,
    "GIT_NO_LAZY_FETCH",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    // Windows
    "SystemRoot",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "ProgramData",
    "PATHEXT",
];

/// The number of settings in `GIT_CONFIG_KEY_<n>` and `GIT_CONFIG_VALUE_<n>` (git-config).
const CONFIG_COUNT: &str = "GIT_CONFIG_COUNT";

/// The limit of those settings that are passed on.
const MOST_SETTINGS: usize = 1000;

/// The time after which a notice says what git does.
const PATIENCE: Duration = Duration::from_secs(1);

/// Receives the notices of slow commands.
type Listener = Box<dyn Fn(&str) + Send + Sync>;

/// Where notices of slow commands go; nowhere until it is set.
static LISTENER: OnceLock<Listener> = OnceLock::new();

/// Sets where notices of slow commands go, once in a process.
pub fn set_listener(listener: impl Fn(&str) + Send + Sync + 'static) {
    // The first one stays.
    let _ = LISTENER.set(Box::new(listener));
}

/// The variable that lists the allowed protocols (git, "GIT_ALLOW_PROTOCOL").
const ALLOW_PROTOCOL: &str = "GIT_ALLOW_PROTOCOL";

/// The protocols that a URL from a repository's files may use.
///
/// Others could start a program (`ext::`) or expose what is pushed on the network (`http`, `git`).
pub const PROTOCOLS: [&str; 3] = ["https", "ssh", "file"];

/// The first git version that runs no hooks of a repository that it only reads.
pub const SAFE_VERSION: GitVersion = GitVersion(2, 45, 1);

/// The variables by which ssh and gpg find a screen to prompt on.
const PROMPTS: [&str; 3] = ["DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY"];

/// The time limit of a command that does not use the network.
pub const LOCAL: Duration = Duration::from_secs(20);

/// The `git` program in one repository.
#[derive(Debug, Clone)]
pub struct Git {
    git_dir: PathBuf,
    work_tree: PathBuf,
    is_noninteractive: bool,
    protocols: Protocols,
    /// What is said if a command takes more than a second.
    notice: Option<String>,
    /// Settings of this command alone, as `name=value`.
    settings: Vec<String>,
    /// Variables of this command alone.
    variables: Vec<(&'static str, OsString)>,
}

/// The protocols that git may use to reach another repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocols {
    /// Those that git itself allows.
    ///
    /// For URLs of the user's own configuration, or if the user has a setting for all protocols.
    Configured,
    /// Only these.
    Only(BTreeSet<String>),
}

/// A version of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitVersion(u32, u32, u32);

impl fmt::Display for GitVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl GitVersion {
    /// Parses the output of `git --version`, such as `git version 2.45.1.windows.1`.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text
            .trim()
            .strip_prefix("git version ")?
            .split(['.', ' ', '-'])
            .map_while(|part| part.parse().ok());
        Some(Self(numbers.next()?, numbers.next()?, numbers.next().unwrap_or_default()))
    }
}

/// The result of a git command.
#[derive(Debug)]
pub struct GitOutput {
    /// Whether the exit code is 0.
    pub success: bool,
    /// The exit code; None if a signal ended git.
    pub code: Option<i32>,
    /// Standard output, decoded as UTF-8 with replacement characters.
    pub stdout: String,
    /// The text on standard error, sanitized and cut off.
    pub stderr: String,
}

/// Why git could not be run, or did not answer.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum GitError {
    #[error("cannot start the `git` program: {why}")]
    #[diagnostic(
        code(goldenpath::git::missing),
        help("install git, and check that it is on the PATH")
    )]
    Missing { why: String },

    #[error("`git {command}` took more than {seconds} seconds")]
    #[diagnostic(
        code(goldenpath::git::slow),
        help("check the network, and that git does not wait for input")
    )]
    Slow { command: String, seconds: u64 },

    #[error("`git {command}` failed: {stderr}")]
    #[diagnostic(code(goldenpath::git::failed), help("run the command yourself to see more"))]
    Failed { command: String, stderr: String },
}

impl Git {
    /// Creates the program for the repository folder `git_dir` with its `work_tree`.
    #[must_use]
    pub fn new(git_dir: &Path, work_tree: &Path) -> Self {
        Self {
            git_dir: git_dir.to_path_buf(),
            work_tree: work_tree.to_path_buf(),
            is_noninteractive: false,
            protocols: Protocols::Configured,
            notice: None,
            settings: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// Returns the program without prompts on the terminal.
    #[must_use]
    pub fn without_prompts(self) -> Self {
        Self { is_noninteractive: true, ..self }
    }

    /// Returns the program with a notice for commands that take more than a second.
    #[must_use]
    pub fn with_notice(self, notice: String) -> Self {
        Self { notice: Some(notice), ..self }
    }

    /// Returns the program with these settings, as `name=value`.
    #[must_use]
    pub fn with_settings(self, settings: Vec<String>) -> Self {
        Self { settings, ..self }
    }

    /// Returns the program with the index in another file (git, "GIT_INDEX_FILE").
    #[must_use]
    pub fn with_index(self, file: OsString) -> Self {
        self.with_variables([("GIT_INDEX_FILE", file)])
    }

    /// Returns the program with the author and the committer of new commits.
    #[must_use]
    pub fn with_identities(self, author: &Signature<'_>, committer: &Signature<'_>) -> Self {
        let text = |bytes: &[u8]| OsString::from(String::from_utf8_lossy(bytes).into_owned());
        let date = |who: &Signature<'_>| {
            let (time, minutes) = (who.when().seconds(), who.when().offset_minutes());
            let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
            OsString::from(format!("@{time} {sign}{:02}{:02}", minutes / 60, minutes % 60))
        };
        self.with_variables([
            ("GIT_AUTHOR_NAME", text(author.name_bytes())),
            ("GIT_AUTHOR_EMAIL", text(author.email_bytes())),
            ("GIT_AUTHOR_DATE", date(author)),
            ("GIT_COMMITTER_NAME", text(committer.name_bytes())),
            ("GIT_COMMITTER_EMAIL", text(committer.email_bytes())),
            ("GIT_COMMITTER_DATE", date(committer)),
        ])
    }

    fn with_variables(
        mut self,
        variables: impl IntoIterator<Item = (&'static str, OsString)>,
    ) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Returns the program limited to these protocols.
    #[must_use]
    pub fn with_protocols(self, protocols: Protocols) -> Self {
        Self { protocols, ..self }
    }

    /// Returns the protocols that a URL from a repository's files may use.
    ///
    /// These are [`PROTOCOLS`], unless the user's settings differ (`GIT_ALLOW_PROTOCOL`,
    /// `protocol.allow` and `protocol.<name>.allow` in git's configuration).
    ///
    /// # Errors
    /// A configuration that git cannot read.
    pub fn protocols(&self) -> Result<Protocols, GitError> {
        if std::env::var_os(ALLOW_PROTOCOL).is_some() {
            return Ok(Protocols::Configured);
        }
        Ok(allowed_protocols(&self.run(&["config", "--list", "-z"], LOCAL)?.stdout))
    }

    /// Returns the program's version; None if its output has another form.
    ///
    /// # Errors
    /// [`GitError`]
    pub fn version(&self) -> Result<Option<GitVersion>, GitError> {
        Ok(GitVersion::parse(&self.run(&["--version"], LOCAL)?.stdout))
    }

    /// Runs a command without hooks, and fails if it fails.
    ///
    /// # Errors
    /// [`GitError`]
    pub fn run(
        &self,
        arguments: &[impl AsRef<OsStr>],
        limit: Duration,
    ) -> Result<GitOutput, GitError> {
        check_success(arguments, self.run_unchecked(arguments, limit)?)
    }

    /// Runs a command without hooks, whether it succeeds or not.
    ///
    /// # Errors
    /// [`GitError`] if it cannot be started or does not end.
    pub fn run_unchecked(
        &self,
        arguments: &[impl AsRef<OsStr>],
        limit: Duration,
    ) -> Result<GitOutput, GitError> {
        self.run_with_input(arguments, &[], limit)
    }

    /// Runs a command without hooks and with this standard input, whether it succeeds or not.
    ///
    /// # Errors
    /// [`GitError`] if it cannot be started or does not end.
    pub fn run_with_input(
        &self,
        arguments: &[impl AsRef<OsStr>],
        input: &[u8],
        limit: Duration,
    ) -> Result<GitOutput, GitError> {
        let mut command = self.command();
        command.args([
            "-c",
            if cfg!(windows) { "core.hooksPath=NUL" } else { "core.hooksPath=/dev/null" },
        ]);
        if !input.is_empty() {
            command.stdin(Stdio::piped());
        }
        run_with_limit(command, arguments, input, limit, self.notice.as_deref())
    }

    /// Runs a command with the repository's hooks and the user's terminal.
    ///
    /// The user sees the output of git and its hooks, and can enter a key's password. There is no
    /// time limit.
    ///
    /// # Errors
    /// [`GitError`]
    pub fn run_interactive(&self, arguments: &[impl AsRef<OsStr>]) -> Result<(), GitError> {
        let mut command = self.command();
        // Results go to stdout, and git's output there is messages; its hooks write to stderr
        // anyway.
        command.stdin(Stdio::inherit()).stdout(Stdio::null()).stderr(Stdio::inherit());
        command.args(arguments.iter().map(AsRef::as_ref));
        let status = if runner::reads_output() {
            status_without_commands(command)
        } else {
            command.status()
        };
        match status.map_err(|error| GitError::Missing { why: error.to_string() })? {
            status if status.success() => Ok(()),
            status => {
                Err(GitError::Failed { command: name(arguments), stderr: status.to_string() })
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.env_clear();
        let mut pass_on = |name: &str| {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        };
        ENVIRONMENT.into_iter().for_each(&mut pass_on);
        let settings = std::env::var(CONFIG_COUNT).ok().and_then(|count| count.parse().ok());
        for number in 0..settings.unwrap_or(0).min(MOST_SETTINGS) {
            pass_on(&format!("GIT_CONFIG_KEY_{number}"));
            pass_on(&format!("GIT_CONFIG_VALUE_{number}"));
        }
        if let Protocols::Only(names) = &self.protocols {
            command.env(
                ALLOW_PROTOCOL,
                names.iter().map(String::as_str).collect::<Vec<_>>().join(":"),
            );
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // goldenpath parses git's messages, so they must be in English.
        command.env("LC_ALL", "C.UTF-8");
        if self.is_noninteractive || !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            command.env("GIT_TERMINAL_PROMPT", "0");
        }
        if self.is_noninteractive {
            PROMPTS.iter().for_each(|name| _ = command.env_remove(name));
        }
        let flag = |name: &str, path: &Path| {
            let mut flag = OsString::from(name);
            flag.push(path);
            flag
        };
        command.arg("-C").arg(&self.work_tree);
        command.arg(flag("--git-dir=", &self.git_dir)).arg(flag("--work-tree=", &self.work_tree));
        for setting in [
            // git would run a program that a repository names in its configuration.
            "core.fsmonitor=false",
            "safe.bareRepository=explicit",
            // A server that sends less than 1 byte a second for 20 seconds is gone.
            "http.lowSpeedLimit=1",
            "http.lowSpeedTime=20",
            "gc.auto=0",
            "maintenance.auto=false",
            "advice.detachedHead=false",
        ] {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Applies the output of `git config --list -z` to [`PROTOCOLS`].
///
/// If a protocol is set several times, the last one counts.
fn allowed_protocols(config: &str) -> Protocols {
    let mut allowed: BTreeSet<String> = PROTOCOLS.map(str::to_owned).into();
    let mut is_set = BTreeSet::new();
    let mut general = None;
    for (key, value) in config.split('\0').filter_map(|entry| entry.split_once('\n')) {
        let Some(name) = key.strip_prefix("protocol.").and_then(|rest| rest.strip_suffix("allow"))
        else {
            continue;
        };
        match name.strip_suffix('.') {
            Some(name) => {
                is_set.insert(name.to_owned());
                if value.eq_ignore_ascii_case("always") {
                    allowed.insert(name.to_owned());
                } else {
                    // `user` is for URLs that a person entered.
                    allowed.remove(name);
                }
            }
            None if name.is_empty() => general = Some(value.eq_ignore_ascii_case("always")),
            None => {}
        }
    }
    match general {
        None => Protocols::Only(allowed),
        // git applies it to every protocol without a setting of its own.
        Some(true) => Protocols::Configured,
        Some(false) => {
            Protocols::Only(allowed.into_iter().filter(|name| is_set.contains(name)).collect())
        }
    }
}

/// Returns a remote's name or URL without user and password.
#[must_use]
pub fn without_password(name: &str) -> String {
    let parts = name.split_once("://").and_then(|(scheme, rest)| {
        let host = rest.split('/').next()?.rsplit_once('@')?.1;
        Some(format!("{scheme}://{host}{}", &rest[rest.find('/').unwrap_or(rest.len())..]))
    });
    parts.unwrap_or_else(|| name.to_owned())
}

/// The rejected refs in the output of `git push --porcelain`.
///
/// These are the lines that begin with `!` (git-push, "OUTPUT").
pub struct PushRejections<'push>(pub &'push str);

impl<'push> PushRejections<'push> {
    /// Reports whether each rejection is a race with another push to the same ref.
    ///
    /// The words are git's own (remote.c, refs.c).
    #[must_use]
    pub fn are_races(&self) -> bool {
        const WORDS: [&str; 7] = [
            "stale info",
            "fetch first",
            "non-fast-forward",
            "cannot lock ref",
            "failed to update ref",
            "already exists",
            "incorrect old value",
        ];
        let is_one = |why: &str| WORDS.iter().any(|words| why.contains(words));
        self.reasons().all(is_one) && self.reasons().next().is_some()
    }

    /// Returns the first reason, sanitized.
    #[must_use]
    pub fn first(&self) -> Option<String> {
        self.reasons().next().map(|why| sanitize_name(why).chars().take(300).collect())
    }

    /// Returns the reason of each line, which is its third field.
    fn reasons(&self) -> impl Iterator<Item = &'push str> {
        self.0
            .lines()
            .filter(|line| line.starts_with('!'))
            .filter_map(|line| line.split('\t').nth(2))
    }
}

/// Sleeps for a random part of `pause`, so that competing processes diverge.
pub fn sleep_with_jitter(pause: Duration) {
    let mut drawn = [0; 2];
    // Without randomness all processes sleep equally long, which is as good as no sleep.
    let _ = getrandom::fill(&mut drawn);
    thread::sleep(pause.mul_f64(f64::from(u16::from_le_bytes(drawn)) / f64::from(u16::MAX)));
}

fn check_success(
    arguments: &[impl AsRef<OsStr>],
    answer: GitOutput,
) -> Result<GitOutput, GitError> {
    if answer.success {
        Ok(answer)
    } else {
        Err(GitError::Failed { command: name(arguments), stderr: answer.stderr })
    }
}

/// Returns a command's name for messages, without its arguments.
fn name(arguments: &[impl AsRef<OsStr>]) -> String {
    arguments.first().map(|first| first.as_ref().to_string_lossy().into_owned()).unwrap_or_default()
}

fn run_with_limit(
    mut command: Command,
    arguments: &[impl AsRef<OsStr>],
    input: &[u8],
    limit: Duration,
    notice: Option<&str>,
) -> Result<GitOutput, GitError> {
    command.args(arguments.iter().map(AsRef::as_ref));
    let mut child =
        command.spawn().map_err(|error| GitError::Missing { why: error.to_string() })?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    if let Some(mut pipe) = child.stdin.take() {
        let input = input.to_vec();
        // On a thread of its own: git may write much before it reads. A failure shows in its exit.
        thread::spawn(move || pipe.write_all(&input));
    }
    let Some(status) = wait(&mut child, limit, notice) else {
        // Its own child processes end when the pipes close.
        let _ = child.kill();
        let _ = child.wait();
        return Err(GitError::Slow { command: name(arguments), seconds: limit.as_secs() });
    };
    // A connection that ssh keeps open also keeps the pipes open after git has ended.
    let patience = Duration::from_secs(2);
    let stdout = stdout.recv_timeout(patience).unwrap_or_default();
    let stderr = stderr.recv_timeout(patience).unwrap_or_default();
    Ok(GitOutput {
        success: status.success(),
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: describe_failure(&String::from_utf8_lossy(&stderr), status),
    })
}

/// Runs a command whose stderr goes to a CI runner.
///
/// The runner could execute workflow commands in the output of git's hooks, so that output is
/// passed on line by line with those commands disabled.
fn status_without_commands(mut command: Command) -> io::Result<ExitStatus> {
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let (sender, all_is_passed_on) = mpsc::channel::<()>();
    let pipe = child.stderr.take();
    thread::spawn(move || {
        for line in pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).split(b'\n')) {
            let Ok(line) = line else { break };
            let text = format!("{}\n", runner::escape_commands(&String::from_utf8_lossy(&line)));
            // There is no other place for the message if stderr fails.
            let _ = io::stderr().write_all(text.as_bytes());
        }
        drop(sender);
    });
    let status = child.wait();
    // A process that a hook started may keep the pipe open.
    let _ = all_is_passed_on.recv_timeout(Duration::from_secs(2));
    status
}

/// Returns git's error text in one line, or else its exit status.
fn describe_failure(stderr: &str, status: ExitStatus) -> String {
    // git adds these lines to the output of ssh or a helper.
    const ADVICE: [&str; 3] = [
        "fatal: Could not read from remote repository",
        "Please make sure you have the correct access rights",
        "and the repository exists",
    ];
    let lines = stderr
        .lines()
        .map(|line| line.trim().trim_end_matches('.'))
        .filter(|line| !line.is_empty());
    let said: Vec<&str> = lines.filter(|line| !ADVICE.contains(line)).collect();
    if said.is_empty() {
        status.to_string()
    } else {
        sanitize(&said.join("; ")).chars().take(MAX_STDERR).collect()
    }
}

/// Reads a pipe on its own thread: a child with a full pipe would wait forever.
fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes);
            // The rest is read and dropped, so that the child can end.
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// Waits until the child ends; None after the time limit.
fn wait(child: &mut Child, limit: Duration, notice: Option<&str>) -> Option<ExitStatus> {
    let begin = Instant::now();
    let mut pause = Duration::from_micros(500);
    let mut notice = notice.zip(LISTENER.get());
    loop {
        if begin.elapsed() > PATIENCE
            && let Some((notice, listener)) = notice.take()
        {
            listener(notice);
        }
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if begin.elapsed() < limit => thread::sleep(pause),
            Ok(None) | Err(_) => return None,
        }
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn git_answers_for_its_repository_and_reports_why_it_failed() {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init(folder.path()).unwrap();
        let git = Git::new(&folder.path().join(".git"), folder.path());
        let seconds = Duration::from_secs(20);
        assert_eq!(
            git.run(&["rev-parse", "--git-dir"], seconds).unwrap().stdout.trim(),
            folder.path().join(".git").to_str().unwrap()
        );
        let error =
            git.run(&["rev-parse", "--verify", "nothing"], seconds).unwrap_err().to_string();
        assert!(error.starts_with("`git rev-parse` failed: fatal:"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_does_not_end_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init(folder.path()).unwrap();
        let git = Git::new(&folder.path().join(".git"), folder.path());
        let arguments = ["-c", "alias.wait=!sleep 30", "wait"];
        assert!(matches!(
            git.run_unchecked(&arguments, Duration::from_millis(200)),
            Err(GitError::Slow { .. })
        ));
    }

    #[test]
    fn the_users_own_settings_decide_which_protocols_a_url_of_the_repository_may_use() {
        let only =
            |names: &[&str]| Protocols::Only(names.iter().map(|name| (*name).to_owned()).collect());
        for (config, expected) in [
            ("", only(&["https", "ssh", "file"])),
            ("user.name\nAnn\0protocol.version\n2\0", only(&["https", "ssh", "file"])),
            ("protocol.codecommit.allow\nalways\0", only(&["https", "ssh", "file", "codecommit"])),
            ("protocol.file.allow\nnever\0", only(&["https", "ssh"])),
            ("protocol.file.allow\nuser\0", only(&["https", "ssh"])),
            (
                "protocol.file.allow\nnever\0protocol.file.allow\nalways\0",
                only(&["https", "ssh", "file"]),
            ),
            ("protocol.ext.allow\nnever\0", only(&["https", "ssh", "file"])),
            ("protocol.allow\nnever\0protocol.https.allow\nalways\0", only(&["https"])),
            ("protocol.allow\nalways\0", Protocols::Configured),
            ("protocol.xallow\nalways\0", only(&["https", "ssh", "file"])),
        ] {
            assert_eq!(allowed_protocols(config), expected, "{config:?}");
        }
    }

    #[test]
    fn the_version_of_git_is_parsed_in_every_vendors_form() {
        for (text, version) in [
            ("git version 2.45.1\n", Some(GitVersion(2, 45, 1))),
            ("git version 2.39.5 (Apple Git-154)\n", Some(GitVersion(2, 39, 5))),
            ("git version 2.45.0.windows.1", Some(GitVersion(2, 45, 0))),
            ("git version 2.47.GIT", Some(GitVersion(2, 47, 0))),
            ("git version 2.50-rc1", Some(GitVersion(2, 50, 0))),
            ("hub version 2.14", None),
        ] {
            assert_eq!(GitVersion::parse(text), version, "{text}");
        }
        assert!(GitVersion(2, 45, 0) < SAFE_VERSION && GitVersion(2, 100, 0) > SAFE_VERSION);
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        assert_eq!(
            without_password("https://me:secret@host:8443/a/b@c.git"),
            "https://host:8443/a/b@c.git"
        );
        for shown in
            ["origin", "git@host:a/b.git", "/srv/a@b.git", "https://host/a@b.git", "ssh://host"]
        {
            assert_eq!(without_password(shown), shown);
        }
    }

    #[test]
    fn only_a_conflict_with_another_push_counts_as_a_race() {
        for lost in [
            "[rejected] (stale info)",
            "[rejected] (fetch first)",
            "[remote rejected] (failed to update ref)",
        ] {
            let said = format!("To x\n!\ta:refs/heads/main\t{lost}\nDone\n");
            assert!(PushRejections(&said).are_races(), "{lost}");
        }
        let refused = "To x\n!\ta:refs/heads/main\t[remote rejected] (hook declined)\nDone\n";
        assert!(
            !PushRejections(refused).are_races() && !PushRejections("To x\nDone\n").are_races()
        );
        assert_eq!(
            PushRejections(refused).first().as_deref(),
            Some("[remote rejected] (hook declined)")
        );
    }
}
