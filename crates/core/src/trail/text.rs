//! The text of a trail of version 0.1, and its chain of hashes.

use sha2::{Digest, Sha256};

use super::AuditEvent;
use crate::manifest::SecretId;

/// A secret's trail of version 0.1.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    text: String,
}

/// A fault of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailFault {
    /// From 1.
    pub line: usize,
    /// The fault, as plain text.
    pub what: String,
}

impl Trail {
    /// Creates a trail from the content of its file, valid or not.
    #[must_use]
    pub fn of(text: String) -> Self {
        Self { text }
    }

    /// Returns the content of its file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the faults in the lines of the trail of `id`.
    ///
    /// A line is faulty if it is not an event, belongs to another secret, or does not have the hash
    /// of the line before it.
    #[must_use]
    pub fn faults(&self, id: SecretId) -> Vec<TrailFault> {
        let mut faults = Vec::new();
        let mut previous = String::new();
        for (number, line) in self.text.lines().enumerate() {
            let mut fault =
                |what: &str| faults.push(TrailFault { line: number + 1, what: what.to_owned() });
            match serde_json::from_str::<AuditEvent>(line) {
                Err(_) => fault("it is not an event"),
                Ok(event) if event.id != id => fault("it belongs to another secret"),
                Ok(event) if event.previous != previous => {
                    fault(
                        "it does not follow the line before it: one of the two was altered, \
                         dropped or moved",
                    );
                }
                Ok(_) => {}
            }
            previous = hash(line);
        }
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            let line = self.text.lines().count();
            faults.push(TrailFault { line, what: "it is cut off".to_owned() });
        }
        faults
    }
}

fn hash(line: &str) -> String {
    Sha256::digest(line.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::trail::Actor;

    fn id() -> SecretId {
        SecretId::parse("SEC-0007").unwrap()
    }

    fn event(second: i64, action: &str) -> AuditEvent {
        AuditEvent {
            time: jiff::Timestamp::from_second(second).unwrap(),
            id: id(),
            action: action.to_owned(),
            environment: "dev".to_owned(),
            target: "goldenpath/payments/dev/db".to_owned(),
            reason: "the secret does not exist".to_owned(),
            result: "done".to_owned(),
            actor: Actor { git: Some("Ann <ann@example.com>".to_owned()), ..Actor::default() },
            source: "acme at commit 0123".to_owned(),
            goldenpath: "0.1.0".to_owned(),
            run: String::new(),
            secret: None,
            recovery_days: None,
            previous: String::new(),
        }
    }

    fn trail() -> Trail {
        let mut text = String::new();
        for event in [event(1, "create-secret"), event(2, "put-policy"), event(3, "delete-secret")]
        {
            let previous = text.lines().last().map(hash).unwrap_or_default();
            let line = serde_json::to_string(&AuditEvent { previous, ..event }).unwrap();
            text += &format!("{line}\n");
        }
        Trail::of(text)
    }

    /// Returns a trail of the given lines.
    fn lines(order: &[usize]) -> Trail {
        let trail = trail();
        let lines: Vec<&str> = trail.text().lines().collect();
        Trail::of(order.iter().map(|number| format!("{}\n", lines[*number])).collect())
    }

    fn faulty(trail: &Trail) -> Vec<usize> {
        trail.faults(id()).iter().map(|fault| fault.line).collect()
    }

    #[test]
    fn each_line_has_the_hash_of_the_previous_one() {
        let trail = trail();
        assert_eq!(faulty(&trail), [0; 0]);
        let second: serde_json::Value =
            serde_json::from_str(trail.text().lines().nth(1).unwrap()).unwrap();
        assert!(trail.text().lines().next().is_some_and(|line| !line.contains("previous")));
        let first = trail.text().lines().next().unwrap();
        let sum = Sha256::digest(first.as_bytes());
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(second["previous"], sum.as_str());
    }

    #[test]
    fn an_altered_dropped_or_moved_line_is_reported() {
        assert_eq!(faulty(&lines(&[0, 2])), [2]);
        assert_eq!(faulty(&lines(&[1, 2])), [1]);
        assert_eq!(faulty(&lines(&[0, 2, 1])), [2, 3]);
        assert_eq!(faulty(&lines(&[0, 1, 1])), [3]);
        let altered = Trail::of(trail().text().replacen("does not exist", "is not needed", 1));
        assert_eq!(faulty(&altered), [2]);
        assert_eq!(faulty(&Trail::of(trail().text().replace("SEC-0007", "SEC-0008"))), [1, 2, 3]);
        assert_eq!(faulty(&Trail::of(trail().text().trim_end().to_owned())), [3]);
        assert_eq!(faulty(&Trail::of("{}\n".to_owned())), [1]);
        // No line follows the last one: only git's history shows that it was altered or dropped.
        assert_eq!(faulty(&lines(&[0, 1])), [0; 0]);
    }
}
