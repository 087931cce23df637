//! The URL of a repository, as far as it says how git reaches it (git-clone, "GIT URLS";
//! gitremote-helpers).

use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A URL as `git clone` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitUrl<'u> {
    /// As git calls it in `protocol.<name>.allow`: `https`, `ssh`, `file`, or the name of a remote
    /// helper.
    pub protocol: String,
    /// The path on this machine as it is written; of `ssh`, where the host is this machine.
    path: Option<&'u str>,
}

impl<'u> GitUrl<'u> {
    /// Never fails: what is not a URL is a path.
    #[must_use]
    pub fn parse(url: &'u str) -> Self {
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        if let Some((helper, _)) = url.split_once("::").filter(|(helper, _)| is_name(helper)) {
            return Self { protocol: helper.to_owned(), path: None };
        }
        if let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| is_name(scheme)) {
            // Git compares schemes in their case, and takes one of another case for a remote
            // helper's name.
            return match scheme {
                "file" => Self { protocol: "file".to_owned(), path: Some(rest) },
                "ssh" | "git+ssh" | "ssh+git" => {
                    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                    Self { protocol: "ssh".to_owned(), path: Some(path).filter(|_| is_this_machine(authority)) }
                }
                other => Self { protocol: other.to_owned(), path: None },
            };
        }
        let colon = url.find(':').filter(|colon| !url[..*colon].contains('/') && !is_drive(url));
        match colon {
            // The colons of an IPv6 address are in brackets.
            Some(colon) => {
                let behind = url.find("]:").map_or(colon + 1, |end| end + 2);
                let path = Some(&url[behind..]).filter(|_| is_this_machine(&url[..behind - 1]));
                Self { protocol: "ssh".to_owned(), path }
            }
            None => Self { protocol: "file".to_owned(), path: Some(url) },
        }
    }

    /// Every path on this machine at which git could look for it: as it is written, without a host
    /// in front, and with percent signs decoded. None where it is elsewhere.
    #[must_use]
    pub fn local_paths(&self, root: &Path) -> Vec<PathBuf> {
        let Some(path) = self.path else { return Vec::new() };
        if self.protocol == "ssh" {
            let below = ["/~/", "~/"].iter().find_map(|home| path.strip_prefix(home)).unwrap_or(path);
            let home = std::env::home_dir().unwrap_or_default();
            return [below.to_owned(), decoded(below)].iter().map(|path| home.join(path)).collect();
        }
        let without_host = path.find('/').map(|slash| &path[slash..]);
        let written = std::iter::once(path).chain(without_host);
        let all = written.flat_map(|path| [path.to_owned(), decoded(path)]);
        all.map(|path| root.join(path)).collect()
    }
}

impl GitUrl<'_> {
    /// Whether it is a path rather than a URL: it starts at the catalog's root.
    #[must_use]
    pub fn is_path(url: &str) -> bool {
        GitUrl::parse(url).path == Some(url)
    }
}

/// Whether the host of `user@host:port` is this machine by its name or address.
fn is_this_machine(authority: &str) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let host = host.trim_end_matches('.');
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address.is_unspecified());
    host == "localhost" || host.ends_with(".localhost") || is_loopback
}

/// `C:\gitops`, which is a path on Windows alone.
fn is_drive(url: &str) -> bool {
    cfg!(windows) && url.as_bytes().get(1) == Some(&b':') && url.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// A text with its `%41` decoded (RFC 3986, section 2.1), as git does with every URL.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_by_which_protocol_git_reaches_it() {
        for (url, protocol) in [
            ("https://git.example.com/a.git", "https"),
            ("http://git.example.com/a.git", "http"),
            ("git@git.example.com:a/b.git", "ssh"),
            ("host:a", "ssh"),
            ("ssh://git@git.example.com/a", "ssh"),
            ("git+ssh://git.example.com/a", "ssh"),
            ("git://git.example.com/a", "git"),
            ("file:///srv/a.git", "file"),
            ("FILE:///srv/a.git", "FILE"),
            ("ext::sh -c whoami", "ext"),
            ("ext::ssh://x", "ext"),
            ("ext://sh -c whoami", "ext"),
            ("fd::17", "fd"),
            ("codecommit::eu-west-1://x", "codecommit"),
            ("../gitops.git", "file"),
            ("/srv/git/gitops.git", "file"),
            ("gitops", "file"),
            ("./a:b", "file"),
            ("./ext::sh", "file"),
        ] {
            assert_eq!(GitUrl::parse(url).protocol, protocol, "{url}");
        }
    }

    #[test]
    fn a_path_is_found_wherever_git_could_look_for_it() {
        let root = Path::new("/srv/catalog");
        let paths = |url: &str| GitUrl::parse(url).local_paths(root);
        for url in ["evil", "./evil", "%65vil", "file:///srv/catalog/evil", "file:///srv/catalog/%65vil"] {
            let is_found = paths(url).iter().any(|path| path.components().eq(root.join("evil").components()));
            assert!(is_found, "{url}: {:?}", paths(url));
        }
        assert!(paths("file://localhost/srv/catalog/evil").contains(&root.join("evil")));
        for url in
            ["localhost:/srv/catalog/evil", "ssh://me@127.0.0.1:22/srv/catalog/%65vil", "[::1]:/srv/catalog/evil"]
        {
            assert!(paths(url).contains(&root.join("evil")), "{url}: {:?}", paths(url));
        }
        let home = std::env::home_dir().unwrap_or_default();
        for url in ["localhost:catalog/evil", "localhost:~/catalog/evil", "ssh://localhost/~/catalog/evil"] {
            assert!(paths(url).contains(&home.join("catalog/evil")), "{url}: {:?}", paths(url));
        }
        for url in ["git@git.example.com:catalog/evil", "ssh://git.example.com/srv/catalog/evil"] {
            assert!(paths(url).is_empty(), "{url}");
        }
        assert!(paths("https://git.example.com/evil").is_empty());
    }

    #[test]
    fn a_path_is_told_from_a_url() {
        for path in ["../gitops.git", "/srv/git/gitops.git", "gitops", "./a:b"] {
            assert!(GitUrl::is_path(path), "{path}");
        }
        for url in ["https://host/a.git", "git@host:a/b.git", "file:///srv/a", "host:a", "codecommit::us-east-1://a"] {
            assert!(!GitUrl::is_path(url), "{url}");
        }
    }
}
