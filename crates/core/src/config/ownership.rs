//! `ownership`: the services' owners, namespaces and accounts.
//!
//! Rules, `new secret` and `codeowners` use it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::{Config, ConfigError, Enums};
use crate::suggest::did_you_mean;

/// Namespaces in which a Secret can grant power over the cluster.
const DENIED_NAMESPACES: [&str; 4] = ["kube-*", "argocd", "flux-system", "external-secrets"];

/// The maximum length of a namespace, in bytes (Kubernetes: a DNS-1123 label).
const NAMESPACE_LENGTH: usize = 63;

/// `ownership` in `goldenpath.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OwnershipConfig {
    /// The permissions of each service, by its name.
    pub services: BTreeMap<String, ServiceOwnership>,
    /// The treatment of services that are not in `services`.
    pub unlisted: UnlistedPolicy,
    /// The code owner of each owner in the enums.
    ///
    /// `@organization/team`, `@user` or an email address.
    pub teams: BTreeMap<String, String>,
    /// The code owners of the rule files, and of services without an owning team.
    pub platform: Vec<String>,
    /// Namespaces that only a service that lists them may use.
    #[serde(deserialize_with = "deserialize_list_or_default")]
    pub denied_namespaces: Vec<NamespacePattern>,
}

/// The permissions of one service. A missing list restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServiceOwnership {
    /// Values of `metadata.owner`.
    #[serde(deserialize_with = "deserialize_list")]
    pub owners: Option<Vec<String>>,
    /// Values of `spec.access.namespace`.
    #[serde(deserialize_with = "deserialize_list")]
    pub namespaces: Option<Vec<NamespacePattern>>,
    /// Accounts whose principals may be admitted.
    #[serde(deserialize_with = "deserialize_list")]
    pub accounts: Option<Vec<String>>,
}

/// The treatment of services that are not in the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnlistedPolicy {
    /// A finding of GP206 is a warning, unless `rules` sets its severity.
    #[default]
    Warn,
    /// A finding of GP206 has the severity of the rule, by default an error.
    Deny,
}

/// A namespace's name, in which `*` matches any characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct NamespacePattern(String);

/// `ownership` with lookup tables for large catalogs.
#[derive(Debug)]
pub struct Ownership {
    services: BTreeMap<String, ServiceOwnership>,
    unlisted: UnlistedPolicy,
    denied: Vec<NamespacePattern>,
    /// The services that list a namespace by its name.
    services_by_namespace: HashMap<String, Vec<String>>,
    /// The services that list namespaces by a pattern.
    patterns: Vec<(NamespacePattern, String)>,
}

/// Why a service may not use a namespace, at least without approval.
///
/// The approval is the platform team's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceObjection<'a> {
    /// The service has a list without the namespace.
    ///
    /// `holder` is a service that lists it.
    Outside {
        /// The service's list.
        namespaces: &'a [NamespacePattern],
        /// None if no service lists it by name or by a specific pattern.
        holder: Option<&'a str>,
    },
    /// Another service lists it.
    OfAnother {
        /// The name of a service that lists it.
        holder: &'a str,
    },
    /// It is named after another service, and no list decides.
    NamedLikeAnother,
}

/// Why a principal of an account may not be admitted, at least without approval.
///
/// The approval is the platform team's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountObjection<'a> {
    /// The service has a list without the account.
    Outside {
        /// The service's list, of account IDs with twelve digits.
        accounts: &'a [String],
    },
    /// The secret is in another account, and no list decides.
    OfAnother {
        /// The ID of the secret's account, twelve digits.
        own: &'a str,
    },
}

/// Deserializes a list that must not be null.
///
/// A key without a value would count as missing.
fn deserialize_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let list: Option<Vec<T>> = Option::deserialize(from)?;
    let empty =
        || D::Error::custom("the list is empty\nwrite its values, `[]` for none, or omit the key");
    list.map(Some).ok_or_else(empty)
}

/// Deserializes like [`deserialize_list`], for a list with a default.
fn deserialize_list_or_default<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    Ok(deserialize_list(from)?.unwrap_or_default())
}

impl Default for OwnershipConfig {
    fn default() -> Self {
        Self {
            services: BTreeMap::new(),
            unlisted: UnlistedPolicy::default(),
            teams: BTreeMap::new(),
            platform: Vec::new(),
            denied_namespaces: DENIED_NAMESPACES
                .map(|name| NamespacePattern(name.to_owned()))
                .to_vec(),
        }
    }
}

impl fmt::Display for NamespacePattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl NamespacePattern {
    /// Returns whether a namespace matches.
    #[must_use]
    pub fn matches(&self, namespace: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| namespace.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }

    /// Returns the name, unless it is a pattern.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|name| !name.contains('*'))
    }

    /// Returns whether the pattern contains more than `*`.
    fn is_specific(&self) -> bool {
        self.0.bytes().any(|byte| byte.is_ascii_alphanumeric())
    }

    fn check(&self) -> Result<(), String> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'*'
        };
        match &self.0 {
            text if text.is_empty() => Err("the name is empty".to_owned()),
            text if !text.bytes().all(allowed) => Err(
                "a namespace has lowercase letters, digits and hyphens; `*` matches any of them"
                    .to_owned(),
            ),
            text if text.starts_with('-') || text.ends_with('-') => {
                Err("a namespace starts and ends with a letter or digit".to_owned())
            }
            text if text.len() > NAMESPACE_LENGTH => {
                Err(format!("a namespace has at most {NAMESPACE_LENGTH} characters"))
            }
            _ => Ok(()),
        }
    }
}

impl Ownership {
    /// Builds the lookup tables of a configuration.
    #[must_use]
    pub fn new(config: &OwnershipConfig) -> Self {
        let mut services_by_namespace: HashMap<String, Vec<String>> = HashMap::new();
        let mut patterns = Vec::new();
        for (service, own) in &config.services {
            for pattern in own.namespaces.iter().flatten().filter(|pattern| pattern.is_specific()) {
                match pattern.name() {
                    Some(name) => services_by_namespace
                        .entry(name.to_owned())
                        .or_default()
                        .push(service.clone()),
                    None => patterns.push((pattern.clone(), service.clone())),
                }
            }
        }
        Self {
            services: config.services.clone(),
            unlisted: config.unlisted,
            denied: config.denied_namespaces.clone(),
            services_by_namespace,
            patterns,
        }
    }

    /// Returns the treatment of a service that is not in the table.
    ///
    /// Returns None for a service in the table, and without a table.
    #[must_use]
    pub fn unlisted_policy(&self, service: &str) -> Option<UnlistedPolicy> {
        (!self.services.is_empty() && !self.services.contains_key(service)).then_some(self.unlisted)
    }

    /// Returns the names of the services in the table.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// Returns the owners that a service's secrets may have; None for any.
    #[must_use]
    pub fn owners(&self, service: &str) -> Option<&[String]> {
        self.services.get(service)?.owners.as_deref()
    }

    /// Returns the namespaces that a service lists; None without a list.
    #[must_use]
    pub fn namespaces(&self, service: &str) -> Option<&[NamespacePattern]> {
        self.services.get(service)?.namespaces.as_deref()
    }

    /// Returns the services that list a namespace, by more than `*`.
    pub fn services_with_namespace<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        let named =
            self.services_by_namespace.get(namespace).into_iter().flatten().map(String::as_str);
        let matching = self.patterns.iter().filter(move |(pattern, _)| pattern.matches(namespace));
        named.chain(matching.map(|(_, service)| service.as_str()))
    }

    /// Returns the pattern that denies a namespace to a service.
    ///
    /// The service's own list overrides it, except with a pattern such as `*`.
    #[must_use]
    pub fn find_denied_pattern(&self, service: &str, namespace: &str) -> Option<&NamespacePattern> {
        let denied = self.denied.iter().find(|pattern| pattern.matches(namespace))?;
        let mut own = self.namespaces(service).into_iter().flatten();
        (!own.any(|pattern| pattern.is_specific() && pattern.matches(namespace))).then_some(denied)
    }

    /// Returns why a service may not use a namespace, apart from [`Self::denied`].
    ///
    /// `is_service` reports whether a name is that of a service in the catalog.
    pub fn find_namespace_objection<'a>(
        &'a self,
        service: &str,
        namespace: &'a str,
        is_service: impl Fn(&str) -> bool,
    ) -> Option<NamespaceObjection<'a>> {
        match self.namespaces(service) {
            Some(own) if own.iter().any(|pattern| pattern.matches(namespace)) => None,
            Some(namespaces) => Some(NamespaceObjection::Outside {
                namespaces,
                holder: self.services_with_namespace(namespace).next(),
            }),
            None => match self.services_with_namespace(namespace).next() {
                Some(holder) => Some(NamespaceObjection::OfAnother { holder }),
                None => {
                    let is_named_like = namespace != service
                        && (self.services.contains_key(namespace) || is_service(namespace));
                    is_named_like.then_some(NamespaceObjection::NamedLikeAnother)
                }
            },
        }
    }

    /// Returns why a service may not admit a principal of `account`.
    ///
    /// `own` is the account of its secret, if known.
    #[must_use]
    pub fn find_account_objection<'a>(
        &'a self,
        service: &str,
        account: &str,
        own: Option<&'a str>,
    ) -> Option<AccountObjection<'a>> {
        match (self.services.get(service).and_then(|own| own.accounts.as_deref()), own) {
            (Some(accounts), _) => (!accounts.iter().any(|one| one == account))
                .then_some(AccountObjection::Outside { accounts }),
            (None, Some(own)) => (own != account).then_some(AccountObjection::OfAnother { own }),
            (None, None) => None,
        }
    }
}

impl Config {
    /// Checks `ownership`. `text` is the configuration's source.
    pub(super) fn check_ownership(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let ownership = &self.ownership;
        let bad = |keys: &[&str], item: Option<&str>, message: String, help: String| {
            Err(ConfigError::new(path, message, help).at_item(text, keys, item))
        };
        for (service, own) in &ownership.services {
            let keys = |list: &'static str| ["ownership", "services", service.as_str(), list];
            if let Err(why) = check_service(service) {
                let message = format!(
                    "`ownership.services`: `{}` cannot be the name of a service",
                    service.escape_debug()
                );
                return bad(&keys("")[..3], None, message, why);
            }
            let lists = [
                ("owners", own.owners.as_ref().map(Vec::len)),
                ("namespaces", own.namespaces.as_ref().map(Vec::len)),
                ("accounts", own.accounts.as_ref().map(Vec::len)),
            ];
            if let Some((list, _)) = lists.into_iter().find(|(_, length)| *length == Some(0)) {
                let message = format!("`ownership.services.{service}.{list}` is empty");
                let help =
                    format!("list what the service may use, or omit `{list}` to restrict nothing");
                return bad(&keys(list), None, message, help);
            }
            for pattern in own.namespaces.iter().flatten() {
                if let Err(why) = pattern.check() {
                    let message = format!(
                        "`ownership.services.{service}.namespaces`: `{}` cannot be a namespace",
                        pattern.0.escape_debug()
                    );
                    return bad(&keys("namespaces"), Some(&pattern.0), message, why);
                }
            }
            if let Some(account) =
                own.accounts.iter().flatten().find(|account| !super::is_account_id(account))
            {
                let message = format!(
                    "`ownership.services.{service}.accounts`: `{}` is not an account ID",
                    account.escape_debug()
                );
                return bad(
                    &keys("accounts"),
                    Some(account),
                    message,
                    super::ACCOUNT_ID.to_owned(),
                );
            }
        }
        for pattern in &ownership.denied_namespaces {
            if let Err(why) = pattern.check() {
                let message = format!(
                    "`ownership.deniedNamespaces`: `{}` cannot be a namespace",
                    pattern.0.escape_debug()
                );
                return bad(&["ownership", "deniedNamespaces"], Some(&pattern.0), message, why);
            }
        }
        if ownership.unlisted == UnlistedPolicy::Deny && ownership.services.is_empty() {
            let message =
                "`ownership.unlisted: deny` denies every service: there is no `ownership.services`"
                    .to_owned();
            let help = "list the services, or omit `unlisted`".to_owned();
            return bad(&["ownership", "unlisted"], None, message, help);
        }
        let platform =
            ownership.platform.iter().map(|handle| (vec!["ownership", "platform"], handle));
        let teams = ownership
            .teams
            .iter()
            .map(|(team, handle)| (vec!["ownership", "teams", team.as_str()], handle));
        for (keys, handle) in platform.chain(teams) {
            if !is_code_owner(handle) {
                let message = format!(
                    "`{}`: `{}` is not a code owner",
                    keys.join("."),
                    handle.escape_debug()
                );
                let help =
                    "give `@organization/team`, `@user` or an email address, in quotes".to_owned();
                return bad(&keys, Some(handle), message, help);
            }
        }
        Ok(())
    }

    /// Rejects an owner that is not in the enums. `text` is the configuration's source.
    pub(super) fn check_owners(
        &self,
        enums: &Enums,
        path: &str,
        text: &str,
    ) -> Result<(), ConfigError> {
        let of_services = self.ownership.services.iter().flat_map(|(service, own)| {
            let owners = own.owners.iter().flatten();
            owners.map(move |owner| {
                (vec!["ownership", "services", service.as_str(), "owners"], owner, true)
            })
        });
        let of_teams =
            self.ownership.teams.keys().map(|owner| (vec!["ownership", "teams"], owner, false));
        for (mut keys, owner, is_item) in of_services.chain(of_teams) {
            if enums.owners.contains(owner) {
                continue;
            }
            let message =
                format!("`{}`: there is no owner `{}`", keys.join("."), owner.escape_debug());
            let list = format!("the owners in {} are {}", self.enums, enums.owners.join(", "));
            let help = match did_you_mean(owner, enums.owners.iter().map(String::as_str)) {
                Some(question) => format!("{question} {list}"),
                None => list,
            };
            let item = is_item.then_some(owner.as_str());
            if !is_item {
                keys.push(owner);
            }
            return Err(ConfigError::new(path, message, help).at_item(text, &keys, item));
        }
        Ok(())
    }
}

/// Checks a service's name: a DNS-1123 label, as in manifests.
fn check_service(name: &str) -> Result<(), String> {
    let pattern = NamespacePattern(name.to_owned());
    match pattern.check() {
        Ok(()) if pattern.name().is_some() => Ok(()),
        _ => Err("a service has lowercase letters, digits and hyphens, as in `metadata.service`"
            .to_owned()),
    }
}

/// Returns whether GitHub and GitLab accept an owner.
///
/// An owner is `@user`, `@organization/team`, or an email address.
fn is_code_owner(handle: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    match handle.strip_prefix('@') {
        Some(path) => path.split('/').all(is_name),
        None => handle.split_once('@').is_some_and(|(user, host)| {
            let user_is_good =
                user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte));
            !user.is_empty() && user_is_good && host.contains('.') && host.split('.').all(is_name)
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use miette::Diagnostic;

    use super::*;
    use crate::config::FILE_NAME;

    const TABLE: &str = "\
ownership:
  services:
    payments: { owners: [team-payments], namespaces: [payments, \"pay-*\"],
                accounts: [\"123456789012\"] }
    cluster-tools: { namespaces: [kube-system, \"*\"] }
    orders: { owners: [app-team] }
";

    fn ownership(text: &str) -> Ownership {
        Ownership::new(&Config::parse(FILE_NAME, text).unwrap().ownership)
    }

    fn matches(pattern: &str, namespace: &str) -> bool {
        NamespacePattern(pattern.to_owned()).matches(namespace)
    }

    #[test]
    fn a_star_matches_any_characters_and_nothing_else_does() {
        for (pattern, namespace) in [
            ("kube-*", "kube-system"),
            ("kube-*", "kube-"),
            ("*", "x"),
            ("a*a", "aa"),
            ("*-b-*", "a-b-c"),
            ("x", "x"),
        ] {
            assert!(matches(pattern, namespace), "{pattern} {namespace}");
        }
        for (pattern, namespace) in [
            ("kube-*", "kube"),
            ("kube-*", "my-kube-x"),
            ("a*a", "a"),
            ("argocd", "argocd-2"),
            ("*-b", "a-b-c"),
        ] {
            assert!(!matches(pattern, namespace), "{pattern} {namespace}");
        }
    }

    #[test]
    fn cluster_namespaces_are_denied_without_a_configuration() {
        let ownership = Ownership::new(&OwnershipConfig::default());
        for namespace in ["kube-system", "kube-public", "argocd", "flux-system", "external-secrets"]
        {
            assert!(ownership.find_denied_pattern("web", namespace).is_some(), "{namespace}");
        }
        assert_eq!(ownership.find_denied_pattern("web", "kubeflow"), None);
    }

    #[test]
    fn a_services_own_list_overrides_a_denied_name_but_not_with_a_star() {
        let ownership = ownership(TABLE);
        assert_eq!(ownership.find_denied_pattern("cluster-tools", "kube-system"), None);
        assert!(ownership.find_denied_pattern("cluster-tools", "argocd").is_some());
        assert!(ownership.find_denied_pattern("payments", "kube-system").is_some());
    }

    #[test]
    fn a_namespace_belongs_to_the_services_that_list_it() {
        let ownership = ownership(TABLE);
        let object =
            |service, namespace| ownership.find_namespace_objection(service, namespace, |_| false);
        assert_eq!(object("payments", "payments"), None);
        assert_eq!(object("payments", "pay-jobs"), None);
        assert!(matches!(object("payments", "evil"), Some(NamespaceObjection::Outside { .. })));
        assert_eq!(
            object("orders", "payments"),
            Some(NamespaceObjection::OfAnother { holder: "payments" })
        );
        assert_eq!(
            object("web", "pay-jobs"),
            Some(NamespaceObjection::OfAnother { holder: "payments" })
        );
    }

    #[test]
    fn two_services_may_share_a_namespace_that_both_list() {
        let text = "ownership:\n  services:\n    a: { namespaces: [shared] }\n    \
                    b: { namespaces: [shared] }\n";
        let ownership = ownership(text);
        for service in ["a", "b"] {
            assert_eq!(ownership.find_namespace_objection(service, "shared", |_| false), None);
        }
        assert!(ownership.find_namespace_objection("c", "shared", |_| false).is_some());
    }

    #[test]
    fn without_a_table_only_a_namespace_named_after_another_service_is_an_objection() {
        let ownership = Ownership::new(&OwnershipConfig::default());
        let is_service = |name: &str| ["payments", "web"].contains(&name);
        let object =
            |service, namespace| ownership.find_namespace_objection(service, namespace, is_service);
        assert_eq!(object("web", "payments"), Some(NamespaceObjection::NamedLikeAnother));
        assert_eq!(object("web", "web"), None);
        assert_eq!(object("web", "evil"), None);
        assert_eq!(ownership.unlisted_policy("web"), None);
    }

    #[test]
    fn an_account_is_in_the_list_or_is_the_secrets_own_if_known() {
        let ownership = ownership(TABLE);
        let object =
            |service, account, own| ownership.find_account_objection(service, account, own);
        assert_eq!(object("payments", "123456789012", Some("999999999999")), None);
        assert!(object("payments", "999999999999", Some("999999999999")).is_some());
        assert_eq!(object("orders", "1", Some("1")), None);
        assert_eq!(
            object("orders", "1", Some("2")),
            Some(AccountObjection::OfAnother { own: "2" })
        );
        assert_eq!(object("orders", "1", None), None);
    }

    #[test]
    fn a_mistake_in_the_table_is_an_error_at_its_location() {
        let one = |entry: &str| format!("ownership:\n  services:\n    payments:\n      {entry}\n");
        for (text, words, under) in [
            (one("namespaces: [Payments]"), "`Payments` cannot be a namespace", "Payments"),
            (
                one("namespaces:\n        - pay_ments"),
                "`pay_ments` cannot be a namespace",
                "pay_ments",
            ),
            (one("accounts: [\"12345\"]"), "`12345` is not an account ID", "\"12345\""),
            (one("owners: []"), "`ownership.services.payments.owners` is empty", "owners"),
            (
                "ownership:\n  services: { Pay: {} }\n".to_owned(),
                "`Pay` cannot be the name of a service",
                "Pay",
            ),
            ("ownership: { unlisted: deny }\n".to_owned(), "denies every service", "unlisted"),
            (
                "ownership: { deniedNamespaces: [a/b] }\n".to_owned(),
                "`a/b` cannot be a namespace",
                "a/b",
            ),
            ("ownership: { platform: [acme] }\n".to_owned(), "`acme` is not a code owner", "acme"),
            (
                "ownership:\n  teams: { app-team: \"@a b\" }\n".to_owned(),
                "`@a b` is not a code owner",
                "\"@a b\"",
            ),
            (
                "ownership:\n  teams: { app-team: \"@a/\" }\n".to_owned(),
                "`@a/` is not a code owner",
                "\"@a/\"",
            ),
        ] {
            let error = Config::parse(FILE_NAME, &text).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            let label = error.labels().unwrap().next().unwrap();
            assert_eq!(&text[label.offset()..label.offset() + label.len()], under, "{text}");
        }
    }

    #[test]
    fn an_owner_that_is_not_in_the_enums_is_an_error_at_its_location() {
        for (text, under) in [
            (
                "ownership:\n  services:\n    a: { owners: [app-team, team-paymnts] } \
                 # team-paymnts\n",
                "team-paymnts",
            ),
            ("ownership:\n  teams:\n    team-paymnts: \"@acme/x\"\n", "team-paymnts"),
        ] {
            let config = Config::parse(FILE_NAME, text).unwrap();
            let error = config.check_names(&Enums::built_in(), FILE_NAME, text).unwrap_err();
            assert!(error.to_string().contains("there is no owner `team-paymnts`"), "{error}");
            assert!(error.help().unwrap().to_string().contains("did you mean `team-payments`?"));
            let label = error.labels().unwrap().next().unwrap();
            assert_eq!(&text[label.offset()..label.offset() + label.len()], under, "{text}");
            assert_eq!(label.offset(), text.find(under).unwrap());
        }
    }

    #[test]
    fn code_owners_are_teams_users_and_email_addresses() {
        for good in ["@acme/payments", "@ann", "@acme/platform/core", "ann@example.com"] {
            assert!(is_code_owner(good), "{good}");
        }
        for bad in
            ["", "@", "acme", "@acme/", "@/x", "@a b", "@a\n* @evil", "a@b", "@a#b", "@@acme"]
        {
            assert!(!is_code_owner(bad), "{bad:?}");
        }
    }
}
