//! The crate brings no runtime, no HTTP client and no database to its users.

use std::process::Command;

#[test]
fn no_runtime_http_client_or_database_is_among_the_dependencies() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "mcp-oauth-client", "--edges", "normal"])
        .args([
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--locked",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(
        tree.starts_with("mcp-oauth-client "),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap();
        let forbidden = [
            "tokio",
            "async-std",
            "smol",
            "mio",
            "hyper",
            "h2",
            "reqwest",
            "ureq",
            "curl",
            "sqlx",
            "rustls",
        ];
        let is_one = |own: &&str| name == *own || name.starts_with(&format!("{own}-"));
        assert!(!forbidden.iter().any(is_one), "{name} is a dependency");
    }
}
