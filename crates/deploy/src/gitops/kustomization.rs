//! The kustomization next to projections: if there is one, it must list them.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use goldenpath_core::yaml;
use goldenpath_core::yaml::{Node, NodeValue, YamlEdit};

/// The file names of kustomize, in its order.
pub(super) use goldenpath_core::config::KUSTOMIZATIONS as NAMES;

/// The field that lists files.
const RESOURCES: &str = "/resources";

/// Whether the kustomization next to a projection lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listing {
    /// It does, or there is no kustomization.
    Fine,
    Missing,
    /// It does not, and cannot be changed, with the reason.
    Obstacle(String),
}

/// A kustomization's text, and the files that it lists.
#[derive(Debug)]
pub(super) struct Kustomization {
    /// Relative to the GitOps repository's root.
    pub(super) file: String,
    pub(super) text: String,
    listed: BTreeSet<String>,
    /// Why it must not be changed, if so.
    blocked: Option<String>,
    /// Why no file can be added, if so.
    full: OnceCell<Option<String>>,
}

impl Kustomization {
    /// Parses a kustomization.
    ///
    /// # Errors
    /// The reason, for messages.
    pub(super) fn parse(file: &str, text: String) -> Result<Self, String> {
        let root = yaml::parse(&text).map_err(|problems| {
            let problem = problems.first().map(|problem| {
                let place = yaml::place(&text, &problem.span);
                format!("line {}: {}", place.line, problem.message)
            });
            format!("`{file}` next to it cannot be read: {}", problem.unwrap_or_default())
        })?;
        let listed = match root.at(RESOURCES).map(|(_, node)| &node.value) {
            Some(NodeValue::Sequence(items)) => items
                .iter()
                .filter_map(|item| match &item.value {
                    NodeValue::String(name) => Some(name.trim_start_matches("./").to_owned()),
                    _ => None,
                })
                .collect(),
            _ => BTreeSet::new(),
        };
        Ok(Self { file: file.to_owned(), text, listed, blocked: None, full: OnceCell::new() })
    }

    /// Marks it as not to be changed.
    pub(super) fn mark_blocked(self, why: String) -> Self {
        Self { blocked: Some(why), ..self }
    }

    /// Returns the names that it lists.
    pub(super) fn names(&self) -> &BTreeSet<String> {
        &self.listed
    }

    /// Returns whether it lists the file of this name next to it.
    pub(super) fn listing(&self, name: &str) -> Listing {
        if self.listed.contains(name) {
            return Listing::Fine;
        }
        // If one name can be added, each can; trying all of them would parse a long list each time.
        let full = || self.full.get_or_init(|| self.add_names(&[name.to_owned()]).err());
        match self.blocked.as_ref().or_else(|| full().as_ref()) {
            Some(why) => Listing::Obstacle(why.clone()),
            None => Listing::Missing,
        }
    }

    /// Returns [`Listing::Fine`] if it does not list a file to remove.
    pub(super) fn unlisting(&self, name: &str) -> Listing {
        match (self.listed.contains(name), &self.blocked) {
            (false, _) => Listing::Fine,
            (true, Some(why)) => Listing::Obstacle(why.clone()),
            (true, None) => match self.remove_names(&[name.to_owned()]) {
                Ok(_) => Listing::Missing,
                Err(why) => Listing::Obstacle(why),
            },
        }
    }

    /// Returns its text without `names`; the rest is unchanged.
    ///
    /// # Errors
    /// The reason, for messages.
    pub(super) fn remove_names(&self, names: &[String]) -> Result<String, String> {
        let mut text = self.text.clone();
        let forms = names.iter().flat_map(|name| [name.clone(), format!("./{name}")]);
        for value in forms {
            let root = yaml::parse(&text).map_err(|_| self.manual_edit_hint("remove"))?;
            let is_value =
                |item: &&Node| matches!(&item.value, NodeValue::String(name) if *name == value);
            match root.at(RESOURCES).map(|(_, node)| &node.value) {
                Some(NodeValue::Sequence(items)) if items.iter().find(is_value).is_some() => {}
                _ => continue,
            }
            let change = YamlEdit::Withdraw { pointer: RESOURCES.to_owned(), value };
            text = change.apply(&text, &root).ok_or_else(|| self.manual_edit_hint("remove"))?;
        }
        Ok(text)
    }

    /// Returns its text with the names in `added` and without those in `removed`.
    ///
    /// # Errors
    /// The reason, for messages.
    pub(super) fn changed(&self, added: &[String], removed: &[String]) -> Result<String, String> {
        let text = self.add_names(added)?;
        if removed.is_empty() {
            Ok(text)
        } else {
            Self::parse(&self.file, text)?.remove_names(removed)
        }
    }

    fn manual_edit_hint(&self, verb: &str) -> String {
        format!(
            "`resources` in `{}` next to it cannot be edited in place: {verb} the file by hand",
            self.file
        )
    }

    /// Returns its text with the missing `names` at the end of the list.
    ///
    /// The rest is unchanged.
    ///
    /// # Errors
    /// The reason, for messages.
    pub(super) fn add_names(&self, names: &[String]) -> Result<String, String> {
        let values: Vec<String> =
            names.iter().filter(|name| !self.listed.contains(*name)).cloned().collect();
        if values.is_empty() {
            return Ok(self.text.clone());
        }
        let root = yaml::parse(&self.text).ok();
        let change = YamlEdit::Append { pointer: RESOURCES.to_owned(), values };
        root.and_then(|root| change.apply(&self.text, &root))
            .ok_or_else(|| self.manual_edit_hint("add"))
    }
}

/// Splits a path into its folder, including the last `/`, and its name.
pub(super) fn split(file: &str) -> (&str, &str) {
    file.split_at(file.rfind('/').map_or(0, |slash| slash + 1))
}
