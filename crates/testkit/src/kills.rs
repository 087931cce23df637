//! A program that is killed at ever later moments.

use std::time::{Duration, Instant};

use crate::{Command, Outcome};

/// How many runs there are at least, and how much later each is killed: by this share of the time
/// that a whole run took.
const RUNS: u32 = 24;
const SHARE: u32 = 16;

/// How many runs reach their end on their own before this is over.
const WHOLE: usize = 3;

/// Runs what `command` makes again and again, each run killed a little later than the one before,
/// until some have come to their end. After each, `look` is given its number and how it ended, with
/// the code -1 where it was cut short.
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
