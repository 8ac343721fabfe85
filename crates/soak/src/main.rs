//! `gatepass-soak`: see [`gatepass_soak`].

use std::{io::Write, process::ExitCode};

use clap::Parser;
use gatepass_soak::{Faults, Plan, soak};

/// Refreshes connections thousands of times, with faults on the way, and says what was lost.
#[derive(Debug, Parser)]
#[command(name = "gatepass-soak", version)]
struct Arguments {
    /// How many refreshes.
    #[arg(long, default_value_t = 10_000)]
    refreshes: u64,
    /// How many connections share them.
    #[arg(long, default_value_t = 20)]
    connections: usize,
    /// How many replicas ask for each refresh at once.
    #[arg(long, default_value_t = 3)]
    replicas: usize,
    /// Every so-manieth token request meets a fault.
    #[arg(long, default_value_t = 20, value_name = "N")]
    one_in: u64,
    /// PostgreSQL instead of a SQLite file.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let plan = |refreshes, faults| Plan {
        refreshes,
        connections: arguments.connections,
        replicas: arguments.replicas,
        one_in: arguments.one_in,
        faults,
        database_url: arguments.database_url.clone(),
    };
    let mut out = std::io::stdout();
    let mut well = true;
    for (title, plan) in [
        (
            "Requests that are not served; the server forgives no second use of a refresh token",
            plan(arguments.refreshes, Faults::Unserved),
        ),
        (
            "Answers that are lost; the server answers the same request again",
            plan(arguments.refreshes.div_ceil(10), Faults::Unheard),
        ),
    ] {
        let counts = soak(&plan).await?;
        writeln!(out, "{title}:\n\n{counts}")?;
        well &= counts.is_well() && counts.refreshes == plan.refreshes;
    }
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
