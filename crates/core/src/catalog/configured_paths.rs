//! The places on disk that a configuration names. A repository's own files must not name a program,
//! a key or a repository with hooks that lies in the repository itself: whoever can open a pull
//! request could bring it along.

use std::path::{Path, PathBuf};

use super::{Project, ProjectError};
use crate::config;
use crate::config::{ConfigError, GitUrl};
use crate::vcs::git;
use crate::vcs::git::Protocols;
use crate::vcs::{Boundary, Exposure, Location, Repository, SourceError};

/// A place and the fields that lead to it in `goldenpath.yaml`.
struct Named<'p> {
    keys: Vec<&'p str>,
    path: PathBuf,
}

impl Project {
    /// Refuses a configuration whose `gitops.url`, `gitops.path`, `store.keyFile`, `store.path` or
    /// `cluster.kubeconfig`, shared or of an environment, is in the repository itself where it must
    /// not be. Commands that use these places call it first.
    ///
    /// # Errors
    /// The first such place, where it is written, and a repository or path that cannot be read.
    pub fn check_locations(&self, repository: &Repository) -> Result<(), ProjectError> {
        let boundary = Boundary::of(repository)?;
        for Named { keys, path } in self.working_copies() {
            let location = self.locate(&boundary, &keys, &path)?;
            let is_known_to_git = match location {
                Location::Outside => true,
                Location::WorkTree => {
                    boundary.is_work_tree(&path)? || boundary.is_submodule(&path)?
                }
                Location::OtherWorkTree => boundary.is_work_tree(&path)?,
                Location::GitFolder => false,
            };
            if !is_known_to_git {
                if self.is_from_home(&path) {
                    let why = "begins with `~`, which is not expanded here";
                    let help =
                        "give the path in full, or from the catalog's root, such as `../gitops`";
                    return Err(self.error_at(&keys, why, help).into());
                }
                let help = "clone the GitOps repository outside this one and name that folder, register it here as a \
                            submodule (`git submodule add`), or use `gitops.url`";
                return Err(self.refusal(&keys, location, help).into());
            }
        }
        for (keys, url) in self.urls() {
            let parsed = GitUrl::parse(url);
            if let Some(why) = parsed.uncertainty() {
                return Err(self
                    .error_at(&keys, why, "give the path in full, without `~` and `..`")
                    .into());
            }
            for path in parsed.local_paths(&self.root) {
                let location = match parsed.protocol == "ssh" {
                    true => boundary.locate_on_server(&path),
                    false => boundary.locate(&path),
                };
                match self.explained(&keys, location)? {
                    Location::Outside => {}
                    location => {
                        let help = "git would run the hooks of a repository there: give the URL of the GitOps \
                                    repository, or the path of one outside this repository";
                        return Err(self.refusal(&keys, location, help).into());
                    }
                }
            }
            self.check_protocol(&keys, url, repository)?;
        }
        for Named { keys, path } in self.key_files() {
            match self.locate(&boundary, &keys, &path)? {
                Location::Outside => {}
                location => {
                    let help =
                        "keep the key outside the repository, such as in `~/.config/goldenpath/`";
                    return Err(self.refusal(&keys, location, help).into());
                }
            }
        }
        for Named { keys, path } in self.kubeconfigs() {
            match self.locate(&boundary, &keys, &path)? {
                Location::Outside => {}
                location => {
                    let help = "a kubeconfig can name programs to run: keep it outside the repository, or leave it out to \
                                use `KUBECONFIG` or `~/.kube/config`";
                    return Err(self.refusal(&keys, location, help).into());
                }
            }
        }
        for Named { keys, path } in self.databases() {
            self.check_database(&keys, &path, &boundary)?;
        }
        Ok(())
    }

    /// An error about the `gitops.path` of an environment.
    #[must_use]
    pub fn gitops_path_error(
        &self,
        environment: &str,
        why: &str,
        help: impl Into<String>,
    ) -> ConfigError {
        let own =
            self.config.environments.get(environment).and_then(|own| own.gitops.path.as_ref());
        let keys = match own {
            Some(_) => vec!["environments", environment, "gitops", "path"],
            None => vec!["gitops", "path"],
        };
        self.error_at(&keys, why, help)
    }

    /// Where a configured path leads; one that the system does not follow is an error at its place.
    fn locate(
        &self,
        boundary: &Boundary<'_>,
        keys: &[&str],
        path: &Path,
    ) -> Result<Location, ProjectError> {
        self.explained(keys, boundary.locate(path))
    }

    fn explained(
        &self,
        keys: &[&str],
        location: Result<Location, SourceError>,
    ) -> Result<Location, ProjectError> {
        location.map_err(|error| match error {
            SourceError::Unresolved { why, .. } => {
                let help = "check the path, its symbolic links and its permissions";
                self.error_at(keys, &format!("cannot be followed: {why}"), help).into()
            }
            error => error.into(),
        })
    }

    /// Refuses a database in the work tree that others could have written, and one in git's own
    /// folder.
    fn check_database(
        &self,
        keys: &[&str],
        path: &Path,
        boundary: &Boundary<'_>,
    ) -> Result<(), ProjectError> {
        let location = self.locate(boundary, keys, path)?;
        if matches!(location, Location::GitFolder | Location::OtherWorkTree) {
            let help = "keep the store in a folder of its own, such as `.goldenpath/`";
            return Err(self.refusal(keys, location, help).into());
        }
        match boundary.exposure(path)? {
            None => Ok(()),
            Some(Exposure::Link(link)) => {
                let why = format!(
                    "leads through the symbolic link `{}` of the repository",
                    link.display()
                );
                let help = "name a path without symbolic links, or one outside the repository";
                Err(self.error_at(keys, &why, help).into())
            }
            Some(Exposure::Repository(folder)) => {
                let why = format!(
                    "leads into another repository in the work tree (`{folder}`), whose commits could bring it"
                );
                let help = "keep the store in a folder of its own, such as `.goldenpath/`";
                Err(self.error_at(keys, &why, help).into())
            }
            Some(Exposure::Tracked(file)) => {
                let why = format!("is tracked by git (`{file}`): others could have written it");
                let help = format!(
                    "name another path, or `git rm --cached -r -- '{file}'` and commit that"
                );
                Err(self.error_at(keys, &why, help).into())
            }
        }
    }

    /// Refuses a URL by whose protocol git would not go, since `git` itself cannot say where the
    /// URL is written.
    fn check_protocol(
        &self,
        keys: &[&str],
        url: &str,
        repository: &Repository,
    ) -> Result<(), ProjectError> {
        let protocol = GitUrl::parse(url).protocol;
        if git::PROTOCOLS.contains(&protocol.as_str()) {
            return Ok(());
        }
        match repository.program().protocols()? {
            Protocols::Configured => Ok(()),
            Protocols::Only(allowed) if allowed.contains(&protocol) => Ok(()),
            Protocols::Only(allowed) => {
                let allowed = allowed.into_iter().collect::<Vec<_>>().join(", ");
                let why = format!(
                    "uses the protocol `{protocol}`, and a URL in a repository's files may use {allowed}"
                );
                let help = format!(
                    "give a URL with one of these; to allow `{protocol}` on this machine: \
                     `git config --global protocol.{protocol}.allow always`"
                );
                Err(self.error_at(keys, &why, help).into())
            }
        }
    }

    fn refusal(&self, keys: &[&str], location: Location, help: &str) -> ConfigError {
        let why = match location {
            Location::GitFolder => "is in git's own folder of the catalog's repository",
            Location::OtherWorkTree => "is in another work tree of the catalog's repository",
            Location::WorkTree | Location::Outside => {
                "is in the work tree of the catalog's repository"
            }
        };
        self.error_at(keys, why, help)
    }

    fn error_at(&self, keys: &[&str], why: &str, help: impl Into<String>) -> ConfigError {
        let error =
            ConfigError::new(&self.config_name, format!("`{}` {why}", keys.join(".")), help);
        error.at_field(&self.config_text, keys)
    }

    /// Whether a path from the root begins with `~` or `~user`, as only a shell expands it.
    fn is_from_home(&self, path: &Path) -> bool {
        let first = path.strip_prefix(&self.root).ok().and_then(|path| path.components().next());
        first.is_some_and(|first| first.as_os_str().as_encoded_bytes().starts_with(b"~"))
    }

    /// All of `gitops.path`.
    fn working_copies(&self) -> Vec<Named<'_>> {
        let shared = (vec!["gitops", "path"], self.config.gitops.path.as_ref());
        let own = self.config.environments.iter().map(|(name, own)| {
            (vec!["environments", name.as_str(), "gitops", "path"], own.gitops.path.as_ref())
        });
        let all = std::iter::once(shared).chain(own);
        all.filter_map(|(keys, path)| Some(Named { keys, path: self.root.join(path?) })).collect()
    }

    /// All of `gitops.url`.
    fn urls(&self) -> Vec<(Vec<&str>, &str)> {
        let shared = (vec!["gitops", "url"], self.config.gitops.url.as_deref());
        let own = self.config.environments.iter().map(|(name, own)| {
            (vec!["environments", name.as_str(), "gitops", "url"], own.gitops.url.as_deref())
        });
        std::iter::once(shared).chain(own).filter_map(|(keys, url)| Some((keys, url?))).collect()
    }

    fn key_files(&self) -> Vec<Named<'_>> {
        let written = self.config.store.key_file.iter();
        written
            .map(|path| Named { keys: vec!["store", "keyFile"], path: self.absolute(path) })
            .collect()
    }

    fn kubeconfigs(&self) -> Vec<Named<'_>> {
        let own = self.config.environments.iter();
        own.filter_map(|(name, own)| {
            let path = own.cluster.as_ref()?.kubeconfig.as_ref()?;
            let keys = vec!["environments", name.as_str(), "cluster", "kubeconfig"];
            Some(Named { keys, path: self.absolute(path) })
        })
        .collect()
    }

    /// All of `store.path` that are used.
    fn databases(&self) -> Vec<Named<'_>> {
        let is_local = |backend: Option<config::Backend>| backend == Some(config::Backend::Local);
        let store = &self.config.store;
        let shared = is_local(store.backend)
            .then(|| Named { keys: vec!["store", "path"], path: self.root.join(&store.path) });
        let own = self
            .config
            .environments
            .iter()
            .filter(|(_, own)| is_local(own.store.backend.or(store.backend)));
        let own = own.map(|(name, own)| match &own.store.path {
            Some(path) => Named {
                keys: vec!["environments", name, "store", "path"],
                path: self.root.join(path),
            },
            None => Named { keys: vec!["store", "path"], path: self.root.join(&store.path) },
        });
        shared.into_iter().chain(own).collect()
    }

    /// A path as the configuration has it: from the root, or from the user's home where it begins
    /// with `~/`.
    fn absolute(&self, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), std::env::home_dir()) {
            (Ok(below), Some(home)) => home.join(below),
            _ => self.root.join(path),
        }
    }
}
