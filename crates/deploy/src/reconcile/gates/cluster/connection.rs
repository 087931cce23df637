//! A cluster that can be asked, by a context of a kubeconfig.
//!
//! What goes wrong is told in words of our own: an error of a kubeconfig quotes it, and one of a credential plugin has what the
//! plugin wrote, either of which may be a token.

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

/// How long it is waited for credentials, which a program may have to fetch.
const CREDENTIALS: Duration = Duration::from_secs(30);

/// How long a run waits for a cluster's answers, all in all.
const ALL: Duration = Duration::from_secs(60);

pub(super) struct Connection {
    client: Client,
    /// When its answers are no longer waited for.
    end: Instant,
}

impl Connection {
    /// Reads the kubeconfig, and has its credentials. Nothing is asked of the cluster yet.
    ///
    /// # Errors
    /// A sentence: why there is no connection, and what to do.
    pub(super) async fn open(
        config: &ClusterConfig,
        context: &str,
        root: &Path,
    ) -> Result<Self, String> {
        let (config, context, root) = (config.clone(), context.to_owned(), root.to_owned());
        let (told, client) = oneshot::channel();
        let runtime = Handle::current();
        // A thread that nobody waits for: a file or a program that hangs must not hold the run.
        std::thread::spawn(move || {
            let _inside = runtime.enter();
            told.send(connect(&runtime, &config, &context, &root)).ok();
        });
        match timeout(CREDENTIALS, client).await {
            Ok(Ok(client)) => Ok(Self { client: client?, end: Instant::now() + ALL }),
            Ok(Err(_)) => Err("its kubeconfig cannot be used".to_owned()),
            Err(_) => Err(format!(
                "its credentials did not come within {} seconds",
                CREDENTIALS.as_secs()
            )),
        }
    }

    /// What in a namespace refers to these Kubernetes secrets.
    ///
    /// # Errors
    /// A sentence: what could not be looked at, and what to do.
    pub(super) async fn look(
        &self,
        namespace: &str,
        names: &BTreeSet<&str>,
    ) -> Result<NamespaceContent, String> {
        let late = || format!("it took longer than {} seconds; run again", ALL.as_secs());
        timeout_at(self.end, objects::look(&self.client, namespace, names))
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
    let mut found = found.map_err(|error| in_words(&error))?;
    // The crate holds NO_PROXY against the proxy's address, and takes HTTPS_PROXY for plain http as well.
    if !has_proxy && Matcher::from_env().intercept(&found.cluster_url).is_none() {
        found.proxy_url = None;
    }
    if let Some(plugin) = &mut found.auth_info.exec {
        // It would ask and talk in between what is shown.
        plugin.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    Client::try_from(found).map_err(|error| match error {
        KubeError::Auth(_) => {
            "its kubeconfig's credentials cannot be had; `kubectl get pods` with this context tells more".to_owned()
        }
        KubeError::ProxyProtocolDisabled { .. } | KubeError::ProxyProtocolUnsupported { .. } => {
            "its kubeconfig or HTTPS_PROXY asks for a proxy of a kind that is not known here".to_owned()
        }
        _ => "its kubeconfig's certificates cannot be used".to_owned(),
    })
}

/// The kubeconfig of `path`, or the one that people have.
fn read(path: Option<&Path>, root: &Path) -> Result<Kubeconfig, String> {
    let Some(path) = path else { return Kubeconfig::read().map_err(|error| in_words(&error)) };
    let shown = path.display();
    let unreadable = |error: io::Error| format!("the kubeconfig {shown} cannot be read: {error}");
    let file =
        at_home(path).unwrap_or_else(|| root.join(path)).canonicalize().map_err(unreadable)?;
    // It names programs that are run. Where a link leads is looked at here, not in the configuration.
    if file.starts_with(root.canonicalize().map_err(unreadable)?) {
        return Err(format!("the kubeconfig {shown} is a file of the repository; keep it outside"));
    }
    if !file.is_file() {
        return Err(format!("the kubeconfig {shown} is no file"));
    }
    Kubeconfig::read_from(&file).map_err(|error| in_words(&error))
}

/// Whether the context's cluster has a proxy of its own, which is used whatever the environment says.
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

fn at_home(path: &Path) -> Option<PathBuf> {
    Some(std::env::home_dir()?.join(path.strip_prefix("~").ok()?))
}

fn in_words(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::LoadContext(_) => {
            "its kubeconfig has no such context; `kubectl config get-contexts` shows those that there are".to_owned()
        }
        KubeconfigError::LoadClusterOfContext(name) => format!("its kubeconfig has no cluster `{name}`"),
        KubeconfigError::FindPath => {
            "there is no kubeconfig; set `cluster.kubeconfig` in goldenpath.yaml, or KUBECONFIG".to_owned()
        }
        KubeconfigError::ReadConfig(error, path) => {
            format!("the kubeconfig {} cannot be read: {error}", path.display())
        }
        KubeconfigError::MissingClusterUrl | KubeconfigError::ParseClusterUrl(_) => {
            "its kubeconfig does not say where the cluster is (`server`)".to_owned()
        }
        KubeconfigError::ParseProxyUrl(_) | KubeconfigError::ParseNoProxy(_) => {
            "its kubeconfig's proxy, HTTPS_PROXY or NO_PROXY cannot be used".to_owned()
        }
        _ => "its kubeconfig cannot be used; `kubectl config view` tells more".to_owned(),
    }
}

/// What the system says of a connection that failed.
pub(super) fn cause(error: &(dyn Error + 'static)) -> Option<String> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(error) = next {
        found = error.downcast_ref::<io::Error>().or(found);
        next = error.source();
    }
    found.map(ToString::to_string)
}
