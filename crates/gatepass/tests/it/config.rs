//! What flags, environment and file come to.

use std::{fs, process::Command};

use insta::assert_snapshot;

const SCRUBBED: [&str; 4] = [
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "GATEPASS_LISTEN",
    "GATEPASS_CONFIG",
];

/// Runs `gatepass config` and gives what it prints, the data folder written as `DIR`.
fn effective(arguments: &[&str], environment: &[(&str, &str)], file: &str) -> String {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("gatepass.toml"), file).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepass"));
    for name in SCRUBBED {
        command.env_remove(name);
    }
    let output = command
        .arg("config")
        .env("GATEPASS_DATA_DIR", data.path())
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = if output.status.success() {
        output.stdout
    } else {
        output.stderr
    };
    let text = String::from_utf8(text)
        .unwrap()
        .replace(&data.path().display().to_string(), "DIR");
    // The columns move with the folder's name.
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(|line| squeeze(line) + "\n").collect()
}

#[test]
fn defaults_are_those_of_a_personal_install() {
    assert_snapshot!(effective(&[], &[], ""), @r"
    # configuration file: DIR/gatepass.toml
    listen 127.0.0.1:4283 default
    public_url http://localhost:4283 default
    redirect URI: http://localhost:4283/api/mcp/oauth/callback
    data_dir DIR GATEPASS_DATA_DIR
    key_file DIR/keys default
    database_url sqlite:DIR/gatepass.sqlite default
    behind_proxy false default
    demo false default
    model_url none default
    model_key none default
    egress loopback default
    egress_allow none default
    egress_proxy none default
    tls_ca none default
    client_metadata_url off default
    log info,rmcp=off default
    limits unlimited requests and unlimited outbound calls a minute for an owner, 20 owners an address
    8192 connections and 256 calls of an owner at once
    messages of 262144 bytes with pictures of 5242880 bytes, files of 33554432 bytes in a conversation
    connections kept 30 days, any size of database, 16 tool rounds, 120 s for a silent tool
    0 s to drain, 0 s of grace at the end
    ");
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let file = r#"
listen = "127.0.0.1:1"
public_url = "https://file.example"
egress_allow = ["10.0.0.0/8"]
"#;
    assert_snapshot!(
        effective(
            &["--listen", "0.0.0.0:3"],
            &[("GATEPASS_LISTEN", "127.0.0.1:2"), ("OPENAI_BASE_URL", "http://localhost:11434/v1")],
            file
        ),
        @r"
        # configuration file: DIR/gatepass.toml
        listen 0.0.0.0:3 --listen
        public_url https://file.example DIR/gatepass.toml:3
        redirect URI: https://file.example/api/mcp/oauth/callback
        data_dir DIR GATEPASS_DATA_DIR
        key_file DIR/keys default
        database_url sqlite:DIR/gatepass.sqlite default
        behind_proxy false default
        demo false default
        model_url http://localhost:11434/v1 OPENAI_BASE_URL
        model_key none default
        egress public default
        egress_allow 10.0.0.0/8 DIR/gatepass.toml:4
        egress_proxy none default
        tls_ca none default
        client_metadata_url https://file.example/oauth/client-metadata.json default
        log info,rmcp=off default
        limits 600 requests and 240 outbound calls a minute for an owner, 20 owners an address
        8192 connections and 256 calls of an owner at once
        messages of 262144 bytes with pictures of 5242880 bytes, files of 33554432 bytes in a conversation
        connections kept 30 days, any size of database, 16 tool rounds, 120 s for a silent tool
        5 s to drain, 20 s of grace at the end
        "
    );
}

#[test]
fn secrets_are_never_printed() {
    let file = r#"
database_url = "postgres://gatepass:hunter2@db.example/gatepass?sslmode=require"
model_key = "sk-hunter2"
[[servers]]
name = "Wiki"
url = "https://wiki.example/mcp"
headers = { "X-Key" = "hunter2" }
[[clients]]
issuer = "https://as.example/"
client_id = "gatepass"
client_secret = "hunter2"
[[models]]
id = "small"
[[issuers]]
issuer = "https://old.example"
allow_missing_s256 = true
[limits]
requests_per_minute = 0
"#;
    let shown = effective(&[], &[], file);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_snapshot!(shown, @r"
    # configuration file: DIR/gatepass.toml
    listen 127.0.0.1:4283 default
    public_url http://localhost:4283 default
    redirect URI: http://localhost:4283/api/mcp/oauth/callback
    data_dir DIR GATEPASS_DATA_DIR
    key_file DIR/keys default
    database_url postgres://gatepass:hidden@db.example/gatepass DIR/gatepass.toml:2
    behind_proxy false default
    demo false default
    model_url https://api.openai.com/v1 DIR/gatepass.toml:3
    model_key (hidden) DIR/gatepass.toml:3
    egress loopback default
    egress_allow none default
    egress_proxy none default
    tls_ca none default
    client_metadata_url off default
    log info,rmcp=off default
    limits unlimited requests and unlimited outbound calls a minute for an owner, 20 owners an address
    8192 connections and 256 calls of an owner at once
    messages of 262144 bytes with pictures of 5242880 bytes, files of 33554432 bytes in a conversation
    connections kept 30 days, any size of database, 16 tool rounds, 120 s for a silent tool
    0 s to drain, 0 s of grace at the end
    server Wiki: https://wiki.example/mcp, X-Key: (hidden)
    client gatepass at https://as.example/, client_secret_basic, secret (hidden)
    model small (small)
    issuer https://old.example may leave out S256
    ");
}

#[test]
fn a_key_of_the_environment_goes_only_where_it_belongs() {
    let model = |arguments: &[&str], environment: &[(&str, &str)]| {
        effective(arguments, environment, "")
            .lines()
            .filter(|line| line.starts_with("model_"))
            .collect::<Vec<_>>()
            .join("; ")
    };
    let key = ("OPENAI_API_KEY", "sk-x");
    let base = ("OPENAI_BASE_URL", "http://localhost:11434/v1");
    let cases = [
        model(&[], &[key]),
        model(&[], &[key, base]),
        model(
            &["--model-url", "https://models.corp.example/v1"],
            &[key, base],
        ),
        model(&["--model-url", "https://api.openai.com/v1"], &[key]),
        model(&["--model-key", "sk-y"], &[base]),
    ];
    assert_snapshot!(cases.join("\n"), @r"
    model_url https://api.openai.com/v1 OPENAI_API_KEY; model_key (hidden) OPENAI_API_KEY
    model_url http://localhost:11434/v1 OPENAI_BASE_URL; model_key (hidden) OPENAI_API_KEY
    model_url https://models.corp.example/v1 --model-url; model_key none default
    model_url https://api.openai.com/v1 --model-url; model_key (hidden) OPENAI_API_KEY
    model_url http://localhost:11434/v1 OPENAI_BASE_URL; model_key (hidden) --model-key
    ");
}

#[test]
fn faults_name_the_flag_the_variable_or_the_line() {
    let cases = [
        effective(&["--listen", "4283"], &[], ""),
        effective(
            &[],
            &[("GATEPASS_PUBLIC_URL", "http://chat.example.com")],
            "",
        ),
        effective(&["--public-url", "https://chat.example.com/app"], &[], ""),
        effective(&["--egress", "all"], &[], ""),
        effective(&["--database-url", "mysql://root:hunter2@db/x"], &[], ""),
        effective(
            &["--client-metadata-url", "https://chat.example.com"],
            &[],
            "",
        ),
        effective(&[], &[], "# comment\nlisten = 'x'\n"),
        effective(&[], &[], "listn = '127.0.0.1:1'\n"),
        effective(&[], &[], "listen = \n"),
        effective(
            &[],
            &[],
            "\n[[servers]]\nname = 'a'\nurl = 'ftp://a.example/mcp'\n",
        ),
        effective(
            &[],
            &[],
            "[[clients]]\nissuer = 'https://as.example'\nclient_id = '  '\n",
        ),
        effective(
            &[],
            &[],
            "[[clients]]\nissuer = 'https://as.example'\nclient_id = 'a'\nclient_secret_env = 'NOT_SET_ANYWHERE'\n",
        ),
        effective(
            &[],
            &[],
            "[[clients]]\nissuer = 'https://as.example'\nclient_id = 'a'\nauth_method = 'client_secret_post'\n",
        ),
        effective(&["--config", "/nonexistent/gatepass.toml"], &[], ""),
    ];
    assert_snapshot!(cases.join(""), @r"
    gatepass: --listen: “4283” is not an address and port such as 127.0.0.1:4283 or 0.0.0.0:8080
    gatepass: GATEPASS_PUBLIC_URL: “http://chat.example.com” must use https: browsers send sign-in cookies and codes there, and only localhost is safe without it
    gatepass: --public-url: “https://chat.example.com/app” must be a bare origin, such as https://chat.example.com: no path, query or user name
    gatepass: --egress: “all” is neither `public` nor `loopback`
    gatepass: --database-url: the database URL must start with postgres:// or sqlite:
    gatepass: --client-metadata-url: “https://chat.example.com” cannot be a client id: it must be an https URL with a path, written in its normal form, without fragment or user name
    gatepass: DIR/gatepass.toml:2: “x” is not an address and port such as 127.0.0.1:4283 or 0.0.0.0:8080
    gatepass: DIR/gatepass.toml:1:1: unknown field `listn`, expected one of `listen`, `public_url`, `data_dir`, `key_file`, `database_url`, `behind_proxy`, `demo`, `model_url`, `model_key`, `egress`, `egress_allow`, `egress_proxy`, `tls_ca`, `client_metadata_url`, `log`, `servers`, `clients`, `models`, `issuers`, `limits`
    gatepass: DIR/gatepass.toml:1:10: string values must be quoted, expected literal string
    gatepass: DIR/gatepass.toml:2: server “a”: “ftp:” is not a web address; only https can be used
    gatepass: DIR/gatepass.toml:1: client of https://as.example: the client id is empty
    gatepass: DIR/gatepass.toml:1: client of https://as.example: the variable NOT_SET_ANYWHERE is not set
    gatepass: DIR/gatepass.toml:1: client of https://as.example: auth_method client_secret_post needs a secret
    gatepass: cannot read the configuration file /nonexistent/gatepass.toml: No such file or directory (os error 2)
    ");
}
