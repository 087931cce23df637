//! Taking IDs. A number is given out when it is above all that counts of what this clone and the
//! remote know of, when the remote has let this caller alone create its ref, and when it
//! is written down here.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::reservation::{Asked, Claim};
use super::{IdError, RemoteError, ReservationRemote};
use crate::config::{IdsConfig, Reserve};
use crate::manifest::SecretId;
use crate::used_ids::{HistoryScope, ScanDepth, UsedIds, given_out};
use crate::vcs::git;
use crate::vcs::{Branch, Repository};

/// How long others may be faster before this caller gives up.
const LIMIT: Duration = Duration::from_secs(120);

/// The longest pause after the first race that was lost; it doubles with each further one, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// How long others may be faster before somebody is told.
const PATIENCE: Duration = Duration::from_secs(3);

/// Gives IDs out, in one clone.
pub struct Allocator<'r> {
    repository: &'r Repository,
    /// The catalog's folder.
    catalog: &'r str,
    config: &'r IdsConfig,
    reserve: Reserve,
}

/// IDs that are this caller's alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocatedIds {
    /// In ascending order.
    pub ids: Vec<SecretId>,
    /// The remote where they are reserved.
    pub reserved_on: Option<String>,
}

/// What a person may want to hear while it goes on.
#[derive(Debug)]
pub enum AllocatorEvent<'a> {
    /// History is read, and it takes long: so many commits so far.
    Reading { commits: usize },
    /// Another run in this clone has its turn.
    Waiting,
    /// The remote is asked.
    Asking { remote: &'a str },
    /// Somebody else was faster, several times.
    Contended { remote: &'a str },
    /// Nothing is reserved, and why.
    Unreserved(&'a RemoteError),
    /// History ends before its beginning.
    Cut,
    /// IDs are too far above the default branch's to count, in files and as reservations.
    Beyond { used: &'a UsedIds, reserved: &'a [SecretId] },
    /// An ID is too far above the default branch's itself, since all up to there are in use.
    PastLimit { id: SecretId, used: &'a UsedIds },
}

impl<'r> Allocator<'r> {
    /// `reserve` is what the command line says instead of the configuration.
    #[must_use]
    pub fn of(
        repository: &'r Repository,
        catalog: &'r str,
        config: &'r IdsConfig,
        reserve: Option<Reserve>,
    ) -> Self {
        Self { repository, catalog, config, reserve: reserve.unwrap_or(config.reserve) }
    }

    /// The `count` IDs that would be given out next, as far as this clone knows. Other runs may
    /// take them first.
    ///
    /// # Errors
    /// A repository that cannot be read, or no numbers left.
    pub fn upcoming(
        &self,
        count: usize,
        tell: &dyn Fn(AllocatorEvent<'_>),
    ) -> Result<Vec<SecretId>, IdError> {
        let used = self.used(None, ScanDepth::AtFolders, tell)?;
        let ids = self.free(&used, &given_out(self.repository), count)?;
        self.report(&used, &ids, BTreeSet::new(), tell);
        Ok(ids)
    }

    /// The IDs in use. `asked` is what a remote has answered, with its name.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn used(
        &self,
        asked: Option<(&str, &Asked)>,
        look: ScanDepth,
        tell: &dyn Fn(AllocatorEvent<'_>),
    ) -> Result<UsedIds, IdError> {
        let branches: Vec<Branch> =
            asked.map(|(remote, asked)| asked.named_branches(remote)).unwrap_or_default();
        let default =
            asked.and_then(|(remote, asked)| Some(format!("{remote}/{}", asked.default.as_ref()?)));
        let named = ReservationRemote::of(self.repository, self.config.remote.as_deref())
            .map(|remote| remote.name);
        let scope = HistoryScope {
            catalog: self.catalog,
            max_gap: self.config.max_gap,
            remote: named.as_deref(),
            default: branches.iter().find(|branch| Some(&branch.name) == default.as_ref()),
            branches: &branches,
            look,
        };
        let used = UsedIds::read(self.repository, scope, &mut |commits| {
            tell(AllocatorEvent::Reading { commits })
        })?;
        if used.is_cut {
            tell(AllocatorEvent::Cut);
        }
        Ok(used)
    }

    /// The remote where IDs are reserved; None where none are to be, or there is none.
    ///
    /// # Errors
    /// [`IdError::NoRemote`] where there must be one.
    pub fn remote(&self) -> Result<Option<ReservationRemote<'r>>, IdError> {
        if self.reserve == Reserve::Never {
            return Ok(None);
        }
        let name = self.config.remote.as_deref();
        match ReservationRemote::of(self.repository, name) {
            None if self.reserve == Reserve::Always => {
                Err(IdError::NoRemote { name: name.map(str::to_owned) })
            }
            remote => Ok(remote),
        }
    }

    /// Takes `count` IDs. Runs in this clone have their turn one after the other.
    ///
    /// # Errors
    /// [`IdError`]; none of them is taken then, or is ever given out again.
    pub fn take(
        &self,
        count: usize,
        tell: &dyn Fn(AllocatorEvent<'_>),
    ) -> Result<AllocatedIds, IdError> {
        let mut remote = self.remote()?;
        let mut ledger = Ledger::lock(&self.repository.memory(), || tell(AllocatorEvent::Waiting))?;
        let asked = match &remote {
            None => Asked::default(),
            Some(asking) => {
                tell(AllocatorEvent::Asking { remote: &asking.name });
                // A branch that is deleted between the two questions is one less the second time.
                match asking.look().or_else(|_| asking.look()) {
                    Ok(asked) => asked,
                    Err(error) => {
                        self.go_without(error, tell)?;
                        remote = None;
                        Asked::default()
                    }
                }
            }
        };
        let named = remote.as_ref().map(|remote| (remote.name.as_str(), &asked));
        let used = self.used(named, ScanDepth::AtFiles, tell)?;
        let reserved: BTreeSet<SecretId> = asked.reserved.keys().copied().collect();
        let mut taken: BTreeSet<SecretId> =
            ledger.given().iter().copied().chain(reserved.iter().copied()).collect();
        let mut ids = match &remote {
            None => Vec::new(),
            Some(remote) => self.reserve(remote, &used, &mut taken, count, tell)?,
        };
        let reserved_on = remote.filter(|_| ids.len() == count).map(|remote| remote.name);
        ids.extend(self.free(&used, &taken, count - ids.len())?);
        ledger.give(&ids)?;
        self.report(&used, &ids, reserved, tell);
        Ok(AllocatedIds { ids, reserved_on })
    }

    /// Reserves `count` IDs that are not `taken`. Where the remote stops taking them and that is
    /// not an error, they are fewer, and all that was tried is taken: an ID that another run was
    /// seen to have is never given out.
    fn reserve(
        &self,
        remote: &ReservationRemote<'_>,
        used: &UsedIds,
        taken: &mut BTreeSet<SecretId>,
        count: usize,
        tell: &dyn Fn(AllocatorEvent<'_>),
    ) -> Result<Vec<SecretId>, IdError> {
        let begin = Instant::now();
        let (mut ours, mut tried, mut pause) = (Vec::new(), BTreeSet::new(), FIRST_PAUSE);
        loop {
            let wanted = self.free(used, taken, count - ours.len())?;
            let claims = match remote.reserve(&wanted) {
                Ok(claims) => claims,
                Err(error) => {
                    self.go_without(error, tell)?;
                    taken.append(&mut tried);
                    return Ok(ours);
                }
            };
            tried.extend(wanted.iter().copied());
            let won = wanted
                .iter()
                .zip(&claims)
                .filter(|(_, claim)| **claim == Claim::Ours)
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
                tell(AllocatorEvent::Contended { remote: &remote.name });
            }
            git::sleep_apart(pause);
            pause = (pause * 2).min(LAST_PAUSE);
            match remote.ask() {
                Ok(asked) => taken.extend(asked.reserved.into_keys()),
                Err(error) => {
                    self.go_without(error, tell)?;
                    taken.append(&mut tried);
                    return Ok(ours);
                }
            }
        }
    }

    /// A remote that cannot be used is an error where IDs must be reserved, and otherwise something to be told.
    fn go_without(
        &self,
        error: RemoteError,
        tell: &dyn Fn(AllocatorEvent<'_>),
    ) -> Result<(), IdError> {
        match (self.reserve, error) {
            (Reserve::Always, error) | (_, error @ RemoteError::Source(_)) => Err(error.into()),
            (Reserve::Auto | Reserve::Never, error) => {
                tell(AllocatorEvent::Unreserved(&error));
                Ok(())
            }
        }
    }

    /// The next `count` IDs that are not `taken`.
    fn free(
        &self,
        used: &UsedIds,
        taken: &BTreeSet<SecretId>,
        count: usize,
    ) -> Result<Vec<SecretId>, IdError> {
        used.free(self.repository, self.catalog, taken, count)?.ok_or_else(|| {
            let highest = used.highest().unwrap_or(SecretId::LAST);
            let place =
                used.origins.get(&highest).map(|origin| format!(" ({origin})")).unwrap_or_default();
            IdError::Exhausted { highest, place }
        })
    }

    /// Reports what does not count: files, and reservations above the IDs that were given out.
    fn report(
        &self,
        used: &UsedIds,
        given: &[SecretId],
        reserved: BTreeSet<SecretId>,
        tell: &dyn Fn(AllocatorEvent<'_>),
    ) {
        let above = given.last().copied().max(Some(used.limit.last()));
        let far: Vec<SecretId> = reserved.into_iter().filter(|id| Some(*id) > above).collect();
        if !far.is_empty() || used.beyond().next().is_some() {
            tell(AllocatorEvent::Beyond { used, reserved: &far });
        }
        if let Some(id) = given.iter().copied().find(|id| *id > used.limit.last()) {
            tell(AllocatorEvent::PastLimit { id, used });
        }
    }
}
