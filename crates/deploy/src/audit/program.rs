//! Other programs: with an input, without a prompt, and with a time limit.

use std::io::{self, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The pause between two looks at a running program.
const PAUSE: Duration = Duration::from_millis(10);

/// The output of a program.
pub(super) struct ProgramOutput {
    pub(super) success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Reports whether a person can be asked: neither in a pipeline nor without a terminal.
pub(super) fn is_interactive() -> bool {
    let in_pipeline = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    !in_pipeline && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Runs a program with this standard input.
///
/// It is killed after `limit`.
pub(super) fn run(
    mut command: Command,
    input: &str,
    limit: Option<Duration>,
) -> io::Result<ProgramOutput> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("LC_ALL", "C.UTF-8");
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let read = |pipe: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                let _ = pipe.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).trim().to_owned()
        })
    };
    let stdout = read(child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let stderr = read(child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if limit.is_some_and(|limit| begin.elapsed() > limit) {
            child.kill()?;
            child.wait()?;
            let seconds = limit.unwrap_or_default().as_secs();
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it took more than {seconds} seconds"),
            ));
        }
        thread::sleep(PAUSE);
    };
    let text = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
    Ok(ProgramOutput { success: status.success(), stdout: text(stdout), stderr: text(stderr) })
}
