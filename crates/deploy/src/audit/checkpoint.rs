//! Checkpoints: SSH signatures over all records, by `ssh-keygen`.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use git2::Oid;

use super::{AuditBranch, RecordError, WHAT, program};
use crate::branch::BranchError;
use goldenpath_core::clock;
use goldenpath_core::sanitize::sanitize;
use goldenpath_core::trail::{
    Actor, AuditRecord, Checkpoint, RecordKind, TrailPlace, TrailViolation, path_of,
};
use goldenpath_core::vcs::{Repository, branch_paths};

/// The namespace of the signatures (ssh-keygen, `-n`).
const NAMESPACE: &str = "goldenpath-audit";

/// The time limit of `ssh-keygen` where it asks no person.
const LIMIT: Duration = Duration::from_secs(30);

/// The result of verifying checkpoints.
#[derive(Debug, Default)]
pub struct CheckpointReport {
    /// The number of verified checkpoints with a valid signature.
    pub checkpoints: usize,
    /// The number of records that one of them covers.
    pub covered: usize,
    /// The number of records that none of them covers, without checkpoints.
    pub not_covered: usize,
    /// What differs from what is signed.
    pub faults: BTreeSet<TrailViolation>,
}

/// Signs all records of the branch, and adds the checkpoint to it. Returns the checkpoint.
///
/// `key` is a file with a private key, or with a public key whose private key an agent has, or the
/// public key itself.
///
/// # Errors
/// There are no records, `ssh-keygen` fails, or the checkpoint cannot be pushed.
pub fn create_checkpoint(
    repository: &Repository,
    branch: &AuditBranch,
    key: &str,
    source: &str,
) -> Result<Checkpoint, RecordError> {
    let run = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
    let mut made = None;
    branch.add(
        &mut |log| {
            let Some(tip) = branch.tip()? else {
                return Err(RecordError::Checkpoint {
                    what: format!("the branch `{}` has no records to sign", branch.name()),
                    help: "run it after the first `goldenpath apply`".to_owned(),
                });
            };
            if let Some((file, fault)) = log.unreadable() {
                let branch = branch.name().to_owned();
                let (file, why) = (file.to_owned(), fault.as_str());
                return Err(RecordError::Unreadable { branch, file, why });
            }
            let names = record_names(branch, tip)?;
            let mut checkpoint = Checkpoint {
                commit: tip.to_string(),
                count: names.len(),
                root: Checkpoint::root_of(names.iter().map(String::as_str)),
                time: clock::now(),
                signature: String::new(),
            };
            checkpoint.signature = sign(repository.root(), key, &checkpoint.statement())?;
            made = Some(checkpoint.clone());
            let actor = Actor { git: repository.author(), ..Actor::default() };
            let record =
                AuditRecord::new(RecordKind::Checkpoint, run.clone(), actor, source.to_owned());
            Ok(vec![AuditRecord { checkpoint: Some(checkpoint), ..record }])
        },
        "goldenpath: checkpoint\n",
    )?;
    made.ok_or_else(|| RecordError::Checkpoint {
        what: "no checkpoint was made".to_owned(),
        help: "run the command again".to_owned(),
    })
}

/// Verifies the last checkpoint of the branch, and one that was kept outside of it.
///
/// The last one covers those before it.
///
/// # Errors
/// The branch cannot be read, or `ssh-keygen` cannot be started.
pub fn verify_checkpoints(
    branch: &AuditBranch,
    allowed_signers: &Path,
    outside: Option<&Checkpoint>,
) -> Result<CheckpointReport, RecordError> {
    let log = branch.log();
    let mut report = CheckpointReport::default();
    let mut covered = BTreeSet::new();
    let own = log.records.iter().rev().find_map(|(name, record)| {
        Some((path_of(name).unwrap_or_default(), record.checkpoint.as_ref()?))
    });
    let outside = outside.map(|checkpoint| ("--checkpoint".to_owned(), checkpoint));
    for (file, checkpoint) in own.into_iter().chain(outside) {
        let mut fault = |what: String| {
            report.faults.insert(TrailViolation {
                file: file.clone(),
                place: TrailPlace::Now,
                line: None,
                what,
            });
        };
        if let Err(why) = verify_signature(checkpoint, allowed_signers)? {
            fault(format!("its signature is not one of an allowed signer: {why}"));
            continue;
        }
        let Some(names) = signed_names(branch, checkpoint)? else {
            fault(format!(
                "it signs commit {}, which the branch does not contain: the history was \
                 rewritten, or records were dropped",
                sanitize(&checkpoint.commit)
            ));
            continue;
        };
        let root = Checkpoint::root_of(names.iter().map(String::as_str));
        if names.len() != checkpoint.count || root != checkpoint.root {
            fault("the records of its commit are not those that it signs".to_owned());
            continue;
        }
        for missing in names.iter().filter(|name| !log.records.contains_key(*name)) {
            fault(format!("a record that it signs is missing: {missing}"));
        }
        report.checkpoints += 1;
        covered.extend(names);
    }
    let is_record = |(_, record): &(&String, &AuditRecord)| record.kind != RecordKind::Checkpoint;
    report.covered = covered.len();
    report.not_covered =
        log.records.iter().filter(is_record).filter(|(name, _)| !covered.contains(*name)).count();
    if report.checkpoints == 0 && report.faults.is_empty() {
        report.faults.insert(TrailViolation {
            file: branch.name().to_owned(),
            place: TrailPlace::Now,
            line: None,
            what: "it has no checkpoint of an allowed signer".to_owned(),
        });
    }
    Ok(report)
}

/// Returns the sorted names of the records in a checkpoint's commit.
///
/// Returns None if the branch does not contain that commit.
fn signed_names(
    branch: &AuditBranch,
    checkpoint: &Checkpoint,
) -> Result<Option<BTreeSet<String>>, RecordError> {
    let git = branch.git();
    let (Ok(commit), Some(tip)) = (Oid::from_str(&checkpoint.commit), branch.tip()?) else {
        return Ok(None);
    };
    let contains = || {
        if commit == tip {
            return Ok(true);
        }
        Ok(git.odb()?.exists(commit) && git.graph_descendant_of(tip, commit)?)
    };
    let failed = |error: git2::Error| {
        let (path, why) = (git.path().to_path_buf(), error.message().to_owned());
        RecordError::from(BranchError::Cache { what: WHAT, path, why })
    };
    if !contains().map_err(failed)? {
        return Ok(None);
    }
    record_names(branch, commit).map(Some)
}

/// Returns the sorted names of the records in a commit.
fn record_names(branch: &AuditBranch, commit: Oid) -> Result<BTreeSet<String>, RecordError> {
    let name_of = |path: String| {
        let name = path.rsplit('/').next()?.to_owned();
        (path_of(&name)? == path).then_some(name)
    };
    Ok(branch_paths(branch.git(), commit)?.into_iter().filter_map(name_of).collect())
}

/// Returns the armored signature of a text.
fn sign(root: &Path, key: &str, text: &str) -> Result<String, RecordError> {
    let failed = |why: String| RecordError::Checkpoint {
        what: format!("cannot sign with `{}`: {why}", sanitize(key)),
        help: "give a file with an SSH key, or an SSH public key whose private key ssh-agent has"
            .to_owned(),
    };
    let io = |error: std::io::Error| failed(error.to_string());
    let folder = tempfile::tempdir().map_err(io)?;
    let literal = key.strip_prefix("key::").unwrap_or(key);
    let file = if ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| literal.starts_with(kind)) {
        let file = folder.path().join("key.pub");
        std::fs::write(&file, format!("{literal}\n")).map_err(io)?;
        file
    } else {
        match key.strip_prefix("~/").zip(std::env::var_os("HOME")) {
            Some((rest, home)) => PathBuf::from(home).join(rest),
            None => root.join(key),
        }
    };
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "sign", "-n", NAMESPACE, "-f"]).arg(&file);
    let limit = if program::is_interactive() {
        None
    } else {
        // A key with a passphrase is refused, and a key that waits for a touch is given up.
        command.env("SSH_ASKPASS_REQUIRE", "force").env("SSH_ASKPASS", "false");
        Some(LIMIT)
    };
    let output = program::run(command, text, limit).map_err(io)?;
    if output.success && output.stdout.starts_with("-----BEGIN SSH SIGNATURE-----") {
        Ok(output.stdout)
    } else {
        Err(failed(sanitize(&output.stderr).into_owned()))
    }
}

/// Tests that a key can sign.
///
/// # Errors
/// Why it cannot.
pub(super) fn check_key(root: &Path, key: &str) -> Result<(), RecordError> {
    sign(root, key, "goldenpath tests the key\n").map(drop)
}

/// Verifies a signature; the inner error says what is wrong with it.
fn verify_signature(
    checkpoint: &Checkpoint,
    allowed_signers: &Path,
) -> Result<Result<(), String>, RecordError> {
    let failed = |error: std::io::Error| RecordError::Checkpoint {
        what: format!("cannot verify a signature: {error}"),
        help: "install OpenSSH, and check that ssh-keygen is on the PATH".to_owned(),
    };
    let folder = tempfile::tempdir().map_err(failed)?;
    let file = folder.path().join("signature");
    std::fs::write(&file, &checkpoint.signature).map_err(failed)?;
    // A key that has expired since was valid at that time.
    let time = format!("-Overify-time={}", checkpoint.time.strftime("%Y%m%d%H%M%SZ"));
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "find-principals", &time, "-s"]).arg(&file).arg("-f").arg(allowed_signers);
    let found = program::run(command, "", Some(LIMIT)).map_err(failed)?;
    let Some(principal) = found.stdout.lines().next().filter(|_| found.success) else {
        return Ok(Err(sanitize(&found.stderr).into_owned()));
    };
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "verify", &time, "-n", NAMESPACE, "-I", principal, "-s"]).arg(&file);
    command.arg("-f").arg(allowed_signers);
    let verified = program::run(command, &checkpoint.statement(), Some(LIMIT)).map_err(failed)?;
    Ok(if verified.success { Ok(()) } else { Err(sanitize(&verified.stderr).into_owned()) })
}
