//! Taking IDs. A number is given out when it is above all that this clone and the remote know of, when the remote has let
//! this caller and nobody else create its ref, and when it is written down here.

use std::time::{Duration, Instant};

use git2::Oid;

use super::ledger::{Ledger, given};
use super::remote::{Asked, Claim};
use super::survey::{Look, Survey, survey};
use super::{IdError, Remote, RemoteError};
use crate::config::{IdsConfig, Reserve};
use crate::git;
use crate::manifest::SecretId;
use crate::source::Repository;

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
pub struct Given {
    /// In ascending order.
    pub ids: Vec<SecretId>,
    /// The remote where they are reserved.
    pub reserved_on: Option<String>,
}

/// What a person may want to hear while it goes on.
#[derive(Debug)]
pub enum News<'a> {
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
}

impl<'r> Allocator<'r> {
    /// `reserve` is what the command line says instead of the configuration.
    #[must_use]
    pub fn of(repository: &'r Repository, catalog: &'r str, config: &'r IdsConfig, reserve: Option<Reserve>) -> Self {
        Self { repository, catalog, config, reserve: reserve.unwrap_or(config.reserve) }
    }

    /// The `count` IDs that would be given out next, as far as this clone knows. Nobody is kept from taking them.
    ///
    /// # Errors
    /// A repository that cannot be read, or no numbers left.
    pub fn upcoming(&self, count: usize, tell: &dyn Fn(News<'_>)) -> Result<Vec<SecretId>, IdError> {
        let highest =
            self.survey(&[], Look::AtFolders, tell)?.highest.max(given(&self.repository.memory()).into_iter().max());
        after(highest, count)
    }

    /// The remote where IDs are reserved; None where none are to be, or there is none.
    ///
    /// # Errors
    /// [`IdError::NoRemote`] where there must be one.
    pub fn remote(&self) -> Result<Option<Remote<'r>>, IdError> {
        if self.reserve == Reserve::Never {
            return Ok(None);
        }
        let name = self.config.remote.as_deref();
        match Remote::of(self.repository, name) {
            None if self.reserve == Reserve::Always => Err(IdError::NoRemote { name: name.map(str::to_owned) }),
            remote => Ok(remote),
        }
    }

    /// Takes `count` IDs. Runs in this clone have their turn one after the other.
    ///
    /// # Errors
    /// [`IdError`]; none of them is taken then, or is ever given out again.
    pub fn take(&self, count: usize, tell: &dyn Fn(News<'_>)) -> Result<Given, IdError> {
        let mut remote = self.remote()?;
        let mut ledger = Ledger::lock(&self.repository.memory(), || tell(News::Waiting))?;
        let asked = match &remote {
            None => Asked::default(),
            Some(asking) => {
                tell(News::Asking { remote: &asking.name });
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
        let tips: Vec<Oid> = asked.branches.into_values().collect();
        let survey = self.survey(&tips, Look::AtFiles, tell)?;
        let known = survey.highest.max(ledger.highest()).max(asked.reserved.into_keys().max());
        let (mut ids, above) = match &remote {
            None => (Vec::new(), known),
            Some(remote) => self.reserve(remote, known, count, tell)?,
        };
        let reserved_on = remote.filter(|_| ids.len() == count).map(|remote| remote.name);
        ids.extend(after(above, count - ids.len())?);
        ledger.give(&ids)?;
        Ok(Given { ids, reserved_on })
    }

    /// Reserves `count` IDs above `known`. Where the remote stops taking them and that is no error, they are fewer, and the
    /// others are to be above the ID that comes with them: what somebody else was seen to have is never given out.
    fn reserve(
        &self,
        remote: &Remote<'_>,
        known: Option<SecretId>,
        count: usize,
        tell: &dyn Fn(News<'_>),
    ) -> Result<(Vec<SecretId>, Option<SecretId>), IdError> {
        let begin = Instant::now();
        let (mut highest, mut ours, mut pause) = (known, Vec::new(), FIRST_PAUSE);
        let mut above = known;
        loop {
            let wanted = after(highest, count - ours.len())?;
            let claims = match remote.reserve(&wanted) {
                Ok(claims) => claims,
                Err(error) => {
                    self.go_without(error, tell)?;
                    return Ok((ours, above));
                }
            };
            above = above.max(wanted.last().copied());
            ours.extend(wanted.iter().zip(&claims).filter(|(_, claim)| **claim == Claim::Ours).map(|(id, _)| *id));
            if ours.len() == count {
                return Ok((ours, above));
            }
            if begin.elapsed() > LIMIT {
                return Err(IdError::Contended { remote: remote.name.clone(), seconds: LIMIT.as_secs() });
            }
            if begin.elapsed() > PATIENCE {
                tell(News::Contended { remote: &remote.name });
            }
            git::sleep_apart(pause);
            pause = (pause * 2).min(LAST_PAUSE);
            match remote.ask() {
                Ok(asked) => highest = known.max(asked.reserved.into_keys().max()),
                Err(error) => {
                    self.go_without(error, tell)?;
                    return Ok((ours, above));
                }
            }
        }
    }

    /// A remote that cannot be used is an error where IDs must be reserved, and otherwise something to be told.
    fn go_without(&self, error: RemoteError, tell: &dyn Fn(News<'_>)) -> Result<(), IdError> {
        match (self.reserve, error) {
            (Reserve::Always, error) | (_, error @ RemoteError::Source(_)) => Err(error.into()),
            (Reserve::Auto | Reserve::Never, error) => {
                tell(News::Unreserved(&error));
                Ok(())
            }
        }
    }

    fn survey(&self, tips: &[Oid], look: Look, tell: &dyn Fn(News<'_>)) -> Result<Survey, IdError> {
        let found = survey(self.repository, self.catalog, tips, look, &mut |commits| tell(News::Reading { commits }))?;
        if found.is_cut {
            tell(News::Cut);
        }
        Ok(found)
    }
}

/// The `count` IDs above `highest`.
fn after(highest: Option<SecretId>, count: usize) -> Result<Vec<SecretId>, IdError> {
    let first = highest.map_or(1, |highest| highest.number() + 1);
    let numbers = (first..).take(count);
    numbers.map(|number| SecretId::of_number(number).ok_or(IdError::Exhausted)).collect()
}
