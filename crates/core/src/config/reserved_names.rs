//! Labels, annotations and Secret types that a projection template may not set.
//!
//! An ExternalSecret without `spec.target.template` copies its own labels and annotations to the
//! Secret, so one list serves both.

const OWN: &str = "belongs to goldenpath";
const COPIES: &str = "copies Secrets to other namespaces or clusters";
const READS: &str = "makes a controller read the Secret as its own configuration";
const SENDS: &str = "names a destination to which a controller sends the value";
const FILLS: &str = "fills the object with other secrets";
const TRACKS: &str = "gives the object to another owner";
const BUILDS: &str = "changes how kustomize builds the object";

/// Domains before the slash of a name, including subdomains.
const DOMAINS: [(&str, &str); 36] = [
    ("goldenpath.io", OWN),
    // Reflector, kubernetes-replicator, Kubed and Config Syncer, ClusterSecret, Rancher, Kyverno's
    // clone rules.
    ("emberstack.com", COPIES),
    ("mittwald.de", COPIES),
    ("appscode.com", COPIES),
    ("clustersecret.io", COPIES),
    ("clustersecret.com", COPIES),
    ("cattle.io", COPIES),
    ("kyverno.io", COPIES),
    ("open-cluster-management.io", COPIES),
    ("karmada.io", COPIES),
    ("kubefed.io", COPIES),
    ("liqo.io", COPIES),
    ("olli.com", COPIES),
    ("synator", COPIES),
    ("loft.sh", COPIES),
    ("sealedsecrets.bitnami.com", READS),
    ("cluster.x-k8s.io", READS),
    ("jenkins.io", READS),
    // The label of a remote cluster's credentials; names of istio.io are for workloads.
    ("istio", READS),
    ("akuity.io", READS),
    ("skupper.io", READS),
    ("konghq.com", READS),
    ("cert-manager.io", READS),
    ("bootstrap.kubernetes.io", READS),
    // Credentials are sent to the server that the annotation names.
    ("tekton.dev", SENDS),
    ("kpack.io", SENDS),
    ("shipwright.io", SENDS),
    // Bank-Vaults' webhook and Argo CD's Vault plugin.
    ("banzaicloud.io", FILLS),
    ("bank-vaults.io", FILLS),
    ("avp.kubernetes.io", FILLS),
    ("secretgen.carvel.dev", FILLS),
    ("meta.helm.sh", TRACKS),
    ("helm.toolkit.fluxcd.io", TRACKS),
    ("reconcile.external-secrets.io", TRACKS),
    ("config.kubernetes.io", BUILDS),
    ("config.k8s.io", BUILDS),
];

/// Whole names.
const NAMES: [(&str, &str); 7] = [
    ("grafana_dashboard", READS),
    ("grafana_datasource", READS),
    ("kubernetes.io/service-account.name", READS),
    ("kubernetes.io/service-account.uid", READS),
    ("kubectl.kubernetes.io/last-applied-configuration", TRACKS),
    ("kustomize.toolkit.fluxcd.io/name", TRACKS),
    ("kustomize.toolkit.fluxcd.io/namespace", TRACKS),
];

/// Argo CD's domain, of which only these names are harmless.
///
/// The others track objects, run them as hooks, or (the label `secret-type`) turn a Secret into a
/// cluster or a repository of Argo CD.
const ARGO_CD: &str = "argocd.argoproj.io";
const HARMLESS_IN_ARGO_CD: [&str; 4] =
    ["sync-wave", "sync-options", "compare-options", "ignore-healthcheck"];

/// Name suffixes of copying controllers that are not listed above.
const COPIERS: [&str; 8] = [
    "replicator",
    "replikator",
    "reflector",
    "propagator",
    "federator",
    "copier",
    "synator",
    "clustersecret",
];

/// Words in a name that mean copying on their own.
const COPYING_WORDS: [&str; 14] = [
    "replicate",
    "replicates",
    "replicated",
    "replikate",
    "reflect",
    "reflects",
    "reflected",
    "reflection",
    "propagate",
    "propagated",
    "federate",
    "federated",
    "mirrored",
    "mirrors",
];

/// Words that mean copying if a word of [`TARGETS`] follows.
const ACTIONS: [&str; 10] = [
    "copy",
    "clone",
    "mirror",
    "propagation",
    "push",
    "replica",
    "replication",
    "share",
    "sync",
    "syncing",
];

const TARGETS: [&str; 6] = ["to", "from", "namespace", "namespaces", "clusters", "allowed"];

/// The Secret types that Kubernetes treats as plain data.
pub(crate) const SECRET_TYPES: [&str; 6] = [
    "Opaque",
    "kubernetes.io/basic-auth",
    "kubernetes.io/dockercfg",
    "kubernetes.io/dockerconfigjson",
    "kubernetes.io/ssh-auth",
    "kubernetes.io/tls",
];

/// Returns why a template may not set a label or annotation, or None if it may.
pub(crate) fn reason(name: &str, value: &str) -> Option<&'static str> {
    let words = words(name);
    let name = name.to_ascii_lowercase();
    let (domain, rest) = name.split_once('/').unwrap_or(("", &name));
    if let Some((_, reason)) = DOMAINS.iter().find(|(reserved, _)| is_below(domain, reserved)) {
        return Some(reason);
    }
    if let Some((_, reason)) = NAMES.iter().find(|(reserved, _)| name == *reserved) {
        return Some(reason);
    }
    if is_below(domain, ARGO_CD) && !HARMLESS_IN_ARGO_CD.contains(&rest) {
        return Some(READS);
    }
    // Argo CD resolves `$secret:key` in its settings from Secrets with this label.
    if name == "app.kubernetes.io/part-of" && value.trim().eq_ignore_ascii_case("argocd") {
        return Some(READS);
    }
    let is_copying = |word: &String| {
        COPYING_WORDS.contains(&word.as_str())
            || COPIERS.iter().any(|copier| word.ends_with(copier))
    };
    let is_pair = |pair: &[String]| {
        ACTIONS.contains(&pair[0].as_str()) && TARGETS.contains(&pair[1].as_str())
    };
    (words.iter().any(is_copying) || words.windows(2).any(is_pair)).then_some(COPIES)
}

/// Splits a name at non-alphanumeric characters and before capitals in a word.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for character in name.chars() {
        if !character.is_ascii_alphanumeric() || (was_small && character.is_ascii_uppercase()) {
            words.push(String::new());
        }
        was_small = character.is_ascii_lowercase();
        if let Some(word) = words.last_mut().filter(|_| character.is_ascii_alphanumeric()) {
            word.push(character.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_below(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_copy_or_share_a_secret_are_reserved() {
        for (name, value) in [
            ("reflector.v1.k8s.emberstack.com/reflection-allowed", "true"),
            ("reflector.v1.k8s.emberstack.com/reflection-auto-namespaces", ".*"),
            ("replicator.v1.mittwald.de/replicate-to", "*"),
            ("kubed.appscode.com/sync", ""),
            ("CLUSTERSECRET.io/clustersecret", "x"),
            ("secret-copier/copy-to", "evil"),
            ("argocd.argoproj.io/secret-type", "repository"),
            ("argocd.argoproj.io/tracking-id", "x"),
            ("app.kubernetes.io/part-of", "argocd"),
            ("sealedsecrets.bitnami.com/sealed-secrets-key", "active"),
            ("tekton.dev/git-0", "https://elsewhere.example"),
            ("goldenpath.io/id", "SEC-0001"),
            ("istio/multiCluster", "true"),
            ("synator/sync", "yes"),
            ("vcluster.loft.sh/force-sync", "true"),
            ("secretgen.carvel.dev/image-pull-secret", ""),
            ("akuity.io/secret-type", "x"),
            ("skupper.io/type", "token-claim"),
            ("konghq.com/credential", "basic-auth"),
            ("grafana_datasource", "1"),
            ("grafana_dashboard", "1"),
            ("acme.example/replicate", "true"),
            ("acme.example/replicateTo", "*"),
            ("secret-replicator.example/x", "true"),
            ("kubereplicator/x", "true"),
            ("acme.example/mirror-to", "*"),
            ("acme.example/replication-allowed", "true"),
            ("acme.example/syncTo", "*"),
            ("internal.config.kubernetes.io/previousNames", "other"),
        ] {
            assert!(reason(name, value).is_some(), "{name}: {value}");
        }
    }

    #[test]
    fn ordinary_labels_and_annotations_are_not_reserved() {
        for (name, value) in [
            ("argocd.argoproj.io/sync-wave", "-1"),
            ("argocd.argoproj.io/sync-options", "Prune=false"),
            ("app.kubernetes.io/part-of", "payments"),
            ("app.kubernetes.io/managed-by", "goldenpath"),
            ("reloader.stakater.com/match", "true"),
            ("team", "payments"),
            ("acme.example/replicas", "2"),
            ("mirror-region", "eu"),
            ("replication-tier", "gold"),
            ("acme.example/mirrormaker", "2"),
            ("istio.io/rev", "stable"),
            ("sidecar.istio.io/inject", "false"),
            ("notgoldenpath.io/id", "x"),
        ] {
            assert_eq!(reason(name, value), None, "{name}: {value}");
        }
    }
}
