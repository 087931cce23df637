//! The remote on which IDs are reserved, and its branches.
//!
//! All of it uses the `git` program, and none of it moves a ref of this clone: fetched objects are
//! only read.

use std::collections::BTreeMap;

use git2::Oid;
use miette::Diagnostic;

use crate::manifest::SecretId;
use crate::used_ids::RESERVATIONS;
use crate::vcs::git::{Git, GitError, NETWORK, PushRejections, without_password};
use crate::vcs::{Branch, Repository, SourceError, parse_id};

const BRANCHES: &str = "refs/heads/";

/// The number of refs in one command.
const AT_ONCE: usize = 200;

/// Why a remote does not answer or does not accept a reservation.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum RemoteError {
    #[error("cannot query `{remote}`: {source}")]
    #[diagnostic(
        code(goldenpath::ids::unreachable),
        help("check the network and your access; `git ls-remote {remote}` shows more")
    )]
    Unreachable { remote: String, source: GitError },

    #[error("cannot reserve an ID on `{remote}`: {why}")]
    #[diagnostic(
        code(goldenpath::ids::refused),
        help(
            "grant everyone who adds manifests the right to push refs below \
             refs/goldenpath/ids/; without it, set `ids.reserve: never`"
        )
    )]
    Refused { remote: String, why: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
}

/// A remote of a repository, by its name.
pub struct ReservationRemote<'r> {
    /// For display: a URL has no user and password.
    pub name: String,
    /// For git.
    target: String,
    repository: &'r Repository,
    git: Git,
    /// The branch that is fetched into a shallow clone, too.
    audit_branch: Option<String>,
}

/// The refs of a remote.
#[derive(Debug, Default)]
pub struct RemoteRefs {
    /// The reserved IDs, each with the commit that its ref points to.
    pub reserved: BTreeMap<SecretId, Oid>,
    /// By name without `refs/heads/`.
    pub branches: BTreeMap<String, Oid>,
    /// The branch of its HEAD, by its name in `branches`; None if unknown.
    pub default: Option<String>,
}

/// The result of one reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationOutcome {
    Won,
    /// Another process has it, or was reserving it at the same time.
    Lost,
}

impl RemoteRefs {
    /// Returns the branches with their names in a clone.
    #[must_use]
    pub fn named_branches(&self, remote: &str) -> Vec<Branch> {
        let named =
            |(name, tip): (&String, &Oid)| Branch { name: format!("{remote}/{name}"), tip: *tip };
        self.branches.iter().map(named).collect()
    }
}

impl<'r> ReservationRemote<'r> {
    /// Returns the remote `name`; without a name, `origin` or the only remote.
    #[must_use]
    pub fn of(repository: &'r Repository, name: Option<&str>) -> Option<Self> {
        let remotes = repository.remotes();
        let is_there = |name: &str| remotes.iter().any(|remote| remote == name);
        let name = match (name, remotes.as_slice()) {
            (Some(name), _) => Some(name).filter(|name| is_there(name)),
            (None, _) if is_there("origin") => Some("origin"),
            (None, [only]) => Some(only.as_str()),
            (None, _) => None,
        }?;
        Some(Self::at(repository, name))
    }

    /// Returns the remote with this name or URL.
    #[must_use]
    pub fn at(repository: &'r Repository, name: &str) -> Self {
        Self {
            name: without_password(name),
            target: name.to_owned(),
            git: repository.program(),
            repository,
            audit_branch: None,
        }
    }

    /// Returns the remote with the name of the branch that has the audit trail.
    #[must_use]
    pub fn with_audit_branch(self, name: &str) -> Self {
        Self { audit_branch: Some(name.to_owned()), ..self }
    }

    /// Queries all reservations and branches at once.
    ///
    /// # Errors
    /// A remote that does not answer.
    pub fn query(&self) -> Result<RemoteRefs, RemoteError> {
        let patterns = ["HEAD".to_owned(), format!("{RESERVATIONS}*"), format!("{BRANCHES}*")];
        let arguments = ["ls-remote", "--quiet", "--symref", &self.target].map(str::to_owned);
        let answer = self.run(&[&arguments[..], &patterns].concat())?;
        let mut refs = RemoteRefs::default();
        // `ref: refs/heads/main<tab>HEAD`
        let heads = answer
            .lines()
            .filter_map(|line| line.strip_suffix("\tHEAD")?.strip_prefix("ref: refs/heads/"));
        refs.default = heads.map(str::to_owned).next();
        for (id, name) in refs_in(&answer) {
            if let Some(reserved) = name.strip_prefix(RESERVATIONS) {
                // Another program may have pushed a ref that is not an ID.
                refs.reserved.extend(SecretId::parse(reserved).ok().map(|reserved| (reserved, id)));
            } else if let Some(branch) = name.strip_prefix(BRANCHES) {
                refs.branches.insert(branch.to_owned(), id);
            }
        }
        Ok(refs)
    }

    /// Fetches the commits of `branches` that this clone does not have.
    ///
    /// In a shallow clone only the audit trail is fetched, which has a history of its own: the
    /// other branches would add the missing history.
    ///
    /// # Errors
    /// A remote that does not answer.
    fn fetch(&self, branches: &BTreeMap<String, Oid>) -> Result<(), RemoteError> {
        let mut names = Vec::new();
        let is_shallow = self.repository.is_shallow();
        for (name, tip) in branches {
            let is_audit = self.audit_branch.as_ref() == Some(name);
            if (is_audit || !is_shallow) && !self.repository.has_commit(*tip)? {
                names.push(format!("{BRANCHES}{name}"));
            }
        }
        self.fetch_refs(&names)
    }

    /// Queries all reservations and branches, and fetches the branches.
    ///
    /// # Errors
    /// A remote that does not answer.
    pub fn query_and_fetch(&self) -> Result<RemoteRefs, RemoteError> {
        let refs = self.query()?;
        self.fetch(&refs.branches)?;
        Ok(refs)
    }

    /// Returns the current branches, fetched; their names begin with the remote's.
    ///
    /// # Errors
    /// A remote that does not answer.
    pub fn branches(&self) -> Result<Vec<Branch>, RemoteError> {
        Ok(self.query_and_fetch()?.named_branches(&self.name))
    }

    /// Returns the author and the day of these reservations, as far as known.
    ///
    /// # Errors
    /// A remote that does not answer.
    pub fn reservation_authors(
        &self,
        reserved: &BTreeMap<SecretId, Oid>,
    ) -> Result<BTreeMap<SecretId, String>, RemoteError> {
        let mut names = Vec::new();
        for (id, commit) in reserved {
            if !self.repository.has_commit(*commit)? {
                names.push(format!("{RESERVATIONS}{id}"));
            }
        }
        self.fetch_refs(&names)?;
        let mut authors = BTreeMap::new();
        for (id, commit) in reserved {
            authors.extend(self.repository.author_and_day(*commit)?.map(|author| (*id, author)));
        }
        Ok(authors)
    }

    /// Returns the reservation of one ID with its author and day; None without one.
    ///
    /// # Errors
    /// A remote that does not answer.
    pub fn reservation(&self, id: SecretId) -> Result<Option<Option<String>>, RemoteError> {
        let found = self.list(&[format!("{RESERVATIONS}{id}")])?;
        let Some((commit, _)) = found.first() else { return Ok(None) };
        let author = self.reservation_authors(&[(id, *commit)].into())?.remove(&id);
        Ok(Some(author))
    }

    /// Tries to reserve each of `ids`.
    ///
    /// The remote decides ref by ref: it creates a ref only if there is none. Two processes never
    /// push the same commit, since each contains a random number.
    ///
    /// # Errors
    /// A remote that does not answer, or that accepts no reservations.
    pub fn reserve(&self, ids: &[SecretId]) -> Result<Vec<ReservationOutcome>, RemoteError> {
        let name = |id: &SecretId| format!("{RESERVATIONS}{id}");
        let commits = ids.iter().map(|id| self.commit(*id)).collect::<Result<Vec<Oid>, _>>()?;
        let mut arguments: Vec<String> =
            ["push", "--porcelain", "--quiet", "--no-verify", "--no-signed", "--no-follow-tags"]
                .into_iter()
                .chain(["--recurse-submodules=no"])
                .map(str::to_owned)
                .collect();
        arguments.extend(ids.iter().map(|id| format!("--force-with-lease={}:", name(id))));
        arguments.push(self.target.clone());
        arguments
            .extend(ids.iter().zip(&commits).map(|(id, commit)| format!("{commit}:{}", name(id))));
        let pushed = self.git.run_unchecked(&arguments, NETWORK);
        if pushed.as_ref().is_ok_and(|answer| answer.success) {
            return Ok(vec![ReservationOutcome::Won; ids.len()]);
        }
        // The refs that exist now decide, not the answer to the push.
        let names: Vec<String> = ids.iter().map(name).collect();
        let there: BTreeMap<String, Oid> =
            self.list(&names)?.into_iter().map(|(id, name)| (name, id)).collect();
        let outcomes: Vec<Option<ReservationOutcome>> = names
            .iter()
            .zip(&commits)
            .map(|(name, commit)| {
                there.get(name).map(|held| {
                    if held == commit { ReservationOutcome::Won } else { ReservationOutcome::Lost }
                })
            })
            .collect();
        let missing = outcomes.iter().filter(|outcome| outcome.is_none()).count();
        if missing == 0 {
            return Ok(outcomes.into_iter().flatten().collect());
        }
        match pushed {
            // Another push was creating the ref, and may have failed because of this one.
            Ok(answer) if PushRejections(&answer.stdout).are_races() => Ok(outcomes
                .into_iter()
                .map(|outcome| outcome.unwrap_or(ReservationOutcome::Lost))
                .collect()),
            Ok(answer) => {
                let why = PushRejections(&answer.stdout).first().unwrap_or(answer.stderr);
                Err(RemoteError::Refused { remote: self.name.clone(), why })
            }
            Err(source) => Err(RemoteError::Unreachable { remote: self.name.clone(), source }),
        }
    }

    fn commit(&self, id: SecretId) -> Result<Oid, RemoteError> {
        let mut nonce = [0; 16];
        let drawn = getrandom::fill(&mut nonce);
        drawn.map_err(|error| RemoteError::Refused {
            remote: self.name.clone(),
            why: error.to_string(),
        })?;
        let nonce: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(self.repository.create_root_commit(&format!("Reserve {id}\n\nNonce: {nonce}\n"))?)
    }

    fn list(&self, patterns: &[String]) -> Result<Vec<(Oid, String)>, RemoteError> {
        let arguments = ["ls-remote", "--quiet", "--refs", &self.target].map(str::to_owned);
        let answer = self.run(&[&arguments[..], patterns].concat())?;
        Ok(refs_in(&answer).map(|(id, name)| (id, name.to_owned())).collect())
    }

    fn fetch_refs(&self, names: &[String]) -> Result<(), RemoteError> {
        for names in names.chunks(AT_ONCE) {
            let arguments = [
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-prune",
                "--refmap=",
            ];
            let arguments = arguments
                .into_iter()
                .chain(["--no-recurse-submodules", &self.target])
                .map(str::to_owned);
            self.run(&arguments.chain(names.iter().cloned()).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn run(&self, arguments: &[String]) -> Result<String, RemoteError> {
        let answer = self.git.run(arguments, NETWORK);
        answer
            .map(|answer| answer.stdout)
            .map_err(|source| RemoteError::Unreachable { remote: self.name.clone(), source })
    }
}

/// Returns the objects and names in the output of `git ls-remote`.
fn refs_in(answer: &str) -> impl Iterator<Item = (Oid, &str)> {
    let lines = answer.lines().filter_map(|line| line.split_once('\t'));
    lines.filter_map(|(id, name)| Some((parse_id(id)?, name)))
}
