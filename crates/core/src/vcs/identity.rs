//! The repository's identity in every clone: host and path of a remote's URL.

use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Repository, SourceError};
use crate::config;

/// The length limit of an identity, in characters.
///
/// It is that of a tag's value (AWS Secrets Manager, API type `Tag`).
const LENGTH: usize = 256;

/// The number of characters of a longer identity that are kept before its digest.
const KEPT: usize = LENGTH - 1 - 16;

impl Repository {
    /// Returns host and path of a remote's URL; None without such a remote.
    ///
    /// It is the remote `name`; without a name `origin`, or else the only remote.
    /// `url.<base>.insteadOf` in git's configuration applies.
    ///
    /// # Errors
    /// A remote that git cannot read.
    pub fn identity(&self, name: Option<&str>) -> Result<Option<String>, SourceError> {
        Ok(self.host_and_path(name)?.map(|place| to_tag_value(&place)))
    }

    /// Returns host and path of a remote's URL as [`Repository::identity`] does, in its own case.
    ///
    /// # Errors
    /// A remote that git cannot read.
    pub fn host_and_path(&self, name: Option<&str>) -> Result<Option<String>, SourceError> {
        let remotes = self.remotes();
        let is_there = |name: &str| remotes.iter().any(|remote| remote == name);
        let name = match (name, remotes.as_slice()) {
            (Some(name), _) if is_there(name) => name,
            (None, _) if is_there("origin") => "origin",
            (None, [only]) => only,
            _ => return Ok(None),
        };
        let failed = |error| SourceError::git(format!("the remote `{name}`"))(error);
        let remote = self.git.find_remote(name).map_err(failed)?;
        let url =
            remote.url().map_err(|_| failed(git2::Error::from_str("its URL is not UTF-8")))?;
        Ok(host_and_path_of(url, self.root()))
    }
}

/// Returns host and path of a URL; the host is in lower case.
///
/// None without both. A path on this machine has no host and is absolute; a relative one starts at
/// `root`.
fn host_and_path_of(url: &str, root: &Path) -> Option<String> {
    // A remote helper's URL: `codecommit::eu-west-1://repository` (gitremote-helpers,
    // "INVOCATION").
    let url = url
        .split_once("::")
        .filter(|(helper, _)| !helper.contains(['/', ':', '[']))
        .map_or(url, |(_, rest)| rest);
    let (host, path) = match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host_of(authority);
            let is_here =
                scheme.eq_ignore_ascii_case("file") && (host.is_empty() || host == "localhost");
            (if is_here { String::new() } else { host }, path.to_owned())
        }
        None => match scp_like(url) {
            Some((authority, path)) => (host_of(authority), path.to_owned()),
            None => (String::new(), real(&root.join(url)).to_string_lossy().into_owned()),
        },
    };
    let mut parts: Vec<&str> =
        path.split(['/', '\\']).filter(|part| !matches!(*part, "" | ".")).collect();
    if let Some(last) = parts.last_mut() {
        *last = last.strip_suffix(".git").filter(|rest| !rest.is_empty()).unwrap_or(last);
    }
    // `/srv/git/x.git/.git` is the repository of the work tree `/srv/git/x.git`.
    parts.retain(|part| *part != ".git");
    if host.is_empty() && parts.is_empty() {
        return None;
    }
    let host = match host.as_str() {
        "ssh.github.com" => "github.com",
        "altssh.gitlab.com" => "gitlab.com",
        "altssh.bitbucket.org" => "bitbucket.org",
        // ssh: `ssh.dev.azure.com:v3/organization/project/repository`; https:
        // `dev.azure.com/organization/project/_git/repository`.
        "ssh.dev.azure.com" => {
            if let ["v3", organization, project, repository] = parts[..] {
                parts = vec![organization, project, "_git", repository];
            }
            "dev.azure.com"
        }
        host => host,
    };
    let whole = std::iter::once(host).chain(parts).collect::<Vec<_>>().join("/");
    Some(whole.trim_end_matches('/').to_owned())
}

/// Returns a URL's host, without user and port.
fn host_of(authority: &str) -> String {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.trim_end_matches('.').to_lowercase()
}

/// Returns host and path of `git@host:path` (git-clone, "GIT URLS").
fn scp_like(url: &str) -> Option<(&str, &str)> {
    // Colons in a bracketed address belong to it.
    let from = url
        .find(']')
        .filter(|_| url.split('@').next_back().is_some_and(|host| host.starts_with('[')));
    let colon = from.unwrap_or_default() + url[from.unwrap_or_default()..].find(':')?;
    let is_drive = cfg!(windows) && colon == 1;
    (!url[..colon].contains('/') && !is_drive).then(|| (&url[..colon], &url[colon + 1..]))
}

/// Returns a path without `..`, and without symbolic links as far as it exists.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let mut whole = PathBuf::new();
        for part in path.components() {
            match part {
                Component::ParentDir => _ = whole.pop(),
                Component::CurDir => {}
                part => whole.push(part),
            }
        }
        whole
    })
}

/// Encodes a text as a tag value; only texts that differ in case become equal.
///
/// Other characters become `=` and their code in hexadecimal digits; a longer text is cut off and
/// ends with its digest.
fn to_tag_value(text: &str) -> String {
    let mut value = String::new();
    for character in text.to_lowercase().chars() {
        match character {
            '=' => value.push_str("=3d"),
            allowed if config::check_tag_value(allowed.encode_utf8(&mut [0; 4])).is_ok() => {
                value.push(allowed)
            }
            // Writing to a string cannot fail.
            other => _ = write!(value, "={:x}", u32::from(other)),
        }
    }
    if value.chars().count() <= LENGTH {
        return value;
    }
    let digest = Sha256::digest(value.as_bytes());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}={digest}", value.chars().take(KEPT).collect::<String>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn identity(url: &str) -> String {
        to_tag_value(&host_and_path_of(url, Path::new("/srv/catalog")).unwrap())
    }

    #[test]
    fn every_form_of_a_url_has_the_same_host_and_path() {
        for url in [
            "https://git.example.com/acme/platform.git",
            "https://git.example.com/acme/platform",
            "https://git.example.com/acme/platform/",
            "https://git.example.com/acme/platform.git/",
            "https://git.example.com//acme//platform",
            "https://x-access-token:t0ken@git.example.com/acme/platform.git",
            "https://git.example.com:8443/acme/platform.git",
            "http://GIT.example.com/Acme/Platform",
            "git@git.example.com:acme/platform.git",
            "git@git.example.com:/acme/platform.git",
            "git.example.com:acme/platform",
            "ssh://git@git.example.com/acme/platform.git",
            "ssh://git@git.example.com:2222/acme/platform.git",
            "git+ssh://git@git.example.com/acme/platform",
            "git://git.example.com./acme/platform.git",
        ] {
            assert_eq!(identity(url), "git.example.com/acme/platform", "{url}");
        }
        // Hosts that accept ssh for another host, as their documentation says.
        for (ssh, https) in [
            ("ssh://git@ssh.github.com:443/acme/platform.git", "https://github.com/acme/platform"),
            (
                "ssh://git@altssh.gitlab.com:443/acme/platform.git",
                "https://gitlab.com/acme/platform",
            ),
            (
                "ssh://git@altssh.bitbucket.org:443/acme/platform.git",
                "https://bitbucket.org/acme/platform",
            ),
            (
                "git@ssh.dev.azure.com:v3/acme/shop/platform",
                "https://acme@dev.azure.com/acme/shop/_git/platform",
            ),
        ] {
            assert_eq!(identity(ssh), identity(https), "{ssh}");
        }
    }

    #[test]
    fn a_different_host_or_path_is_a_different_repository() {
        let own = identity("https://git.example.com/acme/platform");
        for url in [
            "https://git.example.org/acme/platform",
            "https://git.example.com/acme/platform2",
            "https://git.example.com/acme/platform.git.git",
            "https://git.example.com/fork/platform",
            "https://git.example.com/acme~platform",
            "https://git.example.com@evil.example.org/acme/platform",
            "https://evil.example.org/git.example.com/acme/platform",
            "/git.example.com/acme/platform",
            "git.example.com/acme/platform",
            "file:///git.example.com/acme/platform",
        ] {
            assert_ne!(identity(url), own, "{url}");
        }
        assert_eq!(identity("git@[fd00::1]:acme/x.git"), "fd00::1/acme/x");
        assert_eq!(identity("ssh://git@[fd00::1]:22/acme/x.git"), "fd00::1/acme/x");
    }

    #[test]
    fn a_path_on_this_machine_is_absolute_in_every_form() {
        for url in [
            "/srv/git/Acme.git",
            "/srv/git/acme",
            "../../srv/git/acme.git/",
            "file:///srv/git/acme.git",
        ] {
            assert_eq!(identity(url), "/srv/git/acme", "{url}");
        }
        assert_eq!(identity("file://localhost/srv/git/acme.git"), "/srv/git/acme");
        assert_eq!(identity("file://server/srv/git/acme.git"), "server/srv/git/acme");
        assert_eq!(identity("/srv/acme/.git"), "/srv/acme");
        assert_eq!(host_and_path_of("", Path::new("/")), None);
    }

    #[test]
    fn every_identity_is_a_valid_and_distinct_tag_value() {
        let long = |end: &str| format!("https://git.example.com/{}/{end}", "group/".repeat(80));
        let urls = ["~ann/x", "=7eann/x", "a,b", "a b", "ü/x", "a%2fb"]
            .map(|path| format!("https://h/{path}"));
        let urls =
            urls.into_iter().chain([long("a"), long("b"), "codecommit::eu-west-1://x".to_owned()]);
        let all: Vec<String> = urls.map(|url| identity(&url)).collect();
        for (index, one) in all.iter().enumerate() {
            assert_eq!(config::check_tag_value(one), Ok(()), "{one}");
            assert!(!all[..index].contains(one), "{one}");
        }
        assert_eq!(all[0], "h/=7eann/x");
    }
}
