//! Whose a stored secret is, as its tags say. Every command that reads or changes a secret asks
//! here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::desired::{CATALOG, ID, MANAGED, MANAGED_BY, REPOSITORY};
use crate::store::StoredSecret;
use goldenpath_core::catalog::Project;
use goldenpath_core::manifest::SecretId;

/// What the tags of a secret say where it is ours.
#[derive(Debug, Clone)]
pub struct ExpectedTags<'a> {
    catalog: Cow<'a, str>,
    /// None where the clone has no remote.
    repository: Option<Cow<'a, str>>,
    /// None where a secret of any manifest is meant.
    id: Option<Cow<'a, str>>,
}

/// Whose a stored secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOwnership {
    /// It belongs to the manifest, or to the catalog where no manifest is asked about.
    Ours,
    /// goldenpath did not create it, and nothing says that it belongs to another catalog,
    /// repository or manifest.
    Unmanaged,
    /// `catalog` is None where goldenpath created it and no tag says for which catalog.
    OtherCatalog { catalog: Option<String> },
    /// A repository with the same `catalogId`; `ours` is None where this clone has no remote to
    /// compare it with.
    OtherRepository { theirs: String, ours: Option<String> },
    /// Another manifest of the same catalog.
    OtherManifest { id: String },
}

/// What a run may take over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Takeover {
    /// A secret that goldenpath did not create (`--adopt`).
    pub(super) unmanaged: bool,
    /// A secret of another repository with the same catalog (`--rebind-catalog`).
    pub(super) repository: bool,
}

impl<'a> ExpectedTags<'a> {
    /// What the secret of a manifest has; for None, a secret of any manifest of the catalog.
    #[must_use]
    pub fn of(project: &'a Project, id: Option<SecretId>) -> Self {
        Self {
            catalog: project.catalog_id.as_str().into(),
            repository: project.repository.as_deref().map(Cow::from),
            id: id.map(|id| id.to_string().into()),
        }
    }

    /// What a secret that is created with these tags has.
    pub(super) fn of_tags(tags: &'a BTreeMap<String, String>) -> Self {
        let tag = |name: &str| tags.get(name).map(|value| Cow::from(value.as_str()));
        Self { catalog: tag(CATALOG).unwrap_or_default(), repository: tag(REPOSITORY), id: tag(ID) }
    }
}

impl SecretOwnership {
    /// Compares a secret's tags with those that are expected. A tag of another catalog, repository
    /// or manifest counts on a secret that goldenpath did not create, too: whoever wrote it there
    /// uses the secret.
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

    /// Whether the secret is ours.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        *self == Self::Ours
    }

    /// Why the secret is not ours, as the end of a sentence about it; None where it is.
    #[must_use]
    pub fn stranger(&self) -> Option<String> {
        Some(match self {
            Self::Ours => return None,
            Self::Unmanaged => "goldenpath did not make it".to_owned(),
            Self::OtherCatalog { catalog } => {
                format!("it belongs to another catalog ({})", catalog.as_deref().unwrap_or("none"))
            }
            Self::OtherRepository { theirs, ours: Some(ours) } => {
                format!("it belongs to another repository ({theirs}; this one is {ours})")
            }
            Self::OtherRepository { theirs, ours: None } => {
                format!(
                    "it belongs to the repository {theirs}, and this clone has no remote that shows whether it is that one"
                )
            }
            Self::OtherManifest { id } => format!("it belongs to {id}"),
        })
    }

    /// What to do where a secret is not ours.
    #[must_use]
    pub fn help(&self, id: SecretId) -> String {
        match self {
            Self::Ours | Self::Unmanaged => {
                format!("`goldenpath apply --adopt {id}` takes over a secret that goldenpath did not create")
            }
            Self::OtherCatalog { .. } => {
                "use another name or `store.keyTemplate`: a secret of another catalog is never taken over".to_owned()
            }
            Self::OtherRepository { ours: Some(_), .. } => {
                "work in a clone of that repository; if this is one, its remote's URL must have the same host and path (`git remote set-url`); where the repository was renamed or moved, `goldenpath apply --rebind-catalog` binds its secrets to this one".to_owned()
            }
            Self::OtherRepository { ours: None, .. } => {
                "name the remote: `git remote add origin URL`, or `audit.remote` in goldenpath.yaml".to_owned()
            }
            Self::OtherManifest { .. } => "use another name: each secret belongs to one manifest".to_owned(),
        }
    }

    /// Why a secret must not be touched for the manifest `id`, if so.
    pub(super) fn obstacle(
        found: &StoredSecret,
        expected: &ExpectedTags<'_>,
        id: SecretId,
        takeover: Takeover,
    ) -> Option<String> {
        let mut ownership = Self::of(found, expected);
        if takeover.repository && matches!(ownership, Self::OtherRepository { ours: Some(_), .. }) {
            // Everything else must be as expected.
            let repository = found.tags.get(REPOSITORY).map(|theirs| Cow::from(theirs.as_str()));
            ownership = Self::of(found, &ExpectedTags { repository, ..expected.clone() });
        }
        match ownership {
            Self::Ours => None,
            Self::Unmanaged if takeover.unmanaged => None,
            Self::Unmanaged => Some(format!(
                "a secret of this name exists that goldenpath did not make; `--adopt {id}` takes it over"
            )),
            Self::OtherCatalog { catalog } => Some(format!(
                "a secret of this name exists and belongs to another catalog ({})",
                catalog.as_deref().unwrap_or("none")
            )),
            Self::OtherRepository { theirs, ours: Some(ours) } => Some(format!(
                "a secret of this name exists and belongs to another repository: its tag {REPOSITORY} is {theirs}, and \
                 this repository is {ours}; where it was renamed or moved, `--rebind-catalog` updates the tag"
            )),
            Self::OtherRepository { theirs, ours: None } => Some(format!(
                "a secret of this name exists and belongs to the repository {theirs}, and this clone has no remote to \
                 compare it with"
            )),
            Self::OtherManifest { id } => {
                Some(format!("a secret of this name exists and belongs to {id}"))
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

    /// A secret with our tags, some taken off and others put on.
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

    fn judged(found: &StoredSecret) -> SecretOwnership {
        SecretOwnership::of(found, &ExpectedTags::of_tags(&ours()))
    }

    fn obstacle(found: &StoredSecret, unmanaged: bool, repository: bool) -> Option<String> {
        let takeover = Takeover { unmanaged, repository };
        SecretOwnership::obstacle(
            found,
            &ExpectedTags::of_tags(&ours()),
            SecretId::first(),
            takeover,
        )
    }

    #[test]
    fn a_secret_with_all_our_tags_or_without_the_newer_one_is_ours() {
        for found in [
            secret(&[], &[]),
            secret(&[REPOSITORY], &[]),
            secret(&[ID], &[]),
            secret(&[], &[("team", "x")]),
        ] {
            assert_eq!(judged(&found), SecretOwnership::Ours, "{:?}", found.tags);
            assert_eq!(obstacle(&found, false, false), None);
        }
    }

    #[test]
    fn a_secret_of_another_catalog_is_never_taken_over_whatever_else_its_tags_say() {
        for without in [&[][..], &[MANAGED_BY], &[REPOSITORY], &[MANAGED_BY, REPOSITORY, ID]] {
            let found = secret(&[without, &[CATALOG]].concat(), &[(CATALOG, "other")]);
            assert_eq!(
                judged(&found),
                SecretOwnership::OtherCatalog { catalog: Some("other".to_owned()) },
                "{without:?}"
            );
            assert!(
                obstacle(&found, true, true)
                    .is_some_and(|why| why.contains("another catalog (other)"))
            );
        }
        let found = secret(&[CATALOG], &[]);
        assert_eq!(judged(&found), SecretOwnership::OtherCatalog { catalog: None });
        assert!(obstacle(&found, true, true).is_some());
    }

    #[test]
    fn a_secret_of_another_repository_is_taken_over_where_the_catalog_is_rebound_and_nowhere_else()
    {
        const THEIRS: &str = "git.example.com/copy";
        for (without, is_adopted) in [(&[][..], false), (&[ID], false), (&[MANAGED_BY], true)] {
            let found = secret(&[without, &[REPOSITORY]].concat(), &[(REPOSITORY, THEIRS)]);
            let (theirs, ours) =
                (THEIRS.to_owned(), Some("git.example.com/acme/platform".to_owned()));
            assert_eq!(
                judged(&found),
                SecretOwnership::OtherRepository { theirs, ours },
                "{without:?}"
            );
            let reason = obstacle(&found, true, false).unwrap_or_default();
            assert!(
                reason.contains(THEIRS) && reason.contains("git.example.com/acme/platform"),
                "{reason}"
            );
            assert_eq!(obstacle(&found, is_adopted, true), None);
        }
    }

    #[test]
    fn rebinding_the_catalog_takes_over_no_other_manifests_and_no_unmanaged_secret() {
        let theirs = [(REPOSITORY, "git.example.com/copy")];
        let other = secret(&[REPOSITORY, ID], &[theirs[0], (ID, "SEC-0003")]);
        assert!(obstacle(&other, true, true).is_some_and(|why| why.contains("SEC-0003")));
        let unmanaged = secret(&[REPOSITORY, MANAGED_BY], &theirs);
        assert!(obstacle(&unmanaged, false, true).is_some_and(|why| why.contains("--adopt")));
    }

    #[test]
    fn a_clone_without_a_remote_cannot_take_a_bound_secret_for_its_own() {
        let mut expected = ours();
        expected.remove(REPOSITORY);
        let (found, expected) = (secret(&[], &[]), ExpectedTags::of_tags(&expected));
        assert!(matches!(
            SecretOwnership::of(&found, &expected),
            SecretOwnership::OtherRepository { ours: None, .. }
        ));
        let takeover = Takeover { unmanaged: true, repository: true };
        let reason = SecretOwnership::obstacle(&found, &expected, SecretId::first(), takeover);
        assert!(
            reason.is_some_and(|why| why.contains("no remote")),
            "there is nothing to bind it to"
        );
        assert_eq!(
            SecretOwnership::of(&secret(&[REPOSITORY], &[]), &expected),
            SecretOwnership::Ours
        );
    }

    #[test]
    fn a_secret_of_another_manifest_is_not_this_ones() {
        for without in [&[][..], &[MANAGED_BY], &[REPOSITORY]] {
            let found = secret(&[without, &[ID]].concat(), &[(ID, "SEC-0003")]);
            assert_eq!(
                judged(&found),
                SecretOwnership::OtherManifest { id: "SEC-0003".to_owned() },
                "{without:?}"
            );
            assert!(obstacle(&found, true, true).is_some());
        }
    }

    #[test]
    fn an_unmanaged_secret_is_taken_over_where_it_is_adopted_and_nowhere_else() {
        for with in [&[][..], &[(MANAGED_BY, "terraform")]] {
            let found = secret(&[MANAGED_BY, CATALOG, REPOSITORY, ID], with);
            assert_eq!(judged(&found), SecretOwnership::Unmanaged);
            assert!(obstacle(&found, false, true).is_some());
            assert_eq!(obstacle(&found, true, false), None);
        }
    }
}
