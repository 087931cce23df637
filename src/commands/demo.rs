//! `goldenpath demo`

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature};

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::style::TerminalStyle;
use goldenpath_core::config::FILE_NAME;

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

/// The typing error of the demo: the right text and the wrong one.
const RIGHT: &str = "tier: medium";
const WRONG: &str = "tier: meduim";

/// The setting that puts the local store's key into the temporary folder.
const OWN_KEY: &str = "# keyFile: ~/.config/goldenpath/local-store.key";
const KEY_HERE: &str = "keyFile: ../local-store.key";

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let folder = tempfile::Builder::new()
        .prefix("goldenpath-demo-")
        .tempdir()
        .map_err(|error| Failure::io("cannot create a temporary folder", &error))?;
    // With --keep, the folder stays even if a step fails; otherwise it is deleted in every case.
    let (path, guard) =
        if args.keep { (folder.keep(), None) } else { (folder.path().to_path_buf(), Some(folder)) };
    let stage = DemoRepositories::create(&path, context.streams.out)?;

    stage.print(&format!(
        "goldenpath demo: one secret, from manifest to cluster, in {}\n",
        path.display()
    ));

    stage.print_heading("The platform team sets up the catalog's repository, once.");
    stage.goldenpath(&["init"], 0)?;
    stage.replace(FILE_NAME, OWN_KEY, KEY_HERE)?;
    stage.commit("Set up goldenpath")?;

    stage.print_heading("A developer needs a secret. Without the flags, `new secret` asks.");
    let answers = "--service payments --env dev --type database-credentials \
                   --name payments-db-credentials --owner team-payments --risk medium";
    let arguments: Vec<&str> =
        ["new", "secret"].into_iter().chain(answers.split_whitespace()).collect();
    stage.goldenpath(&arguments, 0)?;
    stage.show(&stage.catalog.join(MANIFEST), MANIFEST)?;

    stage.print_heading(
        "A typing error: the risk tier becomes `meduim`. The hook runs this at `git commit`:",
    );
    stage.replace(MANIFEST, RIGHT, WRONG)?;
    stage.goldenpath(&["validate", "--staged"], 1)?;

    stage.print_heading("The fix. The commit passes, and the pull request is merged.");
    stage.replace(MANIFEST, WRONG, RIGHT)?;
    stage.goldenpath(&["validate", "--staged"], 0)?;
    stage.commit("Add the payments database credentials (SEC-0001)")?;

    stage.print_heading("The reviewer reads the plan of the merge.");
    stage.goldenpath(&["plan"], 0)?;

    stage.print_heading(
        "The pipeline applies it: it creates the secret, then commits the ExternalSecret to the \
         GitOps repository.",
    );
    stage.goldenpath(&["apply", "--yes"], 0)?;

    stage.print_heading(
        "The secret is still empty. Its value is generated, or typed in `value set`; it is never \
         shown.",
    );
    stage.goldenpath(&["value", "generate", "SEC-0001", "--yes"], 0)?;
    stage.goldenpath(&["value", "status"], 0)?;

    stage.print_heading(
        "Argo CD or Flux syncs this file, and the External Secrets Operator creates the Secret in \
         the cluster.",
    );
    stage.show(&stage.gitops.join(PROJECTION), &format!("../gitops/{PROJECTION}"))?;

    stage.print_heading("Running it again changes nothing.");
    stage.goldenpath(&["apply", "--yes"], 0)?;

    stage.print(&format!("\nDone in {:.1} seconds.\n", started.elapsed().as_secs_f32()));
    match guard {
        None => {
            stage.print(&format!("The folder is kept: cd {}\n", stage.catalog.display()));
            stage.print(
                "Try there: goldenpath new secret, goldenpath plan --work-tree, \
                 git -C ../gitops log --stat\n",
            );
        }
        Some(folder) => {
            folder
                .close()
                .map_err(|error| Failure::io("cannot delete the temporary folder", &error))?;
            stage.print(&format!(
                "The folder {} is deleted; `goldenpath demo --keep` keeps it.\n",
                path.display()
            ));
        }
    }
    stage.print("Next, in your own repository: goldenpath init\n");
    Ok(Outcome::Done)
}

/// The two repositories of the demo in a temporary folder.
struct DemoRepositories {
    catalog: PathBuf,
    gitops: PathBuf,
    terminal: TerminalStyle,
}

impl DemoRepositories {
    fn create(folder: &Path, terminal: TerminalStyle) -> Result<Self, Failure> {
        let stage =
            Self { catalog: folder.join("acme-platform"), gitops: folder.join("gitops"), terminal };
        for path in [&stage.catalog, &stage.gitops] {
            let mut options = RepositoryInitOptions::new();
            // Without a template, the user's own hooks do not run.
            options.initial_head("main").external_template(false);
            Repository::init_opts(path, &options).map_err(|error| git_failed(&error))?;
        }
        Ok(stage)
    }

    fn print(&self, text: &str) {
        let mut out = io::stdout().lock();
        // A closed pipe (`| head`) is not an error.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn print_heading(&self, text: &str) {
        self.print(&format!(
            "\n{}\n",
            self.terminal.style().bold().cyan().apply_to(format!("# {text}"))
        ));
    }

    fn prompt(&self, line: &str) {
        self.print(&format!("{}\n", self.terminal.style().dim().apply_to(format!("$ {line}"))));
    }

    /// Runs this program as a user would, and returns an error if it does not exit with `code`.
    fn goldenpath(&self, arguments: &[&str], code: i32) -> Result<(), Failure> {
        self.prompt(&format!("goldenpath {}", arguments.join(" ")));
        let program = std::env::current_exe()
            .map_err(|error| Failure::io("cannot find the goldenpath program", &error))?;
        let mut command = Command::new(program);
        // The demo has a configuration of its own.
        command.env_remove("GOLDENPATH_CONFIG");
        command.args(["--color", if self.terminal.color { "always" } else { "never" }]);
        command.args(arguments).current_dir(&self.catalog).stdin(Stdio::null());
        // A demo inside a git hook must not change the hook's repository.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_"))
        {
            command.env_remove(name);
        }
        let status = command
            .status()
            .map_err(|error| Failure::io("cannot start the goldenpath program", &error))?;
        if status.code() == Some(code) {
            return Ok(());
        }
        Err(Failure::demo(format!(
            "`goldenpath {}` ended with {status} instead of {code}",
            arguments.join(" ")
        )))
    }

    fn show(&self, path: &Path, name: &str) -> Result<(), Failure> {
        self.prompt(&format!("cat {name}"));
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::io(&format!("cannot read `{name}`"), &error))?;
        self.print(&text);
        Ok(())
    }

    /// Edits a file as a user would, and stages it.
    fn replace(&self, file: &str, old: &str, new: &str) -> Result<(), Failure> {
        self.prompt(&format!("sed -i 's|{old}|{new}|' {file} && git add {file}"));
        let path = self.catalog.join(file);
        fs::read_to_string(&path)
            .and_then(|text| fs::write(&path, text.replace(old, new)))
            .map_err(|error| Failure::io(&format!("cannot edit `{file}`"), &error))?;
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
