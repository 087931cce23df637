//! The gate `live-cluster`: objects in the environment's cluster that still refer to the Kubernetes
//! Secret.

use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use super::{actions, blocked, ending, recorded};
use goldenpath_testkit::{Aws, KEY, Kubernetes, Platform, status};

/// The end of a reason that names objects.
const PRUNE: &str = "; does Argo CD prune? Otherwise what is removed from the repository stays in \
                     the cluster";

/// Returns a secret that is to be deleted next, in an environment with a cluster.
fn watched(test: &str) -> (Aws, Kubernetes) {
    let (aws, cluster) = (ending(test, 20), Kubernetes::start());
    configure(&aws, &format!("{{ context: dev, kubeconfig: {} }}", cluster.kubeconfig().display()));
    (aws, cluster)
}

/// Writes and commits the cluster of `dev`.
fn configure(aws: &Aws, cluster: &str) {
    let catalog = &aws.platform.catalog;
    let text = catalog.read("goldenpath.yaml");
    let rest: String =
        text.split_inclusive('\n').filter(|line| !line.starts_with("environments:")).collect();
    let text = format!("{rest}environments: {{ dev: {{ cluster: {cluster} }} }}\n");
    catalog.write("goldenpath.yaml", &text).commit_all("A cluster");
}

/// A container that reads the secret.
fn pod_spec() -> Value {
    let from = json!({ "secretKeyRef": { "name": "payments-db-creds", "key": "password" } });
    json!({
        "containers": [{
            "name": "web",
            "image": "registry.example.com/web@sha256:0c0ffee",
            "env": [
                { "name": "PASSWORD", "valueFrom": from },
                { "name": "AGAIN", "valueFrom": from },
            ],
            "terminationMessagePath": "/dev/termination-log",
        }],
        "serviceAccountName": "default",
        "tolerations": [{
            "key": "node.kubernetes.io/not-ready",
            "operator": "Exists",
            "effect": "NoExecute",
        }],
    })
}

fn owned_by(kind: &str) -> Value {
    json!({ "ownerReferences": [{
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": "web",
        "uid": "1",
        "controller": true,
    }] })
}

fn deletes() -> String {
    format!("SEC-0007 delete-secret {KEY}")
}

/// Returns the reasons that block the deletion, without their common prefix.
#[track_caller]
fn why(aws: &Aws) -> String {
    let reasons = blocked(aws);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    let why = reasons[0].strip_prefix("gate live-cluster: ");
    why.unwrap_or_else(|| panic!("another gate: {reasons:?}")).to_owned()
}

#[test]
fn running_workloads_with_the_secret_are_reported_and_completed_ones_are_not() {
    let (aws, cluster) = watched("cluster");
    let template = json!({ "spec": pod_spec() });
    cluster
        .put(
            "Pod",
            "web-6d5f-x2x7q",
            json!({
                "metadata": owned_by("ReplicaSet"),
                "spec": pod_spec(),
                "status": { "phase": "Running" },
            }),
        )
        .put(
            "ReplicaSet",
            "web-6d5f",
            json!({
                "metadata": owned_by("Deployment"),
                "spec": { "replicas": 1, "template": template },
            }),
        )
        .put("Deployment", "web", json!({ "spec": { "replicas": 1, "template": template } }));
    let named = "`payments-db-creds` is still referred to in the live cluster (context `dev`): ";
    let web = "Deployment payments/web";
    assert_eq!(
        why(&aws),
        format!("{named}{web}, ReplicaSet payments/web-6d5f, Pod payments/web-6d5f-x2x7q{PRUNE}")
    );
    aws.apply().success();
    assert!(aws.describe(KEY)["DeletedDate"].is_null());

    // A workload with zero replicas can be scaled up again.
    cluster.remove(&["Pod", "ReplicaSet"]);
    assert_eq!(why(&aws), format!("{named}{web}{PRUNE}"));
    let own = json!({ "spec": { "replicas": 0, "template": template } });
    cluster.remove(&["Deployment"]).put("ReplicaSet", "own", own);
    assert_eq!(why(&aws), format!("{named}ReplicaSet payments/own{PRUNE}"));
    cluster.remove(&["ReplicaSet"]).put("Deployment", "web", json!({}));

    // Completed workloads, and old ReplicaSets of a Deployment.
    let ended = json!({
        "spec": { "template": template },
        "status": { "conditions": [{ "type": "Complete", "status": "True" }] },
    });
    cluster
        .remove(&["Deployment"])
        .put(
            "Pod",
            "migrate-8x8x8",
            json!({ "spec": pod_spec(), "status": { "phase": "Succeeded" } }),
        )
        .put("Pod", "web-evicted", json!({ "spec": pod_spec(), "status": { "phase": "Failed" } }))
        .put("Job", "migrate", ended)
        .put(
            "ReplicaSet",
            "web-5c4d",
            json!({
                "metadata": owned_by("Deployment"),
                "spec": { "replicas": 0, "template": template },
            }),
        )
        .put(
            "Deployment",
            "web",
            json!({ "metadata": { "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"name\":\"payments-db-creds\"}"
        } } }),
        );
    assert_eq!(actions(&aws), [deletes()]);
    let plan = aws.plan().json();
    let reason = plan["actions"][0]["reason"].as_str().unwrap();
    let words = "nothing in the namespace `payments` of the live cluster (context `dev`) refers to \
                 `payments-db-creds`";
    assert!(reason.contains(words), "{reason}");

    // NO_PROXY excludes the address from the proxy.
    let proxy = |name| (name, "http://proxy.invalid:3128");
    let plan = aws.reach(aws.platform.plan(&["--format", "json"])).env("NO_PROXY", "127.0.0.1");
    assert_eq!(
        Platform::actions(&plan.envs([proxy("HTTPS_PROXY"), proxy("HTTP_PROXY")]).run()),
        [deletes()]
    );

    // Each kind is listed, and Secrets never are.
    cluster.requests();
    aws.apply().success();
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
    let mut requests = cluster.requests();
    requests.sort();
    let of = |group: &str, plurals: &[&str]| -> Vec<String> {
        plurals
            .iter()
            .map(|plural| format!("GET {group}/namespaces/payments/{plural}?&limit=500"))
            .collect()
    };
    let mut expected = of("/api/v1", &["pods", "serviceaccounts"]);
    expected
        .extend(of("/apis/apps/v1", &["daemonsets", "deployments", "replicasets", "statefulsets"]));
    expected.extend(of("/apis/batch/v1", &["cronjobs", "jobs"]));
    expected.extend(of("/apis/networking.k8s.io/v1", &["ingresses"]));
    assert_eq!(requests, expected);
}

#[test]
fn each_kind_that_takes_a_secret_counts_on_any_page() {
    let (aws, cluster) = watched("cluster-kinds");
    let volume = json!({ "name": "creds", "secret": { "secretName": "payments-db-creds" } });
    let template = json!({ "spec": { "volumes": [volume] } });
    let workload = json!({ "spec": { "template": template } });
    let all = [
        ("StatefulSet", workload.clone()),
        ("DaemonSet", workload.clone()),
        ("Job", workload.clone()),
        (
            "CronJob",
            json!({ "spec": {
                "suspend": true,
                "jobTemplate": { "spec": { "template": template } },
            } }),
        ),
        ("ReplicaSet", workload),
        ("Ingress", json!({ "spec": { "tls": [{ "secretName": "payments-db-creds" }] } })),
        ("ServiceAccount", json!({ "secrets": [{ "name": "payments-db-creds" }] })),
        ("Pod", json!({ "spec": { "containers": [{ "args": ["--from=payments-db-creds"] }] } })),
    ];
    cluster.page(1);
    for (kind, fields) in all {
        for name in ["first", "second"] {
            cluster.put(kind, name, json!({}));
        }
        cluster.put(kind, "third", fields);
        let said = why(&aws);
        assert!(
            said.ends_with(&format!("(context `dev`): {kind} payments/third{PRUNE}")),
            "{said}"
        );
        cluster.remove(&[kind]);
    }
}

#[test]
fn a_cluster_that_cannot_be_looked_at_keeps_the_gate_closed() {
    let (aws, cluster) = watched("cluster-closed");
    let closed = |said: &str| {
        let reason = why(&aws);
        assert_eq!(reason, format!("cannot check the live cluster (context `dev`): {said}"));
    };
    let nothing = Value::Null;
    for (code, said) in [
        (403, "forbidden; docs/how-to/set-up-aws-roles.md has the Role"),
        (404, "the cluster does not have them"),
        (500, "the cluster answered 500"),
        (401, "the cluster rejects these credentials"),
    ] {
        cluster.answer("cronjobs", code, status(code, "Whatever", nothing.clone()));
        closed(&format!("cannot list cronjobs: {said}"));
    }
    for strange in [
        json!({}),
        json!([]),
        json!({ "items": [] }),
        json!({ "kind": "PodList", "metadata": {}, "items": [] }),
    ] {
        cluster.answer("cronjobs", 200, strange);
        closed("cannot list cronjobs: not the answer of a Kubernetes cluster");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    cluster.write_kubeconfig(nobody, &json!({ "token": Kubernetes::TOKEN }));
    let reason = why(&aws);
    assert!(
        reason.contains(": the cluster cannot be reached (") && reason.contains("refused"),
        "{reason}"
    );

    std::fs::write(cluster.kubeconfig(), format!("users: [ token: {}\n", Kubernetes::TOKEN))
        .unwrap();
    closed("its kubeconfig cannot be used; run `kubectl config view` for details");
    configure(
        &aws,
        &format!("{{ context: dev, kubeconfig: {}.d }}", cluster.kubeconfig().display()),
    );
    assert!(why(&aws).contains("config.d: No such file"), "{}", why(&aws));
    cluster.write_kubeconfig(cluster.address(), &json!({ "token": Kubernetes::TOKEN }));
    configure(
        &aws,
        &format!("{{ context: stage, kubeconfig: {} }}", cluster.kubeconfig().display()),
    );
    assert!(
        why(&aws)
            .ends_with("no such context; run `kubectl config get-contexts` to list the contexts")
    );
    aws.apply().success();
    assert!(aws.describe(KEY)["DeletedDate"].is_null());
}

#[test]
fn a_kubeconfig_of_the_repository_is_not_used() {
    let (aws, cluster) = watched("cluster-own");
    let catalog = &aws.platform.catalog;
    std::fs::copy(cluster.kubeconfig(), catalog.path().join("kubeconfig")).unwrap();
    configure(&aws, "{ context: dev, kubeconfig: kubeconfig }");
    let outcome = aws.reach(aws.platform.plan(&[])).run().fails_with(2);
    assert!(
        outcome
            .stderr
            .contains("`environments.dev.cluster.kubeconfig` is a file of the repository"),
        "{}",
        outcome.stderr
    );
    // Not through a symbolic link either.
    let around = cluster.kubeconfig().with_file_name("around");
    std::os::unix::fs::symlink(catalog.path().join("kubeconfig"), &around).unwrap();
    configure(&aws, &format!("{{ context: dev, kubeconfig: {} }}", around.display()));
    let outcome = aws.reach(aws.platform.plan(&[])).run().fails_with(2);
    assert!(
        outcome.stderr.contains("`environments.dev.cluster.kubeconfig` is in the work tree"),
        "{}",
        outcome.stderr
    );
    assert_eq!(cluster.requests(), [""; 0]);
}

#[test]
fn a_missing_namespace_has_no_references_to_the_secret() {
    let (aws, cluster) = watched("cluster-empty");
    let opens = || {
        assert_eq!(actions(&aws), [deletes()]);
        let plan = aws.plan().json();
        let reason = plan["actions"][0]["reason"].as_str().unwrap();
        assert!(
            reason.contains("the live cluster (context `dev`) has no namespace `payments`"),
            "{reason}"
        );
    };
    // An API server that lists nothing.
    cluster.remove(&["ServiceAccount"]);
    opens();
    // A proxy in between may return this.
    let missing = status(404, "NotFound", json!({ "name": "payments", "kind": "namespaces" }));
    for plural in [
        "pods",
        "serviceaccounts",
        "deployments",
        "statefulsets",
        "daemonsets",
        "replicasets",
        "jobs",
        "cronjobs",
        "ingresses",
    ] {
        cluster.answer(plural, 404, missing.clone());
    }
    opens();
}

#[test]
fn the_cluster_s_gate_can_be_overridden_and_no_credential_is_ever_shown() {
    let (aws, cluster) = watched("cluster-override");
    let has_it = |text: &str| text.contains(Kubernetes::TOKEN);
    let quiet = |user: &Value| {
        cluster.write_kubeconfig(cluster.address(), user);
        for arguments in [&[][..], &["--format", "json"], &["-v"]] {
            let outcome = aws.reach(aws.platform.plan(arguments)).run().success();
            assert!(
                !has_it(&outcome.stdout) && !has_it(&outcome.stderr),
                "{}{}",
                outcome.stdout,
                outcome.stderr
            );
        }
    };
    cluster.answer("pods", 403, status(403, "Forbidden", json!({ "kind": "pods" })));
    quiet(&json!({ "token": Kubernetes::TOKEN }));
    // Credentials come from a plugin, as on EKS; its error messages are not ours.
    let plugin = |script: &str| {
        json!({ "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "sh",
            "args": ["-c", script],
            "interactiveMode": "IfAvailable",
        } })
    };
    let token = Kubernetes::TOKEN;
    quiet(&plugin(&format!("echo {token}; echo {token} >&2; exit 1")));
    assert!(why(&aws).contains("cannot get its kubeconfig's credentials"), "{}", why(&aws));
    quiet(&plugin(&format!("echo '{{ \"status\": {{ \"token\": {token}'")));
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": { "token": token },
    });
    quiet(&plugin(&format!("echo '{credential}'")));
    assert!(why(&aws).contains("cannot list pods: forbidden"), "{}", why(&aws));

    // A kubeconfig as users have it.
    configure(&aws, "{ context: dev }");
    assert!(why(&aws).contains("kubeconfig"), "{}", why(&aws));
    let reason = "the cluster is gone, ask Ann";
    let arguments =
        ["apply", "--yes", "--id", "SEC-0007", "--override", "live-cluster", "--reason", reason];
    let apply = aws
        .reach(aws.platform.catalog.goldenpath(&arguments))
        .env("KUBECONFIG", cluster.kubeconfig());
    let outcome = apply.run().success();
    let said = outcome.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains(
            "gate live-cluster overridden (the cluster is gone, ask Ann): cannot check the live \
             cluster"
        ),
        "{said}"
    );
    assert!(said.contains("cannot list pods: forbidden"), "{said}");
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
    let recorded = recorded(&aws.platform);
    assert_eq!(
        recorded[recorded.len() - 2..],
        ["override-gate live-cluster".to_owned(), format!("delete-secret {KEY}")]
    );
    let trail = aws.platform.catalog.trail("SEC-0007");
    assert!(trail.lines().nth_back(1).unwrap().contains(reason) && !has_it(&trail), "{trail}");
    assert!(!Path::new(&aws.platform.catalog.path().join("kubeconfig")).exists());
}
