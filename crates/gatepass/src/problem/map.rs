//! From the errors of the crates to problems: the one place where status, `type` and action are
//! chosen. The sentence is the error's own.

use gatepass_chat::ModelError;
use gatepass_connections::{CustodyError, FlowError, StoreError};
use gatepass_mcp::{HeaderError, McpError, TokenSourceError};
use mcp_oauth_client::{
    Actor, CallbackError, DiscoveryError, Failed, OtherIssuer, Recovery, RegistrationError,
    TokenError, TransportError, TransportFailure, UrlError,
};

use super::{Action, Kind, Problem};

/// An error's text as a sentence.
pub fn sentence(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let mut sentence: String = match letters.next() {
        Some(first) if !begins_with_a_host(&text) => first.to_uppercase().chain(letters).collect(),
        _ => text,
    };
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

/// Whether the first word is a host, which keeps its small letter.
fn begins_with_a_host(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or_default();
    word == "localhost" || word.contains(['.', ':'])
}

/// What a person can do, going by what would help.
fn action(recovery: Recovery) -> Action {
    match recovery {
        Recovery::Retry { .. } => Action::Retry,
        Recovery::Reauthorize | Recovery::Reregister => Action::Authorize,
        Recovery::Reconfigure { who: Actor::You } => Action::EnterClient,
        Recovery::Reconfigure { who: Actor::Nobody } => Action::Retry,
        Recovery::Reconfigure { .. } | Recovery::Refuse => Action::AskAdmin,
    }
}

fn wait(recovery: Recovery) -> Option<std::time::Duration> {
    match recovery {
        Recovery::Retry { after } => after,
        _ => None,
    }
}

/// The kind for a request that brought no response.
fn unreachable(source: &TransportError, otherwise: Kind) -> Kind {
    match source.failure {
        TransportFailure::Refused => Kind::AddressRefused,
        TransportFailure::TooLarge | TransportFailure::Redirect => otherwise,
        _ => Kind::ServerUnreachable,
    }
}

impl From<UrlError> for Problem {
    fn from(error: UrlError) -> Self {
        let detail = match &error {
            UrlError::NotAUrl(text) if text.is_empty() => "The address is empty.".to_owned(),
            error => sentence(error),
        };
        Self::new(Kind::InvalidUrl, detail)
    }
}

impl From<Failed<DiscoveryError>> for Problem {
    fn from(failed: Failed<DiscoveryError>) -> Self {
        let (error, report) = failed.into_parts();
        let kind = match &error {
            DiscoveryError::Unreachable { source, .. } => {
                unreachable(source, Kind::DiscoveryFailed)
            }
            DiscoveryError::Unavailable { .. } => Kind::ServerFailing,
            DiscoveryError::NotMcp { .. } => Kind::NotMcp,
            _ => Kind::DiscoveryFailed,
        };
        let detail = match &error {
            // It names the host itself.
            DiscoveryError::Unreachable { source, .. } => sentence(source),
            error => sentence(error),
        };
        Self::new(kind, detail)
            .retry_after(wait(error.recovery()))
            .with_report(report)
    }
}

impl From<Failed<RegistrationError>> for Problem {
    fn from(failed: Failed<RegistrationError>) -> Self {
        let (error, report) = failed.into_parts();
        let kind = match &error {
            RegistrationError::Transport { source, .. } => {
                unreachable(source, Kind::ClientRequired)
            }
            RegistrationError::Unavailable { .. } => Kind::ServerFailing,
            // What is left is a client id that somebody registers by hand.
            _ => Kind::ClientRequired,
        };
        Self::new(kind, sentence(&error))
            .retry_after(wait(error.recovery()))
            .with_report(report)
    }
}

impl From<OtherIssuer> for Problem {
    fn from(error: OtherIssuer) -> Self {
        Self::new(Kind::ClientRequired, sentence(&error)).with_action(action(error.recovery()))
    }
}

/// A callback that may not be used.
pub fn callback(error: &CallbackError) -> Problem {
    let (kind, action) = match error {
        CallbackError::Expired => (Kind::FlowExpired, Action::Authorize),
        CallbackError::StateMissing | CallbackError::StateMismatch => {
            (Kind::FlowNotFound, Action::Authorize)
        }
        CallbackError::TooLong | CallbackError::Repeated { .. } => {
            (Kind::InvalidRequest, Action::Authorize)
        }
        CallbackError::IssMissing { .. } | CallbackError::IssMismatch { .. } => {
            (Kind::IssuerMismatch, Action::AskAdmin)
        }
        CallbackError::Declined { error: oauth, .. } if oauth.is("access_denied") => {
            (Kind::AccessDenied, Action::Authorize)
        }
        _ => (Kind::AuthorizationFailed, action(error.recovery())),
    };
    Problem::new(kind, sentence(error)).with_action(action)
}

/// A code that brought no tokens. The code is spent, so trying again means signing in again.
pub fn exchange(failed: Failed<TokenError>) -> Problem {
    let (error, report) = failed.into_parts();
    let action = match action(error.recovery()) {
        Action::Retry => Action::Authorize,
        action => action,
    };
    Problem::new(Kind::TokenExchangeFailed, sentence(&error))
        .with_action(action)
        .with_report(report)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        store(&error)
    }
}

fn store(error: &StoreError) -> Problem {
    let (action, detail) = match error {
        StoreError::Unavailable { detail } => (Action::Retry, detail.as_str()),
        StoreError::Corrupt { detail } => (Action::AskAdmin, detail.as_str()),
        _ => (Action::AskAdmin, ""),
    };
    tracing::error!(%error, detail, "the database failed");
    Problem::new(Kind::StorageFailed, sentence(error)).with_action(action)
}

impl From<CustodyError> for Problem {
    fn from(error: CustodyError) -> Self {
        let kind = match &error {
            CustodyError::Unreadable(_)
            | CustodyError::Ended
            | CustodyError::Reauthorize { .. }
            | CustodyError::ClientRefused { .. } => Kind::Reauthorize,
            CustodyError::OtherServer => Kind::WrongResource,
            CustodyError::Temporary { .. } | CustodyError::Busy => Kind::TemporarilyUnavailable,
            CustodyError::Store(cause) => return store(cause),
            _ => Kind::RefreshFailed,
        };
        let action = match kind {
            Kind::WrongResource => kind.action(),
            _ => action(error.recovery()),
        };
        let problem = Self::new(kind, sentence(&error))
            .with_action(action)
            .retry_after(wait(error.recovery()));
        match error.report() {
            Some(report) => problem.with_report(report.clone()),
            None => problem,
        }
    }
}

impl From<FlowError> for Problem {
    fn from(error: FlowError) -> Self {
        let kind = match &error {
            FlowError::Used => Kind::FlowUsed,
            FlowError::TooLarge(_) => Kind::DiscoveryFailed,
            FlowError::Store(cause) => return store(cause),
            _ => Kind::FlowNotFound,
        };
        Self::new(kind, sentence(&error))
    }
}

/// A model that did not answer before a stream began; once it has begun, the stream says it.
pub fn model(error: &ModelError) -> Problem {
    let action = match action(error.recovery()) {
        Action::EnterClient => Action::None,
        action => action,
    };
    Problem::new(Kind::ModelUnavailable, sentence(error))
        .with_action(action)
        .retry_after(wait(error.recovery()))
}

/// A sign-in page that browsers may not be sent to.
pub fn hostile_page(error: &TransportError) -> Problem {
    Problem::new(
        Kind::AddressRefused,
        format!("The sign-in page may not be opened. {}", sentence(error)),
    )
}

impl From<HeaderError> for Problem {
    fn from(error: HeaderError) -> Self {
        Self::new(Kind::InvalidRequest, sentence(&error))
    }
}

/// A server that could not be used as asked; `connected` is whether a connection was sent along.
pub fn mcp(error: McpError, connected: bool) -> Problem {
    let detail = sentence(&error);
    let recovery = error.recovery();
    let (kind, action) = match &error {
        McpError::Token(TokenSourceError::Custody(cause)) => return cause.clone().into(),
        McpError::Header(cause) => return cause.clone().into(),
        McpError::Token(_) => (Kind::Reauthorize, action(recovery)),
        McpError::Unreachable(source) => {
            let kind = unreachable(source, Kind::ProtocolError);
            (kind, kind.action())
        }
        McpError::AuthorizationRequired { key_sent: true, .. } => {
            (Kind::AuthorizationRequired, Action::None)
        }
        McpError::AuthorizationRequired { .. } if connected => {
            (Kind::Reauthorize, Action::Authorize)
        }
        McpError::AuthorizationRequired { .. } => (Kind::AuthorizationRequired, Action::Authorize),
        McpError::InsufficientScope { .. } => (Kind::ScopeRequired, Action::Authorize),
        McpError::FreshTokenRejected { .. } | McpError::NeverEnough { .. } => {
            (Kind::TokenRejected, Action::AskAdmin)
        }
        McpError::Http {
            status: 404 | 405, ..
        } => (Kind::NotMcp, Action::None),
        McpError::Http { .. } => match recovery {
            Recovery::Retry { .. } => (Kind::ServerFailing, Action::Retry),
            _ => (Kind::ServerFailing, Action::AskAdmin),
        },
        McpError::Reported { .. }
        | McpError::InputRequired
        | McpError::Asks(_)
        | McpError::TooLarge { .. } => (Kind::ToolFailed, Action::None),
        McpError::Timeout { .. } | McpError::Cancelled => (Kind::ToolFailed, Action::Retry),
        _ => (Kind::ProtocolError, Action::AskAdmin),
    };
    let problem = Problem::new(kind, detail)
        .with_action(action)
        .retry_after(wait(recovery));
    match kind {
        Kind::ScopeRequired => {
            let scopes: Vec<String> = error.scopes().iter().map(str::to_owned).collect();
            problem.with("scopes", scopes)
        }
        _ => problem,
    }
}
