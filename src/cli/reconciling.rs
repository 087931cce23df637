//! What `plan` and `apply` share: which catalog, which store, which GitOps working copy.

use std::future::Future;

use super::{Context, Failure, Narrow, Outcome};
use crate::catalog::{Catalog, Project, Selection};
use crate::config::FILE_NAME;
use crate::diagnostics::{count, findings_for_people, summary};
use crate::gitops::WorkingCopy;
use crate::projection;
use crate::reconcile::{Plan, World};
use crate::rules::{Finding, Renewals, RuleSet, Severity};
use crate::source::{Repository, Snapshot};
use crate::store::{SecretStore, Store};

/// Which state of the catalog is taken.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// Read the work tree, uncommitted files included, instead of the commit at HEAD
    #[arg(long)]
    work_tree: bool,
    #[command(flatten)]
    pub(super) narrow: Narrow,
}

/// A catalog without errors, and what judges it.
pub(super) struct Desired {
    pub(super) project: Project,
    pub(super) catalog: Catalog,
    /// What validating it found: warnings alone.
    findings: Vec<Finding>,
    repository: Repository,
}

impl Source {
    /// Reads the catalog and validates it: None where it has errors, which are shown.
    pub(super) fn read(&self, context: &Context) -> Result<Option<Desired>, Failure> {
        let repository = Repository::discover()?;
        let snapshot = if self.work_tree { Snapshot::WorkTree } else { repository.head()? };
        let project = context.open(&repository, snapshot)?;
        if project.config.store.backend.is_none() {
            return Err(no_backend(&project, snapshot, context));
        }
        let rules = RuleSet::of(&project)?;
        let mut reading = rules.read(&repository, snapshot, &Selection::All, None)?;
        self.narrow.check(&project, &reading.catalog)?;
        if let Some(line) = if self.work_tree { repository.head().ok() } else { Some(snapshot) } {
            rules.look_back(&mut reading, &repository, line, context.now);
        }
        let (catalog, findings) = rules.finish(reading)?;
        if !is_applicable(&findings) {
            refuse(&findings, &catalog, context);
            return Ok(None);
        }
        if !self.work_tree {
            note_uncommitted(&repository, &project, context)?;
        }
        Ok(Some(Desired { project, catalog, findings, repository }))
    }
}

impl Desired {
    /// Opens the store and the GitOps working copy, and says where they are.
    pub(super) async fn world(&self, context: &Context) -> Result<World<'_>, Failure> {
        let Self { project, catalog, repository, .. } = self;
        let store = Store::open(&project.config.store, &project.root).await?;
        let gitops = match &project.config.gitops.path {
            Some(path) => Some(WorkingCopy::open(&project.root.join(path))?),
            None => None,
        };
        context.streams.talk(&format!("Catalog  {} at {}", project.catalog_id, catalog.snapshot));
        context.streams.talk(&format!("Store    {}", store.place()));
        context.streams.talk(&match &gitops {
            Some(gitops) => format!("GitOps   {}", gitops.place()),
            None => "GitOps   none: `gitops.path` is not set, so no ExternalSecrets are written".to_owned(),
        });
        context.streams.talk("");
        let template = project.template(repository, projection::TEMPLATE)?;
        Ok(World { project, catalog, template, store, gitops })
    }

    /// Shows what is to be said before a plan: what validating the catalog found, and what the store told since. None
    /// where that has an error.
    pub(super) fn warnings(&self, plan: &Plan, context: &Context) -> Result<Option<Vec<Finding>>, Failure> {
        let mut findings = self.findings.clone();
        let renewals = Renewals { now: context.now, last: plan.renewals.clone() };
        RuleSet::of(&self.project)?.check_stored(&mut findings, &self.catalog, &renewals);
        if !is_applicable(&findings) {
            refuse(&findings, &self.catalog, context);
            return Ok(None);
        }
        show(&findings, &self.catalog, context);
        Ok(Some(findings))
    }
}

fn is_applicable(findings: &[Finding]) -> bool {
    count(findings, Severity::Error) == 0
}

fn refuse(findings: &[Finding], catalog: &Catalog, context: &Context) {
    show(findings, catalog, context);
    context.streams.talk("A catalog with errors is not applied.");
}

fn show(findings: &[Finding], catalog: &Catalog, context: &Context) {
    if findings.is_empty() {
        return;
    }
    let look = context.streams.err;
    for drawn in findings_for_people(findings, catalog, look) {
        context.streams.alert(&drawn);
    }
    context.streams.alert(&summary(catalog.selected().count(), findings, look));
}

/// Runs the one asynchronous part of a command on this thread.
pub(super) fn block_on(work: impl Future<Output = Result<Outcome, Failure>>) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::io("the runtime for the store's calls cannot start", &error))?.block_on(work)
}

/// Says which of the files that decide what is done differ from what was read.
fn note_uncommitted(repository: &Repository, project: &Project, context: &Context) -> Result<(), Failure> {
    let mut changed = Vec::new();
    if repository.has_uncommitted(&project.config.catalog)? {
        changed.push(format!("{}/", project.config.catalog));
    }
    for file in project.rule_files() {
        if repository.has_uncommitted(file)? {
            changed.push(file.to_owned());
        }
    }
    if !changed.is_empty() {
        context.streams.talk(&format!(
            "Note: uncommitted changes in {} are not part of this; --work-tree includes them.",
            changed.join(", ")
        ));
    }
    Ok(())
}

fn no_backend(project: &Project, snapshot: Snapshot, context: &Context) -> Failure {
    let message = "`store.backend` is not set, and goldenpath does not guess where secrets live";
    let only_on_disk = context.config.is_none() && snapshot != Snapshot::WorkTree && project.config_text.is_empty();
    match only_on_disk && project.root.join(FILE_NAME).exists() {
        true => Failure::usage(
            format!("{message}: {snapshot} has no {FILE_NAME}"),
            format!("commit {FILE_NAME}, or use `--work-tree` to read uncommitted files"),
        ),
        false => Failure::usage(
            message,
            format!("set `store.backend` to `local` or `aws` in {FILE_NAME}; `goldenpath init` writes one"),
        ),
    }
}
