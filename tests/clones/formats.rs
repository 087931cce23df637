//! Repositories whose objects or refs libgit2 does not read.

use std::path::Path;

use goldenpath_testkit::{Command, Repository, SEED, newer_git, skip};

use super::PAYMENTS;

const CONFIG: &str = "catalogId: acme-platform\nstore:\n  backend: local\n  path: ../store.db\n";

/// A repository in a format of its own, and the folder of the `git` that reads it.
struct Formatted {
    repository: Repository,
    origin: Repository,
    programs: Option<String>,
}

impl Formatted {
    /// Creates a repository with a history, a branch `bad` with a mistake, and a remote.
    fn new(format: &str, programs: Option<&Path>) -> Self {
        let path = std::env::var("PATH").unwrap();
        let programs = programs.map(|folder| format!("{}:{path}", folder.display()));
        let (repository, origin) = (Repository::new(), Repository::bare());
        for folder in [repository.path(), origin.path()] {
            std::fs::remove_dir_all(&folder).unwrap();
            std::fs::create_dir(&folder).unwrap();
        }
        let server = origin.path().display().to_string();
        let formatted = Self { repository, origin, programs };
        formatted.git(&["init", "--quiet", "--bare", format, &server]);
        formatted.git(&["init", "--quiet", format]);
        let write = |id: &str, text: &str| {
            formatted.repository.write(format!("{PAYMENTS}/{id}.yaml"), text);
        };
        formatted.repository.write("goldenpath.yaml", CONFIG);
        write("SEC-0007", SEED);
        write("SEC-0012", &SEED.replace("SEC-0007", "SEC-0012").replace("payments-db", "old"));
        formatted.commit("Two");
        formatted.git(&["rm", "--quiet", &format!("{PAYMENTS}/SEC-0012.yaml")]);
        formatted.commit("One");
        formatted.git(&["remote", "add", "origin", &server]);
        formatted.git(&["push", "--quiet", "origin", "HEAD:refs/heads/main"]);
        formatted.git(&["fetch", "--quiet", "origin"]);
        formatted.git(&["checkout", "--quiet", "-b", "bad"]);
        write("SEC-0007", &SEED.replace("tier: medium", "tier: hgih"));
        formatted.commit("Bad");
        formatted.git(&["checkout", "--quiet", "main"]);
        formatted
    }

    fn with_path(&self, command: Command) -> Command {
        match &self.programs {
            Some(path) => command.envs([("PATH", path.as_str())]),
            None => command,
        }
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let dates = ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"];
        let dates = dates.map(|name| (name, "2099-01-01T12:00:00Z"));
        let command = self.repository.program("git", arguments).envs(dates);
        self.with_path(command).run().success().stdout.trim().to_owned()
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    fn goldenpath(&self, arguments: &[&str]) -> Command {
        self.with_path(self.repository.goldenpath(arguments))
    }

    /// Checks fixes of a manifest that is staged with a mistake; then nothing is staged.
    fn check_fixes(&self, manifest: &str) {
        let fix = |arguments: &[&str]| {
            let arguments = [&["validate", "--unsafe-fixes"], arguments].concat();
            self.goldenpath(&arguments).run()
        };
        let staged = || self.git(&["show", &format!(":{manifest}")]);
        let is_fixed = |text: &str| text.contains("tier: high");
        assert!(fix(&["--staged", "--diff"]).fails_with(1).stdout.contains("+    tier: high"));
        // What is not staged is not mixed with what is.
        let mistaken = self.repository.read(manifest);
        self.repository.write(manifest, &format!("{mistaken}# more\n"));
        let refused = fix(&["--staged", "--fix"]).fails_with(2);
        assert!(refused.stderr.contains("unstaged changes"), "{}", refused.stderr);
        assert!(!is_fixed(&staged()) && !is_fixed(&self.repository.read(manifest)));
        self.repository.write(manifest, &mistaken);
        fix(&["--staged", "--fix"]).success();
        assert!(is_fixed(&staged()) && is_fixed(&self.repository.read(manifest)));
        self.git(&["fsck", "--strict"]);

        // In the work tree, the index changes only where a file moves: its staged content stays.
        self.repository.write(manifest, &mistaken);
        let id = || self.git(&["ls-files", "--stage", "--", "*SEC-0007.yaml"]);
        let before = id();
        fix(&["--fix"]).success();
        assert_eq!(id(), before);
        let wrong = "catalogs/secrets/other/dev/SEC-0007.yaml";
        self.git(&["reset", "--quiet", "--hard"]);
        let before = id();
        std::fs::create_dir_all(self.repository.path().join(wrong).parent().unwrap()).unwrap();
        self.git(&["mv", manifest, wrong]);
        fix(&["--fix"]).success();
        assert_eq!(id(), before);
        assert!(!self.repository.exists(wrong));
        assert_eq!(self.git(&["status", "--porcelain"]), "");
    }

    /// Checks all that reads, and that the rest is refused with this command.
    fn check(&self, remedy: &str) {
        let one = "checked 1 manifest: no findings\n";
        let seen = |arguments: &[&str]| self.goldenpath(arguments).run().success().stdout;
        assert_eq!(seen(&["validate"]), one);
        // The second time, nothing is converted again.
        assert_eq!(seen(&["validate"]), one);
        let staged = "checked 0 manifests: no findings\n";
        assert_eq!(seen(&["validate", "--staged"]), staged);
        let bad = |arguments: &[&str]| {
            let outcome = self.goldenpath(arguments).run().fails_with(1);
            assert!(outcome.stdout.contains("GP105"), "{arguments:?} {}", outcome.stdout);
        };
        bad(&["validate", "--from-ref", "main", "--to-ref", "bad"]);
        let (from, to) = (self.git(&["rev-parse", "main"]), self.git(&["rev-parse", "bad"]));
        bad(&["validate", "--from-ref", &from, "--to-ref", &to]);
        self.git(&["checkout", "--quiet", "bad"]);
        bad(&["validate", "--merge-with", "main"]);
        let none = "0".repeat(from.len());
        let refs = format!("refs/heads/bad {to} refs/heads/bad {none}\n");
        let pushed = self.goldenpath(&["hook", "run", "pre-push", "origin"]).stdin(&refs).run();
        assert!(pushed.fails_with(1).stdout.contains("GP105"));
        self.git(&["checkout", "--quiet", "main"]);
        let manifest = format!("{PAYMENTS}/SEC-0007.yaml");
        self.repository.write(&manifest, &SEED.replace("tier: medium", "tier: hgih"));
        bad(&["validate"]);
        assert_eq!(seen(&["validate", "--staged"]), staged);
        self.git(&["add", "--all"]);
        bad(&["validate", "--staged"]);
        bad(&["hook", "run", "pre-commit"]);
        self.check_fixes(&manifest);

        // SEC-0012 is only in history, and the reservation is a ref on the remote.
        let words = ["--service", "web", "--env", "dev", "--type", "generic", "--risk", "low"];
        let named = ["--name", "next-one", "--owner", "sre-team", "--yes"];
        self.goldenpath(&[&["new", "secret"], &words[..], &named].concat()).run().success();
        assert!(self.repository.exists("catalogs/secrets/web/dev/SEC-0013.yaml"));
        let server = self.origin.path().display().to_string();
        let reserved = self.git(&["ls-remote", &server, "refs/goldenpath/ids/*"]);
        assert!(reserved.ends_with("\trefs/goldenpath/ids/SEC-0013"), "{reserved}");
        self.commit("Another");
        let plan = self.goldenpath(&["plan"]).run().success();
        assert!(plan.stdout.contains("Plan: 2 to create"), "{}", plan.stdout);

        let before = self.git(&["for-each-ref"]);
        for command in [
            &["apply", "--yes"][..],
            &["lifecycle", "set", "SEC-0007", "deprecated"],
            &["value", "generate", "SEC-0007", "--yes"],
            &["id", "reserve"],
            &["id", "renumber", "SEC-0007"],
            &["due", "--decommission"],
            &["audit", "import"],
            &["list"],
        ] {
            let outcome = self.goldenpath(command).run().fails_with(2);
            assert!(outcome.stderr.contains(remedy), "{command:?} {}", outcome.stderr);
            assert!(!outcome.stderr.contains("fsck"), "{}", outcome.stderr);
        }
        assert_eq!(self.git(&["for-each-ref"]), before);
        assert_eq!(self.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn objects_by_sha256_are_read_and_not_written() {
    Formatted::new("--object-format=sha256", None).check("git fast-export");
}

#[test]
fn refs_in_a_reftable_are_read_and_not_written() {
    match newer_git() {
        Ok(programs) => {
            Formatted::new("--ref-format=reftable", Some(&programs)).check("git refs migrate");
        }
        Err(why) => skip(&why),
    }
}

#[test]
fn a_reftable_that_this_version_of_git_does_not_read_is_refused_with_the_way_to_convert_it() {
    let refs = Repository::new();
    refs.git(&["config", "core.repositoryFormatVersion", "1"]);
    refs.git(&["config", "extensions.refStorage", "reftable"]);
    for command in [&["validate"][..], &["plan"], &["new", "secret", "--yes"], &["apply", "--yes"]]
    {
        let outcome = refs.goldenpath(command).run().fails_with(2);
        assert!(outcome.stderr.contains("git refs migrate"), "{command:?} {}", outcome.stderr);
        assert!(!outcome.stderr.contains("fsck"), "{}", outcome.stderr);
    }
}
