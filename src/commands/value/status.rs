//! `goldenpath value status`

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::secret::{WorkTreeCatalog, open_accounts};
use crate::args::duration::parse_duration;
use crate::args::filter::table_width;
use crate::args::selection::SelectionArgs;
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::findings::count_of;
use crate::output::table::{Cell, Column, table};
use goldenpath_core::catalog::{Entry, Project};
use goldenpath_core::manifest::{SecretId, SecretRequest, StoreKey};
use goldenpath_core::rules;
use goldenpath_core::sanitize::sanitize_json;
use goldenpath_deploy::lifecycle::LifecycleError;
use goldenpath_deploy::reconcile::{Account, ExpectedTags, SecretOwnership};
use goldenpath_deploy::store::{SecretStore, StoreError, StoredSecret, ValueVersion};
use goldenpath_deploy::value::SecretValue;

/// How many secrets are read concurrently.
const PARALLELISM: usize = 16;

/// The pause between two reads with `--wait`.
const PAUSE: Duration = Duration::from_secs(2);

/// Show which secrets have a value, with version, labels, age and last read
///
/// Without IDs, shows all secrets in use. Values are read only with --keys, for the names of their
/// keys; a value that is not a JSON object is reported with what the operator does with it.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("value":
    "Show all secrets in use" => "goldenpath value status",
    "Show the names of a value's keys" => "goldenpath value status SEC-0001 --keys",
    "Wait until a service's secrets have values" =>
        "goldenpath value status --service payments --wait --timeout 30m",
))]
pub(crate) struct Args {
    /// The IDs, such as SEC-0007
    ids: Vec<String>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Show the names of keys; reads the values, which the store logs as access
    ///
    /// With IDs, the values of unmanaged secrets too, before they are adopted. A value whose
    /// destination differs on the remote's default branch is not read, nor is a text
    /// (`value.format: text`), whose key is in the manifest.
    #[arg(long)]
    keys: bool,
    /// Wait until all have a value; exit with 1 after --timeout
    #[arg(long)]
    wait: bool,
    /// Limit the time to wait: 90s, 10m, 1h
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10m",
        value_parser = parse_duration,
        requires = "wait"
    )]
    timeout: Duration,
    /// Set how to print the status
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A table, cut to the terminal's width
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// A manifest in use, and its secret's key in the store.
struct SelectedSecret<'a> {
    entry: &'a Entry,
    request: &'a SecretRequest,
    key: &'a StoreKey,
}

/// Whether a value is read for the names of its keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyAccess {
    NotRequested,
    Read,
    /// As [`Self::Read`], of an unmanaged secret too.
    ReadUnmanaged,
    /// The destination differs on the default branch: the store is not queried.
    Rejected,
}

/// The state of a secret's value.
struct ValueStatus<'a> {
    secret: &'a SelectedSecret<'a>,
    /// The name and the store key, with parts masked that look like a value in the manifest.
    name: String,
    target: String,
    state: ValueState,
    /// `None` if they were not requested, or there is no value.
    keys: Option<ValueKeys>,
}

/// The keys that the Kubernetes Secret gets from a value.
enum ValueKeys {
    Names(Vec<String>),
    /// The operator's `dataFrom.extract` fails.
    NotAnObject,
    /// The value cannot be read, with the reason.
    Unread(String),
}

enum ValueState {
    /// The store cannot be queried, with the reason.
    Unknown(String),
    /// The secret does not exist.
    Missing,
    /// It is unmanaged, marked for deletion, or has another destination on the default branch.
    Unfit(String),
    Awaiting,
    Present {
        found: Box<StoredSecret>,
        versions: Vec<ValueVersion>,
    },
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let catalog = WorkTreeCatalog::read(context)?;
    let secrets = args.select(&catalog)?;
    let rejected =
        if args.keys { check_destinations(&secrets, &catalog, context)? } else { BTreeSet::new() };
    block_on(async {
        // Nothing is sent for a secret with another destination than the default branch says.
        let asked = secrets.iter().filter(|secret| !rejected.contains(&secret.request.id));
        let environments = asked.map(|secret| secret.request.environment.to_string());
        let (accounts, unreadable) = open_accounts(&catalog, environments).await?;
        for account in &unreadable {
            context.streams.error(&account.error);
        }
        let access_of = |secret: &SelectedSecret<'_>| {
            if rejected.contains(&secret.request.id) {
                KeyAccess::Rejected
            } else if args.keys && !args.ids.is_empty() {
                KeyAccess::ReadUnmanaged
            } else if args.keys {
                KeyAccess::Read
            } else {
                KeyAccess::NotRequested
            }
        };
        let (start, mut has_waited) = (Instant::now(), false);
        loop {
            let mut reads = stream::iter(&secrets)
                .map(|secret| read_status(secret, &accounts, &catalog, access_of(secret)))
                .buffered(PARALLELISM);
            // Later rounds show a line about waiting instead of a bar.
            let bar = if has_waited { None } else { context.streams.start_bar() };
            let mut rows: Vec<ValueStatus<'_>> = Vec::new();
            while let Some(row) = reads.next().await {
                rows.push(row);
                if let Some(bar) = &bar {
                    bar.fill("Reading", rows.len(), secrets.len(), String::new());
                }
            }
            context.streams.end_bar();
            let is_open = |row: &&ValueStatus<'_>| !matches!(row.state, ValueState::Present { .. });
            let open = rows.iter().filter(is_open).count();
            let waits = args.wait && open > 0 && start.elapsed() < args.timeout;
            // A state that waiting cannot change is printed at once.
            if !waits || rows.iter().any(ValueStatus::is_final) {
                context.streams.end_progress();
                args.print(&rows, context);
                let is_unknown =
                    |row: &ValueStatus<'_>| matches!(row.state, ValueState::Unknown(_));
                let failed = !rejected.is_empty() || rows.iter().any(is_unknown);
                return Ok(if failed || (args.wait && open > 0) {
                    Outcome::Failed
                } else {
                    Outcome::Done
                });
            }
            context
                .streams
                .progress(&format!("Waiting: {open} of {} without a value …", rows.len()));
            has_waited = true;
            tokio::time::sleep(PAUSE.min(args.timeout.saturating_sub(start.elapsed()))).await;
        }
    })
}

/// Returns the secrets with another destination on the default branch, after printing why.
fn check_destinations(
    secrets: &[SelectedSecret<'_>],
    catalog: &WorkTreeCatalog,
    context: &Context,
) -> Result<BTreeSet<SecretId>, Failure> {
    let Some(base) = catalog.base()? else { return Ok(BTreeSet::new()) };
    let mut rejected = BTreeSet::new();
    for SelectedSecret { entry, request, .. } in secrets {
        if let Err(failure) = base.check(&catalog.repository, &catalog.project, entry) {
            context.streams.error(failure.report());
            rejected.insert(request.id);
        }
    }
    Ok(rejected)
}

impl Args {
    /// Returns the secrets of the IDs or the selection, or else all that are in use.
    fn select<'a>(
        &self,
        work_tree: &'a WorkTreeCatalog,
    ) -> Result<Vec<SelectedSecret<'a>>, Failure> {
        let WorkTreeCatalog { project, catalog, .. } = work_tree;
        self.selection.check(project, catalog)?;
        if !self.ids.is_empty() && !self.selection.is_open() {
            return Err(Failure::usage(
                "IDs and a selection are given",
                "give either IDs, or --env and --service",
            ));
        }
        let of = |entry: &'a Entry| {
            let key =
                entry.manifest().and_then(|manifest| manifest.store_key.as_ref()?.as_ref().ok());
            Some(SelectedSecret { entry, request: entry.request()?, key: key? })
        };
        if self.ids.is_empty() {
            let all = catalog.entries.iter().filter_map(of);
            let mut all: Vec<SelectedSecret<'_>> = all
                .filter(|secret| {
                    secret.request.status.is_in_use() && self.selection.selects(secret.request)
                })
                .collect();
            all.sort_by_key(|secret| secret.request.id);
            return Ok(all);
        }
        let mut secrets = Vec::new();
        for id in &self.ids {
            let entry = catalog.find(id)?;
            let unreadable = || LifecycleError::Unreadable { path: entry.path.clone() };
            secrets.push(of(entry).ok_or_else(unreadable)?);
        }
        Ok(secrets)
    }

    fn print(&self, rows: &[ValueStatus<'_>], context: &Context) {
        let text = match self.format {
            Format::Json => {
                let secrets: Vec<Json> = rows.iter().map(ValueStatus::as_json).collect();
                let json = json!({ "version": 1, "secrets": secrets });
                format!("{}\n", sanitize_json(&format!("{json:#}")))
            }
            Format::Text if rows.is_empty() => {
                return context.streams.message("No secret in use is selected.");
            }
            Format::Text => self.table(rows, context),
        };
        context.streams.result(&text);
        for row in rows {
            if let ValueState::Unknown(why) | ValueState::Unfit(why) = &row.state {
                context.streams.message(&format!("{}: {why}", row.secret.request.id));
            }
            if let Some(ValueKeys::NotAnObject) = row.keys {
                let id = row.secret.request.id;
                context.streams.message(&format!("{id}: {}", row.not_an_object()));
            }
        }
        let awaiting: Vec<String> = rows
            .iter()
            .filter(|row| matches!(row.state, ValueState::Awaiting))
            .map(|row| row.secret.request.id.to_string())
            .collect();
        if let Some(first) = awaiting.first() {
            let secrets = count_of(awaiting.len(), "secret");
            context
                .streams
                .message(&format!("{secrets} without a value. Next: goldenpath value set {first}"));
        }
    }

    fn table(&self, rows: &[ValueStatus<'_>], context: &Context) -> String {
        let column = |head, min_width, rank| Column { head, min_width, rank };
        let mut columns = vec![
            column("ID", None, 0),
            column("NAME", Some(12), 2),
            column("ENV", Some(4), 1),
            column("VALUE", Some(16), 0),
            column("SINCE", None, 0),
            column("VERSION", Some(8), 3),
            column("LABELS", Some(10), 4),
            column("LAST READ", None, 5),
        ];
        if self.keys {
            columns.push(column("KEYS", Some(12), 0));
        }
        let rows: Vec<Vec<Cell>> = rows.iter().map(|row| row.cells(self.keys, context)).collect();
        table(&columns, &rows, table_width(context), context.streams.out)
    }
}

/// Reads the state of one value from its store.
async fn read_status<'a>(
    secret: &'a SelectedSecret<'a>,
    accounts: &[Account],
    catalog: &WorkTreeCatalog,
    access: KeyAccess,
) -> ValueStatus<'a> {
    let environment = secret.request.environment.as_str();
    let account = accounts.iter().find(|account| account.environments.contains(environment));
    let redact = |mut text: String| {
        rules::redact_texts(secret.entry, &catalog.project, [&mut text]);
        text
    };
    let (name, target) = (redact(secret.request.name.to_string()), redact(secret.key.to_string()));
    if access == KeyAccess::Rejected {
        let state = ValueState::Unfit(
            "not read: the default branch has no such secret, or another destination".to_owned(),
        );
        return ValueStatus { secret, name, target, state, keys: None };
    }
    let Some(account) = account else {
        let state = ValueState::Unknown("cannot open its store".to_owned());
        return ValueStatus { secret, name, target, state, keys: None };
    };
    let state = state_of(secret, account, &catalog.project).await;
    let (state, ownership) =
        state.unwrap_or_else(|error| (ValueState::Unknown(redact(error.to_string())), None));
    let is_read = match (&state, access) {
        (ValueState::Present { .. }, KeyAccess::Read | KeyAccess::ReadUnmanaged) => true,
        (ValueState::Unfit(_), KeyAccess::ReadUnmanaged) => {
            ownership == Some(SecretOwnership::Unmanaged)
        }
        _ => false,
    };
    let keys = if is_read { keys_of(secret, account, redact).await } else { None };
    ValueStatus { secret, name, target, state, keys }
}

/// Returns the keys that the Kubernetes Secret gets from the value; None without a value.
async fn keys_of(
    secret: &SelectedSecret<'_>,
    account: &Account,
    redact: impl Fn(String) -> String,
) -> Option<ValueKeys> {
    if let Some(key) = secret.request.value_format.text_key() {
        return Some(ValueKeys::Names(vec![redact(key.to_owned())]));
    }
    match account.store.value(secret.key).await {
        Ok(stored) => Some(match stored?.text {
            Some(text) => {
                SecretValue::extracted_keys(&text).map_or(ValueKeys::NotAnObject, ValueKeys::Names)
            }
            None => ValueKeys::Unread(
                "the value is binary (SecretBinary), and the operator extracts keys from it only \
                 if its bytes are a JSON object"
                    .to_owned(),
            ),
        }),
        Err(error) => Some(ValueKeys::Unread(redact(error.to_string()))),
    }
}

/// Returns the state of a value; with the owner of the secret, if it was found.
async fn state_of(
    secret: &SelectedSecret<'_>,
    account: &Account,
    project: &Project,
) -> Result<(ValueState, Option<SecretOwnership>), StoreError> {
    let Some(found) = account.store.describe(secret.key).await? else {
        return Ok((ValueState::Missing, None));
    };
    let ownership =
        SecretOwnership::of(&found, &ExpectedTags::of(project, Some(secret.request.id)));
    let state = if let Some(when) = found.deletion {
        let reason = format!("marked for deletion, {}", day(when));
        // The value of a marked secret cannot be read.
        return Ok((ValueState::Unfit(ownership.foreign_reason().unwrap_or(reason)), None));
    } else if let Some(reason) = ownership.foreign_reason() {
        ValueState::Unfit(reason)
    } else if found.has_value() {
        let versions = account.store.versions(secret.key).await?;
        ValueState::Present { found: Box::new(found), versions }
    } else {
        ValueState::Awaiting
    };
    Ok((state, Some(ownership)))
}

impl ValueStatus<'_> {
    /// Returns what the operator does with a value that is not a JSON object, and the remedy.
    fn not_an_object(&self) -> String {
        format!(
            "the value is not a JSON object: the operator cannot extract keys from it \
             (dataFrom.extract), and the ExternalSecret does not become Ready; set `value.format: \
             text` in {}, which projects the value under one key, or replace the value with \
             `goldenpath value set {} --replace`",
            self.secret.entry.path, self.secret.request.id
        )
    }

    /// Returns whether waiting cannot change the state.
    fn is_final(&self) -> bool {
        matches!(self.state, ValueState::Unfit(_))
    }

    fn current(&self) -> Option<&ValueVersion> {
        match &self.state {
            ValueState::Present { versions, .. } => {
                versions.iter().find(|version| version.is_current())
            }
            _ => None,
        }
    }

    /// Returns when the value was last read, by the dates of the secret and its version.
    fn last_read(&self) -> Option<Timestamp> {
        match &self.state {
            ValueState::Present { found, .. } => {
                found.last_accessed.max(self.current().and_then(|version| version.last_accessed))
            }
            _ => None,
        }
    }

    fn words(&self) -> String {
        match &self.state {
            ValueState::Unknown(_) => "unknown".to_owned(),
            ValueState::Missing => "no secret yet".to_owned(),
            ValueState::Unfit(_) => "not usable".to_owned(),
            ValueState::Awaiting => "awaiting a value".to_owned(),
            ValueState::Present { .. } => "yes".to_owned(),
        }
    }

    fn cells(&self, keys: bool, context: &Context) -> Vec<Cell> {
        let terminal = context.streams.out;
        let SelectedSecret { request, .. } = self.secret;
        let style = match self.state {
            ValueState::Present { .. } => terminal.style(),
            ValueState::Awaiting | ValueState::Missing => terminal.style().yellow(),
            ValueState::Unknown(_) | ValueState::Unfit(_) => terminal.style().red(),
        };
        let current = self.current();
        let or_dash = |text: Option<String>| Cell::plain(&text.unwrap_or_else(|| "-".to_owned()));
        let mut cells = vec![
            Cell::plain(&request.id.to_string()),
            Cell::plain(&self.name),
            Cell::plain(request.environment.as_str()),
            Cell::styled(&self.words(), style),
            or_dash(current.and_then(|version| version.created).map(day)),
            or_dash(current.map(|version| version.id.chars().take(8).collect())),
            or_dash(current.map(|version| version.stages.join(" "))),
            or_dash(self.last_read().map(day)),
        ];
        if keys {
            cells.push(or_dash(self.keys.as_ref().map(|keys| match keys {
                ValueKeys::Names(names) => names.join(" "),
                ValueKeys::NotAnObject => "not a JSON object".to_owned(),
                ValueKeys::Unread(why) => format!("unknown: {why}"),
            })));
        }
        cells
    }

    fn as_json(&self) -> Json {
        let SelectedSecret { request, .. } = self.secret;
        let state = match &self.state {
            ValueState::Unknown(_) => "unknown",
            ValueState::Missing => "missing",
            ValueState::Unfit(_) => "unfit",
            ValueState::Awaiting => "awaiting",
            ValueState::Present { .. } => "present",
        };
        let versions = match &self.state {
            ValueState::Present { versions, .. } => versions.as_slice(),
            _ => &[],
        };
        let versions = versions.iter().map(|version| {
            json!({
                "id": version.id,
                "stages": version.stages,
                "created": version.created.map(|time| time.to_string()),
                "lastAccessed": version.last_accessed.map(day),
            })
        });
        json!({
            "id": request.id,
            "environment": request.environment,
            "target": self.target,
            "value": state,
            "message": match &self.state {
                ValueState::Unknown(why) | ValueState::Unfit(why) => why.clone(),
                _ => self.words(),
            },
            "version": self.current().map(|version| &version.id),
            "since": self
                .current()
                .and_then(|version| version.created)
                .map(|time| time.to_string()),
            "lastAccessed": self.last_read().map(day),
            "versions": versions.collect::<Vec<_>>(),
            "format": request.value_format.name(),
            "keys": match &self.keys {
                Some(ValueKeys::Names(names)) => Some(names),
                Some(ValueKeys::NotAnObject | ValueKeys::Unread(_)) | None => None,
            },
            "keysMessage": match &self.keys {
                Some(ValueKeys::NotAnObject) => Some(self.not_an_object()),
                Some(ValueKeys::Unread(why)) => Some(why.clone()),
                Some(ValueKeys::Names(_)) | None => None,
            },
        })
    }
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}
