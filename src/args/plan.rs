//! What `plan` and `apply` share: which catalog, which stores, which GitOps repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::shard::ShardArg;
use crate::cli::{Context, Outcome, SelectionArgs};
use crate::failure::Failure;
use crate::output::findings::{findings_for_people, summary};
use goldenpath_core::catalog::{Catalog, Project, Selection};
use goldenpath_core::config::{FILE_NAME, GitopsConfig};
use goldenpath_core::manifest;
use goldenpath_core::manifest::{LifecycleStatus, SecretId};
use goldenpath_core::projection;
use goldenpath_core::projection::{Projection, ProjectionTemplate};
use goldenpath_core::report::count;
use goldenpath_core::rules;
use goldenpath_core::rules::{Finding, Renewals, RuleSet, Severity};
use goldenpath_core::vcs::git::{Git, SAFE_VERSION};
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::audit::Recorder;
use goldenpath_deploy::branch::{RemoteBranch, RemotePlace};
use goldenpath_deploy::gitops::{GitopsError, RemoteRepository, Target, WorkingCopy};
use goldenpath_deploy::reconcile;
use goldenpath_deploy::reconcile::{
    Account, Gate, Options, Parallelism, Plan, Progress, Saved, SecretSubject, Selected, Shard,
    UnreadableAccount, World,
};
use goldenpath_deploy::store::SecretStore;

/// Which state of the catalog is taken.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// Read the work tree with uncommitted files instead of the commit at HEAD
    #[arg(long)]
    work_tree: bool,
    /// Read the catalog and its configuration at COMMIT instead of HEAD
    #[arg(long = "ref", value_name = "COMMIT", conflicts_with = "work_tree")]
    commit: Option<String>,
    #[command(flatten)]
    narrow: SelectionArgs,
    /// Adopt the existing unmanaged secret of this manifest; may be repeated
    #[arg(long, value_name = "ID", value_parser = SecretId::parse)]
    adopt: Vec<SecretId>,
    /// Bind secrets of another repository to this one, after a rename or move
    ///
    /// The tag goldenpath.io/repository says which repository a secret belongs to. Secrets of
    /// another repository with the same `catalogId` are blocked.
    #[arg(long)]
    rebind_catalog: bool,
    /// Accept DIR as `gitops.path` although it is not the root of a work tree
    ///
    /// May be repeated. DIR must be a `gitops.path` of the configuration.
    #[arg(long = "gitops-path", value_name = "DIR")]
    plain_folders: Vec<PathBuf>,
    /// Select the secret of this manifest; may be repeated
    #[arg(long = "id", value_name = "ID", value_parser = SecretId::parse)]
    ids: Vec<SecretId>,
    /// Override a deletion gate; requires --id and --reason
    ///
    /// The gates are consumers, last-accessed, cooling-off and live-cluster.
    #[arg(
        long = "override",
        value_name = "GATE",
        value_parser = Gate::parse,
        requires = "ids",
        requires = "reason"
    )]
    overrides: Vec<Gate>,
    /// Record TEXT in the audit trail as the reason for an override
    #[arg(long, value_name = "TEXT", requires = "overrides", value_parser = reason)]
    reason: Option<String>,
    /// Select one of N shards of the services, for concurrent jobs: I/N, or auto
    ///
    /// `auto` is for a Kubernetes Indexed Job: it reads JOB_COMPLETION_INDEX, which Kubernetes
    /// sets, and GOLDENPATH_SHARD_COUNT, which the job's author sets.
    #[arg(long, value_name = "I/N|auto")]
    shard: Option<ShardArg>,
    /// Read every resource policy that a manifest sets, and not only its tag
    #[arg(long)]
    refresh: bool,
    /// Limit concurrent store calls to N [default: 16, and 128 for reads]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallelism: Option<u16>,
}

/// A catalog without errors, and what judges it.
pub(crate) struct CheckedCatalog<'args> {
    source: &'args PlanArgs,
    shard: Option<Shard>,
    project: Project,
    catalog: Catalog,
    /// What validating it found: warnings alone.
    findings: Vec<Finding>,
    repository: Repository,
}

impl PlanArgs {
    /// What a saved plan was made with, at its very commit, and how many calls are in flight now. Refuses it where that
    /// commit is not what would be applied now.
    pub(crate) fn of(saved: &Saved, parallelism: Option<u16>) -> Result<Self, Failure> {
        let Selected {
            commit: name,
            environments,
            services,
            ids,
            shard,
            adopt,
            rebind_catalog,
            gitops_paths,
            overrides,
            refresh,
        } = saved.selection.clone();
        let repository = Repository::discover()?;
        let now =
            name.as_ref().map_or_else(|| repository.head(), |name| repository.commit(name))?;
        saved.check_commit(name.as_deref().unwrap_or("HEAD"), &now.id())?;
        let unusable = |why: String| Failure::usage(why, "make a new plan");
        let parsed = |ids: Vec<String>| {
            ids.iter().map(|id| SecretId::parse(id)).collect::<Result<Vec<_>, _>>()
        };
        let shard = shard.map(|shard| shard.parse::<Shard>()).transpose().map_err(unusable)?;
        // What the flags ask for, asked of the file too: whoever wrote it need not have used them.
        if !overrides.is_empty() && ids.is_empty() {
            return Err(unusable("the saved plan overrides a gate, and names no ID".to_owned()));
        }
        let why =
            overrides.values().next().map(|text| reason(text)).transpose().map_err(unusable)?;
        if overrides.values().any(|text| Some(text) != why.as_ref()) {
            return Err(unusable("the saved plan overrides gates for several reasons".to_owned()));
        }
        let gates = overrides
            .keys()
            .map(|gate| Gate::parse(gate))
            .collect::<Result<Vec<_>, _>>()
            .map_err(unusable)?;
        Ok(Self {
            work_tree: false,
            commit: Some(now.id()),
            narrow: SelectionArgs { environments, services },
            ids: parsed(ids).map_err(unusable)?,
            overrides: gates,
            reason: why,
            shard: shard.map(ShardArg::Of),
            adopt: parsed(adopt).map_err(unusable)?,
            rebind_catalog,
            plain_folders: gitops_paths.into_iter().map(PathBuf::from).collect(),
            refresh,
            parallelism,
        })
    }

    pub(crate) fn parallelism(&self) -> Option<u16> {
        self.parallelism
    }

    /// The state of the catalog that is taken.
    pub(crate) fn snapshot(&self, repository: &Repository) -> Result<Snapshot, Failure> {
        Ok(match &self.commit {
            _ if self.work_tree => Snapshot::WorkTree,
            Some(commit) => repository.commit(commit)?,
            None => repository.head()?,
        })
    }

    /// Reads the catalog and validates it: None where it has errors, which are shown.
    pub(crate) fn read(&self, context: &Context) -> Result<Option<CheckedCatalog<'_>>, Failure> {
        let shard = self.shard.map(ShardArg::of_this_job).transpose()?;
        let repository = Repository::discover()?;
        let snapshot = self.snapshot(&repository)?;
        let project = context.open(&repository, snapshot)?;
        if !project.config.names_a_backend() {
            return Err(no_backend(&project, snapshot, context));
        }
        project.check_locations(&repository)?;
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
        self.check_ids(&catalog)?;
        if self.rebind_catalog && project.repository.is_none() {
            return Err(Failure::usage(
                "`--rebind-catalog`: this clone has no remote that says which repository it is",
                "add it with `git remote add origin URL`, or set `audit.remote` in goldenpath.yaml to its name",
            ));
        }
        if !self.work_tree && self.commit.is_none() {
            note_uncommitted(&repository, &project, context)?;
        }
        Ok(Some(CheckedCatalog { source: self, shard, project, catalog, findings, repository }))
    }

    fn overrides(&self) -> BTreeMap<Gate, String> {
        let reason = self.reason.clone().unwrap_or_default();
        self.overrides.iter().map(|gate| (*gate, reason.clone())).collect()
    }

    /// Refuses an ID that nobody asks for anything under: most likely it is misspelt.
    fn check_ids(&self, catalog: &Catalog) -> Result<(), Failure> {
        let selected =
            |id: &SecretId| catalog.requests().any(|one| one.id == *id && self.narrow.holds(one));
        for (flag, ids, help) in [
            ("--adopt", &self.adopt, "give the ID of a manifest whose secret exists already"),
            ("--id", &self.ids, "`goldenpath id list` shows who has which"),
        ] {
            if let Some(id) = ids.iter().find(|id| !selected(id)) {
                return Err(Failure::usage(
                    format!("`{flag} {id}`: no manifest of this ID is selected"),
                    help,
                ));
            }
        }
        Ok(())
    }
}

impl CheckedCatalog<'_> {
    /// Opens the stores and the GitOps working copies, and says where they are. What cannot be opened comes beside it.
    pub(crate) async fn world(
        &self,
        context: &Context,
    ) -> Result<(World<'_>, Vec<UnreadableAccount>), Failure> {
        let Self { source, project, catalog, repository, .. } = self;
        let environments = self.environments();
        let gitops = self.gitops(&environments, context)?;
        let (accounts, unseen) = Account::open(&project.config, &project.root, environments).await;
        let template = ProjectionTemplate::compile(
            project.template(repository, projection::TEMPLATE)?.as_deref(),
        )?;
        let options = Options {
            parallelism: source
                .parallelism
                .map_or(Parallelism::default(), |calls| Parallelism::of(calls.into())),
            refresh: source.refresh,
            adopt: source.adopt.iter().copied().collect(),
            rebind_catalog: source.rebind_catalog,
            overrides: source.overrides(),
            now: context.now,
        };
        let requested = self.requested();
        let world = World { project, catalog, template, accounts, gitops, requested, options };
        say_where(&world, self.shard, context);
        Ok((world, unseen))
    }

    /// Since when each manifest that asks for its secret's end does so, as the branch has it.
    fn requested(&self) -> BTreeMap<SecretId, Timestamp> {
        let asks = LifecycleStatus::DecommissionRequested;
        let asking =
            self.catalog.selected().filter_map(|entry| Some((entry.request()?, &entry.path)));
        let asking: Vec<_> = asking.filter(|(request, _)| request.status == asks).collect();
        let line = match self.catalog.snapshot {
            commit @ Snapshot::Commit(_) => Some(commit),
            _ => self.repository.head().ok(),
        };
        let paths = asking.iter().map(|(_, path)| (*path).clone());
        let had_it = |bytes: &[u8]| manifest::status_in(bytes) == Some(asks);
        let since =
            line.map(|line| self.repository.same_since(line, paths, had_it)).unwrap_or_default();
        asking
            .into_iter()
            .filter_map(|(request, path)| Some((request.id, *since.get(path)?)))
            .collect()
    }

    /// Opens the GitOps repositories of these environments, one for all whose projections go to the same place.
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

    /// Refuses a `gitops.path` that is not the root of a git work tree, unless it was named on the
    /// command line: files in such a folder could be read by another program, such as a shell that
    /// starts.
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
            // One that cannot be followed has an error of its own when it is opened.
            let Ok(path) = path.canonicalize() else { continue };
            let is_named =
                named.iter().any(|named| named.canonicalize().is_ok_and(|named| named == path));
            if path.is_dir() && !is_named && !WorkingCopy::is_root(&path) {
                let help = format!(
                    "name the root of the GitOps repository's working copy (in a submodule, `git submodule update --init` \
                     makes it one); to write into a plain folder, give `--gitops-path {}`",
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
                Failure::usage(message, "name a folder that exists")
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

    /// What apply would do in a world, with what could not be opened of it.
    pub(crate) async fn plan(
        &self,
        world: &World<'_>,
        unseen: Vec<UnreadableAccount>,
        context: &Context,
    ) -> Result<Plan, Failure> {
        let bar = context.streams.bar_begins();
        if let Some(bar) = &bar {
            bar.count("Secrets read:", 0);
        }
        let tell = |progress| match (&bar, progress) {
            (None, _) => {}
            (Some(bar), Progress::Read(secrets)) => bar.count("Secrets read:", secrets),
            (Some(bar), Progress::Looked { done, all }) => {
                bar.fill("Looking", done, all, String::new())
            }
        };
        let plan = reconcile::plan(world, |subject| self.holds(subject), &tell).await;
        context.streams.bar_ends();
        let mut plan = plan?;
        plan.unseen.splice(0..0, unseen);
        Ok(plan)
    }

    /// Whether the run is about this subject.
    fn holds(&self, subject: SecretSubject<'_>) -> bool {
        let PlanArgs { narrow, ids, .. } = self.source;
        narrow.holds_names(subject.environment, subject.service)
            && self.shard.is_none_or(|shard| shard.holds(subject.service))
            && (ids.is_empty() || subject.id.is_some_and(|id| ids.contains(&id)))
    }

    /// How many projections of the run differ from what the template of `base` gives, or have none
    /// by it.
    pub(crate) fn projections_that_differ(&self, base: &Project) -> Result<usize, Failure> {
        let template_of =
            |project: &Project| project.template(&self.repository, projection::TEMPLATE);
        let (own, before) = (template_of(&self.project)?, template_of(base)?);
        if own == before {
            return Ok(0);
        }
        let own = ProjectionTemplate::compile(own.as_deref())?;
        // The base's template may be one that is refused, and the change may replace it.
        let before = ProjectionTemplate::compile(before.as_deref()).ok();
        let mut differ = 0;
        for entry in self.catalog.selected() {
            let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
                continue;
            };
            if !self.holds(SecretSubject::of(request)) {
                continue;
            }
            let conceal = |text: &mut String| rules::conceal(entry, &self.project, [text]);
            let now = Projection::of(request, &self.project, &own)
                .map_err(|error| error.reworded(conceal))?;
            let then = before
                .as_ref()
                .and_then(|before| Projection::of(request, &self.project, before).ok());
            differ += usize::from(then.as_ref() != Some(&now));
        }
        Ok(differ)
    }

    /// Adds what judging the change has found to what is known of the catalog.
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

    /// What a run in this world records with.
    pub(crate) async fn recorder(&self, world: &World<'_>, plan: &Plan) -> Recorder<'_> {
        let mut callers = BTreeMap::new();
        for account in world.accounts.iter().filter(|_| plan.has_changes()) {
            if let Some(caller) = account.store.caller().await {
                callers.extend(
                    account
                        .environments
                        .iter()
                        .map(|environment| (environment.clone(), caller.clone())),
                );
            }
        }
        let source = format!("{} at {}", self.project.catalog_id, source_of(world));
        Recorder::new(&self.repository, &self.project.config.audit, source, callers)
    }

    /// The plan with all that it is bound to.
    pub(crate) async fn saved(&self, world: &World<'_>, plan: &Plan) -> Result<Saved, Failure> {
        let PlanArgs { commit, narrow, ids, adopt, rebind_catalog, plain_folders, refresh, .. } =
            self.source;
        let whole = |folder: &PathBuf| {
            let whole = folder.canonicalize();
            let whole = whole.map_err(|error| {
                Failure::io(&format!("`{}` cannot be followed", folder.display()), &error)
            })?;
            let text = whole.to_str().map(str::to_owned);
            let help = "give a folder whose path is UTF-8";
            text.ok_or_else(|| Failure::usage(format!("`{}` is not UTF-8", folder.display()), help))
        };
        let selection = Selected {
            commit: commit.clone(),
            environments: narrow.environments.clone(),
            services: narrow.services.clone(),
            ids: ids.iter().map(ToString::to_string).collect(),
            shard: self.shard.map(|shard| shard.to_string()),
            adopt: adopt.iter().map(ToString::to_string).collect(),
            rebind_catalog: *rebind_catalog,
            gitops_paths: plain_folders.iter().map(whole).collect::<Result<_, Failure>>()?,
            overrides: self
                .source
                .overrides()
                .iter()
                .map(|(gate, why)| (gate.to_string(), why.clone()))
                .collect(),
            refresh: *refresh,
        };
        let account = reconcile::digest(&reconcile::places(world).await?);
        Ok(Saved::of(plan, self.catalog.snapshot.id(), selection, self.configuration()?, account))
    }

    /// A digest of all that says how the catalog is read and what is made of it.
    pub(crate) fn configuration(&self) -> Result<String, Failure> {
        let texts = self.project.texts(&self.repository)?;
        let template = self.project.template(&self.repository, projection::TEMPLATE)?;
        Ok(reconcile::digest(&serde_json::json!([texts, template])))
    }

    /// The plan for a pull request's comment, by the governance table and the template of `base`,
    /// where a change is planned for.
    pub(crate) fn comment(
        &self,
        world: &World<'_>,
        plan: &Plan,
        findings: &[Finding],
        base: Option<&Project>,
    ) -> Result<String, Failure> {
        let rules = base.unwrap_or(&self.project);
        let template = rules.template(&self.repository, reconcile::PLAN_TEMPLATE)?;
        Ok(reconcile::for_a_comment(plan, findings, world, rules, template.as_deref())?)
    }

    /// The environments that the run is about: those with manifests, and those that are asked for by name. Where there
    /// are none, all that there could be, since what they once had may still be in the stores.
    fn environments(&self) -> BTreeSet<String> {
        let narrow = &self.source.narrow;
        let selected = self.catalog.requests().filter(|request| narrow.holds(request));
        let mut environments: BTreeSet<String> =
            selected.map(|request| request.environment.to_string()).collect();
        environments.extend(narrow.environments.iter().cloned());
        if environments.is_empty() {
            environments.extend(self.project.enums.environments.iter().cloned());
        }
        environments
    }

    /// Shows what is to be said before a plan: what validating the catalog found, and what the store told since. None
    /// where that has an error.
    pub(crate) fn warnings(
        &self,
        plan: &Plan,
        context: &Context,
    ) -> Result<Option<Vec<Finding>>, Failure> {
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

/// Which state of the catalog was taken.
pub(crate) fn source_of(world: &World<'_>) -> String {
    match world.catalog.snapshot {
        Snapshot::Commit(commit) => format!("commit {commit}"),
        other => other.to_string(),
    }
}

/// A reason that somebody can read two years later.
fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("say why".to_owned()),
        1..=500 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err("one line of at most 500 characters".to_owned()),
    }
}

/// Tells of the accounts that could not be looked at: true where that is all of them, so that there is no plan.
pub(crate) fn tell_unseen(world: &World<'_>, plan: &Plan, context: &Context) -> bool {
    for unseen in &plan.unseen {
        if world.accounts.len() > 1 || plan.unseen.len() > 1 {
            let place =
                unseen.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
            context.streams.talk(&format!("{}{place} cannot be looked at:", unseen.names()));
        }
        context.streams.error(&unseen.error);
    }
    let seen = |account: &Account| {
        !plan.unseen.iter().any(|unseen| unseen.environments == account.environments)
    };
    !plan.unseen.is_empty() && !world.accounts.iter().any(seen)
}

/// Says which catalog goes where.
fn say_where(world: &World<'_>, shard: Option<Shard>, context: &Context) {
    let of = |several: bool, environments: &BTreeSet<String>| match several {
        true => {
            format!(" ({})", environments.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        false => String::new(),
    };
    let World { project, catalog, accounts, gitops, .. } = world;
    context.streams.talk(&format!("Catalog  {} at {}", project.catalog_id, catalog.snapshot));
    if let Some(shard) = shard {
        context.streams.talk(&format!("Shard    {shard}, by service"));
    }
    for account in accounts {
        let environments = of(accounts.len() > 1, &account.environments);
        context.streams.talk(&format!("Store    {}{environments}", account.store.place()));
    }
    for (environments, target) in gitops {
        context.streams.talk(&format!(
            "GitOps   {}{}",
            target.place(),
            of(gitops.len() > 1, environments)
        ));
    }
    if gitops.is_empty() {
        context
            .streams
            .talk("GitOps   none: neither `gitops.path` nor `gitops.url` is set, so no ExternalSecrets are written");
    }
    context.streams.talk("");
}

/// Where projections go.
pub(crate) enum GitopsPlace {
    Folder(PathBuf),
    Remote(RemotePlace),
}

impl GitopsPlace {
    pub(crate) fn of(config: GitopsConfig, root: &Path) -> Option<Self> {
        match (config.path, config.url) {
            (Some(path), _) => Some(Self::Folder(root.join(path))),
            (None, Some(url)) => Some(Self::Remote(RemotePlace { url, branch: config.branch })),
            (None, None) => None,
        }
    }

    /// Opens it; a repository to push to is asked.
    pub(crate) fn open(
        &self,
        project: &Project,
        repository: &Repository,
        context: &Context,
    ) -> Result<Target, Failure> {
        match self {
            Self::Folder(path) => Ok(Target::Copy(WorkingCopy::open(path)?)),
            Self::Remote(place) => {
                let git = repository.program();
                warn_of_old_git(&git, context)?;
                let (protocols, memory) = (git.protocols()?, repository.memory());
                context.streams.glimpse("Asking the GitOps repository …");
                let remote = RemoteBranch::open(
                    "the GitOps repository",
                    place,
                    &project.root,
                    &memory,
                    protocols,
                );
                context.streams.progress_ends();
                Ok(Target::Remote(Box::new(RemoteRepository::new(
                    remote.map_err(GitopsError::from)?,
                ))))
            }
        }
    }

    /// Whether both lead to one place. A folder that is not there is told of when it is opened.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Remote(one), Self::Remote(other)) => one == other,
            (Self::Folder(one), Self::Folder(other)) => {
                match (one.canonicalize(), other.canonicalize()) {
                    (Ok(one), Ok(other)) => one == other,
                    _ => one == other,
                }
            }
            _ => false,
        }
    }
}

/// Warns, once a run, of a git that may run hooks of a repository that it only reads.
fn warn_of_old_git(git: &Git, context: &Context) -> Result<(), Failure> {
    let old = match git.version()? {
        Some(version) if version >= SAFE_VERSION => return Ok(()),
        Some(version) => format!("git {version} is older than {SAFE_VERSION}"),
        None => format!("git does not say whether it is older than {SAFE_VERSION}"),
    };
    context.streams.talk_once(&format!(
        "Warning: {old}: it may run hooks of a repository that it clones or fetches from (CVE-2024-32002, CVE-2024-32004, \
         CVE-2024-32465). Update git, unless your distribution has fixed these in its own version."
    ));
    Ok(())
}

pub(crate) fn is_applicable(findings: &[Finding]) -> bool {
    count(findings, Severity::Error) == 0
}

pub(crate) fn refuse(findings: &[Finding], catalog: &Catalog, context: &Context) {
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
pub(crate) fn block_on(
    work: impl Future<Output = Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Failure::io("the runtime for the store's calls cannot start", &error))?
        .block_on(work)
}

/// Says which of the files that decide what is done differ from what was read.
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
        context.streams.talk(&format!(
            "Note: uncommitted changes in {} are not part of this; --work-tree includes them.",
            changed.join(", ")
        ));
    }
    Ok(())
}

fn no_backend(project: &Project, snapshot: Snapshot, context: &Context) -> Failure {
    let message = "`store.backend` is not set, and goldenpath does not guess where secrets live";
    let only_on_disk = context.config.is_none()
        && snapshot != Snapshot::WorkTree
        && project.config_text.is_empty();
    match only_on_disk && project.root.join(FILE_NAME).exists() {
        true => Failure::usage(
            format!("{message}: {snapshot} has no {FILE_NAME}"),
            format!("commit {FILE_NAME}, or use `--work-tree` to read uncommitted files"),
        ),
        false => Failure::usage(
            message,
            format!(
                "set `store.backend` to `local` or `aws` in {FILE_NAME}; `goldenpath init` writes one"
            ),
        ),
    }
}
