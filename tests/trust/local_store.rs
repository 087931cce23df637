//! A ciphertext is valid for one name and version.
