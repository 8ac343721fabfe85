//! The command line: what can be said, not yet what it means (see [`crate::config`]).

use clap::{Args, Parser, Subcommand};

/// A self-hosted chat for remote MCP servers that sit behind OAuth.
#[derive(Debug, Parser)]
#[command(
    name = "gatepass",
    version,
    arg_required_else_help = true,
    after_help = "Start with `gatepass serve --demo` and open the URL it prints."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    Serve(Box<ServeArgs>),
    /// Print the effective configuration and where each value comes from; secrets are hidden.
    Config(Box<ServeArgs>),
    /// Look at an MCP server the way the page does: does it want a sign-in, where, and would it
    /// work? Registers nothing and stores nothing
    ///
    /// Ends with 0 if it works (or needs no sign-in), 3 if somebody must enter a client id first,
    /// 4 for trouble that passes, 5 if something must be changed first, 1 if it could not look.
    Probe(Box<ProbeArgs>),
    /// Print the version.
    Version,
}

/// What to look at, and how to say it.
#[derive(Args, Clone, Debug)]
pub struct ProbeArgs {
    /// The MCP server
    #[arg(value_name = "URL")]
    pub url: String,

    /// As JSON, for programs
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,

    /// As Markdown, for bug reports
    #[arg(long)]
    pub markdown: bool,

    /// Also register, if the server lets apps register themselves
    #[arg(long)]
    pub register: bool,

    /// The installation it is looked at from.
    #[command(flatten)]
    pub settings: ServeArgs,
}

/// Every setting that `serve` takes. Each is text here, so that a value from a flag, from the
/// environment or from the file is read by the same code with the same message.
#[derive(Args, Clone, Debug, Default)]
pub struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:4283]
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "GATEPASS_LISTEN",
        help_heading = "Server"
    )]
    pub listen: Option<String>,

    /// The origin people open in their browser; the OAuth redirect URI is made from it
    /// [default: http://localhost:<port>]
    #[arg(
        long,
        value_name = "URL",
        env = "GATEPASS_PUBLIC_URL",
        help_heading = "Server"
    )]
    pub public_url: Option<String>,

    /// Folder of the SQLite database and the key file
    /// [default: the platform's data folder, on Linux ~/.local/share/gatepass]
    #[arg(
        long,
        value_name = "DIR",
        env = "GATEPASS_DATA_DIR",
        help_heading = "Server"
    )]
    pub data_dir: Option<String>,

    /// File of the master keys; replicas share one [default: keys in the data folder]
    #[arg(
        long,
        value_name = "FILE",
        env = "GATEPASS_KEY_FILE",
        help_heading = "Server"
    )]
    pub key_file: Option<String>,

    /// PostgreSQL instead of SQLite: postgres://user:password@host/database
    #[arg(
        long,
        value_name = "URL",
        env = "GATEPASS_DATABASE_URL",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub database_url: Option<String>,

    /// Client addresses are read from the last X-Forwarded-For entry: say so only when every
    /// request comes through a reverse proxy that sets it
    #[arg(
        long,
        value_name = "BOOL",
        env = "GATEPASS_BEHIND_PROXY",
        num_args = 0..=1,
        default_missing_value = "true",
        help_heading = "Server"
    )]
    pub behind_proxy: Option<String>,

    /// Also run the demo: an authorization server, a protected MCP server with notes, and a
    /// rule-based model (not an LLM), each on loopback
    #[arg(
        long,
        value_name = "BOOL",
        env = "GATEPASS_DEMO",
        num_args = 0..=1,
        default_missing_value = "true",
        help_heading = "Server"
    )]
    pub demo: Option<String>,

    /// Base URL of an OpenAI-compatible endpoint, such as https://api.openai.com/v1
    /// [OPENAI_BASE_URL is read too]
    #[arg(
        long,
        value_name = "URL",
        env = "GATEPASS_MODEL_URL",
        help_heading = "Model"
    )]
    pub model_url: Option<String>,

    /// Its API key; better set in the environment [OPENAI_API_KEY is read with it, or for api.openai.com]
    #[arg(
        long,
        value_name = "KEY",
        env = "GATEPASS_MODEL_KEY",
        hide_env_values = true,
        help_heading = "Model"
    )]
    pub model_key: Option<String>,

    /// Which addresses Gatepass may connect to: `public` ones over https only, or also `loopback`
    /// ones over http [default: loopback when listening and reached on loopback only]
    #[arg(
        long,
        value_name = "public|loopback",
        env = "GATEPASS_EGRESS",
        help_heading = "Network"
    )]
    pub egress: Option<String>,

    /// Hosts or CIDR blocks to allow besides, comma-separated or repeated: mcp.corp.example,
    /// 10.1.0.0/16
    #[arg(
        long,
        value_name = "HOST|CIDR",
        env = "GATEPASS_EGRESS_ALLOW",
        value_delimiter = ',',
        help_heading = "Network"
    )]
    pub egress_allow: Vec<String>,

    /// Send everything but requests to this machine through an http proxy, which then decides
    /// what may be reached
    #[arg(
        long,
        value_name = "URL",
        env = "GATEPASS_EGRESS_PROXY",
        hide_env_values = true,
        help_heading = "Network"
    )]
    pub egress_proxy: Option<String>,

    /// PEM file with certificate authorities to trust besides the system's; may be repeated
    #[arg(
        long,
        value_name = "FILE",
        env = "GATEPASS_TLS_CA",
        value_delimiter = ',',
        help_heading = "Network"
    )]
    pub tls_ca: Vec<String>,

    /// URL of our client metadata document when it is hosted elsewhere; `off` to never offer it
    /// [default: <public URL>/oauth/client-metadata.json when that is public https]
    #[arg(
        long,
        value_name = "URL",
        env = "GATEPASS_CLIENT_METADATA_URL",
        help_heading = "Network"
    )]
    pub client_metadata_url: Option<String>,

    /// Configuration file [default: gatepass.toml in the data folder, if there is one]
    #[arg(
        long,
        value_name = "FILE",
        env = "GATEPASS_CONFIG",
        help_heading = "Configuration"
    )]
    pub config: Option<String>,

    /// What to log: a level, or filters such as `info,gatepass=debug` [default: info,rmcp=off]
    #[arg(
        long,
        value_name = "FILTER",
        env = "GATEPASS_LOG",
        help_heading = "Configuration"
    )]
    pub log: Option<String>,
}
