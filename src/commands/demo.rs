//! `goldenpath demo`

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature};

use crate::cli::{Context, Outcome};
use crate::failure::Failure;
use goldenpath_core::config::FILE_NAME;
use crate::output::style::TerminalStyle;

/// Show all steps on an example, from an empty repository to an ExternalSecret
///
/// Runs the real commands in a temporary folder, with the local store and a local GitOps
/// repository. Needs no network and no AWS account, and changes nothing outside that folder.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("demo":
    "Show all steps" => "goldenpath demo",
    "Keep the folder to continue there" => "goldenpath demo --keep",
))]
pub(crate) struct Args {
    /// Keep the temporary folder
    #[arg(long)]
    keep: bool,
}

const MANIFEST: &str = "catalogs/secrets/payments/dev/SEC-0001.yaml";
const PROJECTION: &str = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0001.yaml";

/// The slip of the demonstration: a value, and what it is mistyped to.
const RIGHT: &str = "tier: medium";
const WRONG: &str = "tier: meduim";

/// The key of the local store goes the way of everything else here.
const OWN_KEY: &str = "# keyFile: ~/.config/goldenpath/local-store.key";
const KEY_HERE: &str = "keyFile: ../local-store.key";

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let folder = tempfile::Builder::new()
        .prefix("goldenpath-demo-")
        .tempdir()
        .map_err(|error| Failure::io("a temporary folder cannot be made", &error))?;
    // Kept from the start, so that a step that fails can be looked into; otherwise gone however this ends.
    let (path, guard) = match args.keep {
        true => (folder.keep(), None),
        false => (folder.path().to_path_buf(), Some(folder)),
    };
    let stage = Stage::set(&path, context.streams.out)?;

    stage.say(&format!(
        "goldenpath demo: one secret, from intent to cluster, in {}\n",
        path.display()
    ));

    stage.scene("The platform team sets the catalog's repository up, once.");
    stage.goldenpath(&["init"], 0)?;
    stage.replace(FILE_NAME, OWN_KEY, KEY_HERE)?;
    stage.commit("Set goldenpath up")?;

    stage.scene("A developer needs a secret. Without the flags, `new secret` asks.");
    let answers = "--service payments --env dev --type database-credentials --name payments-db-credentials \
                   --owner team-payments --risk medium";
    let arguments: Vec<&str> =
        ["new", "secret"].into_iter().chain(answers.split_whitespace()).collect();
    stage.goldenpath(&arguments, 0)?;
    stage.show(&stage.catalog.join(MANIFEST), MANIFEST)?;

    stage.scene("A slip of the fingers: the risk tier becomes `meduim`. The hook runs this at `git commit`:");
    stage.replace(MANIFEST, RIGHT, WRONG)?;
    stage.goldenpath(&["validate", "--staged"], 1)?;

    stage.scene("The fix. Now the commit goes through, and the pull request merges.");
    stage.replace(MANIFEST, WRONG, RIGHT)?;
    stage.goldenpath(&["validate", "--staged"], 0)?;
    stage.commit("Ask for the payments database credentials (SEC-0001)")?;

    stage.scene("The reviewer reads what the merge will do.");
    stage.goldenpath(&["plan"], 0)?;

    stage.scene(
        "The pipeline does it: first the secret in the store, then the ExternalSecret in the GitOps repository.",
    );
    stage.goldenpath(&["apply", "--yes"], 0)?;

    stage.scene(
        "The secret is still empty. Its value is made here, or asked for by `value set`; nobody gets to see it.",
    );
    stage.goldenpath(&["value", "generate", "SEC-0001", "--yes"], 0)?;
    stage.goldenpath(&["value", "status"], 0)?;

    stage.scene("Argo CD or Flux syncs this file, and the External Secrets Operator brings the secret to the cluster.");
    stage.show(&stage.gitops.join(PROJECTION), &format!("../gitops/{PROJECTION}"))?;

    stage.scene("Running it again changes nothing.");
    stage.goldenpath(&["apply", "--yes"], 0)?;

    stage.say(&format!("\nDone in {:.1} seconds.\n", started.elapsed().as_secs_f32()));
    match guard {
        None => {
            stage.say(&format!("The folder is kept: cd {}\n", stage.catalog.display()));
            stage.say("Try there: goldenpath new secret, goldenpath plan --work-tree, git -C ../gitops log --stat\n");
        }
        Some(folder) => {
            folder
                .close()
                .map_err(|error| Failure::io("the temporary folder cannot be removed", &error))?;
            stage.say(&format!(
                "The folder {} is gone; `goldenpath demo --keep` leaves it for you.\n",
                path.display()
            ));
        }
    }
    stage.say("Next, in a repository of your own: goldenpath init\n");
    Ok(Outcome::Done)
}

/// Two repositories in a temporary folder, and a person who watches.
struct Stage {
    catalog: PathBuf,
    gitops: PathBuf,
    look: TerminalStyle,
}

impl Stage {
    fn set(folder: &Path, look: TerminalStyle) -> Result<Self, Failure> {
        let stage =
            Self { catalog: folder.join("acme-platform"), gitops: folder.join("gitops"), look };
        for path in [&stage.catalog, &stage.gitops] {
            let mut options = RepositoryInitOptions::new();
            // No template: the person's own hooks have no part in this.
            options.initial_head("main").external_template(false);
            Repository::init_opts(path, &options).map_err(|error| git_failed(&error))?;
        }
        Ok(stage)
    }

    fn say(&self, text: &str) {
        let mut out = io::stdout().lock();
        // A watcher who has seen enough closes the pipe.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn scene(&self, text: &str) {
        self.say(&format!("\n{}\n", self.look.style().bold().cyan().apply_to(format!("# {text}"))));
    }

    fn prompt(&self, line: &str) {
        self.say(&format!("{}\n", self.look.style().dim().apply_to(format!("$ {line}"))));
    }

    /// Runs this very program as a person would, and expects it to exit with `code`.
    fn goldenpath(&self, arguments: &[&str], code: i32) -> Result<(), Failure> {
        self.prompt(&format!("goldenpath {}", arguments.join(" ")));
        let program = std::env::current_exe()
            .map_err(|error| Failure::io("goldenpath cannot find itself", &error))?;
        let mut command = Command::new(program);
        command.args(["--color", if self.look.color { "always" } else { "never" }]);
        command.args(arguments).current_dir(&self.catalog).stdin(Stdio::null());
        // A demo that runs inside a hook must not touch the hook's repository.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_"))
        {
            command.env_remove(name);
        }
        let status = command
            .status()
            .map_err(|error| Failure::io("goldenpath cannot start itself", &error))?;
        match status.code() == Some(code) {
            true => Ok(()),
            false => Err(Failure::demo(format!(
                "`goldenpath {}` ended with {status}, not with {code}",
                arguments.join(" ")
            ))),
        }
    }

    fn show(&self, path: &Path, name: &str) -> Result<(), Failure> {
        self.prompt(&format!("cat {name}"));
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::io(&format!("`{name}` cannot be read"), &error))?;
        self.say(&text);
        Ok(())
    }

    /// Edits a file as a person would, and stages it.
    fn replace(&self, file: &str, old: &str, new: &str) -> Result<(), Failure> {
        self.prompt(&format!("sed -i 's|{old}|{new}|' {file} && git add {file}"));
        let path = self.catalog.join(file);
        fs::read_to_string(&path)
            .and_then(|text| fs::write(&path, text.replace(old, new)))
            .map_err(|error| Failure::io(&format!("`{file}` cannot be edited"), &error))?;
        self.stage_all().map(drop).map_err(|error| git_failed(&error))
    }

    fn commit(&self, message: &str) -> Result<(), Failure> {
        self.prompt(&format!("git add --all && git commit -m '{message}'"));
        let commit = || {
            let (git, tree) = self.stage_all()?;
            let author = Signature::now("goldenpath demo", "demo@localhost")?;
            let parent = git.head().and_then(|head| head.peel_to_commit()).ok();
            let tree = git.find_tree(tree)?;
            git.commit(
                Some("HEAD"),
                &author,
                &author,
                message,
                &tree,
                &parent.iter().collect::<Vec<_>>(),
            )
        };
        commit().map(drop).map_err(|error| git_failed(&error))
    }

    fn stage_all(&self) -> Result<(Repository, git2::Oid), git2::Error> {
        let git = Repository::open(&self.catalog)?;
        let mut index = git.index()?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
        index.write()?;
        let tree = index.write_tree()?;
        Ok((git, tree))
    }
}

fn git_failed(error: &git2::Error) -> Failure {
    Failure::demo(format!("git: {}", error.message()))
}
