//! `docs/explanation/life-of-a-secret.md` is current: the built binary prints its plans. Days,
//! times and commits are left out.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::json;

use super::{aged, apply_days_ago, cooling_off, dated, set_status, the_window_ends};
use goldenpath_testkit::{Aws, KEY};

/// Returns the output without parts that differ between runs.
fn lasting(text: &str) -> String {
    let mut text = text.to_owned();
    for (what, word) in [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC", "DAY AND TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DAY AND TIME"),
        (r"\d{8}T\d+Z-[0-9a-f]{64}", "RECORD"),
        (r"events/\d{4}/\d\d/\d\d/", "events/YEAR/MONTH/DAY/"),
        (r"\d{4}-\d\d-\d\d", "DAY"),
        (r"arn:aws:\S+?/\S+?(,|$)", "CALLER$1"),
        (r"\b[0-9a-f]{40}\b", "COMMIT"),
        (r"in commit [0-9a-f]{8}", "in commit COMMIT"),
    ] {
        text = Regex::new(&format!("(?m){what}")).unwrap().replace_all(&text, word).into_owned();
    }
    text
}

struct Story {
    aws: Aws,
    text: String,
}

impl Story {
    fn says(&mut self, words: &str) {
        writeln!(self.text, "{words}\n").unwrap();
    }

    fn shows(&mut self, arguments: &[&str], code: i32) {
        self.shows_days_ago(0, arguments, code);
    }

    fn shows_days_ago(&mut self, days_ago: u64, arguments: &[&str], code: i32) {
        let outcome =
            dated(self.aws.reach(self.aws.platform.catalog.goldenpath(arguments)), days_ago).run();
        assert_eq!(outcome.code, code, "{arguments:?}: {}", outcome.stderr);
        let command = arguments
            .iter()
            .map(|word| if word.contains(' ') { format!("{word:?}") } else { (*word).to_owned() });
        let command = command.collect::<Vec<_>>().join(" ");
        writeln!(
            self.text,
            "```console\n$ goldenpath {command}\n{}```\n",
            lasting(&outcome.stdout)
        )
        .unwrap();
    }

    fn apply(&mut self, days_ago: u64) {
        self.shows_days_ago(days_ago, &["apply", "--yes"], 0);
    }
}

fn life() -> String {
    let text = "\
# The life of a secret

From the first commit to the end of its recovery window, as `goldenpath` prints it. A test runs
these commands against a server that simulates AWS, and fails when this page is out of date. \
Days, times,
commits and the caller's ARN are left out. [Gates](gates.md) explains the steps.
";
    let mut it = Story { aws: Aws::new("life-story"), text: format!("{text}\n") };
    aged(&it.aws.platform);
    it.says("## Creation\n\nThe manifest has merged.");
    it.apply(100);
    it.says(
        "## A decommission request\n\nThe team no longer needs the secret. It became `deprecated` \
         a while ago, and now it is\n`decommission_requested`.",
    );
    cooling_off(&it.aws.platform, 60, 95);
    set_status(&it.aws.platform, "deprecated", 90);
    set_status(&it.aws.platform, "decommission_requested", 50);
    it.apply(50);
    it.says(
        "The ExternalSecret is removed. The secret stays: this catalog requires sixty days of \
         cooling off, and a\nDeployment still names it.",
    );
    let deployment = "kind: Deployment\nmetadata: { name: web, namespace: payments }\nspec:\n  \
                      template:\n    spec:\n      containers:\n        \
                      - envFrom: [{ secretRef: { name: payments-db-creds } }]\n";
    it.aws.platform.gitops.write("apps/web.yaml", deployment).commit_all("Web");
    it.shows(&["plan"], 0);
    it.says("## A step back\n\nThe status `deprecated` restores the ExternalSecret.");
    set_status(&it.aws.platform, "deprecated", 45);
    it.apply(45);
    it.says(
        "## A second request\n\nLater the Deployment is gone, three days of cooling off are \
         required, and the gates are open.",
    );
    it.aws.platform.gitops.git(&["rm", "--quiet", "apps/web.yaml"]);
    it.aws.platform.gitops.git(&["commit", "--quiet", "-m", "Web is gone"]);
    cooling_off(&it.aws.platform, 3, 44);
    set_status(&it.aws.platform, "decommission_requested", 40);
    apply_days_ago(&it.aws, 40).success();
    it.apply(39);
    it.says("## Restored\n\nUntil the recovery window ends, the secret can be restored.");
    it.shows(&["plan"], 0);
    set_status(&it.aws.platform, "deprecated", 30);
    it.apply(30);
    assert!(it.aws.describe(KEY)["DeletedDate"].is_null());
    it.says("## The end\n\nThe last request. The value was read recently, by a scanner.");
    set_status(&it.aws.platform, "decommission_requested", 20);
    apply_days_ago(&it.aws, 20).success();
    let mut read = it.aws.describe(KEY);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    read["LastAccessedDate"] = json!(now / 86400 * 86400);
    it.aws.recorder.answer("DescribeSecret", 1, &read);
    it.shows(&["plan"], 0);
    it.aws.recorder.answer("DescribeSecret", 1, &read);
    let reason = "it was the scanner, ask Ann";
    it.shows_days_ago(
        10,
        &["apply", "--yes", "--id", "SEC-0007", "--override", "last-accessed", "--reason", reason],
        0,
    );
    it.says("After the recovery window, the manifest becomes `decommissioned`.");
    the_window_ends(&it.aws);
    it.apply(0);
    it.says("## The audit trail");
    it.shows(&["audit", "show", "SEC-0007"], 0);
    it.shows(&["audit", "verify"], 0);
    it.says("An altered record is detected:");
    let repository = &it.aws.platform.catalog;
    repository.git(&["switch", "--quiet", "goldenpath/audit"]);
    let files = repository.git(&["ls-files"]);
    let has_reason = |file: &&str| repository.read(file).contains("ask Ann");
    let file = files.lines().find(has_reason).unwrap();
    repository.write(file, &repository.read(file).replace("ask Ann", "ask Bob"));
    repository.commit_all("Tidy up");
    repository.git(&["switch", "--quiet", "main"]);
    it.shows(&["audit", "verify"], 1);
    it.text.trim_end().to_owned() + "\n"
}

/// `UPDATE_DOCS=1 cargo test screens` updates the page.
#[test]
fn the_life_of_a_secret_is_what_the_documentation_shows() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/explanation/life-of-a-secret.md");
    let text = life();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        found, text,
        "docs/explanation/life-of-a-secret.md is out of date: UPDATE_DOCS=1 cargo test screens"
    );
}
