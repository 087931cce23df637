//! The path of a manifest matches its service, environment and ID.
//!
//! ## What it does
//! Checks that the file is `<catalog>/<service>/<environment>/<id>.yaml`.
//!
//! ## Why is this bad?
//! People, code owners and selections use folders; goldenpath uses fields. If the two disagree, the
//! wrong team reviews a change, or it is applied to the wrong environment.
//!
//! ## Example
//! ```text
//! catalogs/secrets/payments/prod/SEC-0007.yaml    with `environment: dev`
//! ```
//!
//! ## Use instead
//! ```text
//! catalogs/secrets/payments/dev/SEC-0007.yaml     with `environment: dev`
//! ```
//!
//! ## Fix
//! `validate --fix` moves the file to the path that its fields define, as `git mv` does, if that
//! path is free. It needs `--unsafe-fixes` if the fields changed since the last commit, if another
//! manifest has the same fields, or if the file is outside the catalog: then the folder may be
//! right.

use super::{Fix, Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project, path_of};
use crate::manifest::{DnsLabel, SecretId};

pub(super) const RULE: Rule = Rule {
    code: "GP301",
    name: "path-mismatch",
    severity: Severity::Error,
    source: include_str!("gp301_path_mismatch.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let Some((service_field, environment_field, id)) = claimed_place(entry) else { return };
    let expected = path_of(project, service_field, environment_field, id);
    if entry.path == expected {
        return;
    }
    let help = format!("move the file to {expected}");
    let below = entry.path.strip_prefix(project.folder()).and_then(|rest| rest.strip_prefix('/'));
    let parts: Option<Vec<&str>> = below.map(|below| below.split('/').collect());
    let Some([service, environment, file]) = parts.as_deref() else {
        let message = format!(
            "manifests belong in `{}/<service>/<environment>/`, but this file is elsewhere",
            project.folder()
        );
        sink.at(entry, "", message, help).fixed_by(Some(Fix::path(&expected)));
        return;
    };
    let (pointer, message) = if *service != service_field {
        (
            "/metadata/service",
            format!(
                "the folder says the service is `{service}`, the manifest says `{service_field}`"
            ),
        )
    } else if *environment != environment_field {
        (
            "/metadata/environment",
            format!(
                "the folder says the environment is `{environment}`, the manifest says \
                 `{environment_field}`"
            ),
        )
    } else {
        ("/metadata/id", format!("the file is named `{file}`, but its ID is `{id}`"))
    };
    if entry.manifest().is_some_and(|manifest| manifest.has_violation(pointer)) {
        return;
    }
    let field = pointer.rsplit('/').next().unwrap_or_default();
    sink.at(entry, pointer, message, format!("{help}, or correct `{field}`"))
        .fixed_by(Some(Fix::path(&expected)));
}

/// Returns service, environment and ID, even if other fields are invalid.
fn claimed_place(entry: &Entry) -> Option<(&str, &str, SecretId)> {
    if let Some(request) = entry.request() {
        return Some((request.service.as_str(), request.environment.as_str(), request.id));
    }
    let root = entry.root()?;
    let label = |pointer| root.string_at(pointer).filter(|text| DnsLabel::parse(text).is_ok());
    let id = SecretId::parse(root.string_at("/metadata/id")?).ok()?;
    Some((label("/metadata/service")?, label("/metadata/environment")?, id))
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        Expected, SEED, SEED_PATH, assert_finding, cases, codes, findings, findings_in, seed_with,
        shown,
    };

    #[track_caller]
    fn contradicts(path: &str, pointer: &str, place: &str, under: &str, message: &str, help: &str) {
        let found = findings(&[(path, SEED)]);
        assert_eq!(found.len(), 1, "{:?}", shown(&found));
        assert_eq!(found[0].path, path);
        let rule = "GP301 path-mismatch";
        let expected = Expected { rule, pointer, place, under, message, help };
        assert_finding(&found[0], SEED, &expected);
    }

    cases! { the_field_that_the_path_contradicts_is_underlined(contradicts):
        the_service(
            "catalogs/secrets/orders/dev/SEC-0007.yaml", "/metadata/service", "7:12..7:20",
            "payments", "the folder says the service is `orders`, the manifest says `payments`",
            "move the file to catalogs/secrets/payments/dev/SEC-0007.yaml, or correct `service`",
        );
        the_environment(
            "catalogs/secrets/payments/prod/SEC-0007.yaml", "/metadata/environment", "8:16..8:19",
            "dev", "the folder says the environment is `prod`, the manifest says `dev`",
            "or correct `environment`",
        );
        the_id(
            "catalogs/secrets/payments/dev/SEC-0008.yaml", "/metadata/id", "4:7..4:15", "SEC-0007",
            "the file is named `SEC-0008.yaml`, but its ID is `SEC-0007`", "or correct `id`",
        );
        the_extension(
            "catalogs/secrets/payments/dev/SEC-0007.yml", "/metadata/id", "4:7..4:15", "SEC-0007",
            "the file is named `SEC-0007.yml`",
            "move the file to catalogs/secrets/payments/dev/SEC-0007.yaml",
        );
        too_few_folders(
            "catalogs/secrets/SEC-0007.yaml", "", "1:1..1:29", "apiVersion: goldenpath.io/v1",
            "manifests belong in `catalogs/secrets/<service>/<environment>/`",
            "move the file to catalogs/secrets/payments/dev/SEC-0007.yaml",
        );
        too_many_folders(
            "catalogs/secrets/payments/dev/old/SEC-0007.yaml", "", "1:1..1:29",
            "apiVersion: goldenpath.io/v1", "but this file is elsewhere", "move the file to",
        );
    }

    #[test]
    fn the_seed_belongs_at_its_path() {
        assert_eq!(codes(&findings(&[(SEED_PATH, SEED)])), [""; 0]);
    }

    #[test]
    fn a_value_that_is_invalid_in_itself_is_not_compared_with_the_path() {
        let text = seed_with(&[("environment: dev", "environment: production")]);
        assert_eq!(codes(&findings_in(&text)), ["GP105"]);
    }
}
