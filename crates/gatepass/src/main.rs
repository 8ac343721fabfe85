//! The `gatepass` command.

use std::{io::Write, process::ExitCode};

use clap::{CommandFactory, FromArgMatches};
use gatepass::{
    cli::{Cli, Command, ProbeArgs},
    config::{Config, Settings},
    probe, serve, telemetry,
};

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let outcome = match cli.command {
        Command::Serve(args) => {
            let sources = matches.subcommand_matches("serve");
            Settings::gather(&args, sources)
                .and_then(Config::resolve)
                .map_err(anyhow::Error::from)
                .and_then(run)
        }
        Command::Config(args) => {
            let sources = matches.subcommand_matches("config");
            Settings::gather(&args, sources)
                .and_then(Config::resolve)
                .map_err(anyhow::Error::from)
                .and_then(|config| print(&config.describe()))
        }
        Command::Probe(args) => {
            let sources = matches.subcommand_matches("probe");
            let found = Settings::gather(&args.settings, sources)
                .and_then(Config::resolve)
                .map_err(anyhow::Error::from)
                .and_then(|config| look(&config, &args));
            match found {
                Ok(code) => return code,
                Err(error) => Err(error),
            }
        }
        Command::Version => print(&format!("gatepass {}\n", env!("CARGO_PKG_VERSION"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Logging may not be set up yet, and this line is for a person either way.
            let _ = writeln!(std::io::stderr(), "gatepass: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve::run(config))
}

fn look(config: &Config, args: &ProbeArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (text, code) = runtime.block_on(probe::run(config, args))?;
    print(&text)?;
    Ok(code)
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
