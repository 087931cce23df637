//! Changing a value: what would become of each key, the question, one version, and the record of it.

use std::future::Future;

use jiff::Timestamp;
use secrecy::SecretString;

use super::secret::ValueTarget;
use crate::output::progress::report_record;
use crate::cli::{Context, Outcome};
use crate::failure::Failure;
use goldenpath_deploy::reconcile;
use goldenpath_deploy::reconcile::Applied;
use goldenpath_deploy::store::{SecretStore, StoreError};
use crate::output::table::{Cell, Column, table};
use crate::prompt::{PromptError, Prompter};
use crate::interrupt;
use goldenpath_deploy::value;
use goldenpath_deploy::value::{Fate, SecretValue};

/// Who is asked before a value is written.
pub(crate) struct Asking {
    prompter: Option<Prompter>,
}

/// What is to be written.
pub(crate) struct ValueChange {
    /// As the audit trail calls it.
    pub(crate) action: &'static str,
    pub(crate) value: SecretValue,
    pub(crate) fates: Vec<(String, Fate)>,
    /// The version that it takes the place of; None for a first value.
    pub(crate) replaces: Option<String>,
}

/// What there is of a value before it is changed.
pub(crate) struct PreviousValue {
    /// None where there is none.
    pub(crate) version: Option<String>,
    /// None where it was not to be read.
    pub(crate) value: Option<SecretValue>,
}

impl Asking {
    /// Refuses to go on where nobody can be asked and nobody has said yes.
    pub(crate) fn new(yes: bool, context: &Context) -> Result<Self, Failure> {
        interrupt::listen();
        let prompter = if yes { None } else { Prompter::on_terminal(context.streams.err) };
        if !yes && prompter.is_none() {
            return Err(Failure::usage(
                "there is no terminal to ask on before a value is written",
                "give --yes to write it without asking",
            ));
        }
        Ok(Self { prompter })
    }

    /// Whether it may go on.
    pub(crate) fn agrees(&self, question: &str) -> Result<bool, PromptError> {
        self.prompter.as_ref().map_or(Ok(true), |prompter| prompter.confirm(question, false))
    }
}

impl PreviousValue {
    /// The value that there is, which is read.
    pub(crate) async fn read(subject: &ValueTarget<'_>) -> Result<Self, Failure> {
        let Some(stored) = subject.store.value(&subject.key).await? else {
            return Ok(Self { version: None, value: Some(SecretValue::default()) });
        };
        let value = stored.text.as_ref().and_then(SecretValue::stored).ok_or_else(|| {
            Failure::refused(
                format!(
                    "the value of {} is no JSON object of texts, so nothing can be added to it",
                    subject.id()
                ),
                "give all of its keys, with `goldenpath value set --replace`",
            )
        })?;
        Ok(Self { version: Some(stored.version), value: Some(value) })
    }

    /// Which version there is; nothing is read of it.
    pub(crate) fn unread(subject: &ValueTarget<'_>) -> Self {
        let version = subject.found.current_version.clone();
        // Where there is no value, that is all of it.
        let value = version.is_none().then(SecretValue::default);
        Self { version, value }
    }
}

impl ValueChange {
    /// Checks the value, shows what becomes of its keys, asks, and writes it.
    pub(crate) async fn make(
        self,
        subject: &ValueTarget<'_>,
        asking: &Asking,
        context: &Context,
    ) -> Result<Outcome, Failure> {
        let id = subject.id();
        self.value.check(&subject.request.secret_type, &subject.secret_type)?;
        context.streams.result(&shown(&self.fates, context));
        let changes = |fate: &Fate| !matches!(fate, Fate::Unchanged | Fate::Kept);
        if !self.fates.iter().any(|(_, fate)| changes(fate)) {
            context.streams.talk(&format!("Nothing changes: {id} has this value already."));
            return Ok(Outcome::Done);
        }
        let environment = &subject.request.environment;
        if !asking.agrees(&format!("Write this value of {id} in {environment}?"))? {
            context.streams.talk("Nothing was written.");
            return Ok(Outcome::Failed);
        }
        let text: SecretString = self.value.to_json();
        drop(self.value);
        let version = value::token()?;
        let keys: Vec<&str> = self
            .fates
            .iter()
            .filter(|(_, fate)| changes(fate))
            .map(|(key, _)| key.as_str())
            .collect();
        let reason = format!("{}; version {version}", keys.join(", "));
        let done = format!("{id}: version {version} is the current one.");
        // It owns the value, so that nothing is left of that when it is done.
        let put = async move {
            subject.store.put_value(&subject.key, &text, &version, self.replaces.as_deref()).await
        };
        carry_out(subject, (self.action, reason), put, context.now, &done, context).await
    }
}

/// Does something to a value, notes on the secret since when it has its value, and records it.
pub(crate) async fn carry_out(
    subject: &ValueTarget<'_>,
    (action, reason): (&'static str, String),
    work: impl Future<Output = Result<(), StoreError>>,
    since: Timestamp,
    done: &str,
    context: &Context,
) -> Result<Outcome, Failure> {
    let recorder = subject.recorder().await;
    let deed = subject.deed(action, reason);
    recorder.begin(deed.clone());
    goldenpath_core::crash_point::point("value: begun");
    if let Err(error) = work.await {
        // Whether one that nobody answered came through is not known; the record says so.
        if !matches!(error, StoreError::Unreachable { .. }) {
            recorder.fail(deed);
        }
        return Err(error.into());
    }
    goldenpath_core::crash_point::point("value: written");
    recorder.done([deed]);
    context.streams.result(&format!("{done}\n"));
    if let Err(error) = subject.note_since(since).await {
        context.streams.talk(&format!(
            "Note: when that was could not be noted on the secret, so `due` may tell otherwise: {error}"
        ));
    }
    let mut applied = Applied::default();
    reconcile::conclude(&recorder, &[], &mut applied, &mut |event| {
        report_record(&event, context)
    });
    Ok(if applied.failed > 0 { Outcome::Failed } else { Outcome::Done })
}

/// The keys, and what becomes of each.
fn shown(fates: &[(String, Fate)], context: &Context) -> String {
    let look = context.streams.out;
    let row = |(key, fate): &(String, Fate)| {
        let (sign, words, style) = match fate {
            Fate::Added => ("+", "is added", look.style().green()),
            Fate::Changed => ("~", "changes", look.style().yellow()),
            Fate::Written => ("~", "is written", look.style().yellow()),
            Fate::Removed => ("-", "is removed", look.style().red()),
            Fate::Unchanged => (" ", "is the same already", look.style().dim()),
            Fate::Kept => (" ", "stays", look.style().dim()),
        };
        vec![Cell::styled(sign, style.clone()), Cell::plain(key), Cell::styled(words, style)]
    };
    let column = |head| Column { head, least: None, rank: 0 };
    let rows: Vec<Vec<Cell>> = fates.iter().map(row).collect();
    format!(
        "{}\n",
        table(&[column(""), column("KEY"), column("WHAT BECOMES OF IT")], &rows, None, look)
    )
}
