//! The effective configuration as text: what `gatepass config` prints.

use std::fmt::Write;

use mcp_oauth_client::Secret;

use super::{ClientMetadata, Config, Database, EgressMode, PublicUrl, Setting};

impl Config {
    /// Every setting, its value and where it comes from, one a line. No secret is shown.
    pub fn describe(&self) -> String {
        let mut rows: Vec<(&str, String, String)> = Vec::new();
        let mut row = |name, value: String, origin: String| rows.push((name, value, origin));
        row(
            "listen",
            self.listen.value.to_string(),
            self.listen.origin.to_string(),
        );
        let public = self.public_url(self.listen.value);
        row(
            "public_url",
            public.to_string(),
            self.public_url.origin.to_string(),
        );
        row(
            "",
            format!("redirect URI: {}", public.redirect_uri()),
            String::new(),
        );
        row(
            "data_dir",
            self.data_dir.value.display().to_string(),
            self.data_dir.origin.to_string(),
        );
        row(
            "key_file",
            self.key_file.value.display().to_string(),
            self.key_file.origin.to_string(),
        );
        row(
            "database_url",
            self.database.value.describe(),
            self.database.origin.to_string(),
        );
        row(
            "behind_proxy",
            self.behind_proxy.value.to_string(),
            self.behind_proxy.origin.to_string(),
        );
        row(
            "demo",
            self.demo.value.to_string(),
            self.demo.origin.to_string(),
        );
        row(
            "model_url",
            optional(&self.model_url),
            self.model_url.origin.to_string(),
        );
        row(
            "model_key",
            hidden(&self.model_key),
            self.model_key.origin.to_string(),
        );
        let egress = match self.egress.value {
            EgressMode::Public => "public",
            EgressMode::Loopback => "loopback",
        };
        row("egress", egress.to_owned(), self.egress.origin.to_string());
        row(
            "egress_allow",
            list(&texts(&self.egress_allow.value)),
            self.egress_allow.origin.to_string(),
        );
        row(
            "egress_proxy",
            optional(&self.egress_proxy),
            self.egress_proxy.origin.to_string(),
        );
        let files: Vec<String> = self
            .tls_ca
            .value
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        row("tls_ca", list(&files), self.tls_ca.origin.to_string());
        row(
            "client_metadata_url",
            self.client_metadata_url(&public)
                .unwrap_or_else(|| "off".to_owned()),
            self.client_metadata.origin.to_string(),
        );
        row("log", self.log.value.clone(), self.log.origin.to_string());

        let mut text = String::new();
        match &self.file {
            Some(path) => {
                let _ = writeln!(text, "# configuration file: {}", path.display());
            }
            None => text.push_str("# configuration file: none\n"),
        }
        for (name, value, origin) in rows {
            let line = format!("{name:<20} {value:<44} {origin}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        self.describe_lists(&mut text);
        text
    }

    fn describe_lists(&self, text: &mut String) {
        let limits = &self.limits;
        let _ = writeln!(
            text,
            "limits               {} requests and {} outbound calls a minute for an owner, {} \
             owners an address\n{:<20} {} connections and {} calls of an owner at once\n{:<20} messages of {} bytes with pictures of {} \
             bytes, files of {} bytes in a conversation\n{:<20} connections kept {} days, {} of \
             database, {} tool rounds, {} s for a silent tool\n{:<20} {} s to drain, {} s of grace \
             at the end",
            rate(limits.requests_per_minute.unwrap_or(0)),
            rate(limits.outbound_per_minute.unwrap_or(0)),
            limits.owners_per_address,
            "",
            limits.connections,
            limits.calls_at_once,
            "",
            limits.message_bytes,
            limits.attachment_bytes,
            limits.conversation_attachment_bytes,
            "",
            limits.connection_days,
            limits
                .database_mib
                .map_or_else(|| "any size".to_owned(), |mib| format!("{mib} MiB")),
            limits.tool_rounds,
            limits.tool_seconds,
            "",
            limits.drain_seconds.unwrap_or(0),
            limits.grace_seconds.unwrap_or(0),
        );
        for server in &self.servers {
            let _ = write!(text, "server               {}: {}", server.name, server.url);
            for (name, _) in &server.headers {
                let _ = write!(text, ", {name}: (hidden)");
            }
            text.push('\n');
        }
        for client in &self.clients {
            let secret = match client.client_secret {
                Some(_) => ", secret (hidden)",
                None => "",
            };
            let _ = writeln!(
                text,
                "client               {} at {}, {}{secret}",
                client.client_id,
                client.issuer,
                client.auth_method.as_str()
            );
        }
        for model in &self.models {
            let label = model.label.as_deref().unwrap_or(&model.id);
            let _ = writeln!(text, "model                {} ({label})", model.id);
        }
        for issuer in &self.issuers_without_s256 {
            let _ = writeln!(text, "issuer               {issuer} may leave out S256");
        }
    }

    /// The URL of our client metadata document, if one is offered.
    pub fn client_metadata_url(&self, public: &PublicUrl) -> Option<String> {
        match &self.client_metadata.value {
            ClientMetadata::At(url) => Some(url.to_string()),
            ClientMetadata::Own if public.is_https() && !public.is_loopback() => {
                Some(public.join("/oauth/client-metadata.json"))
            }
            ClientMetadata::Own | ClientMetadata::Off => None,
        }
    }
}

impl Database {
    fn describe(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => match url::Url::parse(url.expose()) {
                Ok(mut url) => {
                    if url.password().is_some() {
                        let _ = url.set_password(Some("(hidden)"));
                    }
                    url.set_query(None);
                    url.to_string().replace("(hidden)", "hidden")
                }
                Err(_) => "postgres (hidden)".to_owned(),
            },
        }
    }
}

fn optional<T: ToString>(setting: &Setting<Option<T>>) -> String {
    setting
        .value
        .as_ref()
        .map_or_else(|| "none".to_owned(), T::to_string)
}

fn hidden(setting: &Setting<Option<Secret>>) -> String {
    match setting.value {
        Some(_) => "(hidden)".to_owned(),
        None => "none".to_owned(),
    }
}

fn texts(values: &[impl ToString]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn list(values: &[String]) -> String {
    match values {
        [] => "none".to_owned(),
        values => values.join(", "),
    }
}

fn rate(rate: u32) -> String {
    match rate {
        0 => "unlimited".to_owned(),
        rate => rate.to_string(),
    }
}
