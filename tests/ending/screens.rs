//! One secret's life in `docs/life.md`: made by the built binary, and current. Days, times and commits are left out.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::json;

use super::{aged, apply_days_ago, cooling_off, dated, set_status, the_window_ends};
use goldenpath_testkit::{Aws, KEY};

/// What a person reads, without what differs from run to run.
fn lasting(text: &str) -> String {
    let mut text = text.to_owned();
    for (what, word) in [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC", "DAY AND TIME"),
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

From the first commit to the end of its recovery window, as `goldenpath` shows it; made by the tests against a server that stands in
for AWS. Days, times, commits and the caller's ARN are left out. What each step means is in [lifecycle.md](lifecycle.md).
";
    let mut it = Story { aws: Aws::new("life-story"), text: format!("{text}\n") };
    let catalog = |it: &Story| it.aws.platform.catalog.path();
    aged(&it.aws.platform);
    it.says("## It begins\n\nThe manifest has merged.");
    it.apply(100);
    it.says("## Its end is asked for\n\nThe team needs it no more. It became `deprecated` a while ago, and now its end is asked for.");
    cooling_off(&it.aws.platform, 60, 95);
    set_status(&it.aws.platform, "deprecated", 90);
    set_status(&it.aws.platform, "decommission_requested", 50);
    it.apply(50);
    it.says("The cluster has let go of it. The request is young for the sixty days of cooling off that this catalog asks for, and somebody's Deployment still names it.");
    let deployment = "kind: Deployment\nmetadata: { name: web, namespace: payments }\nspec:\n  template:\n    spec:\n      \
                      containers:\n        - envFrom: [{ secretRef: { name: payments-db-creds } }]\n";
    it.aws.platform.gitops.write("apps/web.yaml", deployment).commit_all("Web");
    it.shows(&["plan"], 0);
    it.says("## Somebody thinks better of it\n\nOne step back, and everything is as it was.");
    set_status(&it.aws.platform, "deprecated", 45);
    it.apply(45);
    it.says("## Asked for again\n\nLater the Deployment is gone, three days of cooling off are asked for, and the gates are open.");
    it.aws.platform.gitops.git(&["rm", "--quiet", "apps/web.yaml"]);
    it.aws.platform.gitops.git(&["commit", "--quiet", "-m", "Web is gone"]);
    cooling_off(&it.aws.platform, 3, 44);
    set_status(&it.aws.platform, "decommission_requested", 40);
    apply_days_ago(&it.aws, 40).success();
    it.apply(39);
    it.says("## There is still a way back\n\nUntil the recovery window ends.");
    it.shows(&["plan"], 0);
    set_status(&it.aws.platform, "deprecated", 30);
    it.apply(30);
    assert!(it.aws.describe(KEY)["DeletedDate"].is_null());
    it.says(
        "## It ends\n\nA last time its end is asked for. Somebody read the value lately: a scanner, as it turns out.",
    );
    set_status(&it.aws.platform, "decommission_requested", 20);
    apply_days_ago(&it.aws, 20).success();
    let mut read = it.aws.describe(KEY);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    read["LastAccessedDate"] = json!(now / 86400 * 86400);
    it.aws.recorder.answer("DescribeSecret", 1, &read);
    it.shows(&["plan"], 0);
    it.aws.recorder.answer("DescribeSecret", 1, &read);
    let reason = "it was the scanner, ask Ann";
    it.shows(
        &["apply", "--yes", "--id", "SEC-0007", "--override", "last-accessed", "--reason", reason],
        0,
    );
    it.says("The recovery window ends, and the manifest says so.");
    the_window_ends(&it.aws);
    it.apply(0);
    it.says("## What the trail has of it");
    it.shows(&["audit", "show", "SEC-0007"], 0);
    it.shows(&["audit", "verify"], 0);
    it.says("Somebody would rather not have been named.");
    let file = catalog(&it).join("audit/SEC-0007.jsonl");
    let trail = fs::read_to_string(&file).unwrap();
    fs::write(&file, trail.replacen("ask Ann", "ask nobody", 1)).unwrap();
    it.aws.platform.catalog.commit_all("Tidy up");
    it.shows(&["audit", "verify"], 1);
    it.text.trim_end().to_owned() + "\n"
}

/// `UPDATE_DOCS=1 cargo test screens` writes it anew.
#[test]
fn the_life_of_a_secret_is_what_the_documentation_shows() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/life.md");
    let text = life();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(found, text, "docs/life.md is stale: UPDATE_DOCS=1 cargo test screens");
}
