//! Checks of paths in the configuration.
//!
//! The configuration must not name a program, a key or a repository with hooks inside the catalog's
//! own repository: anyone who can open a pull request could add it.

use std::path::{Path, PathBuf};

use super::{Project, ProjectError};
use crate::config;
use crate::config::{ConfigError, GitUrl};
use crate::vcs::git;
use crate::vcs::git::Protocols;
use crate::vcs::{Boundary, Exposure, Location, Repository, SourceError};

/// A path, with the keys of its field in `goldenpath.yaml`.
struct ConfiguredPath<'p> {
    keys: Vec<&'p str>,
    path: PathBuf,
}

impl Project {
    /// Rejects configured paths that must not be in the catalog's repository.
    ///
    /// These are `gitops.url`, `gitops.path`, `store.keyFile`, `store.path` and
    /// `cluster.kubeconfig`, global or of an environment. Commands that use these paths call it
    /// first.
    ///
    /// # Errors
    /// The first such path with its place in the file, or a repository or path that cannot be read.
    pub fn check_locations(&self, repository: &Repository) -> Result<(), ProjectError> {
        let boundary = Boundary::of(repository)?;
        for ConfiguredPath { keys, path } in self.working_copies() {
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
                        "write the full path, or one from the catalog's root, such as `../gitops`";
                    return Err(self.error_at(&keys, why, help).into());
                }
                let help = "clone the GitOps repository outside this one and set that folder, \
                            register it here as a submodule (`git submodule add`), or set \
                            `gitops.url`";
                return Err(self.location_error(&keys, location, help).into());
            }
        }
        for (keys, url) in self.urls() {
            let parsed = GitUrl::parse(url);
            if let Some(why) = parsed.uncertainty() {
                return Err(self
                    .error_at(&keys, why, "write the full path, without `~` and `..`")
                    .into());
            }
            for path in parsed.local_paths(&self.root) {
                let location = if parsed.protocol == "ssh" {
                    boundary.locate_on_server(&path)
                } else {
                    boundary.locate(&path)
                };
                match self.with_place(&keys, location)? {
                    Location::Outside => {}
                    location => {
                        let help = "set the URL of the GitOps repository, or a path outside this \
                                    repository: git would run the hooks of a repository here";
                        return Err(self.location_error(&keys, location, help).into());
                    }
                }
            }
            self.check_protocol(&keys, url, repository)?;
        }
        for ConfiguredPath { keys, path } in self.key_files() {
            match self.locate(&boundary, &keys, &path)? {
                Location::Outside => {}
                location => {
                    let help =
                        "keep the key outside the repository, such as in `~/.config/goldenpath/`";
                    return Err(self.location_error(&keys, location, help).into());
                }
            }
        }
        for ConfiguredPath { keys, path } in self.kubeconfigs() {
            match self.locate(&boundary, &keys, &path)? {
                Location::Outside => {}
                location => {
                    let help = "keep the kubeconfig outside the repository, or remove the field to \
                                use `KUBECONFIG` or `~/.kube/config`: a kubeconfig can name \
                                programs to run";
                    return Err(self.location_error(&keys, location, help).into());
                }
            }
        }
        for ConfiguredPath { keys, path } in self.databases() {
            self.check_database(&keys, &path, &boundary)?;
        }
        Ok(())
    }

    /// Returns an error about the `gitops.path` of an environment.
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

    /// Locates a configured path; an error has its place in the file.
    fn locate(
        &self,
        boundary: &Boundary<'_>,
        keys: &[&str],
        path: &Path,
    ) -> Result<Location, ProjectError> {
        self.with_place(keys, boundary.locate(path))
    }

    /// Replaces the error of a path by one with its place in the file.
    fn with_place(
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

    /// Rejects a database that others could have written, or that is in git's folder.
    fn check_database(
        &self,
        keys: &[&str],
        path: &Path,
        boundary: &Boundary<'_>,
    ) -> Result<(), ProjectError> {
        let location = self.locate(boundary, keys, path)?;
        if matches!(location, Location::GitFolder | Location::OtherWorkTree) {
            let help = "keep the store in a folder of its own, such as `.goldenpath/`";
            return Err(self.location_error(keys, location, help).into());
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
                    "leads into another repository in the work tree (`{folder}`), whose commits \
                     could add it"
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

    /// Rejects a URL with a protocol that git would reject.
    ///
    /// git itself cannot report the place of the URL in the file.
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
                    "uses the protocol `{protocol}`, and a URL in a repository's files may use \
                     {allowed}"
                );
                let help = format!(
                    "use a URL with one of these; to allow `{protocol}` on this machine: \
                     `git config --global protocol.{protocol}.allow always`"
                );
                Err(self.error_at(keys, &why, help).into())
            }
        }
    }

    fn location_error(&self, keys: &[&str], location: Location, help: &str) -> ConfigError {
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

    /// Reports whether a path begins with `~`, which only a shell expands.
    fn is_from_home(&self, path: &Path) -> bool {
        let first = path.strip_prefix(&self.root).ok().and_then(|path| path.components().next());
        first.is_some_and(|first| first.as_os_str().as_encoded_bytes().starts_with(b"~"))
    }

    /// Returns all values of `gitops.path`.
    fn working_copies(&self) -> Vec<ConfiguredPath<'_>> {
        let shared = (vec!["gitops", "path"], self.config.gitops.path.as_ref());
        let own = self.config.environments.iter().map(|(name, own)| {
            (vec!["environments", name.as_str(), "gitops", "path"], own.gitops.path.as_ref())
        });
        let all = std::iter::once(shared).chain(own);
        all.filter_map(|(keys, path)| Some(ConfiguredPath { keys, path: self.root.join(path?) }))
            .collect()
    }

    /// Returns all values of `gitops.url`.
    fn urls(&self) -> Vec<(Vec<&str>, &str)> {
        let shared = (vec!["gitops", "url"], self.config.gitops.url.as_deref());
        let own = self.config.environments.iter().map(|(name, own)| {
            (vec!["environments", name.as_str(), "gitops", "url"], own.gitops.url.as_deref())
        });
        std::iter::once(shared).chain(own).filter_map(|(keys, url)| Some((keys, url?))).collect()
    }

    fn key_files(&self) -> Vec<ConfiguredPath<'_>> {
        let written = self.config.store.key_file.iter();
        written
            .map(|path| ConfiguredPath {
                keys: vec!["store", "keyFile"],
                path: self.absolute(path),
            })
            .collect()
    }

    fn kubeconfigs(&self) -> Vec<ConfiguredPath<'_>> {
        let own = self.config.environments.iter();
        own.filter_map(|(name, own)| {
            let path = own.cluster.as_ref()?.kubeconfig.as_ref()?;
            let keys = vec!["environments", name.as_str(), "cluster", "kubeconfig"];
            Some(ConfiguredPath { keys, path: self.absolute(path) })
        })
        .collect()
    }

    /// Returns all values of `store.path` that are used.
    fn databases(&self) -> Vec<ConfiguredPath<'_>> {
        let is_local = |backend: Option<config::Backend>| backend == Some(config::Backend::Local);
        let store = &self.config.store;
        let shared = is_local(store.backend).then(|| ConfiguredPath {
            keys: vec!["store", "path"],
            path: self.root.join(&store.path),
        });
        let own = self
            .config
            .environments
            .iter()
            .filter(|(_, own)| is_local(own.store.backend.or(store.backend)));
        let own = own.map(|(name, own)| match &own.store.path {
            Some(path) => ConfiguredPath {
                keys: vec!["environments", name, "store", "path"],
                path: self.root.join(path),
            },
            None => {
                ConfiguredPath { keys: vec!["store", "path"], path: self.root.join(&store.path) }
            }
        });
        shared.into_iter().chain(own).collect()
    }

    /// Returns a configured path from the root; `~/` is the user's home folder.
    fn absolute(&self, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), std::env::home_dir()) {
            (Ok(below), Some(home)) => home.join(below),
            _ => self.root.join(path),
        }
    }
}
