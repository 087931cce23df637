//! Process information and leftovers: arguments, environments, a core dump, and memory, which is
//! cleared before it is freed.

use std::fs;
use std::path::Path;

use super::scene::{Said, Scene};
use goldenpath_testkit::{Canary, Command, HoldPoint, memory_of, skip};

/// Returns `value set` with the canary on stdin, from a file, so that no pipe buffers it.
fn set(scene: &Scene, canary: &Canary) -> Command {
    let given = format!("username=app\npassword='{}'\n", canary.text);
    scene.value(&["set", "SEC-0007", "--yes"]).stdin(given)
}

#[test]
fn a_value_is_in_no_argument_and_no_environment_during_a_request() {
    for operation in ["GetSecretValue", "PutSecretValue", "TagResource"] {
        let scene = Scene::aws(&format!("seen-{operation}"));
        let canary = Canary::new();
        let gate = scene.recorder().hold(operation, "", 1, HoldPoint::BeforeRequest);
        let running = set(&scene, &canary).start();
        assert!(gate.is_reached_by(1), "{operation}");
        assert_eq!(
            canary.in_what_is_seen_of(running.id()),
            <[String; 0]>::default(),
            "{operation}"
        );
        gate.open();
        let said = Said::from(running.wait().success());
        scene.assert_no_leak(operation, &canary, &said.words);
    }
}

#[test]
fn memory_that_held_a_value_is_wiped_when_the_value_is_written() {
    for keeps_open in [false, true] {
        let scene = Scene::aws(if keeps_open { "wiped-kept-open" } else { "wiped" });
        if keeps_open {
            scene.recorder().keep_open();
        }
        let before = Canary::new();
        set(&scene, &before).run().success();
        let canary = Canary::new();
        // During the request the value is in memory, so the search would find it.
        let on_its_way = scene.recorder().hold("PutSecretValue", "", 1, HoldPoint::BeforeRequest);
        let written = scene.recorder().hold("TagResource", "", 1, HoldPoint::BeforeRequest);
        let running = set(&scene, &canary).start();
        assert!(on_its_way.is_reached_by(1));
        let Some(memory) = memory_of(running.id()) else {
            return skip("this user may not read another process's memory");
        };
        on_its_way.open();
        assert!(written.is_reached_by(1));
        let afterwards = memory_of(running.id()).unwrap();
        written.open();
        running.wait().success();
        assert!(!canary.in_memory(&memory).is_empty(), "the search finds nothing at all");
        for (whose, canary) in [("the new", &canary), ("the old", &before)] {
            let held = canary.in_memory(&afterwards);
            assert!(
                held.is_empty(),
                "{whose} value is still there, {keeps_open}:\n{}",
                held.join("\n")
            );
        }
    }
}

#[test]
fn a_plan_leaves_no_core_dump() {
    let scene = Scene::aws("core-of-a-plan");
    let catalog = scene.platform.catalog.path();
    if !dumps_cores(&catalog) {
        return;
    }
    for signal in ["ABRT", "QUIT"] {
        let gate = scene.recorder().hold("ListSecrets", "", 1, HoldPoint::BeforeRequest);
        let running = scene.loud(scene.platform.plan(&[])).with_core_dumps().start();
        assert!(gate.is_reached_by(1));
        running.signal(signal);
        let said = Said::from(running.wait());
        // The signal would arrive during the next run.
        gate.turn_away();
        assert_ne!(said.code, 0);
        assert_eq!(cores(&catalog), Vec::<std::path::PathBuf>::new(), "{signal}");
    }
}

#[test]
fn no_core_dump_has_it() {
    let scene = Scene::aws("core");
    let catalog = scene.platform.catalog.path();
    if !dumps_cores(&catalog) {
        return;
    }
    for signal in ["ABRT", "QUIT"] {
        let canary = Canary::new();
        let gate = scene.recorder().hold("PutSecretValue", "", 1, HoldPoint::BeforeRequest);
        let running = set(&scene, &canary).with_core_dumps().start();
        assert!(gate.is_reached_by(1));
        running.signal(signal);
        let said = Said::from(running.wait());
        // The signal would arrive during the next run.
        gate.turn_away();
        assert_ne!(said.code, 0);
        assert_eq!(cores(&catalog), Vec::<std::path::PathBuf>::new(), "{signal}");
        scene.assert_no_leak(signal, &canary, &said.words);
    }
}

/// Reports whether a crashing program leaves a core dump in the folder, so that the test is
/// meaningful.
fn dumps_cores(folder: &Path) -> bool {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.trim().is_empty() || pattern.starts_with(['|', '/']) {
        skip(&format!("cores go to `{}`, where this test does not look", pattern.trim()));
        return false;
    }
    let dumps = std::process::Command::new("sh")
        .args(["-c", "ulimit -c unlimited && kill -ABRT $$"])
        .current_dir(folder)
        .status();
    assert!(!dumps.unwrap().success());
    let found = cores(folder);
    if found.is_empty() {
        skip("no core dump is written here, by any program");
    }
    for core in &found {
        fs::remove_file(core).unwrap();
    }
    !found.is_empty()
}

fn cores(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    files
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"))
        })
        .collect()
}
