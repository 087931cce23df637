//! `goldenpath value status`

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::secret::{WorkTreeCatalog, accounts};
use goldenpath_core::catalog::{Entry, Project};
use crate::args::filter::table_width;
use crate::args::plan::block_on;
use crate::cli::{Context, SelectionArgs, Outcome};
use crate::failure::Failure;
use goldenpath_core::manifest::{SecretId, SecretRequest, StoreKey};
use goldenpath_deploy::reconcile::{Account, ExpectedTags, SecretOwnership};
use goldenpath_core::rules;
use goldenpath_deploy::store::{SecretStore, StoreError, StoredSecret, ValueVersion};
use crate::output::table::{Cell, Column, table};
use goldenpath_core::sanitize::harmless_json;
use goldenpath_deploy::value::SecretValue;

/// How many secrets are looked at at once.
const AT_ONCE: usize = 16;

/// How long it is waited between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// Show which secrets have a value, with version, labels, age and last read
///
/// Without IDs, shows all secrets in use. Values are read only with --keys, for the names of their
/// keys.
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
    narrow: SelectionArgs,
    /// Show the names of keys; reads the values, which the store logs as access
    ///
    /// A value whose destination differs on the remote's default branch is not read.
    #[arg(long)]
    keys: bool,
    /// Wait until all have a value; exit with 1 after --timeout
    #[arg(long)]
    wait: bool,
    /// Limit the time to wait: 90s, 10m, 1h
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration, requires = "wait")]
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

/// A manifest in use, and its secret's name.
struct Wanted<'a> {
    entry: &'a Entry,
    request: &'a SecretRequest,
    key: &'a StoreKey,
}

/// Whether a value is read for the names of its keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Unasked,
    Read,
    /// The default branch has the value elsewhere: nothing is asked of the store.
    Refused,
}

/// How a secret's value stands.
struct ValueStatus<'a> {
    wanted: &'a Wanted<'a>,
    /// The names of the intent and of the secret, for showing: they may be made of what looks like a value in the manifest.
    name: String,
    target: String,
    state: ValueState,
    keys: Option<Result<Vec<String>, String>>,
}

enum ValueState {
    /// It cannot be asked, and why.
    Unknown(String),
    /// There is no secret.
    Missing,
    /// It is another catalog's, marked for deletion, or elsewhere on the default branch.
    Unfit(String),
    Awaiting,
    Valued {
        found: Box<StoredSecret>,
        versions: Vec<ValueVersion>,
    },
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let ground = WorkTreeCatalog::read(context)?;
    let wanted = args.wanted(&ground)?;
    let unread = if args.keys { elsewhere(&wanted, &ground, context)? } else { BTreeSet::new() };
    block_on(async {
        let environments = wanted.iter().map(|wanted| wanted.request.environment.to_string());
        let (accounts, unseen) = accounts(&ground, environments).await;
        for unseen in &unseen {
            context.streams.error(&unseen.error);
        }
        let keys_of = |wanted: &Wanted<'_>| match (args.keys, unread.contains(&wanted.request.id)) {
            (_, true) => Keys::Refused,
            (true, false) => Keys::Read,
            (false, false) => Keys::Unasked,
        };
        let (begun, mut waited) = (Instant::now(), false);
        loop {
            let mut looks = stream::iter(&wanted)
                .map(|wanted| look(wanted, &accounts, &ground, keys_of(wanted)))
                .buffered(AT_ONCE);
            // A second look is waited for with other words.
            let bar = if waited { None } else { context.streams.bar_begins() };
            let mut standings: Vec<ValueStatus<'_>> = Vec::new();
            while let Some(standing) = looks.next().await {
                standings.push(standing);
                if let Some(bar) = &bar {
                    bar.fill("Looking", standings.len(), wanted.len(), String::new());
                }
            }
            context.streams.bar_ends();
            let open = standings
                .iter()
                .filter(|standing| !matches!(standing.state, ValueState::Valued { .. }))
                .count();
            let waits = args.wait && open > 0 && begun.elapsed() < args.timeout;
            // What will not change by waiting is told at once.
            if !waits || standings.iter().any(|standing| standing.is_hopeless()) {
                context.streams.progress_ends();
                args.print(&standings, context);
                let is_unknown =
                    |standing: &ValueStatus<'_>| matches!(standing.state, ValueState::Unknown(_));
                let failed = !unread.is_empty() || standings.iter().any(is_unknown);
                return Ok(if failed || (args.wait && open > 0) {
                    Outcome::Failed
                } else {
                    Outcome::Done
                });
            }
            context
                .streams
                .progress(&format!("Waiting: {open} of {} without a value …", standings.len()));
            waited = true;
            tokio::time::sleep(PAUSE.min(args.timeout.saturating_sub(begun.elapsed()))).await;
        }
    })
}

/// Those of which the store is not asked, since the default branch has them elsewhere. Says why.
fn elsewhere(
    wanted: &[Wanted<'_>],
    ground: &WorkTreeCatalog,
    context: &Context,
) -> Result<BTreeSet<SecretId>, Failure> {
    let Some(base) = ground.base()? else { return Ok(BTreeSet::new()) };
    let mut unread = BTreeSet::new();
    for Wanted { entry, request, .. } in wanted {
        if let Err(refused) = base.check(&ground.repository, &ground.project, entry) {
            context.streams.error(refused.report());
            unread.insert(request.id);
        }
    }
    Ok(unread)
}

impl Args {
    fn wanted<'a>(&self, ground: &'a WorkTreeCatalog) -> Result<Vec<Wanted<'a>>, Failure> {
        let WorkTreeCatalog { project, catalog, .. } = ground;
        self.narrow.check(project, catalog)?;
        if !self.ids.is_empty() && !self.narrow.is_open() {
            return Err(Failure::usage(
                "IDs and a selection are given",
                "give either IDs, or --env and --service",
            ));
        }
        let of = |entry: &'a Entry| {
            let key =
                entry.manifest().and_then(|manifest| manifest.store_key.as_ref()?.as_ref().ok());
            Some(Wanted { entry, request: entry.request()?, key: key? })
        };
        if self.ids.is_empty() {
            let all = catalog.entries.iter().filter_map(of);
            let mut all: Vec<Wanted<'_>> = all
                .filter(|wanted| {
                    wanted.request.status.is_in_use() && self.narrow.holds(wanted.request)
                })
                .collect();
            all.sort_by_key(|wanted| wanted.request.id);
            return Ok(all);
        }
        let mut wanted = Vec::new();
        for id in &self.ids {
            let entry = catalog.find(id)?;
            let unreadable =
                || goldenpath_deploy::lifecycle::LifecycleError::Unreadable { path: entry.path.clone() };
            wanted.push(of(entry).ok_or_else(unreadable)?);
        }
        Ok(wanted)
    }

    fn print(&self, standings: &[ValueStatus<'_>], context: &Context) {
        let text = match self.format {
            Format::Json => {
                let secrets: Vec<Json> = standings.iter().map(ValueStatus::as_json).collect();
                let json = json!({ "version": 1, "secrets": secrets });
                format!("{}\n", harmless_json(&format!("{json:#}")))
            }
            Format::Text if standings.is_empty() => {
                return context.streams.talk("No secret that is in use is selected.");
            }
            Format::Text => self.table(standings, context),
        };
        context.streams.result(&text);
        for standing in standings {
            if let ValueState::Unknown(why) | ValueState::Unfit(why) = &standing.state {
                context.streams.talk(&format!("{}: {why}", standing.wanted.request.id));
            }
        }
        let awaiting: Vec<String> = standings
            .iter()
            .filter(|standing| matches!(standing.state, ValueState::Awaiting))
            .map(|standing| standing.wanted.request.id.to_string())
            .collect();
        if let Some(first) = awaiting.first() {
            let words = crate::output::findings::count_of(awaiting.len(), "secret");
            context.streams.talk(&format!(
                "{words} without a value; `goldenpath value set {first}` puts one in."
            ));
        }
    }

    fn table(&self, standings: &[ValueStatus<'_>], context: &Context) -> String {
        let column = |head, least, rank| Column { head, least, rank };
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
        let rows: Vec<Vec<Cell>> =
            standings.iter().map(|standing| standing.cells(self.keys, context)).collect();
        table(&columns, &rows, table_width(context), context.streams.out)
    }
}

/// Asks the store.
async fn look<'a>(
    wanted: &'a Wanted<'a>,
    accounts: &[Account],
    ground: &WorkTreeCatalog,
    keys: Keys,
) -> ValueStatus<'a> {
    let environment = wanted.request.environment.as_str();
    let account = accounts.iter().find(|account| account.environments.contains(environment));
    let conceal = |mut text: String| {
        rules::conceal(wanted.entry, &ground.project, [&mut text]);
        text
    };
    let (name, target) =
        (conceal(wanted.request.name.to_string()), conceal(wanted.key.to_string()));
    if keys == Keys::Refused {
        let state = ValueState::Unfit(
            "not asked: the default branch has no such secret, or has it elsewhere".to_owned(),
        );
        return ValueStatus { wanted, name, target, state, keys: None };
    }
    let Some(account) = account else {
        let state = ValueState::Unknown("its store cannot be opened".to_owned());
        return ValueStatus { wanted, name, target, state, keys: None };
    };
    let state = state_of(wanted, account, &ground.project).await;
    let state = state.unwrap_or_else(|error| ValueState::Unknown(conceal(error.to_string())));
    let keys = match &state {
        ValueState::Valued { .. } if keys == Keys::Read => {
            Some(match account.store.value(wanted.key).await {
                Ok(stored) => {
                    let value =
                        stored.and_then(|stored| stored.text.as_ref().and_then(SecretValue::stored));
                    let names =
                        value.map(|value| value.names().into_iter().map(str::to_owned).collect());
                    names.ok_or_else(|| "no JSON object".to_owned())
                }
                Err(error) => Err(conceal(error.to_string())),
            })
        }
        _ => None,
    };
    ValueStatus { wanted, name, target, state, keys }
}

async fn state_of(
    wanted: &Wanted<'_>,
    account: &Account,
    project: &Project,
) -> Result<ValueState, StoreError> {
    let Some(found) = account.store.describe(wanted.key).await? else { return Ok(ValueState::Missing) };
    let ownership = SecretOwnership::of(&found, &ExpectedTags::of(project, Some(wanted.request.id)));
    if let Some(whose) = ownership.stranger() {
        return Ok(ValueState::Unfit(whose));
    }
    if let Some(when) = found.deletion {
        return Ok(ValueState::Unfit(format!("marked for deletion, {}", day(when))));
    }
    if !found.has_value() {
        return Ok(ValueState::Awaiting);
    }
    let versions = account.store.versions(wanted.key).await?;
    Ok(ValueState::Valued { found: Box::new(found), versions })
}

impl ValueStatus<'_> {
    /// Whether waiting changes nothing.
    fn is_hopeless(&self) -> bool {
        matches!(self.state, ValueState::Unfit(_))
    }

    fn current(&self) -> Option<&ValueVersion> {
        match &self.state {
            ValueState::Valued { versions, .. } => versions.iter().find(|version| version.is_current()),
            _ => None,
        }
    }

    /// When the value was last read. The store tells it of the secret, or else of the version.
    fn last_read(&self) -> Option<Timestamp> {
        match &self.state {
            ValueState::Valued { found, .. } => {
                found.last_accessed.max(self.current().and_then(|version| version.last_accessed))
            }
            _ => None,
        }
    }

    fn words(&self) -> String {
        match &self.state {
            ValueState::Unknown(_) => "not known".to_owned(),
            ValueState::Missing => "no secret yet".to_owned(),
            ValueState::Unfit(_) => "none to use".to_owned(),
            ValueState::Awaiting => "awaiting a value".to_owned(),
            ValueState::Valued { .. } => "yes".to_owned(),
        }
    }

    fn cells(&self, keys: bool, context: &Context) -> Vec<Cell> {
        let look = context.streams.out;
        let Wanted { request, .. } = self.wanted;
        let style = match self.state {
            ValueState::Valued { .. } => look.style(),
            ValueState::Awaiting | ValueState::Missing => look.style().yellow(),
            ValueState::Unknown(_) | ValueState::Unfit(_) => look.style().red(),
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
                Ok(names) => names.join(" "),
                Err(why) => format!("not known: {why}"),
            })));
        }
        cells
    }

    fn as_json(&self) -> Json {
        let Wanted { request, .. } = self.wanted;
        let state = match &self.state {
            ValueState::Unknown(_) => "unknown",
            ValueState::Missing => "missing",
            ValueState::Unfit(_) => "unfit",
            ValueState::Awaiting => "awaiting",
            ValueState::Valued { .. } => "present",
        };
        let versions = match &self.state {
            ValueState::Valued { versions, .. } => versions.as_slice(),
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
            "since": self.current().and_then(|version| version.created).map(|time| time.to_string()),
            "lastAccessed": self.last_read().map(day),
            "versions": versions.collect::<Vec<_>>(),
            "keys": self.keys.as_ref().and_then(|keys| keys.as_ref().ok()),
        })
    }
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// `90s`, `10m`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "give seconds, minutes or hours, such as 90s, 10m or 1h";
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        _ => return Err(FORM.to_owned()),
    };
    let number = &text[..text.len() - 1];
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FORM.to_owned());
    }
    let seconds =
        number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or(FORM)?;
    if seconds > 7 * 24 * 3600 {
        Err("a week is the most".to_owned())
    } else {
        Ok(Duration::from_secs(seconds))
    }
}
