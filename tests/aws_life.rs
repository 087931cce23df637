//! The life of secrets on AWS, from the first `apply` to the deletion of one of them.
//!
//! The same life runs on two emulators of AWS and, disturbed, on one that is as unkind as AWS.

mod schedules;

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use goldenpath_testkit::{Aws, Command, Ministack, skip};

/// The secrets that get a value. The first is rotated later.
const WITH_VALUE: [usize; 2] = [1, 2];

const FUNCTION: &str = "rotate-database";

/// Disturbs a command before it runs to its end; returns what it did, for messages.
///
/// It gets the number of the step and the command, which it may start.
type BeforeStep<'a> = dyn Fn(&Aws, usize, &dyn Fn() -> Command) -> Option<String> + Sync + 'a;

/// The secrets of a life, from `SEC-0001`, and the place where they are.
struct Life<'a> {
    aws: Aws,
    secrets: usize,
    /// Whether a value is replaced and not read.
    replaces: bool,
    before_step: Option<&'a BeforeStep<'a>>,
    steps: Vec<StepTrace>,
    /// What happened, for messages.
    log: Vec<String>,
}

/// What a command of a life did.
struct StepTrace {
    /// The number of its calls.
    calls: usize,
    /// The crash points that it reached, if the life is calm.
    points: Vec<String>,
}

/// The result of a life.
#[derive(Debug, PartialEq)]
struct LifeEnd {
    /// Tags, description, policy and deletion of each secret.
    secrets: BTreeMap<String, Value>,
    rotations: BTreeMap<String, Value>,
    /// The labels of each version of a value, and the current value if a person set it.
    values: BTreeMap<String, Value>,
    gitops: String,
    /// The actions of the audit trail and how often they are there, by their result.
    actions: BTreeMap<String, BTreeMap<String, usize>>,
}

fn id(number: usize) -> String {
    format!("SEC-{number:04}")
}

fn key(number: usize) -> String {
    format!("goldenpath/payments/dev/number-{number:02}")
}

impl<'a> Life<'a> {
    fn of(aws: Aws, secrets: usize, before_step: Option<&'a BeforeStep<'a>>) -> Self {
        aws.recorder.accept_rotation();
        let (steps, log) = (Vec::new(), Vec::new());
        Self { aws, secrets, replaces: false, before_step, steps, log }
    }

    /// Runs all steps. The last secret never has a value, and is deleted.
    fn live(&mut self) -> LifeEnd {
        let catalog = &self.aws.platform.catalog;
        let function = format!("arn:aws:lambda:eu-central-1:{}:function", self.aws.account.id);
        let rotation =
            format!("rotation:\n  functions:\n    database-credentials: {function}:{FUNCTION}\n");
        catalog.write("goldenpath.yaml", &(catalog.read("goldenpath.yaml") + &rotation));
        let readers = "    readPrincipals: [arn:aws:iam::123456789012:role/reader]\n  ttlDays:";
        for number in 1..=self.secrets {
            self.aws.platform.write(&id(number), &format!("number-{number:02}"));
            if number % 2 == 0 {
                self.change(number, "  ttlDays:", readers);
            }
        }
        self.commit("The secrets");
        self.apply(&[]);

        for number in WITH_VALUE {
            let value = json!({ "username": "app", "password": "pa$$word", "port": number });
            let (id, replace) = (id(number), self.replaces.then_some("--replace"));
            let arguments: Vec<&str> =
                ["value", "set", &id, "--yes"].into_iter().chain(replace).collect();
            self.step(&arguments, &value.to_string());
        }
        self.apply(&[]);

        self.change(1, "owner: team-payments", "owner: platform-team");
        self.change(2, "metadata:\n", "metadata:\n  description: Reads the ledger\n");
        self.change(2, "role/reader", "role/other-reader");
        self.change(3, "tier: medium", "tier: low");
        self.commit("Changes");
        self.apply(&[]);
        self.step(&["value", "rotate", &id(1), "--yes"], "");

        let last = self.secrets;
        self.change(last, "status: active", "status: deprecated");
        self.commit("Deprecate the last");
        self.apply(&[]);
        self.change(last, "status: deprecated", "status: decommission_requested");
        self.commit("Request its end");
        self.apply(&[]);
        let reason = ["--override", "cooling-off", "--reason", "a test"];
        self.apply(&[&["--id", &id(last)], &reason[..]].concat());
        self.aws.recorder.be_kind();
        self.end()
    }

    /// Replaces a text of a manifest.
    fn change(&self, number: usize, from: &str, to: &str) {
        let file = format!("catalogs/secrets/payments/dev/{}.yaml", id(number));
        let text = self.aws.platform.catalog.read(&file);
        assert!(text.contains(from), "{from}");
        self.aws.platform.catalog.write(&file, &text.replacen(from, to, 1));
    }

    fn commit(&self, message: &str) {
        self.aws.platform.catalog.commit_all(message);
    }

    fn apply(&mut self, arguments: &[&str]) {
        self.step(&[&["apply", "--yes"], arguments].concat(), "");
    }

    /// Runs a command to its end, after the disturbance of the life.
    ///
    /// Some time passes between two runs, so that a run sees what those before it wrote.
    #[track_caller]
    fn step(&mut self, arguments: &[&str], stdin: &str) {
        let (aws, number) = (&self.aws, self.steps.len());
        let command = || aws.reach(aws.platform.catalog.goldenpath(arguments)).stdin(stdin);
        let disturbed = self.before_step.and_then(|before| before(aws, number, &command));
        let line = format!("{number} {}", arguments.join(" "));
        self.log.extend(disturbed.map(|what| format!("{line}: {what}")));
        aws.recorder.settle();
        aws.recorder.reset();
        let list = aws.platform.catalog.home().join(format!("points-{number}"));
        let outcome = match self.before_step {
            Some(_) => command().run(),
            None => command().env("GOLDENPATH_CRASH_LIST", &list).run(),
        };
        let calls = aws.recorder.operations();
        self.log.push(format!("{line}: {} ({})", outcome.code, calls.join(" ")));
        assert!(outcome.code == 0, "{}\n{}", self.log.join("\n"), outcome.stderr);
        let points = fs::read_to_string(list).unwrap_or_default();
        let points = points.lines().map(str::to_owned).collect();
        self.steps.push(StepTrace { calls: calls.len(), points });
        aws.recorder.settle();
    }

    fn end(&self) -> LifeEnd {
        let value = |number: usize| {
            let found = self.aws.describe(&key(number));
            let versions = found["VersionIdsToStages"].as_object().cloned().unwrap_or_default();
            let mut labels: Vec<String> = versions
                .values()
                .flat_map(|labels| labels.as_array().unwrap())
                .map(|label| label.as_str().unwrap().to_owned())
                .collect();
            labels.sort();
            // The other value is random.
            let current = (number == 2).then(|| {
                let input = json!({ "SecretId": key(number) });
                let text = self.aws.call("GetSecretValue", input)["SecretString"].clone();
                serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap()
            });
            (key(number), json!({ "labels": labels, "current": current }))
        };
        LifeEnd {
            secrets: self
                .aws
                .state()
                .into_iter()
                .map(|(name, state)| (name, plain(state)))
                .collect(),
            rotations: self.rotations(),
            values: (1..=self.secrets).map(value).collect(),
            gitops: self.aws.platform.gitops.git(&["ls-tree", "-r", "HEAD"]),
            actions: self.actions(),
        }
    }

    /// Returns the rotation of each secret, with the function's name alone.
    fn rotations(&self) -> BTreeMap<String, Value> {
        let of_any_account = |(name, mut rotation): (String, Value)| {
            let function = rotation["RotationLambdaARN"].as_str().unwrap_or_default();
            let function = function.rsplit(':').next().unwrap_or_default().to_owned();
            rotation["RotationLambdaARN"] = function.into();
            (name, rotation)
        };
        self.aws.recorder.rotations().into_iter().map(of_any_account).collect()
    }

    /// Returns the audit trail's actions, as `id action target`, by their result.
    fn actions(&self) -> BTreeMap<String, BTreeMap<String, usize>> {
        let arguments = ["audit", "show", "--format", "json"];
        let shown = self.aws.platform.catalog.goldenpath(&arguments).run().success().json();
        let mut actions: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for event in shown["events"].as_array().unwrap() {
            let text = |name: &str| event[name].as_str().unwrap();
            let action = format!("{} {} {}", text("id"), text("action"), text("target"));
            let by_action = actions.entry(text("result").to_owned()).or_default();
            *by_action.entry(action).or_default() += 1;
        }
        actions
    }
}

/// Returns a secret's state without the time of its value, and without the policy's layout.
fn plain(mut state: Value) -> Value {
    if let Some(tags) = state["tags"].as_object_mut() {
        tags.retain(|name, _| name != "goldenpath.io/value-since");
    }
    if let Some(policy) = state["policy"].as_str() {
        state["policy"] = serde_json::from_str(policy).unwrap();
    }
    state
}

#[test]
fn a_calm_life_does_each_action_once_and_leaves_one_current_value() {
    let mut life = Life::of(Aws::new("calm-life"), 4, None);
    let end = life.live();
    ends_well(&end);
    assert!(life.steps.len() == 9 && life.steps.iter().all(|step| step.calls > 0));
    let points: usize = life.steps.iter().map(|step| step.points.len()).sum();
    assert!(points > 50, "{points} crash points");
    let labels = |number| end.values[&key(number)]["labels"].clone();
    assert_eq!(labels(1), json!(["AWSCURRENT", "AWSPREVIOUS"]), "it was rotated");
    assert_eq!((labels(2), labels(4)), (json!(["AWSCURRENT"]), json!([])));
    // The manifests change a policy; all else is done once.
    let twice = |(action, _): &(&String, &usize)| {
        action.as_str() == format!("SEC-0002 put-policy {}", key(2))
    };
    let (twice, once): (Vec<_>, Vec<_>) = end.actions["done"].iter().partition(twice);
    assert!(twice.len() == 1 && *twice[0].1 == 2, "{twice:?}");
    assert!(once.iter().all(|(_, times)| **times == 1), "{once:?}");
    let created: Vec<_> =
        once.iter().filter(|(action, _)| action.contains(" create-secret ")).collect();
    assert_eq!(created.len(), 4, "{created:?}");
    assert_eq!(end.actions.keys().collect::<Vec<_>>(), ["done"]);
}

#[test]
fn another_emulator_leads_to_the_same_end() {
    let server = match Ministack::start() {
        Ok(server) => server,
        Err(why) => return skip(&format!("there is no second emulator of AWS: {why}")),
    };
    let aws = Aws::on(server.address(), server.account());
    let mut life = Life::of(aws, 4, None);
    // MiniStack creates a secret with an empty value; on AWS it has none.
    life.replaces = true;
    let end = life.live();
    ends_well(&end);
    let on_moto = Life::of(Aws::new("first-emulator"), 4, None).live();
    assert_eq!(end.secrets, on_moto.secrets);
    assert_eq!(end.gitops, on_moto.gitops);
    // Only what has a value is rotated, and on MiniStack all have one.
    let rotations = |end: &LifeEnd| WITH_VALUE.map(|number| end.rotations[&key(number)].clone());
    assert_eq!(rotations(&end), rotations(&on_moto));
    let actions = |end: &LifeEnd| {
        let mut all = end.actions["done"].clone();
        all.retain(|action, _| {
            let is_rotation = [" configure-rotation ", " cancel-rotation "];
            !is_rotation.iter().any(|name| action.contains(name))
                || WITH_VALUE.iter().any(|number| action.starts_with(&id(*number)))
        });
        all
    };
    assert_eq!(actions(&end), actions(&on_moto));
    assert_eq!(end.values[&key(2)]["current"], on_moto.values[&key(2)]["current"]);
}

/// Asserts what the manifests of a life with four secrets say.
#[track_caller]
fn ends_well(end: &LifeEnd) {
    let secret = |number| &end.secrets[&key(number)];
    assert_eq!(
        [1, 2, 3, 4].map(|number| secret(number)["deletion"] == true),
        [false, false, false, true]
    );
    assert_eq!(secret(1)["tags"]["goldenpath.io/owner"], "platform-team");
    assert_eq!(secret(2)["description"], "Reads the ledger");
    assert_eq!(secret(3)["tags"]["goldenpath.io/risk-tier"], "low");
    let policy = secret(2)["policy"].to_string();
    assert!(policy.contains("role/other-reader") && !policy.contains("role/reader"), "{policy}");
    for number in WITH_VALUE {
        let rotation = &end.rotations[&key(number)];
        assert_eq!(rotation["RotationLambdaARN"], FUNCTION);
        assert_eq!(rotation["RotationRules"], json!({ "AutomaticallyAfterDays": 90 }));
    }
    let expected = json!({ "username": "app", "password": "pa$$word", "port": "2" });
    assert_eq!(end.values[&key(2)]["current"], expected);
    let files: Vec<&str> = end.gitops.lines().filter_map(|line| line.rsplit('/').next()).collect();
    assert_eq!(files[1..], ["SEC-0001.yaml", "SEC-0002.yaml", "SEC-0003.yaml"], "{files:?}");
}
