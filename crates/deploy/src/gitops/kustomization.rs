//! The kustomization beside projections, which is kept listing them where there is one.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use goldenpath_core::yaml;
use goldenpath_core::yaml::{Node, NodeValue, YamlEdit};

/// The names that kustomize looks for, in its order.
pub(super) use goldenpath_core::config::KUSTOMIZATIONS as NAMES;

/// The field that lists files.
const RESOURCES: &str = "/resources";

/// Whether the kustomization beside a projection lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listing {
    /// It does, or there is none.
    Fine,
    Missing,
    /// Nor can it be made to, and why.
    Obstacle(String),
}

/// A kustomization's text, and what it lists.
#[derive(Debug)]
pub(super) struct Kustomization {
    /// From the GitOps repository's root.
    pub(super) file: String,
    pub(super) text: String,
    listed: BTreeSet<String>,
    /// Why it is not to be changed, if so.
    blocked: Option<String>,
    /// Why nothing can be added, if so.
    full: OnceCell<Option<String>>,
}

impl Kustomization {
    /// Reads one.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    pub(super) fn parse(file: &str, text: String) -> Result<Self, String> {
        let root = yaml::parse(&text).map_err(|problems| {
            let problem = problems.first().map(|problem| {
                let place = yaml::place(&text, &problem.span);
                format!("line {}: {}", place.line, problem.message)
            });
            format!("`{file}` beside it cannot be read: {}", problem.unwrap_or_default())
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

    /// The same, which is not to be changed.
    pub(super) fn blocked(self, why: String) -> Self {
        Self { blocked: Some(why), ..self }
    }

    /// The names that it lists.
    pub(super) fn names(&self) -> &BTreeSet<String> {
        &self.listed
    }

    /// Whether it lists the file of this name beside it.
    pub(super) fn listing(&self, name: &str) -> Listing {
        if self.listed.contains(name) {
            return Listing::Fine;
        }
        // Whether a name can be added holds for each; trying all would read a long list as often.
        let full = || self.full.get_or_init(|| self.with(&[name.to_owned()]).err());
        match self.blocked.as_ref().or_else(|| full().as_ref()) {
            Some(why) => Listing::Obstacle(why.clone()),
            None => Listing::Missing,
        }
    }

    /// Whether it does not list a file that is to go.
    pub(super) fn unlisting(&self, name: &str) -> Listing {
        match (self.listed.contains(name), &self.blocked) {
            (false, _) => Listing::Fine,
            (true, Some(why)) => Listing::Obstacle(why.clone()),
            (true, None) => match self.without(&[name.to_owned()]) {
                Ok(_) => Listing::Missing,
                Err(why) => Listing::Obstacle(why),
            },
        }
    }

    /// Its text without `names`; everything else as it is.
    ///
    /// # Errors
    /// Why that cannot be written, in words.
    pub(super) fn without(&self, names: &[String]) -> Result<String, String> {
        let mut text = self.text.clone();
        let forms = names.iter().flat_map(|name| [name.clone(), format!("./{name}")]);
        for value in forms {
            let root = yaml::parse(&text).map_err(|_| self.by_hand("taken out"))?;
            let is_it =
                |item: &&Node| matches!(&item.value, NodeValue::String(held) if *held == value);
            match root.at(RESOURCES).map(|(_, node)| &node.value) {
                Some(NodeValue::Sequence(items)) if items.iter().find(is_it).is_some() => {}
                _ => continue,
            }
            let change = YamlEdit::Withdraw { pointer: RESOURCES.to_owned(), value };
            text = change.apply(&text, &root).ok_or_else(|| self.by_hand("taken out"))?;
        }
        Ok(text)
    }

    /// Its text with `come` and without `go`.
    ///
    /// # Errors
    /// Why that cannot be written, in words.
    pub(super) fn changed(&self, come: &[String], go: &[String]) -> Result<String, String> {
        let text = self.with(come)?;
        if go.is_empty() { Ok(text) } else { Self::parse(&self.file, text)?.without(go) }
    }

    fn by_hand(&self, done: &str) -> String {
        let what = if done == "added" { "add it" } else { "take it out" };
        format!(
            "`resources` in `{}` beside it is not written so that a file can be {done}: {what} by hand",
            self.file
        )
    }

    /// Its text with those of `names` that it does not list at the end of its list; everything else as it is.
    ///
    /// # Errors
    /// Why that cannot be written, in words.
    pub(super) fn with(&self, names: &[String]) -> Result<String, String> {
        let values: Vec<String> =
            names.iter().filter(|name| !self.listed.contains(*name)).cloned().collect();
        if values.is_empty() {
            return Ok(self.text.clone());
        }
        let root = yaml::parse(&self.text).ok();
        let change = YamlEdit::Append { pointer: RESOURCES.to_owned(), values };
        root.and_then(|root| change.apply(&self.text, &root)).ok_or_else(|| self.by_hand("added"))
    }
}

/// A file's folder, with the `/` behind it where there is one, and its name.
pub(super) fn split(file: &str) -> (&str, &str) {
    file.split_at(file.rfind('/').map_or(0, |slash| slash + 1))
}
