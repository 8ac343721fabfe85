//! How the protected MCP server and its resource metadata behave.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Plan;

/// The protected resource metadata document (RFC 9728).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceMetadataBehaviour {
    /// What goes wrong with requests for it.
    pub fault: Plan,
    /// Where it is.
    pub published: Published,
    /// The URL the challenge names instead of the right one.
    pub challenge_url: Option<String>,
    /// Leaves `resource_metadata` out of the challenge: clients must probe.
    pub unannounced: bool,
    /// Members left out.
    pub omit: Vec<String>,
    /// Members given this value, such as another `resource` or other `authorization_servers`.
    pub replace: Map<String, Value>,
    /// Bytes of padding added to the document.
    pub padding: usize,
}

/// Where the protected resource metadata is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    /// `/.well-known/oauth-protected-resource/mcp`.
    #[default]
    Path,
    /// Only `/.well-known/oauth-protected-resource`.
    Root,
    /// Both.
    PathAndRoot,
    /// Only `/custom/resource-metadata.json`, which the challenge names.
    Custom,
    /// Nowhere, and the challenge does not name it: a server of MCP revision 2025-03-26.
    Missing,
}

/// The MCP server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpBehaviour {
    /// What goes wrong with requests to it.
    pub fault: Plan,
    /// What a caller needs.
    pub access: Access,
    /// How the challenge is written.
    pub challenge: Challenge,
    /// The scopes every request needs.
    pub scopes: Vec<String>,
    /// The scopes the challenge of a 401 asks for.
    pub challenge_scopes: Vec<String>,
    /// The scopes a tool needs besides.
    pub tool_scopes: BTreeMap<String, Vec<String>>,
    /// JSON-RPC methods served without a token, as servers do that only protect `tools/call`.
    pub unprotected_methods: Vec<String>,
    /// What GET and DELETE get.
    pub streams: Streams,
    /// Keeps sessions on the handshake revisions.
    pub sessions: bool,
    /// The revisions of MCP it speaks.
    pub revisions: Revisions,
    /// Also offers `fail`, `hang`, `big_result` and the tools the conformance suite calls.
    pub test_tools: bool,
    /// Bytes of what `big_result` returns.
    pub big_result_bytes: usize,
}

impl Default for McpBehaviour {
    fn default() -> Self {
        Self {
            fault: Plan::default(),
            access: Access::Bearer,
            challenge: Challenge::default(),
            scopes: vec!["tools".to_owned()],
            challenge_scopes: vec!["tools".to_owned(), "notes:read".to_owned()],
            tool_scopes: BTreeMap::from([
                ("search_notes".to_owned(), vec!["notes:read".to_owned()]),
                ("create_note".to_owned(), vec!["notes:write".to_owned()]),
                ("delete_note".to_owned(), vec!["notes:write".to_owned()]),
            ]),
            unprotected_methods: Vec::new(),
            streams: Streams::Served,
            sessions: true,
            revisions: Revisions::All,
            test_tools: false,
            big_result_bytes: 5_000_000,
        }
    }
}

/// What a caller of the MCP server needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// An access token of this authorization server.
    #[default]
    Bearer,
    /// Nothing.
    Open,
    /// A static key in a header.
    ApiKey {
        /// The header's name.
        header: String,
        /// The right key.
        value: String,
    },
    /// Nothing helps: every token is answered with 401.
    RejectEverything,
    /// 403 without a challenge.
    Forbidden,
}

/// How the `WWW-Authenticate` challenge is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Challenge {
    /// A `Basic` challenge in a line of its own stands first.
    pub basic_first: bool,
    /// `resource_metadata` without quotes.
    pub unquoted: bool,
    /// No challenge at all.
    pub missing: bool,
    /// `scope` is left out.
    pub without_scope: bool,
}

/// What GET (the event stream) and DELETE (the session's end) get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Streams {
    /// What the revision says.
    #[default]
    Served,
    /// 405 with a JSON-RPC error as body.
    MethodNotAllowed,
}

/// The revisions of MCP the server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revisions {
    /// The handshake revisions and 2026-07-28.
    #[default]
    All,
    /// Up to 2025-11-25.
    Handshake,
    /// Only 2026-07-28.
    Stateless,
}
