//! A connection to a cluster, by a context of a kubeconfig.
//!
//! Errors are reworded: a kubeconfig error quotes the file, and an error of a credential plugin
//! quotes the plugin's output. Both may contain a token.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use kube::config::{Config, ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Error as KubeError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::NamespaceContent;
use super::objects;
use goldenpath_core::config::ClusterConfig;

/// The time limit for credentials, which a program may have to fetch.
const CREDENTIALS: Duration = Duration::from_secs(30);

/// The total time limit for a cluster's answers.
const ALL: Duration = Duration::from_secs(60);

pub(super) struct Connection {
    client: Client,
    /// The end of the time limit for answers.
    end: Instant,
}

impl Connection {
    /// Reads the kubeconfig and gets its credentials, without a call to the cluster.
    ///
    /// # Errors
    /// A sentence with the cause and the remedy.
    pub(super) async fn open(
        config: &ClusterConfig,
        context: &str,
        root: &Path,
    ) -> Result<Self, String> {
        let (config, context, root) = (config.clone(), context.to_owned(), root.to_owned());
        let (sender, client) = oneshot::channel();
        let runtime = Handle::current();
        // A detached thread: a file or program that hangs must not block the run.
        std::thread::spawn(move || {
            let _inside = runtime.enter();
            sender.send(connect(&runtime, &config, &context, &root)).ok();
        });
        match timeout(CREDENTIALS, client).await {
            Ok(Ok(client)) => Ok(Self { client: client?, end: Instant::now() + ALL }),
            Ok(Err(_)) => Err("its kubeconfig cannot be used".to_owned()),
            Err(_) => Err(format!("no credentials after {} seconds", CREDENTIALS.as_secs())),
        }
    }

    /// Returns the references to these Kubernetes Secrets in a namespace.
    ///
    /// # Errors
    /// A sentence with the cause and the remedy.
    pub(super) async fn search(
        &self,
        namespace: &str,
        names: &BTreeSet<&str>,
    ) -> Result<NamespaceContent, String> {
        let late = || format!("it took longer than {} seconds; run again", ALL.as_secs());
        timeout_at(self.end, objects::search(&self.client, namespace, names))
            .await
            .unwrap_or_else(|_| Err(late()))
    }
}

fn connect(
    runtime: &Handle,
    config: &ClusterConfig,
    context: &str,
    root: &Path,
) -> Result<Client, String> {
    let kubeconfig = read(config.kubeconfig.as_deref(), root)?;
    let has_proxy = has_proxy(&kubeconfig, context);
    let options =
        KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let found = runtime.block_on(Config::from_custom_kubeconfig(kubeconfig, &options));
    let mut found = found.map_err(|error| describe_error(&error))?;
    // The crate compares NO_PROXY with the proxy's address and uses HTTPS_PROXY for http, too.
    if !has_proxy && Matcher::from_env().intercept(&found.cluster_url).is_none() {
        found.proxy_url = None;
    }
    if let Some(plugin) = &mut found.auth_info.exec {
        // Its prompts would mix with the output of this program.
        plugin.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    Client::try_from(found).map_err(|error| match error {
        KubeError::Auth(_) => {
            "cannot get its kubeconfig's credentials; run `kubectl get pods` with this context for \
             details"
                .to_owned()
        }
        KubeError::ProxyProtocolDisabled { .. } | KubeError::ProxyProtocolUnsupported { .. } => {
            "its kubeconfig or HTTPS_PROXY uses an unsupported kind of proxy".to_owned()
        }
        _ => "its kubeconfig's certificates cannot be used".to_owned(),
    })
}

/// Reads the kubeconfig at `path`, or the user's default one.
fn read(path: Option<&Path>, root: &Path) -> Result<Kubeconfig, String> {
    let Some(path) = path else {
        return Kubeconfig::read().map_err(|error| describe_error(&error));
    };
    let shown = path.display();
    let unreadable = |error: io::Error| format!("cannot read the kubeconfig {shown}: {error}");
    let file =
        expand_home(path).unwrap_or_else(|| root.join(path)).canonicalize().map_err(unreadable)?;
    // A kubeconfig names programs that are run. Links are resolved here, not in the configuration.
    if file.starts_with(root.canonicalize().map_err(unreadable)?) {
        return Err(format!("the kubeconfig {shown} is a file of the repository; keep it outside"));
    }
    if !file.is_file() {
        return Err(format!("the kubeconfig {shown} is not a file"));
    }
    Kubeconfig::read_from(&file).map_err(|error| describe_error(&error))
}

/// Returns whether the context's cluster has a proxy.
///
/// It overrides the proxy of the environment.
fn has_proxy(kubeconfig: &Kubeconfig, context: &str) -> bool {
    let context = kubeconfig
        .contexts
        .iter()
        .find(|one| one.name == context)
        .and_then(|one| one.context.as_ref());
    let of = |name: &str| kubeconfig.clusters.iter().find(|one| one.name == name)?.cluster.as_ref();
    context
        .and_then(|context| of(&context.cluster))
        .is_some_and(|cluster| cluster.proxy_url.is_some())
}

fn expand_home(path: &Path) -> Option<PathBuf> {
    Some(std::env::home_dir()?.join(path.strip_prefix("~").ok()?))
}

fn describe_error(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::LoadContext(_) => {
            "its kubeconfig has no such context; run `kubectl config get-contexts` to list the \
             contexts"
                .to_owned()
        }
        KubeconfigError::LoadClusterOfContext(name) => {
            format!("its kubeconfig has no cluster `{name}`")
        }
        KubeconfigError::FindPath => {
            "there is no kubeconfig; set `cluster.kubeconfig` in goldenpath.yaml, or KUBECONFIG"
                .to_owned()
        }
        KubeconfigError::ReadConfig(error, path) => {
            format!("cannot read the kubeconfig {}: {error}", path.display())
        }
        KubeconfigError::MissingClusterUrl | KubeconfigError::ParseClusterUrl(_) => {
            "its kubeconfig does not say where the cluster is (`server`)".to_owned()
        }
        KubeconfigError::ParseProxyUrl(_) | KubeconfigError::ParseNoProxy(_) => {
            "its kubeconfig's proxy, HTTPS_PROXY or NO_PROXY cannot be used".to_owned()
        }
        _ => "its kubeconfig cannot be used; run `kubectl config view` for details".to_owned(),
    }
}

/// Returns the operating system's error of a failed connection.
pub(super) fn cause(error: &(dyn Error + 'static)) -> Option<String> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(error) = next {
        found = error.downcast_ref::<io::Error>().or(found);
        next = error.source();
    }
    found.map(ToString::to_string)
}
