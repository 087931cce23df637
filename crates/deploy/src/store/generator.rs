//! Generation of the texts for the keys of a value.

use super::{SecretStore, Store, StoreError};
use crate::value;
use crate::value::{SecretValue, ValueError};
use goldenpath_core::config::{CharacterClass, Characters, KeyDefinition, TextSource};

/// The generator of the texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ValueSource {
    /// The operating system's generator.
    #[default]
    Os,
    /// The store: AWS's GetRandomPassword.
    Store,
}

/// Generates a text for each key that has a recipe.
///
/// # Errors
/// If the generator cannot be reached, or rejects the call.
pub async fn generate(
    store: &Store,
    source: ValueSource,
    keys: impl IntoIterator<Item = &KeyDefinition>,
) -> Result<SecretValue, StoreError> {
    let no_value = |error: ValueError| StoreError::NoValue { reason: error.to_string() };
    let mut generated = SecretValue::default();
    for key in keys {
        let Some(recipe) = &key.generate else { continue };
        let text = match (&recipe.source, source) {
            (TextSource::Characters(wanted), ValueSource::Os) => {
                value::characters(wanted).map_err(no_value)?
            }
            (TextSource::Characters(wanted), ValueSource::Store) => store.random(wanted).await?,
            (TextSource::Bytes { count, encoding }, ValueSource::Os) => {
                value::encoded(*count, *encoding).map_err(no_value)?
            }
            (TextSource::Bytes { count, encoding }, ValueSource::Store) => {
                // The store generates only characters, so it generates hexadecimal digits.
                let without = "ghijklmnopqrstuvwxyz".to_owned();
                let digits = Characters {
                    length: 2 * count,
                    from: vec![CharacterClass::Lowercase, CharacterClass::Digits],
                    without,
                };
                let unfit = || StoreError::NoValue {
                    reason: "the store did not return hexadecimal digits".to_owned(),
                };
                value::bytes_from_hex(&store.random(&digits).await?, *encoding).ok_or_else(unfit)?
            }
        };
        generated.set(&key.name, text);
    }
    Ok(generated)
}
