//! Allocation of IDs.
//!
//! An ID is allocated if it is above all IDs that count in this clone and on the remote, if the
//! remote let only this process create its ref, and if it is recorded in the ledger.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::reservation::{RemoteRefs, ReservationOutcome};
use super::{IdError, RemoteError, ReservationRemote};
use crate::config::{AuditConfig, Config, IdsConfig, Reserve};
use crate::manifest::SecretId;
use crate::used_ids::{HistoryScope, ScanDepth, UsedIds, allocated_ids};
use crate::vcs::git;
use crate::vcs::{Branch, Repository};

/// The time limit for lost reservation races.
const LIMIT: Duration = Duration::from_secs(120);

/// The limits of the pause after a lost race: the first one, and the last.
///
/// The limit doubles with each lost race.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// The time of lost races after which the user is notified.
const PATIENCE: Duration = Duration::from_secs(3);

/// Allocates IDs in one clone.
pub struct Allocator<'r> {
    repository: &'r Repository,
    /// The catalog's folder.
    catalog: &'r str,
    config: &'r IdsConfig,
    audit: &'r AuditConfig,
    reserve: Reserve,
}

/// IDs that no other process gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocatedIds {
    /// In ascending order.
    pub ids: Vec<SecretId>,
    /// The remote on which they are reserved.
    pub reserved_on: Option<String>,
}

/// The progress of an allocation, for display.
#[derive(Debug)]
pub enum AllocatorEvent<'a> {
    /// Reading history takes long; the number of commits so far.
    Reading {
        /// Not including those that an earlier run has read.
        commits: usize,
    },
    /// Another process in this clone has the lock.
    Waiting,
    /// The remote is being queried.
    Querying {
        /// Its name in this clone, or its URL without a password.
        remote: &'a str,
    },
    /// Other processes have won several races.
    Contended {
        /// Its name in this clone, or its URL without a password.
        remote: &'a str,
    },
    /// No ID is reserved, with the reason.
    Unreserved(&'a RemoteError),
    /// The clone is shallow.
    Shallow,
    /// IDs in files or reservations are too far above the default branch's IDs.
    AboveLimit {
        /// The IDs in files, with the limit.
        used: &'a UsedIds,
        /// The reservations above the limit, sorted.
        reserved: &'a [SecretId],
    },
    /// An allocated ID is above the limit, as all IDs up to it are in use.
    PastLimit {
        /// The first such ID.
        id: SecretId,
        /// The IDs in files, with the limit.
        used: &'a UsedIds,
    },
}

impl<'r> Allocator<'r> {
    /// Creates an allocator; `reserve` is the command line's override.
    #[must_use]
    pub fn of(repository: &'r Repository, config: &'r Config, reserve: Option<Reserve>) -> Self {
        let Config { catalog, ids, audit, .. } = config;
        let reserve = reserve.unwrap_or(ids.reserve);
        Self { repository, catalog, config: ids, audit, reserve }
    }

    /// Returns the next `count` IDs as far as this clone knows; others may take them.
    ///
    /// # Errors
    /// A repository that cannot be read, or no numbers left.
    pub fn upcoming(
        &self,
        count: usize,
        notify: &dyn Fn(AllocatorEvent<'_>),
    ) -> Result<Vec<SecretId>, IdError> {
        let used = self.used(None, ScanDepth::AtFolders, notify)?;
        let ids = self.next_free(&used, &allocated_ids(self.repository), count)?;
        self.report(&used, &ids, BTreeSet::new(), notify);
        Ok(ids)
    }

    /// Returns the IDs in use; `remote_refs` is a remote's name and its answer.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn used(
        &self,
        remote_refs: Option<(&str, &RemoteRefs)>,
        depth: ScanDepth,
        notify: &dyn Fn(AllocatorEvent<'_>),
    ) -> Result<UsedIds, IdError> {
        let branches: Vec<Branch> = remote_refs
            .map(|(remote, remote_refs)| remote_refs.named_branches(remote))
            .unwrap_or_default();
        let default = remote_refs.and_then(|(remote, remote_refs)| {
            Some(format!("{remote}/{}", remote_refs.default.as_ref()?))
        });
        let named = ReservationRemote::of(self.repository, self.config.remote.as_deref())
            .map(|remote| remote.name);
        let scope = HistoryScope {
            catalog: self.catalog,
            max_gap: self.config.max_gap,
            remote: named.as_deref(),
            default: branches.iter().find(|branch| Some(&branch.name) == default.as_ref()),
            branches: &branches,
            audit: self.audit,
            audit_tip: remote_refs
                .and_then(|(_, remote_refs)| remote_refs.branches.get(&self.audit.branch).copied()),
            depth,
        };
        let used = UsedIds::read(self.repository, scope, &mut |commits| {
            notify(AllocatorEvent::Reading { commits })
        })?;
        if used.is_shallow {
            notify(AllocatorEvent::Shallow);
        }
        Ok(used)
    }

    /// Returns the remote on which IDs are reserved; None if none are reserved.
    ///
    /// # Errors
    /// [`IdError::NoRemote`] if reservations are required.
    pub fn remote(&self) -> Result<Option<ReservationRemote<'r>>, IdError> {
        if self.reserve == Reserve::Never {
            return Ok(None);
        }
        let name = self.config.remote.as_deref();
        match ReservationRemote::of(self.repository, name) {
            None if self.reserve == Reserve::Always => {
                Err(IdError::NoRemote { name: name.map(str::to_owned) })
            }
            remote => Ok(remote.map(|remote| remote.with_audit_branch(&self.audit.branch))),
        }
    }

    /// Allocates `count` IDs; only one process per clone does so at a time.
    ///
    /// # Errors
    /// [`IdError`]: then none of the IDs is allocated, or none is ever allocated again.
    pub fn allocate(
        &self,
        count: usize,
        notify: &dyn Fn(AllocatorEvent<'_>),
    ) -> Result<AllocatedIds, IdError> {
        let mut remote = self.remote()?;
        let waiting = || notify(AllocatorEvent::Waiting);
        let mut ledger = Ledger::lock(&self.repository.data_folder(), waiting)?;
        let remote_refs = match &remote {
            None => RemoteRefs::default(),
            Some(asking) => {
                notify(AllocatorEvent::Querying { remote: &asking.name });
                // A branch that is deleted between the two queries is absent in the second attempt.
                match asking.query_and_fetch().or_else(|_| asking.query_and_fetch()) {
                    Ok(remote_refs) => remote_refs,
                    Err(error) => {
                        self.continue_unreserved(error, notify)?;
                        remote = None;
                        RemoteRefs::default()
                    }
                }
            }
        };
        let named = remote.as_ref().map(|remote| (remote.name.as_str(), &remote_refs));
        let used = self.used(named, ScanDepth::AtFiles, notify)?;
        let reserved: BTreeSet<SecretId> = remote_refs.reserved.keys().copied().collect();
        let mut taken: BTreeSet<SecretId> =
            ledger.ids().iter().copied().chain(reserved.iter().copied()).collect();
        let mut ids = match &remote {
            None => Vec::new(),
            Some(remote) => self.reserve(remote, &used, &mut taken, count, notify)?,
        };
        let reserved_on = remote.filter(|_| ids.len() == count).map(|remote| remote.name);
        ids.extend(self.next_free(&used, &taken, count - ids.len())?);
        ledger.record(&ids)?;
        self.report(&used, &ids, reserved, notify);
        Ok(AllocatedIds { ids, reserved_on })
    }

    /// Reserves `count` IDs that are not `taken`.
    ///
    /// If the remote stops accepting reservations and that is not an error, fewer are returned, and
    /// all attempted IDs count as taken: an ID that another process may have is never allocated.
    fn reserve(
        &self,
        remote: &ReservationRemote<'_>,
        used: &UsedIds,
        taken: &mut BTreeSet<SecretId>,
        count: usize,
        notify: &dyn Fn(AllocatorEvent<'_>),
    ) -> Result<Vec<SecretId>, IdError> {
        let begin = Instant::now();
        let (mut ours, mut tried, mut pause) = (Vec::new(), BTreeSet::new(), FIRST_PAUSE);
        loop {
            let wanted = self.next_free(used, taken, count - ours.len())?;
            let outcomes = match remote.reserve(&wanted) {
                Ok(outcomes) => outcomes,
                Err(error) => {
                    self.continue_unreserved(error, notify)?;
                    taken.append(&mut tried);
                    return Ok(ours);
                }
            };
            tried.extend(wanted.iter().copied());
            let won = wanted
                .iter()
                .zip(&outcomes)
                .filter(|(_, outcome)| **outcome == ReservationOutcome::Won)
                .map(|(id, _)| *id);
            ours.extend(won);
            taken.extend(ours.iter().copied());
            if ours.len() == count {
                return Ok(ours);
            }
            if begin.elapsed() > LIMIT {
                return Err(IdError::Contended {
                    remote: remote.name.clone(),
                    seconds: LIMIT.as_secs(),
                });
            }
            if begin.elapsed() > PATIENCE {
                notify(AllocatorEvent::Contended { remote: &remote.name });
            }
            git::sleep_with_jitter(pause);
            pause = (pause * 2).min(LAST_PAUSE);
            match remote.query() {
                Ok(remote_refs) => taken.extend(remote_refs.reserved.into_keys()),
                Err(error) => {
                    self.continue_unreserved(error, notify)?;
                    taken.append(&mut tried);
                    return Ok(ours);
                }
            }
        }
    }

    /// Returns the error if reservations are required, and otherwise reports it.
    fn continue_unreserved(
        &self,
        error: RemoteError,
        notify: &dyn Fn(AllocatorEvent<'_>),
    ) -> Result<(), IdError> {
        match (self.reserve, error) {
            (Reserve::Always, error) | (_, error @ RemoteError::Source(_)) => Err(error.into()),
            (Reserve::Auto | Reserve::Never, error) => {
                notify(AllocatorEvent::Unreserved(&error));
                Ok(())
            }
        }
    }

    /// Returns the next `count` IDs that are not `taken`.
    fn next_free(
        &self,
        used: &UsedIds,
        taken: &BTreeSet<SecretId>,
        count: usize,
    ) -> Result<Vec<SecretId>, IdError> {
        used.next_free(self.repository, self.catalog, taken, count)?.ok_or_else(|| {
            let highest = used.highest().unwrap_or(SecretId::LAST);
            let place =
                used.origins.get(&highest).map(|origin| format!(" ({origin})")).unwrap_or_default();
            IdError::Exhausted { highest, place }
        })
    }

    /// Reports the IDs that do not count, in files and in higher reservations.
    fn report(
        &self,
        used: &UsedIds,
        given: &[SecretId],
        reserved: BTreeSet<SecretId>,
        notify: &dyn Fn(AllocatorEvent<'_>),
    ) {
        let above = given.last().copied().max(Some(used.limit.last()));
        let far: Vec<SecretId> = reserved.into_iter().filter(|id| Some(*id) > above).collect();
        if !far.is_empty() || used.above_limit().next().is_some() {
            notify(AllocatorEvent::AboveLimit { used, reserved: &far });
        }
        if let Some(id) = given.iter().copied().find(|id| *id > used.limit.last()) {
            notify(AllocatorEvent::PastLimit { id, used });
        }
    }
}
