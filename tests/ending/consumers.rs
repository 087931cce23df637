//! The gate `consumers`: what mentions the Kubernetes Secret in the GitOps repository, and GP407,
//! which reports a change of its name under a consumer.

use std::fs;

use serde_json::Value;

use goldenpath_testkit::{Platform, Repository, SEED, SEED_PATH};

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: payments }
spec:
  template:
    spec:
      containers:
        - name: web
          envFrom: [{ secretRef: { name: payments-db-creds } }]
";

/// Returns a secret whose decommission is requested, and whose projection is removed.
fn requested() -> Platform {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    for status in ["deprecated", "decommission_requested"] {
        let text = SEED.replace("status: active", &format!("status: {status}"));
        assert_ne!(text, SEED);
        platform.catalog.write(SEED_PATH, &text).commit_all(status);
        platform.apply().run().success();
    }
    platform
}

/// Returns whether the plan deletes the secret, and the reason for that or for waiting.
#[track_caller]
fn verdict(platform: &Platform) -> (bool, String) {
    let arguments = ["--id", "SEC-0007", "--override", "cooling-off", "--reason", "a test"];
    let plan =
        platform.plan(&[&["--format", "json"], &arguments[..]].concat()).run().success().json();
    let actions = plan["actions"].as_array().unwrap();
    assert_eq!(actions.len(), 1, "{plan}");
    let reason = actions[0]["reason"].as_str().unwrap().to_owned();
    match actions[0]["action"].as_str().unwrap() {
        "delete-secret" => (true, reason),
        "blocked" => (false, reason),
        other => panic!("{other}: {reason}"),
    }
}

#[track_caller]
fn assert_closed(platform: &Platform, words: &str) {
    let (deletes, reason) = verdict(platform);
    assert!(!deletes && reason.starts_with("gate consumers: "), "{words}: {reason}");
    assert!(reason.contains(words), "{words}: {reason}");
}

#[track_caller]
fn assert_open(platform: &Platform, files: usize) {
    let (deletes, reason) = verdict(platform);
    let words =
        format!("nothing in the GitOps repository names `payments-db-creds` (files: {files})");
    assert!(deletes && reason.starts_with(&words), "{reason}");
}

/// Writes files into the GitOps repository, commits them, and removes them after `check`.
fn with_files(platform: &Platform, files: &[(&str, &str)], check: impl FnOnce()) {
    let gitops = &platform.gitops;
    let before = gitops.git(&["rev-parse", "HEAD"]);
    for (file, text) in files {
        gitops.write(file, text);
    }
    gitops.commit_all("Files");
    check();
    gitops.git(&["reset", "--quiet", "--hard", &before]);
}

#[test]
fn a_mention_in_any_syntax_keeps_the_secret() {
    let platform = requested();
    for (file, text, line) in [
        ("apps/web.yaml", DEPLOYMENT, "apps/web.yaml:9 (Deployment web)"),
        ("charts/web/values.yaml", "secrets:\n  payments-db-creds: {}\n", "values.yaml:2"),
        (
            "charts/web/templates/d.yaml",
            "{{- if .Values.db }}\nname: {{ default \"payments-db-creds\" .Values.x }}\n{{ end }}",
            "templates/d.yaml:2",
        ),
        (
            "argocd/web.yaml",
            "kind: Application\nmetadata: { name: web, namespace: argocd }\nspec:\n  source:\n    \
             helm:\n      values: \"a: b\\npayments-db-creds: c\"\n",
            "argocd/web.yaml:6 (Application web)",
        ),
        ("flux/web.json", "{\"valuesFrom\": [{\"name\": \"payments-db-creds\"}]}", "web.json:1"),
        ("jsonnet/web.jsonnet", "{ secret:: 'payments-db-creds' }", "web.jsonnet:1"),
        ("scripts/run.sh", "# kubectl get secret payments-db-creds\n", "scripts/run.sh:1"),
        (
            "other/secret.yaml",
            "kind: ExternalSecret\nspec: { target: { name: payments-db-creds } }\n",
            "other/secret.yaml:2",
        ),
    ] {
        with_files(&platform, &[(file, text)], || assert_closed(&platform, line));
    }
    // Neither UTF-8 nor YAML.
    let utf16: Vec<u8> =
        "\u{feff}name: payments-db-creds\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [&b"caf\xe9: [\nsecret=payments-db-creds;"[..], &utf16] {
        fs::write(platform.gitops.path().join("config.bin"), bytes).unwrap();
        platform.gitops.commit_all("Bytes");
        assert_closed(&platform, "config.bin:");
    }
}

#[test]
fn a_repository_that_mentions_nothing_opens_the_gate_with_the_number_of_files() {
    let platform = requested();
    assert_open(&platform, 1);
    // Longer names are other names.
    let others = "a: payments-db-creds-old\nb: my-payments-db-creds\nc: payments-db-creds2\n";
    with_files(&platform, &[("a.yaml", others), ("b/c.txt", "x")], || assert_open(&platform, 3));
    // A name that a template composes cannot be seen, but the plan names the template.
    let template = "kind: Deployment\nname: {{ .Release.Name }}-db-creds\n";
    with_files(&platform, &[("charts/web/templates/d.yaml", template)], || {
        let (deletes, reason) = verdict(&platform);
        let words = "a template could compose the name: charts/web/templates/d.yaml:2";
        assert!(deletes && reason.contains(words), "{reason}");
    });
    // The cluster has only what is committed.
    platform.gitops.write("apps/web.yaml", DEPLOYMENT);
    assert_open(&platform, 1);
}

#[test]
fn what_cannot_be_read_keeps_the_secret_and_is_named() {
    let platform = requested();
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n";
    for (file, text, why) in [
        ("values.yaml", lfs, "values.yaml (its content is in Git LFS)"),
        ("charts/web.tgz", "\u{1f}\u{fffd}", ""),
        ("vault.yaml", "$ANSIBLE_VAULT;1.1;AES256\n", "vault.yaml (it is encrypted)"),
    ] {
        if why.is_empty() {
            let path = platform.gitops.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"\x1f\x8b\x08rest").unwrap();
            platform.gitops.commit_all("An archive");
            assert_closed(&platform, "charts/web.tgz (it is compressed)");
            platform.gitops.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        } else {
            with_files(&platform, &[(file, text)], || assert_closed(&platform, why));
        }
    }
    let commit = platform.gitops.git(&["rev-parse", "HEAD"]);
    let entry = format!("160000,{commit},vendor/lib");
    platform.gitops.git(&["update-index", "--add", "--cacheinfo", &entry]);
    platform.gitops.git(&["commit", "--quiet", "-m", "A submodule"]);
    assert_closed(&platform, "vendor/lib (it is a submodule: another repository)");
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_counts_unless_it_stays_in_the_repository() {
    use std::os::unix::fs::symlink;
    let platform = requested();
    let gitops = &platform.gitops;
    symlink("README.md", gitops.path().join("inside")).unwrap();
    gitops.commit_all("A link");
    assert_open(&platform, 1);
    for (target, name) in [("../elsewhere", "up"), ("/etc/hostname", "absolute")] {
        symlink(target, gitops.path().join(name)).unwrap();
        gitops.commit_all("Another link");
        assert_closed(
            &platform,
            &format!("{name} (it is a symbolic link that leaves the repository)"),
        );
    }
}

/// Replaces the GitOps working copy by a clone with these options.
fn reclone(platform: &Platform, options: &[&str]) -> Repository {
    let origin = platform.gitops.path();
    for setting in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
        platform.gitops.git(&["config", setting, "true"]);
    }
    let clone = Repository::new();
    fs::remove_dir_all(clone.path()).unwrap();
    fs::create_dir(clone.path()).unwrap();
    let url = format!("file://{}", origin.display());
    clone.git(&[&["clone", "--quiet"], options, &[&url, "."]].concat());
    platform.configure("backend: local", &clone.path().display().to_string());
    clone
}

#[test]
fn what_a_partial_clone_lacks_keeps_the_secret_and_a_whole_one_does_not() {
    let platform = requested();
    platform.gitops.write("apps/web.yaml", "name: web\n").write("kustomize/x", "x\n");
    platform.gitops.commit_all("Apps");
    let clone = reclone(&platform, &["--filter=blob:none", "--sparse"]);
    clone.git(&["sparse-checkout", "set", "--cone", "kustomize"]);
    let url = clone.git(&["remote", "get-url", "origin"]);
    clone.git(&["remote", "set-url", "origin", "file:///nowhere"]);
    assert_closed(&platform, "apps/web.yaml (this clone lacks its content)");
    assert_closed(&platform, "`git fetch --refetch --no-filter origin`");
    // What can be fetched is not lacking.
    clone.git(&["remote", "set-url", "origin", &url]);
    assert_open(&platform, 3);
    // A sparse checkout alone lacks nothing.
    let clone = reclone(&platform, &["--sparse"]);
    assert!(!clone.exists("apps/web.yaml"));
    assert_open(&platform, 3);
    let treeless = reclone(&platform, &["--filter=tree:0", "--no-checkout"]);
    treeless.git(&["remote", "set-url", "origin", "file:///nowhere"]);
    let (deletes, reason) = verdict(&platform);
    assert!(!deletes && reason.contains("/ (this clone lacks its content)"), "{reason}");
}

#[test]
fn a_workload_in_a_literal_other_namespace_is_elsewhere_unless_kustomize_moves_it() {
    let platform = requested();
    let billing = DEPLOYMENT.replace("namespace: payments", "namespace: billing");
    let web = ("apps/web.yaml", billing.as_str());
    let kustomization = |text: &'static str| ("apps/kustomization.yaml", text);
    with_files(&platform, &[web], || assert_open(&platform, 2));
    for text in [
        "resources: [web.yaml]\n",
        "resources: [web.yaml]\nnamespace: billing\n",
        "resources: [other.yaml]\nnamespace: payments\n",
    ] {
        with_files(&platform, &[web, kustomization(text)], || assert_open(&platform, 3));
    }
    for text in [
        "resources: [web.yaml]\nnamespace: payments\n",
        "resources: [web.yaml]\nnamespace: ${NAMESPACE}\n",
        "resources: [web.yaml]\ntransformers: [move.yaml]\n",
        "resources: [web.yaml]\npatches:\n- patch: |-\n    - op: replace\n      path: \
         /metadata/namespace\n      value: payments\n",
    ] {
        with_files(&platform, &[web, kustomization(text)], || {
            assert_closed(&platform, "apps/web.yaml:9 (Deployment web)");
        });
    }
    // Through another folder, and by an object of Flux.
    let base = kustomization("resources: [web.yaml]\n");
    let overlay =
        ("overlays/dev/kustomization.yaml", "resources: [../../apps]\nnamespace: payments\n");
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n  path: \
                ./apps\n  targetNamespace: payments\n";
    for mover in [overlay, ("flux/apps.yaml", flux)] {
        with_files(&platform, &[web, base, mover], || assert_closed(&platform, "apps/web.yaml:9"));
    }
    // A component changes what includes it.
    let with = kustomization("resources: [web.yaml]\ncomponents: [../move]\n");
    let component =
        ("move/kustomization.yaml", "kind: Component\npatches: [{ path: move.yaml }]\n");
    let patch =
        ("move/move.yaml", "- { op: replace, path: /metadata/namespace, value: payments }\n");
    with_files(&platform, &[web, with, component, patch], || {
        assert_closed(&platform, "apps/web.yaml:9");
    });
    // Another kustomization's namespace is no reason.
    let other = ("payments/kustomization.yaml", "resources: [db.yaml]\nnamespace: payments\n");
    with_files(&platform, &[web, base, other], || assert_open(&platform, 4));
    for text in [
        billing.replace("namespace: billing", "namespace: \"{{ .Release.Namespace }}\""),
        billing.replace("namespace: billing", "labels: {}"),
        billing.replace("kind: Deployment", "kind: ConfigMap"),
    ] {
        with_files(&platform, &[("apps/web.yaml", &text)], || {
            assert_closed(&platform, "apps/web.yaml:9");
        });
    }
}

/// Sets the roots of `dev`.
fn set_roots(platform: &Platform, roots: &str) {
    let text = format!(
        "catalogId: acme-platform\nstore: {{ backend: local }}\ngitops: {{ path: {} }}\n\
         environments: {{ dev: {{ gitops: {{ roots: {roots} }} }} }}\n",
        platform.gitops.path().display()
    );
    platform.catalog.write("goldenpath.yaml", &text).commit_all("Roots");
}

#[test]
fn outside_of_the_roots_and_what_they_name_is_elsewhere() {
    let platform = requested();
    set_roots(&platform, "[overlays/dev]");
    let app = ("base/web/web.yaml", DEPLOYMENT);
    let root = |text: &'static str| ("overlays/dev/app.yaml", text);
    with_files(&platform, &[app, root("resources: [x.yaml]\n")], || assert_open(&platform, 3));
    for text in [
        "resources: [../../base]\n",
        "resources: [../../base/web/web.yaml]\n",
        "kind: Application\nspec: { source: { path: base/web } }\n",
        "kind: Application\nspec: { source: { path: base } }\n",
        "kind: ApplicationSet\nspec: { generators: [{ git: { directories: [path: base/*] }}]}\n",
        "kind: ApplicationSet\nspec:\n  template:\n    source:\n      path: '{{ path }}'\n",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: { prune: true }\n",
        "kind: HelmRelease\nspec: { chart: { spec: { chart: ./base/web } } }\n",
        "resources: ['https://git.example.com/acme/gitops//base/web?ref=main']\n",
        "valueFiles: [$values/base/web/web.yaml]\n",
    ] {
        with_files(&platform, &[app, root(text)], || {
            assert_closed(&platform, "base/web/web.yaml:9")
        });
    }
    // In two steps, and in the root itself.
    let middle = ("base/all/kustomization.yaml", "resources: [../web]\n");
    with_files(&platform, &[app, middle, root("resources: [../../base/all]\n")], || {
        assert_closed(&platform, "base/web/web.yaml:9");
    });
    with_files(&platform, &[("overlays/dev/web.yaml", DEPLOYMENT)], || {
        assert_closed(&platform, "overlays/dev/web.yaml:9");
    });
    with_files(
        &platform,
        &[("a b/web.yaml", DEPLOYMENT), root("resources: ['../../a b']")],
        || {
            assert_closed(&platform, "a b/web.yaml:9");
        },
    );
    // The root of the removed ExternalSecret may be empty; another one that is not there may be a
    // spelling mistake, which proves nothing.
    set_roots(&platform, "[kustomize/overlays/dev]");
    with_files(&platform, &[app], || assert_open(&platform, 2));
    set_roots(&platform, "[overlays/dev]");
    assert_closed(
        &platform,
        "overlays/dev (`gitops.roots` names it, and the repository does not have it)",
    );
}

#[cfg(unix)]
#[test]
fn a_root_reaches_what_its_links_lead_to_and_what_it_names_in_unread_folders() {
    use std::os::unix::fs::symlink;
    let platform = requested();
    set_roots(&platform, "[overlays/dev]");
    let gitops = &platform.gitops;
    gitops.write("base/web.yaml", DEPLOYMENT).write("overlays/dev/x.yaml", "x: y\n");
    gitops.commit_all("Base");
    assert_open(&platform, 3);
    symlink("../../base", gitops.path().join("overlays/dev/shared")).unwrap();
    gitops.commit_all("A link");
    assert_closed(&platform, "base/web.yaml:9");
    fs::remove_file(gitops.path().join("overlays/dev/shared")).unwrap();
    let commit = gitops.git(&["rev-parse", "HEAD"]);
    gitops.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},vendor")]);
    gitops.git(&["rm", "--quiet", "--cached", "overlays/dev/shared"]);
    gitops.git(&["commit", "--quiet", "-m", "A submodule instead"]);
    assert_open(&platform, 3);
    gitops.write("overlays/dev/x.yaml", "resources: [../../vendor/base]\n");
    gitops.git(&["add", "overlays/dev/x.yaml"]);
    gitops.git(&["commit", "--quiet", "-m", "Use it"]);
    assert_closed(&platform, "vendor (it is a submodule");
}

#[test]
fn our_own_files_do_not_count_and_what_is_added_to_them_does() {
    let platform = requested();
    let own = "# Managed by goldenpath: SEC-0009 of another. Change the SecretRequest, not this \
               file.\nkind: ExternalSecret\nspec: { target: { name: payments-db-creds } }\n";
    let list = ("apps/kustomization.yaml", "resources:\n- payments-db-creds.yaml\n");
    with_files(&platform, &[("apps/payments-db-creds.yaml", own), list], || {
        assert_open(&platform, 3);
    });
    with_files(&platform, &[list], || assert_closed(&platform, "apps/kustomization.yaml:2"));
    let more = format!("{own}---\n{DEPLOYMENT}");
    with_files(&platform, &[("apps/own.yaml", &more)], || {
        assert_closed(&platform, "apps/own.yaml:");
    });
    // The catalog's own repository has the manifests, too.
    with_files(&platform, &[(SEED_PATH, SEED)], || assert_open(&platform, 2));
}

#[test]
fn a_remote_repository_is_searched_as_a_working_copy() {
    let platform = requested();
    let origin = Repository::bare();
    let push = || {
        let url = origin.path().display().to_string();
        platform.gitops.git(&["push", "--quiet", "--force", &url, "HEAD:main"]);
    };
    let url = origin.path().display().to_string();
    let gitops = format!("gitops: {{ url: {url}, branch: main }}");
    let text = format!("catalogId: acme-platform\nstore: {{ backend: local }}\n{gitops}\n");
    platform.catalog.write("goldenpath.yaml", &text).commit_all("A remote");
    with_files(&platform, &[("apps/web.yaml", DEPLOYMENT)], || {
        push();
        assert_closed(&platform, "apps/web.yaml:9 (Deployment web)");
    });
    push();
    assert_open(&platform, 1);
}

/// Returns the findings of GP407 in the plan.
#[track_caller]
fn losses(platform: &Platform) -> Vec<String> {
    let plan = platform.plan(&["--format", "json"]).run().success().json();
    let findings = plan["findings"].as_array().unwrap();
    let own = findings.iter().filter(|finding| finding["rule"] == "GP407");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    own.map(|finding| format!("{} {}", text(&finding["pointer"]), text(&finding["message"])))
        .collect()
}

#[test]
fn a_changed_name_or_namespace_names_the_consumers() {
    let platform = Platform::local();
    platform.seed();
    platform.gitops.write("apps/web.yaml", DEPLOYMENT).commit_all("Web");
    assert_eq!(losses(&platform), [""; 0], "nothing is published yet");
    platform.apply().run().success();
    assert_eq!(losses(&platform), [""; 0]);

    platform.seed_changed("k8sSecretName: payments-db-creds", "k8sSecretName: payments-db-main");
    let used = "but `payments-db-creds` is still named: apps/web.yaml:9 (Deployment web)";
    assert_eq!(
        losses(&platform),
        [format!(
            "/spec/access/k8sSecretName `k8sSecretName` was `payments-db-creds` and becomes \
             `payments-db-main`, {used}"
        )]
    );
    platform.seed_changed("namespace: payments", "namespace: billing");
    assert_eq!(
        losses(&platform),
        [format!(
            "/spec/access/namespace `namespace` was `payments` and becomes `billing`, {used}"
        )]
    );
    // Another format of the value changes the keys.
    let text = "  value: { format: text, key: dsn }\n  access:\n";
    platform.seed_changed("  access:\n", text);
    assert_eq!(
        losses(&platform),
        [format!(
            "/spec/value/format the value was a JSON object and becomes a text under the key \
             `dsn`, {used}"
        )]
    );
    platform.seed_changed("namespace: payments", "namespace: billing");
    // What could not be read is reported, too.
    platform.gitops.write("apps/web.yaml", "version https://git-lfs.github.com/spec/v1\n");
    platform.gitops.commit_all("In LFS");
    let found = losses(&platform);
    assert!(found[0].contains("it is not known whether `payments-db-creds` is still named"));
    assert!(found[0].contains("apps/web.yaml (its content is in Git LFS)"), "{found:?}");
    platform.gitops.write("apps/web.yaml", "name: web\n").commit_all("Without it");
    assert_eq!(losses(&platform), [""; 0]);
}

#[test]
fn apply_reports_the_consumers_and_the_configuration_can_make_it_an_error() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    platform.gitops.write("apps/web.yaml", DEPLOYMENT).commit_all("Web");
    platform.seed_changed("k8sSecretName: payments-db-creds", "k8sSecretName: payments-db-main");
    let text = platform.catalog.read("goldenpath.yaml");
    platform.catalog.write("goldenpath.yaml", &format!("{text}rules: {{ GP407: error }}\n"));
    platform.catalog.commit_all("Strict");
    let outcome = platform.apply().run().fails_with(1);
    assert!(outcome.said().contains("Deployment web"), "{}", outcome.said());
    assert!(platform.seed_projection().contains("payments-db-creds"));
    platform.catalog.write("goldenpath.yaml", &text).commit_all("As before");
    let outcome = platform.apply().run().success();
    assert!(outcome.said().contains("GP407"), "{}", outcome.said());
    assert!(platform.seed_projection().contains("payments-db-main"));
}
