//! Answers from before a write: Secrets Manager is eventually consistent.
//!
//! Before a write is forwarded, the server is asked what it knows, and the reads after it get these
//! answers for as long as a rule says. Time is virtual: each call takes [`TICK`].

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::call::{ApiCall, SecretPlace};
use crate::http::Message;

/// The virtual time of a call.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// The reads that can be stale, with the inputs that they are asked with before a write.
///
/// Other inputs, such as another version of a value, always get the current answer.
const STALE_READS: [(&str, &[&str]); 5] = [
    ("DescribeSecret", &["{}"]),
    ("GetResourcePolicy", &["{}"]),
    ("GetSecretValue", &["{}"]),
    ("ListSecretVersionIds", &["{}", r#"{"IncludeDeprecated":true}"#]),
    ("ListSecrets", &["{}"]),
];

/// How long answers are from before a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    /// For this number of answers; of ListSecrets, for this number of lists with all their pages.
    Answers(usize),
    /// Until this time has passed since the write. A call takes a virtual second.
    Time(Duration),
}

/// Which reads are stale after which writes. An empty text means all.
struct Rule {
    write: String,
    read: String,
    /// A part of the secret's name.
    secret: String,
    lag: Lag,
}

/// The answer to a read before a write.
#[derive(Clone)]
pub(super) struct Snapshot {
    read: &'static str,
    input: &'static str,
    secret: SecretPlace,
    answer: Message,
    lag: Lag,
}

struct PendingAnswer {
    snapshot: Snapshot,
    left: Left,
    /// Whether the list that is being read shows it.
    is_shown: bool,
}

enum Left {
    Answers(usize),
    Until(Duration),
}

#[derive(Default)]
pub(super) struct Staleness {
    rules: Vec<Rule>,
    /// In the order of the writes.
    pending: Vec<PendingAnswer>,
    clock: Duration,
}

impl Staleness {
    pub(super) fn add_rule(&mut self, write: &str, read: &str, secret: &str, lag: Lag) {
        let [write, read, secret] = [write, read, secret].map(str::to_owned);
        self.rules.push(Rule { write, read, secret, lag });
    }

    pub(super) fn advance(&mut self, time: Duration) {
        self.clock += time;
    }

    /// Makes the result of every write visible.
    pub(super) fn settle(&mut self) {
        self.pending.clear();
    }

    /// Returns the answers that reads of the secret get now, for those that a write makes stale.
    ///
    /// `ask` calls an operation of the server.
    pub(super) fn snapshots(
        wanted: Vec<(&'static str, Lag)>,
        secret: &SecretPlace,
        ask: impl Fn(&str, &Value) -> io::Result<Message>,
    ) -> io::Result<Vec<Snapshot>> {
        let mut snapshots = Vec::new();
        for (read, lag) in wanted {
            let inputs = STALE_READS.iter().filter(|(known, _)| *known == read);
            for input in inputs.flat_map(|(_, inputs)| *inputs) {
                let mut asked: Value = serde_json::from_str(input).map_err(io::Error::other)?;
                if read == "ListSecrets" {
                    let by_name = json!([{ "Key": "name", "Values": [secret.name] }]);
                    asked = json!({ "Filters": by_name, "IncludePlannedDeletion": true });
                } else {
                    asked["SecretId"] = Value::from(secret.name.as_str());
                }
                let answer = ask(read, &asked)?;
                snapshots.push(Snapshot { read, input, secret: secret.clone(), answer, lag });
            }
        }
        Ok(snapshots)
    }

    /// Returns the reads that are stale after a write, and how long.
    ///
    /// `drawn` returns the random lag of a read that no rule is about.
    pub(super) fn lags(
        &self,
        write: &str,
        secret: &SecretPlace,
        drawn: impl Fn(&str) -> Option<Lag>,
    ) -> Vec<(&'static str, Lag)> {
        let is_for = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        let lag = |read: &'static str| {
            let rule = self.rules.iter().rev().find(|rule| {
                is_for(&rule.write, write)
                    && is_for(&rule.read, read)
                    && secret.name.contains(&rule.secret)
            });
            let lag = rule.map(|rule| rule.lag).or_else(|| drawn(read))?;
            (lag != Lag::Answers(0)).then_some((read, lag))
        };
        STALE_READS.iter().filter_map(|(read, _)| lag(read)).collect()
    }

    /// Keeps the answers from before a write that has succeeded.
    pub(super) fn keep(&mut self, snapshots: Vec<Snapshot>) {
        let now = self.clock;
        self.pending.extend(snapshots.into_iter().map(|snapshot| {
            let left = match snapshot.lag {
                Lag::Answers(times) => Left::Answers(times),
                Lag::Time(time) => Left::Until(now + time),
            };
            PendingAnswer { snapshot, left, is_shown: false }
        }));
    }

    /// Returns the answer from before a write, if the read is to get one.
    pub(super) fn stale_answer(&mut self, call: &ApiCall) -> Option<Message> {
        self.clock += TICK;
        self.remove_visible();
        if call.operation == "ListSecrets" {
            return None; // see `with_lag`
        }
        let (secret, input) = (call.secret()?, plain_input(call));
        let found = self.pending.iter_mut().find(|pending| {
            let snapshot = &pending.snapshot;
            snapshot.secret == secret && snapshot.read == call.operation && snapshot.input == input
        })?;
        if let Left::Answers(times) = &mut found.left {
            *times -= 1;
        }
        Some(found.snapshot.answer.clone())
    }

    /// Returns a page of ListSecrets with the entries from before the writes.
    pub(super) fn with_lag(&mut self, call: &ApiCall, page: Message) -> Message {
        let is_first = call.input.get("NextToken").is_none();
        if is_first {
            self.start_list();
        }
        let shown: Vec<&PendingAnswer> =
            self.pending.iter().filter(|pending| pending.is_shown).collect();
        if shown.is_empty() || !page.is_success() {
            return page;
        }
        let Ok(mut output) = serde_json::from_slice::<Value>(&page.body) else { return page };
        let is_last = output.get("NextToken").is_none_or(Value::is_null);
        let Some(entries) = output["SecretList"].as_array_mut() else { return page };
        for pending in shown {
            let secret = &pending.snapshot.secret;
            let old = old_entry(&pending.snapshot).filter(|entry| is_listed(call, entry));
            let place = entries.iter().position(|entry| {
                call.place_of(entry["Name"].as_str().unwrap_or_default()) == *secret
            });
            match (place, old) {
                (Some(place), Some(old)) => entries[place] = old,
                (Some(place), None) => _ = entries.remove(place),
                // It is no longer on any page: a tag that the list asks for was removed.
                (None, Some(old)) if is_last && is_first => entries.push(old),
                (None, _) => {}
            }
        }
        page.with_body(&output)
    }

    /// Selects what the list that begins shows: of each secret the oldest entry that is left.
    fn start_list(&mut self) {
        let mut seen: Vec<SecretPlace> = Vec::new();
        for pending in &mut self.pending {
            let secret = &pending.snapshot.secret;
            pending.is_shown = pending.snapshot.read == "ListSecrets"
                && !seen.contains(secret)
                && !matches!(pending.left, Left::Answers(0));
            if pending.is_shown {
                seen.push(secret.clone());
                if let Left::Answers(times) = &mut pending.left {
                    *times -= 1;
                }
            }
        }
    }

    fn remove_visible(&mut self) {
        let now = self.clock;
        self.pending.retain(|pending| match pending.left {
            // The later pages of a list show the same as the first.
            Left::Answers(times) => times > 0 || pending.is_shown,
            Left::Until(time) => now < time,
        });
    }
}

/// Returns the input without the secret and the size of a page, as in [`STALE_READS`].
fn plain_input(call: &ApiCall) -> String {
    let mut input = call.input.clone();
    if let Some(members) = input.as_object_mut() {
        members.retain(|name, value| match name.as_str() {
            "SecretId" | "MaxResults" => false,
            "VersionStage" => value != "AWSCURRENT",
            _ => true,
        });
    }
    input.to_string()
}

/// Returns a secret's entry in a list from before a write.
fn old_entry(snapshot: &Snapshot) -> Option<Value> {
    let output: Value = serde_json::from_slice(&snapshot.answer.body).ok()?;
    let entries = output["SecretList"].as_array()?;
    entries.iter().find(|entry| entry["Name"] == snapshot.secret.name.as_str()).cloned()
}

/// Returns whether a list has this entry: it asks for tags, and for deleted secrets or not.
fn is_listed(call: &ApiCall, entry: &Value) -> bool {
    let is_deleted = entry.get("DeletedDate").is_some_and(|date| !date.is_null());
    if is_deleted && call.input["IncludePlannedDeletion"] != true {
        return false;
    }
    let filters = call.input["Filters"].as_array().into_iter().flatten();
    let mut keys = filters.filter(|filter| filter["Key"] == "tag-key");
    let tags: Vec<&Value> = entry["Tags"].as_array().into_iter().flatten().collect();
    keys.all(|filter| {
        let mut values =
            filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str);
        values.any(|key| {
            tags.iter().any(|tag| tag["Key"].as_str().is_some_and(|found| found.starts_with(key)))
        })
    })
}
