//! What the rules on fields share: what a field that the schema does not know was meant to be. One mistake is one
//! finding, so the rules that miss a field ask whether it is only called otherwise, or stands elsewhere.

use crate::catalog::Manifest;
use crate::manifest::{Schema, ViolationKind};
use crate::suggest::nearest;
use crate::yaml::Node;

/// A field that the schema does not know where it stands.
pub(super) struct UnknownField<'a> {
    /// JSON pointer to the mapping that it stands in.
    pub mapping: &'a str,
    pub name: &'a str,
    /// What that mapping may have.
    pub known: &'a [String],
    pub meant: Meant<'a>,
}

pub(super) enum Meant<'a> {
    /// The field of this name of the mapping at this JSON pointer.
    Elsewhere(&'a str),
    /// The same, which stands there too.
    There(&'a str),
    /// The field of this name where it stands.
    Here(&'a str),
    Nobody,
}

/// The unknown fields of a manifest, whose nodes are `root`, in no particular order.
pub(super) fn unknown_fields<'a>(
    manifest: &'a Manifest,
    root: &Node,
    schema: &'a Schema,
) -> Vec<UnknownField<'a>> {
    let unknown = manifest.violations.iter().filter_map(|violation| match &violation.kind {
        ViolationKind::Unknown { field, known } => {
            Some((violation.pointer.as_str(), field.as_str(), known.as_slice()))
        }
        _ => None,
    });
    unknown
        .map(|(mapping, name, known)| {
            let home = schema.home_of(name).filter(|home| *home != mapping);
            let is_there = home.is_some_and(|home| root.at(&format!("{home}/{name}")).is_some());
            let near = nearest(name, known.iter().map(String::as_str));
            // A word that is a field elsewhere is one that somebody knows, and no slip of the fingers.
            let meant = match (home, near) {
                (Some(home), _) if !is_there => Meant::Elsewhere(home),
                (_, Some(near)) => Meant::Here(near),
                (Some(home), None) => Meant::There(home),
                (None, None) => Meant::Nobody,
            };
            UnknownField { mapping, name, known, meant }
        })
        .collect()
}

impl UnknownField<'_> {
    /// Whether this is what the mapping at `mapping` lacks when it lacks `field`: it is called otherwise, it stands
    /// elsewhere, or something that belongs below it does.
    pub(super) fn stands_for(&self, mapping: &str, field: &str) -> bool {
        match self.meant {
            Meant::Here(name) => self.mapping == mapping && name == field,
            Meant::Elsewhere(home) => {
                let below = home.strip_prefix(mapping).and_then(|rest| rest.strip_prefix('/'));
                (home == mapping && self.name == field)
                    || below.is_some_and(|below| below.split('/').next() == Some(field))
            }
            Meant::There(_) | Meant::Nobody => false,
        }
    }
}

/// How people call the mapping at a JSON pointer: `spec.risk`.
pub(super) fn in_words(pointer: &str) -> Option<String> {
    let name = pointer.strip_prefix('/')?;
    Some(name.replace('/', ".").replace("~1", "/").replace("~0", "~"))
}
