//! Texts that a reader of the GitOps repository replaces with another secret or a variable.

/// Returns why a reader of the GitOps repository would replace a text, if so.
pub(crate) fn find_placeholder(text: &str) -> Option<&'static str> {
    if text.contains("<path:") {
        return Some(
            "contains `<path:`, which Argo CD's Vault plugin replaces with another secret",
        );
    }
    // At the start, or where an action emits it at the start.
    let is_of_vault = |text: &str| text.trim_start().trim_start_matches('>').starts_with("vault:");
    if is_of_vault(text) || text.split(['"', '`']).skip(1).any(is_of_vault) {
        return Some("contains `vault:`, which Bank-Vaults replaces with another secret");
    }
    if text.contains("ref+") {
        return Some("contains `ref+`, which vals replaces with another secret");
    }
    if text.contains("op://") {
        return Some("contains `op://`, which 1Password replaces with another secret");
    }
    text.contains("${")
        .then_some("contains `${`, which Flux replaces with a variable of the cluster")
}
