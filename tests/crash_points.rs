//! Kills `apply` before and after each API call, file operation and branch update, and runs it
//! again: the result equals that of an uninterrupted run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use goldenpath_testkit::{Aws, HoldPoint, Moto, Platform, Repository, request, sample};

/// A platform on which `apply` has each kind of work: two secrets to create, one of them with a
/// policy; one to restore; and one with a wrong owner, a wrong policy and an old ExternalSecret.
fn prepared() -> Aws {
    let aws = Aws::new("crash");
    let name = |number| format!("goldenpath/payments/dev/number-{number}");
    let readers = "    readPrincipals: [arn:aws:iam::123456789012:role/reader]\n  ttlDays:";
    for number in 1..=4 {
        let id = format!("SEC-000{number}");
        let mut text = request(&id, &format!("number-{number}"));
        match number {
            2 => text = text.replace("  ttlDays:", readers),
            4 => {
                text = text.replace("  ttlDays:", "    readPrincipals: []\n  ttlDays:");
                text = text.replacen("metadata:\n", "metadata:\n  description: What it is\n", 1);
            }
            _ => {}
        }
        aws.platform.catalog.write(format!("catalogs/secrets/payments/dev/{id}.yaml"), &text);
    }
    aws.platform.catalog.commit_all("Four");

    for number in [3, 4] {
        let id = format!("SEC-000{number}");
        let tags = [
            ("id", id.as_str()),
            ("managed-by", "goldenpath"),
            ("catalog", "acme-platform"),
            ("owner", "x"),
        ];
        let tags = tags
            .map(|(key, value)| json!({ "Key": format!("goldenpath.io/{key}"), "Value": value }));
        aws.call("CreateSecret", json!({ "Name": name(number), "Tags": tags }));
    }
    let statement = json!({
        "Effect": "Allow",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    aws.call("PutResourcePolicy", json!({ "SecretId": name(4), "ResourcePolicy": policy }));
    aws.call("DeleteSecret", json!({ "SecretId": name(3), "RecoveryWindowInDays": 7 }));
    let old = "# Managed by goldenpath: SEC-0004 of acme-platform. Changes are overwritten; edit \
               the manifest.\nold: yes\n";
    aws.platform
        .gitops
        .write("kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0004.yaml", old);
    aws.platform.gitops.commit_all("An old one");
    aws
}

/// Returns the result of a run: the secrets, the files of the last commit, and all commit messages.
#[derive(Debug, PartialEq)]
struct End {
    secrets: BTreeMap<String, Value>,
    files: String,
    history: String,
    status: String,
    leftovers: Vec<PathBuf>,
}

impl End {
    fn of(aws: &Aws) -> Self {
        let git = |arguments: &[&str]| aws.platform.gitops.git(arguments);
        let mut leftovers = Vec::new();
        collect_leftovers(&aws.platform.gitops.path(), &mut leftovers);
        Self {
            secrets: aws.state(),
            files: git(&["ls-tree", "-r", "HEAD"]),
            history: git(&["log", "--format=%s"]),
            status: git(&["status", "--porcelain", "--untracked-files=all"]),
            leftovers,
        }
    }
}

/// Returns temporary files and folders, locks and notes that are left.
fn collect_leftovers(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        match path.is_dir() {
            true if name.starts_with(".goldenpath-") => found.push(path),
            true => collect_leftovers(&path, found),
            false
                if name.starts_with(".goldenpath-")
                    || name.ends_with(".lock")
                    || name == "committing" =>
            {
                found.push(path);
            }
            false => {}
        }
    }
}

/// Sequential calls, so that each call has a fixed number.
const ARGUMENTS: [&str; 4] = ["apply", "--yes", "--parallelism", "1"];

/// A point at which a run is killed.
#[derive(Debug, Clone)]
enum Point {
    Call(usize, String, HoldPoint),
    Inside(String),
}

/// Returns the points of an uninterrupted run, and its result.
fn uninterrupted() -> (Vec<Point>, End) {
    let aws = prepared();
    let list = aws.platform.catalog.home().join("points");
    aws.recorder.reset();
    aws.reach(aws.platform.catalog.goldenpath(&ARGUMENTS))
        .env("GOLDENPATH_CRASH_LIST", &list)
        .run()
        .success();
    let calls = aws.recorder.operations().into_iter().enumerate();
    let calls = calls.flat_map(|(number, operation)| {
        [HoldPoint::BeforeRequest, HoldPoint::BeforeResponse]
            .map(|when| Point::Call(number, operation.clone(), when))
    });
    let inside = fs::read_to_string(list).unwrap();
    let points = calls.chain(inside.lines().map(|name| Point::Inside(name.to_owned()))).collect();
    (points, End::of(&aws))
}

fn killed_at(point: &Point) -> Aws {
    let aws = prepared();
    aws.recorder.reset();
    let command = aws.reach(aws.platform.catalog.goldenpath(&ARGUMENTS));
    let code = match point {
        Point::Call(number, _, when) => {
            let gate = aws.recorder.hold_call(*number, *when);
            let running = command.start();
            assert!(gate.is_reached_by(1), "{point:?}");
            let code = running.kill().code;
            gate.turn_away();
            code
        }
        Point::Inside(name) => command.env("GOLDENPATH_CRASH_AT", name).run().code,
    };
    assert_eq!(code, -1, "{point:?} has ended it");
    aws
}

#[test]
fn killed_at_any_point_and_run_again_it_comes_to_the_same_end() {
    let _ = Moto::shared();
    let (points, end) = uninterrupted();
    assert_eq!((end.status.as_str(), end.leftovers.as_slice()), ("", &[] as &[PathBuf]));
    assert_eq!(end.history.lines().count(), 3, "one commit: {}", end.history);
    for name in
        ["file: bytes on disk 3", "file: renamed", "branch: index written", "branch: committed"]
    {
        assert!(
            points.iter().any(|point| matches!(point, Point::Inside(known) if known == name)),
            "{name}"
        );
    }
    for operation in [
        "CreateSecret",
        "RestoreSecret",
        "UpdateSecret",
        "TagResource",
        "PutResourcePolicy",
        "DeleteResourcePolicy",
    ] {
        assert!(
            points
                .iter()
                .any(|point| matches!(point, Point::Call(_, known, _) if known == operation))
        );
    }
    assert!(points.len() >= 60, "{} points: {points:#?}", points.len());

    let points = sample(points, 4);
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let aws = killed_at(point);
                    let again = aws.apply();
                    let found = End::of(&aws);
                    if again.code != 0 || found != end {
                        let what = format!("{point:?}: {found:#?}\n{}", again.stderr);
                        wrong.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "not the same end as {end:#?}\n{}", wrong.join("\n\n"));
}

/// Returns a platform whose GitOps repository has `lock`, created `later` seconds after the note of
/// a run that was killed while it committed.
fn with_lock(lock: &str, later: i64) -> (Platform, PathBuf) {
    let platform = Platform::local();
    platform.seed();
    let git = platform.gitops.path().join(".git");
    let note = git.join("goldenpath/committing");
    fs::create_dir_all(note.parent().unwrap()).unwrap();
    fs::write(&note, "").unwrap();
    let lock = git.join(lock);
    fs::write(&lock, "").unwrap();
    let noted = fs::metadata(&note).unwrap().modified().unwrap();
    let apart = Duration::from_secs(later.unsigned_abs());
    let made = if later < 0 { noted - apart } else { noted + apart };
    fs::File::options().write(true).open(&lock).unwrap().set_modified(made).unwrap();
    (platform, lock)
}

#[test]
fn git_s_locks_that_a_killed_run_has_left_are_taken_away_and_those_of_others_stay() {
    for lock in ["index.lock", "refs/heads/main.lock"] {
        let (platform, left) = with_lock(lock, 1);
        platform.apply().run().success();
        assert!(!left.exists());
        for later in [-5, 600] {
            let (platform, left) = with_lock(lock, later);
            let outcome = platform.apply().run().fails_with(1);
            let said = outcome.stderr.replace('│', " ");
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains("remove the file if that process crashed"), "{said}");
            assert!(left.exists());
        }
    }
}

#[test]
fn runs_in_one_working_copy_have_their_turn_one_after_the_other() {
    let gitops = Repository::new();
    gitops.write("README.md", "words").commit_all("Start");
    let platforms = ["1", "2", "3"].map(|number| {
        let platform = Platform::local();
        platform.configure("backend: local", &gitops.path().display().to_string());
        for id in 0..8 {
            platform.write(&format!("SEC-0{number}0{id}"), &format!("number-{number}-{id}"));
        }
        platform.catalog.commit_all("Eight");
        platform
    });
    let running = platforms.each_ref().map(|platform| platform.apply().start());
    running.into_iter().for_each(|run| _ = run.wait().success());
    assert_eq!(gitops.git(&["ls-files", "kustomize"]).lines().count(), 24);
    assert_eq!(gitops.git(&["rev-list", "--count", "HEAD"]), "4");
    assert_eq!(gitops.git(&["status", "--porcelain", "--untracked-files=all"]), "");
}
