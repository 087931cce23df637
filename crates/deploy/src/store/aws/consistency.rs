//! What this run wrote, so that an older answer is recognized and asked for again.
//!
//! "All Secrets Manager operations are eventually consistent" (API Reference, "Welcome"): for a
//! while after a write, a read may give the state before it, and a write may be rejected because
//! the secret seems to be missing or marked for deletion.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::sleep;

use crate::store::error::HAS_REPLICAS;
use crate::store::{NEW, StoreError, StoredSecret};
use goldenpath_core::clock;
use goldenpath_core::manifest::StoreKey;

/// The first wait for a newer answer; it doubles with each one, up to the longest.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

/// The time after which a wait is shown.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// The code of a call about something that does not exist.
const MISSING: &str = "ResourceNotFoundException";

/// The code of a call that the state of the secret does not allow.
const INVALID_REQUEST: &str = "InvalidRequestException";

type WaitListener = Box<dyn Fn(&str) + Send + Sync>;

static LISTENER: OnceLock<WaitListener> = OnceLock::new();

/// Sets the function that receives a line when a call waits for AWS. The first one stays.
pub fn set_listener(listener: impl Fn(&str) + Send + Sync + 'static) {
    // A second one would be of the same process.
    let _ = LISTENER.set(Box::new(listener));
}

/// The secrets that this run has written.
#[derive(Debug, Default)]
pub(super) struct WrittenSecrets(RefCell<HashMap<StoreKey, WrittenSecret>>);

/// What AWS has accepted for a secret.
#[derive(Debug, Clone)]
struct WrittenSecret {
    /// The time of the last write.
    at: Instant,
    /// Whether it was marked for deletion, or the mark was removed; None if neither.
    is_marked: Option<bool>,
    description: Option<String>,
    tags: BTreeMap<String, String>,
    /// Whether a value was written.
    has_value: bool,
    /// Whether there is a replica in a region: it was added or removed.
    replicas: BTreeMap<String, bool>,
}

/// The wait for a newer answer.
pub(super) struct Patience {
    begun: Instant,
    end: Instant,
    tries: u32,
    is_shown: bool,
}

impl WrittenSecrets {
    /// Notes that AWS has accepted a write, with what it changed.
    fn note(&self, key: &StoreKey, change: impl FnOnce(&mut WrittenSecret)) {
        let mut all = self.0.borrow_mut();
        let written = all.entry(key.clone()).or_insert_with(|| WrittenSecret {
            at: Instant::now(),
            is_marked: None,
            description: None,
            tags: BTreeMap::new(),
            has_value: false,
            replicas: BTreeMap::new(),
        });
        written.at = Instant::now();
        change(written);
    }

    /// Notes a secret that AWS has described, if it is so new that other calls may not see it yet.
    ///
    /// An earlier run may have created it, and been killed.
    pub(super) fn note_new(&self, key: &StoreKey, found: &StoredSecret) {
        let is_new = |created: Timestamp| Timestamp::now().duration_since(created) < NEW;
        if found.created.is_some_and(is_new) && !self.0.borrow().contains_key(key) {
            self.note(key, |_| {});
        }
    }

    /// Notes a secret that an earlier run has just created, by the audit trail.
    pub(super) fn note_expected(&self, key: &StoreKey) {
        if !self.0.borrow().contains_key(key) {
            self.note(key, |_| {});
        }
    }

    /// Notes that the secret exists, and is not marked for deletion.
    pub(super) fn note_exists(&self, key: &StoreKey) {
        self.note(key, |written| written.is_marked = Some(false));
    }

    pub(super) fn note_marked(&self, key: &StoreKey) {
        self.note(key, |written| written.is_marked = Some(true));
    }

    pub(super) fn note_tags(&self, key: &StoreKey, tags: &BTreeMap<String, String>) {
        self.note(key, |written| written.tags.extend(tags.clone()));
    }

    pub(super) fn note_description(&self, key: &StoreKey, description: Option<&String>) {
        self.note(key, |written| written.description = description.cloned());
    }

    pub(super) fn note_value(&self, key: &StoreKey) {
        self.note(key, |written| written.has_value = true);
    }

    /// Notes that a replica was added to a region, or removed from it.
    pub(super) fn note_replica(&self, key: &StoreKey, region: &str, is_there: bool) {
        self.note(key, |written| _ = written.replicas.insert(region.to_owned(), is_there));
    }

    /// Returns the patience for a call about this secret: none if this run did not write it.
    pub(super) fn patience(&self, key: &StoreKey) -> Patience {
        match self.0.borrow().get(key) {
            Some(written) => Patience::since(written.at),
            None => Patience { end: Instant::now(), ..Patience::since(Instant::now()) },
        }
    }

    /// Returns whether the error may come from before this run's writes.
    pub(super) fn explains(&self, operation: &str, key: &StoreKey, error: &StoreError) -> bool {
        let all = self.0.borrow();
        let Some(written) = all.get(key) else { return false };
        match error {
            // A secret without a value is not found, either (GetSecretValue, "Errors").
            StoreError::NotFound { .. } => operation != "GetSecretValue" || written.has_value,
            // For RotateSecret, it may also be the function.
            StoreError::Rejected { code, message, .. } if code == MISSING => {
                message.contains("can't find the specified secret")
            }
            // The removal of the replicas is not visible yet.
            StoreError::Rejected { message, .. } if message.contains(HAS_REPLICAS) => {
                written.replicas.values().any(|is_there| !is_there)
            }
            StoreError::Rejected { code, message, .. } => {
                written.is_marked == Some(false)
                    && operation != "CreateSecret"
                    && code == INVALID_REQUEST
                    && is_about_deletion(message)
            }
            _ => false,
        }
    }

    /// Returns whether an answer is from before this run's writes.
    pub(super) fn is_stale(&self, key: &StoreKey, found: &StoredSecret) -> bool {
        let all = self.0.borrow();
        let Some(written) = all.get(key) else { return false };
        written.is_marked.is_some_and(|is_marked| is_marked != found.deletion.is_some())
            || written.tags.iter().any(|(name, value)| found.tags.get(name) != Some(value))
            || written.has_value && !found.has_value()
            || found.replicas.as_ref().is_some_and(|replicas| {
                let is_listed = |region: &str| replicas.iter().any(|one| one.region == region);
                written.replicas.iter().any(|(region, is_there)| is_listed(region) != *is_there)
            })
            || written.description.as_ref().is_some_and(|description| {
                found.description.as_deref().unwrap_or_default() != description
            })
    }
}

impl Patience {
    /// Returns the patience for answers about a write at this time.
    pub(super) fn since(at: Instant) -> Self {
        let end = at + clock::consistency_limit();
        Self { begun: Instant::now(), end, tries: 0, is_shown: false }
    }

    /// Waits before the next try. Returns false if there is no time left.
    pub(super) async fn wait(&mut self, key: &StoreKey) -> bool {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        if !self.is_shown && self.begun.elapsed() >= SHOWN_AFTER {
            self.is_shown = true;
            let limit = left.as_secs();
            notify(&format!(
                "Waiting for AWS: the last change of `{key}` is not visible yet (at most {limit} s)"
            ));
        }
        sleep(FIRST.saturating_mul(1 << self.tries.min(16)).min(LONGEST).min(left)).await;
        self.tries += 1;
        true
    }
}

fn notify(line: &str) {
    if let Some(listener) = LISTENER.get() {
        listener(line);
    }
}

/// Returns whether AWS rejected a call because the secret is marked for deletion.
///
/// Its words are "You can't perform this operation on the secret because it was marked for
/// deletion", for CreateSecret "… is already scheduled for deletion", and for DeleteSecret "You
/// tried to perform the operation on a secret that's currently marked deleted".
pub(super) fn is_about_deletion(message: &str) -> bool {
    message.contains("deletion") || message.contains("marked deleted")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::{Replica, ReplicaStatus};

    fn key() -> StoreKey {
        StoreKey::parse("goldenpath/payments/dev/db").unwrap()
    }

    fn not_found() -> StoreError {
        StoreError::NotFound { name: key().to_string() }
    }

    fn marked() -> StoreError {
        StoreError::Rejected {
            operation: "TagResource",
            name: None,
            code: INVALID_REQUEST.to_owned(),
            message: "You can't perform this operation on the secret because it was marked for \
                      deletion."
                .to_owned(),
        }
    }

    #[test]
    fn only_a_secret_that_this_run_wrote_explains_an_error() {
        let written = WrittenSecrets::default();
        assert!(!written.explains("TagResource", &key(), &not_found()));
        written.note_tags(&key(), &BTreeMap::new());
        assert!(written.explains("TagResource", &key(), &not_found()));
        // Nothing says that this run removed a mark.
        assert!(!written.explains("TagResource", &key(), &marked()));
        written.note_exists(&key());
        assert!(written.explains("TagResource", &key(), &marked()));
        assert!(!written.explains("CreateSecret", &key(), &marked()));
        written.note_marked(&key());
        assert!(!written.explains("TagResource", &key(), &marked()));
    }

    #[test]
    fn a_mark_for_deletion_is_recognized_in_each_of_aws_s_words() {
        for words in ["it was marked for deletion.", "already scheduled for deletion."] {
            assert!(is_about_deletion(words), "{words}");
        }
        assert!(is_about_deletion("on a secret that's currently marked deleted."));
        assert!(!is_about_deletion("You can't delete secret x that still has replica regions"));
    }

    #[test]
    fn a_replica_that_was_added_or_removed_is_waited_for() {
        let replica = |region: &str| Replica {
            region: region.to_owned(),
            kms_key: None,
            status: ReplicaStatus::InSync,
            message: None,
            last_accessed: None,
        };
        let found = |regions: &[&str]| StoredSecret {
            replicas: Some(regions.iter().map(|region| replica(region)).collect()),
            ..StoredSecret::default()
        };
        let refused = || StoreError::Rejected {
            operation: "DeleteSecret",
            name: None,
            code: "InvalidParameterException".to_owned(),
            message: format!("You can't delete secret x that {HAS_REPLICAS} [eu-west-1]."),
        };
        let written = WrittenSecrets::default();
        written.note_replica(&key(), "eu-west-1", true);
        assert!(written.is_stale(&key(), &found(&[])));
        assert!(!written.is_stale(&key(), &found(&["eu-west-1", "eu-west-2"])));
        assert!(!written.explains("DeleteSecret", &key(), &refused()), "they were not removed");
        written.note_replica(&key(), "eu-west-1", false);
        assert!(written.is_stale(&key(), &found(&["eu-west-1"])));
        assert!(!written.is_stale(&key(), &found(&["eu-west-2"])));
        assert!(!written.is_stale(&key(), &StoredSecret::default()), "a list does not say");
        assert!(written.explains("DeleteSecret", &key(), &refused()));
    }

    #[test]
    fn a_secret_without_a_value_is_not_waited_for() {
        let written = WrittenSecrets::default();
        written.note_exists(&key());
        assert!(!written.explains("GetSecretValue", &key(), &not_found()));
        written.note_value(&key());
        assert!(written.explains("GetSecretValue", &key(), &not_found()));
    }

    #[test]
    fn an_answer_without_what_was_written_is_stale() {
        let tag = |value: &str| BTreeMap::from([("a".to_owned(), value.to_owned())]);
        let written = WrittenSecrets::default();
        let found = |value: &str| StoredSecret { tags: tag(value), ..StoredSecret::default() };
        assert!(!written.is_stale(&key(), &found("1")));
        written.note_tags(&key(), &tag("2"));
        assert!(written.is_stale(&key(), &found("1")));
        assert!(!written.is_stale(&key(), &found("2")));
        written.note_marked(&key());
        assert!(written.is_stale(&key(), &found("2")));
    }
}
