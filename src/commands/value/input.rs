//! The input of a value: standard input, files, or questions on a terminal.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::secret::ValueTarget;
use crate::failure::Failure;
use crate::prompt::{PromptError, Prompter, Question};
use goldenpath_core::config;
use goldenpath_core::config::KeyDefinition;
use goldenpath_core::manifest::ValueFormat;
use goldenpath_deploy::value;
use goldenpath_deploy::value::{MAX_INPUT, SecretValue, ValueError};

/// A key and the file with its text.
#[derive(Debug, Clone)]
pub(crate) struct FromFile {
    pub(crate) key: String,
    path: String,
}

impl FromFile {
    /// Parses `KEY=PATH`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (key, path) = text.split_once('=').ok_or("give KEY=PATH")?;
        config::check_key(key)?;
        if path.is_empty() {
            return Err("give KEY=PATH".to_owned());
        }
        Ok(Self { key: key.to_owned(), path: path.to_owned() })
    }

    fn read(&self) -> Result<SecretString, Failure> {
        read_file(Path::new(&self.path))
    }
}

/// Returns whether standard input is not a terminal, so that a value can be read from it.
pub(crate) fn has_piped_stdin() -> bool {
    !io::stdin().is_terminal()
}

/// Reads a value from standard input, in the format of the manifest.
pub(crate) fn from_stdin(subject: &ValueTarget<'_>) -> Result<SecretValue, Failure> {
    const NAME: &str = "standard input";
    let text = text_of(NAME, &read_all(unbuffered(NAME)?, NAME)?)?;
    Ok(match subject.format() {
        ValueFormat::Json => SecretValue::parse(text.expose_secret())?,
        ValueFormat::Text { key } => SecretValue::of_text(key, text.expose_secret())?,
    })
}

/// Returns standard input without Rust's buffer, which is never freed and so never wiped.
#[cfg(unix)]
fn unbuffered(name: &str) -> Result<impl Read, Failure> {
    use std::os::fd::AsFd;
    let copy = io::stdin().as_fd().try_clone_to_owned();
    let copy = copy.map_err(|error| Failure::io(&format!("cannot read {name}"), &error))?;
    Ok(std::fs::File::from(copy))
}

#[cfg(not(unix))]
fn unbuffered(_: &str) -> Result<impl Read, Failure> {
    Ok(io::stdin().lock())
}

/// Adds the texts of files to the value.
pub(crate) fn from_files(files: &[FromFile], value: &mut SecretValue) -> Result<(), Failure> {
    for file in files {
        if value.text(&file.key).is_some() {
            return Err(ValueError::Twice { key: file.key.clone() }.into());
        }
        value.set(&file.key, file.read()?);
    }
    Ok(())
}

/// Asks for each key of the type that is not given yet.
///
/// After an empty answer, the text in `before` is kept.
pub(crate) fn ask(
    subject: &ValueTarget<'_>,
    before: Option<&SecretValue>,
    prompter: &Prompter,
    value: &mut SecretValue,
) -> Result<(), Failure> {
    for key in &subject.secret_type.keys {
        if value.text(&key.name).is_some() {
            continue;
        }
        let has_it = before.is_some_and(|before| before.text(&key.name).is_some());
        if let Some(text) = ask_for(key, has_it, prompter)? {
            value.set(&key.name, text);
        }
    }
    if !subject.secret_type.other_keys {
        return Ok(());
    }
    loop {
        let question = Question {
            words: "Another key (empty: done)",
            default: Some(""),
            accepts_new_value: true,
            ..Question::default()
        };
        let name = prompter.text(&question, |name| {
            if name.is_empty() { Ok(()) } else { config::check_key(name) }
        })?;
        if name.is_empty() {
            return Ok(());
        }
        let text = prompter.hidden(&name)?;
        if !text.expose_secret().is_empty() {
            value.set(&name, text);
        }
    }
}

/// Asks for the text of one key; returns `None` for an empty answer.
fn ask_for(
    key: &KeyDefinition,
    has_it: bool,
    prompter: &Prompter,
) -> Result<Option<SecretString>, Failure> {
    let empty = match (has_it, &key.generate, key.required) {
        (true, ..) => " (empty: keep)",
        (false, Some(_), true) => " (empty: generate)",
        (false, _, false) => " (empty: none)",
        (false, None, true) => "",
    };
    loop {
        let text = if key.multiline {
            ask_for_file(&format!("File with {}{empty}", key.name), prompter)?
        } else {
            Some(prompter.hidden(&format!("{}{empty}", key.name))?)
        };
        match text.filter(|text| !text.expose_secret().is_empty()) {
            None if empty.is_empty() => {
                prompter
                    .reject(&format!("{} is required; Ctrl-C cancels without writing", key.name))?;
            }
            None if key.generate.is_some() && !has_it && key.required => {
                prompter.print(&format!("A random text is generated for {}.", key.name))?;
                return Ok(None);
            }
            text => return Ok(text),
        }
    }
}

/// Asks for a file and returns its text.
fn ask_for_file(words: &str, prompter: &Prompter) -> Result<Option<SecretString>, PromptError> {
    let question =
        Question { words, default: Some(""), accepts_new_value: true, ..Question::default() };
    let mut read = None;
    let check = |path: &str| {
        read = None;
        if path.is_empty() {
            return Ok(());
        }
        let text = read_file(Path::new(path)).map_err(|failure| failure.report().to_string())?;
        read = Some(text);
        Ok(())
    };
    prompter.text(&question, check)?;
    Ok(read)
}

fn read_file(path: &Path) -> Result<SecretString, Failure> {
    let name = format!("`{}`", path.display());
    let failed = |error: io::Error| Failure::io(&format!("cannot read {name}"), &error);
    // Pipes (process substitution) and links (mounted secrets) are accepted.
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Failure::usage(
            format!("{name} is a folder"),
            "give the file with the key's text",
        ));
    }
    text_of(&name, &read_all(file, &name)?)
}

/// Reads all bytes, up to the limit of a value's input.
fn read_all(from: impl Read, name: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Allocated at full size: a growing buffer would leave copies of the value behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_INPUT + 1));
    let read = from.take(MAX_INPUT as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::io(&format!("cannot read {name}"), &error))?;
    if bytes.len() > MAX_INPUT {
        return Err(ValueError::InputTooLarge { what: name.to_owned() }.into());
    }
    Ok(bytes)
}

fn text_of(name: &str, bytes: &[u8]) -> Result<SecretString, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let place = error.valid_up_to() + 1;
        ValueError::NotUtf8 { what: name.to_owned(), place }
    })?;
    Ok(SecretString::from(text))
}

/// Rejects keys that the type does not have, before any input is read.
pub(crate) fn check_keys<'a>(
    subject: &ValueTarget<'_>,
    keys: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    for key in keys {
        if let Some(text_key) = subject.format().text_key().filter(|text_key| *text_key != key) {
            let (key, text_key) = (key.to_owned(), text_key.to_owned());
            return Err(ValueError::OtherKeyThanText { key, text_key }.into());
        }
        value::check_known(key, &subject.request.secret_type, &subject.secret_type)?;
    }
    Ok(())
}
