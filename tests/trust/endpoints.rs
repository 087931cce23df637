//! Signed requests go to AWS, to this machine, or where the environment says.
