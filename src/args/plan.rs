//! The arguments of `plan` and `apply`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::checked_catalog::{CheckedCatalog, is_applicable, reject};
use super::named_secrets::{IdOrName, NamedSecrets};
use super::shard::ShardArg;
use crate::args::selection::SelectionArgs;
use crate::check_report::note_unknown_ages;
use crate::context::Context;
use crate::failure::Failure;
use goldenpath_core::catalog::{Project, Selection};
use goldenpath_core::config::FILE_NAME;
use goldenpath_core::manifest::SecretId;
use goldenpath_core::rules::RuleSet;
use goldenpath_core::trail::AuditLog;
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::reconcile::{Gate, SavedPlan, SavedSelection, Shard};

/// The arguments of `plan` and `apply`: the state of the catalog, and the selection.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// Read the work tree with uncommitted files instead of the commit at HEAD
    #[arg(long)]
    pub(super) work_tree: bool,
    /// Read the catalog and its configuration at COMMIT instead of HEAD
    #[arg(long = "ref", value_name = "COMMIT", conflicts_with = "work_tree")]
    pub(super) commit: Option<String>,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    /// Adopt the existing unmanaged secret of this manifest; may be repeated
    #[arg(long, value_name = "ID")]
    pub(super) adopt: Vec<IdOrName>,
    /// Bind secrets of another repository to this one, after a rename or move
    ///
    /// The tag goldenpath.io/repository says which repository a secret belongs to. Secrets of
    /// another repository with the same `catalogId` are blocked.
    #[arg(long)]
    pub(super) rebind_catalog: bool,
    /// Create the lost secret of this manifest again, with --reason; may be repeated
    ///
    /// A secret that the audit trail knows, and that its store does not have, was deleted outside
    /// goldenpath or is in another account or region. It is created without its value.
    #[arg(long, value_name = "ID", requires = "reason")]
    pub(super) recreate: Vec<IdOrName>,
    /// Change the type of its Kubernetes Secret, with --reason; may be repeated
    ///
    /// Kubernetes never changes the type of a Secret. The ExternalSecret gets the new type, and the
    /// operator creates the Secret again once you have deleted it.
    #[arg(long, value_name = "ID", requires = "reason")]
    pub(super) recreate_secret: Vec<IdOrName>,
    /// Accept DIR as `gitops.path` although it is not the root of a work tree
    ///
    /// May be repeated. DIR must be a `gitops.path` of the configuration.
    #[arg(long = "gitops-path", value_name = "DIR")]
    pub(super) plain_folders: Vec<PathBuf>,
    /// Select the secret of this manifest; may be repeated
    #[arg(long = "id", value_name = "ID")]
    pub(super) ids: Vec<IdOrName>,
    /// Override a deletion gate; requires --id and --reason
    ///
    /// The gates are consumers, last-accessed, cooling-off, live-cluster, absence and
    /// replica-origin.
    #[arg(
        long = "override",
        value_name = "GATE",
        value_parser = Gate::parse,
        requires = "ids",
        requires = "reason"
    )]
    pub(super) overrides: Vec<Gate>,
    /// Record TEXT in the audit trail as the reason for an override or recreation
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(super) reason: Option<String>,
    /// Select one of N shards of the services, for concurrent jobs: I/N, or auto
    ///
    /// `auto` is for a Kubernetes Indexed Job: it reads JOB_COMPLETION_INDEX, which Kubernetes
    /// sets, and GOLDENPATH_SHARD_COUNT, which the job's author sets.
    #[arg(long, value_name = "I/N|auto")]
    pub(super) shard: Option<ShardArg>,
    /// Read every resource policy, and the KMS keys of all values
    #[arg(long)]
    pub(super) refresh: bool,
    /// Limit concurrent store calls to N [default: 16, and 128 for reads]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) parallelism: Option<u16>,
}

impl PlanArgs {
    /// Returns the arguments that a saved plan was created with, at the plan's commit.
    ///
    /// # Errors
    /// The plan's commit is not the one that would be applied now, or its selection is invalid.
    pub(crate) fn of(saved: &SavedPlan, parallelism: Option<u16>) -> Result<Self, Failure> {
        let SavedSelection {
            commit: name,
            environments,
            services,
            ids,
            shard,
            adopt,
            rebind_catalog,
            gitops_paths,
            overrides,
            recreate,
            recreate_secret,
            refresh,
        } = saved.selection.clone();
        let repository = Repository::discover()?;
        let now =
            name.as_ref().map_or_else(|| repository.head(), |name| repository.commit(name))?;
        saved.check_commit(name.as_deref().unwrap_or("HEAD"), &now.id())?;
        let unusable = |why: String| {
            Failure::usage(why, "run `goldenpath plan --out FILE` to save a new plan")
        };
        let parsed = |ids: Vec<String>| {
            ids.iter()
                .map(|id| SecretId::parse(id).map(IdOrName::Id))
                .collect::<Result<Vec<_>, _>>()
        };
        let shard = shard.map(|shard| shard.parse::<Shard>()).transpose().map_err(unusable)?;
        // The file may be edited by hand, so it must keep the rules of the flags, too.
        if !overrides.is_empty() && ids.is_empty() {
            return Err(unusable(
                "the saved plan overrides a gate without naming an ID".to_owned(),
            ));
        }
        let mut reasons =
            overrides.values().chain(recreate.values()).chain(recreate_secret.values());
        let why = reasons.next().map(|text| reason(text)).transpose().map_err(unusable)?;
        if reasons.any(|text| Some(text) != why.as_ref()) {
            return Err(unusable("the saved plan has several reasons".to_owned()));
        }
        let gates = overrides
            .keys()
            .map(|gate| Gate::parse(gate))
            .collect::<Result<Vec<_>, _>>()
            .map_err(unusable)?;
        Ok(Self {
            work_tree: false,
            commit: Some(now.id()),
            selection: SelectionArgs { environments, services },
            ids: parsed(ids).map_err(unusable)?,
            overrides: gates,
            reason: why,
            shard: shard.map(ShardArg::Of),
            adopt: parsed(adopt).map_err(unusable)?,
            recreate: parsed(recreate.into_keys().collect()).map_err(unusable)?,
            recreate_secret: parsed(recreate_secret.into_keys().collect()).map_err(unusable)?,
            rebind_catalog,
            plain_folders: gitops_paths.into_iter().map(PathBuf::from).collect(),
            refresh,
            parallelism,
        })
    }

    pub(crate) fn parallelism(&self) -> Option<u16> {
        self.parallelism
    }

    /// Returns the state of the catalog to read.
    pub(crate) fn snapshot(&self, repository: &Repository) -> Result<Snapshot, Failure> {
        Ok(match &self.commit {
            _ if self.work_tree => Snapshot::WorkTree,
            Some(commit) => repository.commit(commit)?,
            None => repository.head()?,
        })
    }

    /// Returns the reason of `--reason`.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Rejects a reason without anything that it is for.
    pub(crate) fn check_reason(&self, is_used: bool) -> Result<(), Failure> {
        if self.reason.is_none()
            || is_used
            || !self.overrides.is_empty()
            || !self.recreate.is_empty()
            || !self.recreate_secret.is_empty()
        {
            return Ok(());
        }
        Err(Failure::usage(
            "`--reason` is given without anything that it is the reason for",
            "give it together with `--override GATE`, `--recreate ID` or `--recreate-secret ID`, \
             or for apply with `--allow-older`",
        ))
    }

    /// Reads and checks the catalog. Returns `None` after showing the errors it has.
    pub(crate) fn read(
        &self,
        repository: Repository,
        context: &Context,
    ) -> Result<Option<CheckedCatalog<'_>>, Failure> {
        let shard = self.shard.map(ShardArg::resolve).transpose()?;
        let snapshot = self.snapshot(&repository)?;
        let project = context.open(&repository, snapshot)?;
        if !project.config.has_backend() {
            return Err(no_backend(&project, snapshot, context));
        }
        project.check_locations(&repository)?;
        if project.config.audit.push.is_some() {
            context.streams.message(
                "Note: `audit.push` has no effect any more; remove it from goldenpath.yaml.",
            );
        }
        let rules = RuleSet::of(&project)?;
        let mut checked = rules.read(&repository, snapshot, &Selection::All, None)?;
        checked.catalog.check_folder(&repository, &project)?;
        self.selection.check(&project, &checked.catalog)?;
        let tip = if self.work_tree { repository.last_commit()? } else { Some(snapshot) };
        if let Some(tip) = tip {
            // As it was fetched last: a warning is not worth a query.
            let first = AuditLog::fetched(&repository, &project.config.audit)?.times().first;
            rules.find_expired(&mut checked, &repository, tip, Some(&first), context.now)?;
            note_unknown_ages(&checked.catalog, context);
        }
        let (catalog, findings) = rules.finish(checked)?;
        if !is_applicable(&findings) {
            reject(&findings, &catalog, context);
            return Ok(None);
        }
        let named = NamedSecrets::of(self, &catalog)?;
        if self.rebind_catalog && project.repository.is_none() {
            return Err(Failure::usage(
                "`--rebind-catalog`: this clone has no remote that identifies its repository",
                "add it with `git remote add origin URL`, or set `audit.remote` in \
                 goldenpath.yaml to its name",
            ));
        }
        if !self.work_tree && self.commit.is_none() {
            note_uncommitted(&repository, &project, context)?;
        }
        Ok(Some(CheckedCatalog {
            source: self,
            named,
            shard,
            project,
            catalog,
            findings,
            repository,
        }))
    }

    pub(super) fn overrides(&self) -> BTreeMap<Gate, String> {
        let reason = self.reason.clone().unwrap_or_default();
        self.overrides.iter().map(|gate| (*gate, reason.clone())).collect()
    }
}

/// Parses the reason of an override: one line that still makes sense in two years.
pub(crate) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("give a reason".to_owned()),
        1..=500 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err("give one line of at most 500 characters".to_owned()),
    }
}

/// Notes uncommitted changes of the catalog and the rule files.
fn note_uncommitted(
    repository: &Repository,
    project: &Project,
    context: &Context,
) -> Result<(), Failure> {
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
        context.streams.message(&format!(
            "Note: uncommitted changes in {} are not included; --work-tree includes them.",
            changed.join(", ")
        ));
    }
    Ok(())
}

/// Returns the error for a configuration without a store.
fn no_backend(project: &Project, snapshot: Snapshot, context: &Context) -> Failure {
    let message = "`store.backend` is not set, and it has no default";
    let only_on_disk = context.config.is_none()
        && snapshot != Snapshot::WorkTree
        && project.config_text.is_empty();
    if only_on_disk && project.root.join(FILE_NAME).exists() {
        return Failure::usage(
            format!("{message}: {snapshot} has no {FILE_NAME}"),
            format!("commit {FILE_NAME}, or use `--work-tree` to read uncommitted files"),
        );
    }
    Failure::usage(
        message,
        format!(
            "set `store.backend` to `local` or `aws` in {FILE_NAME}; `goldenpath init` writes one"
        ),
    )
}
