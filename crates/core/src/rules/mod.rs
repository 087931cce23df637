//! The rules, one file each.
//!
//! The module documentation of a rule is its page in the reference.

mod before_after;
mod duplicates;
mod finding;
mod fix;
mod redaction;
mod secrets;
mod unknown_fields;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rayon::prelude::*;

pub use finding::{Finding, Related, Severity, Sink};
pub use fix::{Applicability, Fix, Patch};
pub use gp407_consumer_loses_secret::{ConsumerLoss, ConsumerLosses};
pub use gp602_rotation_overdue::Renewal;
pub use gp603_value_under_old_key::{OldKey, OldKeys};
pub use gp604_unrequested_policy::{UnrequestedPolicies, UnrequestedPolicy};
pub use redaction::{ConfidentialSpans, mask_secrets, redact_texts, secret_spans};

use crate::catalog::{Catalog, ChangeContext, Entry, Project, Selection};
use crate::config::{ConfigError, Level};
use crate::manifest::SecretId;
use crate::suggest;
use crate::vcs::{ChangedPaths, Repository, Snapshot, SourceError};

/// A rule. The meaning of its code never changes.
#[derive(Debug)]
pub struct Rule {
    /// The code, such as `GP105`.
    pub code: &'static str,
    /// The name, such as `not-in-enum`.
    pub name: &'static str,
    /// The default severity; `goldenpath.yaml` can change it.
    pub severity: Severity,
    /// The source text of the rule's file, which contains its page.
    source: &'static str,
    check: RuleCheck,
}

/// The input of a rule.
#[derive(Debug)]
enum RuleCheck {
    /// A single file.
    Entry(fn(&Entry, &Project, &mut Sink<'_>)),
    /// All files of the catalog.
    Catalog(fn(&Catalog, &Project, &mut Sink<'_>)),
    /// All files, evaluated by the configuration, which may be invalid.
    Configured(fn(&Catalog, &Project, &mut Sink<'_>) -> Result<(), ConfigError>),
    /// All files and the state of their store, for the commands that query it.
    Stored(fn(&Catalog, &Project, &StoredState, &mut Sink<'_>)),
}

/// The state outside the catalog, for the commands that query it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredState {
    /// The time of the run.
    pub now: Timestamp,
    /// The last renewal of each secret that has a value and is not marked for deletion.
    pub renewals: BTreeMap<SecretId, Renewal>,
    /// What the GitOps repository says about changed Kubernetes Secrets.
    pub losses: ConsumerLosses,
    /// The accounts of the secrets that are encrypted with the key that AWS manages.
    pub default_keys: BTreeMap<SecretId, String>,
    /// The values that an old KMS key still decrypts.
    pub old_keys: OldKeys,
    /// The resource policies that no manifest asks for.
    pub policies: UnrequestedPolicies,
}

/// Declares the modules of the rules, and lists each `RULE` in [`RULES`].
///
/// Rules are registered only here.
macro_rules! rules {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*

        /// All rules, sorted by code.
        pub const RULES: &[&Rule] = &[$(&$module::RULE),*];
    };
}

rules![
    gp001_invalid_yaml,
    gp002_unsupported_yaml,
    gp003_too_large,
    gp101_missing_field,
    gp102_unknown_field,
    gp103_wrong_type,
    gp104_bad_format,
    gp105_not_in_enum,
    gp201_high_risk_needs_rotation,
    gp202_medium_risk_should_rotate,
    gp203_ttl_too_long,
    gp204_policy,
    gp205_value_cannot_be_generated,
    gp206_not_your_service,
    gp207_denied_namespace,
    gp208_foreign_principal,
    gp210_rotation_not_possible,
    gp211_reader_cannot_decrypt,
    gp212_immutable_secret_rotates,
    gp301_path_mismatch,
    gp302_duplicate_id,
    gp303_duplicate_name,
    gp304_duplicate_target,
    gp305_duplicate_external_secret,
    gp401_id_changed,
    gp402_immutable_field_changed,
    gp403_illegal_transition,
    gp404_deleted_before_decommissioned,
    gp405_must_start_active,
    gp406_id_reused,
    gp407_consumer_loses_secret,
    gp408_handover,
    gp409_id_jump,
    gp501_secret_value_in_manifest,
    gp601_ttl_expired,
    gp602_rotation_overdue,
    gp603_value_under_old_key,
    gp604_unrequested_policy,
    gp701_rules_changed,
    gp702_destination_changed,
    gp703_audit_changed,
];

/// GP409, for messages and help texts of other modules.
pub const ID_JUMP: &Rule = &gp409_id_jump::RULE;

/// GP703, for messages and help texts of other modules.
pub const AUDIT_CHANGED: &Rule = &gp703_audit_changed::RULE;

/// The rules that are enabled in a project.
#[derive(Debug)]
pub struct RuleSet<'project> {
    project: &'project Project,
    /// Each with the severity of its findings.
    rules: Vec<(&'static Rule, Severity)>,
}

/// A catalog, with the findings of the rules on single files.
#[derive(Debug)]
pub struct CheckedEntries {
    /// The catalog that was read.
    pub catalog: Catalog,
    findings: Vec<Finding>,
}

impl<'project> RuleSet<'project> {
    /// Selects the rules that are enabled in a project.
    ///
    /// # Errors
    /// `rules` in `goldenpath.yaml` contains an unknown rule.
    pub fn of(project: &'project Project) -> Result<Self, ConfigError> {
        Ok(Self { project, rules: severities(project)? })
    }

    /// Reads a snapshot after the change `step`, and applies the rules on single files.
    ///
    /// Each file is read, parsed, checked and dropped in one pass, so that the memory for parsed
    /// nodes does not grow with the catalog.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn read(
        &self,
        repository: &Repository,
        snapshot: Snapshot,
        selection: &Selection,
        step: Option<&ChangeContext<'_>>,
    ) -> Result<CheckedEntries, SourceError> {
        let (catalog, findings) =
            Catalog::load_with(repository, self.project, snapshot, selection, step, |entry| {
                let findings = self.check_entry(entry);
                // Policies need the nodes again, when all files are read.
                if findings.is_empty() && (self.project.policies.is_empty() || !entry.selected) {
                    entry.drop_nodes();
                }
                findings
            })?;
        Ok(CheckedEntries { catalog, findings })
    }

    /// Searches text files other than manifests for secrets.
    ///
    /// These are the files of `change`, or all files on disk without one.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn read_texts(
        &self,
        checked: &mut CheckedEntries,
        repository: &Repository,
        selection: &Selection,
        change: Option<&ChangedPaths>,
    ) -> Result<(), SourceError> {
        if self.rules.iter().any(|(rule, _)| rule.code == redaction::CODE) {
            checked.catalog.read_texts(repository, self.project, selection, change)?;
            checked.findings.extend(self.check_texts(&checked.catalog));
        }
        Ok(())
    }

    fn check_texts(&self, catalog: &Catalog) -> Vec<Finding> {
        let mut findings = Vec::new();
        for &(rule, severity) in self.rules.iter().filter(|(rule, _)| rule.code == redaction::CODE)
        {
            if let RuleCheck::Entry(check) = rule.check {
                let mut sink = Sink::new(rule, severity, &mut findings);
                for entry in &catalog.texts {
                    check(entry, self.project, &mut sink);
                    gp501_secret_value_in_manifest::report_unreadable(entry, &mut sink);
                }
            }
        }
        findings
    }

    /// Reads from the history of `history_tip` how old the selected manifests are.
    ///
    /// `recorded` has the first event of each secret in the audit trail, if it was read; see
    /// [`Catalog::find_expired`]. Without this call, rules on time report nothing.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn find_expired(
        &self,
        checked: &mut CheckedEntries,
        repository: &Repository,
        history_tip: Snapshot,
        recorded: Option<&BTreeMap<SecretId, Timestamp>>,
        now: Timestamp,
    ) -> Result<(), SourceError> {
        if self.rules.iter().any(|(rule, _)| rule.code == gp601_ttl_expired::RULE.code) {
            let catalog = &mut checked.catalog;
            catalog.find_expired(repository, self.project, history_tip, recorded, now)?;
        }
        Ok(())
    }

    /// Returns all findings in the selected manifests, sorted by path and location.
    ///
    /// Text that looks like a secret is removed from them.
    ///
    /// # Errors
    /// A policy cannot be evaluated on a manifest.
    pub fn finish(&self, checked: CheckedEntries) -> Result<(Catalog, Vec<Finding>), ConfigError> {
        let CheckedEntries { catalog, mut findings } = checked;
        for &(rule, severity) in &self.rules {
            let mut sink = Sink::new(rule, severity, &mut findings);
            match rule.check {
                RuleCheck::Entry(_) | RuleCheck::Stored(_) => {}
                RuleCheck::Catalog(check) => check(&catalog, self.project, &mut sink),
                RuleCheck::Configured(check) => check(&catalog, self.project, &mut sink)
                    .map_err(|error| redaction::redact_error(error, &catalog, self.project))?,
            }
        }
        redaction::redact_findings(&mut findings, &catalog, self.project);
        sort(&mut findings);
        Ok((catalog, findings))
    }

    /// Like [`RuleSet::finish`], for a catalog that was not read by [`RuleSet::read`].
    ///
    /// # Errors
    /// A policy cannot be evaluated on a manifest.
    pub fn check(&self, catalog: Catalog) -> Result<(Catalog, Vec<Finding>), ConfigError> {
        let mut findings: Vec<Finding> =
            catalog.entries.par_iter().flat_map_iter(|entry| self.check_entry(entry)).collect();
        findings.extend(self.check_texts(&catalog));
        self.finish(CheckedEntries { catalog, findings })
    }

    /// Returns the findings in the selected manifests, without those of policies.
    ///
    /// Policies may fail on a manifest with unanswered fields.
    #[must_use]
    pub fn preview(&self, catalog: &Catalog) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            catalog.selected().flat_map(|entry| self.check_entry(entry)).collect();
        for &(rule, severity) in &self.rules {
            if let RuleCheck::Catalog(check) = rule.check {
                check(catalog, self.project, &mut Sink::new(rule, severity, &mut findings));
            }
        }
        redaction::redact_findings(&mut findings, catalog, self.project);
        sort(&mut findings);
        findings
    }

    /// Adds the findings about the store's state to `findings`, and sorts them.
    pub fn check_stored(
        &self,
        findings: &mut Vec<Finding>,
        catalog: &Catalog,
        state: &StoredState,
    ) {
        let mut stored = Vec::new();
        for &(rule, severity) in &self.rules {
            if let RuleCheck::Stored(check) = rule.check {
                check(catalog, self.project, state, &mut Sink::new(rule, severity, &mut stored));
            }
        }
        redaction::redact_findings(&mut stored, catalog, self.project);
        findings.extend(stored);
        sort(findings);
    }

    /// Adds a note to findings about a name that the same change adds to a rule file.
    ///
    /// The head's rules accept such a name (`by_head` are their findings), but they apply only
    /// after the merge. Findings in rule files get no note.
    pub fn note_additions(&self, findings: &mut [Finding], catalog: &Catalog, by_head: &[Finding]) {
        let place =
            |finding: &Finding| (finding.rule.code, finding.path.clone(), finding.pointer.clone());
        let remaining: BTreeSet<_> = by_head.iter().map(place).collect();
        let is_of_a_rule_file = |finding: &Finding| {
            catalog.rule_change.files.iter().any(|file| file.path == finding.path)
        };
        let of_manifests = findings.iter_mut().filter(|finding| !is_of_a_rule_file(finding));
        for finding in of_manifests.filter(|finding| !remaining.contains(&place(finding))) {
            // The value, or the name of a field that the schema adds.
            let value = catalog
                .at(&finding.path)
                .and_then(|entry| entry.root()?.string_at(&finding.pointer));
            let names = [value, finding.pointer.rsplit('/').next()];
            let added = names
                .into_iter()
                .flatten()
                .map(|name| (name, catalog.rule_change.files_that_add(name)));
            if let Some((name, files)) = added.into_iter().find(|(_, files)| !files.is_empty()) {
                finding.message.push_str(&format!(
                    ": `{name}` is added to {} by this change; rules apply after their merge: \
                     merge that first",
                    files.join(" and ")
                ));
                finding.fix = None;
            }
        }
        redaction::redact_findings(findings, catalog, self.project);
    }

    fn check_entry(&self, entry: &Entry) -> Vec<Finding> {
        let mut findings = Vec::new();
        for &(rule, severity) in self.rules.iter().filter(|_| entry.selected) {
            if let RuleCheck::Entry(check) = rule.check {
                check(entry, self.project, &mut Sink::new(rule, severity, &mut findings));
            }
        }
        findings
    }
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|one, other| one.key().cmp(&other.key()));
}

/// Returns the enabled rules, with the severity of their findings.
fn severities(project: &Project) -> Result<Vec<(&'static Rule, Severity)>, ConfigError> {
    let levels = &project.config.rules;
    if let Some(unknown) = levels.keys().find(|key| !RULES.iter().any(|rule| rule.has_key(key))) {
        let help = Rule::did_you_mean(unknown).unwrap_or_else(|| {
            format!(
                "the rules are {}",
                RULES.iter().map(|rule| rule.code).collect::<Vec<_>>().join(", ")
            )
        });
        let error =
            ConfigError::new(&project.config_name, format!("there is no rule `{unknown}`"), help);
        return Err(error.at_field(&project.config_text, &["rules", unknown]));
    }
    if let Some(rule) = RULES
        .iter()
        .copied()
        .find(|rule| levels.contains_key(rule.code) && levels.contains_key(rule.name))
    {
        let message = format!("`{}` and `{}` are the same rule", rule.code, rule.name);
        let error = ConfigError::new(&project.config_name, message, "keep one of the two");
        return Err(error.at_field(&project.config_text, &["rules", rule.name]));
    }
    let level =
        |rule: &Rule| levels.iter().find(|(key, _)| rule.has_key(key)).map(|(_, level)| *level);
    Ok(RULES
        .iter()
        .copied()
        .filter_map(|rule| match level(rule) {
            None => Some((rule, rule.severity)),
            Some(Level::Off) => None,
            Some(Level::Warn) => Some((rule, Severity::Warning)),
            Some(Level::Error) => Some((rule, Severity::Error)),
        })
        .collect())
}

impl Rule {
    /// Returns the rule with this code or name, ignoring case.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Self> {
        RULES
            .iter()
            .copied()
            .find(|rule| rule.code.eq_ignore_ascii_case(key) || rule.name.eq_ignore_ascii_case(key))
    }

    /// Returns "did you mean …?" for a key that no rule has.
    #[must_use]
    pub fn did_you_mean(key: &str) -> Option<String> {
        suggest::did_you_mean(key, RULES.iter().flat_map(|rule| [rule.code, rule.name]))
    }

    /// Returns the first sentence of the rule's page.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.page().lines().next().unwrap_or_default().to_owned()
    }

    /// Returns the page in Markdown.
    ///
    /// It has a sentence, then *What it does*, *Why is this bad?*, *Example* and *Use instead*.
    #[must_use]
    pub fn page(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
    }

    /// Returns whether it compares a field of one manifest with the other manifests.
    #[must_use]
    pub fn is_about_uniqueness(&self) -> bool {
        [&gp302_duplicate_id::RULE, &gp303_duplicate_name::RULE, &gp304_duplicate_target::RULE]
            .iter()
            .any(|rule| rule.code == self.code)
    }

    /// Returns whether it decides which services may use a namespace.
    #[must_use]
    pub fn is_about_namespaces(&self) -> bool {
        [&gp206_not_your_service::RULE, &gp207_denied_namespace::RULE]
            .iter()
            .any(|rule| rule.code == self.code)
    }

    /// Returns whether `rules` in a `goldenpath.yaml` set the severity of its findings.
    fn has_level(&self, levels: &BTreeMap<String, Level>) -> bool {
        levels.keys().any(|key| self.has_key(key))
    }

    fn has_key(&self, key: &str) -> bool {
        self.code == key || self.name == key
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{SEED, SEED_PATH, cases, codes, error_of, findings, rows, seed_with};

    const CONFIG: &str = "goldenpath.yaml";

    /// Asserts the findings in the seed without rotation, which GP202 warns about.
    #[track_caller]
    fn counts_as(rules: &str, expected: &[&str]) {
        let text = seed_with(&[("rotationClass: standard", "rotationClass: none")]);
        let config = format!("rules: {rules}\n");
        let found = findings(&[(SEED_PATH, &text), (CONFIG, &config)]);
        assert_eq!(rows(&found), expected);
    }

    const ERROR: [&str; 1] = ["error GP202 /spec/rotation/rotationClass"];
    const WARNING: [&str; 1] = ["warning GP202 /spec/rotation/rotationClass"];

    cases! { a_rule_counts_as_the_configuration_says_by_code_or_by_name(counts_as):
        not_configured("{}", &WARNING);
        error_by_code("{GP202: error}", &ERROR);
        error_by_name("{medium-risk-should-rotate: error}", &ERROR);
        warning("{GP202: warn}", &WARNING);
        off_by_code("{GP202: off}", &[]);
        off_by_name("{medium-risk-should-rotate: off}", &[]);
        another_rule("{GP201: error}", &WARNING);
    }

    #[test]
    fn an_error_can_be_made_a_warning() {
        let text = seed_with(&[("tier: medium", "tier: mediun")]);
        let config = "rules:\n  not-in-enum: warn\n";
        let found = findings(&[(SEED_PATH, &text), (CONFIG, config)]);
        assert_eq!(rows(&found), ["warning GP105 /spec/risk/tier"]);
    }

    /// Asserts the error of a configuration.
    #[track_caller]
    fn is_an_error(config: &str, message: &str, help: &str, place: &str) {
        let error = error_of(&[(SEED_PATH, SEED), (CONFIG, config)]);
        assert!(error.message.contains(message), "{error:?}");
        assert!(error.help.contains(help), "{error:?}");
        assert_eq!(error.place, place, "{error:?}");
    }

    cases! { a_rule_that_cannot_be_meant_is_an_error_at_its_place(is_an_error):
        a_rule_that_does_not_exist(
            "# unknown-fild: off\nrules:\n  GP102: error\n  unknown-fild: off  # why\n",
            "there is no rule `unknown-fild`", "did you mean `unknown-field`?",
            "goldenpath.yaml:4:3",
        );
        a_rule_that_is_like_no_other(
            "rules: {quux: off}\n", "there is no rule `quux`", "GP001, GP002, GP003",
            "goldenpath.yaml:1:9",
        );
        a_rule_by_code_and_by_name(
            "rules:\n  GP102: off\n  unknown-field: error\n",
            "`GP102` and `unknown-field` are the same rule", "keep one of the two",
            "goldenpath.yaml:3:3",
        );
    }

    #[test]
    fn the_findings_of_a_manifest_are_in_the_order_of_their_places() {
        let text = seed_with(&[
            ("kind: SecretRequest", "kind: Secret"),
            ("id: SEC-0007", "id: SEC-7"),
            ("owner:", "ownr:"),
            ("tier: medium", "tier: mediun"),
            ("    namespace: payments ", "    #"),
            ("ttlDays: 30", "ttlDays: '30'"),
        ]);
        let found = findings(&[(SEED_PATH, &text)]);
        assert_eq!(codes(&found), ["GP105", "GP104", "GP102", "GP105", "GP101", "GP103"]);
        let lines: Vec<usize> = found.iter().map(|found| found.place.line).collect();
        assert_eq!(lines, [2, 4, 6, 13, 18, 21]);
    }
}
