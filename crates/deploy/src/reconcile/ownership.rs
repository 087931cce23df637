//! Decides who owns a stored secret, by its tags.
//!
//! Each command that reads or changes a secret uses this module.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::desired::{CATALOG, ID, MANAGED, MANAGED_BY, REPOSITORY};
use crate::store::StoredSecret;
use goldenpath_core::catalog::Project;
use goldenpath_core::manifest::SecretId;

/// The tags of a secret that is ours.
#[derive(Debug, Clone)]
pub struct ExpectedTags<'a> {
    catalog: Cow<'a, str>,
    /// None if the clone has no remote.
    repository: Option<Cow<'a, str>>,
    /// None for a secret of any manifest.
    id: Option<Cow<'a, str>>,
}

/// The owner of a stored secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOwnership {
    /// It belongs to the manifest, or to the catalog if no manifest was given.
    Ours,
    /// It is unmanaged, and no tag names another catalog, repository or manifest.
    Unmanaged,
    /// `catalog` is None if goldenpath created it and the catalog's tag is missing.
    OtherCatalog {
        /// The value of the catalog's tag.
        catalog: Option<String>,
    },
    /// A repository with the same `catalogId`.
    ///
    /// `ours` is None if this clone has no remote to compare with.
    OtherRepository {
        /// The value of the repository's tag, such as `github.com/acme/platform`.
        theirs: String,
        /// The value that this clone would set.
        ours: Option<String>,
    },
    /// Another manifest of the same catalog.
    OtherManifest {
        /// The value of the ID's tag.
        id: String,
    },
}

/// Which secrets a run may take over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AllowedTakeovers {
    /// An unmanaged secret (`--adopt`).
    pub(super) unmanaged: bool,
    /// A secret of another repository with the same catalog (`--rebind-catalog`).
    pub(super) repository: bool,
}

impl<'a> ExpectedTags<'a> {
    /// Returns the tags of a manifest's secret, or of any manifest's for None.
    #[must_use]
    pub fn of(project: &'a Project, id: Option<SecretId>) -> Self {
        Self {
            catalog: project.catalog_id.as_str().into(),
            repository: project.repository.as_deref().map(Cow::from),
            id: id.map(|id| id.to_string().into()),
        }
    }

    /// Returns the owner's tags among the tags of a new secret.
    pub(super) fn of_tags(tags: &'a BTreeMap<String, String>) -> Self {
        let tag = |name: &str| tags.get(name).map(|value| Cow::from(value.as_str()));
        Self { catalog: tag(CATALOG).unwrap_or_default(), repository: tag(REPOSITORY), id: tag(ID) }
    }
}

impl SecretOwnership {
    /// Compares a secret's tags with the expected ones.
    ///
    /// A tag of another catalog, repository or manifest counts on an unmanaged secret, too: its
    /// author uses the secret.
    #[must_use]
    pub fn of(found: &StoredSecret, expected: &ExpectedTags<'_>) -> Self {
        let tag = |name: &str| found.tags.get(name).map(String::as_str);
        let is_managed = tag(MANAGED_BY) == Some(MANAGED);
        match tag(CATALOG) {
            Some(catalog) if catalog != expected.catalog => {
                return Self::OtherCatalog { catalog: Some(catalog.to_owned()) };
            }
            None if is_managed => return Self::OtherCatalog { catalog: None },
            _ => {}
        }
        // A secret without the tag is older than the tag: the next apply adds it.
        if let Some(theirs) =
            tag(REPOSITORY).filter(|theirs| Some(*theirs) != expected.repository.as_deref())
        {
            let ours = expected.repository.as_deref().map(str::to_owned);
            return Self::OtherRepository { theirs: theirs.to_owned(), ours };
        }
        let other = tag(ID).filter(|owner| expected.id.as_deref().is_some_and(|id| id != *owner));
        match other {
            Some(id) => Self::OtherManifest { id: id.to_owned() },
            None if is_managed => Self::Ours,
            None => Self::Unmanaged,
        }
    }

    /// Returns whether the secret is ours.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        *self == Self::Ours
    }

    /// Returns why the secret is not ours, as a clause; None if it is ours.
    #[must_use]
    pub fn foreign_reason(&self) -> Option<String> {
        Some(match self {
            Self::Ours => return None,
            Self::Unmanaged => "it is unmanaged: goldenpath did not create it".to_owned(),
            Self::OtherCatalog { catalog } => {
                format!("it belongs to another catalog ({})", catalog.as_deref().unwrap_or("none"))
            }
            Self::OtherRepository { theirs, ours: Some(ours) } => {
                format!("it belongs to another repository ({theirs}; this one is {ours})")
            }
            Self::OtherRepository { theirs, ours: None } => {
                format!(
                    "it belongs to the repository {theirs}, and this clone has no remote to \
                     compare it with"
                )
            }
            Self::OtherManifest { id } => format!("it belongs to {id}"),
        })
    }

    /// Returns the help for a secret that is not ours.
    #[must_use]
    pub fn help(&self, id: SecretId) -> String {
        match self {
            Self::Ours | Self::Unmanaged => {
                format!("run `goldenpath apply --adopt {id}` to take over an unmanaged secret")
            }
            Self::OtherCatalog { .. } => {
                "choose another name or `store.keyTemplate`: a secret of another catalog is never \
                 taken over"
                    .to_owned()
            }
            Self::OtherRepository { ours: Some(_), .. } => {
                "run `goldenpath apply --rebind-catalog` if the repository was renamed or moved; \
                 otherwise work in a clone of that repository, whose remote URL has the same host \
                 and path (`git remote set-url`)"
                    .to_owned()
            }
            Self::OtherRepository { ours: None, .. } => {
                "run `git remote add origin URL`, or set `audit.remote` in goldenpath.yaml"
                    .to_owned()
            }
            Self::OtherManifest { .. } => {
                "choose another name: each secret belongs to one manifest".to_owned()
            }
        }
    }

    /// Returns why a secret must not be changed for the manifest `id`, if so.
    pub(super) fn find_obstacle(
        found: &StoredSecret,
        expected: &ExpectedTags<'_>,
        id: SecretId,
        takeover: AllowedTakeovers,
    ) -> Option<String> {
        let mut ownership = Self::of(found, expected);
        if takeover.repository && matches!(ownership, Self::OtherRepository { ours: Some(_), .. }) {
            // All other tags must be as expected.
            let repository = found.tags.get(REPOSITORY).map(|theirs| Cow::from(theirs.as_str()));
            ownership = Self::of(found, &ExpectedTags { repository, ..expected.clone() });
        }
        match ownership {
            Self::Ours => None,
            Self::Unmanaged if takeover.unmanaged => None,
            Self::Unmanaged => Some(format!(
                "an unmanaged secret with this name exists (goldenpath did not create it); \
                 `--adopt {id}` takes it over"
            )),
            Self::OtherCatalog { catalog } => Some(format!(
                "a secret with this name exists and belongs to another catalog ({})",
                catalog.as_deref().unwrap_or("none")
            )),
            Self::OtherRepository { theirs, ours: Some(ours) } => Some(format!(
                "a secret with this name exists and belongs to another repository: its tag \
                 {REPOSITORY} is {theirs}, and this repository is {ours}; if it was renamed or \
                 moved, `--rebind-catalog` updates the tag"
            )),
            Self::OtherRepository { theirs, ours: None } => Some(format!(
                "a secret with this name exists and belongs to the repository {theirs}, and this \
                 clone has no remote to compare it with"
            )),
            Self::OtherManifest { id } => {
                Some(format!("a secret with this name exists and belongs to {id}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [(&str, &str); 4] = [
        (MANAGED_BY, MANAGED),
        (CATALOG, "acme-platform"),
        (REPOSITORY, "git.example.com/acme/platform"),
        (ID, "SEC-0007"),
    ];

    /// Returns a secret with our tags, except `without`, and with the tags `with`.
    fn secret(without: &[&str], with: &[(&str, &str)]) -> StoredSecret {
        let ours = OURS.iter().filter(|(name, _)| !without.contains(name));
        let tags = ours
            .chain(with)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        StoredSecret { tags, ..StoredSecret::default() }
    }

    fn ours() -> BTreeMap<String, String> {
        OURS.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    fn owner(found: &StoredSecret) -> SecretOwnership {
        SecretOwnership::of(found, &ExpectedTags::of_tags(&ours()))
    }

    fn find_obstacle(found: &StoredSecret, unmanaged: bool, repository: bool) -> Option<String> {
        let takeover = AllowedTakeovers { unmanaged, repository };
        SecretOwnership::find_obstacle(
            found,
            &ExpectedTags::of_tags(&ours()),
            SecretId::first(),
            takeover,
        )
    }

    #[test]
    fn a_secret_with_our_tags_is_ours_with_or_without_the_repository_tag() {
        for found in [
            secret(&[], &[]),
            secret(&[REPOSITORY], &[]),
            secret(&[ID], &[]),
            secret(&[], &[("team", "x")]),
        ] {
            assert_eq!(owner(&found), SecretOwnership::Ours, "{:?}", found.tags);
            assert_eq!(find_obstacle(&found, false, false), None);
        }
    }

    #[test]
    fn a_secret_of_another_catalog_is_never_taken_over() {
        for without in [&[][..], &[MANAGED_BY], &[REPOSITORY], &[MANAGED_BY, REPOSITORY, ID]] {
            let found = secret(&[without, &[CATALOG]].concat(), &[(CATALOG, "other")]);
            assert_eq!(
                owner(&found),
                SecretOwnership::OtherCatalog { catalog: Some("other".to_owned()) },
                "{without:?}"
            );
            assert!(
                find_obstacle(&found, true, true)
                    .is_some_and(|why| why.contains("another catalog (other)"))
            );
        }
        let found = secret(&[CATALOG], &[]);
        assert_eq!(owner(&found), SecretOwnership::OtherCatalog { catalog: None });
        assert!(find_obstacle(&found, true, true).is_some());
    }

    #[test]
    fn a_secret_of_another_repository_is_taken_over_only_with_rebind_catalog() {
        const THEIRS: &str = "git.example.com/copy";
        for (without, is_adopted) in [(&[][..], false), (&[ID], false), (&[MANAGED_BY], true)] {
            let found = secret(&[without, &[REPOSITORY]].concat(), &[(REPOSITORY, THEIRS)]);
            let (theirs, ours) =
                (THEIRS.to_owned(), Some("git.example.com/acme/platform".to_owned()));
            assert_eq!(
                owner(&found),
                SecretOwnership::OtherRepository { theirs, ours },
                "{without:?}"
            );
            let reason = find_obstacle(&found, true, false).unwrap_or_default();
            assert!(
                reason.contains(THEIRS) && reason.contains("git.example.com/acme/platform"),
                "{reason}"
            );
            assert_eq!(find_obstacle(&found, is_adopted, true), None);
        }
    }

    #[test]
    fn rebind_catalog_takes_over_no_unmanaged_secret_and_none_of_another_manifest() {
        let theirs = [(REPOSITORY, "git.example.com/copy")];
        let other = secret(&[REPOSITORY, ID], &[theirs[0], (ID, "SEC-0003")]);
        assert!(find_obstacle(&other, true, true).is_some_and(|why| why.contains("SEC-0003")));
        let unmanaged = secret(&[REPOSITORY, MANAGED_BY], &theirs);
        assert!(find_obstacle(&unmanaged, false, true).is_some_and(|why| why.contains("--adopt")));
    }

    #[test]
    fn a_clone_without_a_remote_does_not_own_a_bound_secret() {
        let mut expected = ours();
        expected.remove(REPOSITORY);
        let (found, expected) = (secret(&[], &[]), ExpectedTags::of_tags(&expected));
        assert!(matches!(
            SecretOwnership::of(&found, &expected),
            SecretOwnership::OtherRepository { ours: None, .. }
        ));
        let takeover = AllowedTakeovers { unmanaged: true, repository: true };
        let reason = SecretOwnership::find_obstacle(&found, &expected, SecretId::first(), takeover);
        assert!(
            reason.is_some_and(|why| why.contains("no remote")),
            "without a remote, the secret cannot be bound"
        );
        assert_eq!(
            SecretOwnership::of(&secret(&[REPOSITORY], &[]), &expected),
            SecretOwnership::Ours
        );
    }

    #[test]
    fn a_secret_of_another_manifest_is_not_ours() {
        for without in [&[][..], &[MANAGED_BY], &[REPOSITORY]] {
            let found = secret(&[without, &[ID]].concat(), &[(ID, "SEC-0003")]);
            assert_eq!(
                owner(&found),
                SecretOwnership::OtherManifest { id: "SEC-0003".to_owned() },
                "{without:?}"
            );
            assert!(find_obstacle(&found, true, true).is_some());
        }
    }

    #[test]
    fn an_unmanaged_secret_is_taken_over_only_with_adopt() {
        for with in [&[][..], &[(MANAGED_BY, "terraform")]] {
            let found = secret(&[MANAGED_BY, CATALOG, REPOSITORY, ID], with);
            assert_eq!(owner(&found), SecretOwnership::Unmanaged);
            assert!(find_obstacle(&found, false, true).is_some());
            assert_eq!(find_obstacle(&found, true, false), None);
        }
    }
}
