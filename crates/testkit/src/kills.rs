//! Kills a program at later and later points of its run.

use std::time::{Duration, Instant};

use crate::{Command, Outcome};

/// The minimum number of runs. Each is killed later by this fraction of an uninterrupted run's
/// time.
const RUNS: u32 = 24;
const SHARE: u32 = 16;

/// The number of runs that must complete before it stops.
const WHOLE: usize = 3;

/// Runs what `command` returns repeatedly, each run killed a little later than the one before,
/// until some complete.
///
/// After each run, `look` gets its number and its exit code, which is -1 for a killed run.
#[track_caller]
pub fn killed_ever_later(command: impl Fn(u32) -> Command, mut look: impl FnMut(u32, Outcome)) {
    let begun = Instant::now();
    look(0, command(0).start().wait().success());
    let step = begun.elapsed() / SHARE;
    let (mut cut_short, mut whole) = (0, 0);
    let deadline = Instant::now() + Duration::from_secs(60);
    for number in 1.. {
        let running = command(number).start();
        std::thread::sleep(step * (number - 1));
        let ended = running.kill();
        match ended.code {
            -1 => cut_short += 1,
            _ => whole += 1,
        }
        look(number, ended);
        if number >= RUNS && whole >= WHOLE {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{cut_short} runs were cut short, {whole} came to an end"
        );
    }
    assert!(cut_short >= WHOLE, "only {cut_short} runs were cut short, and {whole} were not");
}

#[test]
fn some_runs_are_cut_short_and_some_come_to_their_end() {
    let home = tempfile::tempdir().unwrap();
    let (mut cut_short, mut whole) = (0, 0);
    killed_ever_later(
        |_| {
            Command::new(
                "sh",
                &["-c", "echo begun; sleep 0.1; echo done"],
                home.path(),
                home.path(),
            )
        },
        |_, ended| match ended.stdout.ends_with("done\n") {
            true => whole += 1,
            false => cut_short += 1,
        },
    );
    assert!(cut_short >= 3 && whole >= 3, "{cut_short} {whole}");
}
