//! Takes over the trails of version 0.1, `audit/<ID>.jsonl` at HEAD.

use std::hash::{BuildHasher, RandomState};

use super::{AuditBranch, RecordError};
use goldenpath_core::config::AuditConfig;
use goldenpath_core::trail::{Actor, AuditRecord, ImportedTrail, RecordKind};
use goldenpath_core::vcs::Repository;

/// The number of trails in one record.
const BATCH: usize = 500;

/// Adds the lines of these trails that the audit branch does not have yet, in one commit.
///
/// Returns the number of trails and of lines that were added.
///
/// # Errors
/// The trails cannot be read, or the records cannot be pushed.
pub fn import(
    repository: &Repository,
    config: &AuditConfig,
    source: &str,
) -> Result<(usize, usize), RecordError> {
    let trails = repository.trails_at_head()?;
    let branch = AuditBranch::open(repository, config)?;
    let run = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
    let actor = Actor { git: repository.author(), ..Actor::default() };
    let mut added = (0, 0);
    branch.add(
        &mut |log| {
            let imported = log.imported_lines();
            let new: Vec<ImportedTrail> = trails
                .iter()
                .map(|(file, text)| {
                    let known = imported.get(file.as_str());
                    let is_new = |line: &&str| !known.is_some_and(|known| known.contains(line));
                    let lines = text.lines().filter(is_new).map(str::to_owned).collect();
                    ImportedTrail { file: file.clone(), lines }
                })
                .filter(|trail| !trail.lines.is_empty())
                .collect();
            added = (new.len(), new.iter().map(|trail| trail.lines.len()).sum());
            let record = |trails: &[ImportedTrail]| {
                let record = AuditRecord::new(
                    RecordKind::Import,
                    run.clone(),
                    actor.clone(),
                    source.to_owned(),
                );
                AuditRecord { imported: trails.to_vec(), ..record }
            };
            Ok(new.chunks(BATCH).map(record).collect())
        },
        "goldenpath: import the trails of version 0.1\n",
    )?;
    Ok(added)
}
