//! The life of one secret, from its manifest to its deletion, and what is left after it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use goldenpath_testkit::{Outcome, Platform};
use serde_json::{Value, json};

use super::account::{LiveAccount, runtime};

/// The shortest recovery window (DeleteSecret, `RecoveryWindowInDays`): that of the tier `low`.
const DAYS: i64 = 7;

/// The most calls that a life makes on an emulator, with its cleanup.
pub(super) const MAX_CALLS: usize = 120;

/// Prices in US dollars: a secret in 30 days, and 10,000 calls (AWS Secrets Manager, "Pricing").
const A_MONTH: f64 = 0.40;
const TEN_THOUSAND_CALLS: f64 = 0.05;

/// The manifest, with the ID that goldenpath gives the first one.
const MANIFEST: &str = "catalogs/secrets/live/dev/SEC-0001.yaml";

/// A secret that is marked for deletion.
#[derive(Debug)]
pub(super) struct LeftSecret {
    pub(super) name: String,
    /// When AWS deletes it, at the earliest.
    pub(super) day: String,
}

/// A life with names of its own.
struct LiveRun<'a> {
    account: &'a LiveAccount,
    client: Client,
    platform: Platform,
    /// The first part of all keys of its secrets.
    prefix: String,
}

/// Lives one life, then marks all secrets of its prefix for deletion, also if it has failed.
///
/// Returns them. Prints what it does and what it costs.
pub(super) fn live_and_clean_up(account: &LiveAccount) -> Vec<LeftSecret> {
    let run = LiveRun::new(account);
    let LiveRun { prefix, .. } = &run;
    println!(
        "Account {}, {}: the secrets of this run begin with {prefix}/",
        account.id, account.region
    );
    println!(
        "If it is killed, list them: aws secretsmanager list-secrets --region {} --filters \
         Key=name,Values={prefix}/",
        account.region
    );
    let begun = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| run.live()));
    let left = run.clean_up();
    let seconds = begun.elapsed().as_secs_f64();
    let count = u32::try_from(left.len()).map_or(f64::MAX, f64::from);
    let storage = A_MONTH * count * seconds / (30.0 * 24.0 * 60.0 * 60.0);
    let calls = TEN_THOUSAND_CALLS * f64::from(u32::try_from(MAX_CALLS).unwrap()) / 10_000.0;
    println!(
        "It costs about ${:.4}: {count} secret for {seconds:.0} seconds at ${A_MONTH:.2} a month, \
         and at most {MAX_CALLS} calls at ${TEN_THOUSAND_CALLS:.2} for 10,000. A secret that is \
         marked for deletion costs nothing.",
        storage + calls
    );
    for LeftSecret { name, day } in &left {
        println!("Left: {name}, which AWS deletes after {day}");
    }
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
    left
}

impl<'a> LiveRun<'a> {
    fn new(account: &'a LiveAccount) -> Self {
        let random = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        let prefix = format!("goldenpath-live/{}", &random[..12]);
        let store = format!(
            "backend: aws\naccountId: \"{}\"\nregion: {}\nkeyTemplate: \"{prefix}/{{{{ service \
             }}}}/{{{{ environment }}}}/{{{{ name }}}}\"",
            account.id, account.region
        );
        let platform = Platform::with_store(&store);
        let config = platform.catalog.read("goldenpath.yaml");
        let config = config.replace("acme-platform", &prefix.replace('/', "-"));
        platform.catalog.write("goldenpath.yaml", &config).commit_all("A catalog of its own");
        Self { account, client: account.client(), platform, prefix }
    }

    /// Runs a command, which must succeed. Its environment, with credentials, is not printed.
    #[track_caller]
    fn step(&self, arguments: &[&str]) -> Outcome {
        println!("goldenpath {}", arguments.join(" "));
        let outcome = self.account.reach(self.platform.catalog.goldenpath(arguments)).run();
        let Outcome { code, stdout, stderr, .. } = &outcome;
        assert!(*code == 0, "goldenpath {} ended with {code}\n{stdout}\n{stderr}", arguments[0]);
        outcome
    }

    fn apply(&self) {
        self.step(&["apply", "--yes"]);
    }

    /// Replaces a text of the manifest, and commits it.
    #[track_caller]
    fn change(&self, from: &str, to: &str) {
        let text = self.platform.catalog.read(MANIFEST);
        assert!(text.contains(from), "{from} is not in\n{text}");
        self.platform.catalog.write(MANIFEST, &text.replacen(from, to, 1)).commit_all("Change");
    }

    #[track_caller]
    fn is_at_rest(&self) {
        let plan = self.step(&["plan", "--format", "json"]).stdout;
        let plan: Value = serde_json::from_str(&plan).unwrap();
        assert_eq!(plan["actions"], json!([]));
    }

    fn live(&self) {
        // Refused in another account, before anything is created.
        self.is_at_rest();
        let new = ["new", "secret", "--service", "live", "--env", "dev", "--name", "live-test"];
        let more = ["--type", "webhook-secret", "--owner", "sre-team", "--risk", "low", "--yes"];
        self.step(&[&new[..], &more].concat());
        self.platform.catalog.commit_all("A secret");
        self.apply();
        self.is_at_rest();

        self.step(&["value", "generate", "SEC-0001", "--yes"]);
        let first = self.current_version();
        self.step(&["value", "rotate", "SEC-0001", "--yes"]);
        assert_ne!(self.current_version(), first);
        self.apply();
        self.is_at_rest();

        self.change("owner: sre-team", "owner: platform-team");
        let reader = format!("arn:aws:iam::{}:root", self.account.id);
        self.change("  access:\n", "  access:\n    readPrincipals: [READER]\n");
        self.change("READER", &format!("\"{reader}\""));
        self.apply();
        self.is_at_rest();
        let tags = self.tags();
        assert_eq!(tags["goldenpath.io/owner"], "platform-team", "{tags:?}");
        assert_eq!(tags["goldenpath.io/id"], "SEC-0001", "{tags:?}");
        let policy = runtime()
            .block_on(self.client.get_resource_policy().secret_id(self.name()).send())
            .expect("the policy");
        assert!(policy.resource_policy().is_some_and(|policy| policy.contains(&reader)));

        for status in ["deprecated", "decommission_requested"] {
            self.step(&["lifecycle", "set", "SEC-0001", status]);
            self.platform.catalog.commit_all(status);
            self.apply();
        }
        let gates = ["cooling-off", "consumers", "last-accessed"];
        let overrides = gates.iter().flat_map(|gate| ["--override", gate]);
        let apply = ["apply", "--yes", "--id", "SEC-0001", "--reason", "A live test"];
        self.step(&apply.into_iter().chain(overrides).collect::<Vec<_>>());
        assert!(self.deletion().is_some(), "the secret is not marked for deletion");
        self.step(&["audit", "verify"]);
    }

    fn name(&self) -> String {
        format!("{}/live/dev/live-test", self.prefix)
    }

    fn current_version(&self) -> String {
        let found = self.client.describe_secret().secret_id(self.name()).send();
        let found = runtime().block_on(found).expect("the secret");
        let versions = found.version_ids_to_stages().into_iter().flatten();
        let mut current = versions.filter(|(_, labels)| labels.contains(&"AWSCURRENT".to_owned()));
        current.next().map(|(version, _)| version.clone()).expect("a current version")
    }

    fn tags(&self) -> BTreeMap<String, String> {
        let found = self.client.describe_secret().secret_id(self.name()).send();
        let found = runtime().block_on(found).expect("the secret");
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        found.tags().iter().map(|tag| (text(tag.key()), text(tag.value()))).collect()
    }

    fn deletion(&self) -> Option<String> {
        let found = self.client.describe_secret().secret_id(self.name()).send();
        let found = runtime().block_on(found).expect("the secret");
        found.deleted_date().map(ToString::to_string)
    }

    /// Marks what is left for deletion; the list may not show it yet, so it is asked for by name.
    fn clean_up(&self) -> Vec<LeftSecret> {
        runtime().block_on(async {
            let mut names = vec![self.name()];
            let by_name = Filter::builder().key(FilterNameStringType::Name);
            let by_name = by_name.values(format!("{}/", self.prefix)).build();
            let list = self.client.list_secrets().filters(by_name).include_planned_deletion(true);
            let mut pages = list.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.expect("the list of what is left");
                let listed = page.secret_list().iter().filter_map(|secret| secret.name());
                names.extend(listed.map(str::to_owned));
            }
            names.sort();
            names.dedup();
            let mut left = Vec::new();
            for name in names {
                assert!(name.starts_with(&self.prefix), "{name} is of another run");
                let found = match self.client.describe_secret().secret_id(&name).send().await {
                    Ok(found) => found,
                    Err(error)
                        if error
                            .as_service_error()
                            .is_some_and(|error| error.is_resource_not_found_exception()) =>
                    {
                        continue;
                    }
                    Err(error) => panic!("what became of {name}? {error:?}"),
                };
                let day = match found.deleted_date() {
                    // Until then it can be restored: the date of the call, and the days.
                    Some(called) => called.secs(),
                    None => {
                        let delete = self.client.delete_secret().secret_id(&name);
                        let delete = delete.recovery_window_in_days(DAYS).send().await;
                        delete
                            .expect("it can be deleted")
                            .deletion_date()
                            .map_or(0, |day| day.secs())
                    }
                };
                let day = jiff::Timestamp::from_second(day).unwrap();
                left.push(LeftSecret { name, day: day.strftime("%Y-%m-%d").to_string() });
            }
            left
        })
    }
}
