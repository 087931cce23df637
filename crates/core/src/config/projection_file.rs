//! Checks of a projection's file name.

/// The files that kustomize reads in a folder.
pub const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Checks the path of a projection from the GitOps repository's root.
///
/// Only YAML files that are not hidden are allowed: a shell, git or a pipeline could execute a text
/// in a file of another kind.
///
/// # Errors
/// A sentence that says why `file` is rejected.
pub fn check_projection_file(file: &str) -> Result<(), String> {
    let is_hidden = |part: &&str| part.starts_with('.') && !matches!(*part, "." | "..");
    if let Some(part) = file.split(['/', '\\']).find(is_hidden) {
        return Err(format!(
            "`{part}` in `{file}` begins with a dot: git and other tools read such files as their \
             own"
        ));
    }
    if file.starts_with('/') || file.split(['/', '\\']).any(|part| part == "..") {
        return Err(format!("`{file}` is outside the repository"));
    }
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    if KUSTOMIZATIONS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(format!("`{file}` is reserved for kustomize"));
    }
    if [".yaml", ".yml"].iter().any(|end| file.ends_with(end)) {
        Ok(())
    } else {
        Err(format!("`{file}` does not end in .yaml or .yml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yaml_files_that_are_not_hidden_are_allowed() {
        for file in ["SEC-0001.yaml", "apps/web/SEC-0001.yml", "./a/b.yaml", "a.b/c.d.yaml"] {
            assert_eq!(check_projection_file(file), Ok(()), "{file}");
        }
        for file in [
            "conf.d/x.fish",
            ".bashrc",
            ".envrc",
            "a/.env.yaml",
            ".github/workflows/x.yml",
            ".git/hooks/x.yaml",
            "a/.GIT/x.yaml",
            ".gitlab-ci.yml",
            "a\\.git\\x.yaml",
            "x",
            "x.yaml/y",
            "x.yaml ",
            "x.yaml\n",
            "x.json",
            "kustomization.yaml",
            "apps/Kustomization.yml",
            "Kustomization",
            "Makefile",
            ".yaml",
            "",
            "../x.yaml",
            "/tmp/x.yaml",
            "a/../../x.yaml",
        ] {
            assert!(check_projection_file(file).is_err(), "{file}");
        }
    }
}
