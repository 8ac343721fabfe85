//! An MCP server as a request names it, and how its owner reaches it.

use std::{collections::BTreeMap, sync::Arc};

use gatepass_connections::{Owner, Sealed, SealedConnection};
use gatepass_mcp::{Access, ConnectionTokens, StaticHeaders};
use mcp_oauth_client::{Secret, ServerUrl};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    config::PresetServer,
    problem::{Kind, Problem},
    routes::wire::ConnectionSchema,
    tools::rules::ToolRule,
};

/// Longest name of a server, in characters.
const LONGEST_NAME: usize = 80;
/// Most tools that a request decides about.
const MOST_RULES: usize = 2_000;

/// A server of a request.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerRequest {
    /// The name the person gave it.
    #[serde(default)]
    pub name: String,
    /// Its MCP endpoint.
    pub url: String,
    /// Headers to send to it, such as an API key.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub headers: BTreeMap<String, Secret>,
    /// Headers to send to it, as `/api/mcp/headers/seal` gave them.
    #[schema(value_type = Option<String>)]
    pub sealed_headers: Option<Sealed>,
    /// The connection to it.
    #[schema(value_type = Option<ConnectionSchema>)]
    pub connection: Option<SealedConnection>,
    /// What the person decided about its tools, by their names. Those not named are asked for
    /// where the server says that they may destroy something, and called otherwise.
    #[serde(default)]
    pub tools: BTreeMap<String, ToolRule>,
}

/// A server of a request, checked.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name for people.
    pub name: String,
    /// Its MCP endpoint.
    pub url: ServerUrl,
    headers: StaticHeaders,
    connection: Option<SealedConnection>,
    rules: BTreeMap<String, ToolRule>,
}

impl Target {
    /// Reads a server of a request, opening what was sealed for this owner.
    pub fn read(app: &App, owner: &Owner, mut request: ServerRequest) -> Result<Self, Problem> {
        let policy = app.auth.settings().url_policy;
        let url = ServerUrl::parse(&request.url, policy)?;
        if let Some(sealed) = request.sealed_headers.take() {
            let opened = app.headers.open(owner, &url, &sealed);
            request.headers.extend(opened.map_err(|_| {
                let detail = format!(
                    "The header kept for {} cannot be opened here any more. Enter it again.",
                    url.host()
                );
                Problem::new(Kind::HeadersUnreadable, detail).with("url", url.as_str())
            })?);
        }
        Self::check(request, url, &app.presets)
    }

    /// Checks a server of a request. The operator's headers for a preset server are added here:
    /// they go to that very URL and to no other.
    fn check(
        request: ServerRequest,
        url: ServerUrl,
        presets: &[PresetServer],
    ) -> Result<Self, Problem> {
        let operators = presets
            .iter()
            .filter(|preset| preset.url == url)
            .flat_map(|preset| &preset.headers)
            .map(|(name, value)| (name.as_str(), value.expose()));
        let own = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()));
        let all: Vec<_> = operators.chain(own).collect();
        let authorized = all
            .iter()
            .any(|(name, _)| name.trim().eq_ignore_ascii_case("authorization"));
        if authorized && request.connection.is_some() {
            return Err(Problem::new(
                Kind::InvalidRequest,
                format!(
                    "{} has both a connection and an Authorization header. Use one of them.",
                    url.host()
                ),
            ));
        }
        if request.tools.len() > MOST_RULES {
            return Err(Problem::new(
                Kind::InvalidRequest,
                format!("A server takes decisions about at most {MOST_RULES} tools."),
            ));
        }
        let name = match request.name.trim() {
            "" => url.host(),
            name => name
                .chars()
                .filter(|letter| !letter.is_control())
                .take(LONGEST_NAME)
                .collect(),
        };
        Ok(Self {
            name,
            headers: StaticHeaders::new(all)?,
            url,
            connection: request.connection,
            rules: request.tools,
        })
    }

    /// What the person decided about its tools.
    pub fn rules(&self) -> &BTreeMap<String, ToolRule> {
        &self.rules
    }

    /// How this owner reaches it, and the tokens of the connection if there is one.
    pub fn access(&self, app: &App, owner: &Owner) -> (Access, Option<Arc<ConnectionTokens>>) {
        let access = Access::open(*owner.id(), self.url.clone(), self.headers.clone());
        let Some(connection) = &self.connection else {
            return (access, None);
        };
        let tokens = Arc::new(ConnectionTokens::new(
            app.connections.clone(),
            owner.clone(),
            self.url.clone(),
            connection.clone(),
        ));
        let access = access.with_tokens(connection.id.clone(), tokens.clone());
        (access, Some(tokens))
    }
}

#[cfg(test)]
mod tests {
    use mcp_oauth_client::UrlPolicy;

    use super::*;

    fn read(headers: &[(&str, &str)], presets: &[PresetServer]) -> Result<Target, String> {
        let request = ServerRequest {
            name: String::new(),
            url: "https://mcp.example.com/mcp".to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
                .collect(),
            sealed_headers: None,
            connection: None,
            tools: BTreeMap::new(),
        };
        let url = ServerUrl::parse(&request.url, UrlPolicy::HttpsOnly).unwrap();
        Target::check(request, url, presets).map_err(|p| p.detail().to_owned())
    }

    #[test]
    fn headers_that_cannot_be_sent_are_refused_and_values_do_not_print() {
        assert_eq!(
            read(&[("Host", "evil.example")], &[]).unwrap_err(),
            "The header “Host” is set by the protocol and cannot be configured."
        );
        let target = read(&[("X-Key", " secret ")], &[]).unwrap();
        assert!(!format!("{target:?}").contains("secret"));
        assert_eq!(target.name, "mcp.example.com");
    }

    #[test]
    fn the_operators_headers_go_to_the_preset_server_only() {
        let preset = |url: &str| PresetServer {
            name: "Wiki".to_owned(),
            url: ServerUrl::parse(url, UrlPolicy::HttpsOnly).unwrap(),
            description: None,
            headers: vec![("x-key".to_owned(), Secret::new("operator"))],
        };
        let own = read(&[], &[preset("https://mcp.example.com/mcp")]).unwrap();
        assert!(!own.headers.is_empty());
        let other = read(&[], &[preset("https://mcp.example.com/other")]).unwrap();
        assert!(other.headers.is_empty());
    }
}
