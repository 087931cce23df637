//! The change of a value: its diff by key, the confirmation, the new version and its record.

use std::future::Future;

use jiff::Timestamp;
use secrecy::SecretString;

use super::secret::ValueTarget;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::outcome::Outcome;
use crate::output::progress::report_record;
use crate::output::table::{Cell, Column, table};
use crate::prompt::{PromptError, Prompter};
use goldenpath_core::manifest::ValueFormat;
use goldenpath_deploy::audit::RecordedAction;
use goldenpath_deploy::reconcile::{ValueChangeEvent, change_value};
use goldenpath_deploy::store::{SecretStore, StoreError};
use goldenpath_deploy::value;
use goldenpath_deploy::value::{SecretValue, ValueKeyChange};

/// The confirmation before a value is written.
pub(crate) struct Confirmation {
    prompter: Option<Prompter>,
}

/// The value to write.
pub(crate) struct ValueChange {
    /// Where the value comes from, in the audit trail; `None` if it is new.
    pub(crate) origin: Option<ValueOrigin>,
    /// The action in the audit trail.
    pub(crate) action: &'static str,
    pub(crate) value: SecretValue,
    pub(crate) key_changes: Vec<(String, ValueKeyChange)>,
    /// The version it replaces; `None` for a first value.
    pub(crate) replaces: Option<String>,
}

/// The source of a copied value.
pub(crate) struct ValueOrigin {
    /// The secret and its version, as a clause.
    pub(crate) name: String,
    /// The reason of `--reason`.
    pub(crate) reason: Option<String>,
    /// The time of the value, from which its rotation counts.
    pub(crate) since: Timestamp,
}

/// The value before a change.
pub(crate) struct PreviousValue {
    /// `None` if there is no value.
    pub(crate) version: Option<String>,
    /// `None` if it was not read.
    pub(crate) value: Option<SecretValue>,
}

impl Confirmation {
    /// Returns the prompter, or nothing with `--yes`.
    ///
    /// # Errors
    /// There is neither a terminal nor `--yes`.
    pub(crate) fn new(yes: bool, context: &Context) -> Result<Self, Failure> {
        interrupt::listen();
        let prompter = if yes { None } else { Prompter::on_terminal(context.streams.err) };
        if !yes && prompter.is_none() {
            return Err(Failure::usage(
                "cannot ask for confirmation: there is no terminal",
                "give --yes to write the value without confirmation",
            ));
        }
        Ok(Self { prompter })
    }

    /// Asks the question and returns the answer; true with `--yes`.
    pub(crate) fn ask(&self, question: &str) -> Result<bool, PromptError> {
        self.prompter.as_ref().map_or(Ok(true), |prompter| prompter.confirm(question, false))
    }
}

impl PreviousValue {
    /// Reads the current value.
    pub(crate) async fn read(subject: &ValueTarget<'_>) -> Result<Self, Failure> {
        let Some(stored) = subject.store.value(&subject.key).await? else {
            return Ok(Self { version: None, value: Some(SecretValue::default()) });
        };
        let parse = |text| SecretValue::stored(text, subject.format());
        let value = stored.text.as_ref().and_then(parse).ok_or_else(|| {
            let (what, is) = match subject.format() {
                ValueFormat::Json => ("add keys to", "not a JSON object of texts"),
                ValueFormat::Text { .. } => ("change", "binary"),
            };
            Failure::rejected(
                format!("cannot {what} the value of {}: it is {is}", subject.id()),
                "give all keys with `goldenpath value set --replace`",
            )
        })?;
        Ok(Self { version: Some(stored.version), value: Some(value) })
    }

    /// Returns the current version without reading the value.
    pub(crate) fn unread(subject: &ValueTarget<'_>) -> Self {
        let version = subject.found.current_version.clone();
        // If there is no value, it is known to be empty.
        let value = version.is_none().then(SecretValue::default);
        Self { version, value }
    }
}

impl ValueChange {
    /// Checks the value, shows the changes by key, asks for confirmation and writes the value.
    pub(crate) async fn apply(
        self,
        subject: &ValueTarget<'_>,
        confirmation: &Confirmation,
        context: &Context,
    ) -> Result<Outcome, Failure> {
        let id = subject.id();
        let (name, format) = (&subject.request.secret_type, subject.format());
        self.value.check(name, &subject.secret_type, format)?;
        context.streams.result(&render_key_changes(&self.key_changes, context));
        let changes = |change: &ValueKeyChange| {
            !matches!(change, ValueKeyChange::Unchanged | ValueKeyChange::Kept)
        };
        if !self.key_changes.iter().any(|(_, change)| changes(change)) {
            context.streams.message(&format!("No changes: {id} already has this value."));
            return Ok(Outcome::Done);
        }
        let environment = &subject.request.environment;
        if !confirmation.ask(&format!("Write this value of {id} in {environment}?"))? {
            context.streams.message("Nothing was written.");
            return Ok(Outcome::Failed);
        }
        let text: SecretString = self.value.to_stored(format);
        drop(self.value);
        let version = value::token()?;
        let keys: Vec<&str> = self
            .key_changes
            .iter()
            .filter(|(_, change)| changes(change))
            .map(|(key, _)| key.as_str())
            .collect();
        let mut reason = format!("{}; version {version}", keys.join(", "));
        let mut since = context.now;
        if let Some(origin) = self.origin {
            reason = format!("{}: {reason}", origin.name);
            reason.extend(origin.reason.map(|why| format!("; {why}")));
            since = origin.since;
        }
        let done = format!("{id}: version {version} is the current one.");
        let action = subject.action(self.action, reason, &version);
        // The future owns the value, so that it is wiped when the call is done.
        let put = async move {
            subject.store.put_value(&subject.key, &text, &version, self.replaces.as_deref()).await
        };
        run_recorded(subject, action, put, since, &done, context).await
    }
}

/// Runs an action on a value, tags the secret with the time of its value, and records the action.
pub(crate) async fn run_recorded(
    subject: &ValueTarget<'_>,
    action: RecordedAction,
    work: impl Future<Output = Result<(), StoreError>>,
    since: Timestamp,
    done: &str,
    context: &Context,
) -> Result<Outcome, Failure> {
    let recorder = subject.recorder();
    let target = (&*subject.store, &subject.key);
    let mut report = |event: ValueChangeEvent<'_>| match event {
        ValueChangeEvent::Changed => context.streams.result(&format!("{done}\n")),
        ValueChangeEvent::Untagged(error) => context.streams.message(&format!(
            "Note: cannot tag the secret with the time of its value, so `due` may show another \
             date: {error}"
        )),
        ValueChangeEvent::Record(event) => report_record(&event, &context.streams),
    };
    let is_recorded = change_value(target, &recorder, action, work, since, &mut report).await?;
    if let Some(arrival) = subject.arrival() {
        context.streams.message(&arrival);
    }
    Ok(if is_recorded { Outcome::Done } else { Outcome::Failed })
}

/// Returns a table with the keys and the change of each.
fn render_key_changes(key_changes: &[(String, ValueKeyChange)], context: &Context) -> String {
    let terminal = context.streams.out;
    let row = |(key, change): &(String, ValueKeyChange)| {
        let (sign, words, style) = match change {
            ValueKeyChange::Added => ("+", "added", terminal.style().green()),
            ValueKeyChange::Changed => ("~", "changed", terminal.style().yellow()),
            ValueKeyChange::Written => ("~", "written", terminal.style().yellow()),
            ValueKeyChange::Generated => ("~", "generated", terminal.style().yellow()),
            ValueKeyChange::Removed => ("-", "removed", terminal.style().red()),
            ValueKeyChange::Unchanged => (" ", "unchanged", terminal.style().dim()),
            ValueKeyChange::Kept => (" ", "kept", terminal.style().dim()),
        };
        vec![Cell::styled(sign, style.clone()), Cell::plain(key), Cell::styled(words, style)]
    };
    let column = |head| Column { head, min_width: None, rank: 0 };
    let rows: Vec<Vec<Cell>> = key_changes.iter().map(row).collect();
    format!("{}\n", table(&[column(""), column("KEY"), column("CHANGE")], &rows, None, terminal))
}
