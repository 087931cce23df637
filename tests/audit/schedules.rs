//! Two clones, a pipeline and re-runs of it, in any order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{BRANCH, verified};
use goldenpath_testkit::{Platform, Repository, SEED_PATH, request, sample};

/// The steps of a schedule.
const STEPS: u64 = 6;

/// The number of kinds of steps.
const KINDS: u64 = 6;

/// The schedules of one catalog, one after the other: setting it up takes as long as two of them.
const SERIES: usize = 5;

/// The catalogs at the same time: a step waits for one program after the other.
const THREADS: usize = 4;

/// The remote, the two clones of developers, and what has happened so far.
struct SharedCatalog {
    origin: Repository,
    developers: [Repository; 2],
    /// The commits that a pipeline has applied, in their order.
    applied: Vec<String>,
    rotations: usize,
    secrets: usize,
    _platform: Platform,
}

impl SharedCatalog {
    /// Returns a catalog with one applied secret that has a value.
    fn new() -> Self {
        let platform = Platform::local();
        let store = platform.catalog.home().join("store.db");
        platform.configure(
            &format!("backend: local\npath: {0}\nkeyFile: {0}.key", store.display()),
            &platform.gitops.path().display().to_string(),
        );
        platform.seed();
        let origin = Repository::bare();
        platform.catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
        platform.catalog.git(&["push", "--quiet", "origin", "main"]);
        let developers = [Repository::clone_of(&origin), Repository::clone_of(&origin)];
        let mut catalog = Self {
            origin,
            developers,
            applied: Vec::new(),
            rotations: 0,
            secrets: 1,
            _platform: platform,
        };
        catalog.pipeline();
        catalog.developers[0]
            .goldenpath(&["value", "generate", "SEC-0007", "--yes"])
            .run()
            .success();
        catalog
    }

    /// Merges a change of the owner.
    fn change_owner(&self, number: u64) {
        let clone = &self.developers[0];
        clone.git(&["pull", "--quiet", "--rebase"]);
        let text = clone.read(SEED_PATH);
        let old = text.lines().find(|line| line.contains("owner: ")).unwrap();
        let owner = ["team-payments", "platform-team", "app-team"][(number % 3) as usize];
        let new = format!("  owner: {owner} # change {number}");
        clone.write(SEED_PATH, &text.replace(old, &new)).commit_all("Owner");
        clone.git(&["push", "--quiet", "origin", "HEAD:main"]);
    }

    /// Merges a new secret of a developer, with the ID that goldenpath gives.
    fn add_secret(&mut self, developer: usize) {
        let clone = &self.developers[developer];
        let reserved = clone.goldenpath(&["id", "reserve"]).run().success().stdout;
        let id =
            reserved.split_whitespace().find(|word| word.starts_with("SEC-")).unwrap().to_owned();
        clone.git(&["pull", "--quiet", "--rebase"]);
        let file = format!("catalogs/secrets/payments/dev/{id}.yaml");
        clone.write(&file, &request(&id, &id.to_lowercase())).commit_all(&id);
        clone.git(&["push", "--quiet", "origin", "HEAD:main"]);
        self.secrets += 1;
    }

    fn rotate(&mut self) {
        let clone = &self.developers[1];
        clone.git(&["pull", "--quiet", "--rebase"]);
        clone.goldenpath(&["value", "rotate", "SEC-0007", "--yes"]).run().success();
        self.rotations += 1;
    }

    /// Applies the default branch in a clone that is thrown away.
    fn pipeline(&mut self) {
        let clone = Repository::clone_of(&self.origin);
        clone.goldenpath(&["apply", "--yes"]).run().success();
        self.applied.push(clone.git(&["rev-parse", "HEAD"]));
    }

    /// Starts an earlier pipeline again.
    fn run_again(&self, number: u64) {
        let again = &self.applied[(number as usize) % self.applied.len()];
        let clone = Repository::clone_of(&self.origin);
        clone.git(&["checkout", "--quiet", "--detach", again]);
        let outcome = clone.goldenpath(&["apply", "--yes"]).run();
        assert!(
            outcome.code == 0 || outcome.stderr.contains("already applied"),
            "{}",
            outcome.said()
        );
    }

    /// Checks that the stores and the GitOps repository are as the commit applied last says.
    fn is_as_applied_last(&self, what: &str) {
        let clone = Repository::clone_of(&self.origin);
        clone.git(&["checkout", "--quiet", "--detach", self.applied.last().unwrap()]);
        let plan = clone.goldenpath(&["plan"]).run().success();
        assert!(plan.stdout.starts_with("Nothing to do."), "{what}: {}", plan.stdout);
    }
}

/// Runs one schedule after what has happened so far.
fn run_schedule(catalog: &mut SharedCatalog, seed: u64) {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut schedule = format!("seed {seed}:");
    for _ in 0..STEPS {
        // An xorshift generator: the same schedule for the same seed.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let kind = random % KINDS;
        schedule.push_str(&format!(" {kind}"));
        match kind {
            0 => catalog.change_owner(random >> 8),
            1 => catalog.add_secret((random >> 8) as usize % 2),
            2 => catalog.rotate(),
            3 => catalog.pipeline(),
            4 => catalog.run_again(random >> 8),
            // A pipeline and a re-run at the same time.
            _ => {
                let clone = Repository::clone_of(&catalog.origin);
                thread::scope(|scope| {
                    scope.spawn(|| catalog.run_again(random >> 8));
                    clone.goldenpath(&["apply", "--yes"]).run().success();
                });
                catalog.applied.push(clone.git(&["rev-parse", "HEAD"]));
            }
        }
        // Only a pipeline changes what is applied.
        if kind >= 3 {
            catalog.is_as_applied_last(&schedule);
        }
    }
    let clone = Repository::clone_of(&catalog.origin);
    verified(&clone).success();
    let trail = clone.trail("SEC-0007");
    let rotations = trail.matches("\"action\":\"rotate-value\"").count();
    assert_eq!(rotations, catalog.rotations, "{schedule}");
    let files = clone.git(&["ls-files", "catalogs"]);
    assert_eq!(files.lines().count(), catalog.secrets, "{schedule}: {files}");
    assert!(!catalog.origin.git(&["rev-parse", BRANCH]).is_empty());
}

#[test]
fn no_event_is_lost_no_number_is_given_twice_and_nothing_goes_back_in_time() {
    let seeds = sample(1..501_u64, 25);
    let series: Vec<&[u64]> = seeds.chunks(SERIES).collect();
    let next = AtomicUsize::new(0);
    let trouble = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(seeds) = series.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let mut catalog = SharedCatalog::new();
                    for seed in *seeds {
                        let run = AssertUnwindSafe(|| run_schedule(&mut catalog, *seed));
                        if catch_unwind(run).is_err() {
                            // The message is printed already; the others need another catalog.
                            trouble.lock().unwrap().push(*seed);
                            break;
                        }
                    }
                }
            });
        }
    });
    let trouble = trouble.into_inner().unwrap();
    assert!(trouble.is_empty(), "schedules with these seeds failed: {trouble:?}");
}
