//! Authenticated encryption of values, bound to the secret and the version.
//!
//! A ciphertext is `format (1) ‖ key ID (8) ‖ nonce (12) ‖ AES-256-GCM`, with a random nonce. The
//! associated data is the [`Binding`], so a ciphertext that is moved to another secret or version
//! cannot be decrypted.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;
use zeroize::Zeroizing;

/// The first byte of each ciphertext.
const FORMAT: u8 = 1;

const KEY_ID_LEN: usize = 8;

/// The format and the key ID.
const HEADER_LEN: usize = 1 + KEY_ID_LEN;

/// The beginning of a ciphertext of goldenpath 0.1 (age, "The age file format").
const AGE: &[u8] = b"age-encryption.org/";

/// The owner of a ciphertext, which is needed to decrypt it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding<'a> {
    /// A version of a secret's value.
    Value { secret: &'a str, version: &'a str },
    /// The versions with the labels AWSCURRENT and AWSPREVIOUS, without a plaintext.
    Labels { secret: &'a str, current: &'a str, previous: Option<&'a str> },
}

impl Binding<'_> {
    /// Returns the associated data: the header, then each part after its length.
    ///
    /// The lengths make the encoding of each binding unique.
    fn encode(self, header: &[u8]) -> Vec<u8> {
        let parts = match self {
            Self::Value { secret, version } => vec!["value", secret, version],
            Self::Labels { secret, current, previous } => {
                ["labels", secret, current].into_iter().chain(previous).collect()
            }
        };
        let mut data = header.to_vec();
        for part in parts {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

/// Why a ciphertext cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum DecryptionError {
    #[error("goldenpath 0.1 encrypted it with age, which this version cannot decrypt")]
    Age,
    #[error("it has format {0}, and this goldenpath reads format {FORMAT}")]
    Format(u8),
    #[error("it was encrypted with another key than the one in the key file")]
    OtherKey,
    #[error("its ciphertext belongs to another secret or version, or was changed")]
    Altered,
    #[error("its versions or their labels are not as goldenpath wrote them")]
    Relabeled,
}

/// Returns whether goldenpath 0.1 encrypted it.
pub(super) fn is_age(ciphertext: &[u8]) -> bool {
    ciphertext.starts_with(AGE)
}

/// A key for values.
///
/// ring does not wipe its keys: the box avoids copies when it is moved, and the allocator wipes it.
#[derive(Debug)]
pub(super) struct EncryptionKey {
    aead: Box<LessSafeKey>,
    /// Identifies the key; it is not secret.
    id: [u8; KEY_ID_LEN],
}

impl EncryptionKey {
    /// Derives the key from the bytes in the key file (RFC 5869, HKDF with SHA-256).
    pub(super) fn derive(secret: &[u8]) -> Result<Self, Unspecified> {
        let root = Salt::new(HKDF_SHA256, b"goldenpath local store").extract(secret);
        let aead = Box::new(LessSafeKey::new(UnboundKey::from(
            root.expand(&[b"aes-256-gcm"], &AES_256_GCM)?,
        )));
        let mut id = [0; KEY_ID_LEN];
        root.expand(&[b"key id"], KeyIdLen)?.fill(&mut id)?;
        Ok(Self { aead, id })
    }

    /// Encrypts a text for a binding, in place in a single copy.
    pub(super) fn encrypt(
        &self,
        binding: Binding<'_>,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce)?;
        let capacity = HEADER_LEN + NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len();
        let mut ciphertext = Zeroizing::new(Vec::with_capacity(capacity));
        ciphertext.push(FORMAT);
        ciphertext.extend_from_slice(&self.id);
        let associated = Aad::from(binding.encode(&ciphertext));
        ciphertext.extend_from_slice(&nonce);
        ciphertext.extend_from_slice(plaintext);
        let (_, text) = ciphertext.split_at_mut(HEADER_LEN + NONCE_LEN);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.aead.seal_in_place_separate_tag(nonce, associated, text)?;
        ciphertext.extend_from_slice(tag.as_ref());
        Ok(std::mem::take(&mut *ciphertext))
    }

    /// Decrypts a ciphertext of the binding.
    pub(super) fn decrypt(
        &self,
        binding: Binding<'_>,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DecryptionError> {
        if is_age(ciphertext) {
            return Err(DecryptionError::Age);
        }
        let (header, rest) =
            ciphertext.split_at_checked(HEADER_LEN).ok_or(DecryptionError::Altered)?;
        match header {
            [FORMAT, id @ ..] if id == self.id => {}
            [FORMAT, ..] => return Err(DecryptionError::OtherKey),
            [format, ..] => return Err(DecryptionError::Format(*format)),
            [] => return Err(DecryptionError::Altered),
        }
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or(DecryptionError::Altered)?;
        let nonce =
            Nonce::try_assume_unique_for_key(nonce).map_err(|_| DecryptionError::Altered)?;
        let associated = Aad::from(binding.encode(header));
        let mut text = Zeroizing::new(sealed.to_vec());
        let opened = self
            .aead
            .open_in_place(nonce, associated, &mut text)
            .map_err(|_| DecryptionError::Altered)?;
        let length = opened.len();
        text.truncate(length);
        Ok(text)
    }
}

struct KeyIdLen;

impl KeyType for KeyIdLen {
    fn len(&self) -> usize {
        KEY_ID_LEN
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const VALUE: Binding<'_> = Binding::Value { secret: "payments/db", version: "v1" };

    #[test]
    fn a_ciphertext_decrypts_only_for_its_own_binding() {
        let key = EncryptionKey::derive(b"one").unwrap();
        let ciphertext = key.encrypt(VALUE, b"text").unwrap();
        assert_eq!(*key.decrypt(VALUE, &ciphertext).unwrap(), b"text");
        for other in [
            Binding::Value { secret: "payments/other", version: "v1" },
            Binding::Value { secret: "payments/db", version: "v2" },
            // The same bytes, divided at another place.
            Binding::Value { secret: "payments/dbv", version: "1" },
            Binding::Labels { secret: "payments/db", current: "v1", previous: None },
        ] {
            assert_eq!(key.decrypt(other, &ciphertext), Err(DecryptionError::Altered), "{other:?}");
        }
    }

    #[test]
    fn each_label_is_bound_to_its_own_version() {
        let key = EncryptionKey::derive(b"one").unwrap();
        let labels =
            |current, previous| Binding::Labels { secret: "payments/db", current, previous };
        let seal = key.encrypt(labels("v2", Some("v1")), b"").unwrap();
        assert!(key.decrypt(labels("v2", Some("v1")), &seal).unwrap().is_empty());
        for other in [
            labels("v1", Some("v2")),
            labels("v2", None),
            labels("v2", Some("")),
            labels("v2v1", None),
        ] {
            assert_eq!(key.decrypt(other, &seal), Err(DecryptionError::Altered), "{other:?}");
        }
    }

    #[test]
    fn a_changed_or_shortened_ciphertext_is_rejected_with_the_reason() {
        let key = EncryptionKey::derive(b"one").unwrap();
        let ciphertext = key.encrypt(VALUE, b"text").unwrap();
        for length in 0..ciphertext.len() {
            assert_eq!(
                key.decrypt(VALUE, &ciphertext[..length]),
                Err(DecryptionError::Altered),
                "{length} bytes"
            );
        }
        for place in 0..ciphertext.len() {
            let mut changed = ciphertext.clone();
            changed[place] ^= 1;
            let expected = match place {
                0 => DecryptionError::Format(0),
                1..HEADER_LEN => DecryptionError::OtherKey,
                _ => DecryptionError::Altered,
            };
            assert_eq!(key.decrypt(VALUE, &changed), Err(expected), "byte {place}");
        }
        assert_eq!(
            EncryptionKey::derive(b"two").unwrap().decrypt(VALUE, &ciphertext),
            Err(DecryptionError::OtherKey)
        );
        assert_eq!(
            key.decrypt(VALUE, b"age-encryption.org/v1\n-> X25519"),
            Err(DecryptionError::Age)
        );
    }

    #[test]
    fn one_text_encrypted_twice_gives_two_ciphertexts_without_the_text() {
        let key = EncryptionKey::derive(b"one").unwrap();
        let [one, two] = [(); 2].map(|()| key.encrypt(VALUE, b"a text to look for").unwrap());
        assert_ne!(one[HEADER_LEN..], two[HEADER_LEN..]);
        assert!(!one.windows(6).any(|bytes| bytes == b"a text"));
        assert_eq!(*key.decrypt(VALUE, &two).unwrap(), b"a text to look for");
    }
}
