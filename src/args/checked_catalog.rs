//! A checked catalog, and the stores and GitOps repositories that it is planned for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::gitops_place::GitopsPlace;
use super::named_secrets::NamedSecrets;
use super::plan::PlanArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::findings::{findings_for_people, summary};
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest;
use goldenpath_core::manifest::{LifecycleStatus, SecretId};
use goldenpath_core::projection;
use goldenpath_core::projection::{Projection, ProjectionTemplate};
use goldenpath_core::report::count;
use goldenpath_core::rules;
use goldenpath_core::rules::{Finding, RuleSet, Severity, StoredState};
use goldenpath_core::vcs::{HistoryTime, Repository, Snapshot};
use goldenpath_deploy::audit;
use goldenpath_deploy::audit::{AppliedCommit, Recorder};
use goldenpath_deploy::gitops::{Target, WorkingCopy};
use goldenpath_deploy::reconcile;
use goldenpath_deploy::reconcile::{
    Account, BlockReason, DecommissionRequest, Parallelism, Plan, PlanProgress, ReconcileContext,
    ReconcileOptions, RecordedSecrets, SavedPlan, SavedSelection, SecretSubject, Shard, Step,
    UnreadableAccount,
};
use goldenpath_deploy::store::SecretStore;

/// A catalog without errors, with its project and the arguments of the run.
pub(crate) struct CheckedCatalog<'args> {
    pub(super) source: &'args PlanArgs,
    pub(super) named: NamedSecrets,
    pub(super) shard: Option<Shard>,
    pub(super) project: Project,
    pub(super) catalog: Catalog,
    /// The warnings of the check.
    pub(super) findings: Vec<Finding>,
    pub(super) repository: Repository,
}

impl CheckedCatalog<'_> {
    /// Opens the stores and the GitOps repositories, and prints where they are.
    ///
    /// Returns accounts that cannot be opened separately.
    pub(crate) async fn reconcile_context(
        &self,
        context: &Context,
    ) -> Result<(ReconcileContext<'_>, Vec<UnreadableAccount>), Failure> {
        let Self { source, named, project, catalog, repository, .. } = self;
        let environments = self.environments();
        let gitops = self.gitops(&environments, context)?;
        let (accounts, unreadable_accounts) =
            Account::open(&project.config, &project.root, environments).await?;
        let template = ProjectionTemplate::compile(
            project.template(repository, projection::TEMPLATE)?.as_deref(),
        )?;
        let options = ReconcileOptions {
            parallelism: source
                .parallelism
                .map_or(Parallelism::default(), |calls| Parallelism::of(calls.into())),
            refresh: source.refresh,
            adopt: named.adopt.clone(),
            rebind_catalog: source.rebind_catalog,
            recreate: self.with_reason(&named.recreate),
            recreate_secret: self.with_reason(&named.recreate_secret),
            overrides: source.overrides(),
            now: context.now,
        };
        let recorded = RecordedSecrets::new(repository, &project.config.audit);
        let requested = self.request_times(&recorded)?;
        let reconcile_context = ReconcileContext {
            project,
            catalog,
            template,
            accounts,
            gitops,
            requested,
            recorded,
            options,
        };
        print_destinations(&reconcile_context, self.shard, context);
        Ok((reconcile_context, unreadable_accounts))
    }

    /// Returns since when each decommission is requested.
    ///
    /// That is by the history of the branch, and by the audit trail.
    fn request_times(
        &self,
        recorded: &RecordedSecrets<'_>,
    ) -> Result<BTreeMap<SecretId, DecommissionRequest>, Failure> {
        let status = LifecycleStatus::DecommissionRequested;
        let requests =
            self.catalog.selected().filter_map(|entry| Some((entry.request()?, &entry.path)));
        let requests: Vec<_> = requests.filter(|(request, _)| request.status == status).collect();
        let tip = match self.catalog.snapshot {
            commit @ Snapshot::Commit(_) => Some(commit),
            _ => self.repository.last_commit()?,
        };
        let paths = requests.iter().map(|(_, path)| (*path).clone());
        let has_status = |bytes: &[u8]| manifest::status_in(bytes) == Some(status);
        let since = tip
            .map(|tip| self.repository.unchanged_since(tip, paths, has_status))
            .transpose()?
            .unwrap_or_default();
        let committed: Vec<(SecretId, HistoryTime)> = requests
            .into_iter()
            .filter_map(|(request, path)| Some((request.id, *since.get(path)?)))
            .collect();
        if committed.is_empty() {
            return Ok(BTreeMap::new());
        }
        let recorded = recorded.branch().map(|branch| branch.log().times().requested);
        let request_of = |(id, time): (SecretId, HistoryTime)| {
            let recorded = recorded.as_ref().map(|times| times.get(&id).copied());
            let request = DecommissionRequest {
                committed: time.known(),
                recorded: recorded.map_err(|why| (*why).to_owned()),
            };
            (id, request)
        };
        Ok(committed.into_iter().map(request_of).collect())
    }

    /// Opens the GitOps repositories of these environments, each place once.
    fn gitops(
        &self,
        environments: &BTreeSet<String>,
        context: &Context,
    ) -> Result<Vec<(BTreeSet<String>, Target)>, Failure> {
        let Self { project, repository, .. } = self;
        let mut places: Vec<(GitopsPlace, BTreeSet<String>)> = Vec::new();
        for environment in environments {
            let Some(place) = GitopsPlace::of(project.config.gitops_of(environment), &project.root)
            else {
                continue;
            };
            match places.iter_mut().find(|(known, _)| known.is_same(&place)) {
                Some((_, environments)) => _ = environments.insert(environment.clone()),
                None => places.push((place, [environment.clone()].into())),
            }
        }
        self.check_plain_folders(&places)?;
        let open = |place: &GitopsPlace| place.open(project, repository, context);
        places.into_iter().map(|(place, environments)| Ok((environments, open(&place)?))).collect()
    }

    /// Rejects a `gitops.path` that is not the root of a git work tree.
    ///
    /// A folder named on the command line is accepted. In any other one, another program, such as
    /// a starting shell, could read the written files.
    fn check_plain_folders(
        &self,
        places: &[(GitopsPlace, BTreeSet<String>)],
    ) -> Result<(), Failure> {
        let named = &self.source.plain_folders;
        let mut configured = Vec::new();
        for (place, environments) in places {
            let (GitopsPlace::Folder(path), Some(environment)) = (place, environments.first())
            else {
                continue;
            };
            // A path that does not resolve has its own error when it is opened.
            let Ok(path) = path.canonicalize() else { continue };
            let is_named =
                named.iter().any(|named| named.canonicalize().is_ok_and(|named| named == path));
            if path.is_dir() && !is_named && !WorkingCopy::is_root(&path) {
                let help = format!(
                    "set it to the root of the GitOps repository's work tree (for a submodule, \
                     run `git submodule update --init`); to write into a plain folder, give \
                     `--gitops-path {}`",
                    path.display()
                );
                let why = "is not the root of a git work tree";
                return Err(self.project.gitops_path_error(environment, why, help).into());
            }
            configured.push(path);
        }
        for named in named {
            let path = named.canonicalize().map_err(|error| {
                let message = format!("`--gitops-path {}`: {error}", named.display());
                Failure::usage(message, "give an existing folder")
            })?;
            if !configured.contains(&path) {
                return Err(Failure::usage(
                    format!(
                        "`--gitops-path {}`: no `gitops.path` of this run is that folder",
                        named.display()
                    ),
                    "leave it out, or set `gitops.path` in goldenpath.yaml to it",
                ));
            }
        }
        Ok(())
    }

    /// Returns the plan, with the accounts in `unreadable_accounts` that could not be opened.
    pub(crate) async fn plan(
        &self,
        reconcile_context: &ReconcileContext<'_>,
        unreadable_accounts: Vec<UnreadableAccount>,
        context: &Context,
    ) -> Result<Plan, Failure> {
        let bar = context.streams.start_bar();
        if let Some(bar) = &bar {
            bar.count("Secrets read:", 0);
        }
        let report = |progress| match (&bar, progress) {
            (None, _) => {}
            (Some(bar), PlanProgress::Read(secrets)) => bar.count("Secrets read:", secrets),
            (Some(bar), PlanProgress::Compared { done, all }) => {
                bar.fill("Comparing", done, all, String::new())
            }
        };
        let plan =
            reconcile::plan(reconcile_context, |subject| self.selects(subject), &report).await;
        context.streams.end_bar();
        let mut plan = plan?;
        plan.unreadable_accounts.splice(0..0, unreadable_accounts);
        self.hold_proposed(&mut plan)?;
        Ok(plan)
    }

    /// Blocks marks that wait for a review, unless there are others.
    fn hold_proposed(&self, plan: &mut Plan) -> Result<(), Failure> {
        let files: Vec<&str> = plan
            .actions
            .iter()
            .filter_map(|action| match &action.step {
                Step::MarkDecommissioned { file, .. } => Some(file.as_str()),
                _ => None,
            })
            .collect();
        if files.is_empty()
            || !audit::are_proposed(&self.repository, &self.project.config.audit, &files)?
        {
            return Ok(());
        }
        for action in &mut plan.actions {
            if matches!(action.step, Step::MarkDecommissioned { .. }) {
                action.step = Step::Blocked(BlockReason::Waiting);
                action.reason = format!(
                    "the status `decommissioned` is on the branch `{}` and waits for its merge",
                    audit::PROPOSAL
                );
            }
        }
        Ok(())
    }

    /// Returns these manifests with the reason of the run.
    fn with_reason(&self, ids: &BTreeSet<SecretId>) -> BTreeMap<SecretId, String> {
        let reason = self.source.reason().unwrap_or_default();
        ids.iter().map(|id| (*id, reason.to_owned())).collect()
    }

    /// Returns whether the run selects this subject.
    fn selects(&self, subject: SecretSubject<'_>) -> bool {
        let (selection, ids) = (&self.source.selection, &self.named.ids);
        selection.selects_names(subject.environment, subject.service)
            && self.shard.is_none_or(|shard| shard.contains(subject.service))
            && (ids.is_empty() || subject.id.is_some_and(|id| ids.contains(&id)))
    }

    /// Returns how many projections differ from those by the template of `base`.
    ///
    /// A projection that the template of `base` cannot render differs, too.
    pub(crate) fn count_differing_projections(&self, base: &Project) -> Result<usize, Failure> {
        let template_of =
            |project: &Project| project.template(&self.repository, projection::TEMPLATE);
        let (own, before) = (template_of(&self.project)?, template_of(base)?);
        if own == before {
            return Ok(0);
        }
        let own = ProjectionTemplate::compile(own.as_deref())?;
        // The base's template may be invalid, and the change may replace it.
        let before = ProjectionTemplate::compile(before.as_deref()).ok();
        let mut differ = 0;
        for entry in self.catalog.selected() {
            let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
                continue;
            };
            if !self.selects(SecretSubject::of(request)) {
                continue;
            }
            let redact = |text: &mut String| rules::redact_texts(entry, &self.project, [text]);
            let now = Projection::of(request, &self.project, &own)
                .map_err(|error| error.map_texts(redact))?;
            let then = before
                .as_ref()
                .and_then(|before| Projection::of(request, &self.project, before).ok());
            differ += usize::from(then.as_ref() != Some(&now));
        }
        Ok(differ)
    }

    /// Adds findings of the change's check, each once.
    pub(crate) fn add_findings(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            if !self.findings.iter().any(|known| known.is_same(&finding)) {
                self.findings.push(finding);
            }
        }
        self.findings.sort_by(|one, other| {
            (&one.path, one.span.start).cmp(&(&other.path, other.span.start))
        });
    }

    /// Returns the recorder of the run.
    ///
    /// With `older_reason`, the commit may be older than the one applied last.
    pub(crate) fn recorder(
        &self,
        reconcile_context: &ReconcileContext<'_>,
        plan: &Plan,
        older_reason: Option<&str>,
    ) -> Recorder<'_> {
        let stores = reconcile_context.accounts.iter().flat_map(|account| {
            let identity = account.store.identity();
            account.environments.iter().map(move |name| (name.clone(), identity.clone()))
        });
        let source = format!("{} at {}", self.project.catalog_id, source_of(reconcile_context));
        let commit = match self.catalog.snapshot {
            Snapshot::Commit(commit) => Some(commit.to_string()),
            _ => self.repository.head().ok().map(|head| head.id()),
        };
        let selected = self.catalog.requests().filter(|one| self.selects(SecretSubject::of(one)));
        let environments: BTreeSet<String> = selected
            .map(|request| request.environment.to_string())
            .chain(plan.actions.iter().map(|action| action.environment.clone()))
            .collect();
        let applied = commit.map(|commit| AppliedCommit {
            commit,
            environments: environments.into_iter().collect(),
            older_reason: older_reason.map(str::to_owned),
        });
        Recorder::new(
            &self.repository,
            &self.project.config.audit,
            source,
            applied,
            stores.collect(),
        )
    }

    /// Returns the plan for a file, with the commit, selection and accounts it is valid for.
    pub(crate) fn to_saved_plan(
        &self,
        reconcile_context: &ReconcileContext<'_>,
        plan: &Plan,
    ) -> Result<SavedPlan, Failure> {
        let PlanArgs { commit, selection, rebind_catalog, plain_folders, refresh, .. } =
            self.source;
        let NamedSecrets { ids, adopt, recreate, recreate_secret } = &self.named;
        let whole = |folder: &PathBuf| {
            let whole = folder.canonicalize();
            let whole = whole.map_err(|error| {
                Failure::io(&format!("cannot resolve `{}`", folder.display()), &error)
            })?;
            let text = whole.to_str().map(str::to_owned);
            let help = "give a folder whose path is UTF-8";
            text.ok_or_else(|| Failure::usage(format!("`{}` is not UTF-8", folder.display()), help))
        };
        let selection = SavedSelection {
            commit: commit.clone(),
            environments: selection.environments.clone(),
            services: selection.services.clone(),
            ids: ids.iter().map(ToString::to_string).collect(),
            shard: self.shard.map(|shard| shard.to_string()),
            adopt: adopt.iter().map(ToString::to_string).collect(),
            rebind_catalog: *rebind_catalog,
            gitops_paths: plain_folders.iter().map(whole).collect::<Result<_, Failure>>()?,
            overrides: by_name(self.source.overrides()),
            refresh: *refresh,
            recreate: by_name(self.with_reason(recreate)),
            recreate_secret: by_name(self.with_reason(recreate_secret)),
        };
        let identities = reconcile_context.accounts.iter().map(|one| one.store.identity());
        if let Some(why) = identities.into_iter().find_map(|identity| identity.unknown_reason()) {
            return Err(Failure::rejected(
                format!("cannot save the plan: {why}"),
                "a saved plan is for one account",
            ));
        }
        let account = reconcile::digest(&reconcile::places(reconcile_context));
        Ok(SavedPlan::of(
            plan,
            self.catalog.snapshot.id(),
            selection,
            self.configuration()?,
            account,
        ))
    }

    /// Returns a digest of the configuration files and the projection template.
    pub(crate) fn configuration(&self) -> Result<String, Failure> {
        let texts = self.project.texts(&self.repository)?;
        let template = self.project.template(&self.repository, projection::TEMPLATE)?;
        Ok(reconcile::digest(&serde_json::json!([texts, template])))
    }

    /// Renders the plan as a pull request's comment.
    ///
    /// Uses the governance table and the template of `base`, if a change is planned.
    pub(crate) fn comment(
        &self,
        reconcile_context: &ReconcileContext<'_>,
        plan: &Plan,
        findings: &[Finding],
        base: Option<&Project>,
    ) -> Result<String, Failure> {
        let rules = base.unwrap_or(&self.project);
        let template = rules.template(&self.repository, reconcile::PLAN_TEMPLATE)?;
        Ok(reconcile::render_comment(
            plan,
            findings,
            reconcile_context,
            rules,
            template.as_deref(),
        )?)
    }

    /// Returns the environments of the run: those with manifests, and those given by name.
    ///
    /// If there are none, returns all, because their stores may still have secrets of deleted
    /// manifests.
    fn environments(&self) -> BTreeSet<String> {
        let selection = &self.source.selection;
        let selected = self.catalog.requests().filter(|request| selection.selects(request));
        let mut environments: BTreeSet<String> =
            selected.map(|request| request.environment.to_string()).collect();
        environments.extend(selection.environments.iter().cloned());
        if environments.is_empty() {
            environments.extend(self.project.enums.environments.iter().cloned());
        }
        environments
    }

    /// Shows the warnings of the check and of the store's dates.
    ///
    /// Returns `None` after showing them if one is an error.
    pub(crate) fn warnings(
        &self,
        plan: &Plan,
        context: &Context,
    ) -> Result<Option<Vec<Finding>>, Failure> {
        let mut findings = self.findings.clone();
        let state = StoredState {
            now: context.now,
            renewals: plan.renewals.clone(),
            losses: plan.losses.clone(),
            default_keys: plan.default_keys.clone(),
            old_keys: plan.old_keys.clone(),
            policies: plan.policies.clone(),
        };
        RuleSet::of(&self.project)?.check_stored(&mut findings, &self.catalog, &state);
        if !is_applicable(&findings) {
            reject(&findings, &self.catalog, context);
            return Ok(None);
        }
        print_findings(&findings, &self.catalog, context);
        Ok(Some(findings))
    }
}

/// Returns the state of the catalog that was read, in words.
pub(crate) fn source_of(reconcile_context: &ReconcileContext<'_>) -> String {
    match reconcile_context.catalog.snapshot {
        Snapshot::Commit(commit) => format!("commit {commit}"),
        other => other.to_string(),
    }
}

/// Prints the accounts that could not be read.
///
/// Returns true if no account could be read, so that there is no plan.
pub(crate) fn print_unreadable_accounts(
    reconcile_context: &ReconcileContext<'_>,
    plan: &Plan,
    context: &Context,
) -> bool {
    for account in &plan.unreadable_accounts {
        if reconcile_context.accounts.len() > 1 || plan.unreadable_accounts.len() > 1 {
            let place =
                account.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
            context.streams.message(&format!("Cannot read {}{place}:", account.names()));
        }
        context.streams.error(&account.error);
    }
    let is_read = |account: &Account| {
        let mut unreadable = plan.unreadable_accounts.iter();
        !unreadable.any(|other| other.environments == account.environments)
    };
    !plan.unreadable_accounts.is_empty() && !reconcile_context.accounts.iter().any(is_read)
}

/// Prints the catalog, its stores and its GitOps repositories.
fn print_destinations(
    reconcile_context: &ReconcileContext<'_>,
    shard: Option<Shard>,
    context: &Context,
) {
    let of = |several: bool, environments: &BTreeSet<String>| {
        if !several {
            return String::new();
        }
        format!(" ({})", environments.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    let ReconcileContext { project, catalog, accounts, gitops, .. } = reconcile_context;
    context.streams.message(&format!("Catalog  {} at {}", project.catalog_id, catalog.snapshot));
    if let Some(shard) = shard {
        context.streams.message(&format!("Shard    {shard}, by service"));
    }
    for account in accounts {
        let environments = of(accounts.len() > 1, &account.environments);
        context.streams.message(&format!("Store    {}{environments}", account.store.place()));
        if let Some(doubt) = account.store.identity().doubt {
            context.streams.message(&format!("         the account is not confirmed: {doubt}"));
        }
    }
    for (environments, target) in gitops {
        context.streams.message(&format!(
            "GitOps   {}{}",
            target.place(),
            of(gitops.len() > 1, environments)
        ));
    }
    if gitops.is_empty() {
        context.streams.message(
            "GitOps   none: neither `gitops.path` nor `gitops.url` is set, so no ExternalSecrets \
             are written",
        );
    }
    context.streams.message("");
}

/// Returns reasons by the names of what they are for.
fn by_name(reasons: BTreeMap<impl ToString, String>) -> BTreeMap<String, String> {
    reasons.into_iter().map(|(name, reason)| (name.to_string(), reason)).collect()
}

/// Returns whether no finding is an error.
pub(crate) fn is_applicable(findings: &[Finding]) -> bool {
    count(findings, Severity::Error) == 0
}

/// Shows the findings of a catalog that cannot be planned or applied.
pub(crate) fn reject(findings: &[Finding], catalog: &Catalog, context: &Context) {
    print_findings(findings, catalog, context);
    context.streams.message("A catalog with errors is not applied.");
}

fn print_findings(findings: &[Finding], catalog: &Catalog, context: &Context) {
    if findings.is_empty() {
        return;
    }
    let terminal = context.streams.err;
    for drawn in findings_for_people(findings, catalog, terminal) {
        context.streams.rendered(&drawn);
    }
    context.streams.rendered(&summary(catalog.selected().count(), findings, terminal));
}
