//! Everything that can go wrong between us and an MCP server.

use std::time::Duration;

use mcp_oauth_client::{Actor, Challenges, Recovery, Scopes, TransportError, TransportFailure};

use crate::{access::HeaderError, interaction::Inquiry, token_source::TokenSourceError};

/// Why a server could not be used as asked. Each displays as one sentence for people.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McpError {
    /// No answer came.
    #[error("{0}")]
    Unreachable(TransportError),
    /// The server wants a token, and there is none to send.
    #[error("{}", unauthorized(.host, *.key_sent))]
    AuthorizationRequired {
        /// The server.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What the server asks for.
        challenges: Challenges,
        /// Whether the user's own headers carried a key, which was rejected.
        key_sent: bool,
    },
    /// The token does not allow this (RFC 6750 §3.1, `insufficient_scope`).
    #[error("{host} needs more access for this{}", named(.scopes))]
    InsufficientScope {
        /// The server.
        host: String,
        /// The scopes the server wants.
        scopes: Scopes,
        /// What the server said.
        challenges: Challenges,
    },
    /// The server rejects a token that was issued a moment ago. Signing in again would not help.
    #[error("{}", fresh_rejected(.host, .challenges))]
    FreshTokenRejected {
        /// The server.
        host: String,
        /// What the server said.
        challenges: Challenges,
    },
    /// The server still wants more access after it was granted several times. Asking once more
    /// would not help.
    #[error(
        "{host} still wants more access for this after it was allowed several times{}; allowing it \
         once more will not help, its operator must look at it", named(.scopes)
    )]
    NeverEnough {
        /// The server.
        host: String,
        /// The scopes the server wants.
        scopes: Scopes,
    },
    /// The connection has no token to give.
    #[error("{0}")]
    Token(TokenSourceError),
    /// The server answered with an HTTP error.
    #[error("{}", http_status(.host, *.status, .said))]
    Http {
        /// The server.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What it said, if it is short and plain.
        said: Option<String>,
        /// How long it asked us to wait.
        after: Option<Duration>,
    },
    /// What answers does not follow the protocol.
    #[error("{host} does not answer as an MCP server: {what}")]
    Protocol {
        /// The server.
        host: String,
        /// What it did, as the rest of a sentence.
        what: String,
    },
    /// The server reports an error of the protocol.
    #[error("{host} reports an error: {message} ({code})")]
    Reported {
        /// The server.
        host: String,
        /// Its JSON-RPC code.
        code: i32,
        /// Its message, bounded.
        message: String,
    },
    /// The server speaks no revision of the protocol that we speak.
    #[error("{host} speaks no version of MCP that is understood here{}", offered(.versions))]
    NoCommonRevision {
        /// The server.
        host: String,
        /// What it speaks.
        versions: Vec<String>,
    },
    /// The answer is larger than we read.
    #[error("{host} answered with more than {} MiB, which is more than can be used; nothing was cut off silently", .most / 1_048_576)]
    TooLarge {
        /// The server.
        host: String,
        /// The bound, in bytes.
        most: u64,
    },
    /// The server stayed silent too long.
    #[error("{host} gave no sign of progress for {} seconds", .after.as_secs())]
    Timeout {
        /// The server.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// The caller no longer wants it.
    #[error("The call was stopped")]
    Cancelled,
    /// The tool asks for an answer from the user, which cannot be given here.
    #[error("The tool asks a question in the middle of its work, which cannot be answered here")]
    InputRequired,
    /// The tool ends its call with questions, which its caller wants to put to the user itself.
    #[error("The tool asks a question in the middle of its work")]
    Asks(Inquiry),
    /// A header that the user configured cannot be sent.
    #[error("{0}")]
    Header(#[from] HeaderError),
}

fn unauthorized(host: &str, key_sent: bool) -> String {
    if key_sent {
        format!("{host} does not accept the key in your headers")
    } else {
        format!("{host} asks you to sign in")
    }
}

fn named(scopes: &Scopes) -> String {
    if scopes.is_empty() {
        String::new()
    } else {
        format!(": {}", bounded(&scopes.to_string(), 300))
    }
}

fn fresh_rejected(host: &str, challenges: &Challenges) -> String {
    let said = challenges
        .oauth()
        .and_then(|challenge| challenge.error_description().or(challenge.error()));
    let said = said.map_or_else(String::new, |said| format!(" ({})", bounded(said, 200)));
    format!(
        "{host} rejects even a fresh token{said}; signing in again will not help, its operator must look at it"
    )
}

fn http_status(host: &str, status: u16, said: &Option<String>) -> String {
    let sentence = match status {
        404 | 405 => format!("There is no MCP server at this address of {host} (status {status})"),
        429 => format!("{host} asks for fewer requests (status 429)"),
        500.. => format!("{host} is in trouble (status {status})"),
        _ => format!("{host} refused the request (status {status})"),
    };
    match said {
        Some(said) => format!("{sentence}: {said}"),
        None => sentence,
    }
}

fn offered(versions: &[String]) -> String {
    if versions.is_empty() {
        return String::new();
    }
    format!(" (it speaks {})", bounded(&versions.join(", "), 200))
}

/// Text from outside, fit for a sentence.
pub(crate) fn bounded(text: &str, most: usize) -> String {
    let mut short: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(most)
        .collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

impl McpError {
    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Unreachable(error) => match error.failure {
                TransportFailure::Refused => Recovery::Refuse,
                TransportFailure::Tls | TransportFailure::TooLarge => {
                    Recovery::Reconfigure { who: Actor::Vendor }
                }
                TransportFailure::Redirect => Recovery::Reconfigure { who: Actor::You },
                _ => Recovery::Retry {
                    after: error.retry_after,
                },
            },
            Self::AuthorizationRequired { key_sent: true, .. } | Self::Header(_) => {
                Recovery::Reconfigure { who: Actor::You }
            }
            Self::AuthorizationRequired { .. } | Self::InsufficientScope { .. } => {
                Recovery::Reauthorize
            }
            Self::Token(error) => error.recovery(),
            Self::Http { status, after, .. } => match status {
                408 | 425 | 429 | 500.. => Recovery::Retry { after: *after },
                404 | 405 => Recovery::Reconfigure { who: Actor::You },
                _ => Recovery::Reconfigure { who: Actor::Vendor },
            },
            Self::Timeout { .. } | Self::Cancelled => Recovery::Retry { after: None },
            Self::FreshTokenRejected { .. }
            | Self::NeverEnough { .. }
            | Self::Protocol { .. }
            | Self::Reported { .. }
            | Self::NoCommonRevision { .. }
            | Self::TooLarge { .. }
            | Self::InputRequired
            | Self::Asks(_) => Recovery::Reconfigure { who: Actor::Vendor },
        }
    }

    /// Whether the user must sign in, or allow more, before this can work.
    pub fn needs_authorization(&self) -> bool {
        self.recovery() == Recovery::Reauthorize
    }

    /// The scopes to ask for when signing in again.
    pub fn scopes(&self) -> Scopes {
        match self {
            Self::InsufficientScope { scopes, .. } => scopes.clone(),
            Self::AuthorizationRequired { challenges, .. } => challenges
                .oauth()
                .map(mcp_oauth_client::Challenge::scopes)
                .unwrap_or_default(),
            _ => Scopes::default(),
        }
    }

    /// Whether an older revision of the protocol may be what this server speaks.
    pub(crate) fn may_be_older(&self) -> bool {
        match self {
            Self::Http { status, .. } => *status != 429 && *status != 503,
            Self::Protocol { .. } | Self::Reported { .. } => true,
            Self::NoCommonRevision { versions, .. } => {
                versions.iter().any(|version| version.starts_with("2025-"))
            }
            _ => false,
        }
    }

    /// Whether it says something certain about authorization, which no other cause may hide.
    pub(crate) fn is_about_access(&self) -> bool {
        matches!(
            self,
            Self::AuthorizationRequired { .. }
                | Self::InsufficientScope { .. }
                | Self::FreshTokenRejected { .. }
                | Self::NeverEnough { .. }
                | Self::Token(_)
        )
    }
}
