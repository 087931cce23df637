//! Having texts made for the keys of a value.

use super::{SecretStore, Store, StoreError};
use crate::value;
use crate::value::{SecretValue, ValueError};
use goldenpath_core::config::{Characters, Key, Kind, Make};

/// Who makes texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ValueSource {
    /// The operating system's generator.
    #[default]
    Os,
    /// The store: AWS's GetRandomPassword.
    Store,
}

/// Makes a text for each of these keys that has a recipe.
///
/// # Errors
/// The generator cannot be asked, or refuses.
pub async fn generate(
    store: &Store,
    source: ValueSource,
    keys: impl IntoIterator<Item = &Key>,
) -> Result<SecretValue, StoreError> {
    let no_value = |error: ValueError| StoreError::NoValue { reason: error.to_string() };
    let mut made = SecretValue::default();
    for key in keys {
        let Some(recipe) = &key.generate else { continue };
        let text = match (&recipe.make, source) {
            (Make::Characters(wanted), ValueSource::Os) => {
                value::characters(wanted).map_err(no_value)?
            }
            (Make::Characters(wanted), ValueSource::Store) => store.random(wanted).await?,
            (Make::Bytes { count, encoding }, ValueSource::Os) => {
                value::encoded(*count, *encoding).map_err(no_value)?
            }
            (Make::Bytes { count, encoding }, ValueSource::Store) => {
                // The store makes characters alone, so it makes the bytes' hexadecimal digits.
                let without = "ghijklmnopqrstuvwxyz".to_owned();
                let digits = Characters {
                    length: 2 * count,
                    from: vec![Kind::Lowercase, Kind::Digits],
                    without,
                };
                let unfit = || StoreError::NoValue {
                    reason: "the store makes no hexadecimal digits".to_owned(),
                };
                value::bytes_from_hex(&store.random(&digits).await?, *encoding).ok_or_else(unfit)?
            }
        };
        made.set(&key.name, text);
    }
    Ok(made)
}
