//! Passwords in command lines: `curl -u user:…`, `mysql -p…`, `--token …`.

use super::Scan;
use super::keys::{self, is_plain_word};

/// How a program takes a password.
#[derive(Clone, Copy)]
pub(super) enum Usage {
    /// In an argument of its own behind one of these.
    Option(&'static [&'static str]),
    /// Right behind this.
    Attached(&'static str),
    /// `user:password` behind one of these.
    Pair(&'static [&'static str]),
    /// The first argument.
    First,
    /// `user/password@database`
    Login,
    /// A variable's name and its value.
    Assignment,
}

pub(super) const COMMANDS: [(&str, Usage); 37] = [
    ("curl", Usage::Pair(&["-u", "--user", "-U", "--proxy-user"])),
    ("mysql", Usage::Attached("-p")),
    ("mysqldump", Usage::Attached("-p")),
    ("mysqladmin", Usage::Attached("-p")),
    ("mysqlimport", Usage::Attached("-p")),
    ("mariadb", Usage::Attached("-p")),
    ("mariadb-dump", Usage::Attached("-p")),
    ("sshpass", Usage::Option(&["-p"])),
    ("redis-cli", Usage::Option(&["-a", "--pass"])),
    ("valkey-cli", Usage::Option(&["-a", "--pass"])),
    ("docker login", Usage::Option(&["-p"])),
    ("podman login", Usage::Option(&["-p"])),
    ("skopeo login", Usage::Option(&["-p"])),
    ("buildah login", Usage::Option(&["-p"])),
    ("oras login", Usage::Option(&["-p"])),
    ("helm registry login", Usage::Option(&["-p"])),
    ("oc login", Usage::Option(&["-p"])),
    ("az login", Usage::Option(&["-p"])),
    ("mongo", Usage::Option(&["-p"])),
    ("mongosh", Usage::Option(&["-p"])),
    ("mongodump", Usage::Option(&["-p"])),
    ("mongorestore", Usage::Option(&["-p"])),
    ("mongoexport", Usage::Option(&["-p"])),
    ("cqlsh", Usage::Option(&["-p"])),
    ("sqlcmd", Usage::Option(&["-P"])),
    ("bcp", Usage::Option(&["-P"])),
    ("ldapsearch", Usage::Option(&["-w"])),
    ("ldapadd", Usage::Option(&["-w"])),
    ("ldapmodify", Usage::Option(&["-w"])),
    ("ldapwhoami", Usage::Option(&["-w"])),
    ("nuget push", Usage::Option(&["-k"])),
    ("keytool", Usage::Option(&["-storepass", "-keypass"])),
    ("cargo login", Usage::First),
    ("sqlplus", Usage::Login),
    ("setx", Usage::Assignment),
    ("set -x", Usage::Assignment),
    ("set -gx", Usage::Assignment),
];

/// How far a command line is followed, in bytes.
const REACH: usize = 400;

impl Scan<'_> {
    /// Follows the command line behind a program's name, which ends at `end`.
    pub(super) fn command(&mut self, end: usize, usage: Usage) {
        let rest = self.rest_of_line(end, REACH);
        if !rest.starts_with(' ') {
            return;
        }
        let mut found = None;
        let mut expected = false;
        let mut name = false;
        for (at, argument) in arguments(rest) {
            let judged = match usage {
                _ if expected => Some((at, argument)),
                Usage::Option(options) | Usage::Pair(options) if options.contains(&argument) => {
                    expected = true;
                    continue;
                }
                Usage::Option(options) | Usage::Pair(options) => {
                    // `-p'…'`, `-uadmin:…`
                    options.iter().filter(|option| option.len() == 2).find_map(|option| {
                        let value = argument.strip_prefix(option)?;
                        (!value.is_empty()).then_some((at + option.len(), value))
                    })
                }
                Usage::Attached(option) => argument.strip_prefix(option).map(|value| (at + option.len(), value)),
                Usage::First => Some((at, argument)),
                Usage::Login => argument.contains('/').then_some((at, argument)),
                Usage::Assignment if name => Some((at, argument)),
                Usage::Assignment => {
                    if keys::sensitive(argument).is_none() {
                        return;
                    }
                    name = true;
                    continue;
                }
            };
            let Some((at, value)) = judged else { continue };
            let unquoted = value.trim_matches(['"', '\'']);
            let at = at + (value.len() - value.trim_start_matches(['"', '\'']).len());
            let password = match (usage, unquoted.split_once(':')) {
                (Usage::Pair(_), Some((user, password))) => Some((at + user.len() + 1, password)),
                (Usage::Pair(_), None) => None,
                (Usage::Login, _) => unquoted
                    .split_once('/')
                    .map(|(user, rest)| (at + user.len() + 1, rest.split('@').next().unwrap_or_default())),
                _ => Some((at, unquoted)),
            };
            if let Some((at, password)) = password.filter(|(_, password)| is_argument(password)) {
                found = Some(end + at..end + at + password.len());
            }
            break;
        }
        if let Some(span) = found {
            self.found(span, "a password", 1);
        }
    }

    /// The value behind `--password ` and the like.
    pub(super) fn option_value(&mut self, from: usize) {
        let rest = self.rest_of_line(from, REACH);
        let Some((at, argument)) = arguments(rest).next() else { return };
        let value = argument.trim_matches(['"', '\'']);
        let at = from + at + (argument.len() - argument.trim_start_matches(['"', '\'']).len());
        if is_argument(value) {
            self.found(at..at + value.len(), "a password", 1);
        }
    }
}

/// Whether a word that ends at a byte is part of a run of option characters: None outside of an option, or whether it is
/// the end of a long one, such as `--db-password`.
pub(super) fn long_option(bytes: &[u8], start: usize) -> Option<bool> {
    if start == 0 || bytes[start - 1] != b'-' {
        return None;
    }
    let from = start.saturating_sub(48);
    let before = &bytes[from..start];
    let run = before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
    Some(before[before.len() - run..].starts_with(b"--"))
}

/// The arguments of a command line with their places, quotation marks kept.
fn arguments(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += line[at..].len() - line[at..].trim_start().len();
        let start = at;
        let mut quote = None;
        for (place, c) in line[start..].char_indices() {
            match quote {
                None if c.is_whitespace() => break,
                None if matches!(c, '"' | '\'') => quote = Some(c),
                Some(open) if c == open => quote = None,
                _ => {}
            }
            at = start + place + c.len_utf8();
        }
        (at > start).then(|| (start, &line[start..at]))
    })
}

/// A password rather than a placeholder, a variable, another option, or a word of the sentence.
fn is_argument(value: &str) -> bool {
    value.chars().count() >= 4
        && !value.starts_with(['-', '$', '<', '{', '%', '@', '|', '`'])
        && !keys::is_stand_in(value)
        && !keys::is_reference(value)
        && !is_plain_word(value)
}
