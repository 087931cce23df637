//! Conditions on goldenpath's tags.

use serde_json::{Map, Value, json};

use crate::reconcile::{CATALOG_TAG, REPOSITORY_TAG, TAG_PREFIX, VALUE_SINCE};
use goldenpath_core::catalog::Project;

/// The tags that bind a secret to a catalog.
pub(super) struct CatalogTags<'a> {
    pub(super) catalog: &'a str,
    /// None if the clone has no remote: then secrets have no such tag.
    pub(super) repository: Option<&'a str>,
}

impl<'a> CatalogTags<'a> {
    pub(super) fn of(project: &'a Project) -> Self {
        Self { catalog: &project.catalog_id, repository: project.repository.as_deref() }
    }

    /// Returns the tags with their values.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        let repository = self.repository.map(|repository| (REPOSITORY_TAG, repository));
        [(CATALOG_TAG, self.catalog)].into_iter().chain(repository)
    }

    /// Returns the condition that a secret has our tags.
    ///
    /// A secret from before the tag of the repository lacks that one.
    pub(super) fn on_secret(&self) -> Value {
        let mut condition = json!({ "StringEquals": { resource(CATALOG_TAG): self.catalog } });
        self.add_repository(&mut condition, "StringEqualsIfExists", resource(REPOSITORY_TAG));
        condition
    }

    /// Returns the condition that a new secret gets our tags, and none but ours.
    pub(super) fn on_creation(&self) -> Value {
        let mut condition = json!({ "StringEquals": { request(CATALOG_TAG): self.catalog } });
        self.add_repository(&mut condition, "StringEquals", request(REPOSITORY_TAG));
        with_own_tags(condition)
    }

    /// Returns the condition that a secret has our tags, and keeps them.
    ///
    /// While a secret is created, its tags are those of the request.
    pub(super) fn on_tagging(&self) -> Value {
        let mut condition = self.on_secret();
        add(&mut condition, "StringEqualsIfExists", request(CATALOG_TAG), self.catalog);
        self.add_repository(&mut condition, "StringEqualsIfExists", request(REPOSITORY_TAG));
        with_own_tags(condition)
    }

    /// Returns the condition that a secret of no catalog gets our tags.
    pub(super) fn on_adoption(&self) -> Value {
        let mut condition = Self::on_secret_of_no_catalog();
        add(&mut condition, "StringEquals", request(CATALOG_TAG), self.catalog);
        self.add_repository(&mut condition, "StringEquals", request(REPOSITORY_TAG));
        with_own_tags(condition)
    }

    /// Returns the condition that a secret has no catalog's tag.
    pub(super) fn on_secret_of_no_catalog() -> Value {
        json!({ "Null": { resource(CATALOG_TAG): "true" } })
    }

    /// Returns the condition that a secret is of our catalog, in any repository.
    pub(super) fn on_secret_of_any_repository(&self) -> Value {
        json!({ "StringEquals": { resource(CATALOG_TAG): self.catalog } })
    }

    /// Returns the condition that a secret of any repository gets the tags of ours.
    pub(super) fn on_rebinding(&self) -> Value {
        let mut condition = self.on_secret_of_any_repository();
        add(&mut condition, "StringEqualsIfExists", request(CATALOG_TAG), self.catalog);
        self.add_repository(&mut condition, "StringEqualsIfExists", request(REPOSITORY_TAG));
        with_own_tags(condition)
    }

    /// Returns the condition that a secret has our tags, and only the time of its value is set.
    pub(super) fn on_new_value(&self) -> Value {
        let mut condition = self.on_secret();
        add(&mut condition, "ForAllValues:StringEquals", "aws:TagKeys".to_owned(), VALUE_SINCE);
        condition
    }

    fn add_repository(&self, condition: &mut Value, operator: &str, key: String) {
        if let Some(repository) = self.repository {
            add(condition, operator, key, repository);
        }
    }
}

/// Adds the condition that a request sets no tags of others.
fn with_own_tags(mut condition: Value) -> Value {
    let ours = format!("{TAG_PREFIX}*");
    add(&mut condition, "ForAllValues:StringLike", "aws:TagKeys".to_owned(), &ours);
    condition
}

fn add(condition: &mut Value, operator: &str, key: String, value: &str) {
    if let Some(operators) = condition.as_object_mut() {
        let keys = operators.entry(operator).or_insert_with(|| Value::Object(Map::new()));
        if let Some(keys) = keys.as_object_mut() {
            keys.insert(key, Value::from(value));
        }
    }
}

fn resource(tag: &str) -> String {
    format!("aws:ResourceTag/{tag}")
}

fn request(tag: &str) -> String {
    format!("aws:RequestTag/{tag}")
}
