//! Git URLs: the protocol, and possible paths on this machine.
//!
//! Sources: git-clone, "GIT URLS"; gitremote-helpers.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A URL that `git clone` accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitUrl<'u> {
    /// The name in `protocol.<name>.allow`.
    ///
    /// It is `https`, `ssh`, `file`, or that of a remote helper.
    pub protocol: String,
    form: Form<'u>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form<'u> {
    Path(&'u str),
    /// The text after `file://`.
    File(&'u str),
    /// The text after `ssh://`.
    Ssh(&'u str),
    /// `user@host:path`.
    Scp(&'u str),
    Other,
}

impl<'u> GitUrl<'u> {
    /// Never fails: a text that is not a URL is a path.
    #[must_use]
    pub fn parse(url: &'u str) -> Self {
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        };
        if let Some((helper, _)) = url.split_once("::").filter(|(helper, _)| is_name(helper)) {
            return Self { protocol: helper.to_owned(), form: Form::Other };
        }
        if let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| is_name(scheme)) {
            // Git compares schemes case-sensitively, and reads other spellings as the names of
            // remote helpers.
            let (protocol, form) = match scheme {
                "file" => (scheme, Form::File(rest)),
                "ssh" | "git+ssh" | "ssh+git" => ("ssh", Form::Ssh(rest)),
                other => (other, Form::Other),
            };
            return Self { protocol: protocol.to_owned(), form };
        }
        let colon = url.find(':').filter(|colon| !url[..*colon].contains('/') && !is_drive(url));
        let (protocol, form) = match colon {
            Some(_) => ("ssh", Form::Scp(url)),
            None => ("file", Form::Path(url)),
        };
        Self { protocol: protocol.to_owned(), form }
    }

    /// Returns the path on this machine that git uses; None for a remote URL.
    #[must_use]
    pub fn local_path(&self, root: &Path) -> Option<PathBuf> {
        match self.form {
            Form::Path(path) => Some(root.join(path)),
            Form::File(rest) if cfg!(unix) => {
                let rest = decode_percent(rest);
                rest.find('/').map(|slash| PathBuf::from(&rest[slash..]))
            }
            Form::File(_) | Form::Ssh(_) | Form::Scp(_) | Form::Other => None,
        }
    }

    /// Returns every path on this machine that git could use.
    ///
    /// As written, without a host, and with percent signs decoded. An absolute ssh path is included
    /// whatever its host, since not all names of this machine are known. Empty for other remote
    /// URLs.
    #[must_use]
    pub fn local_paths(&self, root: &Path) -> Vec<PathBuf> {
        let written = match self.form {
            Form::Path(path) | Form::File(path) => path,
            Form::Ssh(_) | Form::Scp(_) => {
                return self.ssh_paths().iter().flat_map(|path| path.places(root)).collect();
            }
            Form::Other => return Vec::new(),
        };
        let without_host = written.find('/').map(|slash| &written[slash..]);
        let all = std::iter::once(written).chain(without_host);
        let all = all.flat_map(|path| [path.to_owned(), decode_percent(path)]);
        all.map(|path| root.join(path)).collect()
    }

    /// Returns why the target of an ssh URL is unknown; None if it is known.
    #[must_use]
    pub fn uncertainty(&self) -> Option<&'static str> {
        self.ssh_paths().iter().find_map(|SshPath { host, path }| {
            if path.split('/').any(|part| part == "..") {
                return Some(
                    "has `..` in the path of an ssh URL, which depends on the user's home folder",
                );
            }
            let is_of_user = path.starts_with('~') && path != "~" && !path.starts_with("~/");
            (is_of_user && is_this_machine(host))
                .then_some("begins at a user's home folder on this machine")
        })
    }

    /// Returns the possible hosts and paths of an ssh URL.
    ///
    /// Brackets, ports and percent signs allow several readings.
    fn ssh_paths(&self) -> Vec<SshPath> {
        match self.form {
            Form::Ssh(rest) => [rest.to_owned(), decode_percent(rest)]
                .iter()
                .flat_map(|rest| split_ssh(rest))
                .collect(),
            Form::Scp(url) => {
                let colons = url.match_indices(':');
                colons
                    .map(|(at, _)| SshPath {
                        host: url[..at].to_owned(),
                        path: url[at + 1..].to_owned(),
                    })
                    .collect()
            }
            Form::Path(_) | Form::File(_) | Form::Other => Vec::new(),
        }
    }
}

impl GitUrl<'_> {
    /// Returns whether it is a path and not a URL.
    ///
    /// A path is relative to the catalog's root.
    #[must_use]
    pub fn is_path(url: &str) -> bool {
        matches!(GitUrl::parse(url).form, Form::Path(_))
    }
}

/// A host, with user and port, and a path on it.
struct SshPath {
    host: String,
    /// Absolute, or relative to the user's home folder.
    path: String,
}

impl SshPath {
    /// Returns the possible paths if the host is this machine.
    fn places(&self, root: &Path) -> Vec<PathBuf> {
        let written = [self.path.clone(), decode_percent(&self.path)];
        let (absolute, relative): (Vec<String>, Vec<String>) =
            written.into_iter().partition(|path| path.starts_with('/'));
        let mut places: Vec<PathBuf> = absolute.into_iter().map(PathBuf::from).collect();
        if is_this_machine(&self.host) {
            // Another user's home folder may contain the work tree.
            let homes: Vec<PathBuf> = root
                .ancestors()
                .skip(1)
                .map(Path::to_path_buf)
                .chain(std::env::home_dir())
                .collect();
            for path in relative {
                let below = path.strip_prefix("~/").unwrap_or(&path);
                places.extend(homes.iter().map(|home| home.join(below.trim_start_matches('/'))));
            }
        }
        places
    }
}

/// Splits `user@host:port/path`, whose host may be in brackets.
fn split_ssh(rest: &str) -> Vec<SshPath> {
    let after_bracket = rest.find(']').and_then(|end| Some(end + rest[end..].find('/')?));
    let slashes = rest.find('/').into_iter().chain(after_bracket);
    slashes
        .map(|slash| {
            let path = &rest[slash..];
            let path = if path.starts_with("/~") { &path[1..] } else { path };
            SshPath { host: rest[..slash].to_owned(), path: path.to_owned() }
        })
        .collect()
}

/// Returns whether the host of `user@host:port` is this machine.
fn is_this_machine(authority: &str) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
    let host = host.strip_prefix('[').unwrap_or(&host).split(']').next().unwrap_or_default();
    let is_here = |address: IpAddr| {
        address.to_canonical().is_loopback() || address.to_canonical().is_unspecified()
    };
    if let Ok(address) = host.parse() {
        return is_here(address);
    }
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.');
    if let Ok(address) = host.parse() {
        return is_here(address);
    }
    // Other notations of an IPv4 address, such as `127.1` and `0x7f000001`.
    let is_number = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_digit())
            && u128::from_str_radix(part.trim_start_matches("0x"), 16).is_ok()
    };
    let is_short_address = host.split('.').all(is_number);
    let is_named = [
        "localhost",
        "localhost4",
        "localhost6",
        "localhost.localdomain",
        "ip6-localhost",
        "ip6-loopback",
    ]
    .contains(&host);
    is_named || host.ends_with(".localhost") || is_short_address || is_own_name(host)
}

/// Returns whether this is the machine's own name, with or without a domain.
fn is_own_name(host: &str) -> bool {
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let names = ["/proc/sys/kernel/hostname", "/etc/hostname"].map(std::fs::read_to_string);
    !host.is_empty() && names.into_iter().flatten().any(|name| first(name.trim()) == first(host))
}

/// Returns whether it is like `C:\gitops`, a path on Windows only.
fn is_drive(url: &str) -> bool {
    cfg!(windows)
        && url.as_bytes().get(1) == Some(&b':')
        && url.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Decodes percent-encoding (RFC 3986, section 2.1), as git does with every URL.
fn decode_percent(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_the_protocol_that_git_uses() {
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
    fn a_path_is_found_in_every_location_that_git_could_use() {
        let root = Path::new("/srv/catalog");
        let paths = |url: &str| GitUrl::parse(url).local_paths(root);
        for url in
            ["evil", "./evil", "%65vil", "file:///srv/catalog/evil", "file:///srv/catalog/%65vil"]
        {
            let is_found =
                paths(url).iter().any(|path| path.components().eq(root.join("evil").components()));
            assert!(is_found, "{url}: {:?}", paths(url));
        }
        assert!(paths("file://localhost/srv/catalog/evil").contains(&root.join("evil")));
        for url in [
            "localhost:/srv/catalog/evil",
            "ssh://me@127.0.0.1:22/srv/catalog/%65vil",
            "[::1]:/srv/catalog/evil",
        ] {
            assert!(paths(url).contains(&root.join("evil")), "{url}: {:?}", paths(url));
        }
        for url in ["git.example.com:/srv/catalog/evil", "ssh://git.example.com/srv/catalog/evil"] {
            assert!(paths(url).contains(&root.join("evil")), "{url}: {:?}", paths(url));
        }
        for host in [
            "[localhost:22]:",
            "git@[localhost:22]:",
            "[git@localhost]:",
            "127.1:",
            "[::ffff:127.0.0.1]:",
            "me@0x7f000001:",
            "ssh://[localhost:22]/~/",
            "ssh://%6cocalhost/~/",
            "ssh://localhost%3a22/~/",
            "ssh://%5b::1%5d/~/",
            "ssh://git@[::ffff:127.0.0.1]/~/",
            "ssh://localhost/%7e/",
        ] {
            let url = format!("{host}catalog/evil");
            assert!(paths(&url).contains(&root.join("evil")), "{url}: {:?}", paths(&url));
            let url = format!(
                "{}/srv/catalog/evil",
                host.trim_end_matches("/~/").trim_end_matches("/%7e/")
            );
            assert!(paths(&url).contains(&root.join("evil")), "{url}: {:?}", paths(&url));
        }
        let home = std::env::home_dir().unwrap_or_default();
        for url in
            ["localhost:catalog/evil", "localhost:~/catalog/evil", "ssh://localhost/~/catalog/evil"]
        {
            assert!(paths(url).contains(&home.join("catalog/evil")), "{url}: {:?}", paths(url));
        }
        assert!(paths("git@git.example.com:catalog/evil").is_empty());
        assert!(paths("https://git.example.com/evil").is_empty());
    }

    #[test]
    fn an_ssh_path_that_depends_on_the_user_is_uncertain() {
        for url in [
            "localhost:~root/../srv/catalog/evil",
            "localhost:~root/evil",
            "ssh://localhost/~root/evil",
            "ssh://localhost/%7eroot/evil",
            "git.example.com:../srv/evil",
            "ssh://git.example.com/srv/%2e%2e/evil",
        ] {
            assert!(GitUrl::parse(url).uncertainty().is_some(), "{url}");
        }
        for url in
            ["git@git.example.com:a/b..git", "git.example.com:~git/a", "localhost:~/a", "../gitops"]
        {
            assert_eq!(GitUrl::parse(url).uncertainty(), None, "{url}");
        }
    }

    #[test]
    fn a_path_is_distinguished_from_a_url() {
        for path in ["../gitops.git", "/srv/git/gitops.git", "gitops", "./a:b"] {
            assert!(GitUrl::is_path(path), "{path}");
        }
        for url in [
            "https://host/a.git",
            "git@host:a/b.git",
            "file:///srv/a",
            "host:a",
            "codecommit::us-east-1://a",
        ] {
            assert!(!GitUrl::is_path(url), "{url}");
        }
    }
}
