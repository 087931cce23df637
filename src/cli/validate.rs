//! `goldenpath validate`

use std::path::PathBuf;

use clap::ValueEnum;

use super::{Context, Failure, Outcome};
use crate::catalog::{Catalog, Project, Selection};
use crate::diagnostics::{count, findings_as_json, findings_for_people, summary};
use crate::rules::{self, Severity};
use crate::source::{Repository, Snapshot};

/// Check manifests, and point at what is wrong
///
/// Checks the files and folders named, or the whole catalog. Uniqueness is always checked across the catalog. Exits
/// with 0 when there are no errors (warnings allowed), 1 when there are, and 2 when the check could not run.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Manifests and folders; the whole catalog if there are none
    paths: Vec<PathBuf>,
    /// Check what is staged for the next commit, as the git index holds it
    #[arg(long, conflicts_with = "paths")]
    staged: bool,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// Drawn into the file's text
    #[default]
    Human,
    /// One JSON object
    Json,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let snapshot = if args.staged { Snapshot::Index } else { Snapshot::WorkTree };
    let project = context.open(&repository, snapshot)?;
    let selection = if args.staged { staged(&repository, &project)? } else { Selection::of(&repository, &args.paths)? };
    let catalog = Catalog::load(&repository, &project, &selection)?;
    let findings = rules::check(&catalog, &project)?;
    let files = catalog.selected().count();
    if context.streams.verbose {
        for entry in catalog.selected() {
            context.streams.talk(&format!("checking {}", entry.path));
        }
    }
    match args.format {
        Format::Human => {
            let look = context.streams.out;
            context.streams.result(&findings_for_people(&findings, &catalog, look));
            context.streams.result(&summary(files, &findings, look));
        }
        Format::Json => context.streams.result(&format!("{:#}\n", findings_as_json(files, &findings))),
    }
    Ok(if count(&findings, Severity::Error) > 0 { Outcome::Failed } else { Outcome::Done })
}

/// The staged manifests; all of them when what judges them is staged too.
fn staged(repository: &Repository, project: &Project) -> Result<Selection, Failure> {
    if repository.staged(&project.rule_files())?.is_empty() {
        Ok(Selection::Paths(repository.staged(&[&project.config.catalog])?))
    } else {
        Ok(Selection::All)
    }
}
