//! Notices when the built UI appears or changes; it builds nothing itself, so that plain
//! `cargo check`, `clippy` and `test` need no Node.

use std::{env, path::PathBuf};

fn main() {
    // Asked for at run time: the checkout may have moved since this script was compiled.
    let here = env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
    // Always there, since an empty file in it is tracked: of a missing folder cargo would say at
    // every build that it has changed.
    let dist = here.join("../../web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if release && !dist.join("index.html").is_file() {
        println!(
            "cargo::warning=the UI is not built and will not be in this binary; `cargo xtask dist` builds both"
        );
    }
}
