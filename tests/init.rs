//! `goldenpath init`: creates missing files, keeps existing ones and reports both.

mod answers;

use std::collections::BTreeMap;
use std::fs;

use goldenpath_core::config::{Backend, Config, Enums, FILE_NAME, Governance, SecretTypes};

use goldenpath_testkit::{Aws, Outcome, Repository};

const FILES: [&str; 6] = [
    "goldenpath.yaml",
    "schemas/goldenpath.schema.json",
    "schemas/secret_request.schema.json",
    "schemas/metadata/enums.yaml",
    "schemas/metadata/governance.yaml",
    "schemas/metadata/secret_types.yaml",
];
const HOOKS: &str = ".pre-commit-config.yaml";

/// Returns each file of the work tree with its bytes.
fn files(repository: &Repository) -> BTreeMap<String, Vec<u8>> {
    let listed = repository.git(&["ls-files", "--others", "--cached", "--exclude-standard"]);
    listed
        .lines()
        .map(|name| (name.to_owned(), fs::read(repository.path().join(name)).unwrap()))
        .collect()
}

fn line_per_file(word: &str) -> String {
    FILES.map(|file| format!("{word} {file}\n")).concat()
}

#[track_caller]
fn init(repository: &Repository, arguments: &[&str]) -> Outcome {
    repository.goldenpath(&[&["init"], arguments].concat()).run().success()
}

/// The hook as the framework's documentation writes a local one, by hand.
const ITEM: &str = r#"- repo: local
  hooks:
    - id: goldenpath-validate
      name: goldenpath validate
      # Without goldenpath, a commit passes that changes no manifest and no rule file.
      entry: |-
        sh -c 'command -v goldenpath > /dev/null && exec goldenpath validate --staged "$@"
        [ $# = 0 ] && git --literal-pathspecs diff --cached --quiet --no-ext-diff -- PATHS &&
          echo "goldenpath is not on the PATH; nothing that it checks is staged" >&2 && exit
        echo "goldenpath is not on the PATH, and a manifest or a rule file is to be checked;" >&2
        echo "install it: run cargo install --path . --locked in its repository" >&2
        exit 1' goldenpath
      language: system
      files: "^catalogs/secrets/.*\\.ya?ml$"
      always_run: true
      require_serial: true
      stages: [pre-commit, pre-merge-commit, manual]
"#;

/// The paths of a catalog without a configuration of its own.
const PATHS: &str = "catalogs/secrets goldenpath.yaml schemas templates .github/CODEOWNERS \
                     CODEOWNERS docs/CODEOWNERS .gitlab/CODEOWNERS";

fn item(indent: &str) -> String {
    let item = ITEM.replace("PATHS", PATHS);
    item.split_inclusive('\n').map(|line| format!("{indent}{line}")).collect()
}

#[test]
fn a_fresh_repository_gets_all_of_it_and_a_second_run_changes_nothing() {
    let repository = Repository::new();
    let first = init(&repository, &[]);
    assert_eq!(first.stdout, line_per_file("created"));
    assert!(first.stderr.contains("There is no .pre-commit-config.yaml"), "{}", first.stderr);
    assert!(first.stderr.contains(&item("")), "the hook to copy: {}", first.stderr);
    assert!(
        first.stderr.contains("\n  goldenpath new secret\n"),
        "what comes next: {}",
        first.stderr
    );
    let install = "pre-commit install --hook-type pre-commit --hook-type pre-merge-commit";
    assert!(first.stderr.contains(install), "{}", first.stderr);
    let written = files(&repository);
    assert_eq!(written.keys().map(String::as_str).collect::<Vec<_>>().len(), FILES.len());
    let second = init(&repository, &[]);
    assert_eq!(second.stdout, line_per_file("unchanged"));
    assert_eq!(files(&repository), written);
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn it_works_at_the_top_from_any_folder() {
    let repository = Repository::new();
    repository.write("docs/deep/x.md", "");
    repository.goldenpath(&["-C", "docs/deep", "init"]).run().success();
    assert!(FILES.iter().all(|file| repository.exists(file)));
    assert!(!repository.exists("docs/deep/goldenpath.yaml"));
}

#[test]
fn files_that_are_there_are_kept_and_force_says_what_it_replaced() {
    let repository = Repository::new();
    init(&repository, &[]);
    let written = files(&repository);
    repository.write(FILES[0], "store: {backend: aws}\n").write(FILES[3], "owners: [us]\n");
    let kept = init(&repository, &[]);
    assert_eq!(
        kept.stdout,
        "kept your goldenpath.yaml\nupdated schemas/goldenpath.schema.json\n\
         updated schemas/secret_request.schema.json\n\
         kept your schemas/metadata/enums.yaml\nunchanged schemas/metadata/governance.yaml\n\
         unchanged schemas/metadata/secret_types.yaml\n"
    );
    assert_eq!(repository.read(FILES[0]), "store: {backend: aws}\n");
    assert_eq!(repository.read(FILES[3]), "owners: [us]\n");
    let forced = init(&repository, &["--force"]);
    assert_eq!(
        forced.stdout,
        "replaced goldenpath.yaml\nupdated schemas/goldenpath.schema.json\n\
         updated schemas/secret_request.schema.json\n\
         replaced schemas/metadata/enums.yaml\nunchanged schemas/metadata/governance.yaml\n\
         unchanged schemas/metadata/secret_types.yaml\n"
    );
    assert_eq!(files(&repository), written);
}

#[test]
fn a_configuration_that_stays_says_where_the_rest_goes() {
    let repository = Repository::new();
    let own = "enums: lists/enums.yaml\ngovernance: lists/governance.yaml\n\
               secretTypes: lists/types.yaml\n\
               catalog: my+secrets\n";
    repository.write(FILES[0], own).write(HOOKS, "repos:\n- repo: x\n  hooks: [{id: y}]\n");
    init(&repository, &[]);
    let written: Vec<String> = files(&repository).into_keys().collect();
    assert_eq!(
        written,
        [
            HOOKS,
            FILES[0],
            "lists/enums.yaml",
            "lists/governance.yaml",
            "lists/types.yaml",
            "schemas/goldenpath.schema.json",
            "schemas/secret_request.schema.json"
        ]
    );
    // The value is a regular expression, so the plus is escaped.
    assert!(
        repository.read(HOOKS).contains(r#"files: "^my\\+secrets/.*\\.ya?ml$""#),
        "{}",
        repository.read(HOOKS)
    );
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn the_hook_goes_behind_the_last_repository_and_every_other_byte_stays() {
    let before = "# our hooks\ndefault_stages: [pre-commit] # why\nrepos:\n  # formatting\n  \
                  - repo: https://example.com/x\n    rev: v1.2.3   # pinned\n    hooks:\n      \
                  - id: fmt\n        args: [--all]   # everything\n";
    let after = "\n# the end\nci:\n    autofix_prs: false\n";
    for (ending, newline) in [(after, "\n"), ("", "\n"), (after, "\r\n")] {
        let with_newline = |text: &str| text.replace('\n', newline);
        let repository = Repository::new();
        repository.write(HOOKS, &with_newline(&format!("{before}{ending}")));
        let outcome = init(&repository, &[]);
        assert!(
            outcome.stdout.ends_with("added the hook to .pre-commit-config.yaml\n"),
            "{}",
            outcome.stdout
        );
        let expected = with_newline(&format!("{before}{}{ending}", item("  ")));
        assert_eq!(repository.read(HOOKS), expected);
        let again = init(&repository, &[]);
        assert!(again.stdout.ends_with("unchanged .pre-commit-config.yaml\n"), "{}", again.stdout);
        assert_eq!(repository.read(HOOKS), expected);
    }
    // Items without indentation, and a last line without a newline.
    let repository = Repository::new();
    repository.write(HOOKS, "repos:\n- repo: x\n  hooks:\n  - id: y");
    init(&repository, &[]);
    let expected = format!("repos:\n- repo: x\n  hooks:\n  - id: y\n{}", item(""));
    assert_eq!(repository.read(HOOKS), expected);
}

#[test]
fn a_file_that_cannot_be_extended_safely_is_kept_and_reported() {
    for text in [
        "repos: [{repo: x, hooks: [{id: y}]}]\n",
        "repos: []\n",
        "# nothing yet\n",
        "x: &x {repo: x, hooks: []}\nrepos:\n- *x\n",
        "repos: {a: b}\n",
        "repos: [",
    ] {
        let repository = Repository::new();
        repository.write(HOOKS, text);
        let outcome = init(&repository, &[]);
        assert_eq!(outcome.stdout, line_per_file("created"), "{text}");
        assert_eq!(repository.read(HOOKS), text);
        assert!(
            outcome.stderr.contains("init cannot edit .pre-commit-config.yaml in this form"),
            "{text}: {}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains(&item("")), "{text}: {}", outcome.stderr);
    }
}

#[test]
fn the_configuration_that_it_writes_says_the_programs_defaults() {
    let repository = Repository::new();
    init(&repository, &[]);
    let text = repository.read(FILE_NAME);
    let written = Config::parse(FILE_NAME, &text).unwrap();
    let defaults = Config::default();
    // These four are choices, not defaults; the comments next to them say so.
    let mut expected = defaults.clone();
    expected.catalog_id = Some("repository".to_owned());
    expected.store.backend = Some(Backend::Local);
    expected.gitops.path = Some("../gitops".into());
    expected.external_secret.api_version = "external-secrets.io/v1".to_owned();
    assert_eq!(written, expected);
    // The defaults as the design gives them, as a second source.
    assert_eq!(defaults.catalog, "catalogs/secrets");
    assert_eq!(
        defaults.store.key_template,
        "goldenpath/{{ service }}/{{ environment }}/{{ name }}"
    );
    assert_eq!(defaults.store.path.to_str(), Some(".goldenpath/store.db"));
    assert_eq!(
        defaults.gitops.file,
        "kustomize/overlays/{{ environment }}/apps/{{ service }}/externalsecrets/{{ id }}.yaml"
    );
    assert_eq!(defaults.external_secret.api_version, "external-secrets.io/v1beta1");
}

#[test]
fn every_option_in_a_comment_exists() {
    let repository = Repository::new();
    init(&repository, &[]);
    let text = repository.read(FILE_NAME);
    // An option in a comment is `# key: value` or `# key:` in camel case, without a blank before
    // its colon, and possibly a list item.
    let is_option = |line: &str| {
        let key =
            line.trim_start().strip_prefix("# ").and_then(|rest| rest.trim_start().split_once(':'));
        let key = key.map(|(key, _)| key.trim_start_matches("- "));
        let named = |key: &str| {
            key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && key != "yaml-language-server"
                && key != "aws"
                && key != "local"
        };
        key.is_some_and(named)
    };
    let options: Vec<&str> = text.lines().filter(|line| is_option(line)).map(str::trim).collect();
    assert_eq!(
        options,
        [
            "# remote: upstream",
            "# maxGap: 1000",
            "# keyFile: ~/.config/goldenpath/local-store.key",
            "# accountId: \"123456789012\"",
            "# region: us-east-1",
            "# endpointUrl: http://127.0.0.1:5000",
            "# roleArn: arn:aws:iam::123456789012:role/goldenpath-apply",
            "# kmsKeyId: alias/secrets",
            "# replicaRegions: [eu-west-1, { region: eu-west-2, kmsKeyId: alias/secrets }]",
            "# rotation:",
            "#   functions:",
            "#     database-credentials: \
             arn:aws:lambda:us-east-1:123456789012:function:rotate-database",
            "# ownership:",
            "#   services:",
            "#     payments: { owners: [team-payments], namespaces: [payments], \
             accounts: [\"123456789012\"] }",
            "#   unlisted: warn",
            "#   teams: { team-payments: \"@acme/payments\" }",
            "#   platform: [\"@acme/platform\"]",
            "#   deniedNamespaces: [kube-*, argocd, flux-system, external-secrets]",
            "# environments:",
            "#   prod:",
            "#     region: eu-west-2",
            "#     roleArn: arn:aws:iam::123456789012:role/goldenpath-apply",
            "#     kmsKeyId: alias/secrets",
            "#     gitops: { url: \"git@git.example.com:acme/gitops-prod.git\", branch: main }",
            "#     cluster: { name: prod-eu, context: prod-eu }",
            "# limits: { maxDeletes: 5 }",
            "# audit: { remote: origin, branch: goldenpath/audit }",
            "# rules:",
            "#   medium-risk-should-rotate: error",
            "# policies:",
            "#   - name: prod-needs-platform-approval",
            "#     when: manifest.metadata.environment == \"prod\"",
            "#     assert: manifest.metadata.owner in [\"platform-team\", \"security-team\"]",
            "#     message: a production secret belongs to the platform or security team",
            "#     severity: error # or warn",
            "#     field: metadata.owner",
            "#     help: ask in the platform team's channel",
        ]
    );
    let uncommented: String = text
        .split_inclusive('\n')
        .map(|line| if is_option(line) { line.replacen("# ", "", 1) } else { line.to_owned() })
        .collect();
    let config = Config::parse(FILE_NAME, &uncommented).unwrap();
    assert_eq!(
        config.store.key_file.as_deref().and_then(|path| path.to_str()),
        Some("~/.config/goldenpath/local-store.key")
    );
    assert_eq!(config.store.region.as_deref(), Some("us-east-1"));
    assert_eq!(config.store.endpoint_url.as_deref(), Some("http://127.0.0.1:5000"));
    assert_eq!(config.store_of("prod").region.as_deref(), Some("eu-west-2"));
    assert!(config.rotation_function("prod", "database-credentials").is_some());
    assert_eq!(
        config.environments["prod"].cluster.as_ref().unwrap().context.as_deref(),
        Some("prod-eu")
    );
    assert_eq!(config.store.account_id.as_deref(), Some("123456789012"));
    assert_eq!(config.ownership.denied_namespaces, Config::default().ownership.denied_namespaces);
    assert_eq!(config.ownership.services.len(), 1);
    assert_eq!(config.rules.len(), 1);
    assert_eq!(config.policies.len(), 1);
    // The rule exists, and the policy compiles.
    repository.write(FILE_NAME, &uncommented);
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn the_lists_and_the_table_that_it_writes_are_the_built_in_ones() {
    let repository = Repository::new();
    init(&repository, &[]);
    let enums = Enums::parse(FILES[3], &repository.read(FILES[3])).unwrap();
    assert_eq!(enums, Enums::built_in());
    assert_eq!(
        Governance::parse(FILES[4], &repository.read(FILES[4]), &enums).unwrap(),
        Governance::built_in()
    );
    assert_eq!(
        SecretTypes::parse(FILES[5], &repository.read(FILES[5]), &enums).unwrap(),
        SecretTypes::built_in()
    );
    let schema: serde_json::Value = serde_json::from_str(&repository.read(FILES[2])).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn a_conflict_stops_the_run_before_any_write() {
    type Obstacle = fn(&Repository);
    let obstacles: [(&str, Obstacle, &str); 7] = [
        (
            "`schemas` is a file",
            |r| {
                r.write("schemas", "");
            },
            "move `schemas` away",
        ),
        (
            "is a symbolic link",
            |r| std::os::unix::fs::symlink("/tmp", r.path().join("schemas")).unwrap(),
            "replace the link",
        ),
        (
            "schemas/metadata/enums.yaml: this is a folder",
            |r| {
                r.write("schemas/metadata/enums.yaml/x", "");
            },
            "move it away",
        ),
        (
            "goldenpath.yaml: this is a folder",
            |r| {
                r.write("goldenpath.yaml/x", "");
            },
            "move it away",
        ),
        (
            ".pre-commit-config.yaml: this is a folder",
            |r| {
                r.write(".pre-commit-config.yaml/x", "");
            },
            "move it away",
        ),
        (
            "goldenpath.yaml: the file is not UTF-8",
            |r| fs::write(r.path().join("goldenpath.yaml"), b"\xff").unwrap(),
            "move it away",
        ),
        (
            "unknown field `catalgo`",
            |r| {
                r.write("goldenpath.yaml", "catalgo: x\n");
            },
            "did you mean `catalog`?",
        ),
    ];
    for (message, obstacle, help) in obstacles {
        let repository = Repository::new();
        obstacle(&repository);
        let before = repository.git(&["status", "--short", "--untracked-files=all"]);
        let outcome = repository.goldenpath(&["init"]).run().fails_with(2);
        assert!(
            outcome.stderr.contains(message) && outcome.stderr.contains(help),
            "{message}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout, "", "{message}");
        assert_eq!(
            repository.git(&["status", "--short", "--untracked-files=all"]),
            before,
            "{message}"
        );
    }
}

#[test]
fn with_aws_the_account_of_the_credentials_is_written_after_it_is_shown() {
    let aws = Aws::new("init-account");
    let repository = Repository::new();
    let arguments = ["init", "--backend", "aws"];
    let outcome = aws.reach(repository.goldenpath(&arguments)).run().success();
    let account = &aws.account.id;
    let shown =
        format!("The credentials are of the AWS account {account} (arn:aws:sts::{account}:");
    assert!(outcome.stderr.contains(&shown), "{}", outcome.stderr);
    let config = Config::parse(FILE_NAME, &repository.read(FILE_NAME)).unwrap();
    assert_eq!(config.store.backend, Some(Backend::Aws));
    assert_eq!(config.store.account_id.as_ref(), Some(account));
    assert_eq!(aws.recorder.operations(), [""; 0], "only STS is asked");
    // A second run keeps it, and another store is not written over it.
    aws.reach(repository.goldenpath(&arguments)).run().success();
    let other = ["--backend", "aws", "--account-id", "210987654321"];
    for refused in [&other[..], &["--backend", "local"]] {
        let outcome = repository.goldenpath(&[&["init"], refused].concat()).run().fails_with(2);
        assert!(outcome.stderr.contains("has another store"), "{}", outcome.stderr);
    }
    init(&repository, &[&other[..], &["--force"]].concat());
    let config = Config::parse(FILE_NAME, &repository.read(FILE_NAME)).unwrap();
    assert_eq!(config.store.account_id.as_deref(), Some("210987654321"));
}

#[test]
fn without_credentials_or_sts_the_account_stays_a_comment_and_nothing_waits() {
    for variables in [
        &[][..],
        &[("AWS_REGION", "eu-west-2")],
        // Nothing listens there, and nothing asks the instance's metadata service.
        &[
            ("AWS_REGION", "eu-west-2"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "none"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ],
    ] {
        let repository = Repository::new();
        let begun = std::time::Instant::now();
        let command = repository.goldenpath(&["init", "--backend", "aws"]);
        let outcome = command.envs(variables.iter().copied()).run().success();
        assert!(begun.elapsed().as_secs() < 8, "{variables:?}");
        assert!(outcome.stderr.contains("The AWS account is not known ("), "{}", outcome.stderr);
        let text = repository.read(FILE_NAME);
        assert!(text.contains("\n  # accountId: \"123456789012\"\n"), "{text}");
        assert!(text.contains("\n  backend: aws\n"), "{text}");
    }
    let repository = Repository::new();
    for refused in [
        &["--account-id", "210987654321"][..],
        &["--account-id", "210987654321", "--backend", "local"],
        &["--account-id", "2109", "--backend", "aws"],
    ] {
        repository.goldenpath(&[&["init"], refused].concat()).run().fails_with(2);
    }
    assert!(!repository.exists(FILE_NAME));
}
