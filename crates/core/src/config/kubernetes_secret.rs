//! `kubernetes` of a secret type: the Kubernetes Secret that a value becomes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::value_template::KeyReference;
use super::{SecretType, check_key, find_placeholder, value_template};

/// The Kubernetes Secret of a secret type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KubernetesSecret {
    /// The type, which Kubernetes never changes.
    pub r#type: KubernetesSecretType,
    /// Texts by key of the Kubernetes Secret, in the operator's template syntax.
    pub template: BTreeMap<String, String>,
    /// Keys of the value by key of the Kubernetes Secret.
    pub keys: BTreeMap<String, String>,
    /// Whether the keys of the value stay next to those of `template` and `keys`.
    pub merge_policy: MergePolicy,
    /// How the texts of the value are decoded; without it, not at all.
    pub decoding_strategy: Option<DecodingStrategy>,
    /// Whether Kubernetes rejects every change of the Secret.
    pub immutable: bool,
}

/// The types of a Kubernetes Secret that are plain data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KubernetesSecretType {
    /// Any keys.
    #[default]
    Opaque,
    /// A certificate and its private key.
    #[serde(rename = "kubernetes.io/tls")]
    Tls,
    /// Credentials of image registries, which the kubelet reads.
    #[serde(rename = "kubernetes.io/dockerconfigjson")]
    DockerConfigJson,
    /// A user name or a password.
    #[serde(rename = "kubernetes.io/basic-auth")]
    BasicAuth,
    /// An SSH private key.
    #[serde(rename = "kubernetes.io/ssh-auth")]
    SshAuth,
}

/// Which keys a Kubernetes Secret with a template has (`spec.target.template.mergePolicy`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MergePolicy {
    /// Those of the template alone.
    #[default]
    Replace,
    /// Those of the value, too.
    Merge,
}

/// How the operator decodes the texts of a value (`decodingStrategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecodingStrategy {
    /// Base64 or Base64URL where a text is valid, otherwise as it is.
    Auto,
    /// RFC 4648, section 4.
    Base64,
    /// RFC 4648, section 5.
    Base64URL,
    /// As it is.
    None,
}

/// What is wrong below `kubernetes`.
pub(super) struct ShapeProblem {
    /// The keys below `kubernetes`.
    pub at: Vec<String>,
    pub message: String,
    pub help: String,
}

impl KubernetesSecretType {
    /// Returns its name in Kubernetes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Opaque => "Opaque",
            Self::Tls => "kubernetes.io/tls",
            Self::DockerConfigJson => "kubernetes.io/dockerconfigjson",
            Self::BasicAuth => "kubernetes.io/basic-auth",
            Self::SshAuth => "kubernetes.io/ssh-auth",
        }
    }

    /// Returns the keys that the API server requires, each as alternatives.
    ///
    /// (Kubernetes, `ValidateSecret`; for basic-auth, its documentation.)
    fn required_keys(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Opaque => &[],
            Self::Tls => &[&["tls.crt"], &["tls.key"]],
            Self::DockerConfigJson => &[&[".dockerconfigjson"]],
            Self::BasicAuth => &[&["username", "password"]],
            Self::SshAuth => &[&["ssh-privatekey"]],
        }
    }

    /// Returns the alternatives of the first required key that is missing.
    fn find_missing_key(self, has: impl Fn(&str) -> bool) -> Option<&'static [&'static str]> {
        self.required_keys().iter().find(|keys| !keys.iter().any(|key| has(key))).copied()
    }
}

impl KubernetesSecret {
    /// Returns the texts by key of the Kubernetes Secret; empty if it has the keys of the value.
    #[must_use]
    pub fn data(&self) -> BTreeMap<String, String> {
        let mapped = self.keys.iter().map(|(key, from)| (key.clone(), reference(from)));
        self.template.clone().into_iter().chain(mapped).collect()
    }

    /// Returns the shape of a value that is a text under `key`.
    ///
    /// It has the type if the one key is all that the type requires, and otherwise no type.
    #[must_use]
    pub fn of_text(&self, key: &str) -> Self {
        let is_enough = self.r#type.find_missing_key(|required| required == key).is_none();
        Self {
            r#type: if is_enough { self.r#type } else { KubernetesSecretType::Opaque },
            template: BTreeMap::new(),
            keys: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// Returns the first problem with a value of the type `of`.
    pub(super) fn find_problem(&self, name: &str, of: &SecretType) -> Option<ShapeProblem> {
        let problem = |at: &[&str], message: String, help: String| {
            let at = at.iter().map(|key| (*key).to_owned()).collect();
            Some(ShapeProblem { at, message, help })
        };
        for (field, key) in self
            .template
            .keys()
            .map(|key| ("template", key))
            .chain(self.keys.keys().map(|key| ("keys", key)))
        {
            if let Err(why) = check_key(key) {
                let key_text = key.escape_debug();
                let message = format!("a Kubernetes Secret cannot have the key `{key_text}`");
                return problem(&[field, key], message, why);
            }
            if field == "keys" && self.template.contains_key(key) {
                let message = format!("`{key}` is in `template` and in `keys`");
                return problem(&[field, key], message, "remove one of them".to_owned());
            }
        }
        let names: Vec<&str> = of.keys.iter().map(|key| key.name.as_str()).collect();
        let list = if names.is_empty() {
            "the type lists no keys".to_owned()
        } else {
            format!("the keys of `{name}` are {}", names.join(", "))
        };
        for (key, from) in &self.keys {
            if of.key(from).is_none() && !of.other_keys {
                let message = format!("a value of type `{name}` has no key `{from}`");
                return problem(&["keys", key], message, list);
            }
        }
        for (key, text) in &self.template {
            let at = ["template", key.as_str()];
            if let Some(why) = find_placeholder(text) {
                let message = format!("the template of `{key}` {why}");
                return problem(&at, message, "remove it".to_owned());
            }
            let references = match value_template::references(text) {
                Ok(references) => references,
                Err(why) => {
                    let message = format!("the template of `{key}` is not allowed: {why}");
                    let help = "refer to keys of the value, as in `{{ .password }}`, with \
                                functions such as `b64enc`, `printf` and `toJson`";
                    return problem(&at, message, help.to_owned());
                }
            };
            for KeyReference { key: from, is_lookup } in references {
                let known = of.key(&from);
                if known.is_none() && !(of.other_keys && is_lookup) {
                    let message = format!(
                        "the template of `{key}` refers to the key `{from}`, which a value of type \
                         `{name}` does not have"
                    );
                    return problem(&at, message, list);
                }
                if !is_lookup && known.is_some_and(|known| !known.required) {
                    let message = format!(
                        "the template of `{key}` fails for a value without the optional key \
                         `{from}`"
                    );
                    let help = format!(
                        "set `required: true` for the key, or look it up: `{{{{ index . \
                         \"{from}\" }}}}` is empty without it"
                    );
                    return problem(&at, message, help);
                }
            }
        }
        self.find_missing(name, of)
    }

    /// Returns a problem if the Secret lacks a key that its type requires.
    fn find_missing(&self, name: &str, of: &SecretType) -> Option<ShapeProblem> {
        let mut has: BTreeSet<&str> =
            self.template.keys().chain(self.keys.keys()).map(String::as_str).collect();
        if has.is_empty() || self.merge_policy == MergePolicy::Merge {
            let always = of.keys.iter().filter(|key| key.required);
            has.extend(always.map(|key| key.name.as_str()));
        }
        let missing = self.r#type.find_missing_key(|key| has.contains(key))?;
        let kind = self.r#type.name();
        Some(ShapeProblem {
            at: vec!["type".to_owned()],
            message: format!(
                "a Secret of type `{kind}` needs the key `{}`, which not every value of type \
                 `{name}` gives",
                missing.join("` or `")
            ),
            help: format!(
                "add `{}` to `template`, or to the type's keys with `required: true`",
                missing[0]
            ),
        })
    }
}

/// Returns the template that is the text of a key of the value.
fn reference(key: &str) -> String {
    let is_plain = key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    // `index` of a missing key is empty; a field is an error.
    if is_plain { format!("{{{{ .{key} }}}}") } else { format!("{{{{ index . \"{key}\" }}}}") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Enums, SecretTypes};

    fn parse(kubernetes: &str) -> Result<KubernetesSecret, crate::config::ConfigError> {
        let text = format!(
            "secretTypes:\n  api-key:\n    keys: [{{ name: user, required: true }}, {{ name: \
             tls.crt, required: true }}, {{ name: note }}]\n    kubernetes: {kubernetes}\n"
        );
        let types = SecretTypes::parse("secret_types.yaml", &text, &Enums::built_in())?;
        Ok(types.of("api-key").kubernetes.unwrap())
    }

    #[test]
    fn keys_are_renamed_and_composed() {
        let shape = parse(
            "{ template: { URL: 'https://{{ .user }}@x{{ index . \"note\" }}' }, keys: { CERT: \
             tls.crt, USER: user }, mergePolicy: Merge }",
        );
        let shape = shape.unwrap();
        let data: Vec<(String, String)> = shape.data().into_iter().collect();
        let texts: Vec<String> = data.iter().map(|(key, text)| format!("{key}={text}")).collect();
        assert_eq!(
            texts,
            [
                "CERT={{ index . \"tls.crt\" }}",
                "URL=https://{{ .user }}@x{{ index . \"note\" }}",
                "USER={{ .user }}"
            ]
        );
        assert_eq!(shape.merge_policy, MergePolicy::Merge);
    }

    #[test]
    fn the_built_in_types_have_the_types_that_kubernetes_reads() {
        let types = SecretTypes::built_in();
        let shape = |name: &str| types.of(name).kubernetes.unwrap();
        let registry = shape("container-registry-credential");
        assert_eq!(registry.r#type, KubernetesSecretType::DockerConfigJson);
        assert_eq!(registry.data().into_keys().collect::<Vec<_>>(), [".dockerconfigjson"]);
        let tls = shape("tls-private-key");
        assert_eq!((tls.r#type, tls.data().len()), (KubernetesSecretType::Tls, 0));
        assert_eq!(types.of("database-credentials").kubernetes, None);
    }

    #[test]
    fn a_text_has_the_type_that_its_key_satisfies() {
        let types = SecretTypes::built_in();
        let registry = types.of("container-registry-credential").kubernetes.unwrap();
        let text = registry.of_text(".dockerconfigjson");
        assert_eq!(text.r#type, KubernetesSecretType::DockerConfigJson);
        assert_eq!(text.data().len(), 0);
        assert_eq!(registry.of_text("config.json").r#type, KubernetesSecretType::Opaque);
        let tls = types.of("tls-private-key").kubernetes.unwrap();
        assert_eq!(tls.of_text("tls.key").r#type, KubernetesSecretType::Opaque);
    }

    #[test]
    fn an_impossible_shape_is_rejected_at_its_place() {
        for (text, words) in [
            ("{ type: kubernetes.io/service-account-token }", "unknown value"),
            ("{ type: kubernetes.io/tls }", "needs the key `tls.key`"),
            ("{ type: kubernetes.io/ssh-auth }", "needs the key `ssh-privatekey`"),
            ("{ type: kubernetes.io/basic-auth }", "needs the key `username` or `password`"),
            ("{ type: kubernetes.io/dockerconfigjson }", "needs the key `.dockerconfigjson`"),
            ("{ template: { A: '{{ .password }}' } }", "refers to the key `password`"),
            ("{ template: { A: '{{ index . \"b\" }}' } }", "refers to the key `b`"),
            ("{ template: { A: '{{ .note }}' } }", "without the optional key `note`"),
            ("{ template: { A: '{{ env \"HOME\" }}' } }", "`env` is not one of"),
            ("{ template: { A: '{{ .user' } }", "not closed"),
            ("{ template: { A: '${user}' } }", "Flux replaces"),
            ("{ template: { 'a b': x } }", "cannot have the key `a b`"),
            ("{ keys: { A: password } }", "has no key `password`"),
            ("{ keys: { A: user }, template: { A: x } }", "is in `template` and in `keys`"),
            ("{ decodingStrategy: base64 }", "unknown value `base64`"),
            ("{ engine: v1 }", "unknown field `engine`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
            assert!(miette::Diagnostic::labels(&error).is_some(), "{text}");
        }
    }

    #[test]
    fn a_template_with_merge_keeps_the_keys_of_the_value() {
        let template = "template: { username: '{{ .user }}' }";
        parse(&format!("{{ type: kubernetes.io/basic-auth, {template} }}")).unwrap();
        let tls = "type: kubernetes.io/tls, template: { tls.key: '{{ .user }}' }";
        assert!(parse(&format!("{{ {tls} }}")).is_err());
        parse(&format!("{{ {tls}, mergePolicy: Merge }}")).unwrap();
    }
}
