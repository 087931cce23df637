//! A catalog and the GitOps repository for its projections.

use crate::{Command, Outcome, Repository, SEED, SEED_PATH};

/// The path of the seed's ExternalSecret with the design's `gitops.file`.
const SEED_PROJECTION: &str = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";

/// Returns the seed's manifest with another ID and another name, also of its Kubernetes Secret.
pub fn request(id: &str, name: &str) -> String {
    SEED.replace("SEC-0007", id)
        .replace("payments-db-credentials", name)
        .replace("payments-db-creds", name)
}

/// Returns a trail of version 0.1 with these actions: lines with the hash of the line before.
pub fn chain(id: &str, actions: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut text = String::new();
    for (number, action) in actions.iter().enumerate() {
        let before = text.lines().last().map(|line| Sha256::digest(line.as_bytes()));
        let hash: Option<String> =
            before.map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect());
        let event = serde_json::json!({
            "time": format!("2026-11-25T09:11:{number:02}Z"),
            "id": id,
            "action": action,
            "environment": "dev",
            "target": "goldenpath/payments/dev/payments-db-credentials",
            "reason": "the secret does not exist",
            "result": "done",
            "actor": { "git": "Ann <ann@example.com>" },
            "source": "acme-platform at commit 1b0f",
            "goldenpath": "0.1.0",
            "previous": hash.unwrap_or_default(),
        });
        text += &format!("{event}\n");
    }
    text
}

/// The repository of the catalog `acme-platform` and the GitOps repository for its projections.
///
/// Each has one commit. There is no manifest yet.
pub struct Platform {
    pub catalog: Repository,
    pub gitops: Repository,
}

impl Platform {
    /// Returns a platform with the embedded store.
    pub fn local() -> Self {
        Self::with_store("backend: local")
    }

    /// Returns a platform with this content of `store:` in goldenpath.yaml.
    pub fn with_store(store: &str) -> Self {
        let gitops = Repository::new();
        gitops.write("README.md", "What the cluster runs\n").commit_all("Start");
        let platform = Self { catalog: Repository::new(), gitops };
        platform.configure(store, &platform.gitops.path().display().to_string());
        platform
    }

    /// Writes and commits goldenpath.yaml.
    pub fn configure(&self, store: &str, gitops: &str) -> &Self {
        let store = store.replace('\n', "\n  ");
        let text =
            format!("catalogId: acme-platform\nstore:\n  {store}\ngitops:\n  path: {gitops}\n");
        self.catalog.write("goldenpath.yaml", &text).commit_all("Configure goldenpath");
        self
    }

    /// Writes and commits the seed's manifest.
    pub fn seed(&self) -> &Self {
        self.seed_changed("", "")
    }

    /// Writes and commits the seed's manifest with `from` replaced with `to`.
    #[track_caller]
    pub fn seed_changed(&self, from: &str, to: &str) -> &Self {
        assert!(SEED.contains(from), "the seed does not hold {from:?}");
        self.catalog.write(SEED_PATH, &SEED.replacen(from, to, 1)).commit_all("SEC-0007");
        self
    }

    /// Writes, without a commit, a manifest of the service payments in dev.
    pub fn write(&self, id: &str, name: &str) -> &Self {
        self.catalog.write(format!("catalogs/secrets/payments/dev/{id}.yaml"), &request(id, name));
        self
    }

    /// Returns the ExternalSecret of the seed's manifest in the GitOps work tree.
    pub fn seed_projection(&self) -> String {
        self.gitops.read(SEED_PROJECTION)
    }

    /// Returns the log, the files and the status of the GitOps repository, one sorted line each.
    ///
    /// Tests compare it before and after a run.
    pub fn gitops_state(&self) -> String {
        let files = self.gitops.git(&["ls-files", "--cached", "--others", "--stage"]);
        let status = self.gitops.git(&["status", "--porcelain", "--untracked-files=all"]);
        let head = self.gitops.git(&["log", "--format=%H %s"]);
        format!("{head}\n{files}\n{status}")
    }

    pub fn plan(&self, arguments: &[&str]) -> Command {
        self.catalog.goldenpath(&[&["plan"], arguments].concat())
    }

    /// Returns `apply` without a confirmation.
    pub fn apply(&self) -> Command {
        self.catalog.goldenpath(&["apply", "--yes"])
    }

    /// Returns the actions of a JSON plan, as `id action target`.
    #[track_caller]
    pub fn actions(plan: &Outcome) -> Vec<String> {
        let plan = plan.json();
        let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
        let actions = plan["actions"].as_array().expect("a list of actions");
        let line = |action: &serde_json::Value| {
            format!(
                "{} {} {}",
                text(&action["id"]),
                text(&action["action"]),
                text(&action["target"])
            )
        };
        actions.iter().map(line).collect()
    }
}

#[test]
fn a_manifest_like_the_seed_s_differs_in_its_names_alone() {
    let other = request("SEC-0012", "orders-api-key");
    assert_eq!(other.lines().count(), SEED.lines().count());
    assert!(other.contains("id: SEC-0012 ") && other.contains("name: orders-api-key "));
    assert!(other.contains("k8sSecretName: orders-api-key ") && !other.contains("payments-db"));
}
