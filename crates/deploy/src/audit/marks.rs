//! Manifests whose secrets are deleted get the status `decommissioned`.
//!
//! A clone without a remote gets a commit on the branch that is checked out. Otherwise the change
//! is pushed to the remote's default branch, or to a branch for review if that one takes no push.

use std::io;
use std::path::Path;

use super::{DecommissionMark, RecordError, WHAT, pull_request, remote_url};
use crate::branch;
use crate::branch::{
    BranchError, BranchScope, Checkout, CommitEntry, FileEdit, RemoteBranch, RemotePlace, TreeItem,
};
use goldenpath_core::config::AuditConfig;
use goldenpath_core::files;
use goldenpath_core::manifest::{LifecycleStatus, MAX_BYTES};
use goldenpath_core::vcs::Repository;
use goldenpath_core::vcs::git::Protocols;
use goldenpath_core::yaml::{Scalar, YamlEdit};

/// The branch for review.
pub const PROPOSAL: &str = "goldenpath/decommissioned";

/// How the new status reaches the default branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkDelivery {
    /// It is committed to the branch that is checked out, or pushed to the default branch.
    Merged,
    /// It is on [`PROPOSAL`], with the URL of the pull request if there is one.
    Proposed(Option<String>),
}

/// The results of marking manifests.
pub(super) struct Marked {
    /// One per manifest, in order.
    pub(super) results: Vec<Result<MarkDelivery, RecordError>>,
    /// An error of all of them.
    pub(super) failure: Option<RecordError>,
}

/// Marks manifests.
pub(super) fn mark(
    repository: &Repository,
    config: &AuditConfig,
    marks: &[DecommissionMark],
    message: &str,
) -> Marked {
    if marks.is_empty() {
        return Marked { results: Vec::new(), failure: None };
    }
    let mut results: Vec<Result<(), RecordError>> = marks.iter().map(|_| Ok(())).collect();
    let delivery = match remote_url(repository, config) {
        Ok(Some(url)) => push(repository, url, marks, message, &mut results),
        Ok(None) => commit(repository, marks, message, &mut results).map(|()| MarkDelivery::Merged),
        Err(error) => Err(error),
    };
    let (delivery, failure) = match delivery {
        Ok(delivery) => (delivery, None),
        Err(error) => (MarkDelivery::Merged, Some(error)),
    };
    let results = results.into_iter().map(|result| result.map(|()| delivery.clone())).collect();
    Marked { results, failure }
}

/// Reports whether [`PROPOSAL`] has all of these manifests as `decommissioned`.
///
/// # Errors
/// The remote does not answer.
pub fn are_proposed(
    repository: &Repository,
    config: &AuditConfig,
    files: &[&str],
) -> Result<bool, RecordError> {
    let Some(url) = remote_url(repository, config)? else { return Ok(false) };
    let place = RemotePlace { url, branch: Some(PROPOSAL.to_owned()) };
    let (root, data_folder) = (repository.root(), repository.data_folder());
    let protocols = Protocols::Configured;
    let remote =
        RemoteBranch::open(WHAT, &place, root, &data_folder, protocols, BranchScope::Optional)?;
    if remote.head().is_none() {
        return Ok(false);
    }
    for file in files {
        let is_marked = match remote.find(file)? {
            TreeItem::File { id, .. } => {
                let text = remote.text(id).map_err(|why| reject(file, &why))?;
                mark_decommissioned(file, &text).is_ok_and(|marked| marked == text)
            }
            _ => false,
        };
        if !is_marked {
            return Ok(false);
        }
    }
    Ok(!files.is_empty())
}

/// Commits to the branch that is checked out.
fn commit(
    repository: &Repository,
    marks: &[DecommissionMark],
    message: &str,
    results: &mut Vec<Result<(), RecordError>>,
) -> Result<(), RecordError> {
    let root = repository.root();
    let git = Repository::open(root)?;
    let checkout = Checkout::new(WHAT, root.to_path_buf(), Some(git))?;
    let touched: Vec<&str> = marks.iter().map(|mark| mark.file.as_str()).collect();
    let _lock = checkout.lock(&touched, || ())?;
    let head = checkout.head_tree();
    let committed = |file: &str| {
        let failed = |error: &git2::Error| reject(file, error.message());
        let Some((git, tree)) = head.as_ref().map_err(failed)? else {
            return Err(reject(file, "it is not committed"));
        };
        match branch::find(git, *tree, file).map_err(|error| failed(&error))? {
            TreeItem::File { id, .. } => branch::text(git, id).map_err(|why| reject(file, &why)),
            _ => Err(reject(file, "it is not committed")),
        }
    };
    let disk = |file: &str| {
        let read = files::read_below(root, file, MAX_BYTES).and_then(Result::ok);
        read.and_then(|bytes| String::from_utf8(bytes).ok())
    };
    let write = |file: &str, text: &str| {
        let why = |why: String| RecordError::Write { file: file.to_owned(), why };
        let path = files::join_below(root, file).map_err(why)?;
        write_atomic(&path, text).map_err(|error| why(error.to_string()))
    };
    *results = marks
        .iter()
        .map(|DecommissionMark { file, .. }| {
            let held = committed(file)?;
            let changed = mark_decommissioned(file, &held)?;
            match disk(file) {
                Some(text) if text == held => write(file, &changed),
                // A run that was killed wrote it.
                Some(text) if text == changed => Ok(()),
                _ => Err(reject(file, "it has uncommitted changes")),
            }
        })
        .collect();
    let marked = marks.iter().zip(&*results).filter(|(_, result)| result.is_ok());
    let entries: Vec<CommitEntry<'_>> =
        marked.map(|(mark, _)| CommitEntry::OnDisk(&mark.file)).collect();
    if !entries.is_empty() {
        checkout.commit(&entries, message)?;
    }
    Ok(())
}

/// Pushes to the remote's default branch, or else to [`PROPOSAL`].
fn push(
    repository: &Repository,
    url: String,
    marks: &[DecommissionMark],
    message: &str,
    results: &mut Vec<Result<(), RecordError>>,
) -> Result<MarkDelivery, RecordError> {
    let place = RemotePlace { url: url.clone(), branch: None };
    let (root, data_folder) = (repository.root(), repository.data_folder());
    let protocols = Protocols::Configured;
    let remote =
        RemoteBranch::open(WHAT, &place, root, &data_folder, protocols, BranchScope::Existing)?;
    let mut edits = || {
        let mut edits = Vec::new();
        *results = marks
            .iter()
            .map(|DecommissionMark { file, .. }| {
                let text = match remote.find(file)? {
                    TreeItem::File { id, .. } => {
                        remote.text(id).map_err(|why| reject(file, &why))?
                    }
                    _ => return Err(reject(file, "it is not on the branch")),
                };
                let marked = mark_decommissioned(file, &text)?;
                if marked != text {
                    edits.push(FileEdit { file: file.clone(), text: Some(marked) });
                }
                Ok(())
            })
            .collect();
        (!edits.is_empty()).then(|| (edits, message.to_owned()))
    };
    match remote.change(&mut edits) {
        Ok(_) => Ok(MarkDelivery::Merged),
        Err(BranchError::Refused { .. }) => {
            let Some((mut edits, message)) = edits() else { return Ok(MarkDelivery::Merged) };
            add_earlier_proposals(&remote, &mut edits)?;
            remote.propose(&edits, &message, PROPOSAL)?;
            let title = message.lines().next().unwrap_or_default();
            let body = message.split_once("\n\n").map_or("", |(_, body)| body);
            let request = pull_request::Request { url: &url, branch: PROPOSAL, title, body };
            Ok(MarkDelivery::Proposed(pull_request::open(root, &request)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Adds the marks of earlier runs that still wait for their review.
fn add_earlier_proposals(
    remote: &RemoteBranch,
    edits: &mut Vec<FileEdit>,
) -> Result<(), RecordError> {
    for (file, proposed) in remote.files_changed_on(PROPOSAL)? {
        let TreeItem::File { id, .. } = remote.find(&file)? else { continue };
        let (Ok(base), Ok(proposed)) = (remote.text(id), remote.text(proposed)) else { continue };
        let marked = mark_decommissioned(&file, &base).ok().filter(|marked| *marked != base);
        let is_mark = mark_decommissioned(&file, &proposed).is_ok_and(|marked| marked == proposed);
        if let Some(text) = marked.filter(|_| is_mark)
            && !edits.iter().any(|edit| edit.file == file)
        {
            edits.push(FileEdit { file, text: Some(text) });
        }
    }
    Ok(())
}

fn write_atomic(path: &Path, text: &str) -> io::Result<()> {
    files::write_atomic(path, text.as_bytes())
}

fn reject(file: &str, why: &str) -> RecordError {
    RecordError::Mark { file: file.to_owned(), why: why.to_owned() }
}

/// Returns a manifest's text with the status `decommissioned`, otherwise unchanged.
fn mark_decommissioned(file: &str, text: &str) -> Result<String, RecordError> {
    const POINTER: &str = "/spec/lifecycle/status";
    let root =
        goldenpath_core::yaml::parse(text).map_err(|_| reject(file, "it cannot be parsed"))?;
    match root.string_at(POINTER) {
        Some(status) if status == LifecycleStatus::DecommissionRequested.as_str() => {}
        Some(status) if status == LifecycleStatus::Decommissioned.as_str() => {
            return Ok(text.to_owned());
        }
        status => {
            let why = format!("its status is `{}` now", status.unwrap_or("missing"));
            return Err(reject(file, &why));
        }
    }
    let value = Scalar::String(LifecycleStatus::Decommissioned.as_str().to_owned());
    let change = YamlEdit::Set { pointer: POINTER.to_owned(), value };
    change.apply(text, &root).ok_or_else(|| reject(file, "its status cannot be edited in place"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn marking_a_manifest_changes_only_its_status() {
        let text = "spec: # x\n  lifecycle: { status: \"decommission_requested\" } # y\n";
        assert_eq!(
            mark_decommissioned("f", text).unwrap(),
            text.replace("decommission_requested", "decommissioned")
        );
        assert_eq!(
            mark_decommissioned("f", &mark_decommissioned("f", text).unwrap()).unwrap(),
            mark_decommissioned("f", text).unwrap()
        );
        let error = mark_decommissioned("f", &text.replace("decommission_requested", "deprecated"))
            .unwrap_err();
        assert!(error.to_string().contains("its status is `deprecated` now"), "{error}");
    }
}
