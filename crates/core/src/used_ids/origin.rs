//! The place where an ID was found.

use std::fmt;

use git2::Oid;

use crate::sanitize::sanitize_name;

/// The first place where an ID was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdOrigin {
    /// A file on disk.
    WorkTree {
        /// From the repository's root.
        path: String,
    },
    /// A file of the index.
    Index {
        /// From the repository's root.
        path: String,
    },
    /// A file of a commit.
    Commit {
        /// From the repository's root.
        path: String,
        /// The commit that has the file.
        id: Oid,
        /// The short name of the ref in whose history it was found; it may be gone.
        reference: String,
    },
    /// An event of the audit trail.
    AuditTrail {
        /// The branch of the trail.
        branch: String,
    },
}

impl IdOrigin {
    /// Returns the path of the file, from the repository's root; None for an event.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::WorkTree { path } | Self::Index { path } | Self::Commit { path, .. } => {
                Some(path)
            }
            Self::AuditTrail { .. } => None,
        }
    }

    /// Returns the commit and the ref in which it was found; None if not committed.
    #[must_use]
    pub fn commit(&self) -> Option<(Oid, &str)> {
        match self {
            Self::Commit { id, reference, .. } => Some((*id, reference)),
            Self::WorkTree { .. } | Self::Index { .. } | Self::AuditTrail { .. } => None,
        }
    }

    /// Appends the origin to `bytes`, in the form that [`IdOrigin::decode`] reads.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        let (id, reference) = self.commit().unwrap_or((Oid::ZERO_SHA1, ""));
        bytes.extend_from_slice(id.as_bytes());
        for text in [reference, self.path().unwrap_or_default()] {
            bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or_default().to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
    }

    /// Removes an origin from the start of `bytes`; None if they are not one.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let id = Oid::from_bytes(take(bytes, 20)?).ok()?;
        let mut text = || {
            let length = u32::from_le_bytes(*take(bytes, 4)?.first_chunk()?);
            String::from_utf8(take(bytes, length as usize)?.to_vec()).ok()
        };
        let (reference, path) = (text()?, text()?);
        Some(if id.is_zero() { Self::Index { path } } else { Self::Commit { path, id, reference } })
    }
}

/// Removes the first `count` bytes, and returns them.
pub(super) fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

impl fmt::Display for IdOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = sanitize_name(self.path().unwrap_or_default());
        match self {
            Self::WorkTree { .. } => write!(out, "{path} in the work tree"),
            Self::Index { .. } => write!(out, "{path} in the index"),
            Self::AuditTrail { branch } => {
                write!(out, "an event of the audit trail {}", sanitize_name(branch))
            }
            Self::Commit { id, reference, .. } => {
                write!(
                    out,
                    "{path} in commit {} of {}",
                    &id.to_string()[..8],
                    sanitize_name(reference)
                )
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_origin_is_decoded_and_a_part_of_one_is_rejected() {
        let commit = IdOrigin::Commit {
            path: "audit/SEC-0007.jsonl".to_owned(),
            id: Oid::from_bytes(&[7; 20]).unwrap(),
            reference: "origin/a\nb".to_owned(),
        };
        let index = IdOrigin::Index { path: "é".to_owned() };
        let mut bytes = Vec::new();
        commit.encode(&mut bytes);
        index.encode(&mut bytes);
        for cut in 0..bytes.len() {
            let mut rest = &bytes[..cut];
            let both = IdOrigin::decode(&mut rest).zip(IdOrigin::decode(&mut rest));
            assert_eq!(both, None, "{cut}");
        }
        let mut rest = bytes.as_slice();
        assert_eq!(IdOrigin::decode(&mut rest), Some(commit));
        assert_eq!(IdOrigin::decode(&mut rest), Some(index));
        assert!(rest.is_empty());
    }
}
