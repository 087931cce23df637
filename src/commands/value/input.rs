//! What somebody gives as a value: on standard input, in files, or answered on a terminal.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::secret::ValueTarget;
use crate::failure::Failure;
use goldenpath_core::config;
use goldenpath_core::config::Key;
use crate::prompt::{PromptError, Prompter, Question};
use goldenpath_deploy::value;
use goldenpath_deploy::value::{MAX_INPUT, SecretValue, ValueError};

/// A key and the file that its text is read from.
#[derive(Debug, Clone)]
pub(crate) struct FromFile {
    pub(crate) key: String,
    path: String,
}

impl FromFile {
    /// `KEY=PATH`.
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

/// Whether a value comes on standard input.
pub(crate) fn comes_on_stdin() -> bool {
    !io::stdin().is_terminal()
}

/// What stands on standard input.
pub(crate) fn from_stdin() -> Result<SecretValue, Failure> {
    const WHAT: &str = "standard input";
    let text = text_of(WHAT, &read_all(unbuffered(WHAT)?, WHAT)?)?;
    Ok(SecretValue::parse(text.expose_secret())?)
}

/// Standard input, read at once into where it belongs: the buffer that Rust has for it is never given back.
#[cfg(unix)]
fn unbuffered(what: &str) -> Result<impl Read, Failure> {
    use std::os::fd::AsFd;
    let twice = io::stdin().as_fd().try_clone_to_owned();
    let twice = twice.map_err(|error| Failure::io(&format!("{what} cannot be read"), &error))?;
    Ok(std::fs::File::from(twice))
}

#[cfg(not(unix))]
fn unbuffered(_: &str) -> Result<impl Read, Failure> {
    Ok(io::stdin().lock())
}

/// What stands in the files.
pub(crate) fn from_files(files: &[FromFile], value: &mut SecretValue) -> Result<(), Failure> {
    for file in files {
        if value.text(&file.key).is_some() {
            return Err(ValueError::Twice { key: file.key.clone() }.into());
        }
        value.set(&file.key, file.read()?);
    }
    Ok(())
}

/// Asks for each key of the type that is not given yet. What `before` has stays where nothing is answered.
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
            words: "Another key (empty: no more)",
            default: Some(""),
            suggestions: &[],
            takes_new: true,
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

/// The text of one key; None where nothing is answered.
fn ask_for(key: &Key, has_it: bool, prompter: &Prompter) -> Result<Option<SecretString>, Failure> {
    let empty = match (has_it, &key.generate, key.required) {
        (true, ..) => " (empty: it stays)",
        (false, Some(_), true) => " (empty: one is made)",
        (false, _, false) => " (empty: none)",
        (false, None, true) => "",
    };
    loop {
        let text = match key.multiline {
            true => ask_for_file(&format!("File with {}{empty}", key.name), prompter)?,
            false => Some(prompter.hidden(&format!("{}{empty}", key.name))?),
        };
        match text.filter(|text| !text.expose_secret().is_empty()) {
            None if empty.is_empty() => {
                prompter.refuse(&format!(
                    "{} is needed; Ctrl-C ends this and nothing is written",
                    key.name
                ))?;
            }
            text => return Ok(text),
        }
    }
}

/// The text of a file that somebody names.
fn ask_for_file(words: &str, prompter: &Prompter) -> Result<Option<SecretString>, PromptError> {
    let question = Question { words, default: Some(""), suggestions: &[], takes_new: true };
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
    let what = format!("`{}`", path.display());
    let failed = |error: io::Error| Failure::io(&format!("{what} cannot be read"), &error);
    // A process substitution of the shell is a pipe, and a mounted secret a symbolic link: whatever can be read is.
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Failure::usage(
            format!("{what} is a folder"),
            "name the file that holds the key's text",
        ));
    }
    text_of(&what, &read_all(file, &what)?)
}

/// All of it, up to what is read at most.
fn read_all(from: impl Read, what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Room for all of it, so that no half of a value is left behind where it grew.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_INPUT + 1));
    let read = from.take(MAX_INPUT as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::io(&format!("{what} cannot be read"), &error))?;
    match bytes.len() > MAX_INPUT {
        true => Err(ValueError::InputTooLarge { what: what.to_owned() }.into()),
        false => Ok(bytes),
    }
}

fn text_of(what: &str, bytes: &[u8]) -> Result<SecretString, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let place = error.valid_up_to() + 1;
        ValueError::NotUtf8 { what: what.to_owned(), place }
    })?;
    Ok(SecretString::from(text))
}

/// Refuses keys that the type does not have before anything is read or asked for them.
pub(crate) fn check_keys<'a>(
    subject: &ValueTarget<'_>,
    keys: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    for key in keys {
        value::check_known(key, &subject.request.secret_type, &subject.secret_type)?;
    }
    Ok(())
}
