//! Whether a manifest was applied, which fixes its ID.

use crate::args::audit_trail::read_events;
use crate::args::gitops_place::GitopsPlace;
use crate::context::Context;
use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Entry, Project};
use goldenpath_core::manifest::{SecretId, StoreKey};
use goldenpath_core::projection;
use goldenpath_core::trail::{AuditEvent, results};
use goldenpath_core::vcs::Repository;

/// Returns the evidence that a manifest was applied with its ID, in words; None without any.
///
/// It is in the audit trail, or in the working copy of the GitOps repository. Another manifest with
/// the same ID may have been applied instead, so an event counts if it names the secret, the file
/// or the ExternalSecret of this one, or if no other manifest has the ID.
pub(super) fn find_evidence(
    repository: &Repository,
    project: &Project,
    catalog: &Catalog,
    entry: &Entry,
    context: &Context,
) -> Result<Option<String>, Failure> {
    let Some(id) = entry.claimed_id().and_then(|id| SecretId::parse(id).ok()) else {
        return Ok(None);
    };
    let request = entry.request();
    let key = request.and_then(|request| StoreKey::of(request, &project.key_template).ok());
    let file = request.and_then(|request| projection::file_of(request, project).ok());
    let targets = [key.as_ref().map(StoreKey::as_str), file.as_deref(), Some(entry.path.as_str())];
    let is_only_one = catalog
        .entries
        .iter()
        .all(|other| other.path == entry.path || other.claimed_id() != entry.claimed_id());
    let is_evidence = |event: &AuditEvent| {
        event.id == id
            && ![results::FAILED, results::NOT_STARTED].contains(&event.result.as_str())
            && (is_only_one || targets.contains(&Some(&event.target)))
    };
    let events = read_events(repository, project, false, context)?;
    if let Some(event) = events.iter().find(|event| is_evidence(event)) {
        return Ok(Some(format!(
            "the audit trail has `{}` of {}",
            event.action,
            event.time.strftime("%Y-%m-%d")
        )));
    }
    let (Some(request), Some(key), Some(file)) = (request, key, file) else { return Ok(None) };
    let config = project.config.gitops_of(request.environment.as_str());
    let place = GitopsPlace::of(config, &project.root);
    let is_here = |place: &GitopsPlace| match place {
        GitopsPlace::Folder(path) => path.exists(),
        GitopsPlace::Remote(_) => false,
    };
    let Some(place) = place.filter(is_here) else { return Ok(None) };
    project.check_locations(repository)?;
    let text = place.open(project, repository, context)?.published_text(&file)?;
    let is_published = text.is_some_and(|text| {
        projection::owner(&text, &project.catalog_id) == Some(id) && text.contains(key.as_str())
    });
    Ok(is_published.then(|| format!("the GitOps repository has `{file}`")))
}
