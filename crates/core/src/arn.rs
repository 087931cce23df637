//! Amazon Resource Names in manifests and configuration files.
//!
//! Sources: AWS General Reference, "Amazon Resource Names"; IAM, "IAM identifiers".

/// The maximum length of a role's or user's name, in characters (IAM quotas).
const NAME_LENGTH: usize = 64;

/// The maximum length of an ARN's path, both slashes included (IAM quotas).
const PATH_LENGTH: usize = 512;

/// Checks the ARN of a principal that a resource policy can admit.
///
/// A principal is a role, a user, or an account's root, which admits every identity that the
/// account itself allows.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub fn check_principal(text: &str) -> Result<(), String> {
    const FORM: &str = "give the ARN of a role, a user or an account's root: \
                        arn:aws:iam::123456789012:role/payments";
    if text.contains(['*', '?']) {
        return Err("a wildcard admits every identity: name each principal".to_owned());
    }
    let arn = Arn::parse(text).ok_or(FORM)?;
    if arn.service == "sts" {
        return Err(
            "this is a role's session: name the role itself, arn:aws:iam::<account>:role/<name>"
                .to_owned(),
        );
    }
    if arn.service != "iam" || !arn.region.is_empty() {
        return Err(FORM.to_owned());
    }
    match arn.resource.split_once('/') {
        None if arn.resource == "root" => Ok(()),
        Some(("role" | "user", name)) => check_name(name),
        Some(("group", _)) => {
            Err("a group cannot be a principal: name its users, or a role that they assume"
                .to_owned())
        }
        _ => Err(FORM.to_owned()),
    }
}

/// Checks the ARN of a role that can be assumed.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub fn check_role(text: &str) -> Result<(), String> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "iam" && arn.region.is_empty());
    match arn.and_then(|arn| arn.resource.strip_prefix("role/")) {
        Some(name) => check_name(name),
        None => Err("a role reads like arn:aws:iam::123456789012:role/goldenpath-apply".to_owned()),
    }
}

/// Returns the account of an ARN, or None if `text` is not one.
#[must_use]
pub fn account(text: &str) -> Option<&str> {
    Some(Arn::parse(text)?.account)
}

/// Returns the region of an ARN, or None if `text` is not one or has none.
#[must_use]
pub fn region(text: &str) -> Option<&str> {
    Some(Arn::parse(text)?.region).filter(|region| !region.is_empty())
}

/// Checks the ARN of a Lambda function.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub fn check_function(text: &str) -> Result<(), String> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "lambda" && !arn.region.is_empty());
    let name = arn.and_then(|arn| arn.resource.strip_prefix("function:"));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:$".contains(&byte);
    match name {
        Some(name) if !name.is_empty() && name.bytes().all(allowed) => Ok(()),
        _ => Err(
            "a function reads like arn:aws:lambda:eu-west-2:123456789012:function:rotate-database"
                .to_owned(),
        ),
    }
}

/// Returns why a function or a role cannot rotate a secret in a partition, region and account.
///
/// The three are None if they are not known. Secrets Manager uses only functions and roles in the
/// secret's own region and account; a role is in no region.
#[must_use]
pub fn find_arn_objection(
    text: &str,
    partition: Option<&str>,
    region: Option<&str>,
    account: Option<&str>,
) -> Option<String> {
    let arn = Arn::parse(text)?;
    let places = [
        ("partition", arn.partition, partition),
        ("region", arn.region, region),
        ("account", arn.account, account),
    ];
    places.into_iter().find_map(|(what, there, here)| {
        let here = here.filter(|here| *here != there)?;
        Some(format!("it is in the {what} {there}, but the secret is in {here}"))
    })
}

/// The alias of the key that AWS manages for Secrets Manager in each account.
const DEFAULT_KMS_KEY: &str = "alias/aws/secretsmanager";

/// Checks the ID, the alias or the ARN of a KMS key; an empty text is the default key.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub fn check_kms_key(text: &str) -> Result<(), String> {
    const FORM: &str = "give the ID, the alias or the ARN of a key: \
                        1234abcd-12ab-34cd-56ef-1234567890ab, alias/secrets or \
                        arn:aws:kms:eu-west-2:123456789012:key/…";
    let name = match Arn::parse(text) {
        Some(arn) if arn.service == "kms" && !arn.region.is_empty() => {
            match arn.resource.strip_prefix("key/") {
                Some(id) if is_kms_key_id(id) => return Ok(()),
                Some(_) => return Err(FORM.to_owned()),
                None => arn.resource,
            }
        }
        Some(_) => return Err(FORM.to_owned()),
        None => text,
    };
    let is_alias = name.strip_prefix("alias/").is_some_and(|alias| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
        (1..=250).contains(&alias.len()) && alias.bytes().all(allowed)
    });
    if text.is_empty() || is_alias || is_kms_key_id(text) { Ok(()) } else { Err(FORM.to_owned()) }
}

/// Returns whether `text` is the ID of a KMS key.
///
/// A UUID, or that of a key in several regions (KMS, "Key identifiers").
fn is_kms_key_id(text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.strip_prefix("mrk-") {
        Some(id) => id.len() == 32 && is_hex(id),
        None => {
            let lengths = text.split('-').map(str::len);
            lengths.eq([8, 4, 4, 4, 12]) && text.split('-').all(is_hex)
        }
    }
}

/// Returns whether a KMS key is the one that AWS manages for Secrets Manager.
///
/// The names of that key are None, an empty text, its alias, or the alias's ARN. AWS leaves the key
/// out of its answers (DescribeSecret, `KmsKeyId`).
#[must_use]
pub fn is_default_kms_key(key: Option<&str>) -> bool {
    let Some(key) = key.filter(|key| !key.is_empty()) else { return true };
    key == DEFAULT_KMS_KEY || Arn::parse(key).is_some_and(|arn| arn.resource == DEFAULT_KMS_KEY)
}

/// An Amazon Resource Name with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'text> {
    /// Such as `aws` or `aws-cn`.
    pub partition: &'text str,
    /// Such as `lambda`.
    pub service: &'text str,
    /// Empty for global services.
    pub region: &'text str,
    /// Twelve digits.
    pub account: &'text str,
    /// The rest, such as `function:rotate`.
    pub resource: &'text str,
}

impl<'text> Arn<'text> {
    /// Parses `text`; None if it is not an ARN.
    ///
    /// An ARN has six parts, one of AWS's partitions and a 12-digit account.
    #[must_use]
    pub fn parse(text: &'text str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [scheme, partition, service, region, account, resource] = parts[..] else {
            return None;
        };
        let in_small =
            |text: &str| text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let good = scheme == "arn"
            && partition.starts_with("aws")
            && in_small(partition)
            && in_small(region);
        (good && is_account).then_some(Self { partition, service, region, account, resource })
    }
}

/// Checks a name with its path.
fn check_name(text: &str) -> Result<(), String> {
    let name = text.rsplit('/').next().unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
    if text.split('/').any(str::is_empty) {
        return Err("a part of its name is empty".to_owned());
    }
    if let Some(character) = text.chars().find(|c| !c.is_ascii() || !allowed(*c as u8)) {
        return Err(format!(
            "`{}` is not allowed in the name of a role or user",
            character.escape_debug()
        ));
    }
    if name.len() > NAME_LENGTH || text.len() - name.len() > PATH_LENGTH {
        return Err(format!(
            "its name has {} characters, the maximum is {NAME_LENGTH}",
            name.len()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_roles_users_and_roots() {
        for good in [
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:role/payments",
            "arn:aws-us-gov:iam::123456789012:role/a/path/x+=,.@-_y",
            "arn:aws-cn:iam::123456789012:user/Ann",
        ] {
            assert_eq!(check_principal(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "123456789012",
            "arn:aws:iam::12345678901:root",
            "arn:aws:iam:eu-west-2:123456789012:root",
            "arn:aws:iam::123456789012:roots",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role//x",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam::123456789012:role/ü",
            "arn:aws:iam::123456789012:group/admins",
            "arn:aws:sts::123456789012:assumed-role/x/y",
            "arn:aws:s3::123456789012:role/x",
            "ARN:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:role/payments ",
            &format!("arn:aws:iam::123456789012:role/{}", "x".repeat(65)),
        ] {
            assert!(check_principal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_kms_key_is_an_id_an_alias_or_an_arn() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        for good in [
            "",
            id,
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "alias/secrets",
            "alias/aws/secretsmanager",
            &format!("arn:aws:kms:eu-west-2:123456789012:key/{id}"),
            "arn:aws-cn:kms:cn-north-1:123456789012:alias/a/b_c-d",
            "arn:aws:kms:eu-west-2:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        ] {
            assert_eq!(check_kms_key(good), Ok(()), "{good}");
        }
        for bad in [
            "secrets",
            "alias/",
            "alias/a b",
            "alias/ü",
            "Alias/secrets",
            "1234abcd",
            "1234abcd-12ab-34cd-56ef-1234567890ag",
            "mrk-1234",
            &format!("key/{id}"),
            &format!("arn:aws:kms::123456789012:key/{id}"),
            &format!("arn:aws:s3:eu-west-2:123456789012:key/{id}"),
            &format!("arn:aws:kms:eu-west-2:123456789012:{id}"),
            "arn:aws:kms:eu-west-2:123456789012:key/x",
            "arn:aws:kms:eu-west-2:12:alias/secrets",
            " alias/secrets",
        ] {
            assert!(check_kms_key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_default_key_has_several_names() {
        let arn = "arn:aws:kms:eu-west-2:123456789012:alias/aws/secretsmanager";
        for default in [None, Some(""), Some("alias/aws/secretsmanager"), Some(arn)] {
            assert!(is_default_kms_key(default), "{default:?}");
        }
        for other in ["alias/secrets", "1234abcd-12ab-34cd-56ef-1234567890ab"] {
            assert!(!is_default_kms_key(Some(other)), "{other}");
        }
    }

    #[test]
    fn roles_and_functions_are_distinguished_from_other_resources() {
        assert!(check_role("arn:aws:iam::123456789012:role/ci/goldenpath-apply").is_ok());
        assert!(check_role("arn:aws:iam::123456789012:user/ann").is_err());
        assert!(
            check_function("arn:aws:lambda:eu-west-2:123456789012:function:rotate:live").is_ok()
        );
        assert!(check_function("arn:aws:lambda::123456789012:function:rotate").is_err());
        assert!(check_function("rotate").is_err());
    }
}
