//! Why a secret is absent from its store, by the audit trail.
//!
//! That AWS does not find a secret proves nothing alone: the credentials may be another account's.

use jiff::{SignedDuration, Timestamp};

use super::ReconcileContext;
use super::desired::DesiredSecret;
use super::gates::day;
use crate::store::{LOCAL, NEW, StoreAccount, StoreIdentity};
use goldenpath_core::config::StoreConfig;
use goldenpath_core::manifest::StoreKey;
use goldenpath_core::trail::{AuditEvent, results};

/// The longest recovery window (DeleteSecret, `RecoveryWindowInDays`).
const LONGEST_WINDOW: u8 = 30;

/// Why a secret is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Absence {
    /// No run created, changed or adopted it, in any account.
    NeverCreated,
    /// A run may have created it, as the clause says, and its result is not known.
    Uncertain(String),
    /// A run deleted it, and its recovery window has passed.
    Deleted {
        /// When the run deleted it.
        on: Timestamp,
        /// When its recovery window ended.
        end: Timestamp,
    },
    /// No recorded deletion explains it; the clause says what is known.
    Unexplained(String),
    /// The secret is in another account or region, or has another name, as the clause says.
    Elsewhere(String),
    /// The trail cannot be read.
    Unread(String),
}

/// Where an event happened.
#[derive(Debug, Clone, PartialEq, Eq)]
enum EventPlace {
    /// In the store of this run, to the secret with the manifest's key.
    Here,
    /// In another account or region of AWS, or to a secret with another name.
    Elsewhere { account: Option<String>, region: Option<String>, name: String },
    /// It is not known whether it was in the store of this run.
    Unknown,
    /// In a local store, and this run is on AWS: a trial.
    Trial,
}

/// What the events of one place say about the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PlaceState<'a> {
    /// It existed after this event.
    Existed(&'a AuditEvent),
    /// It was deleted by this event.
    Deleted(&'a AuditEvent),
    /// It may exist since this event, whose result is not known.
    Uncertain(&'a AuditEvent),
}

impl PlaceState<'_> {
    /// Returns whether the secret is gone: deleted, and its recovery window has passed.
    fn is_over(&self, now: Timestamp) -> bool {
        matches!(self, Self::Deleted(event) if end_of(event) <= now)
    }

    fn event(&self) -> &AuditEvent {
        match self {
            Self::Existed(event) | Self::Deleted(event) | Self::Uncertain(event) => event,
        }
    }
}

/// Returns why the absent secret of a manifest is absent.
///
/// `identity` is that of its store. `other` is the ARN of another secret that has the tags of this
/// manifest.
pub(super) fn find_absence(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    identity: &StoreIdentity,
    other: Option<&str>,
) -> Absence {
    let events = match context.recorded.of(desired.request.id) {
        Ok(events) => events,
        Err(why) => return Absence::Unread(why.to_owned()),
    };
    let now = context.options.now;
    let states = states(context, desired, identity, events);
    let here = states.iter().find(|(place, _)| *place == EventPlace::Here).map(|(_, state)| state);
    match here {
        Some(PlaceState::Existed(event)) => return Absence::Unexplained(words(event)),
        Some(PlaceState::Deleted(event)) if end_of(event) > now => {
            return Absence::Unexplained(format!(
                "{}, and it could be restored until {} at the earliest",
                words(event),
                day(end_of(event))
            ));
        }
        _ => {}
    }
    if let Some(arn) = other {
        return Absence::Elsewhere(format!("the secret of this manifest is {arn}"));
    }
    for (place, state) in states.iter().filter(|(_, state)| !state.is_over(now)) {
        let event = state.event();
        match place {
            EventPlace::Elsewhere { .. } => {
                return Absence::Elsewhere(format!("{} {}", words(event), location(event)));
            }
            EventPlace::Unknown => {
                return Absence::Unexplained(format!("{}; {}", words(event), unknown(identity)));
            }
            EventPlace::Here | EventPlace::Trial => {}
        }
    }
    match here {
        Some(PlaceState::Deleted(event)) => Absence::Deleted { on: event.time, end: end_of(event) },
        Some(PlaceState::Uncertain(event)) => Absence::Uncertain(words(event)),
        _ => match states.iter().find(|(place, _)| *place == EventPlace::Unknown) {
            Some((_, state)) => {
                Absence::Uncertain(format!("{}; {}", words(state.event()), unknown(identity)))
            }
            None => Absence::NeverCreated,
        },
    }
}

/// Returns the last known state of the secret in each place.
fn states<'a>(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    identity: &StoreIdentity,
    events: &'a [AuditEvent],
) -> Vec<(EventPlace, PlaceState<'a>)> {
    let config = context.project.config.store_of(desired.request.environment.as_str());
    let mut states: Vec<(EventPlace, PlaceState<'a>)> = Vec::new();
    for event in events {
        let place = place_of(event, identity, &config, desired.key.as_str());
        let is_done = event.result == results::DONE;
        let state = match (event.action.as_str(), is_done) {
            // A call without an answer may have arrived, and only an existing secret is deleted.
            // What was only announced may not have been done.
            ("delete-secret", _) if is_done || event.result == results::INTERRUPTED => {
                PlaceState::Deleted(event)
            }
            ("delete-secret", _) => PlaceState::Existed(event),
            (_, true) => PlaceState::Existed(event),
            (_, false) => PlaceState::Uncertain(event),
        };
        match states.iter_mut().find(|(known, _)| *known == place) {
            // An uncertain change of a secret that exists changes nothing about that.
            Some((_, PlaceState::Existed(_))) if matches!(state, PlaceState::Uncertain(_)) => {}
            Some((_, known)) => *known = state,
            None => states.push((place, state)),
        }
    }
    states
}

/// Returns why the account is not the one in which a secret can be known to be absent.
///
/// That is a clause; None if the account and the region are right.
pub(super) fn find_wrong_account(
    context: &ReconcileContext<'_>,
    environment: &str,
    identity: &StoreIdentity,
) -> Option<String> {
    if let Some(why) = identity.unknown_reason() {
        return Some(why);
    }
    let number = identity.account.number()?;
    let known = match context.recorded.places_of(environment) {
        Ok(known) => known,
        Err(why) => return Some(format!("the audit trail cannot be read: {why}")),
    };
    let config = context.project.config.store_of(environment);
    let region = identity.region.as_deref();
    let is_right = |(account, known): &(&str, Option<&str>)| {
        (*account == number || config.expected_account().is_some())
            && (*known == region || config.region.is_some())
    };
    if known.iter().any(is_right) {
        return None;
    }
    known.first().map(|(account, region)| {
        format!(
            "this run is in {}, and the audit trail knows {environment} in the account {account} \
             in {}; set `accountId` and `region` in goldenpath.yaml",
            identity.name(),
            region.unwrap_or("an unknown region")
        )
    })
}

/// Returns whether a run created the secret in this store in the last minutes.
///
/// AWS may not find it yet.
pub(super) fn is_new(
    events: &[AuditEvent],
    identity: &StoreIdentity,
    config: &StoreConfig,
    key: &StoreKey,
    now: Timestamp,
) -> bool {
    let is_last = |event: &&AuditEvent| {
        let result = event.result.as_str();
        [results::DONE, results::INTERRUPTED].contains(&result)
            && ["create-secret", "delete-secret"].contains(&event.action.as_str())
            && place_of(event, identity, config, key.as_str()) == EventPlace::Here
    };
    !matches!(identity.account, StoreAccount::Local(_))
        && events.iter().rfind(is_last).is_some_and(|event| {
            event.action == "create-secret"
                && event.result == results::DONE
                // The clock of the other run may be wrong.
                && now.duration_since(event.time).abs() < NEW
        })
}

/// Returns when the secret can no longer be restored, by the recorded deletion.
///
/// None if the last event of the secret in its store is another action.
///
/// # Errors
/// Why the trail cannot be read.
pub(super) fn recorded_deletion(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    identity: &StoreIdentity,
) -> Result<Option<Timestamp>, String> {
    let events = context.recorded.of(desired.request.id).map_err(str::to_owned)?;
    let here = states(context, desired, identity, events).into_iter().find(is_here);
    Ok(match here {
        Some((_, PlaceState::Deleted(event))) => Some(end_of(event)),
        _ => None,
    })
}

fn is_here((place, _): &(EventPlace, PlaceState<'_>)) -> bool {
    *place == EventPlace::Here
}

fn place_of(
    event: &AuditEvent,
    identity: &StoreIdentity,
    config: &StoreConfig,
    key: &str,
) -> EventPlace {
    let is_local = matches!(identity.account, StoreAccount::Local(_));
    let secret = event.secret.clone().unwrap_or_default();
    let elsewhere = || EventPlace::Elsewhere {
        account: secret.account.clone(),
        region: secret.region.clone(),
        name: event.target.clone(),
    };
    let has_name = event.target == key || secret.arn.as_deref().is_some_and(|arn| is_of(arn, key));
    match secret.account.as_deref() {
        // A local store is a file on one machine: all that is known counts.
        _ if is_local => EventPlace::Here,
        Some(LOCAL) => EventPlace::Trial,
        Some(account) => match identity.account.number() {
            None => EventPlace::Unknown,
            Some(number) if number == account && secret.region == identity.region && has_name => {
                EventPlace::Here
            }
            Some(_) => elsewhere(),
        },
        // Version 0.1 recorded neither.
        None if config.expected_account().is_none() || config.region.is_none() => {
            EventPlace::Unknown
        }
        None if has_name => EventPlace::Here,
        None => elsewhere(),
    }
}

/// Returns whether the ARN is of a secret with this name: AWS appends a dash and six characters.
fn is_of(arn: &str, name: &str) -> bool {
    let found = arn.rsplit_once(":secret:").map(|(_, resource)| resource);
    found
        .and_then(|found| found.strip_prefix(name))
        .is_some_and(|rest| rest.len() == 7 && rest.starts_with('-'))
}

fn unknown(identity: &StoreIdentity) -> &'static str {
    if identity.account == StoreAccount::Unknown {
        "the account of this run is unknown"
    } else {
        "the audit trail does not say in which account; `accountId` and `region` in \
         goldenpath.yaml would"
    }
}

fn end_of(event: &AuditEvent) -> Timestamp {
    let days = event.recovery_days.or_else(|| days_in(&event.reason)).unwrap_or(LONGEST_WINDOW);
    let window = SignedDuration::from_hours(24 * i64::from(days));
    event.time.checked_add(window).unwrap_or(Timestamp::MAX)
}

/// Returns the recovery window in the reason of a deletion by version 0.1.
fn days_in(reason: &str) -> Option<u8> {
    let (_, rest) = reason.rsplit_once("can be restored for ")?;
    rest.strip_suffix(" days")?.parse().ok()
}

fn words(event: &AuditEvent) -> String {
    format!("the audit trail has its `{}` of {}", event.action, day(event.time))
}

fn location(event: &AuditEvent) -> String {
    let secret = event.secret.clone().unwrap_or_default();
    match (secret.arn, secret.account, secret.region) {
        (Some(arn), ..) => format!("as {arn}"),
        (None, None, None) => format!("as `{}`", event.target),
        (None, account, region) => format!(
            "as `{}` in the account {}, {}",
            event.target,
            account.unwrap_or_default(),
            region.unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_of_the_name_before_its_six_characters() {
        let arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:a/b-c-AbCd12";
        assert!(is_of(arn, "a/b-c"));
        assert!(!is_of(arn, "a/b") && !is_of(arn, "a/b-c-AbCd12") && !is_of("a/b", "a/b"));
    }

    #[test]
    fn the_days_of_a_deletion_by_version_0_1_are_in_its_reason() {
        assert_eq!(days_in("no consumer; can be restored for 7 days"), Some(7));
        assert_eq!(days_in("no consumer"), None);
    }
}
