//! Unknown fields and what their author probably meant, for the rules on fields.
//!
//! Each mistake gets one finding: a rule about missing fields checks here whether the field is only
//! misspelled or misplaced.

use crate::catalog::Manifest;
use crate::manifest::{Schema, ViolationKind};
use crate::suggest::nearest;
use crate::yaml::Node;

/// A field that the schema does not define at its place.
pub(super) struct UnknownField<'a> {
    /// JSON pointer to the mapping that contains it.
    pub mapping: &'a str,
    pub name: &'a str,
    /// The fields that the schema allows in that mapping.
    pub known: &'a [String],
    pub intended: IntendedField<'a>,
}

/// The field that the author probably meant.
pub(super) enum IntendedField<'a> {
    /// The field of the same name in the mapping at this JSON pointer.
    OtherMapping(&'a str),
    /// As `OtherMapping`, but that mapping already has the field.
    OtherMappingTaken(&'a str),
    /// The field of this name in the same mapping.
    SameMapping(&'a str),
    /// No known field is similar.
    Unknown,
}

/// Returns the unknown fields of a manifest with the nodes `root`, unordered.
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
            let home = schema.mapping_with_field(name).filter(|home| *home != mapping);
            let is_there = home.is_some_and(|home| root.at(&format!("{home}/{name}")).is_some());
            let near = nearest(name, known.iter().map(String::as_str));
            // The name of a field at another level is not a typo.
            let intended = match (home, near) {
                (Some(home), _) if !is_there => IntendedField::OtherMapping(home),
                (_, Some(near)) => IntendedField::SameMapping(near),
                (Some(home), None) => IntendedField::OtherMappingTaken(home),
                (None, None) => IntendedField::Unknown,
            };
            UnknownField { mapping, name, known, intended }
        })
        .collect()
}

impl UnknownField<'_> {
    /// Returns whether this field explains why the mapping at `mapping` lacks `field`.
    ///
    /// That is so if `field` is misspelled or misplaced, or if one of its own fields is misplaced.
    pub(super) fn replaces(&self, mapping: &str, field: &str) -> bool {
        match self.intended {
            IntendedField::SameMapping(name) => self.mapping == mapping && name == field,
            IntendedField::OtherMapping(home) => {
                let below = home.strip_prefix(mapping).and_then(|rest| rest.strip_prefix('/'));
                (home == mapping && self.name == field)
                    || below.is_some_and(|below| below.split('/').next() == Some(field))
            }
            IntendedField::OtherMappingTaken(_) | IntendedField::Unknown => false,
        }
    }
}

/// Returns a JSON pointer in dot notation, such as `spec.risk`; None for the root.
pub(super) fn to_dotted(pointer: &str) -> Option<String> {
    let name = pointer.strip_prefix('/')?;
    Some(name.replace('/', ".").replace("~1", "/").replace("~0", "~"))
}
