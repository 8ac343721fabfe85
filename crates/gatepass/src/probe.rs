//! `gatepass probe`: what the page's “Add server” finds out, in a terminal.

use std::{fmt::Write, process::ExitCode, sync::Arc};

use mcp_oauth_client::{
    Actor, AuthClient, Discovery, DiscoveryError, Failed, OpenServer, ProtectedServer,
    RegistrationError, Report, Rung, ServerUrl,
};
use serde_json::{Value, json};

use crate::{
    authorize::client,
    cli::ProbeArgs,
    config::Config,
    serve,
    system::{SystemClock, SystemRandom},
    world,
};

/// What came of it, and the code the command ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// No sign-in, or one that can begin.
    Works,
    /// It works once somebody enters a client id.
    ClientRequired,
    /// Trouble that passes.
    Temporary,
    /// Something must be changed first, by whom the report names.
    Broken,
}

impl Verdict {
    fn code(self) -> u8 {
        match self {
            Self::Works => 0,
            Self::ClientRequired => 3,
            Self::Temporary => 4,
            Self::Broken => 5,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::ClientRequired => "client-required",
            Self::Temporary => "temporary",
            Self::Broken => "broken",
        }
    }
}

struct Finding {
    verdict: Verdict,
    sentence: String,
    facts: Vec<(&'static str, Value)>,
    report: Report,
}

/// Looks at a server as the installation would, with its configuration and its way out. Nothing
/// is registered unless that is asked for, and nothing is stored.
pub async fn run(config: &Config, arguments: &ProbeArgs) -> anyhow::Result<(String, ExitCode)> {
    let public = config.public_url(config.listen.value);
    let settings = serve::protocol(config, &public);
    let server = ServerUrl::parse(&arguments.url, settings.url_policy)?;
    let transport = Arc::new(world::way_out(config)?);
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let auth = AuthClient::new(transport, clock, random, settings);
    let found = match auth.discover(&server).await {
        Ok(Discovery::Open(open)) => is_open(&server, open),
        Ok(Discovery::Protected(protected)) => {
            wants_a_sign_in(config, &auth, *protected, arguments.register).await
        }
        Err(failed) => failure(failed),
    };
    let text = if arguments.json {
        format!("{:#}\n", found.to_json(&server))
    } else if arguments.markdown {
        found.to_markdown(&server)
    } else {
        found.to_text()
    };
    Ok((text, ExitCode::from(found.verdict.code())))
}

fn is_open(server: &ServerUrl, open: OpenServer) -> Finding {
    Finding {
        verdict: Verdict::Works,
        sentence: format!("{} asks for no sign-in.", server.host()),
        facts: vec![("status", json!(open.status))],
        report: open.report,
    }
}

fn failure(failed: Failed<DiscoveryError>) -> Finding {
    let temporary = failed.recovery().is_temporary();
    let (error, report) = failed.into_parts();
    Finding {
        verdict: if temporary {
            Verdict::Temporary
        } else {
            Verdict::Broken
        },
        sentence: format!("{error}."),
        facts: Vec::new(),
        report,
    }
}

async fn wants_a_sign_in(
    config: &Config,
    auth: &AuthClient,
    protected: ProtectedServer,
    register: bool,
) -> Finding {
    let server = &protected.authorization_server;
    let rung = client::rung(config, auth.settings(), server);
    let scopes = protected.scopes_at(server);
    let issuers: Vec<_> = protected
        .authorization_servers
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut facts = vec![
        ("resource", json!(protected.resource.as_str())),
        ("issuer", json!(server.issuer.as_str())),
        ("authorizationServers", json!(issuers)),
        ("signInPage", json!(server.authorization_endpoint.host())),
        ("registration", json!(client::rung_name(&rung))),
        ("scopes", json!(scopes.iter().collect::<Vec<_>>())),
        ("redirectUri", json!(auth.settings().redirect_uri)),
        ("revocation", json!(server.revocation_endpoint.is_some())),
    ];
    let host = server.issuer.host();
    let (verdict, sentence) = match &rung {
        Rung::ClientRequired => (
            Verdict::ClientRequired,
            format!(
                "{host} lets no app register itself: register one there with the redirect URI {} \
                 and enter its client id.",
                auth.settings().redirect_uri
            ),
        ),
        Rung::Ready(_) | Rung::Dynamic => {
            (Verdict::Works, format!("A sign-in at {host} can begin."))
        }
    };
    let mut found = Finding {
        verdict,
        sentence,
        facts: Vec::new(),
        report: protected.report.clone(),
    };
    if register && matches!(rung, Rung::Dynamic) {
        match auth.register(server, &scopes).await {
            Ok(made) => facts.push(("clientId", json!(made.client_id.as_str()))),
            Err(failed) => found.refused(failed),
        }
    }
    found.facts = facts;
    found
}

impl Finding {
    fn refused(&mut self, failed: Failed<RegistrationError>) {
        let temporary = failed.recovery().is_temporary();
        let (error, report) = failed.into_parts();
        self.verdict = if temporary {
            Verdict::Temporary
        } else {
            Verdict::Broken
        };
        self.sentence = format!("{error}.");
        self.report.extend(report);
    }

    fn to_text(&self) -> String {
        let mut steps = self.report.clone();
        // The sentence says it already, and says it last.
        steps.summary = None;
        let actor = steps.actor.take();
        let mut text = steps.to_text();
        text.push('\n');
        for (name, value) in &self.facts {
            let shown = match value {
                Value::String(value) => value.clone(),
                Value::Array(values) => {
                    let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
                    if values.is_empty() {
                        "none".to_owned()
                    } else {
                        values.join(" ")
                    }
                }
                value => value.to_string(),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:>20}  {shown}");
        }
        if !self.facts.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}", self.sentence);
        if let Some(actor) = actor.filter(|_| self.verdict != Verdict::Works) {
            let _ = writeln!(text, "{}", Actor::sentence(actor));
        }
        text
    }

    fn to_markdown(&self, server: &ServerUrl) -> String {
        format!(
            "### `{server}`: {}\n\n{}\n\n{}",
            self.verdict.name(),
            self.sentence,
            self.report.to_markdown()
        )
    }

    fn to_json(&self, server: &ServerUrl) -> Value {
        let mut document = json!({
            "url": server.to_string(),
            "verdict": self.verdict.name(),
            "sentence": self.sentence,
        });
        for (name, value) in &self.facts {
            document[*name] = value.clone();
        }
        document["report"] = json!(self.report);
        document
    }
}
