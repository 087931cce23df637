//! Random texts from the operating system's generator.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::ValueError;
use goldenpath_core::config::{Characters, Encoding};

/// Generates a text of uniformly random characters with at least one of each kind.
///
/// # Errors
/// [`ValueError::NoRandomness`].
pub fn characters(wanted: &Characters) -> Result<SecretString, ValueError> {
    let of_kind = |kind: &goldenpath_core::config::CharacterClass| -> Vec<u8> {
        kind.characters().bytes().filter(|one| !wanted.without.as_bytes().contains(one)).collect()
    };
    let kinds: Vec<Vec<u8>> = wanted.from.iter().map(of_kind).collect();
    let all = kinds.concat();
    // Texts are discarded until one has every kind: replacing single characters would make some
    // texts more likely than others. At the shortest length and with the rarest kind, every second
    // text has it.
    loop {
        let mut text = Zeroizing::new(Vec::with_capacity(usize::from(wanted.length)));
        while text.len() < usize::from(wanted.length) {
            text.push(all[usize::from(random_below(all.len())?)]);
        }
        if kinds.iter().all(|kind| text.iter().any(|one| kind.contains(one))) {
            return Ok(SecretString::from(String::from_utf8_lossy(&text).into_owned()));
        }
    }
}

/// Generates `count` random bytes, encoded.
///
/// # Errors
/// [`ValueError::NoRandomness`].
pub fn encoded(count: u16, encoding: Encoding) -> Result<SecretString, ValueError> {
    let mut bytes = Zeroizing::new(vec![0; usize::from(count)]);
    fill(&mut bytes)?;
    Ok(encode(&bytes, encoding))
}

/// Converts hexadecimal digits to another encoding; None for other characters.
#[must_use]
pub fn bytes_from_hex(hex: &SecretString, encoding: Encoding) -> Option<SecretString> {
    let digit = |one: &u8| char::from(*one).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = hex.expose_secret().as_bytes().chunks(2);
    let bytes = pairs.map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?));
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(bytes.collect::<Option<_>>()?);
    Some(encode(&bytes, encoding))
}

/// Generates a UUID as the ID of a version (PutSecretValue, `ClientRequestToken`).
///
/// # Errors
/// [`ValueError::NoRandomness`].
pub fn token() -> Result<String, ValueError> {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    // Version 4, variant 1 (RFC 9562).
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

fn encode(bytes: &[u8], encoding: Encoding) -> SecretString {
    SecretString::from(match encoding {
        Encoding::Hex => {
            let mut hex = String::with_capacity(2 * bytes.len());
            for byte in bytes {
                for digit in [byte >> 4, byte & 0x0f] {
                    hex.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
                }
            }
            hex
        }
        Encoding::Base64 => STANDARD.encode(bytes),
        Encoding::Base64url => URL_SAFE_NO_PAD.encode(bytes),
    })
}

/// Returns a uniformly random number below `bound`, which is 256 at most.
fn random_below(bound: usize) -> Result<u8, ValueError> {
    let usable = 256 - 256 % bound.max(1);
    loop {
        let mut byte = [0];
        fill(&mut byte)?;
        if usize::from(byte[0]) < usable {
            return Ok(u8::try_from(usize::from(byte[0]) % bound.max(1)).unwrap_or_default());
        }
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), ValueError> {
    getrandom::fill(bytes).map_err(|error| ValueError::NoRandomness { why: error.to_string() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use goldenpath_core::config::CharacterClass;

    #[test]
    fn a_text_has_its_length_each_kind_and_no_excluded_character() {
        let from = vec![
            CharacterClass::Lowercase,
            CharacterClass::Uppercase,
            CharacterClass::Digits,
            CharacterClass::Symbols,
        ];
        let wanted = Characters { length: 8, from: from.clone(), without: "0Ol1I\"'".to_owned() };
        let mut seen = BTreeSet::new();
        for _ in 0..500 {
            let text = characters(&wanted).unwrap().expose_secret().to_owned();
            assert_eq!(text.len(), 8);
            assert!(
                from.iter().all(|kind| text.contains(|one| kind.characters().contains(one))),
                "{text}"
            );
            assert!(!text.contains(|one| wanted.without.contains(one)), "{text}");
            assert!(seen.insert(text));
        }
        // 500 texts of 8 characters contain every possible character.
        let all: BTreeSet<char> = seen.iter().flat_map(|text| text.chars()).collect();
        assert_eq!(all.len(), 26 + 26 + 10 + 32 - 7);
    }

    #[test]
    fn each_number_below_a_bound_is_as_likely_as_any_other() {
        // 256 is not a multiple of 94: the remainder of a byte alone would yield the first 68
        // numbers 1.5 times as often as the others.
        let mut counts = [0_u32; 94];
        for _ in 0..94 * 1000 {
            counts[usize::from(random_below(94).unwrap())] += 1;
        }
        // Each is expected 1000 times, with a standard deviation of 32.
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_number_of_bytes_is_right_in_each_encoding() {
        assert_eq!(encoded(32, Encoding::Hex).unwrap().expose_secret().len(), 64);
        assert_eq!(
            STANDARD.decode(encoded(32, Encoding::Base64).unwrap().expose_secret()).unwrap().len(),
            32
        );
        assert_eq!(
            URL_SAFE_NO_PAD
                .decode(encoded(33, Encoding::Base64url).unwrap().expose_secret())
                .unwrap()
                .len(),
            33
        );
        let hex = SecretString::from("fbff00");
        assert_eq!(bytes_from_hex(&hex, Encoding::Base64).unwrap().expose_secret(), "+/8A");
        assert_eq!(bytes_from_hex(&hex, Encoding::Base64url).unwrap().expose_secret(), "-_8A");
        assert!(bytes_from_hex(&SecretString::from("fbf"), Encoding::Hex).is_none());
        assert!(bytes_from_hex(&SecretString::from("zz"), Encoding::Hex).is_none());
    }

    #[test]
    fn a_token_is_a_random_uuid() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!(one.as_bytes()[14], b'4');
    }
}
