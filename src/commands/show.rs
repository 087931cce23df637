//! `goldenpath show`

use clap::ValueEnum;
use jiff::Timestamp;

use crate::args::audit_trail::read_events;
use crate::args::filter::{SnapshotArgs, table_width};
use crate::args::gitops_place::GitopsPlace;
use crate::args::named_secrets::choose;
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::secret_details::render_details;
use goldenpath_core::catalog::{Entry, Project, Selection};
use goldenpath_core::config::Reserve;
use goldenpath_core::ids::Allocator;
use goldenpath_core::manifest::{SecretId, SecretRequest};
use goldenpath_core::projection;
use goldenpath_core::projection::{Projection, ProjectionError, ProjectionTemplate};
use goldenpath_core::rules;
use goldenpath_core::rules::{ConsumerLosses, Finding, RuleSet, StoredState};
use goldenpath_core::sanitize::sanitize_json;
use goldenpath_core::trail::{AuditEvent, RecordedTimes};
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::gitops::FileState;
use goldenpath_deploy::inventory::{
    CatalogRow, Lookup, Projected, Reserved, SecretDetails, StartDates, Stored, StoredDetails,
};
use goldenpath_deploy::lifecycle::LifecycleError;
use goldenpath_deploy::reconcile::{
    Account, ExpectedTags, SecretOwnership, account_of_default_key, find_old_key,
    find_unrequested_policy, store_dates_of,
};
use goldenpath_deploy::store::SecretStore;

/// Show everything known about one secret
///
/// Shows the manifest in the work tree, the secret in the store, the ExternalSecret in the GitOps
/// repository, the reservation of the ID, due dates, recorded actions and the findings of
/// `validate`. A source that cannot be read is reported in its place. No value is ever read. The
/// exit code is 1 if a resource policy that the manifest does not ask for permits everyone.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("show":
    "Show a secret" => "goldenpath show SEC-0001",
    "Show only what git knows" => "goldenpath show SEC-0001 --offline",
    "Show a secret as of the main branch" => "goldenpath show SEC-0001 --ref origin/main",
))]
pub(crate) struct Args {
    /// The ID, such as SEC-0007 or sec-7, or the name [default: asks on a terminal]
    id: Option<String>,
    #[command(flatten)]
    at: SnapshotArgs,
    /// Query no store, GitOps repository or remote
    #[arg(long)]
    offline: bool,
    /// Set how to print the secret
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// The manifest that is shown, with its repository and project.
struct ShownSecret<'a> {
    repository: &'a Repository,
    project: &'a Project,
    entry: &'a Entry,
    request: &'a SecretRequest,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (repository, snapshot, project) = args.at.open(context)?;
    if !args.offline {
        project.check_locations(&repository)?;
    }
    let rules = RuleSet::of(&project)?;
    let mut checked = rules.read(&repository, snapshot, &Selection::All, None)?;
    let tip =
        if snapshot == Snapshot::WorkTree { repository.last_commit()? } else { Some(snapshot) };
    let mut events = read_events(&repository, &project, args.offline, context)?;
    let recorded = RecordedTimes::of(&events);
    if let Some(tip) = tip {
        let first = Some(&recorded.first);
        rules.find_expired(&mut checked, &repository, tip, first, context.now)?;
    }
    let (catalog, mut findings) = rules.finish(checked)?;
    let word = match &args.id {
        Some(word) => word.clone(),
        None => choose(&catalog, context)?,
    };
    let entry = catalog.find(&word).map_err(|error| match removed(&word, &events) {
        Some(id) => Failure::usage(
            format!("the manifest of {id} was removed"),
            format!("run `goldenpath audit show {id}` to see its history"),
        ),
        None => error.into(),
    })?;
    let unreadable = || LifecycleError::Unreadable { path: entry.path.clone() };
    let request = entry.request().ok_or_else(unreadable)?;
    let row = CatalogRow::of(entry, &project).ok_or_else(unreadable)?;
    let subject = ShownSecret { repository: &repository, project: &project, entry, request };
    let mut start_dates = tip
        .map(|tip| {
            let is_shown = |one: &SecretRequest| one.id == request.id;
            StartDates::of(&repository, &project, &catalog, tip, recorded, is_shown)
        })
        .transpose()?
        .unwrap_or_default();

    events.retain(|event| event.id == request.id);
    block_on(async {
        let (mut store, mut gitops, mut reservation) =
            (Lookup::NotQueried, Lookup::NotQueried, Lookup::NotQueried);
        if !args.offline {
            context
                .streams
                .brief_progress("Reading the store, the GitOps repository and the remote …");
            store = subject.read_stored(context.now).await;
            let projected = subject.read_projected(subject.awaits_value(&store), context);
            reservation = subject.read_reserved();
            context.streams.end_progress();
            gitops = projected?;
        }
        let mut outcome = Outcome::Done;
        if let Lookup::Answer(Stored { found: Some(found), .. }) = &store
            && found.foreign_reason.is_none()
        {
            start_dates.store_dates.insert(request.id, found.dates);
            let state = stored_state(request.id, found, context.now);
            if state.policies.values().any(|policy| policy.is_public) {
                outcome = Outcome::Failed;
            }
            rules.check_stored(&mut findings, &catalog, &state);
        }
        let is_committed = match snapshot {
            Snapshot::WorkTree if tip.is_some() => Some(!repository.has_uncommitted(&entry.path)?),
            _ => None,
        };
        let details = SecretDetails {
            row,
            now: context.now,
            is_committed,
            catalogued: start_dates.catalogued(request.id),
            dates: start_dates.due_dates(request, &entry.path, &project),
            store,
            gitops,
            reservation,
            trail: events,
            findings: findings
                .into_iter()
                .filter(|finding: &Finding| finding.path == entry.path)
                .collect(),
        };
        context.streams.result(&match args.format {
            Format::Text => render_details(&details, table_width(context), context.streams.out),
            Format::Json => format!("{}\n", sanitize_json(&format!("{:#}", details.as_json()))),
        });
        Ok(outcome)
    })
}

/// Returns the ID that `word` is, if only the audit trail has it.
fn removed(word: &str, events: &[AuditEvent]) -> Option<SecretId> {
    let id = SecretId::parse_typed(word).ok()?;
    events.iter().any(|event| event.id == id).then_some(id)
}

/// Returns the state of one secret, for the rules.
fn stored_state(id: SecretId, found: &StoredDetails, now: Timestamp) -> StoredState {
    let old_key = found.old_key.as_ref().ok().cloned().flatten();
    let policy = found.policy.as_ref().ok().cloned().flatten();
    let account = found.account_of_default_key.clone();
    StoredState {
        now,
        renewals: found.dates.renewal.map(|renewal| (id, renewal)).into_iter().collect(),
        losses: ConsumerLosses::new(),
        default_keys: account.map(|account| (id, account)).into_iter().collect(),
        old_keys: old_key.map(|old| (id, old)).into_iter().collect(),
        policies: policy.map(|policy| (id, policy)).into_iter().collect(),
    }
}

impl ShownSecret<'_> {
    fn redact(&self, mut text: String) -> String {
        rules::redact_texts(self.entry, self.project, [&mut text]);
        text
    }

    /// Returns the secret in its store.
    async fn read_stored(&self, now: Timestamp) -> Lookup<Stored> {
        let key =
            self.entry.manifest().and_then(|manifest| manifest.store_key.as_ref()?.as_ref().ok());
        let Some(key) = key else {
            return Lookup::Unavailable("the manifest has no store key".to_owned());
        };
        let environment = self.request.environment.to_string();
        if self.project.config.store_of(&environment).backend.is_none() {
            return Lookup::Unavailable("none: `store.backend` is not set".to_owned());
        }
        let opened =
            Account::open(&self.project.config, &self.project.root, [environment].into()).await;
        let (accounts, unreadable_accounts) = match opened {
            Ok(opened) => opened,
            Err(error) => return Lookup::Failed(self.redact(error.to_string())),
        };
        if let Some(account) = unreadable_accounts.first() {
            return Lookup::Failed(self.redact(account.error.to_string()));
        }
        let Some(account) = accounts.first() else { return Lookup::NotQueried };
        let found = match account.store.describe(key).await {
            Ok(found) => found,
            Err(error) => return Lookup::Failed(self.redact(error.to_string())),
        };
        let Some(found) = found else {
            return Lookup::Answer(Stored { place: account.store.place(), found: None });
        };
        let foreign_reason =
            SecretOwnership::of(&found, &ExpectedTags::of(self.project, Some(self.request.id)))
                .foreign_reason();
        let config = &self.project.config;
        let environment = self.request.environment.as_str();
        let wanted = config.store_of(environment).kms_key_id;
        // AWS rejects calls for a secret that is marked for deletion.
        let is_readable = foreign_reason.is_none() && found.deletion.is_none();
        let old_key = match &wanted {
            Some(wanted) if is_readable && found.has_value() => {
                let old_key = find_old_key(&account.store, key, Some(wanted)).await;
                old_key.map_err(|error| self.redact(error.to_string()))
            }
            _ => Ok(None),
        };
        let policy = if is_readable && self.request.principals.is_none() {
            let policy = account.store.policy(key).await;
            policy
                .map(|policy| find_unrequested_policy(policy.as_deref()))
                .map_err(|error| self.redact(error.to_string()))
        } else {
            Ok(None)
        };
        let found = StoredDetails {
            account_of_default_key: account_of_default_key(config, self.request, Some(&found)),
            old_key,
            policy,
            dates: store_dates_of(&found, now),
            has_value: found.has_value(),
            deletion: found.deletion,
            last_changed: found.last_changed,
            last_rotated: found.last_rotated,
            foreign_reason,
            replicas: found.replicas,
        };
        Lookup::Answer(Stored { place: account.store.place(), found: Some(found) })
    }

    /// Returns whether a missing projection is held back until the secret has a value.
    fn awaits_value(&self, store: &Lookup<Stored>) -> bool {
        let has_value = match store {
            Lookup::Answer(stored) => stored.found.as_ref().is_some_and(|found| found.has_value),
            _ => true,
        };
        let environment = self.request.environment.as_str();
        self.project.config.external_secret_of(environment).wait_for_value && !has_value
    }

    /// Returns the projection in the GitOps repository.
    fn read_projected(&self, waits: bool, context: &Context) -> Result<Lookup<Projected>, Failure> {
        let config = self.project.config.gitops_of(self.request.environment.as_str());
        let Some(place) = GitopsPlace::of(config, &self.project.root) else {
            return Ok(Lookup::Unavailable(
                "none: neither `gitops.path` nor `gitops.url` is set".to_owned(),
            ));
        };
        let own_template = self.project.template(self.repository, projection::TEMPLATE)?;
        let template = ProjectionTemplate::compile(own_template.as_deref());
        let projection = template.map_err(ProjectionError::from);
        let projection =
            projection.and_then(|template| Projection::of(self.request, self.project, &template));
        let projection = match projection {
            Ok(projection) => projection,
            Err(error) => {
                return Ok(Lookup::Failed(self.redact(error.to_string().replace('\n', " "))));
            }
        };
        let target = match place.open(self.project, self.repository, context) {
            Ok(target) => target,
            Err(error) => return Ok(Lookup::Failed(error.report().to_string())),
        };
        let state = match target.state(&projection) {
            Ok(state) => state,
            Err(error) => return Ok(Lookup::Failed(self.redact(error.to_string()))),
        };
        let is_gone = !self.request.status.is_in_use();
        let (state, words) = match state {
            FileState::Current => ("current", "up to date".to_owned()),
            FileState::Missing if is_gone => ("missing", "removed, as requested".to_owned()),
            FileState::Missing if waits => {
                ("missing", "held back until the secret has a value".to_owned())
            }
            FileState::Missing => ("missing", "the file does not exist".to_owned()),
            FileState::Outdated | FileState::Retyped(_) => {
                ("outdated", "the file is out of date with the manifest".to_owned())
            }
            FileState::Uncommitted => {
                ("uncommitted", "the file is written but not committed".to_owned())
            }
            FileState::Unlisted => {
                ("unlisted", "the kustomization of its folder does not list it".to_owned())
            }
            FileState::Foreign(why) => ("foreign", format!("another file has this path: {why}")),
            FileState::Unlistable(why) => ("unlistable", why),
        };
        let file = self.redact(projection.file);
        Ok(Lookup::Answer(Projected {
            place: target.place(),
            file,
            state,
            words: self.redact(words),
        }))
    }

    /// Returns the reservation of the ID on the remote.
    fn read_reserved(&self) -> Lookup<Reserved> {
        let config = &self.project.config;
        if config.ids.reserve == Reserve::Never {
            return Lookup::NotQueried;
        }
        let remote = match Allocator::of(self.repository, config, None).remote() {
            Ok(Some(remote)) => remote,
            Ok(None) => return Lookup::NotQueried,
            Err(error) => return Lookup::Failed(error.to_string()),
        };
        match remote.reservation(self.request.id) {
            Ok(reservation) => Lookup::Answer(Reserved {
                remote: remote.name.clone(),
                is_reserved: reservation.is_some(),
                by: reservation.flatten(),
            }),
            Err(error) => Lookup::Failed(error.to_string()),
        }
    }
}
