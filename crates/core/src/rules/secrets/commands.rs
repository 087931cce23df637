//! Passwords in command lines: `curl -u user:…`, `mysql -p…`, `--token …`.

use super::Scan;
use super::entropy::is_name_like;
use super::field_names;
use super::field_names::is_plain_word;
use super::sentences::{ValueKind, is_password};

/// The way in which a program accepts a password.
#[derive(Clone, Copy)]
pub(super) enum CommandUsage {
    /// As a separate argument after one of these options.
    Option(&'static [&'static str]),
    /// In the same argument, right after this option.
    Attached(&'static str),
    /// As a user, this character and the password, after one of these options.
    Pair(char, &'static [&'static str]),
    /// As the first argument that is not an option.
    First,
    /// As the first argument that looks like a password, not like a file or a name.
    LikelyPassword,
    /// With `-b` after the file and the user; with `-n` after the user.
    Htpasswd,
    /// As the first argument after a share or `/user:…` that is not an option.
    Share,
    /// As `user/password@database`.
    Login,
    /// As the value after the name of a variable.
    Assignment,
}

pub(super) const COMMANDS: [(&str, CommandUsage); 48] = [
    ("curl", CommandUsage::Pair(':', &["-u", "--user", "-U", "--proxy-user"])),
    ("smbclient", CommandUsage::Pair('%', &["-U", "--user"])),
    ("smbget", CommandUsage::Pair('%', &["-U", "--user"])),
    ("rpcclient", CommandUsage::Pair('%', &["-U", "--user"])),
    ("htpasswd", CommandUsage::Htpasswd),
    ("net use", CommandUsage::Share),
    ("gh secret set", CommandUsage::Option(&["--body", "-b"])),
    ("az keyvault secret set", CommandUsage::Option(&["--value"])),
    ("ConvertTo-SecureString", CommandUsage::First),
    ("--secret-string", CommandUsage::First),
    ("--requirepass", CommandUsage::First),
    ("--key", CommandUsage::LikelyPassword),
    ("mysql", CommandUsage::Attached("-p")),
    ("mysqldump", CommandUsage::Attached("-p")),
    ("mysqladmin", CommandUsage::Attached("-p")),
    ("mysqlimport", CommandUsage::Attached("-p")),
    ("mariadb", CommandUsage::Attached("-p")),
    ("mariadb-dump", CommandUsage::Attached("-p")),
    ("sshpass", CommandUsage::Option(&["-p"])),
    ("redis-cli", CommandUsage::Option(&["-a", "--pass"])),
    ("valkey-cli", CommandUsage::Option(&["-a", "--pass"])),
    ("docker login", CommandUsage::Option(&["-p"])),
    ("podman login", CommandUsage::Option(&["-p"])),
    ("skopeo login", CommandUsage::Option(&["-p"])),
    ("buildah login", CommandUsage::Option(&["-p"])),
    ("oras login", CommandUsage::Option(&["-p"])),
    ("helm registry login", CommandUsage::Option(&["-p"])),
    ("oc login", CommandUsage::Option(&["-p"])),
    ("az login", CommandUsage::Option(&["-p"])),
    ("mongo", CommandUsage::Option(&["-p"])),
    ("mongosh", CommandUsage::Option(&["-p"])),
    ("mongodump", CommandUsage::Option(&["-p"])),
    ("mongorestore", CommandUsage::Option(&["-p"])),
    ("mongoexport", CommandUsage::Option(&["-p"])),
    ("cqlsh", CommandUsage::Option(&["-p"])),
    ("sqlcmd", CommandUsage::Option(&["-P"])),
    ("bcp", CommandUsage::Option(&["-P"])),
    ("ldapsearch", CommandUsage::Option(&["-w"])),
    ("ldapadd", CommandUsage::Option(&["-w"])),
    ("ldapmodify", CommandUsage::Option(&["-w"])),
    ("ldapwhoami", CommandUsage::Option(&["-w"])),
    ("nuget push", CommandUsage::Option(&["-k"])),
    ("keytool", CommandUsage::Option(&["-storepass", "-keypass"])),
    ("cargo login", CommandUsage::First),
    ("sqlplus", CommandUsage::Login),
    ("setx", CommandUsage::Assignment),
    ("set -x", CommandUsage::Assignment),
    ("set -gx", CommandUsage::Assignment),
];

/// The maximum length of a command line, in bytes.
const REACH: usize = 400;

impl Scan<'_> {
    /// Checks the command line after a program's name, which ends at `end`.
    pub(super) fn check_command(&mut self, end: usize, usage: CommandUsage) {
        let rest = self.rest_of_line(end, REACH);
        if !rest.starts_with(' ') {
            return;
        }
        let mut found = None;
        let mut expected = false;
        let mut name = false;
        let mut is_share = false;
        let (mut flags, mut operands) = (String::new(), 0);
        for (at, argument) in arguments(rest) {
            let judged = match usage {
                _ if expected => Some((at, argument)),
                CommandUsage::Option(options) | CommandUsage::Pair(_, options)
                    if options.contains(&argument) =>
                {
                    expected = true;
                    continue;
                }
                CommandUsage::Option(options) | CommandUsage::Pair(_, options) => {
                    // `-p'…'`, `-uadmin:…`, `--body=…`
                    options.iter().find_map(|option| {
                        let value = argument.strip_prefix(option)?;
                        let value =
                            if option.len() == 2 { value } else { value.strip_prefix('=')? };
                        (!value.is_empty()).then_some((at + argument.len() - value.len(), value))
                    })
                }
                CommandUsage::Attached(option) => {
                    argument.strip_prefix(option).map(|value| (at + option.len(), value))
                }
                CommandUsage::First => (!argument.starts_with('-')).then_some((at, argument)),
                CommandUsage::LikelyPassword => Some((at, argument)),
                CommandUsage::Htpasswd if argument.starts_with('-') => {
                    flags.push_str(argument);
                    continue;
                }
                CommandUsage::Htpasswd => {
                    operands += 1;
                    let place = if flags.contains('n') { 2 } else { 3 };
                    (flags.contains('b') && operands == place).then_some((at, argument))
                }
                CommandUsage::Share
                    if strip_quotes(argument).1.starts_with(['/', '\\'])
                        || argument.ends_with(':') =>
                {
                    is_share |= !argument.ends_with(':');
                    continue;
                }
                CommandUsage::Share => is_share.then_some((at, argument)),
                CommandUsage::Login => argument.contains('/').then_some((at, argument)),
                CommandUsage::Assignment if name => Some((at, argument)),
                CommandUsage::Assignment => {
                    if field_names::classify_name(argument).is_none() {
                        return;
                    }
                    name = true;
                    continue;
                }
            };
            let Some((at, value)) = judged else { continue };
            let (margin, unquoted) = strip_quotes(value);
            let at = at + margin;
            let password = match usage {
                CommandUsage::Pair(separator, _) => unquoted
                    .split_once(separator)
                    .map(|(user, password)| (at + user.len() + 1, password)),
                CommandUsage::Login => unquoted.split_once('/').map(|(user, rest)| {
                    (at + user.len() + 1, rest.split('@').next().unwrap_or_default())
                }),
                CommandUsage::LikelyPassword => {
                    let looks = is_password(unquoted, true, ValueKind::Token)
                        && !unquoted.contains('.')
                        && !is_name_like(unquoted);
                    looks.then_some((at, unquoted))
                }
                _ => Some((at, unquoted)),
            };
            if let Some((at, password)) = password.filter(|(_, password)| is_argument(password)) {
                found = Some(end + at..end + at + password.len());
            }
            break;
        }
        if let Some(span) = found {
            self.add_match(span, "a password", 1);
        }
    }

    /// Checks the value after an option such as `--password `.
    pub(super) fn check_option_value(&mut self, from: usize) {
        let rest = self.rest_of_line(from, REACH);
        let Some((at, argument)) = arguments(rest).next() else { return };
        let (margin, value) = strip_quotes(argument);
        let at = from + at + margin;
        if is_argument(value) {
            self.add_match(at..at + value.len(), "a password", 1);
        }
    }
}

/// Returns whether the option at a byte is a long one, such as `--db-password`.
///
/// None if the word is not part of an option.
pub(super) fn long_option(bytes: &[u8], start: usize) -> Option<bool> {
    if start == 0 || bytes[start - 1] != b'-' {
        return None;
    }
    let from = start.saturating_sub(48);
    let before = &bytes[from..start];
    let run = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-')
        .count();
    Some(before[before.len() - run..].starts_with(b"--"))
}

/// Returns the arguments of a command line with their positions, with quotes.
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

/// Returns an argument without quotes and the text after them, and its offset.
fn strip_quotes(argument: &str) -> (usize, &str) {
    let inner = argument.trim_start_matches(['"', '\'']);
    let margin = argument.len() - inner.len();
    let end = inner.find(['"', '\'']).filter(|_| margin > 0).unwrap_or(inner.len());
    (margin, inner[..end].trim_end_matches(['"', '\'']))
}

/// Returns whether an argument is a password.
///
/// Placeholders, variables, options and words of a sentence are not.
fn is_argument(value: &str) -> bool {
    value.chars().count() >= 4
        && !value.starts_with(['-', '$', '<', '{', '%', '@', '|', '`'])
        && !field_names::is_placeholder(value)
        && !field_names::is_reference(value)
        && !is_plain_word(value)
}
