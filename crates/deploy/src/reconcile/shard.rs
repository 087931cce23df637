//! A shard of the catalog, for parallel jobs without coordination.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// One of several shards. All secrets of a service are in the same shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `count`.
    index: u64,
    count: u64,
}

impl Shard {
    /// Returns a shard; None if `index` is out of range.
    #[must_use]
    pub fn new(index: u64, count: u64) -> Option<Self> {
        (1..=count).contains(&index).then_some(Self { index, count })
    }

    /// Returns whether a service's secrets are in this shard.
    ///
    /// The shard of a service stays the same in all releases.
    #[must_use]
    pub fn contains(&self, service: &str) -> bool {
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
        shard.ok_or_else(|| {
            "use `I/N`, the I-th of N shards, counted from 1: `1/8` to `8/8`".to_owned()
        })
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
    fn each_service_is_always_in_the_same_shard() {
        let services: Vec<String> = (0..1000).map(|number| format!("service-{number}")).collect();
        let shards: Vec<Shard> = (1..=8).map(|index| Shard::new(index, 8).unwrap()).collect();
        for service in &services {
            assert_eq!(
                shards.iter().filter(|shard| shard.contains(service)).count(),
                1,
                "{service}"
            );
        }
        for shard in shards {
            let held = services.iter().filter(|service| shard.contains(service)).count();
            assert!((75..=175).contains(&held), "{shard} holds {held}");
        }
        // `printf payments | sha256sum` begins with df384ae97c77ad30.
        assert!(Shard::new(0xdf38_4ae9_7c77_ad30_u64 % 7 + 1, 7).unwrap().contains("payments"));
    }

    #[test]
    fn an_invalid_shard_is_rejected() {
        assert_eq!("3/8".parse::<Shard>().unwrap().to_string(), "3/8");
        for text in ["0/8", "9/8", "1/0", "1", "a/b", "-1/8", "1/8/2", ""] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
