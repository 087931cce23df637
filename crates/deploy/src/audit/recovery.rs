//! The results of killed runs, from their journals.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::KilledRun;
use goldenpath_core::clock;
use goldenpath_core::manifest::SecretId;
use goldenpath_core::trail::{AuditLog, AuditRecord, RecordKind, RecordedEvent, results};

/// What distinguishes the actions of a run.
pub(super) type ActionKey = (SecretId, String, String, String);

/// Returns the records with the results of killed runs, as far as the log does not have them.
pub(super) fn recovered(killed: &[KilledRun], log: &AuditLog) -> Vec<AuditRecord> {
    let mut records = Vec::new();
    for run in killed {
        let own = || log.records.iter().filter(|(_, record)| record.run == run.header.run);
        let events_of = |kind: RecordKind| {
            own()
                .filter(move |(_, record)| record.kind == kind)
                .flat_map(|(_, record)| &record.events)
                .cloned()
                .collect::<Vec<_>>()
        };
        let known: BTreeSet<ActionKey> =
            events_of(RecordKind::Outcome).iter().map(key_of).collect();
        let mut events = find_finished(&run.events);
        events.retain(|event| !known.contains(&key_of(event)));
        let finished: BTreeSet<ActionKey> = run.events.iter().map(key_of).chain(known).collect();
        let planned = events_of(RecordKind::Begin);
        events.extend(planned.into_iter().filter(|event| !finished.contains(&key_of(event))).map(
            |event| RecordedEvent {
                time: Some(clock::now()),
                result: results::NOT_STARTED.to_owned(),
                ..event
            },
        ));
        if !events.is_empty() {
            let previous = own().next_back().map(|(name, _)| name.clone()).unwrap_or_default();
            records.push(AuditRecord { events, previous, ..run.header.clone() });
        }
    }
    records
}

/// Returns completed, failed and interrupted actions of a journal.
///
/// The outcome of an interrupted one is unknown.
fn find_finished(events: &[RecordedEvent]) -> Vec<RecordedEvent> {
    let mut last: BTreeMap<ActionKey, usize> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        last.insert(key_of(event), index);
    }
    let mut all = Vec::new();
    for (index, event) in events.iter().enumerate() {
        if event.result != results::BEGUN {
            all.push(event.clone());
        } else if last.get(&key_of(event)) == Some(&index) {
            all.push(RecordedEvent {
                time: Some(clock::now()),
                result: results::INTERRUPTED.to_owned(),
                ..event.clone()
            });
        }
    }
    all
}

pub(super) fn key_of(event: &RecordedEvent) -> ActionKey {
    (event.id, event.action.clone(), event.environment.clone(), event.target.clone())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `create a begun`: an action, its target, and its result.
    fn event(line: &str) -> RecordedEvent {
        let [action, target, result] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        RecordedEvent {
            time: None,
            id: SecretId::first(),
            action: action.to_owned(),
            environment: "dev".to_owned(),
            target: target.to_owned(),
            reason: "there is no such secret".to_owned(),
            result: result.to_owned(),
            aws: None,
            secret: None,
            recovery_days: None,
        }
    }

    /// What is recorded of a journal with these lines, in the same form.
    fn finished(lines: &[&str]) -> Vec<String> {
        let events: Vec<RecordedEvent> = lines.iter().map(|line| event(line)).collect();
        let shown =
            |event: RecordedEvent| format!("{} {} {}", event.action, event.target, event.result);
        find_finished(&events).into_iter().map(shown).collect()
    }

    #[test]
    fn what_was_done_or_failed_is_recorded() {
        assert_eq!(finished(&["create a begun", "create a done"]), ["create a done"]);
        assert_eq!(finished(&["create a begun", "create a failed"]), ["create a failed"]);
        assert_eq!(finished(&[]), [""; 0]);
    }

    #[test]
    fn what_was_begun_and_neither_done_nor_failed_after_that_was_interrupted() {
        assert_eq!(finished(&["create a begun"]), ["create a interrupted"]);
        assert_eq!(
            finished(&["create a begun", "delete a begun", "delete a done"]),
            ["create a interrupted", "delete a done"]
        );
    }
}
