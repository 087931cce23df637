//! One life of a secret on a real AWS account, if someone has one, and the same on an emulator.
//!
//! `docs/how-to/test-on-a-real-account.md` says how it is run, and what it costs.

mod account;
mod life;

use std::panic::{AssertUnwindSafe, catch_unwind};

use goldenpath_testkit::{Aws, skip};

use account::{ACCOUNT, LiveAccount, REGION};
use life::{MAX_CALLS, live_and_clean_up};

fn fails(account: &LiveAccount) -> bool {
    catch_unwind(AssertUnwindSafe(|| live_and_clean_up(account))).is_err()
}

#[test]
#[ignore = "creates a secret in a real AWS account"]
fn a_life_on_a_real_account() {
    match LiveAccount::of_environment() {
        Some(account) => drop(live_and_clean_up(&account)),
        None => skip(&format!("{ACCOUNT} and {REGION} do not say which account it may use")),
    }
}

#[test]
fn the_life_for_a_real_account_ends_well_on_an_emulator() {
    let aws = Aws::new("live-emulated");
    let left = live_and_clean_up(&LiveAccount::of_emulator(&aws, &aws.account.id));
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(aws.names(), [left[0].name.clone()]);
    assert!(aws.describe(&left[0].name)["DeletedDate"].is_number());
    let calls = aws.recorder.operations().len();
    assert!(calls <= MAX_CALLS, "{calls} calls");
    for deletion in aws.recorder.bodies("DeleteSecret") {
        assert_eq!(deletion["RecoveryWindowInDays"], 7, "{deletion}");
    }
}

#[test]
fn a_life_that_fails_leaves_no_secret_that_is_not_marked_for_deletion() {
    let aws = Aws::new("live-failed");
    let why = "User is not authorized";
    aws.recorder.refuse("PutSecretValue", "", usize::MAX, "AccessDeniedException", why);
    let account = LiveAccount::of_emulator(&aws, &aws.account.id);
    assert!(fails(&account));
    let names = aws.names();
    assert_eq!(names.len(), 1);
    assert!(aws.describe(&names[0])["DeletedDate"].is_number());
}

#[test]
fn a_life_in_another_account_than_the_one_that_was_named_is_refused() {
    let aws = Aws::new("live-refused");
    let account = LiveAccount::of_emulator(&aws, "999999999999");
    assert!(fails(&account));
    assert_eq!(aws.names(), [""; 0]);
    let reads = ["GetCallerIdentity", "ListSecrets", "DescribeSecret"];
    let calls = aws.recorder.operations();
    assert!(calls.iter().all(|call| reads.contains(&call.as_str())), "{calls:?}");
}
