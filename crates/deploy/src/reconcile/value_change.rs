//! Changes the value of a secret: recorded ahead, written, tagged with its time, recorded.

use std::collections::BTreeMap;
use std::future::Future;

use jiff::Timestamp;

use super::{Applied, ApplyEvent, ReconcileError, VALUE_SINCE, finish_recording};
use crate::audit::{CatalogStatuses, RecordedAction, Recorder};
use crate::store::{SecretStore, Store, StoreError};
use goldenpath_core::crash_point;
use goldenpath_core::manifest::StoreKey;

/// What is reported while a value is changed.
pub enum ValueChangeEvent<'run> {
    /// The store has the new value.
    Changed,
    /// The secret could not be tagged with the time of its value, so `due` uses the store's dates.
    Untagged(StoreError),
    /// The result of recording the change.
    Record(ApplyEvent<'run>),
}

/// Runs `write`, which changes the value of the secret `key`, and records it as `action`.
///
/// `since` is the time of the value, which `due` counts from. Returns whether the change was
/// recorded. A write without an answer may have succeeded, so its result is `interrupted`.
///
/// # Errors
/// The change cannot be recorded ahead, or the write failed.
pub async fn change_value(
    (store, key): (&Store, &StoreKey),
    recorder: &Recorder<'_>,
    action: RecordedAction,
    write: impl Future<Output = Result<(), StoreError>>,
    since: Timestamp,
    report: &mut dyn FnMut(ValueChangeEvent<'_>),
) -> Result<bool, ReconcileError> {
    recorder.begin_run([action.clone()], &CatalogStatuses::default())?;
    if let Err(error) = recorder.begin([action.clone()]) {
        // Nothing was started; the branch says so if it can be reached.
        recorder.finish(&[]);
        return Err(error.into());
    }
    crash_point::point("value: begun");
    let finish = |report: &mut dyn FnMut(ValueChangeEvent<'_>)| {
        let mut applied = Applied::default();
        finish_recording(recorder, &[], &mut applied, &mut |event| {
            report(ValueChangeEvent::Record(event))
        });
        applied.failed == 0
    };
    if let Err(error) = write.await {
        match &error {
            error if error.may_have_arrived() => recorder.interrupt([action]),
            _ => recorder.fail([action]),
        }
        finish(report);
        return Err(error.into());
    }
    crash_point::point("value: written");
    recorder.done([action]);
    report(ValueChangeEvent::Changed);
    let time = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let tags = BTreeMap::from([(VALUE_SINCE.to_owned(), time)]);
    if let Err(error) = store.put_tags(key, &tags).await {
        report(ValueChangeEvent::Untagged(error));
    }
    Ok(finish(report))
}
