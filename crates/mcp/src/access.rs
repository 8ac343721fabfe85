//! Whose request it is, to which server, with what.

use std::{fmt, sync::Arc};

use gatepass_connections::{ConnectionId, OwnerId};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use mcp_oauth_client::ServerUrl;

use crate::token_source::TokenSource;

/// How one owner reaches one server.
#[derive(Clone)]
pub struct Access {
    /// Who asks. Nothing is ever shared with another owner.
    pub owner: OwnerId,
    /// The server.
    pub server: ServerUrl,
    /// The headers the user configured for it.
    pub headers: StaticHeaders,
    /// The connection whose tokens are sent, if there is one.
    pub connection: Option<ConnectionId>,
    /// Where its tokens come from.
    pub tokens: Option<Arc<dyn TokenSource>>,
}

impl Access {
    /// A server that is reached without a connection.
    pub fn open(owner: OwnerId, server: ServerUrl, headers: StaticHeaders) -> Self {
        Self {
            owner,
            server,
            headers,
            connection: None,
            tokens: None,
        }
    }

    /// The same with a connection.
    #[must_use]
    pub fn with_tokens(mut self, connection: ConnectionId, tokens: Arc<dyn TokenSource>) -> Self {
        self.connection = Some(connection);
        self.tokens = Some(tokens);
        self
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("owner", &self.owner)
            .field("server", &self.server)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// Headers that the user configured for a server, an API key for example. They are sent to that
/// server's URL and nowhere else. Their values do not print.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StaticHeaders(Vec<(HeaderName, HeaderValue)>);

/// A header that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is not one.
    #[error("“{0}” is not a header name")]
    Name(String),
    /// The value has line breaks or other control characters.
    #[error("the value of the header “{0}” has characters that no header may have")]
    Value(String),
    /// The protocol sets it itself.
    #[error("the header “{0}” is set by the protocol and cannot be configured")]
    Reserved(String),
    /// More than thirty-two headers, or more than 16 KiB of them.
    #[error("there are too many headers, or they are too long")]
    TooMany,
}

const MOST_HEADERS: usize = 32;
const MOST_BYTES: usize = 16 * 1024;

impl StaticHeaders {
    /// Reads headers as the user typed them; white space around names and values is ignored, and
    /// so is a header without a name and value.
    pub fn new<N, V>(headers: impl IntoIterator<Item = (N, V)>) -> Result<Self, HeaderError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut own: Vec<(HeaderName, HeaderValue)> = Vec::new();
        let mut bytes = 0;
        for (name, value) in headers {
            let (name, value) = (name.as_ref().trim(), value.as_ref().trim());
            if name.is_empty() && value.is_empty() {
                continue;
            }
            let shown = || name.chars().take(80).collect::<String>();
            let parsed =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name(shown()))?;
            if is_reserved(&parsed) {
                return Err(HeaderError::Reserved(shown()));
            }
            bytes += name.len() + value.len();
            let mut value =
                HeaderValue::from_str(value).map_err(|_| HeaderError::Value(shown()))?;
            value.set_sensitive(true);
            own.retain(|(other, _)| *other != parsed);
            own.push((parsed, value));
            if own.len() > MOST_HEADERS || bytes > MOST_BYTES {
                return Err(HeaderError::TooMany);
            }
        }
        own.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        Ok(Self(own))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
    }
}

impl std::hash::Hash for StaticHeaders {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for (name, value) in &self.0 {
            name.hash(state);
            value.as_bytes().hash(state);
        }
    }
}

impl fmt::Debug for StaticHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_tuple("StaticHeaders").field(&names).finish()
    }
}

/// Headers of the HTTP and MCP layers; a user's value would break or smuggle.
fn is_reserved(name: &HeaderName) -> bool {
    const OF_HTTP: [HeaderName; 10] = [
        header::ACCEPT,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::HOST,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    OF_HTTP.contains(name) || name == "last-event-id" || name.as_str().starts_with("mcp-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_is_refused_and_named() {
        let table = [
            ("a b", "x", "“a b” is not a header name"),
            ("", "x", "“” is not a header name"),
            (
                "x-key",
                "a\r\nHost: evil",
                "the value of the header “x-key” has characters that no header may have",
            ),
            (
                "Host",
                "x",
                "the header “Host” is set by the protocol and cannot be configured",
            ),
            (
                "Mcp-Session-Id",
                "x",
                "the header “Mcp-Session-Id” is set by the protocol and cannot be configured",
            ),
        ];
        for (name, value, sentence) in table {
            let error = StaticHeaders::new([(name, value)]).unwrap_err();
            assert_eq!(error.to_string(), sentence);
        }
        let many = (0..40).map(|at| (format!("x-{at}"), "x"));
        assert_eq!(StaticHeaders::new(many), Err(HeaderError::TooMany));
    }

    #[test]
    fn values_do_not_print_and_order_does_not_matter() {
        let one = StaticHeaders::new([("X-Key", " secret "), ("authorization", "Bearer s3")]);
        let other = StaticHeaders::new([
            ("Authorization", "Bearer s3"),
            ("x-key", "secret"),
            ("", ""),
        ]);
        assert_eq!(one, other);
        assert_eq!(
            format!("{:?}", one.unwrap()),
            r#"StaticHeaders(["authorization", "x-key"])"#
        );
    }
}
