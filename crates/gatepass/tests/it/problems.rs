//! Which problem each error of the crates becomes.

use std::time::Duration;

use gatepass::problem::{Problem, map};
use insta::assert_snapshot;
use mcp_oauth_client::{
    CallbackError, DiscoveryError, Failed, MetadataError, OAuthError, RegistrationError,
    RegistrationKind, Report, TransportError, TransportFailure, UrlPolicy,
};

fn row(problem: &Problem) -> String {
    format!(
        "{} {} {:?}: {}",
        problem.kind().status().as_u16(),
        problem.kind().slug(),
        problem.action(),
        problem.detail()
    )
}

fn host() -> String {
    "mcp.example".to_owned()
}

#[test]
fn addresses() {
    let rows: Vec<_> = [
        "nonsense",
        "ftp://a.example",
        "http://a.example",
        "https://u:p@a.example",
    ]
    .into_iter()
    .map(|text| row(&UrlPolicy::HttpsOnly.endpoint(text).unwrap_err().into()))
    .collect();
    assert_snapshot!(rows.join("\n"), @r"
    400 invalid-url None: “nonsense” is not a URL.
    400 invalid-url None: “ftp:” is not a web address; only https can be used.
    400 invalid-url None: http://a.example does not use https.
    400 invalid-url None: The URL carries a user name or password.
    ");
}

#[test]
fn discoveries() {
    let transport = |failure| DiscoveryError::Unreachable {
        host: host(),
        source: TransportError::new(failure, "why"),
    };
    let metadata = |source| DiscoveryError::ServerMetadata {
        host: "as.example".to_owned(),
        source,
    };
    let rows: Vec<_> = [
        transport(TransportFailure::Refused),
        transport(TransportFailure::Dns),
        transport(TransportFailure::Timeout),
        transport(TransportFailure::TooLarge),
        DiscoveryError::Unavailable {
            host: host(),
            status: 503,
            after: Some(Duration::from_secs(7)),
        },
        DiscoveryError::NotMcp { host: host() },
        DiscoveryError::NoResourceMetadata {
            host: host(),
            instead: None,
        },
        DiscoveryError::NoServerMetadata {
            host: host(),
            instead: Some("status 403".to_owned()),
        },
        metadata(MetadataError::NoS256),
        metadata(MetadataError::Missing("token_endpoint")),
    ]
    .into_iter()
    .map(|error| row(&Failed::new(error, Report::new()).into()))
    .collect();
    assert_snapshot!(rows.join("\n"), @r"
    403 address-refused AskAdmin: Why.
    502 server-unreachable Retry: Why.
    502 server-unreachable Retry: Why.
    502 discovery-failed AskAdmin: Why.
    502 server-failing Retry: mcp.example answered with an error of its own (status 503).
    422 not-an-mcp-server None: mcp.example answered with a web page: there is no MCP server at this address.
    502 discovery-failed AskAdmin: mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata.
    502 discovery-failed AskAdmin: The authorization server mcp.example publishes no metadata where it should (status 403).
    502 discovery-failed AskAdmin: The metadata of the authorization server as.example cannot be used: the authorization server does not say that it supports PKCE with S256.
    502 discovery-failed AskAdmin: The metadata of the authorization server as.example cannot be used: the document has no `token_endpoint`.
    ");
}

#[test]
fn registrations() {
    let rows: Vec<_> = [
        RegistrationError::Unavailable {
            host: host(),
            status: 503,
            after: None,
        },
        RegistrationError::Refused {
            host: host(),
            status: 403,
            error: Some(OAuthError::new("invalid_redirect_uri", None)),
        },
        RegistrationError::NotUnderstood {
            host: host(),
            what: "it has no client_id".to_owned(),
            temporary: false,
        },
    ]
    .into_iter()
    .map(|error| row(&Failed::new(error, Report::new()).into()))
    .collect();
    assert_snapshot!(rows.join("\n"), @r"
    502 server-failing Retry: mcp.example cannot register clients right now (status 503).
    422 client-required EnterClient: mcp.example refused to register this app (invalid_redirect_uri).
    422 client-required EnterClient: The answer of mcp.example to the registration cannot be used: it has no client_id.
    ");
}

#[test]
fn callbacks() {
    let issuer = || "as.example".to_owned();
    let declined = |code, text| CallbackError::Declined {
        issuer: issuer(),
        error: OAuthError::new(code, text),
        client: RegistrationKind::Manual,
    };
    let rows: Vec<_> = [
        CallbackError::Expired,
        CallbackError::StateMissing,
        CallbackError::Repeated {
            parameter: "code".to_owned(),
        },
        CallbackError::IssMissing { issuer: issuer() },
        CallbackError::IssMismatch { issuer: issuer() },
        CallbackError::CodeMissing { issuer: issuer() },
        declined("access_denied", Some("The user said no")),
        declined("temporarily_unavailable", None),
        declined("unauthorized_client", None),
        declined("invalid_scope", None),
    ]
    .iter()
    .map(|error| row(&map::callback(error)))
    .collect();
    assert_snapshot!(rows.join("\n"), @r"
    410 flow-expired Authorize: The sign-in took longer than ten minutes and has expired; start it again.
    404 flow-not-found Authorize: The answer of the sign-in page has no state, so it cannot be told whose it is.
    400 invalid-request Authorize: The answer of the sign-in page carries “code” more than once.
    400 issuer-mismatch AskAdmin: as.example promises to name itself in its answers, but this answer does not: it may come from somebody else.
    400 issuer-mismatch AskAdmin: The answer names another authorization server than as.example, to which you were sent.
    502 authorization-failed AskAdmin: as.example sent you back without a code.
    403 access-denied Authorize: Access was not allowed at as.example: The user said no.
    502 authorization-failed Retry: as.example cannot sign you in right now.
    502 authorization-failed EnterClient: as.example does not know this app as a client.
    502 authorization-failed AskAdmin: as.example does not know the access that was asked for.
    ");
}
