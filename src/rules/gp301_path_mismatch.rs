//! A manifest lies where its service, environment and ID say.
//!
//! ## What it does
//! Checks that the file is `<catalog>/<service>/<environment>/<id>.yaml`.
//!
//! ## Why is this bad?
//! People, code owners and selections go by folders, goldenpath goes by fields. Where the two disagree, a change is
//! reviewed by the wrong team or applied to the wrong environment.
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
//! `validate --fix` moves the file to where its fields say, as `git mv` does, if nothing is there. Where it is the fields
//! that changed since the last commit, where they are another manifest's too, or where the file lies outside of the
//! catalog, it takes `--unsafe-fixes`: then the folder may be right.

use super::{Check, Fix, Rule, Severity, Sink};
use crate::catalog::{Entry, Project, path_of};

pub(super) const RULE: Rule = Rule {
    code: "GP301",
    name: "path-mismatch",
    severity: Severity::Error,
    source: include_str!("gp301_path_mismatch.rs"),
    check: Check::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let Some(request) = entry.request() else { return };
    let expected = path_of(project, request);
    if entry.path == expected {
        return;
    }
    let help = format!("move the file to {expected}");
    let below = entry.path.strip_prefix(&project.config.catalog).and_then(|rest| rest.strip_prefix('/'));
    let parts: Option<Vec<&str>> = below.map(|below| below.split('/').collect());
    let Some([service, environment, file]) = parts.as_deref() else {
        let message =
            format!("a manifest lies in `{}/<service>/<environment>/`, and this file does not", project.config.catalog);
        sink.at(entry, "", message, help).mended_by(Some(Fix::path(&expected)));
        return;
    };
    let id = request.id.to_string();
    let (pointer, message) = if *service != request.service.as_str() {
        (
            "/metadata/service",
            format!("the folder says the service is `{service}`, the manifest says `{}`", request.service),
        )
    } else if *environment != request.environment.as_str() {
        let says = &request.environment;
        (
            "/metadata/environment",
            format!("the folder says the environment is `{environment}`, the manifest says `{says}`"),
        )
    } else {
        ("/metadata/id", format!("the file is called `{file}`, and its ID is `{id}`"))
    };
    if entry.manifest().is_some_and(|manifest| manifest.is_at_fault(pointer)) {
        return;
    }
    let field = pointer.rsplit('/').next().unwrap_or_default();
    sink.at(entry, pointer, message, format!("{help}, or correct `{field}`")).mended_by(Some(Fix::path(&expected)));
}
