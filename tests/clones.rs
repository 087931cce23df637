//! Any clone: partial, shallow and sparse ones, and every form of the index.

mod accepted;
mod formats;
mod matrix;
mod partial;
mod sparse;

use goldenpath_testkit::{Repository, request};

/// The folder of the manifests in these tests.
const PAYMENTS: &str = "catalogs/secrets/payments/dev";

/// A list of risk tiers and owners that differs from the built-in one.
const ENUMS: &str = "owners:\n  - team-payments\n  - team-of-this-catalog\n";

/// Returns a server's repository with a catalog on `main`, and a change of it on `feature`.
///
/// History has a manifest SEC-0099 that is gone, and `main` has gone on since the branch.
fn server() -> (Repository, Repository) {
    let gitops = Repository::new();
    gitops.write("README.md", "What the cluster runs\n").commit_all("Start");
    let server = Repository::new();
    let config = format!(
        "catalogId: acme-platform\nstore:\n  backend: local\n  path: {}\ngitops:\n  path: {}\n",
        server.path().with_extension("db").display(),
        gitops.path().display()
    );
    let manifest = request("SEC-0007", "payments-db")
        .replace("owner: team-payments", "owner: team-of-this-catalog");
    server
        .write("goldenpath.yaml", &config)
        .write("schemas/metadata/enums.yaml", ENUMS)
        .write(format!("{PAYMENTS}/SEC-0007.yaml"), &manifest)
        .write(format!("{PAYMENTS}/SEC-0008.yaml"), &request("SEC-0008", "payments-key"))
        .write(format!("{PAYMENTS}/SEC-0099.yaml"), &request("SEC-0099", "payments-old"))
        .write("docs/a/readme.md", "a\n")
        .write("docs/b/readme.md", "b\n")
        .commit_all_days_ago(20, "Start");
    server.git(&["rm", "--quiet", &format!("{PAYMENTS}/SEC-0099.yaml")]);
    server.git_days_ago(15, &["commit", "--quiet", "--message", "Remove"]);
    server.git(&["checkout", "--quiet", "-b", "feature"]);
    server
        .write(
            format!("{PAYMENTS}/SEC-0008.yaml"),
            &request("SEC-0008", "payments-key").replace("ttlDays: 30", "ttlDays: 25"),
        )
        .commit_all_days_ago(10, "Change");
    server.git(&["checkout", "--quiet", "main"]);
    server
        .write(format!("{PAYMENTS}/SEC-0009.yaml"), &request("SEC-0009", "payments-other"))
        .commit_all_days_ago(5, "Go on");
    server.git(&["config", "uploadpack.allowFilter", "true"]);
    server.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    (server, gitops)
}

/// Returns a clone of the server's branch `feature` with these arguments of `git clone`.
fn clone(server: &Repository, arguments: &[&str]) -> Repository {
    let clone = Repository::new();
    let url = format!("file://{}", server.path().display());
    std::fs::remove_dir_all(clone.path()).unwrap();
    std::fs::create_dir(clone.path()).unwrap();
    clone.git(&[&["clone", "--quiet", "--branch", "feature"], arguments, &[&url, "."]].concat());
    clone
}
