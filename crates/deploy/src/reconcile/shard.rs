//! A share of the catalog, for one of several jobs that work on it at once without knowing of each other.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// One share of several, by service: all secrets of a service are in the same one, whatever else the catalog has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `count`.
    index: u64,
    count: u64,
}

impl Shard {
    /// None where there is no such share.
    #[must_use]
    pub fn new(index: u64, count: u64) -> Option<Self> {
        (1..=count).contains(&index).then_some(Self { index, count })
    }

    /// Whether a service's secrets are in this share. A name's share stays the same from release to release.
    #[must_use]
    pub fn holds(&self, service: &str) -> bool {
        let number = Sha256::digest(service.as_bytes())
            .iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        number % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once('/')
            .and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        let shard = numbers.and_then(|(index, count)| Self::new(index, count));
        shard.ok_or_else(|| "write `I/N`, the I-th of N, counted from 1: `1/8` to `8/8`".to_owned())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_service_is_in_one_share_and_stays_there() {
        let services: Vec<String> = (0..1000).map(|number| format!("service-{number}")).collect();
        let shares: Vec<Shard> = (1..=8).map(|index| Shard::new(index, 8).unwrap()).collect();
        for service in &services {
            assert_eq!(shares.iter().filter(|share| share.holds(service)).count(), 1, "{service}");
        }
        for share in shares {
            let held = services.iter().filter(|service| share.holds(service)).count();
            assert!((75..=175).contains(&held), "{share} holds {held}");
        }
        // `printf payments | sha256sum` begins with df384ae97c77ad30.
        assert!(Shard::new(0xdf38_4ae9_7c77_ad30_u64 % 7 + 1, 7).unwrap().holds("payments"));
    }

    #[test]
    fn a_share_that_there_is_not_is_refused() {
        assert_eq!("3/8".parse::<Shard>().unwrap().to_string(), "3/8");
        for text in ["0/8", "9/8", "1/0", "1", "a/b", "-1/8", "1/8/2", ""] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
