//! `goldenpath render`: writes projections to stdout or to a folder, and nothing else.

use goldenpath_testkit::{Repository, SEED, SEED_PATH, seed_with};

const EXTERNAL_SECRET: &str = include_str!("fixtures/seed_external_secret.yaml");

/// The path of the seed's projection in a GitOps repository, by the design's `gitops.file`.
const FILE: &str = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";

fn orders() -> String {
    seed_with(&[
        ("id: SEC-0007", "id: SEC-0008"),
        ("service: payments", "service: orders"),
        ("environment: dev", "environment: prod"),
        ("namespace: payments ", "namespace: orders "),
    ])
}

const ORDERS_PATH: &str = "catalogs/secrets/orders/prod/SEC-0008.yaml";

#[test]
fn an_output_folder_is_laid_out_as_the_gitops_repository() {
    let repository = Repository::with_seed();
    let outcome = repository.goldenpath(&["render", "--out-dir", "out"]).run().success();
    assert_eq!(outcome.stdout, format!("out/{FILE}\n"));
    let text = repository.read(format!("out/{FILE}"));
    assert_eq!(text.split_once('\n').unwrap().1, EXTERNAL_SECRET);
    let changed = repository.git(&["status", "--short", "--untracked-files=all"]);
    assert_eq!(changed, format!("?? {SEED_PATH}\n?? out/{FILE}"));
    // A second run overwrites the files.
    repository.goldenpath(&["render", "--out-dir", "out"]).run().success();
    assert_eq!(repository.read(format!("out/{FILE}")), text);
}

#[test]
fn several_projections_are_one_stream_of_documents_in_the_order_of_their_paths() {
    let repository = Repository::with_seed();
    repository.write(ORDERS_PATH, &orders());
    let outcome = repository.goldenpath(&["render"]).run().success();
    let ids: Vec<&str> = outcome
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("# Managed by goldenpath: "))
        .collect();
    assert!(
        ids[0].starts_with("SEC-0008 ") && ids[1].starts_with("SEC-0007 ") && ids.len() == 2,
        "{ids:?}"
    );
    assert_eq!(outcome.stdout.lines().filter(|line| *line == "---").count(), 2);
    assert_eq!(outcome.stderr, "rendered 2 ExternalSecrets\n");
}

#[test]
fn paths_services_and_environments_choose() {
    let repository = Repository::with_seed();
    repository.write(ORDERS_PATH, &orders());
    let rendered = |arguments: &[&str]| {
        let outcome = repository.goldenpath(&[&["render"], arguments].concat()).run().success();
        let found: Vec<&str> = ["SEC-0007", "SEC-0008"]
            .into_iter()
            .filter(|id| outcome.stdout.contains(&format!(": {id} ")))
            .collect();
        found.join(" ")
    };
    assert_eq!(rendered(&[SEED_PATH]), "SEC-0007");
    assert_eq!(rendered(&["catalogs/secrets/orders"]), "SEC-0008");
    assert_eq!(rendered(&["--env", "dev"]), "SEC-0007");
    assert_eq!(rendered(&["--env", "dev", "--env", "prod"]), "SEC-0007 SEC-0008");
    assert_eq!(rendered(&["--service", "orders"]), "SEC-0008");
    assert_eq!(rendered(&["--service", "orders", "--env", "dev"]), "");
    for (flag, unknown, known) in
        [("--env", "production", "dev"), ("--service", "order", "orders, payments")]
    {
        let outcome = repository.goldenpath(&["render", flag, unknown]).run().fails_with(2);
        assert!(
            outcome.stderr.contains(&format!("`{flag} {unknown}` selects nothing")),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains(known), "{}", outcome.stderr);
    }
}

#[test]
fn a_manifest_with_errors_is_not_rendered_and_neither_is_any_other() {
    let repository = Repository::with_seed();
    repository.write(ORDERS_PATH, &orders().replace("tier: medium", "tier: mediun"));
    for arguments in [&["render"][..], &["render", "--out-dir", "out"]] {
        let outcome = repository.goldenpath(arguments).run().fails_with(1);
        assert_eq!(outcome.stdout, "");
        assert!(outcome.stderr.contains("`mediun` is not a value of `tier`"), "{}", outcome.stderr);
        assert!(outcome.stderr.ends_with("checked 2 manifests: 1 error\n"), "{}", outcome.stderr);
        assert!(!repository.exists("out"));
    }
    // A warning does not stop the run.
    repository
        .write(ORDERS_PATH, &orders().replace("rotationClass: standard", "rotationClass: none"));
    repository.goldenpath(&["render"]).run().success();
}

#[test]
fn a_value_that_looks_like_something_else_stays_the_text_that_it_is() {
    // To a YAML parser these are an integer, a float and a boolean.
    let repository = Repository::new();
    let text = seed_with(&[
        ("namespace: payments ", "namespace: '123' "),
        ("Name: payments-db-creds", "Name: '1e3'"),
    ]);
    repository.write(SEED_PATH, &text);
    repository
        .write("goldenpath.yaml", "externalSecret: {storeName: 'true', refreshInterval: 0s}\n");
    let rendered = repository.goldenpath(&["render"]).run().success().stdout;
    for line in [
        "  namespace: \"123\"",
        "    name: \"1e3\"",
        "    name: \"true\"",
        "  refreshInterval: \"0s\"",
    ] {
        assert!(rendered.lines().any(|found| found == line), "{line} in\n{rendered}");
    }
}

#[test]
fn a_catalogs_own_template_wins_as_long_as_it_makes_this_manifests_external_secret() {
    const TEMPLATE: &str = "templates/external_secret.yaml.j2";
    let repository = Repository::with_seed();
    let built_in = include_str!("../templates/external_secret.yaml.j2");
    repository.write(
        TEMPLATE,
        &built_in.replace("metadata:", "metadata:\n  labels: { team: {{ owner }} }"),
    );
    let rendered = repository.goldenpath(&["render"]).run().success().stdout;
    assert!(rendered.contains("  labels: { team: team-payments }\n"), "{rendered}");
    for (template, message) in [
        (
            built_in.replace("{{ namespace }}", "kube-system"),
            "`/metadata/namespace` is `kube-system` instead of `payments`",
        ),
        (
            built_in.replace("{{ storeKey | quote }}", "other"),
            "`/spec/dataFrom/0/extract/key` is `other` instead of",
        ),
        (built_in.replace("kind: ExternalSecret", "kind: Secret"), "`/kind` is `Secret`"),
        (format!("{built_in}---\n{built_in}"), "a second document"),
        (built_in.replace("{{ name", "{{ nmae"), "undefined"),
        ("{% for %}".to_owned(), "cannot render the template"),
    ] {
        repository.write(TEMPLATE, &template);
        let outcome = repository.goldenpath(&["render", "--out-dir", "out"]).run().fails_with(2);
        let said: Vec<&str> =
            outcome.stderr.split_whitespace().filter(|word| *word != "│").collect();
        assert!(said.join(" ").contains(message), "{message}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("help: "), "{message}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty() && !repository.exists("out"), "{message}");
    }
}

#[test]
fn an_output_folder_that_leads_elsewhere_is_refused() {
    let repository = Repository::with_seed();
    repository.write("outside/x", "").write("out/x", "");
    std::os::unix::fs::symlink("../outside", repository.path().join("out/kustomize")).unwrap();
    let outcome = repository.goldenpath(&["render", "--out-dir", "out"]).run().fails_with(2);
    assert!(outcome.stderr.contains("is a symbolic link"), "{}", outcome.stderr);
    assert!(!repository.exists("outside/overlays"));
    repository.write("goldenpath.yaml", "gitops: {file: '../{{ id }}.yaml'}\n");
    let outcome = repository.goldenpath(&["render", "--out-dir", "elsewhere"]).run().fails_with(2);
    assert!(outcome.stderr.contains("is outside the repository"), "{}", outcome.stderr);
    assert!(!repository.exists("SEC-0007.yaml"));
    repository.write("goldenpath.yaml", "gitops: {file: '.git/{{ id }}.yaml'}\n");
    let outcome = repository.goldenpath(&["render", "--out-dir", "."]).run().fails_with(2);
    assert!(outcome.stderr.contains("begins with a dot"), "{}", outcome.stderr);
    assert!(!repository.exists(".git/SEC-0007.yaml"));
}

#[test]
fn an_empty_catalog_renders_nothing_and_says_so() {
    let outcome = Repository::new().goldenpath(&["render"]).run().success();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("", "rendered 0 ExternalSecrets\n")
    );
    assert!(SEED.starts_with("apiVersion"));
}
