//! Lists the objects of a namespace that may refer to a Kubernetes Secret.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::try_join_all;
use kube::api::{ApiResource, DynamicObject, ListParams, ObjectList};
use kube::{Api, Client, Error};
use memchr::memmem::Finder;
use tokio::time::timeout;

use super::connection::cause;
use super::{NamespaceContent, ObjectReference};
use crate::reconcile::consumers::find_whole;

/// The time limit for one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The maximum number of objects per page, as in kubectl.
const PAGE: u32 = 500;

/// Group, kind and plural. Kinds that people edit come first.
const KINDS: [(&str, &str, &str); 9] = [
    ("apps", "Deployment", "deployments"),
    ("apps", "StatefulSet", "statefulsets"),
    ("apps", "DaemonSet", "daemonsets"),
    ("batch", "CronJob", "cronjobs"),
    ("batch", "Job", "jobs"),
    ("apps", "ReplicaSet", "replicasets"),
    ("", "Pod", "pods"),
    ("networking.k8s.io", "Ingress", "ingresses"),
    ("", "ServiceAccount", "serviceaccounts"),
];

/// Returns the references to these Kubernetes Secrets in a namespace.
///
/// # Errors
/// A sentence with the cause and the remedy.
pub(super) async fn search(
    client: &Client,
    namespace: &str,
    names: &BTreeSet<&str>,
) -> Result<NamespaceContent, String> {
    let mut all = NamespaceContent { exists: false, references: Vec::new() };
    for found in try_join_all(KINDS.map(|kind| of_kind(client, namespace, kind, names))).await? {
        all.exists |= found.exists;
        all.references.extend(found.references);
    }
    Ok(all)
}

async fn of_kind(
    client: &Client,
    namespace: &str,
    (group, kind, plural): (&str, &str, &str),
    names: &BTreeSet<&str>,
) -> Result<NamespaceContent, String> {
    let resource = ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        api_version: if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") },
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let mut found = NamespaceContent { exists: false, references: Vec::new() };
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = match timeout(ANSWER, api.list(&page)).await {
            Ok(Ok(list)) => list,
            Ok(Err(Error::Api(status)))
                if status.details.as_ref().is_some_and(|one| one.kind == "namespaces") =>
            {
                return Ok(found);
            }
            Ok(Err(error)) => {
                return Err(format!("cannot list {plural}: {}", describe_error(&error)));
            }
            Err(_) => {
                return Err(format!(
                    "cannot list {plural}: no answer within {} seconds",
                    ANSWER.as_secs()
                ));
            }
        };
        // Another server's answer must not count as an empty cluster.
        if list.types.kind != format!("{kind}List") {
            return Err(format!("cannot list {plural}: not the answer of a Kubernetes cluster"));
        }
        let next = list.metadata.continue_.clone().filter(|token| !token.is_empty());
        found.exists |= !list.items.is_empty();
        found.references.extend(in_list(list, kind, names));
        match next {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(found),
        }
    }
}

fn in_list(
    list: ObjectList<DynamicObject>,
    kind: &str,
    names: &BTreeSet<&str>,
) -> Vec<ObjectReference> {
    let mut references = Vec::new();
    for mut object in list.items.into_iter().filter(|object| !is_finished(kind, object)) {
        // These fields repeat the object's content.
        object.metadata.managed_fields = None;
        if let Some(annotations) = &mut object.metadata.annotations {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
        // Objects in a list have no kind.
        object.types =
            Some(kube::api::TypeMeta { api_version: String::new(), kind: kind.to_owned() });
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let shown = format!("{kind} {namespace}/{name}");
        let json = serde_json::to_string(&object).unwrap_or_default();
        let is_named =
            |name: &&&str| find_whole(json.as_bytes(), &Finder::new(name)).next().is_some();
        references.extend(
            names
                .iter()
                .filter(is_named)
                .map(|name| ObjectReference { object: shown.clone(), name: (*name).to_owned() }),
        );
    }
    references
}

/// Returns whether an object does not run again.
///
/// These are completed pods and jobs, and old ReplicaSets of a Deployment.
fn is_finished(kind: &str, object: &DynamicObject) -> bool {
    let at = |pointer: &str| object.data.pointer(pointer);
    match kind {
        "Pod" => at("/status/phase").is_some_and(|phase| phase == "Succeeded" || phase == "Failed"),
        "Job" => at("/status/conditions").and_then(|all| all.as_array()).is_some_and(|all| {
            let ended =
                |one: &serde_json::Value| one["type"] == "Complete" || one["type"] == "Failed";
            all.iter().any(|one| ended(one) && one["status"] == "True")
        }),
        "ReplicaSet" => {
            let owners = object.metadata.owner_references.iter().flatten();
            at("/spec/replicas").is_some_and(|count| count == 0)
                && owners.into_iter().any(|one| one.kind == "Deployment")
        }
        _ => false,
    }
}

/// Returns our own words for an error: the server's words are not trusted.
fn describe_error(error: &Error) -> String {
    match error {
        Error::Api(status) => match status.code {
            401 => "the cluster rejects these credentials".to_owned(),
            403 => "forbidden; docs/how-to/set-up-aws-roles.md has the Role".to_owned(),
            404 => "the cluster does not have them".to_owned(),
            code => format!("the cluster answered {code}"),
        },
        Error::SerdeError(_) | Error::FromUtf8(_) => {
            "not the answer of a Kubernetes cluster".to_owned()
        }
        Error::Auth(_) => "cannot get the kubeconfig's credentials".to_owned(),
        other => match cause(other) {
            Some(cause) => format!("the cluster cannot be reached ({cause})"),
            None => "the cluster cannot be reached".to_owned(),
        },
    }
}
