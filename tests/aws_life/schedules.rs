//! Lives on an AWS with stale and lost answers and throttling, in which commands are killed.
//!
//! Each ends as a calm life does: with the same tags, policies and rotation, one current value, the
//! same GitOps tree, and each change once in the audit trail. The audit trail has it as done, or as
//! a change whose result was unknown.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::{BeforeStep, Life, LifeEnd, StepTrace};
use goldenpath_testkit::{Aws, Command, HoldPoint, sample};

/// The numbers of secrets: of most lives, and of a few.
const SECRETS: [usize; 2] = [4, 20];

/// The lives that run at the same time: most of their time they wait to try again.
const THREADS: usize = 4;

/// The results of a change that was made, or may have been.
const DONE: &str = "done";
const UNKNOWN: [&str; 2] = ["interrupted", "unknown"];

/// Returns a number that depends only on the two.
fn draw(seed: u64, step: usize) -> u64 {
    // An xorshift generator: the same kills for the same seed.
    let mut random = (seed << 8 | step as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..3 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
    }
    random
}

/// Kills one of three commands at a call or at a crash point; returns where, for messages.
fn kill_some(
    seed: u64,
    aws: &Aws,
    step: usize,
    calm: &[StepTrace],
    command: &dyn Fn() -> Command,
) -> Option<String> {
    let random = draw(seed, step);
    let calm = calm.get(step)?;
    if !random.is_multiple_of(3) {
        return None;
    }
    let place = (random >> 8) as usize;
    if random >> 4 & 1 == 0 && !calm.points.is_empty() {
        let point = &calm.points[place % calm.points.len()];
        let code = command().env("GOLDENPATH_CRASH_AT", point).run().code;
        return Some(format!("ended with {code} at `{point}`"));
    }
    let before = random >> 5 & 1 == 0;
    let when = if before { HoldPoint::BeforeRequest } else { HoldPoint::BeforeResponse };
    aws.recorder.reset();
    let call = place % calm.calls.max(1);
    let gate = aws.recorder.hold_call(call, when);
    let mut running = command().start();
    while !gate.is_reached() && !running.has_ended() {
        thread::sleep(Duration::from_millis(5));
    }
    let code = running.kill().code;
    gate.turn_away();
    let operations = aws.recorder.operations();
    let operation = operations.get(call).map_or("no call", String::as_str);
    Some(format!("ended with {code} at call {call} ({operation}, {when:?})"))
}

/// Returns how a life differs from the calm one.
fn differences(calm: &LifeEnd, end: &LifeEnd) -> Vec<String> {
    let mut found = Vec::new();
    for (what, one, other) in [
        ("secret", &calm.secrets, &end.secrets),
        ("rotation", &calm.rotations, &end.rotations),
        ("value", &calm.values, &end.values),
    ] {
        let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
        let differing = names.filter(|name| one.get(*name) != other.get(*name));
        found.extend(differing.map(|name| {
            format!("{what} {name}:\n  calm: {:?}\n  now:  {:?}", one.get(name), other.get(name))
        }));
    }
    if calm.gitops != end.gitops {
        found.push(format!("GitOps tree:\n{}\nand now\n{}", calm.gitops, end.gitops));
    }
    found.extend(audit_differences(calm, end));
    found
}

/// Returns the changes that the audit trail has not exactly once for each time of the calm life.
fn audit_differences(calm: &LifeEnd, end: &LifeEnd) -> Vec<String> {
    let none = BTreeMap::new();
    let of = |end: &LifeEnd, result: &str| end.actions.get(result).unwrap_or(&none).clone();
    let (expected, done) = (of(calm, DONE), of(end, DONE));
    let unknown = UNKNOWN.map(|result| of(end, result));
    let times = |actions: &BTreeMap<String, usize>, action: &String| {
        actions.get(action).copied().unwrap_or_default()
    };
    let mut found = Vec::new();
    for action in expected.keys().chain(done.keys().filter(|one| !expected.contains_key(*one))) {
        let (wanted, done) = (times(&expected, action), times(&done, action));
        let unknown_times: usize = unknown.iter().map(|actions| times(actions, action)).sum();
        // What a killed run left of another change is completed by tags.
        let is_rest = action.contains(" tag-secret ")
            && unknown.iter().any(|actions| is_of_same_secret(actions, action));
        if (done > wanted && !is_rest) || done + unknown_times < wanted {
            found.push(format!(
                "audit trail: {action}: {wanted} times in a calm life; now {done} times done, \
                 {unknown_times} times unknown"
            ));
        }
    }
    for open in ["begun", "failed"] {
        found.extend(of(end, open).keys().map(|action| format!("audit trail: {action}: {open}")));
    }
    found
}

/// Returns whether one of the actions is about the secret of another action.
fn is_of_same_secret(actions: &BTreeMap<String, usize>, action: &str) -> bool {
    let id = action.split(' ').next().unwrap_or_default();
    actions.keys().any(|other| other.split(' ').next() == Some(id))
}

/// Returns what is wrong with the life of a seed.
fn trouble_of(seed: u64, secrets: usize, calm: &LifeEnd, steps: &[StepTrace]) -> Option<String> {
    let before: &BeforeStep = &|aws, step, command| {
        // A rotation that is run again after a kill is a second rotation.
        let rotates = step == steps.len() - 4;
        if rotates { None } else { kill_some(seed, aws, step, steps, command) }
    };
    let mut life = Life::of(Aws::new(&format!("seed-{seed}")), secrets, Some(before));
    life.aws.recorder.unkind(seed);
    let ended = catch_unwind(AssertUnwindSafe(|| life.live()));
    let found = match ended {
        Ok(end) => differences(calm, &end),
        // It has the log already.
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            return Some(format!("seed {seed}:\n{text}"));
        }
    };
    let log = life.log.join("\n");
    (!found.is_empty()).then(|| format!("seed {seed}:\n{}\n{log}", found.join("\n")))
}

#[test]
fn a_disturbed_life_ends_as_a_calm_one() {
    let calm = SECRETS.map(|secrets| {
        let mut life = Life::of(Aws::new("calm"), secrets, None);
        (life.live(), life.steps)
    });
    let seeds = sample(1..201_u64, 10);
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let size = usize::from(*seed == 1 || seed % 50 == 2);
                    let (calm, steps) = &calm[size];
                    let trouble = trouble_of(*seed, SECRETS[size], calm, steps);
                    wrong.lock().unwrap().extend(trouble);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    let count = wrong.len();
    assert!(count == 0, "{count} of {} lives differ:\n\n{}", seeds.len(), wrong.join("\n\n"));
}
