//! Notices when the built UI appears or changes; it builds nothing itself, so that plain
//! `cargo check`, `clippy` and `test` need no Node.

use std::path::Path;

fn main() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if release && !dist.join("index.html").is_file() {
        println!(
            "cargo::warning=the UI is not built and will not be in this binary; `cargo xtask dist` builds both"
        );
    }
}
