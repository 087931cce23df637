//! A service can request only its own secrets.

use serde_json::Value;

use goldenpath_testkit::{
    Found, Key, Platform, Repository, SEED, SEED_PATH, WEB_PATH, findings, seed_with, web,
};

/// Each service with its owners, namespaces and accounts.
const TABLE: &str = "\
ownership:
  services:
    payments: { owners: [team-payments], namespaces: [payments, \"pay-*\"], \
        accounts: [\"123456789012\"] }
    web: { owners: [app-team, sre-team], namespaces: [web] }
  teams: { team-payments: \"@acme/payments\", app-team: \"@acme/app\", sre-team: \"@acme/sre\" }
  platform: [\"@acme/platform\"]
";

/// Returns the manifests of the seed and of web, with a configuration.
fn with_web(configuration: &str, edits: &[(&str, &str)]) -> Repository {
    let repository = Repository::with_seed();
    repository.write(WEB_PATH, &web(edits));
    repository.write("goldenpath.yaml", configuration);
    repository
}

/// Returns all findings of `validate`, and asserts the exit code.
#[track_caller]
fn validate(repository: &Repository, arguments: &[&str]) -> Vec<Found> {
    let outcome =
        repository.goldenpath(&[&["validate", "--format", "json"], arguments].concat()).run();
    let found = findings(&outcome);
    assert_eq!(
        outcome.code,
        i32::from(found.iter().any(|found| found.severity == "error")),
        "{found:?}"
    );
    found
}

/// Returns each finding as `error GP206 /metadata/owner`.
fn rows(found: &[Found]) -> Vec<String> {
    found
        .iter()
        .map(|found| format!("{} {} {}", found.severity, found.rule, found.pointer))
        .collect()
}

#[track_caller]
fn finds(configuration: &str, edits: &[(&str, &str)], expected: &[&str]) -> Vec<Found> {
    let found = validate(&with_web(configuration, edits), &[]);
    assert_eq!(rows(&found), expected, "{found:?}");
    found
}

#[test]
fn an_owner_that_the_service_does_not_list_is_an_error() {
    let found = finds(
        TABLE,
        &[("owner: app-team", "owner: team-payments")],
        &["error GP206 /metadata/owner"],
    );
    assert_eq!(found[0].message, "the owner `team-payments` does not own the service `web`");
    assert!(found[0].help.contains("use `app-team` or `sre-team`"), "{found:?}");
    assert!(
        found[0].help.contains("`ownership.services.web.owners` in goldenpath.yaml"),
        "{found:?}"
    );
}

#[test]
fn the_clusters_own_namespaces_are_refused_without_any_configuration_and_nothing_is_applied() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    let projections = platform.gitops_state();
    let edits = [("namespace: web ", "namespace: kube-system ")];
    platform.catalog.write(WEB_PATH, &web(&edits)).commit_all("web");
    let found = validate(&platform.catalog, &[]);
    assert_eq!(rows(&found), ["error GP207 /spec/access/namespace"], "{found:?}");
    assert!(found[0].help.contains("`ownership.services.web.namespaces`"), "{found:?}");
    platform.apply().run().fails_with(1);
    assert_eq!(platform.gitops_state(), projections);
}

#[test]
fn without_a_table_a_namespace_with_the_name_of_another_service_is_a_warning() {
    let edits = [("namespace: web ", "namespace: payments ")];
    let found = finds("", &edits, &["warning GP206 /spec/access/namespace"]);
    assert_eq!(found[0].message, "the namespace `payments` has the name of another service");
    finds("", &[("namespace: web ", "namespace: shared ")], &[]);
    // Also if only that file is read.
    let repository = with_web("", &[]);
    repository.commit_all("both");
    repository.write(WEB_PATH, &web(&edits));
    repository.git(&["add", "--all"]);
    let found = validate(&repository, &["--staged"]);
    assert!(rows(&found).contains(&"warning GP206 /spec/access/namespace".to_owned()), "{found:?}");
}

#[test]
fn two_external_secrets_of_one_name_in_one_namespace_of_one_cluster_are_an_error() {
    let mut repository = Repository::new();
    let seed = seed_with(&[("namespace: payments ", "namespace: shared ")]);
    let same_name =
        |text: String| text.replace("  name: web-session ", "  name: payments-db-credentials ");
    repository.write(SEED_PATH, &seed);
    repository.write(WEB_PATH, &same_name(web(&[("namespace: web ", "namespace: shared ")])));
    let found = validate(&repository, &[]);
    assert_eq!(rows(&found), ["error GP305 /metadata/name"; 2], "{found:?}");
    let message = "the ExternalSecret `shared/payments-db-credentials-sync` in dev is taken";
    assert!(found[0].message.starts_with(message), "{found:?}");
    // Each in its own namespace.
    repository.write(WEB_PATH, &same_name(web(&[])));
    assert_eq!(validate(&repository, &[]), []);

    // Two environments conflict only if they share a cluster.
    repository = Repository::new();
    repository.write(SEED_PATH, SEED);
    let test =
        seed_with(&[("id: SEC-0007", "id: SEC-0009"), ("environment: dev", "environment: test")]);
    repository.write("catalogs/secrets/payments/test/SEC-0009.yaml", &test);
    assert_eq!(validate(&repository, &[]), []);
    let clusters = |test: &str| {
        format!(
            "environments:\n  dev: {{ cluster: {{ name: small }} }}\n  \
             test: {{ cluster: {{ name: {test} }} }}\n"
        )
    };
    repository.write("goldenpath.yaml", &clusters("other"));
    assert_eq!(validate(&repository, &[]), []);
    repository.write("goldenpath.yaml", &clusters("small"));
    let found = validate(&repository, &[]);
    let both = ["error GP304 /spec/access/k8sSecretName", "error GP305 /metadata/name"];
    assert_eq!(
        rows(&found).iter().filter(|row| both.contains(&row.as_str())).count(),
        4,
        "{found:?}"
    );
    assert!(
        found.iter().any(|found| found.message.contains("in the cluster `small` is taken")),
        "{found:?}"
    );
}

#[test]
fn a_commit_is_compared_with_manifests_that_it_does_not_touch_whatever_an_earlier_run_remembers() {
    let repository = Repository::with_seed();
    // Enough manifests that their claims are cached.
    for number in 100..150 {
        let id = format!("SEC-0{number}");
        let text =
            SEED.replace("SEC-0007", &id).replace("payments-db-cred", &format!("other-{number}"));
        repository.write(format!("catalogs/secrets/payments/dev/{id}.yaml"), &text);
    }
    repository
        .write("goldenpath.yaml", "environments: { dev: { cluster: { name: a } } }\n")
        .commit_all("many");
    let path = "catalogs/secrets/payments/test/SEC-0009.yaml";
    repository.write(
        path,
        &seed_with(&[("id: SEC-0007", "id: SEC-0009"), ("environment: dev", "environment: test")]),
    );
    repository.git(&["add", "--all"]);
    assert_eq!(validate(&repository, &["--staged"]), []);
    // With another table of clusters, the same bytes have other claims.
    let shared =
        "environments: { dev: { cluster: { name: a } }, test: { cluster: { name: a } } }\n";
    repository.git(&["reset", "--quiet"]);
    repository.write("goldenpath.yaml", shared);
    repository.git(&["add", "goldenpath.yaml"]);
    repository.git(&["commit", "--quiet", "--no-verify", "-m", "share"]);
    repository.git(&["add", "--all"]);
    let found = validate(&repository, &["--staged"]);
    assert_eq!(
        rows(&found),
        ["error GP305 /metadata/name", "error GP304 /spec/access/k8sSecretName"],
        "{found:?}"
    );
}

/// Returns the findings for a change of the seed's manifest, against the commit before.
#[track_caller]
fn change(configuration: &str, edits: &[(&str, &str)]) -> Vec<Found> {
    let repository = Repository::with_seed();
    repository.write("goldenpath.yaml", configuration).commit_all("before");
    repository.write(SEED_PATH, &seed_with(edits)).commit_all("change");
    validate(&repository, &["--from-ref", "HEAD~1"])
}

#[test]
fn a_secret_that_changes_its_owner_or_its_namespace_is_a_handover() {
    let found = change(
        "",
        &[
            ("owner: team-payments", "owner: app-team"),
            ("namespace: payments ", "namespace: evil "),
        ],
    );
    assert_eq!(
        rows(&found),
        ["warning GP408 /metadata/owner", "warning GP408 /spec/access/namespace"],
        "{found:?}"
    );
    assert!(
        found[0].message.contains("SEC-0007") && found[0].help.contains("ask `team-payments`"),
        "{found:?}"
    );
    assert!(found[1].message.contains("from the namespace `payments` to `evil`"), "{found:?}");
    assert_eq!(
        rows(&change("", &[("namespace: payments ", "namespace: evil ")])),
        ["warning GP408 /spec/access/namespace"]
    );
    // The control, and a move between two namespaces of the service.
    assert_eq!(change("", &[("ttlDays: 30", "ttlDays: 60")]), []);
    assert_eq!(change(TABLE, &[("namespace: payments ", "namespace: pay-jobs ")]), []);
}

#[test]
fn a_change_that_adds_itself_to_the_table_is_judged_by_the_bases_table() {
    let repository = with_web(TABLE, &[]);
    repository.commit_all("before");
    repository.write(
        "goldenpath.yaml",
        &TABLE.replace("namespaces: [web]", "namespaces: [web, payments]"),
    );
    repository
        .write(WEB_PATH, &web(&[("namespace: web ", "namespace: payments ")]))
        .commit_all("grab");
    let found = validate(&repository, &["--from-ref", "HEAD~1"]);
    assert!(rows(&found).contains(&"error GP206 /spec/access/namespace".to_owned()), "{found:?}");
}

#[test]
fn a_slip_in_the_table_is_an_error_with_its_place_and_exit_code_two() {
    let (said, drawn) = ("there is no owner `team-paymnts`", "did you mean `team-payments`?");
    let configuration = "ownership:\n  services:\n    payments: { owners: [team-paymnts] }\n";
    let repository = with_web(configuration, &[]);
    let outcome = repository.goldenpath(&["validate"]).run().fails_with(2);
    let shown = outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(said) && shown.contains(drawn), "{}", outcome.stderr);
    assert!(shown.contains("goldenpath.yaml:"), "it names file and line: {}", outcome.stderr);
}

/// The lines that `codeowners` prints for [`TABLE`]: services to owners, rule files to the platform
/// team.
const LINES: [&str; 10] = [
    "/catalogs/secrets/ @acme/platform",
    "/catalogs/secrets/payments/ @acme/payments",
    "/catalogs/secrets/web/ @acme/app @acme/sre",
    "/goldenpath.yaml @acme/platform",
    "/schemas/ @acme/platform",
    "/templates/ @acme/platform",
    "/.github/CODEOWNERS @acme/platform",
    "/CODEOWNERS @acme/platform",
    "/docs/CODEOWNERS @acme/platform",
    "/.gitlab/CODEOWNERS @acme/platform",
];

fn without_alignment(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn codeowners_gives_services_to_their_owners_and_rule_files_to_the_platform_team() {
    let repository = with_web(TABLE, &[]);
    let printed = repository.goldenpath(&["codeowners"]).run().success().stdout;
    assert_eq!(without_alignment(&printed), LINES);
    let json = repository.goldenpath(&["codeowners", "--format", "json"]).run().success().json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["lines"][2]["pattern"], "/catalogs/secrets/web/");
    assert_eq!(json["lines"][2]["owners"], Value::from(vec!["@acme/app", "@acme/sre"]));
    assert!(!repository.exists(".github/CODEOWNERS"));
}

#[test]
fn codeowners_write_keeps_the_lines_that_are_there_and_check_passes_after_it() {
    for (place, text) in [
        (".github/CODEOWNERS", None),
        ("CODEOWNERS", Some("# ours\n* @acme/all\n")),
        ("docs/CODEOWNERS", Some("* @acme/all")),
        (".gitlab/CODEOWNERS", Some("[Docs] @docs\n*.md\n")),
    ] {
        let repository = with_web(TABLE, &[]);
        if let Some(text) = text {
            repository.write(place, text);
        }
        let missing = repository.goldenpath(&["codeowners", "--check"]).run().fails_with(1);
        assert!(missing.stdout.contains("+/catalogs/secrets/web/"), "{}", missing.stdout);
        repository.goldenpath(&["codeowners", "--write"]).run().success();
        let written = repository.read(place);
        assert!(written.starts_with(text.unwrap_or_default().trim_end()), "{written}");
        let lines = without_alignment(&written);
        assert!(LINES.iter().all(|line| lines.iter().any(|written| written == line)), "{written}");
        repository.goldenpath(&["codeowners", "--check"]).run().success();
        let again = repository.goldenpath(&["codeowners", "--write"]).run().success();
        assert_eq!(
            (again.stdout.trim(), repository.read(place)),
            (format!("unchanged {place}").as_str(), written)
        );
    }
}

#[test]
fn codeowners_check_fails_where_lines_are_out_of_date_or_overridden_by_later_ones() {
    let repository = with_web(TABLE, &[]);
    repository.goldenpath(&["codeowners", "--write"]).run().success();
    let written = repository.read(".github/CODEOWNERS");
    for (text, said, state) in [
        (written.replace("@acme/payments", "@evil"), "out of date", "stale"),
        (written.replace("/goldenpath.yaml", "# goldenpath.yaml"), "out of date", "stale"),
        (format!("{written}*.yaml @evil\n"), "line 13", "overridden"),
        (format!("{written}/catalogs/secrets/payments/prod/ @evil\n"), "line 13", "overridden"),
        (format!("{written}/goldenpath.yaml\n"), "line 13", "overridden"),
    ] {
        repository.write(".github/CODEOWNERS", &text);
        let outcome = repository.goldenpath(&["codeowners", "--check"]).run().fails_with(1);
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
        assert!(outcome.stdout.contains("@@"), "the difference is shown: {}", outcome.stdout);
        let json = repository
            .goldenpath(&["codeowners", "--check", "--format", "json"])
            .run()
            .fails_with(1)
            .json();
        assert_eq!(json["state"], state);
        repository.goldenpath(&["codeowners", "--write"]).run().success();
        repository.goldenpath(&["codeowners", "--check"]).run().success();
    }
    // The control: a later line for another path.
    repository.write(".github/CODEOWNERS", &format!("{written}/src/ @acme/app\n"));
    repository.goldenpath(&["codeowners", "--check"]).run().success();
}

#[test]
fn codeowners_check_fails_on_an_exclusion_of_its_paths_and_write_refuses_it() {
    let repository = with_web(TABLE, &[]);
    repository.goldenpath(&["codeowners", "--write"]).run().success();
    let written = repository.read(".github/CODEOWNERS");
    let last = format!("line {}", written.lines().count() + 1);
    for (text, line) in [
        (format!("!/catalogs/secrets/payments/\n{written}"), "line 1"),
        (format!("{written}!goldenpath.yaml\n"), last.as_str()),
        ("* @acme/all\n!*.yaml\n".to_owned(), "line 2"),
    ] {
        repository.write(".github/CODEOWNERS", &text);
        let outcome = repository.goldenpath(&["codeowners", "--check"]).run().fails_with(1);
        assert!(
            outcome.stderr.contains(line) && outcome.stderr.contains("exclude"),
            "{}",
            outcome.stderr
        );
        let json = repository
            .goldenpath(&["codeowners", "--check", "--format", "json"])
            .run()
            .fails_with(1)
            .json();
        assert_eq!(json["state"], "excluded");
        let outcome = repository.goldenpath(&["codeowners", "--write"]).run().fails_with(1);
        assert!(
            outcome.stderr.contains(line) && outcome.stderr.contains("remove"),
            "{}",
            outcome.stderr
        );
        assert_eq!(repository.read(".github/CODEOWNERS"), text);
        // The remedy.
        let without: String =
            text.split_inclusive('\n').filter(|line| !line.starts_with('!')).collect();
        repository.write(".github/CODEOWNERS", &without);
        repository.goldenpath(&["codeowners", "--write"]).run().success();
        repository.goldenpath(&["codeowners", "--check"]).run().success();
    }
    // The control: an exclusion of another path, and one in another section.
    for text in [format!("!/src/\n{written}"), "[Docs] @acme/docs\n*\n!*.yaml\n".to_owned()] {
        repository.write(".github/CODEOWNERS", &text);
        repository.goldenpath(&["codeowners", "--write"]).run().success();
        repository.goldenpath(&["codeowners", "--check"]).run().success();
    }
}

#[test]
fn codeowners_gives_a_pipeline_to_the_platform_team_where_there_is_one() {
    for (file, line) in [
        (".github/workflows/plan.yml", "/.github/workflows/ @acme/platform"),
        (".gitlab-ci.yml", "/.gitlab-ci.yml @acme/platform"),
    ] {
        let repository = with_web(TABLE, &[]);
        repository.goldenpath(&["codeowners", "--write"]).run().success();
        repository.write(file, "{}\n");
        let printed = repository.goldenpath(&["codeowners"]).run().success().stdout;
        assert_eq!(without_alignment(&printed), [&LINES[..], &[line]].concat());
        repository.goldenpath(&["codeowners", "--check"]).run().fails_with(1);
        repository.goldenpath(&["codeowners", "--write"]).run().success();
        repository.goldenpath(&["codeowners", "--check"]).run().success();
        // A sparse checkout without the file does not remove the line.
        repository.commit_all("pipeline");
        std::fs::remove_file(repository.path().join(file)).unwrap();
        if let Some(folder) = file.strip_suffix("/plan.yml") {
            std::fs::remove_dir(repository.path().join(folder)).unwrap();
        }
        repository.goldenpath(&["codeowners", "--check"]).run().success();
    }
}

#[test]
fn codeowners_names_what_is_missing_and_what_is_ambiguous() {
    for (configuration, said) in [
        (
            TABLE.replace("app-team: \"@acme/app\", ", ""),
            "`ownership.teams` has no code owner for `app-team`",
        ),
        (
            TABLE.replace("  platform: [\"@acme/platform\"]\n", ""),
            "`ownership.platform` has no code owner",
        ),
    ] {
        let repository = with_web(&configuration, &[]);
        let outcome = repository.goldenpath(&["codeowners"]).run().fails_with(2);
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
    let repository = with_web(TABLE, &[]);
    repository.write("CODEOWNERS", "").write(".github/CODEOWNERS", "");
    let outcome = repository.goldenpath(&["codeowners", "--write"]).run().fails_with(1);
    assert!(outcome.stderr.contains("`.github/CODEOWNERS` and `CODEOWNERS`"), "{}", outcome.stderr);
    assert_eq!(repository.read("CODEOWNERS"), "");
}

#[test]
fn codeowners_does_not_take_a_file_that_a_sparse_checkout_leaves_out_for_a_missing_one() {
    let repository = with_web(TABLE, &[]);
    repository.goldenpath(&["codeowners", "--write"]).run().success();
    repository.commit_all("all");
    repository.git(&["sparse-checkout", "set", "catalogs"]);
    assert!(!repository.exists(".github/CODEOWNERS"));
    repository.goldenpath(&["codeowners", "--check"]).run().success();
    let outcome = repository.goldenpath(&["codeowners", "--write"]).run().success();
    assert_eq!(outcome.stdout, "unchanged .github/CODEOWNERS\n");
    assert!(!repository.exists(".github/CODEOWNERS"));
    repository.git(&["sparse-checkout", "disable"]);
    repository.goldenpath(&["codeowners", "--check"]).run().success();
}

#[cfg(unix)]
#[test]
fn codeowners_writes_through_no_link() {
    let repository = with_web(TABLE, &[]);
    let outside = repository.home().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, repository.path().join(".github")).unwrap();
    repository.goldenpath(&["codeowners", "--write"]).run().fails_with(1);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
}

const ANSWERS: [&str; 8] =
    ["--env", "dev", "--type", "api-key", "--name", "web-key", "--risk", "low"];

#[test]
fn new_secret_takes_the_only_owner_and_the_first_namespace_of_the_service_that_was_answered() {
    let table = "ownership:\n  services:\n    \
                 shop: { owners: [sre-team], namespaces: [storefront, shop-jobs] }\n    \
                 web: { owners: [app-team, sre-team], namespaces: [web] }\n";
    let repository = with_web(table, &[]);
    let new = |service: &str, more: &[&str]| {
        let arguments =
            [&["new", "secret", "--dry-run", "--service", service][..], &ANSWERS, more].concat();
        repository.goldenpath(&arguments).run()
    };
    let made = new("shop", &[]).success().stdout;
    assert!(made.contains("owner: sre-team") && made.contains("namespace: storefront"), "{made}");
    let made = new("web", &["--owner", "app-team"]).success().stdout;
    assert!(made.contains("namespace: web"), "{made}");
    // With two owners there is no default.
    assert!(new("web", &[]).fails_with(2).stderr.contains("--owner"));
    // The same table applies to flags.
    let refused = new("web", &["--owner", "app-team", "--namespace", "storefront"]).fails_with(1);
    assert!(refused.stderr.contains("it belongs to `shop`"), "{}", refused.stderr);
    new("shop", &["--namespace", "shop-jobs"]).success();
    let refused = new("web", &["--owner", "team-payments"]).fails_with(1);
    assert!(refused.stderr.contains("does not own the service `web`"), "{}", refused.stderr);
}

#[test]
fn new_secret_takes_no_namespace_where_the_service_lists_patterns_that_its_name_does_not_match() {
    let new = |patterns: &str, more: &[&str]| {
        let table = format!("ownership:\n  services:\n    tools: {{ namespaces: [{patterns}] }}\n");
        let repository = with_web(&table, &[]);
        let service = ["new", "secret", "--dry-run", "--service", "tools", "--owner", "app-team"];
        repository.goldenpath(&[&service[..], &ANSWERS, more].concat()).run()
    };
    let refused = new("\"tools-*\"", &[]).fails_with(2);
    assert!(
        refused.stderr.contains("cannot ask without a terminal for --namespace"),
        "{}",
        refused.stderr
    );
    let made = new("\"tools-*\"", &["--namespace", "tools-ci"]).success().stdout;
    assert!(made.contains("namespace: tools-ci"), "{made}");
    // The control: the service's name if a pattern matches it, else the first name of the list.
    for (patterns, namespace) in
        [("\"tools*\"", "namespace: tools\n"), ("\"tools-*\", jobs", "namespace: jobs\n")]
    {
        let made = new(patterns, &[]).success().stdout;
        assert!(made.contains(namespace), "{made}");
    }
}

#[test]
fn new_secret_judges_a_namespace_that_no_service_lists_once_the_service_is_answered() {
    let table = "ownership:\n  unlisted: deny\n  services:\n    shop: { owners: [app-team] }\n";
    let repository = Repository::new();
    repository.write("goldenpath.yaml", table);
    let arguments =
        [&["new", "secret", "--owner", "app-team", "--namespace", "kube-system"][..], &ANSWERS]
            .concat();
    let mut terminal = repository.goldenpath(&arguments).in_terminal(120, 24);
    terminal.wait_for("Service").wait_for("shop").key(Key::Down).key(Key::Enter);
    terminal.wait_for("Rotation class").key(Key::Enter);
    terminal.wait_for("ownership.services.shop.namespaces");
    assert!(!terminal.screen().contains("unanswered"), "{}", terminal.screen());
    terminal.wait_for("Kubernetes namespace").key(Key::Enter);
    terminal.wait_for("Kubernetes Secret").key(Key::Enter);
    terminal.wait_for("Days until review").key(Key::Enter);
    terminal.wait_for("Description").key(Key::Enter);
    terminal.wait_for("Write this file?").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    assert!(
        repository.read("catalogs/secrets/shop/dev/SEC-0001.yaml").contains("namespace: shop\n")
    );
    // An invalid namespace is rejected at once, and so is one that the service may not use.
    for more in
        [&["--namespace", "No_Name"][..], &["--namespace", "kube-system", "--service", "shop"]]
    {
        let refused = repository
            .goldenpath(&[&["new", "secret", "--owner", "app-team"], &ANSWERS[..], more].concat());
        let refused = refused.run();
        assert!(refused.code != 0 && refused.stderr.contains("namespace"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("unanswered"), "{}", refused.stderr);
    }
}

#[test]
fn new_secret_offers_the_owners_and_namespaces_of_the_service_that_was_answered() {
    let table = "ownership:\n  unlisted: deny\n  services:\n    \
                 shop: { owners: [sre-team, app-team], namespaces: [storefront, shop-jobs] }\n";
    let repository = Repository::new();
    repository.write("goldenpath.yaml", table);
    let mut terminal = repository.goldenpath(&["new", "secret"]).in_terminal(80, 24);
    terminal.wait_for("Service").wait_for("shop").key(Key::Down).key(Key::Enter);
    terminal.wait_for("Environments").key(Key::Enter);
    terminal.wait_for("Type of secret").key(Key::Down).key(Key::Enter);
    terminal.wait_for("Name").key(Key::Enter);
    terminal.wait_for("Owner").wait_for("sre-team");
    assert!(!terminal.screen().contains("platform-team"), "{}", terminal.screen());
    terminal.key(Key::Enter);
    terminal.wait_for("Risk tier").key(Key::Enter);
    terminal.wait_for("Rotation class").key(Key::Enter);
    terminal.wait_for("Kubernetes namespace").wait_for("shop-jobs").key(Key::Enter);
    terminal.wait_for("Kubernetes Secret").key(Key::Enter);
    terminal.wait_for("Days until review").key(Key::Enter);
    terminal.wait_for("Description").key(Key::Enter);
    terminal.wait_for("Write this file?").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    let made = repository.read("catalogs/secrets/shop/dev/SEC-0001.yaml");
    assert!(made.contains("owner: sre-team") && made.contains("namespace: storefront"), "{made}");
}
