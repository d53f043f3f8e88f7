//! Programs of tests that run on Node, each a folder with its lock file beside this one.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

/// The folder of such a program, if its packages are installed. Where they are not, the test is skipped, and says so; where
/// they have to be (`ALMANAC_REQUIRE_NODE`), it fails.
pub fn program(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if folder.join("node_modules").exists() {
        return Some(folder);
    }
    let missing = format!("the packages of {name} are not installed: npm ci in tests/{name}");
    assert!(option_env!("ALMANAC_REQUIRE_NODE").is_none(), "{missing}");
    writeln!(std::io::stderr(), "{missing}. The test is skipped.").ok();
    None
}
