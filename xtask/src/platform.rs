//! The platforms of a release.

/// A platform: Rust's name of it, and those of the package formats.
#[derive(Debug)]
pub(crate) struct Platform {
    pub target: &'static str,
    pub npm_os: &'static str,
    pub npm_cpu: &'static str,
    pub npm_libc: Option<&'static str>,
    /// The architecture of Debian and of RPM; None if there are no such packages.
    pub linux: Option<(&'static str, &'static str)>,
}

pub(crate) const PLATFORMS: [Platform; 7] = [
    linux("x86_64-unknown-linux-gnu", "x64", "glibc", Some(("amd64", "x86_64"))),
    linux("aarch64-unknown-linux-gnu", "arm64", "glibc", Some(("arm64", "aarch64"))),
    linux("x86_64-unknown-linux-musl", "x64", "musl", None),
    linux("aarch64-unknown-linux-musl", "arm64", "musl", None),
    other("x86_64-apple-darwin", "darwin", "x64"),
    other("aarch64-apple-darwin", "darwin", "arm64"),
    other("x86_64-pc-windows-msvc", "win32", "x64"),
];

const fn linux(
    target: &'static str,
    cpu: &'static str,
    libc: &'static str,
    linux: Option<(&'static str, &'static str)>,
) -> Platform {
    Platform { target, npm_os: "linux", npm_cpu: cpu, npm_libc: Some(libc), linux }
}

const fn other(target: &'static str, os: &'static str, cpu: &'static str) -> Platform {
    Platform { target, npm_os: os, npm_cpu: cpu, npm_libc: None, linux: None }
}

impl Platform {
    /// Returns the platform by Rust's name.
    pub(crate) fn of(target: &str) -> Result<&'static Self, String> {
        PLATFORMS.iter().find(|platform| platform.target == target).ok_or_else(|| {
            let names: Vec<&str> = PLATFORMS.iter().map(|platform| platform.target).collect();
            format!("there is no platform {target}; the platforms are {}", names.join(", "))
        })
    }

    /// Returns the program's file name.
    pub(crate) fn program(&self) -> &'static str {
        if self.is_windows() { "goldenpath.exe" } else { "goldenpath" }
    }

    pub(crate) fn is_windows(&self) -> bool {
        self.npm_os == "win32"
    }

    /// Returns the name of the platform's archive.
    pub(crate) fn archive(&self, version: &str) -> String {
        let extension = if self.is_windows() { "zip" } else { "tar.gz" };
        format!("goldenpath-{version}-{}.{extension}", self.target)
    }
}
