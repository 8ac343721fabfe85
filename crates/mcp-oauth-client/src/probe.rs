//! The probe: one request without a token, to see whether the server asks for one.

use bytes::Bytes;
use http::{
    HeaderValue, Method,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::json;

use crate::{
    challenge::Challenges,
    client_auth::uri,
    json,
    resource::ServerUrl,
    transport::{Request, Response},
};

/// The protocol revision the probe speaks: the newest with a handshake, which servers of every
/// revision recognise. Authorization is checked before the revision.
pub(crate) const PROTOCOL_VERSION: &str = "2025-11-25";

const SESSION: &str = "mcp-session-id";

/// An `initialize` request (MCP Lifecycle) without a token.
pub(crate) fn request(server: &ServerUrl) -> Request {
    let body = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {},
            "clientInfo": {
                "name": "mcp-oauth-client",
                "version": env!("CARGO_PKG_VERSION"),
            },
        },
    });
    let mut request = Request::new(Bytes::from(body.to_string()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri(server.url());
    let headers = request.headers_mut();
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("application/json, text/event-stream"),
    );
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// What the answer to the probe says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server asks for a token.
    Protected,
    /// It does not.
    Open,
    /// A page for people answers.
    Page,
    /// A bot filter answers in the server's place.
    Filtered,
    /// The server is in trouble.
    Trouble,
}

/// 401 asks for a token. So does 403, but only with an OAuth challenge: bot filters and
/// geographic blocks answer 403 too.
pub(crate) fn verdict(response: &Response, challenges: &Challenges) -> Verdict {
    let status = response.status().as_u16();
    if status == 401 || (status == 403 && challenges.oauth().is_some()) {
        Verdict::Protected
    } else if response.status().is_server_error() || status == 429 {
        Verdict::Trouble
    } else if is_bot_filter(response) {
        Verdict::Filtered
    } else if json::is_html(response.headers(), response.body()) {
        Verdict::Page
    } else {
        Verdict::Open
    }
}

/// Whether a bot filter in front of the server stopped the request: it names itself in a header.
pub(crate) fn is_bot_filter(response: &Response) -> bool {
    response.headers().contains_key("cf-mitigated")
}

/// Ends the session that the probe opened, if it did (MCP Streamable HTTP, Session Management).
pub(crate) fn close_request(server: &ServerUrl, response: &Response) -> Option<Request> {
    let session = response.headers().get(SESSION)?.clone();
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::DELETE;
    *request.uri_mut() = uri(server.url());
    request.headers_mut().insert(SESSION, session);
    request.headers_mut().insert(
        "mcp-protocol-version",
        HeaderValue::from_static(PROTOCOL_VERSION),
    );
    Some(request)
}
